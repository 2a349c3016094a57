"""What was detected at the first poll is kept, and replaced only by what brings known entries out again."""

from __future__ import annotations

from pathlib import Path

import pytest
from origin import Origin
from workbench import Bench

CARD = "<div class='card'><h2><a href='/p{n}'>{title} {n}</a></h2><time datetime='2024-01-{n:02}'>day {n}</time></div>"
ROW = "<li class='row'><time datetime='2024-01-{n:02}'>day {n}</time> <a href='/p{n}'>{title} {n}</a></li>"


def page(shape: str, *numbers: int, title: str = "Post about") -> bytes:
    inside = "".join(shape.format(n=n, title=title) for n in numbers)
    return f"<html><title>Blog</title><body><main>{inside}</main></body></html>".encode()


@pytest.fixture
def bench(tmp_path: Path, origin: Origin) -> Bench:
    made = Bench(tmp_path)
    made.config(f'[network]\nallow_hosts = ["127.0.0.1"]\n[[source]]\nid = "blog"\nurl = "{origin.url}/blog"\n')
    origin.serve("/blog", body=page(CARD, 9, 8, 7, 6))
    assert made.json("poll")["sources"][0]["discovered"] == 4
    return made


def test_new_posts_are_found_by_the_kept_rule(bench: Bench, origin: Origin) -> None:
    rule = bench.json("status")["sources"][0]["rule"]
    assert rule == ["html body main div.card h2"]
    origin.serve("/blog", body=page(CARD, 10, 9, 8, 7))

    assert bench.json("status")["sources"][0]["rule"] == rule
    assert len(bench.json("poll")["sources"][0]["new"]) == 1


def test_a_rebuilt_page_with_the_same_posts_is_read_on(bench: Bench, origin: Origin) -> None:
    origin.serve("/blog", body=page(ROW, 10, 9, 8, 7))

    report = bench.json("poll")["sources"][0]

    assert (report["status"], len(report["new"]), report["edited"]) == ("ok", 1, [])


def test_a_rebuilt_page_is_believed_only_when_known_entries_come_again(bench: Bench, origin: Origin) -> None:
    origin.serve("/blog", body=page(ROW, 31, 30, 29, title="Job number"))

    report = bench.json("poll", code=1)["sources"][0]

    assert "the page was rebuilt" in report["error"]
    assert "0 of 4 known entries" in report["error"]
    assert len(bench.json("list")["entries"]) == 4


def test_a_page_that_lost_its_list_fails_and_loses_nothing(bench: Bench, origin: Origin) -> None:
    origin.serve("/blog", body=b"<html><title>Blog</title><main><p>We are back soon.</p></main></html>")

    assert "no list of posts was found" in bench.json("poll", code=1)["sources"][0]["error"]
    assert len(bench.json("list")["entries"]) == 4

"""`feedwatch add`: from an address to a source, without disturbing what stands in the file."""

from __future__ import annotations

import tomllib
from pathlib import Path

import pytest
from origin import Origin
from test_paging import page
from workbench import ROOT, Bench

from feedwatch.config_edit import NewSource, id_for, with_source

MINE = """# my sources, in the order I like
[network]
allow_hosts = ["127.0.0.1"]   # the test's own

[[source]]
id    = "first"    # aligned
url   = "https://first.example/feed"

[category.machine-learning]
title = "Machine learning"
"""


@pytest.fixture
def bench(tmp_path: Path) -> Bench:
    made = Bench(tmp_path)
    made.config(MINE)
    return made


def test_a_page_is_added_with_what_was_found_shown(bench: Bench, origin: Origin) -> None:
    origin.serve("/engineering", body=page((3, 2, 1)))

    done = bench.run("add", f"{origin.url}/engineering", "--every", "2h", "--pages", "3")

    assert "Post number 3" in done.stdout
    text = (bench.folder / "config.toml").read_text()
    assert [line for line in MINE.splitlines() if line and line not in text] == []
    added = tomllib.loads(text)["source"][1]
    assert added["url"] == f"{origin.url}/engineering"
    assert (added["every"], added["pages"]) == ("2h", 3)
    assert bench.json("poll", added["id"])["sources"][0]["entries"] == 3


def test_the_feed_of_a_page_is_offered_first(bench: Bench, origin: Origin) -> None:
    link = b"<link rel='alternate' type='application/rss+xml' href='/feed.xml'>"
    origin.serve("/blog", body=link + page((3, 2, 1)))
    origin.serve("/feed.xml", body=(ROOT / "fixtures" / "feeds" / "rss-2.0.rss").read_bytes())

    assert f"{origin.url}/feed.xml" in bench.run("add", f"{origin.url}/blog", "--dry-run").stdout
    assert f'"{origin.url}/blog"' in bench.run("add", f"{origin.url}/blog", "--page", "--dry-run").stdout
    assert (bench.folder / "config.toml").read_text() == MINE


def test_selectors_correct_what_was_found(bench: Bench, origin: Origin) -> None:
    origin.serve("/news", body=page((3, 2, 1)))

    bench.run("add", f"{origin.url}/news", "--id", "news", "--select", "entry=article", "--select", "title=h2")

    added = tomllib.loads((bench.folder / "config.toml").read_text())["source"][1]
    assert added == {
        "id": "news",
        "url": f"{origin.url}/news",
        "select": {"entry": "article", "title": "h2"},
    }


def test_what_would_spoil_the_file_is_not_written(bench: Bench, origin: Origin) -> None:
    origin.serve("/news", body=page((3, 2, 1)))
    origin.serve("/login", body=b"<html><form><input type='password'></form></html>")

    for arguments, said in (
        ((f"{origin.url}/news", "--id", "first"), "another source has this id"),
        ((f"{origin.url}/news", "--every", "often"), "is not a duration"),
        ((f"{origin.url}/nowhere",), "HTTP 404"),
        ((f"{origin.url}/login",), "login"),
    ):
        assert said in bench.run("add", *arguments, code=1).stderr.lower().replace("http 404", "HTTP 404")
    assert (bench.folder / "config.toml").read_text() == MINE

    bench.run("add", f"{origin.url}/news")
    assert "is watched already" in bench.run("add", f"{origin.url}/news", code=1).stderr


def test_a_beginner_without_any_file_gets_one(tmp_path: Path) -> None:
    (tmp_path / "page.html").write_bytes(page((3, 2, 1)))
    bench = Bench(tmp_path)

    base = "https://example.org/"
    assert "set link_base" in bench.run("preview", "page.html").stderr

    bench.run("--config", "config.toml", "add", "page.html", "--id", "mine", "--link-base", base)

    added = {"id": "mine", "url": "page.html", "link_base": base}
    assert tomllib.loads((tmp_path / "config.toml").read_text()) == {"source": [added]}
    assert bench.json("poll")["sources"][0]["entries"] == 3
    assert bench.json("list")["entries"][0]["link"].startswith(base)


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("https://engineering.example.com/archive/", "example-archive"),
        ("https://www.example.org/", "example"),
        ("https://example.org/blog/feed.xml", "example-blog"),
        ("https://example.org/%E6%96%B0/", "example-a584f4b2"),
        ("http://127.0.0.1:8080/news", "127-0-0-news"),
    ],
)
def test_an_id_is_made_from_the_address(url: str, expected: str) -> None:
    assert id_for(url, None, ()) == expected
    assert id_for(url, None, {expected}) == f"{expected}-2"


def test_a_source_is_written_where_the_others_are() -> None:
    text = with_source(MINE, NewSource("second", "https://second.example/"))

    assert text.index('id = "second"') < text.index("[category.machine-learning]")
    assert [line for line in MINE.splitlines() if line not in text.splitlines()] == []
    with pytest.raises(ValueError, match="line"):
        with_source("[[", NewSource("a", "https://a.example/"))

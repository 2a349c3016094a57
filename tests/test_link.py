"""Identity, corrected by hand."""

from __future__ import annotations

from pathlib import Path

import feedparser
import pytest
from make import History, after, entry
from origin import Origin
from workbench import Bench

from feedwatch.differ.diff import Diff
from feedwatch.differ.link import linked, unlinked


def rss(*items: tuple[str, str]) -> bytes:
    told = "".join(f"<item><guid>{guid}</guid><title>{title}</title></item>" for guid, title in items)
    return f"<rss version='2.0'><channel><title>B</title>{told}</channel></rss>".encode()


@pytest.fixture
def bench(tmp_path: Path, origin: Origin) -> Bench:
    origin.serve("/hook")
    origin.serve("/f", body=rss(("a", "How we test"), ("z", "Something else")))
    made = Bench(tmp_path)
    made.config(
        '[network]\nallow_hosts = ["127.0.0.1"]\nper_host_pause = "0s"\n'
        f'[[source]]\nid = "blog"\nurl = "{origin.url}/f"\n[[alert]]\nid = "h"\nwebhook = "{origin.url}/hook"\n'
    )
    made.run("poll")
    origin.serve("/f", body=rss(("b", "Testing, revisited"), ("z", "Something else")))
    made.run("poll")
    return made


def shown(bench: Bench) -> dict[str, str]:
    parsed = feedparser.parse((bench.public / "feeds" / "all.atom").read_bytes())
    return {entry.title: entry.id for entry in parsed.entries}


def test_what_is_linked_keeps_the_old_id_and_stays_one_entry(bench: Bench, origin: Origin) -> None:
    before = shown(bench)
    assert len(before) == 3

    bench.run("link", "Testing, revisited", "How we test")

    assert shown(bench) == {
        "Testing, revisited": before["How we test"],
        "Something else": before["Something else"],
    }
    origin.serve("/f", body=rss(("b", "Testing, the third part of it"), ("z", "Something else")))
    report = bench.json("poll")["sources"][0]
    assert (report["new"], len(report["edited"])) == ([], 1)
    assert shown(bench)["Testing, the third part of it"] == before["How we test"]


@pytest.mark.slow
def test_what_was_linked_can_be_two_again(bench: Bench) -> None:
    before = shown(bench)
    bench.run("link", "Testing, revisited", "How we test")

    bench.run("unlink", "Testing, revisited")

    assert set(shown(bench).values()) == set(before.values())
    assert "no entry is linked" in bench.run("unlink", "Something else", code=1).stderr
    assert "the same entry" in bench.run("link", "Something else", "Something else", code=1).stderr


def test_unlinking_gives_back_what_the_entry_said_whatever_was_read_since() -> None:
    source = History()
    source.reads(entry(1, "How we test", categories=["Quality"]), entry(5))
    source.reads(entry(2, "Testing, revisited"), entry(5))
    first, second = source.row("https://example.org/1"), source.row("https://example.org/2")
    old, new = linked(first, second, source.now)
    source.known = after(source.known, Diff((old, new), (), 0))
    source.reads(entry(2, "Testing, the third part"), entry(5))

    apart, other = unlinked(source.row(old.key), source.row(new.key))

    assert apart.entry == first.entry
    assert (other.entry.title, other.entry.link, other.listed) == ("Testing, the third part", second.entry.link, True)

"""`feedwatch history`: every edit, word by word."""

from __future__ import annotations

from pathlib import Path

import feedparser
import pytest
from origin import Origin
from test_atom import checked
from workbench import Bench

#: Each starts the command line several times.
pytestmark = pytest.mark.slow


def feed(title: str, text: str) -> bytes:
    return (
        "<rss version='2.0'><channel><title>B</title><item><guid>1</guid>"
        f"<title>{title}</title><link>https://example.org/1</link><description>{text}</description></item>"
        "<item><guid>2</guid><title>The other one</title><link>https://example.org/2</link></item></channel></rss>"
    ).encode()


@pytest.fixture
def bench(tmp_path: Path, origin: Origin) -> Bench:
    made = Bench(tmp_path)
    network = '[network]\nallow_hosts = ["127.0.0.1"]\nper_host_pause = "0s"\n'
    made.config(f'{network}[[source]]\nid = "blog"\nurl = "{origin.url}/f"\n')
    for title, text in (("How we test", "Tests are slow."), ("How we test now", "Tests are quick. \x1b[31mred")):
        origin.serve("/f", body=feed(title, text))
        made.run("poll")
    return made


def test_an_edit_is_shown_word_by_word(bench: Bench) -> None:
    shown = bench.run("history", "https://example.org/1?utm_source=x").stdout

    assert "revision 2" in shown
    assert "title: How we test{+ now+}" in shown
    assert "Tests are [-slow.-]{+quick. red+}" in shown.replace("[31m", "")
    assert "\x1b" not in shown
    told = bench.json("history", "how we test now")
    assert (told["entry"]["revision"], told["edits"][0]["size"]) == (2, "major")
    assert [p["kind"] for p in told["edits"][0]["changed"]["title"]][-1] == "added"


def test_an_entry_that_was_never_edited_says_so(bench: Bench) -> None:
    assert "never edited" in bench.run("history", "The other one").stdout


def test_which_entry_is_meant_must_be_plain(bench: Bench) -> None:
    assert "fits 2 entries" in bench.run("history", "o", code=1).stderr
    assert "no stored entry" in bench.run("history", "something else", code=1).stderr


def test_edits_have_a_feed_of_their_own_that_shows_what_changed(bench: Bench) -> None:
    data = (bench.public / "feeds" / "all" / "changes.atom").read_bytes()
    entry = feedparser.parse(data, sanitize_html=False).entries[0]

    checked(data)
    assert entry.title == "Edited: How we test now"
    assert entry.content[0].value.startswith("<h4>Title</h4><p>How we test<ins> now</ins></p>")
    assert entry.link == "https://example.org/1"
    original = feedparser.parse((bench.public / "feeds" / "all.atom").read_bytes()).entries
    assert entry.id not in {one.id for one in original}


def test_what_was_withdrawn_leaves_a_tombstone_in_its_feeds(bench: Bench, origin: Origin) -> None:
    """RFC 6721 §3."""

    def page(*numbers: int) -> bytes:
        items = "".join(
            f"<article><h2><a href='/p{n}'>Post {n}</a></h2><time datetime='2024-01-{n:02}'></time></article>"
            for n in numbers
        )
        return f"<html><title>Blog</title><main>{items}</main></html>".encode()

    origin.serve("/f", body=page(7, 6, 5, 4, 3, 2, 1))
    bench.run("poll")
    id_ = next(e["atom_id"] for e in bench.json("list")["entries"] if e["title"] == "Post 4")
    origin.serve("/f", body=page(7, 6, 5, 3, 2, 1))
    for _ in range(3):
        bench.run("poll")

    root = checked((bench.public / "feeds" / "all.atom").read_bytes())
    stones = root.findall("{http://purl.org/atompub/tombstones/1.0}deleted-entry")

    assert [stone.get("ref") for stone in stones] == [id_]
    assert stones[0].get("when", "").endswith("+00:00")

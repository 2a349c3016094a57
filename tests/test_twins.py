"""The same post in several sources is one entry in the feeds, and one alert."""

from __future__ import annotations

import json
from pathlib import Path

import feedparser
import pytest
from origin import Origin
from workbench import Bench


def item(number: int, more: str = "") -> str:
    return f"<item><title>Post {number}</title><link>/p{number}</link>{more}</item>"


def rss(*items: str) -> bytes:
    return f"<rss version='2.0'><channel><title>B</title>{''.join(items)}</channel></rss>".encode()


@pytest.fixture
def bench(tmp_path: Path, origin: Origin) -> Bench:
    origin.serve("/hook")
    origin.serve("/all", body=rss(item(1), item(2)))
    origin.serve("/ml", body=rss(item(2)))
    made = Bench(tmp_path)
    made.config(
        '[network]\nallow_hosts = ["127.0.0.1"]\nper_host_pause = "0s"\n'
        f'[[source]]\nid = "all-posts"\nurl = "{origin.url}/all"\n'
        f'[[source]]\nid = "ml"\nurl = "{origin.url}/ml"\ncategories = ["Machine Learning"]\n'
        f'[[alert]]\nid = "hook"\nwebhook = "{origin.url}/hook"\n'
    )
    made.run("poll", "all-posts")
    made.run("poll", "ml")
    return made


def shown(bench: Bench, feed: str) -> list[tuple[str, str]]:
    parsed = feedparser.parse((bench.public / f"{feed}.atom").read_bytes())
    return [(entry.title, entry.id) for entry in parsed.entries]


def test_c18_a_post_in_two_sources_is_shown_once_under_one_id_in_all_of_its_feeds(bench: Bench) -> None:
    ids = dict(shown(bench, "sources/all-posts"))

    assert sorted(shown(bench, "feeds/all")) == [("Post 1", ids["Post 1"]), ("Post 2", ids["Post 2"])]
    assert shown(bench, "feeds/machine-learning") == [("Post 2", ids["Post 2"])]
    assert shown(bench, "sources/ml")[0][1] != ids["Post 2"]


def test_c18_it_is_alerted_once_and_has_what_either_source_says(bench: Bench, origin: Origin) -> None:
    text = "<description>What the third post says, in the category's feed only.</description>"
    origin.serve("/all", body=rss(item(3), item(1), item(2)))
    origin.serve("/ml", body=rss(item(3, text), item(2)))

    first = bench.json("poll", "all-posts")["sources"][0]
    later = bench.json("poll", "ml")["sources"][0]

    assert (len(first["new"]), later["new"], later["discovered"]) == (1, [], 1)
    told = [json.loads(request.body)["type"] for request in origin.requests if request.path == "/hook"]
    assert told == ["entry.new"]
    parsed = feedparser.parse((bench.public / "feeds" / "all.atom").read_bytes())
    newest = next(entry for entry in parsed.entries if entry.title == "Post 3")
    assert "category's feed only" in newest.summary
    assert "machine-learning" in [tag.term for tag in newest.tags]


def test_what_is_one_post_is_so_after_the_index_was_lost(bench: Bench) -> None:
    before = shown(bench, "feeds/all"), shown(bench, "feeds/machine-learning")
    (bench.state / "index.json").unlink()
    for path in (bench.public / "feeds").glob("*.atom"):
        path.unlink()
    (bench.state / "unclean").touch()

    bench.run("poll")

    assert (shown(bench, "feeds/all"), shown(bench, "feeds/machine-learning")) == before


def test_entries_that_only_share_an_address_are_different_posts(bench: Bench, origin: Origin) -> None:
    origin.serve("/ml", body=rss(item(2), "<item><title>Another title</title><link>/p1</link></item>"))

    assert len(bench.json("poll", "ml")["sources"][0]["new"]) == 1
    assert len(shown(bench, "feeds/all")) == 3

"""The same post in several sources is one entry in the feeds, and one alert."""

from __future__ import annotations

import json
from datetime import timedelta
from pathlib import Path

import feedparser
import pytest
from make import CATEGORIES, EDITS, NOW, History, entry, reading
from msgspec.structs import replace
from origin import Origin
from workbench import Bench

from feedwatch.differ.diff import diff
from feedwatch.model import About, Category, Commit, Entry
from feedwatch.once import told_once
from feedwatch.routes import Route, Webhook, wants
from feedwatch.store.tinydb import TinyStore
from feedwatch.store.twins import Twins


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


# --- in one process: a feed `a` that has it first, and a category's page `b` ------------------------------------------


class Two:
    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.now = NOW
        self.told: list[tuple[str, str]] = []
        self.open()

    def open(self, *sources: str) -> None:
        self.store = TinyStore(self.folder, sources or ("a", "b"), CATEGORIES, stamp="s")

    def rebuild(self, *sources: str) -> None:
        """Opens it anew, without the index."""
        self.store.published(self.store.unpublished())
        self.store.close()
        (self.folder / "index.json").unlink()
        self.open(*sources)

    def reads(self, source_id: str, *entries: Entry) -> None:
        self.now += timedelta(hours=1)
        known = self.store.known(source_id)
        said = reading(*entries)
        found = diff(known, said, config_digest="c", slugs_of=CATEGORIES.resolve, now=self.now, rules=EDITS)
        found, only = told_once(self.store, ROUTES, source_id, found)
        self.store.commit(Commit(source_id, "c", About(), found.rows, found.changes))
        for change in found.changes:
            for route in ROUTES:
                if wants(route, change) and route.id in only.get(change.id, (route.id,)):
                    self.told.append((route.id, change.kind))

    def ids(self, slug: str = "all") -> dict[str, str]:
        return {one.known.entry.title: one.known.atom_id for one in self.store.latest(slug, 50)}


HOOK, WHEN = Webhook("https://example.org/h"), frozenset({"new", "edited", "moved", "withdrawn"})
ROUTES = (
    Route("everything", HOOK, WHEN),
    Route("only-ml", HOOK, WHEN, categories=frozenset({"ml"})),
    Route("only-b", HOOK, WHEN, sources=frozenset({"b"})),
)
OLD = [entry(n) for n in range(1, 6)]
POST = entry(20, "A post on models and how we ship them", categories=())


@pytest.fixture
def two(tmp_path: Path) -> Two:
    made = Two(tmp_path / "state")
    made.reads("a", *OLD)
    made.reads("b", *OLD)
    return made


def in_ml(one: Entry) -> Entry:
    return replace(one, categories=(Category("ML"),))


def test_c18_each_route_is_told_once_also_when_only_the_second_source_is_what_it_wants(two: Two) -> None:
    two.reads("a", POST, *OLD)
    two.reads("b", in_ml(POST), *OLD)

    assert two.told == [("everything", "new"), ("only-ml", "new"), ("only-b", "new")]


def test_an_edit_that_only_the_second_source_shows_is_told(two: Two) -> None:
    two.reads("a", POST, *OLD)
    two.reads("b", in_ml(POST), *OLD)
    two.told.clear()

    two.reads("b", replace(in_ml(POST), title="Corrected: what we know of something else"), *OLD)
    two.reads("a", replace(POST, title="Corrected: what we know of something else"), *OLD)

    assert sorted(two.told) == [("everything", "edited"), ("only-b", "edited"), ("only-ml", "edited")]


def test_a_post_is_withdrawn_when_no_source_has_it_any_more(two: Two) -> None:
    two.reads("a", POST, *OLD)
    two.reads("b", in_ml(POST), *OLD)
    two.told.clear()

    for _ in range(3):
        two.reads("a", *OLD)
    assert two.told == []
    assert [one.known.withdrawn for one in two.store.latest("ml", 9)] == [None]
    assert two.store.withdrawn("ml", 9) == []

    for _ in range(3):
        two.reads("b", *OLD)
    assert sorted(two.told) == [("everything", "withdrawn"), ("only-b", "withdrawn"), ("only-ml", "withdrawn")]
    assert two.store.latest("ml", 9) == []
    assert len(two.store.withdrawn("ml", 9)) == 1


def test_the_id_of_a_post_stays_when_titles_part_the_index_is_lost_and_its_first_source_goes(two: Two) -> None:
    two.reads("a", POST, *OLD)
    two.reads("b", in_ml(POST), *OLD)
    (before,) = two.ids("ml").values()

    two.reads("a", replace(POST, title="Something else altogether"), *OLD)
    two.rebuild()
    assert set(two.ids("ml").values()) == {before}
    two.rebuild("b")
    assert two.ids("ml") == {POST.title: before}


def test_a_title_that_one_source_cuts_short_is_the_same_title(two: Two) -> None:
    two.reads("a", POST, *OLD)
    two.reads("b", replace(POST, id="other", title="A post on models and how…"), *OLD)

    assert len(two.ids()) == len(OLD) + 1
    assert two.told.count(("everything", "new")) == 1


@pytest.mark.parametrize(
    ("one", "other"),
    [("Hello there.", "Hello there"), ("News…", "News"), ("Big news today.", "Breaking big news today")],
)
def test_a_full_stop_makes_no_other_title(one: str, other: str) -> None:
    twins = Twins()
    first, second = (replace(entry(1, title), summary=None) for title in (one, other))
    twins.add("blog", next(iter(History("blog").reads(first).rows)))

    assert twins.elsewhere("news", second) == ("blog", first.id)

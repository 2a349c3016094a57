"""C12: archives after RFC 5005, so that who subscribes late gets everything; pages stay as they were."""

from __future__ import annotations

import random
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from house import ATOM, House, links
from hypothesis import given, settings
from hypothesis import strategies as st
from lxml import etree
from make import NOW, entry
from msgspec.structs import replace
from test_atom import checked

from feedwatch.canonical import feed_id
from feedwatch.model import About, Commit, Entry, Imprint, Text


def post(number: int, title: str | None = None, *, category: str = "Data") -> Entry:
    return entry(number, title, categories=[category], day=1 + number % 28)


@pytest.fixture
def house(tmp_path: Path) -> Iterator[House]:
    made = House(tmp_path)
    yield made
    made.crash()


def titles(*numbers: int) -> list[str]:
    return sorted(f"Entry {number}" for number in numbers)


def test_c12_a_new_subscriber_gets_everything(house: House) -> None:
    house.reads("blog", *map(post, range(1, 8)))
    for number in range(8, 30):
        house.reads("blog", post(number))

    for name in ("feeds/data", "feeds/all", "sources/blog"):
        assert sorted(house.subscribe(name).values()) == titles(*range(1, 30)), name
        assert len(house.pages(name)) > 3


def test_a_feed_that_shows_all_it_has_has_no_archive(house: House) -> None:
    house.reads("blog", *map(post, range(1, 4)))

    assert house.pages("feeds/data") == {}
    assert "prev-archive" not in links(house.read("feeds/data.atom"))


def test_pages_are_a_chain_that_leads_back_and_forth(house: House) -> None:
    for number in range(1, 14):
        house.reads("blog", post(number))
    pages = house.pages("feeds/data")

    assert len(pages) == 3
    assert links(house.read("feeds/data.atom"))["prev-archive"] == "feeds/data/archive-3.atom"
    for number, data in enumerate(pages.values(), 1):
        root = checked(data)
        found = links(root)
        assert root.xpath("fh:archive", namespaces=ATOM)
        assert found["self"] == f"feeds/data/archive-{number}.atom"
        assert found["current"] == "feeds/data.atom"
        assert found["next-archive"] == f"feeds/data/archive-{number + 1}.atom"
        assert found.get("prev-archive") == (f"feeds/data/archive-{number - 1}.atom" if number > 1 else None)
        # One feed in several documents.
        assert root.findtext("a:id", namespaces=ATOM) == feed_id("feeds/data")


def test_every_feed_leads_browsers_to_the_style_sheet(house: House) -> None:
    for number in range(1, 14):
        house.reads("blog", post(number))
    house.reads("blog", post(13, "A title that is quite another one"))
    found = [path for path in house.public.rglob("*.atom") if not path.is_symlink()]

    assert len(found) > 8
    for path in found:
        instruction = etree.parse(path).getroot().getprevious()
        assert (instruction.target, instruction.get("type")) == ("xml-stylesheet", "text/css")
        assert (path.parent / instruction.get("href")).resolve() == (house.public / "feed.css").resolve()
    assert "</" not in (house.public / "feed.css").read_text()


def test_pages_never_change_while_new_entries_come(house: House) -> None:
    for number in range(1, 14):
        house.reads("blog", post(number))
    before = house.pages("feeds/data")
    for number in range(14, 40):
        house.reads("blog", post(number))
    after = house.pages("feeds/data")

    assert len(after) > len(before)
    assert {name: after[name] for name in before} == before


def test_an_edit_writes_the_page_it_is_on_and_no_other(house: House) -> None:
    for number in range(1, 20):
        house.reads("blog", post(number))
    before = house.pages("feeds/data")
    written = house.reads("blog", post(1, "Another title altogether"))

    assert [name for name in written if "archive" in name] == [
        "feeds/all/archive-1.atom",
        "feeds/data/archive-1.atom",
        "sources/blog/archive-1.atom",
    ]
    assert {name for name, data in house.pages("feeds/data").items() if data != before[name]} == {"archive-1.atom"}
    assert "Another title altogether" in house.subscribe("feeds/data").values()


def test_an_entry_that_is_withdrawn_leaves_its_page_and_a_tombstone_there(house: House) -> None:
    for number in range(1, 20):
        house.reads("blog", post(number))
    before = house.pages("feeds/data")
    gone = house.history["blog"].row("https://example.org/2")
    house.withdraws("blog", gone.key, NOW)
    after = house.pages("feeds/data")

    assert {name for name in after if after[name] != before[name]} == {"archive-1.atom"}
    root = house.read("feeds/data/archive-1.atom")
    assert root.xpath("string(at:deleted-entry/@ref)", namespaces=ATOM) == gone.atom_id
    assert "Entry 2" not in house.subscribe("feeds/data").values()


def test_an_entry_that_changes_its_category_moves_between_archives(house: House) -> None:
    for number in range(1, 20):
        house.reads("blog", post(number))
        house.reads("news", entry(100 + number, categories=["People"], day=1 + number % 28))
    house.reads("blog", post(2, category="People"))

    assert "Entry 2" not in house.subscribe("feeds/data").values()
    assert "Entry 2" in house.subscribe("feeds/people").values()
    assert "Entry 2" in house.subscribe("feeds/all").values()


def test_the_past_of_a_source_that_comes_later_is_archived_too(house: House) -> None:
    for number in range(1, 12):
        house.reads("blog", post(number))
    before = house.pages("feeds/all")
    house.reads(
        "news", *(entry(100 + n, categories=["Data"], day=n, link=f"https://n.example/{n}") for n in range(1, 9))
    )

    assert len(house.subscribe("feeds/all")) == 19
    assert {name: house.pages("feeds/all")[name] for name in before} == before


def test_what_is_thousands_of_entries_long_is_many_pages_of_bearable_length(tmp_path: Path) -> None:
    house = House(tmp_path, limit=50)
    house.reads("blog", *map(post, range(1, 731)))

    sizes = [data.count(b"<entry") for data in house.pages("feeds/data").values()]
    assert sum(sizes) == 730
    assert (min(sizes), max(sizes)) == (91, 92)
    assert len(house.subscribe("feeds/all")) == 730
    house.crash()


@pytest.mark.parametrize(
    "how", ["closed", "killed", "killed before publishing", "index lost", "another source", "aliases"]
)
def test_pages_stay_the_same_over_restarts(tmp_path: Path, how: str) -> None:
    house = House(tmp_path)
    for number in range(1, 20):
        house.reads("blog", post(number))
    house.withdraws("blog", "https://example.org/19", NOW)
    before = {name: house.pages(name) for name in ("feeds/data", "feeds/all", "sources/blog")}
    if how == "killed before publishing":
        house.commits("blog", post(20))
    if how in ("killed", "killed before publishing"):
        house.crash()
    else:
        house.close()
    if how == "index lost":
        (tmp_path / "state" / "index.json").unlink()
    if how == "another source":
        house.sources = ("blog", "news", "more")
    if how == "aliases":
        house.categories = replace(house.categories, titles={"people": "People"})
    house.open()

    # Not even rendered, which takes long where there is much.
    assert house.store.unpublished().pages == frozenset()
    assert [name for name in house.publish() if "archive" in name] == []
    for number in range(20, 24):
        house.reads("blog", post(number))
    for name, pages in before.items():
        assert {one: house.pages(name)[one] for one in pages} == pages
    assert sorted(house.subscribe("feeds/data").values()) == titles(*range(1, 19), *range(20, 24))
    house.crash()


def test_an_edit_that_was_stored_but_not_published_is_made_up_for(tmp_path: Path) -> None:
    house = House(tmp_path)
    for number in range(1, 20):
        house.reads("blog", post(number))
    house.commits("blog", post(1, "Another title altogether"))
    house.crash()
    house.open()
    written = house.publish()

    assert {name for name in written if "archive" in name} == {
        f"{feed}/archive-1.atom" for feed in ("feeds/data", "feeds/all", "sources/blog")
    }
    assert "Another title altogether" in house.subscribe("feeds/data").values()
    house.crash()


@pytest.mark.parametrize("lost", ["archives", "archives/data", "archives/data/1.json"])
def test_what_is_known_of_pages_can_be_lost(tmp_path: Path, lost: str) -> None:
    house = House(tmp_path)
    for number in range(1, 20):
        house.reads("blog", post(number))
    path = tmp_path / "state" / lost
    if path.is_dir():
        shutil.rmtree(path)
    else:
        path.write_text("nonsense")
    house.reads("blog", post(1, "Another title altogether"), post(20))

    found = sorted(house.subscribe("feeds/data").values())
    assert found == sorted(["Another title altogether", *titles(*range(2, 21))])
    house.crash()


def test_every_page_is_written_anew_when_the_address_of_the_feeds_changes(tmp_path: Path) -> None:
    house = House(tmp_path)
    for number in range(1, 14):
        house.reads("blog", post(number))
    house.close()
    house.imprint = Imprint("https://elsewhere.example")
    house.open()
    written = house.publish()

    assert {f"feeds/data/{name}" for name in house.pages("feeds/data")} <= set(written)
    assert all(b"feeds.example.org" not in data for data in house.pages("feeds/data").values())
    house.crash()


def test_the_cost_of_a_poll_does_not_grow_with_the_archive(tmp_path: Path) -> None:
    house = House(tmp_path, limit=10)

    def touched() -> set[str]:
        """What a poll with one new entry writes, but for the source itself."""
        before = {path: path.stat().st_mtime_ns for path in tmp_path.rglob("*") if path.is_file()}
        house.reads("blog", post(len(before) + 100_000))
        after = {path: path.stat().st_mtime_ns for path in tmp_path.rglob("*") if path.is_file()}
        return {path.relative_to(tmp_path).as_posix() for path in after if after[path] != before.get(path)}

    house.reads("blog", *map(post, range(1, 200)))
    few = touched()
    house.reads("blog", *map(post, range(200, 2_000)))

    assert touched() == few
    assert not [name for name in few if "archive" in name]
    house.crash()


@settings(max_examples=20, deadline=None)
@given(st.randoms(use_true_random=False))
def test_whatever_happens_feed_and_archive_together_hold_every_entry(
    tmp_path_factory: pytest.TempPathFactory, chance: random.Random
) -> None:
    house = House(tmp_path_factory.mktemp("house"), limit=chance.randint(1, 6))
    alive: dict[str, dict[int, str]] = {"blog": {}, "news": {}}
    number = 0
    for _ in range(chance.randint(3, 12)):
        source = chance.choice(["blog", "news"])
        step = chance.choice(["new", "new", "edit", "restart", "crash"])
        if step == "new":
            fresh = range(number, number := number + chance.randint(1, 15))
            alive[source] |= {n: f"Entry {n}" for n in fresh}
            house.reads(source, *(post(n, category=chance.choice(["Data", "People"])) for n in fresh))
        elif step == "edit" and alive[source]:
            n = chance.choice(list(alive[source]))
            alive[source][n] = f"Edited {n} in step {_}"
            house.commits(source, post(n, alive[source][n]))
        elif step == "restart":
            house.publish()
            house.close()
            house.open()
        elif step == "crash":
            house.crash()
            house.open()
    house.publish()

    every = sorted([*alive["blog"].values(), *alive["news"].values()])
    assert sorted(house.subscribe("feeds/all").values()) == every if every else True
    house.crash()


def archived(house: House, feed: str, page: int = 1) -> etree._Element:
    return house.read(f"{feed}/archive-{page}.atom")


def test_an_edit_keeps_the_tombstones_of_its_page(tmp_path: Path) -> None:
    house = House(tmp_path)
    house.reads("blog", *map(post, range(1, 9)))
    for number in range(9, 14):
        house.reads("blog", post(number))
    house.withdraws("blog", "https://example.org/2", NOW)
    house.reads("blog", post(1, "Another title altogether"))

    for feed in ("feeds/data", "sources/blog"):
        assert len(archived(house, feed).findall("at:deleted-entry", ATOM)) == 1
        assert "Another title altogether" in {
            one.findtext("a:title", namespaces=ATOM) for one in archived(house, feed).findall("a:entry", ATOM)
        }
    house.crash()


def test_a_source_with_a_new_name_has_it_on_every_page(tmp_path: Path) -> None:
    house = House(tmp_path)
    house.reads("blog", *map(post, range(1, 9)))
    for number in range(9, 14):
        house.reads("blog", post(number))
    house.store.commit(Commit("blog", "c", About(title="Renamed")))
    house.publish()

    for feed in ("feeds/data", "sources/blog"):
        entries = archived(house, feed).findall("a:entry", ATOM)
        assert {one.findtext("a:source/a:title", namespaces=ATOM) for one in entries} == {"Renamed"}
    house.crash()


def test_a_post_that_another_source_says_more_of_says_it_on_its_page(tmp_path: Path) -> None:
    house = House(tmp_path)
    house.reads("blog", *map(post, range(1, 9)))
    for number in range(9, 14):
        house.reads("blog", post(number))
    more = replace(post(1), content=Text("What the other one says of it, at length. " * 9))
    house.reads("news", more)

    texts = [
        one.findtext("a:content", namespaces=ATOM) for one in archived(house, "feeds/data").findall("a:entry", ATOM)
    ]
    assert sum("at length" in (text or "") for text in texts) == 1
    house.crash()

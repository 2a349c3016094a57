"""What feeds keep of their entries from one rendering to the next: never a word that is not true any more, and no
source is opened for what stayed as it was."""

from __future__ import annotations

import random
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from house import House
from hypothesis import given, settings
from hypothesis import strategies as st
from make import entry
from msgspec.structs import replace

from feedwatch.generator.publish import Publisher
from feedwatch.model import About, Commit, Entry, Imprint, Source
from feedwatch.store.openfiles import OpenFiles

IMPRINT = Imprint("https://feeds.example.org", twins=("json",))


def post(number: int, title: str | None = None, *, category: str = "Data", host: str = "example.org") -> Entry:
    link = f"https://{host}/{number}"
    return entry(number, title, categories=[category], day=1 + number % 28, link=link)


@pytest.fixture
def house(tmp_path: Path) -> Iterator[House]:
    made = House(tmp_path, limit=8, imprint=IMPRINT)
    yield made
    made.crash()


def fragments(house: House) -> Path:
    return house.folder / "state" / "fragments"


def categories(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in sorted((folder / "feeds").iterdir()) if path.is_file()}


def rendered_anew(house: House) -> dict[str, bytes]:
    """The category feeds as a publisher makes them that has nothing of before."""
    kept, again = fragments(house), house.folder / "again"
    aside = kept.with_name("aside")
    if kept.exists():
        kept.rename(aside)
    sources = {name: Source(name, f"https://{name}.example/feed") for name in house.sources}
    Publisher(house.store, again, house.imprint, sources=sources, limit=house.limit).publish(house.store.feeds(), [])
    shutil.rmtree(kept, ignore_errors=True)
    if aside.exists():
        aside.rename(kept)
    found = categories(again)
    shutil.rmtree(again)
    return found


def agrees(house: House) -> bool:
    """Whether the category feeds are those; one that has lost its last entry stays, and may be forgotten."""
    published, anew = categories(house.public), rendered_anew(house)
    return {name: published.get(name) for name in anew} == anew


def opened(house: House, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The sources that are opened from now on, in another process."""
    house.close()
    house.open()
    found: list[str] = []
    file = OpenFiles.file

    def noted(files: OpenFiles, source_id: str) -> object:
        found.append(source_id)
        return file(files, source_id)

    monkeypatch.setattr(OpenFiles, "file", noted)
    return found


def test_an_entry_that_stayed_is_taken_as_it_was_and_its_source_not_opened(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    house.reads("news", *(post(n, host="news.example") for n in range(1, 4)))
    house.reads("blog", post(11))
    found = opened(house, monkeypatch)

    house.store.commit(Commit("blog", "c", About(title="A blog"), ()))
    house.store._stale.slugs.add("data")
    stale = house.store.unpublished()
    house.publisher._write_category("data", house.publisher._feed("data", house.store.feeds()))

    assert stale.slugs == {"data"}
    assert "news" not in found
    assert b"Entry 3" in (house.public / "feeds" / "data.atom").read_bytes()


def test_what_its_source_is_called_now_stands_in_the_feeds_of_its_categories(house: House) -> None:
    house.reads("blog", post(1))
    house.reads("news", post(2, host="news.example"))

    known = house.store.known("news")
    house.store.commit(Commit("news", known.config_digest or "c", replace(known.about, title="Another name"), ()))
    house.publish()

    assert b"Another name" in (house.public / "feeds" / "data.atom").read_bytes()
    assert agrees(house)


def test_a_name_that_changed_after_a_restart_is_that_of_a_post_in_two_sources(house: House) -> None:
    house.reads("blog", post(2), post(1))
    house.reads("news", post(1))  # here it stands on top: this is what is kept, and it says what the blog says
    house.close()
    house.open()

    known = house.store.known("blog")
    house.store.commit(Commit("blog", known.config_digest or "c", replace(known.about, title="Another name"), ()))
    house.publish()

    assert b"Another name" in (house.public / "feeds" / "data.atom").read_bytes()
    assert agrees(house)


def test_a_name_stands_in_all_categories_that_any_entry_of_a_post_is_in(house: House) -> None:
    house.reads("blog", post(1, category="Data"))
    house.reads("news", post(1, category="People"))

    known = house.store.known("blog")
    house.store.commit(Commit("blog", known.config_digest or "c", replace(known.about, title="Another name"), ()))
    house.publish()

    assert b"Another name" in (house.public / "feeds" / "people.atom").read_bytes()
    assert agrees(house)


def test_after_a_crash_nothing_of_before_is_believed(house: House) -> None:
    house.reads("blog", post(1))
    house.commits("blog", post(1, "Another title"))
    house.crash()
    house.open()

    assert not fragments(house).exists()
    house.publish()
    assert b"Another title" in (house.public / "feeds" / "data.atom").read_bytes()


def test_those_of_another_rendering_and_damaged_ones_are_no_use(house: House) -> None:
    house.reads("blog", post(1), post(2))
    before = categories(house.public)
    (fragments(house) / "data.json").write_bytes(b'{"made_for": "then"}')
    (fragments(house) / "all.json").write_bytes(b'{"made')

    house.store._stale.slugs.add("data")
    house.publish()

    assert categories(house.public) == before


@given(chance=st.randoms(use_true_random=False))
@settings(max_examples=40, deadline=None)
def test_whatever_happens_feeds_are_as_if_they_were_made_anew(
    tmp_path_factory: pytest.TempPathFactory, chance: random.Random
) -> None:
    house = House(tmp_path_factory.mktemp("house"), limit=chance.randint(2, 9), imprint=IMPRINT)
    numbers: dict[str, list[int]] = {"blog": [], "news": []}
    for step in range(chance.randint(4, 14)):
        source = chance.choice(["blog", "news"])
        # Some posts are in both: then each says what the other lacks.
        host = "example.org" if chance.random() < 0.5 else f"{source}.example"
        match chance.choice(["new", "new", "edit", "moved", "withdrawn", "name", "restart", "crash"]):
            case "new":
                fresh = chance.sample(range(1, 13), 3)
                numbers[source] += fresh
                house.commits(source, *(post(n, host=host, category=chance.choice(["Data", "People"])) for n in fresh))
            case "edit" if numbers[source]:
                n = chance.choice(numbers[source])
                house.commits(source, post(n, f"Edited in step {step}", host=host))
            case "moved" if numbers[source]:
                house.commits(source, post(chance.choice(numbers[source]), host=host, category="People"))
            case "withdrawn" if numbers[source]:
                known = house.store.known(source)
                key = chance.choice(list(known.entries))
                row = replace(known.entries[key], withdrawn=house.history[source].now)
                history = house.history[source]
                history.known = replace(history.known, entries={**history.known.entries, key: row})
                house.store.commit(Commit(source, known.config_digest or "c", known.about, (row,)))
            case "name" if numbers[source]:
                known = house.store.known(source)
                about = replace(known.about, title=f"Called so since step {step}")
                house.store.commit(Commit(source, known.config_digest or "c", about, ()))
            case "restart":
                house.publish()
                house.close()
                house.open()
            case "crash":
                house.crash()
                house.open()
        if house.store.feeds() and chance.random() < 0.7:
            house.publish()
            assert agrees(house)
    house.crash()

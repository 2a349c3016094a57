"""What is remembered to save time stays small, however much others say: by the bytes that stay in memory."""

from __future__ import annotations

import gc
import tracemalloc
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest
from make import NOW, entry
from msgspec.structs import replace

from feedwatch.categories import Categories
from feedwatch.generator.pieces import Pieces
from feedwatch.headers import received
from feedwatch.model import About, Category, Entry, KnownEntry, PublishedEntry, Text
from feedwatch.store import Place, Standing
from feedwatch.store.twins import Twins
from feedwatch.targets import target

MEGABYTE = 1_000_000


def stored(one: Entry) -> KnownEntry:
    return KnownEntry(one.id, f"urn:{one.id}", one, NOW, NOW, NOW, NOW, (NOW, 0))


@contextmanager
def at_most(limit: int) -> Iterator[None]:
    """Bytes that stay after what is done here."""
    gc.collect()
    tracemalloc.start()
    try:
        yield
        gc.collect()
        assert tracemalloc.get_traced_memory()[0] < limit
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize(
    "read",
    [
        lambda number: received([b"x-%d-%b: 1\r\n" % (number, b"n" * 5000), b"\r\n"]),
        lambda number: target(f"https://example.org/{number}/{'p' * 5000}"),
    ],
    ids=["names of headers", "addresses that others lead to"],
)
def test_what_strangers_choose_the_length_of_is_not_remembered(read: Callable[[int], object]) -> None:
    with at_most(MEGABYTE):
        for number in range(2000):
            read(number)


def test_combinations_of_categories_are_remembered_up_to_a_number() -> None:
    categories = Categories()
    with at_most(6 * MEGABYTE):
        for number in range(12_000):
            categories.resolve([Category(f"Topic {number}")])


def test_of_posts_in_several_sources_the_newest_are_remembered() -> None:
    twins = Twins()
    posts = [stored(entry(number, day=1)) for number in range(12_000)]
    for post in posts:
        twins.add("one", post)

    assert len(twins.dump().seen) <= 11_000
    assert twins.elsewhere("other", posts[-10_000].entry) == ("one", posts[-10_000].key)
    assert twins.elsewhere("other", posts[0].entry) is None


class Shelf:
    """Whatever is asked for stands there, with a text of its own."""

    def standing_at(self, name: str, place: Place) -> Standing | None:
        post = replace(entry(int(place[1]), day=1), content=Text(place[1] * 2000, "html"))
        return Standing((0,), PublishedEntry(stored(post), place[0], About()), 0)

    def first_standing(self, source_id: str, limit: int) -> list[tuple[Place, Standing]]:
        return []

    def version(self, place: Place) -> object:
        return 1


def test_entries_that_were_written_are_remembered_up_to_a_number_of_bytes() -> None:
    pieces = Pieces(Shelf(), "https://feeds.example.org", [])
    with at_most(15 * MEGABYTE):
        for number in range(4000):
            pieces.at("all", ("one", f"{number:05}"))

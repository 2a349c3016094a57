"""What is remembered to save time stays small, however much others say: by the bytes that stay in memory."""

from __future__ import annotations

import gc
import tracemalloc
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from urllib.parse import clear_cache  # type: ignore[attr-defined]  # there, but not said

import pytest
from make import NOW, entry
from msgspec.structs import replace

from feedwatch.canonical import canonical_url, host_of, slug
from feedwatch.categories import Categories
from feedwatch.differ.history import steps
from feedwatch.generator import atom, jsonfeed
from feedwatch.generator.pieces import Pieces
from feedwatch.headers import received
from feedwatch.model import About, Category, Entry, KnownEntry, Origin, Person, PublishedEntry, Revision, Source, Text
from feedwatch.readers.any_date import any_date
from feedwatch.readers.date_in import date_in
from feedwatch.readers.feed import read_quickly
from feedwatch.readers.listing import read_listing
from feedwatch.readers.sanitize import sanitize, web_url
from feedwatch.readers.tree import forget, parse, stable_classes, text_of
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
        # The standard library remembers the last addresses that it took apart: no more than 128.
        clear_cache()
        gc.collect()
        assert tracemalloc.get_traced_memory()[0] < limit
    finally:
        tracemalloc.stop()


SITE = "https://example.org"
TWINS, CATEGORIES = Twins(), Categories()


def long(number: int) -> str:
    return f"{number}{'p' * 5000}"


def published(number: int, about: About, **said: object) -> PublishedEntry:
    return PublishedEntry(stored(replace(entry(number, day=1), **said)), "blog", about)


def written(number: int, about: About | None = None, **said: object) -> None:
    one = published(number, about or About(), **said)
    assert atom.fragment(one, base_url=SITE)
    assert jsonfeed.fragment(one, base_url=SITE)


def a_feed(number: int) -> str:
    return (
        f'<rss version="2.0"><channel><item><title>A</title><category>{long(number)}</category>'
        f"<author>{long(number)}</author></item></channel></rss>"
    )


def history(number: int) -> None:
    row = stored(entry(1, long(number) * 20))
    list(steps(replace(row, revisions=(Revision(0, NOW, "major", "before", None, None),))))


STRANGERS: dict[str, Callable[[int], object]] = {
    "names of headers": lambda number: received([b"x-%d-%b: 1\r\n" % (number, b"n" * 5000), b"\r\n"]),
    "addresses that others lead to": lambda number: target(f"{SITE}/{long(number)}"),
    "hosts that others lead to": lambda number: target(f"https://{long(number)}.example/"),
    "addresses of entries": lambda number: canonical_url(f"{SITE}/{long(number)}"),
    "hosts": lambda number: host_of(f"https://{long(number)}.example/"),
    "links": lambda number: web_url(long(number), f"{SITE}/"),
    "bases of links": lambda number: [web_url("/a", f"{SITE}/{long(number) * 10}"), web_url("?a", long(number) * 10)],
    "settled links with bases": lambda number: web_url(f"{SITE}/", long(number) * 10),
    "bases of texts": lambda number: sanitize("<a href='b'>a</a>", f"{SITE}/{long(number) * 10}"),
    "names of categories": lambda number: slug(long(number)),
    "categories of feeds": lambda number: CATEGORIES.resolve([Category(long(number))]),
    "classes": lambda number: stable_classes(long(number)),
    "lines with dates": lambda number: date_in(long(number), NOW),
    "dates of any language": lambda number: any_date(long(number)),
    "posts in several sources": lambda number: TWINS.elsewhere("one", entry(1, link=f"{SITE}/{long(number)}")),
    "feeds": lambda number: read_quickly(a_feed(number).encode(), "", url=SITE, now=NOW),
    "authors that are written": lambda number: written(number, authors=(Person(long(number)),)),
    "many authors": lambda number: written(
        number, authors=tuple(Person(f"{number}.{one}", None, f"{SITE}/{number}/{one}") for one in range(60))
    ),
    "categories that are written": lambda number: written(number, categories=(Category(long(number), SITE),)),
    "origins that are written": lambda number: written(number, origin=Origin(long(number), f"{SITE}/{long(number)}")),
    "rights of sources": lambda number: written(number, About(rights=long(number))),
    "titles of sources": lambda number: written(number, About(title=long(number))),
    "histories": history,
}


@pytest.mark.parametrize("name", STRANGERS)
def test_what_strangers_choose_the_length_of_is_not_remembered(name: str) -> None:
    # Some modules are loaded when they are needed.
    STRANGERS[name](-1)
    with at_most(MEGABYTE):
        for number in range(500):
            STRANGERS[name](number)


def test_classes_of_a_page_that_is_read_are_not_remembered_when_they_are_long() -> None:
    items = "".join(
        f"<div class='{long(number)}'><h2><a href='/{number}'>A post</a></h2></div>" for number in range(400)
    )
    with at_most(MEGABYTE):
        read_listing(f"<body>{items}</body>", url=SITE, source=Source(id="blog", url=SITE), now=NOW)


def test_texts_of_a_page_are_remembered_up_to_a_number_of_letters() -> None:
    root = parse(f"<body>{'<div>' * 200}{'word ' * 20_000}{'</div>' * 200}</body>")
    with at_most(6 * MEGABYTE):
        for element in root.iter():
            text_of(element)
    forget()


def test_elements_of_a_page_are_remembered_up_to_a_number() -> None:
    root = parse(f"<body>{'<p>a</p>' * 60_000}</body>")
    with at_most(5 * MEGABYTE):
        for element in root.iter():
            text_of(element)
    forget()


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

"""Archive pages by selectors: everything that is there, and nothing that is not an entry."""

from __future__ import annotations

from collections import Counter
from datetime import UTC, datetime

import pytest
from workbench import FIXTURES, ROOT, SECTIONS

from feedwatch import config, readers
from feedwatch.canonical import slug
from feedwatch.errors import ReadError
from feedwatch.model import Entry, Reading, Selectors, Source
from feedwatch.readers.page import read_page
from feedwatch.readers.selectors import compile_selector, split_selector

NOW = datetime(2024, 11, 20, 12, tzinfo=UTC)
CARDS = Selectors(
    "li.card", title="h3", link="h3 a@href", date="time@datetime", summary="p.excerpt", category="a.tag", image="img"
)


def read(fixture: str, select: Selectors, *, url: str = "https://example.org/archive/") -> Reading:
    source = Source("blog", url, select=select, link_base=None)
    return read_page((FIXTURES / fixture).read_text("utf-8"), url=url, source=source, now=NOW)


def sections(fixture: str = "spotify-engineering.html") -> Reading:
    (source,) = config.load(ROOT / "config.toml", {}).sources
    return read_page((FIXTURES / fixture).read_text("utf-8"), url=source.url, source=source, now=NOW)


def facts(reading: Reading) -> set[tuple[str, str | None, str, str, tuple[str, ...]]]:
    return {
        (e.title, e.link, str(e.published), e.summary.value if e.summary else "", tuple(c.title for c in e.categories))
        for e in reading.entries
    }


def test_sections_with_headings_are_read_whole() -> None:
    reading = sections()

    counts = Counter(slug(category.title) for e in reading.entries for category in e.categories)
    assert counts == SECTIONS
    assert reading.notes == ()
    assert all(e.published and e.published.day_only and e.summary for e in reading.entries)
    first, last = reading.entries[0], reading.entries[-1]
    assert (first.title, str(first.published)) == ("How We Generated Millions of Content Annotations", "2024-10-21")
    assert first.link == ("https://engineering.atspotify.com/2024/10/how-we-generated-millions-of-content-annotations/")
    assert (last.title, str(last.published)) == (
        "Strategies and Tools for Performing Migrations on Platform",
        "2022-11-15",
    )
    assert reading.about.title == "Spotify Engineering"


def test_cards_with_tags_are_the_same_entries() -> None:
    cards = read("pages/spotify-cards.html", CARDS, url="https://engineering.atspotify.com/archive/")

    assert facts(cards) == facts(sections())
    assert cards.entries[0].image == ("https://engineering.atspotify.com/images/how-we-generated-million.jpg")


def test_without_further_selectors_title_link_date_and_summary_are_found() -> None:
    bare = read("pages/spotify-cards.html", Selectors("li.card"), url="https://engineering.atspotify.com/archive/")

    assert {fact[:4] for fact in facts(bare)} == {fact[:4] for fact in facts(sections())}


def test_several_categories_a_card() -> None:
    reading = read("pages/several-categories.html", Selectors("article", category=".tags li"))

    assert [[c.title for c in e.categories] for e in reading.entries] == [["Data", "Machine Learning", "C++"], ["Data"]]
    assert str(reading.entries[0].published) == "2024-03-01T09:30:00+00:00"


def test_relative_links_lead_where_the_base_says() -> None:
    reading = read("pages/base-href.html", Selectors(".p"))

    assert [e.link for e in reading.entries] == [
        "https://blog.example.org/archive/first",
        "https://blog.example.org/second",
        "https://other.example.org/third",
    ]


def test_a_table_is_a_listing_too() -> None:
    reading = read("pages/table.html", Selectors("tr.row", title="td.t", date="td.d"))

    assert [(e.title, str(e.published)) for e in reading.entries] == [
        ("Neue Schnittstelle", "2024-10-21"),
        ("Größere Grenzen & mehr", "2024-03-03"),
    ]


def test_a_missing_field_never_costs_the_entry_and_is_counted() -> None:
    reading = read("pages/gaps.html", Selectors("article", date=".date", summary="p", author=".by", image="img"))

    def line(e: Entry) -> tuple[str, str | None, str | None, bool]:
        return (e.title, e.link, str(e.published) if e.published else None, bool(e.image))

    assert [line(e) for e in reading.entries] == [
        ("Whole", "https://example.org/1", "2024-10-21", True),
        ("No date, no summary", "https://example.org/2", None, True),
        ("No link", None, None, False),
        ("A link that is none", None, None, False),
    ]
    assert reading.entries[0].authors[0].name == "Ada"
    assert reading.notes == (
        "1 of 5 entries have neither title nor link and are skipped",
        "3 of 4 entries have no author",
        "2 of 4 entries have no image",
        "2 of 4 entries have no summary",
        "2 of 4 dates could not be read, for example 'soon'",
    )


def test_a_page_from_a_file_says_that_its_links_lead_nowhere() -> None:
    reading = read("pages/several-categories.html", Selectors("article"), url="file:///page.html")

    assert [e.link for e in reading.entries] == [None, None]
    assert "link_base" in reading.notes[-1]


def test_a_card_in_a_card_is_part_of_it() -> None:
    markup = "<article><h2>Outer</h2><article><h3>Inner</h3></article></article><article><h2>Next</h2></article>"
    source = Source("blog", "https://example.org/", select=Selectors("article"))

    reading = read_page(markup, url=source.url, source=source, now=NOW)

    assert [e.title for e in reading.entries] == ["Outer", "Next"]


def test_a_page_without_a_match_says_which_selector_found_nothing() -> None:
    source = Source("blog", "https://example.org/", select=Selectors("article.gone"))

    with pytest.raises(ReadError, match=r"article\.gone"):
        readers.read(b"<html><p>Hello</p></html>", url=source.url, headers={}, source=source, now=NOW)


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        ("h3", ("h3", None)),
        ("h3 a@href", ("h3 a", "href")),
        ("a[href*='@'] @ title", ("a[href*='@']", "title")),
        ('a[title="x@y"]', ('a[title="x@y"]', None)),
    ],
)
def test_a_selector_may_name_an_attribute(text: str, parts: tuple[str, str | None]) -> None:
    assert split_selector(text) == parts


@pytest.mark.parametrize("text", ["p::text", "h3 >", "a@", "@href", "a[", ":nonsense(x)"])
def test_a_selector_that_is_none_is_a_clear_error(text: str) -> None:
    with pytest.raises(ValueError, match='"'):
        compile_selector(text)

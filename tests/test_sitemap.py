"""Sitemaps as sources, and selectors that match nothing."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from feedwatch import readers
from feedwatch.errors import ReadError
from feedwatch.model import Reading, Selectors, Source

NOW = datetime(2024, 11, 1, tzinfo=UTC)
URL = "https://news.example/sitemap.xml"
HEAD = (
    '<?xml version="1.0" encoding="UTF-8"?><urlset xmlns="http://www.sitemaps.org/schemas/sitemap/0.9" '
    'xmlns:news="http://www.google.com/schemas/sitemap-news/0.9">'
)
NEWS = (
    "<url><loc>https://news.example/a</loc><lastmod>2024-10-03T08:00:00Z</lastmod><news:news><news:publication><news:name>"
    "N</news:name></news:publication><news:publication_date>2024-10-02</news:publication_date><news:title>A &amp; B"
    "</news:title><news:keywords>Data, Design</news:keywords></news:news></url>"
)
PLAIN = "<url><loc>https://news.example/about</loc><lastmod>2024-01-01</lastmod></url>"


def read(body: str, select: Selectors | None = None) -> Reading:
    return readers.read(body.encode(), url=URL, headers={}, source=Source("s", URL, select=select), now=NOW)


def test_news_in_a_sitemap_are_entries_with_title_dates_and_categories() -> None:
    entry = read(f"{HEAD}{PLAIN}{NEWS}</urlset>").entries[0]

    assert (entry.title, entry.link) == ("A & B", "https://news.example/a")
    assert (str(entry.published), str(entry.updated)) == ("2024-10-02", "2024-10-03T08:00:00+00:00")
    assert [category.title for category in entry.categories] == ["Data", "Design"]
    assert len(read(f"{HEAD}{PLAIN}{NEWS}</urlset>").entries) == 1


def test_a_sitemap_without_news_lists_its_pages() -> None:
    reading = read(f"{HEAD}{PLAIN}</urlset>")

    assert [(e.title, e.link, str(e.updated)) for e in reading.entries] == [
        ("", "https://news.example/about", "2024-01-01")
    ]


@pytest.mark.parametrize(
    ("body", "said"),
    [
        ("<sitemapindex><sitemap><loc>https://news.example/1.xml</loc></sitemap></sitemapindex>", "example/1.xml"),
        ("<urlset><url><loc>https://news.example/a</loc>", "no XML"),
        ("<urlset></urlset>", "without entries"),
    ],
)
def test_what_is_no_list_of_pages_says_so(body: str, said: str) -> None:
    with pytest.raises(ReadError, match=said):
        read(body)


def test_s9_a_sitemap_opens_no_entity() -> None:
    body = (
        f'<!DOCTYPE u [<!ENTITY x SYSTEM "file:///etc/passwd">]>{HEAD[38:]}{NEWS.replace("A &amp; B", "&x;")}</urlset>'
    )

    try:
        reading = read(body)
    except ReadError:
        return
    assert all("root" not in entry.title for entry in reading.entries)


@pytest.mark.parametrize(
    ("entry", "said"),
    [
        ("article.post-card", '"article" would match 3'),
        ("main > article.old.card", '"main > article.card" would match 3'),
        ("#content article", '"article" would match 3'),
        ("table.x", "matched 0 elements of the page$"),
    ],
)
def test_a_selector_that_matches_nothing_shows_the_nearest_that_would(entry: str, said: str) -> None:
    page = "<html><main>" + "<article class='card'><h2><a href='/a'>A</a></h2></article>" * 3 + "</main></html>"

    with pytest.raises(ReadError, match=said):
        read(page, select=Selectors(entry=entry))

"""Archive pages by selectors: everything that is there, and nothing that is not an entry."""

from __future__ import annotations

from collections import Counter
from datetime import UTC, datetime

import pytest
from msgspec.structs import fields
from workbench import FIXTURES, ROOT, SECTIONS

from feedwatch import config, readers
from feedwatch.canonical import slug
from feedwatch.errors import ReadError
from feedwatch.model import Entry, Reading, Selectors, Source
from feedwatch.readers.page import read_page
from feedwatch.readers.selectors import compile_selector, split_selector

NOW = datetime(2024, 11, 20, 12, tzinfo=UTC)
HERE = "https://example.org/archive/"
CARDS = Selectors(
    "li.card", title="h3", link="h3 a@href", date="time@datetime", summary="p.excerpt", category="a.tag", image="img"
)


def read(fixture: str, select: Selectors, *, url: str = HERE) -> Reading:
    source = Source("blog", url, select=select, link_base=None)
    return read_page((FIXTURES / fixture).read_text("utf-8"), url=url, source=source, now=NOW)


def read_markup(markup: str, select: Selectors, *, url: str = HERE, link_base: str | None = None) -> Reading:
    return read_page(markup, url=url, source=Source("blog", url, select=select, link_base=link_base), now=NOW)


def sections(fixture: str = "spotify-engineering.html") -> Reading:
    (source,) = config.load(ROOT / "config.toml", {}).sources
    return read_page((FIXTURES / fixture).read_text("utf-8"), url=source.url, source=source, now=NOW)


def facts(reading: Reading) -> set[tuple[str, str | None, str, str, tuple[str, ...]]]:
    return {
        (e.title, e.link, str(e.published), e.summary.value if e.summary else "", tuple(c.title for c in e.categories))
        for e in reading.entries
    }


def changed(before: Entry, after: Entry) -> list[str]:
    return [field.name for field in fields(Entry) if getattr(before, field.name) != getattr(after, field.name)]


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


def test_c31_relative_links_lead_where_the_base_says() -> None:
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
        "1 of 5 entries has neither title nor link and was skipped",
        "3 of 4 entries have no author",
        "2 of 4 entries have no image",
        "2 of 4 entries have no summary",
        "1 of 4 dates could not be read, for example 'soon'",
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


def test_the_edited_page_differs_by_exactly_what_its_readme_says() -> None:
    before = {e.id: e for e in sections().entries}
    after = {e.id: e for e in sections("pages/spotify-engineering-edited.html").entries}

    assert {after[id_].title for id_ in after.keys() - before.keys()} == {
        "A Smaller Ranking Model That Listens Better",
        "Moving Ten Thousand Cron Jobs Without Waking Anyone",
    }
    assert [before[id_].title for id_ in before.keys() - after.keys()] == [
        "Analyzing Volatile Memory on a Google Kubernetes Engine Node"
    ]
    differing = [(before[id_], after[id_]) for id_ in before if id_ in after and before[id_] != after[id_]]
    assert {old.title: changed(old, new) for old, new in differing} == {
        "Supercharged Developer Portals": ["title"],
        "The What, Why, and How of Mastering App Size": ["summary"],
        "TV Spatial Navigation": ["categories"],
    }


def test_new_entries_of_the_edited_page_head_their_sections() -> None:
    entries = sections("pages/spotify-engineering-edited.html").entries

    firsts = {
        name: next(e for e in entries if e.categories[0].term == name)
        for name in ("Machine-Learning", "Infrastructure")
    }
    assert [str(e.published) for e in firsts.values()] == ["2024-11-12", "2024-11-05"]


def test_dates_without_a_year_are_the_latest_that_have_come() -> None:
    reading = read("pages/no-year.html", Selectors("article.note", date=".when"))

    assert [str(e.published) for e in reading.entries] == ["2024-11-19", "2024-10-21", "2023-12-05", "None"]
    assert reading.notes == ("1 of 4 dates could not be read, for example 'Gen 2'",)


def test_the_image_is_the_picture_and_not_its_placeholder() -> None:
    reading = read("pages/lazy-images.html", Selectors("article"))

    assert [e.image and e.image.removeprefix("https://example.org") for e in reading.entries] == [
        "/pictures/mast.jpg",
        "/pictures/cable.jpg",
        "/w_400,h_300/roof.jpg",
        "/pictures/van.jpg",
        None,
    ]


def test_a_srcset_named_as_attribute_gives_its_first_address() -> None:
    reading = read("pages/lazy-images.html", Selectors("article", image="img@srcset"))

    assert reading.entries[2].image == "https://example.org/w_400,h_300/roof.jpg"


def test_markup_inside_a_text_leaves_no_trace_in_it() -> None:
    first, second = read("pages/markup-in-text.html", Selectors("a.entry")).entries

    assert first.title == "How we, at last, measured H2O: the long way"
    assert first.summary is not None
    assert first.summary.value == "If a < b, swap."
    assert second.title == "Ink that stays"


def test_a_selector_may_match_the_card_itself() -> None:
    reading = read("pages/markup-in-text.html", Selectors("a.entry", link="a@href", category="[data-topic]@data-topic"))

    assert [(e.link, [c.term for c in e.categories]) for e in reading.entries] == [
        ("https://example.org/water", ["Chemistry"]),
        ("https://example.org/ink", ["Print"]),
    ]


def test_the_own_categories_of_a_card_win_over_its_section() -> None:
    markup = "<h2>Section</h2><article><h3>One</h3><i>Own</i></article><article><h3>Two</h3></article>"

    reading = read_markup(markup, Selectors("article", category="i", section="h2"))

    assert [[c.term for c in e.categories] for e in reading.entries] == [["Own"], ["Section"]]


def test_the_title_of_an_entry_is_not_the_section_of_the_next() -> None:
    markup = "<h2>Section</h2><article><h2>One</h2></article><article><h2>Two</h2></article>"

    reading = read_markup(markup, Selectors("article", section="h2"))

    assert [[c.term for c in e.categories] for e in reading.entries] == [["Section"], ["Section"]]


def test_an_entry_above_the_first_heading_has_no_category() -> None:
    reading = read_markup("<article><h3>One</h3></article><h2>Late</h2>", Selectors("article", section="h2"))

    assert reading.entries[0].categories == ()
    assert reading.notes == ("1 of 1 entries has no category",)


def test_a_relative_link_of_a_file_is_not_replaced_by_the_share_button() -> None:
    markup = '<article><h3><a href="/p">One</a></h3><a href="https://social.example/share">Share</a></article>'

    reading = read_markup(markup, Selectors("article"), url="file:///page.html")

    assert reading.entries[0].link is None
    assert reading.notes == ("links are relative and the page is a file: set link_base to the site's address",)


def test_an_entry_without_any_link_is_no_reason_to_ask_for_link_base() -> None:
    reading = read_markup("<article><h3>One</h3></article>", Selectors("article"), url="file:///page.html")

    assert reading.notes == ()


def test_link_base_wins_over_the_base_of_the_page() -> None:
    markup = '<base href="https://mirror.example/"><article><a href="p">One</a></article>'

    reading = read_markup(markup, Selectors("article"), link_base="https://example.net/blog/")

    assert reading.entries[0].link == "https://example.net/blog/p"


def test_a_link_that_leads_nowhere_is_passed_over() -> None:
    markup = """<article><h3>One</h3><a href="#x">a</a><a href="mailto:a@b.example">b</a>
        <a href=" java&#10;script:alert(1)">c</a><a href="/one">d</a></article>"""

    assert read_markup(markup, Selectors("article")).entries[0].link == "https://example.org/one"


def test_a_selector_that_misses_is_not_replaced_by_a_guess() -> None:
    markup = (
        '<article><h3>Advertisement</h3><a rel="author" href="/x">Ada</a><p>Words</p><a href="/1">more</a></article>'
    )

    (entry,) = read_markup(markup, Selectors("article", title=".t", author=".a", summary=".s")).entries

    assert (entry.title, entry.authors, entry.summary) == ("", (), None)


def test_the_attribute_of_a_time_wins_over_its_text() -> None:
    markup = '<article><h3>One</h3><time datetime="2024-10-21">3 days ago</time></article>'

    for select in (Selectors("article"), Selectors("article", date="time"), Selectors("article", date="time@dateTime")):
        assert str(read_markup(markup, select).entries[0].published) == "2024-10-21"


@pytest.mark.parametrize("leaf", ["<i>Oct</i><i>21</i><i>2024</i>", "Oct 21<sup>st</sup>, 2024"])
def test_a_date_in_pieces_is_put_together(leaf: str) -> None:
    reading = read_markup(f"<article><h3>One</h3><div>{leaf}</div></article>", Selectors("article", date="div"))

    assert str(reading.entries[0].published) == "2024-10-21"


def test_the_language_of_the_page_settles_its_dates() -> None:
    markup = '<html lang="{}"><article><h3>One</h3><b>03/04/2024</b></article>'
    select = Selectors("article", date="b")

    found = [read_markup(markup.format(lang), select).entries[0].published for lang in ("en-US", "en-GB", "fr")]

    assert [str(date) for date in found] == ["2024-03-04", "2024-04-03", "2024-04-03"]


def test_a_page_speaks_of_itself() -> None:
    markup = """<html lang="nl"><head><title>Archief &amp; meer</title><meta name="description" content=" Alles.  ">
        <link rel="canonical" href="javascript:1"><link rel="shortcut icon" href="/i.png"></head>
        <article><h3>One</h3></article>"""

    about = read_markup(markup, Selectors("article")).about

    assert (about.title, about.description, about.language) == ("Archief & meer", "Alles.", "nl")
    assert (about.link, about.icon) == (None, "https://example.org/i.png")


@pytest.mark.parametrize("tag", ["div", "b"])
def test_f35_a_page_nested_a_hundred_thousand_deep_is_read_all_the_same(tag: str) -> None:
    markup = f"<article><h3>One</h3></article><h2>{f'<{tag}>' * 100_000}Deep<article><h3>Two"

    reading = read_markup(markup, Selectors("article", section="h2"))

    assert [e.title for e in reading.entries] == ["One", "Two"]
    assert [[c.term for c in e.categories] for e in reading.entries] == [[], ["Deep Two"]]


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
        (r".sm\@wide@data-Kind", (r".sm\@wide", "data-kind")),
    ],
)
def test_a_selector_may_name_an_attribute(text: str, parts: tuple[str, str | None]) -> None:
    assert split_selector(text) == parts


@pytest.mark.parametrize("text", ["p::text", "h3 >", "a@", "@href", "a[", ":nonsense(x)"])
def test_a_selector_that_is_none_is_a_clear_error(text: str) -> None:
    with pytest.raises(ValueError, match='"'):
        compile_selector(text)


WHOLE = """<!doctype html><html><body><main>
<article><h2><a href="/b">Another post</a></h2><p>Some words about it.</p><i>Design</i></article>
<article><h2><a href="/a">A post of the blog</a></h2><p>What it says, at length.</p><i>Design</i></article>
</main></body></html>"""


def read_body(markup: str) -> Reading:
    select = Selectors("article", category="i")
    return readers.read(markup.encode(), url=HERE, headers={}, source=Source("s", HERE, select=select), now=NOW)


@pytest.mark.parametrize("end", ["post of", "at length", "<i>Des", "</i"])
def test_f15_a_page_that_ends_in_the_middle_of_an_entry_says_nothing_of_that_one(end: str) -> None:
    found = read_body(WHOLE[: WHOLE.rindex(end) + len(end)])

    assert [entry.title for entry in found.entries] == ["Another post"]
    assert not found.complete


@pytest.mark.parametrize(
    "markup",
    [
        WHOLE.replace("</main></body></html>", ""),
        WHOLE.replace("</main></body></html>", "</main>Written by hand"),
        WHOLE.replace("</article>", "").replace("</main>", ""),
        WHOLE.replace("</h2>", "").replace("</main></body></html>", "Written by hand"),
        WHOLE.replace("</main></body></html>", "</main><script>if (1 < 2) write('<a>')</script>"),
    ],
    ids=["without its end", "with words at its end", "without the ends of entries", "careless throughout", "a script"],
)
def test_a_page_whose_author_leaves_out_ends_is_read_whole(markup: str) -> None:
    found = read_body(markup)

    assert [entry.title for entry in found.entries][-1] in ("A post of the blog", "Another post")
    assert found.complete


def test_f15_a_page_that_ends_in_the_middle_of_its_only_entry_is_not_read() -> None:
    with pytest.raises(ReadError, match="ends in the middle"):
        read_body(WHOLE[: WHOLE.index("Another post") + 7])

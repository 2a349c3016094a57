"""The reading room's door: what a body is, its charset, and what holds for every reading."""

from __future__ import annotations

import random
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from make import NOW
from workbench import FIXTURES

from feedwatch.errors import ReadError
from feedwatch.model import Category, Reading, Selectors, Source
from feedwatch.readers import read

URL = "https://blog.example/archive/"
CARDS = Selectors(entry="article", title="h2", link="a@href")
PAGE = '<!DOCTYPE html><html><head>{head}</head><body><article><h2>One</h2><a href="1">read</a></article></body></html>'


def reading_of(body: str | bytes, content_type: str = "text/html", **source: Any) -> Reading:
    body = body.encode() if isinstance(body, str) else body
    headers = {"content-type": content_type}
    return read(body, url=URL, headers=headers, source=Source("blog", URL, **source), now=NOW)


def refused(body: str | bytes, content_type: str = "", **source: Any) -> ReadError:
    with pytest.raises(ReadError) as caught:
        reading_of(body, content_type, **source)
    return caught.value


def rss(entries: str, encoding: str | None = None) -> str:
    prolog = f'<?xml version="1.0" encoding="{encoding}"?>' if encoding else ""
    return f'{prolog}<rss version="2.0"><channel><title>T</title>{entries}</channel></rss>'


def titled(title: str, encoding: str | None = None) -> str:
    return rss(f"<item><title>{title}</title><link>/1</link></item>", encoding)


# --- what it is -------------------------------------------------------------------------------------


@pytest.mark.parametrize("content_type", ["text/html", "application/json", "image/png", "", "application/rss+xml"])
def test_a_feed_is_a_feed_whatever_the_server_calls_it(content_type: str) -> None:
    assert reading_of("\ufeff\n <!-- hello --> " + titled("A"), content_type).kind == "feed"


@pytest.mark.parametrize("content_type", ["text/html", "application/xml", ""])
def test_a_page_is_a_page_whatever_the_server_calls_it(content_type: str) -> None:
    found = reading_of(PAGE.format(head=""), content_type, select=CARDS)

    assert found.kind == "page"
    assert [(entry.title, entry.link) for entry in found.entries] == [("One", URL + "1")]


def test_a_feed_is_read_as_one_even_with_selectors() -> None:
    assert reading_of(titled("A"), select=CARDS).kind == "feed"


def test_xhtml_and_pages_after_a_warning_are_pages() -> None:
    xhtml = '<?xml version="1.0"?><!DOCTYPE html PUBLIC "-//x" "y"><html xmlns="http://www.w3.org/1999/xhtml">'
    card = "<body><article><h2>One</h2><a href='1'>x</a></article></body></html>"

    assert reading_of(xhtml + card, select=CARDS).kind == "page"
    assert reading_of(f"Warning: foo <br/>\n<html>{card}", select=CARDS).kind == "page"


def test_a_page_that_lists_no_posts_says_what_it_needs() -> None:
    error = refused(PAGE.format(head=""))

    assert error.kind == "empty"
    assert "no list of posts was found" in str(error)
    assert "[source.select]" in str(error)


@pytest.mark.parametrize("kind", ["rss+xml", "atom+xml", "feed+json"])
def test_a_page_without_selectors_names_its_feed(kind: str) -> None:
    translation = '<link rel="alternate" hreflang="de" href="/de">'
    head = f'{translation}<link rel="alternate" type="application/{kind}" href="../feed">'

    assert "https://blog.example/feed" in str(refused(PAGE.format(head=head)))


@pytest.mark.parametrize("body", ["", "hello there", "<svg><a/></svg>", "{}", "[1]", "%PDF-1.7"])
def test_f19_what_is_neither_feed_nor_page_is_refused_with_its_first_words(body: str) -> None:
    error = refused(body)

    assert error.kind == "unreadable"
    assert f"neither a feed nor a web page (starts with {body!r})" in str(error)


def test_a_selector_without_entries_is_named_with_its_count() -> None:
    none, nameless = Selectors(entry="div.card"), Selectors(entry="article")

    assert 'entry = "div.card" matched 0 elements' in str(refused(PAGE.format(head=""), select=none))
    error = refused("<html><body><article></article></body></html>", select=nameless)
    assert error.kind == "empty"
    assert "matched 1 elements and none of them has a title or link" in str(error)


@pytest.mark.parametrize(
    "body", [rss(""), "<rss/>", '<feed xmlns="http://www.w3.org/2005/Atom"></feed>', rss("<item/>")]
)
def test_a_feed_without_entries_is_empty(body: str) -> None:
    assert refused(body).kind == "empty"


# --- charset ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("codec", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be", "utf-32"])
def test_f18_unicode_in_any_width_is_read(codec: str) -> None:
    body = titled("Smørrebrød 漢字", "utf-16" if "16" in codec else None)

    assert reading_of(body.encode(codec)).entries[0].title == "Smørrebrød 漢字"


@pytest.mark.parametrize(
    ("codec", "title"),
    [("shift_jis", "日本"), ("gbk", "中文"), ("euc_kr", "한국"), ("koi8-r", "Привет"), ("iso-8859-15", "5 € é")],
)
def test_f18_a_charset_is_believed_from_http_or_from_the_document(codec: str, title: str) -> None:
    assert reading_of(titled(title).encode(codec), f"text/xml; charset={codec}").entries[0].title == title
    assert reading_of(titled(title, codec).encode(codec), "text/xml").entries[0].title == title


def test_a_page_names_its_charset_in_meta() -> None:
    head = '<meta http-equiv="Content-Type" content="text/html; charset=windows-1251">'
    page = PAGE.format(head=head).replace("One", "Привет").encode("windows-1251")

    assert reading_of(page, select=CARDS).entries[0].title == "Привет"


def test_f18_western_bytes_under_a_utf_8_label_are_repaired() -> None:
    body = (FIXTURES / "feeds" / "latin-1-labelled-utf-8.rss").read_bytes()

    assert reading_of(body, "text/xml; charset=utf-8").entries[0].title == "L’été – déjà"


def test_f18_utf_8_under_a_western_label_is_repaired() -> None:
    assert reading_of(titled("Ça “va”", "iso-8859-1").encode()).entries[0].title == "Ça “va”"


def test_f18_one_broken_byte_does_not_turn_the_rest_to_noise() -> None:
    body = titled("é" * 300).encode().replace(b"T</title>", b"T\xff</title>", 1)

    found = reading_of(body)
    assert found.entries[0].title == "é" * 300
    assert found.about.title == "T\ufffd"


def test_f18_text_that_is_mostly_unreadable_is_refused_by_the_name_of_its_charset() -> None:
    error = refused(titled("漢" * 50).encode() + b"\x81\xff" * 40, "text/xml; charset=utf-8")

    assert error.kind == "unreadable"
    assert "not utf-8 text" in str(error)


@pytest.mark.parametrize("codec", ["unicode_escape", "punycode", "hex", "utf-7", "utf-16", "no-such"])
def test_f18_a_label_that_is_no_charset_is_ignored(codec: str) -> None:
    assert (
        reading_of(titled("A+AGE- \\u0041é", codec), f"text/xml; charset={codec}").entries[0].title == "A+AGE- \\u0041é"
    )


# --- what holds for every reading -------------------------------------------------------------------


def test_f33_a_document_is_cut_at_five_thousand_entries_and_says_so() -> None:
    found = reading_of(rss("".join(f"<item><link>/{n}</link></item>" for n in range(5003))))

    assert len(found.entries) == 5000
    assert found.entries[-1].link == "https://blog.example/4999"
    assert not found.complete
    assert found.notes[0] == "only the first 5000 of 5003 entries were read"


def test_the_source_s_own_categories_are_added_once() -> None:
    body = rss("<item><title>A</title><category>Data Science</category></item><item><title>B</title></item>")
    found = reading_of(body, categories=("data-science", "News"))

    assert [entry.categories for entry in found.entries] == [
        (Category("Data Science"), Category("News")),
        (Category("data-science"), Category("News")),
    ]


def test_c16_entries_under_one_id_are_all_kept_and_keep_theirs_when_another_comes_before() -> None:
    same = '<guid isPermaLink="false">same</guid>'

    def ids(*numbers: int) -> list[str]:
        items = "".join(f"<item>{same}<link>/{n}</link></item>" for n in numbers)
        return [entry.id for entry in reading_of(rss(items)).entries]

    assert ids(1, 2) == ["same https://blog.example/1", "same https://blog.example/2"]
    assert ids(3, 1, 2)[1:] == ids(1, 2)
    assert len(set(ids(1, 2, 2, 2))) == 4


def test_c16_a_feed_whose_entries_all_have_one_link_keeps_them_apart_by_their_titles() -> None:
    def ids(*titles: str) -> list[str]:
        return [
            e.id
            for e in reading_of(rss("".join(f"<item><title>{t}</title><link>/</link></item>" for t in titles))).entries
        ]

    assert len(set(ids("A", "B", "C"))) == 3
    assert ids("New", "A", "B", "C")[1:] == ids("A", "B", "C")


def test_what_is_missing_is_counted_and_void_entries_are_skipped() -> None:
    found = reading_of(
        rss("<item><title>A</title></item><item><link>/2</link></item><item><guid>javascript:x</guid></item>")
    )

    assert len(found.entries) == 2
    assert found.notes == (
        "1 of 3 entries has neither title, link nor text and was skipped",
        "2 of 2 entries have no date",
        "1 of 2 entries has no link",
        "1 of 2 entries has no title",
    )


def test_nothing_missing_gives_no_note() -> None:
    body = rss("<item><title>A</title><link>/1</link><pubDate>Sat, 05 Oct 2024 08:30:00 GMT</pubDate></item>")

    assert reading_of(body).notes == ()


def test_characters_that_spoil_xml_are_gone() -> None:
    entry = reading_of(titled("A\x0b\ufffeB\x00")).entries[0]

    assert entry.title == "AB"


def test_c31_relative_links_of_a_file_resolve_against_link_base() -> None:
    source = Source("blog", "file:///srv/feed.xml", link_base="https://blog.example/")
    found = read(titled("A").encode(), url="file:///srv/feed.xml", headers={}, source=source, now=NOW)

    assert found.entries[0].link == "https://blog.example/1"


# --- whatever the bytes -----------------------------------------------------------------------------

BODIES = [path.read_bytes() for path in sorted((FIXTURES / "feeds").iterdir())] + [PAGE.format(head="").encode()]


@settings(max_examples=100, deadline=None, derandomize=True)
@given(st.binary(max_size=300), st.sampled_from(["", "<rss>", "<feed>", "<html>", '{"version":"https://jsonfeed.org/']))
def test_no_bytes_raise_anything_but_a_read_error(noise: bytes, start: str) -> None:
    try:
        reading_of(start.encode() + noise, select=CARDS)
    except ReadError:
        return


@settings(max_examples=150, deadline=None, derandomize=True, suppress_health_check=[HealthCheck.too_slow])
@given(st.sampled_from(BODIES), st.integers(0, 2**32))
def test_no_damage_raises_anything_but_a_read_error(body: bytes, seed: int) -> None:
    chance = random.Random(seed)  # noqa: S311
    damaged = bytearray(body)
    for _ in range(chance.randint(1, 8)):
        place = chance.randrange(len(damaged))
        damaged[place : place + chance.randint(0, 6)] = chance.choice(
            [
                b"<",
                b"&",
                b"\xff",
                b"]]>",
                b"<!--",
                b"<![CDATA[",
                b"\0",
                b"&#x110000;",
                b'"',
                b"</item>",
                b"null",
                b"-9e999",
            ]
        )
    try:
        found = reading_of(bytes(damaged), select=CARDS)
    except ReadError:
        return
    ids = [entry.id for entry in found.entries]
    assert len(ids) == len(set(ids))
    assert all(entry.link is None or entry.link.startswith(("http://", "https://")) for entry in found.entries)

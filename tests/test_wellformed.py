"""The quick reader of well-formed feeds says what feedparser says, or leaves the document to it."""

from __future__ import annotations

from datetime import UTC, datetime
from itertools import chain, product
from pathlib import Path
from xml.sax.saxutils import escape, quoteattr

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from workbench import FIXTURES

from feedwatch.canonical import clean
from feedwatch.errors import ReadError
from feedwatch.model import Reading
from feedwatch.readers import wellformed
from feedwatch.readers.feed import read_any_feed, read_quickly
from feedwatch.readers.kind import look

NOW = datetime(2026, 1, 2, tzinfo=UTC)
URL = "https://site.example/blog/feed.xml"
SPACES = (
    'xmlns:content="http://purl.org/rss/1.0/modules/content/" xmlns:dc="http://purl.org/dc/elements/1.1/" '
    'xmlns:media="http://search.yahoo.com/mrss/" xmlns:atom="http://www.w3.org/2005/Atom" '
    'xmlns:slash="http://purl.org/rss/1.0/modules/slash/" xmlns:sy="http://purl.org/rss/1.0/modules/syndication/"'
)


def quick(text: str) -> bool:
    return wellformed.parse(look(text).text.encode(), URL) is not None


def same(text: str) -> Reading:
    found = look(text)
    slow = read_any_feed(found, url=URL, now=NOW)
    assert read_quickly(text.encode(), "", url=URL, now=NOW) == slow
    return slow


# --- any feed that is made of what the quick reader knows, and of much that it does not ------------------------------

WORDS = st.sampled_from([
    "", " ", "Faster joins", "  two  spaces\n and a line ", "AT&T < 5 > 4", "<b>Bold</b> & <i>thin</i>",
    "caf\u00e9 \u6771\u4eac",
    "&lt;p&gt;twice escaped&lt;/p&gt;", "<p>One <a href='/x?a=1&b=2'>link</a></p>", "a &amp; b", "&eacute;t&eacute;",
    "C1 \u0085 sign", "emoji \U0001f600", "(Ada)", "Ada <ada@example.org>", "ada@example.org (Ada)", "\u00a0hard\u00a0",
    "<script>alert(1)</script>text", "]]&gt;", "http://other.example/a", "1. list\n2. list",
])  # fmt: skip
ADDRESSES = st.sampled_from([
    "https://site.example/post/1", "/post/2", "post/3?a=1&b=2&amp;c=3", "https:///site.example/odd", "", "  /spaced ",
    "tag:site.example,2026:4", "javascript:alert(1)", "//other.example/p", "https://site.example/p#part", "?q=1",
    "urn:x:y", "http://[bad", "HTTP://SITE.example/Up",
])  # fmt: skip
DATES = st.sampled_from([
    "Fri, 02 Jan 2026 10:00:00 GMT", "2026-01-01T09:00:00+02:00", "2026-01-01", "yesterday", "", "2 Jan 2026",
])  # fmt: skip


def element(name: str, value: st.SearchStrategy[str], attributes: str = "") -> st.SearchStrategy[str]:
    def written(text: str, cdata: bool) -> str:
        inside = f"<![CDATA[{text.replace(']]>', '')}]]>" if cdata else escape(text)
        return f"<{name}{attributes}>{inside}</{name}>"

    return st.builds(written, value, st.booleans())


def empty(name: str, **attributes: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    def written(values: dict[str, str]) -> str:
        return f"<{name} {' '.join(f'{key}={quoteattr(value)}' for key, value in values.items())}/>"

    return st.fixed_dictionaries({}, optional=attributes).map(written)


TYPES = st.sampled_from(["image/png", "AUDIO/mpeg", "text/html", ""])
IN_BOTH = (
    element("atom:link", WORDS),
    empty("atom:link", href=ADDRESSES, rel=st.sampled_from(["self", "Alternate", "hub", "next"]), type=TYPES),
)
ITEM = st.one_of(
    element("title", WORDS),
    element("link", ADDRESSES),
    element("guid", ADDRESSES),
    element("guid", ADDRESSES, ' isPermaLink="false"'),
    element("guid", ADDRESSES, ' isPermaLink="true"'),
    element("description", WORDS),
    element("content:encoded", WORDS),
    element("pubDate", DATES),
    element("dc:date", DATES),
    element("author", WORDS),
    element("dc:creator", WORDS),
    element("category", WORDS),
    element("category", WORDS, ' domain="https://site.example/tags"'),
    element("comments", ADDRESSES),
    element("slash:comments", WORDS),
    empty("enclosure", url=ADDRESSES, type=TYPES, length=st.sampled_from(["12", "", "many"])),
    empty("media:thumbnail", url=ADDRESSES),
    empty("media:content", url=ADDRESSES, type=TYPES, medium=st.sampled_from(["image", "video"])),
    element("media:title", WORDS),
    *IN_BOTH,
)
CHANNEL = st.one_of(
    element("title", WORDS),
    element("link", ADDRESSES),
    element("description", WORDS),
    element("language", st.sampled_from(["en", "de-DE", ""])),
    element("copyright", WORDS),
    element("managingEditor", WORDS),
    element("ttl", st.sampled_from(["60", "x"])),
    element("lastBuildDate", DATES),
    element("generator", WORDS),
    element("webMaster", WORDS),
    element("category", WORDS),
    element("sy:updatePeriod", st.sampled_from(["hourly", "daily"])),
    st.builds(lambda url, title: f"<image>{url}{title}</image>", element("url", ADDRESSES), element("title", WORDS)),
    *IN_BOTH,
)
CONSTRUCTS = tuple(
    element(name, WORDS, type_)
    for name in ("title", "summary", "content")
    for type_ in ("", ' type="text"', ' type="html"', ' type="TEXT/HTML"', ' type="text/plain"', ' type="image/png"')
)
PERSON = st.builds(
    lambda name, uri, email: f"<author>{name}{uri}{email}</author>",
    element("name", WORDS),
    st.one_of(st.just(""), element("uri", ADDRESSES)),
    st.one_of(st.just(""), element("email", st.sampled_from(["ada@example.org", "a@b.museum"]))),
)
LINK = empty(
    "link", href=ADDRESSES, rel=st.sampled_from(["self", "alternate", "enclosure", "next", "ALTERNATE"]), type=TYPES
)
ENTRY = st.one_of(
    *CONSTRUCTS,
    element("id", ADDRESSES),
    element("published", DATES),
    element("updated", DATES),
    element("rights", WORDS),
    empty("category", term=WORDS, scheme=ADDRESSES, label=WORDS),
    PERSON,
    LINK,
)
FEED = st.one_of(*CONSTRUCTS[:6], element("id", ADDRESSES), element("updated", DATES), element("subtitle", WORDS),
                 element("icon", ADDRESSES), element("logo", ADDRESSES), PERSON, LINK)  # fmt: skip


def joined(parts: st.SearchStrategy[str], most: int = 6) -> st.SearchStrategy[str]:
    return st.lists(parts, max_size=most).map("\n".join)


RSS = st.builds(
    lambda head, items: (
        f'<?xml version="1.0"?><rss version="2.0" {SPACES}><channel>{head}'
        + "".join(f"<item>{item}</item>" for item in items)
        + "</channel></rss>"
    ),
    joined(CHANNEL),
    st.lists(joined(ITEM, 8), max_size=3),
)
ATOM = st.builds(
    lambda lang, head, entries: (
        f'<feed xmlns="http://www.w3.org/2005/Atom"{lang}>{head}'
        + "".join(f"<entry>{entry}</entry>" for entry in entries)
        + "</feed>"
    ),
    st.sampled_from(["", ' xml:lang="en"', ' xml:lang="de_AT"', ' xml:base="https://base.example/"']),
    joined(FEED),
    st.lists(joined(ENTRY, 8), max_size=3),
)


@settings(deadline=None, max_examples=120)
@given(st.one_of(RSS, ATOM))
def test_whatever_is_read_quickly_is_what_feedparser_reads(text: str) -> None:
    if quick(text):
        same(text)


@pytest.mark.slow
@settings(deadline=None, max_examples=3000)
@given(st.one_of(RSS, ATOM))
def test_whatever_is_read_quickly_is_what_feedparser_reads_at_length(text: str) -> None:
    if quick(text):
        same(text)


# --- what is quick and what is not ------------------------------------------------------------------------------------


def rss(item: str) -> str:
    return f'<rss version="2.0" {SPACES}><channel><title>T</title><item>{item}</item></channel></rss>'


@pytest.mark.parametrize(
    "text",
    [
        rss("<title>A</title><link>/a</link><guid isPermaLink='false'>1</guid><description>&lt;p&gt;x</description>"),
        rss("<dc:creator>Ada</dc:creator><category>Data</category><content:encoded><![CDATA[<p>x]]></content:encoded>"),
        '<feed xmlns="http://www.w3.org/2005/Atom" xml:lang="en"><title>T</title><entry><id>1</id>'
        '<title type="html">A</title><link href="/a"/><content type="html">&lt;p&gt;x</content></entry></feed>',
    ],
)
def test_what_nearly_all_feeds_are_made_of_is_read_quickly(text: str) -> None:
    assert quick(text)
    assert same(text).entries


def test_each_entry_is_read_by_what_it_is_made_of() -> None:
    link = "<link>https://site.example/{}</link>"
    items = [
        f"<title>A</title>{link.format('a')}<description>&lt;p&gt;x</description>",
        f"{link.format('b')}<title>B</title><description>y</description>",
        f"<title>C</title>{link.format('c')}<description>z</description><category>D</category><category>E</category>",
        f"<title>F</title>{link.format('f')}<description>&lt;p&gt;x</description>",
    ]
    head = f"<title>T</title>{link.format('')}<description>&lt;p&gt;x</description>"
    text = f'<rss version="2.0"><channel>{head}{"".join(f"<item>{item}</item>" for item in items)}</channel></rss>'

    assert quick(text)
    assert [entry.title for entry in same(text).entries] == ["A", "B", "C", "F"]


def test_what_is_not_looked_at_may_be_of_any_depth() -> None:
    deep = rss(f"<title>A</title><comments>{'<b>' * 100_000}{'</b>' * 100_000}</comments>")

    assert quick(deep)


@pytest.mark.parametrize("piece", ["x", "\u00e9", "\u6771x", "\U0001f600", "&amp;", "a &lt;b>\n"])
def test_a_text_of_any_length_is_read_whole(piece: str) -> None:
    text = rss(f"<title>A</title><description>{piece * 40_001}</description>")

    assert quick(text)
    assert same(text).entries[0].summary


@pytest.mark.parametrize("letters", ["#&", "##&#147;", "&#147;", "# &amp;#147;", "#1 &#8217;", "\u00e9 #\x93"])
def test_letters_that_feedparser_mends_are_found_wherever_they_stand(letters: str) -> None:
    text = rss(f"<title>{letters}</title>")

    assert not quick(text) or same(text)


@pytest.mark.parametrize(
    "text",
    [
        rss("<title>A & B</title>"),
        rss("<title>caf&eacute;</title>"),
        rss("<title>A <b>bold</b> one</title>"),
        rss("<title>A</title><title>B</title>"),
        rss("<itunes:image xmlns:itunes='http://www.itunes.com/dtds/podcast-1.0.dtd' href='/a.png'/>"),
        rss("<title xml:lang='de'>A</title>"),
        rss("<TITLE>A</TITLE>"),
        rss("<title>A</title>").replace("2.0", "0.92"),
        rss("<title>A</title>") + "<script>x</script>",
        rss("<title>A</title>")[:-20],
        '<feed xmlns="http://www.w3.org/2005/Atom"><entry><content type="xhtml"><div/></content></entry></feed>',
        '<feed xmlns="http://purl.org/atom/ns#" version="0.3"><title>T</title></feed>',
    ],
)
def test_anything_else_is_left_to_feedparser(text: str) -> None:
    assert not quick(text)


def test_every_feed_of_the_fixtures_reads_the_same_either_way() -> None:
    for path in sorted(Path(FIXTURES).rglob("*")):
        if path.suffix in (".xml", ".rss", ".atom"):
            text = path.read_text("utf-8", "replace")
            try:
                if look(text).kind == "xml" and quick(text):
                    same(text)
            except ReadError:
                continue


# --- what libxml2 refuses ------------------------------------------------------------------------------------

EDGES = bytes.fromhex("41 7f 80 8f 90 9f a0 bf c0 c1 c2 df e0 ed ef f0 f4 f5 ff be")
PLACES = ["<title>{}</title>", "<title><![CDATA[{}]]></title>", "<guid isPermaLink='{}'>1</guid>", "<!--{}-->"]


def could_be_read(data: bytes) -> bool:
    try:
        text = data.decode()
    except UnicodeDecodeError:
        return False
    return clean(text) == text


@pytest.mark.parametrize("place", PLACES)
def test_no_bytes_are_read_quickly_that_are_no_utf_8_or_no_characters_of_xml(place: str) -> None:
    before, after = rss(place).encode().split(b"{}")
    controls = [bytes([code]) for code in range(32)]
    long = (edges for edges in product(EDGES, repeat=4) if edges[0] >= 0xF0)
    tried = (bytes(edges) for edges in chain(*(product(EDGES, repeat=size) for size in (1, 2, 3)), long))

    wrong = [
        data
        for data in chain(controls, tried)
        if not could_be_read(data) and wellformed.parse(before + data + after, URL) is not None
    ]

    assert wrong == []

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


#: What those that hold others may say of all of it, and what may stand where nothing should: both now and then only, as
#: a document with one of them is left to feedparser.
ATTRIBUTES = st.sampled_from([
    *[""] * 16, ' xml:base="https://base.example/"', ' xml:lang="fr"', ' lang="fr"', ' href="/h"',
    ' lastmod="2026-01-01"',
])  # fmt: skip
WITHIN = st.sampled_from([
    *["", "text"] * 8, "<link>/n</link>", "<category>c</category>", "<item><title>I</title></item>",
    "<description>d</description>", "<title>t</title>", "<language>fr</language>", "<day>Monday</day>", "<url>/u</url>",
])  # fmt: skip


def holding(*names: str) -> st.SearchStrategy[str]:
    return st.builds(
        lambda name, attributes, inside: f"<{name}{attributes}>{inside}</{name}>",
        st.sampled_from(names), ATTRIBUTES, WITHIN,
    )  # fmt: skip


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
    holding("comments", "slash:comments", "enclosure", "guid", "category"),
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
    st.builds(
        lambda attributes, url, other: f"<image{attributes}>{url}{other}</image>",
        ATTRIBUTES,
        element("url", ADDRESSES),
        st.one_of(element("title", WORDS), holding("link", "description", "width")),
    ),
    holding("cloud", "docs", "generator", "ttl", "webMaster", "category", "pubDate", "sy:updatePeriod", "language"),
    st.builds(lambda inside: f"<skipDays><day>Sunday</day>{inside}</skipDays>", WITHIN),
    st.builds(lambda inside: f"<skipHours><hour>{inside}</hour></skipHours>", WITHIN),
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
    holding("generator", "category", "author", "published"),
)
FEED = st.one_of(*CONSTRUCTS[:6], element("id", ADDRESSES), element("updated", DATES), element("subtitle", WORDS),
                 element("icon", ADDRESSES), element("logo", ADDRESSES), PERSON, LINK,
                 holding("generator", "icon", "id"))  # fmt: skip


def joined(parts: st.SearchStrategy[str], most: int = 6) -> st.SearchStrategy[str]:
    return st.lists(parts, max_size=most).map("\n".join)


def entries(name: str, parts: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    one = st.builds(lambda attributes, inside: f"<{name}{attributes}>{inside}</{name}>", ATTRIBUTES, joined(parts, 8))
    return st.lists(one, max_size=3).map("".join)


RSS = st.builds(
    lambda attributes, of_channel, head, items: (
        f'<?xml version="1.0"?><rss version="2.0" {SPACES}{attributes}>'
        f"<channel{of_channel}>{head}{items}</channel></rss>"
    ),
    ATTRIBUTES,
    ATTRIBUTES,
    joined(CHANNEL),
    entries("item", ITEM),
)
ATOM = st.builds(
    lambda lang, head, inside: f'<feed xmlns="http://www.w3.org/2005/Atom"{lang}>{head}{inside}</feed>',
    st.sampled_from(["", ' xml:lang="en"', ' xml:lang="de_AT"', ' xml:base="https://base.example/"']),
    joined(FEED),
    entries("entry", ENTRY),
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


BASE, ELSEWHERE = "xml:base='https://other.example/'", "<link>/n</link><category>c</category><title>t</title>"
LINKED = "<title>A</title><guid>1</guid><link>/a</link>"


@pytest.mark.parametrize(
    "text",
    [
        rss(LINKED).replace("<channel>", f"<channel {BASE}>"),
        rss(LINKED).replace("<channel>", "<channel xml:lang='fr'>"),
        rss(LINKED).replace("<channel>", "<channel lang='fr'>"),
        rss(LINKED).replace("<channel>", "<channel href='/h'>"),
        rss(LINKED).replace("<rss ", f"<rss {BASE} "),
        rss(LINKED).replace("<item>", f"<item {BASE}>"),
        rss(LINKED).replace("<item>", f"<image {BASE}><url>/i.png</url></image><item>"),
        rss(LINKED).replace("<item>", f"<image><url {BASE}>/i.png</url></image><item>"),
    ],
)
def test_what_is_said_of_all_that_an_element_holds_is_left_to_feedparser(text: str) -> None:
    assert not quick(text)
    assert read_any_feed(look(text), url=URL, now=NOW) != same(rss(LINKED))


@pytest.mark.parametrize("name", ["comments", "slash:comments", "enclosure", "guid", "category", "media:content"])
def test_what_stands_in_an_element_of_an_entry_that_holds_no_others_is_left_to_feedparser(name: str) -> None:
    text = rss(f"<title>A</title><{name}>{ELSEWHERE}</{name}>")

    assert not quick(text)
    assert read_any_feed(look(text), url=URL, now=NOW).entries[0].link == "https://site.example/n"


@pytest.mark.parametrize("name", [
    "category", "cloud", "docs", "generator", "lastBuildDate", "pubDate", "skipDays", "skipHours", "ttl", "webMaster",
    "skipDays><day", "skipHours><hour", "sy:updatePeriod", "image><url", "image><width",
])  # fmt: skip
def test_what_stands_in_an_element_of_a_channel_that_holds_no_others_is_left_to_feedparser(name: str) -> None:
    outer, _, inner = name.partition("><")
    inside = f"<{name}><item>{LINKED}</item>{f'</{inner}>' if inner else ''}</{outer}>"
    text = rss("<title>B</title>").replace("<item>", f"{inside}<item>")

    assert not quick(text)
    assert len(read_any_feed(look(text), url=URL, now=NOW).entries) == 2


@pytest.mark.parametrize("part", [f"<generator>{ELSEWHERE}</generator>", f"<thr:total>{ELSEWHERE}</thr:total>"])
@pytest.mark.parametrize("around", ["{}", "<entry><title>A</title>{}</entry>"])
def test_what_stands_in_an_ignored_element_of_atom_is_left_to_feedparser(part: str, around: str) -> None:
    text = (
        '<feed xmlns="http://www.w3.org/2005/Atom" xmlns:thr="http://purl.org/syndication/thread/1.0">'
        f"{around.format(part)}</feed>"
    )
    reading = read_any_feed(look(text), url=URL, now=NOW)

    assert not quick(text)
    assert "https://site.example/n" in (reading.about.link, *(entry.link for entry in reading.entries))


def test_the_days_and_hours_to_skip_are_read_quickly() -> None:
    skipped = "<skipHours><hour>1</hour><hour>2</hour></skipHours><skipDays><day>Sunday</day></skipDays>"
    text = rss(LINKED).replace("<item>", f"{skipped}<item>")

    assert quick(text)
    assert same(text).pace.skip_hours == {1, 2}


def test_a_document_of_any_depth_is_left_to_feedparser() -> None:
    deep = rss(f"<title>A</title><comments>{'<b>' * 50_000}{'</b>' * 50_000}</comments>")

    assert not quick(deep)
    assert [entry.title for entry in read_any_feed(look(deep), url=URL, now=NOW).entries] == ["A"]


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


# --- what expat refuses ----------------------------------------------------------------------------------------------

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

"""Feeds are valid, stable to the byte, and carry everything a source gave."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import feedparser
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from lxml import etree
from make import NOW, entry
from msgspec.structs import replace

from feedwatch.canonical import atom_id
from feedwatch.generator import atom
from feedwatch.model import (
    About,
    Category,
    Enclosure,
    Entry,
    Feed,
    KnownEntry,
    Origin,
    Person,
    PublishedEntry,
    Text,
)

BASE = "https://feeds.example.org"
FEED = Feed("feeds/data", "Data", "All about it", "https://blog.example.org/", "en", "https://blog.example.org/i.png")
GRAMMAR = etree.RelaxNG(etree.parse(Path(__file__).with_name("atom.rng")))
NAMES = {"a": "http://www.w3.org/2005/Atom", "media": "http://search.yahoo.com/mrss/"}


def published(of: Entry, *, hour: int = 0) -> PublishedEntry:
    when = datetime(2024, 10, 1, hour, tzinfo=UTC)
    known = KnownEntry(of.id, atom_id("blog", of.id), of, NOW, NOW, when, when, (when, 0))
    return PublishedEntry(known, "blog", About("A blog", "https://blog.example.org/"), (("data", "Data"),))


def render(*entries: Entry) -> bytes:
    return atom.render(FEED, [published(one, hour=number) for number, one in enumerate(entries)], base_url=BASE)


def checked(data: bytes) -> etree._Element:
    """The document, after the RFC's grammar and those of its rules that a grammar cannot say."""
    root = etree.fromstring(data)
    GRAMMAR.assertValid(root)
    ids = root.xpath("//a:entry/a:id/text()", namespaces=NAMES)
    assert len(ids) == len(set(ids))
    for one in root.xpath("//a:entry", namespaces=NAMES):
        # RFC 4287 §4.1.2
        assert one.xpath("a:author", namespaces=NAMES)
        assert one.xpath("a:link[@rel='alternate'] | a:content", namespaces=NAMES)
    return root


FULL = replace(
    entry(1, "A <b>title</b> & more"),
    summary=Text("<p>Short &amp; <em>sweet</em></p>", "html"),
    content=Text('<p>Long <img src="https://example.org/i.png"></p>', "html"),
    authors=(Person("Ada", "ada@example.org", "https://example.org/ada"), Person("Bob")),
    categories=(Category("Data"), Category("d1", "https://blog.example.org/topics", "Data, the topic")),
    enclosures=(Enclosure("https://example.org/a.mp3", "audio/mpeg", 1234), Enclosure("https://example.org/b.pdf")),
    image="https://example.org/thumb.png",
    language="de",
    rights="© 2024 Ada",
    origin=Origin("Another blog", "https://other.example.org/", "tag:other"),
)


def test_c1_c4_everything_a_source_gives_comes_out_again() -> None:
    root = checked(render(FULL))
    read = feedparser.parse(render(FULL)).entries[0]

    assert root.xpath("string(//a:entry/a:title)", namespaces=NAMES) == "A <b>title</b> & more"
    assert read.summary == "<p>Short &amp; <em>sweet</em></p>"
    assert read.content[0].value == '<p>Long <img src="https://example.org/i.png" /></p>'
    # Not through feedparser: it hands one author's e-mail address on to the next.
    authors = [{etree.QName(part).localname: part.text for part in one} for one in root.iterfind(".//a:author", NAMES)]
    assert authors == [{"name": "Ada", "email": "ada@example.org", "uri": "https://example.org/ada"}, {"name": "Bob"}]
    assert [(t.term, t.scheme, t.label) for t in read.tags] == [
        ("data", f"{BASE}/feeds/", "Data"),
        ("d1", "https://blog.example.org/topics", "Data, the topic"),
    ]
    enclosures = root.xpath("//a:link[@rel='enclosure']", namespaces=NAMES)
    assert [dict(link.attrib) for link in enclosures] == [
        {"rel": "enclosure", "href": "https://example.org/a.mp3", "type": "audio/mpeg", "length": "1234"},
        {"rel": "enclosure", "href": "https://example.org/b.pdf"},
    ]
    assert read.media_thumbnail[0]["url"] == "https://example.org/thumb.png"
    assert read.rights == "© 2024 Ada"
    assert (read.source.title, read.source.links[-1].href) == ("Another blog", "https://other.example.org/")
    assert root.xpath("//a:entry/@xml:lang", namespaces=NAMES) == ["de"]


def test_c1_the_head_says_what_the_feed_is() -> None:
    root = checked(render(entry(1), entry(2)))
    head = feedparser.parse(etree.tostring(root)).feed

    links = {link.rel: link.href for link in head.links}
    assert links == {"self": f"{BASE}/feeds/data.atom", "alternate": "https://blog.example.org/"}
    assert (head.title, head.subtitle, head.language) == ("Data", "All about it", "en")
    assert head.updated == "2024-10-01T01:00:00+00:00"


def test_an_entry_without_a_date_of_its_own_has_no_published() -> None:
    undated = published(replace(entry(1), published=None))
    undated = replace(undated, known=replace(undated.known, published=undated.known.first_seen))
    root = checked(atom.render(FEED, [undated, published(entry(2))], base_url=BASE))

    assert [bool(one.findall("a:published", NAMES)) for one in root.findall("a:entry", NAMES)] == [False, True]


def test_c5_an_empty_feed_is_valid_and_has_no_date_of_today() -> None:
    assert feedparser.parse(etree.tostring(checked(render()))).feed.updated.startswith("1970-01-01")


def test_c8_c10_the_same_facts_give_the_same_bytes() -> None:
    assert render(FULL, entry(2)) == render(FULL, entry(2))


def test_c3_c9_entries_are_there_once_and_keep_the_order_they_are_given_in() -> None:
    assert [e.title for e in feedparser.parse(render(entry(3), entry(1), entry(2))).entries] == [
        "Entry 3",
        "Entry 1",
        "Entry 2",
    ]


@pytest.mark.parametrize(
    ("bare", "title"),
    [
        (Entry("x", "", link="https://example.org/x"), "https://example.org/x"),
        (Entry("x", "", summary=Text("Only words")), "Only words"),
        (Entry("x", "Only a title"), "Only a title"),
        (Entry("x", ""), "Untitled"),
    ],
)
def test_c32_the_barest_entry_is_valid(bare: Entry, title: str) -> None:
    root = checked(render(bare))

    assert root.xpath("string(//a:entry/a:title)", namespaces=NAMES) == title


def test_one_bad_entry_never_spoils_the_feed(caplog: pytest.LogCaptureFixture) -> None:
    broken = published(entry(2))
    broken = replace(broken, known=replace(broken.known, atom_id="bad\x00id"))

    root = checked(atom.render(FEED, [published(entry(1)), broken, published(entry(3))], base_url=BASE))

    assert len(root.xpath("//a:entry", namespaces=NAMES)) == 2
    assert "left out" in caplog.text


ANY = st.text(st.characters(codec=None), max_size=30)


@settings(deadline=None, max_examples=60)
@given(ANY, ANY, ANY, ANY, ANY)
def test_c32_no_text_whatever_makes_a_feed_invalid(title: str, words: str, name: str, term: str, url: str) -> None:
    hostile = Entry(
        "x",
        title,
        link=f"https://example.org/{url}",
        summary=Text(words),
        content=Text(words, "html"),
        authors=(Person(name, email=term, uri=url),),
        language=term,
        categories=(Category(term, url, name),),
        enclosures=(Enclosure(url, term, 1),),
        image=url,
        rights=words,
    )

    root = checked(render(hostile, entry(2)))

    assert len(root.xpath("//a:entry", namespaces=NAMES)) == 2

"""The RSS twin of a feed: what RSS 2.0 wants is there, and readers find in it what is in the Atom feed."""

from __future__ import annotations

from email.utils import parsedate_to_datetime
from typing import Any

import feedparser
from hypothesis import given, settings
from hypothesis import strategies as st
from lxml import etree
from make import entry
from msgspec.structs import replace
from test_atom import BASE, FEED, FULL, published

from feedwatch.generator import rss
from feedwatch.model import Category, Enclosure, Entry, Person, Text

ATOM = "{http://www.w3.org/2005/Atom}"


def render(*entries: Entry) -> bytes:
    return rss.render(FEED, [published(one, hour=number) for number, one in enumerate(entries)], base_url=BASE)


def checked(data: bytes) -> etree._Element:
    """The channel, after the rules of RSS 2.0 and of the RSS Advisory Board's profile that programs can check."""
    root = etree.fromstring(data)
    assert (root.tag, root.get("version"), len(root)) == ("rss", "2.0", 1)
    channel = root[0]
    for name in ("title", "link", "description"):
        assert channel.findtext(name)
    assert channel.find(f"{ATOM}link[@rel='self']").get("type") == "application/rss+xml"
    parsedate_to_datetime(channel.findtext("lastBuildDate"))
    guids = [item.findtext("guid") for item in channel.findall("item")]
    assert len(guids) == len(set(guids))
    for item in channel.findall("item"):
        assert item.findtext("title") or item.findtext("description")
        assert item.find("guid").get("isPermaLink") == "false"
        if item.findtext("pubDate"):
            parsedate_to_datetime(item.findtext("pubDate"))
        assert len(item.findall("enclosure")) <= 1
        for enclosure in item.findall("enclosure"):
            assert enclosure.get("url")
            assert enclosure.get("type")
            assert int(enclosure.get("length")) >= 0
        assert item.find("author") is None
    return channel


def test_everything_rss_has_room_for_comes_out_again() -> None:
    checked(render(FULL))
    read: Any = feedparser.parse(render(FULL))
    found = read.entries[0]

    assert (read.version, read.bozo) == ("rss20", False)
    assert found.id.startswith("urn:uuid:")
    assert found.link == "https://example.org/1"
    assert found.title == "A <b>title</b> & more"
    assert found.summary == "<p>Short &amp; <em>sweet</em></p>"
    assert found.content[0].value == '<p>Long <img src="https://example.org/i.png" /></p>'
    assert found.author == "Bob" or found.authors[0].name == "Ada"
    assert [tag.term for tag in found.tags] == ["Data"]
    assert found.enclosures[0].href == "https://example.org/a.mp3"
    assert found.published == "Tue, 01 Oct 2024 00:00:00 +0000"
    assert found.updated.startswith("2024-10-01T00:00:00")


def test_the_head_says_what_the_feed_is() -> None:
    feed = replace(FEED, hub="https://hub.example/", rights="© 2024", logo="https://blog.example.org/logo.png")
    channel = checked(rss.render(feed, [], base_url=BASE))

    assert [(link.get("rel"), link.get("href")) for link in channel.findall(f"{ATOM}link")] == [
        ("self", f"{BASE}/feeds/data.rss"),
        ("hub", "https://hub.example/"),
    ]
    assert channel.findtext("link") == "https://blog.example.org/"
    assert channel.findtext("copyright") == "© 2024"
    assert channel.findtext("image/url") == "https://blog.example.org/logo.png"
    assert channel.findtext("lastBuildDate") == "Thu, 01 Jan 1970 00:00:00 +0000"


def test_plain_text_stays_plain_though_readers_take_it_for_html() -> None:
    channel = checked(render(replace(entry(1), summary=Text("1 < 2 & <b>not bold</b>"))))

    assert channel.findtext("item/description") == "1 &lt; 2 &amp; &lt;b&gt;not bold&lt;/b&gt;"


def test_c8_c10_the_same_facts_give_the_same_bytes() -> None:
    assert render(FULL, entry(2)) == render(FULL, entry(2))


def test_entries_keep_the_order_they_are_given_in() -> None:
    channel = checked(render(entry(3), entry(1), entry(2)))

    assert [item.findtext("title") for item in channel.findall("item")] == ["Entry 3", "Entry 1", "Entry 2"]


ANY = st.text(st.characters(codec=None), max_size=30)


@settings(deadline=None, max_examples=60)
@given(ANY, ANY, ANY, ANY, ANY)
def test_no_text_whatever_makes_a_feed_invalid(title: str, words: str, name: str, term: str, url: str) -> None:
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

    assert len(checked(render(hostile, entry(2))).findall("item")) == 2

"""The JSON twin of a feed: valid by the rules of JSON Feed 1.1, stable to the byte, and as full as the Atom feed."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from datetime import datetime
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from make import entry
from msgspec.structs import replace
from test_atom import BASE, FEED, FULL, published

from feedwatch import readers
from feedwatch.generator import jsonfeed
from feedwatch.model import Category, Enclosure, Entry, Person, Source, Text

#: Keys by what they may hold; what is not listed must begin with a low line.
_FEED = {
    "version": str, "title": str, "home_page_url": str, "feed_url": str, "description": str, "user_comment": str,
    "next_url": str, "icon": str, "favicon": str, "authors": list, "language": str, "expired": bool, "hubs": list,
    "items": list,
}  # fmt: skip
_ITEM = {
    "id": str, "url": str, "external_url": str, "title": str, "content_html": str, "content_text": str, "summary": str,
    "image": str, "banner_image": str, "date_published": str, "date_modified": str, "authors": list, "tags": list,
    "language": str, "attachments": list,
}  # fmt: skip
_ATTACHMENT = {"url": str, "mime_type": str, "title": str, "size_in_bytes": int, "duration_in_seconds": (int, float)}
_AUTHOR = {"name": str, "url": str, "avatar": str}
_RFC_3339 = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:\d\d)")


def checked(data: bytes) -> dict[str, Any]:
    """The document, after every rule of https://jsonfeed.org/version/1.1."""
    found: dict[str, Any] = json.loads(data.decode("utf-8"))
    _keys(found, _FEED, "version", "title", "items")
    assert found["version"] == "https://jsonfeed.org/version/1.1"
    for hub in found.get("hubs", ()):
        _keys(hub, {"type": str, "url": str}, "type", "url")
    ids = [item["id"] for item in found["items"]]
    assert len(ids) == len(set(ids))
    for item in found["items"]:
        _keys(item, _ITEM, "id")
        assert "content_html" in item or "content_text" in item
        for name in ("date_published", "date_modified"):
            assert name not in item or (_RFC_3339.fullmatch(item[name]) and datetime.fromisoformat(item[name]))
        for author in item.get("authors", ()):
            _keys(author, _AUTHOR)
            assert author
        assert all(isinstance(tag, str) and tag for tag in item.get("tags", ()))
        for attachment in item.get("attachments", ()):
            _keys(attachment, _ATTACHMENT, "url", "mime_type")
    for url in [found["home_page_url"], found["feed_url"], *(item["url"] for item in found["items"] if "url" in item)]:
        assert re.match(r"[a-z][a-z0-9+.-]*:", url, re.IGNORECASE), url
    return found


def _keys(value: Mapping[str, Any], kinds: Mapping[str, Any], *needed: str) -> None:
    assert set(needed) <= set(value)
    for key, content in value.items():
        if not key.startswith("_"):
            assert isinstance(content, kinds[key]), key
            assert content is not None


def render(*entries: Entry) -> bytes:
    return jsonfeed.render(FEED, [published(one, hour=number) for number, one in enumerate(entries)], base_url=BASE)


def test_everything_a_source_gives_comes_out_again() -> None:
    item = checked(render(FULL))["items"][0]

    assert item["id"].startswith("urn:uuid:")
    assert item["url"] == "https://example.org/1"
    assert item["title"] == "A <b>title</b> & more"
    assert item["content_html"] == '<p>Long <img src="https://example.org/i.png"></p>'
    assert item["summary"] == "Short & sweet"
    assert item["authors"] == [{"name": "Ada", "url": "https://example.org/ada"}, {"name": "Bob"}]
    assert item["tags"] == ["Data", "Data, the topic"]
    assert item["attachments"] == [
        {"url": "https://example.org/a.mp3", "mime_type": "audio/mpeg", "size_in_bytes": 1234},
        {"url": "https://example.org/b.pdf", "mime_type": "application/pdf"},
    ]
    assert item["image"] == "https://example.org/thumb.png"
    assert item["language"] == "de"
    assert item["_source"]["title"] == "Another blog"


def test_the_head_says_what_the_feed_is() -> None:
    feed = replace(FEED, hub="https://hub.example/", logo="https://blog.example.org/logo.png")
    found = checked(jsonfeed.render(feed, [], base_url=BASE))

    assert found["feed_url"] == f"{BASE}/feeds/data.json"
    assert found["home_page_url"] == "https://blog.example.org/"
    assert (found["title"], found["description"], found["language"]) == ("Data", "All about it", "en")
    assert (found["icon"], found["favicon"]) == ("https://blog.example.org/logo.png", "https://blog.example.org/i.png")
    assert found["hubs"] == [{"type": "WebSub", "url": "https://hub.example/"}]
    assert found["items"] == []


@pytest.mark.parametrize(
    ("of", "content"),
    [
        (replace(entry(1), content=None), {"content_text": "What entry 1 says."}),
        (replace(entry(1), summary=None), {"content_text": ""}),
        (replace(entry(1), summary=None, content=Text("<p>x", "html")), {"content_html": "<p>x"}),
    ],
)
def test_an_item_always_has_one_content(of: Entry, content: dict[str, str]) -> None:
    item = checked(render(of))["items"][0]

    assert {key: item[key] for key in item if key.startswith("content")} == content
    assert "summary" not in item


def test_an_entry_without_a_date_of_its_own_has_no_date_published() -> None:
    bare = published(replace(entry(1), published=None))
    undated = replace(bare, known=replace(bare.known, published=bare.known.first_seen))
    item = checked(jsonfeed.render(FEED, [undated], base_url=BASE))["items"][0]

    assert "date_published" not in item
    assert "date_modified" in item


def test_c8_c10_the_same_facts_give_the_same_bytes() -> None:
    assert render(FULL, entry(2)) == render(FULL, entry(2))


def test_our_own_reader_reads_it_back() -> None:
    url = f"{BASE}/feeds/data.json"
    headers = {"content-type": "application/feed+json"}
    now = published(FULL, hour=20).known.first_seen
    back = readers.read(render(FULL, entry(2)), url=url, headers=headers, source=Source("x", url), now=now)

    assert [one.title for one in back.entries] == [FULL.title, "Entry 2"]
    assert back.entries[0].content == FULL.content
    assert back.entries[0].authors[0].name == "Ada"
    assert back.entries[0].enclosures[0] == FULL.enclosures[0]


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

    assert len(checked(render(hostile, entry(2)))["items"]) == 2

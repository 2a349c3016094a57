"""JSON Feed 1.0 and 1.1, by their fixtures."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

import pytest
from make import NOW
from workbench import FIXTURES

from feedwatch.errors import ReadError
from feedwatch.model import About, Category, Enclosure, Entry, Moment, Person, Reading, Source, Text
from feedwatch.readers import read

URL = "https://slate.example/feeds/feed.json"


def reading_of(body: bytes) -> Reading:
    return read(body, url=URL, headers={}, source=Source("slate", URL), now=NOW)


def feed(*items: Any, **more: Any) -> bytes:
    return json.dumps({"version": "https://jsonfeed.org/version/1.1", "items": items, **more}).encode()


def fixture(name: str) -> Reading:
    return reading_of((FIXTURES / "feeds" / name).read_bytes())


def test_json_feed_1_0_has_one_author_and_may_number_its_entries() -> None:
    found = fixture("json-1.0.json")

    assert found.entries == (
        Entry(
            id="17",
            title="Drawer <seventeen>",
            link="https://drawer.example/17",
            content=Text("It sticks.\nPull harder."),
            authors=(Person("Lex Tab"),),
            published=Moment(datetime(2024, 10, 5, 7, tzinfo=UTC)),
        ),
    )
    assert found.about == About(
        title="Card index",
        link="https://cards.example/",
        icon="https://cards.example/favicon.ico",
        authors=(Person("Cara Index", None, "https://cards.example/cara"),),
    )


def test_json_feed_1_1_arrives_whole() -> None:
    found = fixture("json-1.1.json")

    assert found.entries[0] == Entry(
        id="https://slate.example/roof",
        title="Roof & rain",
        link="https://slate.example/roof",
        summary=Text("It held."),
        content=Text('<p>It <em>held</em>. <a href="https://slate.example/feeds/photo">Look</a></p>', "html"),
        authors=(Person("Una Tile", None, "https://slate.example/una"), Person("Pat Batten")),
        categories=(Category("Roofs"), Category("Rain"), Category("7")),
        enclosures=(Enclosure("https://slate.example/feeds/roof.mp3", "audio/mpeg", 2048),),
        published=Moment(datetime(2024, 10, 5, 9, tzinfo=UTC)),
        updated=Moment(datetime(2024, 10, 6, 9, tzinfo=UTC)),
        image="https://slate.example/feeds/roof.jpg",
        language="en-IE",
    )
    assert found.about.description == "Roofs and writing"


def test_values_of_the_wrong_type_count_as_missing() -> None:
    assert fixture("json-1.1.json").entries[1] == Entry(id="2", title="", link="https://slate.example/2")


def test_a_feed_with_a_next_page_is_not_complete() -> None:
    assert reading_of(feed({"id": "1", "title": "A"})).complete
    assert not reading_of(feed({"id": "1", "title": "A"}, next_url="https://slate.example/2.json")).complete


def test_half_a_character_pair_does_not_spoil_the_entry() -> None:
    (entry,) = reading_of(feed({"id": "1", "title": "A\ud800B"})).entries

    assert entry.title == "AB"


@pytest.mark.parametrize(
    ("body", "message"),
    [
        (feed({"id": "1", "title": "A"})[:-9], "truncated"),
        (feed()[:-1] + b",}", "not JSON"),
        (b'{"version": "https://jsonfeed.org/version/1.1", "items": ' + b"[" * 100_000, "RecursionError"),
        (b'{"version": "https://jsonfeed.org/version/1.1", "items": ' + b"1" * 5000 + b"}", "ValueError"),
        (b'{"version": "2", "items": []}', "neither a feed nor a web page"),
        (b'["https://jsonfeed.org/version/1.1"]', "neither a feed nor a web page"),
    ],
)
def test_json_that_is_no_feed_is_refused(body: bytes, message: str) -> None:
    with pytest.raises(ReadError, match=message) as caught:
        reading_of(body)
    assert caught.value.kind == "unreadable"


def test_a_feed_without_entries_is_empty() -> None:
    with pytest.raises(ReadError, match="without entries") as caught:
        reading_of(feed())
    assert caught.value.kind == "empty"

"""JSON APIs by JMESPath."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from origin import Origin
from workbench import Bench

from feedwatch import readers
from feedwatch.errors import ReadError
from feedwatch.model import JsonPaths, Reading, Source

NOW = datetime(2024, 11, 1, tzinfo=UTC)
URL = "https://api.example/posts"
PATHS = JsonPaths("data.posts[]", "id", "title", "slug", "at", "body.text", "by.name", "tags[].name", "pic")


def read(document: Any, paths: JsonPaths = PATHS) -> Reading:
    body = document if isinstance(document, str) else json.dumps(document)
    return readers.read(body.encode(), url=URL, headers={}, source=Source("api", URL, json=paths), now=NOW)


def test_an_object_becomes_an_entry() -> None:
    post = {
        "id": 7, "title": "A  post", "slug": "/p/7", "at": 1729500000000, "body": {"text": "What it says."},
        "by": {"name": "Ada"}, "tags": [{"name": "Data"}, {"name": "Design"}], "pic": "javascript:alert(1)",
    }  # fmt: skip

    entry = read({"data": {"posts": [post, "no object"]}}).entries[0]

    assert (entry.id, entry.title, entry.link) == ("7", "A post", "https://api.example/p/7")
    assert str(entry.published) == "2024-10-21T08:40:00+00:00"
    assert entry.summary is not None
    assert entry.summary.value == "What it says."
    assert ([a.name for a in entry.authors], [c.title for c in entry.categories]) == (["Ada"], ["Data", "Design"])
    assert entry.image is None


def test_dates_are_texts_or_seconds_and_never_made_up() -> None:
    dates = ["2024-10-21", 1729500000, "soon", None, True, -1e30]
    posts = [{"title": str(number), "at": date} for number, date in enumerate(dates)]

    found = [str(e.published) if e.published else None for e in read({"data": {"posts": posts}}).entries]

    assert found == ["2024-10-21", "2024-10-21T08:40:00+00:00", None, None, None, None]


@pytest.mark.parametrize(
    ("document", "said"),
    [
        ({"data": {}}, "gives nothing"),
        ("<html>", "it is no JSON"),
        ({"data": {"posts": []}}, "without entries"),
    ],
)
def test_what_has_no_entries_says_so(document: Any, said: str) -> None:
    with pytest.raises(ReadError, match=said):
        read(document)


def test_an_expression_that_gives_no_list_or_cannot_be_applied_is_named() -> None:
    with pytest.raises(ReadError, match="no list but a dict"):
        read({"data": {}}, JsonPaths("data"))
    with pytest.raises(ReadError, match="cannot be applied"):
        read({"data": {"posts": [{"title": {}}]}}, JsonPaths("data.posts", title="length(`1`)"))


def test_an_api_is_polled_and_a_wrong_expression_is_told(tmp_path: Path, origin: Origin) -> None:
    origin.serve("/api", body=json.dumps({"items": [{"name": "One", "url": "https://example.org/1"}]}).encode())
    bench = Bench(tmp_path)
    config = f'[network]\nallow_hosts = ["127.0.0.1"]\n[[source]]\nid = "api"\nurl = "{origin.url}/api"\n'
    bench.config(config + '[source.json]\nentries = "items"\ntitle = "name"\nlink = "url"\n')

    assert bench.json("poll")["sources"][0]["entries"] == 1
    assert bench.json("list")["entries"][0]["title"] == "One"
    bench.config(config + '[source.json]\nentries = "items[["\n')
    assert "is not JMESPath" in bench.run("check", code=78).stderr

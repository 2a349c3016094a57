"""What is served: the public folder and nothing else, with the headers that readers and browsers need."""

from __future__ import annotations

import asyncio
from pathlib import Path

import httpx
import pytest

from feedwatch.web import application


@pytest.fixture
def public(tmp_path: Path) -> Path:
    folder = tmp_path / "state" / "public"
    (folder / "feeds").mkdir(parents=True)
    (folder / "feeds" / "data.atom").write_text("<feed/>")
    (folder / "feeds.opml").write_text("<opml/>")
    (folder / "index.html").write_text("<p>index</p>")
    (tmp_path / "state" / "secret.json").write_text("secret")
    return folder


def ask(public: Path, path: str, method: str = "GET", **headers: str) -> httpx.Response:
    async def work() -> httpx.Response:
        transport = httpx.ASGITransport(app=application(public))
        async with httpx.AsyncClient(transport=transport, base_url="http://feeds.example") as client:
            return await client.request(method, path, headers=headers)

    return asyncio.run(work())


@pytest.mark.parametrize(
    ("path", "media_type"),
    [
        ("/", "text/html"),
        ("/feeds/data.atom", "application/atom+xml"),
        ("/feeds.opml", "text/x-opml"),
        ("/healthz", "text/plain"),
    ],
)
def test_each_thing_has_its_media_type_and_is_hardened(public: Path, path: str, media_type: str) -> None:
    answer = ask(public, path)

    assert answer.status_code == 200
    assert answer.headers["content-type"].startswith(media_type)
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert "default-src 'none'" in answer.headers["content-security-policy"]


def test_a_reader_that_has_the_feed_gets_304(public: Path) -> None:
    first = ask(public, "/feeds/data.atom")

    again = ask(public, "/feeds/data.atom", **{"If-None-Match": first.headers["etag"]})
    since = ask(public, "/feeds/data.atom", **{"If-Modified-Since": first.headers["last-modified"]})

    assert (again.status_code, again.content) == (304, b"")
    assert since.status_code == 304


def test_head_has_no_body_and_other_methods_are_refused(public: Path) -> None:
    head = ask(public, "/feeds/data.atom", "HEAD")

    assert (head.status_code, head.content) == (200, b"")
    assert {ask(public, "/feeds/data.atom", method).status_code for method in ("POST", "PUT", "DELETE")} == {405}


@pytest.mark.parametrize(
    "path",
    ["/../secret.json", "/%2e%2e/secret.json", "/feeds/..%2f..%2fsecret.json", "/.//secret.json", "/..\\secret.json"],
)
def test_nothing_outside_the_public_folder_is_served(public: Path, path: str) -> None:
    answer = ask(public, path)

    assert answer.status_code == 404
    assert "secret" not in answer.text

"""How the public folder is served: what readers and the caches before them may rely on."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Mapping
from datetime import UTC, datetime
from email.utils import format_datetime
from pathlib import Path

import httpx
import pytest

from feedwatch.health import Observed
from feedwatch.web import application

BODY = b"<feed>" + b"<entry>the same words again and again</entry>" * 50 + b"</feed>"
WRITTEN = datetime(2024, 11, 1, 12, tzinfo=UTC)


@pytest.fixture
def public(tmp_path: Path) -> Path:
    folder = tmp_path / "public"
    for name, body in {
        "feeds/data.atom": BODY,
        "feeds/data.rss": b"<rss/>",
        "feeds/data.json": b"{}",
        "feeds/data/archive-1.atom": b"<feed>1</feed>",
        "feeds/data/archive-2.atom": b"<feed>2</feed>",
        "private/0123456789abcdef/mine.atom": b"<feed/>",
        "feed.css": b"feed {}",
        "feeds.opml": b"<opml/>",
        "index.html": b"<p>index</p>",
        "pages/index.html": b"<p>pages</p>",
        "feeds/.data.atom.tmp": b"half",
    }.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(body)
        os.utime(path, (WRITTEN.timestamp(), WRITTEN.timestamp() + 0.25))
    return folder


def ask(public: Path, path: str, headers: Mapping[str, str] | None = None, method: str = "GET") -> httpx.Response:
    return asks(public, (path, headers, method))[0]


def asks(public: Path, *requests: tuple[str, Mapping[str, str] | None, str]) -> list[httpx.Response]:
    """The answers to several requests to one server; what is packed is not unpacked."""

    async def observe() -> Observed:
        raise AssertionError("feeds are served without looking at the service")

    async def work() -> list[httpx.Response]:
        transport = httpx.ASGITransport(app=application(public, observe))
        async with httpx.AsyncClient(transport=transport, base_url="http://feeds.example") as client:
            client.headers.clear()
            return [await client.request(method, path, headers=headers) for path, headers, method in requests]

    return asyncio.run(work())


@pytest.mark.parametrize(
    ("path", "media_type"),
    [
        ("/feeds/data.atom", "application/atom+xml; charset=utf-8"),
        ("/feeds/data.rss", "application/rss+xml; charset=utf-8"),
        ("/feeds/data.json", "application/feed+json; charset=utf-8"),
        ("/feeds/data/archive-1.atom", "application/atom+xml; charset=utf-8"),
        ("/feeds.opml", "text/x-opml; charset=utf-8"),
        ("/feed.css", "text/css; charset=utf-8"),
        ("/", "text/html; charset=utf-8"),
        ("/pages/", "text/html; charset=utf-8"),
    ],
)
def test_s22_everything_has_its_media_type(public: Path, path: str, media_type: str) -> None:
    answer = ask(public, path)

    assert (answer.status_code, answer.headers["content-type"]) == (200, media_type)


def test_a_feed_has_a_strong_tag_and_the_date_of_its_last_change(public: Path) -> None:
    answer = ask(public, "/feeds/data.atom")

    assert answer.content == BODY
    assert answer.headers["etag"].startswith('"')
    assert answer.headers["last-modified"] == "Fri, 01 Nov 2024 12:00:00 GMT"
    assert answer.headers["cache-control"] == "public, max-age=300"


def test_the_tag_is_that_of_the_bytes_and_not_of_the_file(public: Path) -> None:
    before = ask(public, "/feeds/data.atom").headers["etag"]

    (public / "feeds" / "data.atom").unlink()
    (public / "feeds" / "data.atom").write_bytes(BODY)
    again = ask(public, "/feeds/data.atom").headers["etag"]
    (public / "feeds" / "data.atom").write_bytes(BODY + b" ")

    assert again == before
    assert ask(public, "/feeds/data.atom").headers["etag"] != before


@pytest.mark.parametrize(
    ("sent", "status"),
    [
        ("{tag}", 304),
        ("W/{tag}", 304),
        ('"other", W/{tag}', 304),
        ('"a,b" , {tag}', 304),
        ("*", 304),
        ('"other"', 200),
        ("garbage", 200),
        ("", 200),
    ],
)
def test_if_none_match_is_compared_weakly_with_each_tag(public: Path, sent: str, status: int) -> None:
    tag = ask(public, "/feeds/data.atom").headers["etag"]

    answer = ask(public, "/feeds/data.atom", {"If-None-Match": sent.format(tag=tag)})

    assert answer.status_code == status
    assert answer.content == (BODY if status == 200 else b"")
    assert answer.headers["etag"] == tag
    assert "last-modified" in answer.headers
    assert answer.headers["vary"] == "Accept-Encoding, Accept"
    assert answer.headers["cache-control"] == "public, max-age=300"


@pytest.mark.parametrize(
    ("since", "status"),
    [
        (format_datetime(WRITTEN, usegmt=True), 304),
        (format_datetime(WRITTEN.replace(hour=13), usegmt=True), 304),
        (format_datetime(WRITTEN.replace(hour=11), usegmt=True), 200),
        ("Friday, 01-Nov-24 12:00:00 GMT", 304),
        ("yesterday", 200),
        ("Fri, 99 Nov 2024 12:00:00 GMT", 200),
        ("", 200),
    ],
)
def test_if_modified_since_is_believed_when_it_is_a_date(public: Path, since: str, status: int) -> None:
    assert ask(public, "/feeds/data.atom", {"If-Modified-Since": since}).status_code == status


def test_a_tag_outweighs_a_date(public: Path) -> None:
    later = format_datetime(WRITTEN.replace(hour=13), usegmt=True)

    assert ask(public, "/feeds/data.atom", {"If-None-Match": '"x"', "If-Modified-Since": later}).status_code == 200


@pytest.mark.parametrize(
    ("accepted", "packed"),
    [
        ("gzip", True),
        ("gzip, deflate, br", True),
        ("GZIP;q=0.5", True),
        ("*", True),
        ("br;q=1, *;q=0.1", True),
        ("gzip;q=0", False),
        ("gzip;q=0, *", False),
        ("identity", False),
        ("identity, gzip;q=0.5", False),
        ("gzip;q=0.0.1, br", False),
        ("", False),
    ],
)
def test_what_is_packed_is_what_the_reader_asked_for(public: Path, accepted: str, packed: bool) -> None:
    answer = ask(public, "/feeds/data.atom", {"Accept-Encoding": accepted})

    assert ("content-encoding" in answer.headers) is packed
    assert int(answer.headers["content-length"]) < len(BODY) if packed else len(answer.content) == len(BODY)
    assert answer.content == BODY
    assert answer.headers["vary"] == "Accept-Encoding, Accept"


def test_each_coding_has_its_own_tag_and_its_own_304(public: Path) -> None:
    """RFC 9110 §8.8.3.3."""
    plain = ask(public, "/feeds/data.atom").headers["etag"]
    packed = ask(public, "/feeds/data.atom", {"Accept-Encoding": "gzip"}).headers["etag"]

    assert plain != packed
    for tag, accepted, status in ((packed, "gzip", 304), (plain, "gzip", 200), (packed, "", 200), (plain, "", 304)):
        sent = {"If-None-Match": tag, "Accept-Encoding": accepted}
        assert ask(public, "/feeds/data.atom", sent).status_code == status, (tag, accepted)


def test_packed_bytes_are_the_same_at_every_start(public: Path) -> None:
    one = ask(public, "/feeds/data.atom", {"Accept-Encoding": "gzip"})
    os.utime(public / "feeds" / "data.atom")
    other = ask(public, "/feeds/data.atom", {"Accept-Encoding": "gzip"})

    assert one.headers["etag"] == other.headers["etag"]
    assert one.headers["content-length"] == other.headers["content-length"]


def test_head_says_what_get_would(public: Path) -> None:
    for headers in ({}, {"Accept-Encoding": "gzip"}):
        get = ask(public, "/feeds/data.atom", headers)
        head = ask(public, "/feeds/data.atom", headers, "HEAD")

        assert head.status_code == 200
        assert head.content == b""
        assert {**head.headers} == {**get.headers}


def test_a_feed_that_was_replaced_is_served_anew_by_the_same_server(public: Path) -> None:
    path = public / "feeds" / "data.atom"

    async def work() -> list[bytes]:
        async def observe() -> Observed:
            raise AssertionError

        found = []
        transport = httpx.ASGITransport(app=application(public, observe))
        async with httpx.AsyncClient(transport=transport, base_url="http://feeds.example") as client:
            for body in (b"<one/>", b"<two/>", b"<six/>"):
                beside = path.with_name(".beside")
                beside.write_bytes(body)
                beside.replace(path)
                found.append((await client.get("/feeds/data.atom")).content)
        return found

    assert asyncio.run(work()) == [b"<one/>", b"<two/>", b"<six/>"]


def test_an_archive_may_be_kept_for_long_and_a_private_feed_by_its_reader_only(public: Path) -> None:
    private = ask(public, "/private/0123456789abcdef/mine.atom")

    assert ask(public, "/feeds/data/archive-1.atom").headers["cache-control"] == "public, max-age=86400"
    assert private.headers["cache-control"] == "private, max-age=300"
    assert private.headers["x-robots-tag"] == "noindex"


def test_the_page_that_is_not_closed_yet_is_the_feed_itself(public: Path) -> None:
    answer = ask(public, "/feeds/data/archive-3.atom")

    assert (answer.status_code, answer.headers["location"]) == (307, "../data.atom")
    assert ask(public, "/feeds/data/archive-4.atom").status_code == 404
    assert ask(public, "/feeds/none/archive-1.atom").status_code == 404


def test_an_address_that_moved_leads_to_the_new_one(public: Path) -> None:
    (public / "feeds" / "old.atom").symlink_to("data.atom")
    (public / "feeds" / "old").symlink_to("data")

    for old, new in (
        ("/feeds/old.atom", "data.atom"),
        ("/feeds/old/archive-1.atom", "../data/archive-1.atom"),
    ):
        answer = ask(public, old)
        assert (answer.status_code, answer.headers["location"]) == (301, new)


def test_s17_a_link_that_leads_out_of_the_folder_leads_nowhere(public: Path) -> None:
    (public.parent / "secret.atom").write_text("secret")
    (public / "out.atom").symlink_to("../secret.atom")
    (public / "outside").symlink_to("..")
    (public / "round").symlink_to("round")

    for path in ("/out.atom", "/outside/secret.atom", "/round", "/feeds/.data.atom.tmp", "/feeds/", "/feeds"):
        assert ask(public, path).status_code == 404, path


@pytest.mark.parametrize("path", ["/" + "a" * 5000, "/feeds/%00", "/feeds/data.atom/", "/feeds//data.atom", "/\ud7ff"])
def test_an_odd_address_is_not_found(public: Path, path: str) -> None:
    assert ask(public, path).status_code == 404


def test_a_feed_may_use_our_style_sheet_and_nothing_else(public: Path) -> None:
    policy = ask(public, "/feeds/data.atom").headers["content-security-policy"]

    assert "default-src 'none'" in policy
    assert "style-src 'self'" in policy
    assert "unsafe-inline" not in policy


@pytest.mark.parametrize(
    ("ending", "accepted", "media_type"),
    [
        ("atom", "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8", "application/xml; charset=utf-8"),
        ("rss", "text/html,*/*;q=0.8", "application/xml; charset=utf-8"),
        ("json", "text/html,*/*;q=0.8", "application/json; charset=utf-8"),
        ("atom", "application/atom+xml, text/html;q=0.5", "application/atom+xml; charset=utf-8"),
        ("atom", "*/*", "application/atom+xml; charset=utf-8"),
    ],
)
def test_who_looks_at_a_feed_in_a_browser_gets_it_as_what_browsers_show(
    public: Path, ending: str, accepted: str, media_type: str
) -> None:
    answer = ask(public, f"/feeds/data.{ending}", {"Accept": accepted})

    assert answer.headers["content-type"] == media_type
    assert "Accept" in answer.headers["vary"].split(", ")

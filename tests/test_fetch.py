"""Carrying out a poll: files, a host's pace, and readers that can be killed."""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import Mapping
from datetime import UTC, datetime
from itertools import pairwise
from pathlib import Path

from msgspec.structs import replace
from origin import Origin

from feedwatch.model import Failure, Fetched, PollState, Reading, Source
from feedwatch.net import Net
from feedwatch.poller.fetch import Hosts, drive, read_file
from feedwatch.poller.walk import walk
from feedwatch.workers import ReaderPool

NOW = datetime(2024, 11, 1, tzinfo=UTC)


def test_a_walk_is_driven_over_real_redirects(origin: Origin) -> None:
    origin.serve("/a", status=302, headers={"Location": "/b"})
    origin.serve("/b", body=b"hello")

    async def work() -> object:
        async with Net(allow_hosts=frozenset({"127.0.0.1"}), user_agent="test") as net:
            return (await drive(walk(Source("s", f"{origin.url}/a"), PollState()), net)).outcome

    result = asyncio.run(work())

    assert isinstance(result, Fetched)
    assert (result.url, result.body) == (f"{origin.url}/b", b"hello")


def test_s3_a_redirect_into_a_private_network_is_refused(origin: Origin) -> None:
    origin.serve("/a", status=302, headers={"Location": "http://169.254.169.254/latest/meta-data/"})

    async def work() -> object:
        async with Net(allow_hosts=frozenset({"127.0.0.1"}), user_agent="test") as net:
            return (await drive(walk(Source("s", f"{origin.url}/a"), PollState()), net)).outcome

    result = asyncio.run(work())

    assert isinstance(result, Failure)
    assert result.kind == "refused"


def test_a_file_is_read_and_a_missing_or_large_one_is_a_failure(tmp_path: Path) -> None:
    path = tmp_path / "a page.html"
    path.write_bytes(b"hello")
    source = Source("s", path.as_uri())

    found, large = read_file(source), read_file(source, limit=4)
    missing, folder = read_file(Source("s", (tmp_path / "none").as_uri())), read_file(Source("s", tmp_path.as_uri()))

    assert isinstance(found, Fetched)
    assert found.body == b"hello"
    assert [f.kind for f in (large, missing, folder) if isinstance(f, Failure)] == [
        "too-large",
        "unreachable",
        "unreachable",
    ]


def test_one_host_is_asked_one_at_a_time_and_others_do_not_wait() -> None:
    running: list[str] = []
    most: dict[str, int] = {}

    async def ask(hosts: Hosts, url: str, others: asyncio.Event) -> None:
        async with hosts.slot(url):
            running.append(url)
            most[url] = max(most.get(url, 0), running.count(url))
            if len(set(running)) == 2:
                others.set()
            # Both hosts must be under way at once, or this would never end.
            await others.wait()
            running.remove(url)

    async def work() -> None:
        hosts, others = Hosts(1, 0.0), asyncio.Event()
        urls = ["http://a.example/", "http://b.example/"] * 3
        await asyncio.wait_for(asyncio.gather(*(ask(hosts, url, others) for url in urls)), 10)

    asyncio.run(work())

    assert most == {"http://a.example/": 1, "http://b.example/": 1}


def test_requests_to_one_host_start_with_a_pause_between() -> None:
    starts: list[float] = []

    async def work() -> None:
        hosts = Hosts(5, 0.05)

        async def ask() -> None:
            async with hosts.slot("http://a.example/"):
                starts.append(asyncio.get_running_loop().time())

        await asyncio.gather(*(ask() for _ in range(3)))

    asyncio.run(work())

    assert all(later - earlier >= 0.045 for earlier, later in pairwise(starts))


def hang() -> None:
    """In the worker, as a hostile body does to a parser."""
    while True:
        time.sleep(1)


def die() -> None:
    """In the worker, as a crash of a C library does."""
    os.abort()


FETCHED = Fetched("https://example.org/", 200, {}, b"<rss version='2.0'/>")


def by_body(
    url: str, headers: Mapping[str, str], body: bytes, source: Source, now: datetime, rule: tuple[str, ...]
) -> Reading:
    """In the worker: does what the body says."""
    {b"hang": hang, b"die": die}.get(body, lambda: None)()
    return Reading("feed", ())


def _read(pool: ReaderPool, *bodies: bytes) -> list[Reading | Failure]:
    async def work() -> list[Reading | Failure]:
        try:
            return [await pool.read(replace(FETCHED, body=body), Source("s", FETCHED.url), NOW) for body in bodies]
        finally:
            pool.close()

    return asyncio.run(work())


def test_f36_a_reader_that_hangs_or_dies_is_a_failure_and_the_next_one_works() -> None:
    hung, dead, fine = _read(ReaderPool(by_body, deadline=1.0), b"hang", b"die", b"fine")

    assert isinstance(hung, Failure)
    assert hung.kind == "reader-timeout"
    assert isinstance(dead, Failure)
    assert dead.kind == "reader-crash"
    assert isinstance(fine, Reading)


def test_an_unreadable_body_is_a_failure_with_its_reason() -> None:
    (failure,) = _read(ReaderPool(), b"<rss version='2.0'><channel></channel></rss>")

    assert isinstance(failure, Failure)
    assert failure.kind == "empty"

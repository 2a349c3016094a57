"""Readers as the service runs them, and ones that misbehave on purpose."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Mapping
from datetime import UTC, datetime

from feedwatch import readers
from feedwatch.errors import ReadError
from feedwatch.model import Failure, Fetched, Reading, Source
from feedwatch.workers import ReaderPool

NOW = datetime(2024, 11, 1, tzinfo=UTC)
FEED = b"<rss version='2.0'><channel><item><guid>tag:x,1</guid><title>A</title></item></channel></rss>"
SOURCE = Source("s", "https://example.org/")


def misbehave(
    url: str, headers: Mapping[str, str], body: bytes, source: Source, now: datetime, rule: tuple[str, ...]
) -> Reading:
    """In the worker: does what the body says."""
    if body == b"die":
        os.abort()
    if body == b"eat":
        bytearray(8_000_000_000)
    return readers.read(body, url=url, headers=headers, source=source, now=now)


def read_in_turn(pool: ReaderPool, *bodies: bytes) -> list[Reading | Failure]:
    async def work() -> list[Reading | Failure]:
        try:
            return [await pool.read(Fetched(SOURCE.url, 200, {}, body), SOURCE, NOW) for body in bodies]
        finally:
            pool.close()

    return asyncio.run(work())


class Inline:
    """Reads in this process, so that no second one has a part in what fails."""

    async def read(
        self, fetched: Fetched, source: Source, now: datetime, rule: tuple[str, ...] = ()
    ) -> Reading | Failure:
        try:
            return readers.read(fetched.body, url=fetched.url, headers=fetched.headers, source=source, now=now)
        except ReadError as error:
            return Failure(error.kind, str(error))


def feed(*numbers: int) -> str:
    """RSS with these entries."""
    items = "".join(f"<item><guid>tag:x,{n}</guid><title>Entry {n}</title></item>" for n in numbers)
    return f"<rss version='2.0'><channel>{items}</channel></rss>"

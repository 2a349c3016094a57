"""Work in processes that can be killed: one hostile body can take hours in a parser.

The workers start when the first body needs reading, so a round of 304s starts none.
"""

from __future__ import annotations

import asyncio
import multiprocessing
import resource
import time
from collections.abc import Callable, Mapping
from datetime import datetime
from typing import TYPE_CHECKING, TypeVar

from feedwatch.errors import ReadError
from feedwatch.model import Article, Entry, Failure, Fetched, Reading, Selectors, Source

if TYPE_CHECKING:
    from multiprocessing.synchronize import Semaphore

    from pebble import ProcessPool

T = TypeVar("T")

#: Seconds that one body may take.
_DEADLINE = 20.0
#: Bytes of address space of one worker.
_MEMORY = 2_000_000_000
_WORKERS = 2
#: Seconds that one may take to start.
_START = 5.0


def read(
    fetched_url: str, headers: Mapping[str, str], body: bytes, source: Source, now: datetime, rule: tuple[str, ...]
) -> Reading:
    """Runs in the worker."""
    from feedwatch import readers

    return readers.read(body, url=fetched_url, headers=headers, source=source, now=now, rule=rule)


def read_article(fetched_url: str, headers: Mapping[str, str], body: bytes, title: str) -> Article:
    """Runs in the worker."""
    from feedwatch.readers import article

    return article.read_article(body, url=fetched_url, headers=headers, title=title)


def propose(
    fetched_url: str,
    headers: Mapping[str, str],
    body: bytes,
    source: Source,
    known: tuple[Entry, ...],
    now: datetime,
) -> Selectors | None:
    """Runs in the worker."""
    from feedwatch.readers import propose as proposing

    return proposing.propose(body, url=fetched_url, headers=headers, source=source, known=known, now=now)


def bounded() -> None:
    """Runs first in each worker."""
    resource.setrlimit(resource.RLIMIT_AS, (_MEMORY, _MEMORY))


def _begin(started: Semaphore, prepare: Callable[[], None]) -> None:
    prepare()
    started.release()


class Died(Exception):
    """A worker ended in the middle of its work."""


class Workers:
    """Processes that start when first needed; one that hangs for `deadline` seconds, or dies, is replaced."""

    def __init__(self, count: int, deadline: float, prepare: Callable[[], None] = bounded) -> None:
        self._count = count
        self._prepare = prepare
        self._pool: ProcessPool | None = None
        self.deadline = deadline

    async def run(self, work: Callable[..., T], *arguments: object) -> T:
        """`work(*arguments)` in a worker. Raises what it raises, TimeoutError, or Died."""
        from pebble import ProcessExpired, ProcessPool  # a round without a body to read needs none

        if self._pool is None:
            # A fork of a process that has threads can hang; a fresh interpreter cannot.
            context = multiprocessing.get_context("spawn")
            self._started = context.Semaphore(0)
            prepared = (self._started, self._prepare)
            self._pool = ProcessPool(max_workers=self._count, context=context, initializer=_begin, initargs=prepared)
        future = self._pool.schedule(work, args=arguments, timeout=self.deadline)
        try:
            result: T = await asyncio.wrap_future(future)
        except (ProcessExpired, MemoryError) as error:
            raise Died from error
        return result

    def close(self) -> None:
        if self._pool is not None:
            # One that is stopped while Python itself starts in it leaves a traceback behind.
            until = time.monotonic() + _START
            for _ in range(self._count):
                self._started.acquire(timeout=max(0.0, until - time.monotonic()))
            self._pool.stop()
            self._pool.join()


class ReaderPool:
    """Reads in two workers, or in one where there are fewer `sources`. `work` runs in them."""

    def __init__(
        self, work: Callable[..., Reading] = read, *, deadline: float = _DEADLINE, sources: int = _WORKERS
    ) -> None:
        self._work = work
        self._workers = Workers(max(1, min(_WORKERS, sources)), deadline)

    async def read(
        self, fetched: Fetched, source: Source, now: datetime, rule: tuple[str, ...] = ()
    ) -> Reading | Failure:
        """The entries of a body; `rule` is the one of an earlier reading of its source."""
        return await self._run(fetched, self._work, source, now, rule)

    async def article(self, fetched: Fetched, title: str) -> Article | Failure:
        """What an entry's own page says; `title` is the entry's."""
        return await self._run(fetched, read_article, title)

    async def propose(
        self, fetched: Fetched, source: Source, known: tuple[Entry, ...], now: datetime
    ) -> Selectors | Failure | None:
        """Selectors that find the `known` entries in a body, as far as there are any."""
        return await self._run(fetched, propose, source, known, now)

    async def _run(self, fetched: Fetched, work: Callable[..., T], *further: object) -> T | Failure:
        try:
            return await self._workers.run(work, fetched.url, dict(fetched.headers), fetched.body, *further)
        except ReadError as error:
            return Failure(error.kind, str(error), fetched.status, feeds=error.feeds)
        except TimeoutError:
            detail = f"reading it took longer than {self._workers.deadline:.0f} seconds; the body is hostile or broken"
            return Failure("reader-timeout", detail, fetched.status)
        except Died:
            return Failure("reader-crash", "reading it ended the reader process", fetched.status)

    def close(self) -> None:
        self._workers.close()

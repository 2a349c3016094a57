"""Readers in worker processes that can be killed: one hostile body can take hours in a parser.

The workers start when the first body needs reading, so a round of 304s starts none.
"""

from __future__ import annotations

import asyncio
import multiprocessing
import resource
from collections.abc import Callable, Mapping
from concurrent.futures import TimeoutError as ReadTimeout
from datetime import datetime

from pebble import ProcessExpired, ProcessPool

from feedwatch.errors import ReadError
from feedwatch.model import Failure, Fetched, Reading, Source

#: Seconds that one body may take.
_DEADLINE = 20.0
#: Bytes of address space of one worker.
_MEMORY = 2_000_000_000
_WORKERS = 2


def read(fetched_url: str, headers: Mapping[str, str], body: bytes, source: Source, now: datetime) -> Reading:
    """Runs in the worker."""
    from feedwatch import readers

    return readers.read(body, url=fetched_url, headers=headers, source=source, now=now)


def bounded() -> None:
    """Runs first in each worker."""
    resource.setrlimit(resource.RLIMIT_AS, (_MEMORY, _MEMORY))


class ReaderPool:
    """Two workers, each replaced when it hangs for `deadline` seconds or dies. `work` runs in them."""

    def __init__(self, work: Callable[..., Reading] = read, *, deadline: float = _DEADLINE) -> None:
        self._work = work
        self._deadline = deadline
        self._pool: ProcessPool | None = None

    async def read(self, fetched: Fetched, source: Source, now: datetime) -> Reading | Failure:
        if self._pool is None:
            # A fork of a process that has threads can hang; a fresh interpreter cannot.
            context = multiprocessing.get_context("spawn")
            self._pool = ProcessPool(max_workers=_WORKERS, context=context, initializer=bounded)
        headers = dict(fetched.headers)
        future = self._pool.schedule(
            self._work, args=(fetched.url, headers, fetched.body, source, now), timeout=self._deadline
        )
        try:
            reading: Reading = await asyncio.wrap_future(future)
        except ReadError as error:
            return Failure(error.kind, str(error), fetched.status)
        except ReadTimeout:
            detail = f"reading it took longer than {self._deadline:.0f} seconds; the body is hostile or broken"
            return Failure("reader-timeout", detail, fetched.status)
        except (ProcessExpired, MemoryError):
            return Failure("reader-crash", "reading it ended the reader process", fetched.status)
        return reading

    def close(self) -> None:
        if self._pool is not None:
            self._pool.stop()
            self._pool.join()

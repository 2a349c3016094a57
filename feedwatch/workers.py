"""Work in processes that can be killed: one hostile body can take hours in a parser.

The workers start when the first body needs reading, so a round of 304s starts none.
"""

from __future__ import annotations

import asyncio
import contextlib
import pickle
import resource
import socket
import time
from collections import deque
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime
from functools import partial
from typing import Any, TypeVar

from msgspec import ValidationError

from feedwatch.errors import ReadError
from feedwatch.model import Article, Entry, Failure, Fetched, Reading, Selectors, Source
from feedwatch.spawner import START, Spawner
from feedwatch.worker import BEGUN, LENGTHS, Packed, message

T = TypeVar("T")

#: Seconds that one body may take.
_DEADLINE = 20.0
#: Bytes of address space of one worker.
_MEMORY = 2_000_000_000
_WORKERS = 2
#: So many waiting bodies, or seconds of waiting, call for another process.
_QUEUE, _PATIENCE = 16, 2.0
#: Bytes of what a killed worker had still to say that are read at once.
_CHUNK = 1 << 16


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


class Died(Exception):
    """A worker ended in the middle of its work."""


class Workers:
    """Processes that start when there is work for them; one that hangs for `deadline` seconds, or dies, is replaced.

    To be used in one event loop. A further process starts only for a queue, or when the others are held up: two that
    have little to do take more time than one. `module` is what they need for their work.
    """

    def __init__(
        self,
        count: int,
        deadline: float,
        module: str,
        spawner: Spawner | None = None,
        prepare: Callable[[], None] = bounded,
    ) -> None:
        self._count = count
        self._spawner = spawner or Spawner()
        self._owned = spawner is None
        self._start = partial(_Process, self._spawner, module, prepare)
        self._idle: list[_Process] = []
        self._all: set[_Process] = set()
        self._queue: deque[asyncio.Future[None]] = deque()
        self._threads = ThreadPoolExecutor(count, "worker")
        self.deadline = deadline

    async def run(self, work: Callable[..., T], *arguments: object) -> T:
        """`work(*arguments)` in a worker. Raises what it raises, TimeoutError, or Died."""
        process = await self._free()
        try:
            result: T = await asyncio.get_running_loop().run_in_executor(
                self._threads, process.call, work, arguments, self.deadline
            )
        except asyncio.CancelledError:
            process.kill()
            raise
        finally:
            if process.is_alive():
                self._idle.append(process)
            else:
                self._all.discard(process)
            self._wake()
        return result

    async def _free(self) -> _Process:
        waited = False
        while not self._idle:
            queue = len(self._queue) >= _QUEUE
            if len(self._all) < self._count and (waited or queue or not self._all):
                process = self._start()
                self._all.add(process)
                return process
            turn = asyncio.get_running_loop().create_future()
            self._queue.append(turn)
            try:
                await asyncio.wait_for(turn, _PATIENCE)
            except TimeoutError:
                waited = True
            finally:
                if turn in self._queue:
                    self._queue.remove(turn)
        return self._idle.pop()

    def _wake(self) -> None:
        while self._queue:
            turn = self._queue.popleft()
            if not turn.done():
                turn.set_result(None)
                return

    def close(self) -> None:
        for process in self._all:
            process.kill()
        self._threads.shutdown()
        for process in self._all:
            process.end()
        if self._owned:
            self._spawner.close()


class _Process:
    """One worker. Its methods block, but for `kill`."""

    def __init__(self, spawner: Spawner, module: str, prepare: Callable[[], None]) -> None:
        self._spawner = spawner
        self._module = module
        self._prepare = prepare
        self._calls: socket.socket | None = None
        self._pid = 0
        self._killed = False
        #: What it has done before.
        self._begun: set[Callable[..., object]] = set()

    def is_alive(self) -> bool:
        return not self._killed

    def kill(self) -> None:
        self._killed = True
        if self._pid:
            self._spawner.kill(self._pid)

    def call(self, work: Callable[..., T], arguments: tuple[object, ...], deadline: float) -> T:
        """Raises what `work` raises, TimeoutError, or Died."""
        try:
            if self._calls is None:
                self._begin()
            good, value = self._exchange(work, arguments, deadline)
            if isinstance(value, Packed):
                value = value.value()
        except ValidationError as error:
            self.end()
            raise Died from error
        except BaseException:
            self.end()
            raise
        if isinstance(value, MemoryError):
            self.end()
            raise Died from value
        if not good:
            raise value
        result: T = value
        return result

    def _begin(self) -> None:
        try:
            self._calls, self._pid = self._spawner.worker(self._module)
        except OSError as error:
            raise Died from error
        if self._killed:
            raise Died
        self._exchange(self._prepare, (), START)

    def _exchange(self, work: Callable[..., object], arguments: tuple[object, ...], deadline: float) -> Any:
        assert self._calls is not None  # noqa: S101
        first = work not in self._begun
        try:
            self._calls.settimeout(START)
            self._calls.sendall(message((work, arguments, first)))
            if first:  # what it has to load for that is no part of its time
                _read(self._calls, len(BEGUN), time.monotonic() + START)
                self._begun.add(work)
            until = time.monotonic() + deadline
            size, more = LENGTHS.unpack(_read(self._calls, LENGTHS.size, until))
            answer = memoryview(_read(self._calls, size + more, until))
            return _loaded(answer[:size], answer[size:])
        except TimeoutError:
            raise
        except OSError as error:
            raise Died from error

    def end(self) -> None:
        """Kills it and waits for that: its end of the socket closes when it is gone."""
        self.kill()
        if self._calls is not None:
            with contextlib.suppress(OSError):
                self._calls.settimeout(START)
                while self._calls.recv(_CHUNK):
                    pass
            self._calls.close()


def _read(calls: socket.socket, size: int, until: float) -> bytearray:
    """Raises TimeoutError at `until`, and Died when the answer ends before."""
    found = bytearray(size)
    rest = memoryview(found)
    while rest:
        calls.settimeout(max(0.001, until - time.monotonic()))
        count = calls.recv_into(rest)
        if not count:
            raise Died
        rest = rest[count:]
    return found


def _loaded(data: memoryview, apart: memoryview) -> Any:
    """Raises Died for what cannot be made of it again: an exception of somebody else's that is pickled, and no more."""
    try:
        return pickle.loads(data, buffers=[apart])  # noqa: S301  (from our own process)
    except Exception as error:
        raise Died from error


class ReaderPool:
    """Reads in two workers. `work` runs in them."""

    def __init__(
        self, work: Callable[..., Reading] = read, *, deadline: float = _DEADLINE, spawner: Spawner | None = None
    ) -> None:
        self._work = work
        self._workers = Workers(_WORKERS, deadline, "feedwatch.readers.reading", spawner)

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
            body = pickle.PickleBuffer(fetched.body)
            return await self._workers.run(work, fetched.url, dict(fetched.headers), body, *further)
        except ReadError as error:
            return Failure(error.kind, str(error), fetched.status, feeds=error.feeds)
        except TimeoutError:
            detail = f"reading it took longer than {self._workers.deadline:.0f} seconds; the body is hostile or broken"
            return Failure("reader-timeout", detail, fetched.status)
        except Died:
            return Failure("reader-crash", "reading it ended the reader process", fetched.status)

    def close(self) -> None:
        self._workers.close()

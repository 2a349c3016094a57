"""Work in processes that can be killed: one hostile body can take hours in a parser.

The workers start when the first body needs reading, so a round of 304s starts none.
"""

from __future__ import annotations

import asyncio
import contextlib
import pickle
import resource
import socket
from collections import deque
from collections.abc import Callable, Mapping
from concurrent.futures import Executor, ThreadPoolExecutor
from datetime import datetime
from functools import partial
from typing import Any, TypeVar

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
    _, hard = resource.getrlimit(resource.RLIMIT_AS)
    memory = _MEMORY if hard == resource.RLIM_INFINITY else min(_MEMORY, hard)
    resource.setrlimit(resource.RLIMIT_AS, (memory, memory))


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
        # Not those of the loop: look-ups of names, and files that never end, would keep all sources waiting.
        self._starts = ThreadPoolExecutor(count, "start")
        self._new = partial(_Process, self._spawner, module, prepare, self._starts)
        self._closed = False
        self._idle: list[_Process] = []
        self._all: set[_Process] = set()
        self._queue: deque[asyncio.Future[None]] = deque()
        self.deadline = deadline

    async def run(self, work: Callable[..., T], *arguments: object) -> T:
        """`work(*arguments)` in a worker. Raises what it raises, TimeoutError, or Died."""
        process = await self._free()
        try:
            return await process.call(work, arguments, self.deadline)
        finally:
            if process.is_alive():
                self._idle.append(process)
            else:
                self._all.discard(process)
            self._wake()

    async def _free(self) -> _Process:
        waited = False
        while not self._idle:
            if self._closed:
                raise Died
            queue = len(self._queue) >= _QUEUE
            if len(self._all) < self._count and (waited or queue or not self._all):
                process = self._new()
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
        """What still runs is Died."""
        self._closed = True
        self._starts.shutdown()
        for process in self._all:
            if process in self._idle:
                process.close()
            else:
                process.kill()
        self._idle.clear()
        if self._owned:
            self._spawner.close()


class _Process:
    """One worker."""

    def __init__(self, spawner: Spawner, module: str, prepare: Callable[[], None], starts: Executor) -> None:
        self._spawner = spawner
        self._module = module
        self._prepare = prepare
        self._starts = starts
        self._calls: socket.socket | None = None
        self._pid = 0
        self._killed = False
        #: What it has done before.
        self._begun: set[Callable[..., object]] = set()

    def is_alive(self) -> bool:
        return not self._killed

    def close(self) -> None:
        """Kills it, while no call waits for it."""
        self.kill()
        if self._calls is not None:
            self._calls.close()

    def kill(self) -> None:
        """Does not wait for that: a call that does has Died."""
        self._killed = True
        if self._pid:
            self._spawner.kill(self._pid)

    async def call(self, work: Callable[..., T], arguments: tuple[object, ...], deadline: float) -> T:
        """Raises what `work` raises, TimeoutError, or Died."""
        try:
            if self._calls is None:
                await asyncio.get_running_loop().run_in_executor(self._starts, self._begin)
                prepared, error = await self._exchange(self._prepare, (), START)
                if not prepared:
                    raise Died from error
            good, value = await self._exchange(work, arguments, deadline)
            if isinstance(value, MemoryError):
                raise Died from value
        except (asyncio.CancelledError, GeneratorExit):
            self.close()
            raise
        except BaseException:
            await self._end()
            raise
        if not good:
            raise value
        result: T = value
        return result

    def _begin(self) -> None:
        """Blocks for as long as a process takes to start; raises Died."""
        try:
            calls, pid = self._spawner.worker(self._module)
        except OSError as error:
            raise Died from error
        calls.setblocking(False)
        self._calls, self._pid = calls, pid
        if self._killed:  # nobody waits for it any more
            self.close()
            raise Died

    async def _exchange(
        self, work: Callable[..., object], arguments: tuple[object, ...], deadline: float
    ) -> tuple[bool, Any]:
        """Whether it went well, and the answer or error."""
        assert self._calls is not None  # noqa: S101
        loop, calls, first = asyncio.get_running_loop(), self._calls, work not in self._begun
        try:
            async with asyncio.timeout(START):
                await loop.sock_sendall(calls, message((work, arguments, first)))
            if first:  # what it has to load for that is no part of its time
                await _read(calls, len(BEGUN), loop.time() + START)
                self._begun.add(work)
            until = loop.time() + deadline
            size, more = LENGTHS.unpack(await _read(calls, LENGTHS.size, until))
            answer = memoryview(await _read(calls, size + more, until))
        except TimeoutError:
            raise
        except OSError as error:
            raise Died from error
        return _loaded(answer[:size], answer[size:])

    async def _end(self) -> None:
        """Kills it and waits for that: its end of the socket closes when it is gone."""
        self.kill()
        if self._calls is None:
            return
        try:
            with contextlib.suppress(OSError):
                async with asyncio.timeout(START):
                    while await asyncio.get_running_loop().sock_recv(self._calls, _CHUNK):
                        pass
        finally:
            self._calls.close()


async def _read(calls: socket.socket, size: int, until: float) -> bytearray:
    """Raises TimeoutError at `until`, in the loop's time, and Died when the answer ends before."""
    found = bytearray(size)
    rest = memoryview(found)
    while rest:
        try:
            count = calls.recv_into(rest)
        except BlockingIOError:
            # What lies ready counts, however late it is looked at: the machine may have slept.
            if asyncio.get_running_loop().time() >= until:
                raise TimeoutError from None
            await _readable(calls, until)
            continue
        if not count:
            raise Died
        rest = rest[count:]
    return found


async def _readable(calls: socket.socket, until: float) -> None:
    """Until there is something to read, or it is so late. Takes nothing, so that nothing is lost with who waits."""
    loop, ready = asyncio.get_running_loop(), asyncio.Event()
    loop.add_reader(calls, ready.set)
    try:
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout_at(until):
                await ready.wait()
    finally:
        loop.remove_reader(calls)


def _loaded(data: memoryview, apart: memoryview) -> tuple[bool, Any]:
    """Raises Died for what cannot be made of it again: an exception of somebody else's that is pickled, and no more."""
    try:
        good, value = pickle.loads(data, buffers=[apart])  # noqa: S301  (from our own process)
        return good, value.value() if isinstance(value, Packed) else value
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

"""The one thread that the store lives on: the bridge from the event loop, which never waits for the disk."""

from __future__ import annotations

import asyncio
import time
from collections import deque
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime
from typing import Any, TypeVar

from feedwatch.model import Commit, Delivery, Incident, PollState
from feedwatch.store import Claim, Store

T = TypeVar("T")
#: The call's future, and what came of it.
_Answered = tuple[asyncio.Future[Any], Any, BaseException | None]
#: Seconds after which the answers of the store's thread are handed back, however many calls still wait.
_TOGETHER = 0.002
#: The same where something was written: they wait for the disk then, all of them once.
_DURABLE = 0.05


class StoreThread:
    """The one thread that the store lives on: its calls never overlap, and the loop never waits for fsync.

    Calls run in the order in which they were made. To be used in one event loop.
    """

    def __init__(self, store: Store) -> None:
        self._store = store
        self._executor = ThreadPoolExecutor(1, "store")
        self._calls: deque[tuple[asyncio.Future[Any], Callable[[Store], Any]]] = deque()
        self._busy = False
        #: What is done on the thread when something was written, once that is durable. Raises nothing.
        self.afterwards: Callable[[Store], None] | None = None

    async def run(self, work: Callable[[Store], T]) -> T:
        loop = asyncio.get_running_loop()
        answer: asyncio.Future[T] = loop.create_future()
        self._calls.append((answer, work))
        if not self._busy:
            self._hand_over(loop)
        return await answer

    def _hand_over(self, loop: asyncio.AbstractEventLoop) -> None:
        self._busy = True
        loop.run_in_executor(self._executor, self._work_off).add_done_callback(self._answer)

    def _work_off(self) -> list[_Answered]:
        """On the thread. Waking the loop takes longer than most calls, and waiting for the disk longer than all others:
        several are made together, and answered when what they wrote is durable."""
        done: list[_Answered] = []
        #: Where the first of those is that rely on what is not durable yet.
        relying: int | None = None
        begun = time.monotonic()
        try:
            with self._store.together() as batch:
                while self._calls and not batch.is_full:
                    if time.monotonic() > begun + (_TOGETHER if relying is None else _DURABLE):
                        break
                    answer, work = self._calls.popleft()
                    if answer.cancelled():
                        continue
                    try:
                        done.append((answer, work(self._store), None))
                    except BaseException as error:  # it is raised where the call was made
                        done.append((answer, None, error))
                    if relying is None and batch.written:
                        relying = len(done) - 1
        except BaseException as error:
            done[relying:] = [(answer, None, error) for answer, *_ in done[relying:]]
        else:
            if relying is not None and self.afterwards is not None:
                self.afterwards(self._store)
        return done

    def _answer(self, worked: asyncio.Future[list[_Answered]]) -> None:
        self._busy = False
        if self._calls:
            self._hand_over(worked.get_loop())
        for answer, result, error in worked.result():
            if answer.cancelled():
                continue
            if error is not None:
                answer.set_exception(error)
            else:
                answer.set_result(result)

    def state(self, source_id: str) -> PollState:
        """At once: it is a look at a value that is replaced and never changed, and needs no turn on the thread."""
        return self._store.state(source_id)

    async def claim(self, route_id: str, now: datetime, limit: int) -> list[Claim]:
        return list(await self.run(lambda store: store.claim(route_id, now, limit)))

    async def waiting(self) -> Mapping[str, datetime]:
        return await self.run(lambda store: store.waiting())

    async def settle(self, outcomes: list[tuple[str, Delivery]]) -> None:
        await self.run(lambda store: store.settle(outcomes))

    async def incidents(self) -> list[Incident]:
        return list(await self.run(lambda store: store.incidents()))

    async def commit(self, commit: Commit) -> None:
        await self.run(lambda store: store.commit(commit))

    def close(self) -> None:
        self._executor.shutdown()

"""When things happen: a tick asks the store who is due. Holds no schedule of its own and no rules.

APScheduler only ticks: it compares wall clocks and keeps jobs in memory, while the due times live in the
store, where they survive a restart and a clock that jumps.
"""

from __future__ import annotations

import asyncio
import contextlib
import functools
import logging
import time
from collections import Counter
from collections.abc import Callable, Coroutine
from datetime import datetime, timedelta

from apscheduler.schedulers.asyncio import AsyncIOScheduler
from msgspec.structs import replace

from feedwatch.app import App
from feedwatch.canonical import host_of
from feedwatch.errors import NotPublished, StoreError
from feedwatch.health import Observed
from feedwatch.memory import give_back
from feedwatch.model import Source, SourceReport
from feedwatch.store import Store

log = logging.getLogger(__name__)

#: Seconds between two looks at what is due.
_TICK = 1
#: Seconds in which everything under way has to end.
_GRACE = 10.0
#: Polls under way at once.
_AT_ONCE = 100
#: Those of one host, for each request it may get at once: they only wait for each other, and must not fill all places.
_AT_ONE_HOST = 4
#: Seconds in which the first round waits for its sources: longer for one that does not answer would hold up all others.
_FIRST = 10.0
#: Seconds between two publishings: so many times what one takes, within bounds.
_PAUSES, _SHORTEST_PAUSE, _LONGEST_PAUSE = 100, 1.0, 15.0
#: The wall clock may differ from the steady one by that much between two ticks before it counts as a jump.
_JUMP = timedelta(minutes=2)


class Service:
    """`progress` is called after each tick that came through: what watches the service hangs on it."""

    def __init__(self, app: App, progress: Callable[[], None] = lambda: None) -> None:
        self._app = app
        self._progress = progress
        self._sources = {source.id: source for source in app.config.sources}
        self._polls: dict[str, asyncio.Task[SourceReport]] = {}
        #: How many of them ask each host.
        self._at_host: Counter[str] = Counter()
        #: Whether the first round goes on, which publishes by itself.
        self._first = False
        self._publishing = Repeated(self._publish)
        self._scheduler = AsyncIOScheduler(
            timezone="UTC", job_defaults={"misfire_grace_time": None, "coalesce": True, "max_instances": 1}
        )
        self._ticked: datetime | None = None
        self._steady = 0.0
        self._store_error: str | None = None
        self._polled_by_status: Counter[str] = Counter()
        self._answered_by_way: Counter[str] = Counter()
        self._changed_by_kind: Counter[str] = Counter()

    async def first_round(self) -> tuple[list[SourceReport], list[str]]:
        """Polls what is due at the start: what came of it within ten seconds, and the files written; others go on."""
        await self._app.pipeline.settle_clock()
        now = self._app.clock()
        due = await self._app.store.run(lambda store: store.due(now))
        self._first = True
        try:
            for source_id in due[:_AT_ONCE]:
                self._begin(source_id, self._app.pipeline.poll(self._sources[source_id]))
            polls = list(self._polls.values())
            ended, late = await asyncio.wait(polls, timeout=_FIRST) if polls else (set(), set())
            written = await self._publish()
        finally:
            self._first = False
        if late:
            # Some of them may have ended during the publishing.
            self._publishing.ask()
        return [poll.result() for poll in polls if poll in ended], written

    def start(self) -> None:
        """From now on polls what is due, publishes and sends, until `stop`."""
        self._scheduler.add_job(self.tick, "interval", seconds=_TICK, id="tick")
        self._scheduler.start()

    async def stop(self) -> None:
        """Takes no new work, lets what is under way finish until the grace is over, publishes what it brought."""
        if self._scheduler.running:
            self._scheduler.shutdown(wait=False)
        loop = asyncio.get_running_loop()
        end = loop.time() + _GRACE
        if self._polls:
            _, late = await asyncio.wait(self._polls.values(), timeout=_GRACE / 2)
            for task in late:
                task.cancel()
            await asyncio.gather(*late, return_exceptions=True)
        await self._publishing.stop(max(0.1, end - loop.time()))
        await self._app.pipeline.stop_deliveries(max(0.1, end - loop.time()))

    async def observe(self) -> Observed:
        """How the service is doing now."""
        now = self._app.clock()

        def look(store: Store) -> Observed:
            return Observed(
                at=now,
                ticked=self._ticked,
                sources={source_id: store.state(source_id) for source_id in self._sources},
                waiting=dict(store.waiting()),
                entries=sum(count for _, count in store.sources().values()),
                store_error=self._store_error,
                polls=dict(self._polled_by_status),
                answers=dict(self._answered_by_way),
                changes=dict(self._changed_by_kind),
            )

        observed = await self._app.store.run(look)
        sent = self._app.pipeline.sent
        deliveries = {"delivered": sent.delivered, "retrying": sent.retrying, "dead": sent.dead}
        return replace(observed, gone=await self._app.pipeline.gone_routes(), deliveries=deliveries)

    async def tick(self) -> None:
        """One look at the clock, at what is due and at the outbox; polls go on beside it."""
        try:
            await self._mind_the_clock()
            await self._start_due()
            await self._app.pipeline.start_deliveries()
        except (OSError, StoreError) as error:
            self._store_error = str(error)
            log.error("the store cannot be used (%s)", error)
            return
        self._ticked = self._app.clock()
        self._progress()

    async def _mind_the_clock(self) -> None:
        """After a sleep of the machine, or when somebody set the clock, due times are put right."""
        now, steady = self._app.clock(), asyncio.get_running_loop().time()
        if self._ticked is not None:
            jump = (now - self._ticked) - timedelta(seconds=steady - self._steady)
            if abs(jump) > _JUMP:
                log.warning("the clock jumped by %s", jump)
                await self._app.pipeline.settle_clock()
        self._steady = steady

    async def _start_due(self) -> None:
        now = self._app.clock()
        for source_id in await self._app.store.run(lambda store: store.due(now)):
            if len(self._polls) >= _AT_ONCE:
                break
            host = host_of(self._sources[source_id].url)
            if source_id not in self._polls and self._at_host[host] < _AT_ONE_HOST * self._app.config.per_host:
                self._begin(source_id, self._poll(self._sources[source_id]))

    async def _poll(self, source: Source) -> SourceReport:
        report = await self._app.pipeline.poll(source)
        if report.changes:
            # What is to be told does not wait for the feeds, which are not written at every poll.
            await self._deliver()
        return report

    def _begin(self, source_id: str, work: Coroutine[None, None, SourceReport]) -> None:
        self._at_host[host_of(self._sources[source_id].url)] += 1
        task = self._polls[source_id] = asyncio.create_task(work)
        task.add_done_callback(functools.partial(self._polled, source_id))

    def _polled(self, source_id: str, task: asyncio.Task[SourceReport]) -> None:
        self._polls.pop(source_id, None)
        host = host_of(self._sources[source_id].url)
        self._at_host[host] -= 1
        if not self._at_host[host]:
            del self._at_host[host]
        if task.cancelled():
            return
        if error := task.exception():
            log.critical("poll source=%s crashed: %r", source_id, error, exc_info=error)
        else:
            self._count(task.result())
        if not self._first:
            self._publishing.ask()

    def _count(self, report: SourceReport) -> None:
        self._polled_by_status[report.status] += 1
        if report.way is not None:
            self._answered_by_way[report.way] += 1
        self._changed_by_kind.update(change.kind for change in report.changes)

    async def _publish(self) -> list[str]:
        try:
            written = await self._app.pipeline.publish()
        except (NotPublished, StoreError) as error:
            self._store_error = str(error)
            log.error("%s; next try after the next poll", error)
            return []
        else:
            self._store_error = None
            if written and not self._polls:
                give_back()
            return written
        finally:
            # Alerts do not depend on the feeds: a full disk under public/ must not silence them.
            await self._deliver()

    async def _deliver(self) -> None:
        try:
            await self._app.pipeline.start_deliveries()
        except (OSError, StoreError) as error:
            log.error("the outbox cannot be read (%s)", error)


class Repeated:
    """Runs `work` after each `ask`, one run at a time; asks during a run, and in the pause after it, share the next.

    The pause is so long that the work takes a small share of the time, however much of it there is.
    """

    def __init__(self, work: Callable[[], Coroutine[None, None, object]]) -> None:
        self._work = work
        self._asked = False
        self._free_at = 0.0
        self._hurry = asyncio.Event()
        self._task: asyncio.Task[None] | None = None

    def ask(self) -> None:
        self._asked = True
        if self._task is None or self._task.done():
            self._task = asyncio.create_task(self._run())

    async def _run(self) -> None:
        loop = asyncio.get_running_loop()
        while self._asked:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout_at(self._free_at):
                    await self._hurry.wait()
            self._asked = False
            began = time.perf_counter()
            await self._work()
            pause = (time.perf_counter() - began) * _PAUSES
            self._free_at = loop.time() + min(max(pause, _SHORTEST_PAUSE), _LONGEST_PAUSE)

    async def stop(self, grace: float) -> None:
        """What was asked for is done at once, within `grace` seconds."""
        self._hurry.set()
        if self._task is not None and not self._task.done():
            await asyncio.wait([self._task], timeout=grace)
            self._task.cancel()
            await asyncio.wait([self._task], timeout=grace)

"""When things happen: a tick asks the store who is due. Holds no schedule of its own and no rules.

APScheduler only ticks: it compares wall clocks and keeps jobs in memory, while the due times live in the
store, where they survive a restart and a clock that jumps.
"""

from __future__ import annotations

import asyncio
import functools
import logging
from collections.abc import Callable, Coroutine

from apscheduler.schedulers.asyncio import AsyncIOScheduler

from feedwatch.app import App
from feedwatch.errors import StoreError
from feedwatch.model import SourceReport

log = logging.getLogger(__name__)

#: Seconds between two looks at what is due.
_TICK = 1
#: Seconds that polls under way get to finish at the end.
_GRACE = 10.0
#: Polls under way at once; more than that only wait for each other's hosts.
_AT_ONCE = 100


class Service:
    def __init__(self, app: App) -> None:
        self._app = app
        self._sources = {source.id: source for source in app.config.sources}
        self._polls: dict[str, asyncio.Task[SourceReport]] = {}
        self._publishing = Repeated(self._publish)
        self._scheduler = AsyncIOScheduler(
            timezone="UTC", job_defaults={"misfire_grace_time": None, "coalesce": True, "max_instances": 1}
        )

    async def first_round(self) -> tuple[list[SourceReport], list[str]]:
        """Polls what is due at the start and waits for it; what came of it, and the files written."""
        now = self._app.clock()
        due = await self._app.store.run(lambda store: store.due(now))
        polls = (self._app.pipeline.poll(self._sources[source_id]) for source_id in due[:_AT_ONCE])
        reports = await asyncio.gather(*polls)
        return reports, await self._publish()

    def start(self) -> None:
        """From now on polls what is due, publishes and sends, until `stop`."""
        self._scheduler.add_job(self._tick, "interval", seconds=_TICK, id="tick")
        self._scheduler.start()

    async def stop(self) -> None:
        """Takes no new work, lets polls finish for a while, publishes what they brought."""
        if self._scheduler.running:
            self._scheduler.shutdown(wait=False)
        if self._polls:
            _, late = await asyncio.wait(self._polls.values(), timeout=_GRACE)
            for task in late:
                task.cancel()
        await self._publishing.stop(_GRACE)
        await self._app.pipeline.stop_deliveries(_GRACE)

    async def _tick(self) -> None:
        await self._start_due()
        await self._deliver()

    async def _start_due(self) -> None:
        now = self._app.clock()
        for source_id in await self._app.store.run(lambda store: store.due(now)):
            if len(self._polls) >= _AT_ONCE:
                break
            if source_id not in self._polls:
                task = asyncio.create_task(self._app.pipeline.poll(self._sources[source_id]))
                self._polls[source_id] = task
                task.add_done_callback(functools.partial(self._polled, source_id))

    def _polled(self, source_id: str, task: asyncio.Task[SourceReport]) -> None:
        self._polls.pop(source_id, None)
        if not task.cancelled() and (error := task.exception()):
            log.critical("poll source=%s crashed: %r", source_id, error, exc_info=error)
        self._publishing.ask()

    async def _publish(self) -> list[str]:
        try:
            return await self._app.pipeline.publish()
        except (OSError, StoreError) as error:
            log.error("feeds could not be written (%s); the old ones stay, next try after the next poll", error)
            return []
        finally:
            # Alerts do not depend on the feeds: a full disk under public/ must not silence them.
            await self._deliver()

    async def _deliver(self) -> None:
        try:
            await self._app.pipeline.start_deliveries()
        except (OSError, StoreError) as error:
            log.error("the outbox cannot be read (%s)", error)


class Repeated:
    """Runs `work` after each `ask`, one run at a time; asks during a run share the next one."""

    def __init__(self, work: Callable[[], Coroutine[None, None, object]]) -> None:
        self._work = work
        self._asked = False
        self._task: asyncio.Task[None] | None = None

    def ask(self) -> None:
        self._asked = True
        if self._task is None or self._task.done():
            self._task = asyncio.create_task(self._run())

    async def _run(self) -> None:
        while self._asked:
            self._asked = False
            await self._work()

    async def stop(self, grace: float) -> None:
        """Lets a run under way finish for `grace` seconds."""
        if self._task is not None and not self._task.done():
            await asyncio.wait([self._task], timeout=grace)
            self._task.cancel()

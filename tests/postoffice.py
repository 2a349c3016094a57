"""A real store, the real outbox and real receivers, under a clock that a test moves: days pass in seconds."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from datetime import datetime, timedelta
from pathlib import Path

from make import CATEGORIES, NOW, History, commit, entry
from origin import Origin

from feedwatch.alerts.channels import Channels
from feedwatch.alerts.incidents import Incidents
from feedwatch.alerts.notify import Notifier
from feedwatch.alerts.outbox import Outbox, Sender, Sent
from feedwatch.alerts.retry import Schedule
from feedwatch.model import Delivery, Entry
from feedwatch.net import Net
from feedwatch.redact import Redactor
from feedwatch.routes import Route, Webhook
from feedwatch.store import Claim
from feedwatch.store.tinydb import TinyStore
from feedwatch.storethread import StoreThread

DAYS = timedelta(days=1)
HOURS = timedelta(hours=1)
MINUTES = timedelta(minutes=1)


class PostOffice:
    """Polls sources by hand (`finds`) and lets time pass (`passes`), as the service would, a tick a minute."""

    def __init__(self, folder: Path, routes: Iterable[Route], sender: Sender, now: datetime = NOW) -> None:
        self.now = now
        self.routes = {route.id: route for route in routes}
        self.histories: dict[str, History] = {}
        self._folder = folder
        self._sender = sender
        self._open()

    def _open(self) -> None:
        self.store = TinyStore(self._folder, ["blog", "news"], CATEGORIES, stamp="then")
        self.thread = StoreThread(self.store)
        self.incidents = Incidents(self.thread, self.routes)
        self.outbox = Outbox(
            self.thread,
            self.routes,
            self._sender,
            self.incidents,
            Schedule(timedelta(seconds=30), 3 * DAYS),
            titles={},
            redact=Redactor(()),
            clock=lambda: self.now,
            jitter=lambda: 0.5,
        )

    async def finds(self, *entries: Entry, source: str = "blog") -> None:
        """One poll of a source; its first one is at first sight of one old entry."""
        history = self.histories.setdefault(source, History(source))
        if history.known.config_digest is None:
            history.now = self.now
            await self._commit(history, [entry(1)])
        history.now = self.now
        await self._commit(history, [*entries, entry(1)])

    async def _commit(self, history: History, entries: list[Entry]) -> None:
        found = history.reads(*entries, kind="feed")
        await self.thread.commit(commit(found, self.routes.values(), history.known.source_id))

    async def drain(self) -> Sent:
        return await self.outbox.drain()

    async def passes(self, time: timedelta, tick: timedelta = MINUTES) -> None:
        """Time goes by; at each tick what is due is sent."""
        end = self.now + time
        while self.now < end:
            self.now = min(self.now + tick, end)
            await self.drain()

    async def restarts(self) -> None:
        """Closes and opens everything again: what was only in memory is gone."""
        await self.closes()
        self._open()

    async def closes(self) -> None:
        await self.outbox.stop(1)
        await self.thread.run(lambda store: store.close())
        self.thread.close()

    async def rows(self) -> list[Claim]:
        return await self.thread.run(lambda store: list(store.outbox()))

    async def deliveries(self, route: str | None = None) -> list[Delivery]:
        return [claim.delivery for claim in await self.rows() if route in (None, claim.delivery.route_id)]


@asynccontextmanager
async def open_office(
    folder: Path, routes: Iterable[Route], sender: Sender | None = None, *, now: datetime = NOW, deadline: float = 5
) -> AsyncIterator[PostOffice]:
    notifier = Notifier(frozenset({"127.0.0.1"}))
    async with Net(allow_hosts=frozenset({"127.0.0.1"}), user_agent="feedwatch-test") as net:
        channels = Channels(net, notifier, base_url="http://feeds.example.org", deadline=deadline)
        office = PostOffice(folder, routes, sender or channels, now)
        try:
            yield office
        finally:
            await office.closes()
            notifier.close()


def hook(origin: Origin, path: str = "/hook", **more: object) -> Route:
    """A webhook route named as its path."""
    more = {"when": frozenset({"new", "edited"}), **more}
    return Route(path.strip("/"), Webhook(origin.url + path), **more)  # type: ignore[arg-type]


def ids(origin: Origin, path: str = "/hook") -> list[str]:
    """The idempotency keys that arrived, in order, repetitions included."""
    return [asked.headers["webhook-id"] for asked in origin.requests if asked.path == path]


def run(work: object) -> None:
    asyncio.run(work)  # type: ignore[arg-type]

"""The composition root: the only place that constructs the edges and wires them together."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import random
from collections.abc import AsyncIterator, Callable
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from msgspec import Struct
from msgspec.structs import replace

from feedwatch import __version__
from feedwatch.alerts.channels import Channels
from feedwatch.alerts.incidents import Incidents
from feedwatch.alerts.outbox import Outbox
from feedwatch.alerts.retry import Schedule
from feedwatch.config_build import Config
from feedwatch.following import Follower
from feedwatch.generator.publish import Publisher
from feedwatch.guard import Guard
from feedwatch.healing import Healer
from feedwatch.model import NO_VALIDATORS, Fetched, PollState, Source, Validators
from feedwatch.net import Net
from feedwatch.opening import now, open_store, public_folder
from feedwatch.paging import Reader
from feedwatch.pipeline import Pipeline, Poller
from feedwatch.poller.browser import Browser
from feedwatch.poller.fetch import Driven, Hosts, Robots, drive, is_page, read_file
from feedwatch.poller.rendering import Renderer
from feedwatch.poller.walk import Walk, one_page, walk
from feedwatch.publishing import Publishing
from feedwatch.redact import Redactor
from feedwatch.responses import Responses
from feedwatch.routes import Mail, MailServer, Notify, Route, Webhook
from feedwatch.spawner import Spawner
from feedwatch.storethread import StoreThread
from feedwatch.websub import Hub
from feedwatch.workers import ReaderPool

if TYPE_CHECKING:
    from feedwatch.alerts.notify import Notifier

log = logging.getLogger(__name__)

#: Between further pages of one source: so many times the pause of a host, beside that pause itself.
_BETWEEN_PAGES = 2
#: Seconds at the end for telling the hub what is new.
_LAST_WORD = 5.0
USER_AGENT = f"feedwatch/{__version__} (+https://github.com/feedwatch/feedwatch)"


class App(Struct, frozen=True):
    """Everything that a command needs, open for as long as `open_app` is entered."""

    config: Config
    pipeline: Pipeline
    store: StoreThread
    public: Path
    clock: Callable[[], datetime]


class SourcePoller:
    """Files are read, everything else is fetched at its host's pace; pages only where robots.txt allows it, and shown
    by the browser where their source says so."""

    def __init__(self, net: Net, hosts: Hosts, clock: Callable[[], datetime], renderer: Renderer | None = None) -> None:
        self._net = net
        self._hosts = hosts
        self._robots = Robots(net, clock, hosts.slow_down)
        self._renderer = renderer

    async def poll(self, source: Source, state: PollState) -> Driven:
        if source.url.startswith("file:"):
            return Driven(await asyncio.to_thread(read_file, source))
        page = source.select is not None or source.browser or state.kind == "page"
        robots = self._robots if page and not source.ignores_robots else None
        if source.browser:
            # That the document is what it was says nothing of what its scripts add.
            state = replace(state, validators={})
        async with self._hosts.slot(source.url):
            driven = await self._driven(walk(source, state), source, robots)
            answer = driven.outcome
            # A feed is fetched without asking; that it is none shows only now.
            if robots is None and not source.ignores_robots and isinstance(answer, Fetched) and is_page(answer):
                refusal = await self._robots.refusal(answer.url, source.proxy)
                driven = replace(driven, outcome=refusal) if refusal else driven
            return driven

    async def further(self, source: Source, url: str, validators: Validators = NO_VALIDATORS) -> Driven:
        await asyncio.sleep(_BETWEEN_PAGES * self._hosts.pause)
        robots = None if source.ignores_robots else self._robots
        async with self._hosts.slot(url):
            return await self._driven(one_page(source, url, validators), source, robots)

    async def _driven(self, steps: Walk, source: Source, robots: Robots | None) -> Driven:
        driven = await drive(steps, self._net, robots, proxy=source.proxy)
        answer = driven.outcome
        if self._renderer is None or not source.browser or not isinstance(answer, Fetched) or not is_page(answer):
            return driven
        shown = await self._renderer.render(source, answer, robots)
        return Driven(shown.outcome, driven.requests + shown.requests, driven.received + shown.received)


@contextlib.asynccontextmanager
async def open_poller(
    allow_hosts: frozenset[str], hosts: Hosts, clock: Callable[[], datetime]
) -> AsyncIterator[SourcePoller]:
    """The network as sources see it. A browser is started by the first of them that wants one."""
    async with open_net(allow_hosts) as net, open_net(frozenset()) as public:
        browser = Browser(os.environ, USER_AGENT)
        try:
            yield SourcePoller(net, hosts, clock, Renderer(browser, net, public, Guard(allow_hosts)))
        finally:
            await browser.close()


def open_net(allow_hosts: frozenset[str]) -> Net:
    return Net(allow_hosts=allow_hosts, user_agent=USER_AGENT)


def open_receivers_net(config: Config) -> Net:
    """The network as alerts see it: sources do not profit from what a route may reach."""
    private = frozenset(filter(None, map(_private_host, config.routes)))
    return Net(allow_hosts=config.allow_hosts, user_agent=USER_AGENT, private_hosts=private)


def _private_host(route: Route) -> str | None:
    match route.channel:
        case Webhook(url=url, allow_private=True):
            parts = urlsplit(url)
            return f"{parts.hostname}:{parts.port or (443 if parts.scheme == 'https' else 80)}"
        case Mail(server=MailServer(host=host, port=port, allow_private=True)):
            return f"{host}:{port}"
    return None


@contextlib.asynccontextmanager
async def open_channels(config: Config, spawner: Spawner | None = None) -> AsyncIterator[Channels]:
    """What sends alerts, whatever their channel."""
    notifier = _notifier(config, spawner)
    try:
        async with open_receivers_net(config) as net:
            yield Channels(net, notifier, base_url=config.base_url)
    finally:
        if notifier is not None:
            notifier.close()


def _notifier(config: Config, spawner: Spawner | None) -> Notifier | None:
    if not any(isinstance(route.channel, Notify) for route in config.routes):
        return None
    from feedwatch.alerts.notify import Notifier

    return Notifier(config.allow_hosts, spawner)


@contextlib.asynccontextmanager
async def open_hub(config: Config) -> AsyncIterator[Hub | None]:
    """What tells the hub of new entries, where there is one."""
    if config.imprint.hub is None:
        yield None
        return
    async with open_net(config.allow_hosts) as net:
        hub = Hub(net, config.imprint.hub, config.base_url)
        try:
            yield hub
        finally:
            await hub.finish(_LAST_WORD)


@contextlib.asynccontextmanager
async def open_app(
    config: Config,
    state_dir: Path,
    *,
    clock: Callable[[], datetime] = now,
    reader: Reader | None = None,
    poller: Poller | None = None,
) -> AsyncIterator[App]:
    """Takes the state folder and opens the network. Raises StoreError (Locked, Damaged, TooNew, …)."""
    spawner = Spawner()  # first, while there is no other thread
    try:
        store = open_store(config, state_dir, clock)
    except BaseException:
        spawner.close()
        raise
    thread = StoreThread(store)
    pool = ReaderPool(spawner=spawner)
    responses = Responses(state_dir, config.responses, Redactor(config.secrets))
    public = public_folder(config, state_dir)
    publisher = Publisher(
        store,
        public,
        config.imprint,
        sources={source.id: source for source in config.sources},
        merged=config.merged,
        moved=config.moved,
        limit=config.entries_per_feed,
    )
    jitter = random.SystemRandom().random
    try:
        hosts = Hosts(config.per_host, config.per_host_pause.total_seconds())
        async with (
            open_poller(config.allow_hosts, hosts, clock) as own,
            open_channels(config, spawner) as channels,
            open_hub(config) as hub,
        ):
            routes = {route.id: route for route in config.routes}
            incidents = Incidents(thread, routes)
            outbox = Outbox(
                thread,
                routes,
                channels,
                incidents,
                Schedule(config.retry_first, config.retry_for),
                titles={source.id: source.title for source in config.sources if source.title},
                redact=Redactor(config.secrets),
                clock=clock,
                jitter=jitter,
            )
            poller = poller or own
            follower = Follower(poller, pool, clock)
            pipeline = Pipeline(
                config,
                thread,
                poller,
                reader or pool,
                Healer(reader or pool, pool),
                follower,
                Publishing(thread, publisher, config.entries_per_feed, hub),
                outbox,
                incidents,
                responses,
                clock=clock,
            )
            await thread.run(pipeline.begin)
            await thread.run(lambda _: responses.tidy([source.id for source in config.sources], clock()))
            yield App(config, pipeline, thread, public, clock)
    finally:
        pool.close()
        spawner.close()
        await thread.run(lambda opened: opened.close())
        thread.close()

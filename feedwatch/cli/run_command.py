"""`feedwatch run`: the service."""

from __future__ import annotations

import asyncio
import contextlib
import ipaddress
import logging
import os
import signal
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import click

from feedwatch import health
from feedwatch.alerts import channels
from feedwatch.alerts.outbox import Sent
from feedwatch.app import App, open_app
from feedwatch.cli.common import Setup, config_path, setup
from feedwatch.cli.people import working
from feedwatch.cli.poll_command import echo_reports
from feedwatch.errors import ConfigError
from feedwatch.sd import Systemd
from feedwatch.service import Service
from feedwatch.web import guard_of, serving
from feedwatch.web.pages import Pages

log = logging.getLogger("feedwatch")

#: Seconds between two looks at the configuration's file, and between two reports of the state to systemd.
_LOOK, _REPORT = 2.0, 30.0


@click.command()
@click.pass_context
def command(ctx: click.Context) -> None:
    """Poll each source at its interval, publish, send alerts and serve the feeds, until stopped.

    SIGTERM and Ctrl-C end it cleanly: what is under way gets ten seconds, nothing stored is lost; a second one
    ends it at once. SIGHUP, or a configuration file that changed, makes it read the configuration again; a wrong
    one is refused and the old one kept.
    """
    asyncio.run(_run(ctx, setup(ctx)))


async def _run(ctx: click.Context, ready: Setup) -> None:
    wishes = Wishes()
    systemd = Systemd(os.environ)
    while True:
        watching = asyncio.create_task(_watch(config_path(ctx), wishes))
        try:
            changed = await _live(ctx, ready, wishes, systemd)
        finally:
            watching.cancel()
        if changed is None:
            _let_go()
            return
        ready = changed
        _say("configuration read again")


def _say(text: str) -> None:
    """For who looks on; the service goes on when nobody can any more (a closed pipe, a full disk)."""
    with contextlib.suppress(OSError):
        click.echo(text)


def _let_go() -> None:
    """What nobody could be told must not make the end of the service a failure."""
    for stream in (sys.stdout, sys.stderr):
        if stream is None:  # it was closed before we began
            continue
        try:
            stream.flush()
        except OSError:
            os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())


class Wishes:
    """What signals and the configuration's file ask for."""

    def __init__(self) -> None:
        self.stop, self.reload = asyncio.Event(), asyncio.Event()
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, self._stop)
        loop.add_signal_handler(signal.SIGHUP, self.reload.set)

    def _stop(self) -> None:
        if self.stop.is_set():
            # Asked twice: the store is whole at every instruction, so nothing needs to be waited for.
            with contextlib.suppress(OSError):
                sys.stderr.flush()
            os._exit(1)
        self.stop.set()


async def _watch(path: Path, wishes: Wishes) -> None:
    """Wishes for a reload when the file is another one than before."""
    before = await asyncio.to_thread(_mark, path)
    while True:
        await asyncio.sleep(_LOOK)
        now = await asyncio.to_thread(_mark, path)
        if now != before and now is not None:
            before = now
            wishes.reload.set()


def _mark(path: Path) -> tuple[int, int, int] | None:
    try:
        found = path.stat()
    except OSError:
        return None
    return found.st_mtime_ns, found.st_size, found.st_ino


async def _live(ctx: click.Context, ready: Setup, wishes: Wishes, systemd: Systemd) -> Setup | None:
    """Runs with one configuration; the next one, or None when it is to stop."""
    async with contextlib.AsyncExitStack() as stack:
        app = await stack.enter_async_context(open_app(ready.config, ready.state_dir))
        ticked = asyncio.Event()

        def progress() -> None:
            ticked.set()
            systemd.progress()

        service = Service(app, progress)
        if ready.config.listen is not None:
            address = await stack.enter_async_context(_serving(ready, app, service))
            _say(f"feedwatch serves its feeds on http://{_host(address[0])}:{address[1]}/")
            if ready.config.web_token is None and not _is_loopback(address[0]):
                click.echo(
                    f"whoever can reach {address[0]} can read everything that is served: there is no login; "
                    'give it one with [web] token = "${FEEDWATCH_TOKEN}"',
                    err=True,
                )
        stack.push_async_callback(service.stop)
        first = asyncio.create_task(_first_round(app, service))
        stop = asyncio.create_task(wishes.stop.wait())
        await asyncio.wait([first, stop], return_when=asyncio.FIRST_COMPLETED)
        if first.done():
            first.result()
            # From here on nobody prints a summary: what goes wrong must be in the log.
            log.setLevel(min(log.level, logging.WARNING))
            await asyncio.to_thread(channels.load, ready.config.routes)
            service.start()
            await asyncio.wait([asyncio.create_task(ticked.wait()), stop], return_when=asyncio.FIRST_COMPLETED)
            systemd.ready(health.one_line(await service.observe()))
        else:
            first.cancel()
            await asyncio.wait([first])
        reporting = asyncio.create_task(_report(service, systemd))
        try:
            following = await _next_setup(ctx, wishes, systemd)
        finally:
            reporting.cancel()
            stop.cancel()
        if following is None:
            systemd.stopping()
            _say("stopping")
        return following


@contextlib.asynccontextmanager
async def _serving(ready: Setup, app: App, service: Service) -> AsyncIterator[tuple[str, int]]:
    config = ready.config
    assert config.listen is not None  # noqa: S101  (asked only then)
    pages = Pages(config, app.store, app.clock, public=app.public, state_dir=ready.state_dir)
    guard = guard_of(config.web_token, config.base_url)
    async with pages.warm(), serving(app.public, config.listen, service.observe, pages, guard) as address:
        yield address


async def _next_setup(ctx: click.Context, wishes: Wishes, systemd: Systemd) -> Setup | None:
    """Waits for a good configuration, or for the end (None)."""
    while True:
        waits = [asyncio.create_task(event.wait()) for event in (wishes.stop, wishes.reload)]
        await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
        for wait in waits:
            wait.cancel()
        if wishes.stop.is_set():
            return None
        wishes.reload.clear()
        try:
            following = setup(ctx)
        except ConfigError as error:
            log.error("the configuration is wrong and was not taken; the old one goes on\n%s", error)
            systemd.status(f"the new configuration is wrong: {error.problems[0]}")
            continue
        systemd.reloading()
        return following


async def _report(service: Service, systemd: Systemd) -> None:
    while True:
        await asyncio.sleep(_REPORT)
        systemd.status(health.one_line(await service.observe()))


async def _first_round(app: App, service: Service) -> None:
    with working("polling for the first time"):
        reports, written = await service.first_round()
    with contextlib.suppress(OSError):
        echo_reports(reports, written, Sent())
    _say(f"feeds as files: {app.public}/feeds/ — press Ctrl-C to stop")


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def _host(host: str) -> str:
    return f"[{host}]" if ":" in host else host

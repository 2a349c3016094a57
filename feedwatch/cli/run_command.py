"""`feedwatch run`: the service."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import signal

import click

from feedwatch.alerts.outbox import Sent
from feedwatch.app import App, open_app
from feedwatch.cli.common import Setup, setup
from feedwatch.cli.poll_command import echo_reports
from feedwatch.service import Service
from feedwatch.web import serving


@click.command()
@click.pass_context
def command(ctx: click.Context) -> None:
    """Poll each source at its interval, publish, send alerts and serve the feeds, until stopped.

    SIGTERM and Ctrl-C end it cleanly: polls under way get ten seconds, nothing stored is lost.
    """
    asyncio.run(_run(setup(ctx)))


async def _run(ready: Setup) -> None:
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    async with contextlib.AsyncExitStack() as stack:
        app = await stack.enter_async_context(open_app(ready.config, ready.state_dir))
        if ready.config.listen is not None:
            address = await stack.enter_async_context(serving(app.public, ready.config.listen))
            click.echo(f"feedwatch serves its feeds on http://{_host(address[0])}:{address[1]}/")
        service = Service(app)
        stack.push_async_callback(service.stop)
        first = asyncio.create_task(_first_round(app, service))
        ended = asyncio.create_task(stop.wait())
        await asyncio.wait([first, ended], return_when=asyncio.FIRST_COMPLETED)
        if first.done():
            first.result()
            # From here on nobody prints a summary: what goes wrong must be in the log.
            logger = logging.getLogger("feedwatch")
            logger.setLevel(min(logger.level, logging.WARNING))
            service.start()
        else:
            first.cancel()
            await asyncio.wait([first])
        await stop.wait()
        click.echo("stopping")


async def _first_round(app: App, service: Service) -> None:
    reports, written = await service.first_round()
    echo_reports(reports, written, Sent())
    click.echo(f"feeds as files: {app.public}/feeds/ — press Ctrl-C to stop")


def _host(host: str) -> str:
    return f"[{host}]" if ":" in host else host

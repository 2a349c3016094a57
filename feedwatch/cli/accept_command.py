"""`feedwatch accept`: what a source says is believed after all."""

from __future__ import annotations

import asyncio

import click
from msgspec.structs import replace

from feedwatch.app import open_app
from feedwatch.cli.common import Setup, complete_source, printable, setup, source_called
from feedwatch.cli.people import working
from feedwatch.errors import FeedwatchError
from feedwatch.model import Source, SourceReport


@click.command()
@click.argument("source", shell_complete=complete_source)
@click.pass_context
def command(ctx: click.Context, source: str) -> None:
    """Believe what SOURCE says now, though it is not as it was.

    Reads it again and takes in what is there. What changed as a whole is no news: nobody is alerted of it.
    """
    ready = setup(ctx)
    chosen = source_called(ready.config, source)
    with working(f"reading {source}"):
        report = asyncio.run(_accept(ready, chosen))
    if report.error:
        raise FeedwatchError(f"{source}: {report.error}; what it says is believed as soon as it can be read")
    changed = f"{len(report.changes)} changes, {report.discovered} entries discovered"
    click.echo(printable(f"{source}: believed; {report.entries} entries, {changed}"))


async def _accept(ready: Setup, source: Source) -> SourceReport:
    async with open_app(ready.config, ready.state_dir) as app:
        state = await app.store.run(lambda store: store.state(source.id))
        if state.quarantine is None:
            raise FeedwatchError(f"{source.id}: nothing that it says is doubted (feedwatch status shows what is)")
        if reason := await app.pipeline.held(source):
            raise FeedwatchError(f"{source.id}: {reason}")
        await app.store.run(lambda store: store.remember(source.id, replace(state, accepted=True)))
        report = await app.pipeline.poll(source)
        await app.pipeline.publish()
    return report

"""`feedwatch backfill`: the older pages of an archive."""

from __future__ import annotations

import asyncio

import click

from feedwatch.app import open_app
from feedwatch.cli.common import Setup, complete_source, printable, setup, source_called
from feedwatch.errors import FeedwatchError
from feedwatch.model import Failure, Source

#: Pages of an archive that "all" is, at most.
_ALL = 10_000


def _pages(_ctx: click.Context, _param: click.Parameter, value: str) -> int:
    if value == "all":
        return _ALL
    if not value.isdigit() or int(value) < 2:
        raise click.BadParameter('write a number from 2 on, or "all"')
    return int(value)


@click.command()
@click.argument("source", shell_complete=complete_source)
@click.option("--pages", default="all", callback=_pages, help='Up to that page; "all" by default.')
@click.pass_context
def command(ctx: click.Context, source: str, pages: int) -> None:
    """Read the older pages of a source's archive into its feeds.

    Goes from page to page with a pause, as the site's robots.txt and the host's pace allow. What it finds is no news:
    nobody is alerted. Interrupted, it goes on where it was.
    """
    ready = setup(ctx)
    chosen = source_called(ready.config, source)
    asyncio.run(_backfill(ready, chosen, pages))


async def _backfill(ready: Setup, source: Source, pages: int) -> None:
    async with open_app(ready.config, ready.state_dir) as app:
        state = await app.store.run(lambda store: store.state(source.id))
        if state.last_success is None:
            raise FeedwatchError(f"{source.id} was never polled; run first: feedwatch poll {source.id}")
        if reason := app.pipeline.held(source):
            raise FeedwatchError(f"{source.id}: {reason}")
        found = count = 0
        failure = None
        async for page, discovered in app.pipeline.backfill(source, pages):
            if isinstance(page.result, Failure):
                failure = page
                break
            found, count = found + discovered, count + 1
            entries = len(page.result.entries)
            click.echo(printable(f"page {page.number}: {entries} entries, {discovered} unknown — {page.url}"), err=True)
        await app.pipeline.publish()
    if failure is not None and isinstance(failure.result, Failure):
        last = failure.result.kind == "empty" or failure.result.http_status == 404
        if not last:
            raise FeedwatchError(
                f"page {failure.number} could not be read ({failure.result.detail}); run it again to go on there"
            )
    if not count and failure is None:
        click.echo(f"{source.id}: no further page is named; if there are some, write page_url in its [[source]]")
        return
    click.echo(f"{source.id}: {found} entries discovered on {count} pages")

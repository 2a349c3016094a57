"""`feedwatch link`: two entries of a source are one post."""

from __future__ import annotations

import asyncio

import click

from feedwatch.app import open_app
from feedwatch.cli.common import Setup, printable, setup
from feedwatch.cli.entry_named import entry_named
from feedwatch.differ.link import linked
from feedwatch.errors import FeedwatchError
from feedwatch.model import Commit, KnownEntry
from feedwatch.opening import now
from feedwatch.store import Store


@click.command()
@click.argument("new")
@click.argument("old")
@click.pass_context
def command(ctx: click.Context, new: str, old: str) -> None:
    """Say that the entry NEW is the entry OLD, which keeps its id in the feeds; NEW leaves them."""
    ready = setup(ctx)
    asyncio.run(_link(ready, new, old))


async def _link(ready: Setup, new: str, old: str) -> None:
    async with open_app(ready.config, ready.state_dir) as app:

        def work(store: Store) -> KnownEntry:
            ids = [source.id for source in ready.config.sources]
            (source_id, first), (other, second) = entry_named(store, ids, old), entry_named(store, ids, new)
            if source_id != other:
                raise FeedwatchError(
                    f"they are of two sources ({source_id}, {other}); such entries are one when address and title agree"
                )
            rows = linked(first, second, now())
            known = store.known(source_id)
            store.commit(Commit(source_id, known.config_digest or "", known.about, rows))
            return rows[0]

        row = await app.store.run(work)
        await app.pipeline.publish()
    click.echo(printable(f"one entry now: {row.entry.title or row.key} ({row.atom_id})"))

"""`feedwatch unlink`: entries that were linked are two posts after all."""

from __future__ import annotations

import asyncio

import click

from feedwatch.app import open_app
from feedwatch.cli.common import Setup, printable, setup
from feedwatch.cli.entry_named import entry_named
from feedwatch.differ.link import unlinked
from feedwatch.errors import FeedwatchError
from feedwatch.model import Commit, KnownEntry
from feedwatch.store import Store


@click.command()
@click.argument("entry")
@click.pass_context
def command(ctx: click.Context, entry: str) -> None:
    """Say that what was linked to ENTRY is another post after all."""
    ready = setup(ctx)
    asyncio.run(_unlink(ready, entry))


async def _unlink(ready: Setup, entry: str) -> None:
    async with open_app(ready.config, ready.state_dir) as app:

        def work(store: Store) -> list[KnownEntry]:
            source_id, row = entry_named(store, [source.id for source in ready.config.sources], entry)
            known = store.known(source_id)
            found = [other for other in known.entries.values() if other.same_as == row.key]
            if not found:
                raise FeedwatchError("no entry is linked to this one; feedwatch link NEW OLD does that")
            rows = []
            for other in found:
                row, back = unlinked(row, other)
                rows.append(back)
            store.commit(Commit(source_id, known.config_digest or "", known.about, (row, *rows)))
            return rows

        rows = await app.store.run(work)
        await app.pipeline.publish()
    for row in rows:
        click.echo(printable(f"an entry of its own again: {row.entry.title or row.key} ({row.atom_id})"))

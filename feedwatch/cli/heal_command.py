"""`feedwatch heal`: what would find the entries of a source again whose selectors do not any more."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, replace

import click

from feedwatch.cli.common import complete_source, config_path, printable, setup, source_called
from feedwatch.cli.config_file import must_be_good, save
from feedwatch.cli.people import working
from feedwatch.cli.preview_command import looking
from feedwatch.config_edit import without_selectors
from feedwatch.differ.match import match
from feedwatch.errors import FeedwatchError
from feedwatch.model import Failure, KnownEntry, Reading
from feedwatch.opening import now, open_store

#: Share of the known entries that must come out again.
_ENOUGH = 0.9
#: Titles that are shown of those that do not.
_SHOWN = 5


@dataclass(frozen=True, slots=True)
class _Found:
    """How many known entries a reading has, which it lacks, and how many others it has."""

    known: int
    lacking: tuple[str, ...]
    others: int


@click.command()
@click.argument("source", shell_complete=complete_source)
@click.option("--apply", "apply_it", is_flag=True, help="Take the selectors out of the configuration, if that helps.")
@click.pass_context
def command(ctx: click.Context, source: str, apply_it: bool) -> None:
    """See whether SOURCE, whose selectors find its entries no more, is read well without them.

    Shows how many of the entries that are known come out again; with --apply, and nine in ten of them, the selectors
    are taken out of the configuration, and everything else in the file stays as it is.
    """
    ready = setup(ctx)
    chosen = source_called(ready.config, source)
    if chosen.select is None:
        raise FeedwatchError(f"{source}: it has no selectors; it is read without them (feedwatch preview {source})")
    store = open_store(ready.config, ready.state_dir, now, read_only=True)
    rows = [row for row in store.known(source).entries.values() if row.listed and row.withdrawn is None]
    if not rows:
        raise FeedwatchError(
            f"{source}: no entry of it is known yet, so nothing can tell a right list from a wrong one"
        )

    async def both() -> tuple[Reading | Failure, Reading | Failure]:
        async with looking(ready.config) as look:
            return await look(chosen), await look(replace(chosen, select=None))

    with working(f"looking at {source}"):
        present, without = asyncio.run(both())
    _tell("with the selectors", present, rows)
    found = _tell("without them", without, rows)
    if found is None or found.known < _ENOUGH * min(len(rows), found.known + found.others):
        raise FeedwatchError(f"{source}: that is no better; name the list anew in [source.select]")
    if not apply_it:
        click.echo(f"to take the selectors out of the configuration: feedwatch heal {source} --apply", err=True)
        return
    path = config_path(ctx)
    changed = without_selectors(path.read_text("utf-8"), source)
    must_be_good(changed, path)
    save(path, changed)
    click.echo(f"{path}: the selectors of {source} are gone; what is read without them is no news")


def _tell(how: str, reading: Reading | Failure, rows: Sequence[KnownEntry]) -> _Found | None:
    """Prints what a reading has of the known entries."""
    if isinstance(reading, Failure):
        click.echo(printable(f"{how}: {reading.detail}"))
        return None
    pairs = match({row.key: row for row in rows}, reading.entries)
    again = {row.key for _, row in pairs if row is not None}
    lacking = tuple(row.entry.title or row.key for row in rows if row.key not in again)
    found = _Found(len(again), lacking, sum(row is None for _, row in pairs))
    click.echo(f"{how}: {found.known} of {len(rows)} known entries, and {found.others} others")
    for title in lacking[:_SHOWN]:
        click.echo(printable(f"  missing: {title}"))
    return found

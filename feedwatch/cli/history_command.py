"""`feedwatch history`: what an entry said before, and what changed. Works beside a running service."""

from __future__ import annotations

import sys

import click

from feedwatch.cli.common import echo_json, json_option, printable, setup
from feedwatch.cli.entry_named import entry_named
from feedwatch.cli.people import colour, looks_on
from feedwatch.differ.history import steps
from feedwatch.differ.words import Piece, shortened
from feedwatch.entryjson import known_json
from feedwatch.opening import now, open_store

#: Characters of unchanged text shown beside what changed.
_AROUND = 60
_MARKS = {"same": ("", ""), "gone": ("[-", "-]"), "added": ("{+", "+}")}
_COLOURS = {"same": None, "gone": "red", "added": "green"}


@click.command()
@click.argument("entry")
@json_option
@click.pass_context
def command(ctx: click.Context, entry: str, as_json: bool) -> None:
    """Show how ENTRY was edited: its id, its address, or words of its title."""
    ready = setup(ctx)
    store = open_store(ready.config, ready.state_dir, now, read_only=True)
    source_id, row = entry_named(store, [source.id for source in ready.config.sources], entry)
    edits = list(steps(row))
    if as_json:
        slugs = tuple(ready.config.categories.resolve(row.entry.categories))
        told = [
            {
                "revision": step.revision,
                "at": step.at.isoformat(),
                "size": step.size,
                "changed": {
                    name: [{"kind": p.kind, "text": p.text} for p in pieces] for name, pieces in step.changed.items()
                },
            }
            for step in edits
        ]
        echo_json({"entry": known_json(source_id, row, slugs), "edits": told})
        return
    click.echo(printable(f"{row.entry.title or row.entry.link or row.key} ({source_id})"))
    click.echo(f"first seen {row.first_seen.isoformat(timespec='minutes')}, revision {row.revision}")
    if not edits:
        click.echo("never edited, as far as it was seen")
    for step in edits:
        click.echo(f"\nrevision {step.revision}, {step.at.isoformat(timespec='minutes')}, {step.size}")
        for name, pieces in step.changed.items():
            click.echo(f"  {name}: {''.join(map(_shown, shortened(pieces, _AROUND)))}")


def _shown(piece: Piece) -> str:
    text = printable(piece.text)
    if looks_on(sys.stdout) and colour() is not False:
        return click.style(text, fg=_COLOURS[piece.kind], strikethrough=piece.kind == "gone")
    before, after = _MARKS[piece.kind]
    return f"{before}{text}{after}"

"""`feedwatch history`: what an entry said before, and what changed. Works beside a running service."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from datetime import datetime
from itertools import pairwise

import click

from feedwatch.cli.common import echo_json, json_option, printable, setup
from feedwatch.cli.entry_named import entry_named
from feedwatch.cli.people import colour, looks_on
from feedwatch.differ.normalise import text_of
from feedwatch.differ.words import Piece, shortened, word_diff
from feedwatch.entryjson import known_json
from feedwatch.model import EditSize, KnownEntry, Revision
from feedwatch.opening import now, open_store

#: Characters of unchanged text shown beside what changed.
_AROUND = 60
_MARKS = {"same": ("", ""), "gone": ("[-", "-]"), "added": ("{+", "+}")}
_COLOURS = {"same": None, "gone": "red", "added": "green"}
_FIELDS = ("title", "summary", "content")


@click.command()
@click.argument("entry")
@json_option
@click.pass_context
def command(ctx: click.Context, entry: str, as_json: bool) -> None:
    """Show how ENTRY was edited: its id, its address, or words of its title."""
    ready = setup(ctx)
    store = open_store(ready.config, ready.state_dir, now, read_only=True)
    source_id, row = entry_named(store, [source.id for source in ready.config.sources], entry)
    steps = list(_steps(row))
    if as_json:
        slugs = tuple(ready.config.categories.resolve(row.entry.categories))
        edits = [
            {
                "revision": number,
                "at": at.isoformat(),
                "size": size,
                "changed": {name: [{"kind": p.kind, "text": p.text} for p in pieces] for name, pieces in told.items()},
            }
            for number, at, size, told in steps
        ]
        echo_json({"entry": known_json(source_id, row, slugs), "edits": edits})
        return
    click.echo(printable(f"{row.entry.title or row.entry.link or row.key} ({source_id})"))
    click.echo(f"first seen {row.first_seen.isoformat(timespec='minutes')}, revision {row.revision}")
    if not steps:
        click.echo("never edited, as far as it was seen")
    for number, at, size, told in steps:
        click.echo(f"\nrevision {number}, {at.isoformat(timespec='minutes')}, {size}")
        for name, pieces in told.items():
            click.echo(f"  {name}: {''.join(map(_shown, shortened(pieces, _AROUND)))}")


def _steps(row: KnownEntry) -> Iterator[tuple[int, datetime, EditSize, dict[str, tuple[Piece, ...]]]]:
    """Each edit that is kept: the revision it made, when, its size, and the fields it changed."""
    entry = row.entry
    last = Revision(row.revision, row.changed_at, "major", entry.title, entry.summary, entry.content)
    for before, after in pairwise((*row.revisions, last)):
        told = {name: word_diff(_words(before, name), _words(after, name)) for name in _FIELDS}
        changed = {name: pieces for name, pieces in told.items() if any(p.kind != "same" for p in pieces)}
        yield before.number + 1, before.until, before.size, changed


def _words(revision: Revision, name: str) -> str:
    value = getattr(revision, name)
    return value if isinstance(value, str) else text_of(value)


def _shown(piece: Piece) -> str:
    text = printable(piece.text)
    if looks_on(sys.stdout) and colour() is not False:
        return click.style(text, fg=_COLOURS[piece.kind], strikethrough=piece.kind == "gone")
    before, after = _MARKS[piece.kind]
    return f"{before}{text}{after}"

"""`feedwatch list`: what is stored. Works beside a running service."""

from __future__ import annotations

import click

from feedwatch.categories import ALL
from feedwatch.cli.common import complete_source, echo_json, echo_table, json_option, setup, source_called
from feedwatch.entryjson import known_json
from feedwatch.opening import now, open_store


@click.command()
@click.option("--source", "source_id", shell_complete=complete_source, help="Only entries of this source.")
@click.option("--category", help="Only entries of this category (name, alias or slug).")
@json_option
@click.pass_context
def command(ctx: click.Context, source_id: str | None, category: str | None, as_json: bool) -> None:
    """List the stored entries, newest first."""
    ready = setup(ctx)
    config = ready.config
    ids = [source.id for source in config.sources]
    if source_id is not None:
        source_called(config, source_id)
    store = open_store(config, ready.state_dir, now, read_only=True)
    slug = config.categories.slug_of(category) if category and category != ALL else None
    found = [
        (known, entry_source, tuple(config.categories.resolve(known.entry.categories)))
        for entry_source in ids
        if source_id in (None, entry_source)
        for known in store.known(entry_source).entries.values()
        if known.same_as is None
    ]
    shown = [row for row in found if slug is None or slug in row[2]]
    shown.sort(key=lambda row: (row[0].order[0], row[0].published, -row[0].order[1]), reverse=True)
    if as_json:
        echo_json({"entries": [known_json(origin, known, slugs) for known, origin, slugs in shown]})
        return
    echo_table(
        ("published", "title", "feeds", "source"),
        [
            (
                str(known.entry.published or "")[:10],
                known.entry.title or known.entry.link or known.key,
                ", ".join(slugs),
                origin,
            )
            for known, origin, slugs in shown
        ],
    )

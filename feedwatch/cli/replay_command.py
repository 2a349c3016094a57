"""`feedwatch replay`: what another configuration would have made of the bodies that are kept."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Iterator, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

import click

from feedwatch import config as configuration
from feedwatch.cli.common import Setup, echo_json, json_option, log_to_stderr, printable, setup
from feedwatch.cli.people import working
from feedwatch.config_build import Config
from feedwatch.config_values import duration
from feedwatch.entryjson import entry_json
from feedwatch.model import Entry
from feedwatch.opening import now
from feedwatch.redact import Redactor
from feedwatch.replay.difference import Difference, SourceDifference, Told
from feedwatch.replay.play import Trouble
from feedwatch.replay.run import Replayed, replay
from feedwatch.workers import ReaderPool

#: Troubles of a source that are told one by one.
_TROUBLES = 3


@click.command()
@click.argument("new", type=click.Path(path_type=Path), metavar="NEW_CONFIG")
@click.option("--since", metavar="DURATION", help='Only answers not older than that, as in "30d"; by default all kept.')
@json_option
@click.pass_context
def command(ctx: click.Context, new: Path, since: str | None, as_json: bool) -> None:
    """Show what would differ if NEW_CONFIG were the configuration.

    Reads the answers of the sources that are kept in the state folder, in the order of time, once with the present
    configuration (--config) and once with NEW_CONFIG, each from an empty store, and shows which entries, feeds and
    alerts differ. Asks nobody, stores nothing, sends nothing; works beside a running service.
    """
    ready = setup(ctx)
    tried = configuration.load(new, os.environ)
    _, _, verbose, log_format = ctx.find_root().obj
    log_to_stderr(verbose, log_format, Redactor({*ready.config.secrets, *tried.secrets}))
    at = now()
    with working("reading the kept answers"):
        found = asyncio.run(_replayed(ready, tried, _start(since, at), at))
    for line in found.skipped:
        click.echo(printable(line), err=True)
    if as_json:
        echo_json(_json(found))
        return
    for line in _lines(found):
        click.echo(printable(line))


def _start(since: str | None, at: datetime) -> datetime | None:
    if since is None:
        return None
    try:
        return at - duration(since)
    except (ValueError, OverflowError):
        raise click.UsageError(f'--since "{since}": write a duration, as in "30d" or "12h"') from None


async def _replayed(ready: Setup, tried: Config, since: datetime | None, at: datetime) -> Replayed:
    pool = ReaderPool()
    try:
        return await replay(ready.config, tried, ready.state_dir, pool, since=since, now=at)
    finally:
        pool.close()


# --- for people -----------------------------------------------------------------------------------------


def _lines(found: Replayed) -> Iterator[str]:
    if found.times:
        first, last = (moment.strftime("%Y-%m-%d %H:%M") for moment in (min(found.times), max(found.times)))
        yield f"{len(found.times)} kept answers, {first} to {last} UTC"
        yield from _told(found.difference)
    for names, words in (
        (found.alike, "nothing that concerns them differs between the two configurations"),
        (found.without, "no answers kept (they are from now on, where `responses` is not 0)"),
        (found.elsewhere, "another address in the new configuration; what the old one answered says nothing of it"),
        (found.first_page, "only the first page of each answer is kept"),
    ):
        if names:
            yield f"{', '.join(sorted(names))}: {words}"


def _told(difference: Difference) -> Iterator[str]:
    if not difference:
        yield "no difference: the same entries, feeds and alerts"
        return
    for source in difference.sources:
        yield ""
        yield source.id
        yield from _source_lines(source)
    if difference.feeds:
        yield ""
        yield "feeds"
        for feed in difference.feeds:
            yield f"  {feed.slug}"
            yield from (f"    + {_name(member.entry)}  ({member.source_id})" for member in feed.come)
            yield from (f"    - {_name(member.entry)}  ({member.source_id})" for member in feed.go)
    if difference.more or difference.fewer:
        yield ""
        yield "alerts"
        yield from (f"  + {_alert(told)}" for told in difference.more)
        yield from (f"  - {_alert(told)}" for told in difference.fewer)
    yield ""


def _source_lines(source: SourceDifference) -> Iterator[str]:
    yield from (f"  + {_name(entry)}" for entry in source.appear)
    yield from (f"  - {_name(entry)}" for entry in source.disappear)
    for differing in source.differ:
        yield f"  ~ {_name(differing.entry)}"
        for field in differing.fields:
            yield f"      {field.name}: {field.before or '(none)'} -> {field.after or '(none)'}"
    yield from _trouble_lines("trouble with the new configuration", source.broken)
    yield from _trouble_lines("trouble only with the present configuration", source.mended)


def _trouble_lines(title: str, troubles: Sequence[Trouble]) -> Iterator[str]:
    yield from (f"  ! {title}, {trouble.at:%Y-%m-%d %H:%M}: {trouble.detail}" for trouble in troubles[:_TROUBLES])
    if len(troubles) > _TROUBLES:
        yield f"  ! and {len(troubles) - _TROUBLES} more"


def _alert(told: Told) -> str:
    receiver = f"{told.route_id} ({told.recipient})" if told.recipient else told.route_id
    return f"{receiver}  {told.kind}  {_name(told.entry)}  ({told.source_id}, {told.at:%Y-%m-%d %H:%M})"


def _name(entry: Entry) -> str:
    return "  ".join(filter(None, (entry.title, entry.link))) or entry.id


# --- for programs ---------------------------------------------------------------------------------------


def _json(found: Replayed) -> dict[str, Any]:
    """`replay --json`: a contract; add, never rename."""
    difference = found.difference
    return {
        "different": bool(difference),
        "responses": len(found.times),
        "first": min(found.times).isoformat() if found.times else None,
        "last": max(found.times).isoformat() if found.times else None,
        "sources": [_source_json(source) for source in difference.sources],
        "feeds": [
            {
                "feed": feed.slug,
                "come": [entry_json(member.entry, source=member.source_id) for member in feed.come],
                "go": [entry_json(member.entry, source=member.source_id) for member in feed.go],
            }
            for feed in difference.feeds
        ],
        "alerts": {
            "more": [_alert_json(told) for told in difference.more],
            "fewer": [_alert_json(told) for told in difference.fewer],
        },
        "alike": sorted(found.alike),
        "without_responses": sorted(found.without),
        "other_address": sorted(found.elsewhere),
        "first_page_only": sorted(found.first_page),
        "skipped": sorted(found.skipped),
    }


def _source_json(source: SourceDifference) -> dict[str, Any]:
    return {
        "id": source.id,
        "appear": [entry_json(entry) for entry in source.appear],
        "disappear": [entry_json(entry) for entry in source.disappear],
        "differ": [
            {
                "entry": entry_json(differing.entry),
                "fields": {f.name: {"before": f.before, "after": f.after} for f in differing.fields},
            }
            for differing in source.differ
        ],
        "broken": [{"at": trouble.at.isoformat(), "detail": trouble.detail} for trouble in source.broken],
        "mended": [{"at": trouble.at.isoformat(), "detail": trouble.detail} for trouble in source.mended],
    }


def _alert_json(told: Told) -> dict[str, Any]:
    return {
        "alert": told.route_id,
        "recipient": told.recipient,
        "kind": told.kind,
        "source": told.source_id,
        "at": told.at.isoformat(),
        "entry": entry_json(told.entry),
    }

"""`feedwatch explain`: the whole story of an entry or a source. Works beside a running service."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime

import click

from feedwatch.cli.common import Setup, echo_json, json_option, printable, setup
from feedwatch.cli.entry_named import entry_named
from feedwatch.cli.why import Story, told
from feedwatch.model import Change, PollState, Source
from feedwatch.opening import now, open_store
from feedwatch.poller.rhythm import silence
from feedwatch.spoken import ago
from feedwatch.store import Store
from feedwatch.troubles import written


@click.command()
@click.argument("what", metavar="ENTRY_OR_SOURCE")
@json_option
@click.pass_context
def command(ctx: click.Context, what: str, as_json: bool) -> None:
    """Tell how an entry came to be as it is and who was told of it, or why a source is polled as it is."""
    ready = setup(ctx)
    clock = now()
    store = open_store(ready.config, ready.state_dir, lambda: clock, read_only=True)
    source = next((known for known in ready.config.sources if known.id == what), None)
    if source is not None:
        state = store.state(source.id)
        lines = list(_source(source, state, len(store.known(source.id).entries), clock))
    else:
        lines = list(told(story_of(ready, store, what), ready.config.routes))
    if as_json:
        echo_json({"explained": lines})
        return
    for line in lines:
        click.echo(printable(line))


def story_of(ready: Setup, store: Store, what: str) -> Story:
    """All that is stored about the entry that `what` names. Raises FeedwatchError where it names none."""
    source_id, row = entry_named(store, [source.id for source in ready.config.sources], what)
    changes = [event for event in store.events_of(source_id) if isinstance(event, Change) and event.key == row.key]
    ids = {change.id for change in changes}
    other = store.elsewhere(source_id, row.entry)
    return Story(
        source_id,
        row,
        tuple(ready.config.categories.resolve(row.entry.categories).items()),
        tuple(changes),
        tuple(claim.delivery for claim in store.outbox_of(source_id) if claim.delivery.change_id in ids),
        other[0] if other else None,
    )


def _source(source: Source, state: PollState, entries: int, clock: datetime) -> Iterator[str]:
    yield f"{source.id}: {source.url}"
    if state.last_poll is None:
        yield "never polled yet"
        return
    answer = f", HTTP {state.http_status}" if state.http_status else ""
    yield f"last poll {ago(state.last_poll, clock)}: {state.status}{answer}; {state.entries} entries, {entries} known"
    if state.error:
        yield f"what is wrong: {state.error} ({state.failures} failures in a row)"
    if state.quarantine:
        since = ago(state.quarantine.since, clock)
        yield f"doubted since {since}, {state.quarantine.readings} readings: feedwatch accept {source.id} believes it"
    if state.effective_url:
        yield f"it has moved for good, and is asked at {state.effective_url}"
    if state.move:
        yield f"it redirects to {state.move.target} since {ago(state.move.since, clock)}; that is not believed yet"
    for url, validators in state.validators.items():
        yield f"asked with ETag {validators.etag} and Last-Modified {validators.last_modified} at {url}"
    if state.rhythm:
        yield f"usually {state.rhythm.gap} between two entries; the newest is of {ago(state.rhythm.newest, clock)}"
    if quiet := silence(state.rhythm, clock):
        yield quiet
    if state.healed:
        yield f"its list moved; it is read with {written(state.healed)}: feedwatch heal {source.id} --apply keeps that"
    for path in state.rule:
        yield f"its posts are found at: {path}"
    due = "never" if state.gone else ago(state.next_poll, clock) if state.next_poll else "now"
    yield f"next poll {due}, set by: {state.set_by or 'nothing yet'}"
    yield f"so far {state.requests} requests, {state.not_modified} answered 304, {state.received:,} bytes"

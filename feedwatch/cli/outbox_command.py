"""`feedwatch outbox`: what waits, what was given up, and sending it again."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from typing import Any

import click
from msgspec.structs import replace

from feedwatch.alerts.message import Item, event_json
from feedwatch.app import App, open_app
from feedwatch.cli.common import (
    Setup,
    complete_alert,
    echo_json,
    echo_table,
    json_option,
    printable,
    route_called,
    setup,
)
from feedwatch.cli.people import working
from feedwatch.config_values import duration
from feedwatch.model import Change, Delivery
from feedwatch.opening import now, open_store
from feedwatch.routes import Route, notifications, queue, wants
from feedwatch.spoken import ago
from feedwatch.store import Claim, Store

_STATUSES = ("pending", "delivered", "dead", "dropped")
_SHORT = 12

route_option = click.option(
    "--route", "route_id", metavar="ROUTE", shell_complete=complete_alert, help="Only deliveries of this alert (id)."
)


@click.group()
def command() -> None:
    """Look at the outbox. `list` and `show` work beside a running service; the others need it stopped."""


@command.command("list")
@route_option
@click.option("--status", type=click.Choice(_STATUSES), help="Only deliveries of this status.")
@json_option
@click.pass_context
def list_(ctx: click.Context, route_id: str | None, status: str | None, as_json: bool) -> None:
    """List deliveries, the newest last."""
    ready = setup(ctx)
    clock = now()
    found = [
        claim
        for claim in _stored(ready)
        if route_id in (None, claim.delivery.route_id) and status in (None, claim.delivery.status)
    ]
    if as_json:
        echo_json({"deliveries": [_json(claim) for claim in found]})
        return
    if not found:
        click.echo("no such delivery" if route_id or status else "the outbox is empty", err=True)
        return
    columns = ("id", "status", "alert", "event", "what", "when", "attempts", "problem")
    echo_table(columns, [_row(claim, clock) for claim in found])


@command.command()
@click.argument("delivery_id", metavar="ID")
@json_option
@click.pass_context
def show(ctx: click.Context, delivery_id: str, as_json: bool) -> None:
    """Show one delivery: its state, the receiver's last answer, and what it carries."""
    (claim,) = _named(_stored(setup(ctx)), [delivery_id])
    whole = {**_json(claim), "body": event_json(Item(claim.delivery.id, claim.event, claim.source_title))}
    if as_json:
        echo_json(whole)
        return
    for key, value in whole.items():
        if key != "body" and value is not None:
            click.echo(printable(f"{key}: {value}"))
    if isinstance(claim.event, Change) and claim.event.entry.link:
        click.echo(printable(f"link: {claim.event.entry.link}"))


@command.command()
@click.argument("ids", nargs=-1, metavar="[ID…]")
@route_option
@click.option("--all", "everything", is_flag=True, help="All that wait or were given up.")
@json_option
@click.pass_context
def retry(ctx: click.Context, ids: tuple[str, ...], route_id: str | None, everything: bool, as_json: bool) -> None:
    """Send deliveries again that wait or were given up, now and under the same ids."""
    ready = setup(ctx)

    def chosen(store: Store, moment: datetime) -> list[tuple[str, Delivery]]:
        picked = _chosen(
            list(store.outbox()),
            ids,
            route_id,
            everything,
            ("pending", "dead", "dropped") if ids else ("pending", "dead"),
        )
        return [(claim.source_id, _again(claim.delivery, moment)) for claim in picked]

    _send(ready, chosen, as_json)


@command.command()
@click.option("--since", required=True, metavar="WHEN", help='A time ago ("2d", "6h") or a date ("2026-11-01").')
@route_option
@json_option
@click.pass_context
def replay(ctx: click.Context, since: str, route_id: str | None, as_json: bool) -> None:
    """Send everything since then again, under the same ids: also what was delivered, and what an alert that is
    new would have got."""
    ready = setup(ctx)
    start = _moment(since, now())
    routes = [route_called(ready.config, route_id)] if route_id else list(ready.config.routes)

    def chosen(store: Store, moment: datetime) -> list[tuple[str, Delivery]]:
        kept = {claim.delivery.id: claim.delivery for claim in store.outbox()}
        wanted = [row for route in routes for row in _replayed(store, route, start)]
        return [(source_id, _again(kept.get(row.id, row), moment)) for source_id, row in wanted]

    _send(ready, chosen, as_json)


@command.command()
@click.argument("ids", nargs=-1, metavar="[ID…]")
@route_option
@click.option("--all", "everything", is_flag=True, help="All that wait or were given up.")
@json_option
@click.pass_context
def drop(ctx: click.Context, ids: tuple[str, ...], route_id: str | None, everything: bool, as_json: bool) -> None:
    """Give deliveries up for good. They stay in the list as dropped."""
    ready = setup(ctx)
    clock = now()
    store = open_store(ready.config, ready.state_dir, lambda: clock)
    try:
        picked = _chosen(list(store.outbox()), ids, route_id, everything, ("pending", "dead"))
        store.settle([(c.source_id, replace(c.delivery, status="dropped", settled=clock)) for c in picked])
    finally:
        store.close()
    if as_json:
        echo_json({"dropped": [claim.delivery.id for claim in picked]})
    else:
        click.echo(f"{len(picked)} dropped")


def _stored(ready: Setup) -> list[Claim]:
    store = open_store(ready.config, ready.state_dir, now, read_only=True)
    return sorted(store.outbox(), key=lambda claim: (claim.event.at, claim.delivery.id))


def _chosen(
    claims: Sequence[Claim], ids: Sequence[str], route_id: str | None, everything: bool, statuses: Sequence[str]
) -> list[Claim]:
    if not (ids or route_id or everything):
        raise click.UsageError("name deliveries by id, or write --route ROUTE, or --all")
    if ids:
        picked = _named(claims, ids)
        if wrong := [claim.delivery for claim in picked if claim.delivery.status not in statuses]:
            raise click.UsageError(f"{wrong[0].id[:_SHORT]} is {wrong[0].status}; see `feedwatch outbox replay`")
        return picked
    return [c for c in claims if route_id in (None, c.delivery.route_id) and c.delivery.status in statuses]


def _named(claims: Sequence[Claim], ids: Sequence[str]) -> list[Claim]:
    """The deliveries whose ids begin like this."""
    found = []
    for name in ids:
        matching = [claim for claim in claims if claim.delivery.id.startswith(name)]
        if len(matching) != 1:
            what = "no delivery has" if not matching else f"{len(matching)} deliveries have"
            raise click.UsageError(f'{what} an id that begins with "{name}"; see `feedwatch outbox list`')
        found += matching
    return found


def _again(delivery: Delivery, moment: datetime) -> Delivery:
    """Due now and alone, as if it had never been tried."""
    return replace(
        delivery, status="pending", due=moment, attempts=0, tried=None, settled=None, group=None, message_id=None
    )


def _replayed(store: Store, route: Route, start: datetime) -> list[tuple[str, Delivery]]:
    rows: list[tuple[str, Delivery]] = []
    for source_id, event in store.events(start):
        if isinstance(event, Change):
            rows += [(source_id, row) for row in (queue(route, event) if wants(route, event) else ())]
        else:
            rows += [(source_id, row) for row in notifications(event, [route])]
    return rows


def _send(ready: Setup, chosen: Callable[[Store, datetime], list[tuple[str, Delivery]]], as_json: bool) -> None:
    async def work() -> dict[str, Any]:
        async with open_app(ready.config, ready.state_dir) as app:
            rows = await app.store.run(lambda store: chosen(store, app.clock()))
            await app.store.settle(rows)
            await _open_routes(app, {row.route_id for _, row in rows})
            sent = await app.pipeline.deliver()
            return {
                "queued": [row.id for _, row in rows],
                "deliveries": {"delivered": sent.delivered, "retrying": sent.retrying, "dead": sent.dead},
            }

    with working("sending", quiet=as_json):
        done = asyncio.run(work())
    if as_json:
        echo_json(done)
        return
    counts = done["deliveries"]
    click.echo(
        f"{len(done['queued'])} queued: {counts['delivered']} delivered, {counts['retrying']} waiting for another "
        f"try, {counts['dead']} dead"
    )


async def _open_routes(app: App, routes: set[str]) -> None:
    """Says so when a route that was asked for is switched off."""
    off = routes & await app.pipeline.gone_routes()
    for route_id in sorted(off):
        click.echo(f'the alert "{route_id}" is switched off (HTTP 410): feedwatch alert enable {route_id}', err=True)


def _moment(text: str, clock: datetime) -> datetime:
    try:
        return clock - duration(text)
    except ValueError:
        pass
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        raise click.UsageError(f'"{text}" is no time; write --since 2d, or --since 2026-11-01') from None
    return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment


def _json(claim: Claim) -> dict[str, Any]:
    delivery = claim.delivery
    return {
        "id": delivery.id,
        "route": delivery.route_id,
        "recipient": delivery.recipient,
        "source": claim.source_id,
        "event": _event(claim),
        "title": _title(claim),
        "status": delivery.status,
        "attempts": delivery.attempts,
        "created": delivery.created.isoformat(),
        "due": delivery.due.isoformat(),
        "settled": delivery.settled.isoformat() if delivery.settled else None,
        "group": delivery.group,
        "message_id": delivery.message_id,
        "error": delivery.last_error,
        "answer": delivery.answer,
    }


def _row(claim: Claim, clock: datetime) -> tuple[str, ...]:
    delivery = claim.delivery
    when = ago(delivery.settled or delivery.due, clock)
    route = delivery.route_id + (f" {delivery.recipient}" if delivery.recipient else "")
    return (
        delivery.id[:_SHORT],
        delivery.status,
        route,
        _event(claim),
        _title(claim),
        when,
        str(delivery.attempts),
        re.sub(r"\s+", " ", delivery.last_error or ""),
    )


def _event(claim: Claim) -> str:
    kind = claim.event.kind
    return kind if isinstance(claim.event, Change) else f"incident {kind}"


def _title(claim: Claim) -> str:
    event = claim.event
    return (event.entry.title or event.entry.link or event.key) if isinstance(event, Change) else event.incident.detail

"""`feedwatch alert`: try a route out, see how all are doing, switch one on again."""

from __future__ import annotations

import asyncio
import json
from collections import Counter
from typing import Any

import click

from feedwatch.alerts import mail, notify, webhook
from feedwatch.alerts.message import Answer, Item, Message, example_change
from feedwatch.app import open_app, open_channels, open_receivers_net
from feedwatch.canonical import digest
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
from feedwatch.net import NetError
from feedwatch.opening import now, open_store
from feedwatch.redact import Redactor
from feedwatch.routes import Mail, Notify, Route, Webhook


@click.group()
def command() -> None:
    """Try an alert out, see how all are doing, switch one on again."""


@command.command("list")
@json_option
@click.pass_context
def list_(ctx: click.Context, as_json: bool) -> None:
    """List the alerts: where they go, what waits and what was given up. Works beside a running service."""
    ready = setup(ctx)
    store = open_store(ready.config, ready.state_dir, now, read_only=True)
    counts = Counter((claim.delivery.route_id, claim.delivery.status) for claim in store.outbox())
    open_ = {(i.subject.split()[0], i.kind): i.detail for i in store.incidents() if i.closed is None}
    rows = [
        {
            "id": route.id,
            "channel": type(route.channel).__name__.lower(),
            "state": "off" if (route.id, "route-gone") in open_ else "on",
            "pending": counts[route.id, "pending"],
            "delivered": counts[route.id, "delivered"],
            "dead": counts[route.id, "dead"],
            "problem": open_.get((route.id, "route-gone")) or open_.get((route.id, "route-failing")),
        }
        for route in ready.config.routes
    ]
    if as_json:
        echo_json({"alerts": rows})
        return
    if not rows:
        click.echo("the configuration has no alert; write an [[alert]]", err=True)
        return
    echo_table(list(rows[0]), [["" if value is None else str(value) for value in row.values()] for row in rows])


@command.command()
@click.argument("route_id", metavar="ROUTE", shell_complete=complete_alert)
@json_option
@click.pass_context
def test(ctx: click.Context, route_id: str, as_json: bool) -> None:
    """Send a real message with an example, and show what was sent and what came back."""
    ready = setup(ctx)
    route = route_called(ready.config, route_id)
    redact = Redactor(ready.config.secrets)
    with working(f"sending to {route_id}", quiet=as_json):
        results = asyncio.run(_try(ready, route, redact))
    if as_json:
        echo_json({"route": route_id, "attempts": results})
    else:
        for result in results:
            click.echo("\n".join(printable(text) for text in result["request"].split("\n")))
            click.echo("---")
            click.echo("\n".join(printable(text) for text in result["answer"].split("\n")))
    if not all(result["delivered"] for result in results):
        ctx.exit(1)


@command.command()
@click.argument("route_id", metavar="ROUTE", shell_complete=complete_alert)
@click.pass_context
def enable(ctx: click.Context, route_id: str) -> None:
    """Switch an alert on again whose receiver had said that it is gone; what was held is sent."""
    ready = setup(ctx)
    route_called(ready.config, route_id)

    async def work() -> None:
        async with open_app(ready.config, ready.state_dir) as app:
            if not await app.pipeline.enable(route_id):
                click.echo(f'the alert "{route_id}" is not switched off')
                return
            sent = await app.pipeline.deliver()
            click.echo(f'the alert "{route_id}" is on again: {sent.delivered} delivered, {sent.retrying} waiting')

    asyncio.run(work())


async def _try(ready: Setup, route: Route, redact: Redactor) -> list[dict[str, Any]]:
    moment = now()
    item = Item("example", example_change("new", moment), "Example blog")
    message_id = digest("test", route.id, moment.isoformat())
    messages = [Message(message_id, route, (item,), recipient=to, test=True) for to in route.recipients]
    if isinstance(route.channel, Webhook):
        return [await _try_webhook(ready, messages[0], redact)]
    async with open_channels(ready.config) as channels:
        return [
            _result(_request(message, ready.config.base_url), await channels.send(message, moment), redact)
            for message in messages
        ]


async def _try_webhook(ready: Setup, message: Message, redact: Redactor) -> dict[str, Any]:
    channel = message.route.channel
    assert isinstance(channel, Webhook)  # noqa: S101  (asked by the caller)
    post = webhook.post(channel, message.id, webhook.render(message), now())
    shown = json.dumps(json.loads(post.body), ensure_ascii=False, indent=2)
    request = "\n".join([f"POST {post.url}", *(f"{name}: {value}" for name, value in post.headers), "", shown])
    async with open_receivers_net(ready.config) as net:
        try:
            response = await webhook.exchange(net, post)
        except NetError as error:
            return _result(request, Answer(str(error)), redact)
    said = response.body.decode("utf-8", "replace")
    head = [f"HTTP {response.status}", *(f"{name}: {value}" for name, value in response.headers.items())]
    judged = webhook.judged(response)
    return _result(request, Answer(judged.error, text="\n".join([*head, "", said])), redact)


def _request(message: Message, base_url: str) -> str:
    match message.route.channel:
        case Mail():
            rendered = mail.render(message, base_url)
            head = "\n".join(f"{name}: {value}" for name, value in rendered.items())
            body = rendered.get_body(("plain",))
            return f"{head}\n\n{body.get_content() if body else ''}"
        case Notify():
            subject, text = notify.text(message)
            return f"{subject}\n\n{text}"
        case Webhook():
            return ""


def _result(request: str, answer: Answer, redact: Redactor) -> dict[str, Any]:
    said = answer.text or answer.error or "taken"
    if answer.error and answer.text:
        said = f"{answer.error}\n{answer.text}"
    return {"request": redact(request), "answer": redact(said), "delivered": answer.error is None}

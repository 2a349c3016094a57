"""Chat and push through Apprise, to real services' protocols on loopback."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path

import pytest
from make import History, entry
from origin import Origin, serving
from postoffice import MINUTES, open_office

from feedwatch.alerts.message import Answer, Item, Message
from feedwatch.alerts.notify import Notifier, text
from feedwatch.model import Change
from feedwatch.routes import Notify, Route, Wording


def _change(title: str = "A title", summary: str = "What it says.") -> Change:
    blog = History()
    blog.reads(entry(1))
    (change,) = blog.reads(entry(2, title, summary=summary), entry(1)).changes
    return change


def _message(
    url: str, change: Change | None = None, *, private: bool = False, wording: Wording | None = None
) -> Message:
    route = Route("chat", Notify(url, private), wording=wording or Wording())
    return Message("m", route, (Item("d", change or _change(), "The blog"),))


def _send(message: Message, *allowed: str) -> Answer:
    async def work() -> Answer:
        notifier = Notifier(frozenset(allowed))
        try:
            return await notifier.send(message)
        finally:
            notifier.close()

    return asyncio.run(work())


def test_any_apprise_address_is_a_route(tmp_path: Path, origin: Origin) -> None:
    """Mattermost's protocol, by the outbox: tried again when the service fails, once it is taken not again."""
    origin.serve("/hooks/" + "a" * 24, status=500)

    async def work() -> None:
        route = Route("chat", Notify(f"mmost://127.0.0.1:{origin.port}/{'a' * 24}"))
        async with open_office(tmp_path, [route]) as office:
            await office.finds(entry(2, "News"))
            await office.drain()
            (row,) = await office.deliveries("chat")
            assert row.status == "pending"
            assert row.last_error

            origin.serve("/hooks/" + "a" * 24, status=200)
            origin.requests.clear()
            await office.passes(10 * MINUTES)
            (row,) = await office.deliveries("chat")
            assert row.status == "delivered"

    asyncio.run(work())
    (asked,) = origin.requests
    said = json.loads(asked.body)["text"]
    assert "New: A blog" in said
    assert "News\nhttps://example.org/2\nWhat entry 2 says." in said


def test_s6_a_service_on_a_private_network_is_refused_unless_the_configuration_allows_it(origin: Origin) -> None:
    origin.serve("/topic", status=200)
    url = f"json://127.0.0.1:{origin.port}/topic"

    refused = _send(_message(url))
    assert "not a public address" in (refused.error or "")
    assert origin.requests == []

    assert _send(_message(url), "127.0.0.1").error is None
    assert _send(_message(url, private=True)).error is None
    assert len(origin.requests) == 2


def test_s6_a_redirect_into_a_private_network_is_refused(origin: Origin) -> None:
    with serving() as inner:
        origin.serve("/topic", status=307, headers={"Location": f"http://localhost:{inner.port}/inner"})
        inner.serve("/inner", status=200)

        answer = _send(_message(f"json://127.0.0.1:{origin.port}/topic"), f"127.0.0.1:{origin.port}")

    assert inner.requests == []
    assert "not a public address" in (answer.error or "")


def test_an_address_that_apprise_does_not_know_is_said() -> None:
    assert "does not know" in (_send(_message("nothing-like-that://x/y")).error or "")


def test_own_words_are_filled_in_with_inert_values() -> None:
    message = _message(
        "json://x",
        _change("@everyone <!channel>"),
        wording=Wording("{{ source.title }}", "{{ entry.title }} {{ entry.link }}"),
    )

    subject, body = text(message)

    assert subject == "The blog"
    assert body == "@\u200beveryone <\u200b!channel> https://example.org/2"


@pytest.mark.parametrize("count", [2, 40])
def test_a_grouped_notification_names_some_and_counts_the_rest(count: int) -> None:
    blog = History()
    blog.reads(entry(1))
    changes = blog.reads(*(entry(100 + n, day=2) for n in range(count)), entry(1)).changes
    items = tuple(Item(change.id, change, "The blog") for change in changes)

    subject, body = text(Message("m", Route("chat", Notify("json://x")), items, "digest"))

    assert subject == f"{count} events"
    assert body.count("\n- ") == min(count, 15)
    assert ("and 25 more" in body) is (count == 40)

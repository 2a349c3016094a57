"""Chat and push through Apprise, to real services' protocols on loopback."""

from __future__ import annotations

import asyncio
import json
import socket
from pathlib import Path

import pytest
from make import History, entry
from msgspec.structs import replace
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
    assert "307" in (answer.error or "")


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


def test_s6_a_datagram_meets_the_guard_too() -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as canary:
        canary.bind(("127.0.0.1", 0))
        canary.setblocking(False)
        answer = _send(_message(f"rsyslog://127.0.0.1:{canary.getsockname()[1]}/"))
        with pytest.raises(BlockingIOError):
            canary.recv(100)

    assert answer.error


def test_s6_a_proxy_of_the_environment_is_not_used(origin: Origin, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("http_proxy", origin.url)

    answer = _send(_message("json://169.254.169.254/latest"), "127.0.0.1")

    assert origin.requests == []
    assert "metadata" in (answer.error or "")


def test_a_link_in_a_chat_mentions_nobody() -> None:
    change = _change()
    link = "https://e.org/a\u3000@everyone\u202e[x](http://evil.example)"
    message = _message("json://x", replace(change, entry=replace(change.entry, link=link)))

    body = text(message)[1]

    assert not set("@[]()\u3000\u202e") & set(body.splitlines()[1])


def test_a_large_edit_fits_into_a_notification() -> None:
    blog = History()
    blog.reads(entry(1, summary="old " * 20_000))
    (change,) = blog.reads(entry(1, summary="new words " * 20_000)).changes

    assert len(text(_message("json://x", change))[1]) <= 1900

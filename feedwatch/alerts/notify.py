"""The chat and push channel: any service that Apprise knows. Rendering is pure; `Notifier` sends.

Apprise is synchronous and makes its own connections. It runs in a worker process, which can be killed when it
hangs, and where an audit hook shows every address that is about to be dialled to the same guard as elsewhere.
"""

from __future__ import annotations

import contextlib
import logging
import os
import socket
import sys
from collections.abc import Iterator
from typing import Any
from urllib.parse import urlsplit

from feedwatch.alerts.mail import word_pieces
from feedwatch.alerts.message import KIND_TITLES, Answer, Item, Message, template_values, why
from feedwatch.alerts.text import inert, inert_address, line
from feedwatch.alerts.wording import TemplateProblem, render
from feedwatch.differ.normalise import text_of
from feedwatch.errors import Refused
from feedwatch.guard import Guard
from feedwatch.model import Notice
from feedwatch.routes import Notify
from feedwatch.spawner import Spawner
from feedwatch.workers import Died, Workers, bounded

#: Seconds for one attempt.
_DEADLINE = 60.0
#: Characters of a notification: what the strictest of the large services takes.
_BODY = 1900
#: Entries named in a grouped notification, and characters of a text in it.
_NAMED, _TEXT = 15, 300


def text(message: Message) -> tuple[str, str]:
    """Subject and body; what was scraped is inert in them. Raises TemplateProblem."""
    wording = message.route.wording
    values = _inert(template_values(message)) if wording.subject or wording.body else {}
    subject = line(render(wording.subject, values)) if wording.subject else _subject(message)
    body = render(wording.body, values) if wording.body else _body(message)
    return subject, body if len(body) <= _BODY else body[: _BODY - 1] + "…"


class Notifier:
    """Sends through Apprise, in a process of its own that starts when first needed."""

    def __init__(self, allow_hosts: frozenset[str], spawner: Spawner | None = None) -> None:
        self._allow_hosts = allow_hosts
        self._workers = Workers(1, _DEADLINE, __name__, spawner, _prepare)

    async def send(self, message: Message) -> Answer:
        """One attempt. Apprise does not say whether a failure is final: all are tried again."""
        channel = message.route.channel
        assert isinstance(channel, Notify)  # noqa: S101  (the outbox chose by channel)
        try:
            subject, body = text(message)
            error = await self._workers.run(_hand_over, channel, self._allow_hosts, subject, body)
        except TemplateProblem as problem:
            return Answer(f"its subject or body {problem}", retry=False, misconfigured=True)
        except TimeoutError:
            return Answer(f"the service did not answer within {_DEADLINE:.0f} seconds")
        except Died:
            return Answer("the process that notifies ended")
        return Answer(error)

    def close(self) -> None:
        self._workers.close()


def _subject(message: Message) -> str:
    if message.group is not None:
        return f"{len(message.items)} events"
    item = message.items[0]
    if isinstance(item.event, Notice):
        return f"feedwatch: {KIND_TITLES[item.event.kind].lower()}"
    return inert(f"{KIND_TITLES[item.event.kind]}: {line(item.source_title or item.event.source_id, 80)}")


def _body(message: Message) -> str:
    test = "This is a test.\n" if message.test else ""
    if message.group is None:
        return test + _told(message.items[0])
    named = [_named(item) for item in message.items[:_NAMED]]
    more = len(message.items) - len(named)
    return "\n".join([test + inert(why(message)), *named, *([f"and {more} more"] if more else [])])


def _told(item: Item) -> str:
    if isinstance(item.event, Notice):
        return inert(line(item.event.incident.detail, 1000))
    entry = item.event.entry
    words = [
        f"{difference.field}: " + "".join(_marked(piece.kind, piece.text) for piece in difference.pieces)
        for difference in word_pieces(item.event)
    ]
    summary = [] if words else [inert(line(text_of(entry.summary) or text_of(entry.content), _TEXT))]
    return "\n".join(part for part in [inert(line(entry.title)), _link(entry.link), *words, *summary] if part)


def _named(item: Item) -> str:
    if isinstance(item.event, Notice):
        return inert(f"- {line(item.event.incident.detail)}")
    entry = item.event.entry
    return f"- {inert(line(entry.title, 150))} {_link(entry.link)}".rstrip()


def _link(url: str | None) -> str:
    return inert_address(url) if url else ""


def _marked(kind: str, words: str) -> str:
    safe = inert(words)
    return {"gone": f"[-{safe.strip()}-] ", "added": f"{{+{safe.strip()}+}} "}.get(kind, safe)


def _inert(value: Any) -> Any:
    """Every text in `value` inert, but for addresses, which must stay addresses."""
    if isinstance(value, dict):
        return {
            key: inner if key in ("link", "image", "href", "uri") else _inert(inner) for key, inner in value.items()
        }
    if isinstance(value, list):
        return [_inert(inner) for inner in value]
    return inert(value) if isinstance(value, str) else value


# --- in the worker ------------------------------------------------------------------------------------


class _Dialling:
    """What the audit hook of this process knows."""

    guard: Guard | None = None
    resolving: bool = False
    #: Why the last connection was not made.
    refused: str | None = None


_dialling = _Dialling()


def _prepare() -> None:
    bounded()
    # Only the guard decides where this process connects, and only the route what it logs in with.
    for name in [name for name in os.environ if name.lower().endswith("_proxy")]:
        del os.environ[name]
    os.environ |= {"NO_PROXY": "*", "NETRC": os.devnull}
    sys.addaudithook(_watch)


def _watch(event: str, arguments: tuple[Any, ...]) -> None:
    """Sees every look-up and every connection of this process, redirects included."""
    guard = _dialling.guard
    if guard is None or _dialling.resolving:
        return
    try:
        if event == "socket.getaddrinfo":
            _vouch(guard, str(arguments[0]), arguments[1])
        elif event in ("socket.connect", "socket.sendto", "socket.sendmsg") and isinstance(arguments[1], tuple):
            _check(guard, str(arguments[1][0]), int(arguments[1][1]))
    except Refused as error:
        _dialling.refused = str(error)
        raise PermissionError(str(error)) from None


def _check(guard: Guard, host: str, port: int) -> None:
    """A name here is resolved after this look: only what all its addresses allow may go on."""
    _vouch(guard, host, port)
    _dialling.resolving = True
    try:
        found = {str(address[0]) for *_, address in socket.getaddrinfo(host, port)}
    except OSError:
        raise Refused(f"{host}: the name cannot be resolved") from None
    finally:
        _dialling.resolving = False
    for address in found:
        guard.check_dialled(address, port)


def _vouch(guard: Guard, host: str, port: Any) -> None:
    if not isinstance(port, int) or not guard.allows(host, port):
        return
    _dialling.resolving = True
    try:
        for *_, address in socket.getaddrinfo(host, port):
            guard.check(host, str(address[0]), port)
    finally:
        _dialling.resolving = False


def _no_redirects(*_: Any, **__: Any) -> Iterator[Any]:
    return iter(())


def _private(channel: Notify) -> frozenset[str]:
    parts = urlsplit(channel.url)
    if not channel.allow_private or not parts.hostname:
        return frozenset()
    return frozenset({f"{parts.hostname}:{parts.port}" if parts.port else parts.hostname})


def _hand_over(channel: Notify, allow_hosts: frozenset[str], subject: str, body: str) -> str | None:
    """What went wrong, or None."""
    import apprise
    import requests

    # A message goes where the operator said, and nowhere else.
    setattr(requests.Session, "resolve_redirects", _no_redirects)  # noqa: B010  (it is another method's place)
    logging.getLogger("apprise").propagate = False
    with contextlib.redirect_stderr(None), apprise.LogCapture(level=logging.WARNING, fmt="%(message)s") as said:
        receiver = apprise.Apprise()
        if not receiver.add(channel.url):
            return "Apprise does not know such an address; see `feedwatch alert test`"
        _dialling.guard = Guard(allow_hosts, _private(channel))
        try:
            sent = receiver.notify(title=subject, body=body, body_format=apprise.NotifyFormat.TEXT)
        finally:
            refused, _dialling.refused = _dialling.refused, None
        if sent:
            return None
        return refused or line(said.getvalue(), 5000) or "the service refused it"

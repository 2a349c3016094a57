"""The webhook channel: a message as JSON, signed as Standard Webhooks 1.0.0 says.

`render`, `request` and `judged` are pure; `send` makes the request. Does not decide what to send or when to
try again.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import json
from datetime import datetime, timedelta

from msgspec import Struct

from feedwatch import sending
from feedwatch.alerts.message import Answer, Message, message_json, template_values
from feedwatch.alerts.wording import TemplateProblem, render_tree
from feedwatch.canonical import clean, one_line
from feedwatch.model import Response
from feedwatch.net import Net, NetError
from feedwatch.poller.walk import retry_after
from feedwatch.routes import Webhook

#: Bytes of a receiver's answer that are read.
_ANSWER = 4096
#: Bytes of a body; few receivers take more.
_LARGEST = 512_000
#: Seconds for one attempt, answer included (Standard Webhooks recommends 15 to 30).
DEADLINE = 20.0
#: Answers after which trying again can help (RFC 9110 §15.5, RFC 8470 §5.2, RFC 6585 §4).
_TRY_AGAIN = frozenset({408, 425, 429})
#: A `Retry-After` further away than this is a mistake; the outbox gives up after days.
_LONGEST_WAIT = timedelta(hours=24)


class Post(Struct, frozen=True):
    """The request of one attempt, byte for byte."""

    url: str
    headers: tuple[tuple[str, str], ...]
    body: bytes


def render(message: Message, *, compact: bool = False) -> bytes:
    """The body: the same bytes at every attempt; a very large one is made compact.

    Raises TemplateProblem for the operator's own JSON.
    """
    own = message.route.wording.json
    value = message_json(message, compact=compact) if own is None else render_tree(own, template_values(message))
    body = json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode()
    return body if len(body) <= _LARGEST or compact else render(message, compact=True)


def post(channel: Webhook, message_id: str, body: bytes, now: datetime) -> Post:
    """The request that carries `body`: a fresh timestamp each time, the id always the same."""
    timestamp = int(now.timestamp())
    headers = [
        ("content-type", "application/json"),
        ("webhook-id", message_id),
        ("webhook-timestamp", str(timestamp)),
    ]
    if channel.secrets:
        headers.append(("webhook-signature", sign(channel.secrets, message_id, timestamp, body)))
    return Post(channel.url, (*headers, *channel.headers), body)


def sign(secrets: tuple[str, ...], message_id: str, timestamp: int, body: bytes) -> str:
    """The `webhook-signature` header: one `v1,…` per secret, so that receivers can rotate."""
    signed = b".".join((message_id.encode(), str(timestamp).encode(), body))
    macs = (hmac.new(key(secret), signed, hashlib.sha256).digest() for secret in secrets)
    return " ".join("v1," + base64.b64encode(mac).decode() for mac in macs)


def key(secret: str) -> bytes:
    """The signing key that `whsec_<base64>` stands for. Raises ValueError without showing the secret."""
    try:
        return base64.b64decode(secret.removeprefix("whsec_"), validate=True)
    except (binascii.Error, ValueError):
        raise ValueError("a webhook secret is `whsec_` and base64") from None


async def send(net: Net, message: Message, now: datetime, deadline: float = DEADLINE) -> Answer:
    """One attempt of at most `deadline` seconds; when the body is too large (413), a compact one follows at once."""
    channel = message.route.channel
    assert isinstance(channel, Webhook)  # noqa: S101  (the outbox chose by channel)
    try:
        answer = await exchange(net, post(channel, message.id, render(message), now), deadline)
        if answer.status == 413:
            answer = await exchange(net, post(channel, message.id, render(message, compact=True), now), deadline)
    except TemplateProblem as error:
        return Answer(f"its json {error}", retry=False, misconfigured=True)
    except NetError as error:
        return Answer(str(error), misconfigured=error.kind == "refused")
    return judged(answer)


async def exchange(net: Net, request: Post, deadline: float = DEADLINE) -> Response:
    """Redirects are answers: a body of ours goes only where the operator said. Raises NetError."""
    return await sending.post(
        net, request.url, headers=request.headers, body=request.body, room=_ANSWER, deadline=deadline
    )


def judged(response: Response) -> Answer:
    """What an answer means for the delivery."""
    if 200 <= response.status < 300:
        return Answer()
    said = clean(response.body.decode("utf-8", "replace"))
    short = one_line(said)
    if 300 <= response.status < 400:
        short = "it redirects, which is not followed; write the address it leads to"
    wait = retry_after(response)
    return Answer(
        f"HTTP {response.status}" + (f": {short}" if short else ""),
        retry=not 400 <= response.status < 500 or response.status in _TRY_AGAIN or response.status == 410,
        retry_after=min(wait, _LONGEST_WAIT) if wait else None,
        gone=response.status == 410,
        text=said or None,
    )

"""The webhook channel: a change as JSON, signed as Standard Webhooks 1.0.0 says.

`render` and `sign` are pure; `send` makes one request. Does not decide what to send or when to try again.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import json
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from feedwatch.differ.normalise import text_of
from feedwatch.entryjson import entry_json
from feedwatch.model import Change, Route
from feedwatch.net import Net, NetError
from feedwatch.poller.walk import retry_after

#: Bytes of a receiver's answer that are looked at.
_ANSWER = 4096
#: Seconds for one attempt, answer included (Standard Webhooks recommends 15 to 30).
_DEADLINE = 20.0
#: Answers after which trying again can help (RFC 9110 §15.5, RFC 8470 §5.2, RFC 6585 §4).
_TRY_AGAIN = frozenset({408, 425, 429})


@dataclass(frozen=True, slots=True)
class Answer:
    """What became of one attempt. `error` is None when the receiver took it."""

    error: str | None = None
    permanent: bool = False
    retry_after: timedelta | None = None


def render(change: Change) -> bytes:
    """The body: the same bytes at every attempt."""
    before = change.before
    data: dict[str, Any] = {
        "entry": entry_json(change.entry, atom_id=change.atom_id, revision=change.revision),
        "before": entry_json(before) if before else None,
        "diff": [_difference(change, name) for name in change.fields] if before else None,
        "source": change.source_id,
        "categories": list(change.categories),
    }
    event = {"type": f"entry.{change.kind}", "timestamp": change.at.isoformat(), "data": data}
    return json.dumps(event, ensure_ascii=False, separators=(",", ":")).encode()


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


async def send(net: Net, route: Route, message_id: str, change: Change, now: datetime) -> Answer:
    """One attempt. Redirects are not followed: a body of ours goes only where the operator said."""
    body, timestamp = render(change), int(now.timestamp())
    headers = [
        ("content-type", "application/json"),
        ("webhook-id", message_id),
        ("webhook-timestamp", str(timestamp)),
    ]
    if route.secrets:
        headers.append(("webhook-signature", sign(route.secrets, message_id, timestamp, body)))
    try:
        response = await net.request(
            "POST", route.webhook, headers=headers, body=body, max_body=_ANSWER, deadline=_DEADLINE
        )
    except NetError as error:
        if error.kind == "too-large":
            # The answer is long, and nobody reads it; that it came means the receiver has the event.
            return Answer()
        return Answer(str(error))
    if 200 <= response.status < 300:
        return Answer()
    permanent = 400 <= response.status < 500 and response.status not in _TRY_AGAIN
    said = " ".join(response.body.decode("utf-8", "replace").split())[:200]
    return Answer(f"HTTP {response.status}" + (f": {said}" if said else ""), permanent, retry_after(response))


def _difference(change: Change, name: str) -> dict[str, str | list[str] | None]:
    assert change.before is not None  # noqa: S101  (the caller asked)
    return {"field": name, "before": _words(change.before, name), "after": _words(change.entry, name)}


def _words(entry: Any, name: str) -> str | list[str] | None:
    value = getattr(entry, name)
    if name == "categories":
        return [category.title for category in value]
    return text_of(value) if name in ("summary", "content") else value

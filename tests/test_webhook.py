"""What a webhook looks like on the wire: the body, its schema, and the signature."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

import pytest
from jsonschema import Draft202012Validator, FormatChecker
from make import NOW, History, entry
from standardwebhooks import Webhook as Verifier
from standardwebhooks import WebhookVerificationError
from workbench import ROOT

from feedwatch.alerts import webhook
from feedwatch.alerts.message import Item, Message
from feedwatch.model import Change, Event, Incident, Notice
from feedwatch.routes import Route, Webhook, Wording

SECRET = "whsec_" + base64.b64encode(b"0123456789abcdef0123456789abcdef").decode()
OTHER = "whsec_" + base64.b64encode(b"another secret of thirty-two byte").decode()
SCHEMA = Draft202012Validator(
    json.loads((ROOT / "feedwatch" / "webhook.schema.json").read_text("utf-8")), format_checker=FormatChecker()
)


def _changes() -> list[Change]:
    """One of each kind, found by the real differ."""
    blog = History()
    posts = {n: entry(n, guid=f"tag:x,{n}") for n in range(1, 12)}
    blog.reads(*(posts[n] for n in sorted(posts, reverse=True)))
    posts |= {
        12: entry(12, guid="tag:x,12"),
        5: entry(5, "Other words", guid="tag:x,5"),
        6: entry(6, guid="tag:x,6", categories=["Design"]),
        7: entry(7, guid="tag:x,7", link="https://example.org/moved"),
    }
    del posts[8]
    found = list(blog.reads(*(posts[n] for n in sorted(posts, reverse=True))).changes)
    found += [change for _ in range(2) for change in blog.repeats().changes]
    assert {change.kind for change in found} == {"new", "edited", "moved", "recategorised", "withdrawn"}
    return found


def _message(event: Event, json: Mapping[str, Any] | None = None) -> Message:
    route = Route("hook", Webhook("https://hooks.example.org/", (SECRET,)), wording=Wording(json=json))
    return Message("msg", route, (Item("delivery", event, "A blog"),))


def test_every_body_follows_the_published_schema() -> None:
    incident = Incident("i", "route-gone", "hook", "It is gone.", NOW)
    events: list[Event] = [*_changes(), Notice("n", "opened", incident, NOW)]
    messages = [_message(event) for event in events]
    everything = tuple(Item(str(n), event, "A blog") for n, event in enumerate(events))
    messages += [Message("m", messages[0].route, everything, group) for group in ("digest", "quiet", "storm")]
    for message in messages:
        for compact in (False, True):
            SCHEMA.validate(json.loads(webhook.render(message, compact=compact)))


def test_the_schema_refuses_what_is_none() -> None:
    body = json.loads(webhook.render(_message(_changes()[0])))
    assert not SCHEMA.is_valid({**body, "type": "entry.deleted"})
    assert not SCHEMA.is_valid({**body, "data": {"entry": body["data"]["entry"]}})


def test_the_body_says_what_was_and_what_is() -> None:
    (edited,) = [change for change in _changes() if change.kind == "edited"]

    body = json.loads(webhook.render(_message(edited)))

    assert body["type"] == "entry.edited"
    assert body["data"]["before"]["title"] == "Entry 5"
    assert body["data"]["entry"]["title"] == "Other words"
    assert body["data"]["diff"] == [{"field": "title", "before": "Entry 5", "after": "Other words"}]
    assert (body["data"]["source"], body["data"]["source_title"]) == ("blog", "A blog")
    assert body["data"]["categories"] == ["data"]


def test_an_own_body_is_built_as_json_whatever_the_title_says() -> None:
    blog = History()
    blog.reads(entry(1))
    (change,) = blog.reads(entry(2, 'A "quoted" title\\", "admin": true'), entry(1)).changes

    body = json.loads(
        webhook.render(_message(change, json={"text": "{{ entry.title }}", "n": 1, "l": ["{{ event }}"]}))
    )

    assert body == {"text": 'A "quoted" title\\", "admin": true', "n": 1, "l": ["new"]}


def test_s25_the_reference_library_takes_our_signature() -> None:
    now = datetime.now(UTC)
    message = _message(_changes()[0])
    sent = webhook.post(Webhook("https://x/", (OTHER, SECRET)), message.id, webhook.render(message), now)
    headers = dict(sent.headers)

    assert Verifier(SECRET).verify(sent.body, headers) == json.loads(sent.body)
    assert Verifier(OTHER).verify(sent.body, headers)
    with pytest.raises(WebhookVerificationError):
        Verifier(SECRET).verify(sent.body + b" ", headers)
    with pytest.raises(WebhookVerificationError):
        Verifier(SECRET).verify(sent.body, {**headers, "webhook-id": "another"})


def test_s25_the_signature_is_the_one_of_the_specification() -> None:
    """The example of Standard Webhooks 1.0.0."""
    secret = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
    signature = webhook.sign((secret,), "msg_p5jXN8AQM9LWM0D4loKWxJek", 1614265330, b'{"test": 2432232314}')

    assert signature == "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="


def test_s25_the_bytes_signed_are_the_bytes_sent() -> None:
    message = _message(_changes()[0])
    sent = webhook.post(message.route.channel, message.id, webhook.render(message), NOW)  # type: ignore[arg-type]
    headers = dict(sent.headers)
    signed = b".".join((b"msg", headers["webhook-timestamp"].encode(), sent.body))
    expected = hmac.new(base64.b64decode(SECRET[6:]), signed, hashlib.sha256).digest()

    assert headers["webhook-signature"] == "v1," + base64.b64encode(expected).decode()
    assert webhook.render(message) == sent.body


def test_a_secret_that_is_none_is_an_error_that_does_not_show_it() -> None:
    with pytest.raises(ValueError, match="whsec_") as error:
        webhook.key("whsec_hunter2!!")

    assert "hunter2" not in str(error.value)

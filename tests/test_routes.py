"""Which route gets which change, and what a webhook looks like on the wire."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
from datetime import timedelta

import pytest
from make import NOW, History, entry

from feedwatch.alerts import webhook
from feedwatch.model import Change, Route
from feedwatch.routes import deliveries, wants

SECRET = "whsec_" + base64.b64encode(b"0123456789abcdef0123456789abcdef").decode()


@pytest.fixture
def edited() -> Change:
    blog = History()
    blog.reads(entry(1, categories=["Machine Learning"]))
    (change,) = blog.reads(entry(1, "Edited", categories=["Machine Learning"])).changes
    return change


@pytest.mark.parametrize(
    ("route", "wanted"),
    [
        (Route("r", ""), True),
        (Route("r", "", when=frozenset({"new"})), False),
        (Route("r", "", categories=frozenset({"machine-learning"})), True),
        (Route("r", "", categories=frozenset({"design"})), False),
        (Route("r", "", sources=frozenset({"blog"})), True),
        (Route("r", "", sources=frozenset({"other"})), False),
    ],
)
def test_a_route_gets_what_it_asked_for(edited: Change, route: Route, wanted: bool) -> None:
    assert wants(route, edited) is wanted


def test_each_matching_route_has_its_own_delivery_with_an_id_that_never_changes(edited: Change) -> None:
    routes = [Route("one", ""), Route("two", "")]

    first, again = deliveries([edited], routes), deliveries([edited], routes)

    assert first == again
    assert len({delivery.id for delivery in first}) == 2
    assert {delivery.due for delivery in first} == {NOW + timedelta(hours=1)}


def test_the_body_says_what_was_and_what_is(edited: Change) -> None:
    body = json.loads(webhook.render(edited))

    assert body["type"] == "entry.edited"
    assert body["data"]["before"]["title"] == "Entry 1"
    assert body["data"]["entry"]["title"] == "Edited"
    assert body["data"]["diff"] == [{"field": "title", "before": "Entry 1", "after": "Edited"}]
    assert body["data"]["source"] == "blog"
    assert body["data"]["categories"] == ["machine-learning"]


def test_the_signature_is_the_one_standard_webhooks_defines() -> None:
    expected = hmac.new(base64.b64decode(SECRET[6:]), b'msg_1.1700000000.{"a":1}', hashlib.sha256).digest()

    assert webhook.sign((SECRET,), "msg_1", 1700000000, b'{"a":1}') == "v1," + base64.b64encode(expected).decode()


def test_during_a_rotation_both_secrets_sign() -> None:
    other = "whsec_" + base64.b64encode(b"another secret of thirty-two byte").decode()

    assert len(webhook.sign((SECRET, other), "m", 1, b"").split(" ")) == 2


def test_a_secret_that_is_none_is_an_error_that_does_not_show_it() -> None:
    with pytest.raises(ValueError, match="whsec_") as error:
        webhook.key("whsec_hunter2!!")

    assert "hunter2" not in str(error.value)

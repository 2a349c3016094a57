"""One poll, step by step: what is asked, and what the answers mean. No network here."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta

import pytest

from feedwatch.model import Failure, Fetched, NotModified, PollState, Request, Response, Source, Trail, Validators
from feedwatch.poller.walk import retry_after, walk

URL = "https://example.org/feed"
SOURCE = Source("feed", URL, headers=(("Authorization", "Bearer s3cret"),))


def poll(
    *answers: tuple[int, Mapping[str, str]], state: PollState | None = None
) -> tuple[list[Request], Fetched | NotModified | Failure]:
    steps = walk(SOURCE, state or PollState())
    asked = [next(steps)]
    for status, headers in answers:
        try:
            asked.append(steps.send(Response(asked[-1].url, status, headers, b"body")))
        except StopIteration as done:
            return asked, done.value
    raise AssertionError("it asks for more")


def test_a_first_request_is_unconditional_and_a_later_one_sends_back_what_came() -> None:
    (first,), fetched = poll((200, {"etag": 'W/"x"', "last-modified": "some day"}))
    assert isinstance(fetched, Fetched)
    state = PollState({URL: fetched.validators})

    (second,), unchanged = poll((304, {"etag": 'W/"y"'}), state=state)

    assert not {"If-None-Match", "If-Modified-Since"} & dict(first.headers).keys()
    assert dict(second.headers)["If-None-Match"] == 'W/"x"'
    assert dict(second.headers)["If-Modified-Since"] == "some day"
    assert unchanged == NotModified(304, Validators('W/"y"', "some day"), URL, Trail(URL))


def test_a_304_that_nobody_asked_for_is_a_failure() -> None:
    assert isinstance(poll((304, {}))[1], Failure)


def test_s20_redirects_are_followed_and_credentials_stay_at_home() -> None:
    asked, fetched = poll(
        (301, {"location": "/moved"}), (302, {"location": "https://other.example.org/x#y"}), (200, {})
    )

    assert [request.url for request in asked] == [URL, "https://example.org/moved", "https://other.example.org/x"]
    assert ["Authorization" in dict(request.headers) for request in asked] == [True, True, False]
    assert isinstance(fetched, Fetched)
    assert fetched.url == "https://other.example.org/x"


@pytest.mark.parametrize("target", ["http://example.org/feed", "https://example.org:8443/feed"])
def test_s20_another_scheme_or_port_is_another_origin(target: str) -> None:
    asked, _ = poll((302, {"location": target}), (200, {}))

    assert "Authorization" not in dict(asked[1].headers)


def test_s20_validators_go_only_to_the_url_that_gave_them() -> None:
    asked, _ = poll((302, {"location": "/b"}), (200, {}), state=PollState({URL: Validators('"a"')}))

    assert ["If-None-Match" in dict(request.headers) for request in asked] == [True, False]


@pytest.mark.parametrize("location", ["", "ftp://example.org/", "file:///etc/passwd", "data:,x", "/feed"])
def test_s3_s8_a_redirect_to_nowhere_is_a_failure(location: str) -> None:
    _, failure = poll((302, {"location": location}))

    assert isinstance(failure, Failure)
    assert failure.kind == "redirect"


def test_s3_the_sixth_hop_is_not_taken() -> None:
    hops = [(302, {"location": f"/{number}"}) for number in range(6)]

    asked, failure = poll(*hops)

    assert len(asked) == 6
    assert isinstance(failure, Failure)


@pytest.mark.parametrize(
    ("status", "kind"), [(404, "http"), (410, "gone"), (500, "http"), (204, "http"), (206, "http")]
)
def test_f19_other_answers_are_failures_with_their_status(status: int, kind: str) -> None:
    _, failure = poll((status, {}))

    assert isinstance(failure, Failure)
    assert (failure.kind, failure.http_status) == (kind, status)
    assert str(status) in failure.detail


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("120", timedelta(seconds=120)),
        ("Mon, 21 Oct 2024 11:00:00 GMT", timedelta(hours=1)),
        ("99999999999", timedelta(days=31)),
        ("Mon, 21 Oct 2024 09:00:00 GMT", None),
        ("-5", None),
        ("soon", None),
        ("", None),
    ],
)
def test_retry_after_is_seconds_or_a_date_on_the_origins_clock(value: str, expected: timedelta | None) -> None:
    headers = {"retry-after": value, "date": "Mon, 21 Oct 2024 10:00:00 GMT"}

    assert retry_after(Response(URL, 429, headers, b"")) == expected

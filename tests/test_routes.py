"""Which route gets which event, as which rows of the outbox."""

from __future__ import annotations

from datetime import timedelta

import pytest
from make import NOW, History, entry
from msgspec.structs import replace

from feedwatch.hours import Hours, read_digest, read_quiet
from feedwatch.model import Change, Incident, Notice
from feedwatch.routes import Mail, MailServer, Route, Webhook, deliveries, notifications, wants

HOOK = Webhook("https://hooks.example.org/")
SERVER = MailServer("smtp.example.org", 587, "starttls", "feedwatch@example.org")
BASE = Route("r", HOOK)


@pytest.fixture
def edited() -> Change:
    blog = History()
    blog.reads(entry(1, categories=["Machine Learning"]))
    text = "We now train on 中文 data; Kubernetes' scheduler is unchanged."
    (change,) = blog.reads(entry(1, "Edited", summary=text, categories=["Machine Learning"])).changes
    return change


def _new(count: int) -> tuple[Change, ...]:
    blog = History()
    blog.reads(entry(1))
    return blog.reads(*(entry(100 + n, day=2) for n in range(count)), entry(1)).changes


@pytest.mark.parametrize(
    ("route", "wanted"),
    [
        (BASE, True),
        (replace(BASE, when=frozenset({"new"})), False),
        (replace(BASE, categories=frozenset({"machine-learning"})), True),
        (replace(BASE, categories=frozenset({"design"})), False),
        (replace(BASE, sources=frozenset({"blog"})), True),
        (replace(BASE, sources=frozenset({"other"})), False),
        (replace(BASE, match=("kubernetes",)), True),
        (replace(BASE, match=("nothing", "is  unchanged")), True),
        (replace(BASE, match=("edit",)), False),
        (replace(BASE, match=("rain",)), False),
        (replace(BASE, match=("文",)), True),
        (replace(BASE, match=("KUBERNETES’",)), True),
        (replace(BASE, unless=("scheduler",)), False),
        (replace(BASE, match=("kubernetes",), unless=("train",)), False),
        (replace(BASE, unless=("trains",)), True),
    ],
)
def test_a_route_gets_what_it_asked_for(edited: Change, route: Route, wanted: bool) -> None:
    assert wants(route, edited) is wanted


def test_each_matching_route_has_its_own_delivery_with_an_id_that_never_changes(edited: Change) -> None:
    routes = [Route("one", HOOK), Route("two", HOOK)]

    first, again = deliveries([edited], routes), deliveries([edited], routes)

    assert first == again
    assert len({delivery.id for delivery in first}) == 2
    assert {delivery.due for delivery in first} == {NOW + timedelta(hours=1)}


def test_each_mail_recipient_has_a_delivery_of_its_own(edited: Change) -> None:
    rows = deliveries([edited], [Route("mail", Mail(("a@example.org", "b@example.org"), SERVER))])

    assert [row.recipient for row in rows] == ["a@example.org", "b@example.org"]
    assert rows[0].id != rows[1].id


def test_more_changes_than_the_limit_in_one_poll_are_one_storm() -> None:
    route = replace(BASE, storm=3)

    assert {row.group for row in deliveries(_new(3), [route])} == {None}
    assert {row.group for row in deliveries(_new(4), [route])} == {"storm"}


def test_only_changes_that_the_route_wants_make_a_storm(edited: Change) -> None:
    route = replace(BASE, storm=3, when=frozenset({"edited"}))

    assert [row.group for row in deliveries([edited, *_new(4)], [route])] == [None]


def test_a_digest_gathers_a_storm_too() -> None:
    route = replace(BASE, storm=3, hours=Hours(digest=read_digest("daily 08:00")))

    assert {row.group for row in deliveries(_new(10), [route])} == {"digest"}


def test_a_storm_at_night_waits_for_the_morning() -> None:
    route = replace(BASE, storm=3, hours=Hours(quiet=read_quiet("12:00-14:30")))

    rows = deliveries(_new(4), [route])

    assert {(row.group, row.due) for row in rows} == {("storm", NOW + timedelta(hours=2, minutes=30))}


def test_an_incident_goes_to_the_routes_that_want_it_but_never_to_the_one_it_is_about() -> None:
    incident = Incident("i", "route-gone", "broken", "It is gone.", NOW)
    when = frozenset({"incident"})
    routes = [Route("broken", HOOK, when=when), Route("operator", HOOK, when=when), Route("people", HOOK)]

    rows = notifications(Notice("n", "opened", incident, NOW), routes)

    assert [row.route_id for row in rows] == ["operator"]

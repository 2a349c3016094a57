"""One cause is one incident: opened, told of again while it goes on, and over; apart from the posts."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path

import feedparser
import pytest
from origin import Origin
from postoffice import HOURS, PostOffice, hook, open_office
from workbench import Bench

from feedwatch.model import PollState, Source
from feedwatch.troubles import Cause, failing, troubles

BAD = PollState(failures=3, error="HTTP 500", http_status=500)
SILENT = PollState(failures=3, error="no connection")
GONE = PollState(failures=1, gone=True, error="HTTP 410", http_status=410)


def _found(states: dict[str, PollState]) -> dict[Cause, str]:
    """The troubles of sources named like `host/path`."""
    return troubles([Source(name, f"https://{name}") for name in states], states)


def test_a_hiccup_is_no_trouble() -> None:
    assert _found({"a.org/x": PollState(failures=2, error="HTTP 500"), "b.org/x": PollState()}) == {}


def test_a_source_that_fails_is_one_trouble_and_one_that_is_gone_another() -> None:
    found = _found({"a.org/x": BAD, "b.org/x": GONE, "c.org/x": PollState()})

    assert list(found) == [Cause("source-failing", "a.org/x"), Cause("source-gone", "b.org/x")]
    assert "HTTP 500" in found[Cause("source-failing", "a.org/x")]


def test_twenty_sources_failing_on_one_host_are_one_trouble() -> None:
    states = {f"a.org/{n}": BAD for n in range(20)} | {"b.org/x": PollState()}

    assert list(_found(states)) == [Cause("host-failing", "a.org")]


def test_a_few_bad_sources_on_a_large_host_are_their_own_trouble() -> None:
    states = {f"a.org/{n}": PollState() for n in range(18)} | {"a.org/x": BAD, "a.org/y": BAD}

    assert [cause.kind for cause in _found(states)] == ["source-failing", "source-failing"]


def test_f14_when_nothing_can_be_reached_it_is_the_network() -> None:
    states = {"a.org/x": SILENT, "b.org/x": SILENT, "c.org/x": SILENT}

    assert list(_found(states)) == [Cause("network-down", "network")]
    assert len(_found({**states, "d.org/x": PollState()})) == 3
    assert list(_found({"a.org/x": SILENT})) == [Cause("source-failing", "a.org/x")]


async def _judge(office: PostOffice, states: dict[str, PollState]) -> None:
    hosts = {name.split("/")[0] for name, state in states.items() if failing(state)}
    names = {name for name, state in states.items() if failing(state)}
    await office.incidents.judge(_found(states), names | hosts, office.now)
    await office.drain()


def _told(origin: Origin) -> list[tuple[str, str]]:
    bodies = [json.loads(asked.body) for asked in origin.requests]
    return [(body["type"], body["data"]["incident"]["kind"]) for body in bodies]


def test_an_incident_is_told_of_when_it_opens_while_it_goes_on_and_when_it_is_over(
    tmp_path: Path, origin: Origin
) -> None:
    origin.serve("/operator", status=200)

    async def work() -> None:
        route = hook(origin, "/operator", when=frozenset({"incident"}))
        async with open_office(tmp_path, [route]) as office:
            for _ in range(16 * 24):
                await _judge(office, {"a.org/x": BAD, "b.org/x": PollState()})
                office.now += HOURS
            await office.restarts()
            await _judge(office, {"a.org/x": PollState(), "b.org/x": PollState()})
            await _judge(office, {"a.org/x": PollState(), "b.org/x": PollState()})

    asyncio.run(work())
    # Opened, after a day, after another two weeks, and over.
    kinds = [kind for kind, _ in _told(origin)]
    assert kinds == ["incident.opened", "incident.open", "incident.open", "incident.open", "incident.closed"]


def test_a_source_whose_host_fails_too_is_not_over(tmp_path: Path, origin: Origin) -> None:
    origin.serve("/operator", status=200)

    async def work() -> None:
        route = hook(origin, "/operator", when=frozenset({"incident"}))
        async with open_office(tmp_path, [route]) as office:
            await _judge(office, {"a.org/x": BAD, "a.org/y": PollState(), "b.org/x": PollState()})
            await _judge(office, {"a.org/x": BAD, "a.org/y": BAD, "b.org/x": PollState()})
            await _judge(office, {"a.org/x": PollState(), "a.org/y": PollState(), "b.org/x": PollState()})

    asyncio.run(work())
    assert _told(origin) == [
        ("incident.opened", "source-failing"),
        ("incident.opened", "host-failing"),
        ("incident.closed", "host-failing"),
    ]


@pytest.fixture
def bench(tmp_path: Path, origin: Origin) -> Bench:
    made = Bench(tmp_path)
    made.config(
        '[network]\nallow_hosts = ["127.0.0.1"]\nper_host_pause = "0s"\n'
        f'[[source]]\nid = "news"\nurl = "{origin.url}/feed"\n'
        f'[[alert]]\nid = "operator"\nwebhook = "{origin.url}/operator"\nwhen = ["incident"]\n'
    )
    origin.serve("/operator", status=200)
    return made


def test_incidents_stand_in_a_feed_of_their_own_and_never_among_posts(bench: Bench, origin: Origin) -> None:
    origin.serve(
        "/feed", body=b"<rss version='2.0'><channel><item><guid>1</guid><title>A</title></item></channel></rss>"
    )
    bench.run("poll")
    assert not (bench.public / "health.atom").exists()
    posts = (bench.public / "feeds" / "all.atom").read_bytes()
    origin.serve("/feed", status=500)
    for _ in range(3):
        bench.run("poll", code=1)

    feed = feedparser.parse((bench.public / "health.atom").read_bytes())
    assert [entry.title for entry in feed.entries] == ['The source "news" fails']
    first = feed.entries[0].id
    assert (bench.public / "feeds" / "all.atom").read_bytes() == posts
    assert [json.loads(a.body)["type"] for a in origin.requests if a.path == "/operator"] == ["incident.opened"]

    origin.serve(
        "/feed", body=b"<rss version='2.0'><channel><item><guid>1</guid><title>A</title></item></channel></rss>"
    )
    bench.run("poll")
    (entry,) = feedparser.parse((bench.public / "health.atom").read_bytes()).entries
    assert (entry.title, entry.id) == ('Solved: The source "news" fails', first)
    assert "Over since" in entry.summary
    before = (bench.public / "health.atom").read_bytes()
    bench.run("poll")
    assert (bench.public / "health.atom").read_bytes() == before

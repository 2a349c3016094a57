"""WebSub: a hub is told of feeds with something new, through the guard, and nobody waits for it."""

from __future__ import annotations

import asyncio
from pathlib import Path
from urllib.parse import parse_qs

import feedparser
import pytest
from origin import Answer, Origin
from publisher import HOUR, World, feed, live, publishing

from feedwatch.net import Net
from feedwatch.websub import Hub

BASE = "https://feeds.example.org"
FEED = "feeds/data.atom"


def told(origin: Origin) -> list[str]:
    """The addresses that the hub was told of, attempt by attempt."""
    bodies = [parse_qs(asked.body.decode()) for asked in origin.requests if asked.method == "POST"]
    assert all(body["hub.mode"] == ["publish"] for body in bodies)
    return [body["hub.url"][0].removeprefix(f"{BASE}/") for body in bodies]


def with_hub(origin: Origin, *writings: list[str], allow: str = "127.0.0.1", wait: float = 0.01) -> float:
    """Tells the hub of files written, one after the other; how long that held us up, in seconds."""

    async def work() -> float:
        async with Net(allow_hosts=frozenset([allow]), user_agent="test") as net:
            hub = Hub(net, f"{origin.url}/hub", BASE, (wait, wait, wait))
            began = asyncio.get_running_loop().time()
            for written in writings:
                hub.tell(written)
            held = asyncio.get_running_loop().time() - began
            await hub.finish(10)
            return held

    return asyncio.run(work())


def test_the_hub_is_told_of_each_feed_and_of_nothing_else(origin: Origin) -> None:
    origin.serve("/hub", 204)
    written = ["feed.css", "feeds.opml", "feeds/data.atom", "feeds/data.json", "feeds/data/archive-1.atom"]

    with_hub(origin, [*written, "feeds/data/changes.atom", "health.atom", "index.html", "private/…/mine.atom"])

    assert told(origin) == ["feeds/data.atom", "feeds/data.json", "feeds/data/changes.atom"]
    assert origin.requests[0].headers["content-type"] == "application/x-www-form-urlencoded"


def test_a_feed_that_changes_twice_before_the_hub_answers_is_told_once(origin: Origin) -> None:
    origin.serve("/hub", 204)
    with_hub(origin, [FEED], [FEED, "feeds/all.atom"])

    assert told(origin) == [FEED, "feeds/all.atom"]


@pytest.mark.parametrize("status", [429, 500, 503])
def test_a_hub_that_fails_is_tried_again(origin: Origin, status: int) -> None:
    origin.serve_in_turn("/hub", Answer(status), Answer(status), Answer(202))
    with_hub(origin, [FEED])

    assert told(origin) == [FEED] * 3


def test_a_hub_that_stays_away_is_given_up_with_a_word_in_the_log(
    origin: Origin, caplog: pytest.LogCaptureFixture
) -> None:
    origin.serve("/hub", 503)
    with_hub(origin, [FEED, "feeds/all.atom"])

    assert told(origin) == [FEED] * 4
    assert "the hub was not told of 2 feeds: HTTP 503" in caplog.text


def test_a_hub_that_refuses_one_feed_is_told_of_the_others(origin: Origin, caplog: pytest.LogCaptureFixture) -> None:
    origin.serve_in_turn("/hub", Answer(404), Answer(204))
    with_hub(origin, [FEED, "feeds/all.atom"])

    assert told(origin) == [FEED, "feeds/all.atom"]
    assert f"{BASE}/{FEED}: HTTP 404" in caplog.text


def test_a_redirect_of_the_hub_is_not_followed(origin: Origin) -> None:
    origin.serve("/hub", 302, headers={"Location": f"{origin.url}/elsewhere"})
    with_hub(origin, [FEED])

    assert [asked.path for asked in origin.requests] == ["/hub"]


def test_s1_the_hub_passes_the_guard_like_everything_else(origin: Origin, caplog: pytest.LogCaptureFixture) -> None:
    origin.serve("/hub", 204)
    with_hub(origin, [FEED], allow="elsewhere.example")

    assert origin.requests == []
    assert "allow_hosts" in caplog.text


def test_nobody_waits_for_the_hub(origin: Origin) -> None:
    origin.serve("/hub", 503)

    assert with_hub(origin, [FEED]) < 0.1


def test_what_is_left_at_the_end_is_left_out(origin: Origin) -> None:
    origin.serve("/hub", 503)

    async def work() -> None:
        async with Net(allow_hosts=frozenset(["127.0.0.1"]), user_agent="test") as net:
            hub = Hub(net, f"{origin.url}/hub", BASE, (3600.0,))
            hub.tell([FEED])
            await hub.finish(0.5)

    asyncio.run(work())
    assert told(origin) == [FEED]


def test_the_feeds_name_the_hub_and_a_round_tells_it_what_changed(tmp_path: Path) -> None:
    world = World()
    world.add("blog", lambda visit: Answer(200, feed(3)))
    world.add("hub", lambda visit: Answer(204), host="blog")
    with publishing(world):
        del world.lines["hub"]
        own = f'[feedwatch]\nbase_url = "{BASE}"\nhub = "{world.url("hub")}"\n'
        (tmp_path / "config.toml").write_text(own + world.config())
        asyncio.run(live(world, tmp_path, world.now + HOUR, one_round=True))
        found = feedparser.parse((tmp_path / "state" / "public" / "feeds" / "all.atom").read_bytes())

    assert [link.href for link in found.feed.links if link.rel == "hub"] == [world.url("hub")]
    assert sorted(parse_qs(seen.asked.body.decode())["hub.url"][0] for seen in world.of("hub")) == sorted(
        f"{BASE}/{name}.{ending}"
        for name in ("feeds/all", "feeds/uncategorised", "sources/blog")
        for ending in ("atom", "json")
    )

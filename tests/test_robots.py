"""robots.txt (RFC 9309) counts for pages that are read by selectors, and for nothing else."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from origin import Answer, Origin
from workbench import Bench

from feedwatch.app import SourcePoller
from feedwatch.model import Failure, Fetched, PollState, Response, Selectors, Source
from feedwatch.net import Net
from feedwatch.poller.fetch import Driven, Hosts
from feedwatch.poller.robots import Rules, rules_of

PAGE = Selectors("article")


def _rules(status: int, text: str = "") -> Rules:
    return rules_of(Response("https://x/robots.txt", status, {}, text.encode()))


@pytest.mark.parametrize(
    ("text", "path", "allowed"),
    [
        ("", "/blog", True),
        ("User-agent: *\nDisallow: /", "/blog", False),
        ("User-agent: *\nDisallow: /blog", "/blog/post", False),
        ("User-agent: *\nDisallow: /blog\nAllow: /blog/archive", "/blog/archive", True),
        ("User-agent: feedwatch\nDisallow:\n\nUser-agent: *\nDisallow: /", "/blog", True),
        ("User-agent: FeedWatch\nDisallow: /\n\nUser-agent: *\nDisallow:", "/blog", False),
        ("User-agent: other\nDisallow: /", "/blog", True),
        ("User-agent: *\nDisallow: /*.pdf$", "/a.pdf", False),
        ("User-agent: *\nDisallow: /*.pdf$", "/a.pdf?x", True),
        ("\ufeffUser-agent: *\r\nDisallow: /blog # not for us", "/blog", False),
        ("<html>not a robots.txt</html>", "/blog", True),
    ],
)
def test_p52_rules_are_read_as_the_rfc_says(text: str, path: str, allowed: bool) -> None:
    assert _rules(200, text).allow(f"https://x{path}") is allowed


@pytest.mark.parametrize(("status", "allowed"), [(404, True), (403, True), (410, True), (500, False), (503, False)])
def test_p52_no_robots_txt_allows_all_and_a_broken_one_nothing(status: int, allowed: bool) -> None:
    assert _rules(status).allow("https://x/blog") is allowed


def test_a_crawl_delay_is_kept_within_reason() -> None:
    assert _rules(200, "User-agent: *\nCrawl-delay: 5").pause() == timedelta(seconds=5)
    assert _rules(200, "User-agent: *\nCrawl-delay: 86400").pause() == timedelta(seconds=60)
    assert _rules(200, "User-agent: *\nCrawl-delay: soon").pause() == timedelta()


def _polling(origin: Origin, work: Callable[[Callable[[Source], Driven]], None]) -> None:
    """Runs `work` with a way to poll a source, over one network and one day of robots.txt."""
    clock = [datetime(2024, 11, 1, tzinfo=UTC)]
    loop = asyncio.new_event_loop()

    async def entered() -> tuple[Net, SourcePoller]:
        net = await Net(allow_hosts=frozenset({"127.0.0.1"}), user_agent="test").__aenter__()
        return net, SourcePoller(net, Hosts(1, 0.0), lambda: clock[0])

    net, poller = loop.run_until_complete(entered())

    def poll(source: Source) -> Driven:
        clock[0] += timedelta(hours=10)
        return loop.run_until_complete(poller.poll(source, PollState()))

    try:
        work(poll)
    finally:
        loop.run_until_complete(net.__aexit__(None, None, None))
        loop.close()


def test_p52_a_page_that_is_disallowed_is_not_fetched_and_robots_txt_is_kept_for_a_day(origin: Origin) -> None:
    origin.serve("/robots.txt", body=b"User-agent: *\nDisallow: /private")
    origin.serve("/private", body=b"<article>")
    origin.serve("/public", body=b"<article>")

    def work(poll: Callable[[Source], Driven]) -> None:
        refused = poll(Source("a", f"{origin.url}/private", select=PAGE)).outcome
        assert isinstance(refused, Failure)
        assert (refused.kind, "robots" in refused.detail) == ("robots", True)
        assert isinstance(poll(Source("b", f"{origin.url}/public", select=PAGE)).outcome, Fetched)
        poll(Source("b", f"{origin.url}/public", select=PAGE))
        assert [asked.path for asked in origin.requests] == ["/robots.txt", "/public", "/public"]
        poll(Source("b", f"{origin.url}/public", select=PAGE))
        assert [asked.path for asked in origin.requests].count("/robots.txt") == 2

    _polling(origin, work)


def test_p1_p52_a_feed_is_fetched_without_asking(origin: Origin) -> None:
    origin.serve("/robots.txt", body=b"User-agent: *\nDisallow: /")
    origin.serve("/feed", body=b"<rss>")

    def work(poll: Callable[[Source], Driven]) -> None:
        driven = poll(Source("a", f"{origin.url}/feed"))
        assert isinstance(driven.outcome, Fetched)
        assert (driven.requests, driven.received) == (1, 5)
        assert [asked.path for asked in origin.requests] == ["/feed"]
        ignoring = Source("b", f"{origin.url}/feed", select=PAGE, ignores_robots=True)
        assert isinstance(poll(ignoring).outcome, Fetched)

    _polling(origin, work)


def test_p52_a_redirect_leads_to_no_page_that_is_disallowed(origin: Origin) -> None:
    origin.serve("/robots.txt", body=b"User-agent: *\nDisallow: /private")
    origin.serve("/public", status=302, headers={"Location": "/private"})
    origin.serve("/private", body=b"<article>")

    def work(poll: Callable[[Source], Driven]) -> None:
        assert isinstance(poll(Source("a", f"{origin.url}/public", select=PAGE)).outcome, Failure)
        assert "/private" not in [asked.path for asked in origin.requests]

    _polling(origin, work)


def test_p52_a_robots_txt_may_be_elsewhere(origin: Origin) -> None:
    origin.serve("/robots.txt", status=301, headers={"Location": "/rules"})
    origin.serve("/rules", body=b"User-agent: *\nDisallow: /")

    def work(poll: Callable[[Source], Driven]) -> None:
        assert isinstance(poll(Source("a", f"{origin.url}/page", select=PAGE)).outcome, Failure)

    _polling(origin, work)


def test_the_refusal_says_what_to_do(tmp_path: Path, origin: Origin) -> None:
    bench = Bench(tmp_path)
    origin.serve("/robots.txt", body=b"User-agent: *\nDisallow: /")
    origin.serve_in_turn("/page", Answer(200, b"<article><h2><a href='/a'>A</a></h2></article>"))
    config = (
        f'[network]\nallow_hosts = ["127.0.0.1"]\n[[source]]\nid = "page"\nurl = "{origin.url}/page"\n'
        'select = { entry = "article" }\n'
    )
    bench.config(config)
    assert 'robots = "ignore"' in bench.run("poll", code=1).stderr
    assert "robots.txt" in bench.json("status")["sources"][0]["set_by"]

    bench.config(config + 'robots = "ignore"\n')
    assert "robots_reason" in bench.run("poll", code=78).stderr

    bench.config(config + 'robots = "ignore"\nrobots_reason = "it is our own site"\n')
    assert bench.json("poll")["sources"][0]["discovered"] == 1


def test_p52_what_turns_out_to_be_a_page_is_not_read_where_programs_are_not_wanted(
    tmp_path: Path, origin: Origin
) -> None:
    card = "<article><h2><a href='/{n}'>Post number {n}</a></h2><time datetime='2024-01-0{n}'></time></article>"
    origin.serve("/news", body=f"<html><main>{''.join(card.format(n=n) for n in (3, 2, 1))}</main></html>".encode())
    origin.serve("/robots.txt", body=b"User-agent: *\nDisallow: /news")
    bench = Bench(tmp_path)
    config = f'[network]\nallow_hosts = ["127.0.0.1"]\n[[source]]\nid = "news"\nurl = "{origin.url}/news"\n'
    bench.config(config)

    assert "does not allow it" in bench.json("poll", code=1)["sources"][0]["error"]
    bench.config(config + 'robots = "ignore"\nrobots_reason = "it is our own"\n')
    assert bench.json("poll")["sources"][0]["entries"] == 3

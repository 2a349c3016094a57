"""A year of one site over real HTTP: the alerts that a receiver gets are those of a careful person, line by line."""

from __future__ import annotations

import asyncio
import json
from datetime import datetime, timedelta
from html import escape
from pathlib import Path
from textwrap import dedent

import pytest
from origin import Answer
from publisher import DAY, START, Inline, Visit, World, publishing
from test_a_year import OUTAGE, WALL, WINDOW, Blog, Post, happens
from test_atom import NAMES, checked

from feedwatch import config as configuration
from feedwatch.app import App, open_app
from feedwatch.canonical import digest
from feedwatch.model import EPOCH

pytestmark = pytest.mark.slow

_OLD, _NEW, _RECEIVER = "127.0.1.1", "127.0.1.2", "127.0.1.3"
#: The redesign, the move to another domain, and the end of the old one.
_REDESIGN, _MOVED, _PARKED = 91, 150, 180
#: feedwatch is restarted so often.
_RESTARTS = 30 * DAY
_FOR_SALE = b"<html><head><title>127.0.1.1</title></head><body><h1>This domain is for sale</h1></body></html>"
_CHALLENGE = (
    b"<html><head><title>Just a moment...</title></head><body><div id='cf-browser-verification'>"
    b"Checking your browser</div><script src='/cdn-cgi/challenge-platform/x.js'></script></body></html>"
)
_BEFORE = """
<html lang="en"><head><title>The blog</title></head><body>
<nav><a href="/">Home</a> <a href="/about">About</a> <a href="/jobs">Jobs</a></nav>
<div class="posts">{posts}</div>
<footer><a href="/imprint">Imprint</a></footer></body></html>
"""
_POST_BEFORE = """
<article class="post"><h2><a href="{link}">{title}</a></h2><time datetime="{date}">{date}</time>
<p>{text}</p></article>
"""
_AFTER = """
<!doctype html><html lang="en"><head><title>Engineering</title></head><body>
<header><a href="/">Engineering</a><ul class="menu"><li><a href="/about">About us</a></li>
<li><a href="/jobs">Jobs</a></li></ul></header>
<main><ul class="cards">{posts}</ul></main>
<footer><p><a href="/imprint">Imprint</a></p></footer></body></html>
"""
_POST_AFTER = """
<li class="card"><a class="card-link" href="{link}"><h3>{title}</h3></a>
<div class="meta"><time datetime="{date}">{date}</time></div><p class="teaser">{text}</p></li>
"""


class Served:
    """The site: what its visitors get, on either domain, on the day on which they come."""

    def __init__(self) -> None:
        self.blog = Blog()
        self.day = 0

    def answers(self, visit: Visit) -> Answer:
        while self.day < visit.day:
            self.day += 1
            happens(self.blog, self.day)
        host, _, port = visit.asked.headers["host"].partition(":")
        if self.day in OUTAGE:
            return Answer(raw=b"")
        if visit.asked.path == "/robots.txt":
            return Answer(404)
        if host == _OLD and self.day >= _PARKED:
            return Answer(200, _FOR_SALE, {"Content-Type": "text/html"})
        if host == _OLD and self.day >= _MOVED:
            return Answer(301, headers={"Location": f"http://{_NEW}:{port}{visit.asked.path}"})
        if self.day in WALL:
            return Answer(403, _CHALLENGE, {"Content-Type": "text/html"})
        page = self._page().encode()
        return visit.tagged(f'"{digest("page", page.decode())[:16]}"', page, Content_Type="text/html; charset=utf-8")

    def _page(self) -> str:
        page, post = (_AFTER, _POST_AFTER) if self.day >= _REDESIGN else (_BEFORE, _POST_BEFORE)
        return page.format(posts="".join(self._listed(post, one) for one in self.blog.posts[:WINDOW]))

    def _listed(self, form: str, post: Post) -> str:
        return form.format(
            link=f"{self.blog.path}how-we-built-part-{post.number}",
            title=escape(post.title),
            date=(START + post.day * DAY).date().isoformat(),
            text=escape(post.text + self.blog.footer),
        )


class Receivers:
    """What arrived, one line each: the day, what happened, to what."""

    def __init__(self) -> None:
        self.posts: list[str] = []
        self.operator: list[str] = []

    def posts_hook(self, visit: Visit) -> Answer:
        body = json.loads(visit.asked.body)
        assert body["type"].startswith("entry."), body
        self.posts.append(f"{visit.day} {body['type'].removeprefix('entry.')} {body['data']['entry']['title']}")
        return Answer(204)

    def operator_hook(self, visit: Visit) -> Answer:
        body = json.loads(visit.asked.body)
        incident = body["data"]["incident"]
        self.operator.append(f"{visit.day} {body['type'].removeprefix('incident.')} {incident['kind']}")
        return Answer(204)


def _config(port: int) -> str:
    return dedent(f"""
        [feedwatch]
        entries = 200
        [network]
        allow_hosts = ["{_OLD}", "{_NEW}", "{_RECEIVER}"]
        per_host_pause = "0s"
        [[source]]
        id = "blog"
        url = "http://{_OLD}:{port}/posts"
        every = "12h"
        [[alert]]
        id = "posts"
        webhook = "http://{_RECEIVER}:{port}/posts-hook"
        when = ["new", "edited", "withdrawn"]
        [[alert]]
        id = "operator"
        webhook = "http://{_RECEIVER}:{port}/operator-hook"
        when = ["incident"]
    """)


def _ids(folder: Path) -> dict[str, str]:
    """The atom:id of each post in the feed, by the end of its address."""
    root = checked((folder / "state" / "public" / "feeds" / "all.atom").read_bytes())
    links = root.xpath("//a:entry/a:link[@rel='alternate']/@href", namespaces=NAMES)
    ids = root.xpath("//a:entry/a:id/text()", namespaces=NAMES)
    return {link.rpartition("/")[2]: id_ for link, id_ in zip(links, ids, strict=True)}


async def _lives(world: World, folder: Path, until: datetime) -> None:
    """feedwatch does what is due, when it is due; it is closed and opened again now and then."""
    ids: dict[str, str] = {}
    config = configuration.load(folder / "config.toml", {})
    while world.now < until:
        restart = min(world.now + _RESTARTS, until)
        async with open_app(config, folder / "state", clock=lambda: world.now, reader=Inline()) as app:
            while world.now < restart:
                await _does_what_is_due(app)
                world.now = max(min(await _next(app, until), restart), world.now + timedelta(seconds=1))
        for post, id_ in _ids(folder).items():
            assert ids.setdefault(post, id_) == id_


async def _does_what_is_due(app: App) -> None:
    due = await app.store.run(lambda store: list(store.due(app.clock())))
    for source in app.config.sources:
        if source.id in due:
            await app.pipeline.poll(source)
            await app.pipeline.publish()
    await app.pipeline.deliver()


async def _next(app: App, until: datetime) -> datetime:
    waiting = min((await app.store.waiting()).values(), default=until)
    polls = await app.store.run(lambda store: [store.state(s.id).next_poll or EPOCH for s in app.config.sources])
    return min(waiting, *polls)


@pytest.mark.timeout(240)
def test_a_receiver_gets_in_a_year_what_a_careful_person_would_have_sent(tmp_path: Path) -> None:
    world, site, receivers = World(), Served(), Receivers()
    for host in (_OLD, _NEW):
        for path in ("/posts", "/robots.txt"):
            world.paths[host, path] = site.answers
    world.paths[_RECEIVER, "/posts-hook"] = receivers.posts_hook
    world.paths[_RECEIVER, "/operator-hook"] = receivers.operator_hook
    with publishing(world) as origin:
        (tmp_path / "config.toml").write_text(_config(origin.port))
        asyncio.run(_lives(world, tmp_path, START + 366 * DAY))

    expected = {day: f"{day} new How we built part {22 + day // 6} of it" for day in range(6, 366, 6)}
    # What appeared while the site was down is told as soon as it can be seen.
    expected[324] = "327 new How we built part 76 of it"
    others = [
        "60 edited How we built part 28 of it",
        # An A/B test is one edit.
        "270 edited You will not believe what part 66 does",
        # At the third look at which it is missing.
        "302 withdrawn How we built part 68 of it",
    ]
    assert sorted(receivers.posts) == sorted([*expected.values(), *others])
    assert receivers.operator == [
        # The redesign, and the new footer below everything: doubted until later looks agree.
        "91 opened source-doubted",
        "92 closed source-doubted",
        "202 opened source-failing",
        "203 closed source-failing",
        "241 opened source-doubted",
        "242 closed source-doubted",
        "322 opened source-failing",
        "323 open source-failing",
        "327 closed source-failing",
    ]
    # Those that were listed at first sight and the 60 that came, less the one that was withdrawn.
    assert len(_ids(tmp_path)) == WINDOW + 60 - 1
    # The domain that was left is not asked any more, once its redirect has held.
    assert world.by_address[f"{_OLD}:{origin.port}", "/posts"][-1].at < START + _PARKED * DAY

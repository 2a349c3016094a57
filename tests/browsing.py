"""Pages that JavaScript builds, rendered in a real chromium; what it may reach is what we may."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest
from origin import Origin

from feedwatch.app import SourcePoller, open_net
from feedwatch.guard import Guard
from feedwatch.model import Fetched, PollState, Response, Source
from feedwatch.opening import now
from feedwatch.poller import chromium
from feedwatch.poller.browser import Browser, Rendered
from feedwatch.poller.fetch import Driven, Hosts
from feedwatch.poller.gate import Asked
from feedwatch.poller.rendering import Renderer

_LACK = chromium.missing(os.environ)
needs_chromium = pytest.mark.skipif(_LACK is not None, reason=str(_LACK))

SHELL = b"<!doctype html><title>Blog</title><div id=root></div><script src=/app.js></script>"
APP = b"""
fetch("/api/posts").then(answer => answer.json()).then(posts => {
  document.getElementById("root").innerHTML = posts.map(
    post => `<article><h2><a href="${post.link}">${post.title}</a></h2><time datetime="${post.date}"></time></article>`
  ).join("");
});
"""
POSTS = [
    {"link": f"/posts/{n}", "title": f"The post number {n}, för alla", "date": f"2024-05-0{n}"} for n in range(1, 7)
]
TITLES = [post["title"] for post in POSTS]


def blog(origin: Origin, shell: bytes = SHELL, app: bytes = APP) -> str:
    """Serves a page whose list of posts its script fetches."""
    origin.serve("/blog", body=shell, headers={"Content-Type": "text/html", "ETag": '"shell"'})
    origin.serve("/app.js", body=app, headers={"Content-Type": "text/javascript"})
    origin.serve("/api/posts", body=json.dumps(POSTS).encode(), headers={"Content-Type": "application/json"})
    return f"{origin.url}/blog"


def paths(origin: Origin) -> list[str]:
    return [asked.path for asked in origin.requests]


class Quick(Browser):
    """Waits five seconds for quiet, fifteen for everything."""

    def __init__(self, *, quiet: float = 5.0, deadline: float = 15.0, idle: float = 60.0) -> None:
        super().__init__(os.environ, "test", quiet=quiet, deadline=deadline, idle=idle)


def polled(
    *sources: Source, allow: frozenset[str] = frozenset({"127.0.0.1"}), browser: Browser | None = None
) -> list[Driven]:
    async def work() -> list[Driven]:
        used = browser or Quick()
        async with open_net(allow) as net, open_net(frozenset()) as public:
            poller = SourcePoller(net, Hosts(1, 0.0), now, Renderer(used, net, public, Guard(allow)))
            try:
                return [await poller.poll(source, PollState()) for source in sources]
            finally:
                await used.close()

    return asyncio.run(work())


def shown(origin: Origin, script: str, *, browser: Browser | None = None) -> Driven:
    """What comes of a page on `origin` that runs this script, when that origin alone is allowed."""
    page = f"<!doctype html><p id=out>nothing</p><script>{script}</script>"
    origin.serve("/page", body=page.encode(), headers={"Content-Type": "text/html"})
    allowed = frozenset({f"127.0.0.1:{origin.port}"})
    return polled(Source("page", f"{origin.url}/page", browser=True), allow=allowed, browser=browser)[0]


def body_of(driven: Driven) -> str:
    assert isinstance(driven.outcome, Fetched), driven.outcome
    return driven.outcome.body.decode()


def started_by(pid: int) -> list[int]:
    """The processes below this one that are a browser's."""
    children: dict[int, list[int]] = {}
    names: dict[int, str] = {}
    for entry in Path("/proc").iterdir():
        with contextlib.suppress(OSError, ValueError):
            number = int(entry.name)
            name, _, rest = (entry / "stat").read_text().rpartition(")")
            children.setdefault(int(rest.split()[1]), []).append(number)
            names[number] = name.partition("(")[2] if rest.split()[0] != "Z" else ""
    found, waiting = [], [pid]
    while waiting:
        below = children.get(waiting.pop(), [])
        waiting += below
        found += [number for number in below if "chrom" in names[number]]
    return found


def using(browser: Browser, work: Callable[[Browser, Callable[[], Awaitable[Rendered]]], Awaitable[None]]) -> None:
    """Runs `work` with a browser and a way to render a small page in it."""

    async def answer(asked: Asked) -> Response | None:
        return Response(asked.url, 200, {"content-type": "text/html"}, b"<p>hello</p>")

    async def all_of_it() -> None:
        try:
            await work(browser, lambda: browser.render("http://blog.example/", answer))
        finally:
            await browser.close()

    asyncio.run(all_of_it())
    assert started_by(os.getpid()) == []


async def until(true: Callable[[], bool]) -> None:
    """Looks again until it is so, for twenty seconds at most."""
    for _ in range(400):
        if true():
            return
        await asyncio.sleep(0.05)
    raise AssertionError("never")


def is_alive(pid: int) -> bool:
    with contextlib.suppress(OSError):
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    return False

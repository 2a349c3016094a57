"""Carries out a walk over the network, at each host's pace; reads file sources. Decides nothing."""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from urllib.parse import unquote, urljoin, urlsplit

from msgspec import Struct

from feedwatch.canonical import host_of
from feedwatch.model import Failure, Fetched, NotModified, Source
from feedwatch.net import Net, NetError
from feedwatch.poller.robots import KEEP, LARGEST, Rules, robots_url, rules_of
from feedwatch.poller.walk import Walk

#: Bytes of a body after decoding.
MAX_BODY = 10_000_000
#: Redirects of a robots.txt that are followed (RFC 9309 §2.3.1.2).
_ROBOTS_HOPS = 6


class Driven(Struct, frozen=True):
    """What a walk came to, and what it cost."""

    outcome: Fetched | NotModified | Failure
    requests: int = 0
    #: Bytes of the bodies, decoded.
    received: int = 0


async def drive(steps: Walk, net: Net, robots: Robots | None = None, *, proxy: str | None = None) -> Driven:
    """Makes the requests that `steps` yields until it returns; with `robots`, only those it allows."""
    request = next(steps)
    requests = received = 0
    while True:
        if robots is not None and (refusal := await robots.refusal(request.url, proxy)):
            return Driven(refusal, requests, received)
        requests += 1
        try:
            response = await net.request("GET", request.url, headers=request.headers, max_body=MAX_BODY, proxy=proxy)
        except NetError as error:
            return Driven(Failure(error.kind, str(error)), requests, received)
        received += len(response.body)
        try:
            request = steps.send(response)
        except StopIteration as done:
            return Driven(done.value, requests, received)


class Robots:
    """The robots.txt of each host, kept for a day."""

    def __init__(self, net: Net, clock: Callable[[], datetime], slow_down: Callable[[str, float], None]) -> None:
        self._net = net
        self._clock = clock
        self._slow_down = slow_down
        self._kept: dict[str, tuple[datetime, Rules]] = {}

    async def refusal(self, url: str, proxy: str | None = None) -> Failure | None:
        """Why `url` must not be fetched, or None."""
        where = robots_url(url)
        kept = self._kept.get(where)
        if kept is None or not kept[0] <= self._clock() < kept[0] + KEEP:
            kept = self._kept[where] = self._clock(), await self._ask(where, proxy)
            self._slow_down(host_of(url), kept[1].pause().total_seconds())
        rules = kept[1]
        if rules.allow(url):
            return None
        why = rules.closed or f"{where} does not allow it to programs"
        return Failure("robots", f'{why}; ask its owner, use a feed, or set robots = "ignore" and say why')

    async def _ask(self, where: str, proxy: str | None) -> Rules:
        url, response = where, None
        for _ in range(_ROBOTS_HOPS):
            try:
                response = await self._net.request("GET", url, max_body=LARGEST, cut=True, proxy=proxy)
            except NetError as error:
                return Rules(None, closed=f"its robots.txt cannot be had ({error}), which means: stay out")
            location = response.headers.get("location")
            if not 300 <= response.status < 400 or not location:
                return rules_of(response)
            url = urljoin(url, location)
        return Rules(None)


def is_page(fetched: Fetched) -> bool:
    """Whether a body is a web page, as far as its first bytes and its label tell."""
    start = fetched.body[:1000].lstrip(b"\xef\xbb\xbf \t\r\n").lower()
    if start.startswith((b"<?xml", b"<rss", b"<feed", b"<rdf", b"{", b"[")):
        return b"<html" in start
    return b"<html" in start or b"<!doctype html" in start or "html" in fetched.headers.get("content-type", "")


def read_file(source: Source, limit: int = MAX_BODY) -> Fetched | Failure:
    """The file behind a `file:` source, at most `limit` bytes long."""
    path = Path(unquote(urlsplit(source.url).path))
    try:
        with path.open("rb") as file:
            body = file.read(limit + 1)
    except OSError as error:
        return Failure("unreachable", f"{path}: {error.strerror}")
    if len(body) > limit:
        return Failure("too-large", f"{path} is larger than {limit:,} bytes")
    return Fetched(source.url, 200, {}, body)


class Hosts:
    """The pace of each host: so many requests at once, and a pause (seconds) between their starts."""

    def __init__(self, per_host: int, pause: float) -> None:
        self.pause = pause
        self._turns: dict[str, _Turns] = defaultdict(lambda: _Turns(per_host, pause))

    def slow_down(self, host: str, pause: float) -> None:
        """From now on this host gets at least `pause` seconds between two requests."""
        self._turns[host].pause = max(self.pause, pause)

    def slot(self, url: str) -> _Turns:
        """To be entered for a request."""
        return self._turns[host_of(url)]


class _Turns:
    """Whoever enters has waited until it is his turn at a host."""

    def __init__(self, at_once: int, pause: float) -> None:
        self.pause = pause
        self._places = asyncio.Semaphore(at_once)
        self._free_at = 0.0

    async def __aenter__(self) -> None:
        await self._places.acquire()
        if not self.pause:
            return
        clock = asyncio.get_running_loop().time
        try:
            # Again, because another one may have gone first, or all of us may have been woken late.
            while (wait := self._free_at - clock()) > 0:  # noqa: ASYNC110  (no event tells that time has passed)
                await asyncio.sleep(wait)
        except BaseException:
            self._places.release()
            raise
        self._free_at = clock() + self.pause

    async def __aexit__(self, *_: object) -> None:
        self._places.release()

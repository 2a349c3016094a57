"""What a page in the browser may ask for, and the asking: each of its requests goes through our own guarded client.

One gate serves one rendering. The browser itself opens no connection.
"""

from __future__ import annotations

import asyncio
import logging
from collections import defaultdict
from collections.abc import Mapping
from urllib.parse import urldefrag, urljoin

from msgspec import Struct, field

from feedwatch.canonical import host_of
from feedwatch.model import Fetched, Response, Source
from feedwatch.net import Net, NetError
from feedwatch.poller.fetch import MAX_BODY, Robots
from feedwatch.poller.walk import REDIRECTS, origin_of

log = logging.getLogger(__name__)

#: Requests of one page, bytes of all their answers after decoding, and how many of them at once.
REQUESTS, BYTES, _AT_ONCE = 200, 30_000_000, 6
#: Seconds for one answer.
_DEADLINE = 10.0
_HOPS = 5
#: What can bring text (the words are chromium's); a picture, a font, a film, a stream or a beacon cannot.
_WANTED = frozenset({"document", "script", "stylesheet", "xhr", "fetch", "other"})
_METHODS = frozenset({"GET", "HEAD", "POST"})
#: Written by our client, of one connection only, or of a browser that we do not claim to be.
_NOT_SENT = frozenset({
    "accept-encoding", "accept-language", "connection", "content-length", "cookie", "host", "priority",
    "proxy-authorization", "te", "transfer-encoding", "upgrade", "upgrade-insecure-requests", "user-agent",
})  # fmt: skip
#: No longer true of a decoded body, or of no use for one look at a page.
_NOT_ANSWERED = frozenset({
    "alt-svc", "connection", "content-disposition", "content-encoding", "content-length", "keep-alive", "refresh",
    "set-cookie", "strict-transport-security", "transfer-encoding",
})  # fmt: skip


class Asked(Struct, frozen=True):
    """One request of a page."""

    url: str
    method: str = "GET"
    #: Names in lower case.
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes | None = None
    #: What it is for, in chromium's word.
    kind: str = "document"


class Gate:
    """Answers what the page of `source` asks for; `page` is what was fetched, and is what it gets first.

    `private` says that the page stands on a host which the operator vouched for, so that `net` may lead to others of
    that kind. Then no other site may take its place, which would profit from that.
    """

    def __init__(self, source: Source, page: Fetched, net: Net, robots: Robots | None, *, private: bool) -> None:
        self._source = source
        self._page = page
        self._net = net
        self._robots = robots
        self._private = private
        self._home: str | None = None
        self._at_once = asyncio.Semaphore(_AT_ONCE)
        #: Manners: one request at a time to each host.
        self._turns: dict[str, asyncio.Semaphore] = defaultdict(lambda: asyncio.Semaphore(1))
        self.requests = 0
        self.received = 0

    async def answer(self, asked: Asked) -> Response | None:
        """What the browser is told, or None where it gets nothing."""
        if asked.kind not in _WANTED or asked.method not in _METHODS:
            return None
        url = urldefrag(asked.url).url
        if asked.kind == "document" and self._home in (None, url):
            self._home = url
            return _told(Response(url, self._page.status, self._page.headers, self._page.body))
        try:
            found = await self._followed(asked, url)
        except NetError as error:
            log.debug("source=%s: its page does not get %s (%s)", self._source.id, url, error)
            return None
        return _told(found) if found else None

    async def _followed(self, asked: Asked, url: str) -> Response | None:
        """The answer after redirects, each of them asked for as the first was. Raises NetError."""
        method, body = asked.method, asked.body
        for _ in range(_HOPS + 1):
            async with self._at_once, self._turns[host_of(url)]:
                if not await self._may(asked, url):
                    return None
                response = await self._net.request(
                    method,
                    url,
                    headers=self._headers(asked, url),
                    body=body,
                    max_body=min(MAX_BODY, BYTES - self.received),
                    deadline=_DEADLINE,
                    proxy=self._source.proxy,
                )
            self.received += len(response.body)
            location = response.headers.get("location")
            if response.status not in REDIRECTS or not location:
                return response
            if response.status not in (307, 308) and method == "POST":
                method, body = "GET", None
            url = urldefrag(urljoin(url, location)).url
        return None

    async def _may(self, asked: Asked, url: str) -> bool:
        """Whether the next request may go out, which then counts."""
        at_home = host_of(url) == host_of(self._page.url)
        if asked.kind == "document" and self._private and not at_home:
            return False
        if self.requests >= REQUESTS or self.received >= BYTES:
            log.info("source=%s: its page asks for too much, and gets no more", self._source.id)
            return False
        self.requests += 1
        if self._robots and (at_home or asked.kind == "document"):
            refusal = await self._robots.refusal(url, self._source.proxy)
            if refusal:
                log.info("source=%s: its page does not get %s (%s)", self._source.id, url, refusal.detail)
            return refusal is None
        return True

    def _headers(self, asked: Asked, url: str) -> list[tuple[str, str]]:
        own = list(self._source.headers) if origin_of(url) == origin_of(self._source.url) else []
        ours = {name.lower() for name, _ in own}
        sent = [
            (name, value)
            for name, value in asked.headers.items()
            if name not in _NOT_SENT and name not in ours and not name.startswith(("sec-", ":"))
        ]
        return [*sent, *own]


def _told(response: Response) -> Response:
    headers = {name: value for name, value in response.headers.items() if name not in _NOT_ANSWERED}
    return Response(response.url, response.status, headers, response.body)

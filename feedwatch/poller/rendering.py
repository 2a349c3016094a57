"""A page that was fetched, as the browser shows it: the same answer, with the document that its scripts made."""

from __future__ import annotations

from urllib.parse import urlsplit

from msgspec import Struct
from msgspec.structs import replace

from feedwatch.guard import Guard
from feedwatch.model import Failure, Fetched, Source, Validators
from feedwatch.net import Net
from feedwatch.poller.browser import Browser, BrowserError
from feedwatch.poller.fetch import Driven, Robots
from feedwatch.poller.gate import Gate


class Renderer(Struct, frozen=True):
    """`net` leads where the configuration allows, `public` to public addresses only.

    The scripts of a page are strangers: only one that itself stands on a host that `guard` vouches for may ask others
    of that kind.
    """

    browser: Browser
    net: Net
    public: Net
    guard: Guard

    async def render(self, source: Source, page: Fetched, robots: Robots | None) -> Driven:
        """The page with the requests that its scripts made. The document vouches for nothing that they add: it has no
        validators and no freshness."""
        parts = urlsplit(page.url)
        private = self.guard.allows(parts.hostname or "", parts.port or (443 if parts.scheme == "https" else 80))
        gate = Gate(source, page, self.net if private else self.public, robots, private=private)
        try:
            rendered = await self.browser.render(page.url, gate.answer)
        except BrowserError as error:
            return Driven(Failure(error.kind, str(error), page.status), gate.requests, gate.received)
        shown = replace(
            page,
            url=rendered.url,
            headers={**page.headers, "content-type": "text/html; charset=utf-8"},
            body=rendered.body,
            validators=Validators(),
            trail=replace(page.trail, fresh=None),
        )
        return Driven(shown, gate.requests, gate.received)

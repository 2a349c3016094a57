"""What robots.txt allows (RFC 9309). Pure; asked for pages that are read by selectors, not for feeds.

A feed is published for programs, and whoever added it asked for it by name; a page is published for people.
"""

from __future__ import annotations

from datetime import timedelta
from urllib.parse import urlsplit

from msgspec import Struct
from protego import Protego

from feedwatch.model import Response

#: The product token that rules are looked up for (RFC 9309 §2.2.1).
PRODUCT = "feedwatch"
#: RFC 9309 §2.4: not to be kept longer than a day. §2.5: at least 500 KiB are to be read.
KEEP = timedelta(hours=24)
LARGEST = 512_000
_LONGEST_DELAY = timedelta(seconds=60)


class Rules(Struct, frozen=True):
    """What one host allows: `text` is its robots.txt; without one everything is allowed, or nothing."""

    text: str | None
    #: Why nothing is allowed, when that is so without rules.
    closed: str | None = None

    def allow(self, url: str) -> bool:
        if self.closed is not None:
            return False
        return self.text is None or bool(Protego.parse(self.text).can_fetch(url, PRODUCT))

    def pause(self) -> timedelta:
        """The pause between two requests that the host asks for; not in the RFC, but many ask for it."""
        delay = Protego.parse(self.text).crawl_delay(PRODUCT) if self.text else None
        return min(timedelta(seconds=delay or 0), _LONGEST_DELAY)


def rules_of(response: Response) -> Rules:
    """RFC 9309 §2.3.1: 4xx is "no rules", 5xx is "stay out"."""
    if response.status == 200:
        return Rules(response.body[:LARGEST].decode("utf-8-sig", "replace"))
    if response.status >= 500:
        return Rules(None, closed=f"its robots.txt answers HTTP {response.status}, which means: stay out")
    return Rules(None)


def robots_url(url: str) -> str:
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc}/robots.txt"

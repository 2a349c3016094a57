"""Which feeds a page has, as far as it says, where one would lie, and whether it has what the page has. Pure."""

from __future__ import annotations

import re
from urllib.parse import urljoin, urlsplit

from feedwatch.canonical import canonical_url
from feedwatch.model import Reading
from feedwatch.readers.sanitize import web_url
from feedwatch.readers.tree import Element, text_of

_TYPES = frozenset({"application/rss+xml", "application/atom+xml", "application/feed+json", "application/rdf+xml"})
_LINK_TEXT = re.compile(r"(?:subscribe\W+)?(?:rss|atom|xml|json|feed|web)?(?:\W*(?:feed|rss|atom))", re.IGNORECASE)
_LINK_PATH = re.compile(r"(?:^|/)(?:feed|rss|atom|index|feed\.(?:xml|json)|.*\.(?:rss|atom)|.*\.xml)/?$", re.IGNORECASE)
#: Names that feeds have beside the listing they are of, and at the root of a site.
_BESIDE = ("feed/", "index.xml", "feed.xml", "rss.xml", "atom.xml")
_AT_ROOT = ("feed/", "feed.xml", "rss.xml", "atom.xml", "index.xml", "rss/")


def feeds_named(root: Element, base: str) -> tuple[str, ...]:
    """The feeds that the page names as its own, in its order, and then those it links; those of comments do not
    count."""
    named = [e for e in root.iter("link") if _is_alternate(e)]
    linked = [e for e in root.iter("a") if _is_feed_link(e)]
    found = (web_url(e.get("href"), base) for e in (*named, *linked))
    return tuple(dict.fromkeys(url for url in found if url))


def likely_feeds(url: str) -> tuple[str, ...]:
    """Where the feed of a page lies on many sites: beside it, and at the root."""
    parts = urlsplit(url)
    above, _, last = parts.path.rpartition("/")
    folder = f"{above}/" if "." in last or not last else f"{parts.path}/"
    root = f"{parts.scheme}://{parts.netloc}/"
    found = [urljoin(root, folder + name) for name in _BESIDE]
    return tuple(dict.fromkeys([*found, *(root + name for name in _AT_ROOT)]))


def shared(page: Reading, feed: Reading) -> float:
    """Which part of the shorter one is in the other: by address, or by title."""
    if not page.entries or not feed.entries:
        return 0.0
    links = {canonical_url(entry.link) for entry in feed.entries if entry.link}
    titles = {entry.title.casefold() for entry in feed.entries if entry.title}
    both = sum(
        bool(entry.link and canonical_url(entry.link) in links) or entry.title.casefold() in titles
        for entry in page.entries
    )
    return both / min(len(page.entries), len(feed.entries))


def _is_alternate(link: Element) -> bool:
    kind = (link.get("type") or "").split(";")[0].strip().lower()
    rel = (link.get("rel") or "").lower().split()
    return "alternate" in rel and kind in _TYPES and "comment" not in (link.get("title") or "").lower()


def _is_feed_link(anchor: Element) -> bool:
    href = (anchor.get("href") or "").partition("?")[0]
    if (anchor.get("type") or "").lower() in _TYPES:
        return True
    if not _LINK_PATH.search(href):
        return False
    said = text_of(anchor) or anchor.get("title") or anchor.get("aria-label") or ""
    return bool(_LINK_TEXT.fullmatch(said.strip()) or href.endswith((".rss", ".atom")))

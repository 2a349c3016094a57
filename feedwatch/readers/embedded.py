"""What a page says of its posts for machines: JSON-LD (schema.org), and the state that JavaScript frameworks leave.

Pure. Says what is claimed, not whether it is shown: `detect` compares it with what stands on the page.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from datetime import datetime
from typing import Any
from urllib.parse import urlsplit

from msgspec import Struct

from feedwatch.canonical import canonical_url, one_line
from feedwatch.model import Moment
from feedwatch.readers.dates import parse_date
from feedwatch.readers.sanitize import web_url
from feedwatch.readers.tree import Element

_POSTS = re.compile(
    r"(Blog|News|Social|Live|Discussion|Tech|Scholarly|Satirical|Analysis|Opinion|Report|Review)\w*"
    r"(Posting|Article|BlogPosting|BlogUpdate)|Article|Report|PodcastEpisode|RadioEpisode|VideoObject|CreativeWork|"
    r"PublicationIssue|AnalysisNewsArticle|PressRelease"
)
#: Bytes of one script, and values looked at in all.
_LARGEST, _MOST = 2_000_000, 50_000
_TITLES = ("headline", "title", "name", "heading")
_LINKS = (
    "url",
    "link",
    "href",
    "permalink",
    "canonicalUrl",
    "canonical_url",
    "path",
    "slug",
    "uri",
    "mainEntityOfPage",
)
_DATES = (
    "datePublished", "publishedAt", "published_at", "publishedDate", "publishDate", "published", "pubDate", "date",
    "publicationDate", "firstPublishedAt", "first_published_at", "createdAt", "created_at", "dateCreated", "post_date",
)  # fmt: skip


class Claim(Struct, frozen=True):
    """One post, as a script on the page has it."""

    title: str
    link: str | None
    published: Moment | None
    summary: str | None = None
    author: str | None = None
    #: Where it stood.
    evidence: str = "JSON-LD"


def claims(root: Element, base: str, now: datetime) -> list[Claim]:
    """Every post that the page's scripts name, in their order; those with the same link once."""
    found: list[Claim] = []
    for script in root.iter("script"):
        text = script.text or ""
        kind = (script.get("type") or "").split(";")[0].strip().lower()
        if len(text) > _LARGEST:
            continue
        if kind == "application/ld+json":
            for value in _values(text):
                found += _posts(value, base, now)
        elif script.get("id") in ("__NEXT_DATA__", "__NUXT_DATA__") or kind == "application/json":
            for value in _values(text):
                found += _state(value, base, now)
    unique: dict[str, Claim] = {}
    for claim in found:
        unique.setdefault(canonical_url(claim.link) if claim.link else claim.title, claim)
    return list(unique.values())


def _values(text: str) -> Iterator[Any]:
    """The JSON in a script; line breaks inside strings, comments around it and a final semicolon are forgiven."""
    text = (
        re.sub(r"^\s*(?://\s*)?(?:<!--|<!\[CDATA\[)|(?://\s*)?(?:-->|\]\]>)\s*$", "", text.strip()).strip().rstrip(";")
    )
    try:
        yield json.loads(text, strict=False)
    except (ValueError, RecursionError):
        return


def _walk(value: Any) -> Iterator[dict[str, Any]]:
    """Every object in a JSON value, outer ones first."""
    ahead, seen = [value], 0
    while ahead and seen < _MOST:
        node = ahead.pop()
        seen += 1
        if isinstance(node, dict):
            yield node
            ahead += reversed(list(node.values()))
        elif isinstance(node, list):
            ahead += reversed(node)


def _posts(value: Any, base: str, now: datetime) -> Iterator[Claim]:
    for node in _walk(value):
        types = node.get("@type")
        names = types if isinstance(types, list) else [types]
        if any(isinstance(name, str) and _POSTS.fullmatch(name.rpartition("/")[2]) for name in names):
            yield from _claim(node, base, now, "JSON-LD")
        elif "ListItem" in names and not isinstance(node.get("item"), dict) and node.get("url") and node.get("name"):
            yield from _claim(node, base, now, "JSON-LD list")


def _state(value: Any, base: str, now: datetime) -> Iterator[Claim]:
    """Objects of a framework's state that have a title, a link and a date."""
    for node in _walk(value):
        if _first(node, _TITLES) and _first(node, _LINKS) and any(name in node for name in _DATES):
            yield from _claim(node, base, now, "page state")


def _claim(node: dict[str, Any], base: str, now: datetime, evidence: str) -> Iterator[Claim]:
    title = one_line(_first(node, _TITLES) or "")
    stated = _first(node, _LINKS)
    main = node.get("mainEntityOfPage")
    if stated is None and isinstance(main, dict):
        stated = main.get("@id") if isinstance(main.get("@id"), str) else None
    link = web_url(stated, base)
    if link is not None and base and canonical_url(link) == canonical_url(base):
        return  # what the page says of itself
    date = next((m for name in _DATES if isinstance(node.get(name), str) and (m := parse_date(node[name], now))), None)
    if title:
        yield Claim(title, link, date, _first(node, ("description", "excerpt", "summary")), _author(node), evidence)


def _first(node: dict[str, Any], names: tuple[str, ...]) -> str | None:
    for name in names:
        value = node.get(name)
        if isinstance(value, dict):
            value = value.get("rendered") or value.get("current") or value.get("@id")
        if isinstance(value, str) and value.strip():
            return value.strip()
    return None


def _author(node: dict[str, Any]) -> str | None:
    author = node.get("author")
    if isinstance(author, list):
        author = author[0] if author else None
    if isinstance(author, dict):
        author = author.get("name")
    return one_line(author) if isinstance(author, str) and author.strip() else None


class Claims:
    """Finds the claim about what stands on the page, by link or title."""

    def __init__(self, found: list[Claim]) -> None:
        self.all = found
        self._by_link = {canonical_url(claim.link): claim for claim in found if claim.link}
        self._by_slug = {_slug(claim.link): claim for claim in found if claim.link and _slug(claim.link)}
        self._by_title = {claim.title.casefold(): claim for claim in found}

    def about(self, link: str | None, title: str) -> Claim | None:
        if not self.all:
            return None
        by_link = self._by_link.get(canonical_url(link)) or self._by_slug.get(_slug(link)) if link else None
        return by_link or self._by_title.get(title.casefold())


def _slug(link: str) -> str:
    """The last part of a link's path, where it is long enough to be no other's."""
    last = urlsplit(link).path.rstrip("/").rpartition("/")[2]
    return last if len(last) > 12 else ""

"""What a body is, found by looking at it: servers label feeds as text/html and pages as XML.

Does not read entries.
"""

from __future__ import annotations

import re
from typing import Literal

from msgspec import Struct

from feedwatch.canonical import clean

_FEED_ROOTS = frozenset({"rss", "rdf", "feed", "channel"})
_PAGE_ROOTS = frozenset({
    "html", "head", "body", "title", "meta", "link", "style", "script", "main", "header", "nav", "section",
    "article", "aside", "div", "span", "p", "a", "h1", "h2", "h3", "ul", "ol", "dl", "table", "form",
    "center",
})  # fmt: skip
_SKIPPED = re.compile(r"\s+|<\?.*?\?>|<!--.*?-->", re.DOTALL)
_DOCTYPE = re.compile(r"<!DOCTYPE\b", re.IGNORECASE)
_IN_DOCTYPE = re.compile(r"""<!--.*?-->|"[^"]*"|'[^']*'|[\[\]>]""", re.DOTALL)
_ROOT = re.compile(r"<([A-Za-z_][\w.:-]*)")
_LATE_PAGE = re.compile(r"<(?:!DOCTYPE\s+html|html|body)\b", re.IGNORECASE)
_JSON_FEED = re.compile(r'"version"\s*:\s*"https?:(?:\\?/){2}(?:www\.)?jsonfeed\.org')
#: Characters of noise (a PHP warning) that may stand before a page.
_NOISE = 4096


class Look(Struct, frozen=True):
    """`text` begins at the root element, whose name is `root` as written; `prolog` is what stood before it."""

    kind: Literal["xml", "json", "page", "sitemap"] | None
    text: str
    root: str = ""
    prolog: str = ""


def look(text: str) -> Look:
    """What `text` is, without the characters that XML forbids; `kind` is None when it is neither a feed nor a page."""
    return glance(clean(text))


def glance(text: str) -> Look:
    """The same where they are not looked for; one of them can make something else of `text`."""
    text = text.lstrip("\ufeff \t\r\n")
    if text.startswith("{"):
        return Look("json" if _JSON_FEED.search(text) else None, text)
    start = _prolog_end(text)
    prolog = text[:start]
    found = _ROOT.match(text, start)
    root = found[1] if found else ""
    name = root.rpartition(":")[2].lower()
    if name in ("urlset", "sitemapindex"):
        return Look("sitemap", text[start:], root, prolog)
    if name in _FEED_ROOTS:
        return Look("xml", text[start:], root, prolog)
    if name in _PAGE_ROOTS or _LATE_PAGE.search(prolog):
        return Look("page", text[start:])
    if late := _LATE_PAGE.search(text, start, start + _NOISE):
        return Look("page", text[late.start() :])
    return Look(None, text)


def _prolog_end(text: str) -> int:
    position = 0
    while True:
        if skipped := _SKIPPED.match(text, position):
            position = skipped.end()
        elif _DOCTYPE.match(text, position):
            position = _doctype_end(text, position)
        else:
            return position


def _doctype_end(text: str, start: int) -> int:
    depth = 0
    for token in _IN_DOCTYPE.finditer(text, start):
        if token[0] == "[":
            depth += 1
        elif token[0] == "]":
            depth -= 1
        elif token[0] == ">" and depth <= 0:
            return token.end()
    return text.find(">", start) + 1 or len(text)

"""Scraped text on its way into a channel that people trust: it can say anything, and must not do anything. Pure."""

from __future__ import annotations

import re
from urllib.parse import quote

from feedwatch.canonical import one_line

#: Controls, and the marks that turn the direction of everything after them (Unicode's "Trojan Source").
_STEERING = re.compile("[\x00-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069\ufff9-\ufffb]")
#: What begins a mention, a link or markup somewhere: @everyone, <!channel>, <@id>, [text](url), `code`.
_TRIGGERS = re.compile(r"(@|<|\[|\]|\(|`|\||#|\*|_|~)(?=\S)")
#: All that may stand in a URL (RFC 3986 §2), the percent sign of what is encoded already included.
_ASCII = "".join(map(chr, range(0x21, 0x7F)))
_ZERO_WIDTH_SPACE = "\u200b"


def line(text: str, limit: int = 300) -> str:
    """`text` on one line, without signs that steer a terminal or turn the text around; at most `limit` long."""
    text = one_line(_STEERING.sub(" ", text))
    return text if len(text) <= limit else text[: limit - 1].rstrip() + "…"


def header(text: str, limit: int = 200) -> str:
    """`text` as the value of a mail header.

    A scraped encoded-word (RFC 2047) must stay the text it is: some Pythons decode and re-fold it so that a
    line break in it becomes a new header (CVE-2024-6923).
    """
    return line(text, limit).replace("=?", "= ?").replace("?=", "? =")


def address(url: str) -> str:
    """`url` without a sign that could steer or end it in a text: what is not ASCII is percent-encoded."""
    return quote(url, safe=_ASCII)


def inert_address(url: str) -> str:
    """The same where mentions and markup are read into texts; the address stays the same one (RFC 3986 §2.3)."""
    return quote(url, safe="%:/?#&=+,;!$'.-")


def inert(text: str) -> str:
    """`text` as chat services show it and nothing more: no mention, link or style is read into it.

    A zero-width space after each sign that could begin one leaves the text as people see it.
    """
    return _TRIGGERS.sub(rf"\1{_ZERO_WIDTH_SPACE}", text)

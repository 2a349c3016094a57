"""RSS 0.9x, 1.0 and 2.0, Atom 0.3 and 1.0 and CDF: the document as a Reading. feedparser is known here only, and asked
for what `wellformed` does not know.

Does not decode bytes, make entries of what was parsed or make their ids unique: see `charset`, `mapped` and `finish`.
"""

from __future__ import annotations

import codecs
import io
import re
from collections.abc import Iterator
from datetime import datetime
from html import escape
from html.entities import html5

from msgspec.structs import replace

from feedwatch.canonical import clean
from feedwatch.errors import ReadError
from feedwatch.model import Reading
from feedwatch.readers import wellformed
from feedwatch.readers.charset import is_utf_8_if_valid
from feedwatch.readers.kind import Look, glance
from feedwatch.readers.mapped import Document, reading_of
from feedwatch.readers.pace import pace_of

#: Bytes in which the root element of nearly every feed begins.
_HEAD = 8192
_LITERAL = re.compile(r"<!\[CDATA\[|<!--")
_LITERAL_END = {"<![CDATA[": "]]>", "<!--": "-->"}
_REFERENCE = re.compile(r"&(?:#(\d{1,7}|[xX][0-9a-fA-F]{1,6});|(\w{1,32};))?")
_XML_NAMES = frozenset({"amp;", "lt;", "gt;", "quot;", "apos;"})
_ENTRY_TAG = re.compile(r"<(?:\w+:)?(?:item|entry)\b", re.IGNORECASE)
_LENIENT = "the XML is not well-formed; read as far as possible"


def read_quickly(body: bytes, content_type: str, *, url: str, now: datetime) -> Reading | None:
    """The entries of a well-formed feed of a usual dialect, as they leave a reader; None for anything else. `url` is
    the base of relative links.

    expat takes nothing that is no UTF-8 or has a character that XML forbids: only what stands before the root
    element, which it is not given, is decoded and looked at here.
    """
    if not is_utf_8_if_valid(body, content_type):
        return None
    try:
        head, size = codecs.utf_8_decode(body[:_HEAD], "strict", False)
    except UnicodeDecodeError:
        return None
    found = glance(head)
    if found.kind != "xml" or _declares_entities(found) or clean(found.prolog) != found.prolog:
        return None
    document = body[size - len(found.text.encode()) :]
    quick = wellformed.parse(document, url)
    if quick is None:
        return None
    entry = _ENTRY_TAG.search(found.text)
    within = entry is not None and entry.end() < len(found.text)
    pace = pace_of(found.text if within else document.decode())
    reading = reading_of(quick.feed, quick.entries, Document(url, quick.rss, now, quick=True), pace)
    return replace(reading, way="quick")


def read_any_feed(found: Look, *, url: str, now: datetime) -> Reading:
    """The same by feedparser, which reads every dialect and broken documents, and takes thirty times as long.

    Raises ReadError("unreadable") for a document that ends early or that declares entities.
    """
    if _declares_entities(found):
        raise ReadError("unreadable", "the feed declares XML entities in its DOCTYPE, which is refused as unsafe")
    import feedparser  # loading it takes as long as reading a hundred well-formed feeds

    body = _repaired(found).encode("utf-8", "replace")
    headers = {"content-type": "application/xml; charset=utf-8", "content-location": url}
    # Bytes or str would be tried as a file name and URL first; a stream is only read.
    # Markup is left alone here: feedparser's own rewriting of links drops text that looks like an entity.
    parsed = feedparser.parse(
        io.BytesIO(body), response_headers=headers, sanitize_html=False, resolve_relative_uris=False
    )
    rss = not parsed.version.startswith("atom")
    reading = reading_of(parsed.feed, parsed.entries, Document(url, rss, now), pace_of(found.text))
    # The lenient parser may have swallowed entries, so the absence of one proves nothing.
    reading = replace(reading, way="feedparser")
    return replace(reading, complete=False, notes=(_LENIENT,)) if parsed.bozo else reading


def _declares_entities(found: Look) -> bool:
    return "<!entity" in found.prolog.lower()


# --- the document -----------------------------------------------------------------------------------


def _segments(text: str) -> Iterator[tuple[str, bool]]:
    """`text` in pieces, each with whether it is a CDATA section or a comment (where references mean nothing)."""
    position = 0
    while opening := _LITERAL.search(text, position):
        yield text[position : opening.start()], False
        end = text.find(_LITERAL_END[opening[0]], opening.end())
        if end < 0:
            raise _truncated(text)
        position = end + 3
        yield text[opening.start() : position], True
    yield text[position:], False


def _repaired(found: Look) -> str:
    """The root element, with bare `&`, HTML's entities and impossible character references made XML.

    What follows the root element (scripts that proxies append) is cut off.
    """
    root = re.escape(found.root)
    closing = re.compile(rf"</{root}\s*>|\A<{root}\b[^<>]*/>", re.IGNORECASE)
    pieces: list[str] = []
    size = end = 0
    for piece, literal in _segments(found.text):
        if not literal:
            piece = _REFERENCE.sub(_reference, piece)
            for close in closing.finditer(piece):
                end = size + close.end()
        pieces.append(piece)
        size += len(piece)
    text = "".join(pieces)
    if not end or _ENTRY_TAG.search(text, end):
        raise _truncated(found.text)
    return text[:end]


def _truncated(text: str) -> ReadError:
    return ReadError("unreadable", f"the feed ends in the middle (truncated), after {len(text)} characters")


def _reference(found: re.Match[str]) -> str:
    number, name = found.groups()
    if number:
        code = int(number[1:], 16) if number[0] in "xX" else int(number)
        return found[0] if code <= 0x10FFFF and clean(chr(code)) else ""
    if name in _XML_NAMES:
        return found[0]
    return escape(html5.get(name or "", found[0]), quote=False)

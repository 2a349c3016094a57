"""RSS 0.9x, 1.0 and 2.0, Atom 0.3 and 1.0 and CDF: the document as a Reading. feedparser is known here only, and asked
for what `wellformed` does not know.

Does not decode bytes, make ids unique or check links: see `charset` and `finish`.
"""

from __future__ import annotations

import io
import re
from collections.abc import Iterable, Iterator
from datetime import datetime
from html import escape, unescape
from html.entities import html5
from typing import Any

from msgspec.structs import replace

from feedwatch.canonical import clean, entry_id
from feedwatch.errors import ReadError
from feedwatch.model import About, Category, Enclosure, Entry, Moment, Origin, Pace, Person, Reading, Text
from feedwatch.readers import wellformed
from feedwatch.readers.dates import parse_date
from feedwatch.readers.kind import Look
from feedwatch.readers.pace import pace_of
from feedwatch.readers.sanitize import plain, sanitize, web_url

_LITERAL = re.compile(r"<!\[CDATA\[|<!--")
_LITERAL_END = {"<![CDATA[": "]]>", "<!--": "-->"}
_REFERENCE = re.compile(r"&(?:#(\d{1,7}|[xX][0-9a-fA-F]{1,6});|(\w{1,32};))?")
_XML_NAMES = frozenset({"amp;", "lt;", "gt;", "quot;", "apos;"})
_ENTRY_TAG = re.compile(r"<(?:\w+:)?(?:item|entry)\b", re.IGNORECASE)
_TEXT_TYPES = frozenset({"text/plain", "text/html", "application/xhtml+xml"})
# RSS does not say whether a title is text or HTML. A closing tag, an attribute or an entity says HTML;
# "1 < 2 & AT&T" and "The <br> tag" are text.
_MARKUP = re.compile(r"</[a-z][a-z0-9]*\s*>|<[a-z][a-z0-9]*[\s/](?=[^<>]*[=/])[^<>]*>", re.IGNORECASE)
_EMAIL = re.compile(r"[^\s<>()@]+@[^\s<>()@]+")
#: Characters; beyond this it is no person, and searching it for an address would take long.
_LONGEST_PERSON = 300
_LENIENT = "the XML is not well-formed; read as far as possible"
_ENTITY = re.compile(r"&(#\d+|#[xX][0-9a-fA-F]+|\w+);")


def read_feed(found: Look, *, url: str, now: datetime) -> Reading:
    """The entries of an XML feed. `url` is the base of relative links.

    Raises ReadError("unreadable") for a document that ends early or that declares entities.
    """
    if "<!entity" in found.prolog.lower():
        raise ReadError("unreadable", "the feed declares XML entities in its DOCTYPE, which is refused as unsafe")
    pace = pace_of(found.text)
    if quick := wellformed.parse(found.text, url):
        return replace(_reading(quick.feed, quick.entries, url, now, pace, rss=quick.rss), way="quick")
    return read_any_feed(found, url=url, now=now)


def read_any_feed(found: Look, *, url: str, now: datetime) -> Reading:
    """The same by feedparser, which reads every dialect and broken documents, and takes thirty times as long."""
    import feedparser  # loading it takes as long as reading a hundred well-formed feeds

    body = _repaired(found).encode("utf-8", "replace")
    headers = {"content-type": "application/xml; charset=utf-8", "content-location": url}
    # Bytes or str would be tried as a file name and URL first; a stream is only read.
    # Markup is left alone here: feedparser's own rewriting of links drops text that looks like an entity.
    parsed = feedparser.parse(
        io.BytesIO(body), response_headers=headers, sanitize_html=False, resolve_relative_uris=False
    )
    rss = not parsed.version.startswith("atom")
    reading = _reading(parsed.feed, parsed.entries, url, now, pace_of(found.text), rss=rss)
    # The lenient parser may have swallowed entries, so the absence of one proves nothing.
    reading = replace(reading, way="feedparser")
    return replace(reading, complete=False, notes=(_LENIENT,)) if parsed.bozo else reading


def _reading(feed: Any, entries: Iterable[Any], url: str, now: datetime, pace: Pace, *, rss: bool) -> Reading:
    about = _about(feed, url, rss=rss)
    further = _further(feed, url)
    found = tuple(_entry(entry, url, about, rss=rss, now=now) for entry in entries)
    return Reading("feed", found, about, complete=further is None, pace=pace, next_page=further)


def _further(feed: Any, url: str) -> str | None:
    """Where older entries are: the next page of the feed (RFC 5005 §3), or the archive before it (§4)."""
    for relation in ("next", "prev-archive"):
        for link in feed.get("links", ()):
            if link.get("rel") == relation and (found := web_url(link.get("href"), url)):
                return found
    return None


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


# --- its entries ------------------------------------------------------------------------------------


def _entry(e: Any, url: str, about: About, *, rss: bool, now: datetime) -> Entry:
    title = _title(e, rss=rss) or ""
    link = _link(e, url)
    published, updated = _dates(e, rss=rss, now=now)
    content = _content(e, rss=rss)
    guid = e.get("id")
    return Entry(
        id=entry_id(guid, link, title, str(published) if published else None),
        title=title,
        link=link,
        summary=_summary(e, url, content),
        content=_text(content, url),
        authors=_people(e, url, rss=rss),
        categories=tuple(
            Category(_unmarked(tag.get("term") or ""), tag.get("scheme"), _line(tag, "label"))
            for tag in e.get("tags", ())
        ),
        enclosures=_enclosures(e, url),
        published=published,
        updated=updated,
        image=_image(e, url),
        language=_language(e, about),
        rights=_line(e, "rights"),
        origin=_origin(e.get("source")),
    )


def _title(holder: Any, *, rss: bool) -> str | None:
    detail = holder.get("title_detail") or {}
    value: str = holder.get("title") or ""
    if rss:
        return _unmarked(value) or None
    return (value if detail.get("type") == "text/plain" else plain(value)) or None


def _line(holder: Any, name: str) -> str | None:
    return _unmarked(holder.get(name) or "") or None


def _unmarked(value: str) -> str:
    """`value` without markup, where it has any; text that only contains `<` or `&` stays as it is."""
    named = any(f"{name};" in html5 or name.startswith("#") for name in _ENTITY.findall(value))
    if _MARKUP.search(value):
        return plain(value)
    return unescape(value) if named else value


def _link(holder: Any, url: str) -> str | None:
    """The page a person would read: an alternate link, of any type when there is no HTML one."""
    others = [link.get("href") for link in holder.get("links", ()) if link.get("rel") == "alternate"]
    return next((link for href in (holder.get("link"), *others) if (link := web_url(href, url))), None)


def _dates(e: Any, *, rss: bool, now: datetime) -> tuple[Moment | None, Moment | None]:
    # `in` first: asked for `updated`, feedparser would hand out `published`.
    raw = {name: e[name] for name in ("published", "created", "updated") if name in e}
    published = _date(raw.get("published"), now) or _date(raw.get("created"), now)
    updated = _date(raw.get("updated"), now)
    if rss and published is None:
        # dc:date is all that RSS 1.0 has, and it is the day of publication.
        return updated, None
    return published, updated


def _date(raw: str | None, now: datetime) -> Moment | None:
    return parse_date(raw, now) if raw else None


def _content(e: Any, *, rss: bool) -> Any:
    """The construct that holds the entry's text, or None.

    In RSS, content:encoded is HTML; plain content there is a media:description, the caption of a picture.
    """
    for content in e.get("content", ()):
        type_ = content.get("type")
        if content.get("value") and type_ in _TEXT_TYPES and not (rss and type_ == "text/plain"):
            return content
    return None


def _summary(e: Any, url: str, content: Any) -> Text | None:
    value: str = e.get("summary") or ""
    # Without a detail it is feedparser's own copy of the content.
    if not value or "summary_detail" not in e or (content and content["value"].strip() == value.strip()):
        return None
    return _text({**e["summary_detail"], "value": value}, url)


def _text(construct: Any, url: str) -> Text | None:
    if not construct:
        return None
    if construct.get("type") == "text/plain":
        return Text(construct["value"])
    return Text(sanitize(construct["value"], construct.get("base") or url), "html")


def _people(holder: Any, url: str, *, rss: bool) -> tuple[Person, ...]:
    people = [
        Person(_unmarked(p.get("name") or ""), p.get("email"), web_url(p.get("href"), url))
        for p in holder.get("authors", ())
    ]
    if rss and people and holder.get("author"):
        return (*people[:-1], _person(holder["author"]))
    # feedparser hands the address of one author on to the next one, cut to a four-letter top-level domain.
    return tuple(
        replace(p, email=None) if any((q.email or "").startswith(p.email or "-") for q in people[:n]) else p
        for n, p in enumerate(people)
    )


def _person(raw: str) -> Person:
    """RSS writes `address (name)`; feedparser takes it apart wrongly when the top-level domain is long."""
    email = _EMAIL.search(raw) if len(raw) <= _LONGEST_PERSON else None
    if email is None:
        return Person(_unmarked(raw))
    name = (raw[: email.start()] + raw[email.end() :]).replace("<>", "").strip()
    if name.startswith("(") and name.endswith(")"):
        name = name[1:-1]
    return Person(_unmarked(name.removesuffix("()").strip()), email[0])


def _enclosures(e: Any, url: str) -> tuple[Enclosure, ...]:
    return tuple(
        Enclosure(href, link.get("type"), _length(link.get("length")))
        for link in e.get("links", ())
        if link.get("rel") == "enclosure" and (href := web_url(link.get("href"), url))
    )


def _length(raw: str | None) -> int | None:
    return int(raw) if raw and re.fullmatch(r"[0-9]{1,15}", raw) else None


def _image(e: Any, url: str) -> str | None:
    pictures = [
        media.get("url")
        for media in e.get("media_content", ())
        if media.get("medium") == "image" or (media.get("type") or "").startswith("image/")
    ]
    thumbnails = [media.get("url") for media in e.get("media_thumbnail", ())]
    podcast = (e.get("image") or {}).get("href")
    return next((image for raw in (*thumbnails, *pictures, podcast) if (image := web_url(raw, url))), None)


def _language(e: Any, about: About) -> str | None:
    details = [*e.get("content", ()), e.get("summary_detail") or {}, e.get("title_detail") or {}]
    own = e.get("language") or next((d.get("language") for d in details if d.get("language")), None)
    return own if own and own.lower() != (about.language or "").lower() else None


def _origin(source: Any) -> Origin | None:
    if not source:
        return None
    return Origin(_title(source, rss=False), source.get("link") or source.get("href"), source.get("id"))


def _about(feed: Any, url: str, *, rss: bool) -> About:
    logo = feed.get("logo") or (feed.get("image") or {}).get("href")
    return About(
        title=_title(feed, rss=rss),
        link=_link(feed, url),
        description=_line(feed, "subtitle"),
        language=feed.get("language"),
        icon=web_url(feed.get("icon") or logo, url),
        authors=_people(feed, url, rss=rss),
        rights=_line(feed, "rights"),
        logo=web_url(logo, url),
    )

"""JSON Feed 1.0 and 1.1: the document as a Reading.

Does not make ids unique or check links: see `finish`.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from feedwatch.canonical import entry_id
from feedwatch.errors import ReadError
from feedwatch.model import About, Category, Enclosure, Entry, Moment, Person, Reading, Text
from feedwatch.readers.dates import parse_date
from feedwatch.readers.sanitize import sanitize, web_url

Object = Mapping[str, Any]


def read_json_feed(text: str, *, url: str, now: datetime) -> Reading:
    """The entries of a JSON Feed. `url` is the base of relative links.

    Values of the wrong type count as missing. Raises ReadError("unreadable") for what is not JSON.
    """
    try:
        feed = json.loads(text)
    except json.JSONDecodeError as error:
        if error.pos >= len(text.rstrip()) or error.msg.startswith("Unterminated"):
            detail = f"the JSON feed ends in the middle (truncated), after {len(text)} characters"
        else:
            detail = f"the JSON feed is not JSON: {error}"
        raise ReadError("unreadable", detail) from error
    about = _about(feed, url)
    entries = tuple(_entry(item, url, about, now) for item in _objects(feed, "items"))
    return Reading(
        "feed", entries, about, complete=not _string(feed, "next_url"), next_page=_url(feed, "next_url", url)
    )


def _entry(item: Object, url: str, about: About, now: datetime) -> Entry:
    title = _string(item, "title") or ""
    link = _url(item, "url", url) or _url(item, "external_url", url)
    published = _date(item, "date_published", now)
    language = _string(item, "language")
    return Entry(
        id=entry_id(_string(item, "id"), link, title, str(published) if published else None),
        title=title,
        link=link,
        summary=_text(_string(item, "summary")),
        content=_content(item, url),
        authors=_people(item, url),
        categories=tuple(Category(tag) for tag in map(_scalar, _list(item, "tags")) if tag),
        enclosures=tuple(
            Enclosure(href, _string(attachment, "mime_type"), _length(attachment.get("size_in_bytes")))
            for attachment in _objects(item, "attachments")
            if (href := _url(attachment, "url", url))
        ),
        published=published,
        updated=_date(item, "date_modified", now),
        image=_url(item, "image", url) or _url(item, "banner_image", url),
        language=language if (language or "").lower() != (about.language or "").lower() else None,
    )


def _content(item: Object, base: str) -> Text | None:
    markup = _string(item, "content_html")
    return Text(sanitize(markup, base), "html") if markup else _text(_string(item, "content_text"))


def _about(feed: Object, url: str) -> About:
    return About(
        title=_string(feed, "title"),
        link=_url(feed, "home_page_url", url),
        description=_string(feed, "description"),
        language=_string(feed, "language"),
        icon=_url(feed, "icon", url) or _url(feed, "favicon", url),
        authors=_people(feed, url),
    )


def _people(holder: Object, url: str) -> tuple[Person, ...]:
    """`authors` of version 1.1, else `author` of 1.0."""
    people = _objects(holder, "authors") or _objects({"author": [holder.get("author")]}, "author")
    found = (Person(_string(person, "name") or "", None, _url(person, "url", url)) for person in people)
    return tuple(person for person in found if person.name or person.uri)


def _scalar(value: Any) -> str | None:
    """Text; numbers are taken as text, since ids and tags often come as such."""
    if isinstance(value, (int, float)) and not isinstance(value, bool):
        value = str(value)
    return value if isinstance(value, str) and value.strip() else None


def _string(holder: Object, name: str) -> str | None:
    return _scalar(holder.get(name))


def _list(holder: Object, name: str) -> list[Any]:
    value = holder.get(name)
    return value if isinstance(value, list) else []


def _objects(holder: Object, name: str) -> list[Object]:
    return [value for value in _list(holder, name) if isinstance(value, dict)]


def _url(holder: Object, name: str, base: str) -> str | None:
    return web_url(_string(holder, name), base)


def _text(value: str | None) -> Text | None:
    return Text(value) if value else None


def _date(item: Object, name: str, now: datetime) -> Moment | None:
    value = _string(item, name)
    return parse_date(value, now) if value else None


def _length(value: Any) -> int | None:
    return int(value) if isinstance(value, (int, float)) and 0 <= value < 1e15 else None

"""JSON Feed 1.1 (jsonfeed.org/version/1.1), the twin of an Atom feed. Pure: same facts, same bytes."""

from __future__ import annotations

import json
import mimetypes
from collections.abc import Sequence
from functools import lru_cache
from typing import Any

import orjson

from feedwatch.canonical import clean, feed_id, one_line
from feedwatch.differ.normalise import text_of
from feedwatch.generator import parts
from feedwatch.model import About, Category, Enclosure, Feed, Origin, Person, PublishedEntry

_VERSION = "https://jsonfeed.org/version/1.1"


def render(feed: Feed, entries: Sequence[PublishedEntry], *, base_url: str) -> bytes:
    """The feed with its entries in the given order. `base_url` has no slash at its end.

    An entry that cannot be written is left out and logged.
    """
    return assembled(feed, [one for entry in entries if (one := fragment(entry, base_url=base_url))], base_url=base_url)


def fragment(published: PublishedEntry, *, base_url: str) -> bytes | None:
    """An entry as it stands in any feed; None, and logged, where it cannot be written."""
    try:
        return _dumped(_item(published, base_url))
    except parts.UNWRITABLE as error:
        parts.left_out(published, error)
        return None


def assembled(feed: Feed, items: Sequence[bytes], *, base_url: str) -> bytes:
    """The feed of entries that are written already."""
    document = {
        "version": _VERSION,
        "title": one_line(feed.title) or feed.path,
        "home_page_url": parts.iri(feed.alternate) or f"{base_url}/",
        "feed_url": f"{base_url}/{feed.path}.json",
        "description": one_line(feed.subtitle or ""),
        "icon": parts.iri(feed.logo) or parts.iri(feed.icon),
        "favicon": parts.iri(feed.icon),
        "language": parts.language(feed.language),
        "hubs": [{"type": "WebSub", "url": feed.hub}] if feed.hub else None,
    }
    return b'%b,"items":[%b]}\n' % (_dumped(_said(document))[:-1], b",".join(items))


def _dumped(value: dict[str, Any]) -> bytes:
    try:
        return orjson.dumps(value)
    except TypeError:  # a number of more than 64 bits
        return json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode()


def _item(published: PublishedEntry, base_url: str) -> dict[str, Any]:
    known, entry = published.known, published.known.entry
    content = entry.content or entry.summary
    html = content is not None and content.type == "html"
    # One of the two has to be there, be it empty.
    text = clean(content.value) if content else ""
    return _said(
        {
            "id": known.atom_id,
            "url": parts.iri(entry.link),
            "title": parts.title(known),
            "content_html" if html else "content_text": text,
            "summary": one_line(text_of(entry.summary)) if entry.content else None,
            "image": parts.iri(entry.image),
            "date_published": parts.seconds(known.published).isoformat() if parts.dated(known) else None,
            "date_modified": parts.seconds(known.updated).isoformat(),
            "authors": _authors(parts.authors(published)),
            "tags": _tags(published.categories, entry.categories),
            "language": parts.language(entry.language),
            "attachments": [one for enclosure in entry.enclosures if (one := _attachment(enclosure))],
            "_source": _source(published.source_id, published.source, entry.origin, base_url),
        }
    )


def _said(values: dict[str, Any]) -> dict[str, Any]:
    """Without what there is nothing to say of; an empty text is no content, and stays."""
    kept = ("content_text", "content_html")
    return {key: value for key, value in values.items() if value or key in kept}


# The entries of a source have the same authors, categories and source again and again.
@lru_cache(maxsize=1024)
def _authors(people: tuple[Person, ...]) -> list[dict[str, str]]:
    return [_said({"name": one_line(person.name), "url": parts.iri(person.uri)}) for person in people]


@lru_cache(maxsize=1024)
def _tags(feeds: tuple[tuple[str, str], ...], own: tuple[Category, ...]) -> list[str]:
    """The names of an entry's categories, each once: the feeds' first, then its source's own."""
    names = (one_line(name) for name in (*(title for _, title in feeds), *(category.title for category in own)))
    return list({name.casefold(): name for name in reversed([*filter(None, names)])}.values())[::-1]


def _attachment(enclosure: Enclosure) -> dict[str, Any] | None:
    url = parts.iri(enclosure.href)
    if url is None:
        return None
    # Readers may not do without a type, sources may.
    own = one_line(enclosure.type or "")
    guessed = mimetypes.guess_type(url.partition("?")[0])[0] or "application/octet-stream"
    size = {"size_in_bytes": enclosure.length} if enclosure.length is not None else {}
    return {"url": url, "mime_type": own if "/" in own else guessed, **size}


@lru_cache(maxsize=256)
def _source(source_id: str, about: About, origin: Origin | None, base_url: str) -> dict[str, str]:
    """An extension (its key begins with a low line): where the entry comes from, as atom:source says it."""
    path = f"sources/{source_id}"
    return _said(
        {
            "id": feed_id(path),
            "title": one_line((origin and origin.title) or about.title or source_id),
            "url": parts.iri((origin and origin.link) or about.link),
            "feed_url": f"{base_url}/{path}.json",
        }
    )

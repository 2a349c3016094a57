"""JSON Feed 1.1 (jsonfeed.org/version/1.1), the twin of an Atom feed. Pure: same facts, same bytes."""

from __future__ import annotations

import mimetypes
from collections.abc import Sequence

import msgspec
from msgspec import Raw, Struct

from feedwatch.canonical import clean, feed_id, one_line
from feedwatch.differ.normalise import text_of
from feedwatch.generator import parts
from feedwatch.model import Category, Enclosure, Feed, Person, PublishedEntry
from feedwatch.remembered import remembered, remembered_together

_VERSION = "https://jsonfeed.org/version/1.1"


class _Hub(Struct, frozen=True):
    type: str
    url: str


# What there is nothing to say of is left out, with its name.
class _Head(Struct, frozen=True, omit_defaults=True):
    version: str
    title: str
    home_page_url: str
    feed_url: str
    description: str | None = None
    icon: str | None = None
    favicon: str | None = None
    language: str | None = None
    hubs: tuple[_Hub, ...] = ()


class _Author(Struct, frozen=True, omit_defaults=True):
    name: str | None = None
    url: str | None = None


class _Attachment(Struct, frozen=True, omit_defaults=True):
    url: str
    mime_type: str
    size_in_bytes: int | None = None


class _Source(Struct, frozen=True, omit_defaults=True, kw_only=True):
    """Where an entry comes from, as atom:source says it."""

    id: str
    title: str | None = None
    url: str | None = None
    feed_url: str


class _Item(Struct, frozen=True, omit_defaults=True, kw_only=True, rename={"source": "_source"}):
    id: str
    url: str | None = None
    title: str
    content_html: str | None = None
    content_text: str | None = None
    summary: str | None = None
    image: str | None = None
    date_published: str | None = None
    date_modified: str
    authors: Raw
    tags: Raw | None = None
    language: str | None = None
    attachments: tuple[_Attachment, ...] = ()
    #: An extension: its key begins with a low line.
    source: Raw


def render(feed: Feed, entries: Sequence[PublishedEntry], *, base_url: str) -> bytes:
    """The feed with its entries in the given order. `base_url` has no slash at its end.

    An entry that cannot be written is left out and logged.
    """
    return assembled(feed, [one for entry in entries if (one := fragment(entry, base_url=base_url))], base_url=base_url)


def fragment(published: PublishedEntry, *, base_url: str) -> bytes | None:
    """An entry as it stands in any feed; None, and logged, where it cannot be written."""
    try:
        return msgspec.json.encode(_item(published, base_url))
    except parts.UNWRITABLE as error:
        parts.left_out(published, error)
        return None


def assembled(feed: Feed, items: Sequence[bytes], *, base_url: str) -> bytes:
    """The feed of entries that are written already."""
    head = _Head(
        version=_VERSION,
        title=one_line(feed.title) or feed.path,
        home_page_url=parts.iri(feed.alternate) or f"{base_url}/",
        feed_url=f"{base_url}/{feed.path}.json",
        description=one_line(feed.subtitle or "") or None,
        icon=parts.iri(feed.logo) or parts.iri(feed.icon) or None,
        favicon=parts.iri(feed.icon) or None,
        language=parts.language(feed.language),
        hubs=(_Hub("WebSub", feed.hub),) if feed.hub else (),
    )
    return b'%b,"items":[%b]}\n' % (msgspec.json.encode(head)[:-1], b",".join(items))


def _item(published: PublishedEntry, base_url: str) -> _Item:
    known, entry = published.known, published.known.entry
    content = entry.content or entry.summary
    # One of the two has to be there, be it empty.
    text = clean(content.value) if content else ""
    html = content is not None and content.type == "html"
    return _Item(
        id=known.atom_id,
        url=parts.iri(entry.link) or None,
        title=parts.title(known),
        content_html=text if html else None,
        content_text=None if html else text,
        summary=text_of(entry.summary) or None if entry.content else None,
        image=parts.iri(entry.image) or None,
        date_published=parts.stamp(known.published) if parts.dated(known) else None,
        date_modified=parts.stamp(known.updated),
        authors=_authors(parts.authors(published)),
        tags=_tags(published.categories, entry.categories),
        language=parts.language(entry.language),
        attachments=tuple(one for enclosure in entry.enclosures if (one := _attachment(enclosure))),
        source=_source(published.source_id, *parts.origin(published), base_url),
    )


# The entries of a source have the same authors, categories and source again and again.
@remembered(1024)
def _authors(people: tuple[Person, ...]) -> Raw:
    return _written([_Author(one_line(person.name) or None, parts.iri(person.uri) or None) for person in people])


@remembered_together(1024)
def _tags(feeds: tuple[tuple[str, str], ...], own: tuple[Category, ...]) -> Raw | None:
    """The names of an entry's categories, each once: the feeds' first, then its source's own."""
    names = (one_line(name) for name in (*(title for _, title in feeds), *(category.title for category in own)))
    told = list({name.casefold(): name for name in reversed([*filter(None, names)])}.values())[::-1]
    return _written(told) if told else None


def _attachment(enclosure: Enclosure) -> _Attachment | None:
    url = parts.iri(enclosure.href)
    if url is None:
        return None
    # Readers may not do without a type, sources may.
    own = one_line(enclosure.type or "")
    guessed = mimetypes.guess_type(url.partition("?")[0])[0] or "application/octet-stream"
    return _Attachment(url, own if "/" in own else guessed, enclosure.length)


@remembered_together(256)
def _source(source_id: str, title: str, page: str | None, base_url: str) -> Raw:
    path = f"sources/{source_id}"
    return _written(
        _Source(
            id=feed_id(path),
            title=one_line(title) or None,
            url=parts.iri(page) or None,
            feed_url=f"{base_url}/{path}.json",
        )
    )


def _written(value: object) -> Raw:
    return Raw(msgspec.json.encode(value))

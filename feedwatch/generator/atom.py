"""Atom feeds (RFC 4287) by feedgen, whose faults stay inside this module. Pure: same facts, same bytes.

feedgen drops every attribute of an entry's links but href, puts new entries first, stamps what has no date
with the present, and lets one bad character spoil the whole feed; so links, languages, sources and
enclosures are written by an extension, every date is given, and entries are tried one by one.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from datetime import datetime

from feedgen.entry import FeedEntry
from feedgen.ext.base import BaseEntryExtension, BaseExtension
from feedgen.feed import FeedGenerator
from feedgen.util import xml_elem
from lxml import etree

from feedwatch.canonical import clean, feed_id, one_line
from feedwatch.generator import parts
from feedwatch.model import Enclosure, Feed, PublishedEntry, Text

TYPE = "application/atom+xml"
#: The media types of a feed's twins, by the ends of their addresses.
TWINS = {"json": "application/feed+json", "rss": "application/rss+xml"}
_LANG = "{http://www.w3.org/XML/1998/namespace}lang"
_MEDIA = "http://search.yahoo.com/mrss/"
_TOMBSTONES = "http://purl.org/atompub/tombstones/1.0"
_HISTORY = "http://purl.org/syndication/history/1.0"


def render(
    feed: Feed, entries: Sequence[PublishedEntry], gone: Sequence[PublishedEntry] = (), *, base_url: str
) -> bytes:
    """The feed with its entries in the given order, and a tombstone for each that is `gone` (RFC 6721). `base_url` has
    no slash at its end.

    An entry that cannot be written is left out and logged; it never takes the others with it.
    """
    return parts.isolated(lambda rows: _rendered(feed, rows, gone, base_url), entries)


def _rendered(feed: Feed, entries: Sequence[PublishedEntry], gone: Sequence[PublishedEntry], base_url: str) -> bytes:
    generator = _head(feed, parts.updated(entries), base_url)
    generator.feedwatch.bind(feed, gone)
    for entry in entries:
        _add(generator, entry, base_url)
    data: bytes = generator.atom_str(pretty=True)
    return parts.styled(data, feed.address)


def _head(feed: Feed, updated: datetime, base_url: str) -> FeedGenerator:
    generator = FeedGenerator()
    generator.register_extension("feedwatch", _FeedExtension, _EntryExtension, atom=True, rss=False)
    generator.id(feed_id(feed.first_path or feed.path))
    generator.title(one_line(feed.title) or feed.path)
    generator.updated(updated)
    if feed.subtitle:
        generator.subtitle(one_line(feed.subtitle))
    generator.link(href=f"{base_url}/{feed.address}.atom", rel="self", type=TYPE)
    generator.link(href=parts.iri(feed.alternate) or f"{base_url}/", rel="alternate", type="text/html")
    for twin in feed.twins:
        generator.link(href=f"{base_url}/{feed.path}.{twin}", rel="alternate", type=TWINS[twin])
    for rel, address in _chain(feed):
        generator.link(href=f"{base_url}/{address}.atom", rel=rel, type=TYPE)
    if feed.hub:
        generator.link(href=feed.hub, rel="hub")
    # No version: an upgrade of feedwatch would change the bytes of every feed, and nothing in them.
    generator.generator("feedwatch")
    if language := parts.language(feed.language):
        generator.language(language)
    if icon := parts.iri(feed.icon):
        generator.icon(icon)
    if logo := parts.iri(feed.logo):
        generator.logo(logo)
    if feed.rights:
        generator.rights(one_line(feed.rights))
    return generator


def _chain(feed: Feed) -> Iterator[tuple[str, str]]:
    """The links of RFC 5005 §4. A page names the one after it before that exists: it must never change again."""
    before = feed.page - 1 if feed.page else feed.archived
    if before:
        yield "prev-archive", feed.address_of(before)
    if feed.page:
        yield "next-archive", feed.address_of(feed.page + 1)
        yield "current", feed.path


def _add(generator: FeedGenerator, published: PublishedEntry, base_url: str) -> None:
    known, entry = published.known, published.known.entry
    item: FeedEntry = generator.add_entry(order="append")
    item.feedwatch.bind(published, base_url)
    item.id(known.atom_id)
    item.title(parts.title(known))
    if parts.dated(known):
        # RFC 4287 §4.2.9 does not want it; `updated` has the day we first saw it.
        item.published(parts.seconds(known.published))
    item.updated(parts.seconds(known.updated))
    for person in parts.authors(published):
        item.author(name=one_line(person.name), email=_email(person.email), uri=parts.iri(person.uri))
    for slug, title in published.categories:
        item.category(term=slug, scheme=f"{base_url}/feeds/", label=one_line(title))
    for category in entry.categories:
        if category.scheme and (scheme := parts.iri(category.scheme)):
            item.category(term=one_line(category.term), scheme=scheme, label=_line(category.label))
    if entry.summary:
        item.summary(clean(entry.summary.value), type=_kind(entry.summary))
    content = entry.content or (None if parts.iri(entry.link) else entry.summary or Text(parts.title(known)))
    if content:
        item.content(clean(content.value), type=_kind(content))
    if parts.iri(entry.link):
        # feedgen refuses an entry without; the extension writes the real one in its place.
        item.link(href=parts.iri(entry.link), rel="alternate")
    if entry.rights:
        item.rights(one_line(entry.rights))


class _FeedExtension(BaseExtension):  # type: ignore[misc]  # feedgen is untyped
    def bind(self, feed: Feed, gone: Sequence[PublishedEntry]) -> None:
        self._archive = feed.page > 0
        self._gone = gone

    def extend_ns(self) -> dict[str, str]:
        spaces = {"media": _MEDIA}
        if self._gone:
            spaces["at"] = _TOMBSTONES
        if self._archive:
            spaces["fh"] = _HISTORY
        return spaces

    def extend_atom(self, feed: etree._Element) -> etree._Element:
        if self._archive:
            etree.SubElement(feed, f"{{{_HISTORY}}}archive")
        for one in self._gone:
            when = parts.seconds(one.known.withdrawn or one.known.changed_at).isoformat()
            etree.SubElement(feed, f"{{{_TOMBSTONES}}}deleted-entry", ref=one.known.atom_id, when=when)
        return feed


class _EntryExtension(BaseEntryExtension):  # type: ignore[misc]  # feedgen is untyped
    """What feedgen has no way to write."""

    def bind(self, published: PublishedEntry, base_url: str) -> None:
        self._published = published
        self._base_url = base_url

    def extend_atom(self, element: etree._Element) -> etree._Element:
        entry = self._published.known.entry
        for link in element.findall("link"):
            element.remove(link)
        if link := parts.iri(entry.link):
            xml_elem("link", element, href=link, rel="alternate")
        for enclosure in entry.enclosures:
            _enclosure(element, enclosure)
        if image := parts.iri(entry.image):
            etree.SubElement(element, f"{{{_MEDIA}}}thumbnail", url=image)
        if language := parts.language(entry.language):
            element.set(_LANG, language)
        self._source(element)
        return element

    def _source(self, element: etree._Element) -> None:
        """Where the entry comes from (RFC 4287 §4.2.11): the feed it was copied from, else our source."""
        published = self._published
        about, origin = published.source, published.known.entry.origin
        path = f"sources/{published.source_id}"
        source = xml_elem("source", element)
        xml_elem("id", source).text = feed_id(path)
        title = (origin and origin.title) or about.title or published.source_id
        xml_elem("title", source).text = one_line(title)
        xml_elem("updated", source).text = parts.seconds(published.known.updated).isoformat()
        xml_elem("link", source, href=f"{self._base_url}/{path}.atom", rel="self", type=TYPE)
        if link := parts.iri((origin and origin.link) or about.link):
            xml_elem("link", source, href=link, rel="alternate")
        if icon := parts.iri(about.icon):
            xml_elem("icon", source).text = icon
        if logo := parts.iri(about.logo):
            xml_elem("logo", source).text = logo
        if about.rights:
            xml_elem("rights", source).text = one_line(about.rights)


def _enclosure(element: etree._Element, enclosure: Enclosure) -> None:
    href = parts.iri(enclosure.href)
    if href is None:
        return
    attributes = {"rel": "enclosure", "href": href}
    if enclosure.type and "/" in enclosure.type:
        attributes["type"] = one_line(enclosure.type)
    if enclosure.length is not None:
        attributes["length"] = str(enclosure.length)
    xml_elem("link", element, **attributes)


def _kind(text: Text) -> str | None:
    return "html" if text.type == "html" else None


def _line(text: str | None) -> str | None:
    return one_line(text or "") or None


def _email(address: str | None) -> str | None:
    address = one_line(address or "")
    return address if re.fullmatch(r".+@.+", address) else None

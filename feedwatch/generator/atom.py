"""Atom feeds (RFC 4287) by feedgen, whose faults stay inside this module. Pure: same facts, same bytes.

feedgen drops every attribute of an entry's links but href, puts new entries first, stamps what has no date
with the present, and lets one bad character spoil the whole feed; so links, languages, sources and
enclosures are written by an extension, every date is given, and entries are tried one by one.
"""

from __future__ import annotations

import logging
import re
from collections.abc import Sequence
from datetime import datetime
from urllib.parse import quote, urlsplit

from feedgen.entry import FeedEntry
from feedgen.ext.base import BaseEntryExtension, BaseExtension
from feedgen.feed import FeedGenerator
from feedgen.util import xml_elem
from lxml import etree

from feedwatch.canonical import clean, feed_id, one_line
from feedwatch.differ.normalise import text_of
from feedwatch.model import EPOCH, Enclosure, Feed, KnownEntry, Person, PublishedEntry, Text

log = logging.getLogger(__name__)

TYPE = "application/atom+xml"
_LANG = "{http://www.w3.org/XML/1998/namespace}lang"
_MEDIA = "http://search.yahoo.com/mrss/"
_TOMBSTONES = "http://purl.org/atompub/tombstones/1.0"
_TITLE_LENGTH = 80
#: What feedgen and lxml raise for a value that XML or Atom has no room for.
_UNWRITABLE = (ValueError, TypeError)


def render(
    feed: Feed, entries: Sequence[PublishedEntry], gone: Sequence[PublishedEntry] = (), *, base_url: str
) -> bytes:
    """The feed with its entries in the given order, and a tombstone for each that is `gone` (RFC 6721). `base_url` has
    no slash at its end.

    An entry that cannot be written is left out and logged; it never takes the others with it.
    """
    try:
        return _rendered(feed, entries, gone, base_url)
    except _UNWRITABLE:
        return _rendered(feed, [entry for entry in entries if _can_be_written(entry, base_url)], gone, base_url)


def _rendered(feed: Feed, entries: Sequence[PublishedEntry], gone: Sequence[PublishedEntry], base_url: str) -> bytes:
    generator = _head(feed, max((entry.known.updated for entry in entries), default=EPOCH), base_url)
    generator.feedwatch.bind(gone)
    for entry in entries:
        _add(generator, entry, base_url)
    data: bytes = generator.atom_str(pretty=True)
    return data


def _head(feed: Feed, updated: datetime, base_url: str) -> FeedGenerator:
    generator = FeedGenerator()
    generator.register_extension("feedwatch", _FeedExtension, _EntryExtension, atom=True, rss=False)
    generator.id(feed_id(feed.path))
    generator.title(one_line(feed.title) or feed.path)
    generator.updated(_seconds(updated))
    if feed.subtitle:
        generator.subtitle(one_line(feed.subtitle))
    generator.link(href=f"{base_url}/{feed.path}.atom", rel="self", type=TYPE)
    generator.link(href=_iri(feed.alternate) or f"{base_url}/", rel="alternate", type="text/html")
    # No version: an upgrade of feedwatch would change the bytes of every feed, and nothing in them.
    generator.generator("feedwatch")
    if language := _language(feed.language):
        generator.language(language)
    if icon := _iri(feed.icon):
        generator.icon(icon)
    return generator


def _can_be_written(entry: PublishedEntry, base_url: str) -> bool:
    try:
        _rendered(Feed("trial", "trial"), [entry], (), base_url)
    except _UNWRITABLE as error:
        log.error("entry %s of source %s is left out of its feeds: %s", entry.known.key, entry.source_id, error)
        return False
    return True


def _add(generator: FeedGenerator, published: PublishedEntry, base_url: str) -> None:
    known, entry = published.known, published.known.entry
    item: FeedEntry = generator.add_entry(order="append")
    item.feedwatch.bind(published, base_url)
    item.id(known.atom_id)
    item.title(_title(known))
    if entry.published or known.published != known.first_seen:
        # Without a word of its source there is only the day we first saw it, which `updated` has (RFC 4287 §4.2.9).
        item.published(_seconds(known.published))
    item.updated(_seconds(known.updated))
    for person in _authors(published):
        item.author(name=one_line(person.name), email=_email(person.email), uri=_iri(person.uri))
    for slug, title in published.categories:
        item.category(term=slug, scheme=f"{base_url}/feeds/", label=one_line(title))
    for category in entry.categories:
        if category.scheme and (scheme := _iri(category.scheme)):
            item.category(term=one_line(category.term), scheme=scheme, label=_line(category.label))
    if entry.summary:
        item.summary(clean(entry.summary.value), type=_kind(entry.summary))
    content = entry.content or (None if _iri(entry.link) else entry.summary or Text(_title(known)))
    if content:
        item.content(clean(content.value), type=_kind(content))
    if _iri(entry.link):
        # feedgen refuses an entry without; the extension writes the real one in its place.
        item.link(href=_iri(entry.link), rel="alternate")
    if entry.rights:
        item.rights(one_line(entry.rights))


class _FeedExtension(BaseExtension):  # type: ignore[misc]  # feedgen is untyped
    def bind(self, gone: Sequence[PublishedEntry]) -> None:
        self._gone = gone

    def extend_ns(self) -> dict[str, str]:
        return {"media": _MEDIA, "at": _TOMBSTONES} if self._gone else {"media": _MEDIA}

    def extend_atom(self, feed: etree._Element) -> etree._Element:
        for one in self._gone:
            when = _seconds(one.known.withdrawn or one.known.changed_at).isoformat()
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
        if link := _iri(entry.link):
            xml_elem("link", element, href=link, rel="alternate")
        for enclosure in entry.enclosures:
            _enclosure(element, enclosure)
        if image := _iri(entry.image):
            etree.SubElement(element, f"{{{_MEDIA}}}thumbnail", url=image)
        if language := _language(entry.language):
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
        xml_elem("updated", source).text = _seconds(published.known.updated).isoformat()
        xml_elem("link", source, href=f"{self._base_url}/{path}.atom", rel="self", type=TYPE)
        if link := _iri((origin and origin.link) or about.link):
            xml_elem("link", source, href=link, rel="alternate")
        if about.rights:
            xml_elem("rights", source).text = one_line(about.rights)


def _enclosure(element: etree._Element, enclosure: Enclosure) -> None:
    href = _iri(enclosure.href)
    if href is None:
        return
    attributes = {"rel": "enclosure", "href": href}
    if enclosure.type and "/" in enclosure.type:
        attributes["type"] = one_line(enclosure.type)
    if enclosure.length is not None:
        attributes["length"] = str(enclosure.length)
    xml_elem("link", element, **attributes)


def _authors(published: PublishedEntry) -> tuple[Person, ...]:
    """RFC 4287 §4.1.2 wants an author: the entry's, else the source's, else the source itself."""
    for people in (published.known.entry.authors, published.source.authors):
        if named := tuple(person for person in people if one_line(person.name)):
            return named
    return (Person(published.source.title or published.source_id),)


def _title(known: KnownEntry) -> str:
    entry = known.entry
    words = text_of(entry.summary) or text_of(entry.content)
    return one_line(entry.title) or words[:_TITLE_LENGTH].strip() or one_line(entry.link or "") or "Untitled"


def _kind(text: Text) -> str | None:
    return "html" if text.type == "html" else None


def _line(text: str | None) -> str | None:
    return one_line(text or "") or None


def _email(address: str | None) -> str | None:
    address = one_line(address or "")
    return address if re.fullmatch(r".+@.+", address) else None


def _language(tag: str | None) -> str | None:
    """`tag` in the form of BCP 47 that RFC 4287 allows in xml:lang, or None."""
    tag = one_line(tag or "").replace("_", "-")
    return tag if re.fullmatch(r"[A-Za-z]{1,8}(-[A-Za-z0-9]{1,8})*", tag) else None


def _iri(url: str | None) -> str | None:
    """`url` when it is absolute, with every character encoded that a URI has no room for (RFC 3987 §3.1)."""
    text = quote(one_line(url or ""), safe=":/?#[]@!$&'()*+,;=%-._~")
    try:
        return text if text and urlsplit(text).scheme else None
    except ValueError:
        return None


def _seconds(moment: datetime) -> datetime:
    return moment.replace(microsecond=0)

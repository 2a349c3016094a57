"""RSS 2.0 by feedgen, the twin of an Atom feed for readers that know nothing else. Pure: same facts, same bytes.

RSS has no place for what several readers ask of it; it is written as the modules say that they look for: dc:creator
(its author is a mail address), atom:updated, atom:link for hub and self, content:encoded.
"""

from __future__ import annotations

from collections.abc import Sequence
from html import escape

from feedgen.entry import FeedEntry
from feedgen.ext.base import BaseEntryExtension, BaseExtension
from feedgen.feed import FeedGenerator
from lxml import etree

from feedwatch.canonical import clean, one_line
from feedwatch.generator import parts
from feedwatch.model import Enclosure, Feed, PublishedEntry, Text

_ATOM = "http://www.w3.org/2005/Atom"
_CREATOR = "http://purl.org/dc/elements/1.1/"
_TYPE = "application/rss+xml"


def render(feed: Feed, entries: Sequence[PublishedEntry], *, base_url: str) -> bytes:
    """The feed with its entries in the given order. `base_url` has no slash at its end.

    An entry that cannot be written is left out and logged.
    """
    return parts.isolated(lambda rows: _rendered(feed, rows, base_url), entries)


def _rendered(feed: Feed, entries: Sequence[PublishedEntry], base_url: str) -> bytes:
    generator = FeedGenerator()
    generator.register_extension("feedwatch", _FeedExtension, _EntryExtension, atom=False, rss=True)
    generator.feedwatch.bind(feed)
    title = one_line(feed.title) or feed.path
    home = parts.iri(feed.alternate) or f"{base_url}/"
    generator.title(title)
    generator.description(one_line(feed.subtitle or "") or title)
    generator.link(href=f"{base_url}/{feed.path}.rss", rel="self", type=_TYPE)
    # feedgen takes the last link for the channel's own.
    generator.link(href=home, rel="alternate")
    generator.lastBuildDate(parts.updated(entry.known.updated for entry in entries))
    generator.generator("feedwatch")
    if language := parts.language(feed.language):
        generator.language(language)
    if image := parts.iri(feed.logo) or parts.iri(feed.icon):
        generator.image(image, title, home)
    if feed.rights:
        generator.copyright(one_line(feed.rights))
    for entry in entries:
        _add(generator, entry, base_url)
    data: bytes = generator.rss_str(pretty=True)
    return parts.styled(data, feed.path.count("/"))


def _add(generator: FeedGenerator, published: PublishedEntry, base_url: str) -> None:
    known, entry = published.known, published.known.entry
    item: FeedEntry = generator.add_entry(order="append")
    item.feedwatch.bind(published)
    item.guid(known.atom_id, permalink=False)
    item.title(parts.title(known))
    if link := parts.iri(entry.link):
        item.link(href=link, rel="alternate")
    if parts.dated(known):
        item.pubDate(parts.seconds(known.published))
    if entry.summary:
        item.description(_html(entry.summary))
    if entry.content:
        item.content(_html(entry.content))
    for _, title in published.categories:
        item.category(term=one_line(title))
    # One is all that RSS has room for.
    for enclosure in entry.enclosures[:1]:
        _enclose(item, enclosure)
    source = published.source.title or published.source_id
    item.source(f"{base_url}/sources/{published.source_id}.atom", one_line(source))


def _enclose(item: FeedEntry, enclosure: Enclosure) -> None:
    if url := parts.iri(enclosure.href):
        kind = one_line(enclosure.type or "")
        item.enclosure(url, str(enclosure.length or 0), kind if "/" in kind else "application/octet-stream")


def _html(text: Text) -> str:
    """Readers take both texts of an item for HTML."""
    return clean(text.value) if text.type == "html" else escape(clean(text.value), quote=False)


class _FeedExtension(BaseExtension):  # type: ignore[misc]  # feedgen is untyped
    def bind(self, feed: Feed) -> None:
        self._feed = feed

    def extend_ns(self) -> dict[str, str]:
        return {"dc": _CREATOR}

    def extend_rss(self, root: etree._Element) -> etree._Element:
        if self._feed.hub:
            etree.SubElement(root[0], f"{{{_ATOM}}}link", rel="hub", href=self._feed.hub)
        return root


class _EntryExtension(BaseEntryExtension):  # type: ignore[misc]  # feedgen is untyped
    def bind(self, published: PublishedEntry) -> None:
        self._published = published

    def extend_rss(self, item: etree._Element) -> etree._Element:
        for person in parts.authors(self._published):
            etree.SubElement(item, f"{{{_CREATOR}}}creator").text = one_line(person.name)
        updated = parts.seconds(self._published.known.updated)
        etree.SubElement(item, f"{{{_ATOM}}}updated").text = updated.isoformat()
        return item

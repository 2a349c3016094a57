"""Atom feeds (RFC 4287): the head by feedgen, whose faults stay inside this module, the entries as text. Pure: same
facts, same bytes.

feedgen drops every attribute of an entry's links but href, puts new entries first, stamps what has no date with the
present, and lets one bad character spoil the whole feed.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from datetime import datetime
from functools import lru_cache

from feedgen.ext.base import BaseExtension
from feedgen.feed import FeedGenerator
from lxml import etree

from feedwatch.canonical import clean, feed_id, one_line
from feedwatch.generator import parts
from feedwatch.model import About, Enclosure, Feed, Fragment, Origin, Person, PublishedEntry, Text

TYPE = "application/atom+xml"
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
    written = [one for entry in entries if (one := fragment(entry, base_url=base_url))]
    return assembled(feed, written, gone, base_url=base_url)


def fragment(published: PublishedEntry, *, base_url: str) -> Fragment | None:
    """An entry as it stands in any feed; None, and logged, where it cannot be written."""
    try:
        return Fragment(published.known.atom_id, published.known.updated, _entry(published, base_url))
    except parts.UNWRITABLE as error:
        parts.left_out(published, error)
        return None


def assembled(feed: Feed, entries: Sequence[Fragment], gone: Sequence[PublishedEntry] = (), *, base_url: str) -> bytes:
    """The feed of entries that are written already."""
    generator = _head(feed, parts.updated(entry.updated for entry in entries), base_url)
    generator.feedwatch.bind(feed, gone)
    # feedgen takes forty times as long for an entry as for its text.
    head, end, _ = generator.atom_str(pretty=True).rpartition(b"</feed>")
    written = "".join(entry.atom for entry in entries)
    return parts.styled(b"".join((head, written.encode(), end, b"\n")), feed.address)


def _head(feed: Feed, updated: datetime, base_url: str) -> FeedGenerator:
    generator = FeedGenerator()
    generator.register_extension("feedwatch", _FeedExtension, atom=True, rss=False)
    generator.id(feed_id(feed.first_path or feed.path))
    generator.title(one_line(feed.title) or feed.path)
    generator.updated(updated)
    if feed.subtitle:
        generator.subtitle(one_line(feed.subtitle))
    generator.link(href=f"{base_url}/{feed.address}.atom", rel="self", type=TYPE)
    generator.link(href=parts.iri(feed.alternate) or f"{base_url}/", rel="alternate", type="text/html")
    for twin in feed.twins:
        generator.link(href=f"{base_url}/{feed.path}.{twin}", rel="alternate", type=parts.TWINS[twin])
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


@lru_cache(maxsize=768)
def _entry(published: PublishedEntry, base_url: str) -> str:
    """An entry as XML (RFC 4287 §4.1.2). It is in the feeds of its source, its categories and all, one soon after the
    other."""
    known, entry = published.known, published.known.entry
    if clean(known.atom_id) != known.atom_id:
        raise ValueError("its id has a character that XML has no room for")
    language = parts.language(entry.language)
    lines = [
        f'  <entry xml:lang="{language}">' if language else "  <entry>",
        _element("id", known.atom_id),
        _element("title", parts.title(known)),
        _element("updated", parts.seconds(known.updated).isoformat()),
    ]
    if parts.dated(known):
        # RFC 4287 §4.2.9 does not want it; `updated` has the day we first saw it.
        lines.append(_element("published", parts.seconds(known.published).isoformat()))
    lines += [_person(person) for person in parts.authors(published)]
    for slug, title in published.categories:
        lines.append(_empty("category", term=slug, scheme=f"{base_url}/feeds/", label=one_line(title)))
    for category in entry.categories:
        if category.scheme and (scheme := parts.iri(category.scheme)):
            lines.append(_empty("category", term=one_line(category.term), scheme=scheme, label=_line(category.label)))
    link = parts.iri(entry.link)
    if link:
        lines.append(_empty("link", href=link, rel="alternate"))
    lines += [line for enclosure in entry.enclosures if (line := _enclosure(enclosure))]
    if entry.summary:
        lines.append(_text("summary", entry.summary))
    if content := entry.content or (None if link else entry.summary or Text(parts.title(known))):
        lines.append(_text("content", content))
    if image := parts.iri(entry.image):
        lines.append(_empty("media:thumbnail", url=image))
    if entry.rights:
        lines.append(_element("rights", one_line(entry.rights)))
    lines.append(_source(published, base_url))
    lines.append("  </entry>\n")
    written = "\n".join(lines)
    written.encode()  # what no file has room for must show here, where it is this entry's own
    return written


def _source(published: PublishedEntry, base_url: str) -> str:
    """Where the entry comes from (RFC 4287 §4.2.11): the feed it was copied from, else our source."""
    before, after = _around_date(published.source_id, published.source, published.known.entry.origin, base_url)
    return f"{before}{parts.seconds(published.known.updated).isoformat()}{after}"


@lru_cache(maxsize=256)
def _around_date(source_id: str, about: About, origin: Origin | None, base_url: str) -> tuple[str, str]:
    """What all entries of a source say of it, around the date of theirs."""
    path = f"sources/{source_id}"
    title = (origin and origin.title) or about.title or source_id
    lines = [_empty("link", href=f"{base_url}/{path}.atom", rel="self", type=TYPE)]
    if link := parts.iri((origin and origin.link) or about.link):
        lines.append(_empty("link", href=link, rel="alternate"))
    if icon := parts.iri(about.icon):
        lines.append(_element("icon", icon))
    if logo := parts.iri(about.logo):
        lines.append(_element("logo", logo))
    if about.rights:
        lines.append(_element("rights", one_line(about.rights)))
    head = "\n  ".join(
        ("    <source>", _element("id", feed_id(path)), _element("title", one_line(title)), "    <updated>")
    )
    return head, "\n  ".join(("</updated>", *lines)) + "\n    </source>"


def _person(person: Person) -> str:
    known = {"name": one_line(person.name), "email": _email(person.email), "uri": parts.iri(person.uri)}
    return f"    <author>{''.join(_element(name, value).strip() for name, value in known.items() if value)}</author>"


def _enclosure(enclosure: Enclosure) -> str | None:
    href = parts.iri(enclosure.href)
    if href is None:
        return None
    kind = one_line(enclosure.type) if enclosure.type and "/" in enclosure.type else None
    length = None if enclosure.length is None else str(enclosure.length)
    return _empty("link", rel="enclosure", href=href, type=kind, length=length)


def _element(name: str, text: str, attributes: str = "") -> str:
    return f"    <{name}{attributes}>{_escaped(text)}</{name}>"


def _empty(name: str, **attributes: str | None) -> str:
    told = [f' {key}="{_quoted(value)}"' for key, value in attributes.items() if value is not None]
    return f"    <{name}{''.join(told)}/>"


def _escaped(text: str) -> str:
    # Read as XML, a bare carriage return would be a line feed.
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;").replace("\r", "&#13;")


def _quoted(text: str) -> str:
    return _escaped(text).replace('"', "&quot;")


def _text(name: str, text: Text) -> str:
    return _element(name, clean(text.value), ' type="html"' if text.type == "html" else "")


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


def _line(text: str | None) -> str | None:
    return one_line(text or "") or None


def _email(address: str | None) -> str | None:
    address = one_line(address or "")
    return address if re.fullmatch(r".+@.+", address) else None

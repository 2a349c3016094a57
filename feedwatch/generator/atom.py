"""Atom feeds (RFC 4287): the head by feedgen, whose faults stay inside this module, the entries as text. Pure: same
facts, same bytes.

feedgen drops every attribute of an entry's links but href, puts new entries first, stamps what has no date with the
present, and lets one bad character spoil the whole feed.
"""

from __future__ import annotations

import html
import re
from collections.abc import Iterator, Sequence
from datetime import datetime
from functools import lru_cache

from feedgen.ext.base import BaseExtension
from feedgen.feed import FeedGenerator
from lxml import etree
from msgspec import Struct

from feedwatch.canonical import clean, feed_id, one_line
from feedwatch.generator import parts
from feedwatch.model import Category, Enclosure, Feed, Fragment, Person, PublishedEntry, Text
from feedwatch.remembered import remembered, remembered_together

TYPE = "application/atom+xml"
_MEDIA = "http://search.yahoo.com/mrss/"
_TOMBSTONES = "http://purl.org/atompub/tombstones/1.0"
_HISTORY = "http://purl.org/syndication/history/1.0"
#: Where an entry begins and ends, and what it tells first; no text has such a line, as its "<" is escaped.
_BEGIN, _END = b"  <entry", b"  </entry>\n"
_TOLD = re.compile(
    rb"  <entry(?: [^>]*)?>\n    <id>([^<]*)</id>\n    <title>[^<]*</title>\n    <updated>([^<]*)</updated>\n"
)
#: Stands for a date in a template.
_SOMETIME = "0001-01-01T00:00:00+00:00"


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
        known, written = published.known, _entry(published, base_url)
        return Fragment(
            known.atom_id,
            parts.seconds(known.updated),
            written,
            title=parts.title(known),
            link=known.entry.link,
            published=known.published,
        )
    except parts.UNWRITABLE as error:
        parts.left_out(published, error)
        return None


def fragments_in(document: bytes) -> list[Fragment]:
    """The entries of a feed that `assembled` made, without their JSON. Raises ValueError for any other document."""
    entries = document[document.find(_BEGIN) : document.rfind(_END) + len(_END)]
    found = [_read_back(entry + _END) for entry in entries.split(_END)[:-1]]
    if not document.endswith(b"</feed>\n"):
        raise ValueError("it is cut")
    return found


def has_tombstones(document: bytes) -> bool:
    """Whether a feed that `assembled` made tells of entries that were withdrawn."""
    return b"<at:deleted-entry" in document[: document.find(_BEGIN)]


def _read_back(entry: bytes) -> Fragment:
    told = _TOLD.match(entry)
    if told is None:
        raise ValueError("an entry of it is not ours")
    return Fragment(html.unescape(told[1].decode()), datetime.fromisoformat(told[2].decode()), entry)


def assembled(feed: Feed, entries: Sequence[Fragment], gone: Sequence[PublishedEntry] = (), *, base_url: str) -> bytes:
    """The feed of entries that are written already."""
    said = _said(feed, parts.updated(entry.updated for entry in entries), base_url)
    # feedgen takes forty times as long for an entry as for its text, and as long for a head as for thirty of those.
    head, end = _written(said, gone) if gone else _filled(said)
    return b"".join((head, *(entry.atom for entry in entries), end))


class _Head(Struct, frozen=True):
    """What stands at the head of a feed: all that feedgen is told."""

    id: str
    title: str
    updated: str
    #: href, rel, type.
    links: tuple[tuple[str, str, str | None], ...]
    subtitle: str | None
    language: str | None
    icon: str | None
    logo: str | None
    rights: str | None
    #: Folders below the public one, and whether it is a page of an archive.
    depth: int
    archive: bool


def _said(feed: Feed, updated: datetime, base_url: str) -> _Head:
    links: list[tuple[str, str, str | None]] = [
        (f"{base_url}/{feed.address}.atom", "self", TYPE),
        (parts.iri(feed.alternate) or f"{base_url}/", "alternate", "text/html"),
        *((f"{base_url}/{feed.path}.{twin}", "alternate", parts.TWINS[twin]) for twin in feed.twins),
        *((f"{base_url}/{address}.atom", rel, TYPE) for rel, address in _chain(feed)),
    ]
    if feed.hub:
        links.append((feed.hub, "hub", None))
    return _Head(
        id=feed_id(feed.first_path or feed.path),
        title=one_line(feed.title) or feed.path,
        updated=updated.isoformat(),
        links=tuple(links),
        subtitle=one_line(feed.subtitle or "") or None,
        language=parts.language(feed.language),
        icon=parts.iri(feed.icon),
        logo=parts.iri(feed.logo),
        rights=one_line(feed.rights or "") or None,
        depth=feed.address.count("/"),
        archive=feed.page > 0,
    )


def _written(said: _Head, gone: Sequence[PublishedEntry] = ()) -> tuple[bytes, bytes]:
    """What stands before and after the entries, by feedgen."""
    generator = FeedGenerator()
    generator.register_extension("feedwatch", _FeedExtension, atom=True, rss=False)
    generator.id(said.id)
    generator.title(said.title)
    generator.updated(said.updated)
    if said.subtitle:
        generator.subtitle(said.subtitle)
    for href, rel, type_ in said.links:
        generator.link(href=href, rel=rel, **({"type": type_} if type_ else {}))
    # No version: an upgrade of feedwatch would change the bytes of every feed, and nothing in them.
    generator.generator("feedwatch")
    if said.language:
        generator.language(said.language)
    if said.icon:
        generator.icon(said.icon)
    if said.logo:
        generator.logo(said.logo)
    if said.rights:
        generator.rights(said.rights)
    generator.feedwatch.bind(gone, archive=said.archive)
    head, end, _ = generator.atom_str(pretty=True).rpartition(b"</feed>")
    return parts.styled(head, said.depth), end + b"\n"


def _filled(said: _Head) -> tuple[bytes, bytes]:
    """The same for a feed that nothing was withdrawn from, by the head that feedgen wrote for the first one that has
    the same elements."""
    values = [
        *(
            None if text is None else _escaped(text)
            for text in (said.id, said.title, said.updated, said.subtitle, said.icon, said.logo, said.rights)
        ),
        said.language,
        *(_quoted(href) for href, _, _ in said.links),
    ]
    pieces, end = _template(
        tuple(value is not None for value in values), tuple(link[1:] for link in said.links), said.depth, said.archive
    )
    told = [piece if at % 2 == 0 else values[int(piece)] or "" for at, piece in enumerate(pieces)]
    return "".join(told).encode(), end


@lru_cache(maxsize=64)
def _template(
    has: tuple[bool, ...], links: tuple[tuple[str, str | None], ...], depth: int, archive: bool
) -> tuple[list[str], bytes]:
    """Text, the number of a value, text, …"""
    id_, title, _, subtitle, icon, logo, rights, language, *hrefs = (
        f"\ue000{number}\ue000" if is_there else None for number, is_there in enumerate(has)
    )
    told = zip(hrefs, links, strict=True)
    said = _Head(
        id=id_ or "", title=title or "", updated=_SOMETIME, links=tuple((href or "", *rest) for href, rest in told),
        subtitle=subtitle, language=language, icon=icon, logo=logo, rights=rights, depth=depth, archive=archive,
    )  # fmt: skip
    head, end = _written(said)
    return head.decode().replace(_SOMETIME, "\ue0002\ue000").split("\ue000"), end


def _chain(feed: Feed) -> Iterator[tuple[str, str]]:
    """The links of RFC 5005 §4. A page names the one after it before that exists: it must never change again."""
    before = feed.page - 1 if feed.page else feed.archived
    if before:
        yield "prev-archive", feed.address_of(before)
    if feed.page:
        yield "next-archive", feed.address_of(feed.page + 1)
        yield "current", feed.path


def _entry(published: PublishedEntry, base_url: str) -> bytes:
    """An entry as XML (RFC 4287 §4.1.2), in UTF-8."""
    known, entry = published.known, published.known.entry
    if clean(known.atom_id) != known.atom_id:
        raise ValueError("its id has a character that XML has no room for")
    language = parts.language(entry.language)
    updated = parts.stamp(known.updated)
    lines = [
        f'  <entry xml:lang="{language}">' if language else "  <entry>",
        f"    <id>{_escaped(known.atom_id)}</id>",
        f"    <title>{_escaped(parts.title(known))}</title>",
        f"    <updated>{updated}</updated>",
    ]
    if parts.dated(known):
        # RFC 4287 §4.2.9 does not want it; `updated` has the day we first saw it.
        lines.append(f"    <published>{parts.stamp(known.published)}</published>")
    lines.append(_people(parts.authors(published)))
    if filed := _filed(published.categories, entry.categories, base_url):
        lines.append(filed)
    link = parts.iri(entry.link)
    if link:
        lines.append(f'    <link href="{_quoted(link)}" rel="alternate"/>')
    lines += [line for enclosure in entry.enclosures if (line := _enclosure(enclosure))]
    head = "\n".join(lines).encode()
    summary = _text(b"summary", entry.summary) if entry.summary else b""
    content = entry.content or (None if link else entry.summary or Text(parts.title(known)))
    told = _text(b"content", content) if content else b""
    lines = [""]
    if image := parts.iri(entry.image):
        lines.append(_empty("media:thumbnail", url=image))
    if entry.rights:
        lines.append(_element("rights", one_line(entry.rights)))
    title, page = parts.origin(published)
    about = published.source
    before, after = _around_date(published.source_id, title, page, about.icon, about.logo, about.rights, base_url)
    lines.append(f"{before}{updated}{after}\n  </entry>\n")
    return b"".join((head, summary, told, "\n".join(lines).encode()))


@remembered(1024)
def _people(people: tuple[Person, ...]) -> str:
    return "\n".join(map(_person, people))


@remembered_together(1024)
def _filed(feeds: tuple[tuple[str, str], ...], own: tuple[Category, ...], base_url: str) -> str:
    """The categories of an entry: our feeds, and those of its source's own that a scheme tells apart."""
    scheme = f"{base_url}/feeds/"
    ours = [_empty("category", term=slug, scheme=scheme, label=one_line(title)) for slug, title in feeds]
    theirs = [
        _empty("category", term=one_line(category.term), scheme=iri, label=_line(category.label))
        for category in own
        if category.scheme and (iri := parts.iri(category.scheme))
    ]
    return "\n".join((*ours, *theirs))


@remembered_together(256)
def _around_date(
    source_id: str, title: str, page: str | None, icon: str | None, logo: str | None, rights: str | None, base_url: str
) -> tuple[str, str]:
    """What all entries of a source say of it, around the date of theirs."""
    path = f"sources/{source_id}"
    lines = [_empty("link", href=f"{base_url}/{path}.atom", rel="self", type=TYPE)]
    if link := parts.iri(page):
        lines.append(_empty("link", href=link, rel="alternate"))
    if icon := parts.iri(icon):
        lines.append(_element("icon", icon))
    if logo := parts.iri(logo):
        lines.append(_element("logo", logo))
    if rights:
        lines.append(_element("rights", one_line(rights)))
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


def _element(name: str, text: str) -> str:
    return f"    <{name}>{_escaped(text)}</{name}>"


def _empty(name: str, **attributes: str | None) -> str:
    told = [f' {key}="{_quoted(value)}"' for key, value in attributes.items() if value is not None]
    return f"    <{name}{''.join(told)}/>"


def _escaped(text: str) -> str:
    # Read as XML, a bare carriage return would be a line feed.
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;").replace("\r", "&#13;")


def _quoted(text: str) -> str:
    return _escaped(text).replace('"', "&quot;")


def _text(name: bytes, text: Text) -> bytes:
    """On a line of its own. Texts are long, and Python writes letters beyond ASCII slowly: a text that was stored is
    remembered in UTF-8, what is made of it is not."""
    told = clean(text.value).encode()
    told = told.replace(b"&", b"&amp;").replace(b"<", b"&lt;").replace(b">", b"&gt;").replace(b"\r", b"&#13;")
    return b"\n    <%b%b>%b</%b>" % (name, b' type="html"' if text.type == "html" else b"", told, name)


class _FeedExtension(BaseExtension):  # type: ignore[misc]  # feedgen is untyped
    def bind(self, gone: Sequence[PublishedEntry], *, archive: bool) -> None:
        self._archive = archive
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
            when = parts.stamp(one.known.withdrawn or one.known.changed_at)
            etree.SubElement(feed, f"{{{_TOMBSTONES}}}deleted-entry", ref=one.known.atom_id, when=when)
        return feed


def _line(text: str | None) -> str | None:
    return one_line(text or "") or None


def _email(address: str | None) -> str | None:
    address = one_line(address or "")
    return address if re.fullmatch(r".+@.+", address) else None

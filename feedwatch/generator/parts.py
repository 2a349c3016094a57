"""What the formats have in common: who wrote an entry, what it is called, which addresses can be written. Pure."""

from __future__ import annotations

import logging
import re
from collections.abc import Callable, Iterable, Sequence
from datetime import UTC, datetime
from functools import lru_cache
from urllib.parse import quote, urlsplit

from feedwatch.canonical import is_settled, one_line
from feedwatch.differ.normalise import text_of
from feedwatch.model import EPOCH, KnownEntry, Person, PublishedEntry
from feedwatch.remembered import remembered_together

log = logging.getLogger(__name__)

#: The media types of a feed's twins, by the ends of their addresses.
TWINS = {"json": "application/feed+json", "rss": "application/rss+xml"}

#: What feedgen, lxml and msgspec raise for a value that XML, JSON or a feed has no room for.
UNWRITABLE = (ValueError, TypeError)
_TITLE_LENGTH = 80


def isolated(render: Callable[[Sequence[PublishedEntry]], bytes], entries: Sequence[PublishedEntry]) -> bytes:
    """`render(entries)`, where need be without those that cannot be written; they are logged."""
    try:
        return render(entries)
    except UNWRITABLE:
        return render([entry for entry in entries if _can_be_written(render, entry)])


def _can_be_written(render: Callable[[Sequence[PublishedEntry]], bytes], entry: PublishedEntry) -> bool:
    try:
        render([entry])
    except UNWRITABLE as error:
        left_out(entry, error)
        return False
    return True


def left_out(entry: PublishedEntry, error: Exception) -> None:
    """Says that an entry cannot be written: it never takes the others with it."""
    log.error("entry %s of source %s is left out of its feeds: %s", entry.known.key, entry.source_id, error)


def updated(dates: Iterable[datetime]) -> datetime:
    """When the entry that was updated last was: that is all that a feed's own date may depend on."""
    return seconds(max(dates, default=EPOCH))


def authors(published: PublishedEntry) -> tuple[Person, ...]:
    """RFC 4287 §4.1.2 wants an author: the entry's, else the source's, else the source itself."""
    source = published.source
    return _named(published.known.entry.authors, source.authors, source.title or published.source_id)


@remembered_together(1024)
def _named(own: tuple[Person, ...], of_source: tuple[Person, ...], source: str) -> tuple[Person, ...]:
    for people in (own, of_source):
        if named := tuple(person for person in people if one_line(person.name)):
            return named
    return (Person(source),)


def origin(published: PublishedEntry) -> tuple[str, str | None]:
    """What an entry comes from (RFC 4287 §4.2.11), its title and its page: the feed it was copied from, else our
    source."""
    own, source = published.known.entry.origin, published.source
    return (own and own.title) or source.title or published.source_id, (own and own.link) or source.link


def title(known: KnownEntry) -> str:
    entry = known.entry
    if named := one_line(entry.title):
        return named
    words = text_of(entry.summary) or text_of(entry.content)
    return words[:_TITLE_LENGTH].strip() or one_line(entry.link or "") or "Untitled"


def dated(known: KnownEntry) -> bool:
    """Whether its source gives it a date; without one there is only the day we first saw it."""
    return known.entry.published is not None or known.published != known.first_seen


def language(tag: str | None) -> str | None:
    """`tag` in the form of BCP 47 that RFC 4287 allows in xml:lang, or None."""
    if not tag:
        return None
    tag = one_line(tag).replace("_", "-")
    return tag if re.fullmatch(r"[A-Za-z]{1,8}(-[A-Za-z0-9]{1,8})*", tag) else None


def iri(url: str | None) -> str | None:
    """`url` when it is absolute, with every character encoded that a URI has no room for (RFC 3987 §3.1)."""
    if url is None or is_settled(url):
        return url
    text = quote(one_line(url), safe=":/?#[]@!$&'()*+,;=%-._~")
    try:
        return text if text and urlsplit(text).scheme else None
    except ValueError:
        return None


@lru_cache(maxsize=256)
def stamp(moment: datetime) -> str:
    """A date as it is written (RFC 3339), in UTC. Each is asked for several times in a row, for Atom and for JSON."""
    return seconds(moment).astimezone(UTC).isoformat()


def seconds(moment: datetime) -> datetime:
    return moment.replace(microsecond=0) if moment.microsecond else moment


def styled(document: bytes, depth: int) -> bytes:
    """An XML document with the instruction that lets browsers show it; it is `depth` folders below the public one.

    The address is relative: it holds wherever the folder is served from.
    """
    up = "../" * depth
    declaration, _, rest = document.partition(b"?>\n")
    return b'%b?>\n<?xml-stylesheet type="text/css" href="%bfeed.css"?>\n%b' % (declaration, up.encode(), rest)

"""What lists of entries show of one entry, kept as long as it is right: reading it means opening its source."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime

from msgspec import Struct

from feedwatch.canonical import one_line
from feedwatch.differ.normalise import text_of
from feedwatch.model import Source
from feedwatch.store import Place, Store

#: Entries that are remembered, and characters of their text.
_KEPT, _EXCERPT = 5_000, 600
_URN = "urn:uuid:"


class Summary(Struct, frozen=True):
    #: Below `/entries/`: its source and the uuid of its own atom:id there.
    id: str
    #: The atom:id under which its post is published: the same in all sources that have it.
    post: str
    source_id: str
    source: str
    title: str
    link: str | None
    published: datetime
    first_seen: datetime
    changed_at: datetime
    withdrawn: datetime | None
    #: Whether it is news, and not what was there when its source was first read.
    news: bool
    excerpt: str
    authors: tuple[str, ...]
    #: (slug, title).
    categories: tuple[tuple[str, str], ...]
    language: str | None
    revision: int


class Summaries:
    """To be used on the store's thread only."""

    def __init__(self, sources: Mapping[str, Source]) -> None:
        self._sources = sources
        self._kept: OrderedDict[Place, tuple[object, Summary | None]] = OrderedDict()

    def of(self, store: Store, places: Iterable[Place], limit: int) -> list[Summary]:
        """The first `limit` posts at `places`, those that are there and can be read; a post in several sources once."""
        found: dict[str, Summary] = {}
        for summary in self._each(store, places):
            if len(found) == limit:
                break
            found.setdefault(summary.post, summary)
        return list(found.values())

    def _each(self, store: Store, places: Iterable[Place]) -> Iterator[Summary]:
        for place in places:
            version = store.version(place)
            kept = self._kept.get(place)
            if kept is None or kept[0] != version:
                # That there is none is remembered too: a damaged source is not tried, and complained of, at each look.
                kept = version, self.at(store, place)
                self._kept[place] = kept
                if len(self._kept) > _KEPT:
                    self._kept.popitem(last=False)
            self._kept.move_to_end(place)
            if kept[1]:
                yield kept[1]

    def at(self, store: Store, place: Place) -> Summary | None:
        """The post at `place`, as its feeds show it, and what this source did to it."""
        shown = store.shown(place)
        if shown is None:
            return None
        own = store.known(place[0]).entries[place[1]]
        known, entry = shown.known, shown.known.entry
        source = self._sources.get(shown.source_id)
        text = text_of(entry.summary) or text_of(entry.content)
        return Summary(
            id=entry_id(place[0], own.atom_id),
            post=known.atom_id,
            source_id=shown.source_id,
            source=(source.title if source else None) or shown.source.title or shown.source_id,
            title=one_line(entry.title) or cut(text, 80) or entry.link or "Untitled",
            link=entry.link,
            published=known.published,
            first_seen=known.first_seen,
            changed_at=own.changed_at,
            withdrawn=known.withdrawn,
            news=known.order[0] == known.first_seen,
            excerpt=cut(text, _EXCERPT),
            authors=tuple(one_line(person.name) for person in entry.authors),
            categories=shown.categories,
            language=entry.language or shown.source.language,
            revision=own.revision,
        )


def entry_id(source_id: str, atom_id: str) -> str:
    return f"{source_id}.{atom_id.removeprefix(_URN)}"


def named(entry: str) -> tuple[str, str]:
    """The source and the atom:id that an `entry_id` stands for."""
    source_id, _, rest = entry.partition(".")
    return source_id, _URN + rest


def cut(text: str, length: int) -> str:
    """`text`, ended after a word and with an ellipsis where it is longer."""
    if len(text) <= length:
        return text
    return text[:length].rsplit(" ", 1)[0].rstrip(" ,;:–—-") + " …"

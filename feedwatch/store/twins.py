"""The same post in several sources: which entry was first, and what they say together. Pure values.

Two entries are one post when they lead to the same address under the same title. Derived from the source files, never
the only copy.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Any

from feedwatch.canonical import canonical_url, comparable, digest
from feedwatch.differ.normalise import text_of
from feedwatch.model import Entry, KnownEntry, Text
from feedwatch.store import Place

#: Posts that are remembered: the newest, which are those that feeds show and alerts are about.
_MOST = 10_000


class Twins:
    """Who was first with each post, and who came later."""

    def __init__(self, firsts: Mapping[str, Place] | None = None, later: Mapping[Place, Place] | None = None) -> None:
        self._firsts: dict[str, Place] = dict(firsts or {})
        self._first_of: dict[Place, Place] = dict(later or {})
        self._later: dict[Place, list[Place]] = {}
        for place, first in self._first_of.items():
            self._later.setdefault(first, []).append(place)

    def add(self, source_id: str, known: KnownEntry) -> None:
        """To be called for each entry that is stored, in the order in which they were first seen."""
        sign, place = _sign(known.entry), (source_id, known.key)
        if sign is None or place in self._first_of:
            return
        first = self._firsts.setdefault(sign, place)
        if first[0] != source_id and place not in self._later:
            self._first_of[place] = first
            self._later.setdefault(first, []).append(place)
        while len(self._firsts) > _MOST:
            del self._firsts[next(iter(self._firsts))]

    def elsewhere(self, source_id: str, entry: Entry) -> Place | None:
        """Where another source was first with this entry."""
        sign = _sign(entry)
        first = self._firsts.get(sign) if sign else None
        return first if first and first[0] != source_id else None

    def first(self, place: Place) -> Place:
        """The first entry of the post that this one is of; itself, where it is the first or the only one."""
        return self._first_of.get(place, place)

    def later(self, place: Place) -> tuple[Place, ...]:
        return tuple(self._later.get(place, ()))

    def dump(self) -> dict[str, Any]:
        later = [[*place, *first] for place, first in self._first_of.items()]
        return {"firsts": {sign: list(place) for sign, place in self._firsts.items()}, "later": later}

    @classmethod
    def load(cls, data: Mapping[str, Any]) -> Twins:
        """Raises KeyError, TypeError or ValueError for another shape."""
        firsts = {str(sign): (str(source), str(key)) for sign, (source, key) in data["firsts"].items()}
        return cls(firsts, {(str(a), str(b)): (str(c), str(d)) for a, b, c, d in data["later"]})


def together(first: KnownEntry, others: Iterable[KnownEntry]) -> KnownEntry:
    """`first`, with what it lacks and the others have: the longer text, all categories, a date, a picture, authors."""
    entry = first.entry
    for other in (row.entry for row in others):
        known = {category.title.casefold() for category in entry.categories}
        entry = replace(
            entry,
            title=entry.title or other.title,
            summary=entry.summary or other.summary,
            content=_longer(entry.content, other.content),
            authors=entry.authors or other.authors,
            categories=(*entry.categories, *(c for c in other.categories if c.title.casefold() not in known)),
            enclosures=entry.enclosures or other.enclosures,
            published=entry.published or other.published,
            image=entry.image or other.image,
        )
    return replace(first, entry=entry)


def _longer(one: Text | None, other: Text | None) -> Text | None:
    return other if len(text_of(other)) > 2 * len(text_of(one)) else one


def _sign(entry: Entry) -> str | None:
    # With the title: sources exist whose entries all lead to one page.
    return digest("post", canonical_url(entry.link), comparable(entry.title).casefold())[:16] if entry.link else None

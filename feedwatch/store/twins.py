"""The same post in several sources: which entry was first, and what they say together. Pure values.

Two entries are one post when they lead to the same address under the same title, or nearly the same. Derived from the
source files, never the only copy.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from functools import lru_cache
from itertools import islice

from msgspec import Struct, field
from msgspec.structs import replace

from feedwatch.canonical import canonical_url, comparable, digest
from feedwatch.differ.normalise import text_of
from feedwatch.model import Entry, KnownEntry, Text
from feedwatch.remembered import remembered
from feedwatch.store import Place

#: Posts that are remembered: the newest, which are those that feeds show and alerts are about; and how many more it may
#: be for a while, as forgetting them one by one takes long.
_MOST, _BEYOND = 10_000, 1_000
#: Entries with one address that are told apart.
_AT_ONE_ADDRESS = 20
#: With more than so many others an address is not that of one post in several sources: then only the same title counts.
_OF_ONE_POST = 6
#: Letters of a title that was cut short, and the share of words that two wordings of one have in common.
_CUT, _ALIKE = 12, 0.75

#: A source, the key of an entry in it, and its title.
Seen = tuple[str, str, str]


class Kept(Struct):
    """What is written of all that."""

    seen: dict[str, list[Seen]] = field(default_factory=dict)
    #: Later entries, each with the first one of its post.
    later: list[tuple[str, str, str, str]] = field(default_factory=list)


class Twins:
    """Who was first with each post, and who came later."""

    def __init__(self, seen: dict[str, list[Seen]] | None = None, later: Mapping[Place, Place] | None = None) -> None:
        #: What leads to an address: in which sources, under which titles, in the order in which it came.
        self._seen: dict[str, list[Seen]] = seen or {}
        self._first_of: dict[Place, Place] = dict(later or {})
        self._later: dict[Place, list[Place]] = {}
        for place, first in self._first_of.items():
            self._later.setdefault(first, []).append(place)

    def add(self, source_id: str, known: KnownEntry) -> None:
        """To be called for each entry that is stored, in the order in which they were first seen.

        Which of them are one post was found out by `elsewhere` when the later one was first seen, and is its bond: an
        edit that makes two posts alike makes them one as little as another order after a restart.
        """
        place = (source_id, known.key)
        if known.twin_of and place not in self._first_of and place not in self._later:
            first = (known.twin_of.source_id, known.twin_of.key)
            self._first_of[place] = first
            self._later.setdefault(first, []).append(place)
        if (sign := _sign(known.entry)) is None:
            return
        others = [one for one in self._seen.get(sign, ()) if one[:2] != place]
        self._seen[sign] = [*others, (*place, _title(known.entry))][-_AT_ONE_ADDRESS:]
        if len(self._seen) > _MOST + _BEYOND:
            for oldest in list(islice(self._seen, _BEYOND)):
                del self._seen[oldest]

    def elsewhere(self, source_id: str, entry: Entry) -> Place | None:
        """Where another source was first with this entry."""
        others = [one for one in self._seen.get(_sign(entry) or "", ()) if one[0] != source_id]
        if not others:
            return None
        title = _title(entry)
        found = [one for one in others if one[2] == title]
        if not found and len(others) <= _OF_ONE_POST:
            found = [one for one in others if _same_title(one[2], title)]
        # Where all entries of a source lead to one page, several have a title like it.
        firsts = {self.first(one[:2]) for one in found}
        return next((first for first in firsts if first[0] != source_id), None) if len(firsts) == 1 else None

    def shares(self, place: Place) -> bool:
        """Whether the post of this entry is in other sources too."""
        return place in self._first_of or place in self._later

    def first(self, place: Place) -> Place:
        """The first entry of the post that this one is of; itself, where it is the first or the only one."""
        return self._first_of.get(place, place)

    def all_of(self, place: Place) -> list[Place]:
        """The first entry of the post that this one is of and the later ones; none where it is the only one."""
        first = self._first_of.get(place, place)
        later = self._later.get(first)
        return [first, *later] if later else []

    def dump(self) -> Kept:
        return Kept(self._seen, [(*place, *first) for place, first in self._first_of.items()])

    @classmethod
    def load(cls, data: Kept) -> Twins:
        return cls(data.seen, {(a, b): (c, d) for a, b, c, d in data.later})


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
    return first if entry is first.entry else replace(first, entry=entry)


def _longer(one: Text | None, other: Text | None) -> Text | None:
    return other if len(text_of(other)) > 2 * len(text_of(one)) else one


def _sign(entry: Entry) -> str | None:
    address = entry.canonical or entry.link
    return _sign_of(address) if address else None


@remembered(4096)
def _sign_of(address: str) -> str:
    return digest("post", canonical_url(address))[:16]


def _title(entry: Entry) -> str:
    return comparable(entry.title).casefold()[:200]


def _same_title(one: str, other: str) -> bool:
    """Whether one is the other, cut short or worded a little otherwise."""
    if one[:_CUT] == other[:_CUT]:
        short, long = sorted((one.rstrip(". …"), other.rstrip(". …")), key=len)
        if len(short) >= _CUT and long.startswith(short):
            return True
    words, others = _words(one.rstrip(". …")), _words(other.rstrip(". …"))
    return len(words & others) >= _ALIKE * max(len(words), len(others), 1)


@lru_cache(maxsize=4096)
def _words(title: str) -> frozenset[str]:
    return frozenset(title.split())

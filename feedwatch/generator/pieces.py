"""Entries as they stand in feeds, written once for all that show them. Knows no file."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Collection, Iterable, Sequence
from itertools import islice
from typing import Protocol

from msgspec import Struct

from feedwatch import generator
from feedwatch.model import Fragment, PublishedEntry
from feedwatch.store import Place, Standing, of_source

#: Bytes of entries that are remembered: in a first round some fifty sources, of which a page of an archive has entries.
_REMEMBERED = 9_000_000
#: So many of them at most are kept longest, so that there is room for others.
_KEPT = 1_500
#: Bytes of one without any text, about.
_EMPTY = 1000


class Piece(Struct, frozen=True):
    standing: Standing
    #: As its source's feed and those of categories show it; None where nothing stands there, or cannot be written.
    entry: PublishedEntry | None
    fragment: Fragment | None


class Shelf(Protocol):
    """What is asked of the store here."""

    def standing_at(self, name: str, place: Place) -> Standing | None: ...

    def first_standing(self, source_id: str, limit: int) -> Sequence[tuple[Place, Standing]]: ...

    def version(self, place: Place) -> object: ...


class Pieces:
    """`marked` are the sources whose entries tell in their text what the last edit changed."""

    def __init__(self, shelf: Shelf, base_url: str, marked: Collection[str]) -> None:
        self._shelf = shelf
        self._base = base_url
        self._marked = frozenset(marked)
        #: With its version, and bytes. Of posts that several sources have, what feeds of several sources show.
        self._recent: OrderedDict[Place, tuple[object, Piece, int]] = OrderedDict()
        self._size = 0

    def at(self, name: str, place: Place) -> Piece | None:
        """What stands at a place of a feed; None where it cannot be read."""
        version = self._shelf.version(place)
        kept = self._kept(place, version)
        if kept and not (kept.standing.is_shared and _is_own(name)):
            return kept
        standing = self._shelf.standing_at(name, place)
        return self._written(place, version, standing, own=_is_own(name)) if standing else None

    def keep(self, places: Iterable[Place]) -> None:
        """Says that these, of those that are remembered, are needed longest."""
        for place in islice(places, _KEPT):
            if place in self._recent:
                self._recent.move_to_end(place)

    def first_of(self, source_id: str, limit: int) -> Sequence[Piece]:
        """What stands first in a source's own feed."""
        found: list[Piece] = []
        for place, standing in self._shelf.first_standing(source_id, limit):
            version = self._shelf.version(place)
            kept = None if standing.is_shared else self._kept(place, version)
            found.append(kept or self._written(place, version, standing, own=True))
        return found

    def _kept(self, place: Place, version: object) -> Piece | None:
        kept = self._recent.get(place)
        return kept[1] if kept is not None and kept[0] == version else None

    def _written(self, place: Place, version: object, standing: Standing, *, own: bool) -> Piece:
        entry = self.shown(standing.entry) if standing.entry else None
        fragment = (
            generator.atom.fragment(entry, base_url=self._base) if entry and entry.known.withdrawn is None else None
        )
        piece = Piece(standing, entry, fragment)
        if not (own and standing.is_shared):
            self._remember(place, version, piece)
        return piece

    def json(self, piece: Piece) -> bytes | None:
        """The entry of a piece as JSON; None where it cannot be written."""
        return generator.jsonfeed.fragment(piece.entry, base_url=self._base) if piece.entry else None

    def shown(self, entry: PublishedEntry) -> PublishedEntry:
        """With what an edit changed, where the operator wants that in the text."""
        return generator.edits.marked(entry) if entry.source_id in self._marked else entry

    def _remember(self, place: Place, version: object, piece: Piece) -> None:
        if before := self._recent.pop(place, None):
            self._size -= before[2]
        size = _size(piece)
        self._recent[place] = version, piece, size
        self._size += size
        while self._size > _REMEMBERED:
            self._size -= self._recent.popitem(last=False)[1][2]


def _is_own(name: str) -> bool:
    """Whether it names a source's own feed."""
    return name == of_source(name[1:])


def _size(piece: Piece) -> int:
    # Its entry's text is about as long as what was written of it.
    written = len(piece.fragment.atom) if piece.fragment else 0
    text = piece.entry and (piece.entry.known.entry.content or piece.entry.known.entry.summary)
    return _EMPTY + written + (len(text.value) if text else 0)

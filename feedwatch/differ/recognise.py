"""Whether a list of posts that was found in another way than before is the list that is known. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from msgspec import Struct

from feedwatch.differ.match import match
from feedwatch.model import Entry, KnownEntry, KnownSource

#: Share of the known entries that must come out again, and of all of them where nobody looks at it.
_ENOUGH, _UNSEEN = 0.9, 0.5


class Recognised(Struct, frozen=True):
    """What a list has of the known entries."""

    #: How many it has, of how many.
    known: int
    of: int
    #: Those it has not, by title.
    lacking: tuple[str, ...]
    #: Entries that are not known, and how many of these are no news: they stand among the known ones or after them.
    others: int
    older: int

    @property
    def is_enough(self) -> bool:
        """Nine in ten that should be listed: a list may be shorter than it was, but then all of it has to be known."""
        return self.known > 0 and self.known >= _ENOUGH * min(self.of, self.known + self.older)

    @property
    def is_sure(self) -> bool:
        """The same, and not just a few of many: five posts beside the list would all be known too."""
        return self.is_enough and self.known >= _UNSEEN * self.of


def listed(known: KnownSource) -> list[KnownEntry]:
    """What was there when the source was read last, newest first."""
    rows = [row for row in known.entries.values() if row.listed and row.withdrawn is None and row.same_as is None]
    return sorted(rows, key=lambda row: (row.order[0], -row.order[1]), reverse=True)


def recognised(rows: Sequence[KnownEntry], entries: Iterable[Entry]) -> Recognised:
    """What `entries`, in the order of their page, have of `rows`."""
    pairs = match({row.key: row for row in rows}, entries)
    again = {row.key for _, row in pairs if row is not None}
    first = next((place for place, (_, row) in enumerate(pairs) if row is not None), len(pairs))
    newest = max((row.entry.published.at for row in rows if row.entry.published), default=None)

    def is_news(place: int, entry: Entry) -> bool:
        return place < first or (newest is not None and entry.published is not None and entry.published.at > newest)

    unknown = [(place, entry) for place, (entry, row) in enumerate(pairs) if row is None]
    return Recognised(
        known=len(again),
        of=len(rows),
        lacking=tuple(row.entry.title or row.key for row in rows if row.key not in again),
        others=len(unknown),
        older=sum(not is_news(place, entry) for place, entry in unknown),
    )

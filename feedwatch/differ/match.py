"""Which entry of a reading is which known entry. Knows identity, not what changed."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from typing import TypeVar

from feedwatch.canonical import comparable
from feedwatch.model import Entry, KnownEntry

_Sign = tuple[str, str]
T = TypeVar("T")


def match(known: Mapping[str, KnownEntry], entries: Iterable[Entry]) -> list[tuple[Entry, KnownEntry | None]]:
    """Each entry with the known entry it is, or None: by id, by an earlier id, then by title and date.

    Title and date decide only between an entry nobody knows and a known one that the reading lacks, and
    only where both are the only ones of that title and date: then the post has got a new address.
    """
    by_id = {alias: row for row in known.values() for alias in (*row.aliases, row.key)}
    pairs = [(entry, by_id.get(entry.id)) for entry in entries]
    seen = {row.key for _, row in pairs if row is not None}
    absent = _only_ones((_sign(row.entry), row) for row in known.values() if row.listed and row.key not in seen)
    unknown = _only_ones((_sign(entry), entry) for entry, row in pairs if row is None)
    moved = {entry.id: absent[sign] for sign, entry in unknown.items() if sign in absent}
    return [(entry, row or moved.get(entry.id)) for entry, row in pairs]


def _sign(entry: Entry) -> _Sign | None:
    if not entry.title or entry.published is None:
        return None
    return comparable(entry.title).casefold(), str(entry.published.at.date())


def _only_ones(signed: Iterable[tuple[_Sign | None, T]]) -> dict[_Sign, T]:
    pairs = [(sign, value) for sign, value in signed if sign is not None]
    counts = Counter(sign for sign, _ in pairs)
    return {sign: value for sign, value in pairs if counts[sign] == 1}

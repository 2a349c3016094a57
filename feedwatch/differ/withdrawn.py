"""Which entries their source took back, as far as several readings in a row can prove it. Pure."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

from feedwatch.model import KnownEntry, KnownSource, Reading

#: Readings in a row that must lack an entry which should be in them.
READINGS = 3


@dataclass(frozen=True, slots=True)
class Absent:
    """Keys of listed entries that a reading lacks."""

    #: They should be in it.
    missing: frozenset[str] = frozenset()
    notes: tuple[str, ...] = ()


def absent(known: KnownSource, reading: Reading, present: Collection[str]) -> Absent:
    """What is missing where it should be, as far as one reading can tell.

    An entry that merely scrolled out of a window is not missing: it must be newer than the oldest entry that is still
    listed, and a feed, whose window rolls, must have become shorter as well. When many are missing at once the listing
    is more likely broken than every one of them taken back.
    """
    listed = [row for row in known.entries.values() if row.listed]
    dates = [entry.published.at for entry in reading.entries if entry.published]
    if not reading.complete or not dates:
        return Absent()
    if reading.kind == "feed" and len(reading.entries) >= len(listed):
        return Absent()
    oldest = min(dates)
    inside = [
        row.key for row in listed if row.key not in present and row.entry.published and row.entry.published.at > oldest
    ]
    if len(inside) > max(1, len(listed) // 5):
        return Absent(notes=(f"{len(inside)} of {len(listed)} entries vanished at once; they are kept",))
    return Absent(frozenset(inside))


def is_proven(row: KnownEntry) -> bool:
    return row.missing >= READINGS

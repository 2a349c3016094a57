"""Which entries their source took back, as far as several readings in a row can prove it. Pure."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import UTC, datetime

from msgspec import Struct

from feedwatch.model import Entry, KnownEntry, KnownSource, Reading

#: Readings in a row that must lack an entry which should be in them.
READINGS = 3
#: The share of a listing's dates that come in order where it is ordered by date.
_ORDERED = 0.8


class Absent(Struct, frozen=True):
    """Keys of listed entries that a reading lacks."""

    #: They should be in it.
    missing: frozenset[str] = frozenset()
    notes: tuple[str, ...] = ()


def absent(known: KnownSource, reading: Reading, present: Collection[str]) -> Absent:
    """What is missing where it should be, as far as one reading can tell.

    An entry that merely scrolled out of a window is not missing: it must be newer than the oldest entry that is still
    listed in its order, and the listing must have become shorter, or reach as far back as before. When many are missing
    at once the listing is more likely broken than every one of them taken back.
    """
    listed = [row for row in known.entries.values() if row.listed]
    if not reading.complete:
        return Absent()
    inside = _inside(listed, reading.entries, present)
    if inside is None:
        # A page in sections is in order in each of them.
        sections = {_section(row.entry) for row in listed}
        rows = {name: [row for row in listed if _section(row.entry) == name] for name in sections}
        shown = {name: [entry for entry in reading.entries if _section(entry) == name] for name in sections}
        inside = [key for name in sections for key in _inside(rows[name], shown[name], present) or ()]
    if len(inside) > max(1, len(listed) // 5):
        return Absent(notes=(f"{len(inside)} of {len(listed)} entries vanished at once; they are kept",))
    return Absent(frozenset(inside))


def _inside(listed: Sequence[KnownEntry], entries: Sequence[Entry], present: Collection[str]) -> list[str] | None:
    """Keys of the listed that are missing among `entries`; None where these are in no order of dates."""
    oldest = _end(entries)
    before = [row.entry.published.at for row in listed if row.entry.published]
    if oldest is None or not before:
        return None if entries else []
    if len(entries) >= len(listed) and oldest > min(before):
        return []
    if len(entries) >= len(listed) and oldest == min(before):
        # Its end may be a post that always stands there, under a window that rolls.
        below = sorted(entry.published.at for entry in entries if entry.published)
        oldest = below[min(1, len(below) - 1)]
    return [
        row.key for row in listed if row.key not in present and row.entry.published and row.entry.published.at > oldest
    ]


def _section(entry: Entry) -> str:
    return entry.categories[0].title if entry.categories else ""


def _end(entries: Sequence[Entry]) -> datetime | None:
    """The date down to which a listing reaches; None where it is in no order of dates, and so proves nothing.

    An old post that is pinned to the top says nothing of the window.
    """
    dates = [entry.published.at for entry in entries if entry.published]
    if dates and dates[0] < dates[-1] and dates == sorted(dates):
        dates.reverse()
    newest = datetime.min.replace(tzinfo=UTC)
    ordered = []
    for date in reversed(dates):
        if date >= newest:
            ordered.append(date)
            newest = date
    return ordered[0] if ordered and len(ordered) >= _ORDERED * len(dates) else None


def is_proven(row: KnownEntry) -> bool:
    return row.missing >= READINGS

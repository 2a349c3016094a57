"""Whether a reading is of the listing that is known. Pure."""

from __future__ import annotations

from feedwatch.model import KnownSource, Reading

#: Share of the entries of a reading by a new rule that must be known, as far as anything is known.
_KNOWN = 0.5


def unrecognised(known: KnownSource, reading: Reading) -> str | None:
    """Why a reading by another rule than before is not believed, or None: known titles and links must come again."""
    listed = [row for row in known.entries.values() if row.listed and row.withdrawn is None]
    if not listed:
        return None
    ids = {name for row in listed for name in (row.entry.id, *row.aliases)}
    titles = {row.entry.title.casefold() for row in listed if row.entry.title}
    again = sum(entry.id in ids or entry.title.casefold() in titles for entry in reading.entries)
    if again >= _KNOWN * min(len(reading.entries), len(listed)):
        return None
    return (
        f"the page was rebuilt, and what looks like its list of posts now has only {again} of {len(listed)} known "
        "entries in it; look at it with feedwatch preview, and pin the list down with [source.select]"
    )

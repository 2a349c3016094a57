"""How feeds show an entry that was edited: in place, as an entry of its own for each major edit, or both. Pure.

Which of it is shown is the operator's choice; everything here follows from the revisions that are kept, so another
choice shows what was always known in another way, under the same ids.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise

from msgspec import Struct
from msgspec.structs import replace

from feedwatch.canonical import edit_id
from feedwatch.differ.normalise import text_of
from feedwatch.model import EditsShown, KnownEntry, MajorEdit, Moment, Revision

#: Between the key of an entry and the number of the revision that an edit of it made; no key has one.
_EDIT = "\n"
#: Letters of an untitled entry's text that stand for its title.
_TITLE = 80


class Edition(Struct, frozen=True):
    """An entry, or one edit of it, as it stands in a feed."""

    known: KnownEntry
    #: The one whose outcome it is.
    edit: MajorEdit | None = None


def editions(row: KnownEntry, shown: EditsShown) -> tuple[Edition, ...]:
    """The entry first, and then its major edits that are entries of their own, oldest first.

    Where edits are entries of their own only, the entry itself says what it said before the first one that is kept.
    """
    edits = tuple(_edits(row)) if row.revisions else ()
    if shown == "in-place" or not edits:
        return (newest(row),)
    first = Edition(_saying(row, edits[0].before)) if shown == "as-entries" else newest(row)
    return (first, *(_as_entry(row, edit) for edit in edits))


def edition(row: KnownEntry, key: str, shown: EditsShown) -> Edition:
    """The one with that key. Raises KeyError where there is none."""
    return {one.known.key: one for one in editions(row, shown)}[key]


def newest(row: KnownEntry) -> Edition:
    """The entry as it is now."""
    return Edition(row, next(reversed(tuple(_edits(row))), None) if row.revisions else None)


def key_of(edition_key: str) -> str:
    """The key of the entry that an edition is of."""
    return edition_key.partition(_EDIT)[0]


def _edits(row: KnownEntry) -> Iterator[MajorEdit]:
    """Those that are kept, oldest first; what was minor after one of them belongs to it."""
    entry = row.entry
    now = Revision(row.revision, row.changed_at, "major", entry.title, entry.summary, entry.content)
    majors = (revision for revision in row.revisions if revision.size == "major")
    return (MajorEdit(before, after) for before, after in pairwise((*majors, now)))


def _as_entry(row: KnownEntry, edit: MajorEdit) -> Edition:
    said, at, number = _saying(row, edit.after), edit.before.until, edit.before.number + 1
    name = _name(edit.after) or edit.before.title or row.entry.link or row.key
    # Who has the recording needs it no second time.
    entry = replace(said.entry, title=f"Edited: {name}", published=Moment(at), updated=None, enclosures=())
    known = replace(
        said,
        key=f"{row.key}{_EDIT}{number}",
        atom_id=edit_id(row.atom_id, number),
        entry=entry,
        first_seen=at,
        changed_at=at,
        published=at,
        updated=at,
        order=(at, row.order[1]),
    )
    return Edition(known, edit)


def _saying(row: KnownEntry, revision: Revision) -> KnownEntry:
    entry = replace(row.entry, title=revision.title, summary=revision.summary, content=revision.content)
    return replace(row, entry=entry, revisions=())


def _name(revision: Revision) -> str:
    return revision.title or (text_of(revision.summary) or text_of(revision.content))[:_TITLE].strip()

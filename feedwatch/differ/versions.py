"""What an entry said before: which wordings come and go, and what is kept of them. Pure."""

from __future__ import annotations

from datetime import datetime, timedelta

from msgspec.structs import replace

from feedwatch.model import EditSize, Entry, KnownEntry, Revision

#: Wordings that are remembered, and for how long one that comes back is the same one flapping.
_WORDINGS = 8
_FLAP = timedelta(days=30)
#: An entry with that many new wordings within that time is edited by a machine.
_RESTLESS, _WHILE = 6, timedelta(days=7)
#: Revisions that are kept, and characters of all of them together.
_REVISIONS, _LENGTH = 20, 200_000


def flaps(row: KnownEntry, digest: str, now: datetime) -> bool:
    """Whether a wording was shown before, not long ago: an A/B test, or two servers that disagree."""
    return any(known == digest and now - at <= _FLAP for known, at in row.shown_before)


def restless(row: KnownEntry, now: datetime) -> bool:
    """Whether its text changes so often that no person can be behind it."""
    return sum(now - at <= _WHILE for _, at in row.shown_before) >= _RESTLESS


def left(row: KnownEntry, digest: str, now: datetime) -> KnownEntry:
    """`row` that remembers a wording which has just been replaced."""
    others = tuple((known, at) for known, at in row.shown_before if known != digest)
    return replace(row, shown_before=(*others, (digest, now))[-_WORDINGS:])


def revised(row: KnownEntry, before: Entry, size: EditSize, now: datetime) -> KnownEntry:
    """`row` with what it said before an edit kept, and what is too much of that forgotten, oldest first."""
    revision = Revision(row.revision, now, size, before.title, before.summary, before.content)
    kept = (*row.revisions, revision)[-_REVISIONS:]
    while len(kept) > 1 and sum(map(_length, kept)) > _LENGTH:
        kept = kept[1:]
    return replace(row, revisions=kept)


def _length(revision: Revision) -> int:
    return sum(len(text.value) for text in (revision.summary, revision.content) if text) + len(revision.title)

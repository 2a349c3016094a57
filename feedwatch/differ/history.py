"""How an entry came to read as it does: each edit that is kept, word by word. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import datetime
from functools import lru_cache
from itertools import pairwise

from msgspec import Struct

from feedwatch.differ.normalise import text_of
from feedwatch.differ.words import Piece, word_diff
from feedwatch.model import EditSize, KnownEntry, Revision

_FIELDS = ("title", "summary", "content")
#: Letters of both texts; what is longer is no post, and not remembered.
_LONGEST = 50_000


class Step(Struct, frozen=True):
    """One edit."""

    #: The revision it made.
    revision: int
    #: When it was found, UTC.
    at: datetime
    size: EditSize
    #: Each field whose words changed, in pieces.
    changed: Mapping[str, tuple[Piece, ...]]


def steps(row: KnownEntry) -> Iterator[Step]:
    """The edits of an entry, oldest first."""
    entry = row.entry
    last = Revision(row.revision, row.changed_at, "major", entry.title, entry.summary, entry.content)
    for before, after in pairwise((*row.revisions, last)):
        told = {name: _compared(_words(before, name), _words(after, name)) for name in _FIELDS}
        changed = {name: pieces for name, pieces in told.items() if any(piece.kind != "same" for piece in pieces)}
        yield Step(before.number + 1, before.until, before.size, changed)


def _compared(before: str, after: str) -> tuple[Piece, ...]:
    return _usual(before, after) if len(before) + len(after) <= _LONGEST else word_diff(before, after)


# Posts take milliseconds to compare, and a page that is looked at is looked at again.
_usual = lru_cache(maxsize=128)(word_diff)


def _words(revision: Revision, name: str) -> str:
    value = getattr(revision, name)
    return value if isinstance(value, str) else text_of(value)

"""What the store holds of the entries of a source. Knows nothing of feeds and alerts."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Literal

from msgspec import field

from feedwatch.model.entries import About, Entry, Text
from feedwatch.model.reading import Followed
from feedwatch.model.value import Value

EditSize = Literal["minor", "major"]


class Revision(Value, frozen=True):
    """What an entry said before an edit."""

    #: The number it had, from 1.
    number: int
    #: When it was found replaced.
    until: datetime
    #: Of the edit that replaced it.
    size: EditSize
    title: str
    summary: Text | None = None
    content: Text | None = None


class MajorEdit(Value, frozen=True):
    """What an entry said before a major edit, and what it says, or said until the next one."""

    before: Revision
    after: Revision


class Bond(Value, frozen=True):
    """The entry of another source that was first with the same post. Made once, so that what it is in does not depend
    on what either source says later."""

    source_id: str
    key: str
    #: Under which the post is published.
    atom_id: str


class KnownEntry(Value, frozen=True):
    """An entry in the store. `key` and `atom_id` are minted once and never change."""

    key: str
    atom_id: str
    entry: Entry
    first_seen: datetime
    #: When the text last changed; `first_seen` until then.
    changed_at: datetime
    #: atom:published / atom:updated of the feeds: never move without reason, `updated` never back.
    published: datetime
    updated: datetime
    #: Order in feeds, newest first; minted once, so that an old date found late reorders nothing.
    order: tuple[datetime, int]
    revision: int = 1
    #: Seen in the last trusted reading.
    listed: bool = True
    #: Other ids under which the same entry was seen.
    aliases: tuple[str, ...] = ()
    withdrawn: datetime | None = None
    #: The key of the entry of its source that it is, as the operator says; then it is in no feed itself.
    same_as: str | None = None
    #: Of a post that another source had first.
    twin_of: Bond | None = None
    #: What the entry that it is said when the operator linked the two.
    instead_of: Entry | None = None
    #: Trusted readings in a row that lack it though it should be there.
    missing: int = 0
    #: What it said before, oldest first; bounded by number and length.
    revisions: tuple[Revision, ...] = ()
    #: Of a source whose entries' own pages are read.
    followed: Followed | None = None
    #: Digests of earlier wordings, and when each was last shown: one that comes back is no edit.
    shown_before: tuple[tuple[str, datetime], ...] = ()

    def __hash__(self) -> int:
        # All fields, as by default, would be a look at every letter.
        return hash(self.atom_id)


class KnownSource(Value, frozen=True):
    """What the store holds of one source; `config_digest` is None before the first commit."""

    source_id: str
    config_digest: str | None = None
    about: About = About()
    entries: Mapping[str, KnownEntry] = field(default_factory=dict)

"""Two entries that are one, as the operator says; and the other way round. Pure."""

from __future__ import annotations

from datetime import datetime

from msgspec.structs import replace

from feedwatch.differ.versions import revised
from feedwatch.errors import FeedwatchError
from feedwatch.model import KnownEntry


def linked(old: KnownEntry, new: KnownEntry, now: datetime) -> tuple[KnownEntry, KnownEntry]:
    """Both rows after it was said that `new` is `old`: what is read under the ids of the new one is the old one.

    Raises FeedwatchError where one of them is linked already, or they are the same.
    """
    if old.key == new.key:
        raise FeedwatchError("both are the same entry already")
    if old.same_as or new.same_as:
        raise FeedwatchError("one of them is linked already; unlink it first")
    ids = tuple(dict.fromkeys((*old.aliases, new.key, *new.aliases)))
    entry = replace(new.entry, id=old.key, published=old.entry.published or new.entry.published)
    kept = replace(
        revised(old, old.entry, "minor", now),
        revision=old.revision + 1,
        aliases=ids,
        listed=old.listed or new.listed,
        withdrawn=None,
        missing=0,
        entry=entry,
    )
    return kept, replace(new, same_as=old.key, instead_of=old.entry, listed=False, missing=0)


def unlinked(old: KnownEntry, new: KnownEntry) -> tuple[KnownEntry, KnownEntry]:
    """Both rows after it was said that they are two after all: `old` says what it said when they were linked, and what
    was read since is what `new` says. The history of both stays."""
    others = tuple(alias for alias in old.aliases if alias not in (new.key, *new.aliases))
    since = replace(old.entry, id=new.key, published=new.entry.published or old.entry.published)
    apart = replace(old, entry=new.instead_of or old.entry, aliases=others, listed=False, missing=0)
    return apart, replace(new, entry=since, same_as=None, instead_of=None, listed=old.listed)

"""Two entries that are one, as the operator says; and the other way round. Pure."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime

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
    return kept, replace(new, same_as=old.key, listed=False, missing=0)


def unlinked(old: KnownEntry, new: KnownEntry) -> tuple[KnownEntry, KnownEntry]:
    """Both rows after it was said that they are two after all."""
    others = tuple(alias for alias in old.aliases if alias not in (new.key, *new.aliases))
    entry, revisions = old.entry, old.revisions
    if revisions:
        # What it said when it was linked.
        last = revisions[-1]
        entry, revisions = replace(entry, title=last.title, summary=last.summary, content=last.content), revisions[:-1]
    old = replace(old, entry=entry, revisions=revisions, aliases=others, listed=False)
    return old, replace(new, same_as=None, listed=True)

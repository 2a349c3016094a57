"""The store: what is known of every source, and the outbox. This file holds its laws; `tinydb` is its body.

Laws, kept by every implementation and shown by `tests/test_store.py`:

1. `commit` is one atomic, durable write: a change and its deliveries exist together or not at all.
2. Poll states are durable only after `flush`, and `flush` never runs before the commits they speak of.
3. When the store falls back to an older generation of a source, that source's validators are void.
4. After a crash, or when categories are named anew, `unpublished` names every feed that could be stale.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from datetime import datetime
from typing import Literal, Protocol

from msgspec import Struct

from feedwatch.model import (
    Change,
    Commit,
    Delivery,
    Entry,
    Event,
    Fragment,
    Incident,
    KnownSource,
    PollState,
    PublishedEntry,
)

#: In place of a source, where incidents of routes and their deliveries are kept; no source can be called so.
OWN = "@feedwatch"
#: The file in the state folder that the process which owns it holds.
LOCK = "lock"


class Claim(Struct, frozen=True):
    """A delivery, with the event it carries and where that comes from."""

    source_id: str
    delivery: Delivery
    event: Event
    #: Title of the source as it calls itself.
    source_title: str = ""


class Unpublished(Struct, frozen=True):
    """Feeds that no longer show what the store knows."""

    slugs: frozenset[str] = frozenset()
    sources: frozenset[str] = frozenset()
    #: Pages of archives: the slug, or `of_source`, and the number from 1.
    pages: frozenset[tuple[str, int]] = frozenset()


def of_source(source_id: str) -> str:
    """In place of a slug, the name of a source's own feed; no slug has such a sign."""
    return f"@{source_id}"


#: The id of a source, and the key of an entry in it.
Place = tuple[str, str]


class Standing(Struct, frozen=True):
    """What stands somewhere in a feed."""

    #: Sorts, the newest first.
    row: tuple[float | int | str, ...]
    #: None for an edit of a post that another source had first.
    entry: PublishedEntry | None
    #: A number that is another one where it looks otherwise.
    sign: int
    #: Whether other sources have the post as well: then it is another one in its source's own feed.
    is_shared: bool = False


#: The lists of a category: its feed, what was withdrawn from it, what had a major edit (the last edited first).
Listing = Literal["newest", "withdrawn", "edited"]


class Backlog(Struct, frozen=True):
    """What one source has in the outbox for one route."""

    pending: int
    dead: int
    #: When the next pending delivery may go out; None when none is pending, or all are held up.
    due: datetime | None = None
    #: When the last dead one was given up.
    died: datetime | None = None


class Outline(Struct, frozen=True):
    """What the index knows of one source."""

    #: As the source calls itself; "" where it has no entry.
    title: str = ""
    #: Entries in its feed.
    count: int = 0


class Together(Protocol):
    """Calls whose writes become durable at once."""

    @property
    def written(self) -> int:
        """Writes so far: what a call did that added to them counts only once all are durable."""
        ...

    @property
    def is_full(self) -> bool:
        """Whether it is time to make them durable."""
        ...


class Store(Protocol):
    """All methods but `state` are called from one thread. Raise StoreError; a failed call has changed nothing on the
    disk, and what it changed in memory is mended by the next `unpublished`."""

    def due(self, now: datetime) -> Sequence[str]:
        """Ids of the sources to poll, the longest overdue first."""
        ...

    def state(self, source_id: str) -> PollState:
        """What was remembered last. May be asked from any thread."""
        ...

    def remember(self, source_id: str, state: PollState) -> None:
        """Keeps a poll state, in memory until `flush`."""
        ...

    def known(self, source_id: str) -> KnownSource: ...

    def commit(self, commit: Commit) -> None: ...

    def latest(self, slug: str, limit: int) -> Sequence[PublishedEntry]:
        """The newest entries of a feed (a slug, `all` for every category, or `of_source`), newest first."""
        ...

    def standing(self, slug: str, limit: int) -> Sequence[Place]:
        """Where the first entries of a feed (a slug, or `of_source`) are, the newest first: enough for `limit` that
        differ."""
        ...

    def fragments(self, slug: str) -> Mapping[Place, Fragment]:
        """What `keep_fragments` was given for a category feed, as far as it still holds."""
        ...

    def keep_fragments(self, slug: str, fragments: Mapping[Place, Fragment]) -> None:
        """Keeps the entries of a category feed as they were written. Raises OSError."""
        ...

    def withdrawn(self, slug: str, limit: int) -> Sequence[PublishedEntry]:
        """The newest entries that were in a category feed and were withdrawn."""
        ...

    def archived(self, name: str) -> int:
        """How many pages the archive of a feed (a slug, or `of_source`) has."""
        ...

    def in_time(self, pages: Iterable[tuple[str, int]]) -> Sequence[tuple[str, int]]:
        """Pages of archives in the order of what they hold: those of one time have entries of the same sources."""
        ...

    def rows(self, page: tuple[str, int]) -> Sequence[Place]:
        """What is on a page (a feed's name, and a number) of an archive that is about to be published.

        Together the pages and `latest` hold every entry; a page changes only when one of its entries does.
        """
        ...

    def standing_at(self, name: str, place: Place) -> Standing | None:
        """What stands at a place of a feed or its archive; None where it cannot be read."""
        ...

    def first_standing(self, source_id: str, limit: int) -> Sequence[tuple[Place, Standing]]:
        """What stands first in a source's own feed, in its order, and where."""
        ...

    def changed(self, page: tuple[str, int]) -> tuple[Mapping[Place, int], tuple[int, int]] | None:
        """Of a page whose `rows` were just asked for: the entries that look otherwise than in its file, each with its
        sign there, and the mark of that file. None where the whole page is to be rendered."""
        ...

    def rendered(self, page: tuple[str, int], signs: Iterable[int], mark: tuple[int, int], *, since: bool) -> None:
        """Says what the file of a page shows now, as the signs of its entries, or with `since` as what they are more
        than before; and by which mark (bytes, nanoseconds of its last change) it is known."""
        ...

    def edited(self, slug: str, limit: int) -> Sequence[PublishedEntry]:
        """The entries of a category feed that had a major edit, the last edited first."""
        ...

    def elsewhere(self, source_id: str, entry: Entry) -> tuple[str, str] | None:
        """The source, and the key there, of the same post, where another source was first with it."""
        ...

    def places(self, slug: str, listing: Listing = "newest") -> Sequence[Place]:
        """Where the first entries of a category's list are, as many as are at hand without opening a source."""
        ...

    def version(self, place: Place) -> object:
        """Another value whenever what `shown` gives there may be another one; opens no source."""
        ...

    def shown(self, place: Place) -> PublishedEntry | None:
        """An entry as the feeds of several sources show it; None where it is not there or cannot be read."""
        ...

    def outline(self, source_id: str) -> Outline:
        """What is at hand of a source without opening it."""
        ...

    def dates(self, source_id: str, limit: int) -> Sequence[datetime]:
        """Those of its newest entries, newest first as its feed has them; none where it cannot be read."""
        ...

    def twins(self, source_id: str, key: str) -> Sequence[tuple[str, str]]:
        """The sources and keys of the same post elsewhere, the first one first."""
        ...

    def changes_of(self, source_id: str, key: str) -> Sequence[Change]:
        """What happened to an entry, as far as it is kept."""
        ...

    def feeds(self) -> Mapping[str, tuple[str, int]]:
        """Title and number of entries of each category feed by slug, `all` among them; 0 once it is empty."""
        ...

    def sources(self) -> Mapping[str, tuple[str, int]]:
        """Title and number of entries of each source that has any, by id."""
        ...

    def unpublished(self) -> Unpublished: ...

    def publish_anew(self) -> None:
        """Says that nothing is there of what was published."""
        ...

    def published(self, done: Unpublished) -> None:
        """Says that these feeds are up to date now."""
        ...

    def claim(self, route_id: str, now: datetime, limit: int) -> Sequence[Claim]:
        """Deliveries of a route that are due, oldest first; none while an earlier one of its entry waits.

        About `limit` of them: whatever waits to be grouped with one of them is added.
        """
        ...

    def waiting(self) -> Mapping[str, datetime]:
        """When the next delivery of each route that has one is due."""
        ...

    def settle(self, outcomes: Collection[tuple[str, Delivery]]) -> None:
        """Writes deliveries (source id, delivery), new ones too: one write a source."""
        ...

    def outbox(self) -> Iterator[Claim]:
        """Every delivery that is kept, source by source."""
        ...

    def outbox_of(self, source_id: str) -> Sequence[Claim]:
        """The deliveries of one source that are kept."""
        ...

    def backlog(self) -> Mapping[str, Mapping[str, Backlog]]:
        """By source and route, for all that have something pending or dead; opens no source."""
        ...

    def events_of(self, source_id: str) -> Sequence[Event]:
        """The changes and notices of one source that are kept, oldest first."""
        ...

    def events(self, since: datetime) -> Iterator[tuple[str, Event]]:
        """Every change and notice that is kept and not older, with its source id."""
        ...

    def incidents(self) -> Sequence[Incident]:
        """Incidents that are kept, the open ones among them, oldest first."""
        ...

    def together(self) -> AbstractContextManager[Together]:
        """Writes within are durable at its end, and seen by later calls before. Its end raises StoreError or OSError:
        then none of them is to be relied on."""
        ...

    def flush(self) -> None:
        """Makes poll states durable; within `together` what was written before is durable first."""
        ...

    def warnings(self) -> Sequence[str]:
        """What was found damaged and how it was mended, since the last call."""
        ...

    def close(self) -> None: ...

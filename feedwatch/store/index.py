"""Which entries stand in which feed, across sources: derived from the source files, never the only copy.

Per feed it keeps the head of the list (enough to render from) and the number of all entries. Pure values;
the store reads and writes them.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping

from msgspec import Struct, field

from feedwatch.model import KnownEntry

#: Rows kept a feed for each one that is rendered, so that entries can leave without a rebuild.
SLACK = 4

Row = tuple[float, float, int, str, str, float]
#: An entry's place in archives: when it was first seen, its date, source and key; total, and never another one.
Seen = tuple[float, float, str, str]


def row_of(source_id: str, known: KnownEntry) -> Row:
    """Sorts newest first: order of arrival, then the date, then the place in the listing; total and stable."""
    arrived, position = known.order
    published = -known.published.timestamp()
    # Of an entry that is no news they are the same.
    order = published if arrived is known.published else -arrived.timestamp()
    return (order, published, position, source_id, known.key, known.first_seen.timestamp())


def changed_row_of(source_id: str, known: KnownEntry) -> Row:
    """Sorts by the last edit, the latest first."""
    return (-known.changed_at.timestamp(), *row_of(source_id, known)[1:])


def seen_of(row: Row) -> Seen:
    return (row[5], -row[1], row[3], row[4])


class Head(Struct, omit_defaults=True):
    """The newest rows of one feed, and how many it has in all."""

    title: str
    count: int = 0
    rows: list[Row] = field(default_factory=list)
    #: Of entries that `rows` has no room for and that are on no page of the feed's archive yet: where they belong.
    beyond: set[Seen] = field(default_factory=set)


class Index:
    """Heads by slug. `keep` is the number of rows kept a feed, `ends` are the last entries of their archives' pages.

    Of a source's own feed, whose name begins with `@`, only title and number are kept: its rows follow from its file.
    """

    def __init__(
        self,
        keep: int,
        ends: Mapping[str, list[Seen]] | None = None,
        heads: Mapping[str, Head] | None = None,
        sources: Mapping[str, tuple[str, int]] | None = None,
    ) -> None:
        self._keep = keep
        self._ends = {} if ends is None else ends
        self._heads: dict[str, Head] = dict(heads or {})
        #: Rows that are still to be put in their places: in a first round many come for each that is asked for.
        self._pending: dict[str, list[Row]] = defaultdict(list)
        #: Title and number of entries of each source.
        self.sources: dict[str, tuple[str, int]] = dict(sources or {})

    @property
    def heads(self) -> dict[str, Head]:
        for slug in self._pending:
            self._settle(slug)
        self._pending.clear()
        return self._heads

    def add(self, listed: Iterable[tuple[Mapping[str, str], Row]]) -> None:
        """Rows, each with the names of the feeds it is in and their titles."""
        for slugs, row in listed:
            for slug, title in slugs.items():
                if slug[0] == "@":
                    self.sources[slug[1:]] = (title, self.sources.get(slug[1:], ("", 0))[1] + 1)
                    continue
                if slug not in self._heads:
                    self._heads[slug] = Head(title)
                self._pending[slug].append(row)

    def _settle(self, slug: str) -> None:
        head, rows = self._heads[slug], self._pending[slug]
        # Below the end of a head that was cut, rows are unknown: appending would leave a hole.
        end = None if len(head.rows) == head.count else head.rows[-1] if head.rows else ()
        head.count += len(rows)
        if end is not None:
            self._leave(slug, head, [row for row in rows if row > end])
            rows = [row for row in rows if row < end]
        head.rows = sorted([*head.rows, *rows])
        self._leave(slug, head, head.rows[self._keep :])
        del head.rows[self._keep :]

    def _leave(self, slug: str, head: Head, rows: Iterable[Row]) -> None:
        """Remembers those that an archive has to take, where there is one."""
        if is_feed(slug):
            ends = self._ends.get(slug)
            last = ends[-1] if ends else None
            for row in rows:
                seen = seen_of(row)
                if last is None or seen > last:
                    head.beyond.add(seen)

    def discard(self, slugs: Iterable[str], row: Row) -> None:
        for slug in slugs:
            if slug[0] == "@" and slug[1:] in self.sources:
                title, count = self.sources[slug[1:]]
                self.sources[slug[1:]] = (title, count - 1)
            if slug in self._pending:
                self._settle(slug)
                del self._pending[slug]
            head = self._heads.get(slug)
            if head is None:
                continue
            head.count -= 1
            head.beyond.discard(seen_of(row))
            if row in head.rows:
                head.rows.remove(row)

    def exhausted(self, slug: str, limit: int) -> bool:
        """Whether more entries exist than the head knows, and it is too short to render `limit` of them."""
        head = self.heads.get(slug)
        return head is not None and len(head.rows) < min(limit, head.count)


def is_feed(slug: str) -> bool:
    """Whether a head is that of a feed of posts, which has an archive; not a source's own, nor what became of some."""
    return "@" not in slug

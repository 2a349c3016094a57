"""Which heads of feeds carry an entry, and in which rows. Knows how feeds are set up, no other entry and no file."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from feedwatch.canonical import digest
from feedwatch.categories import ALL, Categories
from feedwatch.differ.editions import editions, key_of, newest
from feedwatch.model import Category, EditRules, EditsShown, KnownEntry, KnownSource
from feedwatch.selection import Merged, Words
from feedwatch.store import of_source
from feedwatch.store.index import Row, Seen, changed_row_of, is_feed, row_of, seen_of

#: Before the id of a source, it names that source's own feed; before a slug, what was withdrawn from that category or
#: edited in it. No slug has such a sign.
OF_SOURCE, WITHDRAWN, EDITED = "@", "-@", "~@"


class Heads:
    """`edits` says how edits of a source are shown. Pure."""

    def __init__(self, categories: Categories, merged: Iterable[Merged], edits: Mapping[str, EditRules]) -> None:
        self._categories = categories
        self._merged = {feed.id: feed for feed in merged}
        self._edits = edits

    def slugs(self, source: KnownSource, known: KnownEntry | None) -> dict[str, str]:
        """The heads that carry an entry, with their titles: its categories, its source, and all."""
        if known is None:
            return {}
        slugs = self._categories.resolve(known.entry.categories)
        own = {ALL: ALL, of_source(source.source_id): source.about.title or source.source_id, **slugs}
        if not self._merged:
            return own
        words = Words(known.entry)
        merged = {feed.id: feed.title for feed in self._merged.values() if feed.takes(source.source_id, slugs, words)}
        return {**own, **merged}

    def rows_of(self, source: KnownSource, known: KnownEntry | None) -> list[tuple[dict[str, str], Row]]:
        """The rows of an entry, and the heads they are in."""
        if known is None or known.same_as is not None:
            return []
        slugs, source_id = self.slugs(source, known), source.source_id
        rows = [row_of(source_id, one) for one in self.editions(source_id, known)]
        if known.withdrawn is not None:
            gone = {WITHDRAWN + slug: title for slug, title in slugs.items() if is_feed(slug)}
            return [(gone, row) for row in rows]
        listed = [(slugs, row) for row in rows]
        if newest(known).edit is None:
            return listed
        edited = {EDITED + slug: title for slug, title in slugs.items() if is_feed(slug)}
        return [*listed, (edited, changed_row_of(source_id, known))]

    def own_rows(self, source: KnownSource) -> list[Row]:
        """Of a source's own feed, in its order."""
        name = of_source(source.source_id)
        rows = (self.rows_of(source, known) for known in source.entries.values())
        return sorted(row for listed in rows for slugs, row in listed if name in slugs)

    def pages_of(self, source: KnownSource, known: KnownEntry | None) -> dict[str, dict[str, Seen]]:
        """The heads in whose archives an entry and its edits stand, and where, by their keys; what was withdrawn keeps
        its place."""
        slugs = self.slugs(source, known)
        rows = [row_of(source.source_id, one) for one in self.editions(source.source_id, known)]
        return {row[4]: dict.fromkeys(slugs, seen_of(row)) for row in rows}

    def editions(self, source_id: str, known: KnownEntry | None) -> list[KnownEntry]:
        """An entry as feeds show it, and its edits that are entries of their own."""
        if known is None or known.same_as is not None:
            return []
        return [one.known for one in editions(known, self.shown(source_id))]

    def shown(self, source_id: str, *, as_is: bool = False) -> EditsShown:
        rules = self._edits.get(source_id)
        return "in-place" if as_is or rules is None else rules.shown

    def named(self, categories: tuple[Category, ...]) -> tuple[tuple[str, str], ...]:
        """Slug and title of each category feed that carries entries with these."""
        return tuple(self._categories.resolve(categories).items())

    def is_private(self, slug: str) -> bool:
        return slug in self._merged and self._merged[slug].token is not None

    def made_for(self, sources: Iterable[str], keep: int, rendering: str) -> str:
        """Another one whenever entries may be in other heads, or look otherwise there."""
        merged = [feed.digest for feed in self._merged.values()]
        made_for = [self._categories.digest, str(keep), rendering, *merged, *sorted(sources)]
        return digest(*made_for, *self._shown_as())

    def looks(self, rendering: str) -> str:
        """Another one whenever pages of archives may look otherwise."""
        paths = sorted(feed.path for feed in self._merged.values())
        return digest(rendering, *paths, *self._shown_as())

    def _shown_as(self) -> list[str]:
        """How edits are shown, of each source where that is not as usual."""
        found = (f"{name} {r.shown} {r.marked}" for name, r in self._edits.items() if r.marked or r.shown != "in-place")
        return sorted(found)


def of_entries(rows: Iterable[Row]) -> list[Row]:
    """Those that are no edits."""
    return [row for row in rows if key_of(row[4]) == row[4]]

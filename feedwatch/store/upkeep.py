"""How what is derived from the source files follows them, entry by entry."""

from __future__ import annotations

from collections.abc import Iterable

from feedwatch.model import KnownEntry, KnownSource
from feedwatch.store import Place, of_source
from feedwatch.store.archive import facts, sign
from feedwatch.store.derived import Derived
from feedwatch.store.heads import Heads
from feedwatch.store.index import Head, Index, Row, is_feed, seen_of
from feedwatch.store.openfiles import OpenFiles
from feedwatch.store.stale import Stale


class Upkeep:
    """Knows which heads, pages and fragments a changed entry touches; not how any of them is read or written.

    `limit` is the number of entries a feed has.
    """

    def __init__(self, heads: Heads, files: OpenFiles, derived: Derived, stale: Stale, limit: int) -> None:
        self._heads = heads
        self._files = files
        self._derived = derived
        self._stale = stale
        self._limit = limit

    def look_otherwise(self, source: KnownSource) -> None:
        """All that is from a source says whence it is: to be called before that is said in another way."""
        for known in source.entries.values():
            place = (source.source_id, known.key)
            self._looks_otherwise(place)
            for of, one in self._together(place) or [(source, known)]:
                self._stale.slugs.update(filter(is_feed, self._heads.slugs(of, one)))
                pages = self._heads.pages_of(of, one).values()
                self._derived.archive.make_anew(at for stood in pages for at in stood.items())

    def reindex(self, index: Index, source: KnownSource, rows: Iterable[tuple[KnownEntry | None, KnownEntry]]) -> None:
        """Entries as they were and as they are."""
        heads, twins = self._heads, self._derived.twins
        fresh: list[tuple[dict[str, str], Row]] = []
        moved: list[tuple[KnownEntry | None, KnownEntry]] = []
        stale: set[str] = set()
        for before, after in rows:
            place = (source.source_id, after.key)
            twins.add(source.source_id, after)
            self._looks_otherwise(place)
            listed = heads.rows_of(source, after)
            if before is None:
                fresh += listed
            elif (was := heads.rows_of(source, before)) != listed:
                # One after the other: a head that has lost all its rows cannot tell where others belong.
                for slugs, row in was:
                    index.discard(slugs, row)
                index.add(listed)
            for slugs, _ in listed:
                stale.update(slugs)
            if before is not None:
                stale.update(heads.slugs(source, before))
            if is_shared := twins.shares(place):
                for of, one in self._together(place):
                    stale.update(heads.slugs(of, one))
            if after.same_as is not None or after.withdrawn is not None:
                stale.update(heads.slugs(source, after))
            if before is not None or is_shared or self._reaches_archives(listed):
                moved.append((before, after))
        index.add(fresh)
        self._stale.slugs.update(filter(is_feed, stale))
        self._derived.index_changed()
        for before, after in moved:
            self._move_in_archives(source, before, after)

    def close_pages(self) -> None:
        """Archives take what their feeds no longer show."""
        if not self._stale.slugs and not self._stale.sources:
            return
        index, archive = self._derived.index(), self._derived.archive
        for name in self._stale.slugs:
            if (head := index.heads.get(name)) and head.count > self._limit:
                archive.close(name, head, self._limit)
        for source_id in self._stale.sources:
            title, count = index.sources.get(source_id, ("", 0))
            if count > self._limit and (file := self._files.readable(source_id)):
                archive.close(of_source(source_id), Head(title, count, self._heads.own_rows(file.known)), self._limit)

    def _looks_otherwise(self, place: Place) -> None:
        """What a post says in feeds may come from any of its entries."""
        for one in (place, *self._derived.twins.all_of(place)):
            self._derived.fragments.changed(one)
        # The versions of the others tell of this one's source too.
        self._stale.written[place[0]] = self._stale.commits

    def _together(self, place: Place) -> list[tuple[KnownSource, KnownEntry]]:
        """The entries of a post that several sources have; none of one that stands alone."""
        files = [(self._files.readable(source_id), key) for source_id, key in self._derived.twins.all_of(place)]
        return [(file.known, known) for file, key in files if file and (known := file.known.entries.get(key))]

    def _reaches_archives(self, listed: Iterable[tuple[dict[str, str], Row]]) -> bool:
        return any(self._derived.archive.reaches(slugs, seen_of(row)) for slugs, row in listed)

    def _move_in_archives(self, source: KnownSource, before: KnownEntry | None, after: KnownEntry) -> None:
        if before is not None and before.same_as == after.same_as and facts(before) == facts(after):
            return
        place, archive = (source.source_id, after.key), self._derived.archive
        try:
            old, new = self._heads.pages_of(source, before), self._heads.pages_of(source, after)
            is_shared = self._derived.twins.shares(place)
            alone = before is not None and not is_shared and _is_shown(before) and _is_shown(after)
            was = (
                sign(before, source.about)
                if alone and before is not None and list(old) == list(new) == [after.key]
                else None
            )
            for key in {**old, **new}:
                archive.move((source.source_id, key), old.get(key, {}), new.get(key, {}), was)
            for of, one in self._together(place):
                if (of.source_id, one.key) != place:
                    for key, pages in self._heads.pages_of(of, one).items():
                        archive.move((of.source_id, key), pages, pages)
        except (OSError, ValueError):
            # The commit stands; which entries are on which page has to be found out again.
            self._stale.in_doubt = True


def _is_shown(row: KnownEntry) -> bool:
    """Whether an entry shows what it says, and shows something."""
    return row.withdrawn is None and row.same_as is None

"""What stands at the places of feeds: posts, each as that feed shows it."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import datetime, timedelta

from msgspec.structs import replace

from feedwatch.categories import ALL
from feedwatch.differ.editions import Edition, edition, editions, key_of, newest
from feedwatch.model import EPOCH, KnownEntry, KnownSource, PublishedEntry
from feedwatch.store import Listing, Place, Standing, of_source
from feedwatch.store.archive import sign
from feedwatch.store.derived import Derived
from feedwatch.store.heads import EDITED, OF_SOURCE, WITHDRAWN, Heads, of_entries
from feedwatch.store.index import Row, is_feed, row_of
from feedwatch.store.openfiles import OpenFiles
from feedwatch.store.stale import Stale
from feedwatch.store.twins import together

_LISTINGS: dict[Listing, str] = {"newest": "", "withdrawn": WITHDRAWN, "edited": EDITED}


class Posts:
    """Looks only: what changes an entry, an index or a file is elsewhere. `listed` are the sources whose entries are
    shown."""

    def __init__(self, heads: Heads, files: OpenFiles, derived: Derived, stale: Stale, listed: Collection[str]) -> None:
        self._heads = heads
        self._files = files
        self._derived = derived
        self._stale = stale
        self._listed = listed

    def latest(self, slug: str, limit: int) -> Sequence[PublishedEntry]:
        found: dict[str, PublishedEntry] = {}
        for place in self.standing(slug, limit):
            entry = self._published_entry(slug, place) if self._files.readable(place[0]) else None
            if entry is not None:
                found.setdefault(entry.known.atom_id, entry)
            if len(found) == limit:
                break
        return list(found.values())

    def withdrawn(self, slug: str, limit: int) -> Sequence[PublishedEntry]:
        # A post that another source still has is not withdrawn.
        return [entry for entry in self.latest(WITHDRAWN + slug, limit) if entry.known.withdrawn is not None]

    def edited(self, slug: str, limit: int) -> Sequence[PublishedEntry]:
        return self.latest(EDITED + slug, limit)

    def shown(self, place: Place) -> PublishedEntry | None:
        file = self._files.readable(place[0]) if place[0] in self._listed else None
        self._derived.index()
        return self._published_entry(ALL, place, as_is=True) if file and place[1] in file.known.entries else None

    def version(self, place: Place) -> object:
        self._derived.index()
        twins, at = self._derived.twins, (place[0], key_of(place[1]))
        if not twins.shares(at):
            return self._version_of(place)
        return [(one, self._version_of(one)) for one in twins.all_of(at)]

    def standing(self, slug: str, limit: int) -> Sequence[Place]:
        index = self._derived.index()
        if slug.startswith(OF_SOURCE):
            return [(row[3], row[4]) for row in self._own_rows(slug[1:])]
        if index.exhausted(slug, limit):
            index = self._derived.rebuild()
        head = index.heads.get(slug)
        return [(row[3], row[4]) for row in head.rows] if head else []

    def places(self, slug: str, listing: Listing = "newest") -> Sequence[Place]:
        head = self._derived.index().heads.get(_LISTINGS[listing] + slug)
        return [(row[3], row[4]) for row in of_entries(head.rows)] if head else []

    def dates(self, source_id: str, limit: int) -> Sequence[datetime]:
        rows = of_entries(self._own_rows(source_id)) if self._files.readable(source_id) else []
        return [EPOCH - timedelta(seconds=row[1]) for row in rows[:limit]]

    def standing_at(self, name: str, place: Place) -> Standing | None:
        file = self._files.readable(place[0])
        known = file.known.entries.get(place[1]) if file else None
        if file and known and self._is_plain(place, known):
            return self._standing(file.known, known, row_of(place[0], known))
        known = self._edition_at(place)
        if known is None:
            return None
        others = self._derived.twins.all_of(place) if is_feed(name) else []
        about = self._files.known(place[0]).about
        signs = [self._sign_at(at) for at in others] if others else [sign(known, about)]
        is_shared = self._derived.twins.shares((place[0], key_of(place[1])))
        return Standing(row_of(place[0], known), self._published_entry(name, place), sum(signs), is_shared)

    def first_standing(self, source_id: str, limit: int) -> Sequence[tuple[Place, Standing]]:
        self._derived.index()
        source, name = self._files.known(source_id), of_source(source_id)
        rows: list[tuple[Row, KnownEntry | None]] = []
        for key, known in source.entries.items():
            if not self._is_plain((source_id, key), known):
                rows += [(row, None) for slugs, row in self._heads.rows_of(source, known) if name in slugs]
            elif known.withdrawn is None:
                rows.append((row_of(source_id, known), known))
        found: list[tuple[Place, Standing]] = []
        for row, plain in sorted(rows, key=lambda one: one[0])[:limit]:
            place = (row[3], row[4])
            if one := self._standing(source, plain, row) if plain else self.standing_at(name, place):
                found.append((place, one))
        return found

    def _own_rows(self, source_id: str) -> list[Row]:
        return self._heads.own_rows(self._files.known(source_id))

    def _version_of(self, place: Place) -> int:
        return max(self._stale.written.get(place[0], 0), self._stale.forgotten)

    def _sign_at(self, place: Place) -> int:
        known = self._edition_at(place)
        return sign(known, self._files.known(place[0]).about) if known else 0

    def _is_plain(self, place: Place, known: KnownEntry) -> bool:
        """Whether an entry stands for itself alone, as it is: all but a few do."""
        return known.same_as is None and not known.revisions and not self._derived.twins.shares(place)

    def _standing(self, source: KnownSource, known: KnownEntry, row: Row) -> Standing:
        entry = PublishedEntry(known, source.source_id, source.about, self._heads.named(known.entry.categories))
        return Standing(row, entry, sign(known, source.about))

    def _edition_at(self, place: Place) -> KnownEntry | None:
        file = self._files.readable(place[0])
        known = file.known.entries.get(key_of(place[1])) if file else None
        return next((one for one in self._heads.editions(place[0], known) if one.key == place[1]), None)

    def _published_entry(self, slug: str, at: Place, *, as_is: bool = False) -> PublishedEntry | None:
        """What a place stands for; in feeds of several sources all that its post says in any of them, under one id.

        None for an edit of what is not the first live entry of its post: what that one says is shown, and so its edits.
        With `as_is` an entry says what it says now, however its edits are shown.
        """
        source_id, key = place = (at[0], key_of(at[1]))
        members = [] if slug.startswith(OF_SOURCE) else self._members(place)
        live = [one for one in members if one[1].withdrawn is None and one[0][0] in self._listed]
        if at != place and live and live[0][0] != place:
            return None
        known = self._files.known(source_id).entries[key]
        atom_id = _published_as(members) or known.atom_id
        known = known if known.atom_id == atom_id else replace(known, atom_id=atom_id)
        if slug.startswith(EDITED):
            one = newest(known)
        elif at != place or not live:
            one = edition(known, at[1], self._heads.shown(source_id, as_is=as_is))
        else:
            source_id = live[0][0][0]
            firsts = [editions(row, self._heads.shown(of[0], as_is=as_is))[0] for of, row in live]
            whole = together(firsts[0].known, [other.known for other in firsts[1:]])
            whole = whole if whole.atom_id == atom_id else replace(whole, atom_id=atom_id)
            one = Edition(whole, firsts[0].edit)
        categories = self._heads.named(one.known.entry.categories)
        return PublishedEntry(one.known, source_id, self._files.known(source_id).about, categories, one.edit)

    def _members(self, place: Place) -> list[tuple[Place, KnownEntry]]:
        """The entries of a post, the first one first."""
        places = [one for one in self._derived.twins.all_of(place) if self._files.readable(one[0])]
        found = [(one, row) for one in places if (row := self._files.known(one[0]).entries.get(one[1]))]
        return [(one, row) for one, row in found if row.same_as is None]


def _published_as(members: Sequence[tuple[Place, KnownEntry]]) -> str | None:
    """The atom:id of a post: that of its first entry, even when its source is gone."""
    bonds = [row.twin_of.atom_id for _, row in members if row.twin_of]
    return bonds[0] if bonds else members[0][1].atom_id if members else None

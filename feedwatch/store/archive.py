"""The archives of the feeds: which entries stand on which of their pages (RFC 5005 §4).

<state>/archives/<head>/<n>.json      the entries of a page; made again from the sources when in doubt

In an archive entries stand in the order in which they were first seen. A page is a stretch of that order, so an entry's
page follows from what never changes about it: whatever happens to one page moves no entry of another.
"""

from __future__ import annotations

import bisect
import hashlib
import math
import shutil
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path

import msgspec
from msgspec import Struct, field

from feedwatch import files
from feedwatch.canonical import digest
from feedwatch.model import About, KnownEntry
from feedwatch.store.index import Head, Row, Seen, seen_of

#: Entries on a page that is closed, and on one that has grown so much that all of its archive is divided anew.
_PAGE, _TOO_MANY = 100, 400

#: A head and the number of a page, from 1.
Page = tuple[str, int]
#: A source and the key of an entry in it.
Place = tuple[str, str]
#: Where an entry stands, and whether it was not withdrawn.
Known = tuple[Seen, bool]
#: What an entry shows in the feed of a head, as signs: several where a post is in several sources.
SignsOf = Callable[[str, Place], Sequence[int]]
#: Bytes, and nanoseconds of the last change.
Mark = tuple[int, int]
#: Entries of a page that look otherwise than in its file, each with the sign of what it shows there.
Changed = dict[Place, int]
_SIGNS = 1 << 128
#: Bytes. For more hashlib lets other threads go on meanwhile, which takes longer than to hash them.
_AT_ONCE = 2047


def facts(known: KnownEntry) -> tuple[object, ...]:
    """What a page shows of an entry."""
    return (known.atom_id, known.entry, known.published, known.updated, known.withdrawn, known.twin_of)


def sign(known: KnownEntry, source: About) -> int:
    """The same for the same facts, whether they were just made or read back from a file; below 2**128."""
    bond = known.twin_of.atom_id if known.twin_of else None
    told = (known.atom_id, known.entry, bond, known.published, known.updated, known.withdrawn, source)
    data, state = msgspec.msgpack.encode(told), hashlib.sha256()
    for at in range(0, len(data), _AT_ONCE):
        state.update(data[at : at + _AT_ONCE])
    return int.from_bytes(state.digest()[:16], "big")


class _Page(Struct):
    end: Seen
    rows: list[Place]
    #: The sum of the signs of what was last published; "" before.
    shown: str = ""
    #: By which the published file is known to be the one that was written then.
    mark: Mark | None = None


class Archive(Struct):
    """The pages of every head. `folder` is theirs; with `made_for` changes what every page looks like."""

    folder: Path
    made_for: str
    #: The last entry of each page, by head.
    ends: dict[str, list[Seen]] = field(default_factory=dict)
    #: Pages that no longer show what the store knows: in what, or None where that is not so simple.
    stale: dict[Page, Changed | None] = field(default_factory=dict)
    #: Those of them that could be read.
    _whole: set[Page] = field(default_factory=set)
    #: Pages that are being published: as they were read, and what they will have shown.
    _read: dict[Page, _Page] = field(default_factory=dict)
    _shown: dict[Page, tuple[str, Mark]] = field(default_factory=dict)
    #: Pages that were closed and are in no file yet: that comes when they are published.
    _closed: dict[Page, _Page] = field(default_factory=dict)

    def count(self, head: str) -> int:
        return len(self.ends.get(head, ()))

    def page_of(self, head: str, seen: Seen) -> int | None:
        """The page of an entry; None while it is on none yet."""
        ends = self.ends.get(head, ())
        page = bisect.bisect_left(ends, seen) + 1
        return page if page <= len(ends) else None

    def reaches(self, heads: Iterable[str], seen: Seen) -> bool:
        """Whether an entry that stands there belongs on a page of any of these heads."""
        return any(seen <= ends[-1] for head in heads if (ends := self.ends.get(head)))

    def is_whole(self) -> bool:
        """Whether the pages that are to be published can be read; each is looked at once."""
        fresh = self.stale.keys() - self._whole
        self._whole = {page for page in self.stale if page in self._whole or self._found(page)}
        return fresh <= self._whole

    def rows(self, page: Page) -> list[Place]:
        """Those of a page that is to be published. Raises OSError or ValueError for one that cannot be read."""
        self._read[page] = found = self._load(page)
        return found.rows

    def move(self, place: Place, before: Mapping[str, Seen], after: Mapping[str, Seen], was: int | None = None) -> None:
        """An entry changed: where it stood and where it stands, by head. `was` is the sign of what it showed, where it
        stands alone and shows something now as well."""
        for head in {**before, **after}:
            old = self.page_of(head, before[head]) if head in before else None
            new = self.page_of(head, after[head]) if head in after else None
            if old and old != new:
                self._rewrite((head, old), [row for row in self._load((head, old)).rows if row != place])
            # One that was withdrawn before its page was closed is not on it.
            if new and place not in (rows := self._load((head, new)).rows):
                self._rewrite((head, new), [*rows, place])
            for page in {number for number in (old, new) if number}:
                self._changed((head, page), place, was if old == new else None)

    def close(self, name: str, head: Head, limit: int) -> None:
        """Closes pages once the feed, which shows `limit` entries, no longer shows all that is on no page."""
        ends = self.ends.get(name)
        last: Seen | tuple[()] = ends[-1] if ends else ()
        beyond = [*_after(last, head.rows[limit:]), *(seen for seen in head.beyond if seen > last)]
        head.beyond.clear()
        if not beyond:
            return
        rows = sorted({*beyond, *_after(last, head.rows[:limit])})
        number = -(-len(rows) // _PAGE)
        for at in range(number):
            part = rows[at * len(rows) // number : (at + 1) * len(rows) // number]
            page = (name, self.count(name) + 1)
            self._closed[page] = _Page(part[-1], [(seen[2], seen[3]) for seen in part])
            self.ends.setdefault(name, []).append(part[-1])
            self.stale[page] = None
            self._whole.add(page)

    def _changed(self, page: Page, place: Place, was: int | None) -> None:
        changed = self.stale.setdefault(page, {})
        if changed is not None and was is not None:
            changed.setdefault(place, was)
        else:
            self.stale[page] = None

    def make_anew(self, places: Iterable[tuple[str, Seen]]) -> None:
        """Entries look otherwise, for what is not in them: by head, and where they stand there."""
        for head, seen in places:
            if number := self.page_of(head, seen):
                self.stale[head, number] = None

    def make_all_anew(self) -> None:
        self.stale |= {(name, number): None for name, ends in self.ends.items() for number in range(1, len(ends) + 1)}

    def changed(self, page: Page) -> tuple[Changed, Mark] | None:
        """In what a page differs from the file with that mark; None where it has to be made anew."""
        changed, found = self.stale.get(page), self._read.get(page)
        return (changed, found.mark) if changed and found and found.mark and found.shown else None

    def rendered(self, page: Page, signs: Iterable[int], mark: Mark, *, since: bool = False) -> None:
        """Says what a page shows now: the signs of its entries, or with `since` by how much they grew."""
        before = int(self._read[page].shown, 16) if since else self._base
        self._shown[page] = _hex(before + sum(signs)), mark

    def published(self, pages: Iterable[Page]) -> None:
        """Says that these pages are up to date now."""
        for page in pages:
            self.stale.pop(page, None)
            found, shown = self._read.pop(page, None), self._shown.pop(page, None)
            if found and shown and (found.shown, found.mark) != shown:
                self._save(page, _Page(found.end, found.rows, *shown))

    def flush(self) -> None:
        """Writes what is in no file yet."""
        for page, content in list(self._closed.items()):
            self._save(page, content)

    # --- after a crash, and when sources or categories changed ---

    def recall(self) -> None:
        """Reads from the folder where pages end: what was published so must stay so."""
        self.ends = {}
        for name in {folder.name for folder in self.folder.glob("*")} | {name for name, _ in self._closed}:
            ends: list[Seen] = []
            while (page := self._found((name, len(ends) + 1))) and ends[-1:] < [page.end]:
                ends.append(page.end)
            if ends:
                self.ends[name] = ends

    def fill(self, rows: Mapping[str, Sequence[Known]], signs_of: SignsOf, *, write: bool) -> None:
        """Puts every entry on its page; `rows` are those of each head. Pages that show something else than they
        should become stale."""
        for head, ends in self.ends.items():
            pages: dict[int, list[Known]] = defaultdict(list)
            for seen, live in rows.get(head, ()):
                if page := self.page_of(head, seen):
                    pages[page].append((seen, live))
            for number, end in enumerate(ends, 1):
                self._fill((head, number), end, pages[number], signs_of, write=write)

    def thin_out(self, rows: Mapping[str, Sequence[Known]], *, write: bool) -> None:
        """Forgets the archives of feeds that are no more, and those in which a page has grown beyond measure: they are
        made anew."""
        for head in list(self.ends):
            sizes = Counter(self.page_of(head, seen) for seen, _ in rows.get(head, ()))
            del sizes[None]
            if head not in rows or max(sizes.values(), default=0) > _TOO_MANY:
                del self.ends[head]
                self.stale = {page: changed for page, changed in self.stale.items() if page[0] != head}
                self._closed = {page: content for page, content in self._closed.items() if page[0] != head}
                if write:
                    shutil.rmtree(self.folder / head, ignore_errors=True)

    def _fill(self, page: Page, end: Seen, rows: list[Known], signs_of: SignsOf, *, write: bool) -> None:
        before = self._found(page)
        had = set(before.rows) if before else set()
        # One that was withdrawn before its page was closed is not on it.
        places = [(seen[2], seen[3]) for seen, live in sorted(rows) if live or (seen[2], seen[3]) in had]
        shown = _hex(self._base + sum(sign for place in places for sign in signs_of(page[0], place)))
        if before is None or before.shown != shown:
            self.stale[page] = None
        if write and (before is None or sorted(before.rows) != sorted(places)):
            self._save(page, _Page(end, places, before.shown if before else ""))

    @property
    def _base(self) -> int:
        return int(digest(self.made_for), 16)

    # --- files ---

    def _rewrite(self, page: Page, rows: list[Place]) -> None:
        found = self._load(page)
        self._save(page, _Page(found.end, rows, found.shown))

    def _path(self, page: Page) -> str:
        return f"{self.folder}/{page[0]}/{page[1]}.json"

    def _found(self, page: Page) -> _Page | None:
        try:
            return self._load(page)
        except (OSError, ValueError):
            return None

    def _load(self, page: Page) -> _Page:
        if page in self._closed:
            return self._closed[page]
        return msgspec.json.decode(Path(self._path(page)).read_bytes(), type=_Page)

    def _save(self, page: Page, content: _Page) -> None:
        self._read.pop(page, None)
        files.write_atomic(self._path(page), msgspec.json.encode(content), durable=False)
        self._closed.pop(page, None)


def _after(last: Seen | tuple[()], rows: Iterable[Row]) -> list[Seen]:
    """Where those rows stand that are after `last`: most are not, as the time at which they were first seen tells."""
    since = last[0] if last else -math.inf
    return [seen for row in rows if row[5] >= since and (seen := seen_of(row)) > last]


def _hex(signs: int) -> str:
    return f"{signs % _SIGNS:032x}"

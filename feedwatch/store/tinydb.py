"""The embedded store: one TinyDB database a source, poll states and the index in small files beside.

<state>/lock                  held while writing
<state>/unclean               there while a process works; found at the start, it means a crash
<state>/sources/<id>.json     state, entries, changes and outbox of a source: one replacement a commit
<state>/polls.json            poll states; losing it costs one full request a source
<state>/index.json            heads of the feeds; made again from the sources when in doubt
<state>/archives/             pages of the feeds' archives, likewise
<state>/fragments/            entries as they stand in the feeds, likewise
"""

from __future__ import annotations

import contextlib
import logging
from collections import OrderedDict, defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from pathlib import Path

import msgspec
from msgspec import Struct
from msgspec.structs import replace

from feedwatch import files
from feedwatch.canonical import digest
from feedwatch.categories import ALL, Categories
from feedwatch.differ.editions import Edition, edition, editions, key_of, newest
from feedwatch.errors import NoStateFolder, StoreError
from feedwatch.model import (
    EPOCH,
    About,
    Category,
    Change,
    Commit,
    Delivery,
    EditRules,
    EditsShown,
    Entry,
    Event,
    Fragment,
    Incident,
    KnownEntry,
    KnownSource,
    PollState,
    PublishedEntry,
)
from feedwatch.routes import gathering
from feedwatch.selection import Merged, Words
from feedwatch.store import LOCK, OWN, Backlog, Claim, Listing, Outline, Place, Standing, Unpublished, of_source
from feedwatch.store.archive import Archive, Known, facts, sign
from feedwatch.store.batch import Batch
from feedwatch.store.due import Queue
from feedwatch.store.fragments import Fragments
from feedwatch.store.index import SLACK, Head, Index, Row, Seen, changed_row_of, row_of, seen_of
from feedwatch.store.polls import load, save
from feedwatch.store.sourcefile import SourceFile
from feedwatch.store.twins import Kept, Twins, together

log = logging.getLogger(__name__)

#: Decoded source files kept in memory: those of a batch, and some that others of a post are in.
_OPEN_FILES = 24
#: Before the id of a source, it names that source's own feed; before a slug, what was withdrawn from that category or
#: edited in it. No slug has such a sign.
_OF_SOURCE, _WITHDRAWN, _EDITED = "@", "-@", "~@"
_LISTINGS: dict[Listing, str] = {"newest": "", "withdrawn": _WITHDRAWN, "edited": _EDITED}


class _Document(Struct):
    """The index as it is written."""

    feeds: dict[str, Head]
    sources: dict[str, tuple[str, int]]
    twins: Kept
    archives: dict[str, list[Seen]]


class TinyStore:
    """See `feedwatch.store.Store`. `sources` are the ids the configuration knows; others keep their files. `edits` says
    how edits of a source are shown. When that or `rendering` is another one than before, every feed could be stale.

    With `read_only` it takes no lock, mends nothing and writes nothing: for looking beside a running service.
    """

    def __init__(
        self,
        folder: Path,
        sources: Iterable[str],
        categories: Categories,
        *,
        stamp: str,
        limit: int = 50,
        edits: Mapping[str, EditRules] | None = None,
        merged: Iterable[Merged] = (),
        rendering: str = "",
        read_only: bool = False,
    ) -> None:
        self._folder = folder
        self._sources = tuple(sources)
        self._listed = frozenset(sources)
        self._queue = Queue()
        self._categories = categories
        self._merged = {feed.id: feed for feed in merged}
        self._rendering = rendering
        self._limit, self._keep = limit, limit * SLACK
        self._edits = edits or {}
        paths = sorted(feed.path for feed in merged)
        self._archive = Archive(folder / "archives", digest(rendering, *paths, *self._shown_as()))
        self._fragments = Fragments(folder / "fragments", self._made_for())
        self._stamp = stamp
        self._read_only = read_only
        self._open: OrderedDict[str, SourceFile] = OrderedDict()
        #: In commits since the start: when anything of a source was written last, and when nothing was certain.
        self._commits, self._written, self._forgotten = 0, dict[str, int](), 0
        self._index: Index | None = None
        self._twins = Twins()
        self._index_changed = False
        self._warnings: list[str] = []
        self._stale_slugs: set[str] = set()
        self._stale_sources: set[str] = set()
        #: Whether a source file may hold more than the index, the outbox's times and the feeds know.
        self._in_doubt = False
        self._batch: Batch | None = None
        self._lock = contextlib.ExitStack()
        if not read_only:
            self._lock.enter_context(_taken(folder))
        try:
            polls = load(folder / "polls.json")
            self._polls, self._outbox, self._backlog = polls.states, polls.outbox, polls.backlog
            for source_id in self._sources:
                self._queue.put(source_id, self.state(source_id))
            self._warnings += [polls.warning] if polls.warning else []
            if not read_only:
                self._recover(in_doubt=not polls.whole)
        except BaseException:
            self._lock.close()
            raise

    # --- polls ---

    def due(self, now: datetime) -> Sequence[str]:
        return self._queue.due(now)

    def state(self, source_id: str) -> PollState:
        return self._polls.get(source_id) or PollState()

    def remember(self, source_id: str, state: PollState) -> None:
        self._polls[source_id] = state
        if source_id in self._listed:
            self._queue.put(source_id, state)

    def flush(self) -> None:
        if self._is_behind():
            # Validators must not outlive feeds that never showed what they vouch for.
            return
        if self._batch is not None:
            # Nor entries that are not durable yet.
            self._batch.complete()
        self._archive.flush()
        if self._index is not None and self._index_changed:
            index = self._index
            document = _Document(index.heads, index.sources, self._twins.dump(), self._archive.ends)
            data = self._made_for().encode() + b"\n" + msgspec.json.encode(document)
            files.write_atomic(self._folder / "index.json", data, durable=False)
            self._index_changed = False
        save(self._folder / "polls.json", self._polls, self._outbox, self._backlog)

    # --- entries ---

    def known(self, source_id: str) -> KnownSource:
        return self._file(source_id).known

    def commit(self, commit: Commit) -> None:
        file, index = self._file(commit.source_id), self._loaded_index()
        self._commits += 1
        if commit.about != file.known.about:
            # All that is from this source says whence it is.
            for known in file.known.entries.values():
                place = (commit.source_id, known.key)
                self._look_otherwise(place)
                slugs = self._slugs(file.known, known) | self._slugs_together(place)
                self._stale_slugs.update(filter(_is_feed, slugs))
                pages = self._pages_of(file.known, known).values()
                self._archive.make_anew(at for stood in pages for at in stood.items())
        before = {row.key: file.known.entries.get(row.key) for row in commit.entries}
        self._mark_unclean()
        with self._forgotten_on_error(commit.source_id):
            file.commit(commit)
        self._reindex(index, file.known, [(before[row.key], row) for row in commit.entries])
        if commit.source_id != OWN:
            self._stale_sources.add(commit.source_id)
        self._schedule(commit.source_id, file)

    def latest(self, slug: str, limit: int) -> Sequence[PublishedEntry]:
        found: dict[str, PublishedEntry] = {}
        for place in self.standing(slug, limit):
            entry = self._published_entry(slug, place) if self._readable(place[0]) else None
            if entry is not None:
                found.setdefault(entry.known.atom_id, entry)
            if len(found) == limit:
                break
        return list(found.values())

    def standing(self, slug: str, limit: int) -> Sequence[Place]:
        index = self._loaded_index()
        if slug.startswith(_OF_SOURCE):
            return [(row[3], row[4]) for row in self._own_rows(slug[1:])]
        if index.exhausted(slug, limit):
            index = self._index = self._built_index()
        head = index.heads.get(slug)
        return [(row[3], row[4]) for row in head.rows] if head else []

    def fragments(self, slug: str) -> Mapping[Place, Fragment]:
        self._loaded_index()
        return self._fragments.of(slug)

    def keep_fragments(self, slug: str, fragments: Mapping[Place, Fragment]) -> None:
        self._fragments.keep(slug, fragments)

    def _look_otherwise(self, place: Place) -> None:
        """What a post says in feeds may come from any of its entries."""
        for one in (place, *self._together(place)):
            self._fragments.changed(one)
        # The versions of the others tell of this one's source too.
        self._written[place[0]] = self._commits

    def withdrawn(self, slug: str, limit: int) -> Sequence[PublishedEntry]:
        # A post that another source still has is not withdrawn.
        return [entry for entry in self.latest(_WITHDRAWN + slug, limit) if entry.known.withdrawn is not None]

    def edited(self, slug: str, limit: int) -> Sequence[PublishedEntry]:
        return self.latest(_EDITED + slug, limit)

    def archived(self, name: str) -> int:
        self._loaded_index()
        return self._archive.count(name)

    def in_time(self, pages: Iterable[tuple[str, int]]) -> list[tuple[str, int]]:
        self._loaded_index()
        return sorted(pages, key=lambda page: (self._archive.ends.get(page[0], [])[page[1] - 1 : page[1]], page))

    def rows(self, page: tuple[str, int]) -> Sequence[Place]:
        self._loaded_index()
        try:
            return self._archive.rows(page)
        except (OSError, ValueError) as error:
            self._in_doubt = True
            raise StoreError(
                f"{self._folder / 'archives'}: a page cannot be read ({error}); it is made again"
            ) from error

    def standing_at(self, name: str, place: Place) -> Standing | None:
        file = self._readable(place[0])
        known = file.known.entries.get(place[1]) if file else None
        if file and known and self._is_plain(place, known):
            return self._standing(file.known, known, row_of(place[0], known))
        known = self._edition_at(place)
        if known is None:
            return None
        others = self._together(place) if _is_feed(name) else []
        about = self.known(place[0]).about
        signs = [self._sign_at(at) for at in others] if others else [sign(known, about)]
        is_shared = self._twins.shares((place[0], key_of(place[1])))
        return Standing(row_of(place[0], known), self._published_entry(name, place), sum(signs), is_shared)

    def first_standing(self, source_id: str, limit: int) -> Sequence[tuple[Place, Standing]]:
        self._loaded_index()
        source, name = self.known(source_id), of_source(source_id)
        rows: list[tuple[Row, KnownEntry | None]] = []
        for key, known in source.entries.items():
            if not self._is_plain((source_id, key), known):
                rows += [(row, None) for slugs, row in self._rows_of(source, known) if name in slugs]
            elif known.withdrawn is None:
                rows.append((row_of(source_id, known), known))
        found: list[tuple[Place, Standing]] = []
        for row, plain in sorted(rows, key=lambda one: one[0])[:limit]:
            place = (row[3], row[4])
            if one := self._standing(source, plain, row) if plain else self.standing_at(name, place):
                found.append((place, one))
        return found

    def _sign_at(self, place: Place) -> int:
        known = self._edition_at(place)
        return sign(known, self.known(place[0]).about) if known else 0

    def _is_plain(self, place: Place, known: KnownEntry) -> bool:
        """Whether an entry stands for itself alone, as it is: all but a few do."""
        return known.same_as is None and not known.revisions and not self._twins.shares(place)

    def _standing(self, source: KnownSource, known: KnownEntry, row: Row) -> Standing:
        entry = PublishedEntry(known, source.source_id, source.about, self._named(known.entry.categories))
        return Standing(row, entry, sign(known, source.about))

    def changed(self, page: tuple[str, int]) -> tuple[Mapping[Place, int], tuple[int, int]] | None:
        return self._archive.changed(page)

    def rendered(self, page: tuple[str, int], signs: Iterable[int], mark: tuple[int, int], *, since: bool) -> None:
        self._archive.rendered(page, signs, mark, since=since)

    def _editions(self, source_id: str, known: KnownEntry | None) -> list[KnownEntry]:
        """An entry as feeds show it, and its edits that are entries of their own."""
        if known is None or known.same_as is not None:
            return []
        return [one.known for one in editions(known, self._shown(source_id))]

    def _edition_at(self, place: Place) -> KnownEntry | None:
        file = self._readable(place[0])
        known = file.known.entries.get(key_of(place[1])) if file else None
        return next((one for one in self._editions(place[0], known) if one.key == place[1]), None)

    def places(self, slug: str, listing: Listing = "newest") -> Sequence[Place]:
        head = self._loaded_index().heads.get(_LISTINGS[listing] + slug)
        return [(row[3], row[4]) for row in _of_entries(head.rows)] if head else []

    def version(self, place: Place) -> object:
        self._loaded_index()
        at = (place[0], key_of(place[1]))
        if not self._twins.shares(at):
            return self._version_of(at)
        return [(one, self._version_of(one)) for one in self._together(at)]

    def _version_of(self, place: Place) -> int:
        return max(self._written.get(place[0], 0), self._forgotten)

    def shown(self, place: Place) -> PublishedEntry | None:
        file = self._readable(place[0]) if place[0] in self._listed else None
        self._loaded_index()
        return self._published_entry(ALL, place, as_is=True) if file and place[1] in file.known.entries else None

    def outline(self, source_id: str) -> Outline:
        title, count = self._loaded_index().sources.get(source_id, ("", 0))
        return Outline(title, count)

    def dates(self, source_id: str, limit: int) -> Sequence[datetime]:
        rows = _of_entries(self._own_rows(source_id)) if self._readable(source_id) else []
        return [EPOCH - timedelta(seconds=row[1]) for row in rows[:limit]]

    def feeds(self) -> Mapping[str, tuple[str, int]]:
        heads = self._loaded_index().heads.items()
        return {s: (h.title, h.count) for s, h in heads if _is_feed(s) and not self._is_private(s)}

    def sources(self) -> Mapping[str, tuple[str, int]]:
        return self._loaded_index().sources

    def unpublished(self) -> Unpublished:
        if self._batch is not None:
            # Feeds must not show what is not durable.
            self._batch.complete()
        if self._in_doubt or not self._archive.is_whole():
            self._recover(in_doubt=True)
            self._in_doubt = False
        self._close_pages()
        return Unpublished(frozenset(self._stale_slugs), frozenset(self._stale_sources), frozenset(self._archive.stale))

    def published(self, done: Unpublished) -> None:
        self._stale_slugs -= done.slugs
        if not self._stale_slugs:
            self._fragments.published()
        self._stale_sources -= done.sources
        self._archive.published(done.pages)

    # --- outbox ---

    def claim(self, route_id: str, now: datetime, limit: int) -> Sequence[Claim]:
        claims: list[Claim] = []
        for source_id, routes in list(self._outbox.items()):
            due = routes.get(route_id)
            if due is not None and due <= now and (file := self._readable(source_id)):
                claims += file.claims(route_id, now)
        claims.sort(key=_order)
        groups = {_group(claim) for claim in claims[:limit]} - {None}
        return claims[:limit] + [claim for claim in claims[limit:] if _group(claim) in groups]

    def waiting(self) -> Mapping[str, datetime]:
        times: dict[str, datetime] = {}
        for routes in self._outbox.values():
            for route_id, due in routes.items():
                times[route_id] = min(due, times.get(route_id, due))
        return times

    def settle(self, outcomes: Collection[tuple[str, Delivery]]) -> None:
        by_source: dict[str, list[Delivery]] = defaultdict(list)
        for source_id, delivery in outcomes:
            by_source[source_id].append(delivery)
        for source_id, deliveries in by_source.items():
            file = self._file(source_id)
            self._mark_unclean()
            with self._forgotten_on_error(source_id):
                file.settle(deliveries)
            self._schedule(source_id, file)

    def outbox(self) -> Iterator[Claim]:
        for source_id in self._stored_sources():
            yield from self.outbox_of(source_id)

    def outbox_of(self, source_id: str) -> Sequence[Claim]:
        file = self._readable(source_id)
        return [file.claim(delivery) for delivery in file.deliveries.values()] if file else []

    def backlog(self) -> Mapping[str, Mapping[str, Backlog]]:
        return self._backlog

    def events_of(self, source_id: str) -> Sequence[Event]:
        file = self._readable(source_id)
        return sorted(file.events.values(), key=lambda event: event.at) if file else []

    def events(self, since: datetime) -> Iterator[tuple[str, Event]]:
        for source_id in self._stored_sources():
            yield from [(source_id, event) for event in self.events_of(source_id) if event.at >= since]

    def incidents(self) -> Sequence[Incident]:
        return sorted(self._file(OWN).incidents.values(), key=lambda incident: incident.opened)

    # --- life ---

    def warnings(self) -> Sequence[str]:
        found, self._warnings = self._warnings, []
        return found

    def close(self) -> None:
        """Leaves the folder clean when everything is published; otherwise the next start makes up for it."""
        try:
            if not self._read_only and not self._is_behind():
                self.flush()
                # Pages that are behind are found again by what they show.
                if self._unclean.exists() and not self._archive.stale:
                    files.remove(self._unclean)
        except OSError as error:
            why = error.strerror or error
            raise StoreError(f"{self._folder}: cannot be written ({why}); the next start makes up for it") from error
        finally:
            self._lock.close()

    def _is_behind(self) -> bool:
        """Whether feeds may not show what the store knows."""
        return bool(self._stale_slugs or self._stale_sources or self._in_doubt)

    def _is_private(self, slug: str) -> bool:
        return slug in self._merged and self._merged[slug].token is not None

    @property
    def _unclean(self) -> Path:
        return self._folder / "unclean"

    def _mark_unclean(self) -> None:
        if self._unclean.exists():
            return
        try:
            files.write_atomic(self._unclean, b"")
        except OSError as error:
            raise StoreError(f"{self._unclean}: cannot be written ({error.strerror or error})") from error

    def _recover(self, *, in_doubt: bool) -> None:
        """After a crash the index, the outbox's times and the feeds may lag behind the sources: make them again."""
        if not in_doubt and not self._unclean.exists() and self._has_index():
            return
        # The order matters when this is interrupted: the mark stays until everything is published.
        self._outbox, self._backlog = {}, {}
        self._index = self._built_index()
        self._stale_slugs.update(filter(_is_feed, self._index.heads))
        stored = set(self._stored_sources())
        self._stale_sources.update(stored & set(self._sources))
        if stored:
            self._mark_unclean()

    def _file(self, source_id: str) -> SourceFile:
        file = self._open.get(source_id)
        if file is None:
            path = self._folder / "sources" / f"{source_id}.json"
            if self._batch is not None:
                # What is not in its place yet is not what is there.
                self._batch.complete(path)
            reasons: list[str] = []
            file = SourceFile(source_id, path, reasons.append, self._write)
            if reasons:
                self._fell_back(source_id, path, reasons[0])
            self._open[source_id] = file
            if len(self._open) > _OPEN_FILES:
                self._open.popitem(last=False)
        self._open.move_to_end(source_id)
        return file

    def _readable(self, source_id: str) -> SourceFile | None:
        """The file of a source, or None with a warning: one damaged source must not hold up the others."""
        try:
            return self._file(source_id)
        except StoreError as error:
            if str(error) not in self._warnings:
                self._warnings.append(str(error))
            return None

    def _fell_back(self, source_id: str, path: Path, reason: str) -> None:
        """The lost generation's entries must come again: whatever vouched for them is void."""
        self._warnings.append(reason)
        if self._read_only:
            return
        state = self.state(source_id)
        self.remember(source_id, replace(state, validators={}, body_digest=None))
        files.set_aside(path, self._stamp)

    @contextlib.contextmanager
    def together(self) -> Iterator[Batch]:
        self._batch = batch = Batch(self._replaced)
        try:
            yield batch
        finally:
            self._batch = None
            batch.complete()

    def _write(self, path: Path, payload: bytes) -> None:
        if self._batch is not None:
            self._batch.stage(path, payload)
            return
        files.stage_document(path, payload)
        self._replaced([path])

    def _replaced(self, paths: Collection[Path]) -> None:
        """Durably puts what was staged in its place. Raises StoreError or OSError; what is in memory is forgotten then,
        since it may be in the files or not."""
        try:
            files.replace_documents(paths)
        except BaseException:
            for path in paths:
                self._open.pop(path.stem, None)
            self._in_doubt = True
            # Nor is what was made of them.
            self._commits += 1
            self._forgotten = self._commits
            raise

    @contextlib.contextmanager
    def _forgotten_on_error(self, source_id: str) -> Iterator[None]:
        """What could not be written must not be believed either: the next look reads the file again."""
        try:
            yield
        except BaseException:
            self._open.pop(source_id, None)
            raise

    def _schedule(self, source_id: str, file: SourceFile) -> None:
        if waiting := file.waiting():
            self._outbox[source_id] = waiting
        else:
            self._outbox.pop(source_id, None)
        if backlog := file.backlog():
            self._backlog[source_id] = backlog
        else:
            self._backlog.pop(source_id, None)

    # --- index ---

    def _slugs(self, source: KnownSource, known: KnownEntry | None) -> dict[str, str]:
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

    def _slugs_together(self, place: Place) -> dict[str, str]:
        """The heads that carry any entry of a post that several sources have."""
        found: dict[str, str] = {}
        for source_id, key in self._together(place):
            if file := self._readable(source_id):
                found |= self._slugs(file.known, file.known.entries.get(key))
        return found

    def _pages_of(self, source: KnownSource, known: KnownEntry | None) -> dict[str, dict[str, Seen]]:
        """The heads in whose archives an entry and its edits stand, and where, by their keys; what was withdrawn keeps
        its place."""
        slugs = self._slugs(source, known)
        rows = [row_of(source.source_id, one) for one in self._editions(source.source_id, known)]
        return {row[4]: dict.fromkeys(slugs, seen_of(row)) for row in rows}

    def _close_pages(self) -> None:
        if not self._stale_slugs and not self._stale_sources:
            return
        index = self._loaded_index()
        for name in self._stale_slugs:
            if (head := index.heads.get(name)) and head.count > self._limit:
                self._archive.close(name, head, self._limit)
        for source_id in self._stale_sources:
            title, count = index.sources.get(source_id, ("", 0))
            if count > self._limit and self._readable(source_id):
                self._archive.close(of_source(source_id), Head(title, count, self._own_rows(source_id)), self._limit)

    def _rows_of(self, source: KnownSource, known: KnownEntry | None) -> list[tuple[dict[str, str], Row]]:
        """The rows of an entry, and the heads they are in."""
        if known is None or known.same_as is not None:
            return []
        slugs, source_id = self._slugs(source, known), source.source_id
        rows = [row_of(source_id, one) for one in self._editions(source_id, known)]
        if known.withdrawn is not None:
            gone = {_WITHDRAWN + slug: title for slug, title in slugs.items() if _is_feed(slug)}
            return [(gone, row) for row in rows]
        listed = [(slugs, row) for row in rows]
        if newest(known).edit is None:
            return listed
        edited = {_EDITED + slug: title for slug, title in slugs.items() if _is_feed(slug)}
        return [*listed, (edited, changed_row_of(source_id, known))]

    def _own_rows(self, source_id: str) -> list[Row]:
        """Of a source's own feed, in its order."""
        known, name = self.known(source_id), of_source(source_id)
        rows = (self._rows_of(known, row) for row in known.entries.values())
        return sorted(row for listed in rows for slugs, row in listed if name in slugs)

    def _reindex(self, index: Index, source: KnownSource, rows: Iterable[tuple[KnownEntry | None, KnownEntry]]) -> None:
        """Entries as they were and as they are."""
        fresh: list[tuple[dict[str, str], Row]] = []
        moved: list[tuple[KnownEntry | None, KnownEntry]] = []
        stale: set[str] = set()
        for before, after in rows:
            place = (source.source_id, after.key)
            self._twins.add(source.source_id, after)
            self._look_otherwise(place)
            listed = self._rows_of(source, after)
            if before is None:
                fresh += listed
            elif (was := self._rows_of(source, before)) != listed:
                # One after the other: a head that has lost all its rows cannot tell where others belong.
                for slugs, row in was:
                    index.discard(slugs, row)
                index.add(listed)
            for slugs, _ in listed:
                stale.update(slugs)
            if before is not None:
                stale.update(self._slugs(source, before))
            if is_shared := self._twins.shares(place):
                stale.update(self._slugs_together(place))
            if after.same_as is not None or after.withdrawn is not None:
                stale.update(self._slugs(source, after))
            if before is not None or is_shared or self._reaches_archives(listed):
                moved.append((before, after))
        index.add(fresh)
        self._stale_slugs.update(filter(_is_feed, stale))
        self._index_changed = True
        for before, after in moved:
            self._move_in_archives(source, before, after)

    def _reaches_archives(self, listed: Iterable[tuple[dict[str, str], Row]]) -> bool:
        return any(self._archive.reaches(slugs, seen_of(row)) for slugs, row in listed)

    def _move_in_archives(self, source: KnownSource, before: KnownEntry | None, after: KnownEntry) -> None:
        if before is not None and before.same_as == after.same_as and facts(before) == facts(after):
            return
        place = (source.source_id, after.key)
        try:
            old, new = self._pages_of(source, before), self._pages_of(source, after)
            alone = before is not None and not self._together(place) and _is_shown(before) and _is_shown(after)
            was = (
                sign(before, source.about)
                if alone and before is not None and list(old) == list(new) == [after.key]
                else None
            )
            for key in {**old, **new}:
                self._archive.move((source.source_id, key), old.get(key, {}), new.get(key, {}), was)
            for other in self._together(place):
                if other != place and (file := self._readable(other[0])):
                    for key, pages in self._pages_of(file.known, file.known.entries.get(other[1])).items():
                        self._archive.move((other[0], key), pages, pages)
        except (OSError, ValueError):
            # The commit stands; which entries are on which page has to be found out again.
            self._in_doubt = True

    def _loaded_index(self) -> Index:
        if self._index is None:
            self._index = self._read_index()
            if self._index is None and not self._read_only:
                self._recover(in_doubt=True)
        if self._index is None:
            self._index = self._built_index()
        return self._index

    def _has_index(self) -> bool:
        """Whether there is one for these sources and category names; a round that changes nothing never reads it."""
        try:
            with (self._folder / "index.json").open("rb") as file:
                return file.readline().rstrip() == self._made_for().encode()
        except OSError:
            return False

    def _read_index(self) -> Index | None:
        """None when it is missing, damaged, or was made for other sources or category names."""
        try:
            made_for, _, body = (self._folder / "index.json").read_bytes().partition(b"\n")
            if made_for != self._made_for().encode():
                return None
            data = msgspec.json.decode(body, type=_Document)
            self._archive.ends = data.archives
            self._twins = Twins.load(data.twins)
            return Index(self._keep, self._archive.ends, data.feeds, data.sources)
        except (OSError, ValueError):
            return None

    def _made_for(self) -> str:
        merged = [feed.digest for feed in self._merged.values()]
        made_for = [self._categories.digest, str(self._keep), self._rendering, *merged, *sorted(self._sources)]
        return digest(*made_for, *self._shown_as())

    def _shown_as(self) -> list[str]:
        """How edits are shown, of each source where that is not as usual."""
        found = (f"{name} {r.shown} {r.marked}" for name, r in self._edits.items() if r.marked or r.shown != "in-place")
        return sorted(found)

    def _built_index(self) -> Index:
        self._index_changed = True
        if not self._read_only:
            self._fragments.forget()
        seen: list[tuple[datetime, str, KnownEntry]] = []
        abouts: dict[str, About] = {}
        listed: list[tuple[dict[str, str], Row]] = []
        paged: dict[str, list[Known]] = defaultdict(list)
        for source_id in self._stored_sources():
            file = self._readable(source_id)
            if file is None:
                continue
            self._schedule(source_id, file)
            if source_id in self._listed:
                abouts[source_id] = file.known.about
                for known in file.known.entries.values():
                    listed += self._rows_of(file.known, known)
                    seen.append((known.first_seen, source_id, known))
                    for pages in self._pages_of(file.known, known).values():
                        for name, at in pages.items():
                            paged[name].append((at, known.withdrawn is None))
        self._twins = Twins()
        place = {source_id: number for number, source_id in enumerate(self._sources)}
        for _, source_id, known in sorted(seen, key=lambda one: (one[0], place[one[1]])):
            self._twins.add(source_id, known)
        self._archive.recall()
        self._archive.thin_out(paged, write=not self._read_only)
        index = Index(self._keep, self._archive.ends)
        index.add(listed)
        signs = {
            (source_id, one.key): sign(one, abouts[source_id])
            for _, source_id, known in (seen if self._archive.ends else ())
            for one in self._editions(source_id, known)
        }

        def signs_of(name: str, at: Place) -> list[int]:
            places = self._together(at) if _is_feed(name) else []
            return [signs[one] for one in places or [at] if one in signs]

        self._archive.fill(paged, signs_of, write=not self._read_only)
        return index

    def _stored_sources(self) -> list[str]:
        found = (path.name for path in (self._folder / "sources").glob("*.json*"))
        return sorted({name.removesuffix(".bak").removesuffix(".json") for name in found if ".corrupt-" not in name})

    def elsewhere(self, source_id: str, entry: Entry) -> Place | None:
        self._loaded_index()
        return self._twins.elsewhere(source_id, entry)

    def twins(self, source_id: str, key: str) -> Sequence[Place]:
        self._loaded_index()
        return [place for place in self._together((source_id, key)) if place != (source_id, key)]

    def changes_of(self, source_id: str, key: str) -> Sequence[Change]:
        file = self._readable(source_id)
        events = file.events.values() if file else ()
        return [event for event in events if isinstance(event, Change) and event.key == key]

    def _together(self, place: Place) -> list[Place]:
        """The first entry of a post and the later ones, where there are several."""
        if not self._twins.shares(place):
            return []
        first = self._twins.first(place)
        later = self._twins.later(first)
        return [first, *later] if later else []

    def _published_entry(self, slug: str, at: Place, *, as_is: bool = False) -> PublishedEntry | None:
        """What a place stands for; in feeds of several sources all that its post says in any of them, under one id.

        None for an edit of what is not the first live entry of its post: what that one says is shown, and so its edits.
        With `as_is` an entry says what it says now, however its edits are shown.
        """
        source_id, key = place = (at[0], key_of(at[1]))
        members = [] if slug.startswith(_OF_SOURCE) else self._members(place)
        live = [one for one in members if one[1].withdrawn is None and one[0][0] in self._listed]
        if at != place and live and live[0][0] != place:
            return None
        known = self.known(source_id).entries[key]
        atom_id = _published_as(members) or known.atom_id
        known = known if known.atom_id == atom_id else replace(known, atom_id=atom_id)
        if slug.startswith(_EDITED):
            one = newest(known)
        elif at != place or not live:
            one = edition(known, at[1], self._shown(source_id, as_is=as_is))
        else:
            source_id = live[0][0][0]
            firsts = [editions(row, self._shown(of[0], as_is=as_is))[0] for of, row in live]
            whole = together(firsts[0].known, [other.known for other in firsts[1:]])
            whole = whole if whole.atom_id == atom_id else replace(whole, atom_id=atom_id)
            one = Edition(whole, firsts[0].edit)
        categories = self._named(one.known.entry.categories)
        return PublishedEntry(one.known, source_id, self.known(source_id).about, categories, one.edit)

    def _named(self, categories: tuple[Category, ...]) -> tuple[tuple[str, str], ...]:
        """Slug and title of each category feed that carries entries with these."""
        return tuple(self._categories.resolve(categories).items())

    def _shown(self, source_id: str, *, as_is: bool = False) -> EditsShown:
        rules = self._edits.get(source_id)
        return "in-place" if as_is or rules is None else rules.shown

    def _members(self, place: Place) -> list[tuple[Place, KnownEntry]]:
        """The entries of a post, the first one first."""
        places = [one for one in self._together(place) if self._readable(one[0])]
        found = [(one, row) for one in places if (row := self.known(one[0]).entries.get(one[1]))]
        return [(one, row) for one, row in found if row.same_as is None]


def _published_as(members: Sequence[tuple[Place, KnownEntry]]) -> str | None:
    """The atom:id of a post: that of its first entry, even when its source is gone."""
    bonds = [row.twin_of.atom_id for _, row in members if row.twin_of]
    return bonds[0] if bonds else members[0][1].atom_id if members else None


def _is_shown(row: KnownEntry) -> bool:
    """Whether an entry shows what it says, and shows something."""
    return row.withdrawn is None and row.same_as is None


def _of_entries(rows: Iterable[Row]) -> list[Row]:
    """Those that are no edits."""
    return [row for row in rows if key_of(row[4]) == row[4]]


def _is_feed(slug: str) -> bool:
    """Whether a head is that of a category feed."""
    return "@" not in slug


def _taken(folder: Path) -> contextlib.AbstractContextManager[None]:
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise NoStateFolder(
            f"{folder}: the state folder cannot be made ({error.strerror}); make it, or name another with --state-dir"
        ) from error
    return files.lock(folder / LOCK)


def _order(claim: Claim) -> tuple[datetime, datetime, int, str]:
    revision = claim.event.revision if isinstance(claim.event, Change) else 0
    return claim.delivery.due, claim.event.at, revision, claim.delivery.id


def _group(claim: Claim) -> tuple[str, ...] | None:
    """What the deliveries of one grouped message have in common, or None."""
    message_id = claim.delivery.message_id
    return (message_id,) if message_id else gathering(claim.delivery, claim.source_id)

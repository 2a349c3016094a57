"""The embedded store: one TinyDB database a source, and in small files beside what is made of all of them.

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
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from feedwatch import files
from feedwatch.categories import Categories
from feedwatch.errors import NoStateFolder, StoreError
from feedwatch.model import Commit, EditRules, Entry, Fragment
from feedwatch.selection import Merged
from feedwatch.store import LOCK, OWN, Outline, Place, Unpublished
from feedwatch.store.derived import Derived
from feedwatch.store.heads import Heads
from feedwatch.store.index import is_feed
from feedwatch.store.openfiles import OpenFiles
from feedwatch.store.outbox import Outbox
from feedwatch.store.polls import States, load, save
from feedwatch.store.posts import Posts
from feedwatch.store.stale import Stale
from feedwatch.store.upkeep import Upkeep


class TinyStore:
    """See `feedwatch.store.Store`. `sources` are the ids the configuration knows; others keep their files. `edits` says
    how edits of a source are shown. When that or `rendering` is another one than before, every feed could be stale.

    With `read_only` it takes no lock, mends nothing and writes nothing: for looking beside a running service.

    It knows in which order its parts act; what one part answers alone is that part's own method.
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
        self._read_only = read_only
        self._lock = contextlib.ExitStack()
        if not read_only:
            self._lock.enter_context(_taken(folder))
        try:
            polls, listed = load(folder / "polls.json"), tuple(sources)
            self._heads = heads = Heads(categories, merged, edits or {})
            self._stale = stale = Stale()
            self._states = states = States(polls.states, listed)
            self._files = opened = OpenFiles(folder, stale, states.vouch_for_nothing, stamp=stamp, read_only=read_only)
            self._outbox = outbox = Outbox(opened, polls.outbox, polls.backlog)
            self._derived = derived = Derived(
                folder, listed, heads, opened, outbox, stale, limit=limit, rendering=rendering, read_only=read_only
            )
            self._archive = archive = derived.archive
            self._upkeep = Upkeep(heads, opened, derived, stale, limit)
            posts = Posts(heads, opened, derived, stale, frozenset(listed))
            opened.warnings += [polls.warning] if polls.warning else []
            if not read_only:
                derived.recover(in_doubt=not polls.whole)
        except BaseException:
            self._lock.close()
            raise
        # As they are, not handed on: some are called for each of thousands of entries.
        self.due, self.state, self.remember = states.queue.due, states.state, states.remember
        self.known, self.together = opened.known, opened.together
        self.latest, self.withdrawn, self.edited = posts.latest, posts.withdrawn, posts.edited
        self.shown, self.version, self.dates = posts.shown, posts.version, posts.dates
        self.standing, self.places = posts.standing, posts.places
        self.standing_at, self.first_standing = posts.standing_at, posts.first_standing
        self.changed, self.rendered = archive.changed, archive.rendered
        self.claim, self.waiting, self.settle = outbox.claim, outbox.waiting, outbox.settle
        self.outbox, self.outbox_of, self.backlog = outbox.kept, outbox.kept_of, outbox.backlog
        self.events, self.events_of, self.changes_of = outbox.events, outbox.events_of, outbox.changes_of
        self.incidents = outbox.incidents

    # --- what is written ---

    def commit(self, commit: Commit) -> None:
        file, index = self._files.file(commit.source_id), self._derived.index()
        self._stale.commits += 1
        if commit.about != file.known.about:
            self._upkeep.look_otherwise(file.known)
        before = {row.key: file.known.entries.get(row.key) for row in commit.entries}
        with self._files.writing(commit.source_id):
            file.commit(commit)
        self._upkeep.reindex(index, file.known, [(before[row.key], row) for row in commit.entries])
        if commit.source_id != OWN:
            self._stale.sources.add(commit.source_id)
        self._outbox.schedule(commit.source_id, file)

    def flush(self) -> None:
        if self._stale.is_behind:
            # Validators must not outlive feeds that never showed what they vouch for.
            return
        # Nor entries that are not durable yet.
        self._files.complete()
        self._derived.flush()
        save(self._folder / "polls.json", self._states.all, self._outbox.times, self._outbox.backlogs)

    # --- what feeds are made of ---

    def unpublished(self) -> Unpublished:
        # Feeds must not show what is not durable.
        self._files.complete()
        self._stale.in_doubt = self._stale.in_doubt or not self._archive.is_whole()
        self._make_certain()
        self._upkeep.close_pages()
        return Unpublished(frozenset(self._stale.slugs), frozenset(self._stale.sources), frozenset(self._archive.stale))

    def publish_anew(self) -> None:
        self._derived.recover(in_doubt=True)
        self._archive.make_all_anew()

    def published(self, done: Unpublished) -> None:
        self._stale.slugs -= done.slugs
        if not self._stale.slugs:
            self._derived.fragments.published()
        self._stale.sources -= done.sources
        self._archive.published(done.pages)

    def fragments(self, slug: str) -> Mapping[Place, Fragment]:
        self._derived.index()
        return self._derived.fragments.of(slug)

    def keep_fragments(self, slug: str, fragments: Mapping[Place, Fragment]) -> None:
        self._derived.fragments.keep(slug, fragments)

    def archived(self, name: str) -> int:
        self._derived.index()
        return self._archive.count(name)

    def in_time(self, pages: Iterable[tuple[str, int]]) -> list[tuple[str, int]]:
        self._derived.index()
        return sorted(pages, key=lambda page: (self._archive.ends.get(page[0], [])[page[1] - 1 : page[1]], page))

    def rows(self, page: tuple[str, int]) -> Sequence[Place]:
        self._derived.index()
        try:
            return self._archive.rows(page)
        except (OSError, ValueError) as error:
            self._stale.in_doubt = True
            raise StoreError(f"{self._archive.folder}: a page cannot be read ({error}); it is made again") from error

    def feeds(self) -> Mapping[str, tuple[str, int]]:
        heads = self._derived.index().heads.items()
        return {s: (h.title, h.count) for s, h in heads if is_feed(s) and not self._heads.is_private(s)}

    def sources(self) -> Mapping[str, tuple[str, int]]:
        return self._derived.index().sources

    def outline(self, source_id: str) -> Outline:
        title, count = self._derived.index().sources.get(source_id, ("", 0))
        return Outline(title, count)

    def elsewhere(self, source_id: str, entry: Entry) -> Place | None:
        # Which posts are one is found out once, when they are first seen.
        self._make_certain()
        self._derived.index()
        return self._derived.twins.elsewhere(source_id, entry)

    def twins(self, source_id: str, key: str) -> Sequence[Place]:
        self._derived.index()
        return [place for place in self._derived.twins.all_of((source_id, key)) if place != (source_id, key)]

    def _make_certain(self) -> None:
        if self._stale.in_doubt:
            self._derived.recover(in_doubt=True)
            self._stale.in_doubt = False

    # --- life ---

    def warnings(self) -> Sequence[str]:
        found, self._files.warnings = self._files.warnings, []
        return found

    def close(self) -> None:
        """Leaves the folder clean when everything is published; otherwise the next start makes up for it."""
        try:
            if not self._read_only and not self._stale.is_behind:
                self.flush()
                # Pages that are behind are found again by what they show.
                if self._files.is_unclean() and not self._archive.stale:
                    self._files.mark_clean()
        except OSError as error:
            why = error.strerror or error
            raise StoreError(f"{self._folder}: cannot be written ({why}); the next start makes up for it") from error
        finally:
            self._lock.close()


def _taken(folder: Path) -> contextlib.AbstractContextManager[None]:
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise NoStateFolder(
            f"{folder}: the state folder cannot be made ({error.strerror}); make it, or name another with --state-dir"
        ) from error
    return files.lock(folder / LOCK)

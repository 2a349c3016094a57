"""What is said of a source becomes what is known of it: known → compared → told once → committed, each time as one call
on the store's thread."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime, timedelta

from msgspec.structs import replace

from feedwatch.config_build import Config
from feedwatch.differ.diff import Diff, unchanged
from feedwatch.differ.followed import Look, looked
from feedwatch.differ.trust import Taken
from feedwatch.model import About, KnownSource, PollState, Quarantine, Reading, Selectors, Source
from feedwatch.once import told_once
from feedwatch.poller.schedule import EVERY
from feedwatch.publishing import Publishing
from feedwatch.routes import caught_up
from feedwatch.store import Store
from feedwatch.taking import commit_of, compared, taken

#: After so long without a poll there is something to catch up with; and how long it takes to hear all sources then.
_AWAY, _HEARD = timedelta(days=2), timedelta(minutes=10)


class Recording:
    """Its methods are called on the store's thread, and raise StoreError and OSError as the store does.

    The time is that of the commit: archives are in the order in which commits are made.
    """

    def __init__(self, config: Config, publishing: Publishing, clock: Callable[[], datetime]) -> None:
        self._config = config
        self._publishing = publishing
        self._clock = clock
        #: Whether it goes on, as the service does: then there is time to hear all sources first.
        self.lasting = False

    def reading(
        self, store: Store, source: Source, reading: Reading, state: PollState, healed: Selectors | None
    ) -> Taken | Quarantine:
        """What one poll yielded, if it is to be trusted; `healed` are the selectors that were used."""
        now, known = self._clock(), store.known(source.id)
        found = taken(self._config, known, source, reading, state, now, healed=healed != state.healed)
        if isinstance(found, Quarantine):
            return found
        away = state.last_poll is not None and now - state.last_poll > max(_AWAY, 3 * (source.every or EVERY))
        said = self._committed(store, known, source, reading.about, found.diff, away=away)
        self._publishing.recorded(source.id, first=not known.entries)
        return replace(found, diff=said)

    def unchanged(self, store: Store, source: Source) -> Diff:
        """What was missing in the last reading is missing once more."""
        known = store.known(source.id)
        found = unchanged(known, slugs_of=self._config.categories.resolve, now=self._clock())
        return self._committed(store, known, source, known.about, found)

    def page(self, store: Store, source: Source, reading: Reading) -> Diff:
        """A page of the archive: what is on it is no news."""
        known = store.known(source.id)
        found = compared(self._config, known, source, reading, self._clock(), archive=True)
        return self._committed(store, known, source, known.about, found)

    def looks(self, store: Store, source: Source, looks: Mapping[str, Look]) -> Diff:
        """What entries' own pages say, by the entries' keys."""
        known = store.known(source.id)
        pairs = [(known.entries[key], look) for key, look in looks.items()]
        slugs_of, now = self._config.categories.resolve, self._clock()
        found = looked(known, pairs, slugs_of=slugs_of, rules=source.edits, now=now)
        return self._committed(store, known, source, known.about, found)

    def _committed(
        self, store: Store, known: KnownSource, source: Source, about: About, found: Diff, *, away: bool = False
    ) -> Diff:
        """`found` without what was told of the same post elsewhere. `away`: nobody looked for so long that what there
        is to say of all sources is said in one message."""
        said, only = told_once(store, self._config.routes, source.id, found)
        commit = commit_of(self._config, known, source, about, said, only)
        if commit is None:
            return said
        if away and commit.deliveries:
            rows = caught_up(commit.deliveries, self._clock(), _HEARD if self.lasting else timedelta())
            commit = replace(commit, deliveries=rows)
        store.commit(commit)
        return said

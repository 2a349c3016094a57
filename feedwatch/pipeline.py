"""The way of one entry, in order: poll, read, compare, commit, publish, send. No rules of its own."""

from __future__ import annotations

import contextlib
import functools
import logging
from collections import Counter
from collections.abc import AsyncIterator, Callable
from datetime import datetime, timedelta
from typing import Protocol, TypeVar

from msgspec.structs import replace

from feedwatch.alerts.incidents import Incidents
from feedwatch.alerts.outbox import Outbox, Sent
from feedwatch.canonical import body_digest, host_of
from feedwatch.config import reading_digest
from feedwatch.config_build import Config
from feedwatch.differ.diff import Diff, unchanged
from feedwatch.differ.followed import first_due, looked
from feedwatch.differ.trust import Taken
from feedwatch.errors import NotPublished, StoreError
from feedwatch.following import Follower, Spent
from feedwatch.generator.publish import Publisher
from feedwatch.healing import Healer, as_healed
from feedwatch.model import (
    About,
    Failure,
    Fetched,
    Incident,
    KnownSource,
    NotModified,
    PollState,
    Quarantine,
    Reading,
    Selectors,
    Source,
    SourceReport,
)
from feedwatch.once import Only, told_once
from feedwatch.paging import Further, Page, Reader, further_pages, joined, page_after
from feedwatch.poller import aftermath
from feedwatch.poller.aftermath import Recorded, Repeated, Result
from feedwatch.poller.fetch import Driven
from feedwatch.poller.schedule import EVERY, asked_with, held_until, may_poll_now, phase, settled
from feedwatch.responses import Responses
from feedwatch.routes import caught_up
from feedwatch.store import Store, Unpublished
from feedwatch.storethread import StoreThread
from feedwatch.taking import commit_of, compared, taken
from feedwatch.troubles import troubled, troubles
from feedwatch.websub import Hub

log = logging.getLogger(__name__)

T = TypeVar("T")

#: After so long without a poll there is something to catch up with; and how long it takes to hear all sources then.
_AWAY, _HEARD = timedelta(days=2), timedelta(minutes=10)
#: Pages of archives that are rendered at a time; and sources seen for the first time after which those that are closed
#: by then are rendered.
_PAGES, _EARLY = 20, 16
#: So many overdue sources can all be polled at once.
_FEW = 20


class Poller(Further, Protocol):
    async def poll(self, source: Source, state: PollState) -> Driven: ...


class Pipeline:
    def __init__(
        self,
        config: Config,
        store: StoreThread,
        poller: Poller,
        reader: Reader,
        healer: Healer,
        follower: Follower,
        publisher: Publisher,
        outbox: Outbox,
        incidents: Incidents,
        responses: Responses,
        hub: Hub | None = None,
        *,
        clock: Callable[[], datetime],
    ) -> None:
        self._config = config
        self._store = store
        self._poller = poller
        self._reader = reader
        self._healer = healer
        self._follower = follower
        self._publisher = publisher
        self._outbox = outbox
        self._incidents = incidents
        self._responses = responses
        self._hub = hub
        self._clock = clock
        #: What the feed of incidents shows; there is none before the first incident.
        self._shown_incidents: tuple[Incident, ...] = ()
        #: Whether a poll failed since the last look for troubles, and whether that look found any.
        self._failed, self._troubled = True, True
        #: Whether it goes on, as the service does: then there is time to hear all sources first.
        self._lasting = False
        #: Feeds of sources that were written since the last publishing.
        self._written: list[str] = []
        #: Sources that were just recorded, and whether they were seen for the first time; of those, how many since
        #: pages of archives were rendered.
        self._fresh: dict[str, bool] = {}
        self._first_seen = 0
        #: Until when each host wants to be left alone.
        self._holds: dict[str, datetime] = {}

        store.afterwards = self._publish_fresh

    def begin(self, store: Store) -> None:
        """To be called once, before the first poll: what was read under another configuration of a source says
        nothing about this one, so all of it is asked for again, at once, even after a 410. Where the public folder is
        gone, all feeds are to be made anew."""
        for source in self._config.sources:
            config_digest = reading_digest(source)
            if store.state(source.id).config_digest != config_digest:
                store.remember(source.id, PollState(config_digest=config_digest))
            elif not source.heal and (state := store.state(source.id)).healed:
                store.remember(source.id, replace(state, healed=None))
            self._hold(source, store.state(source.id))
        if not self._publisher.is_published():
            # A backup need not have it, and nothing has to be polled for it.
            store.publish_anew()

    def _hold(self, source: Source, state: PollState) -> None:
        """RFC 9110 §10.2.3: who asks to be left alone means the whole service, not one address of it."""
        host = host_of(source.url)
        if state.not_before and host:
            self._holds[host] = max(state.not_before, self._holds.get(host, state.not_before))

    async def settle_clock(self) -> None:
        """Puts due times right after the clock jumped, the machine slept or the service was down."""

        def work(store: Store) -> None:
            now = self._clock()
            states = {source.id: store.state(source.id) for source in self._config.sources}
            overdue = sum(state.next_poll is not None and state.next_poll < now for state in states.values())
            for source_id, state in states.items():
                after = settled(source_id, state, now, spread=overdue > _FEW)
                if after != state:
                    store.remember(source_id, after)

        await self._store.run(work)

    def held(self, source: Source) -> str | None:
        """Why this source must not be asked now, even by hand: its origin said so."""
        return self._held(source, self._store.state(source.id))

    def _held(self, source: Source, state: PollState) -> str | None:
        until = self._holds.get(host_of(source.url))
        return may_poll_now(state, self._clock()) or (held_until(until) if until and self._clock() < until else None)

    async def poll_now(self, source: Source) -> SourceReport:
        """As `poll`, by hand: a source that is held has failed."""
        state = self._store.state(source.id)
        if reason := self._held(source, state):
            return SourceReport(source.id, "failed", error=reason)
        return await self._poll(source, state)

    async def poll(self, source: Source) -> SourceReport:
        """One poll of one source, up to its commit. Never raises for what a source can cause.

        While its host wants to be left alone (it said so to any of its sources) nothing is asked.
        """
        return await self._poll(source, self._store.state(source.id))

    async def _poll(self, source: Source, state: PollState) -> SourceReport:
        until = self._holds.get(host_of(source.url))
        if until is not None and self._clock() < until:
            spread = phase(source.id) * (until - self._clock()) / 10
            waiting = replace(state, next_poll=until + spread, set_by="Retry-After of its host")
            await self._beside(lambda store: store.remember(source.id, waiting))
            return SourceReport(source.id, "unchanged", None, state.entries, notes=(held_until(until),))
        driven = await self._poller.poll(source, asked_with(source.id, state, self._clock()))
        answer = driven.outcome
        result: Result = await self._taken_in(source, state, answer) if isinstance(answer, Fetched) else answer
        if isinstance(result, NotModified) and state.missing:
            result = await self._repeated(source, result)
        more = (result.requests, result.received) if isinstance(result, Recorded) else (0, 0)
        requests, received = driven.requests + more[0], driven.received + more[1]
        after = aftermath.after(source, state, result, self._clock(), requests=requests, received=received)
        self._hold(source, after)
        await self._beside(lambda store: store.remember(source.id, after))
        report = aftermath.report(source, state, result)
        if source.follow and report.status in ("ok", "unchanged"):
            report = await self._look_around(source, after, report)
        self._failed |= report.status in ("failed", "quarantined") or after.healed != state.healed
        _log(report)
        return report

    async def _beside(self, work: Callable[[Store], None]) -> None:
        """What stands although something else that was to become durable together with it does not: who asked for that
        is told."""
        with contextlib.suppress(StoreError, OSError):
            await self._store.run(work)

    async def _taken_in(self, source: Source, state: PollState, fetched: Fetched) -> Recorded | NotModified | Failure:
        if state.body_digest and body_digest(fetched.body) == state.body_digest:
            return NotModified(fetched.status, fetched.validators, fetched.url, fetched.trail)
        now = self._clock()
        try:
            known = functools.partial(self._store.run, lambda store: store.known(source.id))
            reading, healed = await self._healer.read(fetched, source, state, known, now)
            if isinstance(reading, Failure):
                return reading
            if source.pages > 1 and (more := page_after(source, reading, 2)):
                reading = await self._read_on(as_healed(source, healed), reading, more)
            spent = Spent()
            if source.follow:
                reading = await self._with_articles(source, reading, spent)
            found = await self._store.run(lambda store: self._record(store, source, reading, state, healed))
        except (StoreError, OSError) as error:
            return Failure("store", str(error), fetched.status)
        if isinstance(found, Quarantine):
            return Failure("doubted", f"{found.detail}; nothing was taken in", fetched.status, quarantine=found)
        changed = bool(found.diff.rows)
        await self._beside(lambda _: self._responses.keep(source, fetched, now, changed=changed))
        return Recorded(fetched, reading, found.diff, found.rushing, spent.requests, spent.received, healed)

    async def _with_articles(self, source: Source, reading: Reading, spent: Spent) -> Reading:
        known = await self._store.run(lambda store: store.known(source.id))
        if known.config_digest != reading_digest(source):
            return reading
        return await self._follower.before(source, known, reading, spent)

    async def _look_around(self, source: Source, state: PollState, report: SourceReport) -> SourceReport:
        """Looks at entries' own pages that are due, and records what they say; the report with that in it."""
        if state.next_look is not None and self._clock() < state.next_look:
            return report
        spent = Spent()

        def record(store: Store) -> Diff:
            known = store.known(source.id)
            pairs = [(known.entries[key], look) for key, look in looks.items()]
            slugs_of, now = self._config.categories.resolve, self._clock()
            found = looked(known, pairs, slugs_of=slugs_of, rules=source.edits, now=now)
            found, only = told_once(store, self._config.routes, source.id, found)
            self._commit(store, known, source, known.about, found, only)
            return found

        def look_again(store: Store) -> None:
            again = first_due(store.known(source.id))
            requests, received = state.requests + spent.requests, state.received + spent.received
            store.remember(source.id, replace(state, next_look=again, requests=requests, received=received))

        try:
            known = await self._store.run(lambda store: store.known(source.id))
            looks = await self._follower.after(source, known, spent)
            found = await self._store.run(record)
        except (StoreError, OSError) as error:
            return replace(report, notes=(*report.notes, f"what the entries' own pages say was not stored ({error})"))
        await self._beside(look_again)
        return replace(report, changes=(*report.changes, *found.changes), notes=(*report.notes, *found.notes))

    async def _repeated(self, source: Source, answer: NotModified) -> Repeated | Failure:
        try:
            return Repeated(answer, await self._store.run(functools.partial(self._unchanged, source)))
        except (StoreError, OSError) as error:
            return Failure("store", str(error), answer.status)

    async def _read_on(self, source: Source, first: Reading, url: str) -> Reading:
        """`first` and the pages after it, as long as no entry on the last one is known."""
        known = await self._store.run(lambda store: store.known(source.id))
        ids = set(known.entries).union(*(row.aliases for row in known.entries.values()))
        more: list[Reading] = []
        if not ids.isdisjoint(entry.id for entry in first.entries):
            return first
        async for page in self._further(source, url, 2, source.pages, first.rule):
            if isinstance(page.result, Failure):
                note = f"page {page.number} could not be read ({page.result.detail})"
                return replace(joined(first, more), complete=False, notes=(*first.notes, note))
            more.append(page.result)
            if not ids.isdisjoint(entry.id for entry in page.result.entries):
                break
        return joined(first, more)

    def _further(self, source: Source, url: str, number: int, pages: int, rule: tuple[str, ...]) -> AsyncIterator[Page]:
        return further_pages(
            self._poller, self._reader, source, url, rule=rule, clock=self._clock, number=number, pages=pages
        )

    async def backfill(self, source: Source, pages: int) -> AsyncIterator[tuple[Page, int]]:
        """Reads the archive of a source that was polled, from its second page or from where it was interrupted, up to
        the `pages`-th; each page and how many of its entries were not known. They are no news. Raises StoreError."""
        state = await self._store.run(lambda store: store.state(source.id))
        url = source.page_url.replace("{page}", "2") if source.page_url else state.next_page
        at = state.backfill or ((url, 2) if url else None)
        if at is None:
            return
        async for page in self._further(as_healed(source, state.healed), *at, pages, state.rule):
            if isinstance(page.result, Failure):
                yield page, 0
                return
            following = page_after(source, page.result, page.number + 1)
            place = (following, page.number + 1) if following else None
            found = await self._store.run(functools.partial(self._keep_page, source, page.result))
            # Read twice is better than skipped: not before the page is stored.
            await self._store.run(functools.partial(self._go_on_at, source, place))
            yield page, found.discovered

    def _go_on_at(self, source: Source, place: tuple[str, int] | None, store: Store) -> None:
        store.remember(source.id, replace(store.state(source.id), backfill=place))

    def _keep_page(self, source: Source, reading: Reading, store: Store) -> Diff:
        """Stores a page of the archive."""
        known = store.known(source.id)
        found = compared(self._config, known, source, reading, self._clock(), archive=True)
        found, only = told_once(store, self._config.routes, source.id, found)
        self._commit(store, known, source, known.about, found, only)
        return found

    async def publish(self) -> list[str]:
        """Renders the feeds that changed, then keeps the poll states: validators become durable only after
        the feeds show what they vouch for. Returns the files written, relative to the public folder.

        Raises NotPublished, StoreError; it is made up for by the next one.
        """
        try:
            return await self._published()
        except OSError as error:
            raise NotPublished(f"feeds could not be written ({error}); the old ones stay") from error

    async def _published(self) -> list[str]:
        await self._judge()
        written: list[str] = []
        # Not all at once: an archive may have thousands, and others wait for the store's thread.
        while await self._store.run(functools.partial(self._publish_pages, written)):
            pass
        written += await self._store.run(self._publish)
        if self._hub is not None:
            self._hub.tell(written)
        return written

    async def _judge(self) -> None:
        """Says what is wrong with the sources, where that changed. It looks at all of them, so only when any fails."""
        if not self._failed and not self._troubled:
            return
        self._failed = False
        states = await self._store.run(lambda store: {s.id: store.state(s.id) for s in self._config.sources})
        found = troubles(self._config.sources, states)
        bad = [source for source in self._config.sources if troubled(states[source.id])]
        self._troubled = True
        await self._incidents.judge(found, {s.id for s in bad} | {host_of(s.url) for s in bad}, self._clock())
        self._troubled = bool(bad)

    async def deliver(self) -> Sent:
        """Sends what is due, and waits for it."""
        return await self._outbox.drain()

    async def gone_routes(self) -> frozenset[str]:
        """Routes that are switched off because their receiver is gone."""
        return await self._incidents.gone_routes(self._clock())

    @property
    def sent(self) -> Sent:
        """What became of deliveries since the start."""
        return self._outbox.sent

    async def enable(self, route_id: str) -> bool:
        """Switches such a route on again; False when it was not off."""
        return await self._incidents.enable(route_id, self._clock())

    async def start_deliveries(self) -> None:
        """Sends what is due, beside everything else."""
        self._lasting = True
        await self._outbox.start()

    async def stop_deliveries(self, grace: float) -> None:
        """Lets what is being sent finish for `grace` seconds."""
        await self._outbox.stop(grace)

    def _publish_pages(self, written: list[str], store: Store) -> bool:
        """Renders some pages of archives, when many changed; whether there are more."""
        pages = store.unpublished().pages
        if len(pages) <= _PAGES:
            return False
        stale = store.in_time(pages)
        written += self._publisher.publish_pages(stale[:_PAGES])
        store.published(Unpublished(pages=frozenset(stale[:_PAGES])))
        return True

    def _publish(self, store: Store) -> list[str]:
        for warning in store.warnings():
            log.error(warning)
        stale = store.unpublished()
        written, self._written = self._written, []
        if stale != Unpublished() or written:
            # Pages first: a feed must not lead to one that is not there.
            written += self._publisher.publish_pages(stale.pages)
            written = sorted(written + self._publisher.publish(stale.slugs, stale.sources))
            store.published(stale)
        incidents = tuple(store.incidents())
        if incidents != self._shown_incidents:
            written += self._publisher.publish_incidents(incidents)
            self._shown_incidents = incidents
        store.flush()
        return written

    def _record(
        self,
        store: Store,
        source: Source,
        reading: Reading,
        state: PollState,
        healed: Selectors | None,
    ) -> Taken | Quarantine:
        """known → diff → trust → routes → commit, as one call on the store's thread."""
        # Not when it was fetched: archives are in the order in which commits are made.
        now = self._clock()
        known = store.known(source.id)
        found = taken(self._config, known, source, reading, state, now, healed=healed != state.healed)
        if isinstance(found, Taken):
            said, only = told_once(store, self._config.routes, source.id, found.diff)
            found = replace(found, diff=said)
            away = state.last_poll is not None and now - state.last_poll > max(_AWAY, 3 * (source.every or EVERY))
            self._commit(store, known, source, reading.about, found.diff, only, away=away)
            self._fresh[source.id] = not known.entries
        return found

    def _publish_fresh(self, store: Store) -> None:
        """Renders the own feeds of sources while their entries are at hand: later their files would have to be read
        again. In a first round of many sources, pages of archives too, now and then.

        What fails here, and a feed with an archive, whose pages come first, is left to the publishing that follows.
        """
        fresh, self._fresh = self._fresh, {}
        limit = self._config.entries_per_feed
        try:
            for source_id in fresh:
                if 0 < store.outline(source_id).count <= limit:
                    self._written += self._publisher.publish_source(source_id)
                    store.published(Unpublished(sources=frozenset({source_id})))
            self._first_seen += sum(fresh.values())
            if self._first_seen >= _EARLY:
                self._first_seen = 0
                stale = store.unpublished().pages
                self._written += self._publisher.publish_pages(stale)
                store.published(Unpublished(pages=stale))
        except (OSError, StoreError) as error:
            log.debug("feeds are written later (%s)", error)
        except Exception:  # what was stored is stored, and those who wait for that must hear it
            log.exception("feeds of %s could not be written", ", ".join(fresh))

    def _commit(
        self,
        store: Store,
        known: KnownSource,
        source: Source,
        about: About,
        found: Diff,
        only: Only,
        *,
        away: bool = False,
    ) -> None:
        """`away`: nobody looked for so long that what there is to say of all sources is said in one message."""
        commit = commit_of(self._config, known, source, about, found, only)
        if commit is not None and away and commit.deliveries:
            rows = caught_up(commit.deliveries, self._clock(), _HEARD if self._lasting else timedelta())
            commit = replace(commit, deliveries=rows)
        if commit is not None:
            store.commit(commit)

    def _unchanged(self, source: Source, store: Store) -> Diff:
        """What was missing in the last reading is missing once more."""
        known = store.known(source.id)
        found = unchanged(known, slugs_of=self._config.categories.resolve, now=self._clock())
        found, only = told_once(store, self._config.routes, source.id, found)
        self._commit(store, known, source, known.about, found, only)
        return found


def _log(report: SourceReport) -> None:
    level = logging.WARNING if report.error else logging.INFO
    if not log.isEnabledFor(level):
        return
    counts = Counter(change.kind for change in report.changes)
    changed = " ".join(f"{kind}={number}" for kind, number in sorted(counts.items()))
    log.log(
        level,
        "poll source=%s status=%s http=%s entries=%d %s%s",
        report.id,
        report.status,
        report.http_status,
        report.entries,
        changed,
        f"error={report.error}" if report.error else "",
    )

"""The way of one entry, in order: poll, read, compare, commit, publish, send. No rules of its own."""

from __future__ import annotations

import contextlib
import functools
import logging
from collections import Counter
from collections.abc import AsyncIterator, Callable
from datetime import datetime
from typing import Protocol, TypeVar

from msgspec.structs import replace

from feedwatch.alerts.incidents import Incidents
from feedwatch.alerts.outbox import Outbox, Sent
from feedwatch.canonical import body_digest, host_of
from feedwatch.config import reading_digest
from feedwatch.config_build import Config
from feedwatch.differ.diff import Diff
from feedwatch.differ.followed import first_due
from feedwatch.errors import NotPublished, StoreError
from feedwatch.following import Follower, Spent
from feedwatch.healing import Healer, as_healed
from feedwatch.model import (
    Failure,
    Fetched,
    NotModified,
    PollState,
    Quarantine,
    Reading,
    Source,
    SourceReport,
)
from feedwatch.paging import Further, Page, Reader, further_pages, joined, page_after
from feedwatch.poller import aftermath
from feedwatch.poller.aftermath import Recorded, Repeated, Result
from feedwatch.poller.fetch import Driven
from feedwatch.poller.schedule import asked_with, held_until, may_poll_now, phase, settled
from feedwatch.publishing import Publishing
from feedwatch.recording import Recording
from feedwatch.responses import Responses
from feedwatch.store import Store
from feedwatch.storethread import StoreThread
from feedwatch.troubles import troubled, troubles

log = logging.getLogger(__name__)

T = TypeVar("T")

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
        publishing: Publishing,
        outbox: Outbox,
        incidents: Incidents,
        responses: Responses,
        *,
        clock: Callable[[], datetime],
    ) -> None:
        self._config = config
        self._store = store
        self._poller = poller
        self._reader = reader
        self._healer = healer
        self._follower = follower
        self._publishing = publishing
        self._recording = Recording(config, publishing, clock)
        self._outbox = outbox
        self._incidents = incidents
        self._responses = responses
        self._clock = clock
        #: Whether a poll failed since the last look for troubles, and whether that look found any.
        self._failed, self._troubled = True, True
        #: Until when each host wants to be left alone.
        self._holds: dict[str, datetime] = {}

    def begin(self, store: Store) -> None:
        """To be called once, before the first poll: what was read under another configuration of a source says
        nothing about this one, so all of it is asked for again, at once, even after a 410."""
        for source in self._config.sources:
            config_digest = reading_digest(source)
            if store.state(source.id).config_digest != config_digest:
                store.remember(source.id, PollState(config_digest=config_digest))
            elif not source.heal and (state := store.state(source.id)).healed:
                store.remember(source.id, replace(state, healed=None))
            self._hold(source, store.state(source.id))
        self._publishing.begin(store)

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
            await self._beside(functools.partial(_remember, source.id, waiting, state))
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
        await self._beside(functools.partial(_remember, source.id, after, state))
        report = aftermath.report(source, state, result)
        if source.follow and report.status in ("ok", "unchanged"):
            report = await self._look_around(source, after, report)
        self._failed |= report.status in ("failed", "quarantined") or after.healed != state.healed
        _log(report)
        return report

    async def _beside(self, work: Callable[[Store], None]) -> None:
        """For what cannot fail, and stands although something else that was to become durable together with it does
        not: who asked for that is told."""
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
            found = await self._store.run(lambda store: self._recording.reading(store, source, reading, state, healed))
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

        def record(store: Store) -> tuple[Diff, datetime | None]:
            return self._recording.looks(store, source, looks), first_due(store.known(source.id))

        try:
            known = await self._store.run(lambda store: store.known(source.id))
        except (StoreError, OSError) as error:
            return _not_looked(report, error)
        looks = await self._follower.after(source, known, spent)
        try:
            found, again = await self._store.run(record)
        except (StoreError, OSError) as error:
            return _not_looked(report, error)
        requests, received = state.requests + spent.requests, state.received + spent.received
        looked = replace(state, next_look=again, requests=requests, received=received)
        await self._beside(functools.partial(_remember, source.id, looked, state))
        return replace(report, changes=(*report.changes, *found.changes), notes=(*report.notes, *found.notes))

    async def _repeated(self, source: Source, answer: NotModified) -> Repeated | Failure:
        try:
            return Repeated(answer, await self._store.run(lambda store: self._recording.unchanged(store, source)))
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
            found = await self._store.run(functools.partial(self._recording.page, source=source, reading=page.result))
            # Read twice is better than skipped: not before the page is stored.
            await self._store.run(functools.partial(self._go_on_at, source, place))
            yield page, found.discovered

    def _go_on_at(self, source: Source, place: tuple[str, int] | None, store: Store) -> None:
        store.remember(source.id, replace(store.state(source.id), backfill=place))

    async def publish(self) -> list[str]:
        """Renders the feeds that changed, and keeps the poll states. Returns the files written, relative to the public
        folder.

        Raises NotPublished, StoreError; it is made up for by the next one.
        """
        try:
            await self._judge()
            return await self._publishing.publish()
        except OSError as error:
            raise NotPublished(f"feeds could not be written ({error}); the old ones stay") from error

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
        self._recording.lasting = True
        await self._outbox.start()

    async def stop_deliveries(self, grace: float) -> None:
        """Lets what is being sent finish for `grace` seconds."""
        await self._outbox.stop(grace)


def _remember(source_id: str, state: PollState, before: PollState, store: Store) -> None:
    """Keeps a poll state that was made of the one `before`. Where the store has lost meanwhile what that one vouched
    for, what vouched for it must not come back."""
    kept = store.state(source_id)
    if (kept.validators, kept.body_digest) != (before.validators, before.body_digest):
        state = replace(state, validators=kept.validators, body_digest=kept.body_digest)
    store.remember(source_id, state)


def _not_looked(report: SourceReport, error: Exception) -> SourceReport:
    return replace(report, notes=(*report.notes, f"what the entries' own pages say was not stored ({error})"))


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

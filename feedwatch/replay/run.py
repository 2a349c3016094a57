"""Has the kept bodies read under two configurations, and compares what comes of it. Reads the disk, writes nothing."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping, Sequence
from datetime import datetime
from pathlib import Path

from msgspec import Struct, field
from msgspec.structs import replace

from feedwatch.canonical import canonical_url
from feedwatch.config import reading_digest
from feedwatch.config_build import Config
from feedwatch.model import Bond, Failure, Fetched, KnownSource, Reading, Source
from feedwatch.paging import Reader
from feedwatch.redact import Redactor
from feedwatch.replay.difference import Difference, compare
from feedwatch.replay.play import Alert, Play, Side, after_body, until
from feedwatch.responses import BadFile, Kept, Stored, asked_url, load, stored
from feedwatch.store.twins import Twins

#: Sources that are replayed at the same time: enough for all reader processes.
_AT_ONCE = 4


class Replayed(Struct):
    """What a replay came to; the lists hold ids of sources."""

    difference: Difference = field(default_factory=Difference)
    #: When each body that was replayed was read.
    times: list[datetime] = field(default_factory=list)
    #: Nothing that concerns them differs between the configurations.
    alike: list[str] = field(default_factory=list)
    #: No body of them is kept.
    without: list[str] = field(default_factory=list)
    #: They have another address in the new configuration, and what the old one said tells nothing of that.
    elsewhere: list[str] = field(default_factory=list)
    #: They have further pages, of which none are kept.
    first_page: list[str] = field(default_factory=list)
    #: Files that were skipped, a sentence each.
    skipped: list[str] = field(default_factory=list)


async def replay(
    old: Config, new: Config, state_dir: Path, reader: Reader, *, since: datetime | None, now: datetime
) -> Replayed:
    """What `new` would have made otherwise than `old` of the bodies kept since `since` (UTC; None is all of them).

    The last body from before `since` is read too: what is new is new compared with that.
    """
    return await _Replay(old, new, state_dir, reader, since, now).run()


class _Seat(Struct):
    """A configuration, its source, and what has come of that so far."""

    config: Config
    source: Source
    play: Play


class _Replay:
    def __init__(
        self, old: Config, new: Config, state_dir: Path, reader: Reader, since: datetime | None, now: datetime
    ) -> None:
        self._configs = old, new
        self._state_dir = state_dir
        self._reader = reader
        self._since = since
        self._now = now
        self._plays: tuple[dict[str, Play], dict[str, Play]] = ({}, {})
        self._found = Replayed()
        self._at_once = asyncio.Semaphore(_AT_ONCE)

    async def run(self) -> Replayed:
        ids = dict.fromkeys(source.id for config in self._configs for source in config.sources)
        await asyncio.gather(*map(self._source, ids))
        sides = zip(self._configs, self._plays, strict=True)
        old, new = (Side(config, _told_once(config, plays)) for config, plays in sides)
        self._found.difference = compare(old, new)
        return self._found

    async def _source(self, source_id: str) -> None:
        sources = [next((s for s in config.sources if s.id == source_id), None) for config in self._configs]
        asked = {
            canonical_url(asked_url(source, Redactor(config.secrets)))
            for config, source in zip(self._configs, sources, strict=True)
            if source
        }
        kept = _within(stored(self._state_dir, source_id), self._since)
        if len(asked) > 1:
            self._found.elsewhere.append(source_id)
        elif not kept:
            self._found.without.append(source_id)
        elif sources[0] == sources[1] and self._same_rest():
            self._found.alike.append(source_id)
        else:
            seats = [
                _Seat(config, source, Play(KnownSource(source_id))) if source else None
                for config, source in zip(self._configs, sources, strict=True)
            ]
            async with self._at_once:
                await self._played(source_id, [seat for seat in seats if seat], kept, asked)
            for plays, seat in zip(self._plays, seats, strict=True):
                if seat and seat.play.state.last_poll:
                    plays[source_id] = seat.play

    def _same_rest(self) -> bool:
        old, new = self._configs
        return (old.categories, old.routes) == (new.categories, new.routes)

    async def _played(self, source_id: str, seats: list[_Seat], kept: Sequence[Stored], asked: set[str]) -> None:
        read = 0
        async for one in self._loaded(kept):
            if canonical_url(one.asked) not in asked:
                continue
            read += 1
            self._found.times.append(one.at)
            await self._read(seats, one)
        for seat in seats:
            seat.play = until(seat.config, seat.source, seat.play, self._now)
        if not read:
            self._found.without.append(source_id)
        elif any(seat.source.pages > 1 for seat in seats):
            self._found.first_page.append(source_id)

    async def _loaded(self, kept: Sequence[Stored]) -> AsyncIterator[Kept]:
        for one in kept:
            try:
                found = await asyncio.to_thread(load, one)
            except BadFile as error:
                self._found.skipped.append(str(error))
                continue
            if found is not None:
                yield found

    async def _read(self, seats: list[_Seat], kept: Kept) -> None:
        fetched = Fetched(kept.url, kept.status, kept.headers, kept.body)
        results: dict[tuple[str, tuple[str, ...]], Reading | Failure] = {}
        for seat in seats:
            seat.play = until(seat.config, seat.source, seat.play, kept.at)
            rule = seat.play.state.rule
            same = reading_digest(seat.source), rule
            if same not in results:
                results[same] = await self._reader.read(fetched, seat.source, kept.at, rule)
            seat.play = after_body(seat.config, seat.source, seat.play, fetched, results[same], kept.at)


def _told_once(config: Config, plays: Mapping[str, Play]) -> dict[str, Play]:
    """Without alerts of what is news of another source that was first with the same post."""
    twins = Twins()
    place = {source.id: number for number, source in enumerate(config.sources)}
    rows = [(row, source_id) for source_id, play in plays.items() for row in play.known.entries.values()]
    for row, source_id in sorted(rows, key=lambda one: (one[0].first_seen, place[one[1]])):
        # Nothing is stored here, so the bonds are made as they would be.
        first = twins.elsewhere(source_id, row.entry)
        twins.add(source_id, replace(row, twin_of=Bond(*first, row.atom_id)) if first else row)

    def told(alert: Alert) -> bool:
        change = alert.change
        return (
            change.kind not in ("new", "edited")
            or twins.elsewhere(change.source_id, change.before or change.entry) is None
        )

    return {source_id: replace(play, alerts=tuple(filter(told, play.alerts))) for source_id, play in plays.items()}


def _within(kept: Sequence[Stored], since: datetime | None) -> Sequence[Stored]:
    if since is None:
        return kept
    before = [one for one in kept if one.at < since]
    return [*before[-1:], *(one for one in kept if one.at >= since)]

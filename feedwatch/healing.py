"""Finding a list of posts again that is not where the configuration, or the rule of earlier readings, says.

What the configuration says always comes first, so whoever mends it, or the page, is heard at the next poll.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from datetime import datetime
from typing import Protocol

from msgspec import Struct
from msgspec.structs import replace

from feedwatch.differ.recognise import Recognised, listed, recognised
from feedwatch.differ.trust import unrecognised
from feedwatch.model import Entry, Failure, Fetched, KnownEntry, KnownSource, PollState, Reading, Selectors, Source
from feedwatch.paging import Reader
from feedwatch.troubles import written


class Proposer(Protocol):
    async def propose(
        self, fetched: Fetched, source: Source, known: tuple[Entry, ...], now: datetime
    ) -> Selectors | Failure | None: ...


class Healed(Struct, frozen=True):
    """Selectors that find known entries again, what is read with them, and what that has of the known ones."""

    select: Selectors
    reading: Reading
    found: Recognised


async def heal(
    reader: Reader, proposer: Proposer, fetched: Fetched, source: Source, rows: Sequence[KnownEntry], now: datetime
) -> Healed | None:
    """Selectors for a page on which the entries of `rows` stand somewhere; whether they find enough is not judged."""
    known = tuple(replace(row.entry, content=None) for row in rows)
    select = await proposer.propose(fetched, source, known, now)
    if not isinstance(select, Selectors):
        return None
    return await _read_with(reader, fetched, source, select, rows, now)


def as_healed(source: Source, healed: Selectors | None) -> Source:
    """The source as it is to be read, where its list was found again."""
    return replace(source, select=healed) if healed else source


class Healer:
    """Reads the pages of sources; of those that want it, also when their list has moved."""

    def __init__(self, reader: Reader, proposer: Proposer) -> None:
        self._reader = reader
        self._proposer = proposer

    async def read(
        self,
        fetched: Fetched,
        source: Source,
        state: PollState,
        known: Callable[[], Awaitable[KnownSource]],
        now: datetime,
    ) -> tuple[Reading | Failure, Selectors | None]:
        """What is read, and with which selectors, where that is not what the configuration says.

        What is stored is asked for only where it decides.
        """
        reading = await self._reader.read(fetched, source, now, state.rule)
        if not source.heal or not _may_have_moved(source, state, reading):
            return reading, None
        before = await known()
        rows = listed(before)
        if not rows or (isinstance(reading, Reading) and unrecognised(before, reading) is None):
            return reading, None
        found = await _read_with(self._reader, fetched, source, state.healed, rows, now) if state.healed else None
        if found is None or not found.found.is_sure:
            found = await heal(self._reader, self._proposer, fetched, source, rows, now)
        if found is None or not found.found.is_sure:
            return reading, None
        note = (
            f"the list was found again with {written(found.select)} ({found.found.known} of {len(rows)} known entries)"
        )
        return replace(found.reading, notes=(*found.reading.notes, note)), found.select


def _may_have_moved(source: Source, state: PollState, reading: Reading | Failure) -> bool:
    """Whether nothing stands any more where the list was. A wall has no list, and what is found by the operator's own
    selectors or by the rule of before is what there is, however new."""
    if isinstance(reading, Failure):
        return reading.kind == "empty"
    return source.select is None and bool(state.rule) and reading.rule != state.rule


async def _read_with(
    reader: Reader, fetched: Fetched, source: Source, select: Selectors, rows: Sequence[KnownEntry], now: datetime
) -> Healed | None:
    reading = await reader.read(fetched, as_healed(source, select), now)
    return None if isinstance(reading, Failure) else Healed(select, reading, recognised(rows, reading.entries))

"""Following entries to their own pages: each step fetches one and has it read; what it means is decided elsewhere."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Protocol

from msgspec import Struct
from msgspec.structs import replace

from feedwatch.differ import followed
from feedwatch.differ.followed import Look
from feedwatch.differ.match import match
from feedwatch.model import (
    NO_VALIDATORS,
    Article,
    Entry,
    Failure,
    Fetched,
    Followed,
    KnownEntry,
    KnownSource,
    NotModified,
    Reading,
    Source,
    Validators,
)
from feedwatch.paging import Further

#: Pages that one poll looks at.
_AT_ONCE = 10
#: New entries whose pages are read before anybody is told of them; with more, all are told of first.
_FIRST = 3
_GONE = (404, 410)


class ArticleReader(Protocol):
    async def article(self, fetched: Fetched, title: str) -> Article | Failure: ...


class Spent(Struct):
    """What looking has cost."""

    requests: int = 0
    #: Bytes of bodies.
    received: int = 0


class Follower:
    def __init__(self, poller: Further, reader: ArticleReader, clock: Callable[[], datetime]) -> None:
        self._poller = poller
        self._reader = reader
        self._clock = clock

    async def before(self, source: Source, known: KnownSource, reading: Reading, spent: Spent) -> Reading:
        """`reading` with the whole texts of its new entries, so that whoever is told of them gets those, and with the
        addresses that their pages give, by which one that only moved is known."""
        unknown = [entry for entry, row in match(known.entries, reading.entries) if row is None and entry.link]
        if not 0 < len(unknown) <= _FIRST:
            return reading
        looked: dict[str, Followed] = {}
        entries: dict[str, Entry] = {}
        for entry in unknown:
            look = await self._look(source, entry, NO_VALIDATORS, spent)
            if look.article is not None:
                own = (source.url, reading.about.link)
                entries[entry.id] = followed.said_by(entry, look.article, own)
                looked[entry.id] = Followed(self._clock(), look.article.read_as, look.validators)
        filled = tuple(entries.get(entry.id, entry) for entry in reading.entries)
        return replace(reading, entries=filled, followed=looked)

    async def after(self, source: Source, known: KnownSource, spent: Spent) -> Mapping[str, Look]:
        """What the pages of known entries say that are due, by the entries' keys. Stops at a site that fails."""
        looks: dict[str, Look] = {}
        for row in followed.due(known, self._clock(), _AT_ONCE):
            look = looks[row.key] = await self._look(source, row.entry, _sent(row), spent)
            if look.failed:
                break
        return looks

    async def _look(self, source: Source, entry: Entry, validators: Validators, spent: Spent) -> Look:
        driven = await self._poller.further(source, entry.link or "", validators)
        spent.requests += driven.requests
        spent.received += driven.received
        outcome = driven.outcome
        if isinstance(outcome, Failure):
            return Look(gone=outcome.http_status) if outcome.http_status in _GONE else Look(failed=True)
        if isinstance(outcome, NotModified):
            return Look()
        article = await self._reader.article(outcome, entry.title)
        if isinstance(article, Failure):
            return Look()
        moved = outcome.trail.permanent
        return Look(replace(article, canonical=article.canonical or moved), validators=outcome.validators)


def _sent(row: KnownEntry) -> Validators:
    """None while its text is not that of its page."""
    return row.followed.validators if row.followed and row.followed.read_as else NO_VALIDATORS

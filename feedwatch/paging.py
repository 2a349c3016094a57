"""Reading on: the further pages of an archive, at first sight, after a long absence, or because someone asked.

Each step fetches one page and has it read; what is done with it is decided elsewhere.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from datetime import datetime
from typing import Protocol

from msgspec import Struct
from msgspec.structs import replace

from feedwatch.model import NO_VALIDATORS, Entry, Failure, Fetched, Reading, Source, Validators
from feedwatch.poller.fetch import Driven


class Reader(Protocol):
    async def read(
        self, fetched: Fetched, source: Source, now: datetime, rule: tuple[str, ...] = ()
    ) -> Reading | Failure: ...


class Further(Protocol):
    async def further(self, source: Source, url: str, validators: Validators = NO_VALIDATORS) -> Driven:
        """Another page of this source, asked for at the pace of its host."""


class Page(Struct, frozen=True):
    """One further page: what is on it, or why it could not be had."""

    number: int
    url: str
    result: Reading | Failure
    requests: int
    received: int


async def further_pages(
    poller: Further,
    reader: Reader,
    source: Source,
    url: str,
    *,
    rule: tuple[str, ...],
    clock: Callable[[], datetime],
    number: int = 2,
    pages: int,
) -> AsyncIterator[Page]:
    """The page at `url`, which is the `number`-th, and those after it up to the `pages`-th; ends early at the last one,
    at one that was there already, and after one that failed."""
    seen: set[str] = set()
    following: str | None = url
    while following is not None and following not in seen and number <= pages:
        seen.add(following)
        driven = await poller.further(source, following)
        outcome = driven.outcome
        if isinstance(outcome, Fetched):
            result = await reader.read(outcome, source, clock(), rule)
        else:
            result = outcome if isinstance(outcome, Failure) else Failure("http", "answered 304 to a first request")
        yield Page(number, following, result, driven.requests, driven.received)
        if isinstance(result, Failure):
            return
        number += 1
        following = page_after(source, result, number)


def page_after(source: Source, reading: Reading, number: int) -> str | None:
    """Where the `number`-th page is: as the configuration says, else as the page before it does."""
    return source.page_url.replace("{page}", str(number)) if source.page_url else reading.next_page


def joined(first: Reading, more: list[Reading]) -> Reading:
    """The entries of all pages, those that stand on two of them once."""
    entries: dict[str, Entry] = {}
    for reading in (first, *more):
        for entry in reading.entries:
            entries.setdefault(entry.id, entry)
    return replace(first, entries=tuple(entries.values()))

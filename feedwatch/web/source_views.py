"""What the pages of sources show: a table of all of them, and everything about one. Makes no markup.

The table opens no source; it runs, as all views do, on the store's thread.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from datetime import datetime, timedelta
from typing import Literal
from urllib.parse import urlsplit

from msgspec import Struct

from feedwatch.canonical import host_of
from feedwatch.config_build import Config
from feedwatch.model import Incident, KnownEntry, PollState, Source
from feedwatch.poller.rhythm import silence
from feedwatch.responses import Glance, asked_url
from feedwatch.spoken import ago
from feedwatch.store import Store
from feedwatch.troubles import failing, remedy
from feedwatch.web.plot import Plot, plot
from feedwatch.web.summaries import Summaries, Summary
from feedwatch.web.views import Paging

#: Rows of one page.
ROWS, ENTRIES = 50, 30
#: Dates of entries that a plot is drawn of.
_PLOTTED = 200

#: How a source is doing, the worst first.
Condition = Literal["gone", "failing", "doubted", "stumbling", "quiet", "waiting", "well"]
CONDITIONS: dict[Condition, str] = {
    "gone": "gone for good",
    "failing": "failing",
    "doubted": "not believed",
    "stumbling": "failed last time",
    "quiet": "unusually quiet",
    "waiting": "not polled yet",
    "well": "well",
}


class Row(Struct, frozen=True):
    id: str
    title: str
    #: Where it is, without login and secrets, and an address to go there, for sources that have one.
    place: str
    href: str | None
    state: PollState
    condition: Condition
    #: What is wrong, and what can be done about it.
    problem: str | None
    remedy: str | None
    #: Entries that are stored.
    entries: int
    plot: Plot

    @property
    def status(self) -> str:
        return CONDITIONS[self.condition]

    @property
    def not_modified(self) -> float | None:
        """The share of its requests that were answered by 304."""
        return self.state.not_modified / self.state.requests if self.state.requests else None


class Table(Struct, frozen=True):
    rows: Sequence[Row]
    paging: Paging
    #: How many sources there are in each condition, with the words of the search.
    counts: Sequence[tuple[Condition, int]]
    every: int
    condition: Condition | None
    words: str


class SourcePage(Struct, frozen=True):
    row: Row
    #: What a reading normally looks like: (what, share of the entries that have it).
    contract: Sequence[tuple[str, float]]
    #: (what, in words).
    facts: Sequence[tuple[str, str]]
    #: Where its posts are found: a rule that was found, or what the operator wrote.
    rule: Sequence[str]
    incidents: Sequence[Incident]
    responses: Sequence[Glance]
    entries: Sequence[Summary]
    paging: Paging


class SourceViews:
    def __init__(self, config: Config, summaries: Summaries, redact: Callable[[str], str]) -> None:
        self._sources = {source.id: source for source in config.sources}
        self._summaries = summaries
        self._redact = redact
        self._searched = {s.id: f"{s.id}\n{s.title or ''}\n{asked_url(s, redact)}".casefold() for s in config.sources}
        #: The condition of each source in a state and an hour: silence is a matter of days.
        self._conditions: dict[str, tuple[PollState, int, Condition]] = {}
        #: Likewise: it takes the source's file to draw one.
        self._plots: dict[str, tuple[PollState, int, Plot]] = {}

    def table(self, store: Store, now: datetime, condition: Condition | None, words: str, page: int) -> Table:
        """The sources of `condition` (None is all) that have `words` in name or address, the worst first."""
        wanted = words.casefold().split()
        titles = store.sources() if wanted else {}
        hour = _hour(now)
        found: dict[Condition, list[str]] = {one: [] for one in CONDITIONS}
        for source_id, searched in self._searched.items():
            if wanted:
                text = searched + titles.get(source_id, ("", 0))[0].casefold()
                if not all(word in text for word in wanted):
                    continue
            found[self._condition(source_id, store.state(source_id), now, hour)].append(source_id)
        ids = found[condition] if condition else [one for part in found.values() for one in part]
        paging = Paging.of(len(ids), ROWS, page)
        return Table(
            rows=[self._row(store, self._sources[one], now) for one in ids[paging.slice(ROWS)]],
            paging=paging,
            counts=[(one, len(part)) for one, part in found.items() if part],
            every=sum(map(len, found.values())),
            condition=condition,
            words=words,
        )

    def source(
        self, store: Store, source_id: str, now: datetime, responses: Sequence[Glance], page: int
    ) -> SourcePage | None:
        source = self._sources.get(source_id)
        if source is None:
            return None
        known = store.known(source_id)
        rows = sorted(known.entries.values(), key=lambda row: (row.order[0], row.published), reverse=True)
        paging = Paging.of(len(rows), ENTRIES, page)
        places = [(source_id, row.key) for row in rows[paging.slice(ENTRIES)]]
        state = store.state(source_id)
        subjects = {source_id, host_of(source.url)} - {""}
        return SourcePage(
            row=self._row(store, source, now),
            contract=list(_contract([row for row in rows if row.listed and row.withdrawn is None])),
            facts=list(self._facts(source, state, now)),
            rule=list(rule_of(source, state)),
            incidents=[i for i in reversed(store.incidents()) if i.subject in subjects],
            responses=responses,
            entries=self._summaries.of(store, places, ENTRIES),
            paging=paging,
        )

    def _condition(self, source_id: str, state: PollState, now: datetime, hour: int) -> Condition:
        kept = self._conditions.get(source_id)
        if kept is None or kept[0] is not state or kept[1] != hour:
            kept = self._conditions[source_id] = state, hour, condition_of(state, now)
        return kept[2]

    def _plot(self, store: Store, source_id: str, now: datetime) -> Plot:
        state, hour = store.state(source_id), _hour(now)
        kept = self._plots.get(source_id)
        if kept is None or kept[0] is not state or kept[1] != hour:
            drawn = plot(store.dates(source_id, _PLOTTED), store.outline(source_id).count, now)
            kept = self._plots[source_id] = state, hour, drawn
        return kept[2]

    def _row(self, store: Store, source: Source, now: datetime) -> Row:
        state, outline = store.state(source.id), store.outline(source.id)
        place, href = self._address(source.url)
        return Row(
            id=source.id,
            title=source.title or outline.title or source.id,
            place=place,
            href=href,
            state=state,
            condition=self._condition(source.id, state, now, _hour(now)),
            problem=state.error or silence(state.rhythm, now),
            remedy=remedy(source, state),
            entries=outline.count,
            plot=self._plot(store, source.id, now),
        )

    def _address(self, url: str) -> tuple[str, str | None]:
        if url.startswith("file:"):
            return f"the file {urlsplit(url).path.rpartition('/')[2]}", None
        parts = urlsplit(url)
        shown = self._redact(parts._replace(netloc=parts.netloc.rpartition("@")[2]).geturl())
        return shown, shown

    def _facts(self, source: Source, state: PollState, now: datetime) -> Iterator[tuple[str, str]]:
        if state.last_success:
            yield "Last good poll", ago(state.last_success, now)
        if state.set_by:
            yield "Its next poll was set by", state.set_by
        if state.rhythm:
            yield "It usually publishes", f"every {_span(state.rhythm.gap)}"
        if state.requests:
            yield "Requests so far", f"{state.requests:,}, of which {state.not_modified:,} were answered by 304"
            yield "Bodies so far", _size(state.received)
        for url, validators in state.validators.items():
            told = [f"ETag {validators.etag}"] if validators.etag else []
            told += [f"Last-Modified {validators.last_modified}"] if validators.last_modified else []
            if told:
                yield "It is asked with", f"{' and '.join(told)} at {self._address(url)[0]}"
        if state.effective_url:
            yield "It has moved for good to", self._address(state.effective_url)[0]
        if state.move:
            yield "It redirects to", f"{self._address(state.move.target)[0]} since {ago(state.move.since, now)}"
        if source.headers:
            yield "Sent with each request", ", ".join(sorted({name for name, _ in source.headers})) + " (hidden)"
        if source.ignores_robots:
            yield "robots.txt", "ignored, as the configuration says"
        if source.browser:
            yield "Read", "as a browser shows it"
        if source.follow:
            yield "Its entries' own pages", f"read; the next look is {ago(state.next_look, now)}"


def _hour(now: datetime) -> int:
    return int(now.timestamp()) // 3600


def condition_of(state: PollState, now: datetime) -> Condition:
    if state.gone:
        return "gone"
    if failing(state):
        return "failing"
    if state.quarantine:
        return "doubted"
    if state.error:
        return "stumbling"
    if state.last_poll is None:
        return "waiting"
    return "quiet" if silence(state.rhythm, now) else "well"


def rule_of(source: Source, state: PollState) -> Iterator[str]:
    """How entries are found in what the source answers."""
    for written in (source.select, source.json):
        if written is not None:
            for name in written.__struct_fields__:
                if value := getattr(written, name):
                    yield f"{name}: {value}"
            return
    yield from state.rule


_PARTS: dict[str, Callable[[KnownEntry], object]] = {
    "a title": lambda row: row.entry.title,
    "a link": lambda row: row.entry.link,
    "a date": lambda row: row.entry.published or row.entry.updated,
    "a category": lambda row: row.entry.categories,
    "a summary or text": lambda row: row.entry.summary or row.entry.content,
    "an author": lambda row: row.entry.authors,
    "a picture": lambda row: row.entry.image,
}


def _contract(rows: Sequence[KnownEntry]) -> Iterator[tuple[str, float]]:
    if rows:
        had = Counter(name for row in rows for name, part in _PARTS.items() if part(row))
        yield from ((name, had[name] / len(rows)) for name in _PARTS)


def _span(gap: timedelta) -> str:
    for unit, length in (("days", 86400), ("hours", 3600), ("minutes", 60)):
        if gap.total_seconds() >= 2 * length:
            return f"{round(gap.total_seconds() / length)} {unit}"
    return "few minutes"


def _size(number: int) -> str:
    for unit, length in (("GB", 10**9), ("MB", 10**6), ("kB", 10**3)):
        if number >= length:
            return f"{number / length:.1f} {unit}"
    return f"{number} bytes"

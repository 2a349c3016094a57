"""The history of one source as one configuration would have made it, body by body. Pure.

Every body that is kept was believed when it was read. So one that is doubted here is noted and believed all the same,
as it would be when the operator accepts it: otherwise everything after it would be lost to the comparison.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta

from msgspec import Struct, field
from msgspec.structs import replace

from feedwatch.config import reading_digest
from feedwatch.config_build import Config
from feedwatch.differ.diff import Diff, unchanged
from feedwatch.differ.withdrawn import READINGS
from feedwatch.model import (
    About,
    Change,
    Delivery,
    Failure,
    Fetched,
    KnownEntry,
    KnownSource,
    NotModified,
    PollState,
    Quarantine,
    Reading,
    Source,
    Validators,
)
from feedwatch.poller import aftermath
from feedwatch.poller.aftermath import Recorded, Repeated
from feedwatch.taking import commit_of, taken

#: How often a source is taken to be polled for which nobody said it.
_EVERY = timedelta(hours=1)


class Alert(Struct, frozen=True):
    """A delivery that would have been made."""

    delivery: Delivery
    change: Change


class Trouble(Struct, frozen=True):
    """A body that could not be read, or was doubted."""

    at: datetime
    detail: str


class Play(Struct, frozen=True):
    """What has come of the bodies of one source so far."""

    known: KnownSource
    state: PollState = field(default_factory=PollState)
    alerts: tuple[Alert, ...] = ()
    troubles: tuple[Trouble, ...] = ()


class Side(Struct, frozen=True):
    """All sources under one configuration."""

    config: Config
    plays: Mapping[str, Play]

    def slugs(self, known: KnownEntry) -> tuple[str, ...]:
        """The category feeds an entry is in."""
        return () if known.withdrawn else tuple(self.config.categories.resolve(known.entry.categories))


def after_body(
    config: Config, source: Source, play: Play, fetched: Fetched, result: Reading | Failure, at: datetime
) -> Play:
    """`play` after one more body, which was read as `result` at `at` (UTC)."""
    if isinstance(result, Failure):
        state = aftermath.after(source, play.state, result, at)
        return replace(play, state=state, troubles=(*play.troubles, Trouble(at, result.detail)))
    state = play.state
    found = taken(config, play.known, source, result, state, at)
    if isinstance(found, Quarantine):
        play = replace(play, troubles=(*play.troubles, Trouble(at, f"doubted: {found.detail}")))
        state = replace(state, accepted=True, quarantine=found)
        found = taken(config, play.known, source, result, state, at)
        assert not isinstance(found, Quarantine)  # noqa: S101  (what is accepted is believed)
    play = _committed(config, source, play, result.about, found.diff)
    return replace(play, state=aftermath.after(source, state, Recorded(fetched, result, found.diff, found.rushing), at))


def until(config: Config, source: Source, play: Play, following: datetime) -> Play:
    """`play` after the polls before `following` (UTC) that found nothing new: they prove what is missing, and that
    nobody was away."""
    if play.state.last_poll is None:
        return play
    every = source.every or _EVERY
    at = play.state.last_poll
    for _ in range(READINGS):
        if not play.state.missing or (at := at + every) >= following:
            break
        found = unchanged(play.known, slugs_of=config.categories.resolve, now=at)
        play = _committed(config, source, play, play.known.about, found)
        repeated = Repeated(NotModified(304, Validators(), source.url), found)
        play = replace(play, state=aftermath.after(source, play.state, repeated, at))
    state = play.state
    assert state.last_poll is not None  # noqa: S101
    last = max(state.last_poll, following - every)
    return replace(play, state=replace(state, last_poll=last, last_success=state.last_success and last))


def _committed(config: Config, source: Source, play: Play, about: About, found: Diff) -> Play:
    commit = commit_of(config, play.known, source, about, found)
    if commit is None:
        return play
    entries = {**play.known.entries, **{row.key: row for row in commit.entries}}
    changes = {change.id: change for change in commit.changes}
    alerts = tuple(Alert(delivery, changes[delivery.change_id]) for delivery in commit.deliveries)
    known = KnownSource(source.id, reading_digest(source), about, entries)
    return replace(play, known=known, alerts=(*play.alerts, *alerts))

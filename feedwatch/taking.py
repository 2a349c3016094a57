"""What a reading comes to under one configuration: compared, believed or not, and what is to be stored. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from types import MappingProxyType

from msgspec.structs import replace

from feedwatch.config import reading_digest
from feedwatch.config_build import Config
from feedwatch.differ.diff import Diff, diff
from feedwatch.differ.hush import NO_HUSH, Hush
from feedwatch.differ.trust import Taken, taken_in
from feedwatch.model import About, Commit, KnownSource, PollState, Quarantine, Reading, Source
from feedwatch.poller.schedule import EVERY
from feedwatch.routes import deliveries


def compared(
    config: Config,
    known: KnownSource,
    source: Source,
    reading: Reading,
    now: datetime,
    hush: Hush = NO_HUSH,
    *,
    archive: bool = False,
) -> Diff:
    """What differs between a reading and what is known; `archive` is for a page of older entries."""
    return diff(
        known if source.follow else _unfollowed(known),
        reading,
        config_digest=reading_digest(source),
        slugs_of=config.categories.resolve,
        now=now,
        rules=source.edits,
        hush=hush,
        archive=archive,
    )


def _unfollowed(known: KnownSource) -> KnownSource:
    """`known`, whose texts are again what its listing says."""
    rows = {key: replace(row, followed=None) for key, row in known.entries.items() if row.followed}
    return replace(known, entries={**known.entries, **rows}) if rows else known


def taken(
    config: Config,
    known: KnownSource,
    source: Source,
    reading: Reading,
    state: PollState,
    now: datetime,
    *,
    healed: bool = False,
) -> Taken | Quarantine:
    """What a reading changes, or why it is not believed; `healed` when other selectors were used than the last time."""
    return taken_in(
        known,
        reading,
        state,
        lambda hush: compared(config, known, source, reading, now, hush),
        now=now,
        every=source.every or EVERY,
        same_reading=known.config_digest == reading_digest(source),
        healed=healed,
    )


def commit_of(
    config: Config,
    known: KnownSource,
    source: Source,
    about: About,
    found: Diff,
    only: Mapping[str, frozenset[str]] = MappingProxyType({}),
) -> Commit | None:
    """What has to be written for a diff, with its deliveries; None where that is nothing. `only` names the routes that
    are told of a change, by its id, where that is not every one that wants it."""
    config_digest = reading_digest(source)
    if not found.rows and (known.config_digest, known.about) == (config_digest, about):
        return None
    rows = tuple(
        row
        for route in config.routes
        for row in deliveries([c for c in found.changes if route.id in only.get(c.id, (route.id,))], [route])
    )
    return Commit(source.id, config_digest, about, found.rows, found.changes, deliveries=rows)

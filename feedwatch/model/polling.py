"""What a poll came to, and what is remembered of a source's polls. Knows nothing of what is stored of entries."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Literal

from msgspec import field

from feedwatch.model.events import Change
from feedwatch.model.fetching import Validators
from feedwatch.model.reading import Pace, SourceKind, Way
from feedwatch.model.sources import Selectors
from feedwatch.model.value import Value

#: Why a reading is not believed: another list, too much of it unknown or different, a field gone, unreadable text.
Doubt = Literal["rebuilt", "mass-new", "mass-edit", "lost-field", "garbled"]


class Quarantine(Value, frozen=True):
    """Readings that are not believed, and therefore change nothing."""

    doubt: Doubt
    #: One sentence for people.
    detail: str
    since: datetime
    #: How many in a row, of this kind.
    readings: int
    #: Ids of entries in the last one.
    ids: tuple[str, ...] = ()


class Failure(Value, frozen=True):
    """A poll that yielded nothing to trust. It changes no entry and no feed."""

    kind: Literal[
        "unreachable", "timeout", "refused", "http", "gone", "redirect", "too-large", "unreadable",
        "empty", "blocked", "soft-404", "robots", "doubted", "reader-timeout", "reader-crash", "store",
        "browser",
    ]  # fmt: skip
    #: One sentence for people: what happened and, where it helps, what to do.
    detail: str
    http_status: int | None = None
    #: How long the origin asked us to stay away.
    retry_after: timedelta | None = None
    #: The feeds that a page without entries names.
    feeds: tuple[str, ...] = ()
    #: Of a reading that is not believed.
    quarantine: Quarantine | None = None


class Move(Value, frozen=True):
    """A permanent redirect that was seen, and is believed once it has held for a while."""

    target: str
    since: datetime
    sightings: int = 1


class Rhythm(Value, frozen=True):
    """How often a source publishes, as the dates of its entries tell."""

    #: The time that usually lies between two entries.
    gap: timedelta
    newest: datetime


class PollState(Value, frozen=True):
    """Book-keeping of a source's polls. Losing it costs one extra full request, nothing else."""

    validators: Mapping[str, Validators] = field(default_factory=dict)
    body_digest: str | None = None
    last_poll: datetime | None = None
    last_success: datetime | None = None
    next_poll: datetime | None = None
    failures: int = 0
    status: Literal["ok", "unchanged", "failed", "quarantined"] | None = None
    http_status: int | None = None
    error: str | None = None
    #: Entries in the last reading.
    entries: int = 0
    #: The origin asked to be left alone until then (Retry-After).
    not_before: datetime | None = None
    #: The origin said 410: never again until the operator says so.
    gone: bool = False
    #: The digest of the reading's configuration that `body_digest` was read with.
    config_digest: str | None = None
    kind: SourceKind | None = None
    pace: Pace = Pace()
    rhythm: Rhythm | None = None
    #: The rule by which a page without selectors is read.
    rule: tuple[str, ...] = ()
    #: What the list is found with while what the configuration says finds nothing that is known.
    healed: Selectors | None = None
    #: Where the second page of an archive is.
    next_page: str | None = None
    #: The page, and its number, at which a back-fill goes on that was interrupted.
    backfill: tuple[str, int] | None = None
    move: Move | None = None
    #: Where the source has moved to for good; None while it is where the configuration says.
    effective_url: str | None = None
    #: When a body was had last, changed or not.
    last_full: datetime | None = None
    #: Doubted readings that go on.
    quarantine: Quarantine | None = None
    #: The operator believes what is doubted.
    accepted: bool = False
    #: The version of the readers that `rule` and `body_digest` are of.
    read_as: int | None = None
    #: Names of the fields that nearly all entries had in the last reading; None where that is not known.
    filled: tuple[str, ...] | None = None
    #: The store was put back from a backup: what the next reading has that is unknown or different was told before.
    restored: bool = False
    #: Its entries rush through: that most are unknown is how it always is.
    rushing: bool = False
    #: Entries that should be in the last reading, and have to be missing once or twice more.
    missing: int = 0
    #: When the next look at an entry's own page is due, for a source whose entries are followed.
    next_look: datetime | None = None
    #: What decided `next_poll`, in a few words.
    set_by: str | None = None
    #: Requests for this source since it was added, those answered by 304, and bytes of bodies.
    requests: int = 0
    not_modified: int = 0
    received: int = 0


class SourceReport(Value, frozen=True):
    """What one poll of one source came to. The lists hold entry ids."""

    id: str
    status: Literal["ok", "unchanged", "failed", "quarantined"]
    http_status: int | None = None
    #: Entries in the reading; 0 when nothing was read.
    entries: int = 0
    changes: tuple[Change, ...] = ()
    discovered: int = 0
    error: str | None = None
    notes: tuple[str, ...] = ()
    #: None where nothing came of it.
    way: Way | None = None

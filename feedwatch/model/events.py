"""What happened, and whom it is on its way to. Knows nothing of how it gets there."""

from __future__ import annotations

from datetime import datetime
from typing import Literal

from feedwatch.model.entries import About, Entry
from feedwatch.model.known import EditSize, KnownEntry
from feedwatch.model.value import Value

ChangeKind = Literal["new", "edited", "moved", "recategorised", "withdrawn"]
IncidentKind = Literal[
    "route-gone",
    "route-failing",
    "source-failing",
    "source-gone",
    "source-doubted",
    "source-healed",
    "host-failing",
    "network-down",
]
DeliveryStatus = Literal["pending", "delivered", "dead", "dropped"]


class Change(Value, frozen=True):
    """Something that happened to an entry. Its id is computed, never random."""

    id: str
    kind: ChangeKind
    source_id: str
    key: str
    atom_id: str
    entry: Entry
    before: Entry | None
    #: Names of the entry's fields that differ from `before`.
    fields: tuple[str, ...]
    #: Slugs of the categories the entry is in, and, when it left some, those too.
    categories: tuple[str, ...]
    at: datetime
    revision: int
    #: Of an edit; None for every other kind.
    size: EditSize | None = None


class Incident(Value, frozen=True):
    """Something that the operator should know, and perhaps mend."""

    id: str
    kind: IncidentKind
    #: What it is about: the id of a route (and an address of it) or source, a host, or `network`.
    subject: str
    #: One sentence: what happened, and what to do.
    detail: str
    opened: datetime
    closed: datetime | None = None
    #: Of a route's address when it was opened: another one closes it.
    config_digest: str | None = None
    #: When the operator was last told of it.
    told: datetime | None = None


class Notice(Value, frozen=True):
    """An incident was opened, goes on, or was closed: what routes are told of, beside changes."""

    id: str
    kind: Literal["opened", "open", "closed"]
    incident: Incident
    at: datetime


Event = Change | Notice


class Delivery(Value, frozen=True):
    """One event on its way to one receiver of one route: a row of the outbox. `id` is the idempotency key."""

    id: str
    #: The change or notice it carries.
    change_id: str
    route_id: str
    created: datetime
    due: datetime
    status: DeliveryStatus = "pending"
    attempts: int = 0
    last_error: str | None = None
    settled: datetime | None = None
    #: The mail address it goes to; None for routes that have one receiver.
    recipient: str | None = None
    #: Why it is not sent alone: it waits for others, or too many came at once.
    group: Literal["digest", "quiet", "storm", "catch-up"] | None = None
    #: The idempotency key of the grouped message it is in, from before the first attempt on.
    message_id: str | None = None
    #: What the receiver answered last, as far as it is kept.
    answer: str | None = None
    #: The first attempt that failed: the time for giving up runs from there.
    tried: datetime | None = None


class Commit(Value, frozen=True):
    """What one reading, or one incident, changes in the store: written at once or not at all."""

    source_id: str
    config_digest: str = ""
    about: About = About()
    #: Changed rows only.
    entries: tuple[KnownEntry, ...] = ()
    changes: tuple[Change, ...] = ()
    incidents: tuple[Incident, ...] = ()
    notices: tuple[Notice, ...] = ()
    deliveries: tuple[Delivery, ...] = ()

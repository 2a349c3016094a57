"""One source's TinyDB database: a file whose replacement is the transaction. Knows one source only."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from datetime import datetime
from pathlib import Path
from typing import Any, TypeVar

import msgspec
from tinydb import TinyDB
from tinydb.storages import Storage

from feedwatch import files
from feedwatch.errors import Damaged
from feedwatch.model import (
    About,
    Change,
    Commit,
    Delivery,
    DeliveryStatus,
    Event,
    Incident,
    KnownEntry,
    KnownSource,
    Notice,
)
from feedwatch.routes import gathering
from feedwatch.store import Backlog, Claim, codec

T = TypeVar("T")
#: Changes, delivered and dead deliveries kept for the history of a source; pending ones are always kept.
KEEP_CHANGES = KEEP_DELIVERED = 500
KEEP_DEAD = 1000
KEEP_INCIDENTS = 100


Write = Callable[[Path, bytes], None]


class GenerationStorage(Storage):
    """TinyDB storage with a checksum, a previous generation and no write in place (JSONStorage has none)."""

    def __init__(self, path: Path, fell_back: Callable[[str], None], write: Write) -> None:
        self._path = path
        self._fell_back = fell_back
        self._write = write

    def read(self) -> dict[str, dict[str, Any]]:
        document = files.read_document(self._path)
        if document is None:
            return {}
        if document.fell_back:
            self._fell_back(document.fell_back)
        data: dict[str, dict[str, Any]] = msgspec.json.decode(document.payload)
        return data

    def write(self, data: Mapping[str, Mapping[str, Any]]) -> None:
        self._write(self._path, msgspec.json.encode(data))


class SourceFile:
    """The rows of one source, decoded once. A failed write leaves the file as it was: drop the object then.

    `write` durably replaces a file, as `files.write_document` does.
    """

    def __init__(self, source_id: str, path: Path, fell_back: Callable[[str], None], write: Write) -> None:
        self._db = TinyDB(path, fell_back, write, storage=GenerationStorage)
        tables = self._db.storage.read()
        assert tables is not None  # noqa: S101  (ours has a file or no tables)
        try:
            (state,) = tables["state"].values() if "state" in tables else ({"config_digest": None, "about": {}},)
            self.known = KnownSource(
                source_id,
                state["config_digest"],
                codec.load(About, state["about"]),
                {k.key: k for k in _rows(tables, "entries", KnownEntry)},
            )
            self.events: dict[str, Event] = {change.id: change for change in _rows(tables, "changes", Change)}
            self.events.update((notice.id, notice) for notice in _rows(tables, "notices", Notice))
            self.incidents = {incident.id: incident for incident in _rows(tables, "incidents", Incident)}
            self.deliveries = {delivery.id: delivery for delivery in _rows(tables, "outbox", Delivery)}
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            raise Damaged(f"{path} has rows of an unknown shape ({error}); put it back from a backup") from error

    def commit(self, commit: Commit) -> None:
        entries = {**self.known.entries, **{row.key: row for row in commit.entries}}
        self.known = KnownSource(commit.source_id, commit.config_digest, commit.about, entries)
        self.events.update((change.id, change) for change in commit.changes)
        self.events.update((notice.id, notice) for notice in commit.notices)
        if commit.incidents:
            self.incidents.update((incident.id, incident) for incident in commit.incidents)
            kept = sorted(self.incidents.values(), key=lambda i: (i.closed is None, i.opened))[-KEEP_INCIDENTS:]
            self.incidents = {incident.id: incident for incident in kept}
        # A store that fell back computes the same ids again: what was settled stays settled.
        self.deliveries = {**{d.id: d for d in commit.deliveries}, **self.deliveries}
        self._write()

    def settle(self, deliveries: Iterable[Delivery]) -> None:
        self.deliveries.update((delivery.id, delivery) for delivery in deliveries)
        self._write()

    def claims(self, route_id: str, now: datetime) -> list[Claim]:
        return [self.claim(delivery) for delivery in self._next(now) if delivery.route_id == route_id]

    def claim(self, delivery: Delivery) -> Claim:
        title = self.known.about.title or self.known.source_id
        return Claim(self.known.source_id, delivery, self.events[delivery.change_id], title)

    def waiting(self) -> dict[str, datetime]:
        """When the next delivery of each route that has one is due."""
        times: dict[str, datetime] = {}
        for delivery in self._next(None):
            times[delivery.route_id] = min(delivery.due, times.get(delivery.route_id, delivery.due))
        return times

    def backlog(self) -> dict[str, Backlog]:
        """What each route that has anything pending or dead here has."""
        due, found = self.waiting(), {}
        for route_id in {row.route_id for row in self.deliveries.values() if row.status in ("pending", "dead")}:
            rows = [row for row in self.deliveries.values() if row.route_id == route_id]
            died = [row.settled or row.created for row in rows if row.status == "dead"]
            pending = sum(row.status == "pending" for row in rows)
            found[route_id] = Backlog(pending, len(died), due.get(route_id), max(died, default=None))
        return found

    def _next(self, now: datetime | None) -> Iterator[Delivery]:
        """Pending deliveries that no earlier one of the same entry, route and recipient holds up.

        With `now` those that are due then; a later one of the same entry then comes only together with the
        earlier, in one grouped message.
        """
        first: dict[tuple[str, ...], Delivery] = {}
        pending = [delivery for delivery in self.deliveries.values() if delivery.status == "pending"]
        for delivery in sorted(pending, key=self._age):
            key = self._lane(delivery)
            earlier = first.setdefault(key, delivery)
            free = earlier is delivery or delivery.message_id is not None or self._together(earlier, delivery)
            if free and (now is None or delivery.due <= now):
                yield delivery

    def _age(self, delivery: Delivery) -> tuple[datetime, int]:
        event = self.events[delivery.change_id]
        return event.at, event.revision if isinstance(event, Change) else 0

    def _together(self, one: Delivery, other: Delivery) -> bool:
        """Whether two unsent deliveries of one entry will go out in the same message."""
        gathered = gathering(one, self.known.source_id)
        return gathered is not None and gathered == gathering(other, self.known.source_id)

    def _lane(self, delivery: Delivery) -> tuple[str, ...]:
        event = self.events[delivery.change_id]
        about = event.key if isinstance(event, Change) else event.incident.id
        return about, delivery.route_id, delivery.recipient or ""

    def _write(self) -> None:
        """Replaces the file: that is the transaction. Values go as they are to what writes JSON; TinyDB's tables would
        copy each of them into documents first."""
        self._forget("delivered", KEEP_DELIVERED)
        self._forget("dropped", KEEP_DELIVERED)
        self._forget("dead", KEEP_DEAD)
        needed = {d.change_id for d in self.deliveries.values()}
        for event in sorted(self.events.values(), key=lambda e: e.at)[:-KEEP_CHANGES]:
            if event.id not in needed:
                del self.events[event.id]
        events = self.events.values()
        tables: dict[str, Iterable[object]] = {
            "state": [{"config_digest": self.known.config_digest, "about": self.known.about}],
            "entries": self.known.entries.values(),
            "incidents": self.incidents.values(),
            "changes": [event for event in events if isinstance(event, Change)],
            "notices": [event for event in events if isinstance(event, Notice)],
            "outbox": self.deliveries.values(),
        }
        self._db.storage.write(
            {name: {str(number): row for number, row in enumerate(rows, 1)} for name, rows in tables.items()}
        )

    def _forget(self, status: DeliveryStatus, keep: int) -> None:
        settled = [d for d in self.deliveries.values() if d.status == status]
        for old in sorted(settled, key=lambda d: d.settled or d.created)[:-keep]:
            del self.deliveries[old.id]


def _rows(tables: Mapping[str, Mapping[str, Any]], name: str, kind: type[T]) -> Iterator[T]:
    for row in tables.get(name, {}).values():
        yield codec.load(kind, row)

"""One source's TinyDB database: a file whose replacement is the transaction. Knows one source only."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable, Iterator, Mapping
from datetime import datetime
from pathlib import Path
from typing import Any

from tinydb import TinyDB
from tinydb.middlewares import CachingMiddleware
from tinydb.storages import Storage
from tinydb.table import Document, Table

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

#: Changes, delivered and dead deliveries kept for the history of a source; pending ones are always kept.
KEEP_CHANGES = KEEP_DELIVERED = 500
KEEP_DEAD = 1000
KEEP_INCIDENTS = 100


class GenerationStorage(Storage):
    """TinyDB storage with a checksum, a previous generation and no write in place (JSONStorage has none)."""

    def __init__(self, path: Path, fell_back: Callable[[str], None]) -> None:
        self._path = path
        self._fell_back = fell_back

    def read(self) -> dict[str, dict[str, Any]] | None:
        document = files.read_document(self._path)
        if document is None:
            return None
        if document.fell_back:
            self._fell_back(document.fell_back)
        data: dict[str, dict[str, Any]] = codec.from_bytes(document.payload)
        return data

    def write(self, data: Mapping[str, Mapping[str, Any]]) -> None:
        files.write_document(self._path, codec.to_bytes(data))


class SourceFile:
    """The rows of one source, decoded once. A failed write leaves the file as it was: drop the object then."""

    def __init__(self, source_id: str, path: Path, fell_back: Callable[[str], None]) -> None:
        storage = CachingMiddleware(GenerationStorage)
        # Only `_flush` may write: one commit, one replacement.
        storage.WRITE_CACHE_SIZE = sys.maxsize
        self._db = TinyDB(path, fell_back, storage=storage)
        self._flush: Callable[[], None] = storage.flush
        try:
            rows = self._rows("state")
            self.known = KnownSource(
                source_id,
                rows[0]["config_digest"] if rows else None,
                codec.load(About, rows[0]["about"]) if rows else About(),
                {k.key: k for k in (codec.load(KnownEntry, r) for r in self._rows("entries"))},
            )
            self.events: dict[str, Event] = {c.id: c for c in (codec.load(Change, r) for r in self._rows("changes"))}
            self.events.update({n.id: n for n in (codec.load(Notice, r) for r in self._rows("notices"))})
            self.incidents = {i.id: i for i in (codec.load(Incident, r) for r in self._rows("incidents"))}
            self.deliveries = {d.id: d for d in (codec.load(Delivery, r) for r in self._rows("outbox"))}
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            raise Damaged(f"{path} has rows of an unknown shape ({error}); put it back from a backup") from error

    def commit(self, commit: Commit) -> None:
        entries = {**self.known.entries, **{row.key: row for row in commit.entries}}
        self.known = KnownSource(commit.source_id, commit.config_digest, commit.about, entries)
        self.events.update({change.id: change for change in commit.changes})
        self.events.update({notice.id: notice for notice in commit.notices})
        self.incidents.update({incident.id: incident for incident in commit.incidents})
        # A store that fell back computes the same ids again: what was settled stays settled.
        self.deliveries = {**{d.id: d for d in commit.deliveries}, **self.deliveries}
        state = {"config_digest": commit.config_digest, "about": codec.dump(commit.about)}
        self._replace("state", [state])
        self._replace("entries", [codec.dump(row) for row in entries.values()])
        if commit.incidents:
            kept = sorted(self.incidents.values(), key=lambda i: (i.closed is None, i.opened))[-KEEP_INCIDENTS:]
            self._replace("incidents", [codec.dump(incident) for incident in kept])
        self._write_outbox()
        self._flush()

    def settle(self, deliveries: Iterable[Delivery]) -> None:
        self.deliveries.update({delivery.id: delivery for delivery in deliveries})
        self._write_outbox()
        self._flush()

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

    def _write_outbox(self) -> None:
        self._forget("delivered", KEEP_DELIVERED)
        self._forget("dropped", KEEP_DELIVERED)
        self._forget("dead", KEEP_DEAD)
        needed = {d.change_id for d in self.deliveries.values()}
        for event in sorted(self.events.values(), key=lambda e: e.at)[:-KEEP_CHANGES]:
            if event.id not in needed:
                del self.events[event.id]
        events = self.events.values()
        self._replace("changes", [codec.dump(event) for event in events if isinstance(event, Change)])
        notices = [codec.dump(event) for event in events if isinstance(event, Notice)]
        if notices or self._table("notices"):
            self._replace("notices", notices)
        self._replace("outbox", [codec.dump(d) for d in self.deliveries.values()])

    def _forget(self, status: DeliveryStatus, keep: int) -> None:
        settled = [d for d in self.deliveries.values() if d.status == status]
        for old in sorted(settled, key=lambda d: d.settled or d.created)[:-keep]:
            del self.deliveries[old.id]

    def _rows(self, table: str) -> list[Document]:
        return self._table(table).all()

    def _replace(self, name: str, rows: list[dict[str, Any]]) -> None:
        table = self._table(name)
        table.truncate()
        table.insert_multiple(Document(row, doc_id=number) for number, row in enumerate(rows, 1))

    def _table(self, name: str) -> Table:
        # TinyDB's query cache hands the same mutable rows to everybody.
        return self._db.table(name, cache_size=0)

"""One source's TinyDB database: a file whose replacement is the transaction. Knows one source only."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterable, Mapping
from datetime import datetime
from pathlib import Path
from typing import Any

from tinydb import TinyDB
from tinydb.middlewares import CachingMiddleware
from tinydb.storages import Storage
from tinydb.table import Document, Table

from feedwatch import files
from feedwatch.errors import Damaged
from feedwatch.model import About, Change, Commit, Delivery, KnownEntry, KnownSource
from feedwatch.store import Claim, codec

#: Settled deliveries and changes kept for the history of a source; pending ones are always kept.
KEEP_SETTLED = 500


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
        data: dict[str, dict[str, Any]] = json.loads(document.payload)
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
            self.changes = {c.id: c for c in (codec.load(Change, r) for r in self._rows("changes"))}
            self.deliveries = {d.id: d for d in (codec.load(Delivery, r) for r in self._rows("outbox"))}
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            raise Damaged(f"{path} has rows of an unknown shape ({error}); put it back from a backup") from error

    def commit(self, commit: Commit) -> None:
        entries = {**self.known.entries, **{row.key: row for row in commit.entries}}
        self.known = KnownSource(commit.source_id, commit.config_digest, commit.about, entries)
        self.changes.update({change.id: change for change in commit.changes})
        # A store that fell back computes the same ids again: what was settled stays settled.
        self.deliveries = {**{d.id: d for d in commit.deliveries}, **self.deliveries}
        state = {"config_digest": commit.config_digest, "about": codec.dump(About, commit.about)}
        self._replace("state", [state])
        self._replace("entries", [codec.dump(KnownEntry, row) for row in entries.values()])
        self._write_outbox()
        self._flush()

    def settle(self, deliveries: Iterable[Delivery]) -> None:
        self.deliveries.update({delivery.id: delivery for delivery in deliveries})
        self._write_outbox()
        self._flush()

    def claims(self, now: datetime) -> list[Claim]:
        return [
            Claim(delivery, self.changes[delivery.change_id])
            for delivery in self.deliveries.values()
            if delivery.status == "pending" and delivery.due <= now
        ]

    def next_delivery(self) -> datetime | None:
        return min((d.due for d in self.deliveries.values() if d.status == "pending"), default=None)

    def _write_outbox(self) -> None:
        settled = [d for d in self.deliveries.values() if d.status != "pending"]
        for old in sorted(settled, key=lambda d: d.settled or d.created)[:-KEEP_SETTLED]:
            del self.deliveries[old.id]
        needed = {d.change_id for d in self.deliveries.values()}
        for change in sorted(self.changes.values(), key=lambda c: c.at)[:-KEEP_SETTLED]:
            if change.id not in needed:
                del self.changes[change.id]
        self._replace("changes", [codec.dump(Change, change) for change in self.changes.values()])
        self._replace("outbox", [codec.dump(Delivery, d) for d in self.deliveries.values()])

    def _rows(self, table: str) -> list[Document]:
        return self._table(table).all()

    def _replace(self, name: str, rows: list[dict[str, Any]]) -> None:
        table = self._table(name)
        table.truncate()
        table.insert_multiple(Document(row, doc_id=number) for number, row in enumerate(rows, 1))

    def _table(self, name: str) -> Table:
        # TinyDB's query cache hands the same mutable rows to everybody.
        return self._db.table(name, cache_size=0)

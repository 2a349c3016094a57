"""Short ways to make the values that tests talk about."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime, timedelta

from feedwatch.canonical import entry_id
from feedwatch.categories import Categories
from feedwatch.differ.diff import Diff, diff, unchanged
from feedwatch.model import (
    About,
    Category,
    Commit,
    EditRules,
    Entry,
    KnownEntry,
    KnownSource,
    Moment,
    Reading,
    SourceKind,
    Text,
)
from feedwatch.routes import Route, deliveries

NOW = datetime(2024, 11, 1, 12, tzinfo=UTC)
CATEGORIES = Categories()
EDITS = EditRules()


def entry(
    number: int,
    title: str | None = None,
    *,
    summary: str | None = None,
    categories: Iterable[str] = ("Data",),
    guid: str | None = None,
    link: str | None = None,
    day: int | None = None,
) -> Entry:
    """The `number`-th entry: published on the `number`-th day of October 2024, unless `day` says otherwise."""
    link = link or f"https://example.org/{number}"
    title = f"Entry {number}" if title is None else title
    return Entry(
        id=entry_id(guid, link, title, None),
        title=title,
        link=link,
        summary=Text(f"What entry {number} says." if summary is None else summary),
        categories=tuple(Category(name) for name in categories),
        published=Moment(datetime(2024, 10, day or number, tzinfo=UTC), day_only=True),
    )


def reading(*entries: Entry, kind: SourceKind = "page", complete: bool = True) -> Reading:
    return Reading(kind, entries, About(title="A blog"), complete)


def after(known: KnownSource, found: Diff, config_digest: str = "c") -> KnownSource:
    """`known` with the rows of `found` written."""
    rows = {**known.entries, **{row.key: row for row in found.rows}}
    return KnownSource(known.source_id, config_digest, About(), rows)


class History:
    """A source over several readings, an hour apart."""

    def __init__(self, source_id: str = "blog") -> None:
        self.known = KnownSource(source_id)
        self.now = NOW

    def reads(
        self,
        *entries: Entry,
        config: str = "c",
        kind: SourceKind = "page",
        complete: bool = True,
        rules: EditRules = EDITS,
    ) -> Diff:
        found = diff(
            self.known,
            reading(*entries, kind=kind, complete=complete),
            config_digest=config,
            slugs_of=CATEGORIES.resolve,
            now=self.now,
            rules=rules,
        )
        self.known = after(self.known, found, config)
        self.now += timedelta(hours=1)
        return found

    def repeats(self) -> Diff:
        """The source says what it said last time."""
        found = unchanged(self.known, slugs_of=CATEGORIES.resolve, now=self.now)
        self.known = after(self.known, found, self.known.config_digest or "c")
        self.now += timedelta(hours=1)
        return found

    def row(self, key: str) -> KnownEntry:
        return self.known.entries[key]


def kinds(found: Diff) -> list[tuple[str, str]]:
    return sorted((change.kind, change.key.rsplit("/", 1)[-1]) for change in found.changes)


def commit(found: Diff, routes: Iterable[Route] = (), source_id: str = "blog", config_digest: str = "c") -> Commit:
    return Commit(
        source_id,
        config_digest,
        About(title="A blog"),
        found.rows,
        found.changes,
        deliveries=deliveries(found.changes, routes),
    )

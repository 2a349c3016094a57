"""Reading and known entries in, changes and rows to write out."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from datetime import datetime, timedelta

from msgspec import Struct
from msgspec.structs import replace

from feedwatch.canonical import atom_id, digest
from feedwatch.differ import versions
from feedwatch.differ.edits import Edit, edit, wording
from feedwatch.differ.hush import NO_HUSH, Hush
from feedwatch.differ.match import ALIASES, address_of, link_of, match
from feedwatch.differ.normalise import plain
from feedwatch.differ.withdrawn import Absent, absent, is_proven
from feedwatch.model import (
    Category,
    Change,
    ChangeKind,
    EditRules,
    Entry,
    Followed,
    KnownEntry,
    KnownSource,
    Reading,
    Text,
)

SlugsOf = Callable[[Iterable[Category]], Iterable[str]]


class Diff(Struct, frozen=True):
    #: Rows that differ from what is stored.
    rows: tuple[KnownEntry, ...]
    changes: tuple[Change, ...]
    #: Entries seen for the first time that are not news (first poll, changed configuration).
    discovered: int
    notes: tuple[str, ...] = ()
    #: Entries that are missing, but not often enough yet to be withdrawn.
    missing: int = 0


def diff(
    known: KnownSource,
    reading: Reading,
    *,
    config_digest: str,
    slugs_of: SlugsOf,
    now: datetime,
    rules: EditRules,
    hush: Hush = NO_HUSH,
    archive: bool = False,
) -> Diff:
    """What a trusted reading says has happened since the last one.

    At first sight of a source, or when its configuration changed since, whatever differs is not news: rows are
    written, but no change is reported; `hush` says what else is none. `archive` is for a page of older entries: what it
    has is no news either, and what it lacks says nothing.
    """
    quiet = archive or known.config_digest != config_digest
    rows: list[KnownEntry] = []
    changes: list[Change] = []
    discovered = 0
    present: set[str] = set()
    notes: list[str] = []
    pairs = match(known.entries, reading.entries)
    bottom = _bottom(pairs)
    for position, (entry, row) in enumerate(pairs):
        if row is None:
            news = not quiet and not hush.discovers(entry) and not bottom.has(entry, position)
            row = _first_seen(known.source_id, entry, position, now, reading.followed.get(entry.id), news=news)
            discovered += not news
            rows.append(row)
            if news:
                changes.append(change_of("new", known.source_id, row, None, (), slugs_of))
        elif row.key not in present:
            if looked := reading.followed.get(entry.id):
                row = replace(row, followed=looked, entry=replace(row.entry, content=entry.content))
            after, found, note = _seen_again(
                row, entry, known.source_id, slugs_of, rules, now, quiet=quiet or hush.edits
            )
            changes += found
            notes += note
            if after != row:
                rows.append(after)
        present.add(row.key)
    if archive:
        # What it shows is as old as it ever was: only what was not known is taken from it.
        fresh = tuple(row for row in rows if row.key not in known.entries)
        return Diff(tuple(replace(row, listed=False) for row in fresh), (), discovered)
    gone = _gone(known, reading, present, slugs_of, now, quiet=quiet)
    return Diff(
        (*rows, *gone.rows),
        (*changes, *gone.changes),
        discovered,
        (*notes, *gone.notes),
        gone.missing,
    )


class _Bottom(Struct, frozen=True):
    """Where a listing is older than all of it that is known: a longer window shows old posts, and no news."""

    #: The position of the last known entry, and the last date of any; None where that says nothing.
    after: int | None = None
    older: datetime | None = None

    def has(self, entry: Entry, position: int) -> bool:
        if self.after is None or position < self.after:
            return False
        if entry.published is None or self.older is None:
            return entry.published is None and self.older is None
        return entry.published.at < self.older


def _bottom(pairs: Sequence[tuple[Entry, KnownEntry | None]]) -> _Bottom:
    """Dates tell which end is the old one; without any, the order in which the known ones came."""
    known = [(position, row) for position, (_, row) in enumerate(pairs) if row is not None]
    if not known:
        return _Bottom()
    last = known[-1][0]
    dates = [row.entry.published.at for _, row in known if row.entry.published]
    if dates:
        # The last one's in the listing: the oldest may be a post that is pinned to the top.
        return _Bottom(last, dates[-1])
    came = [row.first_seen for _, row in known]
    newest_first = came[0] > came[-1] and came == sorted(came, reverse=True)
    return _Bottom(last) if newest_first else _Bottom()


def unchanged(known: KnownSource, *, slugs_of: SlugsOf, now: datetime) -> Diff:
    """What it means that a source says once more exactly what it said last: what was missing still is."""
    rows, changes = [], []
    for row in known.entries.values():
        if row.missing and row.withdrawn is None:
            after, change = _missed(row, known.source_id, slugs_of, now)
            rows.append(after)
            changes += change
    return Diff(tuple(rows), tuple(changes), 0, missing=sum(row.withdrawn is None for row in rows))


def _first_seen(
    source_id: str, entry: Entry, position: int, now: datetime, followed: Followed | None, *, news: bool
) -> KnownEntry:
    # A date ahead of the clock (a scheduled post, a wrong zone) would hold its place at the top for long.
    published = min(entry.published.at, now) if entry.published else now - (entry.age or timedelta(0))
    updated = min(entry.updated.at, now) if entry.updated else published
    return KnownEntry(
        key=entry.id,
        atom_id=atom_id(source_id, entry.id),
        entry=replace(entry, age=None) if entry.age is not None else entry,
        first_seen=now,
        changed_at=now,
        published=published,
        updated=max(published, updated),
        # News goes on top even with an old date, where subscribers look; an archive keeps its own order.
        order=(now if news else published, position),
        followed=followed,
    )


def _seen_again(
    row: KnownEntry,
    entry: Entry,
    source_id: str,
    slugs_of: SlugsOf,
    rules: EditRules,
    now: datetime,
    *,
    quiet: bool,
) -> tuple[KnownEntry, list[Change], list[str]]:
    before = row.entry
    after = _merged(before, entry)
    if row.followed and row.followed.read_as:
        # Its own page says more than what a listing shows of it.
        after = replace(after, content=before.content)
    known_as = (row.key, *row.aliases)
    aliases = row.aliases if entry.id in known_as or len(known_as) > ALIASES else (*row.aliases, entry.id)
    seen = replace(row, entry=after, aliases=aliases, listed=True, withdrawn=None, missing=0)
    if quiet:
        return seen, [], []
    seen, edited, notes = worded(seen, before, rules, now)
    seen, kinds, more = _lasting(seen, before, _kinds(before, after, slugs_of), slugs_of, now)
    notes = notes + more
    if not edited and not kinds:
        return seen, [], notes
    seen = replace(seen, revision=row.revision + 1)
    changes = [change_of(kind, source_id, seen, before, fields, slugs_of, at=now) for kind, fields in kinds.items()]
    if edited:
        change = change_of("edited", source_id, seen, before, edited.fields, slugs_of, at=now)
        changes.insert(0, replace(change, size=edited.size))
    return seen, changes, notes


def _lasting(
    row: KnownEntry, before: Entry, kinds: dict[ChangeKind, tuple[str, ...]], slugs_of: SlugsOf, now: datetime
) -> tuple[KnownEntry, dict[ChangeKind, tuple[str, ...]], list[str]]:
    """The row that remembers what it left, and `kinds` without what only goes back to where it was not long ago: two
    servers that disagree."""
    lasting, notes = dict(kinds), list[str]()
    for kind in kinds:
        was, now_is = (_place(kind, entry, slugs_of) for entry in (before, row.entry))
        if versions.flaps(row, now_is, now):
            del lasting[kind]
            notes.append(f'"{row.entry.title or row.key}" goes back and forth between two places; that is no move')
        row = versions.left(row, was, now)
    return row, lasting, notes


def _place(kind: ChangeKind, entry: Entry, slugs_of: SlugsOf) -> str:
    if kind == "moved":
        return digest("address", address_of(entry))
    return digest("categories", *sorted(set(slugs_of(entry.categories))))


def worded(
    row: KnownEntry, before: Entry, rules: EditRules, now: datetime
) -> tuple[KnownEntry, Edit | None, list[str]]:
    """The row with its history, the edit that is news, if there is one, and notes for people."""
    after = row.entry
    if (before.title, before.summary, before.content) == (after.title, after.summary, after.content):
        return row, None, []
    old, new = wording(before, rules), wording(after, rules)
    found = edit(old, new, rules)
    if found is None:
        return row, None, []
    known, restless = versions.flaps(row, new.digest, now), versions.restless(row, now)
    row = versions.left(row, old.digest, now)
    name = after.title or after.link or row.key
    if known:
        return row, None, [f'"{name}" goes back and forth between wordings; that is no edit']
    if restless:
        return row, None, [f'"{name}" reads differently at nearly every poll; name what changes in `ignore`']
    row = replace(versions.revised(row, before, found.size, now), changed_at=now)
    if found.size == "major" and rules.shown != "as-entries":
        # An entry of its own says that, under its own date.
        row = replace(row, updated=_updated(row, after, now))
    return row, found, []


def _merged(before: Entry, after: Entry) -> Entry:
    """The newest claims; what a source no longer says is kept, and the first publication date for ever."""
    return replace(
        after,
        id=before.id,
        age=None,
        title=after.title or before.title,
        link=after.link or before.link,
        summary=_said(before.summary, after.summary),
        content=_said(before.content, after.content),
        categories=after.categories or before.categories,
        published=before.published or after.published,
        canonical=after.canonical or (before.canonical if after.link in (None, before.link) else None),
    )


def _said(before: Text | None, after: Text | None) -> Text | None:
    return after if after == before or plain(after) else before


def _kinds(before: Entry, after: Entry, slugs_of: SlugsOf) -> dict[ChangeKind, tuple[str, ...]]:
    kinds: dict[ChangeKind, tuple[str, ...]] = {}
    if before.link and after.link and link_of(before) != link_of(after) and address_of(before) != address_of(after):
        kinds["moved"] = ("link",)
    if before.categories and set(slugs_of(before.categories)) != set(slugs_of(after.categories)):
        kinds["recategorised"] = ("categories",)
    return kinds


def _updated(row: KnownEntry, entry: Entry, now: datetime) -> datetime:
    """The source's own date of the edit where it gives a fresh one, else ours; never back, never ahead."""
    claimed = entry.updated.at if entry.updated else None
    return claimed if claimed is not None and row.updated < claimed <= now else max(row.updated, now)


def _gone(
    known: KnownSource, reading: Reading, present: set[str], slugs_of: SlugsOf, now: datetime, *, quiet: bool
) -> Diff:
    """What a reading says of the entries that it lacks."""
    found = Absent() if quiet else absent(known, reading, present)
    rows, changes = [], []
    for row in known.entries.values():
        if row.key in present or not row.listed:
            continue
        if row.key not in found.missing:
            rows.append(replace(row, listed=False, missing=0))
            continue
        after, change = _missed(row, known.source_id, slugs_of, now)
        rows.append(after)
        changes += change
    missing = sum(row.missing > 0 and row.withdrawn is None for row in rows)
    return Diff(tuple(rows), tuple(changes), 0, found.notes, missing)


def _missed(row: KnownEntry, source_id: str, slugs_of: SlugsOf, now: datetime) -> tuple[KnownEntry, list[Change]]:
    """The row of an entry that is missing once more, and that it is withdrawn, once that is proven."""
    after = replace(row, missing=row.missing + 1)
    if not is_proven(after):
        return after, []
    after, change = taken_back(after, source_id, slugs_of, now)
    return after, [change]


def taken_back(row: KnownEntry, source_id: str, slugs_of: SlugsOf, now: datetime) -> tuple[KnownEntry, Change]:
    """The row of an entry that its source is known to have withdrawn, and that change."""
    after = replace(row, listed=False, missing=0, withdrawn=now, revision=row.revision + 1)
    return after, change_of("withdrawn", source_id, after, row.entry, (), slugs_of, at=now)


def change_of(
    kind: ChangeKind,
    source_id: str,
    row: KnownEntry,
    before: Entry | None,
    fields: tuple[str, ...],
    slugs_of: SlugsOf,
    *,
    at: datetime | None = None,
) -> Change:
    """The change that made `before` into `row`, in the categories of both."""
    slugs = dict.fromkeys(slugs_of(row.entry.categories))
    if before is not None:
        slugs |= dict.fromkeys(slugs_of(before.categories))
    return Change(
        # From facts alone, so that a restored older store finds the same change under the same id.
        id=digest("change", kind, source_id, row.key, str(row.revision), _content(row.entry)),
        kind=kind,
        source_id=source_id,
        key=row.key,
        atom_id=row.atom_id,
        entry=row.entry,
        before=before,
        fields=fields,
        categories=tuple(slugs),
        at=at or row.first_seen,
        revision=row.revision,
    )


def _content(entry: Entry) -> str:
    categories = sorted(category.title for category in entry.categories)
    return digest(entry.title, plain(entry.summary), plain(entry.content), entry.link, *categories)

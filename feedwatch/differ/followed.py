"""The entries' own pages: which to look at, and what a look has found. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta

from msgspec import Struct
from msgspec.structs import replace

from feedwatch.canonical import canonical_url, digest
from feedwatch.differ.diff import Diff, SlugsOf, change_of, taken_back, worded
from feedwatch.differ.edits import Edit
from feedwatch.differ.normalise import text_of
from feedwatch.model import (
    NO_VALIDATORS,
    Article,
    Change,
    EditRules,
    Entry,
    Followed,
    KnownEntry,
    KnownSource,
    Validators,
)

#: Shortest and longest time between two looks; in between it is half the time that an entry is known.
_SOONEST, _LATEST = timedelta(days=1), timedelta(days=30)
#: An entry that is missing in its listing is looked at again after that.
_MISSING = timedelta(minutes=30)
#: So long after the last edit nobody looks any more.
_WATCHED = timedelta(days=365)
#: A text this much shorter than before is seen twice before it is believed.
_SHORTER = 1 / 3
#: So many major edits or dead pages at once, and hardly anything else, are the site's doing.
_MANY = 3
_WEEK = timedelta(days=7)
#: Looks in a row that find nothing at an address before the entry counts as taken back.
_GONE = 2


class Look(Struct, frozen=True):
    """What a look at an entry's own page came to. By default: nothing that was not known."""

    article: Article | None = None
    #: HTTP status of a page that is not there (404, 410).
    gone: int | None = None
    #: Nobody answered, or with an error.
    failed: bool = False
    #: To be sent with the next look.
    validators: Validators = NO_VALIDATORS


def next_look(row: KnownEntry) -> datetime | None:
    """When the entry's own page is to be looked at next (UTC); None for never."""
    if not row.entry.link or row.same_as is not None or row.withdrawn is not None:
        return None
    looked = row.followed
    if looked is None:
        return row.first_seen if row.listed else None
    if row.missing or looked.gone:
        return looked.at + (_MISSING if row.missing else _SOONEST)
    if row.changed_at > looked.at:
        return row.changed_at
    if looked.at - row.changed_at > _WATCHED:
        return None
    return looked.at + min(max((looked.at - row.first_seen) / 2, _SOONEST), _LATEST)


def due(known: KnownSource, now: datetime, limit: int) -> list[KnownEntry]:
    """Entries whose pages are to be looked at: those that are missing first, then the newest that never were."""
    rows = [row for row in known.entries.values() if (when := next_look(row)) is not None and when <= now]
    rows.sort(key=lambda row: row.order, reverse=True)
    rows.sort(key=lambda row: (not row.missing, row.followed is not None))
    return rows[:limit]


def first_due(known: KnownSource) -> datetime | None:
    """When the next of them is."""
    return min((when for row in known.entries.values() if (when := next_look(row))), default=None)


def said_by(entry: Entry, article: Article, own: Iterable[str | None]) -> Entry:
    """`entry` with the text of its page, and with the address that this gives as its own, unless it is one of `own`:
    the source's."""
    addresses = {canonical_url(url) for url in own if url}
    canonical = article.canonical if article.canonical and canonical_url(article.canonical) not in addresses else None
    return replace(entry, content=article.text, canonical=canonical)


def looked(
    known: KnownSource, looks: Sequence[tuple[KnownEntry, Look]], *, slugs_of: SlugsOf, rules: EditRules, now: datetime
) -> Diff:
    """What looks at the pages of these entries say has happened.

    The first text of a page is no edit of what the listing said. When all that were looked at read much differently,
    their site changed, not its posts.
    """
    found = [_after(row, look, known, rules, now) for row, look in looks]
    major = sum(edit is not None and edit.size == "major" for _, edit, _ in found)
    notes = tuple(note for *_, said in found for note in said)
    if major >= _MANY and major == sum(look.article is not None for _, look in looks):
        notes = (f"the pages of {major} entries read differently all at once; that is no edit of theirs",)
        found = [(_quietly(row, look, known, now), None, []) for row, look in looks]
    dead, recent = _dead(known, [after for after, _, _ in found], now)
    if rebuilt := dead >= _MANY and 2 * dead > recent:
        notes = (*notes, f"the pages of {dead} entries are gone within a week; that is no withdrawal of theirs")
    rows, changes = [], list[Change]()
    for (before, _), (after, edit, _) in zip(looks, found, strict=True):
        if edit is not None:
            change = change_of("edited", known.source_id, after, before.entry, edit.fields, slugs_of, at=now)
            changes.append(replace(change, size=edit.size))
        if _is_taken_back(after) and not rebuilt:
            after, change = taken_back(after, known.source_id, slugs_of, now)
            changes.append(change)
        rows.append(after)
    return Diff(tuple(rows), tuple(changes), 0, notes)


def _after(
    row: KnownEntry, look: Look, known: KnownSource, rules: EditRules, now: datetime
) -> tuple[KnownEntry, Edit | None, list[str]]:
    before = row.followed or Followed(now)
    if look.gone is not None:
        # RFC 9110 §15.5.11: 410 is meant to last, so one look is enough.
        gone = before.gone + (_GONE if look.gone == 410 else 1)
        return replace(row, followed=replace(before, at=now, gone=gone)), None, []
    article = look.article
    if article is None:
        return replace(row, followed=replace(before, at=now, gone=before.gone if look.failed else 0)), None, []
    if _is_cut(row, article) and before.doubted != (short := digest(article.text.value)):
        return replace(row, followed=replace(before, at=now, doubted=short)), None, []
    after = _quietly(row, look, known, now)
    told = bool(row.revisions) and row.changed_at > before.at and row.revisions[-1].size == "major"
    if before.read_as != article.read_as or told:
        return after, None, []
    after, edit, notes = worded(after, row.entry, rules, now)
    return (replace(after, revision=row.revision + 1) if edit else after), edit, notes


def _quietly(row: KnownEntry, look: Look, known: KnownSource, now: datetime) -> KnownEntry:
    """`row` with what its page says, as if it had always been so."""
    if look.article is None:
        return replace(row, followed=replace(row.followed or Followed(now), at=now))
    entry = said_by(row.entry, look.article, (known.about.link,))
    return replace(row, entry=entry, followed=Followed(now, look.article.read_as, look.validators))


def _is_cut(row: KnownEntry, article: Article) -> bool:
    if row.followed is None or row.followed.read_as is None:
        return False
    return len(text_of(article.text)) < _SHORTER * len(text_of(row.entry.content))


def _dead(known: KnownSource, after: Iterable[KnownEntry], now: datetime) -> tuple[int, int]:
    """How many pages of entries were not there in the last week, and how many were looked at."""
    rows = {**known.entries, **{row.key: row for row in after}}
    looked = [row.followed for row in rows.values() if row.followed and now - row.followed.at <= _WEEK]
    return sum(looked.gone > 0 for looked in looked), len(looked)


def _is_taken_back(row: KnownEntry) -> bool:
    """A dead link to an entry that is still listed is the site's mistake."""
    if row.followed is None or not row.followed.gone:
        return False
    return bool(row.missing) or (not row.listed and row.followed.gone >= _GONE)

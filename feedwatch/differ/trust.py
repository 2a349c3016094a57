"""Whether a reading is of the listing that is known, and as it always was. Pure.

What a source usually is like is not written down anywhere: its known entries tell.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from datetime import datetime, timedelta

from msgspec import Struct

from feedwatch.differ.diff import Diff
from feedwatch.differ.hush import NEWS, NO_HUSH, Hush
from feedwatch.model import (
    READING_VERSION,
    Change,
    Doubt,
    Entry,
    KnownEntry,
    KnownSource,
    PollState,
    Quarantine,
    Reading,
)

#: Share of the entries of a reading by a new rule that must be known, as far as anything is known.
_KNOWN = 0.5
#: A source with so many known entries has habits; so many changes at once, and such a share of a reading, break them.
_HABITS, _MANY, _MASS = 10, 5, 0.5
#: What can be wrong with all of them shows on so few.
_FEW = 3
#: A field was there in that share of the known entries, and is lost when this share of the reading is left.
_FILLED, _LOST = 0.8, 0.2
#: Share of replacement characters in a text that was read in the wrong charset.
_GARBLED = 0.01
#: Share of unknown entries in a reading at most, after which a source does not count as one that rushes.
_CALM = 0.1
#: Readings in a row that have to agree before they are believed.
AGREEING = 3
#: What only people can judge.
_FOR_PEOPLE = frozenset({"rebuilt", "garbled"})
#: Not polled for that long, a source may have more news than it usually has; for a month, none of it is any.
_AWAY, _LONG_AWAY = timedelta(days=3), timedelta(days=30)
_FIELDS: dict[str, Callable[[Entry], object]] = {
    "title": lambda entry: entry.title,
    "link": lambda entry: entry.link,
    "date": lambda entry: entry.published or entry.age,
    "category": lambda entry: entry.categories,
}


class Verdict(Struct, frozen=True):
    """Why a reading is not believed."""

    doubt: Doubt
    detail: str


def unrecognised(known: KnownSource, reading: Reading) -> Verdict | None:
    """The verdict on a reading by another rule than before: known titles and links must come again."""
    listed = _listed(known)
    if not listed:
        return None
    ids = {name for row in listed for name in (row.entry.id, *row.aliases)}
    titles = {row.entry.title.casefold() for row in listed if row.entry.title}
    again = sum(entry.id in ids or entry.title.casefold() in titles for entry in reading.entries)
    if again >= _KNOWN * min(len(reading.entries), len(listed)):
        return None
    return Verdict(
        "rebuilt",
        f"the page was rebuilt, and what looks like its list of posts now has only {again} of {len(listed)} known "
        "entries in it; look at it with feedwatch preview, and pin the list down with [source.select]",
    )


def strange(
    known: KnownSource,
    reading: Reading,
    changes: Sequence[Change],
    horizon: datetime | None,
    usual: tuple[str, ...] | None = None,
    *,
    many_new: bool = False,
) -> Verdict | None:
    """The verdict on a reading and the changes it would make; None where it is as it always was.

    What is dated after `horizon` (UTC), about when the source was last read, may be new in any number, and with
    `many_new` whatever is unknown. `usual` are the fields that nearly all entries had in the reading before (`filled`).
    """
    listed = _listed(known)
    entries = reading.entries
    new = [change for change in changes if change.kind == "new"]
    if horizon is None:
        # The book-keeping was lost. What is known tells as well.
        horizon = max((row.entry.published.at for row in listed if row.entry.published), default=None)
    unforeseen = [change for change in new if not _fresh(change.entry, horizon)]
    edited = sum(change.kind == "edited" for change in changes)
    # The reading before may have been a short one.
    known_again = min(len(entries) - len(new), len(known.entries))
    if max(len(listed), known_again) >= _HABITS and edited >= _FEW and _most(edited, entries):
        return Verdict("mass-edit", f"{edited} of {len(entries)} entries read differently, all at once")
    if len(listed) < _FEW:
        return None
    habits = len(listed) >= _HABITS or len(unforeseen) == len(entries) >= _FEW
    if not many_new and habits and _most(len(unforeseen), entries):
        detail = f"{len(unforeseen)} of {len(entries)} entries are unknown and none of them is dated later"
        return Verdict("mass-new", detail)
    if lost := _lost(usual, listed, entries):
        return Verdict("lost-field", f"the {lost} is missing, which nearly every entry had")
    if _garbled(entries) and not _garbled(row.entry for row in listed):
        return Verdict("garbled", "the text is full of characters that could not be read (wrong charset?)")
    return None


class Taken(Struct, frozen=True):
    """What a reading that is believed changes."""

    diff: Diff
    #: Most of the source's entries are unknown at every reading; that is how it is.
    rushing: bool = False


def taken_in(
    known: KnownSource,
    reading: Reading,
    state: PollState,
    compare: Callable[[Hush], Diff],
    *,
    now: datetime,
    every: timedelta,
    same_reading: bool,
    healed: bool = False,
) -> Taken | Quarantine:
    """The changes of a reading, by `compare`, or why it is not believed.

    `every` is the interval at which the source is polled. Without `same_reading` its configuration is another than that
    of what is known: then all is discovered. With `healed` it was read with other selectors than the one before.
    """
    before = state.quarantine
    if state.accepted:
        return Taken(compare(_believed(before) if before else NO_HUSH), state.rushing)
    verdict = unrecognised(known, reading) if state.rule and reading.rule != state.rule else None
    found = compare(_absence(state, now, every, healed=healed)) if verdict is None else None
    if found is not None:
        if same_reading and state.read_as in (None, READING_VERSION):
            away = state.last_poll is not None and now - state.last_poll > max(_AWAY, 3 * every)
            horizon, many_new = state.last_success, state.rushing or away
            verdict = strange(known, reading, found.changes, horizon, state.filled, many_new=many_new)
        if verdict is None:
            return Taken(found, state.rushing and not _calm(found, reading))
    assert verdict is not None  # noqa: S101
    doubted = _quarantined(before, verdict, reading, now)
    if doubted.readings < AGREEING or doubted.doubt in _FOR_PEOPLE:
        return doubted
    rushes = doubted.doubt == "mass-new" and not _steady(before, reading)
    return Taken(compare(_believed(doubted)), state.rushing or rushes)


def _absence(state: PollState, now: datetime, every: timedelta, *, healed: bool) -> Hush:
    """What is no news after we were away, were put back from a backup, or came back to read otherwise."""
    if state.restored:
        return Hush(edits=True, news_after=now)
    if state.last_poll is not None and now - state.last_poll > max(_LONG_AWAY, 3 * every):
        return Hush(edits=True, news_after=now)
    if state.last_success is not None and (healed or state.read_as != READING_VERSION):
        return Hush(edits=True, news_after=state.last_success - NEWS)
    return NO_HUSH


def _quarantined(before: Quarantine | None, verdict: Verdict, reading: Reading, now: datetime) -> Quarantine:
    """What is known of doubted readings after one more; those of another kind do not count."""
    ids = tuple(entry.id for entry in reading.entries[:200])
    if before is None or before.doubt != verdict.doubt:
        return Quarantine(verdict.doubt, verdict.detail, now, 1, ids)
    return Quarantine(verdict.doubt, verdict.detail, before.since, before.readings + 1, ids)


def _calm(found: Diff, reading: Reading) -> bool:
    """Whether a reading has hardly anything unknown, as those of a source whose entries rush through never do."""
    unknown = found.discovered + sum(change.kind == "new" for change in found.changes)
    return len(reading.entries) >= _MANY and unknown <= _CALM * len(reading.entries)


def _steady(before: Quarantine | None, reading: Reading) -> bool:
    """Whether a doubted reading has what the one before had: else this source is one whose entries rush through."""
    if before is None:
        return True
    ids = {entry.id for entry in reading.entries}
    return len(ids.intersection(before.ids)) >= _KNOWN * min(len(ids), len(before.ids))


def _believed(quarantine: Quarantine) -> Hush:
    """The site as a whole has changed, and that is told already; what is dated since is news as ever."""
    if quarantine.doubt == "lost-field":
        return NO_HUSH
    return Hush(edits=quarantine.doubt == "mass-edit", news_after=quarantine.since - NEWS)


def _listed(known: KnownSource) -> list[KnownEntry]:
    return [row for row in known.entries.values() if row.listed and row.withdrawn is None]


def _fresh(entry: Entry, horizon: datetime | None) -> bool:
    return entry.published is not None and horizon is not None and entry.published.at > horizon - timedelta(days=2)


def _most(count: int, entries: Sequence[Entry]) -> bool:
    return count >= min(_MANY, len(entries)) and count > _MASS * len(entries)


def filled(entries: Sequence[Entry]) -> tuple[str, ...]:
    """Names of the fields that nearly all of these have."""
    return tuple(name for name, has in _shares(entries).items() if has >= _FILLED)


def _lost(usual: tuple[str, ...] | None, listed: Sequence[KnownEntry], entries: Sequence[Entry]) -> str | None:
    """The name of a field that nearly every entry had in the last reading and hardly any of these.

    What is known keeps a field that its source gave up, so it only counts where nothing is known of that reading.
    """
    if len(entries) < _FEW:
        return None
    had = filled([row.entry for row in listed]) if usual is None else usual
    return next((name for name, has in _shares(entries).items() if name in had and has <= _LOST), None)


def _shares(entries: Sequence[Entry]) -> dict[str, float]:
    """The share of entries that has each field."""
    return {name: sum(map(bool, map(value, entries))) / max(1, len(entries)) for name, value in _FIELDS.items()}


def _garbled(entries: Iterable[Entry]) -> bool:
    texts = [entry.title + (entry.summary.value if entry.summary else "") for entry in entries]
    return sum(text.count("\ufffd") for text in texts) > _GARBLED * max(1, sum(map(len, texts)))

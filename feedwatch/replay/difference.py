"""What two configurations made of the same bodies, compared. Pure."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping
from datetime import datetime

from msgspec import Struct

from feedwatch.differ.match import match
from feedwatch.model import ChangeKind, Entry
from feedwatch.replay.play import Alert, Play, Side, Trouble

#: An entry, whatever each side calls it: its source, and the key that the present configuration gives it.
_Name = tuple[str, str]


class Field(Struct, frozen=True):
    """One field as each side has it: ISO dates, names of categories, None for nothing."""

    name: str
    before: str | None
    after: str | None


class Differing(Struct, frozen=True):
    entry: Entry
    fields: tuple[Field, ...]


class SourceDifference(Struct, frozen=True):
    id: str
    appear: tuple[Entry, ...] = ()
    disappear: tuple[Entry, ...] = ()
    differ: tuple[Differing, ...] = ()
    #: Bodies that only the present, or only the new configuration has trouble with.
    mended: tuple[Trouble, ...] = ()
    broken: tuple[Trouble, ...] = ()


class Member(Struct, frozen=True):
    """An entry of a feed."""

    source_id: str
    entry: Entry


class FeedDifference(Struct, frozen=True):
    slug: str
    come: tuple[Member, ...]
    go: tuple[Member, ...]


class Told(Struct, frozen=True):
    """An alert that one side sends and the other does not."""

    route_id: str
    recipient: str | None
    kind: ChangeKind
    source_id: str
    entry: Entry
    at: datetime


class Difference(Struct, frozen=True):
    """Only what differs; all tuples are empty when nothing does."""

    sources: tuple[SourceDifference, ...] = ()
    feeds: tuple[FeedDifference, ...] = ()
    #: Alerts that would be sent, and those that would not be any more.
    more: tuple[Told, ...] = ()
    fewer: tuple[Told, ...] = ()

    def __bool__(self) -> bool:
        return bool(self.sources or self.feeds or self.more or self.fewer)


def compare(old: Side, new: Side) -> Difference:
    """What `new` would have made otherwise than `old`, of the same bodies."""
    names = _names(old, new)
    sources = (_source(id, old.plays.get(id), new.plays.get(id), names) for id in sorted({*old.plays, *new.plays}))
    sent, to_send = _alerts(old, {}), _alerts(new, names)
    return Difference(
        tuple(found for found in sources if found != SourceDifference(found.id)),
        tuple(_feeds(_members(old, {}), _members(new, names))),
        _without(to_send, sent),
        _without(sent, to_send),
    )


def _names(old: Side, new: Side) -> dict[_Name, _Name]:
    """For each entry of `new` that is one of `old`, its name there: by id, else by title and date."""
    names: dict[_Name, _Name] = {}
    for source_id, play in new.plays.items():
        before = old.plays.get(source_id)
        entries = [row.entry for row in play.known.entries.values()]
        for entry, row in match(before.known.entries if before else {}, entries):
            if row is not None:
                names[source_id, entry.id] = source_id, row.key
    return names


def _source(source_id: str, old: Play | None, new: Play | None, names: Mapping[_Name, _Name]) -> SourceDifference:
    before = {(source_id, row.key): row.entry for row in old.known.entries.values()} if old else {}
    after = {_name(names, source_id, row.key): row.entry for row in new.known.entries.values()} if new else {}
    pairs = [(entry, _fields(entry, after[name])) for name, entry in before.items() if name in after]
    sooner, later = (play.troubles if play else () for play in (old, new))
    return SourceDifference(
        source_id,
        appear=tuple(entry for name, entry in after.items() if name not in before),
        disappear=tuple(entry for name, entry in before.items() if name not in after),
        differ=tuple(Differing(entry, fields) for entry, fields in pairs if fields),
        mended=tuple(trouble for trouble in sooner if trouble not in later) if new else (),
        broken=tuple(trouble for trouble in later if trouble not in sooner),
    )


def _name(names: Mapping[_Name, _Name], source_id: str, key: str) -> _Name:
    return names.get((source_id, key), (source_id, key))


def _fields(old: Entry, new: Entry) -> tuple[Field, ...]:
    before, after = dict(_values(old)), dict(_values(new))
    return tuple(Field(name, value, after[name]) for name, value in before.items() if value != after[name])


def _values(entry: Entry) -> Iterator[tuple[str, str | None]]:
    yield "title", entry.title or None
    yield "link", entry.link
    yield "published", str(entry.published) if entry.published else None
    yield "categories", ", ".join(category.title for category in entry.categories) or None


def _members(side: Side, names: Mapping[_Name, _Name]) -> dict[str, dict[_Name, Entry]]:
    """The entries of each category feed."""
    feeds: dict[str, dict[_Name, Entry]] = defaultdict(dict)
    for source_id, play in side.plays.items():
        for row in play.known.entries.values():
            for slug in side.slugs(row):
                feeds[slug][_name(names, source_id, row.key)] = row.entry
    return feeds


def _feeds(
    old: Mapping[str, Mapping[_Name, Entry]], new: Mapping[str, Mapping[_Name, Entry]]
) -> Iterator[FeedDifference]:
    for slug in sorted({*old, *new}):
        before, after = old.get(slug, {}), new.get(slug, {})
        come = tuple(Member(name[0], entry) for name, entry in after.items() if name not in before)
        go = tuple(Member(name[0], entry) for name, entry in before.items() if name not in after)
        if come or go:
            yield FeedDifference(slug, come, go)


_Sent = list[tuple[tuple[object, ...], Told]]


def _alerts(side: Side, names: Mapping[_Name, _Name]) -> _Sent:
    """What is sent, each under what makes it the same alert on both sides."""
    return [
        ((told.route_id, told.recipient, told.kind, told.at, _name(names, told.source_id, alert.change.key)), told)
        for play in side.plays.values()
        for alert in play.alerts
        for told in [_told(alert)]
    ]


def _told(alert: Alert) -> Told:
    delivery, change = alert.delivery, alert.change
    return Told(delivery.route_id, delivery.recipient, change.kind, change.source_id, change.entry, change.at)


def _without(these: _Sent, those: _Sent) -> tuple[Told, ...]:
    """Those of `these` that are not among `those`, in the order of time."""
    left = Counter(key for key, _ in those)
    found = []
    for key, told in these:
        left[key] -= 1
        if left[key] < 0:
            found.append(told)
    return tuple(sorted(found, key=lambda told: (told.at, told.route_id)))

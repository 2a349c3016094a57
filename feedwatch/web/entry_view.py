"""What the page of an entry shows: its text, where each part of it comes from, and all that happened to it.

Makes no markup but for the text that its source wrote. Runs on the store's thread.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import Literal

from msgspec import Struct

from feedwatch.config_build import Config
from feedwatch.differ.history import Step, steps
from feedwatch.model import Change, Delivery, Entry, KnownEntry, PollState, Selectors, Source
from feedwatch.routes import objections
from feedwatch.store import Place, Store
from feedwatch.web.assets import minute
from feedwatch.web.markup import readable
from feedwatch.web.summaries import Summaries, Summary, entry_id, named


class Field(Struct, frozen=True):
    """A part of an entry, what it says, and who says so."""

    name: str
    value: str
    origin: str


class Told(Struct, frozen=True):
    """Who was told of a change, or why not."""

    route: str
    words: str
    status: Literal["pending", "delivered", "dead", "dropped", "untold"]


class Event(Struct, frozen=True):
    """One thing that happened to an entry; `step` is the edit, where it is one."""

    at: datetime
    words: str
    step: Step | None = None
    told: Sequence[Told] = ()


class EntryPage(Struct, frozen=True):
    summary: Summary
    row: KnownEntry
    #: Its text as harmless HTML; "" for none.
    html: str
    fields: Sequence[Field]
    #: The last first.
    history: Sequence[Event]
    #: The same post in other sources: (title of the source, id of the entry there).
    twins: Sequence[tuple[str, str]]
    #: The entry that it is counted as, when the operator said so.
    same_as: str | None


class EntryView:
    def __init__(self, config: Config, summaries: Summaries) -> None:
        self._routes = config.routes
        self._sources = {source.id: source for source in config.sources}
        self._summaries = summaries

    def entry(self, store: Store, wanted: str) -> EntryPage | None:
        """The page of the entry with that id; None where there is none."""
        source_id, atom_id = named(wanted)
        if source_id not in self._sources:
            return None
        rows = store.known(source_id).entries
        row = next((row for row in rows.values() if atom_id in _ids(row)), None)
        if row is None:
            return None
        place = source_id, row.key
        summary, shown = self._summaries.at(store, place), store.shown(place)
        if summary is None or shown is None:
            return None
        parts = [(source_id, row), *self._elsewhere(store, place)]
        same = rows.get(row.same_as) if row.same_as else None
        body = shown.known.entry.content or shown.known.entry.summary
        return EntryPage(
            summary=summary,
            row=shown.known,
            html=readable(body, shown.known.entry.link) if body else "",
            fields=list(self._fields(store, shown.known, parts)),
            history=sorted(self._history(store, parts), key=lambda event: event.at, reverse=True),
            twins=[(self._title(store, one), entry_id(one, other.atom_id)) for one, other in parts[1:]],
            same_as=entry_id(source_id, same.atom_id) if same else None,
        )

    def _elsewhere(self, store: Store, place: Place) -> Iterator[tuple[str, KnownEntry]]:
        """The entries of the same post in other sources, those that are there and can be read."""
        for source_id, key in store.twins(*place):
            if source_id in self._sources and store.shown((source_id, key)) is not None:
                yield source_id, store.known(source_id).entries[key]

    def _title(self, store: Store, source_id: str) -> str:
        return self._sources[source_id].title or store.known(source_id).about.title or source_id

    # --- who says so ---

    def _fields(self, store: Store, merged: KnownEntry, parts: Sequence[tuple[str, KnownEntry]]) -> Iterator[Field]:
        for name, label, attributes in _FIELDS:
            value = _words(merged.entry, attributes[0])
            if not value:
                continue
            owner, row = next((p for p in parts if _words(p[1].entry, attributes[0]) == value), parts[0])
            origin = _origin(self._sources[owner], store.state(owner), attributes)
            if name == "canonical" or (name == "content" and row.followed and row.followed.read_as):
                origin = "from the entry's own page"
            if len(parts) > 1:
                origin = f"{self._title(store, owner)}: {origin}"
            yield Field(label, value, origin if name != "categories" else origin + _given(self._sources[owner], value))
        if not merged.entry.published:
            yield Field("Published", minute(merged.published), "its source does not say: when it was first seen")
        yield Field("First seen", minute(merged.first_seen), "feedwatch's own clock")
        yield Field("Known as", merged.key, "what stays the same when it is edited")
        for alias in merged.aliases:
            yield Field("Also seen as", alias, "the same entry under another id")
        yield Field("atom:id", merged.atom_id, "feedwatch; never changes")

    # --- what happened ---

    def _history(self, store: Store, parts: Sequence[tuple[str, KnownEntry]]) -> Iterator[Event]:
        for source_id, row in parts:
            where = f" in {self._title(store, source_id)}" if len(parts) > 1 else ""
            changes = [e for e in store.events_of(source_id) if isinstance(e, Change) and e.key == row.key]
            rows: dict[str, list[Delivery]] = {}
            for claim in store.outbox_of(source_id):
                rows.setdefault(claim.delivery.change_id, []).append(claim.delivery)
            edits = {step.revision: step for step in steps(row)}
            for change in changes:
                step = edits.pop(change.revision, None) if change.kind == "edited" else None
                told = list(self._told(change, rows.get(change.id, [])))
                yield Event(change.at, _happened(change) + where, step, told)
            for step in edits.values():
                yield Event(step.at, f"Edited ({step.size}), revision {step.revision}{where}", step)
            if not any(change.kind == "new" for change in changes):
                yield Event(row.first_seen, f"First seen{where}; it was no news then, so nobody was told")
            if row.withdrawn and not any(change.kind == "withdrawn" for change in changes):
                yield Event(row.withdrawn, f"Withdrawn{where}")

    def _told(self, change: Change, deliveries: Sequence[Delivery]) -> Iterator[Told]:
        for route in self._routes:
            mine = [row for row in deliveries if row.route_id == route.id]
            for row in mine:
                yield Told(route.id, _delivery(row), row.status)
            if not mine and (reasons := "; ".join(objections(route, change))):
                yield Told(route.id, f"not told: {reasons}", "untold")


_FIELDS: tuple[tuple[str, str, tuple[str, ...]], ...] = (
    # name, label, attribute of the entry and then the names of its selector or path
    ("title", "Title", ("title",)),
    ("link", "Link", ("link",)),
    ("canonical", "Address it calls its own", ("canonical",)),
    ("published", "Published", ("published", "date")),
    ("updated", "Updated", ("updated",)),
    ("authors", "Authors", ("authors", "author")),
    ("categories", "Categories", ("categories", "category", "section")),
    ("summary", "Summary", ("summary",)),
    ("content", "Text", ("content",)),
    ("image", "Picture", ("image",)),
    ("enclosures", "Enclosures", ("enclosures",)),
    ("language", "Language", ("language",)),
    ("rights", "Rights", ("rights",)),
)


def _ids(row: KnownEntry) -> tuple[str, ...]:
    """Its own atom:id, and that under which its post is published."""
    return (row.atom_id, row.twin_of.atom_id) if row.twin_of else (row.atom_id,)


def _words(entry: Entry, name: str) -> str:
    """A part of an entry in a line; long texts only by their length."""
    match name:
        case "title" | "link" | "canonical" | "image" | "language" | "rights":
            return getattr(entry, name) or ""
        case "published" | "updated":
            moment = getattr(entry, name)
            return moment.stated if moment else ""
        case "authors":
            return ", ".join(person.name for person in entry.authors)
        case "categories":
            return ", ".join(category.title for category in entry.categories)
        case "enclosures":
            return ", ".join(enclosure.href for enclosure in entry.enclosures)
        case _:
            text = getattr(entry, name)
            return (
                f"{len(text.value):,} characters of {'HTML' if text.type == 'html' else 'plain text'}" if text else ""
            )


def _origin(source: Source, state: PollState, attributes: Sequence[str]) -> str:
    written = source.select or source.json
    if written is None:
        if state.kind == "feed":
            return "the feed's own"
        return "from the list that was found on the page" if state.rule else "as the source says"
    what = "selector" if isinstance(written, Selectors) else "path"
    found = [value for name in attributes if (value := getattr(written, name, None))]
    return f"by the {what} {' and '.join(found)}" if found else "found beside what the configuration names"


def _given(source: Source, value: str) -> str:
    given = [name for name in source.categories if name in value]
    return f"; {', '.join(given)}: given by the configuration" if given else ""


def _happened(change: Change) -> str:
    match change.kind:
        case "new":
            return "New"
        case "edited":
            return f"Edited ({change.size or 'major'}), revision {change.revision}"
        case "moved":
            return f"Moved from {change.before.link if change.before else 'elsewhere'}"
        case "recategorised":
            before = ", ".join(c.title for c in change.before.categories) if change.before else ""
            after = ", ".join(c.title for c in change.entry.categories)
            return f"Recategorised: {before or 'none'} → {after or 'none'}"
        case "withdrawn":
            return "Withdrawn"


def _delivery(row: Delivery) -> str:
    words: str = row.status
    if row.recipient:
        words = f"{row.recipient}: {words}"
    if row.attempts > 1:
        words += f" after {row.attempts} attempts"
    if row.group:
        words += f", together with others ({row.group})"
    return words + (f"; last error: {row.last_error}" if row.last_error and row.status != "delivered" else "")

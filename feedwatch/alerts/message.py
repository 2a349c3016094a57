"""What one send carries, as the values that every channel shows. Pure.

The JSON here is a contract (`feedwatch schema --webhook` prints its schema): add fields, never rename one.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any, Literal

from msgspec import Struct

from feedwatch.differ.normalise import text_of
from feedwatch.entryjson import entry_json
from feedwatch.model import Category, Change, ChangeKind, Entry, Event, Incident, Moment, Notice, Person, Text
from feedwatch.routes import Route, storm_reason
from feedwatch.troubles import headline

#: Events shown in a grouped message; the ids of all are listed.
MOST_SHOWN = 200
#: What happened, as a person reads it.
KIND_TITLES = {
    "new": "New", "edited": "Edited", "moved": "Moved", "recategorised": "Other categories",
    "withdrawn": "Withdrawn", "opened": "Problem", "open": "Still a problem", "closed": "Solved",
}  # fmt: skip
#: Characters of a title and of a summary in a grouped or compact event.
_TITLE, _SUMMARY = 500, 300


class Item(Struct, frozen=True):
    """One event of a message, under the id of its own delivery."""

    delivery_id: str
    event: Event
    #: Title of the source of a change, "" for a notice.
    source_title: str = ""


class Message(Struct, frozen=True):
    """One event, or several in one; `id` is its idempotency key at every attempt."""

    id: str
    route: Route
    items: tuple[Item, ...]
    group: Literal["digest", "quiet", "storm", "catch-up"] | None = None
    recipient: str | None = None
    #: Made up to try the route out.
    test: bool = False

    @property
    def at(self) -> datetime:
        """When the newest of its events happened."""
        return max(item.event.at for item in self.items)

    @property
    def changes(self) -> list[Change]:
        return [item.event for item in self.items if isinstance(item.event, Change)]


class Answer(Struct, frozen=True):
    """What became of one attempt. `error` is None when the receiver took it."""

    #: One sentence for people.
    error: str | None = None
    #: Whether another attempt can help.
    retry: bool = True
    retry_after: timedelta | None = None
    #: The receiver wants no more of this, ever (HTTP 410).
    gone: bool = False
    #: Whether the failure is the receiver's as a whole: then its other deliveries need not try.
    down: bool = True
    #: Whether the operator has to mend something before it can work.
    misconfigured: bool = False
    #: What the receiver said, as far as it is kept.
    text: str | None = None


def event_json(item: Item, *, compact: bool = False) -> dict[str, Any]:
    """One event as a webhook's body. `compact` leaves the long texts out."""
    event = item.event
    if isinstance(event, Notice):
        data: dict[str, Any] = {"incident": _incident_json(event.incident)}
        return {"type": f"incident.{event.kind}", "timestamp": event.at.isoformat(), "data": data}
    before = event.before
    data = {
        "entry": _entry(event.entry, compact, atom_id=event.atom_id, revision=event.revision),
        "before": _entry(before, compact) if before and not compact else None,
        "diff": [difference(event, name) for name in event.fields] if before and not compact else None,
        "source": event.source_id,
        "source_title": (item.source_title or event.source_id)[:_TITLE],
        "categories": list(event.categories),
    }
    if event.size:
        data["size"] = event.size
    if compact:
        data["compact"] = True
    return {"type": f"entry.{event.kind}", "timestamp": event.at.isoformat(), "data": data}


def message_json(message: Message, *, compact: bool = False) -> dict[str, Any]:
    """The whole message as a webhook's body."""
    if message.group is None:
        body = event_json(message.items[0], compact=compact)
        return {**body, "test": True} if message.test else body
    shown = () if compact else message.items[:MOST_SHOWN]
    data = {
        "reason": message.group,
        "detail": why(message),
        "count": len(message.items),
        "events": [{"id": item.delivery_id, **event_json(item, compact=True)} for item in shown],
        "ids": [item.delivery_id for item in message.items],
    }
    return {"type": "digest", "timestamp": message.at.isoformat(), "data": data}


def template_values(message: Message) -> dict[str, Any]:
    """What the operator's templates can name: all keys are always there.

    An incident and a grouped message have an `entry` too, whose title says what they are: a template that knows
    of entries only still shows them. `before` and `incident` are None where they mean nothing.
    """
    events = [_values(item) for item in message.items[:MOST_SHOWN]]
    values = events[0] if message.group is None else {**_stand_in(why(message), _titles(events)), "event": "digest"}
    return {**values, "events": events, "count": len(message.items), "reason": why(message)}


def why(message: Message) -> str:
    """Why several events are one message, in one sentence; "" for a single event."""
    count = len(message.items)
    events = "1 event" if count == 1 else f"{count} events"
    match message.group:
        case None:
            return ""
        case "digest":
            return f"{events} since the last digest."
        case "quiet":
            return f"{events} during quiet hours."
        case "catch-up":
            return f"{events} from the time when feedwatch did not run."
        case "storm":
            source = message.items[0].source_title or "one source"
            limit = message.route.storm
            return f"{events} in one poll of {source}, more than the {limit} sent one by one: " + (
                f"{storm_reason(message.changes)}."
            )


def difference(change: Change, name: str) -> dict[str, str | list[str] | None]:
    """A field before and after, as words."""
    return {
        "field": name,
        "before": _words(change.before, name) if change.before else None,
        "after": _words(change.entry, name),
    }


def examples() -> list[dict[str, Any]]:
    """The values of one made-up message of each kind, against which templates are tried."""
    route = Route("example", channel=None)  # type: ignore[arg-type]  # nothing is sent
    kinds: tuple[ChangeKind, ...] = ("new", "edited", "moved", "recategorised", "withdrawn")
    items = [Item(kind, example_change(kind, EXAMPLE_TIME), "Example blog") for kind in kinds]
    incident = Incident("i", "route-failing", "team-hook", "It answers 403.", EXAMPLE_TIME)
    items.append(Item("incident", Notice("n", "opened", incident, EXAMPLE_TIME)))
    messages = [Message(item.delivery_id, route, (item,)) for item in items]
    messages.append(Message("all", route, tuple(items), "digest"))
    return [template_values(message) for message in messages]


EXAMPLE_TIME = datetime(2026, 1, 5, 9, tzinfo=UTC)


def example_change(kind: ChangeKind, at: datetime) -> Change:
    """A made-up change, true to the shape of a real one."""
    entry = Entry(
        id="https://example.org/blog/rollouts",
        title="Safer rollouts, one region at a time",
        link="https://example.org/blog/rollouts",
        summary=Text("We moved our deploys from one big step to nine small ones, and sleep better."),
        authors=(Person("Ada Example"),),
        categories=(Category("Infrastructure"),),
        published=Moment(EXAMPLE_TIME, day_only=True),
    )
    before = None
    if kind != "new":
        before = Entry(entry.id, "Safer rollouts", entry.link, Text("We moved our deploys to nine small steps."))
    return Change(
        id=f"example-{kind}",
        kind=kind,
        source_id="example-blog",
        key=entry.id,
        atom_id="urn:uuid:00000000-0000-5000-8000-000000000000",
        entry=entry,
        before=before,
        fields=("title", "summary") if kind == "edited" else (),
        categories=("infrastructure",),
        at=at,
        revision=1 if kind == "new" else 2,
    )


def _values(item: Item) -> dict[str, Any]:
    event = item.event
    if isinstance(event, Notice):
        incident = {**_incident_json(event.incident), "event": event.kind}
        return {
            **_stand_in(f"{headline(event.incident)}: {event.incident.detail}", None),
            "event": "incident",
            "incident": incident,
        }
    return {
        "event": event.kind,
        "entry": entry_json(event.entry, atom_id=event.atom_id, revision=event.revision),
        "before": entry_json(event.before) if event.before else None,
        "source": {"id": event.source_id, "title": item.source_title or event.source_id},
        "incident": None,
        "changes": [difference(event, name) for name in event.fields] if event.before else [],
        "categories": list(event.categories),
    }


def _stand_in(title: str, summary: str | None) -> dict[str, Any]:
    """The values of what is no single entry."""
    entry = Entry("", title, summary=Text(summary) if summary else None)
    source = {"id": "feedwatch", "title": "feedwatch"}
    nothing: dict[str, Any] = {"before": None, "incident": None, "changes": [], "categories": []}
    return {**nothing, "entry": entry_json(entry, atom_id="", revision=1), "source": source}


def _titles(events: list[dict[str, Any]]) -> str:
    return " · ".join(str(event["entry"]["title"]) for event in events[:20])


def _entry(entry: Entry, compact: bool, **more: Any) -> dict[str, Any]:
    whole = entry_json(entry, **more)
    if not compact:
        return whole
    summary = whole["summary"] or whole["content_text"] or ""
    short = {"title": whole["title"][:_TITLE], "summary": summary[:_SUMMARY] or None}
    return {**whole, **short, "content_html": None, "content_text": None}


def _incident_json(incident: Incident) -> dict[str, Any]:
    return {
        "id": incident.id,
        "kind": incident.kind,
        "subject": incident.subject,
        "detail": incident.detail,
        "opened": incident.opened.isoformat(),
        "closed": incident.closed.isoformat() if incident.closed else None,
    }


def _words(entry: Entry, name: str) -> str | list[str] | None:
    value: Any = getattr(entry, name)
    if name == "categories":
        return [category.title for category in value]
    return text_of(value) if name in ("summary", "content") else value

"""Routes: who is told of what, when and where. Events in, outbox rows out. Pure; sends nothing."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, ClassVar, Literal

from msgspec import Struct, field
from msgspec.structs import replace

from feedwatch.canonical import digest
from feedwatch.discreet import Discreet
from feedwatch.hours import Hours
from feedwatch.model import Change, Delivery, Event, Notice
from feedwatch.selection import Words


class Webhook(Discreet, frozen=True):
    """Standard Webhooks to one address."""

    hidden: ClassVar[frozenset[str]] = frozenset({"url", "secrets", "headers"})

    url: str
    #: Signing secrets (`whsec_…`); all sign during rotation.
    secrets: tuple[str, ...] = ()
    headers: tuple[tuple[str, str], ...] = ()
    #: Whether the address may be on a private network; never link-local.
    allow_private: bool = False


class MailServer(Discreet, frozen=True):
    """The SMTP server that every mail goes through."""

    hidden: ClassVar[frozenset[str]] = frozenset({"password"})

    host: str
    port: int
    #: `starttls` and `tls` never fall back to clear text.
    security: Literal["starttls", "tls", "none"]
    #: Address, or name and address, of the sender.
    sender: str
    user: str | None = None
    password: str | None = None
    #: Certificates to trust instead of the system's.
    ca: Path | None = None
    allow_private: bool = False

    @property
    def address(self) -> str:
        """The address alone."""
        return self.sender.rpartition("<")[2].removesuffix(">").strip()

    @property
    def name(self) -> str:
        """The name before it, or ""."""
        return self.sender.rpartition("<")[0].strip()


class Mail(Struct, frozen=True):
    """E-mail, one message a recipient."""

    to: tuple[str, ...]
    server: MailServer


class Notify(Discreet, frozen=True):
    """Any service that Apprise knows."""

    hidden: ClassVar[frozenset[str]] = frozenset({"url"})

    url: str
    allow_private: bool = False


Channel = Webhook | Mail | Notify


class Wording(Struct, frozen=True):
    """The operator's own templates (Jinja2); None is ours."""

    subject: str | None = None
    body: str | None = None
    #: A webhook's body as a tree whose strings are templates.
    json: Mapping[str, Any] | None = None


class Route(Struct, frozen=True):
    """One `[[alert]]`: where deliveries go and which events it wants."""

    id: str
    channel: Channel
    #: Kinds of changes, and `incident`.
    when: frozenset[str] = frozenset({"new", "edited"})
    #: Slugs; empty means every category.
    categories: frozenset[str] = frozenset()
    #: Source ids; empty means every source.
    sources: frozenset[str] = frozenset()
    #: Words or phrases: one of `match` must be in title or text, none of `unless`.
    match: tuple[str, ...] = ()
    unless: tuple[str, ...] = ()
    #: Whether typo-sized edits are told of too.
    minor_edits: bool = False
    hours: Hours = field(default_factory=Hours)
    #: More changes than this in one poll of one source are one message.
    storm: int = 20
    wording: Wording = Wording()

    @property
    def recipients(self) -> tuple[str | None, ...]:
        return self.channel.to if isinstance(self.channel, Mail) else (None,)

    @property
    def address_digest(self) -> str:
        """Changes when the route leads elsewhere: then what is known of its receiver is void."""
        match self.channel:
            case Webhook(url=url) | Notify(url=url):
                return digest("address", url)
            case Mail(to=to, server=server):
                return digest("address", server.host, str(server.port), *to)


def wants(route: Route, change: Change) -> bool:
    return next(objections(route, change), None) is None


def objections(route: Route, change: Change) -> Iterator[str]:
    """Why a route is not told of a change, one clause for each reason; nothing where it is."""
    words = Words(change.entry)
    if change.kind not in route.when:
        yield f'it is told of {", ".join(sorted(route.when))}, and this is "{change.kind}" (when)'
    if change.size == "minor" and not route.minor_edits:
        yield "the edit is a minor one (minor_edits)"
    if route.sources and change.source_id not in route.sources:
        yield f'it wants other sources than "{change.source_id}" (sources)'
    if route.categories and route.categories.isdisjoint(change.categories):
        own = ", ".join(change.categories) or "no category"
        yield f"the entry is in {own}, and it wants {', '.join(sorted(route.categories))} (categories)"
    if route.match and not any(map(words.have, route.match)):
        yield f"none of {', '.join(route.match)} is in title or text (match)"
    for phrase in filter(words.have, route.unless):
        yield f'"{phrase}" is in title or text (unless)'


def deliveries(changes: Iterable[Change], routes: Iterable[Route]) -> tuple[Delivery, ...]:
    """One delivery for each change, matching route and recipient; the changes are those of one poll.

    The id is a digest of change, route and recipient: the same at every attempt and after every restart.
    """
    changes = tuple(changes)
    return tuple(row for route in routes for row in _rows(route, [c for c in changes if wants(route, c)]))


def caught_up(rows: Iterable[Delivery], now: datetime, wait: timedelta) -> tuple[Delivery, ...]:
    """The rows of changes that were found after we were away: what all sources have to say is one message, after the
    time that it takes to hear them all."""
    return tuple(
        replace(row, group="catch-up", due=max(row.due, now + wait)) if row.group in (None, "storm") else row
        for row in rows
    )


def notifications(notice: Notice, routes: Iterable[Route]) -> tuple[Delivery, ...]:
    """One delivery for each route that wants incidents, but for the one it is about."""
    about = notice.incident.subject.split()[0] if notice.incident.kind.startswith("route-") else None
    wanted = (route for route in routes if "incident" in route.when and route.id != about)
    return tuple(row for route in wanted for row in _rows(route, [notice]))


def queue(route: Route, event: Event) -> Iterator[Delivery]:
    """The rows of one event on one route, whether the route wants it or not."""
    due, held = route.hours.due(event.at)
    for recipient in route.recipients:
        key = (event.id, route.id) if recipient is None else (event.id, route.id, recipient)
        yield Delivery(
            id=digest("delivery", *key),
            change_id=event.id,
            route_id=route.id,
            created=event.at,
            due=due,
            recipient=recipient,
            group=held,
        )


def gathering(delivery: Delivery, source_id: str) -> tuple[str, ...] | None:
    """What deliveries have in common that are to be one message and have not been tried yet; None for single ones.

    Digests and quiet hours gather whatever is due, a storm only what one poll brought.
    """
    if delivery.group is None or delivery.message_id is not None:
        return None
    poll = (source_id, delivery.created.isoformat()) if delivery.group == "storm" else ()
    return delivery.group, delivery.recipient or "", *poll


def storm_reason(changes: Sequence[Change]) -> str:
    """What so many changes at once probably are, as a clause for people."""
    counts = Counter(change.kind for change in changes)
    what = ", ".join(f"{number} {kind}" for kind, number in counts.most_common())
    if counts["new"] > len(changes) / 2:
        return f"{what}: a batch was published at once, or the site began to list what was there before"
    if counts["withdrawn"] > len(changes) / 2:
        return f"{what}: the site removed a part of its archive, or moved it"
    return f"{what}: the site was edited or rearranged as a whole"


def _rows(route: Route, events: Sequence[Event]) -> list[Delivery]:
    rows = [row for event in events for row in queue(route, event)]
    if len(events) <= route.storm or route.hours.digest:
        return rows
    return [replace(row, group="storm") for row in rows]

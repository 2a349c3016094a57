"""What the pages for readers and operators show: a store in, values for a template out. Makes no markup.

Every method runs on the store's thread and opens no more sources than it shows entries of.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import datetime
from typing import Literal
from urllib.parse import urlsplit

from msgspec import Struct

from feedwatch.categories import ALL
from feedwatch.config_build import Config
from feedwatch.model import Change, DeliveryStatus, Event, Incident
from feedwatch.routes import Channel, Mail, Notify, Route, Webhook
from feedwatch.store import Backlog, Claim, Store
from feedwatch.troubles import headline
from feedwatch.web.summaries import Summaries, Summary, entry_id

#: Rows of one page.
ENTRIES, DELIVERIES, CATEGORIES = 20, 20, 200
#: Categories shown with their newest entries on the first page, and how many of those.
_CARDS, _NEWEST = 12, 3
#: What happened lately, in all and of each kind but new.
_LATELY, _EACH = 20, 8


class Paging(Struct, frozen=True):
    """A page of a longer list; both numbers count from 1."""

    number: int
    pages: int
    total: int

    @classmethod
    def of(cls, total: int, size: int, wanted: int) -> Paging:
        pages = max(1, math.ceil(total / size))
        return cls(min(max(wanted, 1), pages), pages, total)

    def slice(self, size: int) -> slice:
        return slice((self.number - 1) * size, self.number * size)


class CategoryCard(Struct, frozen=True):
    slug: str
    title: str
    count: int
    newest: Sequence[Summary] = ()


class Happening(Struct, frozen=True):
    """One line of what happened lately: an entry, or an incident."""

    at: datetime
    kind: Literal["new", "discovered", "edited", "withdrawn", "incident", "over"]
    entry: Summary | None = None
    words: str = ""
    #: Entries that were discovered in the same source at the same time, as far as they are at hand.
    more: int = 0


class Home(Struct, frozen=True):
    total: int
    cards: Sequence[CategoryCard]
    #: Categories that have entries, those without a card among them.
    categories: int
    sources: int
    #: Incidents that are open.
    open: int
    lately: Sequence[Happening]


class CategoryPage(Struct, frozen=True):
    card: CategoryCard
    paging: Paging
    entries: Sequence[Summary]
    #: Entries of the category that are too old to be in its list.
    older: int


class IncidentRow(Struct, frozen=True):
    incident: Incident
    headline: str
    #: The source that it is about, where it is one.
    source_id: str | None


class RouteRow(Struct, frozen=True):
    id: str
    channel: str
    wants: str
    pending: int
    dead: int
    due: datetime | None
    gone: bool
    #: False for what is left of an alert that is no longer in the configuration.
    configured: bool


class DeliveryRow(Struct, frozen=True):
    claim: Claim
    title: str
    kind: str
    #: The entry's page; None for incidents.
    entry: str | None


class Deliveries(Struct, frozen=True):
    routes: Sequence[RouteRow]
    #: What the list is cut down to; "" is every route.
    route: str
    status: DeliveryStatus
    paging: Paging
    rows: Sequence[DeliveryRow]


class Views:
    def __init__(self, config: Config) -> None:
        self._config = config
        self._sources = {source.id: source for source in config.sources}
        self.summaries = Summaries(self._sources)

    # --- what there is to read ---

    def home(self, store: Store, now: datetime) -> Home:
        counts = store.feeds()
        named = [(slug, *counts[slug]) for slug in counts if slug != ALL and counts[slug][1]]
        own = self._config.categories.titles
        first = sorted(named, key=lambda one: (one[0] not in own, -one[2], one[1].casefold()))[:_CARDS]
        incidents = store.incidents()
        return Home(
            total=counts.get(ALL, ("", 0))[1],
            cards=[
                CategoryCard(slug, title, count, self.summaries.of(store, store.places(slug), _NEWEST))
                for slug, title, count in sorted(first, key=lambda one: one[1].casefold())
            ],
            categories=len(named),
            sources=len(self._config.sources),
            open=sum(incident.closed is None for incident in incidents),
            lately=sorted(self._lately(store, incidents), key=lambda one: one.at, reverse=True)[:_LATELY],
        )

    def _lately(self, store: Store, incidents: Sequence[Incident]) -> Iterator[Happening]:
        newest = self.summaries.of(store, store.places(ALL), 2 * _LATELY)
        yield from (Happening(one.first_seen, "new", one) for one in newest if one.news)
        found: dict[tuple[str, datetime], list[Summary]] = {}
        for one in newest:
            if not one.news:
                found.setdefault((one.source_id, one.first_seen), []).append(one)
        for (_, at), together in found.items():
            yield Happening(at, "discovered", together[0], more=len(together) - 1)
        for one in self.summaries.of(store, store.places(ALL, "edited"), _EACH):
            yield Happening(one.changed_at, "edited", one)
        for one in self.summaries.of(store, store.places(ALL, "withdrawn"), _EACH):
            if one.withdrawn:
                yield Happening(one.withdrawn, "withdrawn", one)
        for incident in sorted(incidents, key=lambda i: i.closed or i.opened)[-_EACH:]:
            kind: Literal["over", "incident"] = "over" if incident.closed else "incident"
            yield Happening(incident.closed or incident.opened, kind, words=headline(incident))

    def categories(self, store: Store, page: int) -> tuple[Sequence[CategoryCard], Paging]:
        """All categories that have entries, by title."""
        cards = [CategoryCard(slug, *told) for slug, told in store.feeds().items() if slug != ALL and told[1]]
        paging = Paging.of(len(cards), CATEGORIES, page)
        return sorted(cards, key=lambda card: card.title.casefold())[paging.slice(CATEGORIES)], paging

    def category(self, store: Store, slug: str, page: int) -> CategoryPage | None:
        """None where there never was an entry."""
        slug = self._config.moved.get(slug, slug)
        if (told := store.feeds().get(slug)) is None:
            return None
        places = store.places(slug)
        title, count = ("All entries" if slug == ALL else told[0]), told[1]
        paging = Paging.of(min(len(places), count), ENTRIES, page)
        entries = self.summaries.of(store, places[paging.slice(ENTRIES)], ENTRIES)
        older = max(0, count - len(places)) if paging.number == paging.pages else 0
        return CategoryPage(CategoryCard(slug, title, count), paging, entries, older)

    # --- what there is to mend ---

    def incidents(self, store: Store) -> Sequence[IncidentRow]:
        """The open ones first, then those that are over, the latest first."""
        found = sorted(store.incidents(), key=lambda i: (i.closed is None, i.closed or i.opened), reverse=True)
        return [
            IncidentRow(incident, headline(incident), incident.subject if incident.subject in self._sources else None)
            for incident in found
        ]

    def deliveries(self, store: Store, route: str, status: DeliveryStatus, page: int) -> Deliveries:
        """`status` is pending or dead; a `route` that does not exist is taken for every route."""
        backlog = store.backlog()
        gone = {i.subject for i in store.incidents() if i.kind == "route-gone" and i.closed is None}
        rows = list(self._route_rows(backlog, gone))
        route = route if any(row.id == route for row in rows) else ""
        total = sum((row.pending if status == "pending" else row.dead) for row in rows if route in ("", row.id))
        paging = Paging.of(total, DELIVERIES, page)
        claims = _claims(store, backlog, route, status, paging.slice(DELIVERIES))
        return Deliveries(rows, route, status, paging, [_delivery_row(claim) for claim in claims])

    def _route_rows(self, backlog: Mapping[str, Mapping[str, Backlog]], gone: set[str]) -> Iterator[RouteRow]:
        left: dict[str, list[Backlog]] = {route.id: [] for route in self._config.routes}
        for routes in backlog.values():
            for route_id, one in routes.items():
                left.setdefault(route_id, []).append(one)
        configured = {route.id: route for route in self._config.routes}
        for route_id, parts in left.items():
            route = configured.get(route_id)
            yield RouteRow(
                id=route_id,
                channel=channel_words(route.channel) if route else "no longer in the configuration",
                wants=_wants(route) if route else "",
                pending=sum(part.pending for part in parts),
                dead=sum(part.dead for part in parts),
                due=min((part.due for part in parts if part.due), default=None),
                gone=route_id in gone,
                configured=route is not None,
            )


def _claims(
    store: Store, backlog: Mapping[str, Mapping[str, Backlog]], route: str, status: DeliveryStatus, window: slice
) -> list[Claim]:
    """The deliveries in `window` of the whole list: sources one after the other, so that only theirs are opened."""
    held: list[tuple[float, str, int]] = []
    for source_id, routes in backlog.items():
        parts = [part for route_id, part in routes.items() if route in ("", route_id)]
        count = sum(part.pending if status == "pending" else part.dead for part in parts)
        if count:
            held.append((_rank(parts, status), source_id, count))
    found: list[Claim] = []
    passed = 0
    for _, source_id, count in sorted(held):
        if passed >= window.stop:
            break
        if passed + count > window.start:
            mine = [c for c in store.outbox_of(source_id) if _fits(c, route, status)]
            mine.sort(key=_ORDERS[status])
            found += mine[max(0, window.start - passed) : window.stop - passed]
        passed += count
    return found


def _rank(parts: Sequence[Backlog], status: DeliveryStatus) -> float:
    """Pending: what goes out next first; dead: what was given up last first."""
    if status == "dead":
        return -max((part.died.timestamp() for part in parts if part.died), default=0.0)
    return min((part.due.timestamp() for part in parts if part.due), default=math.inf)


_ORDERS: dict[DeliveryStatus, Callable[[Claim], float]] = {
    "pending": lambda claim: claim.delivery.due.timestamp(),
    "dead": lambda claim: -(claim.delivery.settled or claim.delivery.created).timestamp(),
}


def _fits(claim: Claim, route: str, status: DeliveryStatus) -> bool:
    return claim.delivery.status == status and route in ("", claim.delivery.route_id)


def _delivery_row(claim: Claim) -> DeliveryRow:
    event: Event = claim.event
    if isinstance(event, Change):
        title = event.entry.title or event.entry.link or event.key
        return DeliveryRow(claim, title, event.kind, entry_id(event.source_id, event.atom_id))
    return DeliveryRow(claim, headline(event.incident), f"incident {event.kind}", None)


def channel_words(channel: Channel) -> str:
    """Where a route leads, without what is secret in its address."""
    match channel:
        case Webhook(url=url):
            return f"webhook to {urlsplit(url).hostname}"
        case Mail(to=to):
            return f"mail to {len(to)} {'address' if len(to) == 1 else 'addresses'}"
        case Notify(url=url):
            return f"notification by {urlsplit(url).scheme}"


def _wants(route: Route) -> str:
    words = [", ".join(sorted(route.when))]
    words += [f"in {', '.join(sorted(route.categories))}"] if route.categories else []
    words += [f"of {', '.join(sorted(route.sources))}"] if route.sources else []
    return " ".join(words)

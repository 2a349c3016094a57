"""Which route wants which change: changes in, outbox rows out. Pure; sends nothing."""

from __future__ import annotations

from collections.abc import Iterable

from feedwatch.canonical import digest
from feedwatch.model import Change, Delivery, Route


def wants(route: Route, change: Change) -> bool:
    return (
        change.kind in route.when
        and (not route.sources or change.source_id in route.sources)
        and (not route.categories or not route.categories.isdisjoint(change.categories))
    )


def deliveries(changes: Iterable[Change], routes: Iterable[Route]) -> tuple[Delivery, ...]:
    """One delivery for each change and matching route, due at once.

    Its id is a digest of change and route: the same at every attempt and after every restart.
    """
    routes = tuple(routes)
    return tuple(
        Delivery(
            id=digest("delivery", change.id, route.id),
            change_id=change.id,
            route_id=route.id,
            created=change.at,
            due=change.at,
        )
        for change in changes
        for route in routes
        if wants(route, change)
    )

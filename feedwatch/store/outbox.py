"""What waits to be sent, across sources: whom to ask for what is due, without opening the others. Knows no feed."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterator, Mapping, Sequence
from datetime import datetime

from feedwatch.model import Change, Delivery, Event, Incident
from feedwatch.routes import gathering
from feedwatch.store import OWN, Backlog, Claim
from feedwatch.store.openfiles import OpenFiles
from feedwatch.store.polls import Backlogs, Times
from feedwatch.store.sourcefile import SourceFile


class Outbox:
    """Deliveries and the events they carry are in the source files; `times` and `backlogs` say in which."""

    def __init__(self, files: OpenFiles, times: Times, backlogs: Backlogs) -> None:
        self._files = files
        self.times = times
        self.backlogs = backlogs

    def claim(self, route_id: str, now: datetime, limit: int) -> Sequence[Claim]:
        claims: list[Claim] = []
        for source_id, routes in list(self.times.items()):
            due = routes.get(route_id)
            if due is not None and due <= now and (file := self._files.readable(source_id)):
                claims += file.claims(route_id, now)
        claims.sort(key=_order)
        groups = {_group(claim) for claim in claims[:limit]} - {None}
        return claims[:limit] + [claim for claim in claims[limit:] if _group(claim) in groups]

    def waiting(self) -> Mapping[str, datetime]:
        times: dict[str, datetime] = {}
        for routes in self.times.values():
            for route_id, due in routes.items():
                times[route_id] = min(due, times.get(route_id, due))
        return times

    def settle(self, outcomes: Collection[tuple[str, Delivery]]) -> None:
        by_source: dict[str, list[Delivery]] = defaultdict(list)
        for source_id, delivery in outcomes:
            by_source[source_id].append(delivery)
        for source_id, deliveries in by_source.items():
            file = self._files.file(source_id)
            with self._files.writing(source_id):
                file.settle(deliveries)
            self.schedule(source_id, file)

    def schedule(self, source_id: str, file: SourceFile) -> None:
        """Says what a source has in the outbox now."""
        if waiting := file.waiting():
            self.times[source_id] = waiting
        else:
            self.times.pop(source_id, None)
        if backlog := file.backlog():
            self.backlogs[source_id] = backlog
        else:
            self.backlogs.pop(source_id, None)

    def forget(self) -> None:
        """The sources may know otherwise: each of them is to be scheduled again."""
        self.times, self.backlogs = {}, {}

    def kept(self) -> Iterator[Claim]:
        for source_id in self._files.stored():
            yield from self.kept_of(source_id)

    def kept_of(self, source_id: str) -> Sequence[Claim]:
        file = self._files.readable(source_id)
        return [file.claim(delivery) for delivery in file.deliveries.values()] if file else []

    def backlog(self) -> Mapping[str, Mapping[str, Backlog]]:
        return self.backlogs

    def events_of(self, source_id: str) -> Sequence[Event]:
        file = self._files.readable(source_id)
        return sorted(file.events.values(), key=lambda event: event.at) if file else []

    def events(self, since: datetime) -> Iterator[tuple[str, Event]]:
        for source_id in self._files.stored():
            yield from [(source_id, event) for event in self.events_of(source_id) if event.at >= since]

    def changes_of(self, source_id: str, key: str) -> Sequence[Change]:
        file = self._files.readable(source_id)
        events = file.events.values() if file else ()
        return [event for event in events if isinstance(event, Change) and event.key == key]

    def incidents(self) -> Sequence[Incident]:
        return sorted(self._files.file(OWN).incidents.values(), key=lambda incident: incident.opened)


def _order(claim: Claim) -> tuple[datetime, datetime, int, str]:
    revision = claim.event.revision if isinstance(claim.event, Change) else 0
    return claim.delivery.due, claim.event.at, revision, claim.delivery.id


def _group(claim: Claim) -> tuple[str, ...] | None:
    """What the deliveries of one grouped message have in common, or None."""
    message_id = claim.delivery.message_id
    return (message_id,) if message_id else gathering(claim.delivery, claim.source_id)

"""What the operator should know of routes: a receiver that is gone (410), and deliveries that were given up.

An incident and its notices to other routes are one commit, like a change and its deliveries. A route is
switched off exactly as long as an incident says that its receiver is gone.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime
from typing import Protocol

from feedwatch.alerts.message import Answer
from feedwatch.canonical import digest
from feedwatch.model import About, Commit, Incident, IncidentKind, Notice
from feedwatch.routes import Route, notifications
from feedwatch.store import OWN

log = logging.getLogger(__name__)


class IncidentStore(Protocol):
    async def incidents(self) -> list[Incident]: ...

    async def commit(self, commit: Commit) -> None: ...


class Incidents:
    def __init__(self, store: IncidentStore, routes: Mapping[str, Route]) -> None:
        self._store = store
        self._routes = routes
        #: The open ones, as stored; None until they were asked for.
        self._open: dict[tuple[IncidentKind, str], Incident] | None = None

    async def gone_routes(self, now: datetime) -> frozenset[str]:
        """Routes that are switched off, because their receiver said 410 and their address is still the same."""
        open_ = await self._loaded(now)
        return frozenset(subject for kind, subject in open_ if kind == "route-gone")

    async def saw(self, route: Route, answer: Answer, *, dead: bool, now: datetime) -> None:
        """Opens or closes what one attempt tells about its route."""
        open_ = await self._loaded(now)
        if answer.error is None:
            if failing := open_.get(("route-failing", route.id)):
                await self._close(failing, f'The alert "{route.id}" gets through again.', now)
        elif answer.gone:
            detail = (
                f'The receiver of the alert "{route.id}" is gone for good (HTTP 410): the alert is switched off and '
                f"what waits for it is held. Give it a new address, or run: feedwatch alert enable {route.id}"
            )
            await self._open_one("route-gone", route, detail, now)
        elif dead or answer.misconfigured:
            given_up = " and was given up" if dead else ""
            detail = (
                f'A delivery of the alert "{route.id}" failed{given_up}: {answer.error}. '
                f"See: feedwatch outbox list --route {route.id}"
            )
            await self._open_one("route-failing", route, detail, now)

    async def enable(self, route_id: str, now: datetime) -> bool:
        """Switches a route on again; False when it was not off."""
        open_ = await self._loaded(now)
        gone = open_.get(("route-gone", route_id))
        if gone is not None:
            await self._close(gone, f'The alert "{route_id}" was switched on again.', now)
        return gone is not None

    async def _loaded(self, now: datetime) -> dict[tuple[IncidentKind, str], Incident]:
        if self._open is None:
            stored = await self._store.incidents()
            self._open = {(i.kind, i.subject): i for i in stored if i.closed is None}
            for incident in list(self._open.values()):
                route = self._routes.get(incident.subject)
                if route is None or route.address_digest != incident.config_digest:
                    await self._close(incident, f'The alert "{incident.subject}" was changed.', now)
        return self._open

    async def _open_one(self, kind: IncidentKind, route: Route, detail: str, now: datetime) -> None:
        assert self._open is not None  # noqa: S101  (loaded by the caller)
        if (kind, route.id) in self._open:
            return
        number = digest("incident", kind, route.id, now.isoformat())
        incident = Incident(number, kind, route.id, detail, now, config_digest=route.address_digest)
        log.error("incident %s", detail)
        await self._write(incident, Notice(digest("opened", number), "opened", incident, now))
        self._open[kind, route.id] = incident

    async def _close(self, incident: Incident, detail: str, now: datetime) -> None:
        assert self._open is not None  # noqa: S101  (loaded by the caller)
        closed = replace(incident, closed=now)
        log.warning("incident over: %s", detail)
        notice = Notice(digest("closed", incident.id), "closed", replace(closed, detail=detail), now)
        await self._write(closed, notice)
        del self._open[incident.kind, incident.subject]

    async def _write(self, incident: Incident, notice: Notice) -> None:
        rows = notifications(notice, self._routes.values())
        about = About(title="feedwatch")
        await self._store.commit(Commit(OWN, about=about, incidents=(incident,), notices=(notice,), deliveries=rows))

"""What the operator should know: receivers that are gone, deliveries that were given up, sources that fail.

An incident and its notices to routes are one commit, like a change and its deliveries. One cause is one incident: it
is told of when it opens, while it goes on (after a day, then each week), and when it is over. A route is switched off
exactly as long as an incident says that its receiver is gone.
"""

from __future__ import annotations

import logging
from collections.abc import Collection, Mapping
from datetime import datetime, timedelta
from typing import Protocol

from msgspec.structs import replace

from feedwatch.alerts.message import Answer
from feedwatch.canonical import digest
from feedwatch.model import About, Commit, Incident, Notice
from feedwatch.routes import Route, notifications
from feedwatch.store import OWN
from feedwatch.troubles import Cause, headline

#: After that time an incident that goes on is told of again, and then again.
_FIRST_WORD, _LATER_WORD = timedelta(days=1), timedelta(days=7)

log = logging.getLogger(__name__)


class IncidentStore(Protocol):
    async def incidents(self) -> list[Incident]: ...

    async def commit(self, commit: Commit) -> None: ...


class Incidents:
    def __init__(self, store: IncidentStore, routes: Mapping[str, Route]) -> None:
        self._store = store
        self._routes = routes
        #: The open ones, as stored; None until they were asked for.
        self._open: dict[Cause, Incident] | None = None

    async def gone_routes(self, now: datetime) -> frozenset[str]:
        """Routes that are switched off, because their receiver said 410 and their address is still the same."""
        open_ = await self._loaded(now)
        return frozenset(cause.subject for cause in open_ if cause.kind == "route-gone")

    async def saw(self, route: Route, recipient: str | None, answer: Answer, *, dead: bool, now: datetime) -> None:
        """Opens or closes what one attempt tells about its route, or about one recipient of it."""
        open_ = await self._loaded(now)
        receiver = f"{route.id} {recipient}" if recipient else route.id
        if answer.error is None:
            if failing := open_.get(Cause("route-failing", receiver)):
                await self._close(failing, f'The alert "{route.id}" gets through again.', now)
        elif answer.gone:
            detail = (
                f'The receiver of the alert "{route.id}" is gone for good (HTTP 410): the alert is switched off and '
                f"what waits for it is held. Give it a new address, or run: feedwatch alert enable {route.id}"
            )
            await self._open_one(Cause("route-gone", route.id), detail, route.address_digest, now)
        elif dead or answer.misconfigured:
            given_up = " and was given up" if dead else ""
            detail = (
                f'A delivery of the alert "{route.id}" failed{given_up}: {answer.error}. '
                f"See: feedwatch outbox list --route {route.id}"
            )
            await self._open_one(Cause("route-failing", receiver), detail, route.address_digest, now)

    async def judge(self, found: Mapping[Cause, str], failing: Collection[str], now: datetime) -> None:
        """Opens, repeats and closes what there is to say about the sources, given the troubles there are now.

        `failing` are the ids and hosts of all sources that fail: what is only told under another name from now on is
        not over.
        """
        open_ = await self._loaded(now)
        for cause in [cause for cause in open_ if not cause.kind.startswith("route-") and cause not in found]:
            if cause.subject in failing:
                await self._superseded(open_[cause], now)
            else:
                await self._close(open_[cause], "It works again.", now)
        for cause, detail in found.items():
            if cause not in open_:
                await self._open_one(cause, detail, None, now)
            elif now >= _next_word(open_[cause]):
                await self._repeat(open_[cause], detail, now)

    async def enable(self, route_id: str, now: datetime) -> bool:
        """Switches a route on again; False when it was not off."""
        open_ = await self._loaded(now)
        gone = open_.get(Cause("route-gone", route_id))
        if gone is not None:
            await self._close(gone, f'The alert "{route_id}" was switched on again.', now)
        return gone is not None

    async def _loaded(self, now: datetime) -> dict[Cause, Incident]:
        if self._open is None:
            stored = await self._store.incidents()
            self._open = {Cause(i.kind, i.subject): i for i in stored if i.closed is None}
            for incident in list(self._open.values()):
                route = self._routes.get(incident.subject.split()[0])
                if not incident.kind.startswith("route-"):
                    continue
                if route is None or route.address_digest != incident.config_digest:
                    await self._close(incident, f'The alert "{incident.subject}" was changed.', now)
        return self._open

    async def _open_one(self, cause: Cause, detail: str, config_digest: str | None, now: datetime) -> None:
        assert self._open is not None  # noqa: S101  (loaded by the caller)
        if cause in self._open:
            return
        number = digest("incident", cause.kind, cause.subject, now.isoformat())
        incident = Incident(number, cause.kind, cause.subject, detail, now, config_digest=config_digest, told=now)
        log.error("incident %s: %s", headline(incident), detail)
        await self._write(incident, Notice(digest("opened", number), "opened", incident, now))
        self._open[cause] = incident

    async def _repeat(self, incident: Incident, detail: str, now: datetime) -> None:
        assert self._open is not None  # noqa: S101  (loaded by the caller)
        again = replace(incident, detail=detail, told=now)
        await self._write(again, Notice(digest("open", incident.id, now.isoformat()), "open", again, now))
        self._open[Cause(incident.kind, incident.subject)] = again

    async def _superseded(self, incident: Incident, now: datetime) -> None:
        assert self._open is not None  # noqa: S101  (loaded by the caller)
        await self._write(replace(incident, closed=now), None)
        del self._open[Cause(incident.kind, incident.subject)]

    async def _close(self, incident: Incident, detail: str, now: datetime) -> None:
        assert self._open is not None  # noqa: S101  (loaded by the caller)
        closed = replace(incident, closed=now)
        log.warning("incident over: %s", detail)
        notice = Notice(digest("closed", incident.id), "closed", replace(closed, detail=detail), now)
        await self._write(closed, notice)
        del self._open[Cause(incident.kind, incident.subject)]

    async def _write(self, incident: Incident, notice: Notice | None) -> None:
        rows = notifications(notice, self._routes.values()) if notice else ()
        notices = (notice,) if notice else ()
        about = About(title="feedwatch")
        await self._store.commit(Commit(OWN, about=about, incidents=(incident,), notices=notices, deliveries=rows))


def _next_word(incident: Incident) -> datetime:
    told = incident.told or incident.opened
    return told + (_FIRST_WORD if told == incident.opened else _LATER_WORD)

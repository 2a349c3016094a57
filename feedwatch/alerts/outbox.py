"""The outbox: claim what is due, send it, settle what became of it. One lane a route, so that none waits for another.

The order of steps; how long to wait is decided by `retry`, what goes out together by `gather`, how by `channels`.
"""

from __future__ import annotations

import asyncio
import functools
import logging
from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from typing import Protocol

from msgspec import Struct
from msgspec.structs import replace

from feedwatch import failpoints
from feedwatch.alerts.gather import Parcel, formed, parcels
from feedwatch.alerts.incidents import Incidents
from feedwatch.alerts.message import Answer, Message
from feedwatch.alerts.retry import Gate, Schedule
from feedwatch.canonical import clean
from feedwatch.model import Delivery
from feedwatch.routes import Route
from feedwatch.store import Claim

log = logging.getLogger(__name__)

#: Deliveries taken out of the store at once, and the longest time until what became of them is stored.
_BATCH = 100
_UNSETTLED = timedelta(seconds=2)
#: After the store failed, so that no receiver gets the same delivery every second.
_PAUSE = timedelta(minutes=1)

#: Characters kept of an error, and of a receiver's answer.
_ERROR, _ANSWER = 400, 1000

Outcome = tuple[str, Delivery]


class Sent(Struct, frozen=True):
    """What became of deliveries."""

    delivered: int = 0
    retrying: int = 0
    dead: int = 0

    def __add__(self, other: Sent) -> Sent:
        return Sent(self.delivered + other.delivered, self.retrying + other.retrying, self.dead + other.dead)


class OutboxStore(Protocol):
    """The calls of the store that are needed here, already moved off the event loop."""

    async def claim(self, route_id: str, now: datetime, limit: int) -> list[Claim]: ...

    async def waiting(self) -> Mapping[str, datetime]: ...

    async def settle(self, outcomes: list[Outcome]) -> None: ...


class Sender(Protocol):
    async def send(self, message: Message, now: datetime) -> Answer: ...


class Outbox:
    def __init__(
        self,
        store: OutboxStore,
        routes: Mapping[str, Route],
        sender: Sender,
        incidents: Incidents,
        schedule: Schedule,
        *,
        titles: Mapping[str, str],
        redact: Callable[[str], str],
        clock: Callable[[], datetime],
        jitter: Callable[[], float],
    ) -> None:
        self._store = store
        self._routes = routes
        self._sender = sender
        self._incidents = incidents
        self._schedule = schedule
        self._titles = titles
        self._redact = redact
        self._clock = clock
        self._jitter = jitter
        self._gates = {route_id: Gate(schedule.first) for route_id in routes}
        self._lanes: dict[str, asyncio.Task[Sent]] = {}
        #: What became of deliveries since the start.
        self.sent = Sent()
        #: Until then nothing is sent: what became of it could not be stored.
        self._paused: datetime | None = None

    async def drain(self) -> Sent:
        """Sends everything that is due now, and what comes to be due meanwhile. Each route at its own pace.

        Raises what one of the lanes raises, once all have ended: what the others were sending is settled.
        """
        total, idle = Sent(), 0
        # A lane that did nothing may still have made news for another one: an incident.
        while idle < 2 and (lanes := await self.start()):
            ended = await asyncio.gather(*lanes, return_exceptions=True)
            for result in ended:
                if isinstance(result, BaseException):
                    raise result
            done = sum((result for result in ended if isinstance(result, Sent)), Sent())
            idle = idle + 1 if done == Sent() else 0
            total += done
        return total

    async def start(self) -> list[asyncio.Task[Sent]]:
        """Starts a lane for each route that has something due; the lanes that are under way now."""
        now = self._clock()
        if self._paused is not None and now < self._paused <= now + _PAUSE:
            return []
        waiting = await self._store.waiting()
        held = await self._incidents.gone_routes(now)
        for route_id, due in waiting.items():
            gate = self._gates.get(route_id)
            ready = due <= now and route_id not in held and (gate is None or gate.is_open(now))
            if ready and route_id not in self._lanes:
                lane = self._lanes[route_id] = asyncio.create_task(self._lane(route_id))
                lane.add_done_callback(functools.partial(self._ended, route_id))
        return list(self._lanes.values())

    async def stop(self, grace: float) -> None:
        """Lets lanes under way finish for `grace` seconds; what they had not settled is sent again under its id."""
        if self._lanes:
            _, late = await asyncio.wait(self._lanes.values(), timeout=grace)
            for lane in late:
                lane.cancel()
            await asyncio.gather(*late, return_exceptions=True)

    def _ended(self, route_id: str, lane: asyncio.Task[Sent]) -> None:
        del self._lanes[route_id]
        if not lane.cancelled() and (error := lane.exception()):
            self._paused = self._clock() + _PAUSE
            log.error("deliveries could not be settled (%s); they will be sent again under the same id", error)

    async def _lane(self, route_id: str) -> Sent:
        route = self._routes.get(route_id)
        total = Sent()
        while claims := await self._store.claim(route_id, self._clock(), _BATCH):
            if route is None:
                reason = f'there is no [[alert]] with id "{route_id}" any more'
                outcomes = [_dead(claim, reason, self._clock()) for claim in claims]
                await self._settle(outcomes)
            elif until := route.hours.silent_until(self._clock()):
                outcomes = [(claim.source_id, _hushed(claim.delivery, until)) for claim in claims]
                await self._settle(outcomes)
            else:
                outcomes = await self._batch(route, claims)
            if not outcomes:
                break
            total += _counted(outcomes)
            self.sent += _counted(outcomes)
        return total

    async def _batch(self, route: Route, claims: list[Claim]) -> list[Outcome]:
        """Sends what the receiver takes, in order; what it does not get to stays as it was."""
        claims, done = self._without_recipient(route, claims)
        decided = formed(claims)
        if news := [(c.source_id, c.delivery) for c, before in zip(decided, claims, strict=True) if c is not before]:
            failpoints.hit("outbox.form")
            await self._store.settle(news)
        gate = self._gates[route.id]
        unsettled, since = list(done), self._clock()
        try:
            for parcel in parcels(route, decided, self._titles):
                if not gate.is_open(self._clock()):
                    outcomes = self._given_up(parcel, gate)
                else:
                    outcomes = await self._attempt(parcel, gate)
                    if route.id in await self._incidents.gone_routes(self._clock()):
                        break
                done += outcomes
                unsettled += outcomes
                if self._clock() - since >= _UNSETTLED:
                    await self._settle(unsettled)
                    unsettled, since = [], self._clock()
        finally:
            # Also when the service stops in the middle: what was answered must not be sent again.
            await self._settle(unsettled)
        return done

    async def _attempt(self, parcel: Parcel, gate: Gate) -> list[Outcome]:
        route = parcel.message.route
        failpoints.hit("outbox.send")
        try:
            answer = await self._sender.send(parcel.message, self._clock())
        except Exception as error:
            # A message that cannot be made must not hold up the others.
            log.exception("delivery route=%s id=%s could not be sent", route.id, parcel.message.id)
            answer = Answer(f"it could not be sent ({type(error).__name__})", down=False)
        failpoints.hit("outbox.answered")
        now = self._clock()
        # Redacted before it is cut: half a secret is no longer recognised. Cleaned, so that it can be stored.
        failed = answer.error and self._redact(clean(answer.error))[:_ERROR]
        answer = replace(answer, error=failed, text=answer.text and self._redact(clean(answer.text))[:_ANSWER])
        gate.saw(answer, now, self._jitter())
        spread = self._jitter()
        rows = [(c.source_id, self._schedule.after(c.delivery, answer, now, spread)) for c in parcel.claims]
        dead = rows[0][1].status == "dead"
        await self._incidents.saw(route, parcel.message.recipient, answer, dead=dead, now=now)
        status = rows[0][1].status
        log.info("delivery route=%s id=%s status=%s error=%s", route.id, parcel.message.id, status, answer.error)
        return rows

    def _given_up(self, parcel: Parcel, gate: Gate) -> list[Outcome]:
        """Behind a closed gate nothing is tried; what has waited too long for it to open is dead."""
        now = self._clock()
        if gate.since is None or not gate.long_closed(now):
            return []
        reason = f"given up: the receiver has not taken anything since {gate.since.isoformat(timespec='seconds')}"
        return [_dead(c, reason, now) for c in parcel.claims if self._schedule.expired(c.delivery, now)]

    def _without_recipient(self, route: Route, claims: list[Claim]) -> tuple[list[Claim], list[Outcome]]:
        """Addresses that were taken out of the configuration get nothing any more."""
        kept = [claim for claim in claims if claim.delivery.recipient in route.recipients]
        gone = [claim for claim in claims if claim.delivery.recipient not in route.recipients]
        reason = f'the [[alert]] "{route.id}" does not go to this address any more'
        return kept, [_dead(claim, reason, self._clock()) for claim in gone]

    async def _settle(self, outcomes: list[Outcome]) -> None:
        if outcomes:
            failpoints.hit("outbox.settle")
            await self._store.settle(outcomes)


def _dead(claim: Claim, reason: str, now: datetime) -> Outcome:
    return claim.source_id, replace(claim.delivery, status="dead", last_error=reason, settled=now)


def _hushed(delivery: Delivery, until: datetime) -> Delivery:
    """Until the end of the quiet hours; what no receiver can have seen yet is gathered."""
    untried = delivery.tried is None and delivery.message_id is None
    return replace(delivery, due=until, group=delivery.group or ("quiet" if untried else None))


def _counted(outcomes: list[Outcome]) -> Sent:
    statuses = [delivery.status for _, delivery in outcomes]
    return Sent(statuses.count("delivered"), statuses.count("pending"), statuses.count("dead"))

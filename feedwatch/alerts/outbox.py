"""The outbox: claim what is due, send it, settle what became of it. The order of steps, no channel's rules."""

from __future__ import annotations

import asyncio
import logging
from collections import defaultdict
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Protocol

from feedwatch import failpoints
from feedwatch.alerts import webhook
from feedwatch.model import Delivery, Route
from feedwatch.net import Net
from feedwatch.store import Claim

log = logging.getLogger(__name__)

#: Deliveries taken out of the store at once.
BATCH = 100
#: Longest wait between two attempts.
_LONGEST_WAIT = timedelta(hours=12)


@dataclass(frozen=True, slots=True)
class Sent:
    """What one drain did."""

    delivered: int = 0
    retrying: int = 0
    dead: int = 0

    def __add__(self, other: Sent) -> Sent:
        return Sent(self.delivered + other.delivered, self.retrying + other.retrying, self.dead + other.dead)


class OutboxStore(Protocol):
    """The two calls of the store that are needed here, already moved off the event loop."""

    async def claim(self, now: datetime, limit: int) -> list[Claim]: ...

    async def settle(self, outcomes: list[tuple[str, Delivery]]) -> None: ...


class Outbox:
    def __init__(
        self,
        store: OutboxStore,
        routes: Mapping[str, Route],
        net: Net,
        *,
        retry_first: timedelta,
        retry_for: timedelta,
        clock: Callable[[], datetime],
        jitter: Callable[[], float],
    ) -> None:
        self._store = store
        self._routes = routes
        self._net = net
        self._retry_first = retry_first
        self._retry_for = retry_for
        self._clock = clock
        self._jitter = jitter
        self._draining = asyncio.Lock()

    async def drain(self) -> Sent:
        """Sends everything that is due now. Each route goes at its own pace; within one, in order."""
        total = Sent()
        async with self._draining:
            while claims := await self._store.claim(self._clock(), BATCH):
                by_route: dict[str, list[Claim]] = defaultdict(list)
                for claim in claims:
                    by_route[claim.delivery.route_id].append(claim)
                done = await asyncio.gather(*(self._send_all(route, due) for route, due in by_route.items()))
                outcomes = [outcome for route in done for outcome in route]
                failpoints.hit("outbox.settle")
                await self._store.settle(outcomes)
                total += _counted([delivery for _, delivery in outcomes])
        return total

    async def _send_all(self, route_id: str, claims: list[Claim]) -> list[tuple[str, Delivery]]:
        """Stops asking a receiver that does not answer: the rest of its deliveries wait as long."""
        outcomes: list[tuple[str, Delivery]] = []
        down: Delivery | None = None
        for claim in claims:
            if down is not None:
                delivery = replace(claim.delivery, due=down.due, last_error=down.last_error)
            else:
                delivery = await self._attempt(route_id, claim)
                down = delivery if delivery.status == "pending" else None
            outcomes.append((claim.change.source_id, delivery))
        return outcomes

    async def _attempt(self, route_id: str, claim: Claim) -> Delivery:
        route = self._routes.get(route_id)
        if route is None:
            error = f'there is no [[alert]] with id "{route_id}" any more'
            return replace(claim.delivery, status="dead", last_error=error, settled=self._clock())
        failpoints.hit("outbox.send")
        answer = await webhook.send(self._net, route, claim.delivery.id, claim.change, self._clock())
        failpoints.hit("outbox.answered")
        after = self.settled(claim.delivery, answer)
        log.info("delivery route=%s id=%s status=%s error=%s", route_id, after.id, after.status, after.last_error)
        return after

    def settled(self, delivery: Delivery, answer: webhook.Answer) -> Delivery:
        """`delivery` after one attempt: delivered, dead, or pending again after a growing wait."""
        now, attempts = self._clock(), delivery.attempts + 1
        if answer.error is None:
            return replace(delivery, status="delivered", attempts=attempts, settled=now, last_error=None)
        wait = min(self._retry_first * 2 ** min(delivery.attempts, 30), _LONGEST_WAIT) * (1 + 0.2 * self._jitter())
        due = now + max(wait, answer.retry_after or timedelta())
        if answer.permanent or due > delivery.created + self._retry_for:
            return replace(delivery, status="dead", attempts=attempts, settled=now, last_error=answer.error)
        return replace(delivery, attempts=attempts, due=due, last_error=answer.error)


def _counted(deliveries: list[Delivery]) -> Sent:
    statuses = [delivery.status for delivery in deliveries]
    return Sent(statuses.count("delivered"), statuses.count("pending"), statuses.count("dead"))

"""When to try again, and when to stop: one delivery's schedule, and a gate before a receiver that is down. Pure."""

from __future__ import annotations

from datetime import datetime, timedelta

from msgspec import Struct
from msgspec.structs import replace

from feedwatch.alerts.message import Answer
from feedwatch.model import Delivery

#: Longest wait between two attempts of one delivery, and between two looks whether a receiver is back.
_LONGEST_WAIT, _LONGEST_CLOSED = timedelta(hours=12), timedelta(hours=1)
#: Failures in a row after which a receiver counts as down.
_DOWN = 3
#: Waits are made up to that much longer, at random, so that receivers that come back are not hit at once.
_JITTER = 0.2


class Schedule(Struct, frozen=True):
    """Attempts of one delivery: after `first`, then twice as long each time, for `give_up` in all."""

    first: timedelta
    give_up: timedelta

    def after(self, delivery: Delivery, answer: Answer, now: datetime, jitter: float) -> Delivery:
        """`delivery` after an attempt: delivered, dead, or pending until later. `jitter` is in [0, 1)."""
        if answer.error is None:
            attempts = delivery.attempts + 1
            return replace(
                delivery, status="delivered", attempts=attempts, settled=now, last_error=None, answer=None, tried=None
            )
        tried = delivery.tried or now
        # Who says when to come back has not refused: that was no attempt.
        attempts = delivery.attempts + (answer.retry_after is None)
        failed = replace(delivery, attempts=attempts, last_error=answer.error, answer=answer.text, tried=tried)
        deadline = tried + self.give_up
        if not answer.retry or now >= deadline:
            return replace(failed, status="dead", settled=now)
        if answer.retry_after is not None:
            return replace(failed, due=now + answer.retry_after * (1 + _JITTER * jitter))
        wait = _growing(self.first, delivery.attempts, _LONGEST_WAIT, jitter)
        return replace(failed, due=min(now + wait, deadline))

    def expired(self, delivery: Delivery, now: datetime) -> bool:
        """Whether a delivery that was never tried has waited for its receiver as long as a tried one would."""
        return (delivery.tried or delivery.due) + self.give_up <= now


class Gate(Struct):
    """What is known of one receiver, since this process started."""

    first: timedelta
    failures: int = 0
    #: When it stopped answering.
    since: datetime | None = None
    until: datetime | None = None

    def is_open(self, now: datetime) -> bool:
        # A clock that was set back must not keep it closed longer than any gate is.
        return self.until is None or now >= self.until or self.until - now > timedelta(days=2)

    def saw(self, answer: Answer, now: datetime, jitter: float) -> None:
        """Takes note of one attempt: closes when the receiver asks for it, or is down."""
        if answer.error is None or not answer.down:
            self.failures, self.since, self.until = 0, None, None
            return
        self.failures += 1
        self.since = self.since or now
        if answer.retry_after is not None:
            self.until = now + answer.retry_after
        elif self.failures >= _DOWN:
            self.until = now + _growing(self.first, self.failures - _DOWN, _LONGEST_CLOSED, jitter)

    def long_closed(self, now: datetime) -> bool:
        """Whether it has been down so long that this is no hiccup."""
        return self.since is not None and now - self.since >= _LONGEST_CLOSED


def _growing(first: timedelta, times: int, longest: timedelta, jitter: float) -> timedelta:
    wait: timedelta = min(first * 2 ** min(times, 30), longest)
    return wait * (1 + _JITTER * jitter)

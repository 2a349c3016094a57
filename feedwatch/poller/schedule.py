"""When to poll next and why, and when not to at all. Pure; holds no schedule."""

from __future__ import annotations

from datetime import datetime, timedelta
from functools import lru_cache
from typing import NamedTuple

from msgspec.structs import replace

from feedwatch.canonical import digest
from feedwatch.model import Failure, Pace, PollState, Source
from feedwatch.poller.rhythm import interval

#: How often a source is polled whose operator did not say, and one that cannot say "nothing new" cheaply.
EVERY, EVERY_WHOLE = timedelta(hours=1), timedelta(hours=6)
#: Longest wait between two tries of a source that fails.
_LONGEST_BACKOFF = timedelta(hours=24)
#: Shortest one after "too many requests" without a word of how long.
_THROTTLED = timedelta(hours=4)
_LONGEST_PACE = timedelta(hours=24)
_LONGEST_JITTER = timedelta(minutes=5)
#: No origin is obeyed for longer than that.
_LONGEST_WAIT = timedelta(days=31)
_ROBOTS = timedelta(hours=24)


#: The longest time that 304 is believed, and half of it more, so that not all sources are asked at once.
_UNMASK = timedelta(days=45)


class Next(NamedTuple):
    when: datetime
    #: What decided it, for people.
    set_by: str


def next_poll(
    source: Source, state: PollState, failure: Failure | None, now: datetime, *, fresh: timedelta | None = None
) -> Next:
    """The time of the next poll, after one that ended at `now`; `state` counts it already.

    Whatever the origin asks for only lengthens the operator's interval. A part of each wait that belongs to the
    source (and is the same after a restart) keeps a thousand sources from asking at the same second.
    """
    wait, set_by = _after_failure(source, state, failure) if failure else _after_success(source, state, fresh, now)
    spread = min(wait / 10, _LONGEST_JITTER) * phase(source.id)
    when = _outside(state.pace, now + wait + spread)
    return Next(when, "skipHours/skipDays of the feed" if when > now + wait + spread else set_by)


def settled(source_id: str, state: PollState, now: datetime, *, spread: bool) -> PollState:
    """`state` after the clock was set, the machine slept, or the service was down.

    Times that were written by a clock ahead of ours would stall the source: what is left of them counts from now.
    With `spread`, a source that is overdue gets its own place in the next minutes, so that there is no burst.
    """
    last, due = state.last_poll, state.next_poll
    if last is not None and due is not None and last > now:
        wait = min(max(due - last, timedelta()), _LONGEST_WAIT)
        held = state.not_before - last if state.not_before else None
        return replace(
            state,
            last_poll=now,
            next_poll=now + wait * phase(source_id),
            not_before=now + min(held, _LONGEST_WAIT) if held else None,
        )
    if spread and due is not None and due < now - _LONGEST_JITTER:
        return replace(state, next_poll=now + _LONGEST_JITTER * phase(source_id))
    return state


def asked_with(source_id: str, state: PollState, now: datetime) -> PollState:
    """The state whose validators are sent: none of them after six weeks of 304, so that a server that says so for ever,
    whatever there is, is found out."""
    if state.last_full is None or now - state.last_full < _UNMASK + _UNMASK / 2 * phase(source_id):
        return state
    return replace(state, validators={})


@lru_cache(maxsize=16_384)
def phase(source_id: str) -> float:
    """The place of a source among all, in [0, 1): the same for ever."""
    return int(digest("phase", source_id)[:8], 16) / 2**32


def may_poll_now(state: PollState, now: datetime) -> str | None:
    """Why even an explicit poll must not go out now, or None."""
    if state.gone:
        return "HTTP 410: it is gone for good and is not polled any more; remove the source or give it a new url"
    if state.not_before and now < state.not_before:
        return held_until(state.not_before)
    return None


def held_until(moment: datetime) -> str:
    return f"the origin asked to be left alone until {moment.isoformat(timespec='seconds')}"


def _after_success(source: Source, state: PollState, fresh: timedelta | None, now: datetime) -> tuple[timedelta, str]:
    untagged = not any(v.etag or v.last_modified for v in state.validators.values())
    if source.every:
        choices = [(source.every, "every")]
    elif source.adaptive and state.rhythm:
        choices = [(interval(state.rhythm, now), "how often it publishes")]
    elif untagged and not source.adaptive and not source.url.startswith("file:"):
        choices = [(EVERY_WHOLE, "the default without ETag or Last-Modified")]
    else:
        choices = [(EVERY, "the default")]
    if state.pace.every:
        choices.append((min(state.pace.every, _LONGEST_PACE), "ttl or sy:update* of the feed"))
    if fresh:
        choices.append((fresh, "Cache-Control or Expires"))
    return max(choices, key=lambda choice: choice[0])


def _after_failure(source: Source, state: PollState, failure: Failure) -> tuple[timedelta, str]:
    every = source.every or EVERY
    if failure.retry_after:
        return max(every, failure.retry_after), "Retry-After"
    if failure.kind == "robots":
        return max(every, _ROBOTS), "robots.txt"
    times = min(state.failures - 1, 16)
    if failure.http_status == 429:
        return max(min(max(_THROTTLED, 2 * every) * 2**times, _LONGEST_BACKOFF), every), "HTTP 429"
    return max(every, min(2 * every * 2**times, _LONGEST_BACKOFF)), f"failure {state.failures} in a row"


def _outside(pace: Pace, when: datetime) -> datetime:
    """The first moment from `when` on that is in no hour or day the feed asks to skip (RSS 2.0, in GMT)."""
    if len(pace.skip_hours) >= 24 or len(pace.skip_days) >= 7:
        return when
    while when.hour in pace.skip_hours or when.weekday() in pace.skip_days:
        when += timedelta(hours=1)
    return when

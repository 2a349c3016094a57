"""When to poll next, and when not to at all. Pure; holds no schedule."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Literal

from feedwatch.model import PollState, Source

#: Longest wait between two tries of a source that fails.
_LONGEST_BACKOFF = timedelta(hours=24)
_LONGEST_JITTER = timedelta(minutes=5)


def next_poll(
    source: Source,
    state: PollState,
    outcome: Literal["ok", "unchanged", "failed"],
    now: datetime,
    *,
    retry_after: timedelta | None,
    jitter: float,
) -> datetime:
    """The time of the next poll. `state.failures` counts the failure just seen; `jitter` is in [0, 1).

    Jitter only delays, and `retry_after` is never cut by our own interval.
    """
    wait = source.every
    if outcome == "failed":
        wait = max(wait, min(source.every * 2 ** min(state.failures, 16), _LONGEST_BACKOFF))
    spread = min(wait / 10, _LONGEST_JITTER) * jitter
    return now + max(wait, retry_after or timedelta()) + spread


def may_poll_now(state: PollState, now: datetime) -> str | None:
    """Why even an explicit poll must not go out now, or None."""
    if state.gone:
        return "HTTP 410: it is gone for good and is not polled any more; remove the source or give it a new url"
    if state.not_before and now < state.not_before:
        return f"the origin asked to be left alone until {state.not_before.isoformat(timespec='seconds')}"
    return None

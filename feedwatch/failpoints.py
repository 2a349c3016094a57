"""Counted points at which a crash test can stop the process. In service they only count.

Random kills find nothing (a rename takes microseconds); stopping at the 1st, 2nd, … n-th I/O step until a
run completes finds every order that matters. Each durable or outward step calls `hit` before it happens.
"""

from __future__ import annotations

from collections.abc import Callable

_hits = 0
_stop_at = 0
_act: Callable[[str], None] | None = None


def hit(name: str) -> None:
    """Marks the step `name` as about to happen; the armed one acts here."""
    global _hits
    _hits += 1
    if _hits == _stop_at and _act is not None:
        _act(name)


def arm(stop_at: int, act: Callable[[str], None]) -> None:
    """From now on the `stop_at`-th step (1-based) calls `act`, which may raise or end the process."""
    global _hits, _stop_at, _act
    _hits, _stop_at, _act = 0, stop_at, act


def hits() -> int:
    """How many steps have happened since the process started or `arm` was called."""
    return _hits

"""When a permanent redirect is believed. Pure.

Sites answer 301 by mistake, while they are rebuilt, and to everybody who is to log in. So a new address counts once
it was seen in several polls over days, each time with entries that are known; http to https counts at once.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from urllib.parse import urlsplit

from msgspec.structs import replace

from feedwatch.model import Move, PollState

_SIGHTINGS = 3
_HELD = timedelta(days=2)


def followed(state: PollState, home: str, target: str | None, *, trusted: bool, now: datetime) -> PollState:
    """`state` after an answer that was asked for at `home` and permanently redirected to `target`, or not at all.

    `trusted` says that what came is what this source is known to be.
    """
    if state.effective_url is not None and home != state.effective_url:
        # The new address had nothing any more, the old one has.
        state = replace(state, effective_url=None)
    if target is None or not trusted or _downgrade(home, target):
        return state if state.move is None else replace(state, move=None)
    seen = state.move
    move = replace(seen, sightings=seen.sightings + 1) if seen and seen.target == target else Move(target, now)
    held = move.sightings >= _SIGHTINGS and now - move.since >= _HELD
    if held or _only_safer(home, target):
        return replace(state, effective_url=target, move=None)
    return replace(state, move=move)


def _downgrade(home: str, target: str) -> bool:
    return urlsplit(home).scheme == "https" and urlsplit(target).scheme != "https"


def _only_safer(home: str, target: str) -> bool:
    old, new = urlsplit(home), urlsplit(target)
    same = (old.hostname, old.path or "/", old.query) == (new.hostname, new.path or "/", new.query)
    return (old.scheme, new.scheme) == ("http", "https") and same and old.port is None and new.port is None

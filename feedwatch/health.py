"""Whether the service does what it is there for, in words. Pure: judges what was observed, asks nobody."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

from msgspec import Struct, field

from feedwatch.model import PollState
from feedwatch.troubles import failing

#: A tick comes every second; without one for that long the service stands still.
_STILL = timedelta(seconds=60)
_LATE = timedelta(hours=1)


class Observed(Struct, frozen=True):
    """The state of the service at one moment."""

    at: datetime
    #: The last time that it looked at what is due.
    ticked: datetime | None
    #: By source id.
    sources: Mapping[str, PollState]
    #: When the next delivery of each route that has one is due.
    waiting: Mapping[str, datetime] = field(default_factory=dict)
    #: Routes that are switched off.
    gone: frozenset[str] = frozenset()
    #: What the store said last, when it could not do its work.
    store_error: str | None = None
    #: Since the start: polls by status, answers by what they took, changes by kind, deliveries by result.
    polls: Mapping[str, int] = field(default_factory=dict)
    answers: Mapping[str, int] = field(default_factory=dict)
    changes: Mapping[str, int] = field(default_factory=dict)
    deliveries: Mapping[str, int] = field(default_factory=dict)
    entries: int = 0

    @property
    def lag(self) -> timedelta:
        """How late the oldest delivery is that could go out."""
        due = [when for route, when in self.waiting.items() if route not in self.gone]
        return max((self.at - when for when in due), default=timedelta()) if due else timedelta()


def problems(observed: Observed) -> list[str]:
    """What keeps the service as a whole from its work; empty when it is well. One source's trouble is none."""
    found = []
    if observed.ticked is None or observed.at - observed.ticked > _STILL:
        found.append("nothing has looked at what is due for a minute")
    if observed.store_error:
        found.append(f"the store: {observed.store_error}")
    if observed.sources and all(map(failing, observed.sources.values())):
        found.append("every source fails; is the network down?")
    if observed.lag > _LATE:
        found.append(f"a delivery is {int(observed.lag.total_seconds() // 60)} minutes late")
    return found


def report(observed: Observed) -> tuple[bool, dict[str, Any]]:
    """Whether all is well, and why not, for /healthz."""
    found = problems(observed)
    bad = {source: state.error for source, state in observed.sources.items() if failing(state)}
    return not found, {"ok": not found, "problems": found, "sources": len(observed.sources), "failing": bad}


def source_report(observed: Observed, source_id: str) -> tuple[bool, dict[str, Any]] | None:
    """The same for one source; None when there is no such source."""
    state = observed.sources.get(source_id)
    if state is None:
        return None
    problem = (state.error or "it fails") if failing(state) else None
    return problem is None, {
        "ok": problem is None,
        "problems": [problem] if problem else [],
        "status": state.status,
        "last_success": state.last_success.isoformat() if state.last_success else None,
        "next_poll": state.next_poll.isoformat() if state.next_poll else None,
    }


def one_line(observed: Observed) -> str:
    """The state in a few words, for `systemctl status`."""
    bad = sum(map(failing, observed.sources.values()))
    words = [f"{len(observed.sources)} sources", f"{observed.entries} entries"]
    words += [f"{bad} failing"] if bad else []
    words += [f"{sum(observed.deliveries.values())} alerts sent"] if observed.deliveries else []
    return ", ".join([*words, *problems(observed)])

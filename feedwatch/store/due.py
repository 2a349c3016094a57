"""Which sources are due, in the order of their times: asking costs what is due, not what exists. Pure."""

from __future__ import annotations

import heapq
from datetime import datetime

from feedwatch.model import EPOCH, PollState


class Queue:
    """A heap of times; what was overtaken by a later word stays in it until it comes up and is dropped."""

    def __init__(self) -> None:
        self._heap: list[tuple[datetime, str]] = []
        #: The time that counts; who is gone has none.
        self._times: dict[str, datetime] = {}
        #: What came up already and was not heard of since, the longest due first.
        self._ready: dict[str, datetime] = {}

    def put(self, source_id: str, state: PollState) -> None:
        """From now on the time in `state` counts; without one the source is due at once."""
        self._ready.pop(source_id, None)
        if state.gone:
            self._times.pop(source_id, None)
            return
        when = self._times[source_id] = state.next_poll or EPOCH
        heapq.heappush(self._heap, (when, source_id))

    def due(self, now: datetime) -> list[str]:
        while self._heap and self._heap[0][0] <= now:
            when, source_id = heapq.heappop(self._heap)
            if self._times.get(source_id) == when:
                self._ready[source_id] = when
        return [source_id for source_id, when in self._ready.items() if when <= now]

"""Poll states and the times of waiting deliveries, in one small file beside the sources.

Losing it costs one full request a source and a look through the source files, nothing else.
"""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime
from pathlib import Path

import msgspec
from msgspec import UNSET, Struct, UnsetType, field
from msgspec.structs import replace

from feedwatch import files
from feedwatch.errors import Damaged
from feedwatch.model import PollState
from feedwatch.store import Backlog, codec
from feedwatch.store.due import Queue

#: By source and route.
Times = dict[str, dict[str, datetime]]
Backlogs = dict[str, dict[str, Backlog]]


class Polls(Struct):
    states: dict[str, PollState] = field(default_factory=dict)
    #: When the next delivery of each source and route that have one is due.
    outbox: Times = field(default_factory=dict)
    #: What each source and route has in the outbox.
    backlog: Backlogs = field(default_factory=dict)
    #: Whether this is what was written last: otherwise `outbox` may lack what the sources know.
    whole: bool = True
    warning: str | None = None


class _Written(Struct):
    """The file."""

    polls: dict[str, PollState]
    outbox: Times
    #: Older versions did not write it: the sources know it.
    backlog: Backlogs | UnsetType = UNSET


def load(path: Path) -> Polls:
    """What was written last, as far as it can be had. Raises TooNew."""
    try:
        document = files.read_document(path)
        if document is None:
            return Polls(whole=False)
        found = codec.decode(_Written, document.payload)
    except (Damaged, ValueError) as error:
        return Polls(whole=False, warning=f"{path}: forgotten, it is damaged ({error})")
    backlog = {} if found.backlog is UNSET else found.backlog
    if document.fell_back is None:
        return Polls(found.polls, found.outbox, backlog, whole=found.backlog is not UNSET)
    # Back-off and 410 of an older generation still hold; its validators must not vouch for anything.
    states = {source: replace(state, validators={}, body_digest=None) for source, state in found.polls.items()}
    return Polls(states, found.outbox, backlog, whole=False, warning=document.fell_back)


def save(path: Path, states: dict[str, PollState], outbox: Times, backlog: Backlogs) -> None:
    """Durably replaces the file. Raises StoreError; the old one is then whole."""
    files.write_document(path, msgspec.json.encode(_Written(states, outbox, backlog)))


class States:
    """Poll states in memory, and which of the sources in `listed` are due. Knows no entry and no file."""

    def __init__(self, states: dict[str, PollState], listed: Collection[str]) -> None:
        self.all = states
        self._listed = frozenset(listed)
        self.queue = Queue()
        for source_id in listed:
            self.queue.put(source_id, self.state(source_id))

    def state(self, source_id: str) -> PollState:
        return self.all.get(source_id) or PollState()

    def remember(self, source_id: str, state: PollState) -> None:
        self.all[source_id] = state
        if source_id in self._listed:
            self.queue.put(source_id, state)

    def vouch_for_nothing(self, source_id: str) -> None:
        """What a source shows is to be read anew."""
        self.remember(source_id, replace(self.state(source_id), validators={}, body_digest=None))

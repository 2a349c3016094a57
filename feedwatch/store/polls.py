"""Poll states and the times of waiting deliveries, in one small file beside the sources.

Losing it costs one full request a source and a look through the source files, nothing else.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from pathlib import Path

from msgspec import Struct, field
from msgspec.structs import replace

from feedwatch import files
from feedwatch.errors import Damaged
from feedwatch.model import PollState
from feedwatch.store import Backlog, codec


class Polls(Struct):
    states: dict[str, PollState] = field(default_factory=dict)
    #: When the next delivery of each source and route that have one is due.
    outbox: dict[str, dict[str, datetime]] = field(default_factory=dict)
    #: What each source and route has in the outbox.
    backlog: dict[str, dict[str, Backlog]] = field(default_factory=dict)
    #: Whether this is what was written last: otherwise `outbox` may lack what the sources know.
    whole: bool = True
    warning: str | None = None


def load(path: Path) -> Polls:
    """What was written last, as far as it can be had. Raises TooNew."""
    try:
        document = files.read_document(path)
        if document is None:
            return Polls(whole=False)
        data = codec.from_bytes(document.payload)
        states = {source: codec.load(PollState, row) for source, row in data["polls"].items()}
        outbox = {
            source: {route: datetime.fromisoformat(when) for route, when in routes.items()}
            for source, routes in data["outbox"].items()
        }
        backlog = {
            source: {route: codec.load(Backlog, row) for route, row in routes.items()}
            for source, routes in data.get("backlog", {}).items()
        }
    except (Damaged, ValueError, KeyError, TypeError, AttributeError) as error:
        return Polls(whole=False, warning=f"{path}: forgotten, it is damaged ({error})")
    if document.fell_back is None:
        # Older versions did not write the backlog: the sources know it.
        return Polls(states, outbox, backlog, whole="backlog" in data)
    # Back-off and 410 of an older generation still hold; its validators must not vouch for anything.
    states = {source: replace(state, validators={}, body_digest=None) for source, state in states.items()}
    return Polls(states, outbox, backlog, whole=False, warning=document.fell_back)


#: The state of each source as it was written last, and those bytes: most are the same the next time.
Rows = dict[str, tuple[PollState, bytes]]


def save(
    path: Path,
    states: Mapping[str, PollState],
    outbox: Mapping[str, Mapping[str, datetime]],
    backlog: Mapping[str, Mapping[str, Backlog]],
    rows: Rows,
) -> None:
    """Durably replaces the file. Raises StoreError; the old one is then whole.

    `rows` belongs to this function, from one call to the next.
    """
    for source, state in states.items():
        if source not in rows or rows[source][0] is not state:
            rows[source] = state, codec.to_bytes(source) + b":" + codec.to_bytes(codec.dump(state))
    waiting = {source: {r: when.isoformat() for r, when in routes.items()} for source, routes in outbox.items()}
    left = {source: {r: codec.dump(row) for r, row in routes.items()} for source, routes in backlog.items()}
    polls = b",".join(rows[source][1] for source in states)
    files.write_document(
        path, b'{"polls":{%b},"outbox":%b,"backlog":%b}' % (polls, codec.to_bytes(waiting), codec.to_bytes(left))
    )

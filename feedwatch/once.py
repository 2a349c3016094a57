"""The same post in several sources is told of once: which routes were told already, when another source has it too.

Asks the store what is known of the other entries of a post; writes nothing.
"""

from __future__ import annotations

from collections.abc import Container, Mapping, Sequence
from datetime import timedelta

from msgspec.structs import replace

from feedwatch.differ.diff import Diff
from feedwatch.model import Bond, Change, KnownEntry
from feedwatch.routes import Route, wants
from feedwatch.store import Store

#: For so long what happens to a post in one source is what has just happened to it in another.
_SAME = timedelta(days=3)

#: For changes that not every route is to be told of: the ids of those that are, by the id of the change.
Only = Mapping[str, frozenset[str]]


def told_once(store: Store, routes: Sequence[Route], source_id: str, found: Diff) -> tuple[Diff, Only]:
    """`found` without what no route has still to be told of, and with the bonds of its new entries."""
    known = store.known(source_id).entries
    bonds = {row.key: bond for row in found.rows if (bond := row.twin_of or _bond(store, source_id, row, known))}
    rows = tuple(replace(row, twin_of=bonds[row.key]) if row.key in bonds else row for row in found.rows)
    kept: list[Change] = []
    only: dict[str, frozenset[str]] = {}
    silent = 0
    for change in found.changes:
        others = _others(store, source_id, change.key, bonds.get(change.key))
        if not others:
            kept.append(change)
        elif left := _untold(store, routes, change, others):
            kept.append(change)
            only[change.id] = left
        else:
            silent += change.kind == "new"
    return replace(found, rows=rows, changes=tuple(kept), discovered=found.discovered + silent), only


def _bond(store: Store, source_id: str, row: KnownEntry, known: Container[str]) -> Bond | None:
    """Of an entry that is stored for the first time."""
    if row.key in known or (place := store.elsewhere(source_id, row.entry)) is None:
        return None
    first = store.known(place[0]).entries.get(place[1])
    return Bond(*place, (first.twin_of.atom_id if first.twin_of else first.atom_id)) if first else None


def _others(store: Store, source_id: str, key: str, bond: Bond | None) -> list[tuple[str, KnownEntry]]:
    """The same post in other sources."""
    places = dict.fromkeys(store.twins(source_id, key))
    if bond is not None:
        first = (bond.source_id, bond.key)
        places |= dict.fromkeys((first, *store.twins(*first)))
    places.pop((source_id, key), None)
    found = ((place[0], store.known(place[0]).entries.get(place[1])) for place in places)
    return [(other, row) for other, row in found if row is not None]


def _untold(
    store: Store, routes: Sequence[Route], change: Change, others: Sequence[tuple[str, KnownEntry]]
) -> frozenset[str]:
    """The routes that want a change and have not been told the same of the post as it is elsewhere."""
    if change.kind == "withdrawn" and any(row.withdrawn is None for _, row in others):
        return frozenset()
    if change.kind == "new" and any(change.at - row.first_seen > _SAME for _, row in others):
        return frozenset()
    said = [
        other
        for source_id, row in others
        for other in store.changes_of(source_id, row.key)
        if other.kind == change.kind and abs(change.at - other.at) <= _SAME
    ]
    return frozenset(r.id for r in routes if wants(r, change) and not any(wants(r, other) for other in said))

"""The entry that a person means: by its id, its address, or words of its title."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from feedwatch.canonical import canonical_url, comparable
from feedwatch.cli.common import printable
from feedwatch.errors import FeedwatchError
from feedwatch.model import KnownEntry
from feedwatch.store import Store

#: Entries that are named when the words fit more than one.
_SHOWN = 5


def entry_named(store: Store, source_ids: Iterable[str], wanted: str) -> tuple[str, KnownEntry]:
    """Its source and the entry. Raises FeedwatchError where none or several are meant."""
    every = [(source_id, row) for source_id in source_ids for row in store.known(source_id).entries.values()]
    rows = [(source_id, row) for source_id, row in every if row.same_as is None]
    link = canonical_url(wanted) if "://" in wanted else None
    words = comparable(wanted).casefold()
    ways: tuple[Callable[[KnownEntry], bool], ...] = (
        lambda row: wanted in (row.atom_id, row.key, row.entry.id, *row.aliases),
        lambda row: link is not None and row.entry.link is not None and canonical_url(row.entry.link) == link,
        lambda row: comparable(row.entry.title).casefold() == words,
        lambda row: bool(words) and words in comparable(row.entry.title).casefold(),
    )
    for fits in ways:
        found = [pair for pair in rows if fits(pair[1])]
        if len(found) == 1:
            return found[0]
        if found:
            some = "".join(f"\n  {row.atom_id}  {row.entry.title} ({source})" for source, row in found[:_SHOWN])
            raise FeedwatchError(printable_lines(f'"{wanted}" fits {len(found)} entries; name one by its id:{some}'))
    raise FeedwatchError(f'no stored entry has the id, the address or the title "{wanted}"; feedwatch list shows them')


def printable_lines(text: str) -> str:
    return "\n".join(map(printable, text.splitlines()))

"""The feed for people who follow edits: for each entry its last major one, word by word. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from html import escape

from feedwatch.canonical import edit_id
from feedwatch.differ.normalise import text_of
from feedwatch.differ.words import Piece, shortened, word_diff
from feedwatch.generator import atom
from feedwatch.model import Feed, KnownEntry, PublishedEntry, Revision, Text

#: Characters of unchanged text shown beside what changed.
_AROUND = 300
_MARKUP = {"same": "{}", "gone": "<del>{}</del>", "added": "<ins>{}</ins>"}


def render(feed: Feed, entries: Sequence[PublishedEntry], *, base_url: str) -> bytes:
    """The feed of the edits of `entries`, the last edited first."""
    edits = replace(
        feed,
        path=f"{feed.path}/changes",
        title=f"{feed.title}: edits",
        subtitle=None,
        first_path=f"{feed.first_path or feed.path}/changes",
        twins=(),
        archived=0,
    )
    return atom.render(edits, [_edit(entry) for entry in entries], base_url=base_url)


def _edit(published: PublishedEntry) -> PublishedEntry:
    known = published.known
    before = next(revision for revision in reversed(known.revisions) if revision.size == "major")
    entry = replace(
        known.entry,
        title=f"Edited: {known.entry.title or before.title}",
        summary=None,
        content=Text("".join(_told(before, known)), "html"),
        published=None,
        updated=None,
        enclosures=(),
    )
    at = before.until
    own = edit_id(known.atom_id, before.number + 1)
    return replace(
        published,
        known=replace(known, atom_id=own, entry=entry, published=at, updated=at, first_seen=known.first_seen),
    )


def _told(before: Revision, known: KnownEntry) -> Iterable[str]:
    for name, old, new in (
        ("Title", before.title, known.entry.title),
        ("Summary", text_of(before.summary), text_of(known.entry.summary)),
        ("Text", text_of(before.content), text_of(known.entry.content)),
    ):
        if old and new and old != new:
            yield f"<h4>{name}</h4><p>{''.join(map(_marked, shortened(word_diff(old, new), _AROUND)))}</p>"


def _marked(piece: Piece) -> str:
    return _MARKUP[piece.kind].format(escape(piece.text))

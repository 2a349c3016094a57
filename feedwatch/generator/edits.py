"""The feed for people who follow edits: for each entry its last major one, word by word. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from html import escape

from msgspec.structs import replace

from feedwatch.canonical import edit_id
from feedwatch.differ.normalise import text_of
from feedwatch.differ.words import Piece, shortened, word_diff
from feedwatch.generator import atom
from feedwatch.model import Feed, MajorEdit, PublishedEntry, Revision, Text

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
    # An edit that was taken back without another word has nothing to show.
    shown = [
        _edit(entry, entry.edit.before, told)
        for entry in entries
        if entry.edit and (told := "".join(_told(entry.edit)))
    ]
    return atom.render(edits, shown, base_url=base_url)


def marked(published: PublishedEntry) -> PublishedEntry:
    """The same, with what the major edit that it shows changed, word by word, before its text."""
    known, edit = published.known, published.edit
    changes = "".join(_told(edit)) if edit else ""
    if not edit or not changes:
        return published
    entry = known.entry
    # A reader shows the content and not the summary, where there are both.
    text = entry.content or entry.summary
    said = "" if text is None else text.value if text.type == "html" else f"<p>{escape(text.value)}</p>"
    content = Text(f"<p><em>Edited on {edit.before.until.date()}</em></p>{changes}<hr>{said}", "html")
    return replace(published, known=replace(known, entry=replace(entry, content=content)))


def _edit(published: PublishedEntry, before: Revision, told: str) -> PublishedEntry:
    known = published.known
    entry = replace(
        known.entry,
        title=f"Edited: {known.entry.title or before.title}",
        summary=None,
        content=Text(told, "html"),
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


def _told(edit: MajorEdit) -> Iterable[str]:
    """What differs, as HTML of our own around text that is escaped."""
    title, summary, text = (
        (edit.before.title, edit.after.title),
        (text_of(edit.before.summary), text_of(edit.after.summary)),
        (text_of(edit.before.content), text_of(edit.after.content)),
    )
    # Feeds without excerpts have the whole text in both.
    for name, (old, new) in (("Title", title), *([("Summary", summary)] if summary != text else []), ("Text", text)):
        if old and new and old != new:
            yield f"<h4>{name}</h4><p>{''.join(map(_marked, shortened(word_diff(old, new), _AROUND)))}</p>"


def _marked(piece: Piece) -> str:
    return _MARKUP[piece.kind].format(escape(piece.text))

"""Entries as the JSON that others build on: a contract. Add fields, never rename one."""

from __future__ import annotations

from typing import Any

from feedwatch.differ.normalise import text_of
from feedwatch.model import Entry, KnownEntry


def entry_json(entry: Entry, **more: Any) -> dict[str, Any]:
    """`entry` as in `preview --json`. Dates are ISO 8601, `YYYY-MM-DD` when only the day is known, or null."""
    return {
        "id": entry.id,
        "title": entry.title,
        "link": entry.link,
        "published": entry.published.stated if entry.published else None,
        "updated": entry.updated.stated if entry.updated else None,
        "summary": text_of(entry.summary) or None,
        "content_html": entry.content.value if entry.content and entry.content.type == "html" else None,
        "content_text": text_of(entry.content) or None,
        "authors": [{"name": p.name, "email": p.email, "uri": p.uri} for p in entry.authors],
        "categories": [category.title for category in entry.categories],
        "enclosures": [{"href": e.href, "type": e.type, "length": e.length} for e in entry.enclosures],
        "image": entry.image,
        "language": entry.language,
        **more,
    }


def known_json(source_id: str, known: KnownEntry, slugs: tuple[str, ...]) -> dict[str, Any]:
    """A stored entry, as in `list --json`."""
    return entry_json(
        known.entry,
        source=source_id,
        atom_id=known.atom_id,
        first_seen=known.first_seen.isoformat(),
        changed_at=known.changed_at.isoformat(),
        revision=known.revision,
        feeds=list(slugs),
        withdrawn=known.withdrawn.isoformat() if known.withdrawn else None,
    )

"""Incidents as the entries of a feed of their own: they never stand among posts. Pure."""

from __future__ import annotations

from collections.abc import Sequence

from feedwatch.canonical import atom_id
from feedwatch.generator import atom
from feedwatch.model import About, Entry, Feed, Incident, KnownEntry, PublishedEntry, Text
from feedwatch.troubles import headline

PATH = "health"
_SHOWN = 50
_FEED = Feed(PATH, "feedwatch: incidents", "What the operator of these feeds should know.")


def render(incidents: Sequence[Incident], *, base_url: str) -> bytes:
    """The Atom feed, the newest incident first; one that is over says so and is updated."""
    newest = sorted(incidents, key=lambda incident: (incident.opened, incident.id), reverse=True)[:_SHOWN]
    return atom.render(_FEED, [_published(incident) for incident in newest], base_url=base_url)


def _published(incident: Incident) -> PublishedEntry:
    over = f" Over since {incident.closed:%d %B %Y, %H:%M} UTC." if incident.closed else ""
    title = f"{'Solved: ' if incident.closed else ''}{headline(incident)}"
    entry = Entry(incident.id, title, summary=Text(incident.detail + over))
    known = KnownEntry(
        key=incident.id,
        atom_id=atom_id("incidents", incident.id),
        entry=entry,
        first_seen=incident.opened,
        changed_at=incident.closed or incident.opened,
        published=incident.opened,
        updated=incident.closed or incident.opened,
        order=(incident.opened, 0),
    )
    return PublishedEntry(known, "feedwatch", About(title="feedwatch"))

"""The story of an entry, and why a route was not told of it, as sentences. Pure: what is stored in, lines out."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from msgspec import Struct

from feedwatch.model import Change, Delivery, KnownEntry
from feedwatch.routes import Route, objections


class Story(Struct, frozen=True):
    """All that is stored about one entry."""

    source_id: str
    row: KnownEntry
    #: (slug, title) of the category feeds it is in.
    feeds: tuple[tuple[str, str], ...]
    #: What happened to it, as far as it is kept, oldest first.
    changes: tuple[Change, ...]
    deliveries: tuple[Delivery, ...]
    #: The source that was first with the same post, where it is another one.
    elsewhere: str | None


def told(story: Story, routes: Sequence[Route]) -> Iterator[str]:
    """Where it comes from, what happened to it, who was told."""
    row = story.row
    yield f"{row.entry.title or row.entry.link or row.key}"
    yield f"from source {story.source_id}, known there as {row.key}"
    if row.aliases:
        yield f"also seen as {', '.join(row.aliases)}"
    stated = row.entry.published.stated if row.entry.published else "nothing: the day it was first seen counts"
    yield f"first seen {row.first_seen.isoformat(timespec='seconds')}; its date, as the source states it: {stated}"
    yield f"feeds: {', '.join(slug for slug, _ in story.feeds) or 'none'}; atom:id {row.atom_id}"
    if story.elsewhere:
        yield f"the same post was in {story.elsewhere} first: it is shown under that entry, and was not alerted again"
    if row.withdrawn:
        yield f"withdrawn {row.withdrawn.isoformat(timespec='seconds')}"
    elif not row.listed:
        yield "it is not in the last reading any more; that alone is no withdrawal"
    if row.missing:
        yield f"it is missing from the last {row.missing} readings though it should be there; after 3 it is withdrawn"
    if row.followed:
        read = "its text is from there" if row.followed.read_as else "nothing could be read there"
        yield f"its own page was looked at {row.followed.at.isoformat(timespec='seconds')}; {read}"
        if row.followed.gone:
            yield "its page was not there (404 or 410)"
    if not any(change.kind == "new" for change in story.changes):
        yield (
            "no record of its being new is kept: it was discovered (first sight of the source, its configuration "
            "changed, a back-fill, the same post elsewhere), or that was long ago"
        )
    for change in story.changes:
        yield from _change(change, story, routes)


def why_not(story: Story, route: Route) -> Iterator[str]:
    """Why the route was not told, for each thing that happened."""
    if not story.changes:
        yield "nothing that happened to this entry is on record: it was discovered, and that is never told"
    for change in story.changes:
        sent = [row for row in story.deliveries if row.change_id == change.id and row.route_id == route.id]
        reasons = list(objections(route, change))
        what = f"{change.kind} at {change.at.isoformat(timespec='seconds')}"
        for row in sent:
            yield f"{what}: it is in the outbox: {_delivery(row)}"
        if not sent:
            yield f"{what}: {'; '.join(reasons) or 'it would be told now; the route was added or changed later'}"


def _change(change: Change, story: Story, routes: Iterable[Route]) -> Iterator[str]:
    size = f", {change.size}" if change.size else ""
    fields = f" ({', '.join(change.fields)})" if change.fields else ""
    yield f"{change.kind}{size}{fields} at {change.at.isoformat(timespec='seconds')}, revision {change.revision}"
    for route in routes:
        rows = [row for row in story.deliveries if row.change_id == change.id and row.route_id == route.id]
        for row in rows:
            yield f"  {route.id}: {_delivery(row)}"
        if not rows and (reasons := list(objections(route, change))):
            yield f"  {route.id}: not told, because {'; '.join(reasons)}"


def _delivery(row: Delivery) -> str:
    when = row.settled or row.due
    told = f"{row.status}, {row.attempts} attempts, {when.isoformat(timespec='seconds')}"
    group = f", together with others ({row.group})" if row.group else ""
    return told + group + (f", last error: {row.last_error}" if row.last_error else "")

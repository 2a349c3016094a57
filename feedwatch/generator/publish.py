"""Writes the feeds, the OPML and the index page into the public folder; only what differs from what is there."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from pathlib import Path
from typing import Protocol

from feedwatch import files
from feedwatch.categories import ALL
from feedwatch.generator import atom, edits, html, opml
from feedwatch.generator import incidents as incident_feed
from feedwatch.generator.html import Shown
from feedwatch.model import Feed, Incident, KnownSource, PublishedEntry, Source

#: Entries of a feed that the index page shows.
_NEWEST = 3


class Shelf(Protocol):
    """What is asked of the store here."""

    def latest(self, slug: str, limit: int) -> Sequence[PublishedEntry]: ...

    def withdrawn(self, slug: str, limit: int) -> Sequence[PublishedEntry]: ...

    def edited(self, slug: str, limit: int) -> Sequence[PublishedEntry]: ...

    def latest_of_source(self, source_id: str, limit: int) -> Sequence[PublishedEntry]: ...

    def feeds(self) -> Mapping[str, tuple[str, int]]: ...

    def sources(self) -> Mapping[str, tuple[str, int]]: ...

    def known(self, source_id: str) -> KnownSource: ...


class Publisher:
    """`folder` holds what a web server would serve; `base_url` is its address, without a slash at the end."""

    def __init__(
        self, shelf: Shelf, folder: Path, *, base_url: str, sources: Mapping[str, Source], limit: int = 50
    ) -> None:
        self._shelf = shelf
        self._folder = folder
        self._base_url = base_url
        self._sources = sources
        self._limit = limit

    def publish(self, slugs: Collection[str], source_ids: Collection[str]) -> list[str]:
        """Renders these category feeds and sources' feeds, and what lists them.

        A feed that has lost its last entry is written empty, so that its address stays good.
        Returns the paths written, relative to the folder, sorted. Raises OSError; every file is then
        either the old one or the new one.
        """
        written: list[str] = []
        feeds = self._shelf.feeds()
        for slug in sorted({*slugs, ALL} if slugs else ()):
            feed, gone = _feed(slug, feeds), self._shelf.withdrawn(slug, self._limit)
            written += self._write_feed(feed, self._marked(self._shelf.latest(slug, self._limit)), gone)
            if edited := self._shelf.edited(slug, self._limit):
                written += self._write(f"{feed.path}/changes.atom", edits.render(feed, edited, base_url=self._base_url))
        for source_id in sorted(set(source_ids) & set(self._sources)):
            feed = self._source_feed(source_id)
            written += self._write_feed(feed, self._marked(self._shelf.latest_of_source(source_id, self._limit)))
        return sorted(written + self._write_lists(feeds))

    def publish_incidents(self, incidents: Sequence[Incident]) -> list[str]:
        """Renders the feed of incidents. Raises OSError."""
        name = f"{incident_feed.PATH}.atom"
        return self._write(name, incident_feed.render(incidents, base_url=self._base_url))

    def _marked(self, entries: Sequence[PublishedEntry]) -> list[PublishedEntry]:
        """`entries`, with what edits changed where the operator wants that in the text."""
        wanted = {source.id for source in self._sources.values() if source.edits.marked}
        return [edits.marked(entry) if entry.source_id in wanted else entry for entry in entries]

    def _write_lists(self, feeds: Mapping[str, tuple[str, int]]) -> list[str]:
        """What lists all feeds. Opens no source for its own sake: there may be thousands."""
        everything = Shown(_feed(ALL, feeds), feeds.get(ALL, ("", 0))[1])
        categories = [
            Shown(_feed(slug, feeds), count, self._shelf.latest(slug, _NEWEST))
            for slug, (title, count) in sorted(feeds.items(), key=lambda feed: feed[1][0].casefold())
            if count and slug != ALL
        ]
        known = self._shelf.sources()
        sources = [
            Shown(Feed(f"sources/{source_id}", source.title or known[source_id][0]), known[source_id][1])
            for source_id, source in sorted(self._sources.items())
            if source_id in known
        ]
        listed = [(shown.feed, shown.count) for shown in (everything, *categories, *sources)]
        return [
            *self._write("feeds.opml", opml.render("feedwatch", listed, base_url=self._base_url)),
            *self._write("index.html", html.index(everything, categories, sources, base_url=self._base_url)),
        ]

    def _source_feed(self, source_id: str) -> Feed:
        about = self._shelf.known(source_id).about
        title = self._sources[source_id].title or about.title or source_id
        return Feed(f"sources/{source_id}", title, about.description, about.link, about.language, about.icon)

    def _write_feed(
        self, feed: Feed, entries: Sequence[PublishedEntry], gone: Sequence[PublishedEntry] = ()
    ) -> list[str]:
        return self._write(f"{feed.path}.atom", atom.render(feed, entries, gone, base_url=self._base_url))

    def _write(self, name: str, data: bytes) -> list[str]:
        path = self._folder / name
        if path.is_file() and path.read_bytes() == data:
            return []
        files.write_atomic(path, data)
        return [name]


def _feed(slug: str, feeds: Mapping[str, tuple[str, int]]) -> Feed:
    return Feed(f"feeds/{slug}", "All entries" if slug == ALL else feeds.get(slug, (slug, 0))[0])

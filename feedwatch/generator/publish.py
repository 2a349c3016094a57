"""Writes the feeds, the OPML and the index page into the public folder; only what differs from what is there."""

from __future__ import annotations

import os
import re
from collections.abc import Collection, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Protocol

from msgspec.structs import replace

from feedwatch import files, generator
from feedwatch.categories import ALL
from feedwatch.generator import pieces
from feedwatch.generator.pieces import Piece, Pieces
from feedwatch.generator.tidy import tidy
from feedwatch.model import Feed, Fragment, Imprint, Incident, KnownSource, PublishedEntry, Source
from feedwatch.selection import Merged
from feedwatch.store import Place, of_source

#: Entries of a feed that the index page shows.
_NEWEST = 3
_INDEX = "index.html"
_STYLE = Path(__file__).with_name("feed.css")


class Shelf(pieces.Shelf, Protocol):
    """What is asked of the store here."""

    def latest(self, slug: str, limit: int) -> Sequence[PublishedEntry]: ...

    def standing(self, slug: str, limit: int) -> Sequence[Place]: ...

    def fragments(self, slug: str) -> Mapping[Place, Fragment]: ...

    def keep_fragments(self, slug: str, fragments: Mapping[Place, Fragment]) -> None: ...

    def withdrawn(self, slug: str, limit: int) -> Sequence[PublishedEntry]: ...

    def archived(self, name: str) -> int: ...

    def in_time(self, pages: Iterable[tuple[str, int]]) -> Sequence[tuple[str, int]]: ...

    def rows(self, page: tuple[str, int]) -> Sequence[Place]: ...

    def changed(self, page: tuple[str, int]) -> tuple[Mapping[Place, int], tuple[int, int]] | None: ...

    def rendered(self, page: tuple[str, int], signs: Iterable[int], mark: tuple[int, int], *, since: bool) -> None: ...

    def edited(self, slug: str, limit: int) -> Sequence[PublishedEntry]: ...

    def feeds(self) -> Mapping[str, tuple[str, int]]: ...

    def sources(self) -> Mapping[str, tuple[str, int]]: ...

    def known(self, source_id: str) -> KnownSource: ...


class Publisher:
    """`folder` holds what a web server would serve. `moved` are former slugs of categories and what they are now."""

    def __init__(
        self,
        shelf: Shelf,
        folder: Path,
        imprint: Imprint,
        *,
        sources: Mapping[str, Source],
        merged: Sequence[Merged] = (),
        moved: Mapping[str, str] | None = None,
        limit: int = 50,
    ) -> None:
        self._shelf = shelf
        self._folder = folder
        #: The same, to which names are put.
        self._root = f"{folder}/"
        self._imprint = imprint
        self._sources = sources
        self._merged = {feed.id: feed for feed in merged}
        self._moved = dict(moved or {})
        self._limit = limit
        marked = [source.id for source in sources.values() if source.edits.marked]
        self._pieces = Pieces(shelf, imprint.base_url, marked)
        #: The newest entries of each category.
        self._newest: dict[str, Sequence[Fragment]] = {}
        self._tidy = False
        #: What was written and may not be on the disk yet.
        self._unsynced: set[str] = set()

    def is_published(self) -> bool:
        """Whether there is anything of what `publish` wrote: the folder may be a new one, or may have been emptied."""
        return os.path.isfile(f"{self._root}{_INDEX}")

    def publish_pages(self, pages: Collection[tuple[str, int]]) -> list[str]:
        """Renders these pages of archives, to be called before the feeds that lead to them.

        Returns the paths written, as `publish` does. Raises OSError.
        """
        self._tidy_up()
        written: list[str] = []
        feeds = self._shelf.feeds()
        # What stands first in a feed comes onto a page of its archive one day, when its source may be long forgotten.
        self._pieces.keep(place for slug in feeds for place in self._shelf.standing(slug, self._limit)[: self._limit])
        for name, number in self._shelf.in_time(pages):
            if feed := self._feed_of(name, feeds):
                places = self._shelf.rows((name, number))
                page = replace(feed, page=number)
                mended = self._mended(name, page)
                written += self._write_page(name, page, places) if mended is None else mended
        self._sync()
        return written

    def _write_page(self, name: str, page: Feed, places: Iterable[Place]) -> list[str]:
        # By source, so that each is opened once.
        found = [piece for place in sorted(places) if (piece := self._pieces.at(name, place))]
        shown: dict[str, Piece] = {}
        for piece in found:
            if piece.entry is not None:
                shown.setdefault(piece.entry.known.atom_id, piece)
        ordered = sorted(shown.values(), key=lambda piece: piece.standing.row)
        gone = [piece.entry for piece in ordered if piece.entry and piece.entry.known.withdrawn is not None]
        fragments = [piece.fragment for piece in ordered if piece.fragment]
        address = f"{page.address}.atom"
        written = self._write(address, generator.atom.assembled(page, fragments, gone, base_url=self._base))
        self._shelf.rendered(
            (name, page.page), [piece.standing.sign for piece in found], self._mark(address), since=False
        )
        return written

    def _mended(self, name: str, page: Feed) -> list[str] | None:
        """Puts the entries that changed in their places in the file of a page: no other entry has to be read for that.

        None where the whole page has to be written, because the file is not the one that was written last, or because
        more than texts changed.
        """
        changed = self._shelf.changed((name, page.page))
        address = f"{page.address}.atom"
        if changed is None or self._mark(address) != changed[1]:
            return None
        pieces = [(self._pieces.at(name, place), was) for place, was in changed[0].items()]
        anew = {piece.fragment.atom_id: piece.fragment for piece, _ in pieces if piece and piece.fragment}
        try:
            before = (self._folder / address).read_bytes()
            fragments = generator.atom.fragments_in(before)
        except (OSError, ValueError):
            return None
        if generator.atom.has_tombstones(before):
            return None
        if len(anew) < len(pieces) or len(anew.keys() & {one.atom_id for one in fragments}) < len(anew):
            return None
        fragments = [anew.get(one.atom_id, one) for one in fragments]
        written = self._write(address, generator.atom.assembled(page, fragments, base_url=self._base))
        grown = [piece.standing.sign - was for piece, was in pieces if piece]
        self._shelf.rendered((name, page.page), grown, self._mark(address), since=True)
        return written

    def publish(self, slugs: Collection[str], source_ids: Collection[str]) -> list[str]:
        """Renders these feeds of categories and sources, and what lists them.

        A feed that has lost its last entry is written empty, so that its address stays good.
        Returns the paths written, relative to the folder, sorted; tokens of private feeds are not shown.
        Raises OSError; every file is then either the old one or the new one.
        """
        self._tidy_up()
        written = self._write("feed.css", _STYLE.read_bytes())
        feeds = self._shelf.feeds()
        for slug in sorted({*slugs, ALL} if slugs else ()):
            feed = self._feed(slug, feeds)
            written += self._write_category(slug, feed)
            edited, name = self._shelf.edited(slug, self._limit), f"{feed.path}/changes.atom"
            if edited or os.path.isfile(self._root + name):
                written += self._write(name, generator.edits.render(feed, edited, base_url=self._base))
        for source_id in sorted(set(source_ids) & set(self._sources)):
            written += self.publish_source(source_id)
        written += self._write_lists(feeds)
        self._sync()
        return sorted(written)

    def _write_category(self, slug: str, feed: Feed) -> list[str]:
        self._newest.pop(slug, None)
        gone = self._shelf.withdrawn(slug, self._limit)
        if "rss" in feed.twins:
            # feedgen writes those, and knows entries only.
            return self._write_feed(feed, self._marked(self._shelf.latest(slug, self._limit)), gone)
        shown = self._shown(slug, self._limit, self._shelf.fragments(slug), with_json=bool(feed.twins))
        written = self._write_fragments(feed, list(shown.values()), gone)
        self._shelf.keep_fragments(slug, shown)
        self._newest[slug] = list(shown.values())[:_NEWEST]
        return written

    def _shown(
        self, name: str, limit: int, kept: Mapping[Place, Fragment], *, with_json: bool = False
    ) -> dict[Place, Fragment]:
        """The first `limit` entries of a feed, of different posts; as they are `kept`, else written now."""
        shown: dict[Place, Fragment] = {}
        ids: set[str] = set()
        for place in self._shelf.standing(name, limit):
            fragment = kept.get(place) or self._fragment(name, place, with_json=with_json)
            if fragment and fragment.atom_id not in ids:
                ids.add(fragment.atom_id)
                shown[place] = fragment
            if len(ids) == limit:
                break
        return shown

    def _fragment(self, name: str, place: Place, *, with_json: bool) -> Fragment | None:
        piece = self._pieces.at(name, place)
        if piece is None or piece.fragment is None:
            return None
        return self._told(piece, piece.fragment, with_json=with_json)

    def _told(self, piece: Piece, fragment: Fragment, *, with_json: bool) -> Fragment:
        return replace(fragment, json=self._pieces.json(piece)) if with_json else fragment

    def publish_source(self, source_id: str) -> list[str]:
        """Renders the feed of one source that is configured; it is not durable before the next `publish`.

        Returns the paths written; raises OSError.
        """
        name, feed = of_source(source_id), self._source_feed(source_id)
        if "rss" in feed.twins:
            return self._write_feed(feed, self._marked(self._shelf.latest(name, self._limit)))
        shown: dict[str, Fragment] = {}
        for piece in self._pieces.first_of(source_id, self._limit):
            if piece.fragment and piece.fragment.atom_id not in shown:
                shown[piece.fragment.atom_id] = self._told(piece, piece.fragment, with_json=bool(feed.twins))
        return self._write_fragments(feed, list(shown.values()))

    def _write_fragments(
        self, feed: Feed, fragments: Sequence[Fragment], gone: Sequence[PublishedEntry] = ()
    ) -> list[str]:
        written = self._write(f"{feed.path}.atom", generator.atom.assembled(feed, fragments, gone, base_url=self._base))
        if feed.twins:
            items = [one.json for one in fragments if one.json]
            written += self._write(f"{feed.path}.json", generator.jsonfeed.assembled(feed, items, base_url=self._base))
        self._remove_beyond(feed)
        return written

    def publish_incidents(self, incidents: Sequence[Incident]) -> list[str]:
        """Renders the feed of incidents. Raises OSError."""
        name = f"{generator.incidents.PATH}.atom"
        written = self._write(name, generator.incidents.render(incidents, base_url=self._base))
        self._sync()
        return written

    @property
    def _base(self) -> str:
        return self._imprint.base_url

    def _marked(self, entries: Sequence[PublishedEntry]) -> list[PublishedEntry]:
        return [self._pieces.shown(entry) for entry in entries]

    def _write_lists(self, feeds: Mapping[str, tuple[str, int]]) -> list[str]:
        """What lists all feeds for everybody. Opens no source for its own sake: there may be thousands."""
        everything = generator.html.Shown(self._feed(ALL, feeds), feeds.get(ALL, ("", 0))[1])
        categories = [
            generator.html.Shown(self._feed(slug, feeds), count, self._newest_of(slug))
            for slug, (title, count) in sorted(feeds.items(), key=lambda feed: feed[1][0].casefold())
            if count and slug != ALL
        ]
        known = self._shelf.sources()
        sources = [
            generator.html.Shown(Feed(f"sources/{source_id}", source.title or known[source_id][0]), known[source_id][1])
            for source_id, source in sorted(self._sources.items())
            if source_id in known
        ]
        listed = [(shown.feed, shown.count) for shown in (everything, *categories, *sources)]
        return [
            *self._write("feeds.opml", generator.opml.render("feedwatch", listed, base_url=self._base)),
            *self._write(_INDEX, generator.html.index(everything, categories, sources, base_url=self._base)),
        ]

    def _newest_of(self, slug: str) -> Sequence[Fragment]:
        """The newest entries of a category; those of feeds that were not rendered since the start as they were kept."""
        if slug not in self._newest:
            self._newest[slug] = list(self._shown(slug, _NEWEST, self._shelf.fragments(slug)).values())
        return self._newest[slug]

    def _tidy_up(self) -> None:
        if not self._tidy:
            tidy(self._folder, self._imprint.twins, list(self._merged.values()), self._moved)
            self._tidy = True

    def _feed_of(self, name: str, feeds: Mapping[str, tuple[str, int]]) -> Feed | None:
        """The feed of a slug, or of a source; None for a source that is not polled any more."""
        source_id = name[1:]
        if name != of_source(source_id):
            return self._feed(name, feeds)
        return self._source_feed(source_id) if source_id in self._sources else None

    def _feed(self, slug: str, feeds: Mapping[str, tuple[str, int]]) -> Feed:
        own = self._merged.get(slug)
        first = self._imprint.first_slugs.get(slug, slug)
        private = own is not None and own.token is not None
        title = own.title if own else "All entries" if slug == ALL else feeds.get(slug, (slug, 0))[0]
        return Feed(
            own.path if own else f"feeds/{slug}",
            title,
            icon=self._imprint.icon,
            logo=self._imprint.logo,
            rights=self._imprint.rights,
            first_path=f"feeds/{first}",
            # A hub is told the addresses of what is new.
            hub=None if private else self._imprint.hub,
            twins=self._imprint.twins,
            archived=self._shelf.archived(slug),
        )

    def _source_feed(self, source_id: str) -> Feed:
        about = self._shelf.known(source_id).about
        return Feed(
            f"sources/{source_id}",
            self._sources[source_id].title or about.title or source_id,
            about.description,
            about.link,
            about.language,
            about.icon,
            about.logo,
            about.rights,
            hub=self._imprint.hub,
            twins=self._imprint.twins,
            archived=self._shelf.archived(of_source(source_id)),
        )

    def _write_feed(
        self, feed: Feed, entries: Sequence[PublishedEntry], gone: Sequence[PublishedEntry] = ()
    ) -> list[str]:
        written = self._write(f"{feed.path}.atom", generator.atom.render(feed, entries, gone, base_url=self._base))
        for twin in feed.twins:
            written += self._write(f"{feed.path}.{twin}", self._twin(twin, feed, entries))
        self._remove_beyond(feed)
        return written

    def _remove_beyond(self, feed: Feed) -> None:
        """There are fewer pages of its archive than before when they were divided anew."""
        beyond = feed.archived + 1
        while os.path.isfile(page := f"{self._root}{feed.address_of(beyond)}.atom"):
            os.unlink(page)
            beyond += 1

    def _twin(self, twin: str, feed: Feed, entries: Sequence[PublishedEntry]) -> bytes:
        render = generator.jsonfeed.render if twin == "json" else generator.rss.render
        return render(feed, entries, base_url=self._base)

    def _sync(self) -> None:
        if self._unsynced:
            files.sync(self._unsynced)
            self._unsynced.clear()

    def _write(self, name: str, data: bytes) -> list[str]:
        path = self._root + name
        size, changed = self._mark(name)
        if size == len(data) and Path(path).read_bytes() == data:
            return []
        files.write_atomic(path, data, durable=False)
        self._unsynced.add(path)
        if changed:
            # HTTP dates are whole seconds: two versions must not share one (RFC 9110 §8.8.2.2).
            dated = changed // 1_000_000_000
            if os.stat(path).st_mtime_ns // 1_000_000_000 <= dated:
                os.utime(path, (dated + 1, dated + 1))
        return [re.sub(r"^private/[^/]+/", "private/…/", name)]

    def _mark(self, name: str) -> tuple[int, int]:
        """By which a file is known to be another one than before: bytes, nanoseconds of the last change; (0, 0) where
        there is none."""
        try:
            found = os.stat(self._root + name)
        except FileNotFoundError:
            return 0, 0
        return found.st_size, found.st_mtime_ns

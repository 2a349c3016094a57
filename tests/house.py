"""A publishing house: a store and the feeds it is published in, in one process and without a network."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path

from lxml import etree
from make import CATEGORIES, History, commit
from msgspec.structs import replace

from feedwatch.categories import Categories
from feedwatch.generator.publish import Publisher
from feedwatch.model import About, Commit, Entry, Imprint, Source
from feedwatch.once import told_once
from feedwatch.selection import Merged
from feedwatch.store.tinydb import TinyStore

BASE = "https://feeds.example.org"
IMPRINT = Imprint(BASE)
ATOM = {"a": "http://www.w3.org/2005/Atom", "fh": "http://purl.org/syndication/history/1.0",
        "at": "http://purl.org/atompub/tombstones/1.0"}  # fmt: skip


@dataclass
class House:
    """Everything that is `reads` is committed and published at once, an hour after what was before."""

    folder: Path
    sources: Sequence[str] = ("blog", "news")
    limit: int = 3
    imprint: Imprint = IMPRINT
    merged: Sequence[Merged] = ()
    categories: Categories = CATEGORIES
    moved: Mapping[str, str] = field(default_factory=dict)
    history: dict[str, History] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.open()

    @property
    def public(self) -> Path:
        return self.folder / "public"

    def open(self) -> None:
        self.store = TinyStore(
            self.folder / "state",
            self.sources,
            self.categories,
            stamp="then",
            limit=self.limit,
            merged=self.merged,
            rendering=repr(self.imprint),
        )
        self.publisher = Publisher(
            self.store,
            self.public,
            self.imprint,
            sources={name: Source(name, f"https://{name}.example/feed") for name in self.sources},
            merged=self.merged,
            moved=self.moved,
            limit=self.limit,
        )

    def close(self) -> None:
        self.store.close()

    def crash(self) -> None:
        """As if the process had been killed."""
        self.store._lock.close()

    def reads(self, source: str, *entries: Entry, complete: bool = False) -> list[str]:
        """What was written. A reading that is not `complete` says nothing of entries that are not in it."""
        self.commits(source, *entries, complete=complete)
        return self.publish()

    def commits(self, source: str, *entries: Entry, complete: bool = False) -> None:
        history = self.history.setdefault(source, History(source))
        latest = max((one.now for one in self.history.values()), default=history.now)
        history.now = max(history.now, latest)
        found, _ = told_once(self.store, [], source, history.reads(*entries, complete=complete))
        rows = {row.key: row for row in found.rows}
        history.known = replace(history.known, entries={**history.known.entries, **rows})
        self.store.commit(commit(found, source_id=source))

    def withdraws(self, source: str, key: str, at: datetime) -> list[str]:
        history = self.history[source]
        row = replace(history.row(key), withdrawn=at)
        history.known = replace(history.known, entries={**history.known.entries, key: row})
        self.store.commit(Commit(source, "c", About(title="A blog"), (row,)))
        return self.publish()

    def publish(self) -> list[str]:
        stale = self.store.unpublished()
        pages = self.publisher.publish_pages(stale.pages)
        written = sorted(pages + self.publisher.publish(stale.slugs, stale.sources))
        self.store.published(stale)
        self.store.flush()
        return written

    def read(self, name: str) -> etree._Element:
        return etree.fromstring((self.public / name).read_bytes())

    def pages(self, name: str) -> dict[str, bytes]:
        """The pages of a feed's archive, in their order."""
        found = (self.public / name).glob("archive-*.atom")
        ordered = sorted(found, key=lambda path: int(path.stem.removeprefix("archive-")))
        return {path.name: path.read_bytes() for path in ordered}

    def subscribe(self, name: str) -> dict[str, str]:
        """What a new subscriber has after reading a feed and, page by page, its archive: titles by id.

        RFC 5005 §4: of an entry that is there twice the newer document's is taken.
        """
        found: dict[str, str] = {}
        following: str | None = f"{BASE}/{name}.atom"
        while following:
            root = self.read(following.removeprefix(f"{BASE}/"))
            assert root.xpath("string(a:link[@rel='self']/@href)", namespaces=ATOM) == following
            for one in root.xpath("a:entry", namespaces=ATOM):
                found.setdefault(one.findtext("a:id", namespaces=ATOM), one.findtext("a:title", namespaces=ATOM))
            following = root.xpath("string(a:link[@rel='prev-archive']/@href)", namespaces=ATOM) or None
        return found


def links(root: etree._Element) -> dict[str, str]:
    """The links of a feed by relation, below the base; the last where there are several."""
    found = root.xpath("a:link", namespaces=ATOM)
    return {link.get("rel"): link.get("href").removeprefix(f"{BASE}/") for link in found}

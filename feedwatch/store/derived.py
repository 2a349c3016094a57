"""What is made of the source files and never the only copy: the index, the twins, the archives, the fragments."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path

from feedwatch.model import About, KnownEntry
from feedwatch.store import Place, indexfile
from feedwatch.store.archive import Archive, Known, sign
from feedwatch.store.fragments import Fragments
from feedwatch.store.heads import Heads
from feedwatch.store.index import SLACK, Index, Row, is_feed
from feedwatch.store.openfiles import OpenFiles
from feedwatch.store.outbox import Outbox
from feedwatch.store.stale import Stale
from feedwatch.store.twins import Twins


class Derived:
    """Read when it is first asked for, and made anew from all sources when it is missing or in doubt. Does not know
    what happens to single entries.

    `limit` is the number of entries a feed has; with another `rendering` every feed could look otherwise.
    """

    def __init__(
        self,
        folder: Path,
        sources: Sequence[str],
        heads: Heads,
        files: OpenFiles,
        outbox: Outbox,
        stale: Stale,
        *,
        limit: int,
        rendering: str,
        read_only: bool,
    ) -> None:
        self._path = folder / "index.json"
        self._sources = sources
        self._heads = heads
        self._files = files
        self._outbox = outbox
        self._stale = stale
        self._keep = limit * SLACK
        self._read_only = read_only
        self._made_for = heads.made_for(sources, self._keep, rendering)
        self._index: Index | None = None
        self._index_changed = False
        self.twins = Twins()
        self.archive = Archive(folder / "archives", heads.looks(rendering))
        self.fragments = Fragments(folder / "fragments", self._made_for)

    def index(self) -> Index:
        """The index; once it was asked for, all else is as the sources say too."""
        if self._index is None:
            self._index = self._read()
            if self._index is None and not self._read_only:
                self.recover(in_doubt=True)
        if self._index is None:
            self._index = self._built()
        return self._index

    def index_changed(self) -> None:
        """Says that it is no longer what its file says."""
        self._index_changed = True

    def rebuild(self) -> Index:
        self._index = index = self._built()
        return index

    def recover(self, *, in_doubt: bool) -> None:
        """After a crash the index, the outbox's times and the feeds may lag behind the sources: make them again."""
        # A round that changes nothing never reads the index.
        if not in_doubt and not self._files.is_unclean() and indexfile.is_there(self._path, self._made_for):
            return
        # The order matters when this is interrupted: the mark stays until everything is published.
        self._outbox.forget()
        index = self.rebuild()
        self._stale.slugs.update(filter(is_feed, index.heads))
        stored = set(self._files.stored())
        self._stale.sources.update(stored & set(self._sources))
        if stored:
            self._files.mark_unclean()

    def flush(self) -> None:
        """Writes what is in no file yet. Raises OSError."""
        self.archive.flush()
        if self._index is not None and self._index_changed:
            index = self._index
            document = indexfile.Document(index.heads, index.sources, self.twins.dump(), self.archive.ends)
            indexfile.save(self._path, self._made_for, document)
            self._index_changed = False

    def _read(self) -> Index | None:
        """None when it is missing, damaged, or was made for other sources or category names."""
        found = indexfile.load(self._path, self._made_for)
        if found is None:
            return None
        self.archive.ends = found.archives
        self.twins = Twins.load(found.twins)
        return Index(self._keep, self.archive.ends, found.feeds, found.sources)

    def _built(self) -> Index:
        self._index_changed = True
        if not self._read_only:
            self.fragments.forget()
        seen: list[tuple[datetime, str, KnownEntry]] = []
        abouts: dict[str, About] = {}
        listed: list[tuple[dict[str, str], Row]] = []
        paged: dict[str, list[Known]] = defaultdict(list)
        place = {source_id: number for number, source_id in enumerate(self._sources)}
        for source_id in self._files.stored():
            file = self._files.readable(source_id)
            if file is None:
                continue
            self._outbox.schedule(source_id, file)
            if source_id in place:
                abouts[source_id] = file.known.about
                for known in file.known.entries.values():
                    listed += self._heads.rows_of(file.known, known)
                    seen.append((known.first_seen, source_id, known))
                    for pages in self._heads.pages_of(file.known, known).values():
                        for name, at in pages.items():
                            paged[name].append((at, known.withdrawn is None))
        self.twins = Twins()
        for _, source_id, known in sorted(seen, key=lambda one: (one[0], place[one[1]])):
            self.twins.add(source_id, known)
        self.archive.recall()
        self.archive.thin_out(paged, write=not self._read_only)
        index = Index(self._keep, self.archive.ends)
        index.add(listed)
        signs = {
            (source_id, one.key): sign(one, abouts[source_id])
            for _, source_id, known in (seen if self.archive.ends else ())
            for one in self._heads.editions(source_id, known)
        }

        def signs_of(name: str, at: Place) -> list[int]:
            places = self.twins.all_of(at) if is_feed(name) else []
            return [signs[one] for one in places or [at] if one in signs]

        self.archive.fill(paged, signs_of, write=not self._read_only)
        return index

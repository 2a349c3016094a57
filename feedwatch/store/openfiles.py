"""The source files that are open, and the mark that a process writes them.

<state>/unclean               there while a process works; found at the start, it means a crash
<state>/sources/<id>.json     state, entries, changes and outbox of a source: one replacement a commit
"""

from __future__ import annotations

import contextlib
from collections import OrderedDict
from collections.abc import Callable, Collection, Iterator
from pathlib import Path

from feedwatch import files
from feedwatch.errors import StoreError
from feedwatch.model import KnownSource
from feedwatch.store.batch import Batch
from feedwatch.store.sourcefile import SourceFile
from feedwatch.store.stale import Stale

#: Decoded source files kept in memory: those of a batch, and some that others of a post are in.
_MOST = 24


class OpenFiles:
    """Reads them when they are asked for, writes them alone or in a batch, and forgets what it could not write. Knows
    no feed; `stale` is told of doubt, and `fell_back` of a source whose file is an older generation.
    """

    def __init__(
        self, folder: Path, stale: Stale, fell_back: Callable[[str], None], *, stamp: str, read_only: bool
    ) -> None:
        self._folder = folder
        self._stale = stale
        self._fell_back = fell_back
        self._stamp = stamp
        self._read_only = read_only
        self._open: OrderedDict[str, SourceFile] = OrderedDict()
        self._batch: Batch | None = None
        #: What was found damaged and how it was mended.
        self.warnings: list[str] = []

    def file(self, source_id: str) -> SourceFile:
        file = self._open.get(source_id)
        if file is None:
            path = self._folder / "sources" / f"{source_id}.json"
            if self._batch is not None:
                # What is not in its place yet is not what is there.
                self._batch.complete(path)
            reasons: list[str] = []
            file = SourceFile(source_id, path, reasons.append, self._write)
            if reasons:
                self._set_aside(source_id, path, reasons[0])
            self._open[source_id] = file
            if len(self._open) > _MOST:
                self._open.popitem(last=False)
        self._open.move_to_end(source_id)
        return file

    def readable(self, source_id: str) -> SourceFile | None:
        """The file of a source, or None with a warning: one damaged source must not hold up the others."""
        try:
            return self.file(source_id)
        except StoreError as error:
            if str(error) not in self.warnings:
                self.warnings.append(str(error))
            return None

    def known(self, source_id: str) -> KnownSource:
        return self.file(source_id).known

    def stored(self) -> list[str]:
        """The sources that have a file, those that the configuration does not know among them."""
        found = (path.name for path in (self._folder / "sources").glob("*.json*"))
        return sorted({name.removesuffix(".bak").removesuffix(".json") for name in found if ".corrupt-" not in name})

    @contextlib.contextmanager
    def together(self) -> Iterator[Batch]:
        self._batch = batch = Batch(self._replaced)
        try:
            yield batch
        finally:
            self._batch = None
            batch.complete()

    def complete(self) -> None:
        """Makes durable what was written before, within `together`. Raises StoreError or OSError."""
        if self._batch is not None:
            self._batch.complete()

    @contextlib.contextmanager
    def writing(self, source_id: str) -> Iterator[None]:
        """For a change of that file, marked before. What could not be written must not be believed either: the next
        look reads the file again."""
        self.mark_unclean()
        try:
            yield
        except BaseException:
            self._open.pop(source_id, None)
            raise

    def is_unclean(self) -> bool:
        return self._unclean.exists()

    def mark_unclean(self) -> None:
        if self._unclean.exists():
            return
        try:
            files.write_atomic(self._unclean, b"")
        except OSError as error:
            raise StoreError(f"{self._unclean}: cannot be written ({error.strerror or error})") from error

    def mark_clean(self) -> None:
        """Raises OSError."""
        files.remove(self._unclean)

    @property
    def _unclean(self) -> Path:
        return self._folder / "unclean"

    def _set_aside(self, source_id: str, path: Path, reason: str) -> None:
        """The lost generation's entries must come again: whatever vouched for them is void."""
        self.warnings.append(reason)
        if self._read_only:
            return
        self._fell_back(source_id)
        # Feeds may show what was lost.
        self._stale.doubt()
        files.set_aside(path, self._stamp)

    def _write(self, path: Path, payload: bytes) -> None:
        if self._batch is not None:
            self._batch.stage(path, payload)
            return
        files.stage_document(path, payload)
        self._replaced([path])

    def _replaced(self, paths: Collection[Path]) -> None:
        """Durably puts what was staged in its place. Raises StoreError or OSError; what is in memory is forgotten then,
        since it may be in the files or not."""
        try:
            files.replace_documents(paths)
        except BaseException:
            for path in paths:
                self._open.pop(path.stem, None)
            self._stale.doubt()
            raise

"""Documents that are replaced together: what is costly about a durable write is waiting for the disk, once."""

from __future__ import annotations

from collections.abc import Callable, Collection
from pathlib import Path

from feedwatch import files

#: Documents of one batch. Their callers wait for all of them.
_MOST = 16


class Batch:
    """Writes of several calls to the store, durable once it is complete. `replace` puts staged documents in place."""

    def __init__(self, replace: Callable[[Collection[Path]], None]) -> None:
        self._replace = replace
        self._staged: set[Path] = set()
        self._written = 0
        self._failed: BaseException | None = None

    @property
    def written(self) -> int:
        """Documents so far: a call that added one depends on the batch."""
        return self._written

    @property
    def is_full(self) -> bool:
        return self._written >= _MOST

    def stage(self, path: Path, payload: bytes) -> None:
        """Raises StoreError; what was staged before is complete or still to come. After a failure nothing is taken."""
        if self._failed is not None:
            raise self._failed
        # Should the second one of a path fail, the first, which somebody relies on, must not be lost with it.
        self.complete(path)
        files.stage_document(path, payload)
        self._staged.add(path)
        self._written += 1

    def complete(self, wanted: Path | None = None) -> None:
        """With `wanted` only where that one is staged. Raises StoreError or OSError, and then each time: which of them
        are in place is not known."""
        if wanted is not None and wanted not in self._staged:
            return
        if self._failed is not None:
            raise self._failed
        staged, self._staged = self._staged, set()
        if staged:
            try:
                self._replace(sorted(staged))
            except BaseException as error:
                self._failed = error
                raise

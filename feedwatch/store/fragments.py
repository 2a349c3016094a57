"""What entries look like in the feeds of categories, as it was last written: a feed in which one entry is new takes the
others from here, and opens no source for them.

<state>/fragments/<slug>.bin      the entries of a feed; a copy, made again when in doubt
"""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from pathlib import Path

import msgspec
from msgspec import Struct, field

from feedwatch import files
from feedwatch.differ.editions import key_of
from feedwatch.model import Fragment
from feedwatch.store import Place


class _Kept(Struct):
    made_for: str
    #: The source, the key there, and what the entry looks like.
    entries: list[tuple[str, str, Fragment]]


class Fragments(Struct):
    """`folder` is theirs; with `made_for` changes what every entry looks like."""

    folder: Path
    made_for: str
    #: Entries that were changed since the feeds were last up to date.
    _changed: set[Place] = field(default_factory=set)

    def of(self, slug: str) -> dict[Place, Fragment]:
        """Those of a feed that still hold, by their places."""
        try:
            kept = msgspec.msgpack.decode(self._path(slug).read_bytes(), type=_Kept)
        except (OSError, ValueError):
            return {}
        if kept.made_for != self.made_for:
            return {}
        return {(at, key): one for at, key, one in kept.entries if (at, key_of(key)) not in self._changed}

    def keep(self, slug: str, fragments: Mapping[Place, Fragment]) -> None:
        """Those of a feed that was just written. Raises OSError."""
        kept = _Kept(self.made_for, [(*place, one) for place, one in fragments.items()])
        files.write_atomic(self._path(slug), msgspec.msgpack.encode(kept), durable=False)

    def changed(self, place: Place) -> None:
        """Says that this entry looks otherwise."""
        self._changed.add(place)

    def published(self) -> None:
        """Says that all feeds are up to date."""
        self._changed.clear()

    def forget(self) -> None:
        """None of them holds any more. Raises OSError: what may be wrong must not be there."""
        if self.folder.exists():
            shutil.rmtree(self.folder)

    def _path(self, slug: str) -> Path:
        return self.folder / f"{slug}.bin"

"""What entries look like in the feeds of categories, as it was last written: a feed in which one entry is new takes the
others from here, and opens no source for them.

<state>/fragments/<slug>.json     the entries of a feed; a copy, made again when in doubt
"""

from __future__ import annotations

import shutil
from collections.abc import Iterable, Mapping
from pathlib import Path

from msgspec import Struct, field

from feedwatch import files
from feedwatch.differ.editions import key_of
from feedwatch.model import Fragment
from feedwatch.store import Place, codec


class Fragments(Struct):
    """`folder` is theirs; with `made_for` changes what every entry looks like."""

    folder: Path
    made_for: str
    #: Entries that were changed since the feeds were last up to date.
    _changed: set[Place] = field(default_factory=set)

    def of(self, slug: str) -> dict[Place, Fragment]:
        """Those of a feed that still hold, by their places."""
        try:
            data = codec.from_bytes(self._path(slug).read_bytes())
            if data["made_for"] != self.made_for:
                return {}
            rows = [(str(source), str(key), codec.load(Fragment, row)) for source, key, row in data["entries"]]
        except (OSError, ValueError, KeyError, TypeError):
            return {}
        return {(at, key): one for at, key, one in rows if (at, key_of(key)) not in self._changed}

    def keep(self, slug: str, fragments: Mapping[Place, Fragment]) -> None:
        """Those of a feed that was just written. Raises OSError."""
        rows = [(*place, codec.dump(one)) for place, one in fragments.items()]
        data = codec.to_bytes({"made_for": self.made_for, "entries": rows})
        files.write_atomic(self._path(slug), data, durable=False)

    def changed(self, places: Iterable[Place]) -> None:
        """Says that these entries look otherwise."""
        self._changed.update(places)

    def published(self) -> None:
        """Says that all feeds are up to date."""
        self._changed.clear()

    def forget(self) -> None:
        """None of them holds any more. Raises OSError: what may be wrong must not be there."""
        if self.folder.exists():
            shutil.rmtree(self.folder)

    def _path(self, slug: str) -> Path:
        return self.folder / f"{slug}.json"

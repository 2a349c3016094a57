"""The index as it is written: what it was made for on a line of its own, so that a round that changes nothing reads no
more than that. Knows no source file.

<state>/index.json            heads of the feeds; made again from the sources when in doubt
"""

from __future__ import annotations

from pathlib import Path

import msgspec
from msgspec import Struct

from feedwatch import files
from feedwatch.store.index import Head, Seen
from feedwatch.store.twins import Kept


class Document(Struct):
    feeds: dict[str, Head]
    sources: dict[str, tuple[str, int]]
    twins: Kept
    archives: dict[str, list[Seen]]


def is_there(path: Path, made_for: str) -> bool:
    """Whether there is one that was made for this."""
    try:
        with path.open("rb") as file:
            return file.readline().rstrip() == made_for.encode()
    except OSError:
        return False


def load(path: Path, made_for: str) -> Document | None:
    """None when it is missing, damaged, or was made for something else."""
    try:
        found, _, body = path.read_bytes().partition(b"\n")
        return msgspec.json.decode(body, type=Document) if found == made_for.encode() else None
    except (OSError, ValueError):
        return None


def save(path: Path, made_for: str, document: Document) -> None:
    """Replaces the file. Raises OSError."""
    files.write_atomic(path, made_for.encode() + b"\n" + msgspec.json.encode(document), durable=False)

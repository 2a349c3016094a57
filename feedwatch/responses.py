"""Keeps the bodies that were read, beside the store, so that another configuration can be tried on them.

<state>/responses/<source id>/<time>.gz         a line of JSON (where from, when, content type), then the body
<state>/responses/<source id>/<time>-same.gz    one that changed no entry: the first to go
<state>/responses/.tidied                       for when and which sources the rest was removed

Losing any of them loses nothing else, so they are written without fsync, and what fails here fails no poll. Of a
request nothing is kept; of an answer's headers only what the readers ask for, so no cookie and no login.
"""

from __future__ import annotations

import contextlib
import gzip
import json
import logging
import zlib
from collections.abc import Callable, Collection, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import ClassVar
from urllib.parse import urlsplit, urlunsplit

from msgspec import Struct

from feedwatch import files
from feedwatch.canonical import digest
from feedwatch.discreet import Discreet
from feedwatch.model import Fetched, Source
from feedwatch.poller.fetch import MAX_BODY

log = logging.getLogger(__name__)

#: Bytes on disk for one source, and how old a body may get.
LARGEST, OLDEST = 2_000_000, timedelta(days=90)
_SCHEMA = 1
#: A fifth of the time that level 6 takes, for a fourth more bytes: nearly all of them are never read.
_LEVEL = 2
#: Bytes from which on a body is packed at once.
_LARGE = 500_000
_HEADERS = ("content-type",)
_STAMP = "%Y%m%dT%H%M%S%fZ"
_SAME = "-same"
_TIDIED = ".tidied"
_HEAD_ROOM = 100_000

Redact = Callable[[str], str]


class Stored(Struct, frozen=True):
    """A file that holds a body, and when that was read (UTC)."""

    path: Path
    at: datetime


class Kept(Discreet, frozen=True):
    """A body as it was read."""

    hidden: ClassVar[frozenset[str]] = frozenset({"body"})

    at: datetime
    #: The source's own URL then, without credentials (see `asked_url`).
    asked: str
    #: The URL that gave the body, after redirects, without credentials.
    url: str
    status: int
    #: Names in lower case; only those that readers look at.
    headers: Mapping[str, str]
    body: bytes


class Glance(Struct, frozen=True):
    """What can be said of a kept body without reading it."""

    at: datetime
    #: Bytes on disk, compressed.
    size: int
    #: Whether any entry was new or different.
    changed: bool
    url: str
    status: int
    content_type: str


class BadFile(Exception):
    """A kept body that cannot be used; the message says which and why."""


class Responses:
    """The kept bodies below `state_dir`: at most `number` for each source. `redact` hides configured secrets.

    Waits for the disk: to be called on the store's thread.
    """

    def __init__(self, state_dir: Path, number: int, redact: Redact) -> None:
        self._state_dir = state_dir
        self._folder = state_dir / "responses"
        self._number = number
        self._redact = redact
        self._failing = False

    def keep(self, source: Source, fetched: Fetched, now: datetime, *, changed: bool) -> None:
        """Keeps a body whose entries are committed; `changed` says whether any of them was new or different."""
        if self._number:
            self._logged(lambda: self._keep(source, fetched, now, changed=changed))

    def tidy(self, sources: Collection[str], now: datetime) -> None:
        """Removes what is too old or too many, what a crash left, and all of sources that neither the configuration
        (`sources`) nor the store knows: once a day, and when there are other sources than last time."""
        self._logged(lambda: self._tidy_daily(sources, now))

    def _logged(self, work: Callable[[], None]) -> None:
        """Runs `work`; of failures in a row the first is said."""
        try:
            work()
        except OSError as error:
            if not self._failing:
                log.error("answers are not kept for replay (%s); polling goes on", error)
            self._failing = True
        else:
            self._failing = False

    def _keep(self, source: Source, fetched: Fetched, now: datetime, *, changed: bool) -> None:
        told = _head(source, fetched, now, self._redact) + b"\n" + fetched.body
        # Packing takes longer than reading what it says. It is done for those that are followed by another.
        packed = gzip.compress(told, _LEVEL if len(told) > _LARGE else 0, mtime=0)
        if len(packed) > LARGEST:
            log.debug("answer of %s is too large to be kept for replay", source.id)
            return
        folder = self._folder / source.id
        files.write_atomic(folder / f"{now.strftime(_STAMP)}{'' if changed else _SAME}.gz", packed, durable=False)
        if len(list(folder.iterdir())) == 1:
            return
        rest = self._thinned(stored(self._state_dir, source.id), now)
        for before in rest[-2:-1]:
            _pack(before.path)
        sizes = [one.path.stat().st_size for one in rest]
        while sum(sizes) > LARGEST:
            rest[0].path.unlink(missing_ok=True)
            rest, sizes = rest[1:], sizes[1:]

    def _thinned(self, found: Sequence[Stored], now: datetime) -> Sequence[Stored]:
        """Removes what is too old and too many; what is left."""
        old = [one for one in found if now - one.at > OLDEST]
        rest = [one for one in found if one not in old]
        # A page that differs at each look, but not in its entries, must not drive out those that brought news.
        by_worth = sorted(rest, key=lambda one: (one is rest[-1] or _SAME not in one.path.name, one.at))
        old += by_worth[: max(0, len(rest) - self._number)]
        for one in old:
            one.path.unlink(missing_ok=True)
        return [one for one in rest if one not in old]

    def _tidy_daily(self, sources: Collection[str], now: datetime) -> None:
        # It looks into every folder: with a thousand sources a tenth of a round without news.
        stamp = self._folder / _TIDIED
        done = digest(now.date().isoformat(), str(self._number), *sorted(sources)).encode()
        if not self._folder.is_dir() or (stamp.is_file() and stamp.read_bytes() == done):
            return
        self._tidy(sources, now)
        if self._number:
            files.write_atomic(stamp, done, durable=False)
        else:
            stamp.unlink(missing_ok=True)

    def _tidy(self, sources: Collection[str], now: datetime) -> None:
        for folder in self._folder.iterdir():
            if not folder.is_dir():
                continue
            for left in folder.glob(".*.tmp"):
                left.unlink(missing_ok=True)
            found = stored(self._state_dir, folder.name)
            if folder.name in sources or (self._state_dir / "sources" / f"{folder.name}.json").exists():
                rest = self._thinned(found, now)
            else:
                rest = ()
                for one in found:
                    one.path.unlink(missing_ok=True)
            if not rest and not any(folder.iterdir()):
                folder.rmdir()


def _pack(path: Path) -> None:
    """What is damaged, or finds no room, stays as it is."""
    with contextlib.suppress(OSError, EOFError, zlib.error):
        told = gzip.decompress(path.read_bytes())
        if len(told) <= _LARGE:
            files.write_atomic(path, gzip.compress(told, _LEVEL, mtime=0), durable=False)


def stored(state_dir: Path, source_id: str) -> list[Stored]:
    """The kept bodies of a source, oldest first."""
    folder = state_dir / "responses" / source_id
    found = []
    for path in folder.glob("[0-9]*.gz"):
        try:
            at = datetime.strptime(path.stem.removesuffix(_SAME), _STAMP).replace(tzinfo=UTC)
        except ValueError:
            continue
        found.append(Stored(path, at))
    return sorted(found, key=lambda one: one.at)


def load(one: Stored) -> Kept | None:
    """What a file holds; None when it was removed meanwhile. Raises BadFile."""
    try:
        with gzip.open(one.path) as file:
            data = file.read(MAX_BODY + _HEAD_ROOM)
    except FileNotFoundError:
        return None
    except (OSError, EOFError, zlib.error) as error:
        raise BadFile(f"{one.path}: skipped, it is damaged ({error})") from error
    head, _, body = data.partition(b"\n")
    try:
        told = json.loads(head)
        if told["feedwatch"] > _SCHEMA:
            raise BadFile(f"{one.path}: skipped, a newer feedwatch wrote it")
        headers = {str(name): str(value) for name, value in told["headers"].items()}
        return Kept(one.at, str(told["asked"]), str(told["url"]), int(told["status"]), headers, body)
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise BadFile(f"{one.path}: skipped, it is damaged (no readable head)") from error


def glances(state_dir: Path, source_id: str) -> list[Glance]:
    """The kept bodies of a source at a glance, the newest first; without those that cannot be read."""
    found = []
    for one in stored(state_dir, source_id):
        try:
            size = one.path.stat().st_size
            with gzip.open(one.path) as file:
                told = json.loads(file.readline(_HEAD_ROOM))
            changed, headers = _SAME not in one.path.name, told["headers"]
            found.append(
                Glance(
                    one.at, size, changed, str(told["url"]), int(told["status"]), str(headers.get("content-type", ""))
                )
            )
        except (OSError, EOFError, zlib.error, ValueError, KeyError, TypeError, AttributeError):
            continue
    return found[::-1]


def asked_url(source: Source, redact: Redact) -> str:
    """The URL of a source as it is kept: without login and configured secrets."""
    return redact(_without_login(source.url))


def _head(source: Source, fetched: Fetched, now: datetime, redact: Redact) -> bytes:
    told = {
        "feedwatch": _SCHEMA,
        "at": now.isoformat(),
        "asked": asked_url(source, redact),
        "url": redact(_without_login(fetched.url)),
        "status": fetched.status,
        "headers": {name: redact(fetched.headers[name]) for name in _HEADERS if name in fetched.headers},
    }
    return json.dumps(told).encode()


def _without_login(url: str) -> str:
    parts = urlsplit(url)
    return urlunsplit(parts._replace(netloc=parts.netloc.rpartition("@")[2]))

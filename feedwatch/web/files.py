"""Serves the public folder as feed readers like it: strong validators, 304, gzip, the right media types.

Reads what is there and decides nothing; never leaves the folder. A symbolic link inside it is an address that has
moved, and answered by a redirect.
"""

from __future__ import annotations

import asyncio
import gzip
import hashlib
import mimetypes
import os
import re
import threading
import time
from collections import OrderedDict
from collections.abc import Mapping
from datetime import UTC, datetime
from email.utils import format_datetime, parsedate_to_datetime
from pathlib import Path
from typing import ClassVar
from urllib.parse import quote

from msgspec import Struct
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response

from feedwatch.discreet import Discreet

_TYPES = {
    ".atom": "application/atom+xml; charset=utf-8",
    ".rss": "application/rss+xml; charset=utf-8",
    ".json": "application/feed+json; charset=utf-8",
    ".opml": "text/x-opml; charset=utf-8",
    ".css": "text/css; charset=utf-8",
    ".html": "text/html; charset=utf-8",
    ".txt": "text/plain; charset=utf-8",
    ".svg": "image/svg+xml",
}
_TYPES_OF_FEEDS = ("application/atom+xml", "application/rss+xml", "application/feed+json")
#: What browsers show; the types of feeds they would show as source text, or offer for download.
_SHOWN = {
    ".atom": "application/xml; charset=utf-8",
    ".rss": "application/xml; charset=utf-8",
    ".json": "application/json; charset=utf-8",
}
#: A feed may use our own style sheet; nothing else is fetched for it.
_FEED_POLICY = "default-src 'none'; style-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
_ARCHIVE = re.compile(r"(?P<feed>.+)/archive-(?P<number>[1-9]\d{0,8})\.atom")
#: Seconds that a reader, or a cache on its way, may keep what it has without asking.
_FEED_AGE, _ARCHIVE_AGE, _MOVED_AGE = 300, 86_400, 3_600
#: Bytes of files that are kept in memory, and the size from which packing is worth it.
_KEPT, _WORTH_PACKING = 32_000_000, 500
_TAG = re.compile(r'(?:W/)?("[^"]*")')


class _Held(Discreet, frozen=True):
    """A file as it was read: `mark` is another one when it was replaced since."""

    hidden: ClassVar[frozenset[str]] = frozenset({"body", "packed"})

    mark: tuple[int, int, int]
    modified: float
    body: bytes
    tag: str
    #: The body packed, where that makes it smaller.
    packed: bytes | None
    packed_tag: str


class _Moved(Struct, frozen=True):
    """Where to look instead, relative to the folder."""

    to: str
    status: int


class Files:
    """The files below `folder`, which is made when it is not there."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self._folder = folder.resolve()
        self._held: OrderedDict[Path, _Held] = OrderedDict()
        self._size = 0
        self._lock = threading.Lock()

    async def answer(self, request: Request) -> Response:
        """The file that the path parameter `path` names. For GET and HEAD."""
        name = str(request.path_params["path"])
        found = await asyncio.to_thread(self._found, name)
        if found is None:
            return PlainTextResponse("not here\n", 404)
        if isinstance(found, _Moved):
            headers = {"location": _relative(name, found.to), **_caching(name, _MOVED_AGE)}
            return Response(status_code=found.status, headers=headers)
        path, held = found
        return _response(request, path.relative_to(self._folder).as_posix(), path.suffix, held)

    def _found(self, name: str) -> tuple[Path, _Held] | _Moved | None:
        parts = name.removesuffix("/").split("/") if name else []
        # What begins with a dot is ours, and not finished.
        if any(part.startswith(".") or not part or "\\" in part or "\0" in part for part in parts):
            return None
        path = self._folder.joinpath(*parts)
        try:
            real = path.resolve()
            if real != path:
                inside = real.is_relative_to(self._folder) and real.exists()
                return _Moved(real.relative_to(self._folder).as_posix(), 301) if inside else None
            if path.is_dir():
                if name and not name.endswith("/"):
                    return _Moved(f"{name}/", 301) if (path / "index.html").is_file() else None
                path = path / "index.html"
            elif name.endswith("/"):
                return None
            return path, self._read(path)
        except FileNotFoundError:
            return self._still_open(name)
        except (OSError, ValueError, RuntimeError):  # RuntimeError: links that lead in a circle
            return None

    def _still_open(self, name: str) -> _Moved | None:
        """The page after the last of an archive: what will be on it is in the feed itself until then."""
        page = _ARCHIVE.fullmatch(name)
        if page is None:
            return None
        feed, before = page["feed"], int(page["number"]) - 1
        last = self._folder / feed / f"archive-{before}.atom"
        return _Moved(f"{feed}.atom", 307) if last.is_file() and not last.is_symlink() else None

    def _read(self, path: Path) -> _Held:
        """Raises OSError."""
        with path.open("rb") as file:
            # Of the open file: another one may take its place at any time.
            status = os.fstat(file.fileno())
            mark = (status.st_mtime_ns, status.st_size, status.st_ino)
            with self._lock:
                held = self._held.get(path)
                if held is not None and held.mark == mark:
                    self._held.move_to_end(path)
                    return held
            body = file.read()
        packed = gzip.compress(body, 6, mtime=0) if _packable(path.suffix) and len(body) >= _WORTH_PACKING else None
        packed = packed if packed and len(packed) < len(body) else None
        held = _Held(mark, status.st_mtime, body, _tag(body), packed, _tag(packed or b""))
        self._keep(path, held)
        return held

    def _keep(self, path: Path, held: _Held) -> None:
        with self._lock:
            if before := self._held.pop(path, None):
                self._size -= _size(before)
            self._held[path] = held
            self._size += _size(held)
            while self._size > _KEPT:
                _, oldest = self._held.popitem(last=False)
                self._size -= _size(oldest)


def _response(request: Request, name: str, suffix: str, held: _Held) -> Response:
    packed = held.packed if held.packed is not None and _takes_gzip(request.headers.get("accept-encoding")) else None
    # One tag for each coding (RFC 9110 §8.8.3.3): the bytes differ.
    tag = held.packed_tag if packed is not None else held.tag
    headers = {"etag": tag, **_caching(name, _ARCHIVE_AGE if _ARCHIVE.fullmatch(name) else _FEED_AGE)}
    # Never later than now (RFC 9110 §8.8.2.1): what replaces a file within its second is dated to the next one.
    modified = int(held.modified)
    shown = datetime.fromtimestamp(min(modified, int(time.time())), UTC)
    headers["last-modified"] = format_datetime(shown, usegmt=True)
    if _packable(suffix):
        headers["vary"] = "Accept-Encoding"
    if suffix in _SHOWN:
        headers["vary"] = "Accept-Encoding, Accept"
        headers["content-security-policy"] = _FEED_POLICY
    if _has_it(request.headers, tag, modified):
        return Response(status_code=304, headers=headers)
    if packed is not None:
        headers["content-encoding"] = "gzip"
    body = packed if packed is not None else held.body
    headers["content-length"] = str(len(body))
    types = _SHOWN if suffix in _SHOWN and _is_browser(request.headers) else _TYPES
    media_type = types.get(suffix) or mimetypes.guess_type(name)[0] or "application/octet-stream"
    return Response(b"" if request.method == "HEAD" else body, headers=headers, media_type=media_type)


def _relative(name: str, to: str) -> str:
    """The way from one address to another, which holds wherever the folder is served from."""
    path = os.path.relpath(to, name.rpartition("/")[0] or ".")
    return quote(path) + ("/" if to.endswith("/") else "")


def _caching(name: str, age: int) -> dict[str, str]:
    if name.startswith("private/"):
        # Its address is its password.
        return {"cache-control": f"private, max-age={age}", "x-robots-tag": "noindex"}
    if name == "" or name.endswith((".html", "/")):
        return {"cache-control": "no-cache"}
    return {"cache-control": f"public, max-age={age}"}


def _has_it(headers: Mapping[str, str], tag: str, modified: int) -> bool:
    """Whether who asks has the very same already (RFC 9110 §13.2.2)."""
    tags = headers.get("if-none-match")
    if tags is not None:
        return tags.strip() == "*" or tag in _TAG.findall(tags)
    try:
        since = parsedate_to_datetime(headers["if-modified-since"])
        return modified <= since.replace(tzinfo=since.tzinfo or UTC).timestamp()
    except (KeyError, ValueError, OverflowError):
        return False


def _takes_gzip(accepted: str | None) -> bool:
    """What an Accept-Encoding header says of gzip (RFC 9110 §12.5.3)."""
    weights: dict[str, float] = {}
    for part in (accepted or "").lower().split(","):
        coding, _, parameters = part.partition(";")
        weight = re.search(r"\bq\s*=\s*([\d.]+)", parameters)
        try:
            weights[coding.strip()] = float(weight[1]) if weight else 1.0
        except ValueError:
            weights[coding.strip()] = 0.0
    own = weights.get("gzip", weights.get("x-gzip", weights.get("*", 0.0)))
    return own > 0 and own >= weights.get("identity", 0.0)


def _is_browser(headers: Mapping[str, str]) -> bool:
    """Whether somebody wants to look at it: a reader of feeds that also takes pages says so of feeds first."""
    accepted = headers.get("accept", "").lower()
    return "text/html" in accepted and not any(kind in accepted for kind in _TYPES_OF_FEEDS)


def _packable(suffix: str) -> bool:
    return suffix in _TYPES


def _tag(body: bytes) -> str:
    return f'"{hashlib.sha256(body).hexdigest()[:32]}"'


def _size(held: _Held) -> int:
    return len(held.body) + len(held.packed or b"")

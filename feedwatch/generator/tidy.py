"""The addresses of feeds that are no more, or elsewhere: links from former names, and no files that nobody asked for.

Touches nothing but what feedwatch itself has put into the public folder.
"""

from __future__ import annotations

import contextlib
import logging
import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path

from feedwatch.generator.parts import TWINS
from feedwatch.selection import Merged

log = logging.getLogger(__name__)


def tidy(folder: Path, twins: Sequence[str], merged: Sequence[Merged], moved: Mapping[str, str]) -> None:
    """Puts a link in place of each feed that has `moved` (former slug to slug), which web servers follow; takes away
    formats that are not wanted any more and feeds that have become private. Raises OSError."""
    _no_other_formats(folder, twins)
    _no_open_private_feeds(folder, merged)
    _link(folder / "feeds", twins, moved)


def _no_other_formats(folder: Path, twins: Sequence[str]) -> None:
    for twin in set(TWINS) - set(twins):
        for path in [*folder.glob(f"feeds/*.{twin}"), *folder.glob(f"sources/*.{twin}")]:
            if path.with_suffix(".atom").is_file():
                path.unlink()


def _no_open_private_feeds(folder: Path, merged: Sequence[Merged]) -> None:
    """Also under the token that a feed had before."""
    tokens = {feed.token for feed in merged}
    for path in folder.glob("private/*"):
        if path.name not in tokens:
            shutil.rmtree(path)
    for feed in merged:
        if feed.token is not None:
            public = folder / "feeds" / feed.id
            for ending in ("atom", *TWINS):
                public.with_name(f"{feed.id}.{ending}").unlink(missing_ok=True)
            _without_pages(public)


def _link(feeds: Path, twins: Sequence[str], moved: Mapping[str, str]) -> None:
    links = {f"{old}.{ending}": f"{new}.{ending}" for old, new in moved.items() for ending in ("atom", *twins)}
    for path in feeds.glob("*"):
        if path.is_symlink() and path.name not in {*links, *moved}:
            path.unlink()
    for old, new in {**links, **moved}.items():
        path = feeds / old
        if path.is_symlink() and path.readlink() == Path(new):
            continue
        if path.is_dir() and not path.is_symlink():
            _without_pages(path)
            if path.is_dir():
                continue
        feeds.mkdir(parents=True, exist_ok=True)
        beside = path.with_name(f".{old}.link")
        beside.unlink(missing_ok=True)
        try:
            beside.symlink_to(new)
        except OSError as error:
            log.error("%s: no link to %s can be made there (%s); that address is lost", path, new, error.strerror)
        else:
            beside.replace(path)


def _without_pages(folder: Path) -> None:
    """Removes a feed's archive and its list of edits; what somebody else put there stays."""
    for path in (*folder.glob("archive-*.atom"), folder / "changes.atom"):
        path.unlink(missing_ok=True)
    with contextlib.suppress(OSError):
        folder.rmdir()

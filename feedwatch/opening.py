"""What every command begins with: the clock, the store, the public folder. Loads no engine."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

from feedwatch.canonical import digest
from feedwatch.config_build import Config
from feedwatch.errors import NoStateFolder
from feedwatch.store.tinydb import TinyStore


def now() -> datetime:
    """The wall clock, in UTC."""
    return datetime.now(UTC)


def public_folder(config: Config, state_dir: Path) -> Path:
    return config.public or state_dir / "public"


def open_store(config: Config, state_dir: Path, clock: Callable[[], datetime], *, read_only: bool = False) -> TinyStore:
    """The store in a state folder. Raises StoreError; Locked where another process has it, unless `read_only`."""
    try:
        return TinyStore(
            state_dir,
            [source.id for source in config.sources],
            config.categories,
            stamp=clock().strftime("%Y%m%dT%H%M%SZ"),
            limit=config.entries_per_feed,
            edits={source.id: source.edits for source in config.sources},
            merged=config.merged,
            rendering=_rendering(config),
            read_only=read_only,
        )
    except PermissionError as error:
        raise NoStateFolder(
            f"{error.filename or state_dir}: belongs to another user ({error.strerror}); run feedwatch as the one that "
            "the service has, or name a folder of your own with --state-dir"
        ) from None


#: Grows when this version writes the same facts in another way than those before.
_RENDERED_AS = 1


def _rendering(config: Config) -> str:
    """Changes whenever every feed could look otherwise."""
    return digest(str(_RENDERED_AS), repr(config.imprint), repr(sorted(config.moved.items())))

"""The only writer of durable files. Knows bytes, paths, checksums and the lock; not what the bytes mean.

A reader sees the whole old file or the whole new one, whatever happens in between: temporary file beside
the target, full write with a length check, fsync, rename, fsync of the folder (Pillai et al., OSDI 2014).
"""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import json
import os
import time
from collections.abc import Collection, Iterable, Iterator
from pathlib import Path

from msgspec import Struct

from feedwatch import failpoints
from feedwatch.errors import Damaged, Locked, StoreError, TooNew

#: Of every file `write_document` writes. Raise it with a migration in the reader of that file.
SCHEMA = 1
#: Files that are made durable one by one.
_MANY = 8


def write_atomic(path: Path | str, data: bytes, *, durable: bool = True) -> None:
    """Replaces `path` by `data` at once, making its folders.

    `durable=False` leaves out the fsyncs, for files that can be made again from others.
    Raises OSError (disk full, read-only, …); the old file is then untouched.
    """
    temporary = _staged(path)
    try:
        _write_making_folders(temporary, data, durable=durable)
        failpoints.hit("files.replace")
        os.replace(temporary, path)
    except OSError:
        with contextlib.suppress(OSError):
            os.unlink(temporary)
        raise
    if durable:
        sync_folder(os.path.dirname(temporary) or ".")


def write_document(path: Path, payload: bytes) -> None:
    """Durably replaces the document at `path`; the generation before it stays as `<path>.bak`. Raises StoreError."""
    stage_document(path, payload)
    replace_documents([path])


def stage_document(path: Path, payload: bytes) -> None:
    """Writes what `replace_documents` will put in place of the document at `path`. Raises StoreError; nothing has
    changed then."""
    header = {"feedwatch": SCHEMA, "sha256": hashlib.sha256(payload).hexdigest(), "length": len(payload)}
    data = b"%b\n%b" % (json.dumps(header).encode(), payload)
    try:
        _write_making_folders(_staged(path), data, durable=False)
    except OSError as error:
        raise _not_written([path], error) from error


def replace_documents(paths: Collection[Path]) -> None:
    """Durably replaces the documents at these paths by what was staged for them: each is the old one or the new one,
    whatever happens in between. Raises StoreError; some may be replaced then, and their generations before are kept.
    """
    try:
        if len(paths) > _MANY:
            # What is left for each is to say whether it went well.
            os.sync()
        _sync_each([_staged(path) for path in paths])
        for path in paths:
            _keep_previous(path)
            failpoints.hit("files.replace")
            os.replace(_staged(path), path)
    except OSError as error:
        raise _not_written(paths, error) from error
    for folder in {path.parent for path in paths}:
        try:
            sync_folder(folder)
        except OSError as error:
            raise StoreError(f"{folder}: cannot be made durable ({error.strerror or error})") from error


def _staged(path: Path | str) -> str:
    # Paths as values take longer to put together than files to be looked at.
    folder, name = os.path.split(path)
    return os.path.join(folder, f".{name}.tmp")


def _not_written(paths: Collection[Path], error: OSError) -> StoreError:
    for path in paths:
        with contextlib.suppress(OSError):
            os.unlink(_staged(path))
    first, *others = paths
    named = f"{first}{f' and {len(others)} others' if others else ''}"
    return StoreError(f"{named}: cannot be written ({error.strerror or error}); what was there is whole")


class Document(Struct, frozen=True):
    payload: bytes
    #: Why the previous generation was taken, where it was.
    fell_back: str | None = None


def read_document(path: Path) -> Document | None:
    """The newest whole generation at `path`, or None where nothing was ever written.

    Raises Damaged when neither generation is whole, TooNew when a newer feedwatch wrote it. Changes nothing.
    """
    previous = previous_of(path)
    try:
        return Document(_verified(path))
    except FileNotFoundError:
        if not previous.exists():
            return None
        reason = "is missing"
    except ValueError as error:
        reason = str(error)
    try:
        return Document(_verified(previous), fell_back=f"{path} {reason}; went on with {previous.name}")
    except (FileNotFoundError, ValueError):
        raise Damaged(
            f"{path} {reason}, and {previous.name} cannot be used either. Put one of them back from a backup, "
            f"or delete both to start this file anew (what is found then is published, but not alerted)."
        ) from None


def set_aside(path: Path, stamp: str) -> Path | None:
    """Renames a damaged file to `<name>.corrupt-<stamp>` and puts its previous generation in its place."""
    kept = None
    if path.exists():
        kept = path.with_name(f"{path.name}.corrupt-{stamp}")
        path.replace(kept)
    previous = previous_of(path)
    with contextlib.suppress(FileNotFoundError):
        os.link(previous, path)
    sync_folder(path.parent)
    return kept


def previous_of(path: Path) -> Path:
    return path.with_name(path.name + ".bak")


def remove(path: Path) -> None:
    """Durably removes `path`; no error where it is not there."""
    failpoints.hit("files.remove")
    path.unlink(missing_ok=True)
    sync_folder(path.parent)


def sync(paths: Collection[str]) -> None:
    """Makes durable what was written to these paths without; all that there is on the machine where they are many,
    which takes a fraction of the time. Raises OSError."""
    if len(paths) > _MANY:
        failpoints.hit("files.fsync")
        os.sync()
        return
    _sync_each(paths)
    for folder in {os.path.dirname(path) for path in paths}:
        # Who removed it removed the files, too.
        with contextlib.suppress(FileNotFoundError):
            sync_folder(folder)


def _sync_each(paths: Iterable[str]) -> None:
    failpoints.hit("files.fsync")
    for path in paths:
        with contextlib.suppress(FileNotFoundError):
            fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
            try:
                os.fsync(fd)
            finally:
                os.close(fd)


def sync_folder(folder: Path | str) -> None:
    failpoints.hit("files.sync_folder")
    fd = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(fd)
    finally:
        os.close(fd)


@contextlib.contextmanager
def lock(path: Path) -> Iterator[None]:
    """Holds the lock at `path`, which dies with the process. Raises Locked, naming the holder."""
    path.parent.mkdir(parents=True, exist_ok=True)
    fd = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        if not _flock(fd, fcntl.LOCK_EX):
            raise Locked(f"{path.parent} is in use by another feedwatch (process {_named_in(fd)})")
        os.ftruncate(fd, 0)
        os.pwrite(fd, f"{os.getpid()}\n".encode(), 0)
        yield
    finally:
        os.close(fd)


def holder(path: Path) -> str | None:
    """The process that holds the lock at `path`, or None. Raises PermissionError."""
    try:
        fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    except FileNotFoundError:
        return None
    try:
        return None if _flock(fd, fcntl.LOCK_SH) else _named_in(fd)
    finally:
        os.close(fd)


def _flock(fd: int, how: int) -> bool:
    """Takes the lock; tried twice, as `holder` has it for a moment when it looks."""
    for pause in (0.05, 0.0):
        try:
            fcntl.flock(fd, how | fcntl.LOCK_NB)
        except BlockingIOError:
            time.sleep(pause)
        else:
            return True
    return False


def _named_in(fd: int) -> str:
    return os.pread(fd, 32, 0).decode(errors="replace").strip() or "unknown"


def _write_making_folders(path: str, data: bytes, *, durable: bool) -> None:
    try:
        _write(path, data, durable=durable)
    except FileNotFoundError:
        os.makedirs(os.path.dirname(path), exist_ok=True)
        _write(path, data, durable=durable)


def _write(path: str, data: bytes, *, durable: bool) -> None:
    failpoints.hit("files.open")
    fd = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o644)
    try:
        failpoints.hit("files.write")
        rest = memoryview(data)
        while rest:
            # At the edge of a full disk one write returns short and only the next one fails.
            rest = rest[os.write(fd, rest) :]
        if os.fstat(fd).st_size != len(data):
            raise OSError("short write")
        if durable:
            failpoints.hit("files.fsync")
            os.fsync(fd)
    finally:
        os.close(fd)


def _keep_previous(path: Path) -> None:
    beside = path.with_name(f".{path.name}.bak.tmp")
    failpoints.hit("files.link")
    try:
        os.link(path, beside)
    except FileNotFoundError:
        return  # there is none before the first
    except FileExistsError:  # a crash left it
        beside.unlink()
        os.link(path, beside)
    failpoints.hit("files.keep_previous")
    beside.replace(previous_of(path))


def _verified(path: Path) -> bytes:
    """The payload at `path`; ValueError says in what way it is damaged."""
    head, newline, payload = path.read_bytes().partition(b"\n")
    try:
        header = json.loads(head)
        schema, expected, length = int(header["feedwatch"]), str(header["sha256"]), int(header["length"])
    except (ValueError, KeyError, TypeError):
        raise ValueError("has no readable header") from None
    if schema > SCHEMA:
        raise TooNew(f"{path} was written by a newer feedwatch (schema {schema}); update feedwatch to read it")
    if not newline or len(payload) != length:
        raise ValueError(f"is cut or padded ({len(payload)} of {length} bytes)")
    if hashlib.sha256(payload).hexdigest() != expected:
        raise ValueError("does not match its checksum")
    return payload

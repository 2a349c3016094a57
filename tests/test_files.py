"""Durable files: the old whole or the new whole, whatever happens in between."""

from __future__ import annotations

import errno
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from feedwatch import failpoints, files
from feedwatch.errors import Damaged, Locked, StoreError, TooNew


class Stopped(BaseException):
    """Stands for the end of the process."""


def _stop(name: str) -> None:
    raise Stopped(name)


@pytest.fixture(autouse=True)
def _disarmed() -> Iterator[None]:
    yield
    failpoints.arm(0, _stop)


def test_a_document_comes_back_as_it_was_written(tmp_path: Path) -> None:
    path = tmp_path / "deep" / "a.json"
    files.write_document(path, b'{"a": 1}\nsecond line\x00')

    document = files.read_document(path)

    assert document == files.Document(b'{"a": 1}\nsecond line\x00')


def test_nothing_written_is_not_damage(tmp_path: Path) -> None:
    assert files.read_document(tmp_path / "a.json") is None


def test_a_crash_at_any_step_leaves_the_old_whole_or_the_new_whole(tmp_path: Path) -> None:
    seen = set()
    for step in range(1, 50):
        path = tmp_path / str(step) / "a.json"
        files.write_document(path, b"first")
        files.write_document(path, b"second")
        failpoints.arm(step, _stop)
        try:
            files.write_document(path, b"third")
        except Stopped:
            failpoints.arm(0, _stop)
            document = files.read_document(path)
            assert document is not None
            assert document.fell_back is None
            seen.add(document.payload)
        else:
            break
    assert step > 5
    assert seen == {b"second", b"third"}


@pytest.mark.parametrize("length", range(0, 140, 3))
def test_f9_a_file_cut_anywhere_falls_back_to_the_generation_before(tmp_path: Path, length: int) -> None:
    path = tmp_path / "a.json"
    files.write_document(path, b"old")
    files.write_document(path, b"new" * 20)
    whole = path.read_bytes()
    path.write_bytes(whole[: min(length, len(whole) - 1)])

    document = files.read_document(path)

    assert document is not None
    assert document.payload == b"old"
    assert document.fell_back is not None
    assert str(path) in document.fell_back


@pytest.mark.parametrize("damage", [b"", b"\0" * 500, b"garbage", b"{}\n", b'{"feedwatch": 1}\n{}', b"[1]\n[]"])
def test_f9_damage_of_every_kind_falls_back(tmp_path: Path, damage: bytes) -> None:
    path = tmp_path / "a.json"
    files.write_document(path, b"old")
    files.write_document(path, b"new")
    path.write_bytes(damage)

    document = files.read_document(path)

    assert document is not None
    assert document.payload == b"old"


def test_a_flipped_bit_is_found(tmp_path: Path) -> None:
    path = tmp_path / "a.json"
    files.write_document(path, b"old")
    files.write_document(path, b"new")
    data = bytearray(path.read_bytes())
    data[-1] ^= 1
    path.write_bytes(data)

    document = files.read_document(path)

    assert document is not None
    assert "checksum" in (document.fell_back or "")


def test_when_both_generations_are_damaged_it_says_so_and_touches_neither(tmp_path: Path) -> None:
    path = tmp_path / "a.json"
    path.write_bytes(b"x")
    files.previous_of(path).write_bytes(b"y")

    with pytest.raises(Damaged, match="backup"):
        files.read_document(path)

    assert path.read_bytes() == b"x"


def test_f9_a_file_of_a_newer_feedwatch_is_refused_and_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "a.json"
    files.write_document(path, b"old")
    path.write_bytes(b'{"feedwatch": 99, "sha256": "", "length": 0}\n')

    with pytest.raises(TooNew, match="newer feedwatch"):
        files.read_document(path)


def test_set_aside_keeps_the_damaged_file_by_name(tmp_path: Path) -> None:
    path = tmp_path / "a.json"
    files.write_document(path, b"old")
    files.write_document(path, b"new")
    path.write_bytes(b"damaged")

    kept = files.set_aside(path, "20240101T000000Z")

    assert kept is not None
    assert kept.read_bytes() == b"damaged"
    assert files.read_document(path) == files.Document(b"old")


_FULL_DISK = """
import resource, signal, sys
from pathlib import Path
from feedwatch import files
from feedwatch.errors import StoreError
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (int(sys.argv[2]), int(sys.argv[2])))
try:
    files.write_document(Path(sys.argv[1]), b"n" * 5000)
except StoreError as error:
    print(error)
"""


@pytest.mark.parametrize("room", [0, 1, 2500, 5000])
def test_f5_a_full_disk_leaves_the_old_file_whole(tmp_path: Path, room: int) -> None:
    path = tmp_path / "a.json"
    files.write_document(path, b"old")

    said = subprocess.run(
        [sys.executable, "-c", _FULL_DISK, str(path), str(room)], capture_output=True, text=True, check=True
    ).stdout

    assert os.strerror(errno.EFBIG) in said
    assert str(path) in said
    assert files.read_document(path) == files.Document(b"old")
    assert [p.name for p in tmp_path.iterdir() if p.name.startswith(".")] == []


def test_f10_a_second_process_is_told_who_holds_the_lock(tmp_path: Path) -> None:
    lock = tmp_path / "lock"
    take = "import sys; from pathlib import Path; from feedwatch import files\nwith files.lock(Path(sys.argv[1])): pass"
    with files.lock(lock):
        other = subprocess.run([sys.executable, "-c", take, str(lock)], capture_output=True, text=True, check=False)
    after = subprocess.run([sys.executable, "-c", take, str(lock)], capture_output=True, text=True, check=False)

    assert other.returncode == 1
    assert f"process {os.getpid()}" in other.stderr
    assert after.returncode == 0


def test_the_lock_is_refused_within_one_process_too(tmp_path: Path) -> None:
    with files.lock(tmp_path / "lock"), pytest.raises(Locked), files.lock(tmp_path / "lock"):
        raise AssertionError("two holders")


def test_f8_a_read_only_folder_is_an_error_that_names_the_file() -> None:
    with pytest.raises((StoreError, OSError)):
        files.write_document(Path("/proc/feedwatch/a.json"), b"x")

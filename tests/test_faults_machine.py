"""Faults of the machine: memory, disks and descriptors that end, at any step."""

from __future__ import annotations

import asyncio
import errno
import os
import subprocess
import sys
from pathlib import Path

import pytest
from origin import Origin
from reading import FEED, NOW, Inline

from feedwatch import config as configuration
from feedwatch import failpoints, files
from feedwatch.app import open_app
from feedwatch.errors import NotPublished, StoreError


def round_of(folder: Path) -> int:
    """One poll of everything, published; how many entries the source has."""
    config = configuration.load(folder / "config.toml", {})

    async def work() -> int:
        async with open_app(config, folder / "state", clock=lambda: NOW, reader=Inline()) as app:
            report = await app.pipeline.poll(config.sources[0])
            await app.pipeline.publish()
            return report.entries

    return asyncio.run(work())


def published(folder: Path) -> dict[str, bytes]:
    public = folder / "state" / "public"
    return {str(path.relative_to(public)): path.read_bytes() for path in public.rglob("*") if path.is_file()}


@pytest.mark.slow
@pytest.mark.parametrize("error", [MemoryError(), OSError(errno.EIO, "Input/output error")], ids=["memory", "disk"])
def test_f7_f43_memory_or_a_disk_that_fails_at_any_step_leaves_no_half_state(tmp_path: Path, error: Exception) -> None:
    def exhausted(name: str) -> None:
        raise error

    clean: dict[str, bytes] = {}
    for step in range(500):
        folder = tmp_path / str(step)
        folder.mkdir()
        (folder / "config.toml").write_text('[[source]]\nid = "feed"\nurl = "feed.xml"\n')
        (folder / "feed.xml").write_bytes(FEED)
        failpoints.arm(step, exhausted)
        try:
            ended = bool(step) and round_of(folder) == 1 and failpoints.hits() < step
        except (MemoryError, NotPublished, StoreError):
            ended = False
        finally:
            failpoints.arm(0, exhausted)
        assert round_of(folder) == 1
        clean = clean or published(folder)
        assert published(folder) == clean
        if ended:
            break
    assert step > 20


_STARVED = """
import asyncio, os, resource, sys
from pathlib import Path
from reading import Inline, NOW
from feedwatch import config as configuration
from feedwatch.app import open_app
resource.setrlimit(resource.RLIMIT_NOFILE, (64, 64))
async def work():
    config = configuration.load(Path("config.toml"), {})
    async with open_app(config, Path("state"), clock=lambda: NOW, reader=Inline()) as app:
        taken = []
        try:
            while True:
                taken.append(os.open("/dev/null", os.O_RDONLY))
        except OSError:
            pass
        hungry = await app.pipeline.poll(config.sources[0])
        for fd in taken:
            os.close(fd)
        fed = await app.pipeline.poll(config.sources[0])
        print(hungry.status, fed.status, fed.entries, hungry.error)
asyncio.run(work())
"""


@pytest.mark.parametrize("source", ["http", "file"])
def test_f42_a_poll_without_a_file_descriptor_left_fails_softly(tmp_path: Path, origin: Origin, source: str) -> None:
    origin.serve("/feed", body=FEED)
    (tmp_path / "feed.xml").write_bytes(FEED)
    url = f"{origin.url}/feed" if source == "http" else "feed.xml"
    (tmp_path / "config.toml").write_text(
        '[network]\nallow_hosts = ["127.0.0.1"]\nper_host_pause = "0s"\n' + f'[[source]]\nid = "s"\nurl = "{url}"\n'
    )
    environ = {**os.environ, "PYTHONPATH": os.pathsep.join([*sys.path, str(Path(__file__).parent)])}

    done = subprocess.run(
        [sys.executable, "-c", _STARVED], cwd=tmp_path, env=environ, capture_output=True, text=True, check=False
    )

    assert done.stdout.startswith("failed ok 1 "), done.stdout + done.stderr
    assert "Too many open files" in done.stdout


@pytest.mark.parametrize("where", ["a folder in the way", "another file system"])
def test_f45_a_feed_is_made_beside_its_place_and_a_rename_that_fails_leaves_nothing(tmp_path: Path, where: str) -> None:
    target = tmp_path / "all.atom"
    if where == "a folder in the way":
        target.mkdir()
        with pytest.raises(OSError, match=r"all\.atom"):
            files.write_atomic(target, b"new")
        assert [path.name for path in tmp_path.iterdir()] == ["all.atom"]
        return
    other = Path("/dev/shm")  # noqa: S108
    if not other.is_dir() or other.stat().st_dev == tmp_path.stat().st_dev:
        pytest.skip("there is one file system only")
    away = other / f"feedwatch-{os.getpid()}"
    away.mkdir()
    try:
        (tmp_path / "public").symlink_to(away)
        for body in (b"old", b"new"):
            files.write_atomic(tmp_path / "public" / "feeds" / "all.atom", body)
        assert (away / "feeds" / "all.atom").read_bytes() == b"new"
        assert len(list((away / "feeds").iterdir())) == 1
    finally:
        for path in sorted(away.rglob("*"), reverse=True):
            path.rmdir() if path.is_dir() else path.unlink()
        away.rmdir()

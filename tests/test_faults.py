"""Faults of networks, origins, readers and machines: each is met with the real thing, and costs one source at most."""

from __future__ import annotations

import asyncio
import errno
import json
import os
import resource
import socket
import subprocess
import sys
import time
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from origin import Origin
from wire import Script, Wire, dripping, hanging, resetting, saying, stalling, wired

from feedwatch import config as configuration
from feedwatch import failpoints, files, readers
from feedwatch.app import open_app
from feedwatch.errors import ReadError, StoreError
from feedwatch.model import Failure, Fetched, PollState, Reading, Response, Source
from feedwatch.net import Net, NetError
from feedwatch.poller.fetch import Driven, drive
from feedwatch.poller.walk import walk
from feedwatch.workers import ReaderPool

NOW = datetime(2024, 11, 1, tzinfo=UTC)
LOCAL = frozenset({"127.0.0.1"})
FEED = b"<rss version='2.0'><channel><item><guid>tag:x,1</guid><title>A</title></item></channel></rss>"
OK = b"HTTP/1.1 200 OK\r\n"
CHUNKED = b"Transfer-Encoding: chunked\r\n\r\n"


def asked(wire: Wire, *, times: int = 1, deadline: float = 5.0) -> list[Response | NetError]:
    """What `times` requests over one network come to."""

    async def once(net: Net) -> Response | NetError:
        try:
            return await net.request("GET", f"{wire.url}/feed", max_body=1_000_000, deadline=deadline)
        except NetError as error:
            return error

    async def work() -> list[Response | NetError]:
        async with Net(allow_hosts=LOCAL, user_agent="test") as net:
            return [await once(net) for _ in range(times)]

    return asyncio.run(work())


# --- answers that end, lie or never end ------------------------------------------------------------------


@pytest.mark.parametrize(
    "start",
    [b"", OK + b"Content-Le", OK + b"ETag: x\r\nContent-Length: 90\r\n\r\n" + FEED[:-20]],
    ids=["before the head", "in the head", "in the body"],
)
def test_f15_a_reset_at_any_point_is_a_failure_that_vouches_for_nothing(start: bytes) -> None:
    async def poll(wire: Wire) -> Driven:
        async with Net(allow_hosts=LOCAL, user_agent="test") as net:
            return await drive(walk(Source("s", f"{wire.url}/feed"), PollState()), net)

    with wired(resetting(start)) as wire:
        outcome = asyncio.run(poll(wire)).outcome

    assert isinstance(outcome, Failure)
    assert outcome.kind == "unreachable"
    assert len(wire.heard) <= 2  # aiohttp asks once more where there was no head at all


def test_f15_chunks_without_an_end_are_a_failure() -> None:
    with wired(stalling(OK + CHUNKED + b"5\r\nhello\r\n")) as wire:
        (answer,) = asked(wire, deadline=1)

    assert isinstance(answer, NetError)
    assert answer.kind == "timeout"


def test_f15_a_feed_that_ends_early_without_a_length_is_refused_by_its_reader() -> None:
    with wired(saying(OK + b"\r\n" + FEED[:-20])) as wire:
        (answer,) = asked(wire)

    assert isinstance(answer, Response)  # nobody can tell by the bytes that came
    with pytest.raises(ReadError, match="truncated"):
        readers.read(answer.body, url=wire.url, headers={}, source=SOURCE, now=NOW)


@pytest.mark.parametrize(
    ("head", "exact"),
    [
        (b"Content-Length: 5\r\n\r\n", b"hello"),
        (b"Content-Length: 5\r\nContent-Length: 9\r\n\r\n", None),
        (b"Content-Length: -5\r\n\r\n", None),
        (b"Content-Length: five\r\n\r\n", None),
        (b"Content-Length: 5\r\n" + CHUNKED + b"5\r\nhello\r\n0\r\n\r\n", None),
    ],
    ids=["shorter than the body", "twice", "negative", "no number", "with chunks"],
)
def test_f16_a_length_that_lies_gives_the_exact_bytes_or_an_error_and_nothing_to_the_next(
    head: bytes, exact: bytes | None
) -> None:
    with wired(saying(OK + head + b"hello" + OK + b"Content-Length: 8\r\n\r\nsmuggled")) as wire:
        first, second = asked(wire, times=2)

    for answer in (first, second):
        if exact is None:
            assert isinstance(answer, NetError)
        else:
            assert isinstance(answer, Response)
            assert answer.body == exact
    assert len(wire.heard) == 2  # each on a connection of its own


@pytest.mark.parametrize(
    "script",
    [
        dripping(b"", b"H"),
        dripping(OK, b"X-Line: and again\r\n", pause=0.001),
        dripping(OK + b"Content-Length: 1000\r\n\r\n", b"x"),
        dripping(b"", b"HTTP/1.1 100 Continue\r\n\r\n", pause=0.001),
        hanging,
    ],
    ids=["head byte by byte", "endless head", "body byte by byte", "endless 1xx", "nothing"],
)
def test_f17_an_answer_that_never_ends_is_ended_and_leaves_nothing_open(script: Script) -> None:
    asyncio.run(asyncio.sleep(0))
    before = len(list(Path("/proc/self/fd").iterdir()))
    began = time.monotonic()
    with wired(script) as wire:
        (answer,) = asked(wire, deadline=1)

    assert isinstance(answer, NetError)
    assert time.monotonic() - began < 5
    assert len(list(Path("/proc/self/fd").iterdir())) == before


_MEASURED = """
import asyncio, json, re, sys
from pathlib import Path
from feedwatch.net import Net, NetError
def most():
    # Not ru_maxrss: that one is inherited from the process that started this one.
    return int(re.search(r"VmHWM:\\s+(\\d+) kB", Path("/proc/self/status").read_text())[1])
async def work():
    async with Net(allow_hosts=frozenset({"127.0.0.1"}), user_agent="t") as net:
        before = most()
        try:
            said = (await net.request("GET", sys.argv[1], max_body=10_000_000)).status
        except NetError as error:
            said = error.kind
    print(json.dumps([said, (most() - before) // 1024]))
asyncio.run(work())
"""


def measured(url: str) -> tuple[str | int, int]:
    """What a request in a process of its own came to, and by how many megabytes that grew it."""
    done = subprocess.run([sys.executable, "-c", _MEASURED, url], capture_output=True, text=True, check=True)
    said, grown = json.loads(done.stdout)
    return said, grown


def test_f31_a_gigabyte_without_a_length_stops_at_the_limit() -> None:
    def gigabyte(connection: socket.socket, wire: Wire) -> None:
        saying(OK + b"\r\n", *[bytes(1_000_000)] * 1000)(connection, wire)

    with wired(gigabyte) as wire:
        said, grown = measured(wire.url)

    assert said == "too-large"
    assert grown < 64
    assert wire.sent < 50_000_000  # the rest is left where it is


# --- readers ---------------------------------------------------------------------------------------------

SOURCE = Source("s", "https://example.org/")


def misbehave(url: str, headers: Mapping[str, str], body: bytes, source: Source, now: datetime) -> Reading:
    """In the worker: does what the body says."""
    if body == b"die":
        os.abort()
    if body == b"eat":
        bytearray(8_000_000_000)
    return readers.read(body, url=url, headers=headers, source=source, now=now)


def read_in_turn(pool: ReaderPool, *bodies: bytes) -> list[Reading | Failure]:
    async def work() -> list[Reading | Failure]:
        try:
            return [await pool.read(Fetched(SOURCE.url, 200, {}, body), SOURCE, NOW) for body in bodies]
        finally:
            pool.close()

    return asyncio.run(work())


def test_f36_a_reader_that_wants_more_memory_than_there_is_fails_alone() -> None:
    assert resource.getrlimit(resource.RLIMIT_AS)[0] != 2_000_000_000  # the limit is the worker's, not ours

    eaten, fine = read_in_turn(ReaderPool(misbehave), b"eat", FEED)

    assert isinstance(eaten, Failure)
    assert eaten.kind == "reader-crash"
    assert isinstance(fine, Reading)


@pytest.mark.parametrize(
    "item",
    ["<x/>" * 1_000_000, f"<title x='{'y' * 1_000_000}'>t</title>", "<x>" * 100_000, "<a>" * 50_000 + "</a>" * 50_000],
    ids=["a million siblings", "a million bytes of attribute", "deep and open", "deep"],
)
def test_f35_a_monstrous_document_is_read_or_refused_within_the_deadline(item: str) -> None:
    body = f"<rss version='2.0'><channel><item><guid>1</guid>{item}</item></channel></rss>".encode()

    began = time.monotonic()
    _, fine = read_in_turn(ReaderPool(deadline=5.0), body, FEED)

    assert time.monotonic() - began < 20
    assert isinstance(fine, Reading)


def test_f40_a_body_that_kills_its_reader_each_time_backs_off_and_the_others_are_polled(
    tmp_path: Path, origin: Origin
) -> None:
    origin.serve("/poison", body=b"die")
    origin.serve("/fine", body=FEED)
    (tmp_path / "config.toml").write_text(
        '[network]\nallow_hosts = ["127.0.0.1"]\nper_host_pause = "0s"\n'
        + "".join(f'[[source]]\nid = "{name}"\nurl = "{origin.url}/{name}"\n' for name in ("poison", "fine"))
    )
    config = configuration.load(tmp_path / "config.toml", {})
    now, waits, entries = NOW, [], []

    async def restarts() -> None:
        pool = ReaderPool(misbehave)
        async with open_app(config, tmp_path / "state", clock=lambda: now, reader=pool) as app:
            poison, fine = [await app.pipeline.poll(source) for source in config.sources]
            state = await app.store.run(lambda store: store.state("poison"))
            await app.pipeline.publish()
        pool.close()
        assert "reader process" in (poison.error or "")
        assert state.next_poll is not None
        waits.append((state.failures, state.next_poll - now))
        entries.append(fine.entries)

    for _ in range(3):
        asyncio.run(restarts())
        now += timedelta(days=1)

    assert [failures for failures, _ in waits] == [1, 2, 3]
    assert waits[0][1] < waits[1][1] < waits[2][1]
    assert entries == [1, 1, 1]


# --- the machine -----------------------------------------------------------------------------------------


class Inline:
    """Reads in this process, so that no second one has a part in what fails."""

    async def read(self, fetched: Fetched, source: Source, now: datetime) -> Reading | Failure:
        try:
            return readers.read(fetched.body, url=fetched.url, headers=fetched.headers, source=source, now=now)
        except ReadError as error:
            return Failure(error.kind, str(error))


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
        except (MemoryError, OSError, StoreError):
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
from test_faults import Inline, NOW
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

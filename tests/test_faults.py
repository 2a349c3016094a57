"""Faults of networks, origins, readers and machines: each is met with the real thing, and costs one source at most."""

from __future__ import annotations

import asyncio
import resource
import socket
import time
from datetime import timedelta
from pathlib import Path

import pytest
from origin import Origin
from reading import FEED, NOW, SOURCE, misbehave, read_in_turn
from wire import OK, Script, Wire, dripping, hanging, measured, resetting, saying, stalling, wired

from feedwatch import config as configuration
from feedwatch import readers
from feedwatch.app import open_app
from feedwatch.errors import ReadError
from feedwatch.model import Failure, PollState, Reading, Response, Source
from feedwatch.net import Net, NetError
from feedwatch.poller.fetch import Driven, drive
from feedwatch.poller.walk import walk
from feedwatch.workers import ReaderPool

LOCAL = frozenset({"127.0.0.1"})
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
    assert len(wire.heard) == 1


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


def test_f31_a_gigabyte_without_a_length_stops_at_the_limit() -> None:
    def gigabyte(connection: socket.socket, wire: Wire) -> None:
        saying(OK + b"\r\n", *[bytes(1_000_000)] * 1000)(connection, wire)

    with wired(gigabyte) as wire:
        said, grown = measured(wire.url)

    assert said == "too-large"
    assert grown < 64
    assert wire.sent < 50_000_000  # the rest is left where it is


# --- readers ---------------------------------------------------------------------------------------------


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

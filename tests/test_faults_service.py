"""The running service under faults: told to stop in the middle, nobody to talk to, readers of its feeds."""

from __future__ import annotations

import asyncio
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

import pytest
from running import CONFIG, Running
from starlette.types import Message
from wire import Wire, hanging, wired
from workbench import Bench

from feedwatch import files
from feedwatch.health import Observed
from feedwatch.web import application

NETWORK = '[network]\nallow_hosts = ["127.0.0.1"]\nper_host_pause = "0s"\n'


@contextmanager
def running(folder: Path, config: str, **streams: IO[str]) -> Iterator[Running]:
    service = Running(folder, config, **streams)
    try:
        yield service
    finally:
        service.close()


# --- told to stop ----------------------------------------------------------------------------------------


def test_f37_a_stop_in_the_middle_of_a_poll_is_a_clean_end(tmp_path: Path) -> None:
    with wired(hanging) as wire:
        config = CONFIG + NETWORK + f'[[source]]\nid = "slow"\nurl = "{wire.url}/feed"\n'
        with running(tmp_path, config) as service:
            assert wire.called.wait(20)
            began = time.monotonic()
            code, err = service.ends()

    assert (code, err) == (0, "")
    assert time.monotonic() - began < 15
    assert Bench(tmp_path).run("status", "--json", code=None).returncode == 0


@pytest.mark.slow
@pytest.mark.parametrize("asked", ["once", "twice"])
def test_f37_a_stop_in_the_middle_of_a_delivery_keeps_it_for_later_and_a_second_one_is_at_once(
    tmp_path: Path, asked: str
) -> None:
    def receiver(connection: socket.socket, wire: Wire) -> None:
        if len(wire.heard) == 1:
            wire.send(connection, b"HTTP/1.1 500 Not yet\r\nContent-Length: 0\r\n\r\n")
        else:
            hanging(connection, wire)

    with wired(receiver) as wire:
        config = CONFIG + NETWORK + f'[outbox]\nretry_first = "1s"\n[[alert]]\nid = "hook"\nwebhook = "{wire.url}/"\n'
        bench = Bench(tmp_path)
        bench.config(config.format(port=8080))
        bench.page("pages/table.html")
        (tmp_path / "page.html").write_text("<article><h2><a href='https://example.org/0'>Old</a></h2></article>")
        bench.run("poll")
        (tmp_path / "page.html").write_text(
            "<article><h2><a href='https://example.org/1'>New</a></h2></article>"
            "<article><h2><a href='https://example.org/0'>Old</a></h2></article>"
        )
        assert bench.json("poll")["deliveries"]["retrying"] == 1
        wire.called.clear()
        with running(tmp_path, config) as service:
            service.hears("READY=1")
            assert wire.called.wait(30)
            began = time.monotonic()
            service.process.send_signal(signal.SIGTERM)
            service.hears("STOPPING=1")
            code, _ = service.ends(signal.SIGTERM if asked == "twice" else 0)
            took = time.monotonic() - began
        (row,) = bench.json("outbox", "list")["deliveries"]

    assert row["status"] == "pending"
    assert (code, took < 5) == ((1, True) if asked == "twice" else (0, False))
    assert took < 15


# --- nobody to talk to -----------------------------------------------------------------------------------


def test_f41_a_round_without_any_output_is_a_round(tmp_path: Path) -> None:
    (tmp_path / "config.toml").write_text('[[source]]\nid = "a"\nurl = "a.xml"\n')
    (tmp_path / "a.xml").write_text(
        "<rss version='2.0'><channel><title>T</title><item><title>One</title></item></channel></rss>"
    )
    command = [sys.executable, "-m", "feedwatch", "poll", "--config", "config.toml", "--state-dir", "state"]
    done = subprocess.run(
        ["sh", "-c", 'exec "$@" >&-', "sh", *command], cwd=tmp_path, stderr=subprocess.PIPE, text=True
    )

    assert (done.returncode, done.stderr) == (0, "")
    assert (tmp_path / "state" / "public" / "sources" / "a.atom").exists()


@pytest.mark.parametrize("stdout", ["closed", "full"])
def test_f41_a_service_that_nobody_listens_to_goes_on_and_ends_cleanly(tmp_path: Path, stdout: str) -> None:
    reading, writing = os.pipe()
    os.close(reading)
    with Path("/dev/full").open("w") as full, open(writing, "w") as closed:  # noqa: PTH123  (it is a descriptor)
        out = closed if stdout == "closed" else full
        with running(tmp_path, CONFIG, out=out, err=full) as service:
            service.hears("READY=1")
            service.hears("WATCHDOG=1")
            service.process.send_signal(signal.SIGTERM)
            assert service.process.wait(20) == 0


# --- readers of the feeds --------------------------------------------------------------------------------


async def observe() -> Observed:
    raise NotImplementedError


@pytest.mark.parametrize("new", [b"n" * 10, b"n" * 300_000], ids=["shorter", "longer"])
def test_f44_a_feed_that_is_replaced_while_it_is_sent_arrives_whole(tmp_path: Path, new: bytes) -> None:
    old = b"o" * 200_000
    feed = tmp_path / "all.atom"
    files.write_atomic(feed, old)
    got: list[Message] = []

    async def receive() -> Message:
        return {"type": "http.request", "body": b"", "more_body": False}

    async def send(message: Message) -> None:
        got.append(message)
        if message["type"] == "http.response.start":
            # The reader has the head: from here on nothing may change for it.
            files.write_atomic(feed, new)

    scope = {"type": "http", "method": "GET", "path": "/all.atom", "raw_path": b"/all.atom", "query_string": b""}
    scope |= {"headers": [], "root_path": "", "scheme": "http", "server": ("x", 80), "client": ("y", 1)}

    async def work() -> None:
        await application(tmp_path, observe)(scope, receive, send)

    asyncio.run(work())

    headers = dict(got[0]["headers"])
    assert b"".join(message.get("body", b"") for message in got[1:]) == old
    assert int(headers[b"content-length"]) == len(old)
    assert headers[b"etag"]


def test_f44_who_reads_a_file_while_it_is_replaced_sees_the_whole_old_or_the_whole_new(tmp_path: Path) -> None:
    feed, versions = tmp_path / "all.atom", (b"a" * 100_000, b"b" * 200_000)
    files.write_atomic(feed, versions[0])
    seen: set[bytes] = set()
    done = threading.Event()

    def read() -> None:
        while not done.is_set():
            seen.add(feed.read_bytes())

    reader = threading.Thread(target=read)
    reader.start()
    for number in range(300):
        files.write_atomic(feed, versions[number % 2], durable=False)
    done.set()
    reader.join()

    assert seen <= set(versions)


@pytest.mark.slow
def test_f44_a_thousand_slow_readers_are_refused_and_do_not_hold_up_the_polls(tmp_path: Path) -> None:
    with running(tmp_path, CONFIG) as service:
        service.hears("READY=1")
        slow = [socket.create_connection(("127.0.0.1", service.port)) for _ in range(1000)]
        try:
            for reader in slow:
                reader.sendall(b"GET /feeds/all.atom HTTP/1.1\r\nHost: x\r\n\r\n")
            refused = [reader.recv(100).split(b" ")[1] for reader in slow].count(b"503")
            service.heard.clear()
            service.hears("WATCHDOG=1")
            service.hears("WATCHDOG=1")
        finally:
            for reader in slow:
                reader.close()
        code, _ = service.ends()

    assert refused > 500
    assert code == 0

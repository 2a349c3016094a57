"""A TCP server on loopback that does to each connection what a test says, byte for byte; also a canary."""

from __future__ import annotations

import contextlib
import json
import socket
import struct
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

#: The first line of a good answer.
OK = b"HTTP/1.1 200 OK\r\n"
#: Is given the connection, after its first bytes were read.
Script = Callable[[socket.socket, "Wire"], None]


@dataclass
class Wire:
    port: int = 0
    #: The first bytes of each connection.
    heard: list[bytes] = field(default_factory=list)
    #: Set as soon as anything connected and spoke, or kept silent for a moment.
    called: threading.Event = field(default_factory=threading.Event)
    stopping: threading.Event = field(default_factory=threading.Event)
    sent: int = 0

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def send(self, connection: socket.socket, data: bytes) -> None:
        connection.sendall(data)
        self.sent += len(data)


def saying(*pieces: bytes) -> Script:
    """Sends the pieces and closes."""

    def script(connection: socket.socket, wire: Wire) -> None:
        for piece in pieces:
            wire.send(connection, piece)

    return script


def dripping(start: bytes, again: bytes, pause: float = 0.02) -> Script:
    """Sends `start`, and then `again` and again, until the other side has gone."""

    def script(connection: socket.socket, wire: Wire) -> None:
        wire.send(connection, start)
        while not wire.stopping.wait(pause):
            wire.send(connection, again)

    return script


def resetting(start: bytes) -> Script:
    """Sends `start` and resets the connection."""

    def script(connection: socket.socket, wire: Wire) -> None:
        wire.send(connection, start)
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))

    return script


def stalling(start: bytes) -> Script:
    """Sends `start`, and then nothing more."""

    def script(connection: socket.socket, wire: Wire) -> None:
        wire.send(connection, start)
        hanging(connection, wire)

    return script


def hanging(connection: socket.socket, wire: Wire) -> None:
    """Says nothing, ever."""
    wire.stopping.wait()


@contextmanager
def wired(script: Script = hanging, *, first: bool = True) -> Iterator[Wire]:
    """With `first`, the first bytes of each connection are read before the script has it."""
    wire = Wire()
    listener = socket.create_server(("127.0.0.1", 0))
    wire.port = listener.getsockname()[1]
    threads = [threading.Thread(target=_accept, args=(listener, wire, script, first), daemon=True)]
    threads[0].start()
    try:
        yield wire
    finally:
        wire.stopping.set()
        listener.shutdown(socket.SHUT_RDWR)
        listener.close()
        threads[0].join()


def _accept(listener: socket.socket, wire: Wire, script: Script, first: bool) -> None:
    serving = []
    with contextlib.suppress(OSError):
        while True:
            connection, _ = listener.accept()
            serving.append(threading.Thread(target=_serve, args=(connection, wire, script, first), daemon=True))
            serving[-1].start()
    for thread in serving:
        thread.join()


def _serve(connection: socket.socket, wire: Wire, script: Script, first: bool) -> None:
    with connection, contextlib.suppress(OSError):
        connection.settimeout(1)
        try:
            heard = connection.recv(65536) if first else b""
        except TimeoutError:
            heard = b""  # a client that waits for a banner
        connection.settimeout(None)
        wire.heard.append(heard)
        wire.called.set()
        script(connection, wire)


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

"""What systemd is told of a service (sd_notify(3)): one datagram a state. Silent where nobody listens."""

from __future__ import annotations

import contextlib
import socket
import time
from collections.abc import Mapping


class Systemd:
    """`NOTIFY_SOCKET` and `WATCHDOG_USEC` of `environ` say whether, and how often, anything is told."""

    def __init__(self, environ: Mapping[str, str]) -> None:
        self._address = environ.get("NOTIFY_SOCKET", "")
        usec = environ.get("WATCHDOG_USEC", "")
        #: Seconds between two signs of life: half of what systemd waits for one.
        self._every = int(usec) / 2_000_000 if usec.isdigit() and int(usec) > 0 else None
        self._last = 0.0

    def ready(self, status: str) -> None:
        self._tell(f"READY=1\nSTATUS={status}")

    def reloading(self) -> None:
        self._tell(f"RELOADING=1\nMONOTONIC_USEC={time.monotonic_ns() // 1000}")

    def stopping(self) -> None:
        self._tell("STOPPING=1\nSTATUS=stopping")

    def status(self, text: str) -> None:
        self._tell(f"STATUS={text}")

    def progress(self) -> None:
        """A sign of life, when one is due. To be called by what must not stand still, never by a timer of its own."""
        now = time.monotonic()
        if self._every is not None and now - self._last >= self._every:
            self._last = now
            self._tell("WATCHDOG=1")

    def _tell(self, state: str) -> None:
        if not self._address:
            return
        # A leading @ is an abstract socket. Without a listener the service goes on: it is only news.
        address = "\0" + self._address[1:] if self._address.startswith("@") else self._address
        with contextlib.suppress(OSError), socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as told:
            told.connect(address)
            told.sendall(state.encode())

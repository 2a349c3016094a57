"""The service as systemd sees it: a process of its own, told and asked by signals and datagrams."""

from __future__ import annotations

import os
import select
import signal
import socket
import subprocess
import sys
import urllib.request
from pathlib import Path
from typing import IO

from mailserver import free_port
from workbench import ROOT

PAGE = "<article><h2><a href='https://example.org/a'>An entry</a></h2></article>"
CONFIG = """
[web]
listen = "127.0.0.1:{port}"
[[source]]
id = "page"
url = "page.html"
select = {{ entry = "article" }}
"""


class Running:
    """`feedwatch run`, with a socket that hears what systemd would."""

    def __init__(
        self,
        folder: Path,
        config: str = CONFIG,
        *,
        out: IO[str] | int = subprocess.PIPE,
        err: IO[str] | int = subprocess.PIPE,
    ) -> None:
        self.folder = folder
        self.port = free_port()
        if not (folder / "page.html").exists():
            (folder / "page.html").write_text(PAGE)
        self.config(config.format(port=self.port))
        self.heard: list[str] = []
        self._told = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self._told.bind(str(folder / "notify"))
        environ = {
            **os.environ,
            "PYTHONPATH": str(ROOT),
            "NOTIFY_SOCKET": str(folder / "notify"),
            "WATCHDOG_USEC": "2000000",
        }
        self.process = subprocess.Popen(
            [sys.executable, "-m", "feedwatch", "run"],
            cwd=folder,
            env=environ,
            stdout=out,
            stderr=err,
            text=True,
        )

    def config(self, text: str) -> None:
        (self.folder / "config.toml").write_text(text)

    def hears(self, wanted: str) -> str:
        """Waits for a datagram that has this in it."""
        while True:
            ready, _, _ = select.select([self._told], [], [], 30)
            assert ready, f"never heard {wanted}; heard {self.heard}"
            self.heard.append(self._told.recv(4096).decode())
            if wanted in self.heard[-1]:
                return self.heard[-1]

    def ends(self, number: int = signal.SIGTERM) -> tuple[int, str]:
        self.process.send_signal(number)
        _, err = self.process.communicate(timeout=30)
        return self.process.returncode, err

    def ask(self, path: str) -> bytes:
        with urllib.request.urlopen(f"http://127.0.0.1:{self.port}{path}", timeout=10) as answer:
            body: bytes = answer.read()
            return body

    def close(self) -> None:
        if self.process.poll() is None:
            self.process.kill()
            self.process.communicate()
        self._told.close()

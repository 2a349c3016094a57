"""A configuration, a state folder and the command line, in a temporary folder."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parent.parent
FIXTURES = ROOT / "fixtures"

#: The ten categories of the archive page in `fixtures/`, with how many entries each has.
SECTIONS = {
    "data": 3,
    "developer-tools": 3,
    "backstage": 3,
    "design": 2,
    "open-source": 7,
    "data-science": 2,
    "people": 12,
    "platform": 2,
    "machine-learning": 1,
    "infrastructure": 5,
}


class Bench:
    """Runs `feedwatch` as a user would: a process of its own, in a folder of its own."""

    def __init__(self, folder: Path, environ: Mapping[str, str] | None = None) -> None:
        self.folder = folder
        self.environ = dict(environ or {})
        self.state = folder / "state"
        self.public = self.state / "public"

    def config(self, text: str) -> None:
        (self.folder / "config.toml").write_text(text, encoding="utf-8")

    def page(self, fixture: str, name: str = "page.html") -> None:
        (self.folder / name).write_bytes((FIXTURES / fixture).read_bytes())

    def run(
        self, *arguments: str, code: int | None = 0, env: dict[str, str] | None = None
    ) -> subprocess.CompletedProcess[str]:
        environ = {
            "PATH": os.environ["PATH"],
            "HOME": str(self.folder),
            "LANG": "C.UTF-8",
            "PYTHONPATH": str(ROOT),
            **self.environ,
            **(env or {}),
        }
        done = subprocess.run(
            [sys.executable, "-m", "feedwatch", *arguments],
            cwd=self.folder,
            env=environ,
            capture_output=True,
            text=True,
            timeout=50,
            check=False,
        )
        assert code is None or done.returncode == code, done.stdout + done.stderr
        assert "Traceback" not in done.stderr, done.stderr
        return done

    def json(self, *arguments: str, code: int = 0) -> dict[str, Any]:
        value: dict[str, Any] = json.loads(self.run(*arguments, "--json", code=code).stdout)
        return value

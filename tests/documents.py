"""The documents, taken apart; and a shell in which their commands are run without harm.

`feedwatch` is the real one, in the test's own process. What would change the machine is a stand-in that looks whether
what it was given exists: the files, targets and units.
"""

from __future__ import annotations

import os
import re
import shlex
import subprocess
from collections.abc import Mapping
from pathlib import Path

from inprocess import run
from workbench import ROOT

DOCUMENTS = {
    str(path.relative_to(ROOT)): path.read_text("utf-8")
    for path in (ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").glob("*.md")))
}

#: In place of programs that a test must not run; `$@` are their arguments, `$PROJECT` the folder of the project.
_STAND_INS = {
    "sudo": 'exec "$@"',
    "python3": '[ "$1 $2" = "-m venv" ] && mkdir -p "$3"',
    "make": 'grep -q "^$1:" "$PROJECT/Makefile"',
    "systemctl": 'for unit; do case $unit in feedwatch*) ls "$PROJECT/systemd/$unit.service" ;; esac; done',
    "systemd-run": 'while [ "${1#-}" != "$1" ]; do [ "$1" = -p ] && shift; shift; done; [ "${1##*/}" = feedwatch ]',
    "podman": '[ "$1" != build ] || ls "$PROJECT/Containerfile"',
    "pip": 'for given; do case $given in *.lock | .) ls -d "$given" ;; esac; done',
}


def blocks(name: str, language: str) -> list[str]:
    """The code blocks of a document that are in `language`."""
    return re.findall(rf"^```{language}\n(.*?)^```", DOCUMENTS[name], re.DOTALL | re.MULTILINE)


def commands(name: str) -> list[str]:
    """The lines of its shell blocks; one that goes on on the next is one."""
    joined = (block.replace("\\\n", " ") for block in blocks(name, "sh"))
    return [line for block in joined for line in block.splitlines() if line.strip()]


class Shell:
    """`folder` is where the reader stands; `/etc`, `/opt` and `/var` are folders in it."""

    def __init__(self, folder: Path, addresses: Mapping[str, str]) -> None:
        self.folder = folder
        self._root = folder / "root"
        self._replaced = {
            **addresses,
            **{f" /{name}/": f" {self._root}/{name}/" for name in ("etc", "opt", "var")},
        }
        stand_ins = folder / "stand-ins"
        stand_ins.mkdir()
        for name, body in _STAND_INS.items():
            made = stand_ins / name
            made.write_text(f"#!/bin/sh\n{body}\n")
            made.chmod(0o755)
        programs = self._root / "opt" / "feedwatch" / "bin"
        programs.mkdir(parents=True)
        (programs / "pip").symlink_to(stand_ins / "pip")
        self._environ = {"PATH": f"{stand_ins}:{os.environ['PATH']}", "PROJECT": str(ROOT), "HOME": str(folder)}

    def run(self, line: str) -> str:
        """What the command said. Fails where it did."""
        for written, meant in self._replaced.items():
            line = line.replace(written, meant)
        program, *arguments = shlex.split(line.removeprefix("sudo "), comments=True)
        if program.rpartition("/")[2] != "feedwatch":
            (self._root / "etc" / "systemd" / "system").mkdir(parents=True, exist_ok=True)
            done = subprocess.run(
                ["bash", "-euc", line], cwd=self.folder, env=self._environ, capture_output=True, text=True, check=False
            )
            assert done.returncode == 0, f"{line}\n{done.stderr}"
            return done.stdout
        into = None
        if ">" in arguments:
            *arguments, _, into = arguments
        said = run(self.folder, *arguments)
        assert said.out or said.err, line
        if into:
            (self.folder / into).write_text(said.out)
        return said.out

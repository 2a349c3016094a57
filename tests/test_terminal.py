"""What people see in a terminal, and programs do not."""

from __future__ import annotations

import errno
import io
import os
import re
import shutil
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest
from inprocess import run
from workbench import ROOT

from feedwatch import files
from feedwatch.cli import people
from feedwatch.store import LOCK

SIMPLE = """
[[source]]
id = "page"
url = "page.html"
link_base = "https://example.org/"
[source.select]
entry = "article"

[[alert]]
id = "hook"
webhook = "https://hooks.example.org/"
"""
ESCAPE = "\x1b["


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return _begun(tmp_path)


@pytest.fixture(scope="module")
def _once(tmp_path_factory: pytest.TempPathFactory) -> Path:
    made = _begun(tmp_path_factory.mktemp("polled"))
    run(made, "poll")
    return made


@pytest.fixture
def polled(_once: Path, tmp_path: Path) -> Path:
    """The same after a poll, which takes a second."""
    return shutil.copytree(_once, tmp_path, dirs_exist_ok=True)


def _begun(folder: Path) -> Path:
    (folder / "config.toml").write_text(SIMPLE)
    (folder / "page.html").write_text("<article><h2><a href='/a'>An entry</a></h2></article>")
    return folder


def test_alone_without_a_configuration_it_says_how_to_begin(tmp_path: Path) -> None:
    said = run(tmp_path).out

    assert "no configuration yet" in said
    assert [c for c in ("feedwatch add https://", "feedwatch import", "feedwatch run") if c not in said] == []


def test_alone_it_says_where_things_are_and_what_to_do_first(folder: Path) -> None:
    fresh = run(folder).out
    run(folder, "poll")
    polled = run(folder).out
    with files.lock(folder / "state" / LOCK):
        beside = run(folder).out

    assert re.search(r"configuration +\S*config.toml \(1 source, 1 alert\)", fresh)
    assert "1 never polled" in fresh
    assert "Next: feedwatch run" in fresh
    assert re.search(r"sources +1 well", polled)
    assert re.search(r"last poll +(now|\d+ s ago), next in", polled)
    assert re.search(r"service +not running", polled)
    assert re.search(r"service +running \(process \d+\)", beside)
    assert "All is well. Subscribe on http://127.0.0.1:8080/" in beside


def test_alone_it_says_what_is_wrong_and_with_what_command_to_look(folder: Path) -> None:
    (folder / "page.html").write_text("<p>Nothing</p>")
    for _ in range(3):
        run(folder, "poll", code=1)

    said = run(folder).out

    assert "1 failing: page" in said
    assert "Next: feedwatch explain page" in said


def test_alone_a_wrong_or_missing_configuration_is_the_error_it_is_elsewhere(folder: Path) -> None:
    (folder / "config.toml").write_text("[[source]]\nid = 'A B'\nurl = 'x'\n")

    assert "config.toml:2:1" in run(folder, code=78).err
    assert "add URL" in run(folder, "--config", "other.toml", code=78).err


def test_looking_does_not_keep_the_service_from_starting(polled: Path) -> None:
    lock = polled / "state" / LOCK

    assert files.holder(lock) is None
    with files.lock(lock):
        assert files.holder(lock)
    assert files.holder(polled / "nothing") is None


def test_a_table_is_for_people_and_lines_for_programs(polled: Path) -> None:
    piped, shown = run(polled, "status").out, run(polled, "status", terminal=True, env={"TERM": "xterm-256color"}).out

    assert piped.split("\t")[:3] == ["page", "ok", "1"]
    assert ESCAPE not in piped
    assert "source" in shown.splitlines()[1]
    assert f"{ESCAPE}32mok" in shown


@pytest.mark.parametrize("command", [("status",), ("poll",), ("list",), ()])
def test_no_color_takes_the_colours_and_leaves_the_table(polled: Path, command: tuple[str, ...]) -> None:
    said = run(polled, *command, terminal=True, env={"TERM": "xterm-256color", "NO_COLOR": "1"})

    assert not re.search(r"\x1b\[[0-9;]*3\d", said.out + said.err)
    if command == ("status",):
        assert "source" in said.out.splitlines()[1]


def test_force_color_makes_people_of_programs(folder: Path) -> None:
    (folder / "page.html").write_text("<p>Nothing</p>")
    forced = {"FORCE_COLOR": "1", "TERM": "xterm-256color"}

    assert f"{ESCAPE}31m" in run(folder, "poll", code=1, env=forced).err
    assert f"{ESCAPE}31mfailed" in run(folder, "status", env=forced).out
    assert ESCAPE not in run(folder, "poll", code=1).err


class _Screen(io.StringIO):
    def isatty(self) -> bool:
        return True


@pytest.mark.parametrize("total", [None, 3])
def test_what_takes_its_time_gives_a_sign_of_life_and_takes_it_away(
    monkeypatch: pytest.MonkeyPatch, total: int | None
) -> None:
    screen = _Screen()
    monkeypatch.setattr(sys, "stderr", screen)
    monkeypatch.setenv("TERM", "xterm-256color")
    monkeypatch.setattr(people, "_SILENT", 0.0)

    with people.working("reading https://example.org/", total) as step:
        step()
        deadline = time.monotonic() + 10
        while "reading" not in screen.getvalue() and time.monotonic() < deadline:
            time.sleep(0.01)

    assert "reading https://example.org/" in screen.getvalue()
    assert screen.getvalue().endswith("\x1b[2K") or "\x1b[1A\x1b[2K" in screen.getvalue()


def test_what_is_done_within_a_second_and_what_nobody_watches_gives_none(monkeypatch: pytest.MonkeyPatch) -> None:
    screen, log = _Screen(), io.StringIO()
    monkeypatch.setattr(sys, "stderr", screen)
    with people.working("quick"):
        pass
    monkeypatch.setattr(sys, "stderr", log)
    monkeypatch.setattr(people, "_SILENT", 0.0)
    with people.working("unseen"):
        pass

    assert "quick" not in screen.getvalue()
    assert log.getvalue() == ""


@pytest.mark.parametrize(
    ("arguments", "remedy"),
    [
        (("pol",), 'Did you mean "poll"?'),
        (("poll", "nothing"), "there is page"),
        (("poll", "pag"), "did you mean 'page'?"),
        (("alert", "test", "hok"), "did you mean 'hook'?"),
        (("outbox", "replay", "--since", "2d", "--route", "hok"), "did you mean 'hook'?"),
        (("list", "--source", "pag"), "did you mean 'page'?"),
    ],
)
def test_a_slip_of_the_pen_is_told_what_was_meant(folder: Path, arguments: tuple[str, ...], remedy: str) -> None:
    assert remedy in run(folder, *arguments, code=2).err


def test_a_slip_among_many_sources_does_not_list_them_all(tmp_path: Path) -> None:
    many = "".join(f'[[source]]\nid = "s{n}"\nurl = "https://example.org/{n}"\n' for n in range(100))
    (tmp_path / "config.toml").write_text(many)

    assert len(run(tmp_path, "poll", "nothing", code=2).err) < 300


@pytest.mark.parametrize("line", [(), ("sta",), ("poll", ""), ("poll", "p"), ("alert", "test", ""), ("completion", "")])
def test_the_shell_completes_commands_sources_and_alerts(folder: Path, line: tuple[str, ...]) -> None:
    words = " ".join(("feedwatch", *line)) if line else "feedwatch "
    environ = {"_FEEDWATCH_COMPLETE": "bash_complete", "COMP_WORDS": words, "COMP_CWORD": str(max(len(line), 1))}
    offered = [found.partition(",")[2] for found in run(folder, env=environ).out.split()]

    match line:
        case ():
            assert {"run", "add", "import", "export", "completion"} <= set(offered)
        case ("sta",):
            assert offered == ["status"]
        case ("poll", _):
            assert offered == ["page"]
        case ("alert", *_):
            assert offered == ["hook"]
        case _:
            assert offered == ["bash", "zsh", "fish"]


def test_where_there_is_no_configuration_nothing_is_completed_and_nothing_said(tmp_path: Path) -> None:
    said = run(
        tmp_path, env={"_FEEDWATCH_COMPLETE": "zsh_complete", "COMP_WORDS": "feedwatch poll ", "COMP_CWORD": "2"}
    )

    assert (said.out.strip(), said.err) == ("", "")


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_each_shell_takes_its_script(tmp_path: Path, shell: str) -> None:
    script = run(tmp_path, "completion", shell).out
    assert "_FEEDWATCH_COMPLETE" in script
    if shutil.which(shell) is None:
        pytest.skip(f"{shell} is not installed")

    subprocess.run([shell, "-n", "/dev/stdin"], input=script, text=True, check=True, timeout=20)


def test_bash_completes_a_source_by_the_script(folder: Path) -> None:
    (folder / "bin").mkdir()
    own = folder / "bin" / "feedwatch"
    own.write_text(f'#!/bin/sh\nexport PYTHONPATH={ROOT}\nexec {sys.executable} -m feedwatch "$@"\n')
    own.chmod(0o755)
    script = run(folder, "completion", "bash").out
    asked = (
        f"{script}\nCOMP_WORDS=(feedwatch poll p)\nCOMP_CWORD=2\n_feedwatch_completion {own}\necho ${{COMPREPLY[0]}}\n"
    )

    done = subprocess.run(["bash", "-c", asked], cwd=folder, capture_output=True, text=True, check=True, timeout=30)

    assert done.stdout.strip() == "page"


@pytest.mark.parametrize("command", [(), ("poll",), ("status",), ("explain", "page"), ("export", "--sources")])
def test_f8_a_state_folder_of_another_user_is_said_to_be_one(
    polled: Path, monkeypatch: pytest.MonkeyPatch, command: tuple[str, ...]
) -> None:
    # Whoever runs these tests as root may read everything: the rights themselves would keep nobody out.
    really_open, really_read = os.open, Path.read_bytes

    def opened(path: str | Path, *arguments: Any, **named: Any) -> int:
        return really_open(_allowed(path), *arguments, **named)

    monkeypatch.setattr(os, "open", opened)
    monkeypatch.setattr(Path, "read_bytes", lambda path: really_read(_allowed(path)))

    said = run(polled, *command, code=78).err

    assert "belongs to another user" in said
    assert "--state-dir" in said


def _allowed(path: str | Path) -> Any:
    if "state" in Path(path).parts:
        raise PermissionError(errno.EACCES, "Permission denied", str(path))
    return path

"""The command line as a user meets it."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import urllib.request
from pathlib import Path

import pytest
from origin import Origin
from workbench import SECTIONS, Bench

from feedwatch import files

SIMPLE = """
[[source]]
id = "page"
url = "page.html"
link_base = "https://example.org/"
[source.select]
entry = "article"
"""
PAGE = "<article><h2><a href='/a'>An entry</a></h2></article>"


@pytest.fixture
def bench(tmp_path: Path) -> Bench:
    made = Bench(tmp_path)
    made.config(SIMPLE)
    (tmp_path / "page.html").write_text(PAGE)
    return made


def test_help_imports_no_engine() -> None:
    engine = (
        "httpx",
        "pycurl",
        "feedparser",
        "bs4",
        "feedgen",
        "tinydb",
        "apscheduler",
        "starlette",
        "pydantic",
        "rich",
    )
    code = (
        "import sys\nfrom feedwatch.cli import cli\n"
        "try:\n    cli.main(['--help'])\nexcept SystemExit: pass\n"
        f"print([name for name in {engine!r} if name in sys.modules])"
    )

    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)

    assert "Commands:" in done.stdout
    assert done.stdout.splitlines()[-1] == "[]"


@pytest.mark.parametrize("command", ["run", "poll", "preview", "list", "status", "check", "schema"])
def test_every_command_has_help(bench: Bench, command: str) -> None:
    said = bench.run(command, "--help").stdout

    assert len(said.splitlines()) > 4


def test_no_configuration_says_where_it_looked(tmp_path: Path) -> None:
    said = Bench(tmp_path).run("poll", code=78).stderr

    assert "config.toml" in said
    assert "/etc/feedwatch/config.toml" in said
    assert "--config" in said


def test_bad_configuration_shows_every_mistake_and_exits_78(bench: Bench) -> None:
    bench.config('[feedwatch]\nevry = "1h"\n[[source]]\nid = "A B"\nurl = "ftp://example.org/"\n')

    said = bench.run("check", code=78).stderr

    assert "config.toml:2:1" in said
    assert 'did you mean "every"' in said or "did you mean 'every'" in said
    assert len(said.strip().splitlines()) == 3
    assert len(bench.json("check", code=78)["problems"]) == 3


def test_what_failed_is_told_on_the_stream_of_errors_and_all_else_where_results_go(bench: Bench) -> None:
    bad = SIMPLE.replace('"page"', '"bad"').replace("page.html", "none.html")
    bench.config(SIMPLE + bad + SIMPLE.replace('"page"', '"fine"'))

    said = bench.run("poll", code=1)

    told, failed = ([line.partition(":")[0] for line in stream.splitlines()] for stream in (said.stdout, said.stderr))
    assert [name for name in told if name in ("page", "bad", "fine")] == ["page", "fine"]
    assert failed == ["bad"]


def test_an_unknown_source_is_a_usage_error_that_names_the_known_ones(bench: Bench) -> None:
    assert "page" in bench.run("poll", "pgae", code=2).stderr


def test_f10_a_state_folder_in_use_is_exit_75_and_looking_still_works(bench: Bench) -> None:
    bench.run("poll")
    with files.lock(bench.state / "lock"):
        said = bench.run("poll", code=75).stderr
        listed = bench.json("list")

    assert f"process {os.getpid()}" in said
    assert len(listed["entries"]) == 1


def test_f8_a_state_folder_that_cannot_be_made_says_so(bench: Bench) -> None:
    said = bench.run("--state-dir", "/proc/none", "poll", code=78).stderr

    assert "/proc/none" in said
    assert "--state-dir" in said


def test_preview_works_without_a_configuration(tmp_path: Path) -> None:
    bench = Bench(tmp_path)
    (tmp_path / "page.html").write_text(PAGE)

    found = bench.json("preview", "page.html", "--select", "entry=article", "--link-base", "https://example.org/")

    assert [(e["title"], e["link"]) for e in found["entries"]] == [("An entry", "https://example.org/a")]
    nothing = bench.json("preview", "page.html")
    assert (nothing["kind"], nothing["entries"]) == ("page", [])
    assert "[source.select]" in nothing["notes"][0]
    assert "select" in bench.run("preview", "page.html", "--select", "entry=p::text", code=2).stderr
    assert "nothing.html" in bench.run("preview", "nothing.html", code=1).stderr


def test_what_a_source_writes_cannot_steer_the_terminal(bench: Bench) -> None:
    (bench.folder / "page.html").write_text("<article><h2><a href='/a'>red \x1b[31m \x07 title</a></h2></article>")
    bench.run("poll")

    assert "\x1b" not in bench.run("list").stdout


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port: int = server.getsockname()[1]
        return port


def test_run_serves_the_feeds_and_ends_cleanly(bench: Bench) -> None:
    port = _free_port()
    bench.config(SIMPLE + f'[web]\nlisten = "127.0.0.1:{port}"\n')
    environ = {**os.environ, "PYTHONUNBUFFERED": "1"}
    service = subprocess.Popen(
        [sys.executable, "-m", "feedwatch", "run"],
        cwd=bench.folder,
        env=environ,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        assert service.stdout is not None
        said = []
        for line in service.stdout:
            said.append(line)
            if "Ctrl-C" in line:
                break
        answer = urllib.request.urlopen(f"http://127.0.0.1:{port}/feeds/all.atom", timeout=10)
        body = answer.read()
        index = urllib.request.urlopen(f"http://127.0.0.1:{port}/", timeout=10).read()
    finally:
        service.send_signal(signal.SIGTERM)
        out, err = service.communicate(timeout=20)

    assert service.returncode == 0, out + err
    assert "Traceback" not in err
    assert f"http://127.0.0.1:{port}/" in "".join(said)
    assert answer.headers["content-type"].startswith("application/atom+xml")
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert b"An entry" in body
    assert b"all.atom" in index
    assert not (bench.state / "unclean").exists()


def test_a_port_in_use_is_an_error_with_a_way_out(bench: Bench) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        bench.config(SIMPLE + f'[web]\nlisten = "127.0.0.1:{taken.getsockname()[1]}"\n')
        said = bench.run("run", code=1).stderr

    assert "[web] listen" in said


def test_what_stands_before_a_command_may_stand_after_it(tmp_path: Path) -> None:
    bench = Bench(tmp_path)
    (tmp_path / "mine.toml").write_text('[[source]]\nid = "page"\nurl = "page.html"\n')
    bench.page("spotify-engineering.html")

    bench.run("poll", "-v", "--config", "mine.toml", "--state-dir", "elsewhere")
    listed = bench.json("list", "-c", "mine.toml", "--state-dir", "elsewhere")["entries"]

    assert len(listed) == sum(SECTIONS.values())
    assert bench.run("alert", "list", "--config", "none.toml", code=78).stderr


def test_poll_discover_takes_in_what_is_found_without_a_word(tmp_path: Path, origin: Origin) -> None:
    bench = Bench(tmp_path)
    bench.page("spotify-engineering.html")
    bench.config(
        '[network]\nallow_hosts = ["127.0.0.1"]\n[[source]]\nid = "page"\nurl = "page.html"\n'
        f'[[alert]]\nid = "hook"\nwebhook = "{origin.url}/hook"\n'
    )
    bench.run("poll")
    bench.page("pages/spotify-engineering-edited.html")

    report = bench.json("poll", "--discover")["sources"][0]

    assert (report["new"], report["edited"], report["discovered"]) == ([], [], 3)
    assert origin.requests == []

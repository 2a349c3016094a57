"""What a round costs before and beside its requests: nothing is loaded that it has no use for."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest
from origin import Origin
from workbench import FIXTURES, ROOT, Bench

from feedwatch.cli.common import echo_json

#: What only a body, a mistake, an alert, a person or the service has use for.
SPARED = {
    "aiohttp", "aiosmtplib", "apprise", "apscheduler", "bs4", "dateparser", "difflib", "email.message", "feedgen",
    "feedparser", "httpx", "jinja2", "jmespath", "lxml", "multiprocessing", "nh3", "playwright", "prometheus_client",
    "protego", "pydantic", "rich", "soupsieve", "starlette", "statistics", "tomlkit", "tomllib", "trafilatura",
    "uvicorn", "zoneinfo",
    "feedwatch.alerts.mail", "feedwatch.alerts.wording", "feedwatch.config_models", "feedwatch.generator.atom",
    "feedwatch.readers", "feedwatch.service", "feedwatch.toml_lines", "feedwatch.web",
}  # fmt: skip


def test_a_round_in_which_nothing_changed_loads_nothing_that_reads_writes_or_tells(
    tmp_path: Path, origin: Origin
) -> None:
    bench = Bench(tmp_path)
    body = (FIXTURES / "feeds" / "atom-1.0.atom").read_bytes()
    origin.serve("/feed", body=body, headers={"ETag": '"1"', "Content-Type": "application/atom+xml"})
    bench.config(f'[network]\nallow_hosts = ["127.0.0.1"]\n[[source]]\nid = "feed"\nurl = "{origin.url}/feed"\n')
    bench.run("poll")
    code = (
        "import sys\nfrom feedwatch.cli import main\n"
        "sys.argv = ['feedwatch', 'poll', '--json']\n"
        "try:\n    main()\nexcept SystemExit: pass\n"
        "print(*sys.modules, file=sys.stderr)"
    )

    done = subprocess.run(
        [sys.executable, "-c", code],
        cwd=bench.folder,
        env={"PYTHONPATH": str(ROOT), "HOME": str(bench.folder)},
        capture_output=True,
        text=True,
        check=True,
    )

    assert json.loads(done.stdout)["sources"][0]["http_status"] == 304
    assert SPARED & set(done.stderr.split()) == set()


def test_what_programs_read_is_written_as_the_standard_library_would(capsys: pytest.CaptureFixture[str]) -> None:
    value = {"a": [], "b": {}, "c": [1, None, True, {"d": 'Grüße \u2028 "\\/\x7f\n'}], "e": 0.25, "f": "", "g": [[]]}

    echo_json(value)

    assert capsys.readouterr().out == json.dumps(value, ensure_ascii=False, indent=2) + "\n"

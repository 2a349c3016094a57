"""The systemd units as systemd itself reads them, offline."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path

import pytest

UNITS = Path(__file__).parent.parent / "systemd"
SERVICES = ("feedwatch.service", "feedwatch-poll.service")
#: Ten times the exposure: 1.5 of 10.
EXPOSURE = 15

needs_systemd = pytest.mark.skipif(not shutil.which("systemd-analyze"), reason="systemd-analyze is not installed")


def analyze(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(["systemd-analyze", *arguments], capture_output=True, text=True, timeout=50, check=False)


@pytest.fixture
def units(tmp_path: Path) -> Path:
    """The units with a program that exists everywhere in the place of feedwatch."""
    for unit in UNITS.iterdir():
        text = re.sub(r"^ExecStart=\S+.*$", "ExecStart=/bin/true", unit.read_text("utf-8"), flags=re.MULTILINE)
        (tmp_path / unit.name).write_text(text, "utf-8")
    return tmp_path


@needs_systemd
def test_systemd_finds_nothing_to_complain_about(units: Path) -> None:
    # Unknown keys and bad values are only printed: the exit code alone proves nothing.
    result = analyze("verify", *(str(unit) for unit in sorted(units.iterdir())))
    assert (result.returncode, result.stderr) == (0, "")


@needs_systemd
@pytest.mark.parametrize("service", SERVICES)
def test_a_service_is_shut_off_from_the_rest_of_the_machine(service: str, units: Path) -> None:
    result = analyze("security", "--offline=yes", f"--threshold={EXPOSURE}", str(units / service))
    assert result.returncode == 0, result.stdout + result.stderr


@pytest.mark.parametrize("service", SERVICES)
def test_services_run_the_installed_program_on_the_system_configuration(service: str) -> None:
    start = re.findall(r"^ExecStart=(.*)$", (UNITS / service).read_text("utf-8"), re.MULTILINE)
    assert [line.split()[:3] for line in start] == [
        ["/opt/feedwatch/bin/feedwatch", "--config", "/etc/feedwatch/config.toml"]
    ]


def test_both_services_share_user_folder_and_sandbox() -> None:
    def sandbox(service: str) -> list[str]:
        text = (UNITS / service).read_text("utf-8")
        return [line for line in text[text.index("DynamicUser=") :].split("\n[Install]")[0].split("\n") if line]

    assert sandbox(SERVICES[0]) == sandbox(SERVICES[1])


def test_the_timer_starts_the_poll_service_and_catches_up_after_a_shutdown() -> None:
    timer = (UNITS / "feedwatch-poll.timer").read_text("utf-8")
    assert {"OnCalendar=*:0/15", "Persistent=yes"} <= set(timer.splitlines())
    assert re.search(r"^RandomizedDelaySec=\d+", timer, re.MULTILINE)
    assert (UNITS / "feedwatch-poll.service").is_file()


def test_the_service_tells_systemd_of_its_start_and_its_progress() -> None:
    unit = (UNITS / "feedwatch.service").read_text("utf-8")

    assert {"Type=notify", "NotifyAccess=main", "WatchdogSec=60s", "ExecReload=/bin/kill -HUP $MAINPID"} <= set(
        unit.split("\n")
    )


def test_the_steps_of_the_readme_install_what_the_units_run() -> None:
    """Parsed, not run: they need root and a machine of their own."""
    readme = (UNITS.parent / "README.md").read_text("utf-8")
    steps = re.search(r"\*\*systemd\*\*.*?```sh\n(.*?)```", readme, re.DOTALL)
    assert steps
    commands = [line.removeprefix("sudo ").split() for line in steps[1].splitlines()]
    (start,) = re.findall(r"^ExecStart=(\S+) --config (\S+)", (UNITS / "feedwatch.service").read_text(), re.MULTILINE)

    assert commands[0] == ["python3", "-m", "venv", str(Path(start[0]).parent.parent)]
    assert [command[0] for command in commands[1:3]] == [str(Path(start[0]).with_name("pip"))] * 2
    installed = {command[-1]: command[-2] for command in commands if command[0] == "install"}
    assert installed == {start[1]: "config.toml", "/etc/systemd/system/": "systemd/feedwatch.service"}
    assert all((UNITS.parent / name).exists() for name in [*installed.values(), "requirements.lock"])
    assert commands[-1] == ["systemctl", "enable", "--now", "feedwatch"]

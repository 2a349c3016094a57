"""The service as systemd sees it: a process of its own, told and asked by signals and datagrams."""

from __future__ import annotations

import json
import re
import signal
import socket
import sys
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from running import CONFIG, PAGE, Running

from feedwatch.logs import formatter
from feedwatch.model import PollState
from feedwatch.poller.schedule import settled
from feedwatch.redact import Redactor
from feedwatch.sd import Systemd


@pytest.fixture
def service(tmp_path: Path) -> Iterator[Running]:
    running = Running(tmp_path)
    try:
        yield running
    finally:
        running.close()


def test_f39_systemd_is_told_of_the_start_the_progress_and_the_end(service: Running) -> None:
    assert "STATUS=1 sources, 1 entries" in service.hears("READY=1")
    service.hears("WATCHDOG=1")
    service.hears("WATCHDOG=1")

    code, err = service.ends()

    assert (code, err) == (0, "")
    assert "STOPPING=1" in service.hears("STOPPING=1")
    assert not (service.folder / "state" / "unclean").exists()


def test_health_and_metrics_are_served_by_the_running_service(service: Running) -> None:
    service.hears("WATCHDOG=1")

    assert json.loads(service.ask("/healthz"))["ok"] is True
    assert json.loads(service.ask("/healthz/page"))["status"] == "ok"
    assert b'feedwatch_polls_total{status="ok"} 1.0' in service.ask("/metrics")


@pytest.mark.parametrize("how", ["SIGHUP", "the file"])
def test_f38_a_changed_configuration_is_taken_without_a_restart(service: Running, how: str) -> None:
    service.hears("READY=1")
    (service.folder / "more.html").write_text(PAGE)
    more = '[[source]]\nid = "more"\nurl = "more.html"\nselect = { entry = "article" }\n'
    service.config(CONFIG.format(port=service.port) + more)
    if how == "SIGHUP":
        service.process.send_signal(signal.SIGHUP)

    assert "MONOTONIC_USEC=" in service.hears("RELOADING=1")
    assert "STATUS=2 sources" in service.hears("READY=1")
    assert json.loads(service.ask("/healthz"))["sources"] == 2
    assert service.ends()[0] == 0


def test_f38_a_wrong_configuration_is_refused_and_the_old_one_goes_on(service: Running) -> None:
    service.hears("READY=1")
    service.config("[[source]]\nid = 7\n")
    service.process.send_signal(signal.SIGHUP)

    assert "config.toml" in service.hears("the new configuration is wrong")
    service.hears("WATCHDOG=1")
    assert json.loads(service.ask("/healthz"))["sources"] == 1
    code, err = service.ends()
    assert code == 0
    assert "was not taken; the old one goes on" in err
    assert "Traceback" not in err


def test_systemd_is_told_through_an_abstract_socket_too() -> None:
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as told:
        told.bind("\0feedwatch-test")
        Systemd({"NOTIFY_SOCKET": "@feedwatch-test"}).ready("well")
        assert told.recv(100) == b"READY=1\nSTATUS=well"


def test_without_systemd_nothing_is_told_and_without_a_listener_nothing_breaks(tmp_path: Path) -> None:
    Systemd({}).ready("well")
    Systemd({"NOTIFY_SOCKET": str(tmp_path / "nobody"), "WATCHDOG_USEC": "1000000"}).progress()


# --- the clock -----------------------------------------------------------------------------------------

NOW = datetime(2024, 11, 1, tzinfo=UTC)
HOUR, DAY = timedelta(hours=1), timedelta(days=1)


@pytest.mark.parametrize("jump", [HOUR, DAY, 3650 * DAY])
def test_f12_a_clock_that_was_set_back_stalls_no_source_for_longer_than_its_interval(jump: timedelta) -> None:
    state = PollState(last_poll=NOW + jump, next_poll=NOW + jump + HOUR, not_before=NOW + jump + 2 * HOUR)

    after = settled("blog", state, NOW, spread=False)

    assert after.next_poll is not None
    assert NOW <= after.next_poll <= NOW + HOUR
    assert (after.last_poll, after.not_before) == (NOW, NOW + 2 * HOUR)
    assert settled("blog", after, NOW, spread=False) == after


def test_f12_f13_after_a_long_sleep_each_source_gets_its_own_moment() -> None:
    state = PollState(last_poll=NOW - 4 * DAY, next_poll=NOW - 3 * DAY)

    moments = [settled(f"s{n}", state, NOW, spread=True).next_poll for n in range(200)]

    assert all(moment and NOW <= moment <= NOW + timedelta(minutes=5) for moment in moments)
    assert len(set(moments)) == 200
    assert settled("s1", state, NOW, spread=False) == state


def test_a_source_that_is_not_due_is_left_as_it_is() -> None:
    state = PollState(last_poll=NOW - HOUR, next_poll=NOW + HOUR)

    assert settled("blog", state, NOW, spread=True) == state


# --- the log -------------------------------------------------------------------------------------------


def _written(kind: str, *, journal: bool = False) -> str:
    import logging

    secret = "s3cret-s3cret"
    try:
        raise RuntimeError(f"failed with {secret}\nand more")
    except RuntimeError:
        record = logging.LogRecord("feedwatch.x", logging.ERROR, "f", 1, "poll source=%s", ("a\nb",), sys.exc_info())
    return formatter(kind, Redactor([secret]), journal=journal).format(record)


def test_s19_a_log_line_for_the_journal_has_its_priority_and_is_one_line() -> None:
    line = _written("text", journal=True)

    assert line.startswith("<3>poll source=a | b")
    assert "\n" not in line
    assert "[secret]" in line


def test_s19_a_log_line_for_machines_is_one_json_object() -> None:
    line = _written("json")
    event = json.loads(line)

    assert "\n" not in line
    assert (event["level"], event["logger"]) == ("error", "feedwatch.x")
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}\+00:00", event["time"])
    assert "s3cret-s3cret" not in line


def test_s21_a_service_that_listens_beyond_loopback_says_so(tmp_path: Path) -> None:
    running = Running(tmp_path, CONFIG.replace("127.0.0.1:{port}", "0.0.0.0:{port}"))
    try:
        running.hears("READY=1")
        code, err = running.ends()
    finally:
        running.close()

    assert code == 0
    assert "there is no login" in err

"""Pages that want too much of the browser, and a browser that hangs, dies or is not needed any more."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
import time
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest
from browsing import (
    TITLES,
    Quick,
    blog,
    body_of,
    is_alive,
    needs_chromium,
    paths,
    polled,
    shown,
    started_by,
    until,
    using,
)
from origin import Answer, Origin
from workbench import ROOT

from feedwatch.model import Failure, Fetched, Source
from feedwatch.poller import chromium
from feedwatch.poller.browser import Browser, BrowserError, Rendered

pytestmark = [pytest.mark.slow, pytest.mark.timeout(180), needs_chromium]


def test_f36_a_page_that_never_stops_loading_is_read_as_it_is_after_a_while(origin: Origin) -> None:
    origin.serve("/tick", body=b"x")
    script = "out.textContent = 'here'; (async () => { for (;;) await fetch('/tick').catch(() => 0) })()"

    assert '<p id="out">here</p>' in body_of(shown(origin, script, browser=Quick(quiet=2)))
    assert len([path for path in paths(origin) if path == "/tick"]) < 250


def test_f36_a_page_whose_answer_never_comes_is_read_without_it(origin: Origin) -> None:
    origin.answers["/slow"] = [Answer(hang=True)]

    assert '<p id="out">here</p>' in body_of(
        shown(origin, "out.textContent = 'here'; fetch('/slow')", browser=Quick(quiet=2))
    )


def test_f36_a_page_that_reloads_itself_for_ever_ends(origin: Origin) -> None:
    driven = shown(origin, "setTimeout(() => location.reload(), 10)", browser=Quick(quiet=2))

    assert isinstance(driven.outcome, Fetched | Failure)
    assert paths(origin).count("/page") == 1


@pytest.mark.parametrize(
    "script",
    [
        "for (;;);",
        "const all = []; for (;;) all.push(new Array(1e6).fill('x' + all.length))",
        "alert('wait'); for (;;);",
    ],
    ids=["an endless loop", "all the memory", "a dialogue"],
)
def test_f36_a_page_that_hangs_or_dies_fails_alone(origin: Origin, script: str) -> None:
    origin.serve("/bad", body=f"<!doctype html><p>x</p><script>{script}</script>".encode())
    bad, good = Source("bad", f"{origin.url}/bad", browser=True), Source("blog", blog(origin), browser=True)

    failed, read = polled(bad, good, browser=Quick(quiet=2, deadline=12))

    assert isinstance(failed.outcome, Failure)
    assert failed.outcome.kind in ("timeout", "browser")
    assert failed.outcome.http_status == 200
    assert "\n" not in failed.outcome.detail
    assert TITLES[0] in body_of(read)


def test_f31_a_document_that_grows_without_end_is_too_large(origin: Origin) -> None:
    script = "out.textContent = 'x'.repeat(11e6)"
    lie = "Object.defineProperty(Element.prototype, 'outerHTML', {get: () => 'small'});"

    for driven in (shown(origin, script), shown(origin, lie + script)):
        assert isinstance(driven.outcome, Failure)
        assert driven.outcome.kind == "too-large"


def test_f31_what_a_page_asks_for_is_bounded_together(origin: Origin, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("feedwatch.poller.gate.BYTES", 3_000_000)
    origin.serve("/large", body=b"x" * 1_000_000)

    driven = shown(origin, "(async () => { for (let n = 0; n < 9; n++) await fetch('/large').catch(() => 0) })()")

    assert driven.received <= 3_100_000
    assert paths(origin).count("/large") <= 4


def test_the_browser_starts_when_needed_and_ends_when_idle() -> None:
    async def work(browser: Browser, render: Callable[[], Awaitable[Rendered]]) -> None:
        assert started_by(os.getpid()) == []
        await render()
        first = started_by(os.getpid())
        await render()
        assert set(first) & set(started_by(os.getpid()))
        await until(lambda: started_by(os.getpid()) == [])
        assert b"hello" in (await render()).body

    using(Quick(idle=1.5), work)


def test_pages_share_the_browser_and_no_two_of_them_wait_for_its_start_twice() -> None:
    async def work(browser: Browser, render: Callable[[], Awaitable[Rendered]]) -> None:
        done = await asyncio.gather(*(render() for _ in range(5)))
        assert [b"hello" in rendered.body for rendered in done] == [True] * 5

    using(Quick(), work)


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGSTOP])
def test_f36_a_browser_that_dies_or_hangs_is_replaced(number: signal.Signals) -> None:
    async def work(browser: Browser, render: Callable[[], Awaitable[Rendered]]) -> None:
        await render()
        running = browser._running
        assert running is not None
        os.kill(running.pid, number)
        if number is signal.SIGSTOP:
            with pytest.raises(BrowserError) as error:
                await render()
            assert error.value.kind == "timeout"
        else:
            await until(lambda: not running.chromium.is_connected())
        assert b"hello" in (await render()).body

    using(Quick(deadline=6), work)


def test_a_browser_that_does_not_start_is_a_sentence(tmp_path: Path) -> None:
    program = tmp_path / "chromium"
    program.write_text("#!/bin/sh\necho no display >&2\nexit 3\n")
    program.chmod(0o755)

    async def work(browser: Browser, render: Callable[[], Awaitable[Rendered]]) -> None:
        with pytest.raises(BrowserError, match="chromium did not start") as error:
            await render()
        assert "\n" not in str(error.value)

    using(Browser({**os.environ, chromium.NAMED_BY: str(program)}, "test"), work)


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM])
def test_the_browser_ends_with_our_process(tmp_path: Path, origin: Origin, number: signal.Signals) -> None:
    url = blog(origin)
    (tmp_path / "config.toml").write_text(
        '[web]\nlisten = "off"\n[network]\nallow_hosts = ["127.0.0.1"]\n'
        f'[[source]]\nid = "blog"\nurl = "{url}"\nbrowser = true\n'
    )
    environ = {**os.environ, "PYTHONPATH": str(ROOT)}
    service = subprocess.Popen(
        [sys.executable, "-m", "feedwatch", "run"],
        cwd=tmp_path, env=environ, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip
    try:
        assert service.stdout is not None
        while "feeds as files" not in (line := service.stdout.readline()):
            assert line
        browsers = started_by(service.pid)
        assert browsers
        service.send_signal(number)
        _, err = service.communicate(timeout=30)
    finally:
        service.kill()
        service.communicate()

    assert "Traceback" not in err
    asyncio.run(until(lambda: not [pid for pid in browsers if Path(f"/proc/{pid}/cmdline").exists() and is_alive(pid)]))


def test_the_loop_goes_on_while_a_page_is_rendered() -> None:
    async def work(browser: Browser, render: Callable[[], Awaitable[Rendered]]) -> None:
        longest, running = 0.0, True

        async def ticking() -> None:
            nonlocal longest
            while running:
                began = time.perf_counter()
                await asyncio.sleep(0.01)
                longest = max(longest, time.perf_counter() - began)

        ticks = asyncio.create_task(ticking())
        await render()
        running = False
        await ticks
        assert longest < 1

    using(Quick(), work)

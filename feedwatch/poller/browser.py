"""One headless chromium (Playwright): a URL in, the HTML of the document that its scripts made out.

Fetches nothing itself: whatever a page asks for is handed to the caller, and what it answers to nobody is refused.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import signal
from collections.abc import Callable, Coroutine, Mapping
from importlib import import_module
from typing import TYPE_CHECKING, Any, Literal

from msgspec import Struct

from feedwatch.errors import FeedwatchError
from feedwatch.model import Response
from feedwatch.poller import chromium
from feedwatch.poller.fetch import MAX_BODY
from feedwatch.poller.gate import Asked

if TYPE_CHECKING:
    from playwright.async_api import Browser as Chromium
    from playwright.async_api import BrowserContext, Page, Playwright, Request, Route

log = logging.getLogger(__name__)

Answer = Callable[[Asked], Coroutine[Any, Any, Response | None]]

#: Pages at the same time.
_AT_ONCE = 2
#: Seconds to start, and to close something before it is killed.
_START, _CLOSE = 20.0, 5.0
#: In a world of its own, where no script of the page can have replaced what is called here.
_READ = """(() => {
    const html = document.documentElement ? document.documentElement.outerHTML : "";
    return html.length > %d ? html.length : "<!doctype html>\\n" + html;
})()"""


class BrowserError(FeedwatchError):
    """A page that could not be rendered; the message is one sentence for people."""

    def __init__(self, kind: Literal["browser", "timeout", "too-large"], detail: str) -> None:
        super().__init__(detail)
        self.kind: Literal["browser", "timeout", "too-large"] = kind


class Rendered(Struct, frozen=True):
    #: Where the page says it is, after its scripts.
    url: str
    #: The document as HTML in UTF-8.
    body: bytes


class _Running(Struct, frozen=True):
    playwright: Playwright
    chromium: Chromium
    pid: int


class Browser:
    """Starts when the first page needs it, ends after `idle` seconds without work; `close` it at the end.

    A page is read when its network has been quiet for half a second, or after `quiet` seconds; everything together
    (but for waiting for its turn) takes at most `deadline` seconds.
    """

    def __init__(
        self,
        environ: Mapping[str, str],
        user_agent: str,
        *,
        quiet: float = 15.0,
        deadline: float = 45.0,
        idle: float = 60.0,
    ) -> None:
        self._environ = environ
        self._user_agent = user_agent
        self._quiet, self._deadline, self._idle = quiet, deadline, idle
        self._turns = asyncio.Semaphore(_AT_ONCE)
        self._starting = asyncio.Lock()
        self._running: _Running | None = None
        self._busy = 0
        self._resting: asyncio.Task[None] | None = None

    async def render(self, url: str, answer: Answer) -> Rendered:
        """The document at `url`, for which, as for all it asks for, `answer` is asked. Raises BrowserError."""
        async with self._turns:
            self._busy += 1
            if self._resting is not None:
                self._resting.cancel()
            try:
                async with asyncio.timeout(self._deadline):
                    running = await self._started()
                    return await self._rendered(running, url, answer)
            except TimeoutError:
                await self._mind_hanging()
                raise BrowserError("timeout", f"the browser was not done within {self._deadline:.0f} seconds") from None
            except BrowserError:
                raise
            except Exception as error:  # the browser, its driver and the pipe between them fail in many ways
                raise BrowserError("browser", f"the browser failed: {_first_line(error)}") from error
            finally:
                self._busy -= 1
                if not self._busy:
                    self._resting = asyncio.create_task(self._rest())

    async def close(self) -> None:
        """Ends the browser, killing it when it does not end by itself."""
        if self._resting is not None:
            self._resting.cancel()
        async with self._starting:
            running, self._running = self._running, None
            if running is not None:
                await _ended(running)

    async def _rest(self) -> None:
        await asyncio.sleep(self._idle)
        # Shielded from a page that comes now: it waits for the end, and starts another.
        await asyncio.shield(self.close())

    async def _started(self) -> _Running:
        async with self._starting:
            if self._running is not None and not self._running.chromium.is_connected():
                await _ended(self._running)
                self._running = None
            if self._running is None:
                self._running = await self._start()
            return self._running

    async def _start(self) -> _Running:
        if (why := chromium.missing(self._environ)) is not None:
            raise BrowserError("browser", why)
        # It is large: the loop must not wait for it.
        await asyncio.to_thread(import_module, "playwright.async_api")
        from playwright.async_api import async_playwright

        as_root = os.geteuid() == 0
        if as_root:
            log.warning("the browser runs without its sandbox, because feedwatch runs as root: give it a user")
        playwright = await async_playwright().start()
        try:
            started = await playwright.chromium.launch(
                executable_path=chromium.find(self._environ),
                args=list(chromium.ARGUMENTS),
                env=chromium.surroundings(self._environ),
                chromium_sandbox=not as_root,
                timeout=_START * 1000,
                # What ends this process ends the browser at a moment of our choice.
                handle_sigint=False,
                handle_sigterm=False,
                handle_sighup=False,
            )
            session = await started.new_browser_cdp_session()
            processes = (await session.send("SystemInfo.getProcessInfo"))["processInfo"]
            pid = next(int(process["id"]) for process in processes if process["type"] == "browser")
        except BaseException as error:
            await _within(_CLOSE, playwright.stop())
            if isinstance(error, Exception):
                what = f"chromium did not start ({chromium.find(self._environ)}): {_first_line(error)}"
                raise BrowserError("browser", what) from error
            raise
        return _Running(playwright, started, pid)

    async def _rendered(self, running: _Running, url: str, answer: Answer) -> Rendered:
        context = await running.chromium.new_context(
            user_agent=self._user_agent,
            accept_downloads=False,
            service_workers="block",
            viewport={"width": 1280, "height": 2000},
        )
        asking: set[asyncio.Task[Response | None]] = set()
        try:
            page = await context.new_page()
            context.on("page", _unwanted)
            await context.route(lambda _: True, lambda route: _answer(route, page, answer, asking))
            await self._settled(page, url)
            return Rendered(page.url if page.url.startswith(("http:", "https:")) else url, await _read(context, page))
        finally:
            for task in asking:
                task.cancel()
            await _within(_CLOSE, context.close())

    async def _mind_hanging(self) -> None:
        """After a page that took too long: a browser that does not answer any more is killed."""
        running = self._running
        if running is None or await _within(_CLOSE, running.chromium.new_browser_cdp_session()):
            return
        log.warning("the browser hangs and is killed")
        _kill(running)
        if self._running is running:
            self._running = None
        await _ended(running)

    async def _settled(self, page: Page, url: str) -> None:
        from playwright.async_api import TimeoutError as NotQuiet

        with contextlib.suppress(NotQuiet):
            await page.goto(url, wait_until="networkidle", timeout=self._quiet * 1000)


async def _read(context: BrowserContext, page: Page) -> bytes:
    session = await context.new_cdp_session(page)
    tree = await session.send("Page.getFrameTree")
    world = await session.send("Page.createIsolatedWorld", {"frameId": tree["frameTree"]["frame"]["id"]})
    told = await session.send(
        "Runtime.evaluate",
        {"expression": _READ % MAX_BODY, "contextId": world["executionContextId"], "returnByValue": True},
    )
    html = told["result"].get("value")
    body = html.encode("utf-8", "replace") if isinstance(html, str) else None
    if isinstance(html, int | float) or (body is not None and len(body) > MAX_BODY):
        raise BrowserError("too-large", f"the document that the page makes is larger than {MAX_BODY:,} bytes")
    if body is None:
        raise BrowserError("browser", "the document that the page makes cannot be read")
    return body


async def _answer(route: Route, page: Page, answer: Answer, asking: set[asyncio.Task[Response | None]]) -> None:
    """Fulfils one request of the page, or has it fail; the page may be gone meanwhile."""
    try:
        told = await _told(route.request, page, answer, asking)
    except Exception as error:  # nothing is let through because we failed
        log.debug("a request of the page is refused: %s", error)
        told = None
    with contextlib.suppress(Exception):
        if told is None:
            await route.abort()
        else:
            await route.fulfill(status=told.status, headers=dict(told.headers), body=told.body)


async def _told(
    request: Request, page: Page, answer: Answer, asking: set[asyncio.Task[Response | None]]
) -> Response | None:
    """What we answer, in a task that ends with the page; nothing to other windows."""
    frame = request.frame
    if frame.page != page:
        return None
    inner = request.resource_type == "document" and frame != page.main_frame
    kind = "iframe" if inner else request.resource_type
    task = asyncio.create_task(
        answer(Asked(request.url, request.method, request.headers, request.post_data_buffer, kind))
    )
    asking.add(task)
    try:
        await asyncio.wait([task])
    finally:
        asking.discard(task)
    return None if task.cancelled() else task.result()


async def _unwanted(window: Page) -> None:
    """A window that the page opens."""
    with contextlib.suppress(Exception):
        await window.close()


async def _ended(running: _Running) -> None:
    if not await _within(_CLOSE, running.chromium.close()):
        _kill(running)
    await _within(_CLOSE, running.playwright.stop())


def _kill(running: _Running) -> None:
    """While it is connected its process number is its own."""
    if running.chromium.is_connected():
        with contextlib.suppress(ProcessLookupError):
            os.kill(running.pid, signal.SIGKILL)


async def _within(seconds: float, work: Coroutine[Any, Any, object]) -> bool:
    """Whether `work` ended in time; that it failed is an end too."""
    try:
        async with asyncio.timeout(seconds):
            await work
    except TimeoutError:
        return False
    except Exception as error:
        log.debug("closing the browser: %s", error)
    return True


def _first_line(error: BaseException) -> str:
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return (lines[0] if lines else type(error).__name__)[:300]

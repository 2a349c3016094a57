"""Every page in a real chromium: at both widths, light and dark, with and without JavaScript, with stores of all kinds.

Pictures go to the folder that FEEDWATCH_SHOTS names, and axe-core is asked where FEEDWATCH_AXE names its axe.min.js.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
from collections.abc import AsyncIterator, Callable, Coroutine, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
import stores
from browsing import needs_chromium
from site_pages import Site, post, sources_toml

from feedwatch.poller import chromium
from feedwatch.web.summaries import entry_id

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600), needs_chromium]

TOKEN = "0123456789abcdef0123456789abcdef"
WIDTHS, SCHEMES = (375, 1440), ("light", "dark")
STORES: dict[str, Callable[[Path], Site]] = {
    "ordinary": stores.ordinary,
    "foreign": stores.foreign,
    "hostile": stores.hostile,
    "empty": stores.empty,
    "large": stores.large,
}
_AXE = os.environ.get("FEEDWATCH_AXE")
_SHOTS = os.environ.get("FEEDWATCH_SHOTS")


@dataclass
class Seen:
    """What a browser complained of, and where it went."""

    troubles: list[str] = field(default_factory=list)
    addresses: set[str] = field(default_factory=set)

    def watch(self, page: Any) -> None:
        page.on("console", lambda said: self.troubles.append(f"{page.url}: {said.type}: {said.text}"))
        page.on("pageerror", lambda error: self.troubles.append(f"{page.url}: {error}"))
        page.on("dialog", lambda dialog: self.troubles.append(f"{page.url}: a dialog says {dialog.message}"))
        page.on("request", lambda request: self.addresses.add(request.url))


def in_browser(site: Site, work: Callable[[Any, str], Coroutine[Any, Any, None]]) -> None:
    """Runs `work` with a browser and the address of the served site."""
    from playwright.async_api import async_playwright

    async def run() -> None:
        async with site.served() as url, async_playwright() as playwright:
            browser = await playwright.chromium.launch(
                executable_path=chromium.find(os.environ), args=["--no-sandbox", "--disable-gpu"]
            )
            try:
                await work(browser, url)
            finally:
                await browser.close()

    asyncio.run(run())


@contextlib.asynccontextmanager
async def opened(browser: Any, **options: Any) -> AsyncIterator[tuple[Any, Seen]]:
    """A tab of its own, and what was seen in it."""
    context = await browser.new_context(**options)
    page, seen = await context.new_page(), Seen()
    seen.watch(page)
    try:
        yield page, seen
    finally:
        await context.close()


def pages_of(site: Site) -> Iterator[tuple[str, str]]:
    """A name and an address of each kind of page; the most edited entry, and one in each further source."""
    yield from (("home", "/"), ("categories", "/categories"), ("all", "/categories/all"), ("incidents", "/incidents"))
    yield from (("sources", "/sources"), ("search", "/sources?q=e&status=failing"))
    yield from (("deliveries", "/deliveries"), ("dead", "/deliveries?status=dead"))
    for source in site.config.sources[:4]:
        yield f"source-{source.id}", f"/sources/{source.id}"
        rows = sorted(site.store.known(source.id).entries.values(), key=lambda row: -len(row.revisions))
        for at, row in enumerate(rows[: 5 if source.id in ("evil", "langwort") else 1]):
            yield f"entry-{source.id}-{at}", f"/entries/{entry_id(source.id, row.atom_id)}"


@pytest.fixture(scope="module", params=STORES)
def shown(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> tuple[str, Site]:
    name = str(request.param)
    site = STORES[name](tmp_path_factory.mktemp(name))
    if not site.store.feeds():
        site.public.mkdir(parents=True, exist_ok=True)
    return name, site


def test_s13_every_page_fits_complains_of_nothing_and_asks_nobody_else(shown: tuple[str, Site]) -> None:
    name, site = shown
    skipped = {"/categories/all"} if name == "empty" else set()

    async def look(browser: Any, url: str, width: int, scheme: str, scripts: bool) -> None:
        viewport = {"width": width, "height": 900}
        async with opened(browser, viewport=viewport, color_scheme=scheme, java_script_enabled=scripts) as (page, seen):
            for label, path in pages_of(site):
                if path in skipped:
                    continue
                answer = await page.goto(url + path)
                assert answer.status == 200, path
                wide = await page.evaluate(
                    "document.documentElement.scrollWidth - document.documentElement.clientWidth"
                )
                assert wide <= 0, f"{path} is {wide} pixels too wide at {width}"
                if _SHOTS and scripts:
                    file = Path(_SHOTS) / f"{name}-{label}-{width}-{scheme}.png"
                    await page.screenshot(path=file, full_page=name != "large")
        assert seen.troubles == []
        assert {address for address in seen.addresses if not address.startswith(url)} == set()

    async def work(browser: Any, url: str) -> None:
        for width in WIDTHS:
            for scheme in SCHEMES:
                for scripts in (True, False):
                    await look(browser, url, width, scheme, scripts)

    in_browser(site, work)


@pytest.mark.skipif(_AXE is None, reason="FEEDWATCH_AXE names no axe.min.js (npm install axe-core)")
def test_axe_finds_nothing_serious(shown: tuple[str, Site]) -> None:
    name, site = shown
    axe = Path(str(_AXE)).read_text("utf-8")
    found: list[str] = []

    async def work(browser: Any, url: str) -> None:
        for width in WIDTHS:
            for scheme in SCHEMES:
                # The page's own policy would keep axe out, too.
                options = {"viewport": {"width": width, "height": 900}, "color_scheme": scheme, "bypass_csp": True}
                async with opened(browser, **options) as (page, _):
                    for _, path in pages_of(site):
                        if name == "empty" and path == "/categories/all":
                            continue
                        await page.goto(url + path)
                        await page.evaluate(axe)
                        result = await page.evaluate("axe.run({resultTypes: ['violations']})")
                        found.extend(
                            f"{path} at {width} {scheme}: {one['id']}: {one['nodes'][0]['html'][:150]}"
                            for one in result["violations"]
                            if one["impact"] in ("serious", "critical")
                        )

    in_browser(site, work)
    assert found == []


def test_an_address_is_copied_by_a_button_that_is_there_only_with_javascript(tmp_path: Path) -> None:
    site = stores.ordinary(tmp_path)

    async def work(browser: Any, url: str) -> None:
        async with opened(browser, permissions=["clipboard-read", "clipboard-write"]) as (page, seen):
            await page.goto(url)
            button = page.get_by_role("button", name="Copy the address http://127.0.0.1:8080/feeds/data.atom")
            await button.click()
            await page.get_by_role("status").get_by_text("Address copied").wait_for()
            assert await page.evaluate("navigator.clipboard.readText()") == "http://127.0.0.1:8080/feeds/data.atom"
            assert seen.troubles == []
        async with opened(browser, java_script_enabled=False) as (page, _):
            await page.goto(url)
            assert await page.get_by_role("button", name="Copy").count() == 0
            assert await page.get_by_text("http://127.0.0.1:8080/feeds/data.atom").is_visible()

    in_browser(site, work)


def test_the_keyboard_reaches_the_content_first_and_the_search_without_javascript(tmp_path: Path) -> None:
    site = stores.ordinary(tmp_path)

    async def work(browser: Any, url: str) -> None:
        async with opened(browser, java_script_enabled=False) as (page, _):
            await page.goto(f"{url}/sources")
            await page.keyboard.press("Tab")
            skip = page.get_by_role("link", name="To the content")
            box = await skip.bounding_box()
            assert box is not None
            assert box["x"] >= 0
            await page.keyboard.press("Enter")
            await page.keyboard.press("Tab")
            await page.keyboard.type("research")
            await page.keyboard.press("Enter")
            await page.wait_for_url("**/sources?q=research")
            assert await page.get_by_role("row").count() == 2

    in_browser(site, work)


def test_an_edit_is_opened_side_by_side_without_javascript(tmp_path: Path) -> None:
    site = stores.ordinary(tmp_path)
    path = next(path for name, path in pages_of(site) if name == "entry-engineering-0")

    async def work(browser: Any, url: str) -> None:
        async with opened(browser, viewport={"width": 1440, "height": 900}) as (page, _):
            await page.goto(url + path)
            await page.get_by_text("Side by side").first.click()
            before = await page.get_by_role("heading", name="Before").first.bounding_box()
            after = await page.get_by_role("heading", name="After").first.bounding_box()
            assert before["y"] == after["y"]
            assert before["x"] < after["x"]

    in_browser(site, work)


def test_s21_a_browser_gives_the_token_once_and_goes_on_from_the_sandboxed_page(tmp_path: Path) -> None:
    site = Site(tmp_path, f'[web]\ntoken = "{TOKEN}"\n' + sources_toml("blog"))
    site.reads("blog", post(1, "Secret words"))
    site.publish()

    async def work(browser: Any, url: str) -> None:
        async with opened(browser) as (page, _):
            assert (await page.goto(url)).status == 401
        async with opened(browser) as (page, seen):
            await page.goto(f"{url}/?token={TOKEN}")
            await page.wait_for_url(f"{url}/")
            await page.get_by_role("link", name="Secret words").first.click()
            await page.get_by_role("heading", name="Secret words", level=1).wait_for()
            await page.get_by_role("link", name="Sources").click()
            await page.get_by_role("heading", name="Sources", level=1).wait_for()
            assert seen.troubles == []

    in_browser(site, work)

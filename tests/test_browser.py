"""Pages that JavaScript builds, in a real chromium: what they show is read, as politely as any other."""

from __future__ import annotations

import json
import threading
import time
from pathlib import Path

import pytest
from browsing import (
    APP,
    POSTS,
    SHELL,
    TITLES,
    Quick,
    blog,
    body_of,
    needs_chromium,
    paths,
    polled,
    shown,
)
from origin import Answer, Origin, serving
from workbench import Bench

from feedwatch.model import Failure, Fetched, Source, Validators

pytestmark = [pytest.mark.slow, pytest.mark.timeout(180), needs_chromium]


def test_a_list_that_javascript_builds_is_read(tmp_path: Path, origin: Origin) -> None:
    url = blog(origin)
    bench = Bench(tmp_path)
    bench.config(f'[network]\nallow_hosts = ["127.0.0.1"]\n[[source]]\nid = "blog"\nurl = "{url}"\nbrowser = true\n')

    assert bench.json("poll")["sources"][0]["discovered"] == len(POSTS)
    listed = bench.json("list")["entries"]
    assert {entry["title"] for entry in listed} == set(TITLES)
    assert {entry["link"] for entry in listed} == {origin.url + post["link"] for post in POSTS}


def test_add_and_preview_look_with_the_browser_and_add_writes_it_down(tmp_path: Path, origin: Origin) -> None:
    url = blog(origin)
    bench = Bench(tmp_path)
    bench.config('[network]\nallow_hosts = ["127.0.0.1"]\n')

    assert bench.run("add", url, code=1).stderr.count("browser = true") == 1
    bench.run("add", url, "--browser", "--id", "blog")

    assert "browser = true\n" in (tmp_path / "config.toml").read_text()
    assert len(bench.json("preview", url)["entries"]) == len(POSTS)
    assert bench.json("poll")["sources"][0]["discovered"] == len(POSTS)
    bench.config('[network]\nallow_hosts = ["127.0.0.1"]\n[[source]]\nid = "other"\nurl = "https://example.org/"\n')
    assert len(bench.json("preview", url, "--browser")["entries"]) == len(POSTS)


def test_the_document_vouches_for_nothing_that_its_scripts_add(origin: Origin) -> None:
    source = Source("blog", blog(origin), browser=True)

    first, second = polled(source, source)

    assert isinstance(first.outcome, Fetched)
    assert first.outcome.validators == Validators()
    assert body_of(second) == body_of(first)
    assert [asked.headers.get("if-none-match") for asked in origin.requests] == [None] * len(origin.requests)


def test_what_is_no_page_is_not_taken_to_the_browser(origin: Origin) -> None:
    feed = b"<?xml version='1.0'?><rss version='2.0'><channel><title>T</title></channel></rss>"
    origin.serve("/feed", body=feed)
    broken = Quick()
    broken._started = None  # type: ignore[assignment,method-assign]

    assert body_of(polled(Source("feed", f"{origin.url}/feed", browser=True), browser=broken)[0]) == feed.decode()


def test_requests_of_the_page_are_counted_with_the_poll(origin: Origin) -> None:
    driven = polled(Source("blog", blog(origin), browser=True))[0]

    assert driven.requests == 3
    assert driven.received == len(SHELL) + len(APP) + len(json.dumps(POSTS))


def test_pictures_fonts_frames_and_beacons_are_not_asked_for(origin: Origin) -> None:
    extra = b"""<img src=/p.png><iframe src=/frame></iframe><video src=/film></video><link rel=icon href=/i.ico>
    <style>@font-face{font-family:f;src:url(/font)} p{font-family:f}</style><p>text</p>
    <script>navigator.sendBeacon("/beacon", "x"); new EventSource("/stream"); fetch("/put", {method: "PUT"})</script>"""

    driven = polled(Source("blog", blog(origin, SHELL + extra), browser=True))[0]

    assert TITLES[0] in body_of(driven)
    assert set(paths(origin)) == {"/robots.txt", "/blog", "/app.js", "/api/posts"}


def test_robots_txt_keeps_the_page_and_what_it_asks_for_at_home(origin: Origin) -> None:
    origin.serve("/robots.txt", body=b"User-agent: *\nDisallow: /api/\nDisallow: /closed")
    driven = polled(Source("blog", blog(origin), browser=True), Source("closed", f"{origin.url}/closed", browser=True))

    assert TITLES[0] not in body_of(driven[0])
    assert isinstance(driven[1].outcome, Failure)
    assert driven[1].outcome.kind == "robots"
    assert set(paths(origin)) == {"/robots.txt", "/blog", "/app.js"}


def test_who_ignores_robots_txt_does_so_in_the_browser_too(origin: Origin) -> None:
    origin.serve("/robots.txt", body=b"User-agent: *\nDisallow: /")
    driven = polled(Source("blog", blog(origin), browser=True, ignores_robots=True))[0]

    assert TITLES[0] in body_of(driven)
    assert "/robots.txt" not in paths(origin)


def test_a_page_has_one_request_at_a_time_at_its_host(origin: Origin) -> None:
    for number in range(6):
        origin.serve(f"/{number}", body=b"x")
    under_way, most, lock = 0, 0, threading.Lock()
    answer = origin.answer

    def slowly(asked: object) -> Answer:
        nonlocal under_way, most
        with lock:
            under_way += 1
            most = max(most, under_way)
        time.sleep(0.05)
        with lock:
            under_way -= 1
        return answer(asked)  # type: ignore[arg-type]

    origin.answer = slowly  # type: ignore[method-assign]
    shown(origin, "for (let n = 0; n < 6; n++) fetch('/' + n)")

    assert {f"/{number}" for number in range(6)} <= set(paths(origin))
    assert most == 1


def test_redirects_of_what_a_page_asks_for_are_followed_by_us(origin: Origin) -> None:
    origin.serve("/old", 302, headers={"Location": "/new"})
    origin.serve("/new", body=b"arrived")

    driven = shown(origin, "fetch('/old').then(a => a.text()).then(t => out.textContent = t)")

    assert '<p id="out">arrived</p>' in body_of(driven)


def test_a_secret_goes_to_the_sources_own_origin_and_no_other(origin: Origin) -> None:
    with serving() as other:
        other.serve("/x", body=b"x", headers={"Access-Control-Allow-Origin": "*"})
        app = APP + f"fetch('{other.url}/x')".encode()
        source = Source("blog", blog(origin, app=app), browser=True, headers=(("Authorization", "Bearer word"),))
        polled(source)

        assert "/x" in paths(other)
        assert {asked.headers.get("authorization") for asked in other.requests} == {None}
    asked = {asked.path: asked.headers.get("authorization") for asked in origin.requests}
    assert asked == {"/robots.txt": None, "/blog": "Bearer word", "/app.js": "Bearer word", "/api/posts": "Bearer word"}


def test_the_browser_says_who_we_are(origin: Origin) -> None:
    blog(origin)
    polled(Source("blog", f"{origin.url}/blog", browser=True))

    agents = {asked.headers["user-agent"] for asked in origin.requests}
    assert len(agents) == 1
    assert next(iter(agents)).startswith("feedwatch/")
    assert not [name for asked in origin.requests for name in asked.headers if name.startswith(("sec-", "cookie"))]

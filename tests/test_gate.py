"""What a page may ask for: text, in bounds, at the pace and under the rules that hold for us. Without a browser."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import replace
from origin import Origin
from workbench import Bench

from feedwatch.app import open_net
from feedwatch.config import parse, reading_digest
from feedwatch.errors import ConfigError
from feedwatch.guard import Guard
from feedwatch.model import Fetched, Response, Source
from feedwatch.opening import now
from feedwatch.poller import chromium, gate
from feedwatch.poller.browser import Browser, Rendered
from feedwatch.poller.fetch import Robots
from feedwatch.poller.gate import Asked, Gate
from feedwatch.poller.rendering import Renderer

PUBLIC = Fetched("https://blog.example/", 200, {"content-type": "text/html", "set-cookie": "a=b"}, b"<p>the page</p>")
BLOG = Source("blog", PUBLIC.url, browser=True)


def answered(
    *asked: Asked, page: Fetched = PUBLIC, source: Source = BLOG, private: bool = False, robots: bool = False
) -> list[Response | None]:
    """What the gate says to each in turn; with `private` it may lead to loopback."""

    async def work() -> list[Response | None]:
        async with open_net(frozenset({"127.0.0.1"} if private else ())) as net:
            rules = Robots(net, now, lambda host, pause: None) if robots else None
            made = Gate(source, page, net, rules, private=private)
            return [await made.answer(one) for one in asked]

    return asyncio.run(work())


def at(origin: Origin, path: str = "/") -> Fetched:
    return replace(PUBLIC, url=origin.url + path)


def test_the_page_itself_is_what_was_fetched_and_is_not_asked_for_again(origin: Origin) -> None:
    first, again = answered(Asked(at(origin).url), Asked(at(origin).url + "#top"), page=at(origin), private=True)

    assert first is not None
    assert again is not None
    assert first.body == again.body == PUBLIC.body
    assert dict(first.headers) == {"content-type": "text/html"}
    assert origin.requests == []


@pytest.mark.parametrize("kind", ["image", "font", "media", "websocket", "eventsource", "ping", "manifest", "iframe"])
def test_what_brings_no_text_is_not_asked_for(origin: Origin, kind: str) -> None:
    assert answered(Asked(f"{origin.url}/x", kind=kind), page=at(origin), private=True) == [None]
    assert origin.requests == []


@pytest.mark.parametrize("kind", ["script", "stylesheet", "xhr", "fetch"])
def test_what_brings_text_is_asked_for(origin: Origin, kind: str) -> None:
    origin.serve("/x", body=b"text", headers={"Content-Type": "text/plain", "Set-Cookie": "a=b"})

    told = answered(Asked(f"{origin.url}/x", kind=kind), page=at(origin), private=True)[0]

    assert told is not None
    assert told.body == b"text"
    assert "set-cookie" not in told.headers


@pytest.mark.parametrize("method", ["PUT", "DELETE", "PATCH", "OPTIONS"])
def test_nothing_is_changed_on_other_machines(origin: Origin, method: str) -> None:
    assert answered(Asked(f"{origin.url}/x", method, kind="fetch"), page=at(origin), private=True) == [None]
    assert origin.requests == []


@pytest.mark.parametrize(
    "url", ["http://127.0.0.1:{port}/", "http://localhost:{port}/", "http://[::ffff:7f00:1]:{port}/"]
)
@pytest.mark.parametrize("kind", ["document", "fetch", "script"])
def test_s5_a_public_page_gets_nothing_from_a_private_address(origin: Origin, url: str, kind: str) -> None:
    asked = Asked(url.format(port=origin.port), kind=kind)

    assert answered(Asked(PUBLIC.url), asked)[1] is None
    assert origin.requests == []


def test_s5_no_other_site_takes_the_place_of_a_page_on_a_private_host(origin: Origin) -> None:
    """What could then ask on would have a stranger's scripts."""
    elsewhere = Asked(f"http://localhost:{origin.port}/")
    asked: list[str] = []

    class Heard(Gate):
        async def _may(self, asked_for: Asked, url: str) -> bool:
            allowed = await super()._may(asked_for, url)
            asked.append(f"{url} {allowed}")
            return allowed

    async def work() -> None:
        async with open_net(frozenset({"127.0.0.1", "localhost"})) as net:
            made = Heard(BLOG, at(origin), net, None, private=True)
            await made.answer(Asked(at(origin).url))
            assert await made.answer(elsewhere) is None
            assert await made.answer(replace(elsewhere, kind="fetch")) is not None

    asyncio.run(work())
    assert asked == [f"{elsewhere.url} False", f"{elsewhere.url} True"]


def test_s5_only_a_page_on_a_host_that_is_named_may_ask_private_ones() -> None:
    trusted: list[bool] = []

    class Asking(Browser):
        async def render(self, url: str, answer: Any) -> Rendered:
            trusted.append(answer.__self__._private)
            return Rendered(url, b"")

    async def work() -> None:
        async with open_net(frozenset({"wiki.intern:8000"})) as net, open_net(frozenset()) as public:
            renderer = Renderer(Asking(os.environ, "test"), net, public, Guard(frozenset({"wiki.intern:8000"})))
            for url in (PUBLIC.url, "http://wiki.intern:8000/", "http://wiki.intern/"):
                await renderer.render(BLOG, replace(PUBLIC, url=url), None)

    asyncio.run(work())
    assert trusted == [False, True, False]


def test_robots_txt_counts_for_what_a_page_asks_for_at_home(origin: Origin) -> None:
    origin.serve("/robots.txt", body=b"User-agent: *\nDisallow: /api/")
    origin.serve("/app.js", body=b"x")
    asked = [Asked(origin.url + path, kind="fetch") for path in ("/app.js", "/api/posts")]

    told = answered(*asked, page=at(origin), private=True, robots=True)

    assert [one is not None for one in told] == [True, False]
    assert "/api/posts" not in [one.path for one in origin.requests]


def test_f31_a_page_gets_so_many_answers_and_no_more(origin: Origin, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(gate, "REQUESTS", 3)
    origin.serve("/x", body=b"x")

    told = answered(*[Asked(f"{origin.url}/x", kind="fetch")] * 5, page=at(origin), private=True)

    assert [one is not None for one in told] == [True, True, True, False, False]
    assert len(origin.requests) == 3


def test_f31_a_page_gets_so_many_bytes_and_no_more(origin: Origin, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(gate, "BYTES", 250)
    origin.serve("/x", body=b"x" * 100)

    told = answered(*[Asked(f"{origin.url}/x", kind="fetch")] * 4, page=at(origin), private=True)

    assert [one is not None for one in told] == [True, True, False, False]


def test_redirects_end_and_a_form_that_is_sent_on_becomes_a_question(origin: Origin) -> None:
    origin.serve("/round", 302, headers={"Location": "/round"})
    origin.serve("/sent", 303, headers={"Location": "/seen"})
    origin.serve("/seen", body=b"seen")
    asked = [Asked(f"{origin.url}/round", kind="fetch"), Asked(f"{origin.url}/sent", "POST", {}, b"q", "fetch")]

    round_, sent = answered(*asked, page=at(origin), private=True)

    assert round_ is None
    assert sent is not None
    assert sent.body == b"seen"
    assert [(one.method, one.body) for one in origin.requests[-2:]] == [("POST", b"q"), ("GET", b"")]


def test_s20_headers_of_the_source_go_to_its_origin_and_those_of_the_browser_nowhere(origin: Origin) -> None:
    origin.serve("/x", body=b"x")
    headers = {"accept": "*/*", "user-agent": "Other", "cookie": "a=b", "sec-ch-ua": "x", "authorization": "theirs"}
    source = replace(BLOG, url=f"{origin.url}/blog", headers=(("Authorization", "ours"),))

    for used in (source, BLOG):
        answered(Asked(f"{origin.url}/x", "GET", headers, None, "fetch"), page=at(origin), source=used, private=True)

    sent: list[Mapping[str, str]] = [one.headers for one in origin.requests]
    assert [one["authorization"] for one in sent] == ["ours", "theirs"]
    assert not [one for one in sent if "cookie" in one or "sec-ch-ua" in one or one["user-agent"] == "Other"]


# --- the configuration, and a machine without a browser -----------------------------------------------


def _config(more: str) -> str:
    return f'[[source]]\nid = "blog"\nurl = "https://blog.example/"\n{more}\n'


def test_the_browser_is_off_unless_a_source_wants_it() -> None:
    on, off = (parse(_config(more), Path("config.toml"), {}).sources[0] for more in ("browser = true", ""))

    assert (on.browser, off.browser) == (True, False)
    assert reading_digest(on) != reading_digest(off)


@pytest.mark.parametrize(
    ("more", "said"),
    [
        ('browser = true\n[source.json]\nentries = "posts"', "a JSON API needs no browser"),
        ('browser = "yes"', "browser"),
    ],
)
def test_what_makes_no_sense_in_a_browser_is_said(more: str, said: str) -> None:
    with pytest.raises(ConfigError, match=said):
        parse(_config(more), Path("config.toml"), {})


def test_a_file_needs_no_browser(tmp_path: Path) -> None:
    (tmp_path / "page.html").write_text("<p>x</p>")
    text = '[[source]]\nid = "page"\nurl = "page.html"\nbrowser = true\n'

    with pytest.raises(ConfigError, match="a file is read as it is"):
        parse(text, tmp_path / "config.toml", {})


def test_what_has_to_be_installed_is_one_sentence(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    program = tmp_path / "chromium"
    program.write_text("#!/bin/sh\n")
    program.chmod(0o755)
    here, nowhere = {"PATH": str(tmp_path)}, {"PATH": str(tmp_path / "none")}
    named = {**nowhere, chromium.NAMED_BY: str(program)}
    wrong = {**here, chromium.NAMED_BY: "/none/chromium"}

    monkeypatch.setattr(chromium, "find_spec", lambda name: object())
    assert [chromium.find(environ) for environ in (here, named, nowhere, wrong)] == [str(program)] * 2 + [None] * 2
    assert chromium.missing(here) is chromium.missing(named) is None
    assert "none is on PATH" in str(chromium.missing(nowhere))
    assert "FEEDWATCH_CHROMIUM names no program (/none/chromium)" in str(chromium.missing(wrong))
    monkeypatch.setattr(chromium, "find_spec", lambda name: None)
    assert "install feedwatch[browser]" in str(chromium.missing(here))


def test_without_a_browser_check_and_poll_say_what_to_do_and_other_sources_go_on(
    tmp_path: Path, origin: Origin
) -> None:
    origin.serve("/blog", body=b"<!doctype html><div id=root></div>")
    (tmp_path / "page.html").write_text("<article><h2><a href='https://example.org/a'>An entry</a></h2></article>")
    bench = Bench(tmp_path, {chromium.NAMED_BY: "/none/chromium"})
    bench.config(
        '[network]\nallow_hosts = ["127.0.0.1"]\n'
        f'[[source]]\nid = "blog"\nurl = "{origin.url}/blog"\nbrowser = true\n'
        '[[source]]\nid = "page"\nurl = "page.html"\nselect = { entry = "article" }\n'
    )

    said = bench.run("check", code=1).stderr
    assert len(said.splitlines()) == 1
    assert 'source "blog": browser = true needs' in said
    assert "install" in said
    assert bench.json("check", code=1)["ok"] is False
    blog, page = bench.json("poll", code=1)["sources"]
    assert blog["error"] in said
    assert page["status"] == "ok"
    assert "browser = true needs" in bench.run("preview", "blog", code=1).stderr


def test_a_file_is_not_previewed_in_a_browser(tmp_path: Path) -> None:
    (tmp_path / "page.html").write_text("<p>x</p>")
    bench = Bench(tmp_path)
    bench.config("")

    for command in ("preview", "add"):
        assert "a file is read as it is" in bench.run(command, "page.html", "--browser", code=2).stderr

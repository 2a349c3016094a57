"""What a page in the browser can reach: no more than we may, whatever it tries."""

from __future__ import annotations

import contextlib
import os
import socket
from collections.abc import Iterator

import pytest
from browsing import (
    body_of,
    needs_chromium,
    paths,
    polled,
    shown,
)
from origin import Origin

from feedwatch.model import Source
from feedwatch.poller import chromium

pytestmark = [pytest.mark.slow, pytest.mark.timeout(180), needs_chromium]


class Canary:
    """A TCP and a UDP port on loopback that nobody may knock at."""

    def __init__(self) -> None:
        self.tcp = socket.create_server(("127.0.0.1", 0))
        self.port = self.tcp.getsockname()[1]
        self.udp = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.udp.bind(("127.0.0.1", self.port))

    def knocked(self) -> list[str]:
        """Who came: connections wait in the backlog, datagrams in the buffer, until they are looked for."""
        found = []
        for name, look in (("tcp", self.tcp.accept), ("udp", lambda: self.udp.recvfrom(100))):
            self.tcp.settimeout(0)
            self.udp.settimeout(0)
            with contextlib.suppress(BlockingIOError):
                look()
                found.append(name)
        return found


@pytest.fixture
def canary() -> Iterator[Canary]:
    made = Canary()
    yield made
    made.tcp.close()
    made.udp.close()


WAYS = {
    "fetch": "await fetch(u).then(() => out.textContent = 'reached', () => out.textContent = 'kept out')",
    "no-cors": "await fetch(u, {mode: 'no-cors'}).then(() => out.textContent = 'reached', () => 0)",
    "redirect": "await fetch('/leads-there').then(() => out.textContent = 'reached', () => 0)",
    "post": "await fetch(u, {method: 'POST', mode: 'no-cors', body: 'x'}).catch(() => 0)",
    "xhr": "const x = new XMLHttpRequest(); x.open('GET', u); x.send()",
    "image": "new Image().src = u",
    "script": "document.head.append(Object.assign(document.createElement('script'), {src: u}))",
    "style": "document.head.append(Object.assign(document.createElement('link'), {rel: 'stylesheet', href: u}))",
    "prefetch": "document.head.append(Object.assign(document.createElement('link'), {rel: 'prefetch', href: u}))",
    "preconnect": "document.head.append(Object.assign(document.createElement('link'), {rel: 'preconnect', href: u}))",
    "prerender": "document.head.append(Object.assign(document.createElement('script'), {type: 'speculationrules',"
    " textContent: JSON.stringify({prerender: [{urls: [u]}], prefetch: [{urls: [u]}]})}))",
    "frame": "document.body.append(Object.assign(document.createElement('iframe'), {src: u}))",
    "frame that fetches": "document.body.append(Object.assign(document.createElement('iframe'),"
    " {srcdoc: `<script>fetch('${u}')<\\/script><img src=${u}>`}))",
    "window": "window.open(u)",
    "form": "document.body.insertAdjacentHTML('beforeend', `<form action=${u} method=post></form>`);"
    " document.forms[0].submit()",
    "leaving": "location = u",
    "refresh": "document.head.insertAdjacentHTML('beforeend', `<meta http-equiv=refresh content='0;url=${u}'>`)",
    "beacon": "navigator.sendBeacon(u, 'x')",
    "stream": "new EventSource(u)",
    "socket": "new WebSocket(u.replace('http', 'ws'))",
    "transport": "new WebTransport(u.replace('http', 'https')).ready.catch(() => 0)",
    "call": "const c = new RTCPeerConnection({iceServers: [{urls: `stun:${h}`},"
    " {urls: `turn:${h}?transport=tcp`, username: 'a', credential: 'b'}]});"
    " c.createDataChannel('d'); c.setLocalDescription(await c.createOffer())",
    "worker": "new Worker(URL.createObjectURL(new Blob([`fetch('${u}').catch(() => 0); new WebSocket('ws://${h}')`])))",
    "shared worker": "new SharedWorker(URL.createObjectURL(new Blob([`fetch('${u}').catch(() => 0)`])))",
    "service worker": "navigator.serviceWorker.register('/sw.js').catch(() => 0)",
    "worker from there": "new Worker(u)",
}


#: Of these a page can try but one.
LEAVING = ("form", "leaving", "refresh")


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "[::ffff:127.0.0.1]", "2130706433"])
def test_s5_no_way_out_of_a_page_reaches_a_private_address(origin: Origin, canary: Canary, host: str) -> None:
    ways = [way for name, way in WAYS.items() if name not in LEAVING]

    _tries(origin, canary, host, " ".join(f"(async () => {{ try {{ {way} }} catch (e) {{}} }})();" for way in ways))
    assert "/end" in paths(origin)


@pytest.mark.parametrize("way", LEAVING)
def test_s5_no_page_leaves_for_a_private_address(origin: Origin, canary: Canary, way: str) -> None:
    _tries(origin, canary, "127.0.0.1", f"(async () => {{ {WAYS[way]} }})();")


#: Keeps the page from being quiet for two seconds, so that every way has its time.
_BUSY = (
    "(async () => { for (let n = 0; n < 10; n++) { await fetch('/busy').catch(() => 0);"
    " await new Promise(done => setTimeout(done, 200)) } await fetch('/end') })();"
)


def _tries(origin: Origin, canary: Canary, host: str, script: str) -> None:
    """Runs the script, waits until the page came to its last request, and asks the canary."""
    there = f"{host}:{canary.port}"
    origin.serve("/leads-there", 302, headers={"Location": f"http://{there}/"})
    origin.serve("/sw.js", body=f"fetch('http://{there}/')".encode(), headers={"Content-Type": "text/javascript"})
    origin.serve("/end", body=b"x")
    start = f"const h = '{there}', u = `http://${{h}}/`; {_BUSY}"

    driven = shown(origin, start + script)

    assert canary.knocked() == []
    assert "reached" not in body_of(driven).partition("<script>")[0]


def test_s5_a_public_page_does_not_profit_from_a_host_that_the_configuration_names(origin: Origin) -> None:
    """It is fetched through a proxy on loopback, where its name is known; its script asks for that proxy itself."""
    page = f"<p id=out>nothing</p><script>fetch('{origin.url}/secret').then(() => out.textContent = 'reached')</script>"
    origin.serve("http://blog.invalid/page", body=b"<!doctype html>" + page.encode())
    origin.serve("/secret", body=b"x", headers={"Access-Control-Allow-Origin": "*"})
    source = Source("page", "http://blog.invalid/page", browser=True, proxy=origin.url)

    driven = polled(source, allow=frozenset({"127.0.0.1"}))[0]

    assert '<p id="out">nothing</p>' in body_of(driven)
    assert "/secret" not in " ".join(paths(origin))


def test_s20_nothing_stays_from_one_poll_to_the_next(origin: Origin) -> None:
    script = "out.textContent = localStorage.getItem('k') + document.cookie; localStorage.k = document.cookie = 'k=v'"
    page = f"<!doctype html><p id=out></p><script>{script}</script>".encode()
    origin.serve("/page", body=page, headers={"Content-Type": "text/html", "Set-Cookie": "seen=yes"})
    source = Source("page", f"{origin.url}/page", browser=True)

    assert ['<p id="out">null</p>' in body_of(driven) for driven in polled(source, source)] == [True, True]
    assert not [asked for asked in origin.requests if "cookie" in asked.headers]


def test_the_browser_gets_no_secret_of_our_environment() -> None:
    given = chromium.surroundings({**os.environ, "SMTP_PASSWORD": "word", "FEEDWATCH_HOOK_SECRET": "word"})

    assert "word" not in given.values()
    assert given["PATH"] == os.environ["PATH"]

"""libcurl does what it is told: no more connections, look-ups or headers than that, and nothing is left behind."""

from __future__ import annotations

import asyncio
import contextlib
import errno
import logging
import os
import socket
import ssl
import subprocess
import sys
import threading
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import TypeVar

import pytest
import trustme
from origin import Answer, Origin
from wire import OK, Wire, dripping, hanging, saying, wired

from feedwatch import net as network
from feedwatch.curl import Dialled
from feedwatch.guard import Guard
from feedwatch.net import Net, NetError
from feedwatch.sending import post

T = TypeVar("T")
CHUNKED = b"Transfer-Encoding: chunked\r\n\r\n"
HELLO = OK + b"Content-Length: 5\r\n\r\nhello"


def run(work: Callable[[Net], Awaitable[T]], *allow: str) -> T:
    async def entered() -> T:
        async with Net(allow_hosts=frozenset(allow or ("127.0.0.1", "localhost")), user_agent="test") as net:
            return await work(net)

    return asyncio.run(entered())


def open_files() -> int:
    return len(list(Path("/proc/self/fd").iterdir()))


def keeping(wire: Wire, answers: int) -> Callable[[socket.socket, Wire], None]:
    """Answers so many requests on each connection, and then closes it without a word."""

    def script(connection: socket.socket, _: Wire) -> None:
        for number in range(answers):
            if number:
                connection.recv(65536)
            wire.send(connection, HELLO)

    return script


def test_s2_a_name_is_looked_up_once_for_each_connection_and_a_kept_one_is_used_again(
    origin: Origin, monkeypatch: pytest.MonkeyPatch
) -> None:
    origin.serve("/a", body=b"hello")
    asked: list[str] = []
    really = socket.getaddrinfo

    def watched(host: str, *rest: object, **more: object) -> object:
        asked.append(host)
        return really("127.0.0.1", *rest, **more)  # type: ignore[arg-type]

    monkeypatch.setattr(socket, "getaddrinfo", watched)

    async def work(net: Net) -> list[bytes]:
        urls = [f"http://{host}:{origin.port}/a" for host in ["blog.example", "Blog.Example", "blog.example."] * 2]
        return [(await net.request("GET", url)).body for url in urls]

    assert run(work, "blog.example") == [b"hello"] * 6
    assert asked == ["blog.example", "blog.example."]


def test_addresses_of_a_kind_that_this_machine_has_not_leave_the_others(
    origin: Origin, monkeypatch: pytest.MonkeyPatch
) -> None:
    origin.serve("/a", body=b"hello")
    tried: list[int] = []
    places = {socket.AF_INET6: ("::1", origin.port, 0, 0), socket.AF_INET: ("127.0.0.1", origin.port)}
    really = network._socket

    def looked_up(*_: object, **__: object) -> list[tuple[object, ...]]:
        return [(family, socket.SOCK_STREAM, 6, "", place) for family, place in places.items()]

    def without_ipv6(guard: Guard, dialled: Dialled) -> socket.socket:
        tried.append(dialled[0])
        if dialled[0] == socket.AF_INET6:
            raise OSError(errno.EAFNOSUPPORT, "no such addresses here")
        return really(guard, dialled)

    monkeypatch.setattr(socket, "getaddrinfo", looked_up)
    monkeypatch.setattr(network, "_socket", without_ipv6)
    url = f"http://blog.example:{origin.port}/a"

    assert run(lambda net: net.request("GET", url), "blog.example").body == b"hello"
    assert tried == [socket.AF_INET6, socket.AF_INET]
    del places[socket.AF_INET]
    with pytest.raises(NetError, match="no such addresses here"):
        run(lambda net: net.request("GET", url), "blog.example")


@pytest.mark.parametrize(
    ("start", "again"),
    [(b"", b"HTTP/1.1 100 Continue\r\n\r\n"), (OK, b"X-Line: x\r\n"), (OK + CHUNKED + b"0\r\n", b"X-Line: x\r\n")],
    ids=["interim answers", "headers", "trailers"],
)
def test_f17_headers_without_end_are_cut_off_by_their_size(start: bytes, again: bytes) -> None:
    def flood(connection: socket.socket, wire: Wire) -> None:
        saying(start, *[again * 10_000] * 1000)(connection, wire)

    with wired(flood) as wire, pytest.raises(NetError, match="response headers"):
        run(lambda net: net.request("GET", wire.url))
    assert wire.sent < 20_000_000


def test_a_kept_connection_that_was_closed_meanwhile_costs_no_request() -> None:
    async def work(net: Net) -> list[bytes]:
        return [(await net.request("GET", wire.url)).body for _ in range(5)]

    with wired(lambda connection, wire: keeping(wire, 2)(connection, wire)) as wire:
        assert run(work) == [b"hello"] * 5


def test_what_has_a_body_is_never_sent_twice() -> None:
    """On a connection that the other side closes after it has heard the request, nobody knows what became of it."""
    posted: list[bytes] = []

    def once(connection: socket.socket, wire: Wire) -> None:
        wire.send(connection, HELLO)
        posted.append(connection.recv(65536))

    async def work(net: Net) -> None:
        for body in (b"first", b"second"):
            posted.append(body)
            with contextlib.suppress(NetError):
                await net.request("POST", wire.url, body=body)

    with wired(once) as wire:
        run(work)
        assert sum(b"second" in heard for heard in wire.heard) == 1
    assert [heard for heard in posted if b"POST" in heard] == []


def test_who_waits_for_a_place_is_not_taken_for_one_who_cannot_connect() -> None:
    """A hundred answers take their time; the next request has all of its own left."""
    heard_all = threading.Event()

    async def work(net: Net) -> bytes:
        slow = [asyncio.create_task(net.request("GET", f"{wire.url}/slow", deadline=20.0)) for _ in range(100)]
        await asyncio.to_thread(heard_all.wait, 20)
        with pytest.raises(NetError, match="no whole answer"):
            await net.request("GET", wire.url, deadline=0.1)
        quick = asyncio.create_task(net.request("GET", wire.url, deadline=20.0))
        await asyncio.sleep(0)
        assert not quick.done()
        slow[0].cancel()
        found = (await quick).body
        for one in slow:
            one.cancel()
        await asyncio.gather(*slow, return_exceptions=True)
        return found

    def script(connection: socket.socket, wire: Wire) -> None:
        if sum(b"/slow" in heard for heard in wire.heard) == 100:
            heard_all.set()
        if b"/slow" in wire.heard[-1]:
            hanging(connection, wire)
        else:
            wire.send(connection, HELLO)

    with wired(script) as wire:
        assert run(work) == b"hello"


def test_p43_an_operator_s_user_agent_stands_in_place_of_ours() -> None:
    with wired(saying(HELLO)) as wire:
        run(lambda net: net.request("GET", wire.url, headers=[("user-agent", "theirs")]))

    lines = wire.heard[0].lower().split(b"\r\n")
    assert [line for line in lines if line.startswith(b"user-agent:")] == [b"user-agent: theirs"]


def test_a_thousand_requests_at_once_use_a_hundred_connections() -> None:
    connected: list[asyncio.Task[None] | None] = []

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        connected.append(asyncio.current_task())
        with contextlib.suppress(asyncio.IncompleteReadError):
            while True:
                await reader.readuntil(b"\r\n\r\n")
                writer.write(HELLO)
        writer.close()
        await writer.wait_closed()

    async def work(net: Net) -> int:
        async with await asyncio.start_server(serve, "127.0.0.1", 0, backlog=1000) as server:
            url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/"
            answers = await asyncio.gather(*(net.request("GET", url) for _ in range(1000)))
            await net.__aexit__(None, None, None)
            await asyncio.gather(*filter(None, connected))
        return sum(len(answer.body) for answer in answers)

    assert run(work) == 5000
    assert len(connected) == 100


def test_f17_a_request_that_is_given_up_leaves_nothing_open_and_the_next_one_works(origin: Origin) -> None:
    origin.serve("/a", body=b"hello")
    asyncio.run(asyncio.sleep(0))
    before = open_files()

    async def work(net: Net) -> bytes:
        given_up = [asyncio.create_task(net.request("GET", wire.url)) for wire in (silent, drips)]
        await asyncio.to_thread(drips.called.wait, 10)
        await asyncio.to_thread(silent.called.wait, 10)
        for task in given_up:
            task.cancel()
        assert all(
            isinstance(end, asyncio.CancelledError) for end in await asyncio.gather(*given_up, return_exceptions=True)
        )
        return (await net.request("GET", f"{origin.url}/a")).body

    with wired(hanging) as silent, wired(dripping(OK + b"\r\n", b"x")) as drips:
        assert run(work) == b"hello"
    assert open_files() == before


def test_a_network_that_is_left_ends_what_is_under_way() -> None:
    async def work(silent: Wire) -> object:
        async with Net(allow_hosts=frozenset({"127.0.0.1"}), user_agent="test") as net:
            task = asyncio.create_task(net.request("GET", silent.url))
            await asyncio.to_thread(silent.called.wait, 10)
        return (await asyncio.wait_for(asyncio.gather(task, return_exceptions=True), 10))[0]

    with wired(hanging) as silent:
        assert isinstance(asyncio.run(work(silent)), asyncio.CancelledError | NetError)


def test_a_path_is_sent_as_it_was_written() -> None:
    async def work(net: Net) -> None:
        for path in ("/%c3%a9/%2e%2e/a%2Fb?q=%3c|{}", "/a//b?", "/plain"):
            await net.request("GET", wire.url + path)

    with wired(saying(HELLO)) as wire:
        run(work)
    assert [heard.split(b" ")[1] for heard in wire.heard] == [
        b"/%c3%a9/%2e%2e/a%2Fb?q=%3c|{}", b"/a//b?", b"/plain",
    ]  # fmt: skip


def test_nothing_is_sent_but_what_was_asked_for(origin: Origin) -> None:
    origin.serve("/a", body=b"hello", headers={"Set-Cookie": "a=b"})
    origin.serve("/empty")

    async def work(net: Net) -> None:
        await net.request("GET", f"{origin.url}/a", headers=[("X-Own", "é"), ("X-Empty", "")])
        await net.request("HEAD", f"{origin.url}/empty")
        await net.request("POST", f"{origin.url}/a", body=b"x" * 2_000_000)
        await net.request("POST", f"{origin.url}/a", headers=[("Content-Type", "text/x")])
        await net.request("GET", f"{origin.url}/a")

    run(work)
    first, head, large, empty, last = origin.requests
    usual = {"host": f"127.0.0.1:{origin.port}", "user-agent": "test", "accept": "*/*"}
    coded = first.headers["accept-encoding"]
    assert first.headers == {**usual, "accept-encoding": coded, "x-own": "Ã©", "x-empty": ""}  # the bytes, as latin-1
    assert (head.method, head.headers) == ("HEAD", {**usual, "accept-encoding": coded})
    assert large.body == b"x" * 2_000_000
    assert large.headers == {**usual, "accept-encoding": coded, "content-length": "2000000"}
    assert (empty.body, empty.headers["content-length"], empty.headers["content-type"]) == (b"", "0", "text/x")
    assert (last.method, last.body, last.headers) == ("GET", b"", {**usual, "accept-encoding": coded})


def test_s4_a_header_with_a_line_break_is_refused_before_anything_is_sent(origin: Origin) -> None:
    async def work(net: Net) -> None:
        await net.request("GET", origin.url, headers=[("X", "a\r\nCookie: b")])

    with pytest.raises(NetError, match="line break") as error:
        run(work)
    assert error.value.kind == "refused"
    assert origin.requests == []


def test_interim_answers_and_trailers_are_no_headers() -> None:
    interim = b"HTTP/1.1 103 Early Hints\r\nETag: early\r\n\r\n"
    chunked = OK + b"ETag: late\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\nETag: trailer\r\n\r\n"

    with wired(saying(interim + chunked)) as wire:
        answer = run(lambda net: net.request("GET", wire.url))

    assert (answer.status, answer.body, answer.headers["etag"]) == (200, b"hello", "late")


def test_s20_the_system_keeps_no_login_and_no_settings_that_are_used(tmp_path: Path, origin: Origin) -> None:
    origin.serve("/a", body=b"hello")
    (tmp_path / ".netrc").write_text("machine 127.0.0.1 login me password secret\n")
    (tmp_path / ".curlrc").write_text('header = "X-From-File: yes"\n')
    code = (
        "import asyncio, sys\nfrom feedwatch.net import Net\n"
        "async def work():\n"
        "    async with Net(allow_hosts=frozenset({'127.0.0.1'}), user_agent='t') as net:\n"
        "        print((await net.request('GET', sys.argv[1])).status)\n"
        "asyncio.run(work())\n"
    )
    environ = {**os.environ, "HOME": str(tmp_path), "CURL_HOME": str(tmp_path), "http_proxy": "http://127.0.0.1:9"}
    environ |= {"all_proxy": "http://127.0.0.1:9"}

    done = subprocess.run(
        [sys.executable, "-c", code, f"{origin.url}/a"], env=environ, capture_output=True, text=True, check=True
    )

    assert done.stdout.strip() == "200"
    assert set(origin.requests[0].headers) == {"host", "user-agent", "accept", "accept-encoding"}


# --- through a proxy -------------------------------------------------------------------------------------


def test_s7_an_encrypted_request_goes_through_a_tunnel_and_the_proxy_sees_no_more_than_its_login(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    authority = trustme.CA()
    authority.cert_pem.write_to_path(tmp_path / "ca.pem")
    monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "ca.pem"))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("blog.invalid").configure_cert(context)
    inside: list[bytes] = []

    def tunnel(connection: socket.socket, wire: Wire) -> None:
        wire.send(connection, b"HTTP/1.1 200 Connection established\r\nETag: proxy\r\n\r\n")
        with context.wrap_socket(connection, server_side=True) as encrypted:
            inside.append(encrypted.recv(65536))
            encrypted.sendall(OK + b"X-Inside: yes\r\nContent-Length: 5\r\n\r\nhello")

    with wired(tunnel) as wire:
        answer = run(
            lambda net: net.request(
                "GET",
                "https://blog.invalid/a%c3",
                headers=[("Cookie", "c")],
                proxy=f"http://me:pw@127.0.0.1:{wire.port}",
            )
        )

    assert (answer.body, answer.headers) == (b"hello", {"x-inside": "yes", "content-length": "5"})
    assert wire.heard[0].startswith(b"CONNECT blog.invalid:443 HTTP/1.1\r\n")
    assert b"Proxy-Authorization: Basic bWU6cHc=" in wire.heard[0]
    assert b"Cookie" not in wire.heard[0]
    assert inside[0].startswith(b"GET /a%c3 HTTP/1.1\r\n")
    assert b"Proxy-Authorization" not in inside[0]


def test_a_proxy_that_refuses_the_tunnel_is_a_failure() -> None:
    with (
        wired(saying(b"HTTP/1.1 407 Login\r\nContent-Length: 0\r\n\r\n")) as wire,
        pytest.raises(NetError, match="407"),
    ):
        run(lambda net: net.request("GET", "https://blog.invalid/", proxy=wire.url))


# --- what is sent through httpx --------------------------------------------------------------------------


def test_what_is_posted_goes_through_the_same_door_byte_by_byte(origin: Origin) -> None:
    origin.serve_in_turn("/hook", Answer(302, b"there" * 1000, {"Location": "/x", "Set-Cookie": "a=b"}), Answer(200))

    async def work(net: Net) -> list[tuple[int, bytes]]:
        headers = [("Content-Type", "application/json"), ("X-Name", "é")]
        answers = [
            await post(net, f"{origin.url}/hook", headers=headers, body=b'{"\xc3\xa9":1}', room=4096, deadline=5)
            for _ in range(2)
        ]
        return [(answer.status, answer.body) for answer in answers]

    assert run(work) == [(302, (b"there" * 1000)[:4096]), (200, b"")]
    assert [asked.path for asked in origin.requests] == ["/hook", "/hook"]
    for asked in origin.requests:
        assert asked.body == b'{"\xc3\xa9":1}'
        assert asked.headers == {
            "host": f"127.0.0.1:{origin.port}",
            "user-agent": "test",
            "accept": "*/*",
            "accept-encoding": asked.headers["accept-encoding"],
            "content-type": "application/json",
            "content-length": "8",
            "x-name": "Ã©",
        }


@pytest.mark.parametrize(
    "url", ["http://127.0.0.1:1/\\x", "http://me:pw@127.0.0.1:1/", "http://[::1", "http://10.1.2.3/"]
)
def test_s6_what_is_posted_is_refused_as_everything_else_is(url: str) -> None:
    with pytest.raises(NetError) as error:
        run(lambda net: post(net, url, headers=(), body=b"", room=1, deadline=5))

    assert error.value.kind == "refused"


def test_s19_the_address_of_a_receiver_is_told_to_no_log(origin: Origin, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)

    run(lambda net: post(net, f"{origin.url}/hook/s3cret", headers=(), body=b"", room=1, deadline=5))

    assert "s3cret" not in caplog.text


_LOADED = """
import sys
import feedwatch.app
from feedwatch.alerts import channels
from feedwatch.routes import Route, Webhook
print("httpx" in sys.modules)
channels.load([Route("hook", Webhook("https://hooks.example.org/"))])
print("httpx" in sys.modules)
"""


def test_what_sends_loads_only_for_those_who_have_something_to_send() -> None:
    done = subprocess.run([sys.executable, "-c", _LOADED], capture_output=True, text=True, check=True)

    assert done.stdout.split() == ["False", "True"]


def test_f17_a_receiver_that_does_not_answer_is_left_after_the_deadline() -> None:
    with wired(hanging) as wire, pytest.raises(NetError) as error:
        run(lambda net: post(net, wire.url, headers=(), body=b"", room=1, deadline=0.3))

    assert error.value.kind == "timeout"

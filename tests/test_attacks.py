"""Attacks by sources, origins and readers, each against the real parts, with a canary that must not be touched."""

from __future__ import annotations

import asyncio
import json
import os
import socket
import subprocess
import sys
import time
import zlib
from pathlib import Path
from typing import Any

import pytest
from origin import Origin
from reading import feed, read_in_turn
from wire import OK, Wire, measured, saying, wired
from workbench import Bench

from feedwatch import net as network
from feedwatch.guard import Guard
from feedwatch.model import Failure, Fetched, PollState, Reading, Response, Source
from feedwatch.net import Net, NetError
from feedwatch.poller.fetch import Driven, drive
from feedwatch.poller.walk import walk
from feedwatch.workers import ReaderPool

PUBLIC = "93.184.216.34"


# --- the address guard, on every way out -----------------------------------------------------------------

WAYS = {b"/source", b"/redirected", b"/robots", b"/hook", b""}  # the last one is mail: a client waits for a banner


@pytest.mark.parametrize("allowed", [False, True], ids=["guarded", "allowed, as a control"])
def test_s1_s5_no_way_out_reaches_a_private_address(tmp_path: Path, origin: Origin, allowed: bool) -> None:
    with wired(saying(b"HTTP/1.1 404 Not here\r\nContent-Length: 0\r\n\r\n")) as canary:
        origin.serve("/redirect", status=302, headers={"Location": f"{canary.url}/redirected"})
        origin.serve("/robots.txt", status=302, headers={"Location": f"{canary.url}/robots"})
        vouched = ["localhost:" + str(origin.port), *(["127.0.0.1"] if allowed else [])]
        here = f"http://localhost:{origin.port}"
        bench = Bench(tmp_path)
        bench.config(
            f'[network]\nallow_hosts = {json.dumps(vouched)}\nper_host_pause = "0s"\n'
            f'[[source]]\nid = "source"\nurl = "{canary.url}/source"\n'
            f'[[source]]\nid = "redirect"\nurl = "{here}/redirect"\n'
            f'[[source]]\nid = "page"\nurl = "{here}/page"\nselect = {{ entry = "article" }}\n'
            '[[source]]\nid = "file"\nurl = "feed.xml"\n'
            f'[mail]\nserver = "127.0.0.1:{canary.port}"\nsecurity = "none"\nfrom = "a@example.org"\n'
            f'[[alert]]\nid = "hook"\nwebhook = "{canary.url}/hook"\n[[alert]]\nid = "mail"\nmail = "b@example.org"\n'
        )
        (tmp_path / "feed.xml").write_text(feed(1))
        bench.run("poll", code=1)
        (tmp_path / "feed.xml").write_text(feed(2, 1))
        bench.run("poll", code=1)
        reached = {heard.split(b" ")[1] if heard else b"" for heard in canary.heard}

    assert reached == (WAYS if allowed else set())


def resolved(monkeypatch: pytest.MonkeyPatch, *answers: list[str]) -> tuple[list[str], list[str], list[str]]:
    """Requests for one name, one for each answer of the name server: names asked, addresses dialled, errors."""
    left = list(answers)
    names: list[str] = []
    errors: list[str] = []

    def getaddrinfo(host: str, port: int, *_: object, **__: object) -> list[tuple[object, ...]]:
        names.append(host)
        if not (answer := left.pop(0)):
            raise socket.gaierror(socket.EAI_NONAME, "no such name")
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (address, port)) for address in answer]

    monkeypatch.setattr(socket, "getaddrinfo", getaddrinfo)
    passed: list[str] = []
    guarded = network._socket

    def watched(guard: Guard, dialled: tuple[Any, ...]) -> socket.socket:
        """Notes what passed the guard, and dials nothing."""
        guarded(guard, dialled).close()
        passed.append(dialled[4][0])
        raise ConnectionRefusedError("nothing is dialled in a test")

    monkeypatch.setattr(network, "_socket", watched)

    async def work() -> None:
        async with Net(allow_hosts=frozenset(), user_agent="test") as net:
            for _ in answers:
                with pytest.raises(NetError) as error:
                    await net.request("GET", "http://rebind.example/")
                errors.append(error.value.kind)

    asyncio.run(work())
    return names, passed, errors


def test_s2_the_address_that_was_checked_is_the_one_dialled_and_names_are_asked_once(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    names, dialled, errors = resolved(monkeypatch, [PUBLIC], ["127.0.0.1"])

    assert dialled == [PUBLIC]
    assert errors == ["unreachable", "refused"]
    assert len(names) == 2


@pytest.mark.parametrize("answer", [[PUBLIC, "127.0.0.1"], ["10.0.0.1", PUBLIC], []], ids=["last", "first", "no name"])
def test_s2_one_private_address_among_the_answers_or_none_at_all_refuses_the_name(
    monkeypatch: pytest.MonkeyPatch, answer: list[str]
) -> None:
    _, dialled, errors = resolved(monkeypatch, answer)

    assert dialled == []
    assert errors == ["refused" if answer else "unreachable"]


def test_s1_a_literal_does_not_profit_from_a_name_that_was_allowed_there(origin: Origin) -> None:
    async def work() -> None:
        async with Net(allow_hosts=frozenset({"localhost"}), user_agent="test") as net:
            await net.request("GET", f"http://localhost:{origin.port}/named")
            await net.request("GET", f"{origin.url}/literal")

    with pytest.raises(NetError, match="allow_hosts"):
        asyncio.run(work())
    assert [asked.path for asked in origin.requests] == ["/named"]


def test_s2_the_socket_is_the_last_look_when_no_other_was_taken(monkeypatch: pytest.MonkeyPatch) -> None:
    async def work(canary: Wire) -> None:
        async with Net(allow_hosts=frozenset(), user_agent="test") as net:
            await net.request("GET", f"http://localhost:{canary.port}/")

    monkeypatch.setattr(Guard, "check", lambda *_: None)
    with wired(saying(OK + b"\r\n")) as canary, pytest.raises(NetError, match="not a public address"):
        asyncio.run(work(canary))

    assert canary.heard == []


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_s3_no_redirect_at_any_hop_leads_into_a_private_network(origin: Origin, status: int) -> None:
    here, outcomes = f"http://localhost:{origin.port}", []

    async def poll(net: Net, path: str) -> Driven:
        return await drive(walk(Source("s", here + path), PollState()), net)

    async def work(canary: Wire) -> None:
        forms = [canary.url, f"//127.0.0.1:{canary.port}", f"http://127.1:{canary.port}", f"HTTP://[::1]:{canary.port}"]
        async with Net(allow_hosts=frozenset({f"localhost:{origin.port}"}), user_agent="test") as net:
            for number, target in enumerate(forms * 2):
                last = number % 5
                for hop in range(last):
                    origin.serve(f"/{number}/{hop}", status, headers={"Location": f"/{number}/{hop + 1}"})
                origin.serve(f"/{number}/{last}", status, headers={"Location": f"{target}/x"})
                outcomes.append((await poll(net, f"/{number}/0")).outcome)

    with wired(saying(OK + b"\r\n")) as canary:
        asyncio.run(work(canary))

    assert canary.heard == []
    assert {outcome.kind for outcome in outcomes if isinstance(outcome, Failure)} <= {"refused", "unreachable"}
    assert not [outcome for outcome in outcomes if isinstance(outcome, Fetched)]


# --- bodies ----------------------------------------------------------------------------------------------

_AUDITED = """
import json, sys
from reading import NOW, SOURCE
from feedwatch import readers
from feedwatch.errors import ReadError
from feedwatch.model import Selectors
from msgspec.structs import replace
source = replace(SOURCE, select=Selectors("p"))
def read(body):
    try:
        return repr(readers.read(body.encode(), url=SOURCE.url, headers={}, source=source, now=NOW))
    except ReadError as error:
        return str(error)
for version in ("2.0", "0.91"):
    read(f"<rss version='{version}'><channel><item><title>A</title></item></channel></rss>")
read("<html><p><a href='/x'>x</a>")
touched = []
def hook(event, arguments):
    if event in ("open", "socket.connect", "socket.getaddrinfo", "subprocess.Popen", "os.system"):
        touched.append(f"{event} {arguments[0]!r}")
sys.addaudithook(hook)
said = [read(body) for body in json.load(sys.stdin)]
print(json.dumps([touched, said]))
"""


def audited(*bodies: str) -> tuple[list[str], list[str]]:
    """What a process that reads these bodies opens or connects to, and what it says of each."""
    environ = {**os.environ, "PYTHONPATH": os.pathsep.join([*sys.path, str(Path(__file__).parent)])}
    done = subprocess.run(
        [sys.executable, "-c", _AUDITED],
        input=json.dumps(bodies),
        env=environ,
        capture_output=True,
        text=True,
        timeout=30,
        check=True,
    )
    touched, said = json.loads(done.stdout)
    return touched, said


def test_s8_no_body_is_taken_for_the_name_of_a_file_or_an_address() -> None:
    with wired() as canary:
        touched, _ = audited(
            "/etc/passwd", "file:///etc/passwd", f"{canary.url}/", "<rss>/etc/passwd</rss>", feed(1),
            "feed:" + canary.url,
        )  # fmt: skip

    assert touched == []
    assert canary.heard == []


def test_s9_no_entity_no_dtd_and_no_include_is_read(tmp_path: Path) -> None:
    # Whoever opens a pipe for reading waits for a writer, for ever: not even a parser in C can do it unseen.
    pipe = tmp_path / "canary"
    os.mkfifo(pipe)
    with wired() as canary:
        bodies = []
        for where in (pipe.as_uri(), str(pipe), f"{canary.url}/x"):
            for doctype in (
                f'<!DOCTYPE {{0}} [<!ENTITY c SYSTEM "{where}">]>',
                f'<!DOCTYPE {{0}} [<!ENTITY c PUBLIC "x" "{where}">]>',
                f'<!DOCTYPE {{0}} [<!ENTITY % p SYSTEM "{where}"> %p;]>',
                f'<!DOCTYPE {{0}} SYSTEM "{where}">',
            ):
                bodies += [
                    doctype.format("rss") + feed(1).replace("Entry 1", "&c;"),
                    doctype.format("html") + "<html><p><a href='/x'>&c;</a></html>",
                    doctype.format("svg") + "<svg>&c;</svg>",
                ]
            bodies += [
                f'<?xml-stylesheet href="{where}"?>' + feed(1),
                feed(1).replace("Entry 1", f'<i xmlns="http://www.w3.org/2001/XInclude" href="{where}"/>'),
                f'<html><link rel="stylesheet" href="{where}"><iframe src="{where}"></iframe><p><a href="/x">x</a>',
            ]
        touched, said = audited(*bodies)

    assert touched == []
    assert canary.heard == []
    assert len(said) == len(bodies)


@pytest.mark.parametrize(
    "body",
    [
        '<!DOCTYPE rss [<!ENTITY a "' + "x" * 100_000 + '">]>' + feed(1).replace("Entry 1", "&a;" * 100_000),
        feed(1).replace("<item>", "<item " + " ".join(f'a{n}="x"' for n in range(200_000)) + ">"),
        feed(1).replace("<item>", "<item " + " ".join(f'xmlns:a{n}="x"' for n in range(200_000)) + ">"),
        feed(1).replace("<title>", f"<{'t' * 1_000_000}>x</{'t' * 1_000_000}><title>"),
        feed(1).replace("<title>", f"<author>{'a' * 1_000_000}</author><title>"),
        feed(1).replace("<title>", f"<author>{'a@' * 500_000}</author><title>"),
    ],
    ids=["quadratic blow-up", "attributes", "namespaces", "tag name", "long author", "author of @"],
)
def test_s10_s11_what_explodes_in_a_parser_ends_by_the_deadline_and_the_next_body_is_read(body: str) -> None:
    began = time.monotonic()
    _, fine = read_in_turn(ReaderPool(deadline=3.0), body.encode(), feed(1).encode())

    assert isinstance(fine, Reading)
    assert time.monotonic() - began < 20


def _bomb(gigabytes: int) -> list[bytes]:
    """gzip of that many gigabytes of zeros, in pieces (without its end, which nobody gets to see)."""
    packing = zlib.compressobj(wbits=31)
    start = packing.compress(bytes(64)) + packing.flush(zlib.Z_FULL_FLUSH)
    block = packing.compress(bytes(64_000_000)) + packing.flush(zlib.Z_FULL_FLUSH)
    return [start, *[block] * (gigabytes * 1000 // 64)]


@pytest.mark.parametrize("status", ["200 OK", "302 Found\r\nLocation: /", "404 Not here", "503 Busy"])
def test_s12_f32_ten_gigabytes_of_zeros_stop_at_the_limit_whatever_the_status(status: str) -> None:
    head = f"HTTP/1.1 {status}\r\nContent-Encoding: gzip\r\n\r\n".encode()
    with wired(saying(head, *_bomb(10))) as wire:
        said, grown = measured(wire.url)

    assert said == "too-large"
    assert grown < 26  # the pieces up to the limit and the same joined, with some room


def test_s12_a_bomb_in_a_receivers_answer_is_cut_after_four_kilobytes() -> None:
    async def work(wire: Wire) -> Response:
        async with Net(allow_hosts=frozenset({"127.0.0.1"}), user_agent="test") as net:
            return await net.request("POST", wire.url, body=b"{}", max_body=4096, cut=True)

    with wired(saying(OK + b"Content-Encoding: gzip\r\n\r\n", *_bomb(1))) as wire:
        answer = asyncio.run(work(wire))

    assert (answer.status, len(answer.body)) == (200, 4096)

"""Attacks by sources, origins and readers, each against the real parts, with a canary that must not be touched."""

from __future__ import annotations

import asyncio
import json
import os
import re
import socket
import ssl
import subprocess
import sys
import time
import zlib
from datetime import UTC, datetime, timedelta
from html import escape
from pathlib import Path
from typing import Any

import pytest
import trustme
from origin import Origin
from test_faults import OK, measured, read_in_turn
from wire import Wire, saying, wired
from workbench import Bench

from feedwatch import config as configuration
from feedwatch.guard import Guard
from feedwatch.health import Observed
from feedwatch.model import Failure, Fetched, PollState, Reading, Response, Source
from feedwatch.net import Net, NetError
from feedwatch.poller.fetch import Driven, drive
from feedwatch.poller.walk import walk
from feedwatch.web import serving
from feedwatch.workers import ReaderPool

NOW = datetime(2024, 11, 1, tzinfo=UTC)
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
        (tmp_path / "feed.xml").write_text(_feed(1))
        bench.run("poll", code=1)
        (tmp_path / "feed.xml").write_text(_feed(2, 1))
        bench.run("poll", code=1)
        reached = {heard.split(b" ")[1] if heard else b"" for heard in canary.heard}

    assert reached == (WAYS if allowed else set())


def _feed(*numbers: int) -> str:
    items = "".join(f"<item><guid>tag:x,{n}</guid><title>Entry {n}</title></item>" for n in numbers)
    return f"<rss version='2.0'><channel>{items}</channel></rss>"


class Watched(Net):
    """Notes what passed the guard, and dials nothing."""

    def __init__(self) -> None:
        super().__init__(allow_hosts=frozenset(), user_agent="test")
        self.dialled: list[str] = []

    def _socket(self, dialled: tuple[Any, ...]) -> socket.socket:
        super()._socket(dialled).close()
        self.dialled.append(dialled[4][0])
        raise ConnectionRefusedError("nothing is dialled in a test")


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

    async def work() -> list[str]:
        async with Watched() as net:
            assert isinstance(net, Watched)
            for _ in answers:
                with pytest.raises(NetError) as error:
                    await net.request("GET", "http://rebind.example/")
                errors.append(error.value.kind)
            return net.dialled

    dialled = asyncio.run(work())
    return names, dialled, errors


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
from test_faults import NOW, SOURCE
from feedwatch import readers
from feedwatch.errors import ReadError
from feedwatch.model import Selectors
from dataclasses import replace
source = replace(SOURCE, select=Selectors("p"))
def read(body):
    try:
        return repr(readers.read(body.encode(), url=SOURCE.url, headers={}, source=source, now=NOW))
    except ReadError as error:
        return str(error)
read("<rss version='2.0'><channel><item><title>A</title></item></channel></rss>"), read("<html><p><a href='/x'>x</a>")
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
            "/etc/passwd", "file:///etc/passwd", f"{canary.url}/", "<rss>/etc/passwd</rss>", _feed(1),
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
                    doctype.format("rss") + _feed(1).replace("Entry 1", "&c;"),
                    doctype.format("html") + "<html><p><a href='/x'>&c;</a></html>",
                    doctype.format("svg") + "<svg>&c;</svg>",
                ]
            bodies += [
                f'<?xml-stylesheet href="{where}"?>' + _feed(1),
                _feed(1).replace("Entry 1", f'<i xmlns="http://www.w3.org/2001/XInclude" href="{where}"/>'),
                f'<html><link rel="stylesheet" href="{where}"><iframe src="{where}"></iframe><p><a href="/x">x</a>',
            ]
        touched, said = audited(*bodies)

    assert touched == []
    assert canary.heard == []
    assert len(said) == len(bodies)


@pytest.mark.parametrize(
    "body",
    [
        '<!DOCTYPE rss [<!ENTITY a "' + "x" * 100_000 + '">]>' + _feed(1).replace("Entry 1", "&a;" * 100_000),
        _feed(1).replace("<item>", "<item " + " ".join(f'a{n}="x"' for n in range(200_000)) + ">"),
        _feed(1).replace("<item>", "<item " + " ".join(f'xmlns:a{n}="x"' for n in range(200_000)) + ">"),
        _feed(1).replace("<title>", f"<{'t' * 1_000_000}>x</{'t' * 1_000_000}><title>"),
        _feed(1).replace("<title>", f"<author>{'a' * 1_000_000}</author><title>"),
        _feed(1).replace("<title>", f"<author>{'a@' * 500_000}</author><title>"),
    ],
    ids=["quadratic blow-up", "attributes", "namespaces", "tag name", "long author", "author of @"],
)
def test_s10_s11_what_explodes_in_a_parser_ends_by_the_deadline_and_the_next_body_is_read(body: str) -> None:
    began = time.monotonic()
    _, fine = read_in_turn(ReaderPool(deadline=3.0), body.encode(), _feed(1).encode())

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


# --- what is written and served --------------------------------------------------------------------------

NAMES = [
    "../x", "../../../../tmp/x", "a/b", "a\\b", ".", "..", "CON", "nul", "x" * 300, "\u202egpj.atom", "%2e%2e%2f",
    "Straße", "STRASSE", "a\x00b", "/etc/passwd", "~root", "-rf", "*", "all", "index.html",
]  # fmt: skip


def test_s17_no_name_leaves_the_public_folder_and_no_link_in_it_is_followed(tmp_path: Path) -> None:
    bench = Bench(tmp_path / "bench")
    feeds, victim = bench.public / "feeds", tmp_path / "victim"
    feeds.mkdir(parents=True)
    victim.write_text("mine")
    (feeds / "all.atom").symlink_to(victim)
    tags = "".join(f"<category>{escape(name)}</category>" for name in NAMES)
    (bench.folder / "feed.xml").write_text(_feed(1).replace("<title>", f"{tags}<title>"))
    bench.config('[[source]]\nid = "feed"\nurl = "feed.xml"\n')

    bench.run("poll")

    assert victim.read_text() == "mine"
    assert not (feeds / "all.atom").is_symlink()
    names = [path.relative_to(bench.public).as_posix() for path in bench.public.rglob("*") if path.is_file()]
    assert len(names) > len(NAMES) - 5
    assert [
        n for n in names if not re.fullmatch(r"((feeds|sources)/[a-z0-9-]{1,64}\.atom|feeds\.opml|index\.html)", n)
    ] == []
    assert sorted(path.name for path in tmp_path.iterdir()) == ["bench", "victim"]


def served(public: Path, *requests: bytes) -> list[bytes]:
    """What a running server answers to these bytes, each on a connection of its own."""

    async def observe() -> Observed:
        return Observed(at=NOW, ticked=NOW, sources={})

    async def ask(port: int, request: bytes) -> bytes:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(request + b"\r\nHost: x\r\nConnection: close\r\n\r\n")
        answer = await asyncio.wait_for(reader.read(), 10)
        writer.close()
        return answer

    async def work() -> list[bytes]:
        async with serving(public, ("127.0.0.1", 0), observe) as (_, port):
            return [await ask(port, request) for request in requests]

    return asyncio.run(work())


def test_s17_s22_whatever_is_asked_for_nothing_outside_is_served_nothing_reflected_and_nobody_sent_elsewhere(
    tmp_path: Path,
) -> None:
    public = tmp_path / "public"
    (public / "feeds").mkdir(parents=True)
    (public / "index.html").write_text("index")
    (tmp_path / "secret").write_text("s3cret")
    (public / "feeds" / "link.atom").symlink_to(tmp_path / "secret")
    paths = [
        "/../secret", "/%2e%2e/secret", "/..%2fsecret", "/..%5csecret", "//secret", "/feeds/../../secret", "/feeds",
        "/feeds/link.atom", "/%00", "/<script>x</script>", "/healthz/<script>x</script>", "//evil.example/",
        "/" + "a" * 5000,
    ]  # fmt: skip

    for answer in served(public, *(f"GET {path} HTTP/1.1".encode() for path in paths)):
        head, _, body = answer.partition(b"\r\n\r\n")
        assert int(head.split(b" ")[1]) in (400, 404), answer
        assert b"s3cret" not in body
        assert b"<script>" not in body
        assert b"location:" not in head.lower()
        assert b"content-type: text/plain" in head.lower()
        if b" 404 " in head:
            assert b"x-content-type-options: nosniff" in head
            assert b"default-src 'none'" in head


def test_s21_the_default_listens_to_this_machine_only_and_forged_headers_change_nothing(tmp_path: Path) -> None:
    parsed = configuration.parse('[[source]]\nid = "a"\nurl = "https://a.example/"\n', Path("/c.toml"), {})
    assert parsed.listen is not None
    assert parsed.listen[0] == "127.0.0.1"
    forged = b"\r\nX-Forwarded-For: 8.8.8.8\r\nForwarded: for=8.8.8.8;proto=https\r\nX-Forwarded-Host: evil.example"

    for method in (b"GET", b"POST", b"DELETE", b"PATCH", b"OPTIONS", b"TRACE"):
        for path in (b"/", b"/healthz", b"/metrics", b"/feeds.opml"):
            plain, told = served(
                tmp_path, method + b" " + path + b" HTTP/1.1", method + b" " + path + b" HTTP/1.1" + forged
            )
            assert plain.split(b"\r\n")[0] == told.split(b"\r\n")[0]
            assert plain.partition(b"\r\n\r\n")[2] == told.partition(b"\r\n\r\n")[2]
            assert (b" 405 " in plain.split(b"\r\n")[0]) == (method != b"GET")


# --- TLS -------------------------------------------------------------------------------------------------

_SECURE = """
import asyncio, sys
from feedwatch.net import Net, NetError
async def work():
    async with Net(allow_hosts=frozenset({"localhost"}), user_agent="t") as net:
        try:
            print((await net.request("GET", sys.argv[1])).status)
        except NetError as error:
            print(error)
asyncio.run(work())
"""


@pytest.mark.parametrize("flaw", [None, "self-signed", "expired", "wrong host"])
def test_s23_only_a_certificate_that_is_trusted_valid_and_for_this_host_is_taken(
    tmp_path: Path, flaw: str | None
) -> None:
    authority = trustme.CA()
    signer = trustme.CA() if flaw == "self-signed" else authority
    until = datetime.now(UTC) + timedelta(days=-1 if flaw == "expired" else 1)
    certificate = signer.issue_cert("other.example" if flaw == "wrong host" else "localhost", not_after=until)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    certificate.configure_cert(context)
    authority.cert_pem.write_to_path(tmp_path / "ca.pem")

    def secure(connection: socket.socket, wire: Wire) -> None:
        with context.wrap_socket(connection, server_side=True) as encrypted:
            encrypted.recv(65536)
            encrypted.sendall(OK + b"Content-Length: 0\r\n\r\n")

    with wired(secure, first=False) as wire:
        environ = {**os.environ, "SSL_CERT_FILE": str(tmp_path / "ca.pem")}
        url = f"https://localhost:{wire.port}/"
        done = subprocess.run(
            [sys.executable, "-c", _SECURE, url], env=environ, capture_output=True, text=True, check=True
        )

    assert done.stdout.strip() == "200" if flaw is None else "certificate" in done.stdout

"""Attacks on what is written and served, and by who pretends to be an origin."""

from __future__ import annotations

import asyncio
import os
import re
import socket
import ssl
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from html import escape
from pathlib import Path

import pytest
import trustme
from reading import NOW, feed
from wire import OK, Wire, wired
from workbench import Bench

from feedwatch import config as configuration
from feedwatch.health import Observed
from feedwatch.web import serving

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
    (bench.folder / "feed.xml").write_text(feed(1).replace("<title>", f"{tags}<title>"))
    bench.config('[[source]]\nid = "feed"\nurl = "feed.xml"\n')

    bench.run("poll")

    assert victim.read_text() == "mine"
    assert not (feeds / "all.atom").is_symlink()
    names = [path.relative_to(bench.public).as_posix() for path in bench.public.rglob("*") if path.is_file()]
    assert len(names) > len(NAMES) - 5
    ours = r"(feeds|sources)/[a-z0-9-]{1,64}\.(atom|json)|feeds\.opml|index\.html|feed\.css"
    assert [n for n in names if not re.fullmatch(ours, n)] == []
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

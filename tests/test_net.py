"""The door to the network: guarded, bounded, and nothing it cannot explain."""

from __future__ import annotations

import asyncio
import gzip
import ipaddress
import zlib

import pytest
from origin import Origin

from feedwatch.errors import Refused
from feedwatch.guard import Guard, is_public
from feedwatch.model import Response
from feedwatch.net import Net, NetError

ALLOW = frozenset({"127.0.0.1"})

#: Addresses that no source and no receiver may be at.
REFUSED = [
    "0.0.0.0", "10.1.2.3", "100.64.0.1", "127.0.0.1", "127.1.2.3", "169.254.169.254", "172.16.0.1", "172.31.255.255",
    "192.0.0.1", "192.0.0.192", "192.0.2.1", "192.88.99.1", "192.168.1.1", "198.18.0.1", "198.51.100.1", "203.0.113.1",
    "224.0.0.1", "239.1.1.1", "240.0.0.1", "255.255.255.255",
    "::", "::1", "::ffff:127.0.0.1", "::ffff:10.0.0.1", "::127.0.0.1", "::7f00:1", "64:ff9b::7f00:1",
    "64:ff9b:1::7f00:1", "100::1", "2001::1", "2001:db8::1", "2002:7f00:1::", "2002:a00:1::1", "3fff::1", "5f00::1",
    "fc00::1", "fd12::1", "fe80::1", "fec0::1", "ff02::1",
]  # fmt: skip
PUBLIC = ["1.1.1.1", "93.184.216.34", "2606:4700::1111", "::ffff:1.1.1.1", "64:ff9b::101:101", "2002:101:101::1"]


@pytest.mark.parametrize("address", REFUSED)
def test_s1_addresses_that_are_not_public_are_known(address: str) -> None:
    assert not is_public(ipaddress.ip_address(address))


@pytest.mark.parametrize("address", PUBLIC)
def test_s1_public_addresses_are_known(address: str) -> None:
    assert is_public(ipaddress.ip_address(address))


def get(url: str, *, allow: frozenset[str] = ALLOW, max_body: int = 1_000_000, deadline: float = 10.0) -> Response:
    async def work() -> Response:
        async with Net(allow_hosts=allow, user_agent="test") as net:
            return await net.request("GET", url, max_body=max_body, deadline=deadline)

    return asyncio.run(work())


HOSTS = ["127.0.0.1", "localhost", "0x7f.1", "0x7f000001", "2130706433", "127.1", "[::ffff:127.0.0.1]", "0177.0.0.1"]


@pytest.mark.parametrize("host", HOSTS)
def test_s1_no_spelling_of_loopback_is_reached(origin: Origin, host: str) -> None:
    with pytest.raises(NetError) as error:
        get(f"http://{host}:{origin.port}/", allow=frozenset())

    assert error.value.kind in ("refused", "unreachable")
    assert origin.requests == []


@pytest.mark.parametrize("allowed", ["127.0.0.1", "127.0.0.1:{port}"])
def test_s1_an_allowed_host_is_reached(origin: Origin, allowed: str) -> None:
    origin.serve("/a", body=b"hello")

    assert get(f"{origin.url}/a", allow=frozenset({allowed.format(port=origin.port)})).body == b"hello"


def test_s1_allowing_a_host_allows_no_other_name_of_its_address(origin: Origin) -> None:
    for host, allow in (("localhost", "127.0.0.1"), ("127.0.0.1", "localhost"), ("127.0.0.1", "127.0.0.1:1")):
        with pytest.raises(NetError, match="allow_hosts"):
            get(f"http://{host}:{origin.port}/", allow=frozenset({allow}))
    assert origin.requests == []


@pytest.mark.parametrize(
    "url",
    [
        "ftp://example.org/", "file:///etc/passwd", "gopher://example.org/", "http://user:pw@example.org/",
        "http://127.0.0.1:80\\@example.org/", "http://exa mple.org/", "http://example.org/\r\nX: y", "http:///path",
        "http://127.0.0.1:9/a\\b", "http://127.0.0.1:9/a\tb", "http://[::1/", "//example.org/", "http://a%2fb/",
        "http://example.org:99999/", "http://example.org:0/",
    ],
)  # fmt: skip
def test_s4_urls_that_two_parsers_could_read_in_two_ways_are_refused(url: str) -> None:
    with pytest.raises(NetError) as error:
        get(url)

    assert error.value.kind == "refused"


@pytest.mark.parametrize("coding", ["gzip", "x-gzip", "deflate", "raw-deflate", ""])
def test_bodies_are_decoded(origin: Origin, coding: str) -> None:
    raw = zlib.compressobj(wbits=-15)
    body = {
        "gzip": gzip.compress(b"hello"),
        "x-gzip": gzip.compress(b"hello"),
        "deflate": zlib.compress(b"hello"),
        "raw-deflate": raw.compress(b"hello") + raw.flush(),
        "": b"hello",
    }[coding]
    origin.serve("/a", body=body, headers={"Content-Encoding": coding.removeprefix("raw-")} if coding else {})

    assert get(f"{origin.url}/a").body == b"hello"


def test_s12_f32_a_bomb_stops_at_the_limit(origin: Origin) -> None:
    origin.serve("/bomb", body=gzip.compress(b"\0" * 100_000_000), headers={"Content-Encoding": "gzip"})

    with pytest.raises(NetError) as error:
        get(f"{origin.url}/bomb")

    assert error.value.kind == "too-large"


@pytest.mark.parametrize("coding", ["compress", "gzip, gzip", "nonsense"])
def test_s12_an_encoding_nobody_asked_for_is_an_error_and_no_garbage(origin: Origin, coding: str) -> None:
    origin.serve("/a", body=b"x", headers={"Content-Encoding": coding})

    with pytest.raises(NetError, match="encoding"):
        get(f"{origin.url}/a")


@pytest.mark.parametrize(
    "raw",
    [
        b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nshort",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello",
        b"HTTP/1.1 200 OK\r\nContent-Len",
        b"",
        b"not http at all\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: 5\r\n\r\nhello",
        b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: 25\r\n\r\n"
        + gzip.compress(b"hello " * 100, mtime=0)[:25],
    ],
    ids=["short", "chunk cut", "head cut", "nothing", "no http", "no gzip", "gzip cut"],
)
def test_f15_half_an_answer_is_no_answer(origin: Origin, raw: bytes) -> None:
    origin.serve_raw("/a", raw)

    with pytest.raises(NetError) as error:
        get(f"{origin.url}/a")

    assert error.value.kind == "unreachable"
    assert "\n" not in str(error.value)


def test_f14_a_dead_host_and_an_unknown_name_are_told_apart() -> None:
    with pytest.raises(NetError, match="no connection"):
        get("http://127.0.0.1:9/")
    with pytest.raises(NetError, match="cannot be resolved"):
        get("http://no-such-host.invalid/")


def test_headers_go_and_come_back_byte_for_byte(origin: Origin) -> None:
    origin.serve("/a", headers={"ETag": 'W/"a,b"', "X-Latin": "caf\u00e9"})

    response = get(f"{origin.url}/a")

    assert response.headers["etag"] == 'W/"a,b"'
    assert response.headers["x-latin"] == "caf\u00e9"
    asked = origin.requests[0].headers
    assert asked["user-agent"] == "test"
    assert asked["accept-encoding"] == "gzip, deflate, br, zstd"
    assert "cookie" not in asked


# --- what receivers may be at -----------------------------------------------------------------------------


@pytest.mark.parametrize(
    "address",
    ["169.254.169.254", "fe80::1", "::ffff:169.254.169.254", "64:ff9b::a9fe:a9fe", "fd00:ec2::254", "100.100.100.200"],
)
def test_s6_a_route_that_may_be_private_is_never_link_local_nor_a_metadata_service(address: str) -> None:
    guard = Guard(frozenset(), frozenset({"hooks.internal", address}))

    for host in ("hooks.internal", address):
        with pytest.raises(Refused, match="metadata"):
            guard.check(host, address, 80)
    with pytest.raises(Refused):
        guard.check_dialled(address, 80)


@pytest.mark.parametrize("address", ["10.1.2.3", "192.168.0.9", "127.0.0.1", "fd12::1"])
def test_s6_a_route_that_may_be_private_reaches_its_own_host_and_no_other(address: str) -> None:
    guard = Guard(frozenset(), frozenset({"hooks.internal:8080"}))

    guard.check("hooks.internal", address, 8080)
    guard.check_dialled(address, 8080)
    for host, port in (("hooks.internal", 80), ("other.internal", 8080)):
        with pytest.raises(Refused):
            guard.check(host, address, port)


def test_s6_a_name_that_is_allowed_for_sources_does_not_lead_to_a_metadata_service() -> None:
    guard = Guard(frozenset({"intranet.example", "169.254.169.254"}))

    guard.check("intranet.example", "10.0.0.1", 80)
    guard.check("169.254.169.254", "169.254.169.254", 80)  # written out, so it is meant
    with pytest.raises(Refused):
        guard.check("intranet.example", "169.254.10.1", 80)


def test_s6_an_smtp_server_on_loopback_is_refused_unless_it_is_allowed(origin: Origin) -> None:
    async def dial(*private: str) -> None:
        async with Net(allow_hosts=frozenset(), user_agent="t", private_hosts=frozenset(private)) as net:
            (await net.dial("localhost", origin.port)).close()

    with pytest.raises(NetError, match="not a public address"):
        asyncio.run(dial())
    asyncio.run(dial(f"localhost:{origin.port}"))

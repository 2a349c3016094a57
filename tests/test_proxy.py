"""A proxy may be anywhere; what is asked for through it may not."""

from __future__ import annotations

import asyncio
import base64
from pathlib import Path

import pytest
from origin import Origin
from workbench import Bench

from feedwatch.model import Response
from feedwatch.net import Net, NetError

FEED = b"<rss version='2.0'><channel><title>T</title><item><guid>a</guid><title>Entry</title></item></channel></rss>"
#: A name that no resolver but the proxy's own could know (RFC 6761).
ELSEWHERE = "http://blog.invalid/feed"


def through(origin: Origin, url: str, login: str = "") -> Response:
    async def work() -> Response:
        async with Net(allow_hosts=frozenset(), user_agent="test") as net:
            return await net.request("GET", url, proxy=f"http://{login}127.0.0.1:{origin.port}")

    return asyncio.run(work())


def test_s7_a_proxy_on_a_private_address_is_used_and_gets_its_own_login_only(origin: Origin) -> None:
    origin.serve(ELSEWHERE, body=FEED)

    assert through(origin, ELSEWHERE, "me:secret@").body == FEED
    expected = "Basic " + base64.b64encode(b"me:secret").decode()
    assert origin.requests[0].headers["proxy-authorization"] == expected
    assert "authorization" not in origin.requests[0].headers


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "10.1.2.3", "[::1]", "169.254.169.254"])
def test_s7_what_is_asked_for_through_a_proxy_must_be_public(origin: Origin, host: str) -> None:
    with pytest.raises(NetError) as error:
        through(origin, f"http://{host}:{origin.port}/")

    assert error.value.kind == "refused"
    assert origin.requests == []


def test_s7_the_environment_names_no_proxy(tmp_path: Path, origin: Origin) -> None:
    bench = Bench(tmp_path, {"http_proxy": origin.url, "HTTP_PROXY": origin.url, "ALL_PROXY": origin.url})
    bench.config(f'[[source]]\nid = "blog"\nurl = "{ELSEWHERE}"\n')

    assert "cannot be resolved" in bench.json("poll", code=1)["sources"][0]["error"]
    assert origin.requests == []


def test_a_source_is_polled_through_its_proxy(tmp_path: Path, origin: Origin) -> None:
    origin.serve(ELSEWHERE, body=FEED)
    bench = Bench(tmp_path, {"PROXY_LOGIN": "me:hidden-word"})
    proxy = f"http://${{PROXY_LOGIN}}@127.0.0.1:{origin.port}"
    bench.config(f'[[source]]\nid = "blog"\nurl = "{ELSEWHERE}"\nproxy = "{proxy}"\n')

    done = bench.run("-vv", "poll", "--json")

    assert '"status": "ok"' in done.stdout
    assert "hidden-word" not in done.stdout + done.stderr

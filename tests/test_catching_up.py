"""After the service was down for days, what happened meanwhile is one message."""

from __future__ import annotations

import json
from datetime import timedelta
from pathlib import Path

from msgspec.structs import replace
from origin import Origin
from workbench import Bench

from feedwatch import config
from feedwatch.opening import now, open_store


def rss(*numbers: int, name: str) -> bytes:
    items = "".join(f"<item><title>{name} {n}</title><link>/{name}/{n}</link></item>" for n in numbers)
    return f"<rss version='2.0'><channel><title>B</title>{items}</channel></rss>".encode()


def test_down_time_ends_in_one_message_for_each_alert(tmp_path: Path, origin: Origin) -> None:
    origin.serve("/hook")
    bench = Bench(tmp_path)
    sources = "".join(f'[[source]]\nid = "{name}"\nurl = "{origin.url}/{name}"\n' for name in ("a", "b"))
    bench.config(
        f'[network]\nallow_hosts = ["127.0.0.1"]\nper_host_pause = "0s"\n{sources}'
        f'[[alert]]\nid = "hook"\nwebhook = "{origin.url}/hook"\n'
    )
    for name in ("a", "b"):
        origin.serve(f"/{name}", body=rss(1, name=name))
    bench.run("poll")
    store = open_store(config.load(tmp_path / "config.toml", {}), bench.state, now)
    for name in ("a", "b"):
        state = store.state(name)
        assert state.last_poll is not None
        store.remember(name, replace(state, last_poll=state.last_poll - timedelta(days=9)))
    store.close()
    for name in ("a", "b"):
        origin.serve(f"/{name}", body=rss(2, 1, name=name))

    bench.run("poll")

    (told,) = [json.loads(request.body) for request in origin.requests if request.path == "/hook"]
    assert (told["type"], told["data"]["reason"], told["data"]["count"]) == ("digest", "catch-up", 2)
    assert "did not run" in told["data"]["detail"]

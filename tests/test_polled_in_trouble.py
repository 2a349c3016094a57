"""Polls while the store fails: each says of itself what came of it, and nothing vouches for what was lost."""

from __future__ import annotations

import asyncio
import errno
import threading
from pathlib import Path

import pytest
from make import NOW
from origin import Origin, serving
from publisher import Inline, feed

from feedwatch import config as configuration
from feedwatch import failpoints, storethread
from feedwatch.app import App, open_app
from feedwatch.model import Fetched, NotModified, PollState, Source, SourceReport, Validators
from feedwatch.poller.fetch import Driven
from feedwatch.store import Store

CONFIG = """
[network]
allow_hosts = ["127.0.0.1"]
per_host_pause = "0s"
per_host = 2
[[source]]
id = "blog"
url = "{url}/blog"
[[source]]
id = "diary"
url = "{url}/diary"
"""


def _broken(name: str) -> None:
    raise OSError(errno.EIO, f"the disk failed at {name}")


async def waiting(app: App, number: int) -> None:
    """Until so many calls wait for the store's thread."""
    while len(app.store._calls) != number:  # noqa: ASYNC110  (nobody is told of that)
        await asyncio.sleep(0.001)


async def polled_together(app: App, step: int) -> list[SourceReport]:
    """Both sources, the second one's last call to the store together with the commit of the first, while the disk fails
    at the `step`-th step of that."""
    go_on = threading.Event()
    held = asyncio.ensure_future(app.store.run(lambda _: go_on.wait()))
    await waiting(app, 0)
    polls = []
    for source in app.config.sources:
        polls.append(asyncio.ensure_future(app.pipeline.poll(source)))
        await waiting(app, len(polls))
    failpoints.arm(step, _broken)
    go_on.set()
    await held
    try:
        return list(await asyncio.gather(*polls))
    finally:
        failpoints.arm(0, _broken)


async def published(origin: Origin, folder: Path, step: int) -> tuple[list[SourceReport], SourceReport]:
    """The first source has a new entry, the second one says what it said."""
    config = configuration.load(folder / "config.toml", {})
    origin.serve("/blog", body=feed(1))
    origin.serve("/diary", body=feed(1))
    async with open_app(config, folder / "state", clock=lambda: NOW, reader=Inline()) as app:
        for source in config.sources:
            await app.pipeline.poll(source)
        origin.serve("/blog", body=feed(2))
        reports = await polled_together(app, step)
        return reports, await app.pipeline.poll(config.sources[0])


def test_a_poll_whose_commit_fails_takes_no_other_with_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(storethread, "_TOGETHER", 60.0)
    monkeypatch.setattr(storethread, "_DURABLE", 60.0)
    failures = 0
    with serving() as origin:
        for step in range(1, 100):
            folder = tmp_path / str(step)
            folder.mkdir()
            (folder / "config.toml").write_text(CONFIG.format(url=origin.url))
            (blog, diary), again = asyncio.run(published(origin, folder, step))
            assert diary.status == "unchanged"
            if blog.status == "ok":
                break
            failures += 1
            assert "the disk failed" in (blog.error or "")
            assert not blog.changes
            # It may have been stored before it failed to become durable.
            assert [change.key for change in again.changes] in ([], ["tag:x,2"])
            assert again.entries == 2
    assert failures > 5


class Turning:
    """Two answers with bodies, and then 304; the last one comes after the file of the source was damaged."""

    def __init__(self, state: Path) -> None:
        self.state = state
        self.app: App | None = None
        self.asked = 0

    async def poll(self, source: Source, state: PollState) -> Driven:
        self.asked += 1
        validators = Validators(etag=f'"{self.asked}"')
        if self.asked < 3:
            return Driven(Fetched(source.url, 200, {}, feed(self.asked), validators=validators))
        assert self.app is not None
        await self.app.store.run(self.damage)
        return Driven(NotModified(304, validators, source.url))

    def damage(self, store: Store) -> None:
        (self.state / "sources" / "blog.json").write_bytes(b"damaged")
        for number in range(30):  # so many that it is read again
            store.known(f"other-{number}")
        assert len(store.known("blog").entries) == 1, "it is back at the generation before"

    async def further(self, *_: object) -> Driven:
        raise NotImplementedError


def test_what_was_lost_while_its_source_was_asked_is_vouched_for_by_no_answer(tmp_path: Path) -> None:
    (tmp_path / "config.toml").write_text('[[source]]\nid = "blog"\nurl = "https://blog.example.org/feed"\n')
    config = configuration.load(tmp_path / "config.toml", {})
    poller = Turning(tmp_path / "state")

    async def work() -> PollState:
        async with open_app(config, poller.state, clock=lambda: NOW, reader=Inline(), poller=poller) as poller.app:
            for _ in range(3):
                await poller.app.pipeline.poll(config.sources[0])
            return poller.app.store.state("blog")

    state = asyncio.run(work())

    assert state.status == "unchanged"
    assert (state.validators, state.body_digest) == ({}, None)

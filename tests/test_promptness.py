"""The service does not let one thing wait for another: alerts for feeds, sources for one that does not answer."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TypeVar

from simulated import simulate

from feedwatch import config as configuration
from feedwatch.app import App, open_app
from feedwatch.canonical import entry_id
from feedwatch.model import NO_VALIDATORS, Entry, Failure, Fetched, PollState, Reading, Source, Validators
from feedwatch.poller.fetch import Driven
from feedwatch.service import Service

START = datetime(2024, 11, 1, tzinfo=UTC)
T = TypeVar("T")
#: Nobody may connect there, so that each attempt to send is over at once.
REFUSED = "http://127.0.0.1:9/"


@dataclass
class Wire:
    """Sources that answer after so many seconds, with an entry more each time; or never."""

    seconds: dict[str, float]
    polls: Counter[str] = field(default_factory=Counter)

    async def poll(self, source: Source, state: PollState) -> Driven:
        self.polls[source.id] += 1
        await asyncio.sleep(self.seconds[source.id])
        if self.seconds[source.id] >= 30:
            return Driven(Failure("timeout", "no whole answer within 30 seconds"), requests=1)
        return Driven(Fetched(source.url, 200, {}, f"{source.id} {self.polls[source.id]}".encode()), requests=1)

    async def further(self, source: Source, url: str, validators: Validators = NO_VALIDATORS) -> Driven:
        raise AssertionError("no source here has more than one page")

    async def read(
        self, fetched: Fetched, source: Source, now: datetime, rule: tuple[str, ...] = ()
    ) -> Reading | Failure:
        links = [f"{fetched.url}/{n}" for n in range(self.polls[source.id] + 3)]
        return Reading("feed", tuple(Entry(entry_id(None, link, "T", None), link, link) for link in links))


def served(folder: Path, seconds: dict[str, float], work: Callable[[App, Service], Awaitable[T]]) -> T:
    """What `work` comes to with a service of sources that answer after so many seconds, each with an alert."""
    (folder / "config.toml").write_text(
        "".join(
            f'[[source]]\nid = "{name}"\nurl = "https://{name}.example/feed"\nevery = "1m"\n'
            f'[[alert]]\nid = "{name}"\nwebhook = "{REFUSED}"\nsources = ["{name}"]\n'
            for name in seconds
        )
    )
    config = configuration.load(folder / "config.toml", {})

    async def serve() -> T:
        loop = asyncio.get_running_loop()

        def clock() -> datetime:
            return START + timedelta(seconds=loop.time())

        wire = Wire(seconds)
        async with open_app(config, folder / "state", clock=clock, reader=wire, poller=wire) as app:
            service = Service(app)
            found = await work(app, service)
            await service.stop()
        return found

    return simulate(serve())


def test_an_alert_leaves_when_its_poll_ends_however_lately_feeds_were_written(tmp_path: Path) -> None:
    async def work(app: App, service: Service) -> tuple[int, int]:
        await service.first_round()
        await asyncio.sleep(100)
        await service.tick()
        # The first of them has the feeds written, which are then left alone for a second at least.
        await asyncio.sleep(0.4)
        before = app.pipeline.sent.retrying
        await asyncio.sleep(0.2)
        return before, app.pipeline.sent.retrying

    assert served(tmp_path, {"early": 0.1, "late": 0.5}, work) == (1, 2)


def test_a_source_that_does_not_answer_holds_up_no_other_at_the_start(tmp_path: Path) -> None:
    async def work(app: App, service: Service) -> tuple[list[str], list[str], float, dict[str, int]]:
        reports, written = await service.first_round()
        took = asyncio.get_running_loop().time()
        # Its poll goes on: what comes of it counts, and it is not asked a second time meanwhile.
        for _ in range(25):
            await service.tick()
            await asyncio.sleep(1)
        return [report.id for report in reports], written, took, dict((await service.observe()).polls)

    ids, written, took, polls = served(tmp_path, {"silent": 30, "good": 0.1}, work)

    assert ids == ["good"]
    assert "sources/good.atom" in written
    assert took <= 10
    assert polls == {"ok": 1, "failed": 1}

"""Four simulated hours of the service: whoever misbehaves harms himself only."""

from __future__ import annotations

import asyncio
import resource
from collections import Counter, defaultdict
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from simulated import simulate

from feedwatch import config as configuration
from feedwatch.app import open_app
from feedwatch.canonical import entry_id
from feedwatch.config_build import Config
from feedwatch.model import (
    NO_VALIDATORS,
    Entry,
    Failure,
    Fetched,
    NotModified,
    PollState,
    Reading,
    Source,
    Validators,
)
from feedwatch.poller.fetch import Driven, Hosts
from feedwatch.service import Service

pytestmark = pytest.mark.slow

START = datetime(2024, 11, 1, tzinfo=UTC)
HOURS = 4
#: Seconds between two ticks here, which no poll can be earlier than.
TICK = 2
#: Seconds that a poll may come later than it was due.
ON_TIME = 60.0
#: What a body costs to read, in seconds, and one that is made to be costly.
READ, HOSTILE = 0.02, 20.0


@dataclass
class Wire:
    """What the network and the readers do: as slow, broken and hostile as a source's name says."""

    now: Callable[[], datetime]
    due: dict[str, datetime] = field(default_factory=dict)
    lateness: dict[str, list[float]] = field(default_factory=lambda: defaultdict(list))
    polls: Counter[str] = field(default_factory=Counter)
    hosts: Hosts = field(default_factory=lambda: Hosts(1, 1.0))
    workers: asyncio.Semaphore = field(default_factory=lambda: asyncio.Semaphore(2))

    async def poll(self, source: Source, state: PollState) -> Driven:
        if state.next_poll is not None:
            self.lateness[source.id].append((self.now() - state.next_poll).total_seconds())
        async with self.hosts.slot(source.url):
            self.polls[source.id] += 1
            return Driven(await self._answer(source), requests=1)

    async def further(self, source: Source, url: str, validators: Validators = NO_VALIDATORS) -> Driven:
        raise AssertionError("no source here has more than one page")

    async def _answer(self, source: Source) -> Fetched | NotModified | Failure:
        habit, number = source.id.split("-")[0], self.polls[source.id]
        tag = Validators(f'"{number // 4}"')
        match habit:
            case "slow":
                await asyncio.sleep(30)
                return Failure("timeout", "no whole answer within 30 seconds")
            case "huge":
                await asyncio.sleep(12)
                return Failure("too-large", "the body is larger than 10,000,000 bytes")
            case "dead":
                return Failure("unreachable", "the name cannot be resolved")
            case "flapping" if number % 2:
                return Failure("http", "HTTP 500", 500)
        await asyncio.sleep(0.2)
        if habit == "good" and number % 4 != 1:
            return NotModified(304, tag, source.url)
        return Fetched(source.url, 200, {}, f"{source.id} {number}".encode(), tag)

    async def read(
        self, fetched: Fetched, source: Source, now: datetime, rule: tuple[str, ...] = ()
    ) -> Reading | Failure:
        async with self.workers:
            if source.id.startswith("hostile"):
                await asyncio.sleep(HOSTILE)
                return Failure("reader-timeout", "reading it took longer than 20 seconds")
            await asyncio.sleep(READ)
        links = [f"{fetched.url}/{n}" for n in range(self.polls[source.id] // 4 + 3)]
        return Reading("feed", tuple(Entry(entry_id(None, link, "T", None), "T", link) for link in links))


def _config(folder: Path, sources: dict[str, int], *, every: str) -> Config:
    written = "".join(
        f'[[source]]\nid = "{habit}-{n}"\nurl = "https://{habit}-{n}.example/feed"\nevery = "{every}"\n'
        for habit, count in sources.items()
        for n in range(count)
    )
    (folder / "config.toml").write_text(written)
    return configuration.load(folder / "config.toml", {})


def _run(folder: Path, config: Config, hours: float) -> Wire:
    async def work() -> Wire:
        loop = asyncio.get_running_loop()

        def clock() -> datetime:
            return START + timedelta(seconds=loop.time())

        wire = Wire(clock)
        async with open_app(config, folder / "state", clock=clock, reader=wire, poller=wire) as app:
            service = Service(app)
            while loop.time() < hours * 3600:
                await service.tick()
                await asyncio.sleep(TICK)
            await service.stop()
        return wire

    return simulate(work())


@pytest.mark.timeout(600)
def test_good_sources_are_polled_on_time_among_failing_slow_flapping_huge_and_hostile_ones(tmp_path: Path) -> None:
    bad = {"slow": 60, "dead": 60, "flapping": 60, "huge": 40, "hostile": 30}
    config = _config(tmp_path, {"good": 1000, **bad}, every="15m")

    wire = _run(tmp_path, config, HOURS)

    polls = {name: count for name, count in wire.polls.items() if name.startswith("good")}
    late = [seconds for name in polls for seconds in wire.lateness[name]]
    assert len(polls) == 1000
    assert min(polls.values()) >= HOURS * 4 * 15 // 17
    assert max(late) <= ON_TIME
    assert max(count for name, count in wire.polls.items() if name.startswith(("slow", "dead", "hostile"))) <= 5


@pytest.mark.timeout(600)
def test_f34_ten_thousand_sources_that_are_all_due_are_all_polled_in_flat_memory(tmp_path: Path) -> None:
    config = _config(tmp_path, {"good": 10_000}, every="1h")
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss

    wire = _run(tmp_path, config, 1.4)

    late = [seconds for lateness in wire.lateness.values() for seconds in lateness]
    assert len(wire.polls) == 10_000
    assert sum(seconds > ON_TIME for seconds in late) <= len(late) / 50
    assert min(wire.polls.values()) >= 2
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 250_000

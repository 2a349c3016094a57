"""A simulated publisher on loopback: many hosts, each with its own habits, under a clock that a test moves.

Every host is an address of its own (127.0.1.n), so that what one asks for is not asked for by another. Every request is
kept with the simulated time at which it came.
"""

from __future__ import annotations

import asyncio
import gzip
from collections import defaultdict
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from pathlib import Path

from origin import Answer, Asked, Origin, serving

from feedwatch import config as configuration
from feedwatch import readers
from feedwatch.app import open_app
from feedwatch.errors import ReadError
from feedwatch.model import EPOCH, Failure, Fetched, Reading, Source

START = datetime(2024, 11, 1, 0, 0, 7, tzinfo=UTC)
HOUR, DAY = timedelta(hours=1), timedelta(days=1)


def feed(version: int, head: str = "") -> bytes:
    """An RSS feed in its n-th version: each has one entry more."""
    items = "".join(f"<item><guid>tag:x,{n}</guid><title>Entry {n}</title></item>" for n in range(version, 0, -1))
    return f"<rss version='2.0'><channel><title>T</title>{head}{items}</channel></rss>".encode()


@dataclass(frozen=True)
class Seen:
    at: datetime
    asked: Asked
    answer: Answer


Habit = Callable[["Visit"], Answer]


@dataclass(frozen=True)
class Visit:
    """What a habit knows when it answers: the request, when it comes, and what came before it."""

    at: datetime
    asked: Asked
    before: list[Seen]

    @property
    def day(self) -> int:
        return (self.at - START).days

    def tagged(self, tag: str | None, body: bytes, **headers: str) -> Answer:
        """200 with this tag, or 304 for who has it."""
        more = {name.replace("_", "-"): value for name, value in headers.items()}
        if tag is None:
            return Answer(200, body, more)
        if self.asked.headers.get("if-none-match") == tag:
            return Answer(304, headers={"ETag": tag, **more})
        return Answer(200, body, {"ETag": tag, **more})


@dataclass
class World:
    """The sources, by name; `paths` are further addresses on the same hosts."""

    port: int = 0
    now: datetime = START
    habits: dict[str, Habit] = field(default_factory=dict)
    paths: dict[tuple[str, str], Habit] = field(default_factory=dict)
    lines: dict[str, str] = field(default_factory=dict)
    hosts: dict[str, str] = field(default_factory=dict)
    seen: list[Seen] = field(default_factory=list)
    by_address: dict[tuple[str, str], list[Seen]] = field(default_factory=lambda: defaultdict(list))
    polled: int = 0

    def add(self, name: str, habit: Habit, lines: str = 'every = "1h"', host: str | None = None) -> None:
        """A source `name` at `/name` of its own host, or of the host of another source."""
        self.hosts[name] = self.hosts[host] if host else f"127.0.1.{len(self.hosts) + 1}"
        self.habits[name] = habit
        self.lines[name] = lines

    def url(self, name: str, path: str | None = None) -> str:
        return f"http://{self.hosts[name]}:{self.port}{path or '/' + name}"

    def answer(self, asked: Asked) -> Answer:
        host = asked.headers["host"].split(":")[0]
        here = self.by_address[asked.headers["host"], asked.path]
        habit = self.paths.get((host, asked.path)) or self.habits.get(asked.path.strip("/"))
        answer = habit(Visit(self.now, asked, here)) if habit else Answer(404, b"not here")
        self.seen.append(Seen(self.now, asked, answer))
        here.append(self.seen[-1])
        return answer

    def of(self, name: str, path: str | None = None) -> list[Seen]:
        """What was asked of a source's host at a path (its own by default), in order."""
        return self.by_address[f"{self.hosts[name]}:{self.port}", path or f"/{name}"]

    def config(self) -> str:
        hosts = ", ".join(f'"{host}"' for host in sorted(set(self.hosts.values())))
        sources = "".join(
            f'[[source]]\nid = "{name}"\nurl = "{self.url(name)}"\n{lines}\n' for name, lines in self.lines.items()
        )
        return f'[network]\nallow_hosts = [{hosts}]\nper_host_pause = "0s"\n{sources}'


class Inline:
    """Reads in this process: thirty days are many bodies."""

    async def read(
        self, fetched: Fetched, source: Source, now: datetime, rule: tuple[str, ...] = ()
    ) -> Reading | Failure:
        try:
            return readers.read(
                fetched.body, url=fetched.url, headers=fetched.headers, source=source, now=now, rule=rule
            )
        except ReadError as error:
            return Failure(error.kind, str(error))


async def live(world: World, folder: Path, until: datetime, *, one_round: bool = False) -> None:
    """feedwatch runs from `world.now` until then, opened and closed once; with `one_round` it only does what is due."""
    config = configuration.load(folder / "config.toml", {})
    sources = {source.id: source for source in config.sources}
    async with open_app(config, folder / "state", clock=lambda: world.now, reader=Inline()) as app:
        while world.now < until:
            due = await app.store.run(lambda store: list(store.due(world.now)))
            await asyncio.gather(*(app.pipeline.poll(sources[name]) for name in due))
            world.polled += len(due)
            if due:
                await app.pipeline.publish()
            if one_round:
                return
            following = await app.store.run(
                lambda store: min(
                    (store.state(name).next_poll or EPOCH for name in sources if not store.state(name).gone),
                    default=until,
                )
            )
            world.now = max(min(following, until), world.now + timedelta(seconds=1))


@contextmanager
def publishing(world: World) -> Iterator[Origin]:
    with serving("0.0.0.0") as origin:
        world.port = origin.port
        origin.answer = world.answer  # type: ignore[method-assign]
        yield origin


def packed(visit: Visit, tag: str, body: bytes) -> Answer:
    """As a web server does that packs on the fly: the tag of what is packed is another one."""
    answer = visit.tagged(f'{tag[:-1]}-gzip"', gzip.compress(body, mtime=0))
    answer.headers.update({"Content-Encoding": "gzip", "Vary": "Accept-Encoding"} if answer.status == 200 else {})
    return answer


def http_date(at: datetime) -> str:
    return format_datetime(at, usegmt=True)

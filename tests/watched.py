"""feedwatch over a modelled blog: real HTTP, a real store, real feeds and receivers, and what must hold of them."""

from __future__ import annotations

import asyncio
import errno
import json
import os
import shutil
import tempfile
from collections import Counter, defaultdict
from collections.abc import Callable, Coroutine
from contextlib import ExitStack
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, Literal, TypeVar

from make import NOW
from modelled import Blog, Kind, Model, Told
from origin import Answer, Asked, serving
from publisher import Inline
from test_atom import NAMES, checked

from feedwatch import config as configuration
from feedwatch import failpoints
from feedwatch.app import App, open_app
from feedwatch.canonical import digest
from feedwatch.categories import ALL
from feedwatch.differ.normalise import plain
from feedwatch.errors import NotPublished, StoreError
from feedwatch.generator.publish import Publisher
from feedwatch.model import EPOCH, Change, SourceReport
from feedwatch.store import Claim, Store

T = TypeVar("T")

_CRASHED = 137
_CONFIG = """
[feedwatch]
base_url = "https://feeds.example.org"
[network]
allow_hosts = ["127.0.0.1"]
per_host_pause = "0s"
[outbox]
retry_for = "300d"
[[source]]
id = "blog"
url = "{url}/blog"
{select}
[[alert]]
id = "posts"
webhook = "{url}/posts"
when = ["new", "edited", "withdrawn"]
[[alert]]
id = "everything"
webhook = "{url}/everything"
when = ["new", "edited", "moved", "recategorised", "withdrawn"]
minor_edits = true
[[alert]]
id = "data"
webhook = "{url}/data"
categories = ["data"]
"""
_SELECT = '[source.select]\nentry = "article"\ncategory = "i"\n'
_WANTED: dict[str, Callable[[Told], bool]] = {
    "posts": lambda told: told.kind in ("new", "edited", "withdrawn") and told.size != "minor",
    "everything": lambda told: True,
    "data": lambda told: told.kind in ("new", "edited") and told.size != "minor" and "data" in told.categories,
}
ROUTES = sorted(_WANTED)

Trouble = Literal["none", "down", "silent", "busy", "gone"]


class Receiver:
    """A webhook's receiver, and what it was sent."""

    def __init__(self) -> None:
        self.trouble: Trouble = "none"
        self.bodies: dict[str, set[bytes]] = defaultdict(set)
        #: How often it took each message, and how often so that nobody may have learned of it.
        self.took: Counter[str] = Counter()
        self.took_in_doubt: Counter[str] = Counter()

    def answer(self, asked: Asked, *, in_doubt: bool) -> Answer:
        message = asked.headers["webhook-id"]
        self.bodies[message].add(asked.body)
        match self.trouble:
            case "down":
                return Answer(500)
            case "busy":
                return Answer(429, headers={"Retry-After": "600"})
            case "gone":
                return Answer(410)
            case "silent":
                self.took_in_doubt[message] += 1
                return Answer(raw=b"")
        (self.took_in_doubt if in_doubt else self.took)[message] += 1
        return Answer(204)


class Watched:
    """The blog, what feedwatch makes of it, and the model of what it should make of it."""

    def __init__(self, kind: Kind) -> None:
        self._left = ExitStack()
        self.folder = Path(self._left.enter_context(tempfile.TemporaryDirectory(prefix="feedwatch-machine-")))
        self._origin = self._left.enter_context(serving())
        self._origin.answer = self._answer  # type: ignore[method-assign]
        self._runner = self._left.enter_context(asyncio.Runner())
        self.receivers = {route: Receiver() for route in ROUTES}
        self.blog, self.model = Blog(NOW, kind), Model()
        #: How far the clock of feedwatch is ahead.
        self.skew = timedelta()
        #: What the blog answers, and how often it did.
        self.says = Answer(404)
        self.asked = 0
        #: Whether nobody will know what became of the messages that are sent now.
        self._in_doubt = False
        self._ids: dict[int, str] = {}
        #: Of each post in the feeds: its date of update, and the major edits it had then.
        self._updated: dict[int, tuple[datetime, int]] = {}
        select = _SELECT if kind == "page" else ""
        (self.folder / "config.toml").write_text(_CONFIG.format(url=self._origin.url, select=select))
        self.opens()

    def clock(self) -> datetime:
        return self.blog.now + self.skew

    def _answer(self, asked: Asked) -> Answer:
        route = asked.path.strip("/")
        if route in self.receivers:
            return self.receivers[route].answer(asked, in_doubt=self._in_doubt)
        if route != "blog":
            return Answer(404)
        self.asked += 1
        tag = f'"{digest("body", self.says.body.decode())[:16]}"'
        if self.says.status == 200 and asked.headers.get("if-none-match") == tag:
            return Answer(304, headers={"ETag": tag})
        return Answer(self.says.status, self.says.body, {**self.says.headers, "ETag": tag}, self.says.raw)

    # --- feedwatch ---

    def opens(self) -> None:
        config = configuration.load(self.folder / "config.toml", {})
        self._opened = open_app(config, self.folder / "state", clock=self.clock, reader=Inline())
        self.app: App = self.runs(self._opened.__aenter__())

    def closes(self) -> None:
        self.runs(self._opened.__aexit__(None, None, None))

    def ends(self) -> None:
        self.closes()
        self._left.close()

    def runs(self, work: Coroutine[Any, Any, T]) -> T:
        return self._runner.run(work)

    def asks(self, work: Callable[[Store], T]) -> T:
        return self.runs(self.app.store.run(work))

    def looks(self) -> SourceReport:
        """One poll, as the command does it."""
        return self.runs(_round(self.app))

    def delivers(self) -> None:
        self.runs(self.app.pipeline.deliver())

    def is_killed_at(self, step: int) -> None:
        """A poll in a process that ends right before its `step`-th step, if there is one. Then all is opened anew."""
        self.closes()
        self._in_doubt = True
        child = os.fork()
        if child == 0:
            self._polls_and_dies(step)
        status = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
        assert status in (0, _CRASHED)
        self._in_doubt = False
        self.opens()

    def _polls_and_dies(self, step: int) -> None:
        code = 1
        try:
            failpoints.arm(step, lambda _: os._exit(_CRASHED))
            config = configuration.load(self.folder / "config.toml", {})

            async def work() -> None:
                async with open_app(config, self.folder / "state", clock=self.clock, reader=Inline()) as app:
                    await _round(app)

            asyncio.run(work())
            code = 0
        finally:
            os._exit(code)

    def looks_with_a_full_disk(self, step: int) -> None:
        """One poll; nothing can be written any more from its `step`-th step on."""

        def full(name: str) -> None:
            failpoints.arm(1, full)
            if name.startswith("files."):
                raise OSError(errno.ENOSPC, "No space left on device")

        failpoints.arm(step, full)
        self._in_doubt = True
        try:
            self.looks()
        except (NotPublished, StoreError):
            pass
        finally:
            failpoints.arm(0, lambda _: None)
            self._in_doubt = False

    # --- what must hold ---

    def check(self, *, published: bool) -> None:
        """With `published`, the feeds are up to date as well."""
        differs = self.differs(self.model)
        assert differs is None, differs
        self._check_deliveries()
        if published:
            self._check_feeds()

    def differs(self, model: Model) -> str | None:
        """How what is stored differs from what a model knows."""
        told = Counter(map(_told, self._changes().values()))
        expected = Counter(model.told)
        for one in list((told - expected).elements()):
            if one.kind == "withdrawn" and one.number in model.doubtful:
                model.told.append(model.withdrawn(one.number))
                expected[model.told[-1]] += 1
        if told != expected:
            return f"it told {dict(told - expected)} too much, and did not tell {dict(expected - told)}"
        known = self.asks(lambda store: store.known("blog"))
        entries = {_number(row.entry.title): row.entry for row in known.entries.values()}
        if len(entries) != len(known.entries):
            return f"it has posts twice: {sorted(known.entries)}"
        stored = {
            number: (entry.title, entry.link, [category.term for category in entry.categories], plain(entry.summary))
            for number, entry in entries.items()
        }
        facts = {number: seen.facts for number, seen in model.seen.items()}
        wanted = {number: (one.title, one.link, [one.category], one.text) for number, one in facts.items()}
        odd = {number: (stored.get(number), wanted.get(number)) for number in stored.keys() | wanted.keys()}
        return (
            None if stored == wanted else f"it knows otherwise: {[pair for pair in odd.values() if pair[0] != pair[1]]}"
        )

    def _changes(self) -> dict[str, Change]:
        events = self.asks(lambda store: [event for _, event in store.events(EPOCH)])
        return {event.id: event for event in events if isinstance(event, Change)}

    def _check_deliveries(self) -> None:
        """Each change that a route wants is delivered to it under one id: once, unless nobody could know."""
        changes = self._changes()
        rows: dict[str, list[Claim]] = defaultdict(list)
        for claim in self.asks(lambda store: list(store.outbox())):
            rows[claim.delivery.route_id].append(claim)
        for route, wants in _WANTED.items():
            wanted = {change.id for change in changes.values() if wants(_told(change))}
            assert sorted(claim.delivery.change_id for claim in rows[route]) == sorted(wanted)
            assert set(self.receivers[route].bodies) <= {_message(claim) for claim in rows[route]}
            for claim in rows[route]:
                _check_delivery(self.receivers[route], claim)

    def _check_feeds(self) -> None:
        public = self.folder / "state" / "public"
        for path in public.rglob("*.atom"):
            checked(path.read_bytes())
        shown = {}
        for entry in checked((public / "feeds" / "all.atom").read_bytes()).findall("a:entry", NAMES):
            title, id_, updated = (entry.findtext(f"a:{name}", "", NAMES) for name in ("title", "id", "updated"))
            (link,) = entry.xpath("a:link[@rel='alternate']/@href", namespaces=NAMES)
            number = _number(title)
            shown[number] = (title, link)
            assert self._ids.setdefault(number, id_) == id_
            self._check_updated(number, datetime.fromisoformat(updated))
        seen = {number: seen.facts for number, seen in self.model.seen.items() if not seen.withdrawn}
        assert shown == {number: (facts.title, facts.link) for number, facts in seen.items()}

    def _check_updated(self, number: int, updated: datetime) -> None:
        """It moves with a major edit only, and never back."""
        majors = self.model.seen[number].majors
        before, had = self._updated.get(number, (updated, majors))
        assert updated >= before
        assert updated == before or majors > had
        self._updated[number] = (updated, majors)

    def check_bytes(self) -> None:
        """What is published is what would be published anew."""
        public, again = self.folder / "state" / "public", self.folder / "again"
        config = self.app.config
        sources = {source.id: source for source in config.sources}

        def render(store: Store) -> None:
            publisher = Publisher(store, again, config.imprint, sources=sources)
            publisher.publish(set(store.feeds()) - {ALL}, set(sources))

        # Not from what was kept of entries when they were rendered before.
        shutil.rmtree(self.folder / "state" / "fragments", ignore_errors=True)
        self.asks(render)
        for path in filter(Path.is_file, again.rglob("*")):
            assert (public / path.relative_to(again)).read_text() == path.read_text()
        shutil.rmtree(again)


async def _round(app: App) -> SourceReport:
    report = await app.pipeline.poll(app.config.sources[0])
    await app.pipeline.publish()
    await app.pipeline.deliver()
    return report


def _number(title: str) -> int:
    return int(title.removeprefix("Post number ").partition(",")[0])


def _told(change: Change) -> Told:
    return Told(change.kind, _number(change.entry.title), change.size, frozenset(change.categories))


def _message(claim: Claim) -> str:
    return claim.delivery.message_id or claim.delivery.id


def _check_delivery(receiver: Receiver, claim: Claim) -> None:
    message, event = _message(claim), claim.event
    assert isinstance(event, Change)
    assert claim.delivery.status in ("pending", "delivered")
    delivered = claim.delivery.status == "delivered"
    assert receiver.took[message] <= delivered <= receiver.took[message] + receiver.took_in_doubt[message]
    if message in receiver.bodies:
        (body,) = receiver.bodies[message]
        said = json.loads(body)
        if claim.delivery.message_id:
            (said,) = [one for one in said["data"]["events"] if one["id"] == claim.delivery.id]
        assert (said["type"], said["data"]["entry"]["title"]) == (f"entry.{event.kind}", event.entry.title)

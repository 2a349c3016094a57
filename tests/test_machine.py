"""Whatever a site, the receivers, the disk and the process do, in whatever order: exactly what happened is told.

A real store, real feeds and real HTTP, beside a model of what a careful person knows (`modelled`).
"""

from __future__ import annotations

import asyncio
import copy
import errno
import json
import os
import shutil
import sys
import tempfile
from collections import Counter, defaultdict
from collections.abc import Callable, Coroutine, Sequence
from contextlib import ExitStack
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, Literal, TypeVar

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, precondition, rule, run_state_machine_as_test
from make import NOW
from modelled import Blog, Facts, Kind, Model, Post, Told, Wording
from origin import Answer, Asked, serving
from publisher import Inline
from test_atom import NAMES, checked

from feedwatch import config as configuration
from feedwatch import failpoints
from feedwatch.app import App, open_app
from feedwatch.canonical import digest
from feedwatch.categories import ALL
from feedwatch.differ.normalise import plain
from feedwatch.errors import StoreError
from feedwatch.generator.publish import Publisher
from feedwatch.model import EPOCH, Change
from feedwatch.store import Claim, Store

T = TypeVar("T")

HOUR = timedelta(hours=1)
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
_ROUTES = sorted(_WANTED)
_BROKEN: dict[str, Answer] = {
    "500": Answer(500, b"out of order"),
    "closed": Answer(raw=b""),
    "empty": Answer(200, b"<rss version='2.0'><channel><title>The blog</title></channel></rss>"),
    "wall": Answer(403, b"<html><head><title>Just a moment...</title></head><body>Checking your browser</body></html>"),
    "missing": Answer(404, b"not here"),
}
_FULL = OSError(errno.ENOSPC, "No space left on device")

Trouble = Literal["none", "down", "silent", "busy", "gone"]


class Receiver:
    """A webhook's receiver, and what it was sent."""

    def __init__(self) -> None:
        self.trouble: Trouble = "none"
        #: What each message carried, which never changes.
        self.bodies: dict[str, bytes] = {}
        #: How often it took each, and how often so that we may not have learned of it.
        self.took: Counter[str] = Counter()
        self.took_in_doubt: Counter[str] = Counter()

    def answer(self, asked: Asked, *, in_doubt: bool) -> Answer:
        message = asked.headers["webhook-id"]
        assert self.bodies.setdefault(message, asked.body) == asked.body
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


class Feedwatch(RuleBasedStateMachine):
    def __init__(self) -> None:
        super().__init__()
        self._left = ExitStack()
        self.folder = Path(self._left.enter_context(tempfile.TemporaryDirectory(prefix="machine")))
        self.origin = self._left.enter_context(serving())
        self.origin.answer = self._answer  # type: ignore[method-assign]
        self._runner = self._left.enter_context(asyncio.Runner())
        self.receivers = {route: Receiver() for route in _ROUTES}
        self.blog, self.model = Blog(NOW), Model()
        #: How much the clock of feedwatch is ahead.
        self.skew = timedelta()
        self.said = Answer(404)
        self.asked = 0
        #: Until then the source wants to be left alone.
        self.held: datetime | None = None
        #: What is sent now may not be known to be sent afterwards.
        self.in_doubt = False
        self.ids: dict[int, str] = {}
        #: Of each post in the feeds: its date of update, and the major edits it had then.
        self.updated: dict[int, tuple[datetime, int]] = {}

    # --- the world ---

    def clock(self) -> datetime:
        return self.blog.now + self.skew

    def _answer(self, asked: Asked) -> Answer:
        route = asked.path.strip("/")
        if route in self.receivers:
            return self.receivers[route].answer(asked, in_doubt=self.in_doubt)
        if route != "blog":
            return Answer(404)
        self.asked += 1
        tag = f'"{digest("body", self.said.body.decode())[:16]}"'
        if self.said.status == 200 and asked.headers.get("if-none-match") == tag:
            return Answer(304, headers={"ETag": tag})
        return Answer(self.said.status, self.said.body, {**self.said.headers, "ETag": tag}, self.said.raw)

    # --- feedwatch ---

    def _opened(self) -> None:
        config = configuration.load(self.folder / "config.toml", {})
        self._open = open_app(config, self.folder / "state", clock=self.clock, reader=Inline())
        self.app: App = self._runner.run(self._open.__aenter__())

    def _closed(self) -> None:
        self._runner.run(self._open.__aexit__(None, None, None))

    def _run(self, work: Coroutine[Any, Any, T]) -> T:
        return self._runner.run(work)

    def _asks(self, work: Callable[[Store], T]) -> T:
        return self._run(self.app.store.run(work))

    async def _round(self, app: App) -> Any:
        report = await app.pipeline.poll(app.config.sources[0])
        await app.pipeline.publish()
        await app.pipeline.deliver()
        return report

    # --- what happens to the site ---

    @initialize(kind=st.sampled_from(["feed", "page"]))
    def begins(self, kind: Kind) -> None:
        self.blog.kind = kind
        select = _SELECT if kind == "page" else ""
        (self.folder / "config.toml").write_text(_CONFIG.format(url=self.origin.url, select=select))
        self._opened()
        self.looks("plain")

    def _listed(self, index: int) -> Post:
        listed = self.blog.listed()
        return listed[index % len(listed)]

    def _unseen(self) -> list[Post]:
        return [post for post in self.blog.posts if post.number not in self.model.seen and not post.removed]

    def _as_seen(self, post: Post) -> Facts | None:
        seen = self.model.seen.get(post.number)
        return seen.facts if seen else None

    @precondition(lambda self: len(self._unseen()) < 4)
    @rule()
    def publishes(self) -> None:
        self.blog.publish()

    @rule(index=st.integers(0, 11), what=st.sampled_from(["title", "text", "typo"]))
    def edits(self, index: int, what: str) -> None:
        post = self._listed(index)
        edited = [p for p in self.blog.listed() if (f := self._as_seen(p)) and f.wording != p.wording]
        seen = self._as_seen(post)
        if len(edited) >= 3 or (what == "title" and seen and seen.link != self.blog.facts(post).link):
            return  # that many at once, or so much of one at once, is another story
        wordings = [post.wording, *(self.model.seen[post.number].left if seen else ())]
        fresh = 1 + max(getattr(wording, what) for wording in wordings)
        post.wording = post.wording._replace(**{what: fresh})

    @rule(index=st.integers(0, 11))
    def takes_an_edit_back(self, index: int) -> None:
        post = self._listed(index)
        seen = self.model.seen.get(post.number)
        if seen and seen.left and post.wording == seen.facts.wording:
            back = max(seen.left, key=lambda wording: seen.left[wording])
            if back.title == post.wording.title or seen.facts.link == self.blog.facts(post).link:
                post.wording = back

    @rule(index=st.integers(0, 11))
    def moves_a_post(self, index: int) -> None:
        post = self._listed(index)
        if self._keeps_its_title(post):
            post.folder += 1

    @precondition(lambda self: all(map(self._keeps_its_title, self.blog.listed())))
    @rule()
    def moves_to_another_host(self) -> None:
        self.blog.host += 1

    def _keeps_its_title(self, post: Post) -> bool:
        seen = self._as_seen(post)
        return seen is None or seen.wording.title == post.wording.title

    @rule(index=st.integers(0, 11), category=st.sampled_from(["data", "design"]))
    def files_a_post_elsewhere(self, index: int, category: str) -> None:
        self._listed(index).category = category

    @precondition(lambda self: len(self.blog.listed()) > 6)
    @rule(index=st.integers(0, 5))
    def withdraws_a_post(self, index: int) -> None:
        self.blog.listed()[index].removed = True
        open_ = [number for number in self._removed() if not self.model.seen[number].withdrawn]
        if len(open_) > 1:
            self.model.doubtful.update(open_)

    @precondition(lambda self: any(post.removed for post in self.blog.posts))
    @rule(index=st.integers(0, 11))
    def puts_a_post_back(self, index: int) -> None:
        removed = [post for post in self.blog.posts if post.removed]
        removed[index % len(removed)].removed = False

    def _removed(self) -> list[int]:
        return [post.number for post in self.blog.posts if post.removed and post.number in self.model.seen]

    @rule(churns=st.booleans())
    def makes_its_guids_anew_at_each_rendering(self, churns: bool) -> None:
        self.blog.churns = churns

    # --- looks at it ---

    @rule(how=st.sampled_from(["plain", "plain", "plain", "reordered", "truncated"]))
    def looks(self, how: str) -> None:
        shown = self._shows(how)
        before = self.asked
        report = self._run(self._round(self.app))
        if self._is_held():
            assert (report.status, report.changes, self.asked) == ("unchanged", (), before)
        else:
            assert report.status in ("ok", "unchanged"), report
            self.model.looks(shown, self._gone_posts(), self.clock(), proves=how == "plain")
        self._checked(published=True)

    @rule(how=st.sampled_from([*_BROKEN, "cut", "busy"]))
    def looks_in_vain(self, how: str) -> None:
        self._shows("plain")
        if how == "busy":
            self.said = Answer(429, headers={"Retry-After": "7200"})
        elif how == "cut":
            self.said.body = self.said.body[: len(self.said.body) // 2]
        else:
            self.said = _BROKEN[how]
        report = self._run(self._round(self.app))
        if not self._is_held():
            assert (report.status, report.changes) == ("failed", ()), report
            self.held = self.clock() + 2 * HOUR if how == "busy" else None
        self._checked(published=True)

    def _shows(self, how: str) -> list[Facts]:
        """What the site lists from now on."""
        self._passes(3 * HOUR)
        shown = [self.blog.facts(post) for post in self.blog.listed()]
        if how == "reordered":
            shown.sort(key=lambda facts: facts.number % 5)
        if how == "truncated":
            shown = shown[: max(1, len(shown) // 3)]
        self.said = Answer(200, self.blog.render(shown))
        return shown

    def _gone_posts(self) -> list[Post]:
        return [post for post in self.blog.posts if post.removed]

    def _is_held(self) -> bool:
        return self.held is not None and self.clock() < self.held

    # --- what happens to feedwatch ---

    @rule()
    def restarts(self) -> None:
        self._closed()
        self._opened()
        self._checked(published=True)
        self._renders_the_same_again()

    @rule()
    def loses_its_book_keeping(self) -> None:
        self._closed()
        for path in (self.folder / "state").glob("polls.json*"):
            path.unlink()
        self.held = None
        self._opened()
        self._checked(published=False)

    @rule(step=st.integers(1, 90))
    def is_killed_in_mid_work(self, step: int) -> None:
        shown = self._shows("plain")
        self._closed()
        self.in_doubt = True
        child = os.fork()
        if child == 0:
            self._in_child(step)
        status = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
        assert status in (0, _CRASHED)
        self.in_doubt = False
        self._opened()
        self._all_or_nothing(shown)

    def _in_child(self, step: int) -> None:
        code = 1
        try:
            failpoints.arm(step, lambda _: os._exit(_CRASHED))
            config = configuration.load(self.folder / "config.toml", {})

            async def work() -> None:
                async with open_app(config, self.folder / "state", clock=self.clock, reader=Inline()) as app:
                    await self._round(app)

            asyncio.run(work())
            code = 0
        finally:
            os._exit(code)

    @rule(step=st.integers(1, 40))
    def has_no_room_on_its_disk(self, step: int) -> None:
        shown = self._shows("plain")

        def full(name: str) -> None:
            failpoints.arm(1, full)
            if name.startswith("files."):
                raise OSError(errno.ENOSPC, "No space left on device")

        failpoints.arm(step, full)
        self.in_doubt = True
        try:
            self._run(self._round(self.app))
        except (OSError, StoreError):
            pass
        finally:
            failpoints.arm(0, lambda _: None)
            self.in_doubt = False
        self._all_or_nothing(shown)

    def _all_or_nothing(self, shown: Sequence[Facts]) -> None:
        """The look at `shown` is recorded as a whole or not at all."""
        if not self._is_held():
            after = copy.deepcopy(self.model)
            after.looks(shown, self._gone_posts(), self.clock(), proves=False)
            if self._differs(after) is None:
                self.model = after
            else:
                # Whether what it lacks was counted cannot be told.
                self.model.doubtful.update(set(self._removed()))
        self._checked(published=False)

    # --- time and receivers ---

    def _passes(self, time: timedelta) -> None:
        self.blog.now += time

    @rule(hours=st.sampled_from([1, 14, 30, 96]))
    def waits(self, hours: int) -> None:
        self._passes(hours * HOUR)
        self._run(self.app.pipeline.deliver())
        self._checked(published=False)

    @rule(hours=st.sampled_from([-5, 0, 5]))
    def sets_its_clock(self, hours: int) -> None:
        self.skew = hours * HOUR

    @rule(route=st.sampled_from(_ROUTES), trouble=st.sampled_from(["none", "down", "silent", "busy", "gone"]))
    def a_receiver_changes(self, route: str, trouble: Trouble) -> None:
        self.receivers[route].trouble = trouble
        if trouble == "none":
            self._run(self.app.pipeline.enable(route))

    @rule()
    def everything_recovers(self) -> None:
        for route, receiver in self.receivers.items():
            receiver.trouble = "none"
            self._run(self.app.pipeline.enable(route))
        for _ in range(4):
            self._passes(15 * HOUR)
            self._run(self.app.pipeline.deliver())
        assert self._asks(lambda store: dict(store.waiting())) == {}
        self._checked(published=False)
        self.looks("plain")

    def teardown(self) -> None:
        if not hasattr(self, "app"):
            self._left.close()
            return
        try:
            if sys.exc_info()[0] is None:
                self.everything_recovers()
                self.restarts()
        finally:
            self._closed()
            self._left.close()

    # --- what must hold ---

    def _checked(self, *, published: bool) -> None:
        assert self._differs(self.model) is None
        self._check_deliveries()
        if published:
            self._check_feeds()

    def _differs(self, model: Model) -> str | None:
        """How what is stored differs from what the model knows."""
        changes = self._changes()
        told = Counter(map(_told, changes.values()))
        expected = Counter(model.told)
        for one in list((told - expected).elements()):
            if one.kind == "withdrawn" and one.number in model.doubtful:
                expected[model.withdrawn(one.number)] += 1
                model.told.append(one)
        if told != expected:
            return f"told {dict(told - expected)}, should have told {dict(expected - told)}"
        known = self._asks(lambda store: store.known("blog"))
        rows = {_number(row.entry.title): row for row in known.entries.values()}
        stored = {
            number: (row.entry.title, row.entry.link, [c.term for c in row.entry.categories], plain(row.entry.summary))
            for number, row in rows.items()
        }
        facts = {number: seen.facts for number, seen in model.seen.items()}
        wanted = {number: (one.title, one.link, [one.category], one.text) for number, one in facts.items()}
        if stored != wanted or len(rows) != len(known.entries):
            return f"stored {stored}, should be {wanted}"
        return None

    def _changes(self) -> dict[str, Change]:
        events = self._asks(lambda store: [event for _, event in store.events(EPOCH)])
        return {event.id: event for event in events if isinstance(event, Change)}

    def _check_deliveries(self) -> None:
        """Each change that a route wants is delivered to it under one id: once, unless nobody could know."""
        changes = self._changes()
        rows: dict[str, list[Claim]] = defaultdict(list)
        for claim in self._asks(lambda store: list(store.outbox())):
            rows[claim.delivery.route_id].append(claim)
        for route, wants in _WANTED.items():
            wanted = {change.id for change in changes.values() if wants(_told(change))}
            assert sorted(claim.delivery.change_id for claim in rows[route]) == sorted(wanted)
            receiver = self.receivers[route]
            messages = {claim.delivery.message_id or claim.delivery.id for claim in rows[route]}
            assert set(receiver.bodies) <= messages
            for claim in rows[route]:
                message = claim.delivery.message_id or claim.delivery.id
                assert claim.delivery.status in ("pending", "delivered")
                assert receiver.took[message] <= 1
                if claim.delivery.status == "delivered":
                    assert receiver.took[message] + receiver.took_in_doubt[message] > 0
                    _carries(receiver.bodies[message], claim)
                else:
                    assert receiver.took[message] == 0

    def _check_feeds(self) -> None:
        public = self.folder / "state" / "public"
        for path in public.rglob("*.atom"):
            checked(path.read_bytes())
        root = checked((public / "feeds" / "all.atom").read_bytes())
        shown = {}
        for entry in root.findall("a:entry", NAMES):
            title, id_, updated = (entry.findtext(f"a:{name}", None, NAMES) or "" for name in ("title", "id", "updated"))
            (link,) = entry.xpath("a:link[@rel='alternate']/@href", namespaces=NAMES)
            number = _number(title)
            shown[number] = (title, link)
            assert self.ids.setdefault(number, id_) == id_
            self._check_updated(number, datetime.fromisoformat(updated))
        seen = {number: seen.facts for number, seen in self.model.seen.items() if not seen.withdrawn}
        assert shown == {number: (facts.title, facts.link) for number, facts in seen.items()}

    def _check_updated(self, number: int, updated: datetime) -> None:
        """It moves with each major edit, and only then; never back."""
        majors = self.model.seen[number].majors
        before, had = self.updated.get(number, (updated, majors))
        assert updated >= before
        assert updated == before or majors > had
        self.updated[number] = (updated, majors)

    def _renders_the_same_again(self) -> None:
        public, again = self.folder / "state" / "public", self.folder / "again"
        config = self.app.config

        def render(store: Store) -> None:
            sources = {source.id: source for source in config.sources}
            publisher = Publisher(
                store, again, base_url=config.base_url, sources=sources, limit=config.entries_per_feed
            )
            publisher.publish(set(store.feeds()) - {ALL}, set(sources))

        self._asks(render)
        for path in again.rglob("*"):
            if path.is_file():
                assert (public / path.relative_to(again)).read_bytes() == path.read_bytes()
        shutil.rmtree(again)


def _number(title: str) -> int:
    return int(title.removeprefix("Post number ").partition(",")[0])


def _told(change: Change) -> Told:
    return Told(change.kind, _number(change.entry.title), change.size, frozenset(change.categories))


def _carries(body: bytes, claim: Claim) -> None:
    """The message says what its delivery is about."""
    event, said = claim.event, json.loads(body)
    assert isinstance(event, Change)
    if claim.delivery.message_id:
        (said,) = [one for one in said["data"]["events"] if one["id"] == claim.delivery.id]
    assert said["type"] == f"entry.{event.kind}"
    assert said["data"]["entry"]["title"] == event.entry.title


_SETTINGS = settings(deadline=None, suppress_health_check=list(HealthCheck))


def test_whatever_happens_in_whatever_order_exactly_that_is_told_once_and_shown() -> None:
    run_state_machine_as_test(
        Feedwatch, settings=settings(_SETTINGS, max_examples=10, stateful_step_count=20, derandomize=True)
    )


@pytest.mark.slow
@pytest.mark.timeout(300)
def test_whatever_happens_in_very_many_orders_exactly_that_is_told_once_and_shown() -> None:
    run_state_machine_as_test(Feedwatch, settings=settings(_SETTINGS, max_examples=60, stateful_step_count=40))

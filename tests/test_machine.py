"""Whatever a site, the receivers, the disk, the clock and the process do, in whatever order: exactly what happened is
told, once, and shown. `modelled` says what that is, `watched` looks whether it is so."""

from __future__ import annotations

import copy
import sys
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, rule, run_state_machine_as_test
from modelled import Facts, Kind, Post
from origin import Answer
from watched import ROUTES, Trouble, Watched

_HOUR = timedelta(hours=1)
_BROKEN = {
    "500": Answer(500, b"out of order"),
    "404": Answer(404, b"not here"),
    "nothing": Answer(raw=b""),
    "busy": Answer(429, headers={"Retry-After": "7200"}),
    "empty": Answer(200, b"<rss version='2.0'><channel><title>The blog</title></channel></rss>"),
    "wall": Answer(403, b"<html><head><title>Just a moment...</title></head><body>Checking your browser</body></html>"),
}
_LONG_AGO = datetime.min.replace(tzinfo=UTC)
_PLACES = st.integers(0, 11)


class Feedwatch(RuleBasedStateMachine):
    """No rule has a precondition: whether a look that was killed had been recorded differs from run to run, and
    Hypothesis wants the same choices in the same places. A rule that makes no sense where it comes does nothing."""

    @initialize(kind=st.sampled_from(["feed", "page"]))
    def begins(self, kind: Kind) -> None:
        self.watched = Watched(kind)
        self.blog = self.watched.blog
        #: Until then the blog wants to be left alone.
        self.held = _LONG_AGO
        self.looks("plain")

    # --- what happens to the blog ---

    def _listed(self, place: int) -> Post:
        listed = self.blog.listed()
        return listed[place % len(listed)]

    def _seen(self, post: Post) -> Facts | None:
        seen = self.watched.model.seen.get(post.number)
        return seen.facts if seen else None

    def _unseen(self) -> list[Post]:
        return [post for post in self.blog.listed() if self._seen(post) is None]

    def _edited(self) -> list[Post]:
        return [p for p in self.blog.listed() if (seen := self._seen(p)) and seen.wording != p.wording]

    def _stays_findable(self, post: Post, *, title: int, link: str) -> bool:
        """Under another title and another address at once, nobody would know it."""
        seen = self._seen(post)
        return seen is None or seen.link == link or seen.wording.title == title

    @rule()
    def publishes(self) -> None:
        if len(self._unseen()) < 4:
            self.blog.publish()

    @rule(place=_PLACES, what=st.sampled_from(["title", "text", "typo"]))
    def edits(self, place: int, what: str) -> None:
        if len(self._edited()) >= 3:
            return
        post = self._listed(place)
        post.edits += 1
        wording = post.wording._replace(**{what: post.edits})
        if self._stays_findable(post, title=wording.title, link=self.blog.facts(post).link):
            post.wording = wording

    @rule(place=_PLACES)
    def takes_an_edit_back(self, place: int) -> None:
        post = self._listed(place)
        seen = self.watched.model.seen.get(post.number)
        if seen and seen.left and len(self._edited()) < 3:
            wording, _ = max(seen.left, key=lambda one: seen.left[one])
            if self._stays_findable(post, title=wording.title, link=self.blog.facts(post).link):
                post.wording = wording

    @rule(place=_PLACES)
    def moves_a_post(self, place: int) -> None:
        post = self._listed(place)
        if self._stays_findable(post, title=post.wording.title, link=""):
            post.folder += 1

    @rule()
    def moves_to_another_host(self) -> None:
        if all(self._stays_findable(p, title=p.wording.title, link="") for p in self.blog.listed()):
            self.blog.host += 1

    @rule(place=_PLACES, category=st.sampled_from(["data", "design"]))
    def files_a_post_elsewhere(self, place: int, category: str) -> None:
        self._listed(place).category = category

    @rule(place=st.integers(0, 5))
    def withdraws_a_post(self, place: int) -> None:
        if len(self.blog.listed()) <= 6:
            return
        self.blog.listed()[place].removed = True
        seen = self.watched.model.seen
        gone = {p.number for p in self.blog.removed() if p.number in seen and not seen[p.number].withdrawn}
        if len(gone) > 1:
            self.watched.model.doubtful |= gone

    @rule(place=_PLACES)
    def puts_a_post_back(self, place: int) -> None:
        if removed := self.blog.removed():
            removed[place % len(removed)].removed = False

    @rule(churns=st.booleans())
    def makes_its_guids_anew_at_each_rendering(self, churns: bool) -> None:
        self.blog.churns = churns

    # --- what feedwatch sees of it ---

    @rule(how=st.sampled_from(["plain", "plain", "plain", "reordered", "truncated"]))
    def looks(self, how: str) -> None:
        shown = self._shows(how)
        asked = self.watched.asked
        report = self.watched.looks()
        if self._is_held():
            assert (report.status, report.changes, self.watched.asked) == ("unchanged", (), asked)
        else:
            assert report.status in ("ok", "unchanged"), report.error
            self.watched.model.looks(shown, self.blog.removed(), self.watched.clock(), proves=how == "plain")
        self.watched.check(published=True)

    @rule(times=st.integers(1, 3))
    def looks_again(self, times: int) -> None:
        for _ in range(times):
            self.looks("plain")

    @rule(how=st.sampled_from(sorted(_BROKEN)))
    def looks_in_vain(self, how: str) -> None:
        self._shows("plain")
        self.watched.says = _BROKEN[how]
        report = self.watched.looks()
        if not self._is_held():
            assert (report.status, report.changes) == ("failed", ()), report
            if how == "busy":
                self.held = self.watched.clock() + 2 * _HOUR
        self.watched.check(published=True)

    @rule(place=st.integers(2, 11), less=st.sampled_from([3, 12, 14, 40, 100]))
    def looks_at_what_is_cut(self, place: int, less: int) -> None:
        """The document ends in the middle of a post: a feed is not believed then, of a page the posts before it are."""
        shown = self._shows("plain")
        place = min(place, len(shown))
        self.watched.says.body = self.blog.cut(self.watched.says.body, place, less)
        report = self.watched.looks()
        if not self._is_held():
            assert report.status in (("ok", "unchanged") if self.blog.kind == "page" else ("failed",)), report.error
            if self.blog.kind == "page":
                self.watched.model.looks(shown[: place - 1], self.blog.removed(), self.watched.clock(), proves=False)
        self.watched.check(published=True)

    @rule()
    def is_redesigned(self) -> None:
        """Every post reads differently: nobody is told, and it is believed at the third look."""
        if not self._is_settled():
            return
        self.blog.footer += 1
        for expected in ("quarantined", "quarantined", "ok"):
            shown = self._shows("plain")
            assert self.watched.looks().status == expected
            if expected == "ok":
                now = self.watched.clock()
                self.watched.model.looks(shown, self.blog.removed(), now, proves=True, quiet=True)
            self.watched.check(published=True)

    def _is_settled(self) -> bool:
        """Whether nothing else is going on that a redesign would cover up."""
        facts = [self.blog.facts(post) for post in self.blog.listed()]
        return (
            not self._is_held()
            and len(facts) >= 10
            and all((seen := self.watched.model.seen.get(one.number)) and seen.facts == one for one in facts)
            and all(seen.listed for one in facts if (seen := self.watched.model.seen.get(one.number)))
            and not [p for p in self.blog.removed() if p.number in self.watched.model.seen]
        )

    def _shows(self, how: str) -> list[Facts]:
        """What the blog lists from now on."""
        self.blog.now += 3 * _HOUR
        shown = [self.blog.facts(post) for post in self.blog.listed()]
        if how == "reordered":
            shown.sort(key=lambda facts: facts.number % 5)
        if how == "truncated":
            shown = shown[: len(shown) // 3]
        self.watched.says = Answer(200, self.blog.render(shown))
        return shown

    def _is_held(self) -> bool:
        return self.watched.clock() < self.held

    # --- what happens to feedwatch ---

    @rule()
    def restarts(self) -> None:
        self.watched.closes()
        self.watched.opens()
        self.watched.runs(self.watched.app.pipeline.publish())
        self.watched.check(published=True)
        self.watched.check_bytes()

    @rule()
    def loses_its_book_keeping(self) -> None:
        self.watched.closes()
        for path in (self.watched.folder / "state").glob("polls.json*"):
            path.unlink()
        self.watched.opens()
        self.held = _LONG_AGO
        self._forgets_what_was_missing()
        self.watched.check(published=False)

    @rule(step=st.integers(1, 90))
    def is_killed(self, step: int) -> None:
        shown = self._shows("plain")
        self.watched.is_killed_at(step)
        self._has_all_or_nothing(shown)

    @rule(step=st.integers(1, 40))
    def has_no_room_on_its_disk(self, step: int) -> None:
        shown = self._shows("plain")
        self.watched.looks_with_a_full_disk(step)
        self._has_all_or_nothing(shown)

    def _has_all_or_nothing(self, shown: list[Facts]) -> None:
        """A look at `shown` is recorded as a whole or not at all."""
        if not self._is_held():
            after = copy.deepcopy(self.watched.model)
            after.looks(shown, self.blog.removed(), self.watched.clock(), proves=False)
            if self.watched.differs(after) is None:
                before, self.watched.model = self.watched.model, after
                for number, seen in before.seen.items():
                    # What was listed when leaves no trace outside: it may be as it was before.
                    after.seen[number].listed &= seen.listed
        self._forgets_what_was_missing()
        self.watched.check(published=False)

    def _forgets_what_was_missing(self) -> None:
        """Whether the last look at what is missing counts, nobody knows."""
        model = self.watched.model
        model.doubtful |= {p.number for p in self.blog.removed() if p.number in model.seen}

    # --- time and receivers ---

    @rule(hours=st.sampled_from([1, 14, 30, 96]))
    def waits(self, hours: int) -> None:
        self.blog.now += hours * _HOUR
        self.watched.delivers()
        self.watched.check(published=False)

    @rule(hours=st.sampled_from([-5, 0, 5]))
    def sets_its_clock(self, hours: int) -> None:
        self.watched.skew = hours * _HOUR

    @rule(route=st.sampled_from(ROUTES), trouble=st.sampled_from(["none", "down", "silent", "busy", "gone"]))
    def has_a_receiver_that_changes(self, route: str, trouble: Trouble) -> None:
        self.watched.receivers[route].trouble = trouble
        if trouble == "none":
            self.watched.runs(self.watched.app.pipeline.enable(route))

    @rule()
    def recovers(self) -> None:
        """All receivers are there again, and so much time passes that each of them has everything."""
        for route in ROUTES:
            self.has_a_receiver_that_changes(route, "none")
        for _ in range(4):
            self.waits(15)
        assert self.watched.asks(lambda store: dict(store.waiting())) == {}

    def teardown(self) -> None:
        if not hasattr(self, "watched"):
            return
        try:
            if sys.exc_info()[0] is None:
                self.recovers()
                self.looks("plain")
                self.restarts()
        finally:
            self.watched.ends()


@pytest.mark.parametrize("kind", ["feed", "page"])
def test_t6_everything_that_can_happen_once_is_told_once_and_shown(kind: Kind) -> None:
    one = Feedwatch()
    try:
        one.begins(kind)
        one.is_redesigned()
        one.publishes()
        one.has_a_receiver_that_changes("everything", "silent")
        for place, step in enumerate(range(4, 64, 10)):
            one.edits(place, ("title", "text", "typo")[place % 3])
            one.moves_a_post(place + 1)
            one.is_killed(step)
        one.has_a_receiver_that_changes("everything", "gone")
        one.files_a_post_elsewhere(2, "design")
        one.files_a_post_elsewhere(3, "data")
        one.has_no_room_on_its_disk(9)
        one.looks_at_what_is_cut(6, 14)
        for how in _BROKEN:
            one.looks_in_vain(how)
        one.restarts()
        one.makes_its_guids_anew_at_each_rendering(churns=True)
        one.sets_its_clock(-5)
        one.recovers()
        one.looks("truncated")
        one.looks("plain")
        one.withdraws_a_post(2)
        one.looks_again(3)
        one.puts_a_post_back(0)
        one.moves_to_another_host()
        one.looks("reordered")
        one.takes_an_edit_back(4)
        one.loses_its_book_keeping()
        one.looks_again(1)
    finally:
        one.teardown()


_SETTINGS = settings(deadline=None, suppress_health_check=list(HealthCheck))


def test_t6_whatever_happens_in_whatever_order_exactly_that_is_told_once_and_shown() -> None:
    few = settings(_SETTINGS, max_examples=3, stateful_step_count=15, derandomize=True)
    run_state_machine_as_test(Feedwatch, settings=few)


@pytest.mark.slow
@pytest.mark.timeout(300)
def test_t6_whatever_happens_in_very_many_orders_exactly_that_is_told_once_and_shown() -> None:
    # As it failed: making fifty steps fewer would take longer than the test may.
    many = settings(_SETTINGS, max_examples=15, stateful_step_count=50, phases=[Phase.generate])
    run_state_machine_as_test(Feedwatch, settings=many)

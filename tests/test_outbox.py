"""Alerts arrive: receivers that fail, hang, refuse or vanish, over days of simulated time, through real HTTP."""

from __future__ import annotations

import asyncio
import functools
import json
import threading
import time
from collections import Counter
from collections.abc import Awaitable, Callable
from datetime import datetime, timedelta
from email.utils import formatdate
from pathlib import Path
from typing import ParamSpec

import pytest
from make import CATEGORIES, NOW, entry
from msgspec.structs import replace
from origin import Answer, Asked, Origin
from postoffice import DAYS, HOURS, MINUTES, PostOffice, hook, ids, open_office

from feedwatch import failpoints
from feedwatch.alerts.message import Answer as Verdict
from feedwatch.alerts.message import Message
from feedwatch.hours import Hours, read_digest, read_quiet
from feedwatch.model import Delivery
from feedwatch.routes import Route, Webhook
from feedwatch.store.tinydb import TinyStore

P = ParamSpec("P")


def simulated(test: Callable[P, Awaitable[None]]) -> Callable[P, None]:
    @functools.wraps(test)
    def run(*arguments: P.args, **named: P.kwargs) -> None:
        async def work() -> None:
            await test(*arguments, **named)

        asyncio.run(work())

    return run


def _bodies(origin: Origin, path: str = "/hook") -> list[dict[str, object]]:
    return [json.loads(asked.body) for asked in origin.requests if asked.path == path]


def _titles(origin: Origin, path: str = "/hook") -> list[str]:
    return [json.loads(asked.body)["data"]["entry"]["title"] for asked in origin.requests if asked.path == path]


async def _statuses(office: PostOffice, route: str = "hook") -> Counter[str]:
    return Counter(delivery.status for delivery in await office.deliveries(route))


@simulated
async def test_f21_a_receiver_down_for_six_hours_gets_everything_under_the_same_ids_and_holds_up_no_other(
    tmp_path: Path, origin: Origin
) -> None:
    origin.serve("/hook", status=500)
    origin.serve("/other", status=204)
    async with open_office(tmp_path, [hook(origin), hook(origin, "/other")]) as office:
        await office.finds(*(entry(n) for n in range(12, 2, -1)))
        await office.drain()
        assert len(set(ids(origin, "/other"))) == 10

        await office.passes(6 * HOURS)
        down = ids(origin)
        origin.serve("/hook", status=204)
        await office.passes(2 * HOURS)

        assert await _statuses(office) == {"delivered": 10}
        up = ids(origin)[len(down) :]
        assert sorted(up) == sorted(set(up))
        assert set(down) <= set(up)
        assert len(down) < 40  # three tries to see that it is down, then one look an hour at most
        assert len(ids(origin, "/other")) == 10


@simulated
async def test_a10_attempts_of_one_delivery_back_off_and_end_after_three_days(tmp_path: Path) -> None:
    sender = Scripted(Verdict("HTTP 500", down=False))
    async with open_office(tmp_path, [Route("hook", Webhook("http://x/"))], sender) as office:
        await office.finds(entry(2))
        await office.passes(4 * DAYS)

        waits = [(b - a) / MINUTES for a, b in zip(sender.times, sender.times[1:], strict=False)]
        assert waits[:5] == sorted(waits[:5])
        assert max(waits) <= 12 * 60 * 1.2 + 1
        assert 10 <= len(waits) <= 20
        assert (sender.times[-1] - sender.times[0]) / DAYS == pytest.approx(3, abs=0.01)
        (delivery,) = await office.deliveries("hook")
        assert (delivery.status, delivery.last_error) == ("dead", "HTTP 500")


@simulated
async def test_f22_an_answer_that_never_comes_is_asked_for_again_under_the_same_id(
    tmp_path: Path, origin: Origin
) -> None:
    """The receiver may have processed it: only the id lets it see a repetition."""
    taken_and_silent = Answer(raw=b"")
    origin.serve_in_turn("/hook", taken_and_silent, taken_and_silent, Answer(200))
    async with open_office(tmp_path, [hook(origin)]) as office:
        await office.finds(entry(2))
        await office.passes(10 * MINUTES)

        first, second, third = ids(origin)
        assert first == second == third
        stamps = [asked.headers["webhook-timestamp"] for asked in origin.requests]
        assert len(set(stamps)) == 3
        assert len({asked.body for asked in origin.requests}) == 1
        assert await _statuses(office) == {"delivered": 1}


@simulated
async def test_what_one_route_could_not_store_does_not_unsettle_what_another_is_sending(
    tmp_path: Path, origin: Origin, monkeypatch: pytest.MonkeyPatch
) -> None:
    failed, answer = threading.Event(), origin.answer

    def slowly(asked: Asked) -> Answer:
        assert asked.path == "/quick" or failed.wait(10)
        return answer(asked)

    def fail(name: str) -> None:
        if name == "outbox.settle":
            failed.set()
            raise OSError("no room")
        failpoints.arm(1, fail)

    monkeypatch.setattr(origin, "answer", slowly)
    origin.serve("/quick", status=204)
    origin.serve("/slow", status=204)
    async with open_office(tmp_path, [hook(origin, "/quick"), hook(origin, "/slow")]) as office:
        await office.finds(entry(2))
        failpoints.arm(1, fail)
        with pytest.raises(OSError, match="no room"):
            await office.drain()

        assert await _statuses(office, "slow") == {"delivered": 1}
        await office.passes(2 * MINUTES)
        assert await _statuses(office, "quick") == {"delivered": 1}
        assert len(set(ids(origin, "/quick"))) == 1


@simulated
async def test_a_receiver_that_hangs_is_left_after_the_deadline(tmp_path: Path, origin: Origin) -> None:
    origin.serve_in_turn("/hook", Answer(hang=True), Answer(200))
    async with open_office(tmp_path, [hook(origin)], deadline=0.2) as office:
        await office.finds(entry(2))
        await office.drain()
        (waiting,) = await office.deliveries("hook")
        assert "within" in (waiting.last_error or "")

        await office.passes(5 * MINUTES)
        assert len(set(ids(origin))) == 1
        assert await _statuses(office) == {"delivered": 1}


#: Filled in when the test runs: the receiver's clock goes on meanwhile.
IN_THREE_HOURS: dict[str, str] = {}


@pytest.mark.parametrize(
    ("said", "waits"),
    [
        ({"Retry-After": "3600"}, timedelta(hours=1)),
        (IN_THREE_HOURS, timedelta(hours=3)),
        ({"Retry-After": str(10 * 365 * 86400)}, timedelta(days=1)),
    ],
    ids=["seconds", "a date by the clock of the receiver", "ten years count as a day"],
)
@pytest.mark.parametrize("status", [429, 503])
def test_f23_retry_after_is_obeyed_and_is_no_attempt(
    tmp_path: Path, origin: Origin, status: int, said: dict[str, str], waits: timedelta
) -> None:
    async def work() -> None:
        if said is IN_THREE_HOURS:
            said["Retry-After"] = formatdate(time.time() + 3 * 3600, usegmt=True)
        origin.serve("/hook", status=status, headers=said)
        async with open_office(tmp_path, [hook(origin)]) as office:
            await office.finds(entry(3), entry(2))
            await office.drain()
            assert len(ids(origin)) == 1  # what it asked for holds for its other deliveries too
            tried = [d for d in await office.deliveries("hook") if d.last_error]
            assert [d.attempts for d in tried] == [0]

            await office.passes(waits - 5 * MINUTES, tick=10 * MINUTES)
            assert len(ids(origin)) == 1
            origin.serve("/hook", status=204)
            await office.passes(waits * 0.2 + 6 * MINUTES, tick=10 * MINUTES)
            assert await _statuses(office) == {"delivered": 2}

    asyncio.run(work())


@simulated
async def test_f24_a_410_switches_the_route_off_tells_another_and_holds_what_waits(
    tmp_path: Path, origin: Origin
) -> None:
    origin.serve("/hook", status=410, body=b"unsubscribed")
    origin.serve("/operator", status=200)
    routes = [hook(origin), hook(origin, "/operator", when=frozenset({"incident"}))]
    async with open_office(tmp_path, routes) as office:
        await office.finds(entry(4), entry(3))
        await office.drain()
        assert len(ids(origin)) == 1
        (told,) = _bodies(origin, "/operator")
        assert told["type"] == "incident.opened"
        assert "feedwatch alert enable hook" in json.dumps(told)

        await office.restarts()
        await office.passes(5 * DAYS, tick=HOURS)
        assert len(ids(origin)) == 1
        assert await _statuses(office) == {"pending": 2}

        origin.serve("/hook", status=200)
        assert await office.incidents.enable("hook", office.now)
        await office.drain()
        assert await _statuses(office) == {"delivered": 2}
        assert [body["type"] for body in _bodies(origin, "/operator")] == ["incident.opened", "incident.closed"]


@simulated
async def test_f24_a_new_address_switches_the_route_on_again(tmp_path: Path, origin: Origin) -> None:
    origin.serve("/hook", status=410)
    async with open_office(tmp_path, [hook(origin)]) as office:
        await office.finds(entry(2))
        await office.drain()
        origin.serve("/new", status=200)
        office.routes["hook"] = Route("hook", Webhook(origin.url + "/new"))
        await office.restarts()
        await office.drain()

        assert len(ids(origin, "/new")) == 1


@simulated
async def test_f25_a_redirect_is_a_failure_and_never_followed(tmp_path: Path, origin: Origin) -> None:
    origin.serve("/hook", status=307, headers={"Location": f"{origin.url}/elsewhere"})
    origin.serve("/elsewhere", status=200)
    async with open_office(tmp_path, [hook(origin)]) as office:
        await office.finds(entry(2))
        await office.drain()

        assert ids(origin, "/elsewhere") == []
        (delivery,) = await office.deliveries()
        assert (delivery.status, "redirects" in (delivery.last_error or "")) == ("pending", True)


@simulated
async def test_f25_a_body_that_is_too_large_is_sent_once_more_in_short_under_the_same_id(
    tmp_path: Path, origin: Origin
) -> None:
    origin.serve_in_turn("/hook", Answer(413), Answer(200))
    async with open_office(tmp_path, [hook(origin)]) as office:
        await office.finds(entry(2, summary="long " * 500))
        await office.drain()

        whole, short = origin.requests
        assert whole.headers["webhook-id"] == short.headers["webhook-id"]
        assert len(short.body) < len(whole.body) / 2
        assert json.loads(short.body)["data"]["compact"] is True
        assert await _statuses(office) == {"delivered": 1}


@simulated
async def test_f25_a_poisoned_row_dies_alone_with_the_receivers_answer(tmp_path: Path, origin: Origin) -> None:
    origin.serve_in_turn("/hook", Answer(400, b"title: must not be " + b"x" * 5000), Answer(200))
    async with open_office(tmp_path, [hook(origin)]) as office:
        await office.finds(entry(4), entry(3), entry(2))
        await office.drain()

        assert await _statuses(office) == {"delivered": 2, "dead": 1}
        (dead,) = [d for d in await office.deliveries() if d.status == "dead"]
        assert dead.attempts == 1
        assert (dead.answer or "").startswith("title: must not be x")
        assert len(dead.answer or "") == 1000


@simulated
async def test_a_long_answer_is_judged_by_its_status_alone(tmp_path: Path, origin: Origin) -> None:
    """Regression: an error page of more than 4 KB counted as success."""
    origin.serve_in_turn("/hook", Answer(500, b"x" * 100_000), Answer(200, b"x" * 100_000))
    async with open_office(tmp_path, [hook(origin)]) as office:
        await office.finds(entry(2))
        await office.drain()
        assert await _statuses(office) == {"pending": 1}
        await office.passes(5 * MINUTES)
        assert await _statuses(office) == {"delivered": 1}


@simulated
async def test_f26_a_receiver_down_for_five_days_costs_a_look_an_hour_and_everything_can_be_replayed(
    tmp_path: Path, origin: Origin
) -> None:
    origin.serve("/hook", status=503)
    async with open_office(tmp_path, [hook(origin, storm=1000)]) as office:
        total = 0
        seen: list[int] = []
        for _ in range(5):
            seen = [*range(total + 100, total, -1), *seen]
            await office.finds(*(entry(1000 + n, day=1) for n in seen))
            total += 100
            await office.passes(DAYS, tick=20 * MINUTES)
        assert len(ids(origin)) < 5 * 24 * 2 + 20

        await office.passes(8 * DAYS, tick=HOURS)
        assert await _statuses(office) == {"dead": total}
        origin.requests.clear()
        origin.serve("/hook", status=204)
        dead = [claim for claim in await office.rows() if claim.delivery.status == "dead"]
        again = [(c.source_id, _queued_again(c.delivery, office.now)) for c in dead]
        await office.thread.settle(again)
        await office.passes(5 * HOURS, tick=HOURS)
        assert sorted(ids(origin)) == sorted(delivery.id for _, delivery in again)


def _queued_again(delivery: Delivery, now: datetime) -> Delivery:
    return replace(delivery, status="pending", due=now, tried=None, attempts=0)


@simulated
async def test_f30_rows_of_a_route_that_was_removed_are_visibly_dead(tmp_path: Path, origin: Origin) -> None:
    origin.serve("/hook", status=503)
    async with open_office(tmp_path, [hook(origin)]) as office:
        await office.finds(entry(2))
        await office.drain()
        del office.routes["hook"]
        await office.restarts()
        await office.passes(5 * MINUTES)

        (delivery,) = await office.deliveries("hook")
        assert delivery.status == "dead"
        assert 'no [[alert]] with id "hook"' in (delivery.last_error or "")


@simulated
async def test_f30_a_rotated_secret_signs_what_waited_under_the_same_id(tmp_path: Path, origin: Origin) -> None:
    old, new = ("whsec_" + character * 32 for character in "AB")
    origin.serve_in_turn("/hook", Answer(503), Answer(200))
    async with open_office(tmp_path, [Route("hook", Webhook(f"{origin.url}/hook", (old,)))]) as office:
        await office.finds(entry(2))
        await office.drain()
        office.routes["hook"] = Route("hook", Webhook(f"{origin.url}/hook", (new, old)))
        await office.restarts()
        await office.passes(5 * MINUTES)

        first, second = origin.requests
        assert first.headers["webhook-id"] == second.headers["webhook-id"]
        assert len(second.headers["webhook-signature"].split()) == 2


@simulated
async def test_f46_a_mass_publication_is_one_alert_that_says_why_and_names_every_id(
    tmp_path: Path, origin: Origin
) -> None:
    origin.serve_in_turn("/hook", Answer(503), Answer(200))
    async with open_office(tmp_path, [hook(origin)]) as office:
        await office.finds(*(entry(10_000 + n, day=1) for n in range(5000, 0, -1)))
        expected = sorted(delivery.id for delivery in await office.deliveries("hook"))
        await office.drain()
        await office.passes(5 * MINUTES)

        first, second = origin.requests
        assert (first.body, first.headers["webhook-id"]) == (second.body, second.headers["webhook-id"])
        data = json.loads(second.body)["data"]
        assert (data["reason"], data["count"], len(data["events"])) == ("storm", 5000, 200)
        assert "5000 events in one poll of A blog, more than the 20 sent one by one" in data["detail"]
        assert "published at once" in data["detail"]
        assert sorted(data["ids"]) == expected
        assert set(await _statuses(office)) == {"delivered"}


@simulated
async def test_f48_both_versions_of_an_entry_edited_meanwhile_arrive_in_order(tmp_path: Path, origin: Origin) -> None:
    origin.serve_in_turn("/hook", Answer(503), Answer(200))
    async with open_office(tmp_path, [hook(origin)]) as office:
        await office.finds(entry(2, "First words"))
        await office.drain()
        await office.finds(entry(2, "Second words"))
        await office.drain()
        assert _titles(origin) == ["First words"]  # the later version waits for the earlier one

        await office.passes(5 * MINUTES)
        assert _titles(origin) == ["First words", "First words", "Second words"]
        again = ids(origin)
        assert again[0] == again[1] != again[2]


@simulated
async def test_an_entry_that_waits_holds_up_no_other_entry(tmp_path: Path) -> None:
    sender = Scripted(Verdict("no", down=False), Verdict(), Verdict())
    async with open_office(tmp_path, [Route("hook", Webhook("http://x/"))], sender) as office:
        await office.finds(entry(3), entry(2))
        await office.drain()
        assert await _statuses(office) == {"pending": 1, "delivered": 1}


@simulated
async def test_a_route_whose_receiver_hangs_delays_no_other_route(tmp_path: Path) -> None:
    """The other route's deliveries are through while the first one still waits for its answer."""
    sender = Gated("slow")
    routes = [Route(name, Webhook("http://x/")) for name in ("slow", "quick")]
    async with open_office(tmp_path, routes, sender) as office:
        await office.finds(entry(3), entry(2))
        await office.outbox.start()
        await sender.reached.wait()
        await sender.taken("quick", 2)
        await office.finds(entry(4), entry(3), entry(2))
        await office.outbox.start()
        await sender.taken("quick", 3)

        assert await _statuses(office, "slow") == {"pending": 3}
        sender.gate.set()
        await office.drain()
        assert await _statuses(office, "slow") == {"delivered": 3}


@simulated
async def test_a_stop_in_the_middle_of_a_batch_stores_what_was_answered(tmp_path: Path) -> None:
    """The second message hangs until the service stops; the first one was taken."""

    class Second(Gated):
        async def send(self, message: Message, now: datetime) -> Verdict:
            if message.changes[0].entry.title == "Entry 3":
                return Verdict()
            return await super().send(message, now)

    sender = Second("hook")
    async with open_office(tmp_path, [Route("hook", Webhook("http://x/"))], sender) as office:
        await office.finds(entry(3))
        office.now += MINUTES
        await office.finds(entry(4), entry(3))
        await office.outbox.start()
        await sender.reached.wait()
        await office.outbox.stop(0)

        assert await _statuses(office) == {"delivered": 1, "pending": 1}


@simulated
async def test_draining_a_batch_writes_each_source_once(tmp_path: Path) -> None:
    async with open_office(tmp_path, [Route("hook", Webhook("http://x/"), storm=100)], Scripted(Verdict())) as office:
        await office.finds(*(entry(n) for n in range(30, 1, -1)))
        before = (tmp_path / "sources" / "blog.json").stat().st_ino
        settled: list[int] = []
        settle = office.thread.settle

        async def counted(outcomes: list[tuple[str, Delivery]]) -> None:
            settled.append(len(outcomes))
            await settle(outcomes)

        office.thread.settle = counted  # type: ignore[method-assign]
        await office.drain()

        assert settled == [29]
        assert (tmp_path / "sources" / "blog.json").stat().st_ino != before


@simulated
async def test_a10_giving_up_is_told_by_another_route_once_and_so_is_the_recovery(
    tmp_path: Path, origin: Origin
) -> None:
    origin.serve("/hook", status=403)
    origin.serve("/operator", status=200)
    routes = [hook(origin), hook(origin, "/operator", when=frozenset({"incident"}))]
    async with open_office(tmp_path, routes) as office:
        await office.finds(entry(3), entry(2))
        await office.drain()
        origin.serve("/hook", status=200)
        await office.finds(entry(4), entry(3), entry(2))
        await office.drain()

        assert [body["type"] for body in _bodies(origin, "/operator")] == ["incident.opened", "incident.closed"]
        assert "HTTP 403" in json.dumps(_bodies(origin, "/operator")[0])


# --- digests and quiet hours ----------------------------------------------------------------------------


@simulated
async def test_a_digest_gathers_all_sources_until_its_time_and_is_one_message(tmp_path: Path, origin: Origin) -> None:
    origin.serve_in_turn("/hook", Answer(503), Answer(200))
    hours = Hours("Europe/Stockholm", digest=read_digest("daily 08:00"))
    async with open_office(tmp_path, [hook(origin, hours=hours)]) as office:
        await office.finds(entry(2))
        await office.passes(5 * HOURS, tick=HOURS)
        await office.finds(entry(22, "From the news"), source="news")
        await office.passes(13 * HOURS, tick=HOURS)
        assert origin.requests == []  # 07:00 in Stockholm

        await office.passes(90 * MINUTES, tick=10 * MINUTES)
        first, second = origin.requests
        assert first.headers["webhook-id"] == second.headers["webhook-id"]
        data = json.loads(second.body)["data"]
        assert [event["data"]["entry"]["title"] for event in data["events"]] == ["Entry 2", "From the news"]
        assert data["detail"] == "2 events since the last digest."
        assert await _statuses(office) == {"delivered": 2}


@simulated
async def test_what_joins_a_digest_after_it_was_tried_goes_into_the_next_one(tmp_path: Path, origin: Origin) -> None:
    origin.serve("/hook", status=503)
    async with open_office(tmp_path, [hook(origin, hours=Hours(digest=read_digest("hourly")))]) as office:
        await office.finds(entry(3), entry(2))
        await office.passes(HOURS, tick=10 * MINUTES)
        await office.finds(entry(5), entry(4), entry(3), entry(2))
        origin.serve("/hook", status=200)
        await office.passes(3 * HOURS, tick=10 * MINUTES)

        by_id: dict[str, set[bytes]] = {}
        for asked in origin.requests:
            by_id.setdefault(asked.headers["webhook-id"], set()).add(asked.body)
        assert [len(bodies) for bodies in by_id.values()] == [1, 1]
        assert await _statuses(office) == {"delivered": 4}


@simulated
async def test_which_deliveries_are_one_message_is_on_disk_before_it_is_sent(tmp_path: Path) -> None:
    """Otherwise a crash after the sending would let others join the message that the receiver has."""
    seen: list[set[str | None]] = []

    class Looking:
        async def send(self, message: Message, now: datetime) -> Verdict:
            disk = TinyStore(tmp_path, ["blog"], CATEGORIES, stamp="x", read_only=True)
            seen.append({claim.delivery.message_id for claim in disk.outbox()})
            assert seen[-1] == {message.id}
            return Verdict()

    hourly = Route("hook", Webhook("http://x/"), hours=Hours(digest=read_digest("hourly")))
    async with open_office(tmp_path, [hourly], Looking()) as office:
        await office.finds(entry(3), entry(2))
        await office.passes(HOURS, tick=HOURS)

        assert len(seen) == 1
        assert await _statuses(office) == {"delivered": 2}


@simulated
async def test_quiet_hours_hold_and_then_send_grouped(tmp_path: Path, origin: Origin) -> None:
    hours = Hours("UTC", quiet=read_quiet("22:00-07:00"))
    origin.serve("/hook", status=200)
    async with open_office(tmp_path, [hook(origin, hours=hours)]) as office:
        await office.finds(entry(2))
        await office.drain()
        assert len(origin.requests) == 1
        await office.passes(11 * HOURS, tick=HOURS)
        await office.finds(entry(3), entry(2))
        await office.passes(HOURS, tick=HOURS)
        await office.finds(entry(4), entry(3), entry(2))
        await office.passes(6 * HOURS, tick=HOURS)
        assert len(origin.requests) == 1

        await office.passes(2 * HOURS, tick=30 * MINUTES)
        (body,) = [json.loads(asked.body) for asked in origin.requests[1:]]
        assert (body["data"]["reason"], body["data"]["count"]) == ("quiet", 2)


@simulated
async def test_a_retry_that_falls_into_quiet_hours_waits_and_keeps_its_id(tmp_path: Path, origin: Origin) -> None:
    hours = Hours("UTC", quiet=read_quiet("12:10-13:00"))
    origin.serve("/hook", status=500)
    async with open_office(tmp_path, [hook(origin, hours=hours)], now=NOW) as office:
        await office.finds(entry(2))
        await office.passes(10 * MINUTES)
        tries = len(origin.requests)
        origin.serve("/hook", status=200)
        await office.passes(49 * MINUTES)
        assert len(origin.requests) == tries
        await office.passes(5 * MINUTES)

        assert len(origin.requests) == tries + 1
        assert len(set(ids(origin))) == 1


# --- senders that do as they are told ---------------------------------------------------------------------


class Scripted:
    """Answers as told, the last answer for ever, and notes when it was asked."""

    def __init__(self, *answers: Verdict) -> None:
        self._answers = list(answers)
        self.times: list[datetime] = []

    async def send(self, message: Message, now: datetime) -> Verdict:
        self.times.append(now)
        return self._answers.pop(0) if len(self._answers) > 1 else self._answers[0]


class Gated:
    """Answers at once, but for one route, which waits for the gate."""

    def __init__(self, route: str) -> None:
        self._route = route
        self._taken: asyncio.Queue[str] = asyncio.Queue()
        self.reached, self.gate = asyncio.Event(), asyncio.Event()
        self._count: Counter[str] = Counter()

    async def send(self, message: Message, now: datetime) -> Verdict:
        if message.route.id == self._route:
            self.reached.set()
            await self.gate.wait()
        self._taken.put_nowait(message.route.id)
        return Verdict()

    async def taken(self, route: str, count: int) -> None:
        """Waits until so many messages of a route were taken in all."""
        while self._count[route] < count:
            self._count[await self._taken.get()] += 1

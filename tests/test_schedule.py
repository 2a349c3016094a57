"""When a source is polled next: what its origin and its feed ask for only ever makes it later."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta

import pytest
from msgspec.structs import replace

from feedwatch.model import Entry, Failure, Moment, Pace, PollState, Rhythm, Source, Validators
from feedwatch.poller.caching import fresh_for
from feedwatch.poller.rhythm import interval, rhythm, silence
from feedwatch.poller.schedule import asked_with, may_poll_now, next_poll, phase
from feedwatch.readers.pace import pace_of

URL = "https://example.org/feed"
NOW = datetime(2024, 10, 21, 12, 30, tzinfo=UTC)  # a Monday
HOUR, DAY = timedelta(hours=1), timedelta(days=1)
NOON, THREE = "Mon, 21 Oct 2024 12:00:00 GMT", "Mon, 21 Oct 2024 15:00:00 GMT"
HOURLY = Source("feed", URL, every=HOUR)
TAGGED = PollState(validators={URL: Validators('"1"')})


def _wait(
    state: PollState = TAGGED, failure: Failure | None = None, source: Source = HOURLY, fresh: timedelta | None = None
) -> timedelta:
    return next_poll(source, state, failure, NOW, fresh=fresh).when - NOW


def _about(wait: timedelta) -> object:
    """`wait`, and up to a tenth more (five minutes at most)."""
    return pytest.approx(wait.total_seconds() + min(wait / 10, timedelta(minutes=5)).total_seconds() * phase("feed"))


def _failed(status: int | None = None, count: int = 1, retry_after: timedelta | None = None) -> timedelta:
    return _wait(PollState(failures=count), Failure("http", "", status, retry_after))


def test_failures_wait_longer_each_time_up_to_a_day() -> None:
    waits = [_failed(500, count).total_seconds() for count in (1, 2, 3, 30)]

    assert waits == [_about(2 * HOUR), _about(4 * HOUR), _about(8 * HOUR), _about(24 * HOUR)]


def test_p23_p27_the_origin_is_never_asked_sooner_than_it_said_however_long_that_is() -> None:
    assert _failed(429, retry_after=9 * DAY).total_seconds() == _about(9 * DAY)
    assert _failed(503, retry_after=timedelta(minutes=5)).total_seconds() == _about(HOUR)


def test_p25_too_many_requests_without_a_word_is_four_hours_and_doubles_to_a_day() -> None:
    waits = [_failed(429, count).total_seconds() for count in (1, 2, 3, 4, 20)]

    assert waits == [_about(4 * HOUR), _about(8 * HOUR), _about(16 * HOUR), _about(DAY), _about(DAY)]


def test_p17_a_source_that_cannot_say_nothing_new_is_asked_less_often_unless_the_operator_says() -> None:
    assert _wait(PollState(), source=Source("feed", URL)).total_seconds() == _about(6 * HOUR)
    assert _wait(PollState(), source=HOURLY).total_seconds() == _about(HOUR)
    assert _wait(TAGGED, source=Source("feed", URL)).total_seconds() == _about(HOUR)
    assert _wait(PollState(), source=Source("feed", "file:///x")).total_seconds() == _about(HOUR)


def test_p18_a_part_that_is_the_sources_own_only_delays() -> None:
    sources = [Source(f"s{n}", URL, every=HOUR) for n in range(1000)]
    seconds = [int((next_poll(s, TAGGED, None, NOW).when - NOW).total_seconds()) for s in sources]

    assert min(seconds) >= 3600
    assert max(seconds) <= 3900
    assert max(Counter(seconds).values()) <= 12
    assert next_poll(sources[7], TAGGED, None, NOW) == next_poll(sources[7], TAGGED, None, NOW)


@pytest.mark.parametrize(
    ("headers", "fresh"),
    [
        ({}, None),
        ({"cache-control": "max-age=7200"}, 2 * HOUR),
        ({"cache-control": 'public, Max-Age="7200"', "age": "3600"}, HOUR),
        ({"cache-control": "max-age=60", "age": "3600"}, None),
        ({"cache-control": "max-age=999999999999"}, timedelta(days=7)),
        ({"cache-control": "no-cache, max-age=7200"}, None),
        ({"cache-control": "no-store"}, None),
        ({"cache-control": "max-age=0", "expires": THREE, "date": NOON}, None),
        ({"cache-control": "max-age=nonsense"}, None),
        ({"expires": THREE, "date": NOON}, 3 * HOUR),
        ({"expires": THREE}, None),
        ({"expires": "0", "date": NOON}, None),
        ({"expires": "-1"}, None),
    ],
)  # fmt: skip
def test_p19_to_p22_how_long_an_answer_stays_fresh(headers: Mapping[str, str], fresh: timedelta | None) -> None:
    assert fresh_for(headers) == fresh


def test_p19_what_stays_fresh_is_not_asked_for_again() -> None:
    assert _wait(fresh=3 * HOUR).total_seconds() == _about(3 * HOUR)
    assert _wait(fresh=HOUR / 2).total_seconds() == _about(HOUR)
    assert next_poll(HOURLY, TAGGED, None, NOW, fresh=3 * HOUR).set_by == "Cache-Control or Expires"


@pytest.mark.parametrize(
    ("head", "every"),
    [
        ("", None),
        ("<ttl>120</ttl>", 2 * HOUR),
        ("<ttl> 9 </ttl>", timedelta(minutes=9)),
        ("<ttl>soon</ttl>", None),
        ("<sy:updatePeriod>daily</sy:updatePeriod><sy:updateFrequency>4</sy:updateFrequency>", 6 * HOUR),
        ("<sy:updatePeriod>\n\tweekly </sy:updatePeriod>", 7 * DAY),
        ("<sy:updatePeriod>hourly</sy:updatePeriod><sy:updateFrequency>0</sy:updateFrequency>", HOUR),
        ("<ttl>60</ttl><sy:updatePeriod>daily</sy:updatePeriod>", DAY),
    ],
)
def test_p41_how_often_a_feed_asks_to_be_polled(head: str, every: timedelta | None) -> None:
    text = f"<rss><channel>{head}<item><title>x</title></item></channel></rss>"

    assert pace_of(text).every == every
    assert pace_of("<rss><channel><item><description><ttl>9</ttl></description></item></channel></rss>") == Pace()


def test_p41_the_feeds_wish_is_a_floor_of_at_most_a_day() -> None:
    def asked(every: timedelta) -> float:
        return _wait(PollState(validators=TAGGED.validators, pace=Pace(every))).total_seconds()

    assert asked(2 * HOUR) == _about(2 * HOUR)
    assert asked(HOUR / 6) == _about(HOUR)
    assert asked(30 * DAY) == _about(DAY)


def test_p42_hours_and_days_to_skip_are_skipped_in_gmt() -> None:
    head = "<skipHours><hour>13</hour><hour>14</hour><hour>24</hour></skipHours><skipDays><day>Tuesday</day></skipDays>"
    pace = pace_of(f"<rss><channel>{head}</channel></rss>")
    assert pace == Pace(None, frozenset({13, 14, 0}), frozenset({1}))

    def when(now: datetime) -> datetime:
        return next_poll(HOURLY, PollState(validators=TAGGED.validators, pace=pace), None, now).when

    assert when(NOW).hour == 15
    assert when(NOW.replace(hour=23)).date() == datetime(2024, 10, 23, tzinfo=UTC).date()
    assert when(NOW.replace(hour=23)).hour == 1


def test_p42_who_asks_to_skip_everything_is_not_obeyed() -> None:
    always = PollState(validators=TAGGED.validators, pace=Pace(skip_hours=frozenset(range(24))))

    assert _wait(always).total_seconds() == _about(HOUR)


def test_a_poll_by_hand_keeps_the_origins_word() -> None:
    assert may_poll_now(PollState(next_poll=NOW + HOUR), NOW) is None
    assert "until" in (may_poll_now(PollState(not_before=NOW + timedelta(seconds=1)), NOW) or "")
    assert may_poll_now(PollState(not_before=NOW), NOW) is None
    assert "410" in (may_poll_now(PollState(gone=True), NOW) or "")


# --- as often as it publishes ---------------------------------------------------------------------------


def _published(*ages: timedelta) -> list[Entry]:
    return [Entry(str(age), "T", published=Moment(NOW - age)) for age in ages]


def test_a_source_is_asked_four_times_between_two_of_its_entries() -> None:
    found = rhythm(_published(*(n * 12 * HOUR for n in range(9))), NOW)
    assert found is not None
    assert found.gap == 12 * HOUR

    every = _wait(replace(TAGGED, rhythm=found), source=Source("feed", URL, adaptive=True))

    assert every.total_seconds() == _about(3 * HOUR)


def test_nobody_is_asked_more_often_than_every_half_hour_nor_less_than_daily() -> None:
    assert interval(Rhythm(timedelta(minutes=1), NOW), NOW) == timedelta(minutes=30)
    assert interval(Rhythm(90 * DAY, NOW), NOW) == DAY


def test_a_source_that_fell_silent_is_asked_less_and_less() -> None:
    waits = [interval(Rhythm(HOUR, NOW - n * DAY), NOW) for n in (0, 1, 3, 30)]

    assert waits == [timedelta(minutes=30), 3 * HOUR, 9 * HOUR, DAY]


def test_too_few_dates_or_dates_to_come_say_nothing() -> None:
    assert rhythm(_published(HOUR, DAY, 2 * DAY), NOW) is None
    assert rhythm(_published(-HOUR, -DAY, HOUR, DAY, 2 * DAY), NOW) is None
    assert _wait(source=Source("feed", URL, adaptive=True)).total_seconds() == _about(HOUR)


def test_304_for_ever_is_unmasked_by_a_full_request_now_and_then() -> None:
    state = replace(TAGGED, last_full=NOW)

    assert asked_with("feed", state, NOW + 44 * DAY).validators == TAGGED.validators
    assert asked_with("feed", state, NOW + 68 * DAY).validators == {}
    assert asked_with("feed", TAGGED, NOW).validators == TAGGED.validators


def test_a_source_that_is_unusually_quiet_says_so() -> None:
    weekly = Rhythm(7 * DAY, NOW)

    assert silence(weekly, NOW + 30 * DAY) is None
    assert silence(weekly, NOW + 50 * DAY) == "nothing new for 50 days, where there usually is something every 7 days"
    assert silence(Rhythm(HOUR, NOW), NOW + 6 * DAY) is None
    assert silence(None, NOW) is None

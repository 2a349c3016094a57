"""Digests and quiet hours on a person's clock, over midnight, weekends and daylight saving."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from feedwatch.hours import Hours, read_digest, read_quiet

STOCKHOLM = "Europe/Stockholm"


def _at(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


@pytest.mark.parametrize(
    ("zone", "digest", "at", "due"),
    [
        ("UTC", "daily 08:00", "2024-11-01T07:59:59", "2024-11-01T08:00"),
        ("UTC", "daily 08:00", "2024-11-01T08:00:00", "2024-11-02T08:00"),
        (STOCKHOLM, "daily 08:00", "2024-11-01T06:00:00", "2024-11-01T07:00"),
        (STOCKHOLM, "daily 08:00", "2024-07-01T05:59:00", "2024-07-01T06:00"),
        ("Pacific/Kiritimati", "daily 08:00", "2024-11-01T17:30:00", "2024-11-01T18:00"),
        ("UTC", "weekdays 08:00", "2024-11-01T09:00:00", "2024-11-04T08:00"),
        ("UTC", "mon,thu 18:30", "2024-11-05T09:00:00", "2024-11-07T18:30"),
        ("UTC", "hourly", "2024-11-01T09:00:00", "2024-11-01T10:00"),
        # 02:30 does not exist on that morning, and comes twice on the other one.
        (STOCKHOLM, "daily 02:30", "2024-03-31T00:00:00", "2024-03-31T01:30"),
        (STOCKHOLM, "daily 02:30", "2024-10-26T20:00:00", "2024-10-27T00:30"),
    ],
)
def test_the_next_digest(zone: str, digest: str, at: str, due: str) -> None:
    assert Hours(zone, read_digest(digest)).due(_at(at)) == (_at(due), "digest")


@pytest.mark.parametrize(
    ("quiet", "at", "until"),
    [
        ("22:00-07:00", "2024-11-01T21:59:59", None),
        ("22:00-07:00", "2024-11-01T22:00:00", "2024-11-02T07:00"),
        ("22:00-07:00", "2024-11-02T06:59:59", "2024-11-02T07:00"),
        ("22:00-07:00", "2024-11-02T07:00:00", None),
        ("12:00-13:00", "2024-11-02T12:30:00", "2024-11-02T13:00"),
    ],
)
def test_quiet_hours_begin_and_end_to_the_second(quiet: str, at: str, until: str | None) -> None:
    hours = Hours("UTC", quiet=read_quiet(quiet))

    assert hours.silent_until(_at(at)) == (_at(until) if until else None)
    assert hours.due(_at(at)) == ((_at(until), "quiet") if until else (_at(at), None))


def test_a_digest_inside_quiet_hours_waits_for_their_end() -> None:
    hours = Hours("UTC", read_digest("daily 06:00"), read_quiet("22:00-07:00"))

    assert hours.due(_at("2024-11-01T12:00")) == (_at("2024-11-02T07:00"), "digest")


@given(st.integers(0, 10 * 366 * 24 * 3600), st.sampled_from(["UTC", STOCKHOLM, "America/New_York"]))
def test_nothing_is_due_before_it_happened_nor_in_quiet_hours(seconds: int, zone: str) -> None:
    hours = Hours(zone, read_digest("daily 02:30"), read_quiet("22:00-07:00"))
    moment = datetime(2020, 1, 1, tzinfo=UTC) + timedelta(seconds=seconds)

    due, _ = hours.due(moment)

    assert moment < due <= moment + timedelta(days=2)
    assert hours.silent_until(due) is None


@pytest.mark.parametrize("text", ["", "daily", "daily 8:00", "daily 24:00", "mon;tue 08:00", "someday 08:00", "08:00"])
def test_what_is_no_digest_is_said(text: str) -> None:
    with pytest.raises(ValueError, match="write"):
        read_digest(text)


@pytest.mark.parametrize("text", ["", "22-7", "22:00", "22:00-22:00", "22:00-25:00"])
def test_what_is_no_span_is_said(text: str) -> None:
    with pytest.raises(ValueError, match="write"):
        read_quiet(text)

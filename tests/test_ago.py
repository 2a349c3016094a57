"""What sites say instead of dates."""

from __future__ import annotations

from datetime import timedelta

import pytest

from feedwatch.readers.ago import age_in

DAY = timedelta(days=1)


@pytest.mark.parametrize(
    ("text", "age"),
    [
        ("3 days ago", 3 * DAY),
        ("Posted 2 hours ago", timedelta(hours=2)),
        ("about an hour ago", timedelta(hours=1)),
        ("a week ago", 7 * DAY),
        ("Yesterday", DAY),
        ("just now", 0 * DAY),
        ("vor 3 Tagen", 3 * DAY),
        ("vor einer Stunde", timedelta(hours=1)),
        ("il y a 2 semaines", 14 * DAY),
        ("hace 5 días", 5 * DAY),
        ("há 4 horas", timedelta(hours=4)),
        ("2 giorni fa", 2 * DAY),
        ("3 dagen geleden", 3 * DAY),
        ("för 2 dagar sedan", 2 * DAY),
        ("5 dni temu", 5 * DAY),
        ("2 дня назад", 2 * DAY),
        ("3天前", 3 * DAY),
        ("2時間前", timedelta(hours=2)),
        ("4일 전", 4 * DAY),
        ("昨天", DAY),
        ("2 months ago", timedelta(days=60)),
    ],
)
def test_a_relative_time_is_an_age(text: str, age: timedelta) -> None:
    assert age_in(text) == age


@pytest.mark.parametrize(
    "text",
    ["5 min read", "3 days", "30 days of code", "Long ago", "4 March 2024", "2024年", "5 comments", "vor Ort", "",
     "Why we moved 3 years ago and what we learned from that in the end of it all"],
)  # fmt: skip
def test_what_is_no_relative_time_has_no_age(text: str) -> None:
    assert age_in(text) is None

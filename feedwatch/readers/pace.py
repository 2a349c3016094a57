"""How often a feed asks to be polled. Pure; whether that is obeyed is the schedule's."""

from __future__ import annotations

import re
from datetime import timedelta

from feedwatch.model import Pace

_HEAD_END = re.compile(r"<(?:\w+:)?(?:item|entry)\b", re.IGNORECASE)
_TTL = re.compile(r"<ttl\s*>\s*(\d{1,6})\s*</ttl", re.IGNORECASE)
_PERIOD = re.compile(r"<(?:\w+:)?updatePeriod\s*>\s*(hourly|daily|weekly|monthly|yearly)\s*<", re.IGNORECASE)
_FREQUENCY = re.compile(r"<(?:\w+:)?updateFrequency\s*>\s*(\d{1,6})\s*<", re.IGNORECASE)
_HOURS = re.compile(r"<skipHours\s*>(.{0,2000}?)</skipHours", re.IGNORECASE | re.DOTALL)
_HOUR = re.compile(r"<hour\s*>\s*(\d{1,2})\s*<", re.IGNORECASE)
_DAYS = re.compile(r"<skipDays\s*>(.{0,1000}?)</skipDays", re.IGNORECASE | re.DOTALL)
_DAY = re.compile(r"<day\s*>\s*(\w{3,9})\s*<", re.IGNORECASE)
_WEEK = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
_PERIODS = {
    "hourly": timedelta(hours=1),
    "daily": timedelta(days=1),
    "weekly": timedelta(days=7),
    "monthly": timedelta(days=30),
    "yearly": timedelta(days=365),
}


def pace_of(text: str) -> Pace:
    """What the head of an XML feed says: RSS 2.0's ttl (minutes), skipHours and skipDays, and the RSS syndication
    module's updatePeriod and updateFrequency."""
    first = _HEAD_END.search(text)
    head = text[: first.start()] if first else text
    asked = [time for time in (_ttl(head), _period(head)) if time]
    hours = _HOURS.search(head)
    days = _DAYS.search(head)
    return Pace(
        max(asked, default=None),
        # RSS 0.91 counts to 24, which is midnight.
        frozenset(int(hour) % 24 for hour in _HOUR.findall(hours[1]) if int(hour) <= 24) if hours else frozenset(),
        frozenset(_WEEK.index(day.lower()) for day in _DAY.findall(days[1]) if day.lower() in _WEEK)
        if days
        else frozenset(),
    )


def _ttl(head: str) -> timedelta | None:
    found = _TTL.search(head)
    return timedelta(minutes=int(found[1])) if found else None


def _period(head: str) -> timedelta | None:
    found = _PERIOD.search(head)
    if not found:
        return None
    times = _FREQUENCY.search(head)
    return _PERIODS[found[1].lower()] / max(1, int(times[1]) if times else 1)

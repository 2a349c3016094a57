"""When an alert may go out: digests and quiet hours on a person's own wall clock. Pure."""

from __future__ import annotations

import re
from datetime import UTC, date, datetime, time, timedelta
from typing import Literal
from zoneinfo import ZoneInfo

from msgspec import Struct

Held = Literal["digest", "quiet"]

_DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
_TIME = r"([01]\d|2[0-3]):([0-5]\d)"


class Digest(Struct, frozen=True):
    """Times at which what has gathered goes out: every hour, or at one time of some weekdays (0 is Monday)."""

    at: time | None = None
    weekdays: frozenset[int] = frozenset(range(7))


class Quiet(Struct, frozen=True):
    """From `start` up to `end`, over midnight when `end` is the earlier one."""

    start: time
    end: time


class Hours(Struct, frozen=True):
    """When a route sends. Without digest and quiet hours: always."""

    #: Name in the IANA time zone database.
    zone: str = "UTC"
    digest: Digest | None = None
    quiet: Quiet | None = None

    def due(self, at: datetime) -> tuple[datetime, Held | None]:
        """When a change found at `at` goes out (UTC), and for what it waits until then."""
        due = self._next_digest(self.digest, at) if self.digest else at
        after = self.silent_until(due)
        held: Held | None = "digest" if self.digest else "quiet" if after else None
        return after or due, held

    def silent_until(self, at: datetime) -> datetime | None:
        """The end of the quiet hours that `at` falls into (UTC), or None."""
        if self.quiet is None:
            return None
        local = at.astimezone(ZoneInfo(self.zone))
        for day in (local.date() - timedelta(days=1), local.date()):
            start = self._utc(day, self.quiet.start)
            end_day = day if self.quiet.start < self.quiet.end else day + timedelta(days=1)
            end = self._utc(end_day, self.quiet.end)
            if start <= at < end:
                return end
        return None

    def _next_digest(self, digest: Digest, at: datetime) -> datetime:
        if digest.at is None:
            return at.replace(minute=0, second=0, microsecond=0) + timedelta(hours=1)
        day = at.astimezone(ZoneInfo(self.zone)).date() - timedelta(days=1)
        while True:
            due = self._utc(day, digest.at)
            if due > at and day.weekday() in digest.weekdays:
                return due
            day += timedelta(days=1)

    def _utc(self, day: date, clock: time) -> datetime:
        """A time that daylight saving leaves out counts as the one an hour later, one that comes twice as the first."""
        return datetime.combine(day, clock, ZoneInfo(self.zone)).astimezone(UTC)


def read_digest(text: str) -> Digest:
    """`hourly`, `daily 08:00`, `weekdays 08:00`, `mon 08:00`, `mon,thu 08:00`. Raises ValueError."""
    if text.strip() == "hourly":
        return Digest()
    match = re.fullmatch(rf"\s*([a-z,]+) {_TIME}\s*", text)
    days = match.group(1) if match else ""
    named = {"daily": range(7), "weekdays": range(5)}.get(days) or [
        _DAYS.index(day) if day in _DAYS else -1 for day in days.split(",")
    ]
    if not match or -1 in named:
        raise ValueError('is not a digest; write "daily 08:00", "weekdays 08:00", "mon,thu 08:00" or "hourly"')
    return Digest(time(int(match.group(2)), int(match.group(3))), frozenset(named))


def read_quiet(text: str) -> Quiet:
    """`22:00-07:00`. Raises ValueError."""
    match = re.fullmatch(rf"\s*{_TIME}\s*-\s*{_TIME}\s*", text)
    if not match or match.group(1, 2) == match.group(3, 4):
        raise ValueError('is not a span of hours; write it like "22:00-07:00"')
    start_hour, start_minute, end_hour, end_minute = map(int, match.groups())
    return Quiet(time(start_hour, start_minute), time(end_hour, end_minute))

"""How long an answer says it stays fresh (RFC 9111 §4.2). Pure."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime

#: A header must not silence a source for ever.
LONGEST = timedelta(days=7)


def fresh_for(headers: Mapping[str, str]) -> timedelta | None:
    """The time for which asking again is pointless, None when nothing is said. Header names are lower case.

    `max-age` counts before `Expires`, less the `Age` the answer had in a cache; `no-cache` and `no-store` ask for
    nothing but a conditional request.
    """
    control = _directives(headers.get("cache-control", ""))
    if "no-cache" in control or "no-store" in control:
        return None
    if "max-age" in control:
        seconds = control["max-age"]
        if not (seconds.isascii() and seconds.isdigit()):
            return None
        return _bounded(timedelta(seconds=int(seconds[:9]) - _age(headers)))
    expires, sent = http_date(headers.get("expires", "")), http_date(headers.get("date", ""))
    if expires is None or sent is None:
        return None
    return _bounded(expires - sent)


def http_date(value: str) -> datetime | None:
    """An HTTP date (RFC 9110 §5.6.7) in UTC; None for what is none, as `0` and `-1` are."""
    if not value:
        return None
    try:
        date = parsedate_to_datetime(value)
    except (ValueError, TypeError, IndexError, OverflowError):
        return None
    return date.replace(tzinfo=UTC) if date.tzinfo is None else date.astimezone(UTC)


def _bounded(time: timedelta) -> timedelta | None:
    return min(time, LONGEST) if time > timedelta() else None


def _age(headers: Mapping[str, str]) -> int:
    age = headers.get("age", "").strip()
    return int(age[:9]) if age.isascii() and age.isdigit() else 0


def _directives(value: str) -> dict[str, str]:
    pairs = (part.strip().partition("=") for part in value.split(","))
    return {name.strip().lower(): argument.strip().strip('"') for name, _, argument in pairs}

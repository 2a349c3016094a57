"""Dates as sites write them. Never makes one up: what is not surely a date is None. No clock of its own."""

from __future__ import annotations

import re
from datetime import UTC, date, datetime, timedelta, timezone
from email.utils import parsedate_tz

from feedwatch.model import Moment

_LONGEST = 200
_EARLIEST_YEAR = 1970

_MONTHS = {
    1: "january jan januar janvier janv enero ene gennaio gen janeiro januari jänner",
    2: "february feb februar février fevrier févr fevr febrero febbraio fevereiro fev februari",
    3: "march mar märz maerz mrz mars marzo março marco maart mrt",
    4: "april apr avril avr abril abr aprile",
    5: "may mai mayo maggio mag maio mei",
    6: "june jun juni juin junio giugno giu junho",
    7: "july jul juli juillet juil julio luglio lug julho",
    8: "august aug août aout agosto ago augustus",
    9: "september sept sep septembre septiembre settembre set setembro",
    10: "october oct oktober okt octobre octubre ottobre ott outubro out",
    11: "november nov novembre noviembre novembro",
    12: "december dec dezember dez décembre decembre déc diciembre dic dicembre dezembro",
}
_MONTH = {name: number for number, names in _MONTHS.items() for name in names.split()}

# Offsets that RFC 822 does not define and feeds use all the same.
_ZONES = {
    "CEST": 2, "CET": 1, "BST": 1, "WEST": 1, "WET": 0, "EEST": 3, "EET": 2, "MSK": 3, "IST": 5.5, "JST": 9,
    "KST": 9, "AEST": 10, "AEDT": 11, "NZST": 12, "NZDT": 13,
}  # fmt: skip

_ISO = re.compile(
    r"(\d{4})-(\d{2})-(\d{2})(?:[T ](\d{2}):(\d{2})(?::(\d{2})(?:[.,]\d{1,9})?)?\s?(Z|[+-]\d{2}:?\d{2})?)?",
    re.IGNORECASE,
)
_YEAR_FIRST = re.compile(r"(\d{4})[/.](\d{1,2})[/.](\d{1,2})")
_CHINESE = re.compile(r"(\d{4})\s?年\s?(\d{1,2})\s?月\s?(\d{1,2})\s?日")
_NUMBERS = re.compile(r"(\d{1,2})([/.-])(\d{1,2})\2(\d{4})")
_WORD = r"([^\W\d_]{3,10})\.?"
_DAY = r"(\d{1,2})(?:st|nd|rd|th|er|º|\.)?"
_DAY_MONTH = re.compile(rf"{_DAY}\s+(?:de\s+|of\s+)?{_WORD}(?:,?\s+(?:de\s+)?(\d{{4}}))?")
_MONTH_DAY = re.compile(rf"{_WORD}\s+{_DAY}(?:,?\s+(\d{{4}}))?")
_WEEKDAY_OR_LABEL = re.compile(
    r"^(?:(?:published|posted|updated|date|on|am|le|el|il|op|em)\b\s*:?\s*|"
    r"(?:mon|tue|wed|thu|fri|sat|sun)[a-z]{0,6}\.?,?\s+|"
    r"(?:montag|dienstag|mittwoch|donnerstag|freitag|samstag|sonntag),?\s+|"
    r"(?:lundi|mardi|mercredi|jeudi|vendredi|samedi|dimanche),?\s+)+",
    re.IGNORECASE,
)
_TRAILER = re.compile(r"\s+[·|•–—].*$|\s*[·|•].*$")


def parse_date(text: str, now: datetime, *, language: str | None = None) -> Moment | None:
    """The moment that `text` states, or None.

    `now` (aware) settles a date without a year: the latest such day that has come. `language` is a BCP 47 tag
    and settles 03/04/2024. A time without a zone counts as UTC.
    """
    text = " ".join(text[:_LONGEST].split())
    text = _TRAILER.sub("", _WEEKDAY_OR_LABEL.sub("", text)).strip(" ,;")
    if not text:
        return None
    if iso := _ISO.fullmatch(text):
        return _iso(iso)
    return _rfc822(text) or _day(text.casefold(), now, language)


def _iso(found: re.Match[str]) -> Moment | None:
    year, month, day, hour, minute, second, zone = found.groups()
    if hour is None:
        return _moment(int(year), int(month), int(day))
    try:
        at = datetime(int(year), int(month), int(day), int(hour), int(minute), min(int(second or 0), 59), tzinfo=UTC)
        at -= _offset(zone)
    except (ValueError, OverflowError):
        return None
    return Moment(at) if at.year >= _EARLIEST_YEAR else None


def _offset(zone: str | None) -> timedelta:
    if zone is None or zone.upper() == "Z":
        return timedelta()
    hours, minutes = int(zone[1:3]), int(zone[-2:])
    if hours > 14 or minutes > 59:
        raise ValueError(zone)
    size = timedelta(hours=hours, minutes=minutes)
    return -size if zone[0] == "-" else size


def _rfc822(text: str) -> Moment | None:
    """Dates of RSS: RFC 822 with the year in two or four digits and any zone name people use."""
    if ":" not in text:
        return None
    parts = parsedate_tz(text)
    if parts is None:
        return None
    zone = text.rsplit(" ", 1)[-1].upper()
    seconds = int(_ZONES[zone] * 3600) if zone in _ZONES else parts[9] or 0
    try:
        at = datetime(*parts[:5], min(parts[5], 59), tzinfo=timezone(timedelta(seconds=seconds)))
        at = at.astimezone(UTC)
    except (ValueError, OverflowError):
        return None
    return Moment(at) if at.year >= _EARLIEST_YEAR else None


def _day(text: str, now: datetime, language: str | None) -> Moment | None:
    if found := _YEAR_FIRST.fullmatch(text) or _CHINESE.fullmatch(text):
        return _moment(*(int(part) for part in found.groups()))
    if found := _NUMBERS.fullmatch(text):
        return _numbers(int(found[1]), found[2], int(found[3]), int(found[4]), language)
    if found := _DAY_MONTH.fullmatch(text):
        day, name, year = found.groups()
    elif found := _MONTH_DAY.fullmatch(text):
        name, day, year = found.groups()
    else:
        return None
    month = _MONTH.get(name)
    if month is None:
        return None
    return _moment(int(year), month, int(day)) if year else _latest(month, int(day), now)


def _numbers(first: int, sign: str, second: int, year: int, language: str | None) -> Moment | None:
    """Day first with dots; with slashes only where the numbers or the language leave no doubt."""
    if sign == "." or first > 12:
        return _moment(year, second, first)
    if second > 12 or first == second:
        return _moment(year, first, second)
    if language is None:
        return None
    return _moment(year, first, second) if language.casefold() in ("en", "en-us") else _moment(year, second, first)


def _latest(month: int, day: int, now: datetime) -> Moment | None:
    """A day of the year that came last; tomorrow may already be today where the site is."""
    for year in range(now.year + 1, now.year - 8, -1):
        found = _moment(year, month, day)
        if found is not None and found.at <= now + timedelta(days=1):
            return found
    return None


def _moment(year: int, month: int, day: int) -> Moment | None:
    try:
        found = date(year, month, day)
    except ValueError:
        return None
    if year < _EARLIEST_YEAR:
        return None
    return Moment(datetime(found.year, found.month, found.day, tzinfo=UTC), day_only=True)

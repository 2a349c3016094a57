"""Dates as sites write them. Never makes one up: what is not surely a date is None. No clock of its own.

Does not read relative dates ("yesterday", "2 hours ago"): they mean another day at each poll.
"""

from __future__ import annotations

import functools
import re
import unicodedata
from datetime import UTC, date, datetime, timedelta

from feedwatch.model import Moment

_LONGEST = 200
#: And those that machines need for one.
_USUAL = 40
_EARLIEST_YEAR = 1970

_MONTHS = {
    1: "january jan januar jänner januari janvier janv enero ene gennaio gen janeiro gener ianuarie január января янв "
    "январь січня stycznia sty styczeń ledna leden tammikuuta ocak ιανουαρίου يناير ינואר",
    2: "february feb februar febr februari février fevrier févr fevr febrero febbraio fevereiro fev febrer februarie "
    "február февраля фев февраль лютого lutego lut luty února únor helmikuuta şubat φεβρουαρίου فبراير פברואר",
    3: "march mar märz maerz mrz mars marzo março marco maart mrt marts març martie március maret марта мар март "
    "березня marca marzec března březen maaliskuuta mart μαρτίου مارس מרץ",
    4: "april apr avril avr abril abr aprile aprilie április апреля апр апрель квітня kwietnia kwi kwiecień dubna "
    "duben huhtikuuta nisan απριλίου أبريل ابريل אפריל",
    5: "may mai mayo maggio mag maio mei maig maj május мая май травня maja května květen toukokuuta mayıs μαΐου "
    "μαϊου مايو מאי",
    6: "june jun juni juin junio giugno giu junho juny iunie június июня июн июнь червня czerwca cze czerwiec června "
    "červen kesäkuuta haziran ιουνίου يونيو יוני",
    7: "july jul juli juillet juill juil julio luglio lug julho juliol iulie július июля июл июль липня lipca lip "
    "lipiec července červenec heinäkuuta temmuz ιουλίου يوليو יולי",
    8: "august aug août aout agosto ago augustus augusti agost augusztus agustus августа авг август серпня sierpnia "
    "sie sierpień srpna srpen elokuuta ağustos αυγούστου أغسطس אוגוסט",
    9: "september sept sep septembre septiembre settembre set setembro setembre septembrie szeptember сентября сен "
    "сент сентябрь вересня września wrz wrzesień září syyskuuta eylül σεπτεμβρίου سبتمبر ספטמבר",
    10: "october oct oktober okt octobre octubre ottobre ott outubro out octombrie október октября окт октябрь "
    "жовтня października paź październik října říjen lokakuuta ekim οκτωβρίου أكتوبر اكتوبر אוקטובר",
    11: "november nov novembre noviembre novembro noiembrie ноября ноя нояб ноябрь листопада listopada lis listopadu "
    "marraskuuta kasım νοεμβρίου نوفمبر נובמבר",
    12: "december dec dezember dez décembre decembre déc diciembre dic dicembre dezembro desember desembre decembrie "
    "декабря дек декабрь грудня grudnia gru grudzień prosince prosinec joulukuuta aralık δεκεμβρίου ديسمبر דצמבר",
}
MONTH_NAMES = {name.casefold(): number for number, names in _MONTHS.items() for name in names.split()}
#: Words that are a month in Romance languages only, and mean something else elsewhere ("Gen 2", "an hour ago 2").
_AMBIGUOUS = frozenset({"ago", "gen", "mag", "out", "set"})

_WEEKDAY_NAMES = {
    "en": "monday mon tuesday tues tue wednesday wed thursday thurs thur thu friday fri saturday sat sunday sun",
    "de": "montag mo dienstag di mittwoch mi donnerstag do freitag fr samstag sonnabend sa sonntag so",
    "fr": "lundi lun mardi mar mercredi mer jeudi jeu vendredi ven samedi sam dimanche dim",
    "es": "lunes martes miércoles mié jueves jue viernes vie sábado sáb domingo dom",
    "it": "lunedì martedì mercoledì giovedì gio venerdì sabato sab domenica",
    "pt": "segunda-feira segunda terça-feira terça quarta-feira quarta quinta-feira quinta sexta-feira sexta",
    "nl": "maandag ma dinsdag woensdag wo donderdag vrijdag vr zaterdag za zondag zo",
}
_WEEKDAYS = frozenset(name for names in _WEEKDAY_NAMES.values() for name in names.split())

#: Hours east of UTC: RFC 822 §5.1, and names that feeds use all the same. Any other is UTC (RFC 5322 §4.3).
_ZONES = {
    "EST": -5, "EDT": -4, "CST": -6, "CDT": -5, "MST": -7, "MDT": -6, "PST": -8, "PDT": -7,
    "CEST": 2, "CET": 1, "MEST": 2, "MET": 1, "BST": 1, "WEST": 1, "WET": 0, "EEST": 3, "EET": 2, "MSK": 3,
    "IST": 5.5, "JST": 9, "KST": 9, "AEST": 10, "AEDT": 11, "NZST": 12, "NZDT": 13,
}  # fmt: skip
_FARTHEST_ZONE = timedelta(hours=14)

_REMARK = re.compile(r"\s?[(（][^()（）]*[)）]$|[\s,]{0,2}\d{1,3}\W?min(?:ute)?s?(?:\sread)?$", re.IGNORECASE)
_SEPARATOR = re.compile(r"\s?[·•|]\s?|\s[–—-]\s")
_YEAR = re.compile(r"\b\d{4}\b")
_LABEL = re.compile(
    r"(?:(?:(?:first|last)\s)?(?:published|posted|updated|written|date|publié|publicado|pubblicato|veröffentlicht|"
    r"gepubliceerd|geplaatst|on|am|den|le|du|el|il|op|em|the)\b[:\s]*)+"
)
_FIRST_WORD = re.compile(r"([^\W\d_]+(?:-feira)?)[.,]*\s?")

_YEAR_FIRST = re.compile(r"(\d{4})([-/.])\s?(\d{1,2})\2\s?(\d{1,2})\.?")
_EAST_ASIAN = re.compile(r"(\d{4})\s?[年년]\s?(\d{1,2})\s?[月월]\s?(\d{1,2})\s?[日일]")
_NUMBERS = re.compile(r"(\d{1,2})([-/.])\s?(\d{1,2})\2\s?(\d{4})")
_NAME = r"(?P<name>[^\W\d_]{3,12})\.?"
_DAY = r"(?P<day>\d{1,2})(?:st|nd|rd|th|er|º|\.)?"
_DAY_MONTH = re.compile(rf"{_DAY}[\s-]?(?:de\s|of\s|d['’])?{_NAME}(?:[\s,-]{{1,3}}(?:del?\s)?(?P<year>\d{{4}}|\d\d))?")
_YEAR_MONTH_DAY = re.compile(rf"(?P<year>\d{{4}})\.?\s{_NAME}\s(?P<day>\d{{1,2}})\.?")
_MONTH_DAY = re.compile(rf"{_NAME}[\s-]{_DAY}(?:[\s,-]{{1,3}}(?P<year>\d{{4}}|\d\d))?")
_WITH_TIME = re.compile(
    r"(?P<date>.{4,60}?)(?:(?<=\d)t|,?\s(?:(?:at|um|à|@|kl\.?)\s)?)"
    r"(?P<hour>\d{1,2}):(?P<minute>\d\d)(?::(?P<second>\d\d)(?:[.,]\d{1,9})?)?"
    r"(?:\s?(?P<half>[ap])\.?m\b\.?)?(?:\suhr)?"
    r"\s?(?:(?P<zone>z|[a-z]{2,5})|(?:gmt|utc)?\s?(?P<offset>[+-]\d{1,2}(?::?\d\d)?))?"
    r"(?:\s(?P<year>\d{4}))?"
)
# What machines write (RFC 822 §5.1, RFC 3339 §5.6): it says everything, in a form that can mean nothing else.
_RFC_822 = re.compile(
    r"(?:(?:Mon|Tue|Wed|Thu|Fri|Sat|Sun), )?([0-9]{1,2}) (Jan|Feb|Mar|Apr|May|Jun|Jul|Aug|Sep|Oct|Nov|Dec) ([0-9]{4}) "
    r"((?:[01][0-9]|2[0-3]):[0-9]{2}:[0-9]{2}) (?:(GMT|UTC?|[ECMP][SD]T)|([+-][0-9]{4}))"
)
_RFC_3339 = re.compile(
    r"([0-9]{4}-[0-9]{2}-[0-9]{2}T(?:[01][0-9]|2[0-3]):[0-9]{2}:[0-9]{2})(?:\.[0-9]{1,9})?(?:Z|([+-][0-9]{2}:[0-9]{2}))"
)


def parse_date(text: str, now: datetime, *, language: str | None = None) -> Moment | None:
    """The moment that `text` states, or None.

    `now` (aware) settles a date without a year: the latest such day that is not after the day to come.
    `language` is a BCP 47 tag and settles 03/04/2024; without one that is None. A time without a zone counts
    as UTC, and so does one in a zone that nobody knows (RFC 5322 §4.3). Only the first 200 characters count.
    """
    if len(text) <= _USUAL and (found := _usual(text)):
        return found
    text = " ".join(unicodedata.normalize("NFC", text[:_LONGEST]).casefold().split())
    parts = _SEPARATOR.split(text)
    for part in parts:
        # "Oct 21 – Oct 23, 2023" names its year once: the first half alone would get another one.
        yearless = None if any(_YEAR.search(other) for other in parts if other is not part) else now
        if found := _Dialect(yearless, (language or "").casefold().replace("_", "-")).read(part):
            return found
    return None


@functools.lru_cache(maxsize=64)
def _usual(text: str) -> Moment | None:
    """The moment, where `text` is what machines write. Taking apart what people write takes ten times as long.

    Atom says the same one twice at most entries.
    """
    if found := _RFC_3339.fullmatch(text):
        stated, zone, offset = found[1], None, found[2]
    elif found := _RFC_822.fullmatch(text):
        day, month, year, clock, zone, offset = found.groups()
        stated = f"{year}-{MONTH_NAMES[month.lower()]:02}-{day:0>2}T{clock}"
    else:
        return None
    try:
        local = datetime.fromisoformat(stated + "Z")
        return _moment(local, zone, offset) if local.year >= _EARLIEST_YEAR else None
    except (ValueError, OverflowError):  # a leap second, or no date at all: the rules for people tell
        return None


class _Dialect:
    """How a text is to be understood where it can mean several days."""

    def __init__(self, now: datetime | None, language: str) -> None:
        #: None forbids to guess a year.
        self._now = now
        self._language = language

    def read(self, text: str) -> Moment | None:
        if _YEAR_FIRST.fullmatch(text):
            return self._moment(text)  # as programs write it: there are no words to look for
        text = _REMARK.sub("", text).strip(" ,;:.")
        if label := _LABEL.match(text):
            text = text[label.end() :]
        word = _FIRST_WORD.match(text)
        # Only where the text is no date as it stands: "mar" is Tuesday to some and March to others.
        without = text[word.end() :] if word and word[1] in _WEEKDAYS else ""
        return self._moment(text) or (self._moment(without) if without else None)

    def _moment(self, text: str) -> Moment | None:
        if timed := _WITH_TIME.fullmatch(text):
            day = self._day(f"{timed['date']} {timed['year'] or ''}".strip(), short_year=True)
            return _at(day, timed) if day else None
        day = self._day(text)
        return Moment(datetime(day.year, day.month, day.day, tzinfo=UTC), day_only=True) if day else None

    def _day(self, text: str, *, short_year: bool = False) -> date | None:
        """`short_year`: RFC 822 has years of two digits, and always a time beside them."""
        if found := _YEAR_FIRST.fullmatch(text):
            return _date(int(found[1]), int(found[3]), int(found[4]))
        if found := _EAST_ASIAN.fullmatch(text):
            return _date(int(found[1]), int(found[2]), int(found[3]))
        if found := _NUMBERS.fullmatch(text):
            return self._numbers(int(found[1]), found[2], int(found[3]), int(found[4]))
        found = _DAY_MONTH.fullmatch(text) or _MONTH_DAY.fullmatch(text) or _YEAR_MONTH_DAY.fullmatch(text)
        month = MONTH_NAMES.get(found["name"]) if found else None
        if found is None or month is None:
            return None
        year, day = found["year"], int(found["day"])
        if year is None:
            return None if self._no_month(found["name"]) else self._latest(month, day)
        if len(year) == 2:
            # "12-Mar-99" is how databases write it; "12 Mar 99" could as well be a time, or a page.
            sure = short_year or text.count("-") == 2
            return _date(_century(int(year)), month, day) if sure else None
        return _date(int(year), month, day)

    def _numbers(self, first: int, sign: str, second: int, year: int) -> date | None:
        """Day first with dots; else only where the numbers or the language leave no doubt."""
        if sign == "." or first > 12 or first == second:
            return _date(year, second, first)
        if second > 12 or self._language in ("en", "en-us"):
            return _date(year, first, second)
        return _date(year, second, first) if self._language else None

    def _no_month(self, name: str) -> bool:
        return name in _AMBIGUOUS and not self._language.startswith(("it", "pt", "es"))

    def _latest(self, month: int, day: int) -> date | None:
        """That day of the year the last time it came; tomorrow may already be today where the site is."""
        if self._now is None:
            return None
        last = (self._now.astimezone(UTC) + timedelta(days=1)).date()
        years = range(last.year, last.year - 9, -1)  # 29 February can be eight years away
        return next((found for year in years if (found := _date(year, month, day)) and found <= last), None)


def _at(day: date, timed: re.Match[str]) -> Moment | None:
    hour = int(timed["hour"])
    half, zone, offset = timed.group("half", "zone", "offset")
    if half:
        if not 1 <= hour <= 12:
            return None
        hour = hour % 12 + (12 if half == "p" else 0)
    second = int(timed["second"] or 0)
    if second == 60:  # a leap second, which datetime does not have
        second = 59
    try:
        local = datetime(day.year, day.month, day.day, hour, int(timed["minute"]), second, tzinfo=UTC)
        return _moment(local, zone, offset)
    except (ValueError, OverflowError):
        return None


def _moment(local: datetime, zone: str | None, offset: str | None) -> Moment:
    """Raises ValueError for an offset that no place on earth has, and OverflowError for a time that none can say."""
    east = _offset(zone, offset)
    return Moment(local - east, offset=int(east.total_seconds() // 60)) if east else Moment(local)


@functools.lru_cache(maxsize=256)
def _offset(zone: str | None, offset: str | None) -> timedelta:
    """East of UTC. Raises ValueError for an offset that no place on earth has."""
    if offset is None:
        return timedelta(hours=_ZONES.get((zone or "").upper(), 0))
    digits = offset[1:].replace(":", "")
    hours, minutes = (int(digits), 0) if len(digits) <= 2 else (int(digits[:-2]), int(digits[-2:]))
    size = timedelta(hours=hours, minutes=minutes)
    if minutes > 59 or size > _FARTHEST_ZONE:
        raise ValueError(offset)
    return -size if offset[0] == "-" else size


def _century(year: int) -> int:
    """RFC 5322 §4.3."""
    return year + (2000 if year < 50 else 1900)


def _date(year: int, month: int, day: int) -> date | None:
    try:
        return date(year, month, day) if year >= _EARLIEST_YEAR else None
    except ValueError:
        return None

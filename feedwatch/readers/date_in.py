"""Dates inside a line of text: "Posted on 4 March 2024 by Ada · 5 min read". Pure.

Only what is a date from end to end is read as one (`dates` decides); this finds where one could begin and end.
"""

from __future__ import annotations

import functools
import re
from datetime import datetime

from feedwatch.model import Moment
from feedwatch.readers.dates import MONTH_NAMES, parse_date

#: A line longer than that is prose, and what it says of days is no date of the entry.
LONGEST = 120

#: Digits of other scripts.
_DIGITS = {
    ord(c): str(n)
    for digits in ("٠١٢٣٤٥٦٧٨٩", "۰۱۲۳۴۵۶۷۸۹", "०१२३४५६७८९", "０１２３４５６７８９")
    for n, c in enumerate(digits)
}
_MONTH = "(?:" + "|".join(sorted((re.escape(name) for name in MONTH_NAMES), key=len, reverse=True)) + r")\b\.?"
_TIME = (
    r"(?:[T,]?\s*(?:at\s|um\s|à\s)?\d{1,2}:\d\d(?::\d\d(?:\.\d+)?)?(?:\s?[ap]\.?m\.?)?"
    r"(?:\s?(?:Z|UTC|GMT|[+-]\d\d:?\d\d))?)?"
)
_YEAR = r"(?:19|20)\d\d"
_WITH_YEAR = re.compile(r"\d{4}")
_SHAPES = [
    re.compile(shape, re.IGNORECASE)
    for shape in (
        rf"\b{_YEAR}\s?[年년]\s?\d{{1,2}}\s?[月월]\s?\d{{1,2}}\s?[日일]",
        rf"\b{_YEAR}([-/.])\s?\d{{1,2}}\1\s?\d{{1,2}}\.?(?!\d){_TIME}",
        rf"\b\d{{1,2}}([-/.])\s?\d{{1,2}}\1\s?{_YEAR}\b{_TIME}",
        rf"\b\d{{1,2}}-{_MONTH}-\d\d\b",
        rf"\b\d{{1,2}}(?:st|nd|rd|th|er|º|ª|\.)?[\s-](?:de\s|of\s|d['’])?{_MONTH}(?:[\s,-]{{1,3}}(?:del?\s)?{_YEAR}(?!\d))?{_TIME}",
        rf"\b{_MONTH}[\s-]\d{{1,2}}(?:st|nd|rd|th)?(?!\d|[:.]\d)(?:[\s,-]{{1,3}}{_YEAR}(?!\d))?{_TIME}",
    )
]


def ascii_digits(text: str) -> str:
    return text.translate(_DIGITS)


def date_in(text: str, now: datetime, *, language: str | None = None) -> Moment | None:
    """The first date in a short line, or None; `now` and `language` as in `parse_date`."""
    return _date_in(text, now, language) if len(text) <= LONGEST else None


@functools.lru_cache(maxsize=4096)
def _date_in(text: str, now: datetime, language: str | None) -> Moment | None:
    text = text.translate(_DIGITS)
    if not any(c.isdigit() for c in text):
        return None
    if whole := parse_date(text, now, language=language):
        return whole
    stated = [found[0] for shape in _SHAPES for found in shape.finditer(text)]
    # "2 replies, 4 May 14, 2024": one that names its year is surely meant as a date.
    for part in sorted(stated, key=lambda part: _WITH_YEAR.search(part) is None):
        if moment := parse_date(part, now, language=language):
            return moment
    return None

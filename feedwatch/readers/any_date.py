"""Dates in languages that `dates` has no words for, where the package dateparser is installed (extra `dates`). Pure.

Slow and generous, so it is asked last, and only for what is marked as a date and states its year.
"""

from __future__ import annotations

import functools
import importlib
import re
from datetime import UTC
from importlib.util import find_spec

from feedwatch.model import Moment
from feedwatch.readers.dates import parse_date

_LONGEST = 40
_STATES_ALL = re.compile(r"(?=.*\b(?:19|20)\d\d\b)(?=.*\b\d{1,2}\b)(?=.*[^\W\d_])")
_SETTINGS = {
    "REQUIRE_PARTS": ["day", "month", "year"],
    "PARSERS": ["absolute-time"],
    "STRICT_PARSING": True,
    "RETURN_AS_TIMEZONE_AWARE": False,
}


def any_date(text: str) -> Moment | None:
    """The day that a short text states in whatever language; None without the package, or where it is none."""
    text = " ".join(text.split())
    return _stated(text) if len(text) <= _LONGEST else None


@functools.lru_cache(maxsize=2048)
def _stated(text: str) -> Moment | None:
    if not _STATES_ALL.match(text) or find_spec("dateparser") is None:
        return None
    found = importlib.import_module("dateparser").parse(text, settings=_SETTINGS)
    # It must be as plausible as any other: no year that is not on the page, nothing before there were feeds.
    if found is None or str(found.year) not in text:
        return None
    return parse_date(found.date().isoformat(), found.replace(tzinfo=UTC))

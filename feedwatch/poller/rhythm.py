"""How often a source publishes, as the dates of its entries tell. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timedelta
from itertools import pairwise

from feedwatch.model import Entry, Rhythm

#: The youngest dates that count, and how many say anything at all.
_YOUNGEST, _FEWEST = 20, 4
#: Asked so many times between two entries, but no more and no less often than that.
_LOOKS = 4
_OFTENEST, _RAREST = timedelta(minutes=30), timedelta(hours=24)
#: A source is silent after so many times its usual pause, and no sooner than that.
_SILENT, _LEAST_SILENCE = 6, timedelta(days=7)


def rhythm(entries: Iterable[Entry], now: datetime) -> Rhythm | None:
    """What the dates say, those in the future left aside; None for too few of them."""
    moments = [entry.published or entry.updated for entry in entries]
    dates = sorted({moment.at for moment in moments if moment and moment.at <= now}, reverse=True)[:_YOUNGEST]
    if len(dates) < _FEWEST:
        return None
    from statistics import median  # loads as much as the rest of a poll; asked for with each body only

    return Rhythm(timedelta(seconds=median((a - b).total_seconds() for a, b in pairwise(dates))), dates[0])


def silence(rhythm: Rhythm | None, now: datetime) -> str | None:
    """That a source has said nothing new for unusually long, in words; None where it has not."""
    if rhythm is None or now - rhythm.newest < max(_SILENT * rhythm.gap, _LEAST_SILENCE):
        return None
    days, usual = (now - rhythm.newest).days, rhythm.gap
    often = f"every {usual.days} days" if usual.days > 1 else "every day"
    return f"nothing new for {days} days, where there usually is something {often}"


def interval(found: Rhythm, now: datetime) -> timedelta:
    """How often to ask a source of this rhythm; one that fell silent is asked less and less."""
    gap = max(found.gap, (now - found.newest) / 2)
    return min(max(gap / _LOOKS, _OFTENEST), _RAREST)

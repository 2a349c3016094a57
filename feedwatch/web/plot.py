"""When a source published, over a year, as the shape of a small plot. Pure: numbers in, an SVG path out."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from datetime import datetime, timedelta

from msgspec import Struct

WEEKS = 52
#: In units of the drawing: the width of a week with its gap, and the height of the highest bar.
STEP, HEIGHT = 4, 24
_BAR = 3
_WEEK = timedelta(days=7)


class Plot(Struct, frozen=True):
    """`path` is the `d` of an SVG path with a bar for each week, the oldest at the left."""

    path: str
    #: Entries within the year, as far as they are known.
    count: int
    #: The left part of the drawing about which nothing is known: older entries were not at hand.
    unknown: int

    @property
    def words(self) -> str:
        """The plot for who does not see it."""
        least = "at least " if self.unknown else ""
        return f"{least}{self.count} {'entry' if self.count == 1 else 'entries'} in the last year"


def plot(dates: Sequence[datetime], total: int, now: datetime) -> Plot:
    """The plot of `dates`, the newest of `total`."""
    weeks = Counter(age for date in dates if (age := (now - date) // _WEEK) < WEEKS)
    highest = max(weeks.values(), default=0)
    bars = []
    for age in sorted(weeks, reverse=True):
        tall = max(2, round(HEIGHT * weeks[age] / highest))
        bars.append(f"M{(WEEKS - 1 - max(age, 0)) * STEP} {HEIGHT}v-{tall}h{_BAR}v{tall}z")
    oldest = min(dates, default=now)
    known = min(WEEKS, (now - oldest) // _WEEK + 1)
    unknown = (WEEKS - known) * STEP if len(dates) < total else 0
    return Plot("".join(bars), sum(weeks.values()), unknown)

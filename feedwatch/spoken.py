"""Times as people say them."""

from __future__ import annotations

from datetime import datetime


def ago(moment: datetime | None, now: datetime) -> str:
    """`moment` seen from `now`: "3 h ago", "in 5 min", "never"."""
    if moment is None:
        return "never"
    seconds = int((now - moment).total_seconds())
    size = abs(seconds)
    for unit, length in (("d", 86400), ("h", 3600), ("min", 60), ("s", 1)):
        if size >= length:
            return f"{size // length} {unit} ago" if seconds > 0 else f"in {size // length} {unit}"
    return "now"

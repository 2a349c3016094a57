"""What of a reading is no news, and for which reason. Pure."""

from __future__ import annotations

from datetime import datetime, timedelta

from msgspec import Struct

from feedwatch.model import Entry

#: Sites date posts before they publish them, and clocks and zones differ.
NEWS = timedelta(days=2)


class Hush(Struct, frozen=True):
    """What is taken in without a word: entries become `discovered`, edits are only kept."""

    edits: bool = False
    #: Entries that are not dated after this (UTC) are discovered; None: whatever is unknown is new.
    news_after: datetime | None = None

    def discovers(self, entry: Entry) -> bool:
        """Whether an unknown entry is no news."""
        return self.news_after is not None and (entry.published is None or entry.published.at <= self.news_after)


NO_HUSH = Hush()

"""What a body, or an entry's own page, came to. Knows nothing of what was known before."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Literal

from msgspec import field

from feedwatch.model.entries import About, Entry, Text
from feedwatch.model.fetching import Validators
from feedwatch.model.value import Value

#: Grows when the readers of this version find other entries or texts in the same bytes than those before.
READING_VERSION = 1
SourceKind = Literal["feed", "page"]
#: What an answer took: nothing to read, the quick reader of feeds, feedparser, a page's reader, any other.
Way = Literal["not-modified", "same-bytes", "quick", "feedparser", "quick-page", "page", "other"]


class Pace(Value, frozen=True):
    """How often a feed asks to be polled: RSS's ttl, skipHours and skipDays, the syndication module's sy:update*."""

    #: Shortest interval, if it says one.
    every: timedelta | None = None
    #: Hours (0 to 23) and weekdays (0 is Monday) in GMT at which nothing new comes.
    skip_hours: frozenset[int] = frozenset()
    skip_days: frozenset[int] = frozenset()


class Followed(Value, frozen=True):
    """What is known of the looks at an entry's own page."""

    #: The last one; it may have come to nothing.
    at: datetime
    #: What read the entry's text from it; None while the text is the listing's.
    read_as: str | None = None
    validators: Validators = Validators()
    #: Looks in a row at which the page was not there (HTTP 404, 410).
    gone: int = 0
    #: Digest of a text that is much shorter than the one before: believed when it is there at the next look too.
    doubted: str | None = None


class Article(Value, frozen=True):
    """What an entry's own page says."""

    text: Text
    #: The address that it gives as its own (RFC 6596), absolute.
    canonical: str | None
    #: What read it: another version finds other words in the same page.
    read_as: str


class Reading(Value, frozen=True, eq=False):
    """What one poll yielded: entries in the order of the document, and what was noticed on the way."""

    kind: SourceKind
    entries: tuple[Entry, ...]
    about: About = About()
    #: False when entries may be missing (cut at a limit, more pages): then absence proves nothing.
    complete: bool = True
    #: For people, one sentence each: "3 of 40 entries have no date".
    notes: tuple[str, ...] = ()
    pace: Pace = Pace()
    #: Where the entries of a page without selectors stood: paths in its structure that find them again.
    rule: tuple[str, ...] = ()
    #: For people who ask why: what was taken for the list of posts, and what was not, one sentence each.
    explained: tuple[str, ...] = ()
    #: The feeds that a page names as its own, or links.
    feeds: tuple[str, ...] = ()
    #: The page that goes on where this one ends.
    next_page: str | None = None
    #: Of entries whose own pages were looked at already: their ids, and what is to be kept of the look.
    followed: Mapping[str, Followed] = field(default_factory=dict)
    #: What read it; says nothing of the entries.
    way: Way = "other"

    def __eq__(self, other: object) -> bool:
        names = (name for name in self.__struct_fields__ if name != "way")
        return isinstance(other, Reading) and all(getattr(self, name) == getattr(other, name) for name in names)

    def __ne__(self, other: object) -> bool:
        return not self == other

    __hash__ = None  # type: ignore[assignment]  # what it holds has none either

"""What a source says of its posts, and of itself. Knows nothing of how that was come by, or what is made of it."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone
from typing import Literal

from msgspec import Struct

from feedwatch.model.value import Value


class Moment(Value, frozen=True, eq=False):
    """A date as a source states it, with the precision it was stated in."""

    #: UTC; midnight when only the day is known.
    at: datetime
    day_only: bool = False
    #: Minutes east of UTC in which it was stated: there it may have been another day.
    offset: int = 0

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Moment) and (self.at, self.day_only) == (other.at, other.day_only)

    def __ne__(self, other: object) -> bool:
        return not self == other

    def __hash__(self) -> int:
        return hash((self.at, self.day_only))

    def __str__(self) -> str:
        """ISO 8601 in UTC, or `YYYY-MM-DD` when only the day is known; ids are made of it."""
        return self.at.date().isoformat() if self.day_only else self.at.isoformat()

    @property
    def stated(self) -> str:
        """The same as its source states it: in the offset, and so on the day, that stands there."""
        return str(self) if self.day_only else self.at.astimezone(timezone(timedelta(minutes=self.offset))).isoformat()


class Text(Struct, frozen=True, gc=False):
    """A text construct (RFC 4287 §3.1): plain text, or HTML that is already sanitised."""

    value: str
    type: Literal["text", "html"] = "text"


class Person(Value, frozen=True):
    name: str
    email: str | None = None
    uri: str | None = None


class Category(Value, frozen=True):
    """A category as the source names it (RFC 4287 §4.2.2); which feed it belongs to is decided elsewhere."""

    term: str
    scheme: str | None = None
    label: str | None = None

    @property
    def title(self) -> str:
        return self.label or self.term


class Enclosure(Value, frozen=True):
    href: str
    type: str | None = None
    #: Bytes, as the source claims.
    length: int | None = None


class Origin(Value, frozen=True):
    """The feed that an entry was copied from, where its source says so (RFC 4287 §4.2.11)."""

    title: str | None = None
    link: str | None = None
    id: str | None = None


class Entry(Value, frozen=True):
    """One post, as its source claims it."""

    #: The guid, else the canonical link, else a digest of title and date: unique within its source.
    id: str
    #: Plain text on one line; "" when the source gives none.
    title: str
    #: Absolute http(s) URL, as published (tracking parameters kept).
    link: str | None = None
    summary: Text | None = None
    content: Text | None = None
    authors: tuple[Person, ...] = ()
    categories: tuple[Category, ...] = ()
    enclosures: tuple[Enclosure, ...] = ()
    published: Moment | None = None
    updated: Moment | None = None
    image: str | None = None
    #: BCP 47 tag of the entry's own language, where it differs from the source's.
    language: str | None = None
    rights: str | None = None
    origin: Origin | None = None
    #: How old it was when it was read, where the source says only that ("3 days ago"). Counts once, at first sight.
    age: timedelta | None = None
    #: Where its own page says that it stands (rel=canonical, a permanent redirect), once that was looked at.
    canonical: str | None = None


class About(Value, frozen=True):
    """What a source says of itself."""

    title: str | None = None
    link: str | None = None
    description: str | None = None
    language: str | None = None
    icon: str | None = None
    authors: tuple[Person, ...] = ()
    rights: str | None = None
    logo: str | None = None

"""Every error feedwatch raises on purpose. The class says whose fault it is; the message says what to do.

FeedwatchError
├── ConfigError      the operator's configuration (exit 78)
├── ReadError        a body that cannot be read as a feed or page (the source fails, others go on)
├── NotPublished     the public folder
├── Refused          a request that must not be made, or an address the guard does not let through
└── StoreError       the state folder
    ├── Locked       another process owns it (exit 75)
    ├── Damaged      a file is broken and so is its previous generation
    └── TooNew       written by a newer feedwatch; left alone
"""

from __future__ import annotations

from typing import Literal

ReadErrorKind = Literal["unreadable", "empty", "blocked", "soft-404"]


class FeedwatchError(Exception):
    """Base of all; `str(error)` is one or more lines fit to show to a person."""


class ConfigError(FeedwatchError):
    """All mistakes of a configuration at once, one `file:line:column: what, and what to write instead` each."""

    def __init__(self, problems: tuple[str, ...]) -> None:
        super().__init__("\n".join(problems))
        self.problems = problems


class ReadError(FeedwatchError):
    """A body that yields nothing to trust: `unreadable` (neither feed nor page, truncated), `empty`, `blocked` (a
    page that keeps programs out) or `soft-404` (a page that says it is none). `feeds` are those that an empty page
    names."""

    def __init__(self, kind: ReadErrorKind, detail: str, feeds: tuple[str, ...] = ()) -> None:
        super().__init__(detail)
        self.kind: ReadErrorKind = kind
        self.feeds = feeds

    def __reduce__(self) -> tuple[type[ReadError], tuple[str, str, tuple[str, ...]]]:
        return (ReadError, (self.kind, str(self), self.feeds))


class Refused(FeedwatchError):
    """A connection to an address that the configuration does not allow, or a request that must not be made."""


class NotPublished(FeedwatchError):
    """Feeds could not be written; the old ones are whole."""


class StoreError(FeedwatchError):
    """The state folder cannot be read or written; names the path and the remedy."""


class NoStateFolder(StoreError):
    """There is no state folder, and none can be made where it should be."""


class Locked(StoreError):
    """Another process owns the state folder."""


class Damaged(StoreError):
    """A file and its previous generation are both unreadable."""


class TooNew(StoreError):
    """A file was written by a newer feedwatch."""

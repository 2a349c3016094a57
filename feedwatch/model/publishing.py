"""What is published: feeds, and entries as they stand in them. Knows no format."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime

from msgspec import field

from feedwatch.model.entries import About
from feedwatch.model.known import KnownEntry, MajorEdit
from feedwatch.model.value import Value


class Feed(Value, frozen=True):
    """A feed that feedwatch publishes: its address below `base_url`, and what stands at its head."""

    #: `feeds/<slug>` or `sources/<id>`, without extension.
    path: str
    title: str
    subtitle: str | None = None
    #: The page a person would read instead, absolute.
    alternate: str | None = None
    language: str | None = None
    icon: str | None = None
    logo: str | None = None
    rights: str | None = None
    #: The path it was first published under, where that was another one: its id is made of it and stays.
    first_path: str | None = None
    #: The WebSub hub that is told of what is new in it.
    hub: str | None = None
    #: The other formats it is published in, as the ends of their addresses.
    twins: tuple[str, ...] = ()
    #: Pages of its archive (RFC 5005 §4), and which of them this is; 0 is the feed itself.
    archived: int = 0
    page: int = 0

    @property
    def address(self) -> str:
        """Where it stands below `base_url`, without extension."""
        return self.address_of(self.page) if self.page else self.path

    def address_of(self, page: int) -> str:
        """Where that page of its archive stands."""
        return f"{self.path}/archive-{page}"


class Imprint(Value, frozen=True):
    """What the operator wants on every feed."""

    #: Where readers find them: absolute, without a slash at its end.
    base_url: str
    #: Other formats than Atom, as the ends of their addresses.
    twins: tuple[str, ...] = ()
    hub: str | None = None
    icon: str | None = None
    logo: str | None = None
    rights: str | None = None
    #: The first slug of each category that has another one now.
    first_slugs: Mapping[str, str] = field(default_factory=dict)


class PublishedEntry(Value, frozen=True):
    """An entry in a feed: what is known of it, where it comes from and the feeds it is in."""

    known: KnownEntry
    source_id: str
    source: About
    #: (slug, title) of each category feed that carries it.
    categories: tuple[tuple[str, str], ...] = ()
    #: The major edit that it shows the outcome of.
    edit: MajorEdit | None = None

    def __hash__(self) -> int:
        return hash((self.known, self.source_id))


class Fragment(Value, frozen=True):
    """An entry as it stands in a feed."""

    atom_id: str
    updated: datetime
    #: As XML, and as JSON where the feed has such a twin; in UTF-8.
    atom: bytes
    json: bytes | None = None
    #: What lists of the newest entries say of it.
    title: str = ""
    link: str | None = None
    published: datetime | None = None

"""Every data type that passes between two rooms of feedwatch: frozen values, no behaviour beyond derived ones.

All datetimes are aware and in UTC. Text has no character that XML 1.0 forbids. Nothing here does I/O.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta, timezone
from typing import ClassVar, Literal

from msgspec import Struct, field

from feedwatch.discreet import Discreet

#: Grows when the readers of this version find other entries or texts in the same bytes than those before.
READING_VERSION = 1

SourceKind = Literal["feed", "page"]
ChangeKind = Literal["new", "edited", "moved", "recategorised", "withdrawn"]
EditSize = Literal["minor", "major"]
#: What an answer took: nothing to read, the quick reader of feeds, feedparser, a page's reader, any other.
Way = Literal["not-modified", "same-bytes", "quick", "feedparser", "quick-page", "page", "other"]
EditsShown = Literal["in-place", "as-entries", "both"]
IncidentKind = Literal[
    "route-gone",
    "route-failing",
    "source-failing",
    "source-gone",
    "source-doubted",
    "source-healed",
    "host-failing",
    "network-down",
]
#: Why a reading is not believed: another list, too much of it unknown or different, a field gone, unreadable text.
Doubt = Literal["rebuilt", "mass-new", "mass-edit", "lost-field", "garbled"]
DeliveryStatus = Literal["pending", "delivered", "dead", "dropped"]


class Value(Struct, frozen=True, omit_defaults=True, gc=False):
    """What is at its default is not written; and no value is ever part of a ring."""


# --- what a source claims ---------------------------------------------------------------------------


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


class Pace(Value, frozen=True):
    """How often a feed asks to be polled: RSS's ttl, skipHours and skipDays, the syndication module's sy:update*."""

    #: Shortest interval, if it says one.
    every: timedelta | None = None
    #: Hours (0 to 23) and weekdays (0 is Monday) in GMT at which nothing new comes.
    skip_hours: frozenset[int] = frozenset()
    skip_days: frozenset[int] = frozenset()


class Validators(Value, frozen=True):
    """ETag and Last-Modified exactly as received (RFC 9110 §8.8): opaque, sent back verbatim."""

    etag: str | None = None
    last_modified: str | None = None


NO_VALIDATORS = Validators()


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


# --- what the operator asked for --------------------------------------------------------------------


class Selectors(Value, frozen=True):
    """CSS selectors of a page's listing, each `selector` or `selector@attribute` (checked by config).

    All but `entry` and `section` are looked up inside the entry; `section` is the nearest one before it.
    """

    entry: str
    title: str | None = None
    link: str | None = None
    date: str | None = None
    summary: str | None = None
    author: str | None = None
    image: str | None = None
    category: str | None = None
    section: str | None = None


class JsonPaths(Value, frozen=True):
    """JMESPath expressions of a JSON API: `entries` gives the list, the others what one of its objects says."""

    entries: str
    id: str | None = None
    title: str | None = None
    link: str | None = None
    date: str | None = None
    summary: str | None = None
    author: str | None = None
    category: str | None = None
    image: str | None = None


class EditRules(Value, frozen=True):
    """What counts as an edit of a source's entries, and how feeds show it."""

    #: Regular expressions; what they match in a text is not compared.
    ignore: tuple[str, ...] = ()
    #: The share of a text's words, 0 to 1, that makes an edit a major one.
    major: float = 0.1
    #: Whether a major edit changes the entry where it stands in the feeds, is an entry of its own there, or both.
    shown: EditsShown = "in-place"
    #: Whether the text in the feeds tells, word by word, what the last major edit changed.
    marked: bool = False


class Source(Discreet, frozen=True):
    """Something that is polled: a feed or an archive page."""

    hidden: ClassVar[frozenset[str]] = frozenset({"headers", "proxy"})

    id: str
    #: Absolute http(s) URL, or a `file:` URL inside the configuration's own folder.
    url: str
    title: str | None = None
    #: None where the operator did not say.
    every: timedelta | None = None
    link_base: str | None = None
    categories: tuple[str, ...] = ()
    headers: tuple[tuple[str, str], ...] = ()
    select: Selectors | None = None
    #: For a source that is a JSON API.
    json: JsonPaths | None = None
    #: The operator has a reason to fetch what robots.txt keeps programs from.
    ignores_robots: bool = False
    #: URL of the HTTP proxy that its requests go through.
    proxy: str | None = None
    #: Polled as often as it publishes.
    adaptive: bool = False
    #: Pages of an archive that are read at first sight, or when all entries on the first one are unknown.
    pages: int = 1
    #: Address of a further page, with `{page}` for its number, where the pages do not say it.
    page_url: str | None = None
    #: Titles of posts on the page, from which its list of posts is known.
    examples: tuple[str, ...] = ()
    edits: EditRules = EditRules()
    #: Its page is made by scripts: it is read as a browser shows it.
    browser: bool = False
    #: The entries' own pages are read for their whole text, and watched.
    follow: bool = False
    #: When its list of posts is found no more, it is looked for where the known entries stand now.
    heal: bool = False


# --- fetching ---------------------------------------------------------------------------------------


class Request(Discreet, frozen=True):
    hidden: ClassVar[frozenset[str]] = frozenset({"headers"})
    url: str
    headers: tuple[tuple[str, str], ...] = ()


class Response(Discreet, frozen=True):
    """One answer. `body` is decoded (gzip undone) and bounded; header names are lower case."""

    hidden: ClassVar[frozenset[str]] = frozenset({"body"})

    url: str
    status: int
    headers: Mapping[str, str]
    body: bytes


class Trail(Value, frozen=True):
    """How an answer was come by."""

    #: The URL that was asked first: the source's own, or where it has moved to.
    home: str = ""
    #: Where permanent redirects from there lead, before any temporary one (RFC 9110 §15.4).
    permanent: str | None = None
    #: How long the answer says it stays fresh (RFC 9111 §4.2).
    fresh: timedelta | None = None


class Fetched(Discreet, frozen=True):
    """A body worth reading."""

    hidden: ClassVar[frozenset[str]] = frozenset({"body"})

    #: The URL that gave the body, after redirects: the base for relative links.
    url: str
    status: int
    headers: Mapping[str, str]
    body: bytes
    #: To be stored for `url` once the body's entries are committed.
    validators: Validators = Validators()
    trail: Trail = Trail()


class NotModified(Value, frozen=True):
    """What is stored is still right, the validators perhaps fresher."""

    status: int
    validators: Validators
    #: The URL they belong to, after redirects.
    url: str
    trail: Trail = Trail()


class Quarantine(Value, frozen=True):
    """Readings that are not believed, and therefore change nothing."""

    doubt: Doubt
    #: One sentence for people.
    detail: str
    since: datetime
    #: How many in a row, of this kind.
    readings: int
    #: Ids of entries in the last one.
    ids: tuple[str, ...] = ()


class Failure(Value, frozen=True):
    """A poll that yielded nothing to trust. It changes no entry and no feed."""

    kind: Literal[
        "unreachable", "timeout", "refused", "http", "gone", "redirect", "too-large", "unreadable",
        "empty", "blocked", "soft-404", "robots", "doubted", "reader-timeout", "reader-crash", "store",
        "browser",
    ]  # fmt: skip
    #: One sentence for people: what happened and, where it helps, what to do.
    detail: str
    http_status: int | None = None
    #: How long the origin asked us to stay away.
    retry_after: timedelta | None = None
    #: The feeds that a page without entries names.
    feeds: tuple[str, ...] = ()
    #: Of a reading that is not believed.
    quarantine: Quarantine | None = None


class Move(Value, frozen=True):
    """A permanent redirect that was seen, and is believed once it has held for a while."""

    target: str
    since: datetime
    sightings: int = 1


class Rhythm(Value, frozen=True):
    """How often a source publishes, as the dates of its entries tell."""

    #: The time that usually lies between two entries.
    gap: timedelta
    newest: datetime


class PollState(Value, frozen=True):
    """Book-keeping of a source's polls. Losing it costs one extra full request, nothing else."""

    validators: Mapping[str, Validators] = field(default_factory=dict)
    body_digest: str | None = None
    last_poll: datetime | None = None
    last_success: datetime | None = None
    next_poll: datetime | None = None
    failures: int = 0
    status: Literal["ok", "unchanged", "failed", "quarantined"] | None = None
    http_status: int | None = None
    error: str | None = None
    #: Entries in the last reading.
    entries: int = 0
    #: The origin asked to be left alone until then (Retry-After).
    not_before: datetime | None = None
    #: The origin said 410: never again until the operator says so.
    gone: bool = False
    #: The digest of the reading's configuration that `body_digest` was read with.
    config_digest: str | None = None
    kind: SourceKind | None = None
    pace: Pace = Pace()
    rhythm: Rhythm | None = None
    #: The rule by which a page without selectors is read.
    rule: tuple[str, ...] = ()
    #: What the list is found with while what the configuration says finds nothing that is known.
    healed: Selectors | None = None
    #: Where the second page of an archive is.
    next_page: str | None = None
    #: The page, and its number, at which a back-fill goes on that was interrupted.
    backfill: tuple[str, int] | None = None
    move: Move | None = None
    #: Where the source has moved to for good; None while it is where the configuration says.
    effective_url: str | None = None
    #: When a body was had last, changed or not.
    last_full: datetime | None = None
    #: Doubted readings that go on.
    quarantine: Quarantine | None = None
    #: The operator believes what is doubted.
    accepted: bool = False
    #: The version of the readers that `rule` and `body_digest` are of.
    read_as: int | None = None
    #: Names of the fields that nearly all entries had in the last reading; None where that is not known.
    filled: tuple[str, ...] | None = None
    #: The store was put back from a backup: what the next reading has that is unknown or different was told before.
    restored: bool = False
    #: Its entries rush through: that most are unknown is how it always is.
    rushing: bool = False
    #: Entries that should be in the last reading, and have to be missing once or twice more.
    missing: int = 0
    #: When the next look at an entry's own page is due, for a source whose entries are followed.
    next_look: datetime | None = None
    #: What decided `next_poll`, in a few words.
    set_by: str | None = None
    #: Requests for this source since it was added, those answered by 304, and bytes of bodies.
    requests: int = 0
    not_modified: int = 0
    received: int = 0


# --- what we know -----------------------------------------------------------------------------------


class Revision(Value, frozen=True):
    """What an entry said before an edit."""

    #: The number it had, from 1.
    number: int
    #: When it was found replaced.
    until: datetime
    #: Of the edit that replaced it.
    size: EditSize
    title: str
    summary: Text | None = None
    content: Text | None = None


class MajorEdit(Value, frozen=True):
    """What an entry said before a major edit, and what it says, or said until the next one."""

    before: Revision
    after: Revision


class Bond(Value, frozen=True):
    """The entry of another source that was first with the same post. Made once, so that what it is in does not depend
    on what either source says later."""

    source_id: str
    key: str
    #: Under which the post is published.
    atom_id: str


class KnownEntry(Value, frozen=True):
    """An entry in the store. `key` and `atom_id` are minted once and never change."""

    key: str
    atom_id: str
    entry: Entry
    first_seen: datetime
    #: When the text last changed; `first_seen` until then.
    changed_at: datetime
    #: atom:published / atom:updated of the feeds: never move without reason, `updated` never back.
    published: datetime
    updated: datetime
    #: Order in feeds, newest first; minted once, so that an old date found late reorders nothing.
    order: tuple[datetime, int]
    revision: int = 1
    #: Seen in the last trusted reading.
    listed: bool = True
    #: Other ids under which the same entry was seen.
    aliases: tuple[str, ...] = ()
    withdrawn: datetime | None = None
    #: The key of the entry of its source that it is, as the operator says; then it is in no feed itself.
    same_as: str | None = None
    #: Of a post that another source had first.
    twin_of: Bond | None = None
    #: What the entry that it is said when the operator linked the two.
    instead_of: Entry | None = None
    #: Trusted readings in a row that lack it though it should be there.
    missing: int = 0
    #: What it said before, oldest first; bounded by number and length.
    revisions: tuple[Revision, ...] = ()
    #: Of a source whose entries' own pages are read.
    followed: Followed | None = None
    #: Digests of earlier wordings, and when each was last shown: one that comes back is no edit.
    shown_before: tuple[tuple[str, datetime], ...] = ()

    def __hash__(self) -> int:
        # All fields, as by default, would be a look at every letter.
        return hash(self.atom_id)


class KnownSource(Value, frozen=True):
    """What the store holds of one source; `config_digest` is None before the first commit."""

    source_id: str
    config_digest: str | None = None
    about: About = About()
    entries: Mapping[str, KnownEntry] = field(default_factory=dict)


class Change(Value, frozen=True):
    """Something that happened to an entry. Its id is computed, never random."""

    id: str
    kind: ChangeKind
    source_id: str
    key: str
    atom_id: str
    entry: Entry
    before: Entry | None
    #: Names of the entry's fields that differ from `before`.
    fields: tuple[str, ...]
    #: Slugs of the categories the entry is in, and, when it left some, those too.
    categories: tuple[str, ...]
    at: datetime
    revision: int
    #: Of an edit; None for every other kind.
    size: EditSize | None = None


class Incident(Value, frozen=True):
    """Something that the operator should know, and perhaps mend."""

    id: str
    kind: IncidentKind
    #: What it is about: the id of a route (and an address of it) or source, a host, or `network`.
    subject: str
    #: One sentence: what happened, and what to do.
    detail: str
    opened: datetime
    closed: datetime | None = None
    #: Of a route's address when it was opened: another one closes it.
    config_digest: str | None = None
    #: When the operator was last told of it.
    told: datetime | None = None


class Notice(Value, frozen=True):
    """An incident was opened, goes on, or was closed: what routes are told of, beside changes."""

    id: str
    kind: Literal["opened", "open", "closed"]
    incident: Incident
    at: datetime


Event = Change | Notice


class Delivery(Value, frozen=True):
    """One event on its way to one receiver of one route: a row of the outbox. `id` is the idempotency key."""

    id: str
    #: The change or notice it carries.
    change_id: str
    route_id: str
    created: datetime
    due: datetime
    status: DeliveryStatus = "pending"
    attempts: int = 0
    last_error: str | None = None
    settled: datetime | None = None
    #: The mail address it goes to; None for routes that have one receiver.
    recipient: str | None = None
    #: Why it is not sent alone: it waits for others, or too many came at once.
    group: Literal["digest", "quiet", "storm", "catch-up"] | None = None
    #: The idempotency key of the grouped message it is in, from before the first attempt on.
    message_id: str | None = None
    #: What the receiver answered last, as far as it is kept.
    answer: str | None = None
    #: The first attempt that failed: the time for giving up runs from there.
    tried: datetime | None = None


class Commit(Value, frozen=True):
    """What one reading, or one incident, changes in the store: written at once or not at all."""

    source_id: str
    config_digest: str = ""
    about: About = About()
    #: Changed rows only.
    entries: tuple[KnownEntry, ...] = ()
    changes: tuple[Change, ...] = ()
    incidents: tuple[Incident, ...] = ()
    notices: tuple[Notice, ...] = ()
    deliveries: tuple[Delivery, ...] = ()


# --- what we publish --------------------------------------------------------------------------------


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


EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


# --- what a round reports ---------------------------------------------------------------------------


class SourceReport(Value, frozen=True):
    """What one poll of one source came to. The lists hold entry ids."""

    id: str
    status: Literal["ok", "unchanged", "failed", "quarantined"]
    http_status: int | None = None
    #: Entries in the reading; 0 when nothing was read.
    entries: int = 0
    changes: tuple[Change, ...] = ()
    discovered: int = 0
    error: str | None = None
    notes: tuple[str, ...] = ()
    #: None where nothing came of it.
    way: Way | None = None

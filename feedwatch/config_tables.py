"""The tables of config.toml: which keys there are, their types, defaults and descriptions.

Looks at one value at a time; what two tables say about each other is checked in config.py. msgspec reads a good file
into them; what is wrong in a bad one, and the schema, is found with the models that config_models.py makes of them.
"""

from collections.abc import Callable
from functools import cache, reduce
from typing import Annotated, Any, Literal, NamedTuple, TypeVar, get_args, get_origin

import msgspec
from msgspec import Meta, field
from msgspec.structs import force_setattr

from feedwatch import config_values as values

Function = Callable[[Any], Any]
T = TypeVar("T")


class Check(NamedTuple):
    """What a value has to be beside its type: `function` returns it, perhaps tidied, or raises ValueError."""

    function: Function
    #: What it looks like, for editors; a regular expression.
    pattern: str | None = None


#: Marks a list that may be written as the only value in it.
ONE_OR_MORE = "one or more"


def one_or_more(value: str | list[str]) -> list[str]:
    """What is written in a place that is marked so, as a list."""
    return [value] if isinstance(value, str) else value


_DURATION = rf"^(?=.){values.DURATION}$|\$\{{"

Duration = Annotated[str, Check(values.any_duration, _DURATION)]
Interval = Annotated[str, Check(values.interval, rf"^(?=.)(?:auto|{values.DURATION})$|\$\{{")]
Wait = Annotated[str, Check(values.at_least_a_second, _DURATION)]
Words = Annotated[str, Check(values.words)]
Id = Annotated[str, Check(values.identifier, f"^{values.ID}$")]
WebUrl = Annotated[str, Check(values.web_url)]
Selector = Annotated[str, Check(values.selector)]
Expression = Annotated[str, Check(values.expression)]
Secret = Annotated[str, Check(values.signing_secret)]
MailAddress = Annotated[str, Check(values.mail_address)]
Headers = dict[Annotated[str, Check(values.header_name)], Annotated[str, Check(values.header_value)]]
Credential = Annotated[str, Check(values.credential)]
Zone = Annotated[str, Check(values.time_zone)]
Template = Annotated[str, Check(values.template)]


class Table(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    def __post_init__(self) -> None:
        for name, default, check in _checks(type(self)):
            value = getattr(self, name)
            if value != default and (checked := check(value)) is not value:
                force_setattr(self, name, checked)


@cache
def _checks(table: type[Table]) -> list[tuple[str, object, Function]]:
    """The fields of a table that have something to check, with their defaults, and how."""
    defaults = dict(zip(reversed(table.__struct_fields__), reversed(table.__struct_defaults__), strict=False))
    kinds = table.__annotations__.items()
    return [(name, defaults.get(name), check) for name, kind in kinds if (check := _check_of(kind))]


def _check_of(kind: Any) -> Function | None:
    """All the checks in a type as one; None where there are none."""
    origin, parts = get_origin(kind), get_args(kind)
    if origin is Annotated:
        kind, *said = parts
        before = [one_or_more] if ONE_OR_MORE in said else []
        after = [part.function for part in said if isinstance(part, Check)]
        return _in_turn([*before, *filter(None, [_check_of(kind)]), *after])
    found = [check for part in parts if (check := _check_of(part))]
    if not found:
        return None
    if origin is list:
        return lambda value: list(map(found[0], value))
    if origin is dict:
        of_keys, of_values = (_check_of(part) or _as_it_is for part in parts)
        return lambda value: {of_keys(key): of_values(inner) for key, inner in value.items()}
    # Something or nothing, and nothing is what it is by default; or a list that may be written as its only value.
    return found[0]


def _in_turn(steps: list[Function]) -> Function | None:
    if len(steps) < 2:
        return steps[0] if steps else None
    return lambda value: reduce(lambda sofar, step: step(sofar), steps, value)


def _as_it_is(value: T) -> T:
    return value


class FeedwatchTable(Table, frozen=True):
    """What concerns feedwatch as a whole."""

    base_url: Annotated[str, Check(values.base_url), Meta(description="Where readers will find the feeds.")] = (
        "http://127.0.0.1:8080"
    )
    every: Annotated[
        Interval | None,
        Meta(
            description="How often a source is polled that does not say so itself: 1h by default, 6h where the origin "
            "sends neither ETag nor Last-Modified."
        ),
    ] = None
    public: Annotated[
        Words | None, Meta(description="Folder for the feeds, relative to this file; by default in the state folder.")
    ] = None
    entries: Annotated[int, Meta(description="Entries in a feed.", ge=1, le=1000)] = 50
    formats: Annotated[
        list[Literal["atom", "json", "rss"]],
        Check(values.formats),
        Meta(description="What each feed is published as: Atom, JSON Feed 1.1, RSS 2.0."),
    ] = field(default_factory=lambda: ["atom", "json"])
    hub: Annotated[
        WebUrl | None, Meta(description="WebSub hub that is named in the feeds and told of what is new in them.")
    ] = None
    icon: Annotated[WebUrl | None, Meta(description="Small square picture of the feeds.")] = None
    logo: Annotated[WebUrl | None, Meta(description="Larger picture of the feeds, twice as wide as high.")] = None
    rights: Annotated[Words | None, Meta(description="Who has which rights in the feeds, in a sentence.")] = None
    responses: Annotated[
        int, Meta(description="Bodies kept of each source for `feedwatch replay`; 0 keeps none.", ge=0, le=1000)
    ] = 20
    timezone: Annotated[Zone, Meta(description="Where digests and quiet hours are at home (IANA name).")] = "UTC"


class NetworkTable(Table, frozen=True):
    """Where feedwatch may connect to, and how fast."""

    allow_hosts: Annotated[
        list[Annotated[str, Check(values.allowed_host)]],
        Meta(description="Hosts, with or without port, that may have a non-global address."),
    ] = []
    per_host: Annotated[int, Meta(description="Requests to one host at the same time.", ge=1, le=100)] = 1
    per_host_pause: Annotated[Duration, Meta(description="Pause between two requests to one host.")] = "1s"


class WebTable(Table, frozen=True):
    """The page that `feedwatch run` serves."""

    listen: Annotated[
        str, Check(values.listening), Meta(description='Address of the web page: host:port, or "off".')
    ] = "127.0.0.1:8080"
    token: Annotated[
        Annotated[str, Check(values.web_token)] | None,
        Meta(description='What everybody who looks has to know; better "${NAME}" than written out.'),
    ] = None


class OutboxTable(Table, frozen=True):
    """How hard it is tried to deliver alerts."""

    retry_first: Annotated[Wait, Meta(description="Pause before the first retry of a delivery; it doubles.")] = "30s"
    retry_for: Annotated[Wait, Meta(description="After this a delivery that never succeeded is given up.")] = "3d"
    storm: Annotated[int, Meta(description="More changes than this in one poll of a source are one alert.", ge=1)] = 20


class SelectTable(Table, frozen=True):
    """The list of entries of a page, by CSS selectors; without this table it is found by itself."""

    entry: Annotated[Selector, Meta(description="CSS selector of the elements that are the entries.")]
    title: Annotated[Selector | None, Meta(description="The title in the entry; by default its first heading.")] = None
    link: Annotated[
        Selector | None, Meta(description="The link in the entry, as selector@attribute; by default that of the title.")
    ] = None
    date: Annotated[Selector | None, Meta(description="The date in the entry; by default its first time element.")] = (
        None
    )
    summary: Annotated[Selector | None, Meta(description="The summary; by default the entry's first paragraph.")] = None
    author: Annotated[Selector | None, Meta(description='The author; by default what is marked rel="author".')] = None
    image: Annotated[Selector | None, Meta(description="The picture; by default the first in the entry.")] = None
    category: Annotated[Selector | None, Meta(description="In the entry; every match is a category.")] = None
    section: Annotated[Selector | None, Meta(description="The nearest one before the entry is its category.")] = None


class JsonTable(Table, frozen=True):
    """The entries of a JSON API, by JMESPath."""

    entries: Annotated[Expression, Meta(description='JMESPath of the list of entries, as in "data.posts".')]
    id: Annotated[Expression | None, Meta(description="In an entry: what stays the same when its link changes.")] = None
    title: Annotated[Expression | None, Meta(description="In an entry: its title.")] = None
    link: Annotated[Expression | None, Meta(description="In an entry: its address.")] = None
    date: Annotated[Expression | None, Meta(description="In an entry: its date, or seconds since 1970.")] = None
    summary: Annotated[Expression | None, Meta(description="In an entry: its summary.")] = None
    author: Annotated[Expression | None, Meta(description="In an entry: its author's name.")] = None
    category: Annotated[Expression | None, Meta(description="In an entry: a category, or a list of them.")] = None
    image: Annotated[Expression | None, Meta(description="In an entry: the address of its picture.")] = None


class SourceTable(Table, frozen=True):
    """What is polled: a feed, a page, a sitemap or a JSON API; one [[source]] each."""

    id: Annotated[Id, Meta(description="Its name in addresses, files and commands; never change it.")]
    url: Annotated[str, Meta(description="Address of a feed or page, or a file in this file's folder.")]
    title: Annotated[Words | None, Meta(description="Instead of the title that the source gives itself.")] = None
    every: Annotated[
        Interval | None, Meta(description='How often it is polled; "auto" is as often as it publishes.')
    ] = None
    link_base: Annotated[WebUrl | None, Meta(description="What relative links are relative to.")] = None
    categories: Annotated[list[Words], Meta(description="Given to every entry of the source.")] = []
    headers: Annotated[Headers, Meta(description="Sent with every request to the source's own host.")] = {}
    user: Annotated[Credential | None, Meta(description="Login name (HTTP Basic), for the source's own host.")] = None
    password: Annotated[Credential | None, Meta(description='Its password; better "${NAME}" than written out.')] = None
    bearer: Annotated[
        Annotated[str, Check(values.header_value)] | None,
        Meta(description='Token (HTTP Bearer), for the source\'s own host; better "${NAME}".'),
    ] = None
    cookies: Annotated[
        dict[Annotated[str, Check(values.header_name)], Annotated[str, Check(values.cookie_value)]],
        Meta(description="Sent to the source's own host."),
    ] = {}
    robots: Annotated[
        Literal["obey", "ignore"],
        Meta(description="Whether the site's robots.txt counts; it is asked for pages, not for feeds."),
    ] = "obey"
    robots_reason: Annotated[Words | None, Meta(description="Why it does not, for whoever reads this later.")] = None
    pages: Annotated[
        int,
        Meta(description="Pages of an archive that are read at first sight, or after a long absence.", ge=1, le=100),
    ] = 1
    page_url: Annotated[
        Annotated[str, Check(values.page_url)] | None,
        Meta(description='Address of a further page, as in "https://example.org/blog/page/{page}/".'),
    ] = None
    ignore: Annotated[
        list[Annotated[str, Check(values.pattern)]],
        Meta(description="Regular expressions; what they match in a text is no edit when it changes."),
    ] = []
    major: Annotated[
        float, Meta(description="Share of a text's words that makes an edit major, and moves `updated`.", ge=0, le=1)
    ] = 0.1
    edits: Annotated[
        Literal["in-place", "as-entries", "both"],
        Meta(
            description="Whether a major edit changes the entry where it stands in the feeds, stands there as an entry "
            "of its own beside the old text, or both."
        ),
    ] = "in-place"
    show_edits: Annotated[
        bool, Meta(description="Whether the feeds mark what the last major edit of an entry changed, word by word.")
    ] = False
    examples: Annotated[
        list[Words],
        Meta(description="Titles of some posts on the page; what stands where they stand is the list of posts."),
    ] = []
    proxy: Annotated[
        Annotated[str, Check(values.proxy_url)] | None,
        Meta(description='HTTP proxy that its requests go through, as in "http://proxy.example:3128".'),
    ] = None
    browser: Annotated[
        bool,
        Meta(
            description="Whether its page is read as a browser shows it, for lists that JavaScript builds "
            "(needs feedwatch[browser] and chromium)."
        ),
    ] = False
    follow: Annotated[
        bool,
        Meta(
            description="Whether each entry's own page is read once for its whole text, and then watched for edits "
            "(needs feedwatch[follow])."
        ),
    ] = False
    heal: Annotated[
        bool,
        Meta(
            description="Whether a page whose list of posts is found no more is read where nine in ten of its known "
            "posts stand now, until the configuration is mended."
        ),
    ] = False
    select: Annotated[SelectTable | None, Meta(description="Pins the list of entries of a page down.")] = None
    json_: Annotated[JsonTable | None, Meta(description="Where the entries of a JSON API stand.")] = field(
        default=None, name="json"
    )


class CategoryTable(Table, frozen=True):
    """A category, by the slug that names its feed; one [category.SLUG] each, only where there is something to say."""

    title: Annotated[Words | None, Meta(description="Title of the category's feed.")] = None
    aliases: Annotated[list[Words], Meta(description="Other names of the category in the sources.")] = []
    was: Annotated[
        list[Annotated[str, Check(values.former_slug)]],
        Meta(description="Slugs that it had before, the first one first; their addresses lead to this feed."),
    ] = []


class FeedTable(Table, frozen=True):
    """A feed by words, or merged from several sources and categories; one [[feed]] each."""

    id: Annotated[Id, Meta(description="Its name in its address, /feeds/ID.atom; never change it.")]
    title: Annotated[Words, Meta(description="Title of the feed.")]
    categories: Annotated[list[Words], Meta(description="Only entries in one of these; by default all.")] = []
    sources: Annotated[list[str], Meta(description="Only entries of these sources (ids); by default all.")] = []
    match: Annotated[
        str | list[Words],
        ONE_OR_MORE,
        Meta(description="Only entries with one of these words or phrases in title or text."),
    ] = []
    unless: Annotated[
        str | list[Words],
        ONE_OR_MORE,
        Meta(description="No entries with one of these words or phrases in title or text."),
    ] = []
    token: Annotated[
        Annotated[str, Check(values.feed_token)] | None,
        Meta(description='Makes it private: part of its address, /private/TOKEN/ID.atom; better "${NAME}".'),
    ] = None


class MailTable(Table, frozen=True, kw_only=True):
    """The server that mails go through."""

    server: Annotated[
        str,
        Check(values.server),
        Meta(description="SMTP server: host, or host:port; by default port 587 (starttls), 465 (tls) or 25 (none)."),
    ]
    security: Annotated[
        Literal["starttls", "tls", "none"],
        Meta(description="How the connection is encrypted; never weaker than said here."),
    ] = "starttls"
    from_: Annotated[
        str, Check(values.mailbox), Meta(description='Sender, as in "feedwatch <alerts@example.org>".')
    ] = field(name="from")
    user: Annotated[Credential | None, Meta(description="Login name.")] = None
    password: Annotated[
        Credential | None, Meta(description='Its password; better "${SMTP_PASSWORD}" than written out.')
    ] = None
    ca: Annotated[Words | None, Meta(description="File of certificates to trust instead of the system's.")] = None
    allow_private: Annotated[bool, Meta(description="Whether the server may be on a private network.")] = False


class AlertTable(Table, frozen=True):
    """Who is told of what: a webhook, addresses, or a chat or push service; one [[alert]] each."""

    id: Annotated[Id, Meta(description="Its name in the outbox; never change it.")]
    webhook: Annotated[WebUrl | None, Meta(description="Address that is told, by POST.")] = None
    mail: Annotated[
        Annotated[str | Annotated[list[MailAddress], Meta(min_length=1)], ONE_OR_MORE] | None,
        Meta(description="Addresses that get an e-mail each, through [mail]."),
    ] = None
    notify: Annotated[
        Annotated[str, Check(values.notify_url)] | None,
        Meta(description="Address of a chat or push service, as Apprise writes it (needs feedwatch[notify])."),
    ] = None
    secret: Annotated[
        str | list[Secret],
        ONE_OR_MORE,
        Meta(description='Signing secret "whsec_…" (Standard Webhooks), or several while rotating them.'),
    ] = []
    headers: Annotated[Headers, Meta(description="Sent with every request of the webhook.")] = {}
    allow_private: Annotated[bool, Meta(description="Whether the receiver may be on a private network.")] = False
    when: Annotated[
        list[Literal["new", "edited", "moved", "recategorised", "withdrawn", "incident"]],
        Meta(description="The events it is told of.", min_length=1),
    ] = field(default_factory=lambda: ["new", "edited"])
    minor_edits: Annotated[bool, Meta(description="Whether typo-sized edits are told of too.")] = False
    categories: Annotated[list[Words], Meta(description="Only entries in one of these; by default all.")] = []
    sources: Annotated[list[str], Meta(description="Only entries of these sources (ids); by default all.")] = []
    match: Annotated[
        str | list[Words],
        ONE_OR_MORE,
        Meta(description="Only entries with one of these words or phrases in title or text."),
    ] = []
    unless: Annotated[
        str | list[Words],
        ONE_OR_MORE,
        Meta(description="No entries with one of these words or phrases in title or text."),
    ] = []
    digest: Annotated[
        Annotated[str, Check(values.digest_times)] | None,
        Meta(description='Gathered into one: "daily 08:00", "weekdays 08:00", "mon,thu 08:00" or "hourly".'),
    ] = None
    quiet: Annotated[
        Annotated[str, Check(values.quiet_hours)] | None,
        Meta(description='Held until these hours are over and then gathered, as in "22:00-07:00".'),
    ] = None
    timezone: Annotated[Zone | None, Meta(description="Instead of the one in [feedwatch].")] = None
    storm: Annotated[Annotated[int, Meta(ge=1)] | None, Meta(description="Instead of the one in [outbox].")] = None
    subject: Annotated[Template | None, Meta(description="Template (Jinja2) of the subject.")] = None
    body: Annotated[Template | None, Meta(description="Template (Jinja2) of the text of a mail or notification.")] = (
        None
    )
    json_: Annotated[
        Annotated[dict[str, Any], Check(values.template_tree)] | None,
        Meta(description="A webhook's own body; each string in it is a template (Jinja2)."),
    ] = field(default=None, name="json")


class File(Table, frozen=True):
    """The configuration of feedwatch."""

    feedwatch: FeedwatchTable = FeedwatchTable()
    network: NetworkTable = NetworkTable()
    web: WebTable = WebTable()
    outbox: OutboxTable = OutboxTable()
    mail: Annotated[MailTable | None, Meta(description="The server that mails go through.")] = None
    source: Annotated[list[SourceTable], Meta(description="What is polled; one [[source]] each.")] = []
    category: Annotated[
        dict[Annotated[str, Check(values.category_slug)], CategoryTable],
        Meta(description="Categories by slug, the name of their feed."),
    ] = {}
    feed: Annotated[
        list[FeedTable],
        Meta(description="Feeds by words or merged from several sources and categories; one [[feed]] each."),
    ] = []
    alert: Annotated[list[AlertTable], Meta(description="Who is told; one [[alert]] each.")] = []

"""The tables of config.toml as pydantic models: which keys there are, their types, defaults and descriptions.

Looks at one value at a time; what two tables say about each other is checked in config.py.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, ValidationInfo

from feedwatch import config_values as values

_DURATION = Field(json_schema_extra={"pattern": rf"^(?=.){values.DURATION}$|\$\{{"})


def _source_url(text: str, info: ValidationInfo) -> str:
    folder = info.context
    if not isinstance(folder, Path):
        raise TypeError("the tables are read with the configuration's folder as context")
    return values.source_url(text, folder)


def _listed(value: object) -> object:
    return [value] if isinstance(value, str) else value


Duration = Annotated[str, AfterValidator(values.any_duration), _DURATION]
Interval = Annotated[
    str,
    AfterValidator(values.interval),
    Field(json_schema_extra={"pattern": rf"^(?=.)(?:auto|{values.DURATION})$|\$\{{"}),
]
Wait = Annotated[str, AfterValidator(values.at_least_a_second), _DURATION]
Words = Annotated[str, AfterValidator(values.words)]
Id = Annotated[str, AfterValidator(values.identifier), Field(json_schema_extra={"pattern": f"^{values.ID}$"})]
WebUrl = Annotated[str, AfterValidator(values.web_url)]
Selector = Annotated[str, AfterValidator(values.selector)]
Expression = Annotated[str, AfterValidator(values.expression)]
Secret = Annotated[str, AfterValidator(values.signing_secret)]
MailAddress = Annotated[str, AfterValidator(values.mail_address)]
Headers = dict[Annotated[str, AfterValidator(values.header_name)], Annotated[str, AfterValidator(values.header_value)]]
Credential = Annotated[str, AfterValidator(values.credential)]
Zone = Annotated[str, AfterValidator(values.time_zone)]
Template = Annotated[str, AfterValidator(values.template)]


class Table(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True, frozen=True, hide_input_in_errors=True)


class FeedwatchTable(Table):
    """What concerns feedwatch as a whole."""

    base_url: Annotated[str, AfterValidator(values.base_url)] = Field(
        default="http://127.0.0.1:8080", description="Where readers will find the feeds."
    )
    every: Interval | None = Field(
        default=None,
        description="How often a source is polled that does not say so itself: 1h by default, 6h where the origin "
        "sends neither ETag nor Last-Modified.",
    )
    public: Words | None = Field(
        default=None, description="Folder for the feeds, relative to this file; by default in the state folder."
    )
    entries: int = Field(default=50, ge=1, le=1000, description="Entries in a feed.")
    formats: Annotated[list[Literal["atom", "json", "rss"]], AfterValidator(values.formats)] = Field(
        default=["atom", "json"], description="What each feed is published as: Atom, JSON Feed 1.1, RSS 2.0."
    )
    hub: WebUrl | None = Field(
        default=None, description="WebSub hub that is named in the feeds and told of what is new in them."
    )
    icon: WebUrl | None = Field(default=None, description="Small square picture of the feeds.")
    logo: WebUrl | None = Field(default=None, description="Larger picture of the feeds, twice as wide as high.")
    rights: Words | None = Field(default=None, description="Who has which rights in the feeds, in a sentence.")
    responses: int = Field(
        default=20, ge=0, le=1000, description="Bodies kept of each source for `feedwatch replay`; 0 keeps none."
    )
    timezone: Zone = Field(default="UTC", description="Where digests and quiet hours are at home (IANA name).")


class NetworkTable(Table):
    """Where feedwatch may connect to, and how fast."""

    allow_hosts: list[Annotated[str, AfterValidator(values.allowed_host)]] = Field(
        default=[], description="Hosts, with or without port, that may have a non-global address."
    )
    per_host: int = Field(default=1, ge=1, le=100, description="Requests to one host at the same time.")
    per_host_pause: Duration = Field(default="1s", description="Pause between two requests to one host.")


class WebTable(Table):
    """The page that `feedwatch run` serves."""

    listen: Annotated[str, AfterValidator(values.listening)] = Field(
        default="127.0.0.1:8080", description='Address of the web page: host:port, or "off".'
    )
    token: Annotated[str, AfterValidator(values.web_token)] | None = Field(
        default=None, description='What everybody who looks has to know; better "${NAME}" than written out.'
    )


class OutboxTable(Table):
    """How hard it is tried to deliver alerts."""

    retry_first: Wait = Field(default="30s", description="Pause before the first retry of a delivery; it doubles.")
    retry_for: Wait = Field(default="3d", description="After this a delivery that never succeeded is given up.")
    storm: int = Field(default=20, ge=1, description="More changes than this in one poll of a source are one alert.")


class SelectTable(Table):
    """The list of entries of a page, by CSS selectors; without this table it is found by itself."""

    entry: Selector = Field(description="CSS selector of the elements that are the entries.")
    title: Selector | None = Field(default=None, description="The title in the entry; by default its first heading.")
    link: Selector | None = Field(
        default=None, description="The link in the entry, as selector@attribute; by default that of the title."
    )
    date: Selector | None = Field(default=None, description="The date in the entry; by default its first time element.")
    summary: Selector | None = Field(default=None, description="The summary; by default the entry's first paragraph.")
    author: Selector | None = Field(default=None, description='The author; by default what is marked rel="author".')
    image: Selector | None = Field(default=None, description="The picture; by default the first in the entry.")
    category: Selector | None = Field(default=None, description="In the entry; every match is a category.")
    section: Selector | None = Field(default=None, description="The nearest one before the entry is its category.")


class JsonTable(Table):
    """The entries of a JSON API, by JMESPath."""

    entries: Expression = Field(description='JMESPath of the list of entries, as in "data.posts".')
    id: Expression | None = Field(default=None, description="In an entry: what stays the same when its link changes.")
    title: Expression | None = Field(default=None, description="In an entry: its title.")
    link: Expression | None = Field(default=None, description="In an entry: its address.")
    date: Expression | None = Field(default=None, description="In an entry: its date, or seconds since 1970.")
    summary: Expression | None = Field(default=None, description="In an entry: its summary.")
    author: Expression | None = Field(default=None, description="In an entry: its author's name.")
    category: Expression | None = Field(default=None, description="In an entry: a category, or a list of them.")
    image: Expression | None = Field(default=None, description="In an entry: the address of its picture.")


class SourceTable(Table):
    """What is polled: a feed, a page, a sitemap or a JSON API; one [[source]] each."""

    id: Id = Field(description="Its name in addresses, files and commands; never change it.")
    url: Annotated[str, AfterValidator(_source_url)] = Field(
        description="Address of a feed or page, or a file in this file's folder."
    )
    title: Words | None = Field(default=None, description="Instead of the title that the source gives itself.")
    every: Interval | None = Field(
        default=None, description='How often it is polled; "auto" is as often as it publishes.'
    )
    link_base: WebUrl | None = Field(default=None, description="What relative links are relative to.")
    categories: list[Words] = Field(default=[], description="Given to every entry of the source.")
    headers: Headers = Field(default={}, description="Sent with every request to the source's own host.")
    user: Credential | None = Field(default=None, description="Login name (HTTP Basic), for the source's own host.")
    password: Credential | None = Field(default=None, description='Its password; better "${NAME}" than written out.')
    bearer: Annotated[str, AfterValidator(values.header_value)] | None = Field(
        default=None, description='Token (HTTP Bearer), for the source\'s own host; better "${NAME}".'
    )
    cookies: dict[
        Annotated[str, AfterValidator(values.header_name)], Annotated[str, AfterValidator(values.cookie_value)]
    ] = Field(default={}, description="Sent to the source's own host.")
    robots: Literal["obey", "ignore"] = Field(
        default="obey", description="Whether the site's robots.txt counts; it is asked for pages, not for feeds."
    )
    robots_reason: Words | None = Field(default=None, description="Why it does not, for whoever reads this later.")
    pages: int = Field(
        default=1,
        ge=1,
        le=100,
        description="Pages of an archive that are read at first sight, or after a long absence.",
    )
    page_url: Annotated[str, AfterValidator(values.page_url)] | None = Field(
        default=None, description='Address of a further page, as in "https://example.org/blog/page/{page}/".'
    )
    ignore: list[Annotated[str, AfterValidator(values.pattern)]] = Field(
        default=[], description="Regular expressions; what they match in a text is no edit when it changes."
    )
    major: float = Field(
        default=0.1, ge=0, le=1, description="Share of a text's words that makes an edit major, and moves `updated`."
    )
    edits: Literal["in-place", "as-entries", "both"] = Field(
        default="in-place",
        description="Whether a major edit changes the entry where it stands in the feeds, stands there as an entry of "
        "its own beside the old text, or both.",
    )
    show_edits: bool = Field(
        default=False, description="Whether the feeds mark what the last major edit of an entry changed, word by word."
    )
    examples: list[Words] = Field(
        default=[], description="Titles of some posts on the page; what stands where they stand is the list of posts."
    )
    proxy: Annotated[str, AfterValidator(values.proxy_url)] | None = Field(
        default=None, description='HTTP proxy that its requests go through, as in "http://proxy.example:3128".'
    )
    browser: bool = Field(
        default=False,
        description="Whether its page is read as a browser shows it, for lists that JavaScript builds "
        "(needs feedwatch[browser] and chromium).",
    )
    follow: bool = Field(
        default=False,
        description="Whether each entry's own page is read once for its whole text, and then watched for edits "
        "(needs feedwatch[follow]).",
    )
    heal: bool = Field(
        default=False,
        description="Whether a page whose list of posts is found no more is read where nine in ten of its known posts "
        "stand now, until the configuration is mended.",
    )
    select: SelectTable | None = Field(default=None, description="Pins the list of entries of a page down.")
    json_: JsonTable | None = Field(default=None, alias="json", description="Where the entries of a JSON API stand.")


class CategoryTable(Table):
    """A category, by the slug that names its feed; one [category.SLUG] each, only where there is something to say."""

    title: Words | None = Field(default=None, description="Title of the category's feed.")
    aliases: list[Words] = Field(default=[], description="Other names of the category in the sources.")
    was: list[Annotated[str, AfterValidator(values.former_slug)]] = Field(
        default=[], description="Slugs that it had before, the first one first; their addresses lead to this feed."
    )


class FeedTable(Table):
    """A feed by words, or merged from several sources and categories; one [[feed]] each."""

    id: Id = Field(description="Its name in its address, /feeds/ID.atom; never change it.")
    title: Words = Field(description="Title of the feed.")
    categories: list[Words] = Field(default=[], description="Only entries in one of these; by default all.")
    sources: list[str] = Field(default=[], description="Only entries of these sources (ids); by default all.")
    match: Annotated[list[Words], BeforeValidator(_listed, json_schema_input_type=str | list[str])] = Field(
        default=[], description="Only entries with one of these words or phrases in title or text."
    )
    unless: Annotated[list[Words], BeforeValidator(_listed, json_schema_input_type=str | list[str])] = Field(
        default=[], description="No entries with one of these words or phrases in title or text."
    )
    token: Annotated[str, AfterValidator(values.feed_token)] | None = Field(
        default=None, description='Makes it private: part of its address, /private/TOKEN/ID.atom; better "${NAME}".'
    )


class MailTable(Table):
    """The server that mails go through."""

    server: Annotated[str, AfterValidator(values.server)] = Field(
        description="SMTP server: host, or host:port; by default port 587 (starttls), 465 (tls) or 25 (none)."
    )
    security: Literal["starttls", "tls", "none"] = Field(
        default="starttls", description="How the connection is encrypted; never weaker than said here."
    )
    from_: Annotated[str, AfterValidator(values.mailbox)] = Field(
        alias="from", description='Sender, as in "feedwatch <alerts@example.org>".'
    )
    user: Credential | None = Field(default=None, description="Login name.")
    password: Credential | None = Field(
        default=None, description='Its password; better "${SMTP_PASSWORD}" than written out.'
    )
    ca: Words | None = Field(default=None, description="File of certificates to trust instead of the system's.")
    allow_private: bool = Field(default=False, description="Whether the server may be on a private network.")


class AlertTable(Table):
    """Who is told of what: a webhook, addresses, or a chat or push service; one [[alert]] each."""

    id: Id = Field(description="Its name in the outbox; never change it.")
    webhook: WebUrl | None = Field(default=None, description="Address that is told, by POST.")
    mail: Annotated[list[MailAddress], BeforeValidator(_listed, json_schema_input_type=str | list[str])] | None = Field(
        default=None, min_length=1, description="Addresses that get an e-mail each, through [mail]."
    )
    notify: Annotated[str, AfterValidator(values.notify_url)] | None = Field(
        default=None, description="Address of a chat or push service, as Apprise writes it (needs feedwatch[notify])."
    )
    secret: Annotated[list[Secret], BeforeValidator(_listed, json_schema_input_type=str | list[str])] = Field(
        default=[], description='Signing secret "whsec_…" (Standard Webhooks), or several while rotating them.'
    )
    headers: Headers = Field(default={}, description="Sent with every request of the webhook.")
    allow_private: bool = Field(default=False, description="Whether the receiver may be on a private network.")
    when: list[Literal["new", "edited", "moved", "recategorised", "withdrawn", "incident"]] = Field(
        default=["new", "edited"], min_length=1, description="The events it is told of."
    )
    minor_edits: bool = Field(default=False, description="Whether typo-sized edits are told of too.")
    categories: list[Words] = Field(default=[], description="Only entries in one of these; by default all.")
    sources: list[str] = Field(default=[], description="Only entries of these sources (ids); by default all.")
    match: Annotated[list[Words], BeforeValidator(_listed, json_schema_input_type=str | list[str])] = Field(
        default=[], description="Only entries with one of these words or phrases in title or text."
    )
    unless: Annotated[list[Words], BeforeValidator(_listed, json_schema_input_type=str | list[str])] = Field(
        default=[], description="No entries with one of these words or phrases in title or text."
    )
    digest: Annotated[str, AfterValidator(values.digest_times)] | None = Field(
        default=None, description='Gathered into one: "daily 08:00", "weekdays 08:00", "mon,thu 08:00" or "hourly".'
    )
    quiet: Annotated[str, AfterValidator(values.quiet_hours)] | None = Field(
        default=None, description='Held until these hours are over and then gathered, as in "22:00-07:00".'
    )
    timezone: Zone | None = Field(default=None, description="Instead of the one in [feedwatch].")
    storm: int | None = Field(default=None, ge=1, description="Instead of the one in [outbox].")
    subject: Template | None = Field(default=None, description="Template (Jinja2) of the subject.")
    body: Template | None = Field(default=None, description="Template (Jinja2) of the text of a mail or notification.")
    json_: Annotated[dict[str, Any], AfterValidator(values.template_tree)] | None = Field(
        default=None, alias="json", description="A webhook's own body; each string in it is a template (Jinja2)."
    )


class File(Table):
    """The configuration of feedwatch."""

    model_config = ConfigDict(title="feedwatch")

    feedwatch: FeedwatchTable = FeedwatchTable()
    network: NetworkTable = NetworkTable()
    web: WebTable = WebTable()
    outbox: OutboxTable = OutboxTable()
    mail: MailTable | None = Field(default=None, description="The server that mails go through.")
    source: list[SourceTable] = Field(default=[], description="What is polled; one [[source]] each.")
    category: dict[Annotated[str, AfterValidator(values.category_slug)], CategoryTable] = Field(
        default={}, description="Categories by slug, the name of their feed."
    )
    feed: list[FeedTable] = Field(
        default=[], description="Feeds by words or merged from several sources and categories; one [[feed]] each."
    )
    alert: list[AlertTable] = Field(default=[], description="Who is told; one [[alert]] each.")

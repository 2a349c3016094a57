"""The checked tables as the values that the rest of feedwatch works with."""

from __future__ import annotations

import base64
import re
from collections.abc import Iterable, Iterator, Mapping
from datetime import timedelta
from pathlib import Path
from typing import ClassVar
from urllib.parse import unquote, urlsplit

from feedwatch.canonical import slug
from feedwatch.categories import UNCATEGORISED, Categories
from feedwatch.config_tables import AlertTable, FeedTable, File, MailTable, SourceTable
from feedwatch.config_values import AUTO, duration, host_and_port
from feedwatch.discreet import Discreet
from feedwatch.hours import Hours, read_digest, read_quiet
from feedwatch.model import EditRules, Imprint, JsonPaths, Selectors, Source
from feedwatch.routes import Channel, Mail, MailServer, Notify, Route, Webhook, Wording
from feedwatch.selection import Merged

_PORTS = {"starttls": 587, "tls": 465, "none": 25}
#: A part of a chat service's address that long is a token rather than a name.
_TOKEN = re.compile(r"[A-Za-z0-9._~+=-]{10,}")
#: One in the path of a webhook: chat services have theirs there.
_PATH_TOKEN = re.compile(r"(?<=/)[A-Za-z0-9_-]{20,}")


class Config(Discreet, frozen=True):
    """What the operator asked for, checked and with defaults filled in."""

    hidden: ClassVar[frozenset[str]] = frozenset({"web_token", "secrets"})

    path: Path
    #: Where readers find the feeds: absolute, without a slash at its end.
    base_url: str
    sources: tuple[Source, ...]
    routes: tuple[Route, ...]
    categories: Categories
    #: Hosts, with or without port, lower case, that may have a non-global address.
    allow_hosts: frozenset[str]
    #: Requests to one host at the same time.
    per_host: int
    per_host_pause: timedelta
    #: Host and port of the web page; None serves nothing.
    listen: tuple[str, int] | None
    #: What everybody who looks at the web page has to know.
    web_token: str | None
    #: Folder of the feeds as files, absolute or relative as the configuration's own path; None is the state's.
    public: Path | None
    entries_per_feed: int
    #: What stands at the head of each feed, and the formats it is published in.
    imprint: Imprint
    #: The feeds that the operator made up.
    merged: tuple[Merged, ...]
    #: The slug that each former slug of a category stands for now.
    moved: Mapping[str, str]
    #: Bodies kept of each source, for trying another configuration on them; 0 keeps none.
    responses: int
    retry_first: timedelta
    retry_for: timedelta
    #: What must appear in no log and no stored error.
    secrets: frozenset[str] = frozenset()
    #: Another store than the embedded one; there is none to choose yet.
    store_url: str | None = None


def build(file: File, path: Path, secrets: Iterable[str]) -> Config:
    """`secrets` are the values that came from outside the file; the secrets written in it are added."""
    own, network = file.feedwatch, file.network
    categories = Categories(
        titles={key: table.title for key, table in file.category.items() if table.title},
        aliases={slug(name): key for key, table in file.category.items() for name in (*table.aliases, *table.was)},
        taken=frozenset(table.id for table in file.feed),
    )
    return Config(
        path=path,
        base_url=own.base_url,
        sources=tuple(_source(table, own.every) for table in file.source),
        routes=tuple(_route(table, categories, file, path.parent) for table in file.alert),
        categories=categories,
        allow_hosts=frozenset(network.allow_hosts),
        per_host=network.per_host,
        per_host_pause=duration(network.per_host_pause),
        listen=_listen(file.web.listen),
        web_token=file.web.token,
        public=path.parent / own.public if own.public else None,
        entries_per_feed=own.entries,
        imprint=Imprint(
            own.base_url,
            twins=tuple(name for name in ("json", "rss") if name in own.formats),
            hub=own.hub,
            icon=own.icon,
            logo=own.logo,
            rights=own.rights,
            first_slugs={key: table.was[0] for key, table in file.category.items() if table.was},
        ),
        merged=tuple(_merged(table, categories) for table in file.feed),
        moved={name: key for key, table in file.category.items() for name in table.was},
        responses=own.responses,
        retry_first=duration(file.outbox.retry_first),
        retry_for=duration(file.outbox.retry_for),
        secrets=frozenset([*secrets, *_written_secrets(file)]),
    )


def _source(table: SourceTable, default: str | None) -> Source:
    every = table.every or default
    return Source(
        id=table.id,
        url=table.url,
        title=table.title,
        every=duration(every) if every and every != AUTO else None,
        link_base=table.link_base,
        categories=tuple(table.categories),
        headers=(*table.headers.items(), *_credentials(table)),
        select=Selectors(**table.select.model_dump()) if table.select else None,
        json=JsonPaths(**table.json_.model_dump()) if table.json_ else None,
        ignores_robots=table.robots == "ignore",
        proxy=table.proxy,
        adaptive=every == AUTO,
        pages=table.pages,
        page_url=table.page_url,
        examples=tuple(table.examples),
        edits=EditRules(tuple(table.ignore), table.major, table.edits, table.show_edits),
        browser=table.browser,
        follow=table.follow,
        heal=table.heal,
    )


def _credentials(table: SourceTable) -> Iterator[tuple[str, str]]:
    """What the source's own host, and no other, gets to see."""
    if table.bearer is not None:
        yield "Authorization", f"Bearer {table.bearer}"
    if table.user is not None:
        pair = f"{table.user}:{table.password or ''}".encode()
        yield "Authorization", f"Basic {base64.b64encode(pair).decode()}"
    if table.cookies:
        yield "Cookie", "; ".join(f"{name}={value}" for name, value in table.cookies.items())


def _route(table: AlertTable, categories: Categories, file: File, folder: Path) -> Route:
    return Route(
        id=table.id,
        channel=_channel(table, file, folder),
        when=frozenset(table.when),
        categories=frozenset(_wanted(name, categories) for name in table.categories),
        sources=frozenset(table.sources),
        match=tuple(table.match),
        unless=tuple(table.unless),
        minor_edits=table.minor_edits,
        hours=Hours(
            table.timezone or file.feedwatch.timezone,
            read_digest(table.digest) if table.digest else None,
            read_quiet(table.quiet) if table.quiet else None,
        ),
        storm=table.storm or file.outbox.storm,
        wording=Wording(table.subject, table.body, table.json_),
    )


def _merged(table: FeedTable, categories: Categories) -> Merged:
    return Merged(
        id=table.id,
        title=table.title,
        categories=frozenset(_wanted(name, categories) for name in table.categories),
        sources=frozenset(table.sources),
        match=tuple(table.match),
        unless=tuple(table.unless),
        token=table.token,
    )


def _channel(table: AlertTable, file: File, folder: Path) -> Channel:
    if table.webhook is not None:
        return Webhook(table.webhook, tuple(table.secret), tuple(table.headers.items()), table.allow_private)
    if table.notify is not None:
        return Notify(table.notify, table.allow_private)
    assert table.mail is not None  # noqa: S101  (checked by config)
    assert file.mail is not None  # noqa: S101
    return Mail(tuple(dict.fromkeys(table.mail)), _server(file.mail, folder))


def _server(table: MailTable, folder: Path) -> MailServer:
    host, port = host_and_port(table.server)
    return MailServer(
        host=host,
        port=port or _PORTS[table.security],
        security=table.security,
        sender=table.from_,
        user=table.user,
        password=table.password,
        ca=folder / table.ca if table.ca else None,
        allow_private=table.allow_private,
    )


def _written_secrets(file: File) -> Iterator[str]:
    yield from filter(None, (table.token for table in file.feed))
    if file.web.token:
        yield file.web.token
    for alert in file.alert:
        yield from alert.secret
        for value in alert.headers.values():
            yield from (value, *value.split())
        yield from _PATH_TOKEN.findall(alert.webhook or "")
        if alert.notify:
            yield alert.notify
            yield from (*_TOKEN.findall(alert.notify), *_TOKEN.findall(unquote(alert.notify)))
    for source in file.source:
        for value in source.headers.values():
            yield from (value, *value.split())
        yield from source.cookies.values()
        for _, value in _credentials(source):
            yield value.partition(" ")[2] or value
        yield from filter(None, (source.password, source.bearer, urlsplit(source.proxy or "").password))
    if file.mail and file.mail.password:
        # As SMTP sends it (RFC 4616, and the LOGIN of old), should a server quote that.
        password = file.mail.password
        yield password
        yield base64.b64encode(password.encode()).decode()
        yield base64.b64encode(f"\0{file.mail.user or ''}\0{password}".encode()).decode()


def _wanted(name: str, categories: Categories) -> str:
    """The slug an alert means: here `uncategorised` is our own feed, which no source's category can be."""
    return UNCATEGORISED if slug(name) == UNCATEGORISED else categories.slug_of(name)


def _listen(text: str) -> tuple[str, int] | None:
    if text == "off":
        return None
    host, port = host_and_port(text)
    assert port is not None  # noqa: S101  (checked by the table)
    return host, port

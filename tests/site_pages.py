"""A state folder that tests fill, and the pages over it."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import httpx
from msgspec.structs import replace
from starlette.types import ASGIApp

from feedwatch import config as configuration
from feedwatch.differ.diff import diff
from feedwatch.generator.publish import Publisher
from feedwatch.health import Observed
from feedwatch.model import (
    About,
    Category,
    EditRules,
    Entry,
    Incident,
    Moment,
    Person,
    PollState,
    Reading,
    Rhythm,
    Text,
)
from feedwatch.model import Commit as StoreCommit
from feedwatch.once import told_once
from feedwatch.opening import open_store, public_folder
from feedwatch.routes import deliveries
from feedwatch.store import OWN
from feedwatch.storethread import StoreThread
from feedwatch.web import application, guard_of, serving
from feedwatch.web.pages import Pages

NOW = datetime(2024, 11, 1, 12, tzinfo=UTC)
NOTHING = About()


class Site:
    """`toml` is the configuration; what is read comes in at `now`, which goes on an hour with each reading."""

    def __init__(self, folder: Path, toml: str) -> None:
        self.config = configuration.parse(toml, folder / "config.toml", {})
        self.folder = folder
        self.now = NOW
        self.store = open_store(self.config, folder, lambda: NOW)
        self.public = public_folder(self.config, folder)

    def reads(self, source_id: str, *entries: Entry, about: About = NOTHING, discovered: bool = False) -> None:
        """Takes in a reading; the first of a source is discovered, and so is one with `discovered`."""
        known = self.store.known(source_id)
        digest = "other" if discovered else "c"
        found = diff(
            known,
            Reading("feed", entries, about),
            config_digest=known.config_digest or digest,
            slugs_of=self.config.categories.resolve,
            now=self.now,
            rules=EditRules(),
        )
        found, _ = told_once(self.store, (), source_id, found)
        rows = deliveries(found.changes, self.config.routes)
        self.store.commit(StoreCommit(source_id, digest, about, found.rows, found.changes, deliveries=rows))
        state = PollState(
            last_poll=self.now,
            last_success=self.now,
            next_poll=self.now + timedelta(hours=1),
            status="ok",
            http_status=200,
            entries=len(entries),
            kind="feed",
            requests=40,
            not_modified=30,
            received=123_456,
            set_by="the default",
            rhythm=Rhythm(timedelta(days=3), self.now),
        )
        self.store.remember(source_id, state)
        self.now += timedelta(hours=1)

    def fails(self, source_id: str, error: str, *, status: int | None = None, failures: int = 3) -> None:
        state = replace(
            self.store.state(source_id), error=error, http_status=status, failures=failures, status="failed",
            last_poll=self.now,
        )  # fmt: skip
        self.store.remember(source_id, state)

    def incident(self, incident: Incident) -> None:
        self.store.commit(StoreCommit(OWN, incidents=(incident,)))

    def publish(self) -> None:
        sources = {source.id: source for source in self.config.sources}
        stale = self.store.unpublished()
        publisher = Publisher(self.store, self.public, self.config.imprint, sources=sources)
        publisher.publish(stale.slugs, stale.sources)
        self.store.published(stale)

    def pages(self, thread: StoreThread) -> Pages:
        return Pages(self.config, thread, lambda: self.now, public=self.public, state_dir=self.folder)

    async def observe(self) -> Observed:
        return Observed(at=self.now, ticked=self.now, sources={})

    @contextlib.contextmanager
    def app(self) -> Iterator[ASGIApp]:
        thread = StoreThread(self.store)
        guard = guard_of(self.config.web_token, self.config.base_url)
        yield application(self.public, self.observe, self.pages(thread), guard)
        thread.close()

    @contextlib.asynccontextmanager
    async def served(self) -> AsyncIterator[str]:
        """Over real HTTP; the address, without a slash at its end."""
        thread = StoreThread(self.store)
        guard = guard_of(self.config.web_token, self.config.base_url)
        async with serving(self.public, ("127.0.0.1", 0), self.observe, self.pages(thread), guard) as (host, port):
            yield f"http://{host}:{port}"
        thread.close()

    def get(
        self,
        path: str,
        method: str = "GET",
        headers: dict[str, str] | None = None,
        cookies: dict[str, str] | None = None,
    ) -> httpx.Response:
        async def work(app: ASGIApp) -> httpx.Response:
            transport = httpx.ASGITransport(app=app)
            async with httpx.AsyncClient(
                transport=transport, base_url="http://feeds.example", cookies=cookies
            ) as client:
                return await client.request(method, path, headers=headers)

        with self.app() as app:
            return asyncio.run(work(app))


def sources_toml(*ids: str, more: str = "") -> str:
    return more + "".join(f'[[source]]\nid = "{one}"\nurl = "https://{one}.example.org/feed"\n' for one in ids)


def post(
    number: int,
    title: str | None = None,
    text: str = "",
    *,
    html: str = "",
    categories: tuple[str, ...] = ("Data",),
    days: int | None = None,
    site: str = "blog",
    link: str | None = None,
    author: str = "",
    language: str | None = None,
) -> Entry:
    """An entry of `days` (by default `number`) days before `NOW`."""
    return Entry(
        id=f"https://{site}.example.org/{number}",
        title=f"Entry {number}" if title is None else title,
        link=link or f"https://{site}.example.org/{number}",
        summary=Text(text) if text else None,
        content=Text(html, "html") if html else None,
        authors=(Person(author),) if author else (),
        categories=tuple(Category(name) for name in categories),
        published=Moment(NOW - timedelta(days=number if days is None else days), day_only=True),
        language=language,
    )

"""The pages over HTTP: each request is one look at the store and one template. GET and HEAD only."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import datetime
from pathlib import Path
from typing import Any, Protocol, TypeVar

from starlette.convertors import Convertor, register_url_convertor
from starlette.requests import Request
from starlette.responses import HTMLResponse, PlainTextResponse, Response
from starlette.routing import Route

from feedwatch.categories import ALL
from feedwatch.config_build import Config
from feedwatch.errors import StoreError
from feedwatch.redact import Redactor
from feedwatch.responses import glances
from feedwatch.store import Store
from feedwatch.web.assets import assets, compile_all, environment
from feedwatch.web.entry_view import EntryView
from feedwatch.web.source_views import CONDITIONS, SourceViews
from feedwatch.web.views import Views

T = TypeVar("T")

#: Seconds between two looks at the first page without a visitor: so its entries are at hand when one comes.
_WARM = 20.0
#: Characters of a search that count.
_WORDS = 100
_ANYTHING = "default-src 'none'; style-src 'self'; img-src 'self'; base-uri 'none'; frame-ancestors 'none'; "
_PAGE = {"content-security-policy": f"{_ANYTHING}script-src 'self'; form-action 'self'"}
#: Where others' HTML is shown nothing runs, whatever else goes wrong. The origin stays, for the cookie's sake.
_SANDBOX = {
    "content-security-policy": f"{_ANYTHING}form-action 'none'; "
    "sandbox allow-same-origin allow-popups allow-popups-to-escape-sandbox"
}
_FOREVER = {"cache-control": "public, max-age=31536000, immutable"}
#: The media types of a feed, in the order in which they are offered.
_FORMATS = (
    ("atom", "Atom", "application/atom+xml"),
    ("json", "JSON", "application/feed+json"),
    ("rss", "RSS", "application/rss+xml"),
)


class StoreAccess(Protocol):
    async def run(self, work: Callable[[Store], T]) -> T:
        """What `work` gives, run on the store's own thread."""
        ...


class _Slug(Convertor[str]):
    """A source's id or a category's slug; with a dot it would be a file of the public folder."""

    regex = "[a-z0-9-]+"

    def convert(self, value: str) -> str:
        return value

    def to_string(self, value: str) -> str:
        return value


register_url_convertor("slug", _Slug())


class Pages:
    """`public` is asked which formats of a feed there are, `state_dir` for the kept answers of a source."""

    def __init__(
        self, config: Config, store: StoreAccess, clock: Callable[[], datetime], *, public: Path, state_dir: Path
    ) -> None:
        self._config = config
        self._store = store
        self._clock = clock
        self._public = public
        self._state_dir = state_dir
        self._views = Views(config)
        self._sources = SourceViews(config, self._views.summaries, Redactor(config.secrets))
        self._entries = EntryView(config, self._views.summaries)

    def routes(self) -> list[Route]:
        return [
            Route("/", self._answering(self._home)),
            Route("/categories", self._answering(self._categories)),
            Route("/categories/{slug:slug}", self._answering(self._category)),
            Route("/entries/{entry}", self._answering(self._entry)),
            Route("/sources", self._answering(self._all_sources)),
            Route("/sources/{source:slug}", self._answering(self._source)),
            Route("/deliveries", self._answering(self._deliveries)),
            Route("/incidents", self._answering(self._incidents)),
            *(Route(f"/{asset.path}", _asset(asset.data, asset.media_type)) for asset in assets().values()),
        ]

    @contextlib.asynccontextmanager
    async def warm(self) -> AsyncIterator[None]:
        """Keeps at hand, while entered, what the first page shows: opening dozens of sources takes a while."""
        task = asyncio.create_task(self._keep_warm())
        try:
            yield
        finally:
            task.cancel()
            await asyncio.wait([task])

    async def _keep_warm(self) -> None:
        await asyncio.to_thread(compile_all)
        while True:
            with contextlib.suppress(StoreError, OSError):
                await self._store.run(lambda store: self._views.home(store, self._clock()))
            await asyncio.sleep(_WARM)

    # --- the pages ---

    async def _home(self, _: Request) -> Response | None:
        now = self._clock()
        home = await self._store.run(lambda store: self._views.home(store, now))
        return self._page("home", home=home)

    async def _categories(self, request: Request) -> Response | None:
        page = _number(request)
        cards, paging = await self._store.run(lambda store: self._views.categories(store, page))
        return self._page("categories", cards=cards, paging=paging)

    async def _category(self, request: Request) -> Response | None:
        slug, page = request.path_params["slug"], _number(request)
        found = await self._store.run(lambda store: self._views.category(store, slug, page))
        return self._page("category", root="../", found=found) if found else None

    async def _entry(self, request: Request) -> Response | None:
        entry = request.path_params["entry"]
        found = await self._store.run(lambda store: self._entries.entry(store, entry))
        return self._page("entry", root="../", headers=_SANDBOX, found=found) if found else None

    async def _all_sources(self, request: Request) -> Response | None:
        words = " ".join(request.query_params.get("q", "")[:_WORDS].split())
        condition = next((one for one in CONDITIONS if one == request.query_params.get("status")), None)
        now, page = self._clock(), _number(request)
        table = await self._store.run(lambda store: self._sources.table(store, now, condition, words, page))
        return self._page("sources", table=table, conditions=CONDITIONS)

    async def _source(self, request: Request) -> Response | None:
        source_id, now, page = request.path_params["source"], self._clock(), _number(request)
        if not any(source.id == source_id for source in self._config.sources):
            return None
        kept = await asyncio.to_thread(glances, self._state_dir, source_id)
        found = await self._store.run(lambda store: self._sources.source(store, source_id, now, kept, page))
        return self._page("source", root="../", found=found) if found else None

    async def _deliveries(self, request: Request) -> Response | None:
        route, page = request.query_params.get("route", ""), _number(request)
        status = request.query_params.get("status", "")
        found = await self._store.run(
            lambda store: self._views.deliveries(store, route, "dead" if status == "dead" else "pending", page)
        )
        return self._page("deliveries", found=found)

    async def _incidents(self, _: Request) -> Response | None:
        rows = await self._store.run(lambda store: self._views.incidents(store))
        return self._page("incidents", rows=rows)

    # --- what they have in common ---

    def _page(self, name: str, *, root: str = "./", headers: dict[str, str] = _PAGE, **values: Any) -> Response:
        template = environment().get_template(f"{name}.html.j2")
        text = template.render(
            **values,
            here=name,
            root=root,
            now=self._clock(),
            base_url=self._config.base_url,
            all=ALL,
            formats=self._formats,
            guarded=self._config.web_token is not None,
        )
        return HTMLResponse(text, headers=headers)

    def _formats(self, path: str) -> list[tuple[str, str, str]]:
        """(address below the root, name, media type) of each format that the feed at `path` is there in."""
        return [
            (f"{path}.{suffix}", name, media_type)
            for suffix, name, media_type in _FORMATS
            if (self._public / f"{path}.{suffix}").is_file()
        ]

    def _answering(
        self, page: Callable[[Request], Awaitable[Response | None]]
    ) -> Callable[[Request], Awaitable[Response]]:
        async def answer(request: Request) -> Response:
            try:
                found = await page(request)
            except (StoreError, OSError):
                return PlainTextResponse("what is stored cannot be read now; the log says why\n", 503)
            return found or PlainTextResponse("there is no such page; / shows what there is\n", 404)

        return answer


def _number(request: Request) -> int:
    """The page that is asked for; the first one for anything that is no small number."""
    wanted = request.query_params.get("page", "1")
    return int(wanted) if wanted.isascii() and wanted.isdigit() and len(wanted) < 7 else 1


def _asset(data: bytes, media_type: str) -> Callable[[Request], Awaitable[Response]]:
    async def answer(_: Request) -> Response:
        return Response(data, headers=_FOREVER, media_type=media_type)

    return answer

"""Serves the pages and the public folder over HTTP, in the service's own event loop. GET and HEAD only."""

from __future__ import annotations

import asyncio
import contextlib
import socket
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path

import uvicorn
from starlette.applications import Starlette
from starlette.datastructures import MutableHeaders
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.routing import Route
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from feedwatch import health
from feedwatch.errors import FeedwatchError
from feedwatch.health import Observed
from feedwatch.web.assets import assets
from feedwatch.web.files import Files
from feedwatch.web.pages import Pages
from feedwatch.web.token import TokenWanted

#: Connections at once; who comes beyond that gets a 503.
_READERS = 200
_HEADERS = {
    "content-security-policy": "default-src 'none'; style-src 'unsafe-inline'; img-src 'self'; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
    "x-content-type-options": "nosniff",
    "referrer-policy": "no-referrer",
}


class Hardened:
    """Adds the headers every answer carries, where it does not set its own."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        async def send_hardened(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                for name, value in _HEADERS.items():
                    headers.setdefault(name, value)
                if message["status"] in (200, 304):
                    headers.setdefault("cache-control", "no-cache")
            await send(message)

        await self._app(scope, receive, send_hardened)


Observe = Callable[[], Awaitable[Observed]]
Guard = Callable[[ASGIApp], ASGIApp]


def _open(app: ASGIApp) -> ASGIApp:
    """The guard that lets everybody pass."""
    return app


def guard_of(token: str | None, base_url: str) -> Guard:
    """The guard that wants this token, if there is one."""
    if token is None:
        return _open
    style = ["/feed.css", *(f"/{asset.path}" for asset in assets().values())]
    return lambda app: TokenWanted(app, token, public=style, https=base_url.startswith("https:"))


def application(public: Path, observe: Observe, pages: Pages | None = None, guard: Guard = _open) -> ASGIApp:
    """The ASGI application over `public`, which is made when it is not there, and `pages`; `guard` is what everybody
    has to pass.

    `/healthz` answers 200 or 503 with the reasons, `/healthz/<source>` the same for one source, `/metrics` for
    Prometheus. None of them makes feedwatch ask anybody.
    """

    async def healthy(_: Request) -> Response:
        ok, body = health.report(await observe())
        return JSONResponse(body, 200 if ok else 503)

    async def source_healthy(request: Request) -> Response:
        found = health.source_report(await observe(), request.path_params["source"])
        if found is None:
            return PlainTextResponse("no such source\n", 404)
        return JSONResponse(found[1], 200 if found[0] else 503)

    async def metrics(_: Request) -> Response:
        from feedwatch.web.metrics import CONTENT_TYPE, exposition

        return Response(exposition(await observe()), media_type=CONTENT_TYPE)

    routes = [
        Route("/healthz", healthy),
        Route("/healthz/{source}", source_healthy),
        Route("/metrics", metrics),
        *(pages.routes() if pages else ()),
        Route("/{path:path}", Files(public).answer),
    ]
    inner = Starlette(routes=routes)
    # It would send people elsewhere, and to whatever host they name.
    inner.router.redirect_slashes = False
    return Hardened(guard(inner))


class _Server(uvicorn.Server):
    """Uvicorn without its signal handling, as the service has its own, and without looking ten times a second whether
    it is to end: that was most of what a service at rest does."""

    def __init__(self, config: uvicorn.Config) -> None:
        super().__init__(config)
        self._ending = asyncio.Event()

    def end(self) -> None:
        self.should_exit = True
        self._ending.set()

    async def main_loop(self) -> None:
        # It takes the date of its answers from here.
        while not await self.on_tick(0):
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(1):
                    await self._ending.wait()

    @contextlib.contextmanager
    def capture_signals(self):  # type: ignore[no-untyped-def]  # uvicorn's own signature is a Generator
        yield


@contextlib.asynccontextmanager
async def serving(
    public: Path, listen: tuple[str, int], observe: Observe, pages: Pages | None = None, guard: Guard = _open
) -> AsyncIterator[tuple[str, int]]:
    """Serves while entered; yields the address in use. Raises FeedwatchError when it cannot be had."""
    host, port = listen
    try:
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        bound = socket.create_server((host, port), family=family)
    except OSError as error:
        raise FeedwatchError(
            f"cannot listen on {host}:{port} ({error.strerror}); "
            'stop what uses it, or set another address: [web] listen = "127.0.0.1:8081"'
        ) from error
    config = uvicorn.Config(
        application(public, observe, pages, guard),
        log_config=None,
        access_log=False,
        lifespan="off",
        limit_concurrency=_READERS,
    )
    server = _Server(config)
    task = asyncio.create_task(server.serve(sockets=[bound]))
    try:
        yield (host, bound.getsockname()[1])
    finally:
        server.end()
        await task
        bound.close()

"""Serves the public folder over HTTP, in the service's own event loop. GET and HEAD only; decides nothing."""

from __future__ import annotations

import asyncio
import contextlib
import socket
from collections.abc import AsyncIterator
from pathlib import Path

import uvicorn
from starlette.applications import Starlette
from starlette.datastructures import MutableHeaders
from starlette.requests import Request
from starlette.responses import PlainTextResponse
from starlette.routing import Mount, Route
from starlette.staticfiles import StaticFiles
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from feedwatch.errors import FeedwatchError

_HEADERS = {
    "content-security-policy": "default-src 'none'; style-src 'unsafe-inline'; img-src 'self'; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
    "x-content-type-options": "nosniff",
    "referrer-policy": "no-referrer",
}
_TYPES = {
    ".atom": "application/atom+xml; charset=utf-8",
    ".opml": "text/x-opml; charset=utf-8",
}


class Hardened:
    """Adds the headers every answer carries, and the media types that readers look for."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        async def send_hardened(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                headers.update(_HEADERS)
                media_type = _TYPES.get(Path(str(scope.get("path", ""))).suffix)
                if media_type and message["status"] == 200:
                    headers["content-type"] = media_type
                if message["status"] in (200, 304):
                    headers["cache-control"] = "no-cache"
            await send(message)

        await self._app(scope, receive, send_hardened)


async def _healthy(_: Request) -> PlainTextResponse:
    return PlainTextResponse("ok\n")


def application(public: Path) -> ASGIApp:
    """The ASGI application over `public`, which is made when it is not there."""
    public.mkdir(parents=True, exist_ok=True)
    files = StaticFiles(directory=public, html=True)
    return Hardened(Starlette(routes=[Route("/healthz", _healthy), Mount("/", files)]))


class _Server(uvicorn.Server):
    """Uvicorn without its signal handling: the service has its own."""

    @contextlib.contextmanager
    def capture_signals(self):  # type: ignore[no-untyped-def]  # uvicorn's own signature is a Generator
        yield


@contextlib.asynccontextmanager
async def serving(public: Path, listen: tuple[str, int]) -> AsyncIterator[tuple[str, int]]:
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
    config = uvicorn.Config(application(public), log_config=None, access_log=False, lifespan="off")
    server = _Server(config)
    task = asyncio.create_task(server.serve(sockets=[bound]))
    try:
        yield (host, bound.getsockname()[1])
    finally:
        server.should_exit = True
        await task
        bound.close()

"""A public folder behind the real web server, which keeps what readers asked and what they were answered."""

from __future__ import annotations

import asyncio
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import uvicorn
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from feedwatch.health import Observed
from feedwatch.web import application


@dataclass
class Served:
    port: int
    #: Path and status of each answer.
    answers: list[tuple[str, int]] = field(default_factory=list)
    #: Codings of the bodies.
    codings: set[str] = field(default_factory=set)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def forget(self) -> None:
        self.answers.clear()


@contextmanager
def served(public: Path, bound: socket.socket) -> Iterator[Served]:
    """`bound` is the socket to listen on: who made it knows the address before anything is published."""
    found = Served(bound.getsockname()[1])

    async def observe() -> Observed:
        raise AssertionError("feeds are served without looking at the service")

    config = uvicorn.Config(_recorded(application(public, observe), found), log_config=None, lifespan="off")
    server = uvicorn.Server(config)
    thread = threading.Thread(target=lambda: asyncio.run(server.serve(sockets=[bound])))
    thread.start()
    try:
        yield found
    finally:
        server.should_exit = True
        thread.join()


def _recorded(app: ASGIApp, served: Served) -> ASGIApp:
    async def recorded(scope: Scope, receive: Receive, send: Send) -> None:
        async def send_recorded(message: Message) -> None:
            if message["type"] == "http.response.start":
                served.answers.append((scope["path"], message["status"]))
                served.codings.update(v.decode() for k, v in message["headers"] if k == b"content-encoding")
            await send(message)

        await app(scope, receive, send_recorded)

    return recorded

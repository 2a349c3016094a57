"""Carries out a walk over the network, at each host's pace; reads file sources. Decides nothing."""

from __future__ import annotations

import asyncio
import contextlib
from collections import defaultdict
from collections.abc import AsyncIterator
from pathlib import Path
from urllib.parse import unquote, urlsplit

from feedwatch.model import Failure, Fetched, NotModified, Source
from feedwatch.net import Net, NetError
from feedwatch.poller.walk import Walk

#: Bytes of a body after decoding.
MAX_BODY = 10_000_000


async def drive(steps: Walk, net: Net) -> Fetched | NotModified | Failure:
    """Makes the requests that `steps` yields until it returns."""
    request = next(steps)
    while True:
        try:
            response = await net.request("GET", request.url, headers=request.headers, max_body=MAX_BODY)
        except NetError as error:
            return Failure(error.kind, str(error))
        try:
            request = steps.send(response)
        except StopIteration as done:
            outcome: Fetched | NotModified | Failure = done.value
            return outcome


def read_file(source: Source, limit: int = MAX_BODY) -> Fetched | Failure:
    """The file behind a `file:` source, at most `limit` bytes long."""
    path = Path(unquote(urlsplit(source.url).path))
    try:
        with path.open("rb") as file:
            body = file.read(limit + 1)
    except OSError as error:
        return Failure("unreachable", f"{path}: {error.strerror}")
    if len(body) > limit:
        return Failure("too-large", f"{path} is larger than {limit:,} bytes")
    return Fetched(source.url, 200, {}, body)


class Hosts:
    """The pace of each host: so many requests at once, and a pause (seconds) between their starts."""

    def __init__(self, per_host: int, pause: float) -> None:
        self._pause = pause
        self._slots: dict[str, asyncio.Semaphore] = defaultdict(lambda: asyncio.Semaphore(per_host))
        self._free_at: dict[str, float] = defaultdict(float)

    @contextlib.asynccontextmanager
    async def slot(self, url: str) -> AsyncIterator[None]:
        host = urlsplit(url).hostname or ""
        async with self._slots[host]:
            now = asyncio.get_running_loop().time()
            start = max(now, self._free_at[host])
            self._free_at[host] = start + self._pause
            if start > now:
                await asyncio.sleep(start - now)
            yield

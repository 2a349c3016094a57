"""Posts what we have to say: httpx as the client, with the guarded requests of `net` below it.

httpx takes longer to load than a hundred polls take, so whoever has nothing to send does without this module.
"""

from __future__ import annotations

import logging
import sys
from collections.abc import Sequence

from feedwatch.model import Response
from feedwatch.net import Net, NetError

# With click and rich installed httpx would load its own command line, which takes longer than all of httpx.
sys.modules.setdefault("httpx._main", None)  # type: ignore[arg-type]  # None: the import system's word for "not there"
import httpx  # noqa: E402

# It tells the log of each request with its address, which may be the secret of a receiver.
logging.getLogger("httpx").setLevel(logging.WARNING)


async def post(
    net: Net, url: str, *, headers: Sequence[tuple[str, str]], body: bytes, room: int, deadline: float
) -> Response:
    """The answer, its body cut after `room` bytes; redirects are answers. `deadline` is in seconds for everything.

    Raises NetError.
    """
    # A client for each: there is nothing that one answer may leave behind for the next request, no cookie and no login.
    async with httpx.AsyncClient(transport=_Guarded(net, room), trust_env=False, timeout=deadline) as client:
        client.headers.clear()
        written = [(name.encode("ascii"), value.encode("utf-8", "replace")) for name, value in headers]
        try:
            answer = await client.post(url, headers=written, content=body)
        except httpx.InvalidURL as error:
            raise NetError("refused", f"{url!r} is refused: {error}") from None
    return Response(url, answer.status_code, dict(answer.headers), answer.content)


class _Guarded(httpx.AsyncBaseTransport):
    """`Net` as httpx wants it."""

    def __init__(self, net: Net, room: int) -> None:
        self._net = net
        self._room = room

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        headers = [
            (name.decode("ascii"), value.decode("utf-8"))
            for name, value in request.headers.raw
            if name.lower() != b"content-length"
        ]
        answer = await self._net.request(
            request.method,
            str(request.url),
            headers=headers,
            body=await request.aread(),
            max_body=self._room,
            cut=True,
            deadline=request.extensions["timeout"]["read"],
        )
        # Its coding is undone already.
        said = [(name, value) for name, value in answer.headers.items() if name != "content-encoding"]
        raw = [(name.encode("latin-1"), value.encode("utf-8")) for name, value in said]
        return httpx.Response(answer.status, headers=raw, content=answer.body)

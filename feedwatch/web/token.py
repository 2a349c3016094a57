"""Who may look: with a token in the configuration, only who knows it.

It comes as `Authorization: Bearer …`, or as `?token=…`: a feed reader has it in each address, a browser once, and then
a cookie that no script and no other site can use. Nobody is sent elsewhere, and no address of a peer is believed.
"""

from __future__ import annotations

import hmac
from collections.abc import Collection
from hashlib import sha256

from starlette.datastructures import MutableHeaders
from starlette.requests import Request
from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

COOKIE = "feedwatch"
#: Seconds that a browser remembers it.
_DAYS_30 = 30 * 86400
_PRIVATE = "/private/"
_REFUSED = "a token is wanted: open /?token=… once, or send it as Authorization: Bearer …\n"


class TokenWanted:
    """Lets nobody through to `app` without `token`, but to the paths in `public`, where nothing is to be seen, and to
    private feeds, whose addresses have a token of their own."""

    def __init__(self, app: ASGIApp, token: str, *, public: Collection[str] = (), https: bool = False) -> None:
        self._app = app
        self._token = _digest(token)
        self._public = frozenset(public)
        # Not the token itself: a cookie is stored, and sent with each request.
        self._cookie = sha256(b"feedwatch cookie\0" + token.encode()).hexdigest()
        self._attributes = f"Path=/; Max-Age={_DAYS_30}; HttpOnly; SameSite=Strict{'; Secure' if https else ''}"

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or scope["path"] in self._public or scope["path"].startswith(_PRIVATE):
            await self._app(scope, receive, send)
            return
        request = Request(scope)
        asked = self._is_token(request.query_params.get("token"))
        if not (asked or self._known(request)):
            refusal = PlainTextResponse(_REFUSED, 401, {"www-authenticate": 'Bearer realm="feedwatch"'})
            await refusal(scope, receive, send)
            return

        async def send_privately(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                headers["cache-control"] = "private, no-cache"
                if asked:
                    headers.append("set-cookie", f"{COOKIE}={self._cookie}; {self._attributes}")
            await send(message)

        await self._app(scope, receive, send_privately)

    def _known(self, request: Request) -> bool:
        scheme, _, bearer = request.headers.get("authorization", "").partition(" ")
        if scheme.lower() == "bearer" and self._is_token(bearer.strip()):
            return True
        return hmac.compare_digest(request.cookies.get(COOKIE, "").encode(), self._cookie.encode())

    def _is_token(self, given: str | None) -> bool:
        return given is not None and hmac.compare_digest(_digest(given), self._token)


def _digest(text: str) -> bytes:
    """Of the same length whatever is given: else the time to compare would tell the token's."""
    return sha256(text.encode("utf-8", "surrogatepass")).digest()

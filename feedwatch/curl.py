"""Carries out requests with libcurl, as many at once as it is asked for, and says what came. Decides nothing.

Follows no redirect, keeps no cookie, knows no login and no proxy but those it is told.
"""

from __future__ import annotations

import asyncio
import socket
import ssl
from collections.abc import Callable, Iterable, Sequence
from typing import Any

import pycurl
from msgspec import Struct
from msgspec.structs import replace

from feedwatch.decoding import BadCoding, Decoder, decoder
from feedwatch.headers import length_lies, received

#: Connections at once, and seconds after which an idle one is not used again.
_CONNECTIONS, KEPT = 100, 15
#: Seconds to connect, and without a byte.
_CONNECT, _SILENCE = 10, 15
#: Seconds for which libcurl remembers addresses that it was given; longer than any request takes.
_PINNED = 600
#: Seconds that are no limit to libcurl when they are rounded.
_SOON = 0.001
#: Bytes that are handed on at once.
_AT_ONCE = 128 * 1024

#: What libcurl would add to a body.
_NOT_OURS = ("Expect:", "Content-Type:")

TIMED_OUT: int = pycurl.E_OPERATION_TIMEDOUT
#: Errors by what they say of the other side.
UNTRUSTED = frozenset({
    pycurl.E_SSL_CONNECT_ERROR, pycurl.E_PEER_FAILED_VERIFICATION, pycurl.E_SSL_CACERT_BADFILE,
    pycurl.E_SSL_ISSUER_ERROR, pycurl.E_SSL_CIPHER, pycurl.E_SSL_CERTPROBLEM,
})  # fmt: skip
CUT = frozenset({pycurl.E_PARTIAL_FILE, pycurl.E_GOT_NOTHING})
UNCONNECTED: int = pycurl.E_COULDNT_CONNECT

#: Family, kind, protocol, the canonical name (none) and the address, as `socket.getaddrinfo` has them.
Dialled = tuple[int, int, int, str, tuple[Any, ...]]


class Broken(Exception):
    """A request that brought no whole answer; `code` is libcurl's, `number` that of the system's error or 0."""

    def __init__(self, code: int, text: str, number: int = 0) -> None:
        super().__init__(text)
        self.code = code
        self.number = number


class Unended(Exception):
    """An answer of which nobody can tell where it ends; the message ends a sentence about it."""


class Proxy(Struct, frozen=True):
    host: str
    port: int
    #: User name and password with a colon between.
    login: str | None


class Call(Struct, frozen=True):
    """One request."""

    method: str
    url: str
    #: What is asked for at the server, byte by byte.
    path: str
    headers: Sequence[str | bytes]
    #: Makes the socket for an address, or raises.
    connect: Callable[[Dialled], socket.socket]
    #: Names with the addresses that are dialled for them, as `name:port:address,address`.
    pins: Sequence[str]
    #: Seconds for everything, and bytes of the body after decoding, beyond which it is cut off.
    seconds: float
    room: int
    body: bytes | None = None
    proxy: Proxy | None = None

    @property
    def plain(self) -> bool:
        """Whether nothing sets it apart from others that its handle may carry later."""
        as_it_is = "%" not in self.path and not self.path.endswith("?")
        return as_it_is and self.method == "GET" and self.body is None and self.proxy is None


class Answer(Struct, frozen=True):
    status: int
    headers: dict[str, str]
    #: With its coding undone; longer than there was room when there was more.
    body: bytes


class Curl:
    """libcurl in this event loop; `aclose` ends all of it."""

    def __init__(self, user_agent: str) -> None:
        self._multi = pycurl.AsyncCurlMulti()
        self._multi.setopt(pycurl.M_MAXCONNECTS, _CONNECTIONS)
        # libcurl would count waiting for a place as time to connect.
        self._places = asyncio.Semaphore(_CONNECTIONS)
        self._options = [*_always(), (pycurl.USERAGENT, user_agent)]
        self._idle: list[_Handle] = []

    async def carry(self, call: Call) -> Answer:
        """Raises Broken, TimeoutError, what `call.connect` raised, and what the body was found to be (BadCoding,
        Unended)."""
        if self._places.locked():
            clock = asyncio.get_running_loop().time
            until = clock() + call.seconds
            async with asyncio.timeout_at(until), self._places:
                return await self._placed(replace(call, seconds=max(until - clock(), _SOON)))
        async with self._places:
            return await self._placed(call)

    async def _placed(self, call: Call) -> Answer:
        plain = call.plain
        handle = self._idle.pop() if plain and self._idle else _Handle(self._options)
        try:
            handle.take_up(call)
            if not plain:
                handle.take_up_more(call)
            answer = await self._carried(handle)
        except BaseException:
            handle.curl.close()
            raise
        if plain:
            self._idle.append(handle)
        else:
            handle.curl.close()
        return answer

    async def _carried(self, handle: _Handle) -> Answer:
        try:
            await self._multi.perform(handle.curl)
        except pycurl.error as error:
            if not handle.full:
                raise handle.why(*error.args) from None
        return handle.answer()

    async def aclose(self) -> None:
        await self._multi.aclose()
        for handle in self._idle:
            handle.curl.close()
        self._idle.clear()


class _Handle:
    """A handle of libcurl's, which carries one request at a time."""

    def __init__(self, options: Iterable[tuple[int, Any]]) -> None:
        self.curl = pycurl.Curl()
        #: Whether the body was cut off because there is no more room.
        self.full = False
        #: Why no more of it was taken, and why there was no socket for the address tried last.
        self._spoilt: Exception | None = None
        self._unmade: Exception | None = None
        self._lines: list[bytes] = []
        self._body: _Body | None = None
        self._call: Call | None = None
        self._seconds = 0.0
        for option, value in options:
            self.curl.setopt(option, value)
        self.curl.setopt(pycurl.HEADERFUNCTION, self._lines.append)
        self.curl.setopt(pycurl.WRITEFUNCTION, self._take)
        self.curl.setopt(pycurl.OPENSOCKETFUNCTION, self._connect)

    def take_up(self, call: Call) -> None:
        self._call = call
        curl = self.curl
        curl.setopt(pycurl.URL, call.url)
        curl.setopt(pycurl.HTTPHEADER, call.headers)
        if call.seconds != self._seconds:
            self._seconds = call.seconds
            curl.setopt(pycurl.TIMEOUT_MS, int(call.seconds * 1000) + 1)
        if call.pins:
            curl.setopt(pycurl.RESOLVE, [f"+{pin}" for pin in call.pins])

    def take_up_more(self, call: Call) -> None:
        """What sets a request apart from others; the handle is of no use for them any more."""
        curl = self.curl
        absolute = call.proxy is not None and call.url.startswith("http:")
        curl.setopt(pycurl.REQUEST_TARGET, call.url if absolute else call.path)
        if call.proxy is not None:
            curl.setopt(pycurl.PROXY, f"[{call.proxy.host}]" if ":" in call.proxy.host else call.proxy.host)
            curl.setopt(pycurl.PROXYPORT, call.proxy.port)
            if call.proxy.login is not None:
                curl.setopt(pycurl.PROXYUSERPWD, call.proxy.login)
        if call.method == "HEAD":
            curl.setopt(pycurl.NOBODY, 1)
        elif call.method != "GET" or call.body is not None:
            # On a connection that closed meanwhile libcurl would send it once more (RFC 9112 §9.3.1 forbids that).
            curl.setopt(pycurl.FRESH_CONNECT, 1)
            curl.setopt(pycurl.POST, 1)
            curl.setopt(pycurl.POSTFIELDS, call.body or b"")
            curl.setopt(pycurl.CUSTOMREQUEST, call.method)
            curl.setopt(pycurl.HTTPHEADER, [*_NOT_OURS, *call.headers])

    def answer(self) -> Answer:
        """What came. Raises Unended."""
        body = self._body or self._begun()
        status = self.curl.getinfo(pycurl.RESPONSE_CODE)
        self._lines.clear()
        self._body = self._call = self._unmade = None
        self.full = False
        return Answer(status, body.headers, body.whole())

    def why(self, code: int, text: str) -> Exception:
        """What ended the transfer."""
        if self._unmade and code == UNCONNECTED:
            return self._unmade
        return self._spoilt or Broken(code, text, self.curl.getinfo(pycurl.OS_ERRNO))

    def _begun(self) -> _Body:
        assert self._call is not None  # noqa: S101  (taken up before)
        headers = received(self._lines)
        if headers is None:
            raise Unended("ended early")
        if length_lies(headers):
            raise Unended("says in two ways where it ends")
        return _Body(headers, self._call.room)

    # What libcurl calls; an exception would get lost in it.

    def _take(self, raw: bytes) -> int:
        """The next bytes of the body; fewer than there are taken end the transfer."""
        try:
            self._body = self._body or self._begun()
            self.full = self._body.add(raw)
        except (BadCoding, Unended) as error:
            self._spoilt = error
        return 0 if self.full or self._spoilt else len(raw)

    def _connect(self, _purpose: int, dialled: Any) -> Any:
        assert self._call is not None  # noqa: S101  (taken up before)
        try:
            return _Copied(self._call.connect((dialled.family, dialled.socktype, dialled.protocol, "", dialled.addr)))
        except Exception as error:
            self._unmade = error
            return pycurl.SOCKET_BAD


class _Copied:
    """A socket that pycurl makes a copy of, and then forgets."""

    def __init__(self, made: socket.socket) -> None:
        self._made = made

    def fileno(self) -> int:
        return self._made.fileno()

    def __del__(self) -> None:
        self._made.close()


class _Body:
    """What comes after the headers, with its coding undone; never much more than `room` bytes in memory."""

    def __init__(self, headers: dict[str, str], room: int) -> None:
        self.headers = headers
        self._decoder: Decoder | None = decoder(headers.get("content-encoding", "").strip().lower())
        self._room = room
        self._chunks: list[bytes] = []

    def add(self, raw: bytes) -> bool:
        """Whether there is no room for more. Raises BadCoding."""
        chunk = self._decoder.decode(raw, self._room) if self._decoder else raw
        self._chunks.append(chunk)
        self._room -= len(chunk)
        return self._room < 0

    def whole(self) -> bytes:
        """Raises BadCoding for a body that ends in the middle."""
        if self._decoder and self._room >= 0:
            self._chunks.append(self._decoder.finish(self._room))
        return b"".join(self._chunks)


def _always() -> list[tuple[int, Any]]:
    """What holds for every request."""
    trusted = ssl.get_default_verify_paths()
    return [
        (pycurl.NOSIGNAL, 1),
        (pycurl.HTTP_VERSION, pycurl.CURL_HTTP_VERSION_1_1),
        (pycurl.PROTOCOLS, pycurl.PROTO_HTTP | pycurl.PROTO_HTTPS),
        (pycurl.FOLLOWLOCATION, 0),
        (pycurl.PATH_AS_IS, 1),
        # Not those of the environment.
        (pycurl.PROXY, ""),
        (pycurl.NOPROXY, ""),
        (pycurl.CONNECTTIMEOUT, _CONNECT),
        (pycurl.LOW_SPEED_LIMIT, 1),
        (pycurl.LOW_SPEED_TIME, _SILENCE),
        (pycurl.DNS_CACHE_TIMEOUT, _PINNED),
        (pycurl.MAXAGE_CONN, KEPT),
        (pycurl.BUFFERSIZE, _AT_ONCE),
        (pycurl.SSL_VERIFYPEER, 1),
        (pycurl.SSL_VERIFYHOST, 2),
        (pycurl.SSLVERSION, pycurl.SSLVERSION_TLSv1_2),
        # What Python trusts on this system, and the environment names; not where libcurl was built.
        (pycurl.CAINFO, trusted.cafile),
        (pycurl.CAPATH, trusted.capath),
    ]

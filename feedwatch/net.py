"""The only door out to the network: bounded, guarded requests. Follows no redirect and retries nothing itself
(libcurl asks once more, but for requests with a body, when a connection it had kept turns out to be closed, RFC 9112
§9.3.1).

The guard looks twice, so that literals, redirects and names that change their answer meet it alike: at every address
that a name resolves to, of which libcurl is given those and asks for no others, and at the address of each socket.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import socket
from collections.abc import Sequence
from types import TracebackType
from typing import Literal
from urllib.parse import unquote, urlsplit

from msgspec import Struct

from feedwatch import curl
from feedwatch.curl import Broken, Call, Curl, Dialled, Proxy, Unended
from feedwatch.decoding import BadCoding, accepted
from feedwatch.errors import FeedwatchError, Refused
from feedwatch.guard import Guard
from feedwatch.headers import sent
from feedwatch.model import Response
from feedwatch.targets import Target, target

ErrorKind = Literal["unreachable", "timeout", "refused", "too-large"]

#: Seconds to connect.
_CONNECT = 10.0
#: Hosts that are remembered as checked.
_REMEMBERED = 50_000


class NetError(FeedwatchError):
    """A request that brought no whole answer; the message is one sentence for people."""

    def __init__(self, kind: ErrorKind, detail: str) -> None:
        super().__init__(detail)
        self.kind: ErrorKind = kind


class _Names:
    """The system's resolver, with every answer checked; one bad address refuses the name."""

    def __init__(self, guard: Guard) -> None:
        self._guard = guard
        #: Until when (in the loop's time) hosts and ports need no other look: addresses for ever, names as long as
        #: their connection is used again.
        self._stands: dict[tuple[str, int], float] = {}

    async def resolve(self, host: str, port: int) -> list[tuple[int, str]]:
        """Family and address of everything that `host` leads to. Raises Refused, socket.gaierror."""
        loop = asyncio.get_running_loop()
        found = await loop.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_ADDRCONFIG)
        for *_, address in found:
            self._guard.check(host, str(address[0]), port)
        return [(family, str(address[0])) for family, *_, address in found]

    async def pins(self, place: Target) -> list[str]:
        """What libcurl is to dial for `place`, where that is a name. Raises Refused, socket.gaierror."""
        if place.address is not None:
            # It must not profit from a name that is allowed to be there.
            self._guard.check(place.host, place.address, place.port)
            self.stand(place, float("inf"))
            return []
        found = dict.fromkeys(address for _, address in await self.resolve(place.host, place.port))
        addresses = ",".join(f"[{address}]" if ":" in address else address for address in found)
        return [f"{place.host}:{place.port}:{addresses}"]

    def stands(self, place: Target, now: float) -> bool:
        return self._stands.get((place.host, place.port), now) > now

    def stand(self, place: Target, until: float) -> None:
        if len(self._stands) > _REMEMBERED:
            self._stands.clear()
        self._stands[place.host, place.port] = until

    def connect(self, dialled: Dialled) -> socket.socket:
        """What libcurl dials with. Raises Refused, OSError."""
        return _socket(self._guard, dialled)


class _Way(Struct, frozen=True):
    """Through a proxy, which then is all that is dialled."""

    proxy: Proxy
    place: Target
    names: _Names


class Net:
    """One client for every request of the program; enter it before use."""

    def __init__(
        self, *, allow_hosts: frozenset[str], user_agent: str, private_hosts: frozenset[str] = frozenset()
    ) -> None:
        self._guard = Guard(allow_hosts, private_hosts)
        self._names = _Names(self._guard)
        #: By the URL of the proxy.
        self._ways: dict[str, _Way] = {}
        self._user_agent = user_agent
        self._own_headers: list[str | bytes] = []
        self._entered = False
        #: Made by the first request: there are rounds without any.
        self._curl: Curl | None = None

    async def __aenter__(self) -> Net:
        self._entered = True
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._curl is not None:
            await self._curl.aclose()

    def _own(self) -> Curl:
        assert self._entered, "enter Net before use"  # noqa: S101
        if self._curl is None:
            self._own_headers = sent([("User-Agent", self._user_agent), ("Accept-Encoding", accepted())])
            self._curl = Curl(self._user_agent)
        return self._curl

    async def dial(self, host: str, port: int) -> socket.socket:
        """A connected socket for a protocol other than HTTP, through the same guard. Raises NetError."""
        try:
            async with asyncio.timeout(_CONNECT):
                return await self._connected(await self._names.resolve(host, port), host, port)
        except TimeoutError:
            raise NetError("timeout", f"{host}: no connection within {_CONNECT:.0f} seconds") from None
        except (Refused, OSError) as error:
            raise _explained(error, host) from error

    async def _connected(self, found: list[tuple[int, str]], host: str, port: int) -> socket.socket:
        """The first of the addresses that answers."""
        failed: OSError | None = None
        for family, address in found:
            dialled = _socket(self._guard, (family, socket.SOCK_STREAM, 0, "", (address, port)))
            dialled.setblocking(False)
            try:
                await asyncio.get_running_loop().sock_connect(dialled, (address, port))
            except OSError as error:
                dialled.close()
                failed = error
            except BaseException:
                dialled.close()
                raise
            else:
                return dialled
        raise failed or OSError(f"{host} has no address")

    async def request(
        self,
        method: str,
        url: str,
        *,
        headers: Sequence[tuple[str, str]] = (),
        body: bytes | None = None,
        max_body: int = 10_000_000,
        cut: bool = False,
        deadline: float = 30.0,
        proxy: str | None = None,
    ) -> Response:
        """One request and its whole answer, decoded; redirects are answers like any other.

        `max_body` is in bytes after decoding: a longer body is an error, or with `cut` ends there. `deadline` is
        in seconds for everything. `proxy` is the URL of an HTTP proxy, which may be anywhere; what it is asked for
        may not. Raises NetError.
        """
        clock = asyncio.get_running_loop().time
        until = clock() + deadline
        host = ""
        try:
            place = target(url)
            host = place.host
            own, way = self._own(), self._way(proxy) if proxy else None
            pins: Sequence[str] = ()
            if way or not self._names.stands(place, clock()):
                async with asyncio.timeout_at(until):
                    pins = await self._pins(way, place)
            answer = await own.carry(
                Call(
                    method,
                    place.url,
                    place.path,
                    self._beside(headers) + sent(headers),
                    (way.names if way else self._names).connect,
                    pins,
                    max(until - clock(), 0.001) if way or pins else deadline,
                    max_body,
                    body,
                    way.proxy if way else None,
                )
            )
        except TimeoutError:
            raise _late(deadline) from None
        except Exception as error:
            late = isinstance(error, Broken) and error.code == curl.TIMED_OUT and clock() >= until
            raise (_late(deadline) if late else _explained(error, host)) from error
        if len(answer.body) > max_body and not cut:
            raise NetError("too-large", f"the body is larger than {max_body:,} bytes")
        if pins and not way:
            self._names.stand(place, clock() + curl.KEPT)
        return Response(place.url, answer.status, answer.headers, answer.body[:max_body])

    def _beside(self, headers: Sequence[tuple[str, str]]) -> list[str | bytes]:
        """Our own headers: an operator who gives a User-Agent means it in place of ours."""
        named = any(len(name) == len("user-agent") and name.lower() == "user-agent" for name, _ in headers)
        return self._own_headers[1:] if named else self._own_headers

    async def _pins(self, way: _Way | None, place: Target) -> list[str]:
        """What is asked of a proxy is looked up here as well, and a name that only the proxy can resolve left to it."""
        if way is None:
            return await self._names.pins(place)
        with contextlib.suppress(socket.gaierror):
            await self._names.pins(place)
        return await way.names.pins(way.place)

    def _way(self, proxy: str) -> _Way:
        if proxy not in self._ways:
            parts = urlsplit(proxy)
            login = f"{unquote(parts.username)}:{unquote(parts.password or '')}" if parts.username else None
            place = target(f"http://{parts.netloc.rpartition('@')[2]}")
            guard = Guard(frozenset({f"{place.host}:{place.port}"}))
            self._ways[proxy] = _Way(Proxy(place.host, place.port, login), place, _Names(guard))
        return self._ways[proxy]


def _socket(guard: Guard, dialled: Dialled) -> socket.socket:
    family, kind, protocol, _, address = dialled
    guard.check_dialled(str(address[0]), int(address[1]))
    return socket.socket(family=family, type=kind, proto=protocol)


def _late(deadline: float) -> NetError:
    return NetError("timeout", f"no whole answer within {deadline:.0f} seconds")


def _explained(error: Exception, host: str) -> NetError:
    """What a person can act on."""
    match error:
        case Refused():
            return NetError("refused", str(error))
        case Broken():
            return _broken(error, host)
        case BadCoding():
            return NetError("unreachable", f"the body {error}")
        case Unended():
            return NetError("unreachable", f"{host}: the answer {error}")
        case socket.gaierror():
            return NetError("unreachable", f"{host}: the name cannot be resolved")
        case OSError():
            return NetError("unreachable", f"{host}: no connection ({error.strerror or error})")
    return NetError("unreachable", f"{host}: {type(error).__name__}: {error}".rstrip(": "))


def _broken(error: Broken, host: str) -> NetError:
    if error.code == curl.TIMED_OUT:
        return NetError("timeout", f"{host}: no answer in time")
    if error.code == curl.UNCONNECTED:
        why = os.strerror(error.number) if error.number else error
        return NetError("unreachable", f"{host}: no connection ({why})")
    if error.code in curl.UNTRUSTED:
        return NetError("unreachable", f"{host}: the TLS certificate or handshake is not right ({error})")
    if error.code in curl.CUT:
        return NetError("unreachable", f"{host}: the answer ended early")
    return NetError("unreachable", f"{host}: {error}")

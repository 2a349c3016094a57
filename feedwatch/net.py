"""The only door out to the network: bounded, guarded requests. Follows no redirect and retries nothing itself
(aiohttp asks once more when a connection ends before the answer begins, RFC 9110 §9.2.2).

The guard sits where addresses are dialled, so that literals, redirects and names that change their answer
meet it alike: a resolver checks every address a name resolves to, the socket factory every address dialled.
"""

from __future__ import annotations

import asyncio
import base64
import contextlib
import ipaddress
import re
import socket
import ssl
import sys
from collections.abc import Sequence
from functools import lru_cache
from types import TracebackType
from typing import Any, Literal
from urllib.parse import unquote, urlsplit

import aiohttp
from aiohttp.abc import AbstractResolver, ResolveResult
from aiohttp.resolver import ThreadedResolver

from feedwatch.decoding import BadCoding, accepted, decoder
from feedwatch.errors import FeedwatchError, Refused
from feedwatch.guard import Guard
from feedwatch.model import Response

# With click and rich installed httpx would load its own command line, which takes longer than all of httpx.
sys.modules.setdefault("httpx._main", None)  # type: ignore[arg-type]  # None: the import system's word for "not there"
import httpx  # noqa: E402
from httpx_aiohttp import AiohttpTransport  # noqa: E402

ErrorKind = Literal["unreachable", "timeout", "refused", "too-large"]

#: Seconds to connect, and between two reads.
_CONNECT, _READ = 10.0, 15.0
_CONNECTIONS = 100
_NOT_IN_URL = re.compile(r"[\x00-\x20\x7f\\]")
_IN_HOST = re.compile(r"[a-z0-9._~:\[\]-]+|[^\x00-\x7f]+", re.IGNORECASE)


class NetError(FeedwatchError):
    """A request that brought no whole answer; the message is one sentence for people."""

    def __init__(self, kind: ErrorKind, detail: str) -> None:
        super().__init__(detail)
        self.kind: ErrorKind = kind


class _Resolver(AbstractResolver):
    """The system's resolver, with every answer checked; one bad address refuses the name."""

    def __init__(self, guard: Guard) -> None:
        self._guard = guard
        self._system = ThreadedResolver()

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_UNSPEC
    ) -> list[ResolveResult]:
        results = await self._system.resolve(host, port, family)
        for result in results:
            self._guard.check(host, result["host"], port)
        return results

    async def close(self) -> None:
        await self._system.close()


class Net:
    """One client for every request of the program; enter it before use."""

    def __init__(
        self, *, allow_hosts: frozenset[str], user_agent: str, private_hosts: frozenset[str] = frozenset()
    ) -> None:
        self._guard = Guard(allow_hosts, private_hosts)
        self._user_agent = user_agent
        self._entered = False
        #: Made by the first request: it costs time, and many rounds have nobody to tell.
        self._client: httpx.AsyncBaseTransport | None = None
        #: Clients that dial nothing but their proxy, by its URL.
        self._proxied: dict[str, httpx.AsyncBaseTransport] = {}

    async def __aenter__(self) -> Net:
        self._entered = True
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for client in (self._client, *self._proxied.values()):
            if client is not None:
                await client.aclose()

    def _own(self) -> httpx.AsyncBaseTransport:
        self._client = self._client or _client(self._guard)
        return self._client

    async def dial(self, host: str, port: int) -> socket.socket:
        """A connected socket for a protocol other than HTTP, through the same guard. Raises NetError."""
        resolver = _Resolver(self._guard)
        try:
            _check_literal(self._guard, f"//{f'[{host}]' if ':' in host else host}:{port}")
            async with asyncio.timeout(_CONNECT):
                return await self._connected(await resolver.resolve(host, port), host, port)
        except TimeoutError:
            raise NetError("timeout", f"{host}: no connection within {_CONNECT:.0f} seconds") from None
        except Refused as error:
            raise NetError("refused", str(error)) from None
        except socket.gaierror:
            raise NetError("unreachable", f"{host}: the name cannot be resolved") from None
        except OSError as error:
            raise NetError("unreachable", f"{host}: no connection ({error.strerror or error})") from error

    async def _connected(self, found: list[ResolveResult], host: str, port: int) -> socket.socket:
        """The first of the addresses that answers."""
        failed: OSError | None = None
        for result in found:
            address = (result["host"], port)
            dialled = _socket(self._guard, (result["family"], socket.SOCK_STREAM, 0, "", address))
            dialled.setblocking(False)
            try:
                await asyncio.get_running_loop().sock_connect(dialled, address)
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
        check_url(url)
        _check_literal(self._guard, url)
        assert self._entered, "enter Net before use"  # noqa: S101
        sent = [
            (b"user-agent", self._user_agent.encode()),
            (b"accept-encoding", accepted().encode()),
            *((name.encode("ascii"), value.encode("utf-8", "replace")) for name, value in headers),
        ]
        timeouts = {"connect": _CONNECT, "read": _READ, "write": _READ, "pool": None}
        try:
            request = httpx.Request(method, url, headers=sent, content=body, extensions={"timeout": timeouts})
            async with asyncio.timeout(deadline):
                client = await self._through(proxy, url) if proxy else self._own()
                return await _answered(client, request, max_body, cut=cut)
        except TimeoutError:
            raise NetError("timeout", f"no whole answer within {deadline:.0f} seconds") from None
        except NetError:
            raise
        except Exception as error:
            raise _explained(error, url) from error

    async def _through(self, proxy: str, url: str) -> httpx.AsyncBaseTransport:
        """The client of this proxy, when what it would be asked for may be asked for: names are looked up here as
        well, and one that only the proxy can resolve is left to it."""
        parts = urlsplit(url)
        with contextlib.suppress(socket.gaierror):
            await _Resolver(self._guard).resolve(
                parts.hostname or "", parts.port or (443 if parts.scheme == "https" else 80)
            )
        if proxy not in self._proxied:
            way = urlsplit(proxy)
            guard = Guard(frozenset({f"{way.hostname}:{way.port}"}))
            _check_literal(guard, proxy)
            self._proxied[proxy] = _client(guard, proxy)
        return self._proxied[proxy]


def _check_literal(guard: Guard, url: str) -> None:
    """A literal address meets no resolver, and must not profit from a name that is allowed to be there."""
    parts = urlsplit(url)
    host = parts.hostname or ""
    if address := _literal(host):
        try:
            guard.check(host, address, parts.port or (443 if parts.scheme == "https" else 80))
        except Refused as error:
            raise NetError("refused", str(error)) from None


@lru_cache(maxsize=4096)
def _literal(host: str) -> str | None:
    """The address that a host is, where it is no name."""
    try:
        return str(ipaddress.ip_address(host.partition("%")[0]))
    except ValueError:
        return None


def _client(guard: Guard, proxy: str | None = None) -> httpx.AsyncBaseTransport:
    """What makes requests; every connection passes `guard`. There is no client around it: redirects, cookies and logins
    are ours, and one that has them switched off takes half as long as the request itself."""
    connector = aiohttp.TCPConnector(
        limit=_CONNECTIONS,
        resolver=_Resolver(guard),
        socket_factory=lambda dialled: _socket(guard, dialled),
        use_dns_cache=False,
    )
    session = aiohttp.ClientSession(connector=connector, cookie_jar=aiohttp.DummyCookieJar(), trust_env=False)
    # The session's own connector checks certificates. The transport would load all of them for a context that it never
    # uses then, which takes longer than everything else here; this one has none, and so would trust nobody.
    unused = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    return AiohttpTransport(unused, client=session, trust_env=False, proxy=_proxy(proxy) if proxy else None)


def _proxy(url: str) -> httpx.Proxy:
    """With its login as the header that aiohttp turns into Proxy-Authorization."""
    parts = urlsplit(url)
    login = f"{unquote(parts.username or '')}:{unquote(parts.password or '')}".encode()
    headers = {"Authorization": f"Basic {base64.b64encode(login).decode()}"} if parts.username else {}
    return httpx.Proxy(f"http://{parts.netloc.rpartition('@')[2]}", headers=headers)


def _socket(guard: Guard, dialled: tuple[Any, ...]) -> socket.socket:
    family, kind, protocol, _, address = dialled
    guard.check_dialled(str(address[0]), int(address[1]))
    return socket.socket(family=family, type=kind, proto=protocol)


async def _answered(client: httpx.AsyncBaseTransport, request: httpx.Request, max_body: int, *, cut: bool) -> Response:
    response = await client.handle_async_request(request)
    try:
        headers = _headers(response.headers.raw)
        body = await _body(response, headers.get("content-encoding", ""), max_body, cut=cut)
    finally:
        await response.aclose()
    return Response(str(request.url), response.status_code, headers, body)


def _headers(raw: Sequence[tuple[bytes, bytes]]) -> dict[str, str]:
    """By names in lower case; what comes several times, as one list (RFC 9110 §5.3)."""
    headers: dict[str, str] = {}
    for name, value in raw:
        key, text = name.decode("latin-1").lower(), _header_text(name.lower(), value)
        if text is not None:
            headers[key] = f"{headers[key]}, {text}" if key in headers else text
    return headers


def _header_text(name: bytes, value: bytes) -> str | None:
    """What is not UTF-8 cannot be sent back byte for byte (aiohttp writes headers in UTF-8), and a validator that
    differs in one byte is made up: then there is none."""
    try:
        return value.decode("utf-8")
    except UnicodeDecodeError:
        return None if name in (b"etag", b"last-modified") else value.decode("latin-1")


async def _body(response: httpx.Response, coding: str, max_body: int, *, cut: bool) -> bytes:
    """The body with its coding undone; never much more than `max_body` bytes in memory."""
    chunks: list[bytes] = []
    size = 0
    try:
        decoding = decoder(coding.strip().lower())
        async for raw in response.aiter_raw():
            chunk = decoding.decode(raw, max_body - size) if decoding else raw
            chunks.append(chunk)
            size += len(chunk)
            if size > max_body:
                break
        else:
            chunks.append(decoding.finish(max_body - size) if decoding else b"")
    except BadCoding as error:
        raise NetError("unreachable", f"the body {error}") from None
    body = b"".join(chunks)
    if len(body) > max_body and not cut:
        raise NetError("too-large", f"the body is larger than {max_body:,} bytes")
    return body[:max_body]


def check_url(url: str) -> None:
    """Refuses URLs that two parsers could read in two ways. Raises NetError("refused")."""
    reason = None
    try:
        parts = urlsplit(url)
        host, _ = parts.hostname, parts.port
    except ValueError as error:
        raise NetError("refused", f"{url!r} is no URL ({error})") from None
    if parts.scheme.lower() not in ("http", "https"):
        reason = "only http and https are fetched"
    elif _NOT_IN_URL.search(url):
        reason = "it has a space, a backslash or a control character"
    elif "@" in parts.netloc:
        reason = "it has a user name; put credentials into headers"
    elif not host or not all(_IN_HOST.fullmatch(piece) for piece in re.findall(r"[\x00-\x7f]+|[^\x00-\x7f]+", host)):
        reason = "it has no usable host"
    if reason:
        raise NetError("refused", f"{url!r} is refused: {reason}")


def _explained(error: BaseException, url: str) -> NetError:
    """The cause that a person can act on, looked for along the chain of causes."""
    host = urlsplit(url).hostname
    if isinstance(error, httpx.InvalidURL):
        return NetError("refused", f"{url!r} is refused: {error}")
    cause: BaseException | None = error
    while cause is not None:
        if isinstance(cause, Refused):
            return NetError("refused", str(cause))
        if isinstance(cause, aiohttp.ClientConnectorCertificateError | aiohttp.ClientSSLError):
            return NetError("unreachable", f"{host}: the TLS certificate or handshake is not right ({cause})")
        if isinstance(cause, aiohttp.ClientConnectorDNSError | socket.gaierror):
            return NetError("unreachable", f"{host}: the name cannot be resolved")
        if isinstance(cause, TimeoutError | httpx.TimeoutException) and not isinstance(cause, httpx.ConnectTimeout):
            return NetError("timeout", f"{host}: no answer in time")
        if isinstance(cause, aiohttp.ClientPayloadError):
            return NetError("unreachable", f"{host}: the answer ended early")
        if isinstance(cause, aiohttp.ClientConnectorError):
            return NetError("unreachable", f"{host}: no connection ({cause.strerror or cause.os_error})")
        cause = cause.__cause__ or cause.__context__
    return NetError("unreachable", f"{host}: {type(error).__name__}: {error}".rstrip(": "))

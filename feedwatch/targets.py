"""What a URL asks for, read once for whoever checks it and whoever dials it, so that no two can read it in two ways.

Pure; resolves nothing.
"""

from __future__ import annotations

import ipaddress
import re
from functools import lru_cache
from urllib.parse import SplitResult, quote, urlsplit

from msgspec import Struct

from feedwatch.errors import Refused
from feedwatch.remembered import remembered

PORTS = {"http": 80, "https": 443}
#: URLs that are already written as they are sent.
_PLAIN = re.compile(r"(https?)://([a-z0-9][a-z0-9.-]*)(?::([1-9][0-9]{0,4}))?(/[!$-;=?-Z\[\]^_a-z|~]*)")
_NOT_IN_URL = re.compile(r"[\x00-\x20\x7f\\]")
_IN_HOST = re.compile(r"[a-z0-9._~:\[\]-]+|[^\x00-\x7f]+", re.IGNORECASE)
#: Only an address ends like that; there are parsers that read `0x7f.1` and `2130706433` as one, too.
_NUMBER_LAST = re.compile(r"(?:.*\.)?(?:[0-9]+|0x[0-9a-f]*)\.?")
# What may stand in a path and in a query as it is (the rest of ASCII is written as %XX): WHATWG URL §1.3.
_IN_QUERY = "".join(chr(code) for code in range(0x21, 0x7F) if chr(code) not in '"#<>')
_IN_PATH = "".join(sign for sign in _IN_QUERY if sign not in "?`{}")


#: Letters of a URL, and of one that is not read anew each time.
_LONGEST, _REMEMBERED = 8192, 200


class Target(Struct, frozen=True):
    """What a request is sent to."""

    #: As it is asked for: ASCII, without fragment and dot segments.
    url: str
    scheme: str
    #: In lower case; letters beyond ASCII as in RFC 5891.
    host: str
    port: int
    #: With the query.
    path: str
    #: The host, where it is an address and no name.
    address: str | None


def target(url: str) -> Target:
    """Raises Refused for a URL that is not http(s), has a user name, is longer than 8,192 letters, or that two parsers
    could read in two ways."""
    if len(url) <= _REMEMBERED:
        return _short(url)
    if len(url) > _LONGEST:
        raise Refused(f"{url[:80]!r}… is refused: it has more than {_LONGEST:,} letters")
    return _read(url)


def _read(url: str) -> Target:
    try:
        if (plain := _PLAIN.fullmatch(url)) and "/." not in url and ".." not in plain[2]:
            scheme, host, port, path = plain.groups()
            number = int(port) if port else PORTS[scheme]
            if number <= 65535:
                return Target(url, scheme, host, number, path, _address(host))
        parts = urlsplit(url)
        scheme, port = parts.scheme.lower(), parts.port
        if reason := _problem(url, parts, scheme):
            raise Refused(f"{url!r} is refused: {reason}")
        host = _ascii(parts.hostname or "")
        address = str(ipaddress.IPv6Address(host)) if "[" in parts.netloc else _address(host)
        path = quote(_without_dots(parts.path) or "/", safe=_IN_PATH)
        path += "?" + quote(parts.query, safe=_IN_QUERY) if parts.query else ""
    except ValueError as error:
        raise Refused(f"{url!r} is no URL ({error})") from None
    place = f"[{address}]" if ":" in host else host
    place += f":{port}" if port and port != PORTS[scheme] else ""
    return Target(f"{scheme}://{place}{path}", scheme, address or host, port or PORTS[scheme], path, address)


# Those of sources come again and again; what others lead to is theirs to choose, and may be long.
_short = lru_cache(maxsize=16_384)(_read)


def _problem(url: str, parts: SplitResult, scheme: str) -> str | None:
    host = parts.hostname
    if scheme not in PORTS:
        return "only http and https are fetched"
    if _NOT_IN_URL.search(url):
        return "it has a space, a backslash or a control character"
    if "@" in parts.netloc:
        return "it has a user name; put credentials into headers"
    if (
        not host
        or parts.port == 0
        or ".." in host
        or not all(_IN_HOST.fullmatch(piece) for piece in re.findall(r"[\x00-\x7f]+|[^\x00-\x7f]+", host))
    ):
        return "it has no usable host"
    return None


def _ascii(host: str) -> str:
    if host.isascii():
        return host
    import idna  # rarely needed, and large

    return idna.encode(host.lower()).decode("ascii")


@remembered(1024)
def _address(host: str) -> str | None:
    """None for a name. Raises ValueError for what looks like an address and is none."""
    return str(ipaddress.IPv4Address(host)) if _NUMBER_LAST.fullmatch(host) else None


def _without_dots(path: str) -> str:
    """`path` as RFC 3986 §5.2.4 has it."""
    if "/." not in path:
        return path
    kept: list[str] = []
    for segment in path.split("/"):
        if segment == ".." and kept != [""]:
            kept[-1:] = []
        elif segment not in (".", ".."):
            kept.append(segment)
    return "/".join(kept) + ("/" if path.endswith(("/.", "/..")) and kept != [""] else "")

"""HTTP header lines: those of an answer as names and texts, ours as they are sent. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from functools import lru_cache

from feedwatch.errors import Refused

_IN_NAME = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
_NOT_IN_VALUE = re.compile(r"[\r\n\0]")
_SHORT = 64


def received(lines: Sequence[bytes]) -> dict[str, str] | None:
    """The headers of an answer by their names in lower case, what comes several times as one list (RFC 9110 §5.3).

    `lines` are all that came before the body: those of interim answers and of a proxy are left out. None when the last
    of them do not end.
    """
    found: dict[str, str] = {}
    ended = False
    for line in lines:
        if line.startswith(b"HTTP/"):
            found, ended = {}, False
        elif line in (b"\r\n", b"\n"):
            ended = True
        elif not ended:
            name, _, value = line.partition(b":")
            # Those that come again and again are short; how long others are is for strangers to choose.
            key = _known(name) if len(name) <= _SHORT else _name(name)
            if (text := _text(key, value.strip())) is not None:
                found[key] = f"{found[key]}, {text}" if key in found else text
    return found if ended else None


def _name(raw: bytes) -> str:
    return raw.strip().decode("latin-1").lower()


_known = lru_cache(maxsize=1024)(_name)


def _text(name: str, value: bytes) -> str | None:
    """What is not UTF-8 is not sent back byte for byte (we write headers in UTF-8), and a validator that differs in one
    byte is made up: then there is none."""
    try:
        return value.decode("utf-8")
    except UnicodeDecodeError:
        return None if name in ("etag", "last-modified") else value.decode("latin-1")


def length_lies(headers: dict[str, str]) -> bool:
    """Whether an answer says in two ways, or in none that can be understood, where it ends (RFC 9112 §6.3)."""
    length = headers.get("content-length")
    if length is None:
        return False
    return "transfer-encoding" in headers or not (length.isascii() and length.isdigit())


def sent(headers: Iterable[tuple[str, str]]) -> list[str | bytes]:
    """As libcurl takes them. Raises Refused for what would be more than one header, or none."""
    lines: list[str | bytes] = []
    for name, value in headers:
        if _NOT_IN_VALUE.search(value) or not _IN_NAME.fullmatch(name):
            raise Refused(f"the header {name!r} has a line break in it, or no proper name")
        # A name with a colon and no more takes a header away, with a semicolon it is empty.
        line = f"{name}: {value}" if value.strip() else f"{name};"
        lines.append(line if line.isascii() else line.encode("utf-8", "replace"))
    return lines

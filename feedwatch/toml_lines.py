"""Where each key of a TOML text stands, because tomli keeps no positions.

Reads only texts that tomli has accepted. Knows nothing of values: inside an inline table or an array
there are no positions, and `nearest` falls back to the key that holds it.
"""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Mapping

import tomli

Location = tuple[str | int, ...]
Position = tuple[int, int]

_BASIC = r'"(?:[^"\\\n]|\\.)*"'
_LITERAL = r"'[^'\n]*'"
# A multi-line string may end in up to two quotes of its own before the three that close it.
_LONG = r'"""(?:[^\\]|\\.)*?"""(?:"{0,2})|' + r"'''.*?'''(?:'{0,2})"
_VALUE_TOKEN = re.compile(rf"{_LONG}|{_BASIC}|{_LITERAL}|#[^\n]*|.", re.DOTALL)
_KEY = re.compile(rf"(?:{_BASIC}|{_LITERAL}|[^\n\"'=\]#])+")
_BLANK = re.compile(r"(?:\s|#[^\n]*)*")
_REST_OF_LINE = re.compile(r"[^\n]*")


def positions(text: str) -> Mapping[Location, Position]:
    """Line and column, both from 1, of the first mention of each table and key in `text` (valid TOML)."""
    found: dict[Location, Position] = {}
    arrays: dict[Location, int] = {}
    starts = [0, *(match.end() for match in re.finditer("\n", text))]
    table: Location = ()
    at = _end(_BLANK, text, 0)
    while at < len(text):
        line = bisect_right(starts, at)
        here = (line, at - starts[line - 1] + 1)
        if text[at] == "[":
            double = text.startswith("[[", at)
            end = _end(_KEY, text, at + 1 + double)
            table = _table(_parts(text[at + 1 + double : end]), arrays, new=double)
            _mark(found, table, here)
            at = _end(_REST_OF_LINE, text, end)
        else:
            end = _end(_KEY, text, at)
            parts = _parts(text[at:end])
            for length in range(1, len(parts) + 1):
                found.setdefault(table + parts[:length], here)
            at = _after_value(text, end)
        at = _end(_BLANK, text, at)
    return found


def nearest(found: Mapping[Location, Position], location: Location) -> Position:
    """The position of `location`, or of what holds it where it has none of its own."""
    while location and location not in found:
        location = location[:-1]
    return found.get(location, (1, 1))


def _mark(found: dict[Location, Position], table: Location, here: Position) -> None:
    for length in range(1, len(table) + 1):
        found.setdefault(table[:length], here)


def _table(parts: tuple[str, ...], arrays: dict[Location, int], *, new: bool) -> Location:
    """Where a header's table lives: below an array of tables, in its latest one."""
    where: Location = ()
    for number, part in enumerate(parts, start=1):
        where = (*where, part)
        if new and number == len(parts):
            arrays[where] = arrays.get(where, 0) + 1
        if where in arrays:
            where = (*where, arrays[where] - 1)
    return where


def _parts(key: str) -> tuple[str, ...]:
    if not {'"', "'"} & set(key):
        return tuple(part.strip() for part in key.split("."))
    # Quotes and escapes are tomli's business: it names the parts of `key` by nesting.
    parts: list[str] = []
    inner = tomli.loads(f"{key} = 0")
    while isinstance(inner, dict):
        (name, inner), *_ = inner.items()
        parts.append(name)
    return tuple(parts)


def _after_value(text: str, at: int) -> int:
    """The end of the value that begins after the `=` at `at`: its line, or where its brackets close."""
    depth = 0
    for token in _VALUE_TOKEN.finditer(text, at):
        match token.group():
            case "[" | "{":
                depth += 1
            case "]" | "}":
                depth -= 1
            case "\n" if depth == 0:
                return token.start()
    return len(text)


def _end(pattern: re.Pattern[str], text: str, at: int) -> int:
    match = pattern.match(text, at)
    return match.end() if match else at

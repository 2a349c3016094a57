"""What is wrong with a configuration, in sentences: `path:line:column: source "x": select.entry: what; remedy`.

Values are never shown, only keys, and ids as they are written in the file: a value may come from the
environment and be a secret. Decides nothing about what is allowed.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from msgspec import Struct
from msgspec.structs import asdict, fields

if TYPE_CHECKING:
    from pydantic_core import ErrorDetails

    from feedwatch.toml_lines import Location

from feedwatch.canonical import one_line
from feedwatch.config_tables import (
    AlertTable,
    CategoryTable,
    File,
    JsonTable,
    MailTable,
    SelectTable,
    SourceTable,
    Table,
)

#: Tables whose members have names of their own: what to call one, and the model of its keys.
_NAMED: dict[str, type[Table]] = {"source": SourceTable, "alert": AlertTable, "category": CategoryTable}
#: Tables that a file has once.
_PLAIN: dict[str, type[Table]] = {**{name: type(table) for name, table in asdict(File()).items()}, "mail": MailTable}
_WHERE = r" \(at (?:line (\d+), column (\d+)|end of document)\)$"
_SYNTAX_REMEDIES = {
    "Expected newline": 'text stands in quotes: every = "1h"',
    "Invalid value": 'text stands in quotes: every = "1h"',
    "Cannot overwrite": "write each key once",
    "Cannot declare": "write each table once, or [[source]] for one of several",
    "Expected '=' after": 'write key = "value"',
}
#: Names that are listed where none is close to the one that was written.
_SHOWN = 12
#: How alike two names are for one to be a slip of the other: `evry` and `every` are, `store` and `source` not.
_CLOSE = 0.75
_TYPES = {
    "string_type": 'must be text; write it in quotes: "…"',
    "int_type": "must be a whole number without quotes",
    "list_type": 'must be a list; write it in brackets: ["…"]',
    "dict_type": 'must be a table; write { key = "value" }',
    "model_type": "must be a table; write its name in one pair of brackets: [name]",
    "too_short": "must not be empty; leave the key out for the default",
}


class Problem(Struct, frozen=True):
    """One mistake: where in the tree it is, and what to write instead."""

    location: Location
    what: str


def syntax_line(error: Exception, text: str, path: Path) -> str:
    """tomli's complaint as `path:line:column: …`."""
    match = re.search(_WHERE, str(error))
    what = str(error)[: match.start() if match else None]
    remedy = next((f"; {told}" for start, told in _SYNTAX_REMEDIES.items() if what.startswith(start)), "")
    if match and match.group(1):
        line, column = int(match.group(1)), int(match.group(2))
    else:
        lines = text.rstrip("\n").split("\n") if match else [""]
        line, column = len(lines), len(lines[-1]) + 1
    return f"{path}:{line}:{column}: not TOML: {one_line(what)}{remedy}"


def of_tables(tree: dict[str, Any], written: dict[str, Any]) -> list[Problem]:
    """What is wrong in single tables, in our own words; `written` is `tree` before its variables were filled in."""
    from feedwatch.config_models import wrong  # pydantic takes long to load

    problems = []
    for error in wrong(tree):
        location = tuple(part for part in error["loc"] if part != "[key]")
        problems.append(Problem(location, _what(error, location, written)))
    return problems


def lines(problems: Iterable[Problem], text: str, path: Path, tree: dict[str, Any]) -> tuple[str, ...]:
    """The problems as lines, in the order of the file, each once."""
    from feedwatch.toml_lines import nearest, positions  # most files have nothing to be told of

    found = positions(text)
    placed = sorted({(nearest(found, p.location), f"{_subject(p.location, tree)}{p.what}") for p in problems})
    return tuple(f"{path}:{line}:{column}: {one_line(what)}" for (line, column), what in placed)


def did_you_mean(name: str, known: Iterable[str]) -> str:
    """`; did you mean 'every'?`, or what there is when nothing is close."""
    known = sorted(known)
    from difflib import get_close_matches  # only for what is wrong

    close = get_close_matches(name, known, n=1, cutoff=_CLOSE)
    if close:
        return f"; did you mean '{close[0]}'?"
    shown = ", ".join(known[:_SHOWN]) + (", …" if len(known) > _SHOWN else "")
    return f"; there is {shown}" if shown else ""


def as_written(location: Location, tree: dict[str, Any]) -> Any:
    """The value at `location` in the file, or None."""
    value: Any = tree
    for part in location:
        if isinstance(value, dict):
            value = value.get(str(part))
        elif isinstance(value, list) and isinstance(part, int) and part < len(value):
            value = value[part]
        else:
            return None
    return value


def _what(error: ErrorDetails, location: Location, tree: dict[str, Any]) -> str:
    kind = error["type"]
    if kind == "value_error":
        return _unless_secret(str(error["ctx"]["error"]), location, tree)
    if kind == "extra_forbidden":
        return _unknown(location)
    if kind == "missing":
        return f'is missing; write {location[-1]} = "…"'
    if kind == "literal_error":
        return f"must be one of {error['ctx']['expected']}"
    if kind == "greater_than_equal":
        return f"must be {error['ctx']['ge']} or more"
    if kind == "less_than_equal":
        return f"must be {error['ctx']['le']} or less"
    if location in (("source",), ("alert",)):
        return f"there can be several; write [[{location[0]}]], with two pairs of brackets"
    return _TYPES.get(kind, error["msg"])


def _unless_secret(what: str, location: Location, tree: dict[str, Any]) -> str:
    """Errors of selectors and templates quote them, which must not happen to a value from the environment."""
    if {"subject", "body", "json"} & set(location) and "${" in str(as_written(location, tree)):
        return "is not a template that can be used, once the environment is filled in"
    if "select" in location and "${" in str(as_written(location, tree)):
        return "is not a CSS selector, once the environment is filled in"
    return what


def _unknown(location: Location) -> str:
    *above, name = location
    if not above:
        if name in _keys(SourceTable):
            return f"unknown table; write [source.{name}] below its [[source]]"
        return f"unknown table{did_you_mean(str(name), _keys(File))}"
    if above[-1] == "select":
        model: type[Table] = SelectTable
    elif above[-1] == "json" and above[0] == "source":
        model = JsonTable
    elif above[0] in _NAMED:
        model = _NAMED[str(above[0])]
    else:
        model = _PLAIN[str(above[0])]
    return f"unknown key{did_you_mean(str(name), _keys(model))}"


def _keys(table: type[Table]) -> list[str]:
    """The keys of a table as the file writes them."""
    return [field.encode_name for field in fields(table)]


def _subject(location: Location, tree: dict[str, Any]) -> str:
    """What a problem is about: `source "x": select.entry: `."""
    if not location:
        return ""
    head, rest = "", location
    if location[0] in _NAMED and len(location) > 1:
        name = as_written((*location[:2], "id"), tree) if isinstance(location[1], int) else location[1]
        known_by = f'"{name}"' if isinstance(name, str) else f"number {int(location[1]) + 1}"
        head, rest = f"{location[0]} {known_by}: ", location[2:]
    key = ".".join(str(part) for part in rest if isinstance(part, str))
    return head + (f"{key}: " if key else "")

"""The page about the configuration, docs/configuration.md, made of the schema and one example that has every key.

Pure. What a key is for stands in config_tables.py, what one writes there in config.example.toml, and nothing here.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import tomli

_HEAD = """\
# Configuration

<!-- Made by `make docs` from feedwatch/config_tables.py and feedwatch/config.example.toml: change those. -->

One TOML file. `feedwatch check` says what is wrong with it, with line, column and what to write instead; an editor that
reads JSON Schema says it while you type, when the first line of the file is `#:schema config.schema.json` and
`feedwatch schema > config.schema.json` was run beside it. A running service takes a changed file within seconds,
and keeps to the old one when the new one is wrong.

- A **duration** is a number with a unit, or several: `"30s"`, `"15m"`, `"1h30m"`, `"2d"`.
- In every text `${NAME}` stands for an environment variable, `${file:PATH}` for the text of a file, and
  `${credential:NAME}` for a credential of systemd. Keep passwords and tokens there: what came so is shown nowhere.
- Paths are relative to the file.
- A key that nobody knows is an error, so that a slip of the pen is not silently nothing.
"""
_TAIL = """\
## Everything in one file

Nobody needs all of it; each of these lines is here so that you can copy it.

```toml
{example}```
"""


def markdown(schema: Mapping[str, Any], example: str) -> str:
    """The page. `schema` is the JSON Schema of the configuration, `example` a valid one.

    Raises KeyError for a key of the schema of which the example says nothing.
    """
    tree = tomli.loads(example)
    sections = [_section(heading, name, schema, tree) for heading, name in _tables(schema)]
    return "\n".join((_HEAD, *sections, _TAIL.format(example=example)))


def _tables(schema: Mapping[str, Any]) -> Iterator[tuple[str, tuple[str, ...]]]:
    """Each table as it is written, and its path."""
    for name, value in schema["properties"].items():
        several, named = value.get("type") == "array", "additionalProperties" in value
        yield f"[[{name}]]" if several else f"[{name}.SLUG]" if named else f"[{name}]", (name,)
        for inner, described in _definition(schema, (name,))["properties"].items():
            if _reference(described):
                yield f"[{name}.{inner}]", (name, inner)


def _section(heading: str, path: tuple[str, ...], schema: Mapping[str, Any], tree: Mapping[str, Any]) -> str:
    table = _definition(schema, path)
    required = table.get("required", ())
    lines = [
        f"## `{heading}`",
        "",
        table["description"],
        "",
        "| key | what it says | is | default | for example |",
        "| --- | --- | --- | --- | --- |",
    ]
    for key, described in table["properties"].items():
        if _reference(described):
            continue
        default = "must be given" if key in required else _default(described.get("default"))
        example = _code(f"{key} = {_toml(_found([tree], (*path, key)))}")
        cells = (f"`{key}`", described["description"].replace("<", "&lt;"), _kind(described), default, example)
        lines.append(f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in cells)} |")
    return "\n".join((*lines, ""))


def _definition(schema: Mapping[str, Any], path: Sequence[str]) -> Mapping[str, Any]:
    """The description of a table's keys."""
    described: Mapping[str, Any] = schema
    for name in path:
        described = described["properties"][name]
        holder = described.get("items") or described.get("additionalProperties") or described
        described = schema["$defs"][_reference(holder)]
    return described


def _reference(described: Mapping[str, Any]) -> str | None:
    """The name of the table that a value is, or None."""
    for choice in (described, *described.get("anyOf", ())):
        if "$ref" in choice:
            return str(choice["$ref"]).rpartition("/")[2]
    return None


def _kind(described: Mapping[str, Any]) -> str:
    """What a value is, and between what bounds."""
    if choices := described.get("anyOf"):
        return " or ".join(_kind(choice) for choice in choices if choice.get("type") != "null")
    if "enum" in described:
        return " or ".join(f'`"{choice}"`' for choice in described["enum"])
    pattern = described.get("pattern", "")
    match described["type"]:
        case "integer" | "number" as kind:
            low, high = described.get("minimum"), described.get("maximum")
            bounds = f", {low} to {high}" if high is not None else f", {low} or more"
            return ("whole number" if kind == "integer" else "number") + bounds
        case "boolean":
            return "`true` or `false`"
        case "array":
            return f"list: {_kind(described['items'])}"
        case "object":
            return "table of texts" if described["additionalProperties"] is not True else "table"
    if "auto|" in pattern:
        return 'duration, or `"auto"`'
    return "duration" if r"\d" in pattern else "a-z, 0-9, hyphen" if pattern else "text"


def _default(value: Any) -> str:
    return "none" if value is None or value in ([], {}) else _code(_toml(value))


def _found(tables: Sequence[Mapping[str, Any]], path: Sequence[str]) -> Any:
    """The first value there, in whichever of several tables. Raises KeyError."""
    name, *rest = path
    values = [table[name] for table in tables if name in table]
    if not values:
        raise KeyError(f"the example has no {name}")
    return _found([table for value in values for table in _alike(value)], rest) if rest else values[0]


def _alike(value: Any) -> Sequence[Mapping[str, Any]]:
    """Tables of one kind: several, or those of which each has a name of its own, or the only one."""
    if isinstance(value, list):
        return value
    return list(value.values()) if all(isinstance(inner, dict) for inner in value.values()) else [value]


def _toml(value: Any) -> str:
    """On one line."""
    if isinstance(value, dict):
        return f"{{ {', '.join(f'{key} = {_toml(inner)}' for key, inner in value.items())} }}"
    if isinstance(value, list):
        return f"[{', '.join(map(_toml, value))}]"
    return json.dumps(value, ensure_ascii=False)


def _code(text: str) -> str:
    return f"`{text}`"

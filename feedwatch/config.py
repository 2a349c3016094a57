"""The operator's TOML into a `Config`: every mistake at once, with its place and its remedy.

`parse` reads no file and no clock (it asks the disk only where the symbolic links of a file source lead);
`load` reads the file. Knows nothing of how sources are polled or where state is kept.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, fields
from datetime import timedelta
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from feedwatch.canonical import digest, slug
from feedwatch.categories import ALL, UNCATEGORISED, Categories
from feedwatch.config_problems import Problem, as_written, did_you_mean, from_pydantic, lines, syntax_line
from feedwatch.config_tables import AlertTable, File, SourceTable
from feedwatch.config_values import duration, host_and_port
from feedwatch.errors import ConfigError
from feedwatch.model import Route, Selectors, Source
from feedwatch.toml_lines import Location

_VARIABLE = re.compile(r"\$\{([^{}]*)\}")
_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")


@dataclass(frozen=True, slots=True)
class Config:
    """What the operator asked for, checked and with defaults filled in."""

    path: Path
    #: Where readers find the feeds: absolute, without a slash at its end.
    base_url: str
    sources: tuple[Source, ...]
    routes: tuple[Route, ...]
    categories: Categories
    #: Hosts, with or without port, lower case, that may have a non-global address.
    allow_hosts: frozenset[str]
    #: Requests to one host at the same time.
    per_host: int
    per_host_pause: timedelta
    #: Host and port of the web page; None serves nothing.
    listen: tuple[str, int] | None
    #: Folder of the feeds as files, absolute or relative as the configuration's own path; None is the state's.
    public: Path | None
    entries_per_feed: int
    retry_first: timedelta
    retry_for: timedelta
    #: Another store than the embedded one; there is none to choose yet.
    store_url: str | None = None


def load(path: Path, environ: Mapping[str, str]) -> Config:
    """The configuration in the file at `path`. Raises ConfigError, also when there is no such file."""
    try:
        data = path.read_bytes()
    except FileNotFoundError:
        raise ConfigError((f"{path}: no such file; write it, or name another with --config",)) from None
    except IsADirectoryError:
        raise ConfigError((f"{path}: is a folder; name the file in it, like {path / 'config.toml'}",)) from None
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or "not a file name"
        raise ConfigError((f"{path}: cannot be read ({reason}); let feedwatch's user read it",)) from None
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        before = error.object[: error.start].decode("utf-8", "replace").split("\n")
        place = f"{path}:{len(before)}:{len(before[-1]) + 1}"
        raise ConfigError((f"{place}: not UTF-8; save the file in that encoding",)) from None
    return parse(text, path, environ)


def parse(text: str, path: Path, environ: Mapping[str, str]) -> Config:
    """The configuration that `text` means; `path` is where it stands and what its paths are relative to.

    Raises ConfigError with all problems; no value from `environ` appears in it.
    """
    try:
        return _parse(text, path, environ)
    except RecursionError:
        raise ConfigError((f"{path}:1:1: nested too deeply; no table is deeper than [source.select]",)) from None


def schema() -> dict[str, Any]:
    """The JSON Schema of the file, for editors; config.schema.json is what `feedwatch schema` prints."""
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", **File.model_json_schema()}


def reading_digest(source: Source) -> str:
    """Changes whenever the same body could yield another reading; not with title, headers or interval."""
    select = [getattr(source.select, field.name, None) for field in fields(Selectors)]
    return digest("reading", source.url, source.link_base, *select, *source.categories)


def _parse(text: str, path: Path, environ: Mapping[str, str]) -> Config:
    try:
        written = tomllib.loads(text)
    except ValueError as error:  # TOMLDecodeError, and a plain one for a number of thousands of digits
        raise ConfigError((syntax_line(error, text, path),)) from None
    unset: list[Problem] = []
    tree = _filled(written, (), environ, unset)
    file, found = None, list(_contradictions(written, tree))
    try:
        file = File.model_validate(tree, context=path.parent)
    except ValidationError as error:
        found += from_pydantic(error.errors(include_url=False, include_input=False), written)
    if file is None or found or unset:
        # What else is wrong with a value that is not known yet would only distract.
        known = [p for p in found if not any(p.location[: len(u.location)] == u.location for u in unset)]
        raise ConfigError(lines([*unset, *known], text, path, written))
    return _config(file, path)


def _filled(value: Any, location: Location, environ: Mapping[str, str], problems: list[Problem]) -> Any:
    """`value` with `${NAME}` replaced; a name that is not set becomes a problem and stays as it is."""
    if isinstance(value, dict):
        return {key: _filled(inner, (*location, key), environ, problems) for key, inner in value.items()}
    if isinstance(value, list):
        return [_filled(inner, (*location, at), environ, problems) for at, inner in enumerate(value)]
    if not isinstance(value, str) or "${" not in value:
        return value
    names = _VARIABLE.findall(value)
    missing = [name for name in names if _NAME.fullmatch(name) and name not in environ]
    if value.count("${") != len(names) or not all(map(_NAME.fullmatch, names)):
        problems.append(Problem(location, "has ${ in it that is not a variable; write it like ${HOOK_SECRET}"))
    elif missing:
        problems.append(Problem(location, f"the environment has no {missing[0]}; set it before feedwatch starts"))
    else:
        return _VARIABLE.sub(lambda match: environ[match.group(1)], value)
    return value


# --- what two tables say about each other -------------------------------------------------------------


def _contradictions(written: dict[str, Any], tree: dict[str, Any]) -> Iterator[Problem]:
    """Problems between tables. Looks at the raw tree, so that it also works when single values are wrong."""
    if not tree.get("source"):
        yield Problem((), 'there is no source; add [[source]] with id = "my-blog" and url = "https://…"')
    yield from _twice("source", tree)
    yield from _twice("alert", tree)
    yield from _unknown_sources(written, tree)
    yield from _alerts_of_everything(tree)
    yield from _shared_names(written, tree)
    yield from _impatience(tree)


def _tables(tree: dict[str, Any], name: str) -> list[tuple[int, dict[str, Any]]]:
    tables = tree.get(name)
    listed = tables if isinstance(tables, list) else []
    return [(at, table) for at, table in enumerate(listed) if isinstance(table, dict)]


def _texts(table: dict[str, Any], key: str) -> list[tuple[int, str]]:
    values = table.get(key)
    listed = values if isinstance(values, list) else []
    return [(at, value) for at, value in enumerate(listed) if isinstance(value, str)]


def _twice(name: str, tree: dict[str, Any]) -> Iterator[Problem]:
    seen: set[str] = set()
    for at, table in _tables(tree, name):
        known_by = table.get("id")
        if isinstance(known_by, str):
            if known_by in seen:
                yield Problem((name, at, "id"), f"another {name} has this id already; give each its own")
            seen.add(known_by)


def _unknown_sources(written: dict[str, Any], tree: dict[str, Any]) -> Iterator[Problem]:
    known = {table.get("id") for _, table in _tables(tree, "source") if isinstance(table.get("id"), str)}
    shown = [table["id"] for _, table in _tables(written, "source") if isinstance(table.get("id"), str)]
    for number, alert in _tables(tree, "alert"):
        for at, name in _texts(alert, "sources"):
            if name not in known:
                here = ("alert", number, "sources", at)
                asked = as_written(here, written)
                yield Problem(here, f"there is no source '{asked}'{did_you_mean(asked, shown)}")


def _alerts_of_everything(tree: dict[str, Any]) -> Iterator[Problem]:
    for number, alert in _tables(tree, "alert"):
        for at, name in _texts(alert, "categories"):
            if slug(name) == ALL:
                yield Problem(("alert", number, "categories", at), "leave categories out to be told of them all")


def _shared_names(written: dict[str, Any], tree: dict[str, Any]) -> Iterator[Problem]:
    """Names that stand for two categories, and the two feeds whose names are feedwatch's own."""
    tables = tree.get("category")
    named = {k: v for k, v in tables.items() if isinstance(v, dict)} if isinstance(tables, dict) else {}
    owners = {key: key for key in named}
    for key, table in named.items():
        if key == ALL:
            yield Problem(("category", key), f"the feed '{ALL}' is feedwatch's own; choose another name")
        for at, alias in _texts(table, "aliases"):
            here = ("category", key, "aliases", at)
            if key == UNCATEGORISED:
                yield Problem(here, f"the feed '{UNCATEGORISED}' takes what has no category; it has no aliases")
            elif (owner := owners.setdefault(slug(alias), key)) != key:
                taken = f"'{as_written(here, written)}' is a name of [category.{owner}] already"
                yield Problem(here, f"{taken}; keep it in one of the two")


def _impatience(tree: dict[str, Any]) -> Iterator[Problem]:
    outbox = tree.get("outbox")
    if not isinstance(outbox, dict):
        return
    try:
        first, last = (duration(outbox.get(key, default)) for key, default in _RETRIES)
    except (ValueError, TypeError):
        return  # already reported where it stands
    if first > last:
        yield Problem(("outbox", "retry_for"), "is shorter than retry_first; write a longer time")


_RETRIES = (("retry_first", "30s"), ("retry_for", "3d"))


# --- tables into values -------------------------------------------------------------------------------


def _config(file: File, path: Path) -> Config:
    own, network = file.feedwatch, file.network
    categories = Categories(
        titles={key: table.title for key, table in file.category.items() if table.title},
        aliases={slug(alias): key for key, table in file.category.items() for alias in table.aliases},
    )
    return Config(
        path=path,
        base_url=own.base_url,
        sources=tuple(_source(table, own.every) for table in file.source),
        routes=tuple(_route(table, categories) for table in file.alert),
        categories=categories,
        allow_hosts=frozenset(network.allow_hosts),
        per_host=network.per_host,
        per_host_pause=duration(network.per_host_pause),
        listen=_listen(file.web.listen),
        public=path.parent / own.public if own.public else None,
        entries_per_feed=own.entries,
        retry_first=duration(file.outbox.retry_first),
        retry_for=duration(file.outbox.retry_for),
    )


def _source(table: SourceTable, every: str) -> Source:
    return Source(
        id=table.id,
        url=table.url,
        title=table.title,
        every=duration(table.every or every),
        link_base=table.link_base,
        categories=tuple(table.categories),
        headers=tuple(table.headers.items()),
        select=Selectors(**table.select.model_dump()) if table.select else None,
    )


def _route(table: AlertTable, categories: Categories) -> Route:
    return Route(
        id=table.id,
        webhook=table.webhook,
        secrets=tuple(table.secret),
        when=frozenset(table.when),
        categories=frozenset(_wanted(name, categories) for name in table.categories),
        sources=frozenset(table.sources),
    )


def _wanted(name: str, categories: Categories) -> str:
    """The slug an alert means: here `uncategorised` is our own feed, which no source's category can be."""
    return UNCATEGORISED if slug(name) == UNCATEGORISED else categories.slug_of(name)


def _listen(text: str) -> tuple[str, int] | None:
    if text == "off":
        return None
    host, port = host_and_port(text)
    assert port is not None  # noqa: S101  (checked by the table)
    return host, port

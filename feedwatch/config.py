"""The operator's TOML into a `Config`: every mistake at once, with its place and its remedy.

`parse` reads no file and no clock (it asks the disk only where the symbolic links of a file source lead);
`load` reads the file. Knows nothing of how sources are polled or where state is kept.
"""

from __future__ import annotations

import tomllib
from collections.abc import Iterator, Mapping
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from msgspec.structs import fields
from pydantic import ValidationError

from feedwatch.canonical import digest, slug
from feedwatch.categories import ALL, UNCATEGORISED
from feedwatch.config_build import Config, build
from feedwatch.config_problems import Problem, as_written, did_you_mean, from_pydantic, lines, syntax_line
from feedwatch.config_tables import File
from feedwatch.config_values import duration
from feedwatch.config_variables import LONGEST, Read, Variables
from feedwatch.errors import ConfigError
from feedwatch.model import JsonPaths, Selectors, Source


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


def _read_secret(path: Path) -> bytes:
    with path.open("rb") as file:
        return file.read(LONGEST + 1)


def parse(text: str, path: Path, environ: Mapping[str, str], read: Read = _read_secret) -> Config:
    """The configuration that `text` means; `path` is where it stands and what its paths are relative to.

    `read` gives the bytes of a file that a `${file:…}` or `${credential:…}` names. Raises ConfigError with all
    problems; no value from `environ` or such a file appears in it.
    """
    try:
        return _parse(text, path, Variables(environ, path.parent, read))
    except RecursionError:
        raise ConfigError((f"{path}:1:1: nested too deeply; no table is deeper than [source.select]",)) from None


def schema() -> dict[str, Any]:
    """The JSON Schema of the file, for editors; config.schema.json is what `feedwatch schema` prints."""
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", **File.model_json_schema()}


def reading_digest(source: Source) -> str:
    """Changes whenever the same body could yield another reading; not with title, headers or interval."""
    select = [getattr(source.select, name, None) for name in _SELECTORS]
    paths = [getattr(source.json, field.name) for field in fields(JsonPaths)] if source.json else []
    # Only where they are on: what was read before there were such things was read the same way.
    shown = [name for name in ("browser", "follow") if getattr(source, name)]
    return digest(
        "reading", source.url, source.link_base, *select, *source.categories, *paths, *source.examples, *shown
    )


def _parse(text: str, path: Path, variables: Variables) -> Config:
    try:
        written = tomllib.loads(text)
    except ValueError as error:  # TOMLDecodeError, and a plain one for a number of thousands of digits
        raise ConfigError((syntax_line(error, text, path),)) from None
    tree, unset = variables.fill(written), variables.problems
    file, found = None, list(_contradictions(written, tree))
    try:
        file = File.model_validate(tree, context=path.parent)
    except ValidationError as error:
        found += from_pydantic(error.errors(include_url=False, include_input=False), written)
    if file is None or found or unset:
        # What else is wrong with a value that is not known yet would only distract.
        known = [p for p in found if not any(p.location[: len(u.location)] == u.location for u in unset)]
        raise ConfigError(lines([*unset, *known], text, path, written))
    return build(file, path, variables.values)


# --- what two tables say about each other -------------------------------------------------------------


def _contradictions(written: dict[str, Any], tree: dict[str, Any]) -> Iterator[Problem]:
    """Problems between tables. Looks at the raw tree, so that it also works when single values are wrong."""
    if not tree.get("source"):
        yield Problem((), 'there is no source; add [[source]] with id = "my-blog" and url = "https://…"')
    yield from _twice("source", tree)
    yield from _twice("alert", tree)
    yield from _twice("feed", tree)
    yield from _unknown_sources(written, tree)
    yield from _alerts_of_everything(tree)
    yield from _channels(tree)
    yield from _reasons(tree)
    yield from _logins(tree)
    yield from _browsers(tree)
    yield from _shared_names(written, tree)
    yield from _feeds_of_categories(tree)
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
    tables = [(name, *found) for name in ("alert", "feed") for found in _tables(tree, name)]
    for kind, number, table in tables:
        for at, name in _texts(table, "sources"):
            if name not in known:
                here = (kind, number, "sources", at)
                asked = as_written(here, written)
                yield Problem(here, f"there is no source '{asked}'{did_you_mean(asked, shown)}")


def _alerts_of_everything(tree: dict[str, Any]) -> Iterator[Problem]:
    for number, alert in _tables(tree, "alert"):
        for at, name in _texts(alert, "categories"):
            if slug(name) == ALL:
                yield Problem(("alert", number, "categories", at), "leave categories out to be told of them all")


def _reasons(tree: dict[str, Any]) -> Iterator[Problem]:
    for number, source in _tables(tree, "source"):
        ignores, reason = source.get("robots") == "ignore", "robots_reason" in source
        if ignores and not reason:
            yield Problem(("source", number, "robots"), 'needs a reason; write robots_reason = "the owner agreed …"')
        if reason and not ignores:
            yield Problem(("source", number, "robots_reason"), 'goes with robots = "ignore"; leave it out')


def _logins(tree: dict[str, Any]) -> Iterator[Problem]:
    for number, source in _tables(tree, "source"):
        headers = source.get("headers")
        names = {name.lower() for name in headers} if isinstance(headers, dict) else set()
        if "password" in source and "user" not in source:
            yield Problem(("source", number, "password"), 'needs a user; write user = "…"')
        ways = [way for way in ("user", "bearer") if way in source]
        if len(ways) + ("authorization" in names) > 1:
            yield Problem(("source", number, ways[-1]), "there is another login already; keep one of them")
        if "cookies" in source and "cookie" in names:
            yield Problem(("source", number, "cookies"), "there is a Cookie header already; keep one of them")


def _browsers(tree: dict[str, Any]) -> Iterator[Problem]:
    for number, source in _tables(tree, "source"):
        url = source.get("url")
        if source.get("browser") is not True:
            continue
        if "json" in source:
            yield Problem(("source", number, "browser"), "a JSON API needs no browser; leave one of the two out")
        elif isinstance(url, str) and "://" not in url:
            yield Problem(("source", number, "browser"), "a file is read as it is; leave it out")


_SELECTORS = tuple(field.name for field in fields(Selectors))
#: Keys of an alert that mean something for some channels only.
_ONLY_FOR = {
    "secret": ("webhook",), "headers": ("webhook",), "json": ("webhook",), "allow_private": ("webhook", "notify"),
    "subject": ("mail", "notify"), "body": ("mail", "notify"),
}  # fmt: skip


def _channels(tree: dict[str, Any]) -> Iterator[Problem]:
    """Each alert goes to one kind of receiver, and says nothing that means nothing there."""
    for number, alert in _tables(tree, "alert"):
        named = [key for key in ("webhook", "mail", "notify") if key in alert]
        if not named:
            yield Problem(("alert", number), 'goes nowhere; write webhook = "…", mail = ["…"] or notify = "…"')
        for other in named[1:]:
            yield Problem(("alert", number, other), f"it goes to {named[0]} already; write another [[alert]] for this")
        if "notify" in alert and find_spec("apprise") is None:
            yield Problem(("alert", number, "notify"), "needs Apprise; install feedwatch[notify]")
        if "mail" in alert and "mail" not in tree:
            yield Problem(("alert", number, "mail"), "needs a mail server; write a [mail] table")
        for key, channels in _ONLY_FOR.items():
            if key in alert and len(named) == 1 and named[0] not in channels:
                yield Problem(("alert", number, key), f"is only for {' and '.join(channels)}; leave it out")


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
        for at, former in _texts(table, "was"):
            here = ("category", key, "was", at)
            if key == UNCATEGORISED or former in (ALL, UNCATEGORISED):
                yield Problem(here, "this feed never had another name")
            elif former in named or (owner := owners.setdefault(former, key)) != key:
                taken = former if former in named else owner
                yield Problem(here, f"'{as_written(here, written)}' is a name of [category.{taken}]; keep one of them")


def _feeds_of_categories(tree: dict[str, Any]) -> Iterator[Problem]:
    """The names of `[[feed]]`s stand where those of categories stand."""
    tables = tree.get("category")
    named = {k: v for k, v in tables.items() if isinstance(v, dict)} if isinstance(tables, dict) else {}
    former = {name for table in named.values() for _, name in _texts(table, "was")}
    for number, feed in _tables(tree, "feed"):
        own = feed.get("id")
        if own in (ALL, UNCATEGORISED):
            yield Problem(("feed", number, "id"), f"the feed '{own}' is feedwatch's own; choose another name")
        elif own in named or own in former:
            yield Problem(("feed", number, "id"), "a category's feed has this address already; choose another id")


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

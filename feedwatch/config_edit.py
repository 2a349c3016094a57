"""Sources more in the operator's own file, with every comment and line of theirs as it was. Pure."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping, Sequence
from urllib.parse import unquote, urlsplit

import tomlkit
from msgspec import Struct
from msgspec.structs import fields
from tomlkit.exceptions import TOMLKitError
from tomlkit.items import AoT, Table

from feedwatch.canonical import slug
from feedwatch.model import Selectors


class NewSource(Struct, frozen=True):
    id: str
    url: str
    title: str | None = None
    every: str | None = None
    link_base: str | None = None
    pages: int = 1
    select: Mapping[str, str] | None = None
    examples: tuple[str, ...] = ()
    browser: bool = False
    categories: tuple[str, ...] = ()


def with_sources(text: str, added: Sequence[NewSource]) -> str:
    """The configuration `text` with these [[source]] after the last one. Raises ValueError where it is no TOML."""
    try:
        document = tomlkit.parse(text)
    except TOMLKitError as error:
        raise ValueError(str(error)) from None
    sources = document.get("source")
    if isinstance(sources, AoT):
        for source in added:
            table = _table(source)
            table.add(tomlkit.nl())
            sources.append(table)
        return tomlkit.dumps(document)
    new = tomlkit.aot()
    for number, source in enumerate(added, start=1):
        table = _table(source)
        if number < len(added):
            table.add(tomlkit.nl())
        new.append(table)
    written = tomlkit.document()
    written.append("source", new)
    return f"{text.rstrip()}\n\n{tomlkit.dumps(written)}".lstrip()


def without_selectors(text: str, source_id: str) -> str:
    """The configuration `text` without the [source.select] of one source. Raises ValueError where it is no TOML."""
    try:
        document = tomlkit.parse(text)
    except TOMLKitError as error:
        raise ValueError(str(error)) from None
    for source in document.get("source", []):
        if source.get("id") == source_id:
            source.remove("select")
    return tomlkit.dumps(document)


def with_selectors(text: str, source_id: str, select: Selectors) -> str:
    """The configuration `text` in which one source has these selectors and no others. Raises ValueError where it is no
    TOML."""
    try:
        document = tomlkit.parse(text)
    except TOMLKitError as error:
        raise ValueError(str(error)) from None
    wanted = {field.name: getattr(select, field.name) for field in fields(select)}
    for source in document.get("source", []):
        if source.get("id") != source_id:
            continue
        table = source.setdefault("select", tomlkit.table())
        for name, css in wanted.items():
            if css is None:
                table.pop(name, None)
            elif table.get(name) != css:
                table[name] = css
    return tomlkit.dumps(document)


def id_for(url: str, title: str | None, taken: Collection[str]) -> str:
    """A readable id for a source: its host and, where it has one, the end of its path."""
    parts = urlsplit(url)
    host = re.sub(r"^(www|blog|news|engineering)\.(?=.+\..+)", "", parts.hostname or "")
    named = host if re.fullmatch(r"[\d.]+", host) else host.rpartition(".")[0] or host
    words = [named, *[w for w in unquote(parts.path).split("/") if w and "." not in w][-1:]]
    wanted = slug("-".join(words)) or slug(title or "") or "source"
    wanted = re.sub(r"[^a-z0-9-]", "", wanted).strip("-")[:50] or "source"
    found, number = wanted, 2
    while found in taken:
        found, number = f"{wanted}-{number}", number + 1
    return found


def _table(source: NewSource) -> Table:
    table = tomlkit.table()
    table.add("id", source.id)
    table.add("url", source.url)
    for name, value in (("title", source.title), ("every", source.every), ("link_base", source.link_base)):
        if value:
            table.add(name, value)
    if source.categories:
        table.add("categories", list(source.categories))
    if source.pages > 1:
        table.add("pages", source.pages)
    if source.browser:
        table.add("browser", True)
    if source.examples:
        table.add("examples", list(source.examples))
    if source.select:
        select = tomlkit.table()
        for name, css in source.select.items():
            select.add(name, css)
        table.add("select", select)
    return table

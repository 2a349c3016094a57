"""What commands share: finding the configuration, logging, and output for people or for programs."""

from __future__ import annotations

import logging
import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import click
import msgspec
from msgspec import Struct

from feedwatch import config as configuration
from feedwatch.cli.people import looks_on
from feedwatch.config_build import Config
from feedwatch.config_problems import did_you_mean
from feedwatch.errors import ConfigError
from feedwatch.logs import formatter
from feedwatch.model import Source
from feedwatch.places import find_config, state_dir
from feedwatch.redact import Redactor
from feedwatch.routes import Route

#: States, in the colours that tables give them.
_COLOURS = {
    "ok": "green", "unchanged": "green", "delivered": "green", "on": "green",
    "failed": "red", "dead": "red", "off": "red", "quarantined": "yellow", "pending": "yellow",
}  # fmt: skip

json_option = click.option("--json", "as_json", is_flag=True, help="One JSON object on stdout.")


class Setup(Struct, frozen=True):
    config: Config
    state_dir: Path


def config_path(ctx: click.Context) -> Path:
    chosen: str | None = ctx.find_root().obj[0]
    return find_config(Path(chosen) if chosen else None, os.environ, Path.cwd())


def setup(ctx: click.Context) -> Setup:
    """The configuration and state folder that the options and the environment name. Raises ConfigError."""
    _, folder, verbose, log_format = ctx.find_root().obj
    path = config_path(ctx)
    config = configuration.load(path, os.environ)
    log_to_stderr(verbose, log_format, Redactor(config.secrets))
    return Setup(config, state_dir(Path(folder) if folder else None, path, os.environ, Path.cwd()))


def source_called(config: Config, name: str) -> Source:
    """The source with that id. Raises UsageError that names what may have been meant."""
    known = {source.id: source for source in config.sources}
    if name not in known:
        raise click.UsageError(f'no source is called "{name}"{did_you_mean(name, known)}')
    return known[name]


def route_called(config: Config, name: str) -> Route:
    """The alert with that id. Raises UsageError likewise."""
    known = {route.id: route for route in config.routes}
    if name not in known:
        near = did_you_mean(name, known) or "; the configuration has none"
        raise click.UsageError(f'no alert is called "{name}"{near}')
    return known[name]


def complete_source(ctx: click.Context, _param: click.Parameter, begun: str) -> list[str]:
    """Ids of sources for the shell; none where there is no configuration that can be read."""
    try:
        return [source.id for source in _quietly(ctx).sources if source.id.startswith(begun)]
    except ConfigError:
        return []


def complete_alert(ctx: click.Context, _param: click.Parameter, begun: str) -> list[str]:
    """Ids of alerts for the shell, likewise."""
    try:
        return [route.id for route in _quietly(ctx).routes if route.id.startswith(begun)]
    except ConfigError:
        return []


def _quietly(ctx: click.Context) -> Config:
    # While a line is completed no command has run, and the options are where click has read them.
    chosen = ctx.find_root().params.get("config_path")
    return configuration.load(find_config(Path(chosen) if chosen else None, os.environ, Path.cwd()), os.environ)


def log_to_stderr(verbose: int, log_format: str, redact: Redactor) -> None:
    """Errors by default (commands tell the rest themselves), `-v` a line a poll and delivery, `-vv` everything."""
    level = (logging.ERROR, logging.INFO, logging.DEBUG)[min(verbose, 2)]
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(formatter(log_format, redact, journal="JOURNAL_STREAM" in os.environ))
    logging.basicConfig(level=logging.WARNING, handlers=[handler], force=True)
    logging.getLogger("feedwatch").setLevel(level)


def echo_json(value: dict[str, Any]) -> None:
    # The standard library indents in Python, which takes longer than a thousand polls' other work.
    click.echo(msgspec.json.format(msgspec.json.encode(value), indent=2).decode())


def echo_table(columns: Sequence[str], rows: Sequence[Sequence[str]], *, title: str | None = None) -> None:
    """A table for people, tab-separated lines without a head where a program reads."""
    if not looks_on(sys.stdout):
        for row in rows:
            click.echo("\t".join(cell.replace("\t", " ") for cell in row))
        return
    from rich import box
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    table = Table(title=title, title_justify="left", box=box.SIMPLE_HEAD, pad_edge=False)
    for number, column in enumerate(columns):
        # Names of sources and ids are for copying.
        table.add_column(column, overflow="fold", no_wrap=number == 0)
    for row in rows:
        table.add_row(*(Text(printable(cell), _COLOURS.get(cell, "")) for cell in row))
    Console().print(table)


def printable(text: str) -> str:
    """`text` without control characters: what a source wrote must not steer a terminal."""
    return text if text.isprintable() else "".join(c if c.isprintable() else " " for c in text)

"""The operator's own configuration, read to be changed and written back whole."""

from __future__ import annotations

import os
from pathlib import Path

import click
from msgspec.structs import replace

from feedwatch import config as configuration
from feedwatch.cli.common import log_to_stderr
from feedwatch.config_build import Config
from feedwatch.errors import ConfigError, FeedwatchError
from feedwatch.files import write_atomic
from feedwatch.places import find_config, new_config
from feedwatch.redact import Redactor

_PROBE = '[[source]]\nid = "probe"\nurl = "https://probe.invalid/"\n'


def path_to_change(ctx: click.Context) -> Path:
    """The configuration that is used, or where one is begun. Raises ConfigError where there is no place for it."""
    chosen: str | None = ctx.find_root().obj[0]
    try:
        return find_config(Path(chosen) if chosen else None, os.environ, Path.cwd())
    except ConfigError:
        return new_config(os.environ, Path.cwd())


def current(ctx: click.Context, path: Path) -> tuple[str, Config | None]:
    """The file as it is and what it means; a new file where there is none. Raises ConfigError where it is wrong."""
    _, _, verbose, log_format = ctx.find_root().obj
    try:
        text = path.read_text("utf-8")
    except FileNotFoundError:
        log_to_stderr(verbose, log_format, Redactor(frozenset()))
        return "", None
    except (OSError, ValueError) as error:
        raise FeedwatchError(f"{path}: cannot be read ({error}); name another file with --config") from None
    # A file without a source is what a beginner has.
    only = "[[source]]" not in text
    config = configuration.parse(f"{text}\n{_PROBE}" if only else text, path, os.environ)
    log_to_stderr(verbose, log_format, Redactor(config.secrets))
    return text, replace(config, sources=()) if only else config


def must_be_good(changed: str, path: Path) -> None:
    """Raises FeedwatchError where the file would be wrong with the change in it."""
    try:
        configuration.parse(changed, path, os.environ)
    except ConfigError as error:
        raise FeedwatchError(f"nothing was changed, because then\n{error}") from None


def save(path: Path, changed: str) -> None:
    """Raises FeedwatchError where it cannot be written; the old file is then untouched."""
    try:
        write_atomic(path, changed.encode())
    except OSError as error:
        raise FeedwatchError(
            f"{path}: cannot be written ({error.strerror or error}); nothing was changed. "
            "Run it as who owns that file, or name another with --config"
        ) from None

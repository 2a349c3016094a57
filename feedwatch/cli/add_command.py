"""`feedwatch add`: a source more, from its address alone."""

from __future__ import annotations

import asyncio
import os
from dataclasses import replace
from pathlib import Path

import click

from feedwatch import config as configuration
from feedwatch.cli.common import config_path, log_to_stderr, printable
from feedwatch.cli.preview_command import FIELDS, echo_reading, read_once, selectors
from feedwatch.config_build import Config
from feedwatch.config_edit import NewSource, id_for, with_source
from feedwatch.errors import ConfigError, FeedwatchError
from feedwatch.files import write_atomic
from feedwatch.model import Failure, Reading, Source
from feedwatch.redact import Redactor

_PROBE = '[[source]]\nid = "probe"\nurl = "https://probe.invalid/"\n'


@click.command()
@click.argument("url")
@click.option("--id", "wanted", help="Its name in addresses, files and commands; made from the URL by default.")
@click.option("--title", help="Instead of the title that it gives itself.")
@click.option("--every", help='How often it is polled, as in "30m", or "auto".')
@click.option("--link-base", help="Where relative links lead, for a page that is a file.")
@click.option("--pages", type=click.IntRange(1, 100), default=1, help="Pages of an archive to read at first sight.")
@click.option("--page", "as_page", is_flag=True, help="Watch the page itself, even if it names a feed.")
@click.option("--dry-run", is_flag=True, help="Show what would be added, and write nothing.")
@click.option(
    "--select", "select", multiple=True, metavar="FIELD=CSS", help=f"A selector: {', '.join(FIELDS)}. Repeatable."
)
@click.pass_context
def command(
    ctx: click.Context,
    url: str,
    wanted: str | None,
    title: str | None,
    every: str | None,
    link_base: str | None,
    pages: int,
    as_page: bool,
    dry_run: bool,
    select: tuple[str, ...],
) -> None:
    """Find the feed or the list of posts at URL, show it, and write it into the configuration.

    A page that names a feed is added as that feed, unless --page says otherwise. Comments and order of the file stay as
    they are; a running service takes the new source within seconds.
    """
    path = config_path(ctx)
    text, config = _current(ctx, path)
    chosen = selectors(select)
    file = None if "://" in url else Path(url).resolve()
    source = Source(id="new", url=file.as_uri() if file else url, link_base=link_base, select=chosen)
    reading, source = asyncio.run(_found(config, source, as_page=as_page or chosen is not None))
    echo_reading(reading, source.url)
    taken = {known.id for known in config.sources} if config else set()
    if config and (same := next((known for known in config.sources if known.url == source.url), None)):
        raise FeedwatchError(f'{source.url} is watched already, as "{same.id}"')
    pairs = {field: value for field in FIELDS if chosen and (value := getattr(chosen, field))}
    new = NewSource(
        id=wanted or id_for(source.url, reading.about.title, taken),
        url=url if file else source.url,
        title=title,
        every=every,
        link_base=link_base,
        pages=pages,
        select=pairs or None,
    )
    try:
        changed = with_source(text, new)
    except ValueError as error:
        raise FeedwatchError(f"{path}: cannot be changed ({error})") from None
    try:
        configuration.parse(changed, path, os.environ)
    except ConfigError as error:
        raise FeedwatchError(f"it was not added, because then\n{error}") from None
    if dry_run:
        click.echo(f"would be added to {path}:\n\n{_written(new)}")
        return
    write_atomic(path, changed.encode())
    click.echo(f"added to {path}:\n\n{_written(new)}")
    click.echo(f"next: feedwatch poll {new.id} (a running service polls it by itself)", err=True)


def _current(ctx: click.Context, path: Path) -> tuple[str, Config | None]:
    """The file as it is and what it means; a new file where there is none. Raises ConfigError where it is wrong."""
    _, _, verbose, log_format = ctx.find_root().obj
    try:
        text = path.read_text("utf-8")
    except FileNotFoundError:
        log_to_stderr(verbose, log_format, Redactor(frozenset()))
        return "", None
    except (OSError, ValueError) as error:
        raise FeedwatchError(f"{path}: cannot be read ({error})") from None
    # A file without a source is what a beginner has.
    only = "[[source]]" not in text
    config = configuration.parse(f"{text}\n{_PROBE}" if only else text, path, os.environ)
    log_to_stderr(verbose, log_format, Redactor(config.secrets))
    return text, replace(config, sources=()) if only else config


async def _found(config: Config | None, source: Source, *, as_page: bool) -> tuple[Reading, Source]:
    """What is at the source's URL, or at the feed that it names."""
    reading = await read_once(config, source)
    if isinstance(reading, Reading) and reading.feed_url and not as_page:
        feed = replace(source, url=reading.feed_url)
        better = await read_once(config, feed)
        if isinstance(better, Reading):
            click.echo(
                printable(f"the page names a feed, which is added instead: {feed.url} (--page for the page)"), err=True
            )
            return better, feed
    if isinstance(reading, Failure):
        raise FeedwatchError(f"{source.url}: {reading.detail}")
    return reading, source


def _written(source: NewSource) -> str:
    return with_source("", source)

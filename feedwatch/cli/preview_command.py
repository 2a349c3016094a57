"""`feedwatch preview`: what is found at a URL, in a file or in a configured source. Stores nothing."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import TypeAlias

import click
from msgspec.structs import replace

from feedwatch.app import open_poller
from feedwatch.cli.common import complete_source, echo_json, echo_table, json_option, printable, setup
from feedwatch.cli.people import working
from feedwatch.config_build import Config
from feedwatch.entryjson import entry_json
from feedwatch.errors import ConfigError, FeedwatchError
from feedwatch.generator import html
from feedwatch.model import Failure, Fetched, PollState, Reading, Selectors, Source
from feedwatch.opening import now
from feedwatch.poller.fetch import Hosts
from feedwatch.readers.selectors import compile_selector, split_selector
from feedwatch.workers import ReaderPool

Look: TypeAlias = Callable[[Source], Awaitable[Reading | Failure]]

FIELDS = ("entry", "title", "link", "date", "summary", "author", "image", "category", "section")

#: Seconds between two requests to a host.
_PAUSE = 0.2
#: What is wrong with something that could be read, and lists no posts.
_NOTHING = frozenset({"empty", "blocked", "soft-404"})


@click.command()
@click.argument("what", metavar="URL_OR_FILE", shell_complete=complete_source)
@click.option("--link-base", help="Where relative links lead, for a page that is read from a file.")
@click.option(
    "--select",
    "select",
    multiple=True,
    metavar="FIELD=CSS",
    help=f"A selector: {', '.join(FIELDS)}. Repeatable.",
)
@click.option("--browser", is_flag=True, help="Read the page as a browser shows it, for lists that JavaScript builds.")
@click.option("--explain", is_flag=True, help="Say what was taken for the list of posts, what was not, and why.")
@click.option(
    "--html", "html_file", type=click.Path(dir_okay=False, path_type=Path), help="Write it as a page to look at."
)
@json_option
@click.pass_context
def command(
    ctx: click.Context,
    what: str,
    link_base: str | None,
    select: tuple[str, ...],
    browser: bool,
    explain: bool,
    html_file: Path | None,
    as_json: bool,
) -> None:
    """Read a feed or page and show the entries found in it; store nothing.

    URL_OR_FILE may also be the id, URL or file of a configured source: then its selectors are used.
    """
    config = _config_or_none(ctx)
    source = _source(config, what, link_base, selectors(select))
    if browser:
        source = in_browser(source)
    with working(f"reading {printable(what)}"):
        reading = asyncio.run(read_once(config, source))
    if isinstance(reading, Failure):
        if reading.kind not in _NOTHING:
            raise FeedwatchError(f"{what}: {reading.detail}")
        # That there are no posts is an answer, and its reason belongs to it.
        reading = Reading("feed" if reading.detail.startswith("a valid feed") else "page", (), notes=(reading.detail,))
    if explain:
        for line in reading.explained or (f"a {reading.kind}: nothing had to be found out",):
            click.echo(printable(line), err=True)
    if html_file is not None:
        _write(html_file, html.preview(reading, source.url))
    if as_json:
        echo_json({
            "kind": reading.kind,
            "title": reading.about.title,
            "entries": [entry_json(entry) for entry in reading.entries],
            "notes": list(reading.notes),
            **({"rule": list(reading.rule)} if reading.rule else {}),
            **({"explained": list(reading.explained)} if explain else {}),
        })  # fmt: skip
        return
    echo_reading(reading, what)


def _write(path: Path, data: bytes) -> None:
    try:
        path.write_bytes(data)
    except OSError as error:
        raise FeedwatchError(f"{path}: cannot be written ({error.strerror})") from None
    click.echo(f"to look at: {path}", err=True)


def echo_reading(reading: Reading, what: str) -> None:
    """What was found, as a table, with its notes."""
    click.echo(
        printable(f"{reading.kind} with {len(reading.entries)} entries: {reading.about.title or what}"),
        err=True,
    )
    echo_table(
        ("published", "title", "categories", "link"),
        [
            (str(e.published or ""), e.title, ", ".join(c.title for c in e.categories), e.link or "")
            for e in reading.entries
        ],
    )
    for note in reading.notes:
        click.echo(printable(f"note: {note}"), err=True)


def _config_or_none(ctx: click.Context) -> Config | None:
    """A preview works without a configuration; a chosen one that is broken is still an error."""
    try:
        return setup(ctx).config
    except ConfigError:
        if ctx.find_root().obj[0]:
            raise
        return None


def _source(config: Config | None, what: str, link_base: str | None, select: Selectors | None) -> Source:
    url = what if "://" in what else Path(what).resolve().as_uri()
    for source in config.sources if config else ():
        if what == source.id or url == source.url:
            return replace(source, link_base=link_base or source.link_base, select=select or source.select)
    return Source(id="preview", url=url, link_base=link_base, select=select)


def in_browser(source: Source) -> Source:
    """`source` as a browser shows it."""
    if source.url.startswith("file:"):
        raise click.UsageError("--browser is for web addresses; a file is read as it is")
    return replace(source, browser=True)


def selectors(pairs: tuple[str, ...]) -> Selectors | None:
    if not pairs:
        return None
    fields: dict[str, str] = {}
    for pair in pairs:
        name, _, css = pair.partition("=")
        if name not in FIELDS or not css:
            raise click.UsageError(f'--select "{pair}": write FIELD=CSS with FIELD one of {", ".join(FIELDS)}')
        try:
            compile_selector(split_selector(css)[0])
        except ValueError as error:
            raise click.UsageError(f"--select {name}: {error}") from None
        fields[name] = css
    if "entry" not in fields:
        raise click.UsageError("--select entry=CSS is needed: it says which elements are the entries")
    return Selectors(**fields)


@contextlib.asynccontextmanager
async def looking(config: Config | None) -> AsyncIterator[Look]:
    """A way to look at sources that are not kept."""
    pool = ReaderPool()
    try:
        async with open_poller(config.allow_hosts if config else frozenset(), Hosts(1, _PAUSE), now) as poller:

            async def look(source: Source) -> Reading | Failure:
                result = (await poller.poll(source, PollState())).outcome
                if not isinstance(result, Fetched):
                    return result if isinstance(result, Failure) else Failure("http", "answered 304 to a first request")
                return await pool.read(result, source, now())

            yield look
    finally:
        pool.close()


async def read_once(config: Config | None, source: Source) -> Reading | Failure:
    """One look at a source that is not kept."""
    async with looking(config) as look:
        return await look(source)

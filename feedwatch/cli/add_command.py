"""`feedwatch add`: a source more, from its address alone."""

from __future__ import annotations

import asyncio
from difflib import get_close_matches
from pathlib import Path

import click
from msgspec.structs import replace

from feedwatch.canonical import comparable
from feedwatch.cli.common import printable
from feedwatch.cli.config_file import current, must_be_good, path_to_change, save
from feedwatch.cli.people import working
from feedwatch.cli.preview_command import FIELDS, Look, echo_reading, in_browser, looking, selectors
from feedwatch.config_build import Config
from feedwatch.config_edit import NewSource, id_for, with_sources
from feedwatch.errors import FeedwatchError
from feedwatch.model import Failure, Reading, Source
from feedwatch.readers.feeds import likely_feeds, shared

#: Addresses that are asked for a feed.
_TRIED = 8
#: Share of what the page shows that its feed must have: sites have feeds of other things too.
_ENOUGH = 0.5


@click.command()
@click.argument("url")
@click.option("--id", "wanted", help="Its name in addresses, files and commands; made from the URL by default.")
@click.option("--title", help="Instead of the title that it gives itself.")
@click.option("--every", help='How often it is polled, as in "30m", or "auto".')
@click.option("--link-base", help="Where relative links lead, for a page that is a file.")
@click.option("--pages", type=click.IntRange(1, 100), default=1, help="Pages of an archive to read at first sight.")
@click.option("--post", "examples", multiple=True, help="Title of a post on the page, to find the others. Repeatable.")
@click.option("--page", "as_page", is_flag=True, help="Watch the page itself, even if it names a feed.")
@click.option("--browser", is_flag=True, help="Watch the page as a browser shows it, for lists that JavaScript builds.")
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
    examples: tuple[str, ...],
    as_page: bool,
    browser: bool,
    dry_run: bool,
    select: tuple[str, ...],
) -> None:
    """Find the feed or the list of posts at URL, show it, and write it into the configuration.

    A page that names a feed is added as that feed, unless --page says otherwise. Comments and order of the file stay as
    they are; a running service takes the new source within seconds.
    """
    path = path_to_change(ctx)
    text, config = current(ctx, path)
    chosen = selectors(select)
    file = None if "://" in url else Path(url).resolve()
    source = Source(id="new", url=file.as_uri() if file else url, link_base=link_base, select=chosen, examples=examples)
    if browser:
        source = in_browser(source)
    with working(f"looking at {printable(url)}"):
        reading, source = asyncio.run(_found(config, source, as_page=bool(as_page or browser or chosen or examples)))
    _must_have(reading, examples)
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
        examples=examples,
        browser=browser,
    )
    try:
        changed = with_sources(text, [new])
    except ValueError as error:
        raise FeedwatchError(f"{path}: cannot be changed ({error})") from None
    must_be_good(changed, path)
    if dry_run:
        click.echo(f"would be added to {path}:\n\n{_written(new)}")
        return
    save(path, changed)
    click.echo(f"added to {path}:\n\n{_written(new)}")
    click.echo(f"next: feedwatch poll {new.id} (a running service polls it by itself)", err=True)


def _must_have(reading: Reading, examples: tuple[str, ...]) -> None:
    """Raises FeedwatchError where a title that was given is not among those that were found."""
    titles = {comparable(entry.title).casefold(): entry.title for entry in reading.entries}
    for example in examples:
        wanted = comparable(example).casefold()
        if any(wanted in title for title in titles):
            continue
        near = get_close_matches(wanted, titles, 1, 0.4) or list(titles)[:1]
        raise FeedwatchError(
            f'no title on the page has the words "{example}"; the nearest is "{titles[near[0]]}". '
            "Give them as the page shows them, or name the list with --select entry=CSS"
        )


async def _found(config: Config | None, source: Source, *, as_page: bool) -> tuple[Reading, Source]:
    """What is at the source's URL, or the feed that has it."""
    async with looking(config) as look:
        page = await look(source)
        may_have_one = source.url.startswith("http") and page.kind in ("page", "empty")
        if may_have_one and not as_page and (found := await _feed_of(page, source, look)):
            return found
        if isinstance(page, Failure):
            raise FeedwatchError(f"{source.url}: {page.detail}")
        return page, source


async def _feed_of(page: Reading | Failure, source: Source, look: Look) -> tuple[Reading, Source] | None:
    """The feed that has what the page has: of those it names the fullest, else one where feeds usually are."""
    best: tuple[float, Reading, Source] | None = None
    for url in (page.feeds or likely_feeds(source.url))[:_TRIED]:
        feed = replace(source, url=url)
        reading = await look(feed)
        if isinstance(reading, Failure) or reading.kind != "feed":
            continue
        part = shared(page, reading) if isinstance(page, Reading) else 1.0
        if best is None or part > best[0]:
            best = part, reading, feed
        if part == 1.0:
            break
    if best is None:
        return None
    part, reading, feed = best
    if part < _ENOUGH:
        what = f"there is a feed, {feed.url}, but it has only {part:.0%} of what the page shows; the page is added"
        click.echo(printable(what), err=True)
        return None
    click.echo(printable(f"the page has a feed, which is added instead: {feed.url} (--page for the page)"), err=True)
    return reading, feed


def _written(source: NewSource) -> str:
    return with_sources("", [source])

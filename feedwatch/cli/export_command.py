"""`feedwatch export`: the feeds, or what is watched, as OPML for any feed reader."""

from __future__ import annotations

import click

from feedwatch import subscriptions
from feedwatch.cli.common import Setup, setup
from feedwatch.errors import FeedwatchError
from feedwatch.model import Source
from feedwatch.opening import now, open_store, public_folder
from feedwatch.subscriptions import Subscription


@click.command()
@click.option("--sources", is_flag=True, help="What is watched, with categories as folders, instead of our own feeds.")
@click.pass_context
def command(ctx: click.Context, sources: bool) -> None:
    """Print the list of our feeds as OPML, to subscribe to them all at once; works beside a running service.

    With --sources, what is watched: `feedwatch import` elsewhere makes the same sources of it. A page that is watched
    is an outline of type "link".
    """
    ready = setup(ctx)
    click.echo(_sources(ready) if sources else _feeds(ready), nl=False)


def _feeds(ready: Setup) -> bytes:
    """The list that is served."""
    listed = public_folder(ready.config, ready.state_dir) / "feeds.opml"
    try:
        return listed.read_bytes()
    except FileNotFoundError:
        raise FeedwatchError("there are no feeds yet; run first: feedwatch poll") from None
    except OSError as error:
        raise FeedwatchError(f"{listed}: cannot be read ({error.strerror}); run it as the service's user") from None


def _sources(ready: Setup) -> bytes:
    store = open_store(ready.config, ready.state_dir, now, read_only=True)
    files = [source.id for source in ready.config.sources if source.url.startswith("file:")]
    more = [source.id for source in ready.config.sources if source.id not in files and _says_more(source)]
    if files:
        click.echo(f"left out, as they are files on this machine: {', '.join(files)}", err=True)
    if more:
        click.echo(
            f"OPML has no place for the selectors, logins and other settings of: {', '.join(more)}; "
            "keep the configuration too",
            err=True,
        )
    return subscriptions.render(
        "What feedwatch watches",
        [
            Subscription(
                source.url,
                source.title or "",
                source.categories,
                page=source.select is not None or source.browser or store.state(source.id).kind == "page",
            )
            for source in ready.config.sources
            if source.id not in files
        ],
    )


def _says_more(source: Source) -> bool:
    """Whether a source is read otherwise than from its address alone."""
    plain = Source(source.id, source.url, title=source.title, every=source.every, categories=source.categories)
    return source != plain

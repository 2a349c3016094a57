"""`feedwatch check`: is the configuration right?"""

from __future__ import annotations

import os
from collections.abc import Iterator

import click

from feedwatch.cli.common import config_path, echo_json, json_option, setup
from feedwatch.config_build import Config
from feedwatch.errors import ConfigError, FeedwatchError
from feedwatch.poller import chromium


@click.command()
@json_option
@click.pass_context
def command(ctx: click.Context, as_json: bool) -> None:
    """Check the configuration, without network and without touching the state.

    Every mistake is shown at once as file:line:column with what to write instead; then it exits with 78.
    """
    try:
        ready = setup(ctx)
    except ConfigError as error:
        if not as_json:
            raise
        echo_json({"ok": False, "problems": list(error.problems)})
        ctx.exit(78)
    if lacking := list(_lacking(ready.config)):
        # The file is right: the service goes on with what can be done without it.
        if not as_json:
            raise FeedwatchError(f"{config_path(ctx)}: {lacking[0]}")
        echo_json({"ok": False, "problems": lacking})
        ctx.exit(1)
    sources, routes = len(ready.config.sources), len(ready.config.routes)
    if as_json:
        echo_json({
            "ok": True,
            "config": str(config_path(ctx)),
            "state_dir": str(ready.state_dir),
            "sources": [source.id for source in ready.config.sources],
            "alerts": [route.id for route in ready.config.routes],
            "problems": [],
        })  # fmt: skip
    else:
        click.echo(f"{config_path(ctx)}: ok ({sources} sources, {routes} alerts); state in {ready.state_dir}")


def _lacking(config: Config) -> Iterator[str]:
    """What has to be installed for the first source of each kind that needs it."""
    shown = next((source.id for source in config.sources if source.browser), None)
    if shown and (lack := chromium.missing(os.environ)):
        yield f'source "{shown}": {lack}'
    followed = next((source.id for source in config.sources if source.follow), None)
    if followed:
        from feedwatch.readers import article  # the parsers that come with it are not needed otherwise

        if lack := article.missing():
            yield f'source "{followed}": {lack}'

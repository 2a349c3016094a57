"""`feedwatch why-not`: why an alert was not sent. Works beside a running service."""

from __future__ import annotations

import click

from feedwatch.cli.common import complete_alert, echo_json, json_option, printable, route_called, setup
from feedwatch.cli.explain_command import story_of
from feedwatch.cli.why import why_not
from feedwatch.opening import now, open_store


@click.command()
@click.argument("entry")
@click.argument("route", metavar="ALERT", shell_complete=complete_alert)
@json_option
@click.pass_context
def command(ctx: click.Context, entry: str, route: str, as_json: bool) -> None:
    """Tell why ALERT was not told of what happened to ENTRY."""
    ready = setup(ctx)
    chosen = route_called(ready.config, route)
    store = open_store(ready.config, ready.state_dir, now, read_only=True)
    lines = list(why_not(story_of(ready, store, entry), chosen))
    if as_json:
        echo_json({"why_not": lines})
        return
    for line in lines:
        click.echo(printable(line))

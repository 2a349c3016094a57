"""`feedwatch schema`: of the configuration for editors and for people, and of webhooks for receivers."""

from __future__ import annotations

import json
from importlib import resources

import click

from feedwatch import config_reference
from feedwatch.cli.common import echo_json
from feedwatch.config import schema


@click.command()
@click.option("--webhook", is_flag=True, help="Of the body of a webhook instead.")
@click.option("--markdown", is_flag=True, help="As a page for people, with an example of each key.")
def command(webhook: bool, markdown: bool) -> None:
    """Print the JSON Schema of config.toml, or of what webhooks send.

    Editors read the former when the first line of the file is `#:schema PATH`.
    """
    if webhook and markdown:
        raise click.UsageError("--markdown is for the configuration; docs/webhooks.md is the page about webhooks")
    if webhook:
        echo_json(json.loads(_shipped("webhook.schema.json")))
    elif markdown:
        click.echo(config_reference.markdown(schema(), _shipped("config.example.toml")), nl=False)
    else:
        echo_json(schema())


def _shipped(name: str) -> str:
    return resources.files("feedwatch").joinpath(name).read_text("utf-8")

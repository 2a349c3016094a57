"""`feedwatch schema`: JSON Schemas, of the configuration for editors and of webhooks for receivers."""

from __future__ import annotations

import json
from importlib import resources

import click

from feedwatch.cli.common import echo_json
from feedwatch.config import schema


@click.command()
@click.option("--webhook", is_flag=True, help="Of the body of a webhook instead.")
def command(webhook: bool) -> None:
    """Print the JSON Schema of config.toml, or of what webhooks send.

    Editors read the former when the first line of the file is `#:schema PATH`.
    """
    if webhook:
        echo_json(json.loads(resources.files("feedwatch").joinpath("webhook.schema.json").read_text("utf-8")))
    else:
        echo_json(schema())

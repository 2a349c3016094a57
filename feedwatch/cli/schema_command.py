"""`feedwatch schema`: the configuration's JSON Schema, for editors."""

from __future__ import annotations

import click

from feedwatch.cli.common import echo_json
from feedwatch.config import schema


@click.command()
def command() -> None:
    """Print the JSON Schema of config.toml.

    Editors read it when the file's first line is `#:schema PATH`.
    """
    echo_json(schema())

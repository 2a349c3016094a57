"""`feedwatch completion`: what a shell needs to complete our commands, options, sources and alerts."""

from __future__ import annotations

import click
from click.shell_completion import get_completion_class

#: Where each shell looks for it, and what has to be there for that.
_HOWTO = {
    "bash": "feedwatch completion bash > ~/.local/share/bash-completion/completions/feedwatch",
    "zsh": 'feedwatch completion zsh > "${fpath[1]}/_feedwatch"',
    "fish": "feedwatch completion fish > ~/.config/fish/completions/feedwatch.fish",
}


@click.command(epilog="\b\n" + "\n".join(_HOWTO.values()))
@click.argument("shell", type=click.Choice(list(_HOWTO)))
@click.pass_context
def command(ctx: click.Context, shell: str) -> None:
    """Print the script by which SHELL completes feedwatch, ids of sources and alerts too.

    Write it where the shell looks for such scripts, and begin a new one:
    """
    made = get_completion_class(shell)
    assert made is not None  # noqa: S101  (the choices are click's own)
    click.echo(made(ctx.find_root().command, {}, "feedwatch", "_FEEDWATCH_COMPLETE").source())

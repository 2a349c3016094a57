"""The command line. Each command is a file of its own and is imported only when it runs.

Data goes to stdout, log and progress to stderr. Exit codes: 0 ok, 1 a source failed or something else went
wrong, 2 usage, 75 another feedwatch holds the state folder, 78 bad configuration.
"""

from __future__ import annotations

import gc
import importlib
import sys
from copy import copy
from functools import partial

import click

from feedwatch import __version__
from feedwatch.cli.people import colour
from feedwatch.errors import ConfigError, FeedwatchError, Locked, NoStateFolder

_COMMANDS = {
    "run": "Poll, publish and send for as long as it runs; serve the feeds.",
    "poll": "Poll now, once: all sources or those named.",
    "add": "Find the feed or the list of posts at a URL and add it to the configuration.",
    "import": "Add the subscriptions of a feed reader (OPML).",
    "export": "Print our feeds, or what is watched, as OPML.",
    "backfill": "Read the older pages of a source's archive; nobody is alerted of them.",
    "preview": "Read a URL, file or source and show what is found; store nothing.",
    "list": "List the stored entries.",
    "history": "Show what an entry said before, and what changed.",
    "status": "Show how each source is doing.",
    "explain": "Tell the whole story of an entry, or of a source.",
    "why-not": "Tell why an alert was not sent.",
    "heal": "See whether a source is read well without its selectors.",
    "link": "Say that two entries of a source are one post.",
    "unlink": "Say that they are two after all.",
    "accept": "Believe what a source says, though it is not as it was.",
    "manners": "Show what each host was asked, and what decides the next time.",
    "alert": "Try an alert out, or switch one on again.",
    "outbox": "Look at deliveries; retry, replay or drop them.",
    "replay": "Try another configuration on the answers that are kept; show what would differ.",
    "check": "Check the configuration.",
    "schema": "Print the JSON Schema of the configuration, or of webhooks.",
    "completion": "Print what bash, zsh or fish need to complete commands.",
}

#: Options of every command, in the order in which `ctx.obj` holds them.
_EVERYWHERE = ("config_path", "state_dir", "verbose", "log_format")


class Commands(click.Group):
    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(_COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in _COMMANDS:
            return None
        module = importlib.import_module(f"feedwatch.cli.{cmd_name.replace('-', '_')}_command")
        command: click.Command = module.command
        _take_everywhere(command)
        return command

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        if args[0] not in _COMMANDS and not args[0].startswith("-") and not ctx.resilient_parsing:
            from difflib import get_close_matches  # takes longer to load than most commands

            near = get_close_matches(args[0], _COMMANDS, 1)
            ctx.fail(f'There is no command "{args[0]}". ' + (f'Did you mean "{near[0]}"?' if near else ""))
        return super().resolve_command(ctx, args)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        # The texts stand here, so that --help imports no command and no engine.
        with formatter.section("Commands"):
            formatter.write_dl(list(_COMMANDS.items()))


def _take_everywhere(command: click.Command) -> None:
    """Lets what stands before the command's name stand after it too: `feedwatch poll --config mine.toml`."""
    if any(option.name == _EVERYWHERE[0] for option in command.params):
        return
    for option in cli.params:
        if isinstance(option, click.Option) and option.name in _EVERYWHERE:
            late = copy(option)
            late.hidden, late.expose_value, late.default = True, False, 0 if option.count else None
            late.callback = partial(_chosen, _EVERYWHERE.index(option.name))
            command.params.append(late)
    if isinstance(command, click.Group):
        for inner in command.commands.values():
            _take_everywhere(inner)


def _chosen(place: int, ctx: click.Context, _: click.Parameter, value: object) -> None:
    if value:
        root = ctx.find_root()
        root.obj = (*root.obj[:place], value, *root.obj[place + 1 :])


@click.group(
    cls=Commands,
    invoke_without_command=True,
    context_settings={"help_option_names": ["-h", "--help"]},
    epilog="Exit codes: 0 ok, 1 a source failed, 2 usage, 75 locked by another feedwatch, 78 bad configuration.",
)
@click.version_option(__version__, prog_name="feedwatch")
@click.option("-c", "--config", "config_path", type=click.Path(), help="Configuration file.")
@click.option("--state-dir", type=click.Path(), help="Folder for the store and the feeds.")
@click.option("-v", "--verbose", count=True, help="Log more (-vv: everything).")
@click.option("--log-format", type=click.Choice(["text", "json"]), default="text", help="How the log is written.")
@click.pass_context
def cli(ctx: click.Context, config_path: str | None, state_dir: str | None, verbose: int, log_format: str) -> None:
    """Turns archive pages and mixed feeds into one Atom feed per category, and tells you what is new.

    Without --config: $FEEDWATCH_CONFIG, ./config.toml, $XDG_CONFIG_HOME/feedwatch/config.toml,
    /etc/feedwatch/config.toml. Without --state-dir: $STATE_DIRECTORY, ./state beside a ./config.toml,
    else $XDG_STATE_HOME/feedwatch. Without a command it says where you are and what to do first.
    """
    # What is coloured for people is colourless for programs: click strips it, and asks here what the environment says.
    ctx.color = colour()
    ctx.obj = (config_path, state_dir, verbose, log_format)
    if ctx.invoked_subcommand is None:
        from feedwatch.cli.whereabouts import tell

        tell(ctx)


def main() -> None:
    """The console script. Turns every error that a user can cause into a message and an exit code."""
    # Looking for rings among tens of thousands of objects that stay took a tenth of a round.
    gc.set_threshold(50_000, 20, 100)
    try:
        sys.exit(cli.main(prog_name="feedwatch", standalone_mode=False) or 0)
    except click.ClickException as error:
        error.show()
        sys.exit(error.exit_code)
    except (click.Abort, KeyboardInterrupt):
        sys.exit(130)
    except BrokenPipeError:
        # The reader of our output went away (`| head`); nothing is wrong.
        sys.stderr.close()
        sys.exit(141)
    except FeedwatchError as error:
        click.echo(str(error), err=True)
        sys.exit(78 if isinstance(error, ConfigError | NoStateFolder) else 75 if isinstance(error, Locked) else 1)

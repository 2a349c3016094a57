"""What `feedwatch` alone says: where things are, how they are, and what to do next. Works beside a running service."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from pathlib import Path

import click

from feedwatch import __version__, files
from feedwatch.cli.common import Setup, config_path, printable, setup
from feedwatch.errors import ConfigError
from feedwatch.model import PollState, Source
from feedwatch.opening import now, open_store, public_folder
from feedwatch.spoken import ago
from feedwatch.store import LOCK
from feedwatch.troubles import failing

#: Names of sources in one line.
_SHOWN = 3


def tell(ctx: click.Context) -> None:
    """Prints it. Raises ConfigError where there is a configuration and it is wrong, StoreError as the store does."""
    click.echo(f"feedwatch {__version__}")
    try:
        path = config_path(ctx)
    except ConfigError:
        click.echo("There is no configuration yet.\n")
        click.echo(_first_steps())
        return
    if not path.exists():
        raise ConfigError((f"{path}: there is no such file; begin it with: feedwatch --config {path} add URL",))
    ready = setup(ctx)
    clock = now()
    store = open_store(ready.config, ready.state_dir, lambda: clock, read_only=True)
    states = {source.id: store.state(source.id) for source in ready.config.sources}
    running, service = _service(ready.state_dir)
    for name, told in _lines(ready, path, service, states, clock):
        click.echo(f"{click.style(f'{name:<14}', bold=True)} {printable(told)}")
    click.echo()
    click.echo(printable(_next(ready.config.sources, states, running, ready.config.base_url)))


def _first_steps() -> str:
    steps = (
        ("feedwatch add https://example.org/blog", "finds the feed or the list of posts there, and begins one"),
        ("feedwatch import subscriptions.opml", "takes what you read elsewhere"),
        ("feedwatch run", "polls, and serves one feed for each category"),
    )
    return "\n".join(f"  {command:<40} {what}" for command, what in steps)


def _service(state_dir: Path) -> tuple[bool, str]:
    """Whether it runs, and how to say so."""
    try:
        holder = files.holder(state_dir / LOCK)
    except PermissionError:
        return True, "cannot be seen; it belongs to another user"
    return holder is not None, f"running (process {holder})" if holder else "not running"


def _lines(
    ready: Setup, path: Path, service: str, states: Mapping[str, PollState], clock: datetime
) -> Iterator[tuple[str, str]]:
    config = ready.config
    counts = f"{_some(len(config.sources), 'source')}, {_some(len(config.routes), 'alert')}"
    yield "configuration", f"{path} ({counts})"
    yield "state", str(ready.state_dir)
    yield "service", service
    yield "sources", "; ".join(_how(config.sources, states))
    polled = [state.last_poll for state in states.values() if state.last_poll]
    due = [state.next_poll for state in states.values() if state.next_poll and not state.gone]
    following = f", next {ago(min(due), clock)}" if due and min(due) > clock else ""
    yield "last poll", f"{ago(max(polled, default=None), clock)}{following}"
    feeds = public_folder(config, ready.state_dir)
    if config.listen is not None:
        yield "feeds", f"{config.base_url}/ while the service runs; as files in {feeds}"
    else:
        yield "feeds", f"as files in {feeds}; your own web server shows them on {config.base_url}/"


def _how(sources: Sequence[Source], states: Mapping[str, PollState]) -> Iterator[str]:
    bad = [source.id for source in sources if failing(states[source.id])]
    doubted = [source.id for source in sources if states[source.id].quarantine and source.id not in bad]
    fresh = sum(states[source.id].last_poll is None for source in sources)
    if well := len(sources) - len(bad) - len(doubted) - fresh:
        yield f"{well} well"
    for names, what in ((bad, "failing"), (doubted, "not believed")):
        if names:
            yield f"{len(names)} {what}: {', '.join(names[:_SHOWN])}{', …' if len(names) > _SHOWN else ''}"
    if fresh:
        yield f"{fresh} never polled"


def _next(sources: Sequence[Source], states: Mapping[str, PollState], running: bool, base_url: str) -> str:
    """The one thing to do first."""
    if all(state.last_poll is None for state in states.values()) and not running:
        return "Next: feedwatch run, which polls, and serves the feeds"
    for source in sources:
        if failing(states[source.id]):
            return f"Next: feedwatch explain {source.id}, which says what is wrong and since when"
    for source in sources:
        if states[source.id].quarantine:
            return f"Next: feedwatch preview {source.id}, and if that is right: feedwatch accept {source.id}"
    if not running:
        return "Next: feedwatch run, or a timer with feedwatch poll --due"
    return f"All is well. Subscribe on {base_url}/; feedwatch --help lists what else there is"


def _some(count: int, what: str) -> str:
    return f"{count} {what}" if count == 1 else f"{count} {what}s"

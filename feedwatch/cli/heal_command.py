"""`feedwatch heal`: what would find the entries of a source again whose selectors do not any more."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import click
from msgspec import Struct
from msgspec.structs import asdict, fields, replace

from feedwatch.app import open_poller
from feedwatch.cli.common import complete_source, config_path, echo_json, json_option, printable, setup, source_called
from feedwatch.cli.config_file import must_be_good, save
from feedwatch.cli.people import working
from feedwatch.config_build import Config
from feedwatch.config_edit import with_selectors, without_selectors
from feedwatch.differ.recognise import Recognised, listed, recognised
from feedwatch.errors import FeedwatchError
from feedwatch.healing import Healed, heal
from feedwatch.model import Failure, Fetched, KnownEntry, PollState, Reading, Selectors, Source
from feedwatch.opening import now, open_store
from feedwatch.poller.fetch import Hosts
from feedwatch.workers import ReaderPool

#: Seconds between two requests to a host.
_PAUSE = 0.2
#: Titles that are shown of those that do not come out again.
_SHOWN = 5


class _Way(Struct, frozen=True):
    """A way to read the page, and what comes of it."""

    name: str
    found: Recognised | Failure
    select: Selectors | None = None

    @property
    def is_enough(self) -> bool:
        return isinstance(self.found, Recognised) and self.found.is_enough


@click.command()
@click.argument("source", shell_complete=complete_source)
@click.option("--apply", "apply_it", is_flag=True, help="Write what helps into the configuration.")
@json_option
@click.pass_context
def command(ctx: click.Context, source: str, apply_it: bool, as_json: bool) -> None:
    """Find the list of posts of SOURCE again, whose selectors or place on the page changed.

    Looks for the entries that are known and shows selectors for where they stand now, and whether the list is found
    without any. With --apply, and nine in ten of the known entries, the new selectors are written into the
    configuration; where only the way without them finds as many, the old ones are taken out. Everything else in the
    file stays as it is, and what is found in another way is no news.
    """
    ready = setup(ctx)
    chosen = source_called(ready.config, source)
    if chosen.json is not None:
        raise FeedwatchError(f"{source}: it is a JSON API; only pages have selectors")
    store = open_store(ready.config, ready.state_dir, now, read_only=True)
    rows, state = listed(store.known(source)), store.state(source)
    if not rows:
        raise FeedwatchError(
            f"{source}: no entry of it is known yet, so nothing can tell a right list from a wrong one"
        )
    with working(f"looking at {source}"):
        present, *others = asyncio.run(_ways(ready.config, chosen, rows, state))
    better = None if present.is_enough else next((way for way in others if way.is_enough), None)
    if as_json:
        ways = [_json(way) for way in (present, *others)]
        echo_json({"source": source, "ways": ways, "better": better.name if better else None})
    else:
        for way in (present, *others):
            _tell(way, chosen.select)
    if present.is_enough:
        click.echo(f"{source}: the list is where it was; there is nothing to mend", err=True)
    elif better is None:
        raise FeedwatchError(f"{source}: that is no better; name the list anew in [source.select]")
    elif not apply_it:
        click.echo(f"to write that into the configuration: feedwatch heal {source} --apply", err=True)
    else:
        path = config_path(ctx)
        _apply(path, source, better.select)
        click.echo(f"{path}: {source} is read {better.name}; what is found so is no news", err=as_json)


async def _ways(config: Config, source: Source, rows: Sequence[KnownEntry], state: PollState) -> list[_Way]:
    """As it is configured, with new selectors, and without any."""
    pool = ReaderPool()
    try:
        async with open_poller(config.allow_hosts, Hosts(1, _PAUSE), now) as poller:
            fetched = (await poller.poll(source, PollState(kind=state.kind))).outcome
        if not isinstance(fetched, Fetched):
            why = fetched.detail if isinstance(fetched, Failure) else "answered 304 to a first request"
            raise FeedwatchError(f"{source.id}: {why}")
        present = await pool.read(fetched, source, now(), state.rule)
        if isinstance(present, Reading) and present.kind == "feed":
            raise FeedwatchError(f"{source.id}: it is a feed; only pages have selectors")
        healed = await heal(pool, pool, fetched, source, rows, now())
        ways = [_Way("as it is configured", _judged(present, rows)), _with_new(healed)]
        if source.select is not None:
            without = await pool.read(fetched, replace(source, select=None), now())
            ways.append(_Way("without selectors", _judged(without, rows)))
        return ways
    finally:
        pool.close()


def _judged(reading: Reading | Failure, rows: Sequence[KnownEntry]) -> Recognised | Failure:
    return reading if isinstance(reading, Failure) else recognised(rows, reading.entries)


def _with_new(healed: Healed | None) -> _Way:
    name = "with new selectors"
    if healed is None:
        return _Way(name, Failure("empty", "hardly any known entry is on the page"))
    return _Way(name, healed.found, healed.select)


def _tell(way: _Way, old: Selectors | None) -> None:
    if isinstance(way.found, Failure):
        click.echo(printable(f"{way.name}: {way.found.detail}"))
        return
    click.echo(f"{way.name}: {way.found.known} of {way.found.of} known entries, and {way.found.others} others")
    for title in way.found.lacking[:_SHOWN]:
        click.echo(printable(f"  missing: {title}"))
    for field in fields(Selectors) if way.select else ():
        before, after = getattr(old, field.name, None), getattr(way.select, field.name)
        if before != after:
            click.echo(printable(f"  {field.name}: {_css(before)} -> {_css(after)}"))
        elif after is not None:
            click.echo(printable(f"  {field.name}: {_css(after)}, as before"))


def _css(selector: str | None) -> str:
    return "found by itself" if selector is None else selector


def _json(way: _Way) -> dict[str, Any]:
    found = way.found
    told = (
        {"error": found.detail}
        if isinstance(found, Failure)
        else {"known": found.known, "of": found.of, "others": found.others, "lacking": list(found.lacking)}
    )
    return {"way": way.name, "enough": way.is_enough, "select": asdict(way.select) if way.select else None, **told}


def _apply(path: Path, source_id: str, select: Selectors | None) -> None:
    text = path.read_text("utf-8")
    changed = with_selectors(text, source_id, select) if select else without_selectors(text, source_id)
    must_be_good(changed, path)
    save(path, changed)

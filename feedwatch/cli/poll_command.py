"""`feedwatch poll`: one round now."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator, Sequence
from itertools import groupby
from typing import Any

import click
from msgspec.structs import replace

from feedwatch.alerts.outbox import Sent
from feedwatch.app import App, open_app
from feedwatch.cli.common import Setup, complete_source, echo_json, json_option, printable, setup, source_called
from feedwatch.cli.people import working
from feedwatch.config_build import Config
from feedwatch.model import Source, SourceReport
from feedwatch.store import Store

#: Polls under way at once.
_AT_ONCE = 100
_KINDS = ("new", "edited", "moved", "recategorised", "withdrawn")
_HUES = {"new": "green", "edited": "yellow", "withdrawn": "red"}


@click.command()
@click.argument("sources", nargs=-1, metavar="[SOURCE…]", shell_complete=complete_source)
@click.option("--due", is_flag=True, help="Only sources whose interval has passed (for timers).")
@click.option("--discover", is_flag=True, help="Take in what is found without a word (after restoring a backup).")
@json_option
@click.pass_context
def command(ctx: click.Context, sources: tuple[str, ...], due: bool, discover: bool, as_json: bool) -> None:
    """Poll all sources now, or those named; publish their feeds and send what is due.

    Does not wait for the interval, but never asks earlier than the origin allows.
    Exits with 1 when a source failed.
    """
    ready = setup(ctx)
    chosen = _chosen(ready.config, sources)
    reports, written, sent = asyncio.run(_round(ready, chosen, due, discover=discover, quiet=as_json))
    if as_json:
        echo_json(
            {
                "sources": [report_json(r) for r in reports],
                "feeds_written": written,
                "deliveries": _sent(sent),
            }
        )
    else:
        echo_reports(reports, written, sent)
    if any(report.status in ("failed", "quarantined") for report in reports):
        ctx.exit(1)


def _chosen(config: Config, ids: Sequence[str]) -> list[Source]:
    return [source_called(config, name) for name in dict.fromkeys(ids)] if ids else list(config.sources)


async def _round(
    ready: Setup, chosen: list[Source], due: bool, *, discover: bool, quiet: bool
) -> tuple[list[SourceReport], list[str], Sent]:
    async with open_app(ready.config, ready.state_dir) as app:
        if due:
            waiting = set(await app.store.run(lambda store: store.due(app.clock())))
            chosen = [source for source in chosen if source.id in waiting]
        if discover:
            await app.store.run(lambda store: _restored(store, chosen))
        with working("polling", len(chosen), quiet=quiet) as step:
            reports = await poll_all(app, chosen, step)
        written = await app.pipeline.publish()
        return reports, written, await app.pipeline.deliver()


def _restored(store: Store, sources: Sequence[Source]) -> None:
    """What was told after the backup was made is not known any more: nothing of the next reading is news."""
    for source in sources:
        store.remember(source.id, replace(store.state(source.id), restored=True, validators={}, body_digest=None))


async def poll_all(app: App, sources: Sequence[Source], step: Callable[[], None]) -> list[SourceReport]:
    reports: dict[str, SourceReport] = {}
    waiting = iter(sources)

    async def one_after_the_other() -> None:
        for source in waiting:
            reports[source.id] = await app.pipeline.poll_now(source)
            step()

    await asyncio.gather(*(one_after_the_other() for _ in range(min(_AT_ONCE, len(sources)))))
    return [reports[source.id] for source in sources]


def report_json(report: SourceReport) -> dict[str, Any]:
    """One source of `poll --json`: a contract; add, never rename."""
    ids = {kind: [change.key for change in report.changes if change.kind == kind] for kind in _KINDS}
    return {
        "id": report.id,
        "status": report.status,
        "http_status": report.http_status,
        "entries": report.entries,
        **ids,
        "discovered": report.discovered,
        "notes": list(report.notes),
        "error": report.error,
    }


def _sent(sent: Sent) -> dict[str, int]:
    return {"delivered": sent.delivered, "retrying": sent.retrying, "dead": sent.dead}


def echo_reports(reports: Sequence[SourceReport], written: Sequence[str], sent: Sent) -> None:
    """A few lines for people: what came of each source, every change, and what was written and sent."""
    told = ((report.error is not None and at == 0, line) for report in reports for at, line in enumerate(_told(report)))
    for failed, lines in groupby(told, lambda one: one[0]):
        click.echo("\n".join(line for _, line in lines), err=failed)
    click.echo(f"{len(written)} files written" if written else "no feed changed")
    if any((sent.delivered, sent.retrying, sent.dead)):
        click.echo(f"alerts: {sent.delivered} delivered, {sent.retrying} waiting for another try, {sent.dead} dead")


def _told(report: SourceReport) -> Iterator[str]:
    line = printable(f"{report.id}: {_summary(report)}")
    yield click.style(line, fg="red") if report.error else line
    for change in report.changes:
        title = printable(change.entry.title or change.entry.link or change.key)
        yield f"  {click.style(f'{change.kind:<13}', fg=_HUES.get(change.kind))} {title}"
    for note in report.notes:
        yield printable(f"  note: {note}")


def _summary(report: SourceReport) -> str:
    if report.error:
        return f"{report.status}: {report.error}"
    if report.status == "unchanged":
        return "unchanged"
    parts = [f"{report.entries} entries"]
    if report.discovered:
        parts.append(f"{report.discovered} discovered (first sight, nobody is alerted)")
    parts += [f"{n} {kind}" for kind in _KINDS if (n := sum(c.kind == kind for c in report.changes))]
    return ", ".join(parts) if len(parts) > 1 else f"{parts[0]}, nothing new"

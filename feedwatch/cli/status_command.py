"""`feedwatch status`: how each source is doing. Works beside a running service."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import click

from feedwatch.cli.common import echo_json, echo_table, json_option, setup
from feedwatch.model import PollState, Source
from feedwatch.opening import now, open_store, public_folder
from feedwatch.poller.rhythm import silence
from feedwatch.spoken import ago
from feedwatch.troubles import written


@click.command()
@json_option
@click.pass_context
def command(ctx: click.Context, as_json: bool) -> None:
    """Show each source's last and next poll, its entries, and what is wrong with it."""
    ready = setup(ctx)
    clock = now()
    store = open_store(ready.config, ready.state_dir, lambda: clock, read_only=True)
    states = [(source, store.state(source.id)) for source in ready.config.sources]
    if as_json:
        echo_json({
            "state_dir": str(ready.state_dir),
            "public": str(public_folder(ready.config, ready.state_dir)),
            "sources": [_json(source, state, clock) for source, state in states],
        })  # fmt: skip
        return
    echo_table(
        ("source", "status", "entries", "last poll", "next poll", "problem"),
        [
            (
                source.id,
                state.status or "not polled yet",
                str(state.entries),
                ago(state.last_poll, clock),
                "never (gone)" if state.gone else ago(state.next_poll, clock) if state.next_poll else "now",
                state.error or silence(state.rhythm, clock) or "",
            )
            for source, state in states
        ],
    )


def _json(source: Source, state: PollState, clock: datetime) -> dict[str, Any]:
    return {
        "id": source.id,
        "url": source.url,
        "status": state.status,
        "http_status": state.http_status,
        "entries": state.entries,
        "last_poll": state.last_poll.isoformat() if state.last_poll else None,
        "last_success": state.last_success.isoformat() if state.last_success else None,
        "next_poll": state.next_poll.isoformat() if state.next_poll else None,
        "set_by": state.set_by,
        "moved_to": state.effective_url,
        "failures": state.failures,
        "gone": state.gone,
        "error": state.error,
        "rule": list(state.rule),
        "healed": written(state.healed) if state.healed else None,
        "silence": silence(state.rhythm, clock),
        "doubted": state.quarantine.detail if state.quarantine else None,
    }

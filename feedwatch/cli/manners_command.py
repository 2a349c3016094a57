"""`feedwatch manners`: how polite feedwatch was, host by host. Works beside a running service."""

from __future__ import annotations

from collections import defaultdict
from datetime import datetime
from typing import Any
from urllib.parse import urlsplit

import click

from feedwatch.cli.common import echo_json, echo_table, json_option, setup
from feedwatch.model import EPOCH, PollState, Source
from feedwatch.opening import now, open_store
from feedwatch.spoken import ago

Sources = list[tuple[Source, PollState]]


@click.command()
@json_option
@click.pass_context
def command(ctx: click.Context, as_json: bool) -> None:
    """Show, for each host, how many requests it got, how many of them it answered by 304, how many bytes it sent,
    when it is asked next, and what decided that."""
    ready = setup(ctx)
    clock = now()
    store = open_store(ready.config, ready.state_dir, lambda: clock, read_only=True)
    by_host: dict[str, Sources] = defaultdict(list)
    for source in ready.config.sources:
        state = store.state(source.id)
        by_host[urlsplit(state.effective_url or source.url).hostname or "(files)"].append((source, state))
    hosts = sorted(by_host.items())
    if as_json:
        echo_json({"hosts": [_json(host, sources) for host, sources in hosts]})
        return
    columns = ("host", "sources", "requests", "304", "bytes", "next", "because of")
    echo_table(columns, [_row(host, sources, clock) for host, sources in hosts])


def _row(host: str, sources: Sources, clock: datetime) -> tuple[str, ...]:
    told = _json(host, sources)
    following = _first(sources)
    return (
        host,
        str(told["sources"]),
        str(told["requests"]),
        f"{told['not_modified_share']:.0%}",
        f"{told['bytes']:,}",
        ago(following.next_poll, clock) if following else "never",
        told["set_by"] or "",
    )


def _json(host: str, sources: Sources) -> dict[str, Any]:
    requests = sum(state.requests for _, state in sources)
    unchanged = sum(state.not_modified for _, state in sources)
    following = _first(sources)
    return {
        "host": host,
        "sources": len(sources),
        "requests": requests,
        "not_modified": unchanged,
        "not_modified_share": unchanged / requests if requests else 0.0,
        "bytes": sum(state.received for _, state in sources),
        "next_poll": following.next_poll.isoformat() if following and following.next_poll else None,
        "set_by": following.set_by if following else None,
    }


def _first(sources: Sources) -> PollState | None:
    """The state of the source that is asked next."""
    waiting = [state for _, state in sources if state.next_poll and not state.gone]
    return min(waiting, key=lambda state: state.next_poll or EPOCH, default=None)

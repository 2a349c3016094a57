"""`feedwatch import`: the subscriptions of a feed reader, from its OPML file."""

from __future__ import annotations

import sys
from collections.abc import Collection, Iterator, Sequence
from pathlib import Path

import click

from feedwatch import subscriptions
from feedwatch.canonical import canonical_url, one_line
from feedwatch.cli.common import echo_json, json_option, printable
from feedwatch.cli.config_file import current, must_be_good, path_to_change, save
from feedwatch.cli.people import working
from feedwatch.config_edit import NewSource, id_for, with_sources
from feedwatch.config_values import web_url
from feedwatch.errors import FeedwatchError
from feedwatch.subscriptions import LARGEST, Subscription

#: Skipped addresses that are told one by one.
_SHOWN = 20


@click.command()
@click.argument("file", type=click.Path(allow_dash=True, path_type=Path), metavar="FILE.opml")
@click.option("--dry-run", is_flag=True, help="Show what would be added, and write nothing.")
@json_option
@click.pass_context
def command(ctx: click.Context, file: Path, dry_run: bool, as_json: bool) -> None:
    """Add the subscriptions in FILE.opml ("-" is stdin) to the configuration.

    Folders become `categories` of the source. What is watched already is skipped. Comments and order of the
    configuration stay as they are; nothing is fetched: the next round polls what is new, and alerts nobody of it.
    """
    path = path_to_change(ctx)
    text, config = current(ctx, path)
    try:
        listed = subscriptions.read(_bytes(file))
    except FeedwatchError as error:
        raise FeedwatchError(f"{file}: {error}") from None
    known = {canonical_url(source.url): source.id for source in config.sources} if config else {}
    skipped = dict(_skipped(listed, known))
    added = list(_new([one for one in listed if one.url not in skipped], known.values()))
    if added:
        with working("checking the configuration", quiet=as_json):
            changed = with_sources(text, added)
            must_be_good(changed, path)
        if not dry_run:
            save(path, changed)
    if as_json:
        echo_json({
            "config": str(path),
            "added": [{"id": new.id, "url": new.url, "categories": list(new.categories)} for new in added],
            "skipped": [{"url": url, "reason": reason} for url, reason in skipped.items()],
            "written": bool(added) and not dry_run,
        })  # fmt: skip
        return
    _tell(path, added, skipped, dry_run)


def _bytes(file: Path) -> bytes:
    """Raises FeedwatchError where there is nothing to read."""
    try:
        if str(file) == "-":
            return sys.stdin.buffer.read(LARGEST + 1)
        with file.open("rb") as opened:
            return opened.read(LARGEST + 1)
    except OSError as error:
        raise FeedwatchError(f"cannot be read ({error.strerror}); write the path of an OPML file") from None


def _skipped(listed: Sequence[Subscription], known: dict[str, str]) -> Iterator[tuple[str, str]]:
    """Addresses that are not added, each with its reason."""
    seen: dict[str, str] = {}
    for one in listed:
        try:
            web_url(_address(one))
        except ValueError as error:
            yield one.url, f"the address {error}"
            continue
        address = canonical_url(_address(one))
        if address in known:
            yield one.url, f'watched already, as "{known[address]}"'
        elif address in seen:
            yield one.url, f"the same as {seen[address]}"
        seen.setdefault(address, one.url)


def _new(listed: Sequence[Subscription], taken: Collection[str]) -> Iterator[NewSource]:
    ids = set(taken)
    for one in listed:
        found = id_for(_address(one), one.title, ids)
        ids.add(found)
        yield NewSource(id=found, url=_address(one), title=one.title or None, categories=one.categories)


def _address(one: Subscription) -> str:
    """Some programs write `feed://` for the `http://` of a feed."""
    scheme, separator, rest = one.url.partition("://")
    return f"http://{rest}" if separator and scheme.lower() == "feed" else one.url


def _tell(path: Path, added: Sequence[NewSource], skipped: dict[str, str], dry_run: bool) -> None:
    for new in added:
        inside = f"  ({', '.join(new.categories)})" if new.categories else ""
        click.echo(printable(f"{new.id}  {new.url}{inside}"))
    for url, reason in list(skipped.items())[:_SHOWN]:
        click.echo(printable(one_line(f"skipped: {url}: {reason}")), err=True)
    if len(skipped) > _SHOWN:
        click.echo(f"skipped: {len(skipped) - _SHOWN} more; --json names them all", err=True)
    sources = "1 source" if len(added) == 1 else f"{len(added)} sources"
    if dry_run:
        click.echo(f"{sources} would be added to {path}; nothing was written", err=True)
    elif added:
        click.echo(f"{sources} added to {path}; next: feedwatch poll (a running service does it by itself)", err=True)
    else:
        click.echo(f"nothing to add; {path} is as it was", err=True)

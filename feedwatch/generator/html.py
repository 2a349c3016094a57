"""The page a person subscribes from. Pure: no clock, no script, no asset from elsewhere."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache

from jinja2 import Environment, PackageLoader, Template
from msgspec import Struct

from feedwatch.canonical import one_line
from feedwatch.differ.normalise import text_of
from feedwatch.model import Feed, PublishedEntry, Reading

#: Characters of a text in a preview.
_SHOWN = 400


class Shown(Struct, frozen=True):
    """A feed on the index page, with its newest entries."""

    feed: Feed
    count: int
    newest: Sequence[PublishedEntry] = ()


def index(everything: Shown, categories: Sequence[Shown], sources: Sequence[Shown], *, base_url: str) -> bytes:
    """The index page: `everything` first, then each category, then each source."""
    return (
        _template("index.html.j2")
        .render(
            everything=everything, categories=categories, sources=sources, base_url=base_url, title=_title, date=_date
        )
        .encode()
    )


def preview(reading: Reading, url: str) -> bytes:
    """The feed that a source at `url` would give, as a page to look at."""
    return (
        _template("preview.html.j2")
        .render(
            title=reading.about.title or url,
            language=reading.about.language,
            url=url,
            entries=reading.entries,
            notes=reading.notes,
            explained=reading.explained,
            text=lambda entry: text_of(entry.summary or entry.content)[:_SHOWN],
        )
        .encode()
    )


@cache
def _template(name: str) -> Template:
    environment = Environment(
        loader=PackageLoader("feedwatch.generator"), autoescape=True, trim_blocks=True, lstrip_blocks=True
    )
    return environment.get_template(name)


def _title(published: PublishedEntry) -> str:
    entry = published.known.entry
    return one_line(entry.title) or text_of(entry.summary)[:80] or entry.link or "Untitled"


def _date(published: PublishedEntry) -> str:
    return published.known.published.date().isoformat()

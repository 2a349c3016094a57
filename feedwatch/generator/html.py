"""The page a person subscribes from. Pure: no clock, no script, no asset from elsewhere."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from pathlib import Path
from string import Template
from typing import TYPE_CHECKING

import markupsafe
from msgspec import Struct

from feedwatch.differ.normalise import text_of
from feedwatch.model import EPOCH, Feed, Fragment, Reading

if TYPE_CHECKING:
    from jinja2 import Template as PageTemplate

#: Characters of a text in a preview.
_SHOWN = 400
_INDEX = Path(__file__).with_name("templates") / "index.html"


class Shown(Struct, frozen=True):
    """A feed on the index page, with its newest entries."""

    feed: Feed
    count: int
    newest: Sequence[Fragment] = ()


def index(everything: Shown, categories: Sequence[Shown], sources: Sequence[Shown], *, base_url: str) -> bytes:
    """The index page: `everything` first, then each category, then each source.

    Not by Jinja: it is written in each round with news, and loading Jinja takes longer than all the rest of it.
    """
    base = _escaped(base_url)
    links = (
        f'<link rel="alternate" type="application/atom+xml" title="{_escaped(shown.feed.title)}" '
        f'href="{base}/{_escaped(shown.feed.path)}.atom">\n'
        for shown in (everything, *categories, *sources)
    )
    none = '<li class="empty">No category has an entry yet; the first poll fills this page.</li>\n'
    page = Template(_INDEX.read_text("utf-8")).substitute(
        links="".join(links),
        everything=f"{base}/{_escaped(everything.feed.path)}.atom",
        count=everything.count,
        opml=f"{base}/feeds.opml",
        categories="".join(_card(shown, base) for shown in categories) or none,
        sources="".join(_card(shown, base) for shown in sources),
    )
    return page.encode()


def _card(shown: Shown, base: str) -> str:
    title, path = _escaped(shown.feed.title), _escaped(shown.feed.path)
    count = f"{shown.count} {'entry' if shown.count == 1 else 'entries'}"
    newest = "".join(map(_listed, shown.newest))
    listed = f'<ul class="newest">\n{newest}</ul>\n' if newest else ""
    return (
        f'<li class="card">\n<h3>{title} <span class="count">{count}</span></h3>\n{listed}'
        f'<a class="address" href="{base}/{path}.atom" type="application/atom+xml" '
        f'aria-label="Atom feed of {title}">{base}/<wbr>{path.replace("/", "/<wbr>")}.atom<wbr></a>\n</li>\n'
    )


def _escaped(text: str) -> str:
    return str(markupsafe.escape(text))


def _listed(entry: Fragment) -> str:
    day, title = (entry.published or EPOCH).date().isoformat(), _escaped(entry.title)
    if entry.link:
        named = f'<a href="{_escaped(entry.link)}" rel="noreferrer" dir="auto">{title}</a>'
    else:
        named = f'<span dir="auto">{title}</span>'
    return f'<li><time datetime="{day}">{day}</time>{named}</li>\n'


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
def _template(name: str) -> PageTemplate:
    from jinja2 import Environment, PackageLoader

    environment = Environment(
        loader=PackageLoader("feedwatch.generator"), autoescape=True, trim_blocks=True, lstrip_blocks=True
    )
    return environment.get_template(name)

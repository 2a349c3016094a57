"""What the operator asked for: what is polled, and how it is read. Knows nothing of what came of it."""

from __future__ import annotations

from datetime import timedelta
from typing import ClassVar, Literal

from feedwatch.discreet import Discreet
from feedwatch.model.value import Value

EditsShown = Literal["in-place", "as-entries", "both"]


class Selectors(Value, frozen=True):
    """CSS selectors of a page's listing, each `selector` or `selector@attribute` (checked by config).

    All but `entry` and `section` are looked up inside the entry; `section` is the nearest one before it.
    """

    entry: str
    title: str | None = None
    link: str | None = None
    date: str | None = None
    summary: str | None = None
    author: str | None = None
    image: str | None = None
    category: str | None = None
    section: str | None = None


class JsonPaths(Value, frozen=True):
    """JMESPath expressions of a JSON API: `entries` gives the list, the others what one of its objects says."""

    entries: str
    id: str | None = None
    title: str | None = None
    link: str | None = None
    date: str | None = None
    summary: str | None = None
    author: str | None = None
    category: str | None = None
    image: str | None = None


class EditRules(Value, frozen=True):
    """What counts as an edit of a source's entries, and how feeds show it."""

    #: Regular expressions; what they match in a text is not compared.
    ignore: tuple[str, ...] = ()
    #: The share of a text's words, 0 to 1, that makes an edit a major one.
    major: float = 0.1
    #: Whether a major edit changes the entry where it stands in the feeds, is an entry of its own there, or both.
    shown: EditsShown = "in-place"
    #: Whether the text in the feeds tells, word by word, what the last major edit changed.
    marked: bool = False


class Source(Discreet, frozen=True):
    """Something that is polled: a feed or an archive page."""

    hidden: ClassVar[frozenset[str]] = frozenset({"headers", "proxy"})

    id: str
    #: Absolute http(s) URL, or a `file:` URL inside the configuration's own folder.
    url: str
    title: str | None = None
    #: None where the operator did not say.
    every: timedelta | None = None
    link_base: str | None = None
    categories: tuple[str, ...] = ()
    headers: tuple[tuple[str, str], ...] = ()
    select: Selectors | None = None
    #: For a source that is a JSON API.
    json: JsonPaths | None = None
    #: The operator has a reason to fetch what robots.txt keeps programs from.
    ignores_robots: bool = False
    #: URL of the HTTP proxy that its requests go through.
    proxy: str | None = None
    #: Polled as often as it publishes.
    adaptive: bool = False
    #: Pages of an archive that are read at first sight, or when all entries on the first one are unknown.
    pages: int = 1
    #: Address of a further page, with `{page}` for its number, where the pages do not say it.
    page_url: str | None = None
    #: Titles of posts on the page, from which its list of posts is known.
    examples: tuple[str, ...] = ()
    edits: EditRules = EditRules()
    #: Its page is made by scripts: it is read as a browser shows it.
    browser: bool = False
    #: The entries' own pages are read for their whole text, and watched.
    follow: bool = False
    #: When its list of posts is found no more, it is looked for where the known entries stand now.
    heal: bool = False

"""What is asked of an element of a page, whichever parser read it. Knows nothing of entries."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol
from urllib.parse import urlsplit

from feedwatch.canonical import one_line
from feedwatch.readers.sanitize import web_url
from feedwatch.readers.selectors import split_selector

#: Tags that set their text apart by nothing: `H<sub>2</sub>O` is one word.
INLINE = frozenset({
    "a", "abbr", "b", "bdi", "bdo", "cite", "code", "data", "del", "dfn", "em", "font", "i", "ins", "kbd", "mark",
    "q", "s", "samp", "small", "span", "strong", "sub", "sup", "time", "tt", "u", "var", "wbr",
})  # fmt: skip
NO_TEXT = frozenset({"noscript", "script", "style", "svg", "template"})


class Element(Protocol):
    @property
    def name(self) -> str: ...

    def attribute(self, name: str) -> str | None:
        """Lists of words, as of classes, with one space between two."""

    def text(self) -> str:
        """What a person reads, on one line."""

    def pieces(self) -> list[str]:
        """The runs of text in it, those in `NO_TEXT` elements included unless they are programs."""

    def find(self, *names: str, href: bool = False) -> Element | None:
        """The first of these names below, with `href` only one that has such an attribute."""

    def find_all(self, *names: str, href: bool = False) -> Sequence[Element]: ...

    def find_parent(self, name: str) -> Element | None: ...

    def find_related(self, rel: str) -> Element | None:
        """The first below whose `rel` says so."""

    def first(self, selector: str) -> Element | None:
        """The first that matches below, else the element itself if it does (`<a class="card" href>`)."""

    def every(self, selector: str) -> Sequence[Element]: ...


class Page(Element, Protocol):
    def cards(self, entry: str, section: str | None) -> Sequence[tuple[Element, str]]:
        """What the selector `entry` matches, without those inside another, and the text of the nearest heading before
        each that `section` matches. A match inside a card is the title of an entry and heads nothing."""

    def next_page(self, url: str) -> str | None:
        """Where the listing goes on."""


def value_of(element: Element | None, selector: str | None, attribute: str | None = None) -> str:
    """The attribute that the selector names (else `attribute`, where given), else the text; "" for nothing."""
    if element is None:
        return ""
    name = (split_selector(selector)[1] if selector else None) or attribute
    return one_line(element.attribute(name) or "") if name else element.text()


def has_text(element: Element) -> bool:
    return any(piece.strip() for piece in element.pieces())


def base_of(page: Element, url: str) -> str:
    """The base of the page's links; "" for a file, whose own address means nothing to a reader of the feed."""
    on_the_web = url if urlsplit(url).scheme in ("http", "https") else ""
    stated = page.find("base", href=True)
    return web_url(stated.attribute("href") if stated else None, on_the_web) or on_the_web

"""What is asked of the elements of a parsed page, and of those that selectors find. Knows nothing of entries."""

from __future__ import annotations

import warnings
from collections.abc import Iterable
from urllib.parse import urlsplit

from bs4 import BeautifulSoup, MarkupResemblesLocatorWarning, Tag, XMLParsedAsHTMLWarning
from bs4.element import NavigableString

from feedwatch.canonical import one_line
from feedwatch.readers.sanitize import web_url
from feedwatch.readers.selectors import compile_selector, split_selector

#: Tags that set their text apart by nothing: `H<sub>2</sub>O` is one word.
_INLINE = frozenset({
    "a", "abbr", "b", "bdi", "bdo", "cite", "code", "data", "del", "dfn", "em", "font", "i", "ins", "kbd", "mark",
    "q", "s", "samp", "small", "span", "strong", "sub", "sup", "time", "tt", "u", "var", "wbr",
})  # fmt: skip
_NO_TEXT = frozenset({"noscript", "script", "style", "svg", "template"})


def parsed(markup: str) -> BeautifulSoup:
    """The page. Raises RecursionError where it is nested too deep."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", MarkupResemblesLocatorWarning)
        warnings.simplefilter("ignore", XMLParsedAsHTMLWarning)
        return BeautifulSoup(markup, "lxml")


def base_of(soup: BeautifulSoup, url: str) -> str:
    """The base of the page's links; "" for a file, whose own address means nothing to a reader of the feed."""
    on_the_web = url if urlsplit(url).scheme in ("http", "https") else ""
    return web_url(attribute_of(soup.find("base", href=True), "href"), on_the_web) or on_the_web


def outermost(elements: Iterable[Tag]) -> tuple[list[Tag], set[int]]:
    """`elements` (in document order) without those inside another: a card in a card is part of it.

    And the identities of everything inside those that are left.
    """
    chosen: list[Tag] = []
    inside: set[int] = set()
    for element in elements:
        if id(element) in inside:
            continue
        chosen.append(element)
        inside.update(id(child) for child in element.descendants if isinstance(child, Tag))
    return chosen, inside


def every(card: Tag, selector: str) -> list[Tag]:
    """What matches in the card, else the card itself if that does (`<a class="card" href>`, `data-category`)."""
    sieve = compile_selector(selector)
    return sieve.select(card) or ([card] if sieve.match(card) else [])


def first(card: Tag, selector: str) -> Tag | None:
    sieve = compile_selector(selector)
    return sieve.select_one(card) or (card if sieve.match(card) else None)


def value_of(element: object, selector: str | None, attribute: str | None = None) -> str:
    """The attribute that the selector names (else `attribute`, where given), else the text; "" for nothing."""
    if not isinstance(element, Tag):
        return ""
    name = (split_selector(selector)[1] if selector else None) or attribute
    return one_line(attribute_of(element, name) or "") if name else text_of(element)


def text_of(element: Tag) -> str:
    """The text on one line. A walk without recursion, linear: sanitising takes a minute for a deep enough page."""
    parts: list[str] = []
    ahead: list[object] = [element]
    while ahead:
        node = ahead.pop()
        if isinstance(node, Tag):
            if node.name not in _NO_TEXT:
                apart = () if node.name in _INLINE else (" ",)
                ahead += [*apart, *reversed(node.contents), *apart]
        elif type(node) in (str, NavigableString):  # comments and the like are subclasses
            parts.append(str(node))
    return one_line("".join(parts))


def attribute_of(element: object, name: str) -> str | None:
    value = element.get(name) if isinstance(element, Tag) else None
    return value if value is None else value if isinstance(value, str) else " ".join(value)

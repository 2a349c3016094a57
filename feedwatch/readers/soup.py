"""What is asked of the elements of a parsed page, and of those that selectors find. Knows nothing of entries."""

from __future__ import annotations

import warnings
from collections.abc import Iterable, Sequence
from typing import TypeAlias, overload
from urllib.parse import urlsplit

from bs4 import BeautifulSoup, MarkupResemblesLocatorWarning, Tag, XMLParsedAsHTMLWarning
from bs4.element import NavigableString

from feedwatch.canonical import one_line
from feedwatch.readers.light import INLINE, NO_TEXT, Light, plain_selector
from feedwatch.readers.sanitize import web_url
from feedwatch.readers.selectors import compile_selector, split_selector

#: An element of a page, read by BeautifulSoup or lightly.
Element: TypeAlias = Tag | Light


def parsed(markup: str) -> BeautifulSoup:
    """The page. Raises RecursionError where it is nested too deep."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", MarkupResemblesLocatorWarning)
        warnings.simplefilter("ignore", XMLParsedAsHTMLWarning)
        return BeautifulSoup(markup, "lxml")


def base_of(page: Element, url: str) -> str:
    """The base of the page's links; "" for a file, whose own address means nothing to a reader of the feed."""
    on_the_web = url if urlsplit(url).scheme in ("http", "https") else ""
    return web_url(attribute_of(page.find("base", href=True), "href"), on_the_web) or on_the_web


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


@overload
def every(card: Tag, selector: str) -> Sequence[Tag]: ...
@overload
def every(card: Element, selector: str) -> Sequence[Element]: ...
def every(card: Element, selector: str) -> Sequence[Element]:
    """What matches in the card, else the card itself if that does (`<a class="card" href>`, `data-category`)."""
    if isinstance(card, Light):
        plain = plain_selector(selector)
        return plain.select(card) or ([card] if plain.match(card) else [])
    sieve = compile_selector(selector)
    return sieve.select(card) or ([card] if sieve.match(card) else [])


@overload
def first(card: Tag, selector: str) -> Tag | None: ...
@overload
def first(card: Element, selector: str) -> Element | None: ...
def first(card: Element, selector: str) -> Element | None:
    if isinstance(card, Light):
        plain = plain_selector(selector)
        return plain.select_one(card) or (card if plain.match(card) else None)
    sieve = compile_selector(selector)
    return sieve.select_one(card) or (card if sieve.match(card) else None)


def related(card: Element, rel: str) -> Element | None:
    """The first element in the card whose `rel` says so."""
    if isinstance(card, Light):
        return card.find_related(rel)
    found = card.find(rel=rel)
    return found if isinstance(found, Tag) else None


def value_of(element: object, selector: str | None, attribute: str | None = None) -> str:
    """The attribute that the selector names (else `attribute`, where given), else the text; "" for nothing."""
    if not isinstance(element, Element):
        return ""
    name = (split_selector(selector)[1] if selector else None) or attribute
    return one_line(attribute_of(element, name) or "") if name else text_of(element)


def text_of(element: Element) -> str:
    """The text on one line. A walk without recursion, linear: sanitising takes a minute for a deep enough page."""
    if isinstance(element, Light):
        return one_line(element.text())
    parts: list[str] = []
    ahead: list[object] = [element]
    while ahead:
        node = ahead.pop()
        if isinstance(node, Tag):
            if node.name not in NO_TEXT:
                apart = () if node.name in INLINE else (" ",)
                ahead += [*apart, *reversed(node.contents), *apart]
        elif type(node) in (str, NavigableString):  # comments and the like are subclasses
            parts.append(str(node))
    return one_line("".join(parts))


def attribute_of(element: object, name: str) -> str | None:
    value = element.get(name) if isinstance(element, Element) else None
    return value if value is None else value if isinstance(value, str) else " ".join(value)

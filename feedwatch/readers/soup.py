"""The elements of a page as BeautifulSoup has them: for selectors that are more than plain, and pages that are odd.

Knows nothing of entries.
"""

from __future__ import annotations

import warnings
from collections.abc import Iterable, Sequence

from bs4 import BeautifulSoup, MarkupResemblesLocatorWarning, Tag, XMLParsedAsHTMLWarning
from bs4.element import NavigableString

from feedwatch.canonical import one_line
from feedwatch.readers import light, pager
from feedwatch.readers.element import INLINE, NO_TEXT, value_of
from feedwatch.readers.selectors import compile_selector


class Souped:
    """One element."""

    def __init__(self, tag: Tag) -> None:
        self.tag = tag

    @property
    def name(self) -> str:
        return self.tag.name

    def attribute(self, name: str) -> str | None:
        return attribute_of(self.tag, name)

    def text(self) -> str:
        return text_of(self.tag)

    def pieces(self) -> list[str]:
        return list(self.tag.strings)

    def find(self, *names: str, href: bool = False) -> Souped | None:
        return next(iter(self.find_all(*names, href=href)), None)

    def find_all(self, *names: str, href: bool = False) -> list[Souped]:
        return [Souped(tag) for tag in self.tag.find_all(list(names), attrs={"href": True} if href else {})]

    def find_parent(self, name: str) -> Souped | None:
        return _souped(self.tag.find_parent(name))

    def find_related(self, rel: str) -> Souped | None:
        return _souped(self.tag.find(rel=rel))

    def first(self, selector: str) -> Souped | None:
        return _souped(first(self.tag, selector))

    def every(self, selector: str) -> list[Souped]:
        return [Souped(tag) for tag in every(self.tag, selector)]


class SoupedPage(Souped):
    """What holds the page. Raises RecursionError where it is nested too deep."""

    def __init__(self, markup: str) -> None:
        super().__init__(parsed(markup))
        self._markup = markup

    def cards(self, entry: str, section: str | None) -> list[tuple[Souped, str]]:
        cards, inside = outermost(compile_selector(entry).select(self.tag))
        under = self._headings(section, cards, inside) if section else {}
        return [(Souped(card), under.get(id(card), "")) for card in cards]

    def _headings(self, section: str, cards: Iterable[Tag], inside: set[int]) -> dict[int, str]:
        """The texts of those before the cards, by the card's identity, in one walk of the page."""
        headings = {id(element) for element in compile_selector(section).select(self.tag)} - inside
        wanted = {id(card) for card in cards}
        found: dict[int, str] = {}
        current = ""
        for element in self.tag.descendants:
            if id(element) in wanted:
                found[id(element)] = current
            if isinstance(element, Tag) and id(element) in headings:
                current = value_of(Souped(element), section)
        return found

    def next_page(self, url: str) -> str | None:
        root, _ = light.parsed(self._markup)
        return None if root is None else pager.next_page(root, url)


def _souped(found: object) -> Souped | None:
    return Souped(found) if isinstance(found, Tag) else None


def parsed(markup: str) -> BeautifulSoup:
    """The page. Raises RecursionError where it is nested too deep."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", MarkupResemblesLocatorWarning)
        warnings.simplefilter("ignore", XMLParsedAsHTMLWarning)
        return BeautifulSoup(markup, "lxml")


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


def every(card: Tag, selector: str) -> Sequence[Tag]:
    """What matches in the card, else the card itself if that does (`<a class="card" href>`, `data-category`)."""
    sieve = compile_selector(selector)
    return sieve.select(card) or ([card] if sieve.match(card) else [])


def first(card: Tag, selector: str) -> Tag | None:
    sieve = compile_selector(selector)
    return sieve.select_one(card) or (card if sieve.match(card) else None)


def text_of(element: Tag) -> str:
    """The text on one line. A walk without recursion, linear: sanitising takes a minute for a deep enough page."""
    parts: list[str] = []
    ahead: list[object] = [element]
    while ahead:
        node = ahead.pop()
        if isinstance(node, Tag):
            if node.name not in NO_TEXT:
                apart = () if node.name in INLINE else (" ",)
                ahead += [*apart, *reversed(node.contents), *apart]
        elif isinstance(node, str) and type(node) in (str, NavigableString):  # comments and the like are subclasses
            parts.append(str(node))
    return one_line("".join(parts))


def attribute_of(element: object, name: str) -> str | None:
    value = element.get(name) if isinstance(element, Tag) else None
    return value if value is None else value if isinstance(value, str) else " ".join(value)

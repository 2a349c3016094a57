"""The elements of a page as libxml2 has them: BeautifulSoup takes them from the same parser, and fifteen times as long.

What is asked of an element here is answered as BeautifulSoup answers it, so that a page reads the same either way.
Where that is not sure there is no light page: the caller takes the other way.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from typing import Any

from lxml import etree

from feedwatch.canonical import one_line
from feedwatch.readers.element import INLINE, NO_TEXT, value_of
from feedwatch.readers.pager import next_page
from feedwatch.readers.plain_css import Compound, plain

#: Attributes that BeautifulSoup takes for lists of words: of every element, and of some.
WORDS = {
    "*": {"class", "accesskey", "dropzone"},
    "a": {"rel", "rev"}, "link": {"rel", "rev"}, "td": {"headers"}, "th": {"headers"}, "form": {"accept-charset"},
    "object": {"archive"}, "area": {"rel"}, "icon": {"sizes"}, "iframe": {"sandbox"}, "output": {"for"},
}  # fmt: skip
_LISTS = frozenset().union(*WORDS.values())
_PROGRAMS = frozenset({"script", "style"})
#: What may stand before the first element: it is in none, whatever it is.
_PROLOG = re.compile(r"(?:[ \t\r\n]|<(?!!--)[!?/][^>]*>|<!--(?!-?>)(?:(?!--!?>).){0,500}-->)*", re.DOTALL)
#: What stands alone in an element as a space for BeautifulSoup, and is no character at all for XML.
_FORM_FEED = re.compile(r"&#(?:0*12(?![0-9])|x0*c(?![0-9a-f]))", re.IGNORECASE)
#: Elements whose text BeautifulSoup keeps apart.
_APART = ("template", "rt", "rp")
#: It parts texts, and the tree has no place for it.
_DOCTYPE = re.compile("<!doctype", re.IGNORECASE)


class Light:
    """One element."""

    __slots__ = ("_below", "node")

    def __init__(self, node: etree._Element) -> None:
        self.node = node
        #: The elements below and their classes, once they were asked for.
        self._below: list[tuple[etree._Element, str]] | None = None

    @property
    def name(self) -> str:
        return str(self.node.tag)

    def attribute(self, name: str) -> str | None:
        return _attribute(self.node, name)

    def text(self) -> str:
        node = self.node
        if not len(node):
            return one_line(node.text or "") if node.tag not in NO_TEXT else ""
        parts: list[str] = []
        _gather(node, parts, NO_TEXT, apart=True)
        return one_line("".join(parts))

    def pieces(self) -> list[str]:
        # What stands in a program is no element: libxml2 takes all of it for text.
        silent = _PROGRAMS if self.node.tag not in _PROGRAMS else frozenset[str]()
        parts: list[str] = []
        _gather(self.node, parts, silent, apart=False)
        return parts

    def find(self, *names: str, href: bool = False) -> Light | None:
        return next(self._found(*names, href=href), None)

    def find_all(self, *names: str, href: bool = False) -> list[Light]:
        return list(self._found(*names, href=href))

    def _found(self, *names: str, href: bool) -> Iterator[Light]:
        for node in self._nodes(*names):
            if not href or node.get("href") is not None:
                yield Light(node)

    def _nodes(self, *names: str) -> Iterator[etree._Element]:
        found: Iterator[etree._Element] = self.node.iterdescendants(*names)
        return found

    def find_related(self, rel: str) -> Light | None:
        for node in self._nodes("*"):
            stated = node.get("rel")
            if stated is not None and (stated == rel or (_has_words(node, "rel") and rel in stated.split())):
                return Light(node)
        return None

    def find_parent(self, name: str) -> Light | None:
        node = next(self.node.iterancestors(name), None)
        return None if node is None else Light(node)

    def first(self, selector: str) -> Light | None:
        compounds = plain(selector)
        last = len(compounds) - 1
        for node in self._near(compounds[last]):
            if _matches(node, compounds, last):
                return Light(node)
        return self if _matches(self.node, compounds, last) else None

    def every(self, selector: str) -> list[Light]:
        compounds = plain(selector)
        last = len(compounds) - 1
        found = [Light(node) for node in self._near(compounds[last]) if _matches(node, compounds, last)]
        return found or ([self] if _matches(self.node, compounds, last) else [])

    def _near(self, compound: Compound) -> Iterable[etree._Element]:
        """Those below that could be what is wanted: a glance at each, for a closer look at few."""
        if compound.tag or not compound.classes:
            return self._nodes(compound.tag or "*")
        if self._below is None:
            self._below = [(node, names) for node in self._nodes("*") if (names := node.get("class"))]
        name = compound.classes[0]
        return [node for node, names in self._below if name in names]


class LightPage(Light):
    """What holds the page: its first element is one that is found, too."""

    __slots__ = ()

    def _nodes(self, *names: str) -> Iterator[etree._Element]:
        found: Iterator[etree._Element] = self.node.iter(*names)
        return found

    def cards(self, entry: str, section: str | None) -> list[tuple[Light, str]]:
        cards: list[Light] = []
        for card in self.every(entry):
            # Those that are inside another one follow it at once.
            if not cards or cards[-1].node not in card.node.iterancestors():
                cards.append(card)
        under = self._headings(section, [card.node for card in cards]) if section else {}
        return [(card, under.get(card.node, "")) for card in cards]

    def _headings(self, section: str, cards: list[etree._Element]) -> dict[etree._Element, str]:
        """The texts of those before the cards, in one walk of the page."""
        inside = {below for card in cards for below in card.iterdescendants("*")}
        headings = {heading.node for heading in self.every(section)} - inside
        wanted = set(cards)
        found: dict[etree._Element, str] = {}
        current = ""
        for node in self.node.iter("*"):
            if node in wanted:
                found[node] = current
            if node in headings:
                current = value_of(Light(node), section)
        return found

    def next_page(self, url: str) -> str | None:
        return next_page(self.node, url)


def _attribute(node: etree._Element, name: str) -> str | None:
    value = node.get(name)
    return " ".join(value.split()) if value and name in _LISTS and _has_words(node, name) else value


def _has_words(node: etree._Element, name: str) -> bool:
    return name in WORDS["*"] or name in WORDS.get(str(node.tag), ())


def _gather(node: etree._Element, parts: list[str], silent: frozenset[str], *, apart: bool) -> None:
    """The texts in order, without those in elements that are `silent`; with `apart`, spaces around all that are not
    inline."""
    tag = node.tag
    if tag in silent:
        return
    apart_here = apart and tag not in INLINE
    if apart_here:
        parts.append(" ")
    if node.text:
        parts.append(node.text)
    for child in node:
        if isinstance(child.tag, str):
            _gather(child, parts, silent, apart=apart)
        if child.tail:
            parts.append(child.tail)
    if apart_here:
        parts.append(" ")


def _matches(node: etree._Element, compounds: tuple[Compound, ...], at: int) -> bool:
    """From the innermost element outwards, up to the top of the page."""
    return _fits(node, compounds[at]) and (at == 0 or _stands_right(node, compounds, at))


def _stands_right(node: etree._Element, compounds: tuple[Compound, ...], at: int) -> bool:
    if compounds[at].parent:
        above = node.getparent()
        return above is not None and _matches(above, compounds, at - 1)
    outer = compounds[at - 1]
    for above in node.iterancestors():
        if _fits(above, outer) and (at == 1 or _stands_right(above, compounds, at - 1)):
            return True
    return False


def _fits(node: etree._Element, compound: Compound) -> bool:
    if compound.classes:
        names = node.get("class")
        if names is None or compound.classes[0] not in names or not set(compound.classes).issubset(names.split()):
            return False
    if compound.tag is not None and node.tag.lower() != compound.tag:
        return False
    for name, wanted in compound.attributes:
        value = _attribute(node, name)
        # The end of a value may be a line end, as soupsieve has it.
        if value is None or (wanted is not None and value not in (wanted, wanted + "\n")):
            return False
    return True


def page(markup: str) -> LightPage | None:
    """None for a page that BeautifulSoup could understand in another way."""
    prolog = _PROLOG.match(markup)
    begin = prolog.end() if prolog else 0
    if _DOCTYPE.search(markup, begin) or "\f" in markup or _FORM_FEED.search(markup):
        return None
    root, whole = parsed(markup)
    # Where the beginning of a page is damaged it has several; then its attributes may be anywhere. What follows the end
    # of a page begins another one.
    if root is None or not whole or root.tag != "html" or next(root.itersiblings("*"), None) is not None:
        return None
    return LightPage(root) if next(root.iter(*_APART), None) is None else None


def parsed(markup: str) -> tuple[etree._Element | None, bool]:
    """The root of what libxml2 makes of a page, and whether that is all: its tree ends where it is nested too deep, or
    a text is too long, and BeautifulSoup does not use its tree."""
    parser: Any = etree.HTMLParser(recover=True)
    try:
        # In one piece and as text, as BeautifulSoup hands it over.
        parser.feed(markup.removeprefix("\ufeff"))
        root = parser.close()
    except etree.LxmlError:
        return None, False
    last = parser.feed_error_log.last_error
    return root, last is None or last.level < etree.ErrorLevels.FATAL

"""The elements of a page as libxml2 has them: BeautifulSoup takes them from the same parser, and twenty times as long.

What is asked of an element here is answered as BeautifulSoup answers it, so that a page reads the same either way.
Where that is not sure there is no light page: the caller takes the other way.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from functools import lru_cache
from typing import Any

from bs4.builder import HTMLTreeBuilder
from lxml import etree
from msgspec import Struct

from feedwatch.readers.selectors import split_selector

#: Attributes that BeautifulSoup takes for lists of words, by element ("*": of every one).
_WORDS: dict[str, set[str]] = HTMLTreeBuilder.DEFAULT_CDATA_LIST_ATTRIBUTES
#: Tags that set their text apart by nothing: `H<sub>2</sub>O` is one word.
INLINE = frozenset({
    "a", "abbr", "b", "bdi", "bdo", "cite", "code", "data", "del", "dfn", "em", "font", "i", "ins", "kbd", "mark",
    "q", "s", "samp", "small", "span", "strong", "sub", "sup", "time", "tt", "u", "var", "wbr",
})  # fmt: skip
NO_TEXT = frozenset({"noscript", "script", "style", "svg", "template"})
_PROGRAMS = frozenset({"script", "style"})
#: In some elements BeautifulSoup keeps text apart; and what follows the end of a page begins another one.
_ODD = re.compile(
    r"<(?:template|rt|rp)\b|</html(?![ \t\r\n\f]*>(?:[ \t\r\n\f]|<!--(?:(?!-->).){0,500}-->)*\Z)",
    re.IGNORECASE | re.DOTALL,
)

_NAME = r"[A-Za-z_][\w-]*"
_CONDITION = rf"(?:[.#]{_NAME}|\[{_NAME}(?:=\"[\w ./:-]*\")?\])"
_COMPOUND = re.compile(rf"(?=[\w.#\[])({_NAME})?({_CONDITION}*)", re.ASCII)
_ONE_CONDITION = re.compile(rf"([.#]){_NAME}|\[({_NAME})(?:=\"([\w ./:-]*)\")?\]", re.ASCII)
_PLAIN_NAME = re.compile(_NAME, re.ASCII).fullmatch
_BETWEEN = re.compile(r" *> *| +")


class Light:
    """One element; equal to another one of the same node."""

    __slots__ = ("node",)

    def __init__(self, node: etree._Element) -> None:
        self.node = node

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Light) and other.node is self.node

    def __hash__(self) -> int:
        return hash(self.node)

    @property
    def name(self) -> str:
        return str(self.node.tag)

    def get(self, name: str) -> str | None:
        value = self.node.get(name)
        return " ".join(value.split()) if value is not None and self._has_words(name) else value

    def _has_words(self, name: str) -> bool:
        return name in _WORDS["*"] or name in _WORDS.get(self.name, ())

    def find(self, name: str, *, href: bool = False) -> Light | None:
        return next(self._below(name, href=href), None)

    def find_all(self, name: str | list[str] | tuple[str, ...], *, href: bool = False) -> list[Light]:
        return list(self._below(*([name] if isinstance(name, str) else name), href=href))

    def _below(self, *names: str, href: bool) -> Iterator[Light]:
        for node in self.node.iterdescendants(*names):
            if not href or node.get("href") is not None:
                yield Light(node)

    def find_related(self, rel: str) -> Light | None:
        """The first below that says it is related in this way."""
        for node in self.node.iterdescendants("*"):
            stated = node.get("rel")
            if stated is not None and (stated == rel or (Light(node)._has_words("rel") and rel in stated.split())):
                return Light(node)
        return None

    def find_parent(self, name: str) -> Light | None:
        node = next(self.node.iterancestors(name), None)
        return None if node is None else Light(node)

    def text(self) -> str:
        """As `soup.text_of` has it, before it is put on one line."""
        return "".join(self._texts(NO_TEXT, apart=True))

    def get_text(self, separator: str = "", *, strip: bool = False) -> str:
        if self.name in _PROGRAMS:
            # What stands in a program is no element: libxml2 takes all of it for text.
            texts: Iterable[str] = filter(None, [self.node.text])
        else:
            texts = self._texts(_PROGRAMS)
        return separator.join(filter(None, (text.strip() for text in texts)) if strip else texts)

    def _texts(self, silent: frozenset[str], *, apart: bool = False) -> Iterator[str]:
        """In order, without those in elements that are `silent`; with `apart`, spaces around all that are not inline.
        Without recursion: a page can be deep."""
        ahead: list[etree._Element | str] = [self.node]
        while ahead:
            node = ahead.pop()
            if isinstance(node, str):
                yield node
            elif isinstance(node.tag, str) and node.tag not in silent:
                inside: list[etree._Element | str] = []
                for child in reversed(node):
                    inside += [child.tail, child] if child.tail else [child]
                around = [" "] if apart and node.tag not in INLINE else []
                ahead += [*around, *inside, *([node.text] if node.text else []), *around]


class _Compound(Struct, frozen=True):
    """Conditions on one element, and how the one before stands above it."""

    tag: str | None
    classes: tuple[str, ...]
    #: Values wanted, or None for any.
    attributes: tuple[tuple[str, str | None], ...]
    parent: bool = False

    def fits(self, node: etree._Element) -> bool:
        if self.tag is not None and node.tag.lower() != self.tag:
            return False
        if self.classes:
            names = (node.get("class") or "").split()
            if not all(name in names for name in self.classes):
                return False
        for name, wanted in self.attributes:
            value = Light(node).get(name)
            # The end of a value may be a line end, as soupsieve has it.
            if value is None or (wanted is not None and value not in (wanted, wanted + "\n")):
                return False
        return True


class Selector:
    """Plain CSS: elements, classes, ids and attributes, inside one another."""

    def __init__(self, compounds: tuple[_Compound, ...]) -> None:
        self._compounds = compounds

    def match(self, element: Light) -> bool:
        return self._matches(element.node, len(self._compounds) - 1)

    def select(self, element: Light) -> list[Light]:
        return list(self._found(element))

    def select_one(self, element: Light) -> Light | None:
        return next(self._found(element), None)

    def _found(self, element: Light) -> Iterator[Light]:
        for node in element.node.iterdescendants(self._compounds[-1].tag or "*"):
            if self._matches(node, len(self._compounds) - 1):
                yield Light(node)

    def _matches(self, node: etree._Element, at: int) -> bool:
        """From the innermost element outwards, up to the top of the page."""
        if not self._compounds[at].fits(node):
            return False
        if at == 0:
            return True
        if self._compounds[at].parent:
            above = node.getparent()
            return above is not None and self._matches(above, at - 1)
        return any(self._matches(above, at - 1) for above in node.iterancestors())


@lru_cache(maxsize=256)
def plain_selector(text: str) -> Selector:
    """The selector in `text`, its attribute aside. Raises ValueError for one that is not plain."""
    css, attribute = split_selector(text)
    if attribute is not None and not _PLAIN_NAME(attribute):
        raise ValueError(f"{attribute} is not plain")
    compounds: list[_Compound] = []
    at, parent = 0, False
    while found := _COMPOUND.match(css, at):
        compounds.append(_compound(found[1], found[2], parent=parent))
        at = found.end()
        if at == len(css):
            return Selector(tuple(compounds))
        between = _BETWEEN.match(css, at)
        if between is None:
            break
        at, parent = between.end(), ">" in between[0]
    raise ValueError(f"{css} is not plain")


def are_plain(selectors: Iterable[str]) -> bool:
    try:
        for text in selectors:
            plain_selector(text)
    except ValueError:
        return False
    return True


def _compound(tag: str | None, conditions: str, *, parent: bool) -> _Compound:
    classes: list[str] = []
    attributes: list[tuple[str, str | None]] = []
    for found in _ONE_CONDITION.finditer(conditions):
        if found[1] == ".":
            classes.append(found[0][1:])
        elif found[1] == "#":
            attributes.append(("id", found[0][1:]))
        elif found[2].lower() == "type":
            raise ValueError("the value of this attribute has no case")
        else:
            attributes.append((found[2].lower(), found[3]))
    return _Compound(tag.lower() if tag else None, tuple(classes), tuple(attributes), parent)


def outermost(elements: Iterable[Light]) -> list[Light]:
    """Those (in document order) that are not inside another."""
    chosen: dict[etree._Element, Light] = {}
    for element in elements:
        if not any(above in chosen for above in element.node.iterancestors()):
            chosen[element.node] = element
    return list(chosen.values())


class _Builder:
    """Makes the tree of what the parser tells BeautifulSoup too: libxml2's own lacks the spaces between some elements.

    lxml has no room for names like `@click` and `o:p`; nothing that is plain asks for such.
    """

    def __init__(self) -> None:
        self._tree = etree.TreeBuilder()
        self.data, self.close = self._tree.data, self._tree.close
        # These set the text before them apart from what follows, as React does between any two values.
        self.comment, self.pi = self._tree.comment, self._tree.pi
        #: More than one where the beginning of a page is damaged; then its attributes may be anywhere.
        self.beginnings: list[etree._Element] = []

    def start(self, tag: str, attributes: Mapping[str, str]) -> None:
        made = self._tree.start(_known(tag), {name: value for name, value in attributes.items() if _PLAIN_NAME(name)})
        if tag == "html":
            self.beginnings.append(made)

    def end(self, tag: str) -> None:
        self._tree.end(_known(tag))


@lru_cache(maxsize=1024)
def _known(tag: str) -> str:
    return tag if _PLAIN_NAME(tag) else "nameless-in-feedwatch"


def page(markup: str) -> Light | None:
    """What holds the page, or None for one that BeautifulSoup could understand in another way."""
    if _ODD.search(markup):
        return None
    builder = _Builder()
    parser: Any = etree.HTMLParser(target=builder, recover=True)
    try:
        parser.feed(markup.removeprefix("\ufeff"))
        parser.close()
    except etree.LxmlError:
        return None
    if len(builder.beginnings) != 1 or (root := builder.beginnings[0]).getparent() is not None:
        return None
    holder = etree.Element("page-of-feedwatch")
    holder.append(root)
    return Light(holder)

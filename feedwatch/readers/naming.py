"""Short selectors for an element of a page, such as a person would write: by what it is, not by how it looks or where
it happens to stand. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterator
from itertools import combinations
from typing import NamedTuple

from bs4 import Tag

from feedwatch.readers.soup import attribute_of
from feedwatch.readers.tree import stem

#: Tags that say what they are for.
_TELLING = frozenset({"article", "h1", "h2", "h3", "h4", "h5", "h6", "main", "time"})
_MUTE = frozenset({"div", "span"})
#: Classes that say how something looks or is laid out, in the manner of frameworks.
_LOOKS = re.compile(
    r"(?:flex|grid|block|inline|relative|absolute|fixed|static|container|wrapper|inner|outer|clear|float|hidden|"
    r"uppercase|lowercase|capitalize|italic|underline|truncate|group|prose|css|sc|jsx|emotion|styled|svelte|vue|js)"
    r"|(?:text|font|bg|border|items|justify|content|self|place|rounded|shadow|overflow|leading|tracking|space|divide|"
    r"gap|flex|grid|col|row|align|transition|duration|ease|hover|focus|object|cursor|list|line|opacity|whitespace|"
    r"break|max|min|inset|top|bottom|left|right|animate|css|sc|jsx|styled|svelte)-.*",
    re.IGNORECASE,
)
_CAMEL = re.compile(r"[A-Z]?[a-z]{2,}(?:[A-Z][a-z]{2,})*|[A-Z]+")
_PLAIN = re.compile(r"[A-Za-z][A-Za-z-]{2,30}")
#: A class that is a word with a letter before it, or less than a word.
_BRIEF = re.compile(r"[a-z]{1,2}(?:[-_]{1,2}[A-Za-z]{3,}){0,4}")
#: Attributes by which authors say what something is.
_SAYING = ("itemprop", "itemtype", "rel", "role", "data-testid", "data-component", "data-type")

#: Elements in a card by which it may be told from others.
_INSIDE = 8


class Name(NamedTuple):
    #: The less, the better it says what it names.
    cost: int
    css: str


def names_of(element: Tag) -> Iterator[Name]:
    """Selectors that match the element, and others of its kind."""
    tag = element.name
    written = (attribute_of(element, "class") or "").split()
    stems = {name: stem(name) for name in written if _says_something(stem(name))}
    if tag in _TELLING:
        yield Name(1, tag)
    for name in written:
        if stems.get(name) == name:
            yield Name(2, f"{tag}.{name}")
            yield Name(3, f".{name}")
        elif _BRIEF.fullmatch(name) and name in stems:
            yield Name(5, f"{tag}.{name}")
    for attribute in _SAYING:
        if (value := attribute_of(element, attribute)) and _PLAIN.fullmatch(value):
            yield Name(3, f'{tag}[{attribute}="{value}"]')
    for name, plain in stems.items():
        # What a build appends to a class is another one tomorrow.
        if plain != name and len(plain) > 4:
            yield Name(4, f'{tag}[class*="{plain}"]')
    if tag not in _TELLING:
        yield Name(9 if tag in _MUTE else 5, tag)


def _says_something(name: str) -> bool:
    """Whether a class is about the thing, and made of words: "postTitle", and not "BOlnTh"."""
    words = re.split(r"[-_]+", name)
    return not _LOOKS.fullmatch(name) and all(
        word[1:].islower() or _CAMEL.fullmatch(word) for word in words if word[1:]
    )


def names_with(element: Tag) -> Iterator[Name]:
    """Selectors for the element by something that is in it."""
    children = element.find_all(True, recursive=False, limit=_INSIDE)
    direct = {Name(name.cost, f":has(> {name.css})") for child in children for name in names_of(child)}
    inside = {name for below in element.find_all(True, limit=_INSIDE) for name in names_of(below)}
    pairs = {Name(a.cost + b.cost, a.css + b.css) for a, b in combinations(sorted(direct), 2)}
    for name in names_of(element):
        for inner in (*direct, *pairs, *(Name(name.cost, f":has({name.css})") for name in inside)):
            yield Name(name.cost + inner.cost + 5, f"{name.css}{inner.css}")


def names_around(element: Tag) -> Iterator[Name]:
    """Selectors for something that other elements stand in; its id may be one."""
    own = attribute_of(element, "id") or ""
    if _PLAIN.fullmatch(own) and stem(own) == own:
        yield Name(2, f"#{own}")
    yield from (name for name in names_of(element) if name.cost < 9)

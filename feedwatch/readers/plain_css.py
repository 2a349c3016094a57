"""Plain CSS, which is what most selectors are: elements, classes, ids and attributes, inside one another.

Read without a CSS parser, which takes longer to load than a hundred pages to read. Knows no page.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from functools import lru_cache

from msgspec import Struct

from feedwatch.readers.selectors import split_selector

_NAME = r"[A-Za-z_][\w-]*"
_CONDITION = rf"(?:[.#]{_NAME}|\[{_NAME}(?:=\"[\w ./:-]*\")?\])"
_COMPOUND = re.compile(rf"(?=[\w.#\[])({_NAME})?({_CONDITION}*)", re.ASCII)
_ONE_CONDITION = re.compile(rf"([.#]){_NAME}|\[({_NAME})(?:=\"([\w ./:-]*)\")?\]", re.ASCII)
_PLAIN_NAME = re.compile(_NAME, re.ASCII).fullmatch
_BETWEEN = re.compile(r" *> *| +")
#: What CSS compares without regard to case.
_CASELESS = frozenset({"type"})
#: To what has no value libxml2 gives one in its own tree, BeautifulSoup none.
VALUELESS = frozenset({
    "checked", "compact", "declare", "defer", "disabled", "ismap", "multiple", "nohref", "noresize", "noshade",
    "nowrap", "readonly", "selected",
})  # fmt: skip


class Compound(Struct, frozen=True):
    """Conditions on one element, and how the one before stands above it."""

    tag: str | None
    classes: tuple[str, ...]
    #: Values wanted, or None for any.
    attributes: tuple[tuple[str, str | None], ...]
    #: It is the parent, and not any element further out.
    parent: bool = False


@lru_cache(maxsize=256)
def plain(text: str) -> tuple[Compound, ...]:
    """The selector in `text`, outermost element first, its attribute aside. Raises ValueError for one that is not
    plain."""
    css, attribute = split_selector(text)
    if attribute is not None and (not _PLAIN_NAME(attribute) or attribute in VALUELESS):
        raise ValueError(f"{attribute} is not plain")
    compounds: list[Compound] = []
    at, parent = 0, False
    while found := _COMPOUND.match(css, at):
        compounds.append(_compound(found[1], found[2], parent=parent))
        at = found.end()
        if at == len(css):
            return tuple(compounds)
        between = _BETWEEN.match(css, at)
        if between is None:
            break
        at, parent = between.end(), ">" in between[0]
    raise ValueError(f"{css} is not plain")


def are_plain(selectors: Iterable[str]) -> bool:
    try:
        for text in selectors:
            plain(text)
    except ValueError:
        return False
    return True


def _compound(tag: str | None, conditions: str, *, parent: bool) -> Compound:
    classes: list[str] = []
    attributes: list[tuple[str, str | None]] = []
    for found in _ONE_CONDITION.finditer(conditions):
        if found[1] == ".":
            classes.append(found[0][1:])
        elif found[1] == "#":
            attributes.append(("id", found[0][1:]))
        else:
            name = found[2].lower()
            if name in _CASELESS or (found[3] is not None and name in VALUELESS):
                raise ValueError(f"{name} is not plain")
            attributes.append((name, found[3]))
    return Compound(tag.lower() if tag else None, tuple(classes), tuple(attributes), parent)

"""A page as a tree that is quick to walk: parsed by libxml2, with what detection asks of an element over and over.

Knows HTML, but nothing of entries.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import TypeAlias

from lxml import etree

from feedwatch.canonical import one_line
from feedwatch.errors import ReadError
from feedwatch.readers.element import INLINE
from feedwatch.remembered import remembered

Element: TypeAlias = etree._Element

HEADINGS = frozenset({"h1", "h2", "h3", "h4", "h5", "h6"})
_NO_TEXT = frozenset({"noscript", "script", "style", "svg", "template", "button", "select", "textarea", "iframe"})
_DEEPEST = 400
#: Of texts that are remembered, and what an element counts beside its text.
_MOST_LETTERS, _ELEMENT = 4_000_000, 250

_WORDY = re.compile(r"[A-Za-z]{3,}(?:[-_]{1,2}[A-Za-z]+)*")
#: Classes that say something about one entry, its place or its state, or only about its looks.
_PASSING = re.compile(
    r"(post|category|tag|author|format|status|type|entry|item|page|node|id|row|col|column|cols|span|size|grid|order|"
    r"delay|animate|wp-image|menu-item)-.*|.*-(odd|even|first|last|active|current|large|small|medium)|"
    r"(odd|even|first|last|active|current|featured|sticky|selected|visible|hidden|show|new|read|unread|reveal|fade|"
    r"sm|md|lg|xl|clearfix|has-post-thumbnail|hasimage|noimage|left|right|alt|hentry|type-post|loaded|lazyloaded)",
    re.IGNORECASE,
)
_SMALL = frozenset({"span", "small", "sup", "a", "i", "em", "div"})
_LABEL = re.compile(
    r"(?:^|[\s_-])(badge|pill|chip|icon|size|filesize|filetype|file|count|anchor|header-?link|permalink|domain|site|host|"
    r"sitebit|new-label|duration|reading-time|readtime|date|time|published)(?:$|[\s_-])",
    re.IGNORECASE,
)
#: What a build adds to a class, which another build changes: "Card_title__x7Yz1", "css-1q2w3e".
_HASHED = re.compile(r"(?<=[A-Za-z])(?:__|--|_|-)(?=[A-Za-z0-9]*(?:\d|[a-z][A-Z]|[A-Z][A-Z]))[A-Za-z0-9+]{4,12}$")


def parse(markup: str) -> Element:
    """The root of the page. Raises ReadError when it is empty or nested too deep to be read."""
    parser = etree.HTMLParser(huge_tree=False, remove_comments=True, remove_pis=True, encoding="utf-8")
    root: Element | None = etree.fromstring(markup.encode("utf-8", "replace"), parser)
    if root is None:
        raise ReadError("unreadable", "the page cannot be read (Document is empty)")
    depth = 0
    for event, _ in etree.iterwalk(root, events=("start", "end")):
        depth += 1 if event == "start" else -1
        if depth > _DEEPEST:
            raise ReadError("unreadable", "the page is nested too deep to be read")
    for heading in [h for h in root.iter(*HEADINGS) if len(h) == 0 and not (h.text or h.tail or "").strip()]:
        # libxml2 ends a heading where a paragraph begins; browsers do not.
        following = heading.getnext()
        if following is not None and following.tag == "p":
            heading.append(following)
    return root


def elements(root: Element) -> Iterator[Element]:
    """All elements below `root` in document order, `root` first; nothing that is no element."""
    for element in root.iter():
        if isinstance(element.tag, str):
            yield element


def visible_text(element: Element, *, spaced: bool = False, plain: bool = False) -> str:
    """What a person reads in it, on one line.

    With `spaced` every element is set apart from its neighbours, as a style sheet could; with `plain` small labels
    ("PDF 312 KB") and signs beside the text are left out.
    """
    if not len(element):
        return one_line(element.text or "") if element.text and is_shown(element) else ""
    parts: list[str] = []
    _gather(element, parts, spaced=spaced, plain=plain)
    return one_line("".join(parts))


def _gather(element: Element, parts: list[str], *, spaced: bool, plain: bool) -> None:
    if not is_shown(element):
        return
    apart = spaced or element.tag not in INLINE
    if apart:
        parts.append(" ")
    if element.text:
        parts.append(element.text)
    for child in element:
        if isinstance(child.tag, str) and not (plain and _is_label(child)):
            _gather(child, parts, spaced=spaced, plain=plain)
        if child.tail:
            parts.append(child.tail)
    if apart:
        parts.append(" ")


class _Texts(dict[tuple[Element, bool, bool], str]):
    """Texts of the elements of one page, up to a number of letters: in deep pages most stand in many elements."""

    letters = 0

    def __missing__(self, asked: tuple[Element, bool, bool]) -> str:
        element, spaced, plain = asked
        text = visible_text(element, spaced=spaced, plain=plain)
        self.letters += _ELEMENT + len(text)
        if self.letters > _MOST_LETTERS:
            self.clear()
        self[asked] = text
        return text

    def clear(self) -> None:
        super().clear()
        self.letters = 0


_texts = _Texts()


def text_of(element: Element, *, spaced: bool = False, plain: bool = False) -> str:
    """`visible_text`, as detection asks for it, over and over."""
    return _texts[element, spaced, plain]


def _is_label(element: Element) -> bool:
    tag = element.tag
    if tag == "time" or (tag == "a" and not any(c.isalnum() for c in "".join(element.itertext()))):
        return True
    return tag in _SMALL and bool(_LABEL.search(element.get("class") or ""))


def forget() -> None:
    """To be called when a page is done: what was remembered of it keeps it in memory."""
    _texts.clear()


def hidden(element: Element) -> bool:
    """Whether it is there for programs or screen readers only."""
    name = element.get("class") or ""
    if ("screen-reader" in name or "sr-only" in name or "visually-hidden" in name or "visuallyhidden" in name) and (
        "focusable" not in name
    ):
        return True
    return element.get("hidden") is not None or "display:none" in (element.get("style") or "").replace(" ", "")


def is_shown(element: Element) -> bool:
    """Whether its text is there for people, what stands around it aside."""
    return element.tag not in _NO_TEXT and not hidden(element)


def classes(element: Element) -> list[str]:
    return (element.get("class") or "").split()


@remembered(8192)
def stable_classes(names: str) -> tuple[str, ...]:
    """Of an element's classes those that name a kind of thing, and are the same on another day and after another
    build."""
    found = []
    for name in names.split():
        if ":" in name or "/" in name or "[" in name:
            continue
        name = name.split("--")[0] or name
        plain = stem(name)
        if plain and not _PASSING.fullmatch(plain):
            found.append(plain)
    return tuple(sorted(set(found)))


def stem(name: str) -> str:
    """What a class is after another build; "" where it is no word."""
    plain = _HASHED.sub("", name) if not name.islower() or any(c.isdigit() for c in name) else name
    return plain if _WORDY.fullmatch(plain) else ""


def step(element: Element) -> str:
    """One element in a path: its tag and what is stable of its classes."""
    tag = str(element.tag)
    if tag in ("td", "th"):
        # A column is what its place makes it.
        tag += str(1 + sum(1 for _ in element.itersiblings(preceding=True)))
    return ".".join([tag, *stable_classes(element.get("class") or "")])

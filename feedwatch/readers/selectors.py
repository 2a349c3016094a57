"""Selectors as the configuration writes them: `css` or `css@attribute`. Knows no page."""

from __future__ import annotations

import re
from functools import lru_cache
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import soupsieve
    from bs4 import BeautifulSoup

_CONDITION = re.compile(r"[.#][\w-]+|\[[^\]]*\]|:[\w-]+(?:\([^)]*\))?")


@lru_cache(maxsize=256)
def split_selector(text: str) -> tuple[str, str | None]:
    """`css@attribute` in its two parts; an @ inside brackets or quotes, or after a backslash, belongs to the CSS.

    HTML has no case in attribute names, so the attribute comes out in lower case.
    """
    quote, depth, at, escaped = "", 0, -1, False
    for place, char in enumerate(text):
        if escaped or char == "\\":
            escaped = not escaped
        elif quote:
            quote = "" if char == quote else quote
        elif char in "\"'":
            quote = char
        elif char in "[(":
            depth += 1
        elif char in "])":
            depth -= 1
        elif char == "@" and depth == 0:
            at = place
    if at < 0:
        return text.strip(), None
    return text[:at].strip(), text[at + 1 :].strip().lower()


def compile_selector(text: str) -> soupsieve.SoupSieve:
    """The compiled CSS of `text`. Raises ValueError with a message for the person who wrote it."""
    css, attribute = split_selector(text)
    if attribute == "":
        raise ValueError(f'"{text}" names no attribute after @; write for example "a@href"')
    if not css:
        raise ValueError(f'"{text}" has no CSS before the @; write for example "a@href"')
    import soupsieve  # it takes longer to load than pages to read, and plain selectors do without

    try:
        return soupsieve.compile(css)
    except NotImplementedError:
        instead = css.split("::")[0].strip() or "p"
        raise ValueError(f'"{css}" has a part that is not supported; write "{instead}"') from None
    except soupsieve.SelectorSyntaxError as error:
        raise ValueError(f'"{css}" is not a CSS selector: {str(error).splitlines()[0]}') from None


def nearest(page: BeautifulSoup, text: str) -> tuple[str, int] | None:
    """The selector most like one that matches nothing which matches at least two elements, and how many: without one of
    its conditions, then without more of them, then without its outer parts."""
    import soupsieve

    css, _ = split_selector(text)
    tried: list[str] = []
    ahead = [css]
    while ahead and len(tried) < 60:
        shorter = ahead.pop(0)
        for found in _CONDITION.finditer(shorter):
            ahead.append((shorter[: found.start()] + shorter[found.end() :]).strip())
        if " " in shorter:
            ahead.append(re.sub(r"^\S+[\s>+~]+", "", shorter))
        ahead = [other for other in dict.fromkeys(ahead) if other and other not in tried]
        tried.append(shorter)
        if shorter == css:
            continue
        try:
            count = len(soupsieve.compile(shorter).select(page))
        except (soupsieve.SelectorSyntaxError, NotImplementedError):
            continue
        if count > 1:
            return shorter, count
    return None

"""Pages that bring a program instead of their posts: nearly no text, and an empty place that scripts will fill. Pure.

Asked only of pages that yielded no entries. What a page says to those without JavaScript is not its text.
"""

from __future__ import annotations

import re

from feedwatch.readers.tree import Element, elements, forget, parse, text_of

#: Where the usual frameworks put what they make: ids, and a tag.
_PLACES = frozenset({"root", "app", "__next", "__nuxt", "___gatsby", "react-root", "svelte", "q-app"})
_PLACE_TAG = "app-root"
_ASKED_FOR = re.compile(r"java\s?script", re.IGNORECASE)
#: Characters: a name, a few words of a menu, "Loading…".
_NEARLY_NO_TEXT = 200

HINT = (
    "the page builds its list with JavaScript; browser = true for this source would help "
    "(--browser of add and preview; it needs feedwatch[browser] and chromium)"
)


def is_shell(markup: str) -> bool:
    """Whether only a browser would show what this page has. Raises ReadError for what cannot be parsed."""
    try:
        return _is_shell(parse(markup))
    finally:
        forget()


def _is_shell(root: Element) -> bool:
    body = next(root.iter("body"), root)
    if next(root.iter("script"), None) is None or len(text_of(body)) > _NEARLY_NO_TEXT:
        return False
    if any(_ASKED_FOR.search("".join(element.itertext())) for element in root.iter("noscript")):
        return True
    return any(element.get("id") in _PLACES or element.tag == _PLACE_TAG for element in elements(body))

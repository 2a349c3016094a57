"""The form in which two versions of a text are the same text. Knows no entries' history."""

from __future__ import annotations

import re

from feedwatch.canonical import comparable, one_line
from feedwatch.model import Text

_BLOCK = (
    r"(?i)</?(address|article|aside|blockquote|br|dd|div|dl|dt|figcaption|figure|h[1-6]|hr|li|ol|p|pre|section|"
    r"table|tbody|td|tfoot|th|thead|tr|ul)\b[^>]*>"
)
_TAG = r"<[^>]*>"


def text_of(text: Text | None) -> str:
    """The words of a text construct as they are written, on one line; "" for none."""
    if text is None:
        return ""
    if text.type == "text" or ("<" not in text.value and "&" not in text.value):
        return one_line(text.value)
    import html

    # An inline tag does not part a word, a block does.
    return one_line(html.unescape(re.sub(_TAG, "", re.sub(_BLOCK, " ", text.value))))


def plain(text: Text | None) -> str:
    """The words of a text construct in the form that is compared."""
    return comparable(text_of(text))

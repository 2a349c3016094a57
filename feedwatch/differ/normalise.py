"""The form in which two versions of a text are the same text. Knows no entries' history."""

from __future__ import annotations

import html
import re

from feedwatch.canonical import comparable, one_line
from feedwatch.model import Entry, Text

_BLOCK = re.compile(
    r"</?(address|article|aside|blockquote|br|dd|div|dl|dt|figcaption|figure|h[1-6]|hr|li|ol|p|pre|section|"
    r"table|tbody|td|tfoot|th|thead|tr|ul)\b[^>]*>",
    re.IGNORECASE,
)
_TAG = re.compile(r"<[^>]*>")


def text_of(text: Text | None) -> str:
    """The words of a text construct as they are written, on one line; "" for none."""
    if text is None:
        return ""
    if text.type == "text":
        return one_line(text.value)
    # An inline tag does not part a word, a block does.
    return one_line(html.unescape(_TAG.sub("", _BLOCK.sub(" ", text.value))))


def plain(text: Text | None) -> str:
    """The words of a text construct in the form that is compared."""
    return comparable(text_of(text))


def edited_fields(before: Entry, after: Entry) -> tuple[str, ...]:
    """The fields whose words differ. White space, entities, quotes and markup are no edit.

    A field that is absent on one side is not an edit either: sources drop and add excerpts for all their
    entries at once when they change their layout, and that is news of the layout.
    """
    words = {
        "title": (comparable(before.title), comparable(after.title)),
        "summary": (plain(before.summary), plain(after.summary)),
        "content": (plain(before.content), plain(after.content)),
    }
    return tuple(name for name, (old, new) in words.items() if old and new and old != new)

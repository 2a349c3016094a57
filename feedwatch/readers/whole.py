"""Whether a page is there to its end. Nothing in HTTP says so of an answer that ends with its connection, nor of a
program that gave up while it wrote the page."""

from __future__ import annotations

import re
from collections import Counter

from msgspec.structs import replace

from feedwatch.errors import ReadError
from feedwatch.model import Reading

_END = re.compile(r"</(?:body|html)\s*>", re.IGNORECASE)
_SILENT = re.compile(r"<!--.*?(?:-->|\Z)|<(script|style)\b.*?(?:</\1\s*>|\Z)", re.IGNORECASE | re.DOTALL)
_TAG = re.compile(r"<(/?)([a-z][a-z0-9]*)", re.IGNORECASE)
#: Elements whose end no page may leave out (HTML §13.1.2.4): those that words stand in, and are never in each other,
#: and those that hold others.
_LEAVES = frozenset({"a", "b", "em", "h1", "h2", "h3", "h4", "h5", "h6", "i", "small", "strong", "time"})
_BOXES = frozenset({
    "article", "aside", "blockquote", "div", "figure", "footer", "header", "main", "nav", "ol", "section", "span", "ul",
})  # fmt: skip


def is_cut(markup: str) -> bool:
    """Whether a page ends in the middle of a tag or of a text: it does not say that it ends, and what the last words
    stand in is not closed.

    A page may leave out `</body></html>`, and one whose author never closes anything is as whole as it gets.
    """
    if _END.search(markup):
        return False
    read = _SILENT.sub("", markup)
    if read.rfind("<") > read.rfind(">"):
        return True
    open_: Counter[str] = Counter()
    for end, name in _TAG.findall(read):
        open_[name.lower()] += -1 if end else 1
    leaves = max(open_[name] for name in _LEAVES)
    in_text = bool(read[read.rfind(">") + 1 :].strip())
    return leaves == 1 or (leaves < 1 and in_text and any(open_[name] > 0 for name in _BOXES))


def without_end(reading: Reading) -> Reading:
    """What is left of a reading of such a page: its last entry may be cut as well, and what it lacks is not gone.

    Raises ReadError when nothing is left.
    """
    if len(reading.entries) < 2:
        raise ReadError("unreadable", "the page ends in the middle (truncated)")
    note = "the page ends in the middle; the last entry on it was left out"
    return replace(reading, entries=reading.entries[:-1], complete=False, notes=(*reading.notes, note))

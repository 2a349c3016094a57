"""An entry's text as a page of ours may show it: cleaned once more, and nothing in it that loads from elsewhere."""

from __future__ import annotations

from html import escape
from typing import TYPE_CHECKING

from feedwatch.model import Text

if TYPE_CHECKING:
    from lxml.html import HtmlElement

#: What would tell another server who reads what; a link to it takes its place.
_LOADS = {"img": "picture", "video": "video", "audio": "audio"}
_PARTS = ("source", "track")


def readable(text: Text, base: str | None) -> str:
    """HTML for a page: plain text in paragraphs, HTML without pictures. Safe whatever is stored."""
    if text.type == "text":
        parts = [part.strip() for part in text.value.split("\n\n")]
        return "".join(f'<p dir="auto">{escape(part)}</p>' for part in parts if part)
    from lxml import html  # a service that nobody looks at is smaller without

    from feedwatch.readers.sanitize import sanitize

    try:
        tree = html.fragment_fromstring(text.value, create_parent="div")
    except (ValueError, html.etree.ParserError):
        return ""
    for element in list(tree.iter(*_LOADS)):
        _replace(element)
    # Not with what is in them: this parser takes them for elements that have an end.
    html.etree.strip_tags(tree, *_PARTS)
    # Last, so that nothing that another parser made of it is trusted.
    return sanitize(html.tostring(tree, encoding="unicode"), base or "")


def _replace(element: HtmlElement) -> None:
    kind = _LOADS[element.tag]
    inner = element.find("source")
    address = element.get("src") or (inner.get("src") if inner is not None else None)
    words = f"[{kind}: {element.get('alt')}]" if element.get("alt") else f"[{kind}]"
    inside = next(element.iterancestors("a"), None) is not None
    element.clear(keep_tail=True)
    element.tag, element.text = ("a", words) if address and not inside else ("em", words)
    if element.tag == "a":
        element.set("href", address)

"""The list of all feeds as OPML 2.0, to subscribe to them at once. Pure; no date, so same feeds, same bytes."""

from __future__ import annotations

from collections.abc import Sequence

from lxml import etree

from feedwatch.canonical import one_line
from feedwatch.model import Feed


def render(title: str, feeds: Sequence[tuple[Feed, int]], *, base_url: str) -> bytes:
    """Each feed (with its number of entries, which OPML has no place for) as an outline, in the given order."""
    root = etree.Element("opml", version="2.0")
    etree.SubElement(etree.SubElement(root, "head"), "title").text = one_line(title)
    body = etree.SubElement(root, "body")
    for feed, _ in feeds:
        name = one_line(feed.title) or feed.path
        etree.SubElement(
            body, "outline", text=name, title=name, type="rss",
            xmlUrl=f"{base_url}/{feed.path}.atom", htmlUrl=feed.alternate or f"{base_url}/",
        )  # fmt: skip
    data: bytes = etree.tostring(root, pretty_print=True, xml_declaration=True, encoding="UTF-8")
    return data

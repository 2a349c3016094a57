"""Sitemaps (sitemaps.org 0.9) with the dates and titles of Google's news extension: the document as a Reading.

For sites whose only complete list of posts is the one for search engines.
"""

from __future__ import annotations

from datetime import datetime

from lxml import etree

from feedwatch.canonical import entry_id, one_line
from feedwatch.errors import ReadError
from feedwatch.model import Category, Entry, Moment, Reading
from feedwatch.readers.dates import parse_date
from feedwatch.readers.sanitize import web_url


def read_sitemap(text: str, *, url: str, now: datetime) -> Reading:
    """The pages that a sitemap lists; where some are marked as news, only those. `lastmod` is when one was updated.

    Raises ReadError for what is no XML, and for an index of sitemaps, which lists no pages.
    """
    parser = etree.XMLParser(resolve_entities=False, no_network=True, load_dtd=False, huge_tree=False)
    try:
        root = etree.fromstring(text.encode("utf-8", "replace"), parser)
    except etree.XMLSyntaxError as error:
        raise ReadError("unreadable", f"the sitemap is no XML: {error}") from None
    if etree.QName(root).localname == "sitemapindex":
        first = next((one_line(e.text or "") for e in root.iter("{*}loc")), "")
        raise ReadError("unreadable", f"an index of sitemaps; take one that it lists as source, like {first}")
    found = [(element.find("{*}news") is not None, element) for element in root.iter("{*}url")]
    news = any(marked for marked, _ in found)
    entries = [_entry(element, url, now) for marked, element in found if marked or not news]
    return Reading("feed", tuple(entry for entry in entries if entry is not None))


def _entry(element: etree._Element, url: str, now: datetime) -> Entry | None:
    link = web_url(_said(element, "loc"), url)
    if link is None:
        return None
    title = _said(element, "title")
    published = _date(_said(element, "publication_date"), now)
    words = [word.strip() for word in _said(element, "keywords").split(",")]
    return Entry(
        id=entry_id(None, link, title, None),
        title=title,
        link=link,
        categories=tuple(Category(word) for word in words if word),
        published=published,
        updated=_date(_said(element, "lastmod"), now),
    )


def _said(element: etree._Element, name: str) -> str:
    found = next(element.iter(f"{{*}}{name}"), None)
    return one_line(found.text or "") if found is not None else ""


def _date(text: str, now: datetime) -> Moment | None:
    return parse_date(text, now) if text else None

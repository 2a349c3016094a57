"""Lists of sources as OPML 2.0, the file by which feed readers hand their subscriptions on: read and written. Pure.

A folder is a category of what is in it; of folders in folders each is one. A feed is an outline with `xmlUrl`, a page
that is watched one of `type="link"` with `url`, which other readers leave alone.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from lxml import etree
from msgspec import Struct

from feedwatch.canonical import one_line
from feedwatch.errors import FeedwatchError

#: Bytes and outlines of a file that are read.
LARGEST, MOST = 10_000_000, 20_000
#: An ampersand that begins no reference: many programs write addresses so.
_BARE = re.compile(rb"&(?!#?\w{1,32};)")
_ATTRIBUTES = ("type", "text", "title", "url", "xmlurl", "category")


class Subscription(Struct, frozen=True):
    """One source as OPML can say it."""

    #: As it is written: whether it is an address that can be polled is the caller's business.
    url: str
    #: "" where the file says none.
    title: str = ""
    categories: tuple[str, ...] = ()
    #: Whether a page is meant, not a feed.
    page: bool = False


def read(data: bytes) -> tuple[Subscription, ...]:
    """Each address once, in the order of the file, with the folders of all places where it stands.

    Raises FeedwatchError for what is no OPML, is too large, or declares entities.
    """
    found: dict[str, Subscription] = {}
    for new in _outlines(_parsed(data)):
        known = found.get(new.url)
        if known is None:
            found[new.url] = new
        else:
            categories = tuple(dict.fromkeys((*known.categories, *new.categories)))
            found[new.url] = Subscription(known.url, known.title or new.title, categories, known.page and new.page)
    return tuple(found.values())


def render(title: str, subscriptions: Sequence[Subscription]) -> bytes:
    """A subscription stands in the folder of each of its categories, and outside of any where it has none.

    `read` gives back what was rendered; same subscriptions, same bytes (no date).
    """
    root = etree.Element("opml", version="2.0")
    etree.SubElement(etree.SubElement(root, "head"), "title").text = one_line(title)
    body = etree.SubElement(root, "body")
    folders: dict[str, etree._Element] = {}
    for one in subscriptions:
        for category in one.categories:
            if category not in folders:
                folders[category] = etree.SubElement(body, "outline", text=category, title=category)
            etree.SubElement(folders[category], "outline", _attributes(one))
        if not one.categories:
            etree.SubElement(body, "outline", _attributes(one))
    written: bytes = etree.tostring(root, pretty_print=True, xml_declaration=True, encoding="UTF-8")
    return written


def _attributes(one: Subscription) -> dict[str, str]:
    found = {"type": "link" if one.page else "rss", "text": one.title or one.url}
    if one.title:
        found["title"] = one.title
    found["url" if one.page else "xmlUrl"] = one.url
    # OPML has no way to write a name with one of these signs in it; the folder says it all the same.
    if one.categories and not any({",", "/"} & set(name) for name in one.categories):
        found["category"] = ",".join(f"/{name}" for name in one.categories)
    return found


def _parsed(data: bytes) -> etree._Element:
    if len(data) > LARGEST:
        raise FeedwatchError(f"has more than {LARGEST // 1_000_000} MB; split the list into smaller files")
    data = data.lstrip()
    try:
        root = _xml(data)
    except etree.XMLSyntaxError as error:
        try:
            root = _xml(_BARE.sub(b"&amp;", data))
        except etree.XMLSyntaxError:
            # The first complaint is about what stands in the file.
            raise FeedwatchError(f"is no OPML: {one_line(str(error))}; export the list anew, as OPML") from None
    name = etree.QName(root).localname
    if name.lower() != "opml":
        raise FeedwatchError(f"is no OPML but <{name}>; a single feed goes to: feedwatch add URL")
    return root


def _xml(data: bytes) -> etree._Element:
    """The document, without looking at anything outside it. What it may cost is bounded: no huge tree."""
    root = etree.fromstring(data, etree.XMLParser(resolve_entities=False, no_network=True, load_dtd=False))
    dtd = root.getroottree().docinfo.internalDTD
    if dtd is not None and dtd.entities():
        raise FeedwatchError("declares XML entities in its DOCTYPE, which is refused as unsafe; take the DOCTYPE out")
    return root


def _outlines(root: etree._Element) -> Iterator[Subscription]:
    folders: list[str] = []
    count = 0
    for event, element in etree.iterwalk(root, events=("start", "end")):
        if not isinstance(element.tag, str) or etree.QName(element).localname.lower() != "outline":
            continue
        # Some programs write the names of attributes in another case.
        said = {name.lower(): one_line(value) for name, value in element.items() if name.lower() in _ATTRIBUTES}
        name = said.get("title") or said.get("text") or ""
        address = said.get("xmlurl") or (said.get("url") if said.get("type", "").lower() == "link" else None)
        if event == "end":
            if not address:
                folders.pop()
            continue
        count += 1
        if count > MOST:
            raise FeedwatchError(f"has more than {MOST:,} outlines; split the list into smaller files")
        if not address:
            folders.append(name)
            continue
        stated = (part.strip() for path in said.get("category", "").split(",") for part in path.split("/"))
        categories = tuple(dict.fromkeys(part for part in (*stated, *folders) if part))
        title = said.get("title") or (name if name != address else "")
        yield Subscription(address, title, categories, page="xmlurl" not in said)

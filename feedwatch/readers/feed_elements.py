"""What single elements of RSS 2.0 and Atom 1.0 say, in the words that feedparser has for it. Knows no document.

An element, attribute, type or namespace that is not listed here raises Unknown: it is feedparser's to read.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from typing import Any
from urllib.parse import urljoin

from feedwatch.canonical import is_settled

# Names with their namespaces, as expat writes them.
ATOM = "http://www.w3.org/2005/Atom}"
_CONTENT = "http://purl.org/rss/1.0/modules/content/}"
_DC = "http://purl.org/dc/elements/1.1/}"
_MEDIA = "http://search.yahoo.com/mrss/}"
# The attributes that elements may have.
_OF_GUID, _OF_RSS_CATEGORY = frozenset({"isPermaLink"}), frozenset({"domain"})
_OF_ENCLOSURE = frozenset({"url", "type", "length"})
_OF_LINK = frozenset({"href", "rel", "type", "hreflang", "title", "length"})
_OF_CATEGORY, _OF_TEXT = frozenset({"term", "scheme", "label"}), frozenset({"type"})
#: Elements that say nothing that is kept; of what stands in them feedparser would keep much.
_IGNORED_IN_RSS = frozenset({
    "comments",
    "http://purl.org/rss/1.0/modules/slash/}comments",
    "http://wellformedweb.org/CommentAPI/}commentRss",
    "http://wellformedweb.org/CommentAPI/}comment",
})  # fmt: skip
_IGNORED_IN_CHANNEL = frozenset({
    "category", "cloud", "docs", "generator", "lastBuildDate", "pubDate", "ttl", "webMaster",
    "http://purl.org/rss/1.0/modules/syndication/}updatePeriod",
    "http://purl.org/rss/1.0/modules/syndication/}updateFrequency",
    "http://purl.org/rss/1.0/modules/syndication/}updateBase",
})  # fmt: skip
_IGNORED_IN_ATOM = frozenset({f"{ATOM}generator", "http://purl.org/syndication/thread/1.0}total"})
_TYPES = {"text": "text/plain", "html": "text/html", "text/plain": "text/plain",
          "text/html": "text/html"}  # fmt: skip
_HTML = frozenset({"text/html", "application/xhtml+xml"})
#: feedparser mends these: what Windows has for letters where Unicode has controls, and UTF-8 that was read as Latin-1.
_MENDED = re.compile("[\x80-\x9f]|[\xc2-\xf4][\x80-\xbf]")
_SLASHES = re.compile(r"^([A-Za-z][A-Za-z0-9+-.]*://)(/*)(.*?)")
_AMPERSAND = re.compile("&([A-Za-z0-9_]+);")
#: What no base says anything of.
_NAME = re.compile("(?:tag|urn):[A-Za-z0-9:/.,_-]+")
#: feedparser takes the name of a person apart at these.
_IN_PERSON = re.compile(r"[@()<>&;]")

Mapped = dict[str, Any]


class Unknown(Exception):
    """Something that only feedparser knows how to read."""


class Elements:
    """`url` is the base of relative addresses; `mended`: letters that feedparser mends can be in the document. Each
    method puts what an element says into what holds it."""

    def __init__(self, url: str, *, mended: bool) -> None:
        self._url = url
        self._mended = mended

    def title(self, holder: Mapped, element: Any) -> None:
        holder["title"] = self._text(element)

    def rss_link(self, holder: Mapped, element: Any) -> None:
        value = self._resolved(self._text(element))
        if not value or _AMPERSAND.search(value):
            raise Unknown
        holder.setdefault("links", []).append({"rel": "alternate", "type": "text/html", "href": value})
        holder["link"] = value

    def guid(self, entry: Mapped, element: Any) -> None:
        only(element, _OF_GUID)
        value = self._text(element, attributes=True)
        if element.get("isPermaLink", "true") == "true":
            value = self._resolved(value)
            entry.setdefault("link", value)
        entry["id"] = value

    def description(self, entry: Mapped, element: Any) -> None:
        entry["summary"] = value = self._text(element)
        entry["summary_detail"] = {"type": "text/html", "value": value}

    def encoded(self, entry: Mapped, element: Any) -> None:
        value = self._text(element)
        entry["content"] = [{"type": "text/html", "value": value}]
        entry.setdefault("summary", value)

    def published(self, entry: Mapped, element: Any) -> None:
        entry["published"] = self._text(element)

    def rss_author(self, holder: Mapped, element: Any) -> None:
        value = self._text(element)
        if _IN_PERSON.search(value):
            raise Unknown
        holder.setdefault("authors", []).append({"name": value} if value else {})
        holder["author"] = value

    def rss_category(self, entry: Mapped, element: Any) -> None:
        only(element, _OF_RSS_CATEGORY)
        domain, value = element.get("domain"), self._text(element, attributes=True)
        tags = entry.setdefault("tags", [])
        if domain:
            _tag(tags, None, domain, None)
        if value and tags and not tags[-1]["term"]:
            tags[-1]["term"] = value
        elif value:
            _tag(tags, value, None, None)

    def enclosure(self, entry: Mapped, element: Any) -> None:
        only(element, _OF_ENCLOSURE)
        if len(element):
            raise Unknown
        attributes = dict(element.attrib)
        if "type" in attributes:
            attributes["type"] = attributes["type"].lower()
        if url := attributes.pop("url", None):
            attributes["href"] = url
        entry.setdefault("links", []).append({**attributes, "rel": "enclosure"})

    def media(self, entry: Mapped, element: Any) -> None:
        if len(element) or (element.text or "").strip():
            raise Unknown
        name = "media_" + element.tag.rpartition("}")[2]
        attributes = {key: value.lower() if key == "type" else value for key, value in element.attrib.items()}
        if any("}" in key or not key.islower() for key in attributes):
            raise Unknown
        entry.setdefault(name, []).append(attributes)

    def rss_image(self, feed: Mapped, element: Any) -> None:
        if element.keys():
            raise Unknown
        image: Mapped = {}
        for part in element:
            value = self._text(part)
            if part.tag == "url":
                image["href"] = self._resolved(value)
            elif part.tag not in ("title", "link", "width", "height", "description"):
                raise Unknown
        feed["image"] = image

    def skipped(self, feed: Mapped, element: Any) -> None:
        if any(part.tag not in ("day", "hour") or len(part) for part in element):
            raise Unknown

    def kept(self, holder: Mapped, element: Any) -> None:
        holder[_KEPT[element.tag]] = self._text(element)

    def address(self, feed: Mapped, element: Any) -> None:
        feed[_KEPT[element.tag]] = self._resolved(self._text(element))

    def atom_id(self, holder: Mapped, element: Any) -> None:
        holder["id"] = value = self._resolved(self._text(element))
        holder.setdefault("link", value)

    def atom_title(self, holder: Mapped, element: Any) -> None:
        holder["title_detail"] = construct = self._construct(element)
        holder["title"] = construct["value"]

    def summary(self, entry: Mapped, element: Any) -> None:
        entry["summary_detail"] = construct = self._construct(element)
        entry["summary"] = construct["value"]

    def content(self, entry: Mapped, element: Any) -> None:
        construct = self._construct(element)
        entry["content"] = [construct]
        entry.setdefault("summary", construct["value"])

    def link(self, holder: Mapped, element: Any) -> None:
        only(element, _OF_LINK)
        link = dict(element.attrib)
        if not link.get("href") or (element.text or "").strip() or len(element):
            raise Unknown
        link["rel"] = link.get("rel", "alternate").lower()
        link["type"] = link.get("type", "application/atom+xml" if link["rel"] == "self" else "text/html").lower()
        link["href"] = self._resolved(link["href"])
        holder.setdefault("links", []).append(link)
        if link["rel"] == "alternate" and link["type"] in _HTML:
            holder["link"] = link["href"]

    def atom_author(self, holder: Mapped, element: Any) -> None:
        if element.keys():
            raise Unknown
        person: Mapped = {}
        names = {f"{ATOM}name": "name", f"{ATOM}uri": "href", f"{ATOM}email": "email"}
        for part in element:
            if part.tag not in names or names[part.tag] in person:
                raise Unknown
            person[names[part.tag]] = self._text(part)
        if "href" in person:
            person["href"] = self._resolved(person["href"])
        if not person.get("name") or _IN_PERSON.search(person["name"]) or (holder.get("authors") and "email" in person):
            raise Unknown
        holder.setdefault("authors", []).append(person)

    def atom_category(self, entry: Mapped, element: Any) -> None:
        only(element, _OF_CATEGORY)
        if (element.text or "").strip() or len(element):
            raise Unknown
        _tag(entry.setdefault("tags", []), element.get("term"), element.get("scheme"), element.get("label"))

    def _text(self, element: Any, *, attributes: bool = False) -> str:
        """The text of an element that has nothing else in it."""
        if len(element) or (not attributes and element.keys()):
            raise Unknown
        text: str = (element.text or "").strip()
        # All that is mended has one of U+0080 to U+00BF in it. Looking for its byte takes a tenth of the search.
        if self._mended and not text.isascii() and b"\xc2" in text.encode() and _MENDED.search(text):
            raise Unknown
        return text

    def _construct(self, element: Any) -> Mapped:
        only(element, _OF_TEXT)
        type_ = _TYPES.get((element.get("type") or "text").lower())
        if type_ is None:
            raise Unknown
        return {"type": type_, "value": self._text(element, attributes=True)}

    def _resolved(self, address: str) -> str:
        if not address or is_settled(address) or _NAME.fullmatch(address):
            return address
        try:
            return urljoin(self._url, _SLASHES.sub(r"\1\3", address))
        except ValueError:
            raise Unknown from None


Read = Callable[[Elements, Mapped, Any], None]
#: One for each element; None for those that say nothing that is kept.
Reads = list[Read | None]
Known = dict[str, Read | None]
_KEPT = {"description": "subtitle", "language": "language", "copyright": "rights", f"{ATOM}updated": "updated",
         f"{ATOM}published": "published", f"{ATOM}icon": "icon", f"{ATOM}logo": "logo"}  # fmt: skip
_REPEATED = frozenset({
    "category", "enclosure", f"{_DC}creator", f"{_MEDIA}content", f"{_MEDIA}thumbnail", f"{ATOM}link",
    f"{ATOM}category", f"{ATOM}author",
})  # fmt: skip
IN_CHANNEL: Known = {
    **dict.fromkeys(_IGNORED_IN_CHANNEL),
    "title": Elements.title,
    "link": Elements.rss_link,
    "description": Elements.kept,
    "language": Elements.kept,
    "copyright": Elements.kept,
    "image": Elements.rss_image,
    "skipDays": Elements.skipped,
    "skipHours": Elements.skipped,
    "managingEditor": Elements.rss_author,
    f"{ATOM}link": Elements.link,
}
IN_ITEM: Known = {
    **dict.fromkeys(_IGNORED_IN_RSS),
    "title": Elements.title,
    "link": Elements.rss_link,
    "guid": Elements.guid,
    "description": Elements.description,
    "pubDate": Elements.published,
    "author": Elements.rss_author,
    "category": Elements.rss_category,
    "enclosure": Elements.enclosure,
    f"{_CONTENT}encoded": Elements.encoded,
    f"{_DC}creator": Elements.rss_author,
    f"{_MEDIA}content": Elements.media,
    f"{_MEDIA}thumbnail": Elements.media,
}
IN_FEED: Known = {
    **dict.fromkeys(_IGNORED_IN_ATOM),
    f"{ATOM}id": Elements.atom_id,
    f"{ATOM}title": Elements.atom_title,
    f"{ATOM}link": Elements.link,
    f"{ATOM}updated": Elements.kept,
    f"{ATOM}author": Elements.atom_author,
    f"{ATOM}icon": Elements.address,
    f"{ATOM}logo": Elements.address,
}
IN_ENTRY: Known = {
    **dict.fromkeys(_IGNORED_IN_ATOM),
    f"{ATOM}id": Elements.atom_id,
    f"{ATOM}title": Elements.atom_title,
    f"{ATOM}link": Elements.link,
    f"{ATOM}published": Elements.kept,
    f"{ATOM}updated": Elements.kept,
    f"{ATOM}summary": Elements.summary,
    f"{ATOM}content": Elements.content,
    f"{ATOM}author": Elements.atom_author,
    f"{ATOM}category": Elements.atom_category,
}


def reads_of(elements: Iterable[Any], known: Known) -> Reads:
    """How each of these is read."""
    reads: Reads = []
    seen: set[str] = set()
    for element in elements:
        tag = element.tag
        if tag not in known or (tag in seen and tag not in _REPEATED and known[tag] is not None):
            raise Unknown
        seen.add(tag)
        reads.append(known[tag])
    if "author" in seen and f"{_DC}creator" in seen:
        raise Unknown
    return reads


def only(element: Any, allowed: frozenset[str]) -> None:
    """No attribute but these."""
    names = element.keys()
    if names and not allowed.issuperset(names):
        raise Unknown


def _tag(tags: list[Mapped], term: str | None, scheme: str | None, label: str | None) -> None:
    tag = {"term": term, "scheme": scheme, "label": label}
    if (term or scheme or label) and tag not in tags:
        tags.append(tag)

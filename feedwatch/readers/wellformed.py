"""Well-formed RSS 2.0 and Atom 1.0 as expat reads them, which feedparser has as well, in the mapping that feedparser
would make of them.

It knows what nearly all feeds are made of and gives up on anything else: an element, attribute, type or namespace that
is not listed here means None, and feedparser reads the document. `tests/test_wellformed.py` holds the two together.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from typing import Any
from urllib.parse import urljoin
from xml.etree.ElementTree import TreeBuilder
from xml.parsers import expat

from msgspec import Struct

from feedwatch.canonical import is_settled

# Names with their namespaces, as expat writes them.
_ATOM = "http://www.w3.org/2005/Atom}"
_ENTRY = f"{_ATOM}entry"
_CONTENT = "http://purl.org/rss/1.0/modules/content/}"
_DC = "http://purl.org/dc/elements/1.1/}"
_MEDIA = "http://search.yahoo.com/mrss/}"
_XML_LANG = "http://www.w3.org/XML/1998/namespace}lang"
# The attributes that elements may have.
_OF_RSS, _OF_FEED = frozenset({"version"}), frozenset({_XML_LANG})
_OF_GUID, _OF_RSS_CATEGORY = frozenset({"isPermaLink"}), frozenset({"domain"})
_OF_ENCLOSURE = frozenset({"url", "type", "length"})
_OF_LINK = frozenset({"href", "rel", "type", "hreflang", "title", "length"})
_OF_CATEGORY, _OF_TEXT = frozenset({"term", "scheme", "label"}), frozenset({"type"})
#: Elements that say nothing that is kept; whatever is in them is not looked at.
_IGNORED_IN_RSS = frozenset({
    "comments",
    "http://purl.org/rss/1.0/modules/slash/}comments",
    "http://wellformedweb.org/CommentAPI/}commentRss",
    "http://wellformedweb.org/CommentAPI/}comment",
})  # fmt: skip
_IGNORED_IN_CHANNEL = frozenset({
    "category", "cloud", "docs", "generator", "lastBuildDate", "pubDate", "skipDays", "skipHours", "ttl", "webMaster",
    "http://purl.org/rss/1.0/modules/syndication/}updatePeriod",
    "http://purl.org/rss/1.0/modules/syndication/}updateFrequency",
    "http://purl.org/rss/1.0/modules/syndication/}updateBase",
})  # fmt: skip
_IGNORED_IN_ATOM = frozenset({f"{_ATOM}generator", "http://purl.org/syndication/thread/1.0}total"})
_TYPES = {"text": "text/plain", "html": "text/html", "text/plain": "text/plain",
          "text/html": "text/html"}  # fmt: skip
_HTML = frozenset({"text/html", "application/xhtml+xml"})
#: feedparser mends these: what Windows has for letters where Unicode has controls, and UTF-8 that was read as Latin-1.
_MENDED = re.compile("[\x80-\x9f]|[\xc2-\xf4][\x80-\xbf]")
_SLASHES = re.compile(r"^([A-Za-z][A-Za-z0-9+-.]*://)(/*)(.*?)")
_AMPERSAND = re.compile("&([A-Za-z0-9_]+);")
_AND = ord("&")
#: Bytes of text that are put together at once: nearly all texts are shorter.
_TEXT = 1 << 15
#: What no base says anything of.
_NAME = re.compile("(?:tag|urn):[A-Za-z0-9:/.,_-]+")
#: feedparser takes the name of a person apart at these.
_IN_PERSON = re.compile(r"[@()<>&;]")

Mapped = dict[str, Any]


class Parsed(Struct, frozen=True):
    """What feedparser's result is used for."""

    rss: bool
    feed: Mapped
    entries: list[Mapped]


class _Unknown(Exception):
    """Something that only feedparser knows how to read."""


def parse(data: bytes, url: str) -> Parsed | None:
    """The feed in `data`, UTF-8 that begins at its root element; None where feedparser has to read it. `url` is the
    base of relative addresses."""
    try:
        root = _root(data)
        reader = _Reader(url, mended=b"\xc2" in data or _has_references(data))
        if root.tag == "rss" and root.get("version") == "2.0":
            return reader.rss(root)
        if root.tag == f"{_ATOM}feed":
            return reader.atom(root)
    except (expat.ExpatError, _Unknown):
        pass
    return None


def _root(data: bytes) -> Any:
    """The element that `data` is. As it has no document type it has no entities that could grow.

    `ElementTree.fromstring` takes a fifth longer: it takes each piece of a text for itself, and counts lines for an
    error that there is not.
    """
    builder = TreeBuilder()
    parser = expat.ParserCreate("utf-8", "}")
    parser.buffer_text = True
    parser.buffer_size = _TEXT
    parser.StartElementHandler = builder.start
    parser.EndElementHandler = builder.end
    parser.CharacterDataHandler = builder.data
    parser.Parse(data, True)
    return builder.close()


def _has_references(data: bytes) -> bool:
    """Whether `&#` is in it. Looking for one letter of the two takes a thirtieth of the time."""
    at = data.find(b"#")
    while at > 0 and data[at - 1] != _AND:
        at = data.find(b"#", at + 1)
    return at > 0


class _Reader:
    def __init__(self, url: str, *, mended: bool) -> None:
        """`mended`: letters that feedparser mends can be in the document."""
        self._url = url
        self._mended = mended
        #: How entries are read, by the elements that they are made of.
        self._reads: dict[tuple[str, ...], _Reads] = {}

    # --- RSS 2.0 ---

    def rss(self, root: Any) -> Parsed:
        _only(root, _OF_RSS)
        (channel,) = root if len(root) == 1 else (None,)
        if channel is None or channel.tag != "channel":
            raise _Unknown
        items, others = _parted(channel, "item")
        entries = [self._entry(item, _IN_ITEM) for item in items]
        return Parsed(True, self._said(others, _reads(others, _IN_CHANNEL)), entries)

    def _entry(self, element: Any, known: _Known) -> Mapped:
        if element.keys():
            raise _Unknown
        tags = tuple([part.tag for part in element])
        # Nearly all entries of a feed are made of the same.
        reads = self._reads.get(tags)
        if reads is None:
            reads = self._reads[tags] = _reads(element, known)
        return self._said(element, reads)

    def _said(self, elements: Iterable[Any], reads: _Reads) -> Mapped:
        said: Mapped = {}
        for read, element in zip(reads, elements, strict=True):
            if read is not None:
                read(self, said, element)
        return said

    def _title(self, holder: Mapped, element: Any) -> None:
        holder["title"] = self._text(element)

    def _rss_link(self, holder: Mapped, element: Any) -> None:
        value = self._resolved(self._text(element))
        if not value or _AMPERSAND.search(value):
            raise _Unknown
        holder.setdefault("links", []).append({"rel": "alternate", "type": "text/html", "href": value})
        holder["link"] = value

    def _guid(self, entry: Mapped, element: Any) -> None:
        _only(element, _OF_GUID)
        value = self._text(element, attributes=True)
        if element.get("isPermaLink", "true") == "true":
            value = self._resolved(value)
            entry.setdefault("link", value)
        entry["id"] = value

    def _description(self, entry: Mapped, element: Any) -> None:
        entry["summary"] = value = self._text(element)
        entry["summary_detail"] = {"type": "text/html", "value": value}

    def _encoded(self, entry: Mapped, element: Any) -> None:
        value = self._text(element)
        entry["content"] = [{"type": "text/html", "value": value}]
        entry.setdefault("summary", value)

    def _published(self, entry: Mapped, element: Any) -> None:
        entry["published"] = self._text(element)

    def _rss_author(self, holder: Mapped, element: Any) -> None:
        value = self._text(element)
        if _IN_PERSON.search(value):
            raise _Unknown
        holder.setdefault("authors", []).append({"name": value} if value else {})
        holder["author"] = value

    def _rss_category(self, entry: Mapped, element: Any) -> None:
        _only(element, _OF_RSS_CATEGORY)
        domain, value = element.get("domain"), self._text(element, attributes=True)
        tags = entry.setdefault("tags", [])
        if domain:
            _tag(tags, None, domain, None)
        if value and tags and not tags[-1]["term"]:
            tags[-1]["term"] = value
        elif value:
            _tag(tags, value, None, None)

    def _enclosure(self, entry: Mapped, element: Any) -> None:
        _only(element, _OF_ENCLOSURE)
        attributes = dict(element.attrib)
        if "type" in attributes:
            attributes["type"] = attributes["type"].lower()
        if url := attributes.pop("url", None):
            attributes["href"] = url
        entry.setdefault("links", []).append({**attributes, "rel": "enclosure"})

    def _media(self, entry: Mapped, element: Any) -> None:
        if len(element) or (element.text or "").strip():
            raise _Unknown
        name = "media_" + element.tag.rpartition("}")[2]
        attributes = {key: value.lower() if key == "type" else value for key, value in element.attrib.items()}
        if any("}" in key or not key.islower() for key in attributes):
            raise _Unknown
        entry.setdefault(name, []).append(attributes)

    def _rss_image(self, feed: Mapped, element: Any) -> None:
        image: Mapped = {}
        for part in element:
            if part.tag == "url":
                image["href"] = self._resolved(self._text(part))
            elif part.tag not in ("title", "link", "width", "height", "description"):
                raise _Unknown
        feed["image"] = image

    def _kept(self, holder: Mapped, element: Any) -> None:
        holder[_KEPT[element.tag]] = self._text(element)

    def _address(self, feed: Mapped, element: Any) -> None:
        feed[_KEPT[element.tag]] = self._resolved(self._text(element))

    # --- Atom 1.0 ---

    def atom(self, root: Any) -> Parsed:
        _only(root, _OF_FEED)
        entries, others = _parted(root, _ENTRY)
        found = [self._entry(entry, _IN_ENTRY) for entry in entries]
        feed = self._said(others, _reads(others, _IN_FEED))
        if lang := root.get(_XML_LANG):
            feed["language"] = lang.replace("_", "-")
        return Parsed(False, feed, found)

    def _atom_id(self, holder: Mapped, element: Any) -> None:
        holder["id"] = value = self._resolved(self._text(element))
        holder.setdefault("link", value)

    def _atom_title(self, holder: Mapped, element: Any) -> None:
        holder["title_detail"] = construct = self._construct(element)
        holder["title"] = construct["value"]

    def _summary(self, entry: Mapped, element: Any) -> None:
        entry["summary_detail"] = construct = self._construct(element)
        entry["summary"] = construct["value"]

    def _content(self, entry: Mapped, element: Any) -> None:
        construct = self._construct(element)
        entry["content"] = [construct]
        entry.setdefault("summary", construct["value"])

    def _link(self, holder: Mapped, element: Any) -> None:
        _only(element, _OF_LINK)
        link = dict(element.attrib)
        if not link.get("href") or (element.text or "").strip() or len(element):
            raise _Unknown
        link["rel"] = link.get("rel", "alternate").lower()
        link["type"] = link.get("type", "application/atom+xml" if link["rel"] == "self" else "text/html").lower()
        link["href"] = self._resolved(link["href"])
        holder.setdefault("links", []).append(link)
        if link["rel"] == "alternate" and link["type"] in _HTML:
            holder["link"] = link["href"]

    def _atom_author(self, holder: Mapped, element: Any) -> None:
        if element.keys():
            raise _Unknown
        person: Mapped = {}
        names = {f"{_ATOM}name": "name", f"{_ATOM}uri": "href", f"{_ATOM}email": "email"}
        for part in element:
            if part.tag not in names or names[part.tag] in person:
                raise _Unknown
            person[names[part.tag]] = self._text(part)
        if "href" in person:
            person["href"] = self._resolved(person["href"])
        if not person.get("name") or _IN_PERSON.search(person["name"]) or (holder.get("authors") and "email" in person):
            raise _Unknown
        holder.setdefault("authors", []).append(person)

    def _atom_category(self, entry: Mapped, element: Any) -> None:
        _only(element, _OF_CATEGORY)
        if (element.text or "").strip() or len(element):
            raise _Unknown
        _tag(entry.setdefault("tags", []), element.get("term"), element.get("scheme"), element.get("label"))

    def _text(self, element: Any, *, attributes: bool = False) -> str:
        """The text of an element that has nothing else in it."""
        if len(element) or (not attributes and element.keys()):
            raise _Unknown
        text: str = (element.text or "").strip()
        # All that is mended has one of U+0080 to U+00BF in it. Looking for its byte takes a tenth of the search.
        if self._mended and not text.isascii() and b"\xc2" in text.encode() and _MENDED.search(text):
            raise _Unknown
        return text

    def _construct(self, element: Any) -> Mapped:
        _only(element, _OF_TEXT)
        type_ = _TYPES.get((element.get("type") or "text").lower())
        if type_ is None:
            raise _Unknown
        return {"type": type_, "value": self._text(element, attributes=True)}

    def _resolved(self, address: str) -> str:
        if not address or is_settled(address) or _NAME.fullmatch(address):
            return address
        try:
            return urljoin(self._url, _SLASHES.sub(r"\1\3", address))
        except ValueError:
            raise _Unknown from None


_Read = Callable[[_Reader, Mapped, Any], None]
#: One for each element; None for those that say nothing that is kept.
_Reads = list[_Read | None]
_Known = dict[str, _Read | None]
_KEPT = {"description": "subtitle", "language": "language", "copyright": "rights", f"{_ATOM}updated": "updated",
         f"{_ATOM}published": "published", f"{_ATOM}icon": "icon", f"{_ATOM}logo": "logo"}  # fmt: skip
_REPEATED = frozenset({
    "category", "enclosure", f"{_DC}creator", f"{_MEDIA}content", f"{_MEDIA}thumbnail", f"{_ATOM}link",
    f"{_ATOM}category", f"{_ATOM}author",
})  # fmt: skip
_IN_CHANNEL: _Known = {
    **dict.fromkeys(_IGNORED_IN_CHANNEL),
    "title": _Reader._title,
    "link": _Reader._rss_link,
    "description": _Reader._kept,
    "language": _Reader._kept,
    "copyright": _Reader._kept,
    "image": _Reader._rss_image,
    "managingEditor": _Reader._rss_author,
    f"{_ATOM}link": _Reader._link,
}
_IN_ITEM: _Known = {
    **dict.fromkeys(_IGNORED_IN_RSS),
    "title": _Reader._title,
    "link": _Reader._rss_link,
    "guid": _Reader._guid,
    "description": _Reader._description,
    "pubDate": _Reader._published,
    "author": _Reader._rss_author,
    "category": _Reader._rss_category,
    "enclosure": _Reader._enclosure,
    f"{_CONTENT}encoded": _Reader._encoded,
    f"{_DC}creator": _Reader._rss_author,
    f"{_MEDIA}content": _Reader._media,
    f"{_MEDIA}thumbnail": _Reader._media,
}
_IN_FEED: _Known = {
    **dict.fromkeys(_IGNORED_IN_ATOM),
    f"{_ATOM}id": _Reader._atom_id,
    f"{_ATOM}title": _Reader._atom_title,
    f"{_ATOM}link": _Reader._link,
    f"{_ATOM}updated": _Reader._kept,
    f"{_ATOM}author": _Reader._atom_author,
    f"{_ATOM}icon": _Reader._address,
    f"{_ATOM}logo": _Reader._address,
}
_IN_ENTRY: _Known = {
    **dict.fromkeys(_IGNORED_IN_ATOM),
    f"{_ATOM}id": _Reader._atom_id,
    f"{_ATOM}title": _Reader._atom_title,
    f"{_ATOM}link": _Reader._link,
    f"{_ATOM}published": _Reader._kept,
    f"{_ATOM}updated": _Reader._kept,
    f"{_ATOM}summary": _Reader._summary,
    f"{_ATOM}content": _Reader._content,
    f"{_ATOM}author": _Reader._atom_author,
    f"{_ATOM}category": _Reader._atom_category,
}


def _parted(parent: Any, entry: str) -> tuple[list[Any], list[Any]]:
    """What is in `parent`: the entries, and all else."""
    entries: list[Any] = []
    others: list[Any] = []
    for element in parent:
        (entries if element.tag == entry else others).append(element)
    return entries, others


def _reads(elements: Iterable[Any], known: _Known) -> _Reads:
    reads: _Reads = []
    seen: set[str] = set()
    for element in elements:
        tag = element.tag
        if tag not in known or (tag in seen and tag not in _REPEATED and known[tag] is not None):
            raise _Unknown
        seen.add(tag)
        reads.append(known[tag])
    if "author" in seen and f"{_DC}creator" in seen:
        raise _Unknown
    return reads


def _only(element: Any, allowed: frozenset[str]) -> None:
    """No attribute but these."""
    names = element.keys()
    if names and not allowed.issuperset(names):
        raise _Unknown


def _tag(tags: list[Mapped], term: str | None, scheme: str | None, label: str | None) -> None:
    tag = {"term": term, "scheme": scheme, "label": label}
    if (term or scheme or label) and tag not in tags:
        tags.append(tag)

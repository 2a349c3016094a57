"""Well-formed RSS 2.0 and Atom 1.0 as lxml reads them, in the mapping that feedparser would make of them.

It knows what nearly all feeds are made of and gives up on anything else: an element, attribute, type or namespace that
is not listed here means None, and feedparser reads the document. `tests/test_wellformed.py` holds the two together.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from typing import Any
from urllib.parse import urljoin

from lxml import etree
from msgspec import Struct, field

from feedwatch.canonical import is_settled

_ATOM = "{http://www.w3.org/2005/Atom}"
_ENTRY = f"{_ATOM}entry"
_CONTENT = "{http://purl.org/rss/1.0/modules/content/}"
_DC = "{http://purl.org/dc/elements/1.1/}"
_MEDIA = "{http://search.yahoo.com/mrss/}"
_XML_LANG = "{http://www.w3.org/XML/1998/namespace}lang"
#: Elements that say nothing that is kept; whatever is in them is not looked at.
_IGNORED_IN_RSS = frozenset({
    "comments",
    "{http://purl.org/rss/1.0/modules/slash/}comments",
    "{http://wellformedweb.org/CommentAPI/}commentRss",
    "{http://wellformedweb.org/CommentAPI/}comment",
})  # fmt: skip
_IGNORED_IN_CHANNEL = frozenset({
    "category", "cloud", "docs", "generator", "lastBuildDate", "pubDate", "skipDays", "skipHours", "ttl", "webMaster",
    "{http://purl.org/rss/1.0/modules/syndication/}updatePeriod",
    "{http://purl.org/rss/1.0/modules/syndication/}updateFrequency",
    "{http://purl.org/rss/1.0/modules/syndication/}updateBase",
})  # fmt: skip
_IGNORED_IN_ATOM = frozenset({f"{_ATOM}generator", "{http://purl.org/syndication/thread/1.0}total"})
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


class Parsed(Struct, frozen=True):
    """What feedparser's result is used for."""

    rss: bool
    feed: Mapped
    entries: list[Mapped] = field(default_factory=list)


class _Unknown(Exception):
    """Something that only feedparser knows how to read."""


def parse(data: bytes, url: str) -> Parsed | None:
    """The feed in `data`, UTF-8 that begins at its root element; None where feedparser has to read it. `url` is the
    base of relative addresses."""
    parser = etree.XMLParser(resolve_entities=False, no_network=True, remove_comments=True, remove_pis=True)
    try:
        root = etree.fromstring(data, parser)
        reader = _Reader(url, mended=b"\xc2" in data or b"&#" in data)
        if root.tag == "rss" and root.get("version") == "2.0":
            return reader.rss(root)
        if root.tag == f"{_ATOM}feed":
            return reader.atom(root)
    except (etree.XMLSyntaxError, _Unknown):
        pass
    return None


class _Reader:
    def __init__(self, url: str, *, mended: bool) -> None:
        """`mended`: letters that feedparser mends can be in the document."""
        self._url = url
        self._mended = mended

    # --- RSS 2.0 ---

    def rss(self, root: Any) -> Parsed:
        _only(root, "version")
        (channel,) = root if len(root) == 1 else (None,)
        if channel is None or channel.tag != "channel":
            raise _Unknown
        parsed = Parsed(rss=True, feed={})
        parsed.entries.extend(map(self._item, channel.iterchildren("item")))
        self._fill(parsed.feed, (e for e in channel if e.tag != "item"), _IN_CHANNEL, _IGNORED_IN_CHANNEL)
        return parsed

    def _item(self, item: Any) -> Mapped:
        _only(item)
        entry: Mapped = {}
        seen = self._fill(entry, item, _IN_ITEM, _IGNORED_IN_RSS)
        if "author" in seen and f"{_DC}creator" in seen:
            raise _Unknown
        return entry

    def _fill(
        self, holder: Mapped, elements: Iterable[Any], known: dict[str, _Read], ignored: frozenset[str]
    ) -> set[str]:
        """`holder` gets what is said by `elements`, and what they were is given back."""
        seen: set[str] = set()
        for element in elements:
            tag = element.tag
            if tag in ignored:
                continue
            read = known.get(tag)
            if read is None or (tag in seen and tag not in _REPEATED):
                raise _Unknown
            seen.add(tag)
            read(self, holder, element)
        return seen

    def _title(self, holder: Mapped, element: Any) -> None:
        holder["title"] = self._text(element)

    def _rss_link(self, holder: Mapped, element: Any) -> None:
        value = self._resolved(self._text(element))
        if not value or _AMPERSAND.search(value):
            raise _Unknown
        holder.setdefault("links", []).append({"rel": "alternate", "type": "text/html", "href": value})
        holder["link"] = value

    def _guid(self, entry: Mapped, element: Any) -> None:
        _only(element, "isPermaLink")
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
        _only(element, "domain")
        domain, value = element.get("domain"), self._text(element, attributes=True)
        tags = entry.setdefault("tags", [])
        _tag(tags, None, domain, None)
        if value and tags and not tags[-1]["term"]:
            tags[-1]["term"] = value
        elif value:
            _tag(tags, value, None, None)

    def _enclosure(self, entry: Mapped, element: Any) -> None:
        _only(element, "url", "type", "length")
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
        if any("{" in key or not key.islower() for key in attributes):
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
        _only(root, _XML_LANG)
        parsed = Parsed(rss=False, feed={})
        if lang := root.get(_XML_LANG):
            parsed.feed["language"] = lang.replace("_", "-")
        parsed.entries.extend(map(self._entry, root.iterchildren(_ENTRY)))
        self._fill(parsed.feed, (e for e in root if e.tag != _ENTRY), _IN_FEED, _IGNORED_IN_ATOM)
        return parsed

    def _entry(self, element: Any) -> Mapped:
        _only(element)
        entry: Mapped = {}
        self._fill(entry, element, _IN_ENTRY, _IGNORED_IN_ATOM)
        return entry

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
        _only(element, "href", "rel", "type", "hreflang", "title", "length")
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
        _only(element)
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
        _only(element, "term", "scheme", "label")
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
        _only(element, "type")
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
_KEPT = {"description": "subtitle", "language": "language", "copyright": "rights", f"{_ATOM}updated": "updated",
         f"{_ATOM}published": "published", f"{_ATOM}icon": "icon", f"{_ATOM}logo": "logo"}  # fmt: skip
_REPEATED = frozenset({
    "category", "enclosure", f"{_DC}creator", f"{_MEDIA}content", f"{_MEDIA}thumbnail", f"{_ATOM}link",
    f"{_ATOM}category", f"{_ATOM}author",
})  # fmt: skip
_IN_CHANNEL: dict[str, _Read] = {
    "title": _Reader._title,
    "link": _Reader._rss_link,
    "description": _Reader._kept,
    "language": _Reader._kept,
    "copyright": _Reader._kept,
    "image": _Reader._rss_image,
    "managingEditor": _Reader._rss_author,
    f"{_ATOM}link": _Reader._link,
}
_IN_ITEM: dict[str, _Read] = {
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
_IN_FEED: dict[str, _Read] = {
    f"{_ATOM}id": _Reader._atom_id,
    f"{_ATOM}title": _Reader._atom_title,
    f"{_ATOM}link": _Reader._link,
    f"{_ATOM}updated": _Reader._kept,
    f"{_ATOM}author": _Reader._atom_author,
    f"{_ATOM}icon": _Reader._address,
    f"{_ATOM}logo": _Reader._address,
}
_IN_ENTRY: dict[str, _Read] = {
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


def _only(element: Any, *allowed: str) -> None:
    """No attribute but these."""
    names = element.keys()
    if names and not set(allowed).issuperset(names):
        raise _Unknown


def _tag(tags: list[Mapped], term: str | None, scheme: str | None, label: str | None) -> None:
    tag = {"term": term, "scheme": scheme, "label": label}
    if (term or scheme or label) and tag not in tags:
        tags.append(tag)

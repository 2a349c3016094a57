"""Where a listing goes on: the next page, as a page says it in one way or another. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterator
from urllib.parse import urlsplit

from lxml import etree

from feedwatch.canonical import canonical_url
from feedwatch.readers.sanitize import web_url
from feedwatch.readers.tree import classes, is_shown, visible_text

_WORDS = (
    r"next|older|weiter|nächste|ältere|suivante?|précédents|anteriores?|siguientes?|más antiguas?|próximas?|"
    r"successiv[aoie]|volgende|ouder|oudere|nästa|äldre|neste|næste|následující|starší|następn[ae]|starsze|далее|"
    r"следующ\w+|старые|sonraki|次|次へ|下一页|下一頁|다음|التالي"
)
_NEXT = re.compile(
    rf"(?:(?:{_WORDS})"
    r"(?:\s+(?:page|posts?|entries|articles?|news|seite|beiträge|artikel|page|articles|entradas?|página|páginas?|"
    r"pagina|sida|inlägg|strona|wpisy|страница|записи|ページ))?)\W*|[»›→>]{1,2}|(?:«|‹|←)\s*"
    r"(?:older|previous) (?:posts?|entries)",
    re.IGNORECASE,
)
#: How words begin that match, those in ASCII among them.
_BEGINNINGS = frozenset(word[:size] for word in _WORDS.split("|") for size in (2, 3))
_NEXT_CLASS = re.compile(r"(?:^|[-_ ])(next|older|nextpostslink|pagination-next|next-page)(?:$|[-_ ])", re.IGNORECASE)
_CLASSES = etree.XPath("//@class", smart_strings=False)
_PAGE_LINK = re.compile(r"page|seite|pagina|strona|sida|offset|start|[?&]p=|/p/|/\d{1,3}/?$", re.IGNORECASE)


def next_page(root: etree._Element, url: str) -> str | None:
    """The address of the page after the one fetched from `url`: of the same site, and another one."""
    every = list(root.iter("a"))
    for link in (*root.iter("link"), *every):
        rel = link.get("rel")
        if rel and "next" in rel.lower().split() and (found := _elsewhere(link, url)):
            return found
    anchors = [anchor for anchor in every if anchor.get("href")]
    numbers: dict[int, etree._Element] = {}
    for anchor in anchors:
        text = "" if _is_told_at_a_glance(anchor) else visible_text(anchor)
        label, title = anchor.get("aria-label"), anchor.get("title")
        if (text or label or title) and _leads_on(text, label, title) and (found := _elsewhere(anchor, url)):
            return found
        if text.isdigit() and len(text) < 5:
            numbers[int(text)] = anchor
    # One look at all: hardly any page has such a class.
    names = " ".join(_CLASSES(root)).lower()
    for anchor in _called_next(anchors) if "next" in names or "older" in names else ():
        if found := _elsewhere(anchor, url):
            return found
    return _numbered(numbers, url)


def _leads_on(*said: str | None) -> bool:
    return any(text and _NEXT.fullmatch(text.strip()) for text in said)


def _is_told_at_a_glance(anchor: etree._Element) -> bool:
    """Whether how its text begins tells that it is neither a number nor leads on, as of nearly all links of a page."""
    shown = anchor
    if len(anchor) and not (anchor.text and anchor.text.strip()):
        shown = anchor[0]
        if not isinstance(shown.tag, str) or not is_shown(shown):
            return False
    begins = (shown.text or "").lstrip()[:3].lower()
    if not begins:
        return not len(shown) and (shown is anchor or (len(anchor) == 1 and not shown.tail))
    if len(begins) < 3 or not (begins.isascii() and begins[:2].isalpha()):
        return False
    return begins[:2] not in _BEGINNINGS or (begins.isalpha() and begins not in _BEGINNINGS)


def _called_next(anchors: list[etree._Element]) -> Iterator[etree._Element]:
    """Those with a class that says so, their own or that of what they stand in."""
    for anchor in anchors:
        around = anchor.getparent()
        names = [*classes(anchor), *(classes(around) if around is not None else [])]
        if _NEXT_CLASS.search(" ".join(names)):
            yield anchor


def _numbered(numbers: dict[int, etree._Element], url: str) -> str | None:
    """The link with the number after that of this page, in a row of numbers."""
    here = 1
    own = canonical_url(url)
    for number, anchor in numbers.items():
        if (link := web_url(anchor.get("href"), url)) and canonical_url(link) == own:
            here = number
    following = numbers.get(here + 1)
    if following is None or not _PAGE_LINK.search(following.get("href") or ""):
        return None
    return _elsewhere(following, url)


def _elsewhere(element: etree._Element, url: str) -> str | None:
    link = web_url(element.get("href"), url)
    if link is None or urlsplit(link)[:2] != urlsplit(url)[:2]:
        return None
    return link.partition("#")[0] if canonical_url(link) != canonical_url(url) else None

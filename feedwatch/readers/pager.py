"""Where a listing goes on: the next page, as a page says it in one way or another. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterator
from urllib.parse import urlsplit

from lxml import etree

from feedwatch.canonical import canonical_url
from feedwatch.readers.sanitize import web_url
from feedwatch.readers.tree import classes, visible_text

_NEXT = re.compile(
    r"(?:(?:next|older|weiter|nächste|ältere|suivante?|précédents|anteriores?|siguientes?|más antiguas?|próximas?|"
    r"successiv[aoie]|volgende|ouder|oudere|nästa|äldre|neste|næste|následující|starší|następn[ae]|starsze|далее|"
    r"следующ\w+|старые|sonraki|次|次へ|下一页|下一頁|다음|التالي)"
    r"(?:\s+(?:page|posts?|entries|articles?|news|seite|beiträge|artikel|page|articles|entradas?|página|páginas?|"
    r"pagina|sida|inlägg|strona|wpisy|страница|записи|ページ))?)\W*|[»›→>]{1,2}|(?:«|‹|←)\s*"
    r"(?:older|previous) (?:posts?|entries)",
    re.IGNORECASE,
)
_NEXT_CLASS = re.compile(r"(?:^|[-_ ])(next|older|nextpostslink|pagination-next|next-page)(?:$|[-_ ])", re.IGNORECASE)
_PAGE_LINK = re.compile(r"page|seite|pagina|strona|sida|offset|start|[?&]p=|/p/|/\d{1,3}/?$", re.IGNORECASE)


def next_page(root: etree._Element, url: str) -> str | None:
    """The address of the page after the one fetched from `url`: of the same site, and another one."""
    every = list(root.iter("a"))
    for link in (*root.iter("link"), *every):
        rel = link.get("rel")
        if rel and "next" in rel.lower().split() and (found := _elsewhere(link, url)):
            return found
    anchors = [(anchor, visible_text(anchor)) for anchor in every if anchor.get("href")]
    for anchor, text in anchors:
        said = (text, anchor.get("aria-label"), anchor.get("title"))
        if any(said and _NEXT.fullmatch(said.strip()) for said in said) and (found := _elsewhere(anchor, url)):
            return found
    for anchor in _called_next([anchor for anchor, _ in anchors]):
        if found := _elsewhere(anchor, url):
            return found
    return _numbered(anchors, url)


def _called_next(anchors: list[etree._Element]) -> Iterator[etree._Element]:
    """Those with a class that says so, their own or that of what they stand in."""
    names = [" ".join([*classes(anchor), *classes(anchor.getparent())]) for anchor in anchors]
    # One search for all: hardly any page has such a class.
    if _NEXT_CLASS.search(" ".join(names)):
        yield from (anchor for anchor, name in zip(anchors, names, strict=True) if _NEXT_CLASS.search(name))


def _numbered(anchors: list[tuple[etree._Element, str]], url: str) -> str | None:
    """The link with the number after that of this page, in a row of numbers."""
    numbers = {int(text): anchor for anchor, text in anchors if text.isdigit() and len(text) < 5}
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

"""Where a listing goes on: the next page, as a page says it in one way or another. Pure."""

from __future__ import annotations

import re
from urllib.parse import urlsplit

from feedwatch.canonical import canonical_url
from feedwatch.readers.sanitize import web_url
from feedwatch.readers.tree import Element, classes, parse, text_of

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


def next_page(markup: str, url: str) -> str | None:
    """The address of the page after the one fetched from `url`: of the same site, and another one. Raises ReadError."""
    root = parse(markup)
    for link in [*root.iter("link"), *root.iter("a")]:
        if "next" in (link.get("rel") or "").lower().split() and (found := _elsewhere(link, url)):
            return found
    anchors = [anchor for anchor in root.iter("a") if anchor.get("href")]
    for anchor in anchors:
        said = [text_of(anchor), anchor.get("aria-label") or "", anchor.get("title") or ""]
        if any(_NEXT.fullmatch(text.strip()) for text in said if text.strip()) and (found := _elsewhere(anchor, url)):
            return found
    for anchor in anchors:
        around = anchor.getparent()
        names = " ".join([*classes(anchor), *(classes(around) if around is not None else [])])
        if _NEXT_CLASS.search(names) and (found := _elsewhere(anchor, url)):
            return found
    return _numbered(anchors, url)


def _numbered(anchors: list[Element], url: str) -> str | None:
    """The link with the number after that of this page, in a row of numbers."""
    numbers = {int(text): anchor for anchor in anchors if (text := text_of(anchor)).isdigit() and len(text) < 5}
    here = 1
    own = canonical_url(url)
    for number, anchor in numbers.items():
        if (link := web_url(anchor.get("href"), url)) and canonical_url(link) == own:
            here = number
    anchor = numbers.get(here + 1)
    if anchor is None or not _PAGE_LINK.search(anchor.get("href") or ""):
        return None
    return _elsewhere(anchor, url)


def _elsewhere(element: Element, url: str) -> str | None:
    link = web_url(element.get("href"), url)
    if link is None or urlsplit(link)[:2] != urlsplit(url)[:2]:
        return None
    return link.partition("#")[0] if canonical_url(link) != canonical_url(url) else None

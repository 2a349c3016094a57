"""Archive pages by CSS selectors: markup in, entries out. Does not look for selectors by itself."""

from __future__ import annotations

import warnings
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from urllib.parse import urljoin, urlsplit

from bs4 import BeautifulSoup, MarkupResemblesLocatorWarning, Tag, XMLParsedAsHTMLWarning

from feedwatch.canonical import entry_id, one_line
from feedwatch.errors import ReadError
from feedwatch.model import About, Category, Entry, Moment, Person, Reading, Selectors, Source, Text
from feedwatch.readers.dates import parse_date
from feedwatch.readers.sanitize import web_url
from feedwatch.readers.selectors import compile_selector, split_selector

_HEADINGS = ("h1", "h2", "h3", "h4", "h5", "h6")
#: Where lazy loading hides the address of an image, the first that is there.
_IMAGE_SOURCES = ("src", "data-src", "data-lazy-src", "data-original")


def read_page(markup: str, *, url: str, source: Source, now: datetime) -> Reading:
    """The entries that `source.select` finds in the page fetched from `url`.

    Relative links resolve against `source.link_base`, else `<base href>`, else `url` when it is on the web.
    Raises ReadError when the page is built so deep that it cannot be read.
    """
    assert source.select is not None, "a page is read by selectors"  # noqa: S101
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", MarkupResemblesLocatorWarning)
            warnings.simplefilter("ignore", XMLParsedAsHTMLWarning)
            soup = BeautifulSoup(markup, "lxml")
        return _Page(soup, url, source, source.select, now).reading()
    except RecursionError:
        raise ReadError("unreadable", "the page is nested too deep to be read") from None


@dataclass(frozen=True, slots=True)
class _Card:
    entry: Entry
    problems: tuple[str, ...]


class _Page:
    def __init__(self, soup: BeautifulSoup, url: str, source: Source, select: Selectors, now: datetime) -> None:
        self._soup = soup
        self._select = select
        self._now = now
        html = soup.find("html")
        self._language = (_attribute(html, "lang") if html else None) or None
        self._base = source.link_base or _page_base(soup, url)
        self._unreadable: list[str] = []

    def reading(self) -> Reading:
        elements = _outermost(compile_selector(self._select.entry).select(self._soup))
        sections = self._sections() if self._select.section else {}
        cards = [card for element in elements if (card := self._card(element, sections))]
        notes = [_count(len(elements) - len(cards), len(elements), "have neither title nor link and are skipped")]
        problems = Counter(problem for card in cards for problem in card.problems)
        notes += [_count(number, len(cards), f"have no {name}") for name, number in sorted(problems.items())]
        if self._unreadable:
            example = self._unreadable[0][:40]
            notes.append(f"{len(self._unreadable)} of {len(cards)} dates could not be read, for example '{example}'")
        if not self._base and any(card.entry.link is None for card in cards):
            notes.append("links are relative and the page is a file: set link_base to the site's address")
        return Reading("page", tuple(card.entry for card in cards), self._about(), notes=tuple(filter(None, notes)))

    def _card(self, card: Tag, sections: dict[int, str]) -> _Card | None:
        select = self._select
        title_element = _first(card, select.title) or _default_title(card)
        title = _value(title_element, select.title)
        link = self._link(card, title_element)
        if not title and not link:
            return None
        date = self._date(card)
        summary = _value(_first(card, select.summary) if select.summary else card.find("p"), select.summary)
        author = _value(_first(card, select.author) or card.find(rel="author"), select.author)
        names = self._categories(card, sections)
        image = self._image(card)
        wanted = {
            "summary": (select.summary, summary),
            "author": (select.author, author),
            "image": (select.image, image),
            "category": (select.category or select.section, names),
        }
        entry = Entry(
            id=entry_id(None, link, title, str(date) if date else None),
            title=title,
            link=link,
            summary=Text(summary) if summary else None,
            authors=(Person(author),) if author else (),
            categories=tuple(Category(name) for name in names),
            published=date,
            image=image,
        )
        return _Card(entry, tuple(name for name, (selector, value) in wanted.items() if selector and not value))

    def _link(self, card: Tag, title: Tag | None) -> str | None:
        if self._select.link:
            element = _first(card, self._select.link)
            return self._absolute(_value(element, self._select.link, attribute="href"))
        around = [title, title.find_parent("a"), title.find("a", href=True)] if title is not None else []
        for element in (*around, card, *card.find_all("a", href=True)):
            if (
                isinstance(element, Tag)
                and element.name == "a"
                and (link := self._absolute(_attribute(element, "href")))
            ):
                return link
        return None

    def _absolute(self, href: str | None) -> str | None:
        if not href or href.strip().startswith("#"):
            return None
        return web_url(href, self._base)

    def _date(self, card: Tag) -> Moment | None:
        selector = self._select.date
        element = _first(card, selector) if selector else card.find("time")
        if not isinstance(element, Tag):
            return None
        stated = [_attribute(element, "datetime"), element.get_text(" ")]
        if selector and (attribute := split_selector(selector)[1]):
            stated = [_attribute(element, attribute), element.get_text(" ")]
        texts = [one_line(text) for text in stated if text and text.strip()]
        for text in texts:
            if found := parse_date(text, self._now, language=self._language):
                return found
        self._unreadable += texts[-1:]
        return None

    def _image(self, card: Tag) -> str | None:
        if self._select.image and split_selector(self._select.image)[1]:
            return self._absolute(_value(_first(card, self._select.image), self._select.image))
        element = _first(card, self._select.image) if self._select.image else card.find("img")
        if not isinstance(element, Tag):
            return None
        from_set = (_attribute(element, "srcset") or _attribute(element, "data-srcset") or "").split(",")[0].split()
        for address in (*(_attribute(element, name) for name in _IMAGE_SOURCES), *from_set[:1]):
            if found := self._absolute(address):
                return found
        return None

    def _categories(self, card: Tag, sections: dict[int, str]) -> tuple[str, ...]:
        found: list[str] = []
        if self._select.category:
            elements = compile_selector(self._select.category).select(card)
            found = [_value(element, self._select.category) for element in elements]
        section = sections.get(id(card))
        return tuple(dict.fromkeys(name for name in (found or [section or ""]) if name))

    def _sections(self) -> dict[int, str]:
        """The nearest heading before each element, by the element's identity, in one walk of the page."""
        headings = {id(element) for element in compile_selector(self._select.section or "").select(self._soup)}
        found: dict[int, str] = {}
        current = ""
        for element in self._soup.descendants:
            if isinstance(element, Tag):
                if id(element) in headings:
                    current = _value(element, self._select.section)
                found[id(element)] = current
        return found

    def _about(self) -> About:
        def meta(selector: str) -> str | None:
            element = self._soup.select_one(selector)
            return (one_line(_attribute(element, "content") or "") or None) if isinstance(element, Tag) else None

        icon = self._soup.find("link", rel="icon")
        canonical = self._soup.find("link", rel="canonical")
        title = one_line(self._soup.title.get_text(" ")) if self._soup.title else ""
        return About(
            title=meta('meta[property="og:site_name"]') or title or None,
            link=self._absolute(_attribute(canonical, "href")) if isinstance(canonical, Tag) else None,
            description=meta("meta[name=description]"),
            language=self._language,
            icon=self._absolute(_attribute(icon, "href")) if isinstance(icon, Tag) else None,
        )


def _page_base(soup: BeautifulSoup, url: str) -> str:
    """The base of the page's links; "" for a file, whose own address means nothing to a reader of the feed."""
    on_the_web = url if urlsplit(url).scheme in ("http", "https") else ""
    base = soup.find("base", href=True)
    return urljoin(on_the_web, _attribute(base, "href") or "") if isinstance(base, Tag) else on_the_web


def _outermost(elements: Iterable[Tag]) -> list[Tag]:
    """`elements` (in document order) without those inside another: a card in a card is part of it."""
    chosen: list[Tag] = []
    inside: set[int] = set()
    for element in elements:
        if id(element) in inside:
            continue
        chosen.append(element)
        inside.update(id(child) for child in element.descendants if isinstance(child, Tag))
    return chosen


def _first(card: Tag, selector: str | None) -> Tag | None:
    return compile_selector(selector).select_one(card) if selector else None


def _default_title(card: Tag) -> Tag | None:
    heading = card.find(_HEADINGS)
    if isinstance(heading, Tag):
        return heading
    links = (link for link in ([card] if card.name == "a" else card.find_all("a")) if link.get_text(strip=True))
    return next(links, None)


def _value(element: object, selector: str | None, attribute: str | None = None) -> str:
    """The attribute that the selector names (else `attribute`, where given), else the text; "" for nothing."""
    if not isinstance(element, Tag):
        return ""
    name = (split_selector(selector)[1] if selector else None) or attribute
    return one_line(_attribute(element, name) or "") if name else one_line(element.get_text(" "))


def _attribute(element: object, name: str) -> str | None:
    value = element.get(name) if isinstance(element, Tag) else None
    return value if value is None else value if isinstance(value, str) else " ".join(value)


def _count(number: int, total: int, what: str) -> str:
    return f"{number} of {total} entries {what}" if number else ""

"""Archive pages by CSS selectors: markup in, entries out. Does not look for selectors by itself."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta

from bs4 import BeautifulSoup, Tag
from msgspec import Struct
from msgspec.structs import fields, replace

from feedwatch.canonical import entry_id, one_line
from feedwatch.errors import ReadError
from feedwatch.model import About, Category, Entry, Moment, Person, Reading, Selectors, Source, Text
from feedwatch.readers import light
from feedwatch.readers.ago import age_in
from feedwatch.readers.any_date import any_date
from feedwatch.readers.date_in import ascii_digits
from feedwatch.readers.dates import parse_date
from feedwatch.readers.light import Light
from feedwatch.readers.sanitize import web_url
from feedwatch.readers.selectors import compile_selector, split_selector
from feedwatch.readers.soup import (
    Element,
    attribute_of,
    base_of,
    every,
    first,
    outermost,
    parsed,
    related,
    text_of,
    value_of,
)

_HEADINGS = ("h1", "h2", "h3", "h4", "h5", "h6")
#: Lazy loading puts a placeholder into src, so the others come first.
_IMAGE_SOURCES = ("data-src", "data-lazy-src", "data-original", "src")
#: Stands in for an unknown base, to tell a relative link from one that leads nowhere.
_SOMEWHERE = "https://somewhere.invalid/"


def read_page(markup: str, *, url: str, source: Source, now: datetime) -> Reading:
    """The entries that `source.select` finds in the page fetched from `url`.

    Relative links resolve against `source.link_base`, else `<base href>`, else `url` when it is on the web.
    Raises ReadError when the page is built so deep that it cannot be read.
    """
    return read_lightly(markup, url=url, source=source, now=now) or read_with_soup(
        markup, url=url, source=source, now=now
    )


def read_lightly(markup: str, *, url: str, source: Source, now: datetime) -> Reading | None:
    """As `read_with_soup` does, in a tenth of the time; None where it cannot, or it is not sure that it reads the
    same."""
    select = _select(source)
    named = (getattr(select, field.name) for field in fields(select))
    # What stands under which heading takes a walk of the page that knows each element again.
    if select.section or not light.are_plain(filter(None, named)):
        return None
    page = light.page(markup)
    return replace(_Page(page, url, source, select, now).reading(), way="quick-page") if page else None


def read_with_soup(markup: str, *, url: str, source: Source, now: datetime) -> Reading:
    """As `read_page` says."""
    try:
        return replace(_Page(parsed(markup), url, source, _select(source), now).reading(), way="page")
    except RecursionError:
        raise ReadError("unreadable", "the page is nested too deep to be read") from None


def _select(source: Source) -> Selectors:
    assert source.select is not None, "a page is read by selectors"  # noqa: S101
    return source.select


class _Card(Struct, frozen=True):
    entry: Entry
    problems: tuple[str, ...]


class _Page:
    def __init__(self, page: BeautifulSoup | Light, url: str, source: Source, select: Selectors, now: datetime) -> None:
        self._page = page
        self._select = select
        self._now = now
        html = page.find("html")
        self._language = (attribute_of(html, "lang") if html else None) or None
        self._base = source.link_base or base_of(page, url)
        self._unreadable: list[str] = []
        self._unresolved = False

    def reading(self) -> Reading:
        elements, sections = self._elements()
        cards = [card for element in elements if (card := self._card(element, sections))]
        notes = self._notes(cards, len(elements))
        return Reading("page", tuple(card.entry for card in cards), self._about(), notes=tuple(notes))

    def _elements(self) -> tuple[Sequence[Element], dict[int, str]]:
        """The cards, and the headings they stand under, where they are wanted."""
        if isinstance(self._page, Light):
            return light.outermost(light.plain_selector(self._select.entry).select(self._page)), {}
        elements, inside = outermost(compile_selector(self._select.entry).select(self._page))
        return elements, self._sections(self._page, elements, inside) if self._select.section else {}

    def _notes(self, cards: list[_Card], matched: int) -> list[str]:
        notes = []
        if void := matched - len(cards):
            notes.append(f"{_share(void, matched)} neither title nor link and {'was' if void == 1 else 'were'} skipped")
        problems = Counter(problem for card in cards for problem in card.problems)
        notes += [f"{_share(number, len(cards))} no {name}" for name, number in sorted(problems.items())]
        if self._unreadable:
            example = self._unreadable[0][:40]
            notes.append(f"{len(self._unreadable)} of {len(cards)} dates could not be read, for example '{example}'")
        if self._unresolved:
            notes.append("links are relative and the page is a file: set link_base to the site's address")
        return notes

    def _card(self, card: Element, sections: dict[int, str]) -> _Card | None:
        select = self._select
        title_element = first(card, select.title) if select.title else _default_title(card)
        title = value_of(title_element, select.title)
        link = self._link(card, title_element)
        if not title and not link:
            return None
        date, age = self._date(card)
        summary = value_of(first(card, select.summary) if select.summary else _with_text(card, "p"), select.summary)
        author = value_of(first(card, select.author) if select.author else related(card, "author"), select.author)
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
            age=age,
        )
        return _Card(entry, tuple(name for name, (selector, value) in wanted.items() if selector and not value))

    def _link(self, card: Element, title: Element | None) -> str | None:
        if self._select.link:
            element = first(card, self._select.link)
            return self._resolved(value_of(element, self._select.link, attribute="href"))
        around = [title, title.find_parent("a"), title.find("a", href=True)] if title is not None else []
        for element in (*around, card, *card.find_all("a", href=True)):
            # The first that leads anywhere, resolvable or not: the next may be a share button.
            if isinstance(element, Element) and element.name == "a" and _leads(href := attribute_of(element, "href")):
                return self._resolved(href)
        return None

    def _resolved(self, href: str | None) -> str | None:
        link = web_url(href, self._base) if _leads(href) else None
        self._unresolved |= link is None and _leads(href)
        return link

    def _date(self, card: Element) -> tuple[Moment | None, timedelta | None]:
        """Its date, or else how long ago it says that was."""
        selector = self._select.date
        element = first(card, selector) if selector else card.find("time")
        if not isinstance(element, Element):
            return None, None
        attribute = (split_selector(selector)[1] if selector else None) or "datetime"
        # Spaced as well: a calendar leaf has its day and month in elements that only a style sheet sets apart.
        stated = (attribute_of(element, attribute) or "", text_of(element), element.get_text(" "))
        texts = [one_line(text) for text in stated if text.strip()]
        for text in texts:
            if found := parse_date(text, self._now, language=self._language):
                return found, None
        if foreign := next((found for text in texts if (found := any_date(ascii_digits(text)))), None):
            return foreign, None
        age = next((age for text in texts if (age := age_in(text)) is not None), None)
        if age is None:
            self._unreadable += texts[-1:]
        return None, age

    def _image(self, card: Element) -> str | None:
        selector = self._select.image
        element = first(card, selector) if selector else card.find("img")
        attribute = split_selector(selector)[1] if selector else None
        names = (attribute,) if attribute else (*_IMAGE_SOURCES, "srcset", "data-srcset")
        for name in names:
            stated = attribute_of(element, name) or ""
            if name.endswith("srcset"):  # "a.jpg 1x, b.jpg 2x", and commas may be part of an address
                stated = "".join(stated.split()[:1]).rstrip(",")
            if found := web_url(stated, self._base):
                return found
        return None

    def _categories(self, card: Element, sections: dict[int, str]) -> tuple[str, ...]:
        selector = self._select.category
        found = [value_of(element, selector) for element in every(card, selector)] if selector else []
        own = dict.fromkeys(name for name in found if name)
        section = sections.get(id(card))
        return tuple(own) or ((section,) if section else ())

    def _sections(self, page: BeautifulSoup, cards: Iterable[Tag], inside: set[int]) -> dict[int, str]:
        """The nearest heading before each card, by the card's identity, in one walk of the page.

        A match inside a card is the title of an entry and heads nothing.
        """
        selector = self._select.section or ""
        headings = {id(element) for element in compile_selector(selector).select(page)} - inside
        wanted = {id(card) for card in cards}
        found: dict[int, str] = {}
        current = ""
        for element in page.descendants:
            if id(element) in wanted:
                found[id(element)] = current
            if id(element) in headings:
                current = value_of(element, selector)
        return found

    def _about(self) -> About:
        # One walk for all: a search for each takes longer than reading ten entries.
        said: dict[str, str | None] = {}
        for element in self._page.find_all(["meta", "link"]):
            if element.name == "meta":
                names = [attribute_of(element, "property"), attribute_of(element, "name")]
                value = attribute_of(element, "content")
            else:
                names = [f"link {rel}" for rel in (attribute_of(element, "rel") or "").split()]
                value = attribute_of(element, "href")
            for name in filter(None, names):
                said.setdefault(name, value)
        titled = self._page.find("title")
        title = one_line(titled.get_text()) if isinstance(titled, Element) else ""
        return About(
            title=one_line(said.get("og:site_name") or "") or title or None,
            link=web_url(said.get("link canonical"), self._base),
            description=one_line(said.get("description") or "") or None,
            language=self._language,
            icon=web_url(said.get("link icon"), self._base),
        )


def _leads(href: str | None) -> bool:
    """Whether there is a page behind `href`, wherever it may be: no `#`, `javascript:` or `mailto:`."""
    return bool(href) and not (href or "").strip().startswith("#") and web_url(href, _SOMEWHERE) is not None


def _with_text(card: Element, *names: str) -> Element | None:
    return next((element for element in card.find_all(list(names)) if element.get_text(strip=True)), None)


def _default_title(card: Element) -> Element | None:
    if heading := _with_text(card, *_HEADINGS):
        return heading
    return card if card.name == "a" and card.get_text(strip=True) else _with_text(card, "a")


def _share(part: int, whole: int) -> str:
    return f"{part} of {whole} entries {'has' if part == 1 else 'have'}"

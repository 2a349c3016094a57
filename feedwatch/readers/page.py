"""Archive pages by CSS selectors: markup in, entries out. Does not look for selectors by itself."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta

from bs4 import BeautifulSoup, Tag

from feedwatch.canonical import entry_id, one_line
from feedwatch.errors import ReadError
from feedwatch.model import About, Category, Entry, Moment, Person, Reading, Selectors, Source, Text
from feedwatch.readers.ago import age_in
from feedwatch.readers.any_date import any_date
from feedwatch.readers.date_in import ascii_digits
from feedwatch.readers.dates import parse_date
from feedwatch.readers.sanitize import web_url
from feedwatch.readers.selectors import compile_selector, split_selector
from feedwatch.readers.soup import attribute_of, base_of, every, first, outermost, parsed, text_of, value_of

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
    assert source.select is not None, "a page is read by selectors"  # noqa: S101
    try:
        return _Page(parsed(markup), url, source, source.select, now).reading()
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
        self._language = (attribute_of(html, "lang") if html else None) or None
        self._base = source.link_base or base_of(soup, url)
        self._unreadable: list[str] = []
        self._unresolved = False

    def reading(self) -> Reading:
        elements, inside = outermost(compile_selector(self._select.entry).select(self._soup))
        sections = self._sections(elements, inside) if self._select.section else {}
        cards = [card for element in elements if (card := self._card(element, sections))]
        notes = self._notes(cards, len(elements))
        return Reading("page", tuple(card.entry for card in cards), self._about(), notes=tuple(notes))

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

    def _card(self, card: Tag, sections: dict[int, str]) -> _Card | None:
        select = self._select
        title_element = first(card, select.title) if select.title else _default_title(card)
        title = value_of(title_element, select.title)
        link = self._link(card, title_element)
        if not title and not link:
            return None
        date, age = self._date(card)
        summary = value_of(first(card, select.summary) if select.summary else _with_text(card, "p"), select.summary)
        author = value_of(first(card, select.author) if select.author else card.find(rel="author"), select.author)
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

    def _link(self, card: Tag, title: Tag | None) -> str | None:
        if self._select.link:
            element = first(card, self._select.link)
            return self._resolved(value_of(element, self._select.link, attribute="href"))
        around = [title, title.find_parent("a"), title.find("a", href=True)] if title is not None else []
        for element in (*around, card, *card.find_all("a", href=True)):
            # The first that leads anywhere, resolvable or not: the next may be a share button.
            if isinstance(element, Tag) and element.name == "a" and _leads(href := attribute_of(element, "href")):
                return self._resolved(href)
        return None

    def _resolved(self, href: str | None) -> str | None:
        link = web_url(href, self._base) if _leads(href) else None
        self._unresolved |= link is None and _leads(href)
        return link

    def _date(self, card: Tag) -> tuple[Moment | None, timedelta | None]:
        """Its date, or else how long ago it says that was."""
        selector = self._select.date
        element = first(card, selector) if selector else card.find("time")
        if not isinstance(element, Tag):
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

    def _image(self, card: Tag) -> str | None:
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

    def _categories(self, card: Tag, sections: dict[int, str]) -> tuple[str, ...]:
        selector = self._select.category
        found = [value_of(element, selector) for element in every(card, selector)] if selector else []
        own = dict.fromkeys(name for name in found if name)
        section = sections.get(id(card))
        return tuple(own) or ((section,) if section else ())

    def _sections(self, cards: Iterable[Tag], inside: set[int]) -> dict[int, str]:
        """The nearest heading before each card, by the card's identity, in one walk of the page.

        A match inside a card is the title of an entry and heads nothing.
        """
        selector = self._select.section or ""
        headings = {id(element) for element in compile_selector(selector).select(self._soup)} - inside
        wanted = {id(card) for card in cards}
        found: dict[int, str] = {}
        current = ""
        for element in self._soup.descendants:
            if id(element) in wanted:
                found[id(element)] = current
            if id(element) in headings:
                current = value_of(element, selector)
        return found

    def _about(self) -> About:
        # One walk for all: a search for each takes longer than reading ten entries.
        said: dict[str, str | None] = {}
        for element in self._soup.find_all(["meta", "link"]):
            if element.name == "meta":
                names = [attribute_of(element, "property"), attribute_of(element, "name")]
                value = attribute_of(element, "content")
            else:
                names = [f"link {rel}" for rel in (attribute_of(element, "rel") or "").split()]
                value = attribute_of(element, "href")
            for name in filter(None, names):
                said.setdefault(name, value)
        title = one_line(self._soup.title.get_text()) if self._soup.title else ""
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


def _with_text(card: Tag, *names: str) -> Tag | None:
    return next((element for element in card.find_all(names) if element.get_text(strip=True)), None)


def _default_title(card: Tag) -> Tag | None:
    if heading := _with_text(card, *_HEADINGS):
        return heading
    return card if card.name == "a" and card.get_text(strip=True) else _with_text(card, "a")


def _share(part: int, whole: int) -> str:
    return f"{part} of {whole} entries {'has' if part == 1 else 'have'}"

"""Archive pages by CSS selectors: markup in, entries out. Does not look for selectors by itself."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from datetime import datetime, timedelta

from msgspec.structs import replace

from feedwatch.canonical import entry_id, one_line
from feedwatch.errors import ReadError
from feedwatch.model import About, Category, Entry, Moment, Person, Reading, Selectors, Source, Text
from feedwatch.readers import light
from feedwatch.readers.dates import parse_date
from feedwatch.readers.element import Element, Page, base_of, has_text, value_of
from feedwatch.readers.plain_css import are_plain
from feedwatch.readers.sanitize import web_url
from feedwatch.readers.selectors import split_selector

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
    """As `read_with_soup` does, in a fifteenth of the time; None where it cannot, or it is not sure that it reads the
    same."""
    select = _select(source)
    named = (getattr(select, name) for name in select.__struct_fields__)
    if not are_plain(filter(None, named)):
        return None
    page = light.page(markup)
    return replace(_Reader(page, url, source, select, now).reading(), way="quick-page") if page else None


def read_with_soup(markup: str, *, url: str, source: Source, now: datetime) -> Reading:
    """As `read_page` says."""
    from feedwatch.readers.soup import SoupedPage  # loading BeautifulSoup takes as long as reading thirty pages

    try:
        return replace(_Reader(SoupedPage(markup), url, source, _select(source), now).reading(), way="page")
    except RecursionError:
        raise ReadError("unreadable", "the page is nested too deep to be read") from None


def _select(source: Source) -> Selectors:
    assert source.select is not None, "a page is read by selectors"  # noqa: S101
    return source.select


class _Reader:
    def __init__(self, page: Page, url: str, source: Source, select: Selectors, now: datetime) -> None:
        self._page = page
        self._url = url
        self._select = select
        self._now = now
        html = page.find("html")
        self._language = (html.attribute("lang") if html else None) or None
        self._base = source.link_base or base_of(page, url)
        #: Of how many entries a field is missing that a selector asks for.
        self._lacks: Counter[str] = Counter()
        self._unreadable: list[str] = []
        self._unresolved = False

    def reading(self) -> Reading:
        found = self._page.cards(self._select.entry, self._select.section)
        entries = [entry for element, section in found if (entry := self._entry(element, section))]
        notes = self._notes(len(entries), len(found))
        on_the_web = self._url.startswith(("http:", "https:"))
        return Reading(
            "page",
            tuple(entries),
            self._about(),
            notes=tuple(notes),
            next_page=self._page.next_page(self._url) if on_the_web else None,
        )

    def _notes(self, count: int, matched: int) -> list[str]:
        notes = []
        if void := matched - count:
            notes.append(f"{_share(void, matched)} neither title nor link and {'was' if void == 1 else 'were'} skipped")
        notes += [f"{_share(number, count)} no {name}" for name, number in sorted(self._lacks.items())]
        if self._unreadable:
            example = self._unreadable[0][:40]
            notes.append(f"{len(self._unreadable)} of {count} dates could not be read, for example '{example}'")
        if self._unresolved:
            notes.append("links are relative and the page is a file: set link_base to the site's address")
        return notes

    def _entry(self, card: Element, section: str) -> Entry | None:
        select = self._select
        title_element = card.first(select.title) if select.title else _default_title(card)
        title = value_of(title_element, select.title)
        link = self._link(card, title_element)
        if not title and not link:
            return None
        date, age = self._date(card)
        summary = value_of(card.first(select.summary) if select.summary else _with_text(card, "p"), select.summary)
        author = value_of(card.first(select.author) if select.author else card.find_related("author"), select.author)
        names = self._categories(card, section)
        image = self._image(card)
        for name, selector, value in (
            ("summary", select.summary, summary),
            ("author", select.author, author),
            ("image", select.image, image),
            ("category", select.category or select.section, names),
        ):
            if not value and selector:
                self._lacks[name] += 1
        return Entry(
            id=entry_id(None, link, title, str(date) if date and not link else None),
            title=title,
            link=link,
            summary=Text(summary) if summary else None,
            authors=(Person(author),) if author else (),
            categories=tuple(Category(name) for name in names),
            published=date,
            image=image,
            age=age,
        )

    def _link(self, card: Element, title: Element | None) -> str | None:
        if self._select.link:
            element = card.first(self._select.link)
            return self._resolved(value_of(element, self._select.link, attribute="href"))
        around = [title, title.find_parent("a"), title.find("a", href=True)] if title is not None else []
        for element in (*around, card, *card.find_all("a", href=True)):
            # The first that leads anywhere, resolvable or not: the next may be a share button.
            if element is not None and element.name == "a" and _leads(href := element.attribute("href")):
                return self._resolved(href)
        return None

    def _resolved(self, href: str | None) -> str | None:
        # What has no scheme leads wherever the page is.
        if not href or href.lstrip().startswith("#") or (":" in href and not _leads(href)):
            return None
        link = web_url(href, self._base)
        self._unresolved |= link is None and _leads(href)
        return link

    def _date(self, card: Element) -> tuple[Moment | None, timedelta | None]:
        """Its date, or else how long ago it says that was."""
        selector = self._select.date
        element = card.first(selector) if selector else card.find("time")
        if element is None:
            return None, None
        attribute = (split_selector(selector)[1] if selector else None) or "datetime"
        texts: list[str] = []
        for text in _stated(element, attribute):
            if found := parse_date(text, self._now, language=self._language):
                return found, None
            texts.append(text)
        foreign, age = _hardly_dated(texts)
        if foreign is None and age is None:
            self._unreadable += texts[-1:]
        return foreign, age

    def _image(self, card: Element) -> str | None:
        selector = self._select.image
        element = card.first(selector) if selector else card.find("img")
        if element is None:
            return None
        attribute = split_selector(selector)[1] if selector else None
        names = (attribute,) if attribute else (*_IMAGE_SOURCES, "srcset", "data-srcset")
        for name in names:
            stated = element.attribute(name) or ""
            if name.endswith("srcset"):  # "a.jpg 1x, b.jpg 2x", and commas may be part of an address
                stated = "".join(stated.split()[:1]).rstrip(",")
            if found := web_url(stated, self._base):
                return found
        return None

    def _categories(self, card: Element, section: str) -> tuple[str, ...]:
        selector = self._select.category
        found = [value_of(element, selector) for element in card.every(selector)] if selector else []
        own = dict.fromkeys(name for name in found if name)
        return tuple(own) or ((section,) if section else ())

    def _about(self) -> About:
        # One walk for all: a search for each takes longer than reading ten entries.
        said: dict[str, str | None] = {}
        for element in self._page.find_all("meta", "link"):
            if element.name == "meta":
                names = [element.attribute("property"), element.attribute("name")]
                value = element.attribute("content")
            else:
                names = [f"link {rel}" for rel in (element.attribute("rel") or "").split()]
                value = element.attribute("href")
            for name in filter(None, names):
                said.setdefault(name, value)
        titled = self._page.find("title")
        title = one_line("".join(titled.pieces())) if titled else ""
        return About(
            title=one_line(said.get("og:site_name") or "") or title or None,
            link=web_url(said.get("link canonical"), self._base),
            description=one_line(said.get("description") or "") or None,
            language=self._language,
            icon=web_url(said.get("link icon"), self._base),
        )


def _stated(element: Element, attribute: str) -> Iterator[str]:
    """The texts in which a date may be, each on one line."""
    yield from filter(None, (one_line(element.attribute(attribute) or ""), element.text()))
    # Spaced as well: a calendar leaf has its day and month in elements that only a style sheet sets apart.
    yield from filter(None, (one_line(" ".join(element.pieces())),))


def _hardly_dated(texts: list[str]) -> tuple[Moment | None, timedelta | None]:
    """What texts say that are no date in any usual way: one in another language, or how long ago it was."""
    # Loading these takes as long as reading three pages, and few pages need them.
    from feedwatch.readers.ago import age_in
    from feedwatch.readers.any_date import any_date
    from feedwatch.readers.date_in import ascii_digits

    if foreign := next((found for text in texts if (found := any_date(ascii_digits(text)))), None):
        return foreign, None
    return None, next((age for text in texts if (age := age_in(text)) is not None), None)


def _leads(href: str | None) -> bool:
    """Whether there is a page behind `href`, wherever it may be: no `#`, `javascript:` or `mailto:`."""
    return bool(href) and not (href or "").strip().startswith("#") and web_url(href, _SOMEWHERE) is not None


def _with_text(card: Element, *names: str) -> Element | None:
    return next((element for element in card.find_all(*names) if has_text(element)), None)


def _default_title(card: Element) -> Element | None:
    if heading := _with_text(card, *_HEADINGS):
        return heading
    return card if card.name == "a" and has_text(card) else _with_text(card, "a")


def _share(part: int, whole: int) -> str:
    return f"{part} of {whole} entries {'has' if part == 1 else 'have'}"

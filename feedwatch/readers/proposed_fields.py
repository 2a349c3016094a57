"""Selectors for the fields of cards whose entries are known: what the same fields stand in now. Pure."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from datetime import datetime, timedelta

from bs4 import BeautifulSoup, Tag
from msgspec import Struct

from feedwatch.canonical import canonical_url, comparable
from feedwatch.differ.normalise import plain
from feedwatch.model import Entry, Source
from feedwatch.readers.any_date import any_date
from feedwatch.readers.date_in import ascii_digits
from feedwatch.readers.dates import parse_date
from feedwatch.readers.naming import Name, names_of
from feedwatch.readers.sanitize import web_url
from feedwatch.readers.soup import attribute_of, every, first, text_of

#: Share of the cards in which a selector must find the title or link that is known, and another field.
_SURELY, _MOSTLY = 0.9, 0.7
#: Cards that are looked at for candidates, and in which they are tried.
_LOOKED, _TRIED = 6, 40
#: Letters of a date, and of the beginning of a summary, that are enough to know it by.
_DATE, _SUMMARY = 60, 40
#: Letters of a title that was cut off which still tell which it is.
_CUT = 15
#: What it costs to name the card itself.
_CARD = 5
#: A date in another zone may be of the day before or after.
_SAME_DAY = timedelta(hours=36)
_HEADINGS = ("h1", "h2", "h3", "h4", "h5", "h6")
_SOMEWHERE = "https://somewhere.invalid/"


class Card(Struct, frozen=True):
    """The element of a known entry."""

    element: Tag
    entry: Entry


Fits = Callable[[Tag, Entry], bool]


def fields_of(
    soup: BeautifulSoup,
    cards: Sequence[Card],
    css: str,
    base: str,
    source: Source,
    language: str | None,
    now: datetime,
) -> dict[str, str | None]:
    """A selector for each field that is known of enough entries; None for one that the reader finds by itself, or
    that is not there any more. `css` names the cards."""
    title = _selector(cards, _is_title, lambda entry: bool(entry.title), _SURELY)

    def leads_there(element: Tag, entry: Entry) -> bool:
        link = web_url(attribute_of(element, "href"), base or _SOMEWHERE)
        return link is not None and canonical_url(link) == canonical_url(entry.link or "")

    def is_around_title(element: Tag, entry: Entry) -> bool:
        inside = (element, *element.find_all(True), *element.parents)
        return element.name == "a" and any(_is_title(other, entry) for other in inside if isinstance(other, Tag))

    def says_day(element: Tag, entry: Entry) -> bool:
        texts = (attribute_of(element, "datetime") or "", text_of(element))
        return any(_is_day(text, entry, language, now) for text in texts)

    link = _selector(cards, leads_there, lambda entry: entry.link is not None, _SURELY)
    link = link or _selector(cards, is_around_title, lambda entry: bool(entry.title), _SURELY)
    date = _selector(cards, says_day, lambda entry: entry.published is not None, _MOSTLY)
    if date and all(attribute_of(first(card.element, date), "datetime") for card in cards[:_TRIED]):
        date = f"{date}@datetime"
    given = {name.casefold() for name in source.categories}
    names = {
        id(card.entry): {c.title for c in card.entry.categories if c.title.casefold() not in given} for card in cards
    }
    category = _selector(
        cards,
        lambda element, entry: text_of(element) in names[id(entry)],
        lambda entry: bool(names[id(entry)]),
        _MOSTLY,
        whole=lambda card, found: {text_of(one) for one in every(card.element, found)} == names[id(card.entry)],
    )
    return {
        "title": title,
        "link": f"{link}@href" if link else None,
        "date": date,
        "summary": _selector(cards, _is_summary, lambda entry: bool(plain(entry.summary)), _MOSTLY),
        "author": _selector(cards, _is_author, lambda entry: bool(entry.authors), _MOSTLY),
        "category": category,
        "section": None if category else _section(soup, cards, css, names),
    }


def _selector(
    cards: Sequence[Card],
    fits: Fits,
    is_known: Callable[[Entry], bool],
    share: float,
    *,
    whole: Callable[[Card, str], bool] | None = None,
) -> str | None:
    """The best selector whose first match in a card `fits` its entry, in that share of the cards whose entry is known
    to have such a thing; `whole` judges a card by more than the first match."""
    known = [card for card in cards if is_known(card.entry)][:_TRIED]
    if len(known) * 2 < len(cards[:_TRIED]):
        return None

    def finds(card: Card, css: str) -> bool:
        if whole:
            return whole(card, css)
        found = first(card.element, css)
        return found is not None and fits(found, card.entry)

    choices = ((css, sum(finds(card, css) for card in known)) for _, css in _candidates(known, fits))
    return next((css for css, found in choices if found >= share * len(known)), None)


def _candidates(cards: Sequence[Card], fits: Fits) -> list[Name]:
    """Selectors of what fits in the first cards, the best first."""
    found: dict[str, int] = {}
    for card in cards[:_LOOKED]:
        for element in (card.element, *card.element.find_all(True)):
            if not fits(element, card.entry):
                continue
            for cost, css in _inside(element, card.element):
                found[css] = min(cost, found.get(css, cost))
    return sorted(Name(cost, css) for css, cost in found.items())


def _inside(element: Tag, card: Tag) -> Iterator[Name]:
    """Names of an element by itself, and by what it stands in up to its card."""
    parent = element.parent
    for name in names_of(element):
        # A card that is all title today may say more tomorrow.
        yield Name(name.cost + _CARD, name.css) if element is card else name
        if element is not card and isinstance(parent, Tag) and parent is not card:
            yield from (Name(name.cost + outer.cost + 2, f"{outer.css} > {name.css}") for outer in names_of(parent))


def _is_title(element: Tag, entry: Entry) -> bool:
    text, title = comparable(text_of(element)).casefold(), comparable(entry.title).casefold()
    return bool(title) and (text == title or ((cut := cut_off(text)) is not None and title.startswith(cut)))


def _is_summary(element: Tag, entry: Entry) -> bool:
    text, summary = comparable(text_of(element)), plain(entry.summary)
    begins_alike = len(text) >= _SUMMARY <= len(summary) and text[:_SUMMARY] == summary[:_SUMMARY]
    return text == summary or (begins_alike and len(text) <= 2 * len(summary))


def _is_author(element: Tag, entry: Entry) -> bool:
    return bool(entry.authors) and text_of(element) == entry.authors[0].name


def _is_day(text: str, entry: Entry, language: str | None, now: datetime) -> bool:
    if entry.published is None or not text or len(text) > _DATE or not any(sign.isdigit() for sign in text):
        return False
    found = parse_date(text, now, language=language)
    if found is None and str(entry.published.at.year) in (digits := ascii_digits(text)):
        # It takes its time: only where it could be that day.
        found = any_date(digits)
    return found is not None and abs(found.at - entry.published.at) <= _SAME_DAY


def _section(soup: BeautifulSoup, cards: Sequence[Card], css: str, names: dict[int, set[str]]) -> str | None:
    """A selector of the headings between the cards that name the categories of what follows."""
    known = {id(card.element): names[id(card.entry)] for card in cards if names[id(card.entry)]}
    if len(known) * 2 < len(cards):
        return None
    inside = {id(below) for card in soup.select(css) for below in (card, *card.find_all(True))}
    titles = set().union(*known.values())
    headings = [e for e in soup.find_all(True) if id(e) not in inside and text_of_short(e) in titles]
    for _, selector in sorted({name for heading in headings for name in names_of(heading)}):
        heads = {id(element): text_of(element) for element in soup.select(selector) if id(element) not in inside}
        current, right = "", 0
        for element in soup.find_all(True):
            current = heads.get(id(element), current)
            right += id(element) in known and known[id(element)] == {current}
        if right >= _MOSTLY * len(known):
            return selector
    return None


def cut_off(text: str) -> str | None:
    """What is left of a title that was too long for its place; None where it is whole, or too little is left."""
    left = text.removesuffix("...").removesuffix("…").rstrip()
    return left if left != text and len(left) >= _CUT else None


def text_of_short(element: Tag) -> str:
    """The text of something that may be a heading; of anything larger nothing, which is cheaper."""
    return text_of(element) if len(element.find_all(True, limit=9)) < 9 else ""

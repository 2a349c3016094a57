"""Selectors for a page whose list of posts is known from before, found where its known entries stand now. Pure.

The titles and links of known entries are looked for in the page; where they stand together in one place of its
structure, that is the list. What its cards have in common becomes the selectors.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime

from bs4 import BeautifulSoup, Tag
from bs4.element import NavigableString
from msgspec import Struct
from msgspec.structs import replace

from feedwatch.canonical import canonical_url, comparable
from feedwatch.errors import ReadError
from feedwatch.model import Entry, Reading, Selectors, Source
from feedwatch.readers.charset import decode
from feedwatch.readers.kind import look
from feedwatch.readers.naming import Name, names_around, names_of, names_with
from feedwatch.readers.page import read_page
from feedwatch.readers.proposed_fields import Card, cut_off, fields_of
from feedwatch.readers.sanitize import web_url
from feedwatch.readers.soup import attribute_of, base_of, outermost, parsed, text_of
from feedwatch.readers.tree import stable_classes

#: Known entries that must stand together before that can be told from chance, and that are looked for at most.
_FEWEST, _MOST = 2, 200
#: Share of the entries at a place that a selector must name, and of the best place's that another one must have.
_NAMED, _PLACE = 0.9, 0.3
#: Places that are looked at, and levels around a card by which its selector may be narrowed down.
_PLACES, _AROUND = 3, 6
#: Elements in each other, on a page that is more than an attack.
_DEEPEST = 400
#: Letters of the longest title.
_LONGEST = 300
#: Selectors that are tried for the cards of one place.
_TRIED = 80


def propose(
    body: bytes, *, url: str, headers: Mapping[str, str], source: Source, known: Sequence[Entry], now: datetime
) -> Selectors | None:
    """Selectors that find entries of `known` in `body`, which came from `url` with the response `headers` (names in
    lower case); None where it is no page, or too few of them stand there.

    Whether they find enough is for the caller to judge. Raises ReadError, and nothing else whatever the bytes are.
    """
    try:
        page = look(decode(body, headers.get("content-type", "")))
        return _proposed(page.text, url, source, known, now) if page.kind == "page" else None
    except (ReadError, MemoryError):
        raise
    except RecursionError:
        raise ReadError("unreadable", "the page is nested too deep to be read") from None
    except Exception as error:  # as in `readers.read`
        raise ReadError("unreadable", f"reading it failed: {type(error).__name__}: {error}"[:300]) from error


def _proposed(markup: str, url: str, source: Source, known: Sequence[Entry], now: datetime) -> Selectors | None:
    soup = parsed(markup)
    if _depth(soup) > _DEEPEST:
        raise ReadError("unreadable", "the page is nested too deep to be read")
    base = source.link_base or base_of(soup, url)
    best: tuple[tuple[int, int, int], Selectors] | None = None
    for place in _places(soup, base, known[:_MOST]):
        select = _selectors(soup, base, place, source, now)
        if select is None:
            continue
        reading = read_page(markup, url=url, source=replace(source, select=select), now=now)
        again, others = _again(reading, known)
        told = sum(value is not None for value in _values(select))
        if again >= _FEWEST and (best is None or (again, -others, told) > best[0]):
            best = ((again, -others, told), select)
    return best[1] if best else None


def _depth(soup: BeautifulSoup) -> int:
    """How many elements stand in each other: what is asked of an element's surroundings costs that much each time."""
    depths = {id(soup): 0}
    for element in soup.find_all(True):
        depths[id(element)] = depths[id(element.parent)] + 1
    return max(depths.values())


def _values(select: Selectors) -> tuple[str | None, ...]:
    return (select.title, select.link, select.date, select.summary, select.author, select.category, select.section)


def _again(reading: Reading, known: Sequence[Entry]) -> tuple[int, int]:
    """How many entries of the reading are known, and how many are not."""
    links = {canonical_url(entry.link) for entry in known if entry.link}
    titles = {comparable(entry.title).casefold() for entry in known if entry.title}
    again = sum(
        (entry.link is not None and canonical_url(entry.link) in links) or comparable(entry.title).casefold() in titles
        for entry in reading.entries
    )
    return again, len(reading.entries) - again


# --- where known entries stand ----------------------------------------------------------------------


class _Mark(Struct, frozen=True):
    """An element that has the title of a known entry, or leads to it."""

    element: Tag
    entry: Entry


def _places(soup: BeautifulSoup, base: str, known: Sequence[Entry]) -> list[list[_Mark]]:
    """The places of the page's structure where known entries stand, the fullest first; one mark for each entry."""
    by_title = {comparable(entry.title).casefold(): entry for entry in known if entry.title}
    by_link = {canonical_url(entry.link): entry for entry in known if entry.link}
    places: dict[str, dict[str, _Mark]] = defaultdict(dict)
    titled: set[str] = set()
    for element in _short(soup):
        entry = _titled(by_title, comparable(text_of(element)).casefold())
        if entry and not any(isinstance(child, Tag) and text_of(child) == text_of(element) for child in element):
            titled.add(entry.id)
            places[_path(element)].setdefault(entry.id, _Mark(element, entry))
    for anchor in soup.find_all("a", href=True):
        link = web_url(attribute_of(anchor, "href"), base or "https://somewhere.invalid/")
        entry = by_link.get(canonical_url(link)) if link else None
        if entry and entry.id not in titled:
            places[_path(anchor)].setdefault(entry.id, _Mark(anchor, entry))
    found = sorted((list(marks.values()) for marks in places.values()), key=len, reverse=True)
    return [marks for marks in found[:_PLACES] if len(marks) >= max(_FEWEST, _PLACE * len(found[0]))]


def _titled(by_title: Mapping[str, Entry], text: str) -> Entry | None:
    cut = cut_off(text)
    if text in by_title or cut is None:
        return by_title.get(text)
    return next((entry for title, entry in by_title.items() if title.startswith(cut)), None)


def _short(soup: BeautifulSoup) -> Iterator[Tag]:
    """Elements with as much text as a title may have; reckoned once, from below."""
    sizes: Counter[int] = Counter()
    for node in soup.descendants:
        if isinstance(node, NavigableString) and (size := len(node.strip())):
            for above in node.parents:
                sizes[id(above)] += size
    for element in soup.find_all(True):
        if 0 < sizes[id(element)] <= _LONGEST and element.name not in ("script", "style", "title", "option"):
            yield element


def _path(element: Tag) -> str:
    """Where it stands: tags and lasting classes from the root on."""
    steps = [element, *(above for above in element.parents if not isinstance(above, BeautifulSoup))]
    return " ".join(_step(step) for step in reversed(steps))


def _step(element: Tag) -> str:
    return ".".join([element.name, *stable_classes(attribute_of(element, "class") or "")])


# --- what names the cards ---------------------------------------------------------------------------


def _selectors(
    soup: BeautifulSoup, base: str, marks: Sequence[_Mark], source: Source, now: datetime
) -> Selectors | None:
    cards = _cards(marks)
    css = _named(soup, [card.element for card in cards]) if len(cards) >= _FEWEST else None
    if css is None:
        return None
    html = soup.find("html")
    language = attribute_of(html, "lang") if html else None
    return Selectors(entry=css, **fields_of(soup, cards, css, base, source, language, now))


def _cards(marks: Sequence[_Mark]) -> list[Card]:
    """The element of each entry that is as far around its mark as it can be without having another one's in it."""
    chains = [(mark, [mark.element, *mark.element.parents]) for mark in marks]
    best = [Card(mark.element, mark.entry) for mark, _ in chains]
    for level in range(min(len(chain) for _, chain in chains)):
        counts = Counter(id(chain[level]) for _, chain in chains)
        alone = [Card(chain[level], mark.entry) for mark, chain in chains if counts[id(chain[level])] == 1]
        if len(alone) < _NAMED * len(chains):
            break
        best = alone
    return best


def _named(soup: BeautifulSoup, cards: Sequence[Tag]) -> str | None:
    """A selector of the cards, and of others like them, and of nothing else where that can be."""
    wanted, paths = {id(card) for card in cards}, {_path(card) for card in cards}
    choices: list[tuple[float, int, str]] = []
    for cost, css in _tried(cards):
        matched, _ = outermost(soup.select(css))
        if sum(id(element) in wanted for element in matched) < _NAMED * len(wanted):
            continue
        strange = sum(id(element) not in wanted and _path(element) not in paths for element in matched)
        if not strange:
            return css
        choices.append((strange / len(matched), cost, css))
    return min(choices)[2] if choices else None


def _tried(cards: Sequence[Tag]) -> list[Name]:
    """Selectors for cards, the best first: by themselves, then by what they stand in."""
    found: dict[str, int] = {}
    for card in (cards[0], cards[len(cards) // 2], cards[-1]):
        for cost, css in _with_surroundings(card):
            found[css] = min(cost, found.get(css, cost))
    return sorted(Name(cost, css) for css, cost in found.items())[:_TRIED]


def _with_surroundings(card: Tag) -> Iterator[Name]:
    around = [above for above in card.parents if above.name not in ("html", "body", "[document]")][:_AROUND]
    yield from names_with(card)
    for name in names_of(card):
        yield name
        for number, above in enumerate(around):
            sign = " " if number else " > "
            for outer in names_around(above):
                yield Name(name.cost + outer.cost + 3, f"{outer.css}{sign}{name.css}")

"""From titles to entries: how far each entry reaches on the page, and what its parts say.

A record is as much of the page around a title as belongs to no other title of its group: a wrapper, or, where there is
none, the title and what stands between it and the next one.
"""

from __future__ import annotations

import contextlib
import re
from bisect import bisect_left
from collections import Counter
from collections.abc import Iterable, Iterator
from datetime import datetime, timedelta
from itertools import pairwise
from typing import NamedTuple, TypeAlias

from msgspec import Struct
from msgspec.structs import replace

from feedwatch.canonical import one_line
from feedwatch.model import Moment
from feedwatch.readers.ago import age_in
from feedwatch.readers.any_date import any_date
from feedwatch.readers.candidates import Candidate, Outline
from feedwatch.readers.date_in import LONGEST, ascii_digits, date_in
from feedwatch.readers.dates import parse_date
from feedwatch.readers.element import INLINE
from feedwatch.readers.tree import HEADINGS, Element, classes, hidden, text_of

Node: TypeAlias = Element | str

_ROOFS = frozenset({"html", "body", "main"})
_ALONE = frozenset({"article", "li", "tr", "section", "dd"})
_DATE_CLASS = re.compile(
    r"(?:^|[-_])(date|datum|fecha|data|time|timestamp|published|pubdate|posted|meta|day|when|age)(?:[-_]|$)|date$|Date|^date",
    re.IGNORECASE,
)
_CHANGED = re.compile(r"updated|modified|edited", re.IGNORECASE)
_YEAR = re.compile(r"(?<!\d)((?:19|20)\d\d)(?!\d)")
_SHORT_YEAR = re.compile(r"(\d{1,2})([/.-])(\d{1,2})\2(\d\d)")
_NUMBERS = re.compile(r"(?<!\d)(\d{1,2})([/-])(\d{1,2})\2(?:\d{4}|\d\d)(?!\d)")
_ONLY_PERIOD = re.compile(r"\W*(?:[^\W\d_]{3,12}\.?[\s,]*(?:del?\s)?)?(?:19|20)\d\d(?:\s?[年년])?(?:\W+\d{1,4})?\W*")
#: Where a date stood that is not the record's own.
ABOVE = "heading above"
_SENTENCE = re.compile(r"[.!?…。！？]$")
#: "10-12 May": days of an event.
_SPAN = re.compile(r"\d{1,2}\s?(?:[-–]|to|y|and|und|et|bis|al)\s?\d{1,2}\s(?:of\s|de\s)?[^\W\d_]{3,}", re.IGNORECASE)
#: What sets a date apart from the words of a title.
_PARTS = re.compile(r"\s[–—|·•-]\s|:\s|\s(?=[(\[])|(?<=[)\]])\s|,\s(?=[^,]*$)")


def drawn(part: Element) -> Iterator[Element]:
    """The elements of a part in order, without pictures made of elements, whose words are no text."""
    skipped: Element | None = None
    for element in part.iter():
        if not isinstance(element.tag, str):
            continue
        if skipped is not None and any(above is skipped for above in element.iterancestors()):
            continue
        skipped = element if element.tag == "svg" else None
        if skipped is None:
            yield element


def _length(text: str) -> int:
    """Characters; one of a script whose words have no spaces says as much as three."""
    return len(text) + 2 * sum(c >= "\u2e80" for c in text)


class Record(Struct):
    title: Candidate
    parts: list[Node]
    #: The element that wraps it, or the first of its parts.
    element: Element

    def all(self) -> Iterator[Element]:
        """Every element in it, in order."""
        for part in self.parts:
            if not isinstance(part, str):
                yield from drawn(part)

    @property
    def text(self) -> str:
        return one_line(" ".join(part if isinstance(part, str) else text_of(part) for part in self.parts))


def records(members: list[Candidate], others: Iterable[Element] = ()) -> list[Record]:
    """A record for each of the members, which are in document order; none reaches as far as one of `others`."""
    counts: Counter[Element] = Counter()
    for other in others:
        counts[other] += 1
        counts.update(other.iterancestors())
    for member in members:
        counts[member.element] += 1
        counts.update(member.element.iterancestors())
    wrapped = [(member, _wrapper(member.element, counts, alone=len(members) == 1 and not others)) for member in members]
    by_parent: dict[Element, list[tuple[Candidate, Element]]] = {}
    for member, element in wrapped:
        by_parent.setdefault(element.getparent(), []).append((member, element))
    found = [record for parent, inside in by_parent.items() for record in _siblings(parent, inside)]
    return sorted(found, key=lambda record: record.title.at)


def _wrapper(element: Element, counts: Counter[Element], *, alone: bool) -> Element:
    while True:
        parent = element.getparent()
        if parent is None or counts[parent] > 1 or str(parent.tag) in _ROOFS:
            return element
        if alone and str(element.tag) in _ALONE:
            return element
        element = parent


def _siblings(parent: Element | None, inside: list[tuple[Candidate, Element]]) -> list[Record]:
    """The records of one parent: each its own element, or that and its neighbours where the entries are flat."""
    if parent is None or not _flat(parent, inside):
        return [Record(member, [element], element) for member, element in inside]
    nodes: list[Node] = [parent.text or ""]
    for child in parent:
        if isinstance(child.tag, str):
            nodes.append(child)
        nodes.append(child.tail or "")
    wanted = {element: member for member, element in inside}
    places = [at for at, node in enumerate(nodes) if not isinstance(node, str) and node in wanted]
    leading = _leading(nodes, places)
    usual = sorted(b - a for a, b in pairwise(places))[len(places) // 2 - 1] if places[1:] else 12
    found: list[Record] = []
    for number, at in enumerate(places):
        element = nodes[at]
        assert not isinstance(element, str)  # noqa: S101
        if leading:
            start = places[number - 1] + 1 if number else max(0, at - max(usual, 4))
            part = nodes[start : at + 1]
            if found and str(element.tag) == "dd" and not any(_is_term(node) for node in part):
                part = [node for node in found[-1].parts if _is_term(node)] + part
        else:
            end = places[number + 1] if number + 1 < len(places) else min(len(nodes), at + max(usual, 6))
            part = nodes[at : _end(nodes, at, end)]
        found.append(Record(wanted[element], part, element))
    return found


def _end(nodes: list[Node], at: int, end: int) -> int:
    """Where what follows a title is over: at a heading that is no lower than it."""
    title = nodes[at]
    level = _level(title)
    for place in range(at + 1, end):
        node = nodes[place]
        if isinstance(node, str):
            continue
        if str(node.tag) in ("nav", "footer", "form", "aside") or (level and 0 < _level(node) <= level):
            return place
    return end


def _level(node: Node) -> int:
    if isinstance(node, str):
        return 0
    if str(node.tag) in HEADINGS:
        return int(str(node.tag)[1])
    first = next((e for e in node.iter(*HEADINGS)), None)
    return int(str(first.tag)[1]) if first is not None else 0


def _flat(parent: Element, inside: list[tuple[Candidate, Element]]) -> bool:
    """Whether the elements are hardly more than titles, and the rest stands beside them."""
    if len(inside) < 2:
        return False
    bare = sum(len(text_of(element)) <= len(member.text) + 4 for member, element in inside)
    if bare * 2 < len(inside):
        return str(parent.tag) == "dl" or _dated_between(parent, inside)
    own = {element for _, element in inside}
    between, seen = 0, False
    for child in parent:
        if child in own:
            seen = True
            between += bool((child.tail or "").strip(" \n\t|»·-–—,"))
        elif seen and isinstance(child.tag, str):
            between += bool(text_of(child)) + bool((child.tail or "").strip())
    return between * 2 >= len(inside) or str(parent.tag) == "dl"


def _dated_between(parent: Element, inside: list[tuple[Candidate, Element]]) -> bool:
    own = {element for _, element in inside}
    cells = {len(element) for element in own}
    return str(parent.tag) in ("table", "tbody") and any(
        str(child.tag) == "tr" and child not in own and len(child) not in cells and len(text_of(child)) > 8
        for child in parent
    )


def _leading(nodes: list[Node], places: list[int]) -> bool:
    """Whether what belongs to a title stands before it: there is a date before the first one, and none after the
    last."""
    first = nodes[places[0]]
    if not isinstance(first, str) and str(first.tag) == "dd":
        return True

    def dated(part: Iterable[Node]) -> bool:
        now = datetime(2100, 1, 1).astimezone()
        return any(date_in(_text(node), now) is not None for node in part if not _is_heading(node))

    return dated(nodes[max(0, places[0] - 4) : places[0]]) and not dated(nodes[places[-1] + 1 : places[-1] + 6])


def is_period(text: str) -> bool:
    """Whether a heading names a year or a month rather than a subject."""
    return bool(_ONLY_PERIOD.fullmatch(ascii_digits(text)))


def _is_term(node: Node) -> bool:
    return not isinstance(node, str) and str(node.tag) == "dt"


def _is_heading(node: Node) -> bool:
    return not isinstance(node, str) and str(node.tag) in HEADINGS


def _text(node: Node) -> str:
    return one_line(node) if isinstance(node, str) else text_of(node)


# --- dates ------------------------------------------------------------------------------------------------


def tongue(page: Outline, language: str | None) -> str | None:
    """The language by which 03/04/2024 is read: the page's own, unless its other dates say that the day, or the month,
    comes first there."""
    first = second = False
    for element in page.order:
        for text in (element.text, element.tail):
            if text and len(text) < LONGEST and ("/" in text or "-" in text):
                for found in _NUMBERS.finditer(text):
                    first |= int(found[1]) > 12
                    second |= int(found[3]) > 12
    if first == second:
        return language
    spoken = (language or "en").lower()
    if second:
        return "en-us"
    return "en-gb" if spoken in ("en", "en-us") else language


class Period(NamedTuple):
    """Something like a heading that says of which year, month or day it is."""

    at: int
    element: Element
    text: str


def periods(page: Outline, now: datetime, language: str | None) -> list[Period]:
    """All such on the page, in order."""
    found = []
    for element in page.order:
        tag = str(element.tag)
        if tag in ("script", "style", "time") or page.aside.get(element):
            continue
        heads = tag in HEADINGS or tag in ("dt", "th", "summary", "legend", "caption", "strong", "b")
        said = (element.text or "") if not heads or len(element) >= 8 else text_of(element)
        if len(said) > 200 or not any(c.isdigit() for c in said):
            continue
        said = one_line(said)
        whole = heads or bool(_DATE_CLASS.search(" ".join(classes(element))))
        if len(said) < 60 and (is_period(said) or (whole and _is_day(said, now, language))):
            found.append(Period(page.at[element], element, said))
    return found


def _is_day(text: str, now: datetime, language: str | None) -> bool:
    return bool(_YEAR.search(text)) and parse_date(text, now, language=language) is not None


class Calendar:
    """Reads the dates of records; `above` are the headings that can say of which year or day they are."""

    def __init__(
        self, page: Outline, above: list[Period], found: list[Record], now: datetime, language: str | None
    ) -> None:
        self._digits = page.digits
        self._now = now
        self._language = language
        inside = {element for record in found for element in record.all()} if above else set()
        outside = [period for period in above if period.element not in inside]
        self._within = {period.element: period.text for period in above if period.element in inside}
        self._places = [period.at for period in outside]
        self._said = [period.text for period in outside]

    def of(self, record: Record, *, above: bool = True) -> tuple[Moment, str] | None:
        """The date of a record, and where it stood. `above` also looks at headings before the record."""
        found = self._stated(record) or self._in_lines(record) or self._in_title(record)
        return found or (self._above(record) if above else None) or self._foreign(record)

    def _foreign(self, record: Record) -> tuple[Moment, str] | None:
        for element in record.all():
            if str(element.tag) == "time" or _DATE_CLASS.search(" ".join(classes(element))):
                moment = any_date(ascii_digits(text_of(element, spaced=True)))
                if moment is not None:
                    return moment, f"<{element.tag}>, in its language"
        return None

    def age_of(self, record: Record) -> timedelta | None:
        """How old a record without a date says it is."""
        title = {record.title.element, *record.title.element.iterdescendants()}
        for part in record.parts:
            if isinstance(part, str):
                if (age := age_in(part)) is not None:
                    return age
                continue
            for element in part.iter():
                if not isinstance(element.tag, str) or element in title or hidden(element):
                    continue
                texts = (element.text, element.tail if element is not part else None)
                if (age := next((a for t in texts if t and (a := age_in(t)) is not None), None)) is not None:
                    return age
        return None

    def _in_title(self, record: Record) -> tuple[Moment, str] | None:
        """The date that a title begins or ends with; one in its middle, or a span of days, is of what it is about."""
        text = ascii_digits(text_of(record.title.element, spaced=True))
        if not _YEAR.search(text) or _SPAN.search(text):
            return None
        for part in (text, *_PARTS.split(text)[:1], *_PARTS.split(text)[-1:]):
            if moment := parse_date(part.strip(" ()[]:¶#"), self._now, language=self._language):
                return moment, "the title"
        return None

    def _stated(self, record: Record) -> tuple[Moment, str] | None:
        later: tuple[Moment, str] | None = None
        for element in record.all():
            tag, prop = str(element.tag), element.get("itemprop") or ""
            names = " ".join(classes(element))
            if not (
                tag in ("time", "relative-time", "local-time", "time-ago")
                or element.get("datetime")
                or prop.startswith("date")
                or "dt-published" in names
                or (tag in ("abbr", "span", "a") and _DATE_CLASS.search(names) and element.get("title"))
            ):
                continue
            values = [element.get("datetime"), element.get("content"), element.get("title"), element.get("data-date")]
            for value in [*values, text_of(element)]:
                moment = self._moment(value or "", record)
                if moment is None:
                    continue
                if _CHANGED.search(names) or prop == "dateModified":
                    later = later or (moment, f"<{tag}>, as changed")
                    break
                return moment, f"<{tag}>"
        return later

    def _in_lines(self, record: Record) -> tuple[Moment, str] | None:
        title = record.title.element
        inside = {title, *title.iterdescendants()} if record.element is not title or len(record.parts) > 1 else set()
        best: tuple[Moment, str] | None = None
        for part in record.parts:
            if isinstance(part, str):
                if moment := self._moment(one_line(part), record):
                    return moment, "text beside the title"
                continue
            for element in drawn(part) if part in self._digits else ():
                tailed = element is not part and element.tail
                if (element not in self._digits and not tailed) or element in inside or hidden(element):
                    continue
                named = bool(_DATE_CLASS.search(" ".join(classes(element))))
                if named and (moment := self._moment(text_of(element, spaced=True), record)):
                    return moment, f'class "{" ".join(classes(element))}"'
                if best is None and (found := self._line(element, record)):
                    best = found, f"text of <{element.tag}>"
                tail = one_line(element.tail or "") if element is not part else ""
                if best is None and tail and (moment := self._moment(tail, record)):
                    best = moment, f"text after <{element.tag}>"
        return best

    def _line(self, element: Element, record: Record) -> Moment | None:
        own = one_line(element.text or "")
        if not own and not len(element):
            return None
        inline = len(element) < 6 and all(child.tag in INLINE for child in element)
        whole = text_of(element, spaced=True) if inline else own
        for text in dict.fromkeys((own, whole)):
            length = _length(text)
            prose = length > LONGEST or (length > 40 and _SENTENCE.search(text))
            if not prose and (moment := self._moment(text, record)):
                return moment
        return None

    def _moment(self, text: str, record: Record) -> Moment | None:
        if not text or not any(c.isdigit() for c in text):
            return None
        text = ascii_digits(text)
        if short := _SHORT_YEAR.fullmatch(text.strip()):
            # Where nothing else stands, two digits are a year of this century, or of the last if it is to come.
            full = 2000 + int(short[4])
            full -= 100 if full > self._now.year + 1 else 0
            text = f"{short[1]}{short[2]}{short[3]}{short[2]}{full}"
        moment = date_in(text, self._now, language=self._language)
        year = None if moment is None or _YEAR.search(text) else self._year(record)
        if moment is None or year is None:
            return moment
        # It names no year of its own, and stands under a heading that does.
        with contextlib.suppress(ValueError):
            return replace(moment, at=moment.at.replace(year=int(year)))
        return moment

    def _year(self, record: Record) -> str | None:
        # A heading over a single entry is in its record.
        for element in record.all() if self._within else ():
            if element is not record.title.element and (found := _YEAR.search(self._within.get(element, ""))):
                return found[1]
        at = bisect_left(self._places, record.title.at)
        while at > 0:
            at -= 1
            if found := _YEAR.search(self._said[at]):
                return found[1]
        return None

    def _above(self, record: Record) -> tuple[Moment, str] | None:
        at = bisect_left(self._places, record.title.at)
        if at == 0:
            return None
        said = self._said[at - 1]
        moment = parse_date(said, self._now, language=self._language) if _YEAR.search(said) else None
        return (moment, ABOVE) if moment else None

"""What a record says beside its title, link and date: text, authors, categories, picture."""

from __future__ import annotations

import re
from bisect import bisect_left

from feedwatch.canonical import one_line
from feedwatch.readers.candidates import Outline
from feedwatch.readers.dates import parse_date
from feedwatch.readers.records import Record, is_period
from feedwatch.readers.sanitize import web_url
from feedwatch.readers.tree import HEADINGS, Element, classes, text_of

_SUMMARY = re.compile(
    r"excerpt|summary|description|teaser|preamble|dek\b|subtitle|standfirst|lead\b|chapo|abstract|intro", re.I
)
_AUTHOR = re.compile(r"(?:^|[-_])(author|byline|autor|auteur|p-author|writer)(?:[-_]|$)", re.IGNORECASE)
_CATEGORY = re.compile(
    r"(?:^|[-_])(category|categories|cat-links|tag|tags|topic|topics|kicker|rubrique|rubrik|eyebrow)(?:[-_]|$)", re.I
)
_BY = re.compile(r"^(?:written |posted )?(?:by|von|par|por|di|door|av|af|автор:?)\s+", re.IGNORECASE)
_IMAGES = ("data-src", "data-lazy-src", "data-original", "src")
#: Characters of a text that says something, and of one that is kept.
_SHORTEST, _LONGEST = 30, 2000


def summary_of(record: Record) -> str | None:
    """The text under the title: what is called so, else the first paragraph, else what stands beside."""
    title = record.title.text
    own = {record.title.element, *record.title.element.iterdescendants()}
    paragraphs, others = [], []
    for element in record.all():
        if element in own:
            continue
        text = None
        if _SUMMARY.search(" ".join(classes(element))) and str(element.tag) != "a":
            text = text_of(element)
            if len(text) >= _SHORTEST and text != title:
                return text[:_LONGEST]
        if str(element.tag) in ("p", "blockquote", "dd"):
            paragraphs.append(text if text is not None else text_of(element))
        elif str(element.tag) in ("div", "span", "td", "li") and not len(element):
            others.append(one_line(element.text or ""))
    others += [one_line(part) for part in record.parts if isinstance(part, str)]
    for text in (*paragraphs, *others):
        if len(text) >= _SHORTEST and text != title:
            return text[:_LONGEST]
    return None


def authors_of(record: Record) -> tuple[str, ...]:
    for element in record.all():
        names = " ".join(classes(element))
        if element.get("rel") == "author" or element.get("itemprop") == "author" or _AUTHOR.search(names):
            name = _BY.sub("", text_of(element)).strip(" ,·|")
            if 1 < len(name) <= 60 and not any(c.isdigit() for c in name):
                return (name,)
    return ()


def categories_of(record: Record) -> tuple[str, ...]:
    """Names in links of the kind `rel="tag"`, and in what is called a category."""
    title = record.title.element
    found: dict[str, None] = {}
    for element in record.all():
        tag = str(element.tag)
        if element is title or tag in HEADINGS:
            continue
        named = bool(_CATEGORY.search(" ".join(classes(element))))
        if not ("tag" in (element.get("rel") or "").split() or named):
            continue
        links = [text_of(a) for a in element.iter("a")] if tag != "a" else []
        for name in links or [text_of(element)]:
            name = name.strip(" #,·|")
            if 0 < len(name) <= 40 and name != record.title.text:
                found[name] = None
    return tuple(found)[:10]


def image_of(record: Record, base: str) -> str | None:
    for element in record.all():
        if str(element.tag) != "img":
            continue
        for name in (*_IMAGES, "srcset", "data-srcset"):
            stated = element.get(name) or ""
            if name.endswith("srcset"):
                stated = "".join(stated.split()[:1]).rstrip(",")
            if found := web_url(stated, base):
                return found
    return None


class Sections:
    """The headings that records stand under, where these name categories rather than times."""

    def __init__(self, page: Outline, records: list[Record]) -> None:
        inside = {element for record in records for element in record.all()}
        level = min(
            (int(str(r.title.element.tag)[1]) for r in records if str(r.title.element.tag) in HEADINGS), default=7
        )
        self._places: list[int] = []
        self._names: list[str] = []
        for element in page.order:
            tag = str(element.tag)
            if tag not in HEADINGS or tag == "h1" or element in inside or page.aside.get(element):
                continue
            if int(tag[1]) < level:
                self._places.append(page.at[element])
                self._names.append(text_of(element))
        under = [self._before(record) for record in records]
        named = [name for name in under if name and not _is_time(name, page)]
        #: Only a page whose every entry stands under a heading, and not all under the same, is sorted by category.
        self.useful = len(named) == len(records) and len(set(named)) >= 2

    def of(self, record: Record) -> str | None:
        return self._before(record) if self.useful else None

    def _before(self, record: Record) -> str | None:
        at = bisect_left(self._places, record.title.at)
        return self._names[at - 1] if at else None


def _is_time(name: str, page: Outline) -> bool:
    return is_period(name) or parse_date(name, page.now) is not None


def icon_of(root: Element, base: str) -> str | None:
    for link in root.iter("link"):
        if "icon" in (link.get("rel") or "").split() and (found := web_url(link.get("href"), base)):
            return found
    return None

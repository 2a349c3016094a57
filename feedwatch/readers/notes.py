"""Posts without titles: notes, links and pictures in a stream, each with its date and the link to itself."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Callable

from feedwatch.canonical import host_of
from feedwatch.readers.candidates import Candidate, Outline, leads
from feedwatch.readers.records import Record
from feedwatch.readers.sanitize import web_url
from feedwatch.readers.tree import Element, classes, text_of

_POST = re.compile(
    r"h-entry|hentry|(?:.*[-_])?(?:post|note|status|entry|toot|tweet|message)(?:[-_](?:item|card|wrapper))?"
)
_PERMALINK = re.compile(r"permalink|u-url|timestamp|bookmark|date|time", re.IGNORECASE)
#: Marks the path of such posts in a rule.
MARK = "untitled: "
#: A stream has so many of them.
_FEWEST = 2


def untitled(
    page: Outline, base: str, is_date: Callable[[str], bool], taken: list[Record], wanted: str | None = None
) -> tuple[str, list[Record]] | None:
    """The untitled posts of a page and where they stand: beside those already `taken`, which have titles, or on their
    own; or those at the path `wanted`."""
    inside = {element for record in taken for element in record.all()}
    beside = {page.paths[record.element] for record in taken}
    found: dict[str, list[Record]] = defaultdict(list)
    for element in page.order:
        path = page.paths[element]
        if element in inside or page.aside.get(element) or (wanted is not None and path != wanted):
            continue
        if wanted is None and not (path in beside if taken else _is_post(element)):
            continue
        if (anchor := _permalink(element, base, is_date)) is not None:
            candidate = Candidate(anchor, "", anchor, page.at[element])
            found[path].append(Record(candidate, [element], element))
    best = max(found.items(), key=lambda item: len(item[1]), default=None)
    if best is None or (len(best[1]) < _FEWEST and not taken and wanted is None):
        return None
    return best


def _is_post(element: Element) -> bool:
    return str(element.tag) == "article" or any(_POST.fullmatch(name) for name in classes(element))


def _permalink(element: Element, base: str, is_date: Callable[[str], bool]) -> Element | None:
    """The link of a post to itself, which is around its date or says what it is."""
    host = host_of(base)
    for anchor in element.iter("a"):
        if not leads(anchor, base) or host not in ("", host_of(web_url(anchor.get("href"), base) or "")):
            continue
        names = " ".join([*classes(anchor), anchor.get("rel") or ""])
        if _PERMALINK.search(names) or next(anchor.iter("time"), None) is not None or is_date(text_of(anchor)):
            return anchor
    return None

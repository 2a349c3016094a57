"""A web page as a Reading: by its source's selectors, or by the list of posts that is found in it.

Says where the next page is, and what is wrong with a page that has no posts.
"""

from __future__ import annotations

from datetime import datetime

from bs4 import BeautifulSoup
from msgspec.structs import replace

from feedwatch.errors import ReadError
from feedwatch.model import Reading, Source
from feedwatch.readers.listing import read_listing
from feedwatch.readers.page import read_page
from feedwatch.readers.pager import next_page
from feedwatch.readers.selectors import compile_selector, nearest
from feedwatch.readers.shell import HINT, is_shell
from feedwatch.readers.walls import check_other_page, check_wall
from feedwatch.readers.whole import is_cut, without_end


def read_any_page(markup: str, *, url: str, source: Source, now: datetime, rule: tuple[str, ...]) -> Reading:
    """Raises ReadError as `reading.read` does."""
    if source.select:
        reading = read_page(markup, url=url, source=source, now=now)
        if not reading.entries:
            check_wall(markup)
            raise _nothing_selected(markup, source.select.entry, _hint(markup, source))
        return _with_next(_as_far_as_it_goes(reading, markup), markup, url)
    check_other_page(markup)
    reading = read_listing(markup, url=url, source=source, now=now, rule=rule)
    if not reading.entries:
        check_wall(markup)
        reading = replace(reading, notes=(*reading.notes, *_hint(markup, source)))
    return _with_next(_as_far_as_it_goes(reading, markup), markup, url)


def _as_far_as_it_goes(reading: Reading, markup: str) -> Reading:
    return without_end(reading) if reading.entries and is_cut(markup) else reading


def _with_next(reading: Reading, markup: str, url: str) -> Reading:
    on_the_web = url.startswith(("http:", "https:"))
    return replace(reading, next_page=next_page(markup, url)) if on_the_web else reading


def _hint(markup: str, source: Source) -> tuple[str, ...]:
    """What would help where a page has no posts before its scripts have run."""
    return (HINT,) if not source.browser and is_shell(markup) else ()


def _nothing_selected(markup: str, entry: str, hint: tuple[str, ...]) -> ReadError:
    page = BeautifulSoup(markup, "lxml")
    count = len(compile_selector(entry).select(page))
    why = "and none of them has a title or link" if count else "of the page"
    other = None if count else nearest(page, entry)
    near = f'; "{other[0]}" would match {other[1]}' if other else ""
    found = f'no entries: the selector entry = "{entry}" matched {count} elements {why}{near}'
    return ReadError("empty", "; ".join((found, *hint)))

"""Bytes of a feed or a page as a Reading: looks what they are, has them read, and finishes what comes out.

Does not fetch, compare with what is known, or run in a process of its own (`workers` sees to that: a hostile body
can take hours in a parser).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime

from bs4 import BeautifulSoup

from feedwatch.errors import ReadError
from feedwatch.model import Reading, Source
from feedwatch.readers.charset import decode
from feedwatch.readers.feed import read_feed
from feedwatch.readers.finish import finish
from feedwatch.readers.jsonapi import read_json
from feedwatch.readers.jsonfeed import read_json_feed
from feedwatch.readers.kind import look
from feedwatch.readers.listing import read_listing
from feedwatch.readers.page import read_page
from feedwatch.readers.pager import next_page
from feedwatch.readers.selectors import compile_selector, nearest
from feedwatch.readers.shell import HINT, is_shell
from feedwatch.readers.sitemap import read_sitemap
from feedwatch.readers.walls import check_other_page, check_wall
from feedwatch.readers.whole import is_cut, without_end


def read(
    body: bytes,
    *,
    url: str,
    headers: Mapping[str, str],
    source: Source,
    now: datetime,
    rule: tuple[str, ...] = (),
) -> Reading:
    """The entries in `body`, which came from `url` with the response `headers` (names in lower case).

    `now` (aware) settles dates without a year; `rule` is what an earlier reading of a page without selectors found.
    The content type is not believed; of the headers, only the charset counts.
    Raises ReadError, and nothing else whatever the bytes are: `unreadable` for what is neither a feed nor a page
    with selectors, is truncated or has no sane charset; `empty` for what has no entries; `blocked` and `soft-404` for
    a page that is another one than the one asked for. (MemoryError too: it is
    the worker's limit, not the body's word.)
    """
    try:
        reading = finish(_read(body, url, headers, source, now, rule), source)
    except (ReadError, MemoryError):
        raise
    except Exception as error:  # parsers of other people's bytes fail in ways that no list covers
        raise ReadError("unreadable", f"reading it failed: {type(error).__name__}: {error}"[:300]) from error
    if not reading.entries:
        what = "a web page" if reading.kind == "page" else "a valid feed"
        raise ReadError("empty", "; ".join((f"{what}, but without entries", *reading.notes)), reading.feeds)
    return reading


def _read(
    body: bytes, url: str, headers: Mapping[str, str], source: Source, now: datetime, rule: tuple[str, ...]
) -> Reading:
    text = decode(body, headers.get("content-type", ""))
    found = look(text)
    base = source.link_base or url
    if source.json is not None:
        return read_json(text, source.json, url=base, now=now)
    match found.kind:
        case "xml":
            return read_feed(found, url=base, now=now)
        case "json":
            return read_json_feed(found.text, url=base, now=now)
        case "sitemap":
            return read_sitemap(found.text, url=base, now=now)
        case "page" if source.select:
            reading = read_page(found.text, url=url, source=source, now=now)
            if not reading.entries:
                check_wall(found.text)
                raise _nothing_selected(found.text, source.select.entry, _hint(found.text, source))
            return _with_next(_as_far_as_it_goes(reading, found.text), found.text, url)
        case "page":
            check_other_page(found.text)
            reading = read_listing(found.text, url=url, source=source, now=now, rule=rule)
            if not reading.entries:
                check_wall(found.text)
                reading = replace(reading, notes=(*reading.notes, *_hint(found.text, source)))
            return _with_next(_as_far_as_it_goes(reading, found.text), found.text, url)
        case _:
            start = " ".join(found.text[:60].split())
            raise ReadError("unreadable", f"neither a feed nor a web page (starts with {start!r})")


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

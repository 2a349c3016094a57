"""Bytes of a feed or a page as a Reading: looks what they are, has them read, and finishes what comes out.

Does not fetch, compare with what is known, or run in a process of its own (`workers` sees to that: a hostile body
can take hours in a parser).
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime

from feedwatch.errors import ReadError
from feedwatch.model import Reading, Source
from feedwatch.readers.charset import decode
from feedwatch.readers.feed import read_any_feed, read_quickly
from feedwatch.readers.finish import finish, settle
from feedwatch.readers.jsonfeed import read_json_feed
from feedwatch.readers.kind import look


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
        if quick := _quickly(body, url, headers, source, now):
            reading = settle(quick, source)
        else:
            reading = finish(_read(body, url, headers, source, now, rule), source)
    except (ReadError, MemoryError):
        raise
    except Exception as error:  # parsers of other people's bytes fail in ways that no list covers
        raise ReadError("unreadable", f"reading it failed: {type(error).__name__}: {error}"[:300]) from error
    if not reading.entries:
        what = "a web page" if reading.kind == "page" else "a valid feed"
        raise ReadError("empty", "; ".join((f"{what}, but without entries", *reading.notes)), reading.feeds)
    return reading


def _quickly(body: bytes, url: str, headers: Mapping[str, str], source: Source, now: datetime) -> Reading | None:
    if source.json is not None:
        return None
    return read_quickly(body, headers.get("content-type", ""), url=source.link_base or url, now=now)


def _read(
    body: bytes, url: str, headers: Mapping[str, str], source: Source, now: datetime, rule: tuple[str, ...]
) -> Reading:
    text = decode(body, headers.get("content-type", ""))
    base = source.link_base or url
    if source.json is not None:
        from feedwatch.readers.jsonapi import read_json  # only few sources need it

        return read_json(text, source.json, url=base, now=now)
    found = look(text)
    match found.kind:
        case "xml":
            return read_any_feed(found, url=base, now=now)
        case "json":
            return read_json_feed(found.text, url=base, now=now)
        case "sitemap":
            from feedwatch.readers.sitemap import read_sitemap  # loading lxml takes as long as reading three feeds

            return read_sitemap(found.text, url=base, now=now)
        case "page":
            from feedwatch.readers.anypage import read_any_page  # loading it takes as long as reading fifty feeds

            return read_any_page(found.text, url=url, source=source, now=now, rule=rule)
        case _:
            start = " ".join(found.text[:60].split())
            raise ReadError("unreadable", f"neither a feed nor a web page (starts with {start!r})")

"""The text of an entry's own page, by the package trafilatura (extra `follow`). Pure."""

from __future__ import annotations

import importlib
import re
from collections.abc import Mapping
from importlib.metadata import version
from importlib.util import find_spec
from urllib.parse import urlsplit

from lxml import html

from feedwatch.canonical import comparable
from feedwatch.errors import ReadError
from feedwatch.model import READING_VERSION, Article, Text
from feedwatch.readers.charset import decode
from feedwatch.readers.sanitize import plain, sanitize, web_url
from feedwatch.readers.walls import check_wall

#: Share of the words of an entry's title that its own page says.
_SAID = 0.6
_NESTED = re.compile(r"<pre>\s*<pre>(.*?)</pre>\s*</pre>", re.DOTALL)
_INDENT = re.compile(r"(<pre>.*?</pre>)|>\s+<", re.DOTALL)
_HEADING = re.compile(r"<h[12]>(.{1,500}?)</h[12]>", re.DOTALL)


def missing() -> str | None:
    """What has to be installed before a page can be read, as one sentence; None when it is there."""
    if find_spec("trafilatura") is None:
        return "follow = true needs trafilatura: install feedwatch[follow]"
    return None


def read_article(body: bytes, *, url: str, headers: Mapping[str, str], title: str) -> Article:
    """What the page at `url` says of the entry with that `title`.

    Raises ReadError: `blocked` and `soft-404` for another page than the one asked for, also for one that does not name
    the entry; `empty` for one without a text; `unreadable`, whatever the bytes are, and without trafilatura.
    """
    if lack := missing():
        raise ReadError("unreadable", lack)
    try:
        return _read(decode(body, headers.get("content-type", "")), url, title)
    except (ReadError, MemoryError):
        raise
    except Exception as error:  # parsers of other people's bytes fail in ways that no list covers
        raise ReadError("unreadable", f"reading it failed: {type(error).__name__}: {error}"[:300]) from error


def _read(markup: str, url: str, title: str) -> Article:
    page = html.fromstring(markup.encode("utf-8", "replace"), parser=html.HTMLParser(encoding="utf-8"))
    if not _names(plain(markup), title):
        check_wall(markup)
        raise ReadError("soft-404", f'the page at {url} does not say "{title[:80]}"; it is not taken for the entry\'s')
    canonical = _canonical(page, url)
    found = importlib.import_module("trafilatura").extract(
        page,
        url=url,
        output_format="html",
        include_comments=False,
        include_formatting=True,
        include_images=True,
        include_links=True,
        include_tables=True,
        with_metadata=False,
    )
    text = _tidied(sanitize(found or "", url), title)
    if not plain(text):
        raise ReadError("empty", f"no text was found on the page at {url}")
    return Article(Text(text, "html"), canonical, f"{READING_VERSION}/{version('trafilatura')}")


def _names(text: str, title: str) -> bool:
    """Whether a text is about the entry with that title; a title cut short ("The long way to …") is still its title."""
    wanted = comparable(title).casefold().rstrip(". …")
    if not wanted or wanted in comparable(text).casefold():
        return True
    words, said = set(wanted.split()), set(comparable(text).casefold().split())
    return len(words & said) >= _SAID * len(words)


def _canonical(page: html.HtmlElement, url: str) -> str | None:
    """RFC 6596. One that leads to a site's front page is a mistake of its template."""
    for link in page.iter("link"):
        if "canonical" in (link.get("rel") or "").lower().split():
            target = web_url(link.get("href"), url)
            return target if target and urlsplit(target).path.strip("/") else None
    return None


def _tidied(markup: str, title: str) -> str:
    """Without the line breaks of a pretty printer, which are no words, and without the title once more."""
    markup = _NESTED.sub(r"<pre>\1</pre>", markup)
    markup = _INDENT.sub(lambda found: found[1] or "><", markup).strip()
    head = _HEADING.match(markup)
    if head and comparable(plain(head[1])).casefold() == comparable(title).casefold():
        markup = markup[head.end() :].lstrip()
    return markup

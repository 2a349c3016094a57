"""The mapping that feedparser makes of a document, or `wellformed` in its place, as a Reading of finished entries.

What it says of most entries is written as it should be, and much of it repeats: each rule looks for that first, here
and in `finish`, `sanitize`, `dates` and `canonical`. Entries are made once, of parts that are tidy.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from datetime import datetime
from html import unescape
from html.entities import html5
from typing import Any

from msgspec import Struct
from msgspec.structs import replace

from feedwatch.canonical import entry_id, one_line
from feedwatch.model import About, Category, Enclosure, Entry, Moment, Origin, Pace, Person, Reading, Text
from feedwatch.readers.dates import parse_date
from feedwatch.readers.finish import (
    tidy_categories,
    tidy_enclosure,
    tidy_id,
    tidy_language,
    tidy_line,
    tidy_origin,
    tidy_people,
    tidy_text,
)
from feedwatch.readers.sanitize import plain, sanitize, sanitize_clean, web_url
from feedwatch.remembered import remembered, remembered_together

_TEXT_TYPES = frozenset({"text/plain", "text/html", "application/xhtml+xml"})
# RSS does not say whether a title is text or HTML. A closing tag, an attribute or an entity says HTML;
# "1 < 2 & AT&T" and "The <br> tag" are text.
_MARKUP = re.compile(r"</[a-z][a-z0-9]*\s*>|<[a-z][a-z0-9]*[\s/](?=[^<>]*[=/])[^<>]*>", re.IGNORECASE)
_EMAIL = re.compile(r"[^\s<>()@]+@[^\s<>()@]+")
#: Characters; beyond this it is no person, and searching it for an address would take long.
_LONGEST_PERSON = 300
_ENTITY = re.compile(r"&(#\d+|#[xX][0-9a-fA-F]+|\w+);")
#: Of the last entries' authors and categories, which are few in a feed and stand at each of its entries.
_REMEMBERED = 512


class Document(Struct, frozen=True):
    """What is known of all that a mapping says."""

    #: The base of relative addresses.
    url: str
    #: RSS in any version, or CDF; else Atom.
    rss: bool
    now: datetime
    #: Read by `wellformed`: none of its texts has a character that XML forbids, no entry says its language.
    quick: bool = False


def reading_of(feed: Any, entries: Iterable[Any], document: Document, pace: Pace) -> Reading:
    about = _about(feed, document)
    further = _further(feed, document.url)
    found = tuple([_entry(entry, document, about) for entry in entries])
    return Reading("feed", found, about, complete=further is None, pace=pace, next_page=further)


def _further(feed: Any, url: str) -> str | None:
    """Where older entries are: the next page of the feed (RFC 5005 §3), or the archive before it (§4)."""
    for relation in ("next", "prev-archive"):
        for link in feed.get("links", ()):
            if link.get("rel") == relation and (found := web_url(link.get("href"), url)):
                return found
    return None


def _entry(e: Any, document: Document, about: About) -> Entry:
    url, rss = document.url, document.rss
    title = _title(e, rss=rss) or ""
    link = _link(e, url)
    guid = e.get("id")
    published, updated = _dates(e, rss=rss, now=document.now)
    content = _content(e, rss=rss)
    # The date is part of an id only where there is nothing better, and takes long to write.
    date = None if link else published
    return Entry(
        id=tidy_id(entry_id(guid, link, title, str(date) if date else None)),
        title=one_line(title),
        link=link,
        summary=_summary(e, document, content),
        content=_text(content["value"], content, document) if content else None,
        authors=_people(e, url, rss=rss),
        categories=_categories(e.get("tags")),
        enclosures=_enclosures(e, url),
        published=published,
        updated=updated,
        image=_image(e, url),
        language=None if document.quick else _language(e, about),
        rights=tidy_line(_line(e, "rights")) if "rights" in e else None,
        origin=_origin(e["source"]) if "source" in e else None,
    )


def _title(holder: Any, *, rss: bool) -> str | None:
    value: str = holder.get("title") or ""
    if rss:
        return _unmarked(value) or None
    detail = holder.get("title_detail") or {}
    return (value if detail.get("type") == "text/plain" else plain(value)) or None


def _line(holder: Any, name: str) -> str | None:
    return _unmarked(holder.get(name) or "") or None


def _unmarked(value: str) -> str:
    """`value` without markup, where it has any; text that only contains `<` or `&` stays as it is."""
    if "<" not in value and "&" not in value:
        return value
    named = any(f"{name};" in html5 or name.startswith("#") for name in _ENTITY.findall(value))
    if _MARKUP.search(value):
        return plain(value)
    return unescape(value) if named else value


def _link(holder: Any, url: str) -> str | None:
    """The page a person would read: an alternate link, of any type when there is no HTML one."""
    if link := web_url(holder.get("link"), url):
        return link
    others = [link.get("href") for link in holder.get("links", ()) if link.get("rel") == "alternate"]
    return next((link for href in others if (link := web_url(href, url))), None)


def _dates(e: Any, *, rss: bool, now: datetime) -> tuple[Moment | None, Moment | None]:
    # `in` first: asked for `updated`, feedparser would hand out `published`.
    published = _date(e["published"], now) if "published" in e else None
    if published is None and "created" in e:
        published = _date(e["created"], now)
    updated = _date(e["updated"], now) if "updated" in e else None
    if rss and published is None:
        # dc:date is all that RSS 1.0 has, and it is the day of publication.
        return updated, None
    return published, updated


def _date(raw: str | None, now: datetime) -> Moment | None:
    return parse_date(raw, now) if raw else None


def _content(e: Any, *, rss: bool) -> Any:
    """The construct that holds the entry's text, or None.

    In RSS, content:encoded is HTML; plain content there is a media:description, the caption of a picture.
    """
    for content in e.get("content", ()):
        type_ = content.get("type")
        if content.get("value") and type_ in _TEXT_TYPES and not (rss and type_ == "text/plain"):
            return content
    return None


def _summary(e: Any, document: Document, content: Any) -> Text | None:
    value: str = e.get("summary") or ""
    # Without a detail it is feedparser's own copy of the content.
    if not value or "summary_detail" not in e or (content and content["value"].strip() == value.strip()):
        return None
    return _text(value, e["summary_detail"], document)


def _text(value: str, construct: Any, document: Document) -> Text | None:
    """`value` as the construct says that it is to be read."""
    if construct.get("type") == "text/plain":
        return tidy_text(Text(value))
    harmless = (sanitize_clean if document.quick else sanitize)(value, construct.get("base") or document.url)
    return Text(harmless, "html") if harmless else None


def _categories(tags: Any) -> tuple[Category, ...]:
    return _named(tuple([(t.get("term"), t.get("scheme"), t.get("label")) for t in tags])) if tags else ()


@remembered(_REMEMBERED)
def _named(tags: tuple[tuple[str | None, str | None, str | None], ...]) -> tuple[Category, ...]:
    """`tags`: term, scheme and label of each."""
    return tidy_categories(
        tuple(Category(_unmarked(term or ""), scheme, _unmarked(label or "") or None) for term, scheme, label in tags)
    )


def _people(holder: Any, url: str, *, rss: bool) -> tuple[Person, ...]:
    people = holder.get("authors")
    if not people:
        return ()
    named = tuple([(p.get("name"), p.get("email"), p.get("href")) for p in people])
    return _persons(named, holder.get("author") if rss else None, url)


@remembered_together(_REMEMBERED)
def _persons(
    named: tuple[tuple[str | None, str | None, str | None], ...], last: str | None, url: str
) -> tuple[Person, ...]:
    """`named`: name, e-mail address and URL of each; `last` is how RSS writes the last one."""
    people = tuple(Person(_unmarked(name or ""), email, web_url(href, url)) for name, email, href in named)
    if last:
        return tidy_people((*people[:-1], _person(last)))
    # feedparser hands the address of one author on to the next one, cut to a four-letter top-level domain.
    return tidy_people(
        tuple(
            replace(p, email=None) if any((q.email or "").startswith(p.email or "-") for q in people[:n]) else p
            for n, p in enumerate(people)
        )
    )


def _person(raw: str) -> Person:
    """RSS writes `address (name)`; feedparser takes it apart wrongly when the top-level domain is long."""
    email = _EMAIL.search(raw) if len(raw) <= _LONGEST_PERSON else None
    if email is None:
        return Person(_unmarked(raw))
    name = (raw[: email.start()] + raw[email.end() :]).replace("<>", "").strip()
    if name.startswith("(") and name.endswith(")"):
        name = name[1:-1]
    return Person(_unmarked(name.removesuffix("()").strip()), email[0])


def _enclosures(e: Any, url: str) -> tuple[Enclosure, ...]:
    made = []
    for link in e.get("links", ()):
        if link.get("rel") == "enclosure" and (href := web_url(link.get("href"), url)):
            made.append(_enclosure(link, href))
    return tuple([enclosure for enclosure in made if enclosure]) if made else ()


def _enclosure(link: Any, href: str) -> Enclosure | None:
    return tidy_enclosure(Enclosure(href, link.get("type"), _length(link.get("length"))))


def _length(raw: str | None) -> int | None:
    return int(raw) if raw and re.fullmatch(r"[0-9]{1,15}", raw) else None


def _image(e: Any, url: str) -> str | None:
    if "media_content" not in e and "media_thumbnail" not in e and "image" not in e:
        return None
    pictures = [
        media.get("url")
        for media in e.get("media_content", ())
        if media.get("medium") == "image" or (media.get("type") or "").startswith("image/")
    ]
    thumbnails = [media.get("url") for media in e.get("media_thumbnail", ())]
    podcast = (e.get("image") or {}).get("href")
    return next((image for raw in (*thumbnails, *pictures, podcast) if (image := web_url(raw, url))), None)


def _language(e: Any, about: About) -> str | None:
    own = e.get("language")
    for detail in () if own else (*e.get("content", ()), e.get("summary_detail"), e.get("title_detail")):
        if detail and (own := detail.get("language")):
            break
    return tidy_language(own) if own and own.lower() != (about.language or "").lower() else None


def _origin(source: Any) -> Origin | None:
    if not source:
        return None
    return tidy_origin(Origin(_title(source, rss=False), source.get("link") or source.get("href"), source.get("id")))


def _about(feed: Any, document: Document) -> About:
    url, rss = document.url, document.rss
    logo = feed.get("logo") or (feed.get("image") or {}).get("href")
    return About(
        title=_title(feed, rss=rss),
        link=_link(feed, url),
        description=_line(feed, "subtitle"),
        language=feed.get("language"),
        icon=web_url(feed.get("icon") or logo, url),
        authors=_people(feed, url, rss=rss),
        rights=_line(feed, "rights"),
        logo=web_url(logo, url),
    )

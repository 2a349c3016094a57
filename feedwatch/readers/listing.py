"""A page without selectors as a Reading: what `detect` finds, with the fields of each entry.

Pure. With a rule (the paths that were found at the first reading) only that is looked for; detection runs again when
it finds nothing.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from urllib.parse import urlsplit

from msgspec import Struct
from msgspec.structs import replace

from feedwatch.canonical import entry_id, one_line
from feedwatch.model import About, Category, Entry, Moment, Person, Reading, Source, Text
from feedwatch.readers import fields
from feedwatch.readers.candidates import Outline, outline
from feedwatch.readers.detect import Detected, Detector
from feedwatch.readers.embedded import Claim, Claims, claims
from feedwatch.readers.feeds import feeds_named
from feedwatch.readers.judge import Judge
from feedwatch.readers.records import Calendar, Record
from feedwatch.readers.sanitize import web_url
from feedwatch.readers.tree import Element, forget, parse, text_of


class _Page(Struct, frozen=True):
    root: Element
    base: str
    language: str | None
    now: datetime


_NO_CLAIM = Claim("", None, None)
#: Ways to look at a page: as its classes say, whatever they say, and with titles that are only bold.
_WAYS = ("", "whatever classes say", "bold titles")
#: Marks the way in a rule, where it is not the first.
_WAY = "way: "


class _Looked(Struct, frozen=True):
    seen: Outline
    judge: Judge
    found: Detected
    rule: tuple[str, ...]


class _Looker(Struct, frozen=True):
    page: _Page
    root: Element
    claimed: Claims
    url: str

    def __call__(self, way: str, find: Callable[[Detector], Detected], only: tuple[str, ...] = ()) -> _Looked:
        page = self.page
        names, bare = way != _WAYS[1], way == _WAYS[2]
        seen = outline(self.root, page.base, page.now, frozenset(only), names=names, bare=bare)
        judge = Judge(
            seen, self.claimed, url=page.base or self.url, base=page.base, now=page.now, language=page.language
        )
        found = find(Detector(judge, seen, base=page.base, now=page.now))
        return _Looked(seen, judge, found, (*found.paths, *([_WAY + way] if way and found.paths else [])))


def read_listing(markup: str, *, url: str, source: Source, now: datetime, rule: tuple[str, ...] = ()) -> Reading:
    """The posts on the page fetched from `url`; none, with a note that says why, where it lists none.

    Relative links resolve against `source.link_base`, else `<base href>`, else `url` when it is on the web. `rule` is
    the one of an earlier reading. Raises ReadError for a page that cannot be parsed.
    """
    try:
        return _listing(markup, url, source, now, rule)
    finally:
        forget()


def _listing(markup: str, url: str, source: Source, now: datetime, rule: tuple[str, ...]) -> Reading:
    root = parse(markup)
    base = source.link_base or _base(root, url)
    page = _Page(root, base, root.get("lang") or None, now)
    claimed = Claims(claims(root, base or "https://somewhere.invalid/", now))

    looked = _looked(_Looker(page, root, claimed, url), source, rule)
    found = looked.found
    read = _entries(page, looked, claimed)
    entries = [entry for entry, _ in read]
    feeds = feeds_named(root, base)
    notes = [f"the page names a feed that could be the source instead: {feeds[0]}"] if feeds else []
    if not base and entries and not any(entry.link for entry in entries):
        notes.append("links are relative and the page is a file: set link_base to the site's address")
    if not entries and claimed.all:
        entries = [_claimed_entry(claim) for claim in claimed.all]
        notes.append("the list is taken from data in the page's scripts, not from what it shows")
    if not entries:
        notes.append(f"no list of posts was found: {found.why}; if there is one, name it in [source.select]")
    return Reading(
        "page",
        tuple(entries),
        _about(root, base),
        notes=tuple(notes),
        feeds=feeds,
        rule=looked.rule,
        explained=(*_explained(found), *(told for _, told in read)),
        way="page",
    )


def _looked(look: _Looker, source: Source, rule: tuple[str, ...]) -> _Looked:
    """What the rule of an earlier reading finds, else what the operator's examples or detection do."""
    way = next((part.removeprefix(_WAY) for part in rule if part.startswith(_WAY)), "")
    if rule and (kept := look(way, lambda detector: detector.apply(rule), only=rule)).found.records:
        return replace(kept, rule=rule)
    for way in _WAYS if source.examples else ():
        if (alike := look(way, lambda detector: detector.like(source.examples))).found.records:
            return alike
    plainly = look("", lambda detector: detector.detect())
    if plainly.found.records:
        return plainly
    # Builders of sites call everything a widget, and by hand a title is a word in bold: then only dates tell.
    freely = (look(way, lambda detector: detector.detect(dated=True)) for way in _WAYS[1:])
    return next((looked for looked in freely if looked.found.records), plainly)


def _entries(page: _Page, looked: _Looked, claimed: Claims) -> list[tuple[Entry, str]]:
    found, judge = looked.found, looked.judge
    calendar = Calendar(looked.seen, judge.periods, found.records, page.now, judge.language)
    sections = fields.Sections(looked.seen, found.records)
    return [_entry(page, record, judge.link(record), calendar, claimed, sections) for record in found.records]


def _entry(
    page: _Page, record: Record, link: str | None, calendar: Calendar, claimed: Claims, sections: fields.Sections
) -> tuple[Entry, str]:
    """The entry, and for people where each of its fields was found."""
    title = record.title.text
    claim = claimed.about(link, title) or _NO_CLAIM
    date, dated = calendar.of(record) or (claim.published, claim.evidence)
    if claim.published and date and date.day_only and claim.published.at.date() == date.at.date():
        date, dated = claim.published, claim.evidence
    age = calendar.age_of(record) if date is None else None
    summary = fields.summary_of(record)
    authors = fields.authors_of(record)
    image = fields.image_of(record, page.base)
    categories, section = fields.categories_of(record), sections.of(record)
    entry = Entry(
        id=entry_id(None, link, title, str(date) if date else None),
        title=title,
        link=link,
        summary=Text(text) if (text := summary or claim.summary) else None,
        authors=tuple(Person(name) for name in authors or filter(None, (claim.author,))),
        categories=tuple(Category(name) for name in categories or filter(None, (section,))),
        published=date,
        image=image,
        age=age,
    )
    own = record.title.anchor is not None and link is not None
    where = {
        "title": f"<{record.title.element.tag}>" if title else "",
        "link": ("the title's own link" if own else "another link of the post, or its place on the page")
        if link
        else "",
        "published": dated if date else "how long ago it says it was" if age is not None else "",
        "summary": "text beside the title" if summary else claim.evidence if claim.summary else "",
        "author": "what is called an author" if authors else claim.evidence if claim.author else "",
        "categories": "what is called a category" if categories else "the heading above" if section else "",
        "image": "the first picture" if image else "",
    }
    told = "; ".join(f"{name} from {place} ({_sure(place)})" for name, place in where.items() if place)
    return (
        entry,
        f'"{title[:60] or link}": {told}; no {", ".join(n for n, place in where.items() if not place) or "lack"}',
    )


def _sure(place: str) -> str:
    """How far a place can be trusted: made for programs, named by its author, or only where such things stand."""
    if place.startswith(("<time", "JSON", "the title's own", "<h")):
        return "sure"
    return "likely" if place.startswith(("class", "what is called", "text of", "<")) else "a guess"


def _claimed_entry(claim: Claim) -> Entry:
    date: Moment | None = claim.published
    return Entry(
        id=entry_id(None, claim.link, claim.title, str(date) if date else None),
        title=claim.title,
        link=claim.link,
        summary=Text(claim.summary) if claim.summary else None,
        authors=(Person(claim.author),) if claim.author else (),
        published=date,
    )


def _explained(found: Detected) -> list[str]:
    lines = [f"taken: {found.why}"] if found.records else []
    for judged in found.rejected:
        path = " ".join(judged.group.path.split()[-3:])
        example = judged.group.members[0].text[:40]
        lines.append(
            f'not taken: {len(judged.group.members)} at {path}, like "{example}": {judged.why or "others fit better"}'
        )
    return lines


def _base(root: Element, url: str) -> str:
    """The base of the page's links; "" for a file, whose own address means nothing to a reader of the feed."""
    on_the_web = url if urlsplit(url).scheme in ("http", "https") else ""
    stated = next((e.get("href") for e in root.iter("base") if e.get("href")), None)
    return web_url(stated, on_the_web) or on_the_web


def _about(root: Element, base: str) -> About:
    meta = {(e.get("property") or e.get("name") or "").lower(): e.get("content") or "" for e in root.iter("meta")}
    title = next((text_of(e) for e in root.iter("title")), "")
    canonical = next((e.get("href") for e in root.iter("link") if "canonical" in (e.get("rel") or "").split()), None)
    return About(
        title=one_line(meta.get("og:site_name", "")) or title or None,
        link=web_url(canonical, base),
        description=one_line(meta.get("description", "")) or None,
        language=root.get("lang") or None,
        icon=fields.icon_of(root, base),
    )

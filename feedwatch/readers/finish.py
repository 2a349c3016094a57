"""The step every reading passes last: nothing leaves a reader that is unclean, relative, nameless or double.

HTML is already sanitised here; where it came from is not known any more.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable

from msgspec.structs import replace

from feedwatch.canonical import canonical_url, clean, digest, one_line, slug
from feedwatch.model import About, Category, Entry, Origin, Person, Reading, Source, Text
from feedwatch.readers.sanitize import web_url

#: Entries of one document; what comes after is older in nearly every one.
LIMIT = 5000
_LANGUAGE = re.compile(r"[A-Za-z]{2,8}(-[A-Za-z0-9]{1,8})*")
# An id is text, but it is shown and linked: what acts in a browser is kept apart by digest only.
_ACTIVE = re.compile(r"\s*(javascript|data|vbscript)\s*:|.*[<>\"]", re.IGNORECASE)


def finish(reading: Reading, source: Source) -> Reading:
    """`reading` cut at 5000 entries, cleaned, with the source's categories, unique ids and notes for people."""
    notes = list(reading.notes)
    kept = reading.entries[:LIMIT]
    if len(kept) < len(reading.entries):
        notes.append(f"only the first {LIMIT} of {len(reading.entries)} entries were read")
    cleaned = [_entry(entry, source) for entry in kept]
    entries = _distinct(entry for entry in cleaned if entry.title or entry.link or entry.summary or entry.content)
    if void := len(kept) - len(entries):
        notes.append(f"{_share(void, len(kept))} neither title, link nor text and {_were(void)} skipped")
    for lack, name in (
        (sum(not (e.published or e.updated) for e in entries), "date"),
        (sum(not e.link for e in entries), "link"),
        (sum(not e.title for e in entries), "title"),
    ):
        if lack:
            notes.append(f"{_share(lack, len(entries))} no {name}")
    complete = reading.complete and len(kept) == len(reading.entries)
    return replace(reading, entries=entries, about=_about(reading.about), complete=complete, notes=tuple(notes))


def _share(part: int, whole: int) -> str:
    return f"{part} of {whole} entries {'has' if part == 1 else 'have'}"


def _were(count: int) -> str:
    return "was" if count == 1 else "were"


def _distinct(entries: Iterable[Entry]) -> tuple[Entry, ...]:
    """Ids made unique. Those that share one get their link or else their title and date appended, so that an entry
    keeps its own when another one comes before it; the same entry twice gets its position."""
    entries = list(entries)
    shared = Counter(entry.id for entry in entries)
    links = Counter((entry.id, canonical_url(entry.link)) for entry in entries if entry.link)
    found: dict[str, Entry] = {}
    for position, entry in enumerate(entries, start=1):
        id_ = entry.id
        if shared[id_] > 1:
            link = canonical_url(entry.link) if entry.link else None
            told = link if link and links[id_, link] == 1 else digest("twin", entry.title, str(entry.published))
            id_ = f"{id_} {told}"
        if id_ in found:
            id_ = f"{id_} {position}"
        found[id_] = replace(entry, id=id_)
    return tuple(found.values())


def _entry(entry: Entry, source: Source) -> Entry:
    id_ = one_line(entry.id)
    return replace(
        entry,
        id="digest:" + digest("guid", id_) if _ACTIVE.match(id_) else id_,
        title=one_line(entry.title),
        link=web_url(entry.link),
        summary=_text(entry.summary),
        content=_text(entry.content),
        authors=_people(entry.authors),
        categories=_categories(entry.categories, source.categories),
        enclosures=tuple(
            replace(e, href=href, type=_line(e.type)) for e in entry.enclosures if (href := web_url(e.href))
        ),
        image=web_url(entry.image),
        language=_language(entry.language),
        rights=_line(entry.rights),
        origin=_origin(entry.origin),
    )


def _about(about: About) -> About:
    return About(
        title=_line(about.title),
        link=web_url(about.link),
        description=_line(about.description),
        language=_language(about.language),
        icon=web_url(about.icon),
        authors=_people(about.authors),
        rights=_line(about.rights),
        logo=web_url(about.logo),
    )


def _line(text: str | None) -> str | None:
    return one_line(text or "") or None


def _text(text: Text | None) -> Text | None:
    value = clean(text.value).strip() if text else ""
    return Text(value, text.type) if text and value else None


def _people(people: tuple[Person, ...]) -> tuple[Person, ...]:
    tidy = (Person(one_line(p.name), _line(p.email), web_url(p.uri)) for p in people)
    named = (p if p.name else replace(p, name=p.email or p.uri or "") for p in tidy)
    return tuple(dict.fromkeys(p for p in named if p.name))


def _categories(own: tuple[Category, ...], given: tuple[str, ...]) -> tuple[Category, ...]:
    tidy = (Category(one_line(c.term or c.label or ""), _scheme(c.scheme), _line(c.label)) for c in own)
    named = list(dict.fromkeys(c for c in tidy if c.term))
    slugs = {slug(c.title) for c in named}
    more = {slug(name): Category(name) for name in given if slug(name) not in slugs}
    return (*named, *more.values())


def _scheme(scheme: str | None) -> str | None:
    return None if _ACTIVE.match(scheme or "") else _line(scheme)


def _language(tag: str | None) -> str | None:
    """A language tag as BCP 47 (RFC 5646) writes it, or None for what is none."""
    tag = one_line(tag or "").replace("_", "-")
    return tag if _LANGUAGE.fullmatch(tag) else None


def _origin(origin: Origin | None) -> Origin | None:
    if origin is None:
        return None
    id_ = _line(origin.id)
    tidy = Origin(_line(origin.title), web_url(origin.link), None if id_ and _ACTIVE.match(id_) else id_)
    return tidy if tidy != Origin() else None

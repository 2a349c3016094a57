"""The step every reading passes last: nothing leaves a reader that is unclean, relative, nameless or double.

HTML is already sanitised here; where it came from is not known any more.
"""

from __future__ import annotations

import re
from collections import Counter

from msgspec.structs import replace

from feedwatch.canonical import canonical_url, clean, digest, one_line, slug
from feedwatch.model import About, Category, Enclosure, Entry, Origin, Person, Reading, Source, Text
from feedwatch.readers.sanitize import web_url

#: Entries of one document; what comes after is older in nearly every one.
LIMIT = 5000
#: Letters of a name, and of what a source says of itself: they are kept at hand for all entries that share them.
_NAME, _DESCRIPTION = 1000, 10_000
_LANGUAGE = re.compile(r"[A-Za-z]{2,8}(-[A-Za-z0-9]{1,8})*")
# An id is text, but it is shown and linked: what acts in a browser is kept apart by digest only.
_ACTIVE = re.compile(r"\s*(javascript|data|vbscript)\s*:|.*[<>\"]", re.IGNORECASE)


def finish(reading: Reading, source: Source) -> Reading:
    """`reading` cut at 5000 entries, cleaned, with the source's categories, unique ids and notes for people."""
    return _whole(reading, [_entry(entry) for entry in _kept(reading)], source)


def settle(reading: Reading, source: Source) -> Reading:
    """The same for a reading whose entries were made of clean parts."""
    return _whole(reading, list(_kept(reading)), source)


def _kept(reading: Reading) -> tuple[Entry, ...]:
    return reading.entries[:LIMIT]


def _whole(reading: Reading, kept: list[Entry], source: Source) -> Reading:
    notes = list(reading.notes)
    if len(kept) < len(reading.entries):
        notes.append(f"only the first {LIMIT} of {len(reading.entries)} entries were read")
    entries = _distinct([entry for entry in kept if entry.title or entry.link or entry.summary or entry.content])
    if source.categories:
        entries = tuple(_given(entry, source.categories) for entry in entries)
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
    return replace(reading, entries=entries, about=tidy_about(reading.about), complete=complete, notes=tuple(notes))


def _share(part: int, whole: int) -> str:
    return f"{part} of {whole} entries {'has' if part == 1 else 'have'}"


def _were(count: int) -> str:
    return "was" if count == 1 else "were"


def _distinct(entries: list[Entry]) -> tuple[Entry, ...]:
    """Ids made unique. Those that share one get their link or else their title and date appended, so that an entry
    keeps its own when another one comes before it; the same entry twice gets its position."""
    if len({entry.id for entry in entries}) == len(entries):
        return tuple(entries)
    shared = Counter(entry.id for entry in entries)
    links = Counter((entry.id, canonical_url(entry.link)) for entry in entries if entry.link)
    found: dict[str, Entry] = {}
    for position, entry in enumerate(entries, start=1):
        id_ = entry.id
        if shared[id_] > 1:
            link = canonical_url(entry.link) if entry.link else None
            told = link if link and links[id_, link] == 1 else digest("twin", entry.title, str(entry.published))
            id_ = one_line(f"{id_} {told}")
        if id_ in found:
            id_ = f"{id_} {position}"
        found[id_] = replace(entry, id=id_)
    return tuple(found.values())


def _entry(entry: Entry) -> Entry:
    return replace(
        entry,
        id=tidy_id(entry.id),
        title=one_line(entry.title),
        link=web_url(entry.link),
        summary=tidy_text(entry.summary),
        content=tidy_text(entry.content),
        authors=tidy_people(entry.authors),
        categories=tidy_categories(entry.categories),
        enclosures=tuple(tidy for e in entry.enclosures if (tidy := tidy_enclosure(e))),
        image=web_url(entry.image),
        language=tidy_language(entry.language),
        rights=tidy_line(entry.rights),
        origin=tidy_origin(entry.origin),
    )


def _given(entry: Entry, names: tuple[str, ...]) -> Entry:
    slugs = {slug(category.title) for category in entry.categories}
    more = {slug(name): Category(name) for name in names if slug(name) not in slugs}
    return replace(entry, categories=(*entry.categories, *more.values()))


# --- the parts of an entry: what is tidied twice stays the same -----------------------------------------------------


def tidy_id(id_: str) -> str:
    id_ = one_line(id_)
    return "digest:" + digest("guid", id_) if _ACTIVE.match(id_) else id_


def tidy_line(text: str | None) -> str | None:
    return one_line(text) or None if text else None


def tidy_text(text: Text | None) -> Text | None:
    if text is None:
        return None
    # HTML is clean since it was sanitised.
    value = (text.value if text.type == "html" else clean(text.value)).strip()
    return (text if value == text.value else Text(value, text.type)) if value else None


def tidy_people(people: tuple[Person, ...]) -> tuple[Person, ...]:
    tidy = (Person(_name(p.name) or "", _name(p.email), web_url(p.uri)) for p in people)
    named = (p if p.name else replace(p, name=p.email or p.uri or "") for p in tidy)
    return tuple(dict.fromkeys(p for p in named if p.name))


def tidy_categories(categories: tuple[Category, ...]) -> tuple[Category, ...]:
    tidy = (Category(_name(c.term or c.label) or "", _scheme(c.scheme), _name(c.label)) for c in categories)
    return tuple(dict.fromkeys(c for c in tidy if c.term))


def _scheme(scheme: str | None) -> str | None:
    return None if _ACTIVE.match(scheme or "") else _name(scheme)


def _name(text: str | None) -> str | None:
    return (tidy_line(text) or "")[:_NAME].rstrip() or None


def tidy_enclosure(enclosure: Enclosure) -> Enclosure | None:
    href = web_url(enclosure.href)
    return replace(enclosure, href=href, type=tidy_line(enclosure.type)) if href else None


def tidy_language(tag: str | None) -> str | None:
    """A language tag as BCP 47 (RFC 5646) writes it, or None for what is none."""
    tag = one_line(tag or "").replace("_", "-")
    return tag if _LANGUAGE.fullmatch(tag) else None


def tidy_origin(origin: Origin | None) -> Origin | None:
    if origin is None:
        return None
    id_ = tidy_line(origin.id)
    tidy = Origin(tidy_line(origin.title), web_url(origin.link), None if id_ and _ACTIVE.match(id_) else id_)
    return tidy if tidy != Origin() else None


def tidy_about(about: About) -> About:
    return About(
        title=_name(about.title),
        link=web_url(about.link),
        description=(tidy_line(about.description) or "")[:_DESCRIPTION].rstrip() or None,
        language=tidy_language(about.language),
        icon=web_url(about.icon),
        authors=tidy_people(about.authors),
        rights=tidy_line(about.rights),
        logo=web_url(about.logo),
    )

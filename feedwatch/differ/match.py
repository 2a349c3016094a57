"""Which entry of a reading is which known entry. Knows identity, not what changed."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Hashable, Iterable, Mapping, Sequence
from datetime import timedelta
from typing import TypeVar
from urllib.parse import unquote, urlsplit

from msgspec.structs import replace

from feedwatch.canonical import canonical_url, comparable
from feedwatch.differ.normalise import plain
from feedwatch.model import Entry, KnownEntry

T = TypeVar("T")

#: Other ids of an entry that are remembered; a source that makes new ones at every reading is known by its links.
ALIASES = 8
#: Letters of the end of an address, and words of a title, that are no coincidence.
_SLUG, _TITLE = 10, 3
#: Words of a text, and the share of them that two versions have in common.
_WORDS, _ALIKE = 30, 0.8
#: Texts that are compared word by word, at most.
_COMPARED = 40
#: A post under its old title that moves may get another date; under another title and date it is another post.
#: So many of them at once move together.
_MANY = 3
_REDATED, _DAY = timedelta(days=2), timedelta(days=1)


def match(known: Mapping[str, KnownEntry], entries: Iterable[Entry]) -> list[tuple[Entry, KnownEntry | None]]:
    """Each entry with the known entry it is, or None.

    First by id and earlier ids. What is left over on both sides is then paired by ever weaker signs, each only where it
    names one entry on either side: address (the source makes new guids), the address that the entry's own page gives,
    title and date (a new address), the end of the address with title or date (a new site), a telling title, and at last
    the text itself.
    """
    known = {key: row for key, row in known.items() if row.same_as is None}
    by_id = {alias: row for row in known.values() for alias in (*row.aliases, row.key)}
    entries = tuple(entries)
    pairs = [(entry, by_id.get(entry.id)) for entry in entries]
    if _ids_are_places(pairs, known.values()):
        entries = tuple(replace(entry, id=link_of(entry) or entry.id) for entry in entries)
        pairs = [(entry, by_id.get(entry.id)) for entry in entries]
    taken = {row.key for _, row in pairs if row is not None}
    if len(taken) == len(known) or all(row is not None for _, row in pairs):
        # All that is known, or all that was read, has its other half: there is nobody left to look for.
        return pairs
    stable = 2 * len(taken) >= len(entries)
    unknown = {entry.id: entry for entry, row in pairs if row is None}
    absent = {key: row for key, row in known.items() if key not in taken}
    found: dict[str, KnownEntry] = {}
    for sign, everywhere in _SIGNS:
        # What others share names nobody, though they are known already.
        by_sign = _only_ones((sign(row.entry), row) for row in known.values() if everywhere or row.listed)
        named = [
            (entry, row)
            for value, entry in _only_ones((sign(entry), entry) for entry in entries).items()
            if entry.id in unknown and (row := by_sign.get(value)) and row.key in absent
        ]
        sure = [(entry, row) for entry, row in named if not _is_another(entry, row.entry, stable)]
        # Many posts at once that have nothing but another date are a site that was rebuilt.
        for entry, row in named if sign is _slug_and_title and len(named) >= _MANY else sure:
            found[entry.id] = row
            del unknown[entry.id], absent[row.key]
    for entry, row in _alike(entries, unknown, known, absent):
        found[entry.id] = row
    return [(entry, row or found.get(entry.id)) for entry, row in pairs]


def _ids_are_places(pairs: Sequence[tuple[Entry, KnownEntry | None]], known: Iterable[KnownEntry]) -> bool:
    """Whether most ids of a reading name another post than before, while the addresses say which: a guid that is the
    number of its line."""
    paired = [(entry, row.entry) for entry, row in pairs if row is not None]
    other = [one for one, was in paired if one.title != was.title and link_of(one) != link_of(was)]
    if len(other) < _MANY or 2 * len(other) <= len(paired):
        return False
    links = {link_of(row.entry) for row in known}
    return 2 * sum(link_of(entry) in links for entry in other) > len(other)


def _is_another(one: Entry, other: Entry, stable: bool) -> bool:
    """Whether two entries that share a sign are two all the same: a feed whose entries all lead to one page, a post of
    the same name each year. `stable`: most of their source's ids have not changed."""
    if one.canonical:
        return False  # its own page says which it is
    same_title = comparable(one.title).casefold() == comparable(other.title).casefold()
    same_link = link_of(one) == link_of(other)
    if same_title and same_link:
        return False
    if one.published and other.published:
        apart = abs(one.published.at - other.published.at)
        return apart > (_REDATED if same_title else _DAY)
    return stable and same_link


def link_of(entry: Entry) -> str | None:
    """The address that the listing gives, in the form in which two are compared."""
    return canonical_url(entry.link) if entry.link else None


def address_of(entry: Entry) -> str | None:
    """The address that the entry's own page gives, where that was looked at, else that of the listing."""
    return canonical_url(entry.canonical) if entry.canonical else link_of(entry)


def _title_and_day(entry: Entry) -> Hashable:
    if not entry.title or entry.published is None:
        return None
    return comparable(entry.title).casefold(), str(entry.published.at.date())


def _slug(entry: Entry) -> str | None:
    """The end of the address, where it says something."""
    path = unquote(urlsplit(entry.link or "").path).rstrip("/")
    last = re.sub(r"\.\w{2,5}$", "", path.rpartition("/")[2]).casefold()
    return last if len(last) >= _SLUG and not last.isdigit() else None


def _slug_and_title(entry: Entry) -> Hashable:
    slug = _slug(entry)
    return (slug, comparable(entry.title).casefold()) if slug and entry.title else None


def _slug_and_day(entry: Entry) -> Hashable:
    slug = _slug(entry)
    return (slug, str(entry.published.at.date())) if slug and entry.published else None


def _telling_title(entry: Entry) -> Hashable:
    """The title of an entry without a date; with one, another date is another entry ("Weekly notes")."""
    title = comparable(entry.title).casefold()
    return title if entry.published is None and len(title.split()) >= _TITLE else None


#: Signs from the surest on, and whether an entry that left the listing long ago may be known by it.
_SIGNS: tuple[tuple[Callable[[Entry], Hashable], bool], ...] = (
    (link_of, True),
    (address_of, True),
    (_title_and_day, True),
    (_slug_and_title, False),
    (_slug_and_day, False),
    (_telling_title, False),
)


def _alike(
    entries: Sequence[Entry],
    unknown: Mapping[str, Entry],
    known: Mapping[str, KnownEntry],
    absent: Mapping[str, KnownEntry],
) -> list[tuple[Entry, KnownEntry]]:
    """Pairs whose texts are nearly the same, and like no third one: posts of one series are alike."""
    left = [row.entry for row in absent.values() if row.listed]
    # Looked at first, since a post that is new is like none that is gone, and reading all texts takes long.
    candidates = [one for one in list(unknown.values())[:_COMPARED] if any(_may_be(one, other) for other in left)]
    if not candidates:
        return []
    rows = [(row, words) for row in known.values() if row.listed and len(words := _words(row.entry)) >= _WORDS]
    texts = [(entry.id, words) for entry in entries if len(words := _words(entry)) >= _WORDS]
    found: list[tuple[Entry, KnownEntry]] = []
    for entry in candidates:
        words = _words(entry)
        near = [row for row, others in rows[: 5 * _COMPARED] if _near(words, others)]
        alone = not any(_near(words, others) for id_, others in texts[: 5 * _COMPARED] if id_ != entry.id)
        if len(near) == 1 and alone and near[0].key in absent and _may_be(entry, near[0].entry):
            found.append((entry, near[0]))
    return found


def _near(one: frozenset[str], other: frozenset[str]) -> bool:
    return len(one) >= _WORDS and len(one & other) >= _ALIKE * max(len(one), len(other))


def _may_be(one: Entry, other: Entry) -> bool:
    """Another day, or another number in the title, is another post."""
    if one.published and other.published and one.published.at.date() != other.published.at.date():
        return False
    return re.findall(r"\d+", one.title) == re.findall(r"\d+", other.title)


def _words(entry: Entry) -> frozenset[str]:
    return frozenset(plain(entry.content or entry.summary).casefold().split())


def _only_ones(signed: Iterable[tuple[Hashable, T]]) -> dict[Hashable, T]:
    pairs = [(sign, value) for sign, value in signed if sign is not None]
    counts = Counter(sign for sign, _ in pairs)
    return {sign: value for sign, value in pairs if counts[sign] == 1}

"""Finds the posts of a listing without selectors, as a person does: by what repeats, links, is dated and is the point.

Pure. `outline` names what could be titles, in groups of one place in the page's structure; here the groups are judged,
the best is taken with those that are like it, and what was chosen is the `Rule`: paths that find the same things again
on another day. What was not chosen is remembered with the reason.
"""

from __future__ import annotations

import re
from bisect import bisect_left
from collections.abc import Collection
from datetime import datetime
from urllib.parse import urlsplit

from msgspec import Struct, field

from feedwatch.canonical import canonical_url, comparable
from feedwatch.readers.candidates import LONGEST_TITLE, Group, Outline
from feedwatch.readers.date_in import date_in
from feedwatch.readers.dates import parse_date
from feedwatch.readers.judge import Judge, Judged
from feedwatch.readers.notes import MARK, untitled
from feedwatch.readers.records import Record, records
from feedwatch.readers.tree import HEADINGS, text_of

_ELSEWHERE = re.compile(
    r"related|popular|trending|recommended|most (?:read|viewed)|you (?:may|might)|also like|beliebt|meistgelesen|"
    r"recent comments|follow us|categories|tags|archives?$|sponsor|partner|about (?:us|me)|our (?:team|customers)|"
    r"testimonial|pricing|faq|events?\b|calendar|termine|veranstaltung|agenda|careers|vacanc|open positions|stellen|"
    r"populaire|más leíd|lo más|人気|关联|热门|추천",
    re.IGNORECASE,
)
#: Classes of what shows one thing after the other in one place.
_SLIDER = re.compile(r"slider|slick|swiper|carousel|owl|ticker|marquee|slides", re.IGNORECASE)
#: A date, or the month of one, before a text.
_STAMP = re.compile(r"^[\[(]?[\d./-]{4,10}[\])]?[:\s–—-]*")
#: What may be a date before a title, and the title.
_DATED = re.compile(r"(.{6,30}?)\s?[·•|:–—-]\s+(.+)")
#: Groups that are judged closely.
_JUDGED = 16


class Detected(Struct):
    """The posts of a page, in document order, the paths that find them again, and what was not taken."""

    records: list[Record] = field(default_factory=list)
    paths: tuple[str, ...] = ()
    #: Why there are none, or what speaks for them.
    why: str = ""
    rejected: list[Judged] = field(default_factory=list)


class Detector:
    """Chooses on one page."""

    def __init__(self, judge: Judge, page: Outline, *, base: str, now: datetime) -> None:
        self._judge = judge
        self._page = page
        self._base = base
        self._now = now

    def detect(self, *, dated: bool = False) -> Detected:
        """The posts, as far as there are any; with `dated` only such as have dates."""
        rough = sorted(
            (self._judge.roughly(group), number, group) for number, group in enumerate(self._page.groups.values())
        )
        judged = [
            self._judge.judge(group) for points, _, group in reversed(rough[-_JUDGED // (1 + dated) :]) if points > 0
        ]
        judged.sort(key=lambda j: -j.score)
        for dull in (j for j in judged if j.score <= 0):
            dull.why = "it is beside the main thing" if dull.aside > 0.5 else "it has nothing that posts have"
        # What is marked as a post in the main thing comes before what is beside it, though that be longer.
        marked = any(j.score > 0 and j.aside < 0.5 < min(j.posts, j.headed) for j in judged)
        for best in sorted((j for j in judged if j.score > 0), key=lambda j: marked and j.aside > 0.5):
            if reason := self._judge.refusal(best) or ("it has no dates" if dated and best.dated < 0.5 else None):
                best.why = reason
                continue
            best = self._above(best, judged)
            chosen = [best, *self._alike(best, judged)]
            return self._with_untitled(self._made(chosen, [j for j in judged if j not in chosen]))
        if (notes := self._with_untitled(Detected(rejected=judged))).records:
            return notes
        why = judged[0].why if judged else "no group of links or headings repeats on this page"
        return Detected(why=why, rejected=judged)

    def like(self, examples: Collection[str]) -> Detected:
        """What stands where titles with the words of `examples` stand; nothing where one of them is nowhere."""
        missing = {comparable(example).casefold() for example in examples}
        chosen: list[Judged] = []
        while missing:
            found = [
                (len(has), judged.score, number, judged, has)
                for number, group in enumerate(self._page.groups.values())
                if (has := _said_in(group, missing)) and (judged := self._judge.judge(group)).records
            ]
            if not found:
                return Detected(why=f'no title has the words "{min(missing)}"')
            _, _, _, judged, has = max(found, key=lambda one: one[:3])
            chosen.append(judged)
            missing -= has
        return self._made(chosen, [])

    def apply(self, paths: tuple[str, ...]) -> Detected:
        """What known paths find on this page."""
        wanted = {path: place for place, path in enumerate(paths)}
        groups = [group for group in self._page.groups.values() if not wanted.keys().isdisjoint(group.paths)]
        groups.sort(key=lambda group: min(wanted[path] for path in group.paths if path in wanted))
        found: list[Judged] = []
        for group in groups:
            others = [record.title.element for judged in found for record in judged.records]
            found.append(Judged(group, self._judge.cleared(records(self._judge.members(group), others))))
        made = self._made(found, [])
        notes = [path.removeprefix(MARK) for path in paths if path.startswith(MARK)]
        for path in notes:
            more = untitled(self._page, self._base, self._judge.says_date, made.records, path)
            made.records = sorted([*made.records, *(more[1] if more else [])], key=lambda record: record.title.at)
        return made

    def _with_untitled(self, found: Detected) -> Detected:
        """`found` and the posts without titles beside them."""
        more = untitled(self._page, self._base, self._judge.says_date, found.records)
        if more is None:
            return found
        known = {self._judge.link(record) for record in found.records}
        path, notes = more[0], [note for note in more[1] if self._judge.link(note) not in known]
        if not notes:
            return found
        return Detected(
            sorted([*found.records, *notes], key=lambda record: record.title.at),
            (*found.paths, MARK + path),
            "; ".join(filter(None, (found.why, f"{len(notes)} without a title at {' '.join(path.split()[-2:])}"))),
            found.rejected,
        )

    def _alike(self, best: Judged, judged: list[Judged]) -> list[Judged]:
        """Further groups of the same listing: a hero, another layout, the next section."""
        taken = {e for r in best.records for e in r.all()}
        titles = {r.title.element for r in best.records}
        chosen = list(best.records)
        shape = self._shapes(best)
        found: list[Judged] = []
        for first in judged:
            if first is best or first.score <= 0:
                continue
            if any(m.element in taken for m in first.group.members[:3]):
                first.why = first.why or "inside the posts"
                continue
            other = self._judge.judge(first.group, chosen)
            if not other.records or other.aside >= 0.5 or other.quality < 0.5 * best.quality:
                first.why = "beside the main thing" if other.aside >= 0.5 else "much less like posts than the others"
                continue
            inside = any(r.title.element in taken for r in other.records)
            around = any(t in set(r.all()) for r in other.records for t in titles)
            if inside or around:
                first.why = "inside the posts" if inside else "around the posts"
                continue
            if _tags(other) != _tags(best) and (reason := self._unlike(best, other, shape)):
                first.why = reason
                continue
            found.append(other)
            chosen += other.records
            taken |= {e for r in other.records for e in r.all()}
            titles |= {r.title.element for r in other.records}
        return found

    def _above(self, best: Judged, judged: list[Judged]) -> Judged:
        """`best`, or the group of dated headings that its titles are only sections under."""
        titles = {record.title.element for record in best.records}
        for other in judged if best.dated < 0.5 else ():
            if other is best or len(other.records) < 2 or other.dated < 0.8 or other.quality <= best.quality:
                continue
            under = titles.intersection(element for record in other.records for element in record.all())
            if len(under) * 2 > len(titles) and not self._judge.refusal(other):
                best.why = "sections of the posts"
                return other
        return best

    def _unlike(self, best: Judged, other: Judged, shape: set[tuple[str, str]]) -> str | None:
        """Why a group is not of the same listing, or None."""
        shares = bool(self._shapes(other) & shape)
        if best.dated < 0.3 and best.headed < 0.5 and not best.claimed:
            return "nothing but its place tells it from what is no post"
        if len(other.records) == 1 and other.records[0].title.anchor is None and not other.dated:
            return "a single title without a link"
        if best.dated > 0.6 and other.dated < 0.5 and not other.claimed:
            return "it has no dates, unlike the posts"
        if best.headed > 0.5 and other.headed < 0.5 and not shares:
            return "it has no headings and other links than the posts"
        if best.linked > 0.6 and (other.linked < 0.6 or (len(other.records) == 1 and not shares)):
            return "its links are not like those of the posts"
        if _own_links(best) > 0.6 and _own_links(other) < 0.4 and other.dated < 0.5:
            return "its titles are no links, unlike those of the posts"
        if not shares and not other.dated and best.posts > 0.5 > other.posts:
            return "nothing marks them as posts, unlike the others"
        if _slides(other) and not _slides(best):
            return "it slides past, and the posts do not"
        if self._headed_elsewhere(other):
            return "its heading says that it is about something else"
        return None

    def _shapes(self, judged: Judged) -> set[tuple[str, str]]:
        """Host and folder of the links."""
        found = set()
        for record in judged.records:
            if link := self._judge.link(record):
                parts = urlsplit(link)
                found.add((parts.hostname or "", re.sub(r"\d+", "0", parts.path.rstrip("/").rpartition("/")[0])))
        return found

    def _headed_elsewhere(self, judged: Judged) -> bool:
        return bool(_ELSEWHERE.search(self._judge.heading_before(judged)))

    def _made(self, chosen: list[Judged], rejected: list[Judged]) -> Detected:
        every = sorted((record for j in chosen for record in j.records), key=lambda record: record.title.at)
        seen: set[object] = set()
        kept = []
        for record in every:
            link = self._judge.link(record)
            key = (
                (canonical_url(link), urlsplit(link).fragment if _same_page(link, self._base) else "")
                if link
                else f"{record.title.text} {record.title.at}"
            )
            if key in seen:
                continue
            seen.add(key)
            kept.append(record)
        kept = self._in_place(kept)
        _whole_lines(kept, self._now)
        _without_dates(kept, self._now)
        why = "; ".join(_reasons(j) for j in chosen)
        return Detected(kept, tuple(path for j in chosen for path in j.group.paths), why, rejected)

    def _in_place(self, found: list[Record]) -> list[Record]:
        """Without the few under a heading which says that they are something else: events, what is popular."""
        inside = {element for record in found for element in record.all()}
        headings = [e for e in self._page.order if str(e.tag) in HEADINGS and e not in inside]
        places = [self._page.at[heading] for heading in headings]
        strange = [bool(_ELSEWHERE.search(text_of(heading))) for heading in headings]
        kept = []
        for record in found:
            before = bisect_left(places, self._page.at[record.element])
            if before == 0 or not strange[before - 1]:
                kept.append(record)
        return kept if len(kept) * 2 >= len(found) else found


def _said_in(group: Group, wanted: Collection[str]) -> set[str]:
    """Those of the `wanted` words that a title of the group has."""
    titles = [comparable(member.text).casefold() for member in group.members]
    return {words for words in wanted if any(words in title for title in titles)}


def _whole_lines(found: list[Record], now: datetime) -> None:
    """Where links stand in the middle of short texts, those texts are the titles."""
    said = []
    for record in found:
        element = record.element
        if str(element.tag) not in ("li", "p", "dd") or str(record.title.element.tag) != "a":
            return
        text = text_of(element)
        for moment in element.iter("time"):
            text = text.replace(text_of(moment), "", 1).strip()
        text = _STAMP.sub("", text)
        at = text.find(record.title.text)
        before = text[: max(0, at)].strip(" »›:|·–—-")
        said.append((record, text, len(before.split()) >= 2 and date_in(before, now) is None))
    if sum(middle for _, _, middle in said) * 2 <= len(said):
        return
    for record, text, _ in said:
        if len(text) <= LONGEST_TITLE:
            record.title.text = text


def _without_dates(found: list[Record], now: datetime) -> None:
    """Where nearly all titles begin with a date that is set apart, it is none of the title."""
    parts = [_DATED.match(record.title.text) for record in found]
    dated = [bool(part and parse_date(part[1], now) is not None) for part in parts]
    if len(found) < 2 or sum(dated) < 0.8 * len(found):
        return
    for record, part, is_date in zip(found, parts, dated, strict=True):
        if part and is_date:
            record.title.text = part[2]


def _own_links(judged: Judged) -> float:
    """Share of titles that are links themselves."""
    return sum(record.title.anchor is not None for record in judged.records) / len(judged.records)


def _same_page(link: str, base: str) -> bool:
    return link.partition("#")[0] == base.partition("#")[0]


def _tags(judged: Judged) -> list[str]:
    """The path of the group without its classes."""
    return [part.partition(".")[0] for part in judged.group.path.split()]


def _slides(judged: Judged) -> bool:
    return any(_SLIDER.search(part) for part in judged.group.path.split())


def _reasons(judged: Judged) -> str:
    count = len(judged.records)
    parts = [f"{count} at {' '.join(judged.group.path.split()[-3:])}"]
    parts += [
        name
        for name, share in (("dated", judged.dated), ("headings", judged.headed), ("linked", judged.linked))
        if share > 0.5
    ]
    return ", ".join(parts)

"""Finds the posts of a listing without selectors, as a person does: by what repeats, links, is dated and is the point.

Pure. `outline` names what could be titles, in groups of one place in the page's structure; here the groups are judged,
the best is taken with those that are like it, and what was chosen is the `Rule`: paths that find the same things again
on another day. What was not chosen is remembered with the reason.
"""

from __future__ import annotations

import math
import re
from bisect import bisect_left
from collections import Counter
from collections.abc import Collection
from dataclasses import dataclass, field
from datetime import datetime
from urllib.parse import urlsplit

from feedwatch.canonical import canonical_url, comparable
from feedwatch.readers.candidates import LONGEST_TITLE, Candidate, Group, Outline, leads
from feedwatch.readers.date_in import date_in
from feedwatch.readers.dates import parse_date
from feedwatch.readers.embedded import Claims
from feedwatch.readers.notes import MARK, untitled
from feedwatch.readers.records import Calendar, Record, is_period, periods, records, tongue
from feedwatch.readers.sanitize import web_url
from feedwatch.readers.tree import HEADINGS, Element, classes, text_of

#: Texts of links that lead on without saying where to.
_MORE = re.compile(
    r"(?:read|learn|view|see|show|find out|continue|discover|explore|get|load|keep|weiterlesen|mehr|lire|leer|leggi|"
    r"ler|leia|lees|läs|čti|číst|czytaj|więcej|читать|подробнее|далее|devam|voir|ver)\b"
    r"(?:\W*(?:more|full|the|this|on|post|article|story|reading|about|all|lesen|la|suite|más|mais|meer|mer|entry|"
    r"release|notes|press|news|dalej|более|далее|полностью|artículo|article|oku|plus))*\W*|"
    r"(?:続き|詳細|詳しく|もっと|阅读|閱讀|查看|更多|더\s?보기|자세히|اقرأ|المزيد).{0,8}|"
    r"more|details?|download(?: pdf)?|pdf\b.{0,12}|permalink|\d+ notes?|link|(?:listen|watch|play)(?: now| episode)?|"
    r"(?:\d+|no|one|leave a|add a|post a)\s+(?:comments?|repl(?:y|ies)|likes?|claps?|views?|responses?|kommentare?|"
    r"commentaires?|comentarios?)|\d+\W*|comments?|share|reply|edit|previous|next|prev|back|다음|이전|次へ|前へ|下一页|上一页|следующая|weiter|suivante?|siguiente|"
    r"anterior|próxima|następna|nästa|older posts?|newer posts?|home|tweet|[^\w]*",
    re.IGNORECASE,
)
_PRICE = re.compile(
    r"[$€£¥]\s?\d|\d\s?(?:[$€£]|USD|EUR|kr|zł)\b|add to (?:cart|bag)|in den warenkorb|/\s?mo(?:nth)?\b", re.IGNORECASE
)
_HINT = re.compile(
    r"blog|news|article|artikel|articulo|post|press|presse|prensa|changelog|release|archiv|journal|stor(?:y|ies)|insight|"
    r"update|notes?\b|writing|publication|newsletter|episode|podcast|advisor|aktuell|nachricht|notici|actualit|notizi|"
    r"nyhe|aktual|essay|diary|weblog|announce|bulletin|security|incident|history|issue|weekly|digest|log\b|magazin|notice|communiq|comunicad|mitteilung|meldung|"
    r"новост|блог|ニュース|お知らせ|ブログ|新闻|新聞|公告|博客|资讯|공지|뉴스|블로그|소식|أخبار|مدونة|haber|uutis|hír|vijest",
    re.IGNORECASE,
)
_NO_HINT = re.compile(
    r"/docs?/|/documentation|/api/|/help|/support|/shop|/store|/products?|/pricing|/login|/team|/careers|/about|/contact|"
    r"/people|/staff|/jobs",
    re.IGNORECASE,
)
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
#: Groups that are judged closely.
_JUDGED = 16


@dataclass(slots=True)
class Judged:
    """A group, with what speaks for and against its being the posts."""

    group: Group
    records: list[Record]
    score: float = 0.0
    quality: float = 0.0
    dated: float = 0.0
    headed: float = 0.0
    linked: float = 0.0
    aside: float = 0.0
    claimed: float = 0.0
    words: float = 0.0
    posts: float = 0.0
    priced: float = 0.0
    #: For people: what decided.
    why: str = ""


@dataclass(slots=True)
class Detected:
    """The posts of a page, in document order, the paths that find them again, and what was not taken."""

    records: list[Record] = field(default_factory=list)
    paths: tuple[str, ...] = ()
    #: Why there are none, or what speaks for them.
    why: str = ""
    rejected: list[Judged] = field(default_factory=list)


class Detector:
    """Looks at one page."""

    def __init__(
        self, page: Outline, claims: Claims, *, url: str, base: str, now: datetime, language: str | None
    ) -> None:
        self._page = page
        self._claims = claims
        self._url = url
        self._base = base
        self._now = now
        self._language = language = tongue(page, language)
        #: How often each address is linked on the page.
        self._hrefs: Counter[str] = Counter()
        #: What says of which day or year it is.
        self.periods = periods(page, now, language)

    @property
    def language(self) -> str | None:
        """By which dates in numbers are read."""
        return self._language

    def detect(self, *, dated: bool = False) -> Detected:
        """The posts, as far as there are any; with `dated` only such as have dates."""
        rough = sorted((self._roughly(group), number, group) for number, group in enumerate(self._page.groups.values()))
        judged = [self._judge(group) for points, _, group in reversed(rough[-_JUDGED:]) if points > 0]
        judged.sort(key=lambda j: -j.score)
        for dull in (j for j in judged if j.score <= 0):
            dull.why = "it is beside the main thing" if dull.aside > 0.5 else "it has nothing that posts have"
        # What is marked as a post in the main thing comes before what is beside it, though that be longer.
        marked = any(j.score > 0 and j.aside < 0.5 < j.posts for j in judged)
        for best in sorted((j for j in judged if j.score > 0), key=lambda j: marked and j.aside > 0.5):
            if reason := self._no_posts(best) or ("it has no dates" if dated and best.dated < 0.5 else None):
                best.why = reason
                continue
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
                if (has := _said_in(group, missing)) and (judged := self._judge(group)).records
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
            found.append(Judged(group, self._cleared(records(self._members(group), others))))
        made = self._made(found, [])
        notes = [path.removeprefix(MARK) for path in paths if path.startswith(MARK)]
        for path in notes:
            more = untitled(self._page, self._base, self._says_date, made.records, path)
            made.records = sorted([*made.records, *(more[1] if more else [])], key=lambda record: record.title.at)
        return made

    def _with_untitled(self, found: Detected) -> Detected:
        """`found` and the posts without titles beside them."""
        more = untitled(self._page, self._base, self._says_date, found.records)
        if more is None:
            return found
        known = {self.link(record) for record in found.records}
        path, notes = more[0], [note for note in more[1] if self.link(note) not in known]
        if not notes:
            return found
        return Detected(
            sorted([*found.records, *notes], key=lambda record: record.title.at),
            (*found.paths, MARK + path),
            "; ".join(filter(None, (found.why, f"{len(notes)} without a title at {' '.join(path.split()[-2:])}"))),
            found.rejected,
        )

    # --- judging ---

    def _roughly(self, group: Group) -> float:
        """A first look that costs little."""
        members = group.members
        count = len(members)
        aside = sum(self._page.aside.get(m.element, False) for m in members) / count
        texts = {m.text for m in members}
        heading = str(members[0].element.tag) in HEADINGS
        if count >= 3 and len(texts) / count < 0.4 and not heading:
            return 0.0
        usable = sum(not _MORE.fullmatch(m.text) for m in members) / count
        length = sum(_words(m.text) for m in members) / count
        return usable * (1 + heading + min(length, 8) / 8) * math.log2(1 + min(count, 60)) * (1.05 - aside)

    def _judge(self, group: Group, chosen: list[Record] | None = None) -> Judged:
        """What a group is like; beside others that are chosen already, its records end where theirs begin."""
        members = self._members(group)
        asides = [self._page.aside.get(m.element, False) for m in members]
        found = Judged(group, [])
        if not members:
            return found
        others = [r.title.element for r in chosen or ()]
        found.records = self._cleared(records(members, others))
        if not found.records:
            return found
        count = len(found.records)
        taken = [r.title for r in found.records]
        calendar = Calendar(self.periods, [*found.records, *(chosen or ())], self._now, self._language)
        dates = [calendar.of(record) for record in found.records]
        texts = [record.text for record in found.records]
        distinct = len({m.text for m in taken}) / count
        hrefs = [self.link(record) for record in found.records]
        found.linked = sum(link is not None for link in hrefs) / count
        apart = len({link for link in hrefs if link}) / max(1, sum(link is not None for link in hrefs))
        found.aside = sum(asides) / len(asides)
        found.dated = sum(date is not None for date in dates) / count
        found.headed = sum(str(m.element.tag) in HEADINGS for m in taken) / count
        found.words = sum(_words(m.text) for m in taken) / count
        found.claimed = (
            sum(self._claims.about(link, m.text) is not None for link, m in zip(hrefs, taken, strict=True)) / count
        )
        found.priced = sum(bool(_PRICE.search(text)) for text in texts) / count
        wordy = sum(len(text) > len(m.text) + 60 for text, m in zip(texts, taken, strict=True)) / count
        bold = sum(_stands_out(m.element) for m in taken) / count
        found.posts = sum(_is_post(r) for r in found.records) / count if count > 1 else float(_in_feed(found))
        level = int(str(taken[0].element.tag)[1]) if found.headed == 1 else 0
        first = sum(_leads_record(r) for r in found.records) / count
        found.quality = (
            2.2 * found.dated
            + 1.2 * found.headed * (0.5 if level == 1 and count == 1 else 1.0)
            + 0.8 * bold
            + 0.8 * found.posts
            + 0.7 * found.linked * apart
            + 0.6 * min(1.0, found.words / 6)
            + 0.4 * wordy
            + 0.3 * first
            + 2.0 * found.claimed
            + 0.8 * self._below(hrefs)
            - 3.0 * found.aside
            - 2.0 * (1 - distinct) * (0.3 if found.headed and found.dated > 0.5 and distinct > 0.35 else 1.0)
            - 2.5 * (distinct < 0.35 and count >= 4)
            - 1.5 * (1 - apart) * (found.linked > 0)
            - 2.0 * found.priced
            - 0.8 * (found.words > 22)
            - 0.5 * (str(taken[0].element.tag) == "p")
            - 1.2 * (found.linked < 0.3 and found.dated < 0.5)
        )
        found.score = found.quality * math.log2(1 + min(count, 16))
        return found

    def _below(self, links: list[str | None]) -> float:
        """Share of links that lead deeper into the folder that the page itself stands for."""
        parts = urlsplit(self._url)
        folder = parts.path.rstrip("/") + "/"
        if folder == "/":
            return 0.0
        found = [urlsplit(link) for link in links if link]
        return sum(f.hostname == parts.hostname and f.path.startswith(folder) for f in found) / len(links)

    def _members(self, group: Group) -> list[Candidate]:
        """The members of a group without dates, and without the few that stand in a sidebar."""
        members = [
            m
            for m in group.members
            if not self._is_date(m) and not _MORE.fullmatch(m.text) and (m.anchor is not None or not is_period(m.text))
        ]
        inner = [m for m in members if not self._page.aside.get(m.element, False)]
        return inner if len(inner) * 2 >= len(members) else members

    def _is_date(self, candidate: Candidate) -> bool:
        return self._says_date(candidate.text)

    def _says_date(self, text: str) -> bool:
        if len(text) > 40 or not any(c.isdigit() for c in text):
            return False
        parts = [part for part in re.split(r"\s[–—|·•-]\s", text) if part.strip()]
        return all(parse_date(part, self._now, language=self._language) is not None for part in parts)

    def _cleared(self, found: list[Record]) -> list[Record]:
        """Without what stands among the posts but is none: an unlinked heading among linked ones, a "more" link."""
        kept = found
        own = sum(r.title.anchor is not None for r in kept)
        if kept and 0.6 <= own / len(kept) < 1:
            kept = [r for r in kept if r.title.anchor is not None]
        kept = _one_each(kept)
        links = [self.link(r) for r in kept]
        if kept and 0.6 <= sum(link is not None for link in links) / len(kept) < 1:
            kept = [r for r, link in zip(kept, links, strict=True) if link is not None]
        return kept

    def _no_posts(self, best: Judged) -> str | None:
        """Why even the best group is no list of posts, or None."""
        count = len(best.records)
        parts = urlsplit(self._url)
        said = " ".join(
            [parts.path, parts.hostname or "", self._title(), self._first_heading(), _body_classes(self._page)]
        )
        hint = bool(_HINT.search(said) or _HINT.search(self._heading_before(best)) or _in_feed(best))
        against = bool(_NO_HINT.search(parts.path))
        if best.aside > 0.5 and best.dated < 0.5:
            return "what repeats is navigation, or stands beside the main thing"
        if best.priced > 0.4 and best.dated < 0.5:
            return "what repeats has prices: a shop or a price list"
        if best.claimed >= 0.5:
            return None
        if count == 1 and best.headed and best.records[0].title.anchor is None:
            return "it is the page's own heading"
        if best.linked < 0.3 and (best.dated < 0.8 or count == 1):
            return "what is there leads nowhere: parts of one text"
        if best.dated >= 0.5 and (count >= 2 or hint):
            return None
        if best.linked < 0.5:
            return "what repeats has neither dates nor links"
        if count >= 2 and best.posts > 0.5 and (hint or (best.headed and best.words >= 3 and not against)):
            return None
        if hint and not against and count >= 2 and (best.headed or best.words >= 2.5 or count >= 5):
            return None
        if not against and best.words >= 4 and count >= 5 and best.quality > 2:
            return None
        return (
            "nothing says that what repeats are posts: no dates, and neither address nor title speak of news or a blog"
        )

    def _title(self) -> str:
        title = next(self._page.root.iter("title"), None)
        return text_of(title) if title is not None else ""

    def _first_heading(self) -> str:
        heading = next(self._page.root.iter("h1"), None)
        return text_of(heading) if heading is not None else ""

    # --- choosing ---

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
            other = self._judge(first.group, chosen)
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
            if link := self.link(record):
                parts = urlsplit(link)
                found.add((parts.hostname or "", re.sub(r"\d+", "0", parts.path.rstrip("/").rpartition("/")[0])))
        return found

    def _headed_elsewhere(self, judged: Judged) -> bool:
        return bool(_ELSEWHERE.search(self._heading_before(judged)))

    def _heading_before(self, judged: Judged) -> str:
        own = {r.title.element for r in judged.records}
        for element in reversed(self._page.order[: judged.records[0].title.at]):
            if str(element.tag) in HEADINGS and element not in own:
                return text_of(element)
        return ""

    def _made(self, chosen: list[Judged], rejected: list[Judged]) -> Detected:
        every = sorted((record for j in chosen for record in j.records), key=lambda record: record.title.at)
        seen: set[object] = set()
        kept = []
        for record in every:
            link = self.link(record)
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

    # --- links ---

    def link(self, record: Record) -> str | None:
        """Where the title leads; else where the record leads; else its own place on this page."""
        anchor = record.title.anchor
        if anchor is not None and (found := self._resolved(anchor)):
            return found
        anchors = [e for e in record.all() if str(e.tag) == "a" and leads(e, self._base)]
        for found_anchor in sorted(anchors, key=self._strangeness):
            if found := self._resolved(found_anchor):
                return found
        place = next((e.get("id") for e in record.all() if e.get("id") and not e.get("id", "").startswith("_")), None)
        above = record.title.element.get("id")
        return web_url(f"#{above or place}", self._base) if (above or place) and self._base else None

    def _strangeness(self, anchor: Element) -> tuple[bool, bool]:
        """How unlikely a link of a record is to be its own: others share it, or it does not say "read more"."""
        if not self._hrefs:
            self._hrefs.update(e.get("href") or "" for e in self._page.order if str(e.tag) == "a")
        more = _MORE.fullmatch(text_of(anchor) or "more") or _is_permalink(anchor)
        return self._hrefs[anchor.get("href") or ""] > 2, not more

    def _resolved(self, anchor: Element) -> str | None:
        return web_url(anchor.get("href"), self._base) if leads(anchor, self._base) else None


def _said_in(group: Group, wanted: Collection[str]) -> set[str]:
    """Those of the `wanted` words that a title of the group has."""
    titles = [comparable(member.text).casefold() for member in group.members]
    return {words for words in wanted if any(words in title for title in titles)}


def _one_each(found: list[Record]) -> list[Record]:
    """Where most titles are alone in an item, only the first of those that share one."""
    kinds = Counter(str(record.element.tag) for record in found)
    kind, most = kinds.most_common(1)[0] if kinds else ("a", 0)
    if kind == "a" or most < 0.6 * len(found) or most == len(found):
        return found
    kept: dict[Element, Record] = {}
    lists = Counter(record.element.getparent() for record in found if str(record.element.tag) == kind)
    for record in found:
        wide = str(record.element.tag) == kind or next(record.element.iter(kind), None) is not None
        around = [] if wide else list(record.element.iterancestors(kind))
        item = around[0] if around else record.element
        if around and not lists[item.getparent()]:
            continue  # several links in an item that is alone: ways to sort, pages, languages
        if item not in kept:
            kept[item] = record if item is record.element else Record(record.title, [item], item)
    return list(kept.values())


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


def _own_links(judged: Judged) -> float:
    """Share of titles that are links themselves."""
    return sum(record.title.anchor is not None for record in judged.records) / len(judged.records)


def _same_page(link: str, base: str) -> bool:
    return link.partition("#")[0] == base.partition("#")[0]


def _tags(judged: Judged) -> list[str]:
    """The path of the group without its classes."""
    return [part.partition(".")[0] for part in judged.group.path.split()]


def _words(text: str) -> float:
    """How many words a text has; two characters of a script without spaces are one."""
    wide = sum("\u2e80" <= c <= "\u9fff" or "\uac00" <= c <= "\ud7af" for c in text)
    return wide / 2 + len(text.split()) if wide else len(text.split())


def _stands_out(element: Element) -> bool:
    names = " ".join(classes(element))
    return str(element.tag) in ("strong", "b") or bool(
        re.search(
            r"title|headline|heading|p-name|font-(?:bold|semibold|medium)|text-(?:lg|xl|\dxl)", names, re.IGNORECASE
        )
    )


def _is_post(record: Record) -> bool:
    for element in [record.element, *record.element.iterancestors()][:4]:
        names = " ".join(classes(element)).lower()
        kind = element.get("itemtype") or ""
        if str(element.tag) == "article" or re.search(
            r"\b(h-entry|hentry)\b|post|entry|article|story|episode|news-?item", names
        ):
            return True
        if re.search(r"Posting|Article|Episode", kind):
            return True
    return False


def _in_feed(judged: Judged) -> bool:
    """Whether it stands in what calls itself a feed of entries (microformats)."""
    above = judged.records[0].title.element.iterancestors()
    return any(name in ("hfeed", "h-feed") for element in above for name in classes(element))


def _slides(judged: Judged) -> bool:
    return any(_SLIDER.search(part) for part in judged.group.path.split())


def _is_permalink(anchor: Element) -> bool:
    return "bookmark" in (anchor.get("rel") or "") or bool(
        re.search(r"permalink|u-url|read-?more|more-link", " ".join(classes(anchor)), re.IGNORECASE)
    )


def _leads_record(record: Record) -> bool:
    return record.text.startswith(record.title.text[:20])


def _body_classes(page: Outline) -> str:
    body = page.root.find("body")
    return " ".join(classes(body)) if body is not None else ""


def _reasons(judged: Judged) -> str:
    count = len(judged.records)
    parts = [f"{count} at {' '.join(judged.group.path.split()[-3:])}"]
    parts += [
        name
        for name, share in (("dated", judged.dated), ("headings", judged.headed), ("linked", judged.linked))
        if share > 0.5
    ]
    return ", ".join(parts)

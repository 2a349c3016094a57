"""What a group of candidates is like, and how far that is like posts: the judgement of detection. Pure.

Scores are sums of shares (dated, headed, linked, varied…), weighted by what tells posts from menus on real pages.
"""

from __future__ import annotations

import math
import re
from collections import Counter
from datetime import datetime
from urllib.parse import urlsplit

from msgspec import Struct

from feedwatch.readers.candidates import Candidate, Group, Outline, leads
from feedwatch.readers.dates import parse_date
from feedwatch.readers.embedded import Claims
from feedwatch.readers.records import ABOVE, Calendar, Record, is_period, periods, records, tongue
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
#: Records of a group that are looked at closely.
_SAMPLE = 10
#: Classes of what is sold.
_SHOP = re.compile(r"\bproducts?\b|product-(?:name|title|item|card|summary|info|grid|list)|woocommerce|add-to-cart")
#: Links that share a page rather than lead to it.
_SHARES = re.compile(
    r"facebook\.com/(?:sharer|share|dialog)|(?:twitter|x)\.com/(?:share|intent|home\?)|linkedin\.com/(?:share|cws)|"
    r"pinterest\.[a-z.]+/pin/create|plus\.google\.com/share|reddit\.com/submit|wa\.me/|whatsapp\.com/send|t\.me/share|"
    r"vk\.com/share|tumblr\.com/share|(?:^|[?&])(?:share|replytocom)=",
    re.IGNORECASE,
)
_NO_HINT = re.compile(
    r"/docs?/|/documentation|/api/|/help|/support|/shop|/store|/products?|/pricing|/login|/team|/careers|/about|/contact|"
    r"/people|/staff|/jobs",
    re.IGNORECASE,
)


class Judged(Struct):
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


class Judge:
    """Looks at the groups of one page, and says what they are like."""

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

    def roughly(self, group: Group) -> float:
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

    def judge(self, group: Group, chosen: list[Record] | None = None) -> Judged:
        """What a group is like; beside others that are chosen already, its records end where theirs begin."""
        members = self.members(group)
        asides = [self._page.aside.get(m.element, False) for m in members]
        found = Judged(group, [])
        if not members:
            return found
        others = [r.title.element for r in chosen or ()]
        found.records = self.cleared(records(members, others))
        if not found.records:
            return found
        count = len(found.records)
        taken = [r.title for r in found.records]
        calendar = Calendar(self._page, self.periods, [*found.records, *(chosen or ())], self._now, self._language)
        # Some tell for all: what a long list is like shows in ten of its records.
        some = found.records[:: max(1, count // _SAMPLE)]
        dates = [calendar.of(record) for record in some]
        texts = [record.text for record in some]
        distinct = len({m.text for m in taken}) / count
        hrefs = [self.link(record) for record in found.records]
        found.linked = sum(link is not None for link in hrefs) / count
        apart = len({link for link in hrefs if link}) / max(1, sum(link is not None for link in hrefs))
        found.aside = sum(asides) / len(asides)
        found.dated = sum(date is not None for date in dates) / len(some)
        if len(some) > 2 and {date[1] for date in dates if date} == {ABOVE} and len({d[0] for d in dates if d}) == 1:
            # One date above all of them is that of the page, and says nothing of what they are.
            found.dated = 0.0
        found.headed = sum(str(m.element.tag) in HEADINGS for m in taken) / count
        found.words = sum(_words(m.text) for m in taken) / count
        found.claimed = (
            sum(self._claims.about(link, m.text) is not None for link, m in zip(hrefs, taken, strict=True)) / count
        )
        found.priced = sum(bool(_PRICE.search(text)) for text in texts) / len(some)
        wordy = sum(len(t) > len(r.title.text) + 60 for t, r in zip(texts, some, strict=True)) / len(some)
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

    def members(self, group: Group) -> list[Candidate]:
        """The members of a group without dates, and without the few that stand in a sidebar."""
        members = [
            m
            for m in group.members
            if not self._is_date(m) and not _MORE.fullmatch(m.text) and (m.anchor is not None or not is_period(m.text))
        ]
        inner = [m for m in members if not self._page.aside.get(m.element, False)]
        return inner if len(inner) * 2 >= len(members) else members

    def _is_date(self, candidate: Candidate) -> bool:
        return self.says_date(candidate.text)

    def says_date(self, text: str) -> bool:
        if len(text) > 40 or not any(c.isdigit() for c in text):
            return False
        parts = [part for part in re.split(r"\s[–—|·•-]\s", text) if part.strip()]
        return all(parse_date(part, self._now, language=self._language) is not None for part in parts)

    def cleared(self, found: list[Record]) -> list[Record]:
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

    def refusal(self, best: Judged) -> str | None:
        """Why even the best group is no list of posts, or None."""
        count = len(best.records)
        parts = urlsplit(self._url)
        said = " ".join(
            [parts.path, parts.hostname or "", self._title(), self._first_heading(), _body_classes(self._page)]
        )
        hint = bool(_HINT.search(said) or _HINT.search(self.heading_before(best)) or _in_feed(best))
        against = bool(_NO_HINT.search(parts.path))
        if best.dated < 0.5 and _SHOP.search(best.group.path):
            return "what repeats are products: a shop"
        if best.aside > 0.5 and best.posts < 0.5 and self._on_this_page(best) > 0.5:
            return "what repeats stands beside the main thing, and leads to places on this page"
        if best.aside > 0.5 and best.dated < 0.5:
            return "what repeats is navigation, or stands beside the main thing"
        if best.priced > 0.4 and best.dated < 0.5:
            return "what repeats has prices: a shop or a price list"
        if best.claimed >= 0.5:
            return None
        if count == 1 and is_period(best.records[0].title.text):
            return "a single title that is a month: the way to an archive"
        if count == 1 and best.records[0].title.anchor is None:
            return "a single title that is no link: the page's own"
        if best.dated < 0.5 and not best.headed and self._on_this_page(best) > 0.5:
            return "what repeats leads to places on this page: a table of contents"
        if best.dated < 0.5 and best.headed > 0.5 and _own_links(best) < 0.3 and self._leads_on(best) < 0.5:
            return "its headings are no links, and no link in it leads on: parts of one text"
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

    def heading_before(self, judged: Judged) -> str:
        own = {r.title.element for r in judged.records}
        for element in reversed(self._page.order[: judged.records[0].title.at]):
            if str(element.tag) in HEADINGS and element not in own:
                return text_of(element)
        return ""

    # --- links ---

    def link(self, record: Record) -> str | None:
        """Where the title leads; else where the record leads; else its own place on this page."""
        anchor = record.title.anchor
        if anchor is not None and (found := self._resolved(anchor)):
            return found
        anchors = [e for e in record.all() if str(e.tag) == "a" and leads(e, self._base) and not _shares(e)]
        for found_anchor in sorted(anchors, key=self._strangeness):
            if found := self._resolved(found_anchor):
                return found
        place = next((e.get("id") for e in record.all() if e.get("id") and not e.get("id", "").startswith("_")), None)
        above = record.title.element.get("id")
        return web_url(f"#{above or place}", self._base) if (above or place) and self._base else None

    def _on_this_page(self, judged: Judged) -> float:
        """Share of records whose link leads to a place on this page."""
        here = self._base.partition("#")[0]
        links = [self.link(record) or "" for record in judged.records]
        return sum("#" in link and link.partition("#")[0] == here for link in links) / len(links)

    def _leads_on(self, judged: Judged) -> float:
        """Share of records with a link that says "read more", or is around all of it, or shows a picture only."""
        return sum(
            any(
                str(e.tag) == "a"
                and leads(e, self._base)
                and (_MORE.fullmatch(text_of(e) or "more") or _is_permalink(e) or e is record.element)
                for e in record.all()
            )
            or record.title.anchor is not None
            for record in judged.records
        ) / len(judged.records)

    def _strangeness(self, anchor: Element) -> tuple[bool, bool]:
        """How unlikely a link of a record is to be its own: others share it, or it does not say "read more"."""
        if not self._hrefs:
            self._hrefs.update(e.get("href") or "" for e in self._page.order if str(e.tag) == "a")
        more = _MORE.fullmatch(text_of(anchor) or "more") or _is_permalink(anchor)
        return self._hrefs[anchor.get("href") or ""] > 2, not more

    def _resolved(self, anchor: Element) -> str | None:
        return web_url(anchor.get("href"), self._base) if leads(anchor, self._base) else None


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


def _is_permalink(anchor: Element) -> bool:
    return "bookmark" in (anchor.get("rel") or "") or bool(
        re.search(r"permalink|u-url|read-?more|more-link", " ".join(classes(anchor)), re.IGNORECASE)
    )


def _shares(anchor: Element) -> bool:
    return bool(_SHARES.search(anchor.get("href") or ""))


def _own_links(judged: Judged) -> float:
    """Share of titles that are links themselves."""
    return sum(record.title.anchor is not None for record in judged.records) / len(judged.records)


def _leads_record(record: Record) -> bool:
    return record.text.startswith(record.title.text[:20])


def _body_classes(page: Outline) -> str:
    body = page.root.find("body")
    return " ".join(classes(body)) if body is not None else ""

"""What on a page could be the title of an entry, and the group of its like that it belongs to.

Titles of one listing stand in the same place of the page's structure: the path of tags and lasting classes down to
them is the same, whatever they say.
"""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Collection
from datetime import datetime
from typing import Literal

from msgspec import Struct, field

from feedwatch.readers.element import INLINE
from feedwatch.readers.sanitize import web_url
from feedwatch.readers.tree import HEADINGS, Element, classes, elements, hidden, step, text_of
from feedwatch.remembered import remembered

#: Characters of a title; what is longer is a text.
LONGEST_TITLE = 300
_TITLE_CLASS = re.compile(
    r"(?:^|[-_])(title|titel|headline|heading|subject|titulo|titre|name)(?:[-_]|$)", re.IGNORECASE
)
_NO_TITLE_CLASS = re.compile(r"sub-?title|sub-?head|author|category|tag|user|site|meta|byline|date|time", re.IGNORECASE)
#: Containers of things that are about other pages.
_ASIDE = re.compile(
    r"nav|navbar|navigation|menu|submenu|sidebar|side|aside|widget|breadcrumbs?|related|popular|trending|recommended|"
    r"recommendations|comments?|comment-list|share|sharing|social|socials|tagcloud|tags|pagination|pager|pages|cookie|"
    r"cookies|consent|newsletter|subscribe|signup|modal|popup|footer|masthead|topbar|toolbar|languages?|lang|"
    r"login|sponsors?|ads?|advert|advertisement|banner|skip|next|prev|previous|paging|paginate|paginator|pagenav|blogroll|filters?|toc|colophon|byline|"
    r"bio|profile|copyright|legal|siblings|mostread|dropdown|megamenu|offcanvas|drawer|partners|testimonials?|cart",
    re.IGNORECASE,
)
#: What is beside the main thing even where everything is called a widget or a sidebar.
_SURELY = re.compile(
    r"nav|navbar|navigation|menu|submenu|breadcrumbs?|related|popular|trending|recommended|comments?|share|sharing|"
    r"tagcloud|pagination|pager|cookie|cookies|consent|footer|blogroll|mostread|testimonials?|cart",
    re.IGNORECASE,
)
#: With one of these words, a class says what a thing has or who made it.
_NOT_ITSELF = frozenset({"by", "with", "has", "without"})
_INLINE_MARKS = (INLINE | {"svg", "path", "br"}) - {"span", "a", "time"}
_HEADER = re.compile(
    r"(?<!\S)(?:(?:site|main|global|top|app|nav)[-_]?)?header(?:[-_](?:wrapper|container|inner|main))?(?!\S)",
    re.IGNORECASE,
)
_ASIDE_TAGS = frozenset({"nav", "footer", "aside", "form", "dialog", "select", "button", "template", "noscript"})
_ASIDE_ROLES = frozenset(
    {"navigation", "contentinfo", "complementary", "search", "banner", "menu", "menubar", "dialog"}
)
#: Of containers that are posts, and may have a header of their own.
_POST_CLASS = re.compile(r"h-?entry|(?:blog-?|news-?)?(?:post|entry|item)", re.IGNORECASE)
_SPLIT = re.compile(r"[-_\s]+|(?<=[a-z])(?=[A-Z])")
_WHOLE = re.compile(
    r"(?:has|no|with|without|is|elementor|wp-block|site|page|l)[-_]|.*(?:container|wrapper|layout|content)",
    re.IGNORECASE,
)
_DIGIT = re.compile(r"\d")
#: Before the number of a line, at the end of a path.
_LINE = "@"
#: Links in the manner of "[paper]" and "[code]".
_BRACKETED = re.compile(r"\s*\[[^\[\]]{1,20}\]")
#: A form with so many links of several words is around a listing.
_LISTED = 5
#: An element with more than that share of the page's text is no aside, whatever it is called.
_MOST = 0.6


class Candidate(Struct):
    """Something that could be a title."""

    element: Element
    text: str
    #: The link it is in, or that is in it; None for a title that leads nowhere by itself.
    anchor: Element | None
    #: Where on the page, in document order.
    at: int


class Group(Struct):
    """Candidates at the same place of the structure."""

    path: str
    members: list[Candidate] = field(default_factory=list)
    #: Paths that differ from it in a class only ("card" and "card featured").
    variants: list[str] = field(default_factory=list)

    @property
    def paths(self) -> tuple[str, ...]:
        return (self.path, *self.variants)


class Outline(Struct):
    """A page, walked once."""

    root: Element
    #: All elements in document order, which keeps them the same objects.
    order: list[Element]
    at: dict[Element, int]
    #: What is beside the main thing: navigation, sidebars, footers.
    aside: dict[Element, bool]
    groups: dict[str, Group]
    now: datetime
    #: Where each element stands.
    paths: dict[Element, str]
    #: Those with a digit somewhere in their text: no other says a date.
    digits: set[Element]


def outline(
    root: Element, base: str, now: datetime, only: Collection[str] = (), *, names: bool = True, bare: bool = False
) -> Outline:
    """The page's candidates, grouped, or those at the paths of `only`.

    `base` is what links are relative to; "" for a file. Without `names` only tags and roles say what is beside the
    main thing, hardly what classes are called. With `bare` words in bold at the beginning of a block, and whole
    items of lists, could be titles too.
    """
    order = list(elements(root))
    at = {element: number for number, element in enumerate(order)}
    aside = _asides(order, root, names=names)
    groups: dict[str, Group] = {}
    wanted = {path.partition(_LINE)[0] for path in only}
    paths: dict[Element, str] = {}
    for element in order:
        parent = element.getparent()
        above = paths.get(parent, "") if parent is not None else ""
        paths[element] = _path(above, step(element))
        if wanted and paths[element] not in wanted:
            continue
        found = _candidate(element, at[element], base) or (_bare(element, at[element]) if bare else None)
        if found is not None:
            groups.setdefault(paths[element], Group(paths[element])).members.append(found)
    return Outline(root, order, at, aside, _united(_by_line(groups)), now, paths, _with_digits(order))


def _with_digits(order: list[Element]) -> set[Element]:
    found: set[Element] = set()
    for element in order:
        if element.tag in ("script", "style"):
            continue
        if _DIGIT.search(element.text or "") or any(_DIGIT.search(child.tail or "") for child in element):
            above: Element | None = element
            while above is not None and above not in found:
                found.add(above)
                above = above.getparent()
    return found


def _path(above: str, own: str) -> str:
    """A thing inside a thing of its kind is where that is: lists whose items are never closed nest for ever."""
    steps = above.rsplit(" ", 2)
    if "." in own and own in steps[-2:]:
        return above if steps[-1] == own else above.rsplit(" ", 1)[0]
    return f"{above} {own}" if above else own


def _by_line(groups: dict[str, Group]) -> dict[str, Group]:
    """Lines of cards that no class tells apart are told apart by their order in the card."""
    found: dict[str, Group] = {}
    for path, group in groups.items():
        cards = Counter(m.anchor for m in group.members if m.anchor is not None and m.anchor is not m.element)
        if not cards or sum(cards.values()) < 1.5 * len(cards):
            found[path] = group
            continue
        seen: Counter[Element | None] = Counter()
        for member in group.members:
            seen[member.anchor] += 1
            own = f"{path}{_LINE}{seen[member.anchor]}"
            found.setdefault(own, Group(own)).members.append(member)
    return found


def _united(groups: dict[str, Group]) -> dict[str, Group]:
    """Groups whose paths differ in a class here and there are one."""
    by_tags: dict[str, list[Group]] = defaultdict(list)
    found: dict[str, Group] = {}
    for path, group in groups.items():
        tags = " ".join(part.partition(".")[0] for part in path.split())
        twin = next((other for other in by_tags[tags] if _variants(other, group)), None)
        if twin is None:
            by_tags[tags].append(group)
            found[path] = group
        else:
            twin.members += group.members
            twin.variants.append(path)
    for group in found.values():
        group.members.sort(key=lambda member: member.at)
    return found


def _variants(one: Group, other: Group) -> bool:
    """Whether two groups at paths of the same tags are of the same things: where their classes differ they share one,
    and they do not stand side by side, as a title and its subtitle do."""
    steps = list(zip(one.path.split(), other.path.split(), strict=True))
    differ = [at for at, (a, b) in enumerate(steps) if a != b]
    if len(differ) > 2 or any(
        not set(a.split(".")[1:]) & set(b.split(".")[1:]) for a, b in (steps[at] for at in differ)
    ):
        return False
    up = len(steps) - differ[-1]
    around, beside = (_above(group, up) for group in (one, other))
    return len(around | beside) == 1 or len(around & beside) * 2 < min(len(around), len(beside))


def _above(group: Group, up: int) -> set[Element | None]:
    """The elements that many levels above the members."""
    found: set[Element | None] = set()
    for member in group.members:
        element: Element | None = member.element
        for _ in range(up):
            element = element.getparent() if element is not None else None
        found.add(element)
    return found


def leads(anchor: Element | None, base: str) -> bool:
    """Whether a link leads to a page, or to a place on this one."""
    href = (anchor.get("href") or "").strip() if anchor is not None else ""
    if not href or href in ("#", "/#", "#top", "#0"):
        return False
    return href.startswith("#") or web_url(href, base or "https://somewhere.invalid/") is not None


def _candidate(element: Element, at: int, base: str) -> Candidate | None:
    tag = str(element.tag)
    card = next((a for a in element.iterancestors("a")), None)
    if _is_heading(element):
        anchor = next((a for a in element.iter("a") if leads(a, base)), None)
        if anchor is None and leads(card, base):
            anchor = card
    elif any(_is_heading(above) for above in element.iterancestors()):
        return None
    elif tag == "a":
        if not leads(element, base) or _is_card(element):
            return None
        anchor = element
    elif card is not None and leads(card, base) and _is_card(card):
        if tag in ("time", "img") or any(True for _ in card.iter(*HEADINGS)):
            return None
        if not (_own_text(element) or _in_words(element)) or _in_words(element.getparent()):
            return None
        anchor = card
    elif card is None and _titled(element):
        anchor = None
    else:
        return None
    text = _title(element, anchor)
    if not text or len(text) > LONGEST_TITLE or hidden(element):
        return None
    return Candidate(element, text, anchor, at)


def _is_heading(element: Element) -> bool:
    """Whether it is a heading, and none that was never closed and has the rest of the page in it."""
    return (
        str(element.tag) in HEADINGS
        and next(element.iterdescendants("article", "section", "ul", "table"), None) is None
    )


def _bare(element: Element, at: int) -> Candidate | None:
    parent = element.getparent()
    tag = str(element.tag)
    if parent is None or hidden(element) or any(True for _ in element.iterancestors("a", *HEADINGS)):
        return None
    if tag in ("b", "strong"):
        before = [(parent.text or ""), *(child.tail or "" for child in element.itersiblings(preceding=True))]
        text = text_of(element) if not "".join(before).strip() else ""
    elif tag == "li" and next(element.iterdescendants("li", "p", "div", "h2", "h3"), None) is None:
        text = _BRACKETED.sub("", text_of(element, plain=True)).strip()
    else:
        return None
    return Candidate(element, text, None, at) if text and len(text) <= LONGEST_TITLE else None


def _title(element: Element, anchor: Element | None) -> str:
    """The text of the title; of a heading that has more in it than its link, the link's."""
    text = text_of(element, plain=True) or text_of(element)
    if (
        anchor is not None
        and anchor is not element
        and any(True for above in anchor.iterancestors() if above is element)
    ):
        linked = text_of(anchor, plain=True)
        if len(linked) * 2 >= len(text):
            return linked
    return text


def _is_card(anchor: Element) -> bool:
    """Whether a link is around more than one line: a whole entry rather than its title."""
    lines = 0
    for below in anchor.iterdescendants():
        tag = str(below.tag)
        if tag in HEADINGS or _in_words(below):
            return True
        marked = tag in _INLINE_MARKS and not (tag in ("strong", "b") and not _own_text(below.getparent()))
        lines += not marked and _own_text(below)
    return lines + _own_text(anchor) > 1


def _own_text(element: Element) -> bool:
    return isinstance(element.tag, str) and bool(
        (element.text or "").strip() or any((child.tail or "").strip() for child in element)
    )


def _in_words(element: Element | None) -> bool:
    """Whether a line is cut into its words, each in an element of its own."""
    if element is None or _own_text(element) or len(element) < 3:
        return False
    return all(child.tag == "span" and not len(child) and len((child.text or "").split()) <= 1 for child in element)


def _titled(element: Element) -> bool:
    """Whether a class or property says that this is a title, and it has neither a title nor a link in it."""
    if str(element.tag) not in ("div", "span", "p", "strong", "b", "dt", "em", "td", "summary"):
        return False
    names = classes(element) + (element.get("itemprop") or "").split()
    if str(element.tag) != "summary" and not any(_says_title(name) for name in names):
        return False
    return not any(
        str(below.tag) in HEADINGS
        or str(below.tag) == "a"
        or (any(_says_title(name) for name in classes(below)) and bool(text_of(below)))
        for below in element.iterdescendants()
    )


def _says_title(name: str) -> bool:
    return bool(_TITLE_CLASS.search(name)) and not _NO_TITLE_CLASS.search(name)


def _asides(order: list[Element], root: Element, *, names: bool) -> dict[Element, bool]:
    """For every element whether it is in something beside the main thing."""
    sizes: dict[Element, int] = defaultdict(int)
    # From the last one on, so that all that is in an element is counted before it is counted in what that is in.
    for element in reversed(order):
        if element.tag not in ("script", "style") and element.text:
            sizes[element] += len(element.text.strip())
        parent = element.getparent()
        if parent is not None:
            within = len(element.tail.strip()) if element.tail and parent.tag not in ("script", "style") else 0
            sizes[parent] += sizes[element] + within
    whole = max(1, sizes[root])
    found: dict[Element, bool] = {}
    for element in order:
        parent = element.getparent()
        if parent is not None and found.get(parent):
            found[element] = True
        else:
            found[element] = _is_aside(element, names=names) and sizes[element] < _MOST * whole
    return found


def _is_aside(element: Element, *, names: bool) -> bool:
    tag = str(element.tag)
    if tag in ("html", "body", "main", "article") or (tag == "form" and _holds_list(element)):
        return False
    if tag in _ASIDE_TAGS or (element.get("role") or "") in _ASIDE_ROLES:
        return True
    called = f"{element.get('class') or ''} {element.get('id') or ''}"
    said = _named_aside((called, not names))
    if said == "yes":
        return not any("hfeed" in classes(below) or "h-feed" in classes(below) for below in element.iter("div", "main"))
    if said == "header" and not any(True for _ in element.iterancestors("article", "li")) and tag != "header":
        return bool(_HEADER.search(called)) or sum(1 for _ in element.iter("a")) > 3
    if tag != "header" or any(True for _ in element.iterancestors("article", "section", "li", "main")):
        return False
    return not any(_POST_CLASS.fullmatch(name) for above in element.iterancestors("div") for name in classes(above))


def _holds_list(form: Element) -> bool:
    """Whether a form is around a listing, to filter it, rather than something to fill in."""
    return sum(len(text_of(a).split()) >= 3 for a in form.iter("a")) >= _LISTED


@remembered(8192)
def _named_aside(asked: tuple[str, bool]) -> Literal["yes", "header", "no"]:
    """Whether classes and id say (surely, where that is asked) that it is beside the main thing; "header" says so only
    at the top."""
    names, surely = asked
    header = False
    telling = _SURELY if surely else _ASIDE
    for name in names.split():
        header |= bool(_HEADER.fullmatch(name))
        words = [word.lower() for word in _SPLIT.split(name) if word]
        if _WHOLE.match(name) and not (words and words[0] in ("footer", "nav", "breadcrumb", "pagination")):
            continue
        if any(telling.fullmatch(word) for word in words) and not _NOT_ITSELF & set(words):
            return "yes"
        header |= "header" in words
    return "header" if header and not surely else "no"

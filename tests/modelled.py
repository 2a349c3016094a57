"""A blog that a test makes change, and what a careful person would say of its changes: the model of the machine.

Knows nothing of how feedwatch finds anything out.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from email.utils import format_datetime
from typing import Literal, NamedTuple

#: Posts that are listed, newest first, and those that are there at the beginning.
WINDOW, FIRST = 12, 10
#: A wording or category that comes back within this time is no change; so many new wordings within that time are a
#: machine's work.
_FLAP, _RESTLESS, _WHILE = timedelta(days=30), 6, timedelta(days=7)
#: Looks in a row that must lack a post.
_LOOKS = 3

Kind = Literal["feed", "page"]


class Wording(NamedTuple):
    """Which title, text and slip of the pen a post has."""

    title: int = 0
    text: int = 0
    typo: int = 0


class Facts(NamedTuple):
    """What the blog says of a post."""

    number: int
    wording: Wording
    link: str
    category: str
    at: datetime
    #: What stands below every text.
    footer: int = 0

    @property
    def title(self) -> str:
        return f"Post number {self.number}" + (f", take {self.wording.title}" if self.wording.title else "")

    @property
    def text(self) -> str:
        words = [f"word{self.number}x{self.wording.text}x{n}" for n in range(40)]
        words[7] += "s" * self.wording.typo
        return " ".join(words) + "." + f" By the {self.footer} people of the blog." * bool(self.footer)


class Told(NamedTuple):
    """One change, as a person would tell of it."""

    kind: str
    number: int
    size: str | None = None
    categories: frozenset[str] = frozenset()


_AT_FIRST = Wording()


@dataclass
class Post:
    number: int
    at: datetime
    wording: Wording = _AT_FIRST
    folder: int = 0
    category: str = "data"
    removed: bool = False
    #: How many there were.
    edits: int = 0


@dataclass
class Blog:
    """The site, newest post first."""

    now: datetime
    kind: Kind = "feed"
    host: int = 0
    #: Guids are made anew at every rendering.
    churns: bool = False
    footer: int = 0
    renderings: int = 0
    posts: list[Post] = field(default_factory=list)

    def __post_init__(self) -> None:
        for age in range(FIRST, 0, -1):
            self.publish(self.now - age * timedelta(days=2))

    def publish(self, at: datetime | None = None) -> None:
        number = len(self.posts) + 1
        self.posts.insert(0, Post(number, at or self.now, category=("data", "design")[number % 2]))

    def listed(self) -> list[Post]:
        return [post for post in self.posts if not post.removed][:WINDOW]

    def removed(self) -> list[Post]:
        return [post for post in self.posts if post.removed]

    def facts(self, post: Post) -> Facts:
        link = f"https://{self.host}.blog.example/{post.folder}/post-number-{post.number}"
        return Facts(post.number, post.wording, link, post.category, post.at, self.footer)

    def render(self, shown: Sequence[Facts]) -> bytes:
        self.renderings += self.churns
        if self.kind == "page":
            return _PAGE.format("".join(map(_article, shown))).encode()
        return _FEED.format("".join(_item(one, self.renderings) for one in shown)).encode()

    def cut(self, body: bytes, place: int, less: int) -> bytes:
        """What comes of a rendering that ends `less` bytes before the end of the post at this place, from 1."""
        end = b"</article>" if self.kind == "page" else b"</item>"
        return (end.join(body.split(end)[:place]) + end)[:-less]


_FEED = "<rss version='2.0'><channel><title>The blog</title><link>https://blog.example/</link>{}</channel></rss>"
_PAGE = "<html><head><title>The blog</title></head><body><main>{}</main></body></html>"


def _item(one: Facts, rendering: int) -> str:
    return (
        f"<item><guid isPermaLink='false'>{one.number}-{rendering}</guid><title>{one.title}</title>"
        f"<link>{one.link}</link><description>{one.text}</description><category>{one.category}</category>"
        f"<pubDate>{format_datetime(one.at)}</pubDate></item>"
    )


def _article(one: Facts) -> str:
    return (
        f"<article><h2><a href='{one.link}'>{one.title}</a></h2><time datetime='{one.at.isoformat()}'></time>"
        f"<p>{one.text}</p><i>{one.category}</i></article>"
    )


@dataclass
class Seen:
    """What was last heard of a post."""

    facts: Facts
    #: What it said before, with what stood below it then, and until when.
    left: dict[tuple[Wording, int], datetime] = field(default_factory=dict)
    #: The categories it was in, and until when.
    filed: dict[str, datetime] = field(default_factory=dict)
    #: Edits that readers were shown as updates.
    majors: int = 0
    #: It was in the last listing, or has been missing from it for so many looks.
    listed: bool = True
    lacked: int = 0
    withdrawn: bool = False


class Model:
    """What a careful person knows of the blog, and tells."""

    def __init__(self) -> None:
        self.seen: dict[int, Seen] = {}
        self.told: list[Told] = []
        #: Posts that may be told to be withdrawn, and need not be: what was shown since proves little.
        self.doubtful: set[int] = set()

    def looks(
        self, shown: Sequence[Facts], removed: Sequence[Post], now: datetime, *, proves: bool, quiet: bool = False
    ) -> None:
        """Tells what is to be told after a look at this listing, from which `removed` were taken away: nothing at first
        sight, and none of what differs when `quiet`. Unless it `proves` something, what it lacks may still be there."""
        first = not self.seen
        told: list[Told] = []
        for facts in shown:
            if facts.number in self.seen:
                told += self._again(self.seen[facts.number], facts, now, quiet=quiet)
            else:
                self.seen[facts.number] = Seen(facts)
                told += [] if first else [Told("new", facts.number, None, frozenset({facts.category}))]
        told += self._lacks({facts.number: facts for facts in shown}, removed, proves=proves)
        self.told += told

    def _again(self, seen: Seen, facts: Facts, now: datetime, *, quiet: bool) -> list[Told]:
        before, seen.facts = seen.facts, facts
        self.doubtful.discard(facts.number)
        seen.listed, seen.lacked, seen.withdrawn = True, 0, False
        if quiet:
            return []
        categories = frozenset({before.category, facts.category})
        told = []
        if size := self._edit(seen, before, now):
            told.append(Told("edited", facts.number, size, categories))
        if before.link != facts.link:
            told.append(Told("moved", facts.number, None, categories))
        if before.category != facts.category:
            filed = seen.filed.get(facts.category)
            if filed is None or now - filed > _FLAP:
                told.append(Told("recategorised", facts.number, None, categories))
            seen.filed[before.category] = now
        return told

    def _edit(self, seen: Seen, before: Facts, now: datetime) -> str | None:
        if seen.facts.wording == before.wording:
            return None
        said, says = (before.wording, before.footer), (seen.facts.wording, seen.facts.footer)
        flaps = says in seen.left and now - seen.left[says] <= _FLAP
        restless = sum(now - at <= _WHILE for at in seen.left.values()) >= _RESTLESS
        seen.left[said] = now
        if flaps or restless:
            return None
        major = says[0][:2] != said[0][:2]
        seen.majors += major
        return "major" if major else "minor"

    def _lacks(self, shown: Mapping[int, Facts], removed: Sequence[Post], *, proves: bool) -> list[Told]:
        told = []
        missing = {post.number for post in removed}
        for number, seen in self.seen.items():
            if number in shown or seen.withdrawn:
                continue
            newer = sum(other > number for other in shown)
            if number in missing and seen.listed and proves and newer < WINDOW // 2:
                seen.lacked += 1
            else:
                seen.listed, seen.lacked = False, 0
                self.doubtful |= {number} & missing
            if seen.lacked == _LOOKS and number not in self.doubtful:
                told.append(self.withdrawn(number))
        return told

    def withdrawn(self, number: int) -> Told:
        seen = self.seen[number]
        seen.withdrawn, seen.listed = True, False
        self.doubtful.discard(number)
        return Told("withdrawn", number, None, frozenset({seen.facts.category}))

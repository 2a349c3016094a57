"""A year of one site: what is alerted of is what a careful person would have told."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta

from make import NOW
from msgspec.structs import replace
from test_trust import Site

from feedwatch.canonical import entry_id
from feedwatch.differ.trust import Taken
from feedwatch.model import Category, Entry, Moment, Quarantine, Text
from feedwatch.routes import Route, Webhook, wants

#: Entries that the page lists, newest first; a post appears every six days, on days that are multiples of it.
WINDOW, EVERY = 20, 6
ROUTE = Route("r", Webhook("https://example.org/"), frozenset({"new", "edited", "withdrawn"}))
BEGIN = NOW
#: The days on which a wall keeps programs out, and those on which the site is down.
WALL, OUTAGE = range(200, 203), range(320, 327)


@dataclass
class Post:
    number: int
    day: int
    title: str
    text: str


class Blog:
    """What its author and its engineers do in a year."""

    def __init__(self) -> None:
        self.host, self.path, self.footer = "https://blog.example", "/post/", ""
        #: 22 posts are there when it is first seen.
        self.posts = [self._post(n, (n - 22) * EVERY) for n in range(22, 0, -1)]

    def _post(self, number: int, day: int) -> Post:
        return Post(
            number, day, f"How we built part {number} of it", f"An excerpt of part {number}, as it was written."
        )

    def publish(self, day: int) -> None:
        self.posts.insert(0, self._post(self.posts[0].number + 1, day))

    def post(self, number: int) -> Post:
        return next(post for post in self.posts if post.number == number)

    def listed(self) -> list[Entry]:
        return [self._entry(post) for post in self.posts[:WINDOW]]

    def _entry(self, post: Post) -> Entry:
        link = f"{self.host}{self.path}how-we-built-part-{post.number}"
        return Entry(
            id=entry_id(None, link, post.title, None),
            title=post.title,
            link=link,
            summary=Text(post.text + self.footer),
            categories=(Category("Engineering"),),
            published=Moment(BEGIN + timedelta(days=post.day)),
        )


def a_year() -> tuple[list[str], list[str]]:
    """The alerts, one line each, and the days on which what the site said was not believed."""
    blog = Blog()
    site = Site(blog.listed())
    alerts: list[str] = []
    doubted: list[str] = []
    for day in range(1, 366):
        site.now = BEGIN + timedelta(days=day)
        happens(blog, day)
        if day in WALL or day in OUTAGE:
            # Nothing is read, and the last success grows old.
            site.state = replace(site.state, last_poll=site.now)
            continue
        found = site.says(*blog.listed())
        if isinstance(found, Quarantine):
            doubted.append(f"{day} {found.doubt}")
            continue
        assert isinstance(found, Taken)
        alerts += [f"{day} {c.kind} {c.entry.title}" for c in found.diff.changes if wants(ROUTE, c)]
    return alerts, doubted


def happens(blog: Blog, day: int) -> None:
    """What is done to the site on the `day`-th day."""
    if day % EVERY == 0:
        blog.publish(day)
    match day:
        case 40:  # a typo
            blog.post(25).text = blog.post(25).text.replace("excerpt", "exerpt")
        case 60:  # a rewrite
            blog.post(28).text = "All of this was wrong, and here is what really happened, from the beginning on."
        case 91:  # a redesign: other addresses, other excerpts
            blog.path, blog.footer = (
                "/articles/2025/",
                " Read the whole article on our engineering blog, free of charge.",
            )
        case 150:  # another domain
            blog.host = "https://engineering.example"
        case 241:  # a new footer below everything
            blog.footer = " Brought to you by the people who build it. Come and work with us in one of nine cities."
        case 301:  # taken back
            blog.posts.remove(blog.post(68))
    if 270 <= day < 278:  # which title is clicked more?
        blog.post(66).title = "How we built part 66 of it" if day % 2 else "You will not believe what part 66 does"


def test_the_alerts_of_a_year_are_those_that_a_careful_person_would_have_sent() -> None:
    alerts, doubted = a_year()

    expected = {day: f"{day} new How we built part {22 + day // EVERY} of it" for day in range(6, 366, 6)}
    # While the wall stood and the site was down nothing could be seen; it is told as soon as it is.
    expected[324] = "327 new How we built part 76 of it"
    others = [
        "60 edited How we built part 28 of it",
        # An A/B test is one edit.
        "270 edited You will not believe what part 66 does",
        # On the third day on which it is missing.
        "303 withdrawn How we built part 68 of it",
    ]
    assert sorted(alerts) == sorted([*expected.values(), *others])
    # The redesign and the new footer: told of once each, believed when two more days agree.
    assert doubted == ["91 mass-edit", "92 mass-edit", "241 mass-edit", "242 mass-edit"]

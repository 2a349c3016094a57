"""Whatever a site does from poll to poll, its changes are exactly those that were made."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from datetime import timedelta

import msgspec
from hypothesis import given, settings
from hypothesis import strategies as st
from make import CATEGORIES, EDITS, NOW, after, reading
from msgspec.structs import replace
from test_atom import BASE, FEED, checked

from feedwatch.differ.diff import diff
from feedwatch.generator import atom
from feedwatch.model import Entry, KnownEntry, KnownSource, Moment, PublishedEntry, Text
from feedwatch.store import codec

#: Newest first; a listing shows so many of them.
_WINDOW = 12
_START = 8


@dataclass
class Post:
    number: int
    version: int = 0
    address: int = 0

    def entry(self) -> Entry:
        link = f"https://example.org/{self.address}/post-number-{self.number}"
        return Entry(
            id=link,
            title=f"Post number {self.number}",
            link=link,
            summary=Text(f"What post {self.number} says in its version {'v' * (self.version + 1)} of all its words."),
            published=Moment(NOW + timedelta(hours=self.number) - timedelta(days=30)),
        )


@dataclass
class Site:
    posts: list[Post] = field(default_factory=lambda: [Post(n) for n in range(_START, 0, -1)])
    numbers: int = _START

    def listed(self) -> list[Post]:
        return self.posts[:_WINDOW]


STEPS = st.lists(
    st.sampled_from(["publish", "edit", "move", "reorder", "outage", "restart", "truncate", "nothing"]),
    min_size=1,
    max_size=25,
)


@settings(max_examples=60, deadline=None)
@given(STEPS, st.randoms(use_true_random=False))
def test_any_sequence_of_polls_yields_exactly_the_changes_that_were_made(steps: list[str], random: object) -> None:
    choose = random.choice  # type: ignore[attr-defined]
    site, known, now = Site(), KnownSource("blog"), NOW
    expected: Counter[str] = Counter()
    found: Counter[str] = Counter()
    for step in ["nothing", *steps]:
        now += timedelta(hours=3)
        shown = None
        if step == "publish":
            site.numbers += 1
            site.posts.insert(0, Post(site.numbers))
            expected["new"] += 1
        elif step == "edit":
            choose(site.listed()).version += 1
            expected["edited"] += 1
        elif step == "move":
            choose(site.listed()).address += 1
            expected["moved"] += 1
        elif step == "reorder":
            shown = sorted(site.listed(), key=lambda post: post.number % 5)
        elif step == "truncate":
            shown = site.listed()[: max(1, len(site.listed()) // 3)]
        elif step == "outage":
            continue
        elif step == "restart":
            known = replace(
                known,
                entries={key: codec.decode(KnownEntry, msgspec.json.encode(row)) for key, row in known.entries.items()},
            )
        entries = [post.entry() for post in shown or site.listed()]
        before = known.entries
        told = diff(known, reading(*entries), config_digest="c", slugs_of=CATEGORIES.resolve, now=now, rules=EDITS)
        known = after(known, told)
        found.update(change.kind for change in told.changes)
        for key, row in before.items():
            assert known.entries[key].atom_id == row.atom_id
            assert row.updated <= known.entries[key].updated <= max(now, row.updated)
            assert known.entries[key].published == row.published
    assert found == expected
    assert len(known.entries) == site.numbers
    newest = sorted(known.entries.values(), key=lambda row: row.order, reverse=True)
    checked(atom.render(FEED, [PublishedEntry(row, "blog", known.about) for row in newest], base_url=BASE))

"""What is an edit, which ones matter, and what is kept of the wording before."""

from __future__ import annotations

from datetime import timedelta

import pytest
from make import EDITS, NOW, History, entry, kinds
from msgspec.structs import replace

from feedwatch.differ.edits import edit, wording
from feedwatch.model import EditRules, EditSize, Entry, Text
from feedwatch.routes import Route, Webhook, wants

PROSE = " ".join(f"word{n}" for n in range(100))


def size(before: Entry, after: Entry, rules: EditRules = EDITS) -> EditSize | None:
    found = edit(wording(before, rules), wording(after, rules), rules)
    return found.size if found else None


def saying(text: str) -> Entry:
    return replace(entry(1), content=Text(f"<p>{text}</p>", "html"))


@pytest.mark.parametrize(
    ("before", "after", "wanted"),
    [
        ("Teh quick fox", "The quick fox", "minor"),
        ("A quick Fox", "A quick fox!", "minor"),
        ("The quick fox", "The slow fox and the dog", "major"),
        ("Release 2.1", "Release 2.2", "major"),
        ("One story", "Another story", "major"),
    ],
)
def test_a_slip_of_the_pen_in_a_title_is_minor_and_another_title_is_major(
    before: str, after: str, wanted: EditSize
) -> None:
    assert size(entry(1, before), entry(1, after)) == wanted


def test_the_share_of_changed_words_decides_about_a_text() -> None:
    assert size(saying(PROSE), saying(PROSE.replace("word50", "other"))) == "minor"
    assert size(saying(PROSE), saying(PROSE + " and" * 9)) == "minor"
    assert size(saying(PROSE), saying(PROSE + " and" * 30)) == "major"
    assert size(saying(PROSE), saying(PROSE + " and" * 30), EditRules(major=0.5)) == "minor"
    assert size(saying("Two words."), saying("Other things.")) == "major"


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("A text. 12 comments", "A text. 1,340 comments"),
        ("5 min read. A text", "6 min read. A text"),
        ("Posted 2 days ago. A text", "Posted 3 weeks ago. A text"),
        ("Lesezeit: ca. 4 Min. Ein Text", "Lesezeit: ca. 5 Min. Ein Text"),
        ("1.2k views A text", "1.9k views A text"),
    ],
)
def test_c25_counters_reading_times_and_relative_dates_are_no_edit(before: str, after: str) -> None:
    assert size(saying(before), saying(after)) is None


def test_what_the_operator_ignores_is_no_edit() -> None:
    rules = EditRules(ignore=(r"build [0-9a-f]{7}",))

    assert size(saying("A text, build 0a1b2c3"), saying("A text, build ffffff0"), rules) is None
    assert size(saying("A text, build 0a1b2c3"), saying("Some other text, build ffffff0"), rules) == "major"


def test_only_a_major_edit_moves_updated_and_is_told_of_by_default() -> None:
    blog = History()
    blog.reads(saying(PROSE))

    found = blog.reads(saying(PROSE.replace("word50", "other")))
    row = blog.row("https://example.org/1")

    assert [(change.kind, change.size) for change in found.changes] == [("edited", "minor")]
    assert (row.revision, row.updated) == (2, row.published)
    route = Route("r", Webhook("https://example.org/"))
    assert not wants(route, found.changes[0])
    assert wants(replace(route, minor_edits=True), found.changes[0])


def test_c26_a_wording_that_comes_back_is_no_edit() -> None:
    blog = History()
    one, other = entry(1, "How we test"), entry(1, "Testing, the whole story")
    blog.reads(one)

    found = [blog.reads(version) for version in (other, one, other, one)]

    assert [kinds(each) for each in found] == [[("edited", "1")], [], [], []]
    assert "back and forth" in found[1].notes[0]
    assert blog.row("https://example.org/1").entry.title == "How we test"


def test_c27_a_return_after_more_than_a_month_is_an_edit() -> None:
    blog = History()
    blog.reads(entry(1, "Price: 10"))
    blog.reads(entry(1, "Price: 12"))
    blog.now += timedelta(days=31)

    assert kinds(blog.reads(entry(1, "Price: 10"))) == [("edited", "1")]


def test_a_text_that_changes_at_every_poll_is_quieted_with_a_word() -> None:
    blog = History()
    blog.reads(saying(PROSE))

    found = [blog.reads(saying(f"{PROSE} {'x' * n} " * 3)) for n in range(1, 30)]

    told = sum(bool(each.changes) for each in found)
    assert told == 6
    assert "ignore" in found[-1].notes[0]


def test_what_an_entry_said_before_is_kept_and_bounded() -> None:
    blog = History()
    blog.reads(entry(1, "One"))
    for number in range(40):
        blog.now += timedelta(days=40)
        blog.reads(entry(1, f"Title number {number}"))

    row = blog.row("https://example.org/1")

    assert [r.title for r in row.revisions][-2:] == ["Title number 37", "Title number 38"]
    assert [r.number for r in row.revisions] == list(range(21, 41))
    long = History()
    for number in range(5):
        long.now = NOW + timedelta(days=40 * number)
        long.reads(saying(f"{number} " * 60_000))
    assert len(long.row("https://example.org/1").revisions) == 1

"""How edits are shown is the operator's choice: in place, as entries of their own, or both; and with what changed."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path

import feedparser
import pytest
from make import CATEGORIES, NOW, History, after, commit, entry, reading
from msgspec.structs import replace
from test_atom import checked

from feedwatch import config as configuration
from feedwatch.differ.diff import diff
from feedwatch.differ.editions import editions
from feedwatch.generator.publish import Publisher
from feedwatch.model import EditRules, EditsShown, Entry, Imprint, Revision, Source, Text
from feedwatch.once import told_once
from feedwatch.store.tinydb import TinyStore

OLD = "Every test of ours ran on one machine, which took a whole afternoon of everybody's time."
NEW = "Each test now runs in a container, and nobody has to wait for longer than ten minutes."
NEWER = "Tests run where the change was made, so that most of them are never needed at all."
RULES: dict[EditsShown, EditRules] = {
    "in-place": EditRules(),
    "as-entries": EditRules(shown="as-entries"),
    "both": EditRules(shown="both"),
}
BASE = "https://feeds.example.org"


def saying(text: str, title: str = "How we test") -> Entry:
    return replace(entry(1, title, summary=text), content=Text(f"<p>{text}</p>", "html"))


class Desk:
    """A blog, its store and its feeds, under rules that can change."""

    def __init__(self, folder: Path, rules: EditRules, limit: int = 50) -> None:
        self._folder, self._limit = folder, limit
        self.blog = History()
        self._open(rules)

    def _open(self, rules: EditRules) -> None:
        self.rules = rules
        self.store = TinyStore(
            self._folder / "state",
            ["blog", "page"],
            CATEGORIES,
            stamp="then",
            limit=self._limit,
            edits={"blog": rules, "page": rules},
        )
        sources = {name: Source(name, f"https://{name}.example.org/", edits=rules) for name in ("blog", "page")}
        self._publisher = Publisher(
            self.store, self._folder / "public", Imprint(BASE), sources=sources, limit=self._limit
        )

    def change(self, rules: EditRules) -> list[str]:
        """The operator edits the configuration, and feedwatch starts again."""
        self.store.close()
        self._open(rules)
        return self.publish()

    def reads(self, *entries: Entry) -> list[str]:
        self.store.commit(commit(self.blog.reads(*entries, rules=self.rules)))
        return self.publish()

    def publish(self) -> list[str]:
        stale = self.store.unpublished()
        written = self._publisher.publish_pages(stale.pages)
        written += self._publisher.publish(stale.slugs, stale.sources)
        self.store.published(stale)
        self.store.flush()
        return written

    def data(self, path: str = "feeds/data") -> bytes:
        return (self._folder / "public" / f"{path}.atom").read_bytes()

    def archive(self, path: str = "feeds/data") -> dict[str, bytes]:
        """The pages of a feed's archive."""
        pages = (self._folder / "public" / path).glob("archive-*.atom")
        return {page.name: page.read_bytes() for page in pages}

    def everything(self, path: str = "feeds/data") -> list[str]:
        """The ids that someone gets who subscribes now and reads the archive too."""
        data = [self.data(path), *self.archive(path).values()]
        return sorted({one.id for page in data for one in feedparser.parse(page).entries})

    def feed(self, path: str = "feeds/data") -> list[tuple[str, str]]:
        """Title and text of each entry of a feed that is valid."""
        data = self.data(path)
        checked(data)
        parsed = feedparser.parse(data, sanitize_html=False).entries
        return [(one.title, one.content[0].value if "content" in one else one.summary) for one in parsed]

    def ids(self, path: str = "feeds/data") -> dict[str, str]:
        return {one.title: one.id for one in feedparser.parse(self.data(path)).entries}

    def updated(self, path: str = "feeds/data") -> dict[str, datetime]:
        parsed = feedparser.parse(self.data(path)).entries
        return {one.id: datetime.fromisoformat(one.updated) for one in parsed}


def edited(folder: Path, shown: EditsShown) -> Desk:
    desk = Desk(folder, RULES[shown])
    desk.reads(saying(OLD), entry(2))
    desk.reads(saying(NEW), entry(2))
    return desk


def html(text: str) -> str:
    return f"<p>{text}</p>"


def test_in_place_the_entry_changes_and_there_is_no_other(tmp_path: Path) -> None:
    desk = edited(tmp_path, "in-place")

    assert [one for one in desk.feed() if "test" in one[0]] == [("How we test", html(NEW))]


def test_as_entries_the_old_text_stays_and_the_edit_is_an_entry_on_top(tmp_path: Path) -> None:
    desk = edited(tmp_path, "as-entries")

    assert desk.feed()[0] == ("Edited: How we test", html(NEW))
    assert ("How we test", html(OLD)) in desk.feed()
    assert len(desk.feed()) == 3
    assert desk.feed("feeds/all") == desk.feed()
    assert desk.feed("sources/blog") == desk.feed()


def test_with_both_the_entry_changes_too(tmp_path: Path) -> None:
    desk = edited(tmp_path, "both")

    assert desk.feed()[0] == ("Edited: How we test", html(NEW))
    assert ("How we test", html(NEW)) in desk.feed()


def test_each_major_edit_is_an_entry_with_an_id_that_stays(tmp_path: Path) -> None:
    desk = edited(tmp_path, "as-entries")
    first = desk.ids()
    desk.reads(saying(NEWER, "How we test less"), entry(2))

    assert [one for one in desk.feed() if one[0] != "Entry 2"] == [
        ("Edited: How we test less", html(NEWER)),
        ("Edited: How we test", html(NEW)),
        ("How we test", html(OLD)),
    ]
    assert len(set(desk.ids().values())) == 4
    assert {title: desk.ids()[title] for title in first} == first
    assert desk.ids("feeds/data/changes")["Edited: How we test less"] == desk.ids()["Edited: How we test less"]


def test_a_typo_makes_no_entry_and_is_mended_where_the_last_edit_stands(tmp_path: Path) -> None:
    desk = edited(tmp_path, "as-entries")
    desk.reads(saying(NEW.replace("container", "contaimer")), entry(2))

    assert len(desk.feed()) == 3
    assert "contaimer" in desk.feed()[0][1]
    assert ("How we test", html(OLD)) in desk.feed()


def test_as_entries_the_entry_itself_is_never_updated(tmp_path: Path) -> None:
    desk = Desk(tmp_path, RULES["as-entries"])
    desk.reads(saying(OLD), entry(2))
    before = desk.updated()
    desk.reads(saying(NEW), entry(2))
    after = desk.updated()

    assert {key: after[key] for key in before} == before
    assert set(after.values()) - set(before.values()) == {NOW.replace(hour=13)}


@pytest.mark.parametrize("shown", ["as-entries", "both"])
def test_promise_5_feeds_with_edits_are_the_same_bytes_when_nothing_changed(tmp_path: Path, shown: EditsShown) -> None:
    desk = edited(tmp_path, shown)
    before = desk.data()

    desk.store.commit(commit(desk.blog.reads(saying(NEW), entry(2), rules=desk.rules)))
    assert desk.publish() == []
    assert desk.change(desk.rules) == []
    assert desk.data() == before


@pytest.mark.parametrize("to", ["as-entries", "both", "in-place"])
@pytest.mark.parametrize("shown", ["as-entries", "both", "in-place"])
def test_another_choice_shows_what_is_known_in_that_way_at_once(
    tmp_path: Path, shown: EditsShown, to: EditsShown
) -> None:
    desk = edited(tmp_path, shown)
    before, ids, updated = desk.data(), desk.ids(), desk.updated()
    written = desk.change(RULES[to])

    assert bool({"feeds/all.atom", "feeds/data.atom", "sources/blog.atom"} & set(written)) == (shown != to)
    assert dict(desk.feed())["How we test"] == html(OLD if to == "as-entries" else NEW)
    assert ("Edited: How we test" in dict(desk.feed())) == (to != "in-place")
    assert all(desk.ids()[title] == ids[title] for title in ids.keys() & desk.ids().keys())
    assert all(when >= updated[key] for key, when in desk.updated().items() if key in updated)
    desk.change(RULES[shown])
    assert desk.data() == before


def test_a_withdrawn_entry_takes_its_edits_with_it(tmp_path: Path) -> None:
    desk = edited(tmp_path, "as-entries")
    ids = desk.ids()
    rest = [entry(number) for number in range(2, 9)]
    desk.reads(saying(NEW), *rest)
    row = replace(desk.blog.row("https://example.org/1"), withdrawn=NOW, listed=False)
    desk.store.commit(commit(replace(desk.blog.reads(saying(NEW), *rest), rows=(row,))))
    desk.publish()

    assert {"How we test", "Edited: How we test"}.isdisjoint(dict(desk.feed()))
    gone = desk.data().decode()
    checked(desk.data())
    assert f'ref="{ids["How we test"]}"' in gone
    assert f'ref="{ids["Edited: How we test"]}"' in gone


def test_a_post_in_two_sources_has_the_edits_of_the_first_one(tmp_path: Path) -> None:
    desk = edited(tmp_path, "as-entries")
    page = History("page")
    for text in (OLD, NEW):
        page.now = desk.blog.now
        found, _ = told_once(desk.store, (), "page", page.reads(saying(text), rules=desk.rules))
        page.known = after(page.known, found)
        desk.store.commit(commit(found, source_id="page"))
        desk.publish()

    assert [title for title, _ in desk.feed()].count("Edited: How we test") == 1
    assert [title for title, _ in desk.feed("sources/page")].count("Edited: How we test") == 1


@pytest.mark.parametrize("shown", ["as-entries", "both"])
def test_edits_go_to_the_archive_like_other_entries_and_disturb_no_page(tmp_path: Path, shown: EditsShown) -> None:
    desk = Desk(tmp_path, RULES[shown], limit=3)
    for number in range(2, 8):
        desk.reads(saying(OLD), *(entry(n) for n in range(number, 1, -1)))
    rest = [entry(number) for number in range(7, 1, -1)]
    before = desk.archive()
    desk.reads(saying(NEW), *rest)
    desk.reads(saying(NEWER), *rest)
    same = {name for name, page in desk.archive().items() if page == before.get(name)}
    for number in range(8, 14):
        desk.reads(saying(NEWER), *(entry(n) for n in range(number, number - 6, -1)))

    assert len(desk.everything()) == 1 + 12 + 2
    assert desk.everything("sources/blog") == desk.everything()
    assert shown == "both" or same == before.keys()
    everything = desk.archive()
    assert desk.change(RULES[shown]) == []
    desk.change(RULES["in-place"])
    assert len(desk.everything()) == 1 + 12
    desk.change(RULES[shown])
    assert desk.archive() == everything


def test_an_edit_without_a_title_is_named_by_its_text(tmp_path: Path) -> None:
    desk = Desk(tmp_path, RULES["as-entries"])
    desk.reads(saying(OLD, ""))
    desk.reads(saying(NEW, ""))

    assert desk.feed()[0][0].startswith("Edited: Each test now runs")


def test_when_the_oldest_revisions_are_forgotten_the_ids_of_the_others_stay() -> None:
    blog = History()
    blog.reads(saying(OLD))
    (row,) = blog.known.entries.values()
    kept = tuple(Revision(n, NOW, "major", f"Title {n}") for n in range(1, 6))
    every = editions(replace(row, revisions=kept, revision=6), "as-entries")
    fewer = editions(replace(row, revisions=kept[2:], revision=6), "as-entries")

    assert [one.known.atom_id for one in every[-3:]] == [one.known.atom_id for one in fewer[1:]]
    assert every[0].known.atom_id == fewer[0].known.atom_id == row.atom_id


MARKED = EditRules(marked=True)


def test_what_the_last_major_edit_changed_stands_before_the_text(tmp_path: Path) -> None:
    desk = Desk(tmp_path, MARKED)
    desk.reads(saying(OLD), entry(2))
    assert dict(desk.feed())["How we test"] == html(OLD)
    desk.reads(saying(NEW), entry(2))

    text = dict(desk.feed())["How we test"]
    assert text.startswith("<p><em>Edited on 2024-11-01</em></p>")
    assert "<h4>Text</h4><p><del>Every </del><ins>Each </ins>test <del>of ours ran on one machine" in text
    assert "<h4>Summary</h4>" not in text
    assert text.endswith(html(NEW))
    assert desk.data().decode().count("&lt;hr&gt;") == 1
    before = desk.data()
    assert desk.change(MARKED) == []
    assert desk.data() == before


def test_switching_the_marks_on_and_off_renders_the_feeds_anew(tmp_path: Path) -> None:
    desk = edited(tmp_path, "in-place")
    plain = desk.data()

    assert "feeds/data.atom" in desk.change(MARKED)
    assert b"&lt;ins&gt;" in desk.data()
    assert "feeds/data.atom" in desk.change(RULES["in-place"])
    assert desk.data() == plain


def test_as_entries_only_the_edit_is_marked(tmp_path: Path) -> None:
    desk = edited(tmp_path, "as-entries")
    desk.change(EditRules(shown="as-entries", marked=True))

    assert "<ins>" in dict(desk.feed())["Edited: How we test"]
    assert "<h4>Title</h4>" not in dict(desk.feed())["Edited: How we test"]
    assert dict(desk.feed())["How we test"] == html(OLD)


def test_marks_of_hostile_text_do_nothing(tmp_path: Path) -> None:
    desk = Desk(tmp_path, MARKED)
    attack = "<img src=x onerror=alert(1)> & </p></del><script>alert(2)</script>"
    desk.reads(saying(OLD), entry(2))
    hostile = replace(saying(NEW, f"How we test {attack}"), summary=Text(attack * 3), content=None)
    desk.reads(hostile, entry(2))

    text = next(text for title, text in desk.feed() if title.startswith("How we test"))
    assert "&lt;img src=x onerror=alert(1)&gt;" in text
    assert "<img" not in text
    assert "<script" not in text


def test_the_choice_is_made_for_each_source(tmp_path: Path) -> None:
    text = (
        '[[source]]\nid = "a"\nurl = "https://a.example/"\nedits = "as-entries"\nshow_edits = true\n'
        '[[source]]\nid = "b"\nurl = "https://b.example/"\n'
    )
    a, b = configuration.parse(text, tmp_path / "config.toml", {}).sources

    assert (a.edits.shown, a.edits.marked) == ("as-entries", True)
    assert (b.edits.shown, b.edits.marked) == ("in-place", False)


def test_alerts_are_the_same_however_edits_are_shown() -> None:
    told = []
    for rules in RULES.values():
        blog = History()
        blog.reads(saying(OLD), rules=rules)
        found = diff(
            blog.known,
            reading(saying(NEW)),
            config_digest="c",
            slugs_of=CATEGORIES.resolve,
            now=blog.now,
            rules=rules,
        )
        told.append([replace(change, at=NOW) for change in found.changes])

    assert told[0] == told[1] == told[2]
    assert [change.kind for change in told[0]] == ["edited"]


def test_an_edit_that_was_taken_back_without_another_word_is_in_no_feed_of_edits(tmp_path: Path) -> None:
    desk = Desk(tmp_path, RULES["in-place"])
    desk.reads(saying(OLD))
    desk.reads(saying(NEW))
    assert len(desk.ids("feeds/data/changes")) == 1

    desk.reads(saying(OLD))

    assert desk.ids("feeds/data/changes") == {}

"""A reading is believed when it is as its source always was."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from pathlib import Path

import pytest
from make import CATEGORIES, EDITS, NOW, after, entry, reading
from msgspec.structs import replace
from origin import Origin
from workbench import Bench

from feedwatch.differ.diff import Diff, diff
from feedwatch.differ.hush import Hush
from feedwatch.differ.trust import Taken, filled, taken_in
from feedwatch.model import READING_VERSION, Entry, KnownSource, Moment, PollState, Quarantine, Reading, Text
from feedwatch.troubles import troubled

LISTED = [entry(n) for n in range(20, 0, -1)]


class Site:
    """A source that was read once, and is polled each hour."""

    def __init__(self, entries: Sequence[Entry] = LISTED) -> None:
        self.known = KnownSource("blog")
        self.state = PollState()
        self.now = NOW
        self.says(*entries)

    def says(self, *entries: Entry) -> Taken | Quarantine:
        self.now += timedelta(hours=1)
        said = reading(*entries)
        same = self.known.config_digest is not None
        found = taken_in(
            self.known,
            said,
            self.state,
            lambda hush: self._diff(said, hush),
            now=self.now,
            every=timedelta(hours=1),
            same_reading=same,
        )
        if isinstance(found, Quarantine):
            self.state = replace(self.state, last_poll=self.now, quarantine=found)
        else:
            self.known = after(self.known, found.diff)
            self.state = PollState(
                last_poll=self.now,
                last_success=self.now,
                read_as=READING_VERSION,
                rushing=found.rushing,
                filled=filled(said.entries),
            )
        return found

    def _diff(self, said: Reading, hush: Hush) -> Diff:
        return diff(
            self.known, said, config_digest="c", slugs_of=CATEGORIES.resolve, now=self.now, rules=EDITS, hush=hush
        )


def doubt(found: Taken | Quarantine) -> str | None:
    return found.doubt if isinstance(found, Quarantine) else None


def news(found: Taken | Quarantine) -> list[str]:
    assert isinstance(found, Taken)
    return [f"{change.kind} {change.entry.title}" for change in found.diff.changes]


def undated(number: int) -> Entry:
    return replace(
        entry(number, f"Something else {number}", link=f"https://example.org/other/{number}", day=1), published=None
    )


def edited(one: Entry) -> Entry:
    return replace(one, summary=Text("Every excerpt ends with this footer now, whatever it was about."))


def test_c24_a_listing_of_things_nobody_knows_is_not_believed_and_alerts_nobody() -> None:
    site = Site()

    found = [site.says(*map(undated, range(100, 120))) for _ in range(3)]

    assert [doubt(one) for one in found] == ["mass-new", "mass-new", None]
    assert isinstance(found[2], Taken)
    assert (found[2].diff.changes, found[2].diff.discovered) == ((), 20)


def test_c24_a_mass_edit_is_taken_in_quietly_once_two_later_polls_agree_and_what_is_new_is_told() -> None:
    site = Site()
    rebuilt = [entry(21, day=31), *map(edited, LISTED)]

    found = [site.says(*rebuilt) for _ in range(3)]

    assert [doubt(one) for one in found] == ["mass-edit", "mass-edit", None]
    assert news(found[2]) == ["new Entry 21"]
    assert site.known.entries["https://example.org/1"].entry.summary == edited(entry(1)).summary


def test_after_a_short_reading_a_mass_edit_is_one_as_ever_and_an_edit_in_it_is_an_edit() -> None:
    site = Site()

    assert news(site.says(edited(LISTED[0]))) == ["edited Entry 20"]
    assert doubt(site.says(*map(edited, LISTED))) == "mass-edit"


def test_a_doubted_site_that_is_as_before_again_leaves_nothing_behind() -> None:
    site = Site()
    site.says(*map(undated, range(100, 120)))

    found = site.says(*LISTED)

    assert news(found) == []
    assert site.state.quarantine is None
    assert doubt(site.says(*map(undated, range(100, 120)))) == "mass-new"


def test_many_entries_that_are_dated_today_are_news() -> None:
    site = Site()

    found = site.says(*(entry(n, day=31) for n in range(60, 40, -1)))

    assert len(news(found)) == 20


def test_entries_that_rush_through_are_doubted_once_and_then_never_again() -> None:
    site = Site([undated(n) for n in range(20)])

    found = [site.says(*map(undated, range(start, start + 20))) for start in (100, 200, 300, 400, 500)]

    assert [doubt(one) for one in found] == ["mass-new", "mass-new", None, None, None]
    assert len(news(found[4])) == 20


@pytest.mark.parametrize(
    ("name", "without"),
    [("date", {"published": None}), ("link", {"link": None}), ("category", {"categories": ()})],
)
def test_a_field_that_is_gone_from_all_entries_is_not_believed_at_once(name: str, without: dict[str, object]) -> None:
    site = Site()

    found = site.says(*(replace(one, **without) for one in LISTED))

    assert doubt(found) == "lost-field"
    assert name in found.detail  # type: ignore[union-attr]


def test_a_field_that_its_source_gave_up_is_doubted_once_and_what_is_new_is_told() -> None:
    site = Site()
    without = [replace(one, published=None) for one in [entry(21, day=31), *LISTED]]

    assert [doubt(site.says(*without)) for _ in range(2)] == ["lost-field"] * 2
    assert news(site.says(*without)) == ["new Entry 21"]
    newer = replace(entry(22, day=31), published=None)
    assert news(site.says(newer, *without)) == ["new Entry 22"]


def test_an_absence_forgives_more_news_than_usual_and_nothing_else() -> None:
    others = [entry(n, f"Something else {n}", day=1) for n in range(100, 120)]
    garbled = [replace(one, summary=Text("Gr\ufffd\ufffde aus K\ufffdln")) for one in others]
    site = Site()
    site.now += timedelta(days=7)

    assert doubt(site.says(*garbled)) == "garbled"
    site = Site()
    site.now += timedelta(days=7)
    assert len(news(site.says(*others))) == 20


def test_c30_text_in_the_wrong_charset_is_never_believed_by_itself() -> None:
    site = Site()
    garbled = [replace(one, summary=Text("Gr\ufffd\ufffde aus K\ufffdln")) for one in LISTED[:9]] + LISTED[9:]

    assert [doubt(site.says(*garbled)) for _ in range(5)] == ["garbled"] * 5


def test_a_source_whose_book_keeping_was_lost_has_news_where_it_is_dated_later_than_what_is_known() -> None:
    site = Site()
    site.state = PollState()

    assert doubt(site.says(undated(100))) == "mass-new"
    site.state = PollState()
    assert news(site.says(entry(22))) == ["new Entry 22"]


def test_half_a_listing_and_a_young_source_are_believed() -> None:
    site = Site()

    assert doubt(site.says(*LISTED[:4])) is None
    young = Site(LISTED[:5])
    others = [entry(n, f"Something else {n}", day=1) for n in range(100, 120)]
    assert doubt(young.says(*LISTED[:5], *others)) is None


def test_a_short_listing_is_minded_too() -> None:
    garbled = [replace(one, summary=Text("Gr\ufffd\ufffde aus K\ufffdln")) for one in LISTED[:5]]

    assert doubt(Site(LISTED[:5]).says(*garbled)) == "garbled"
    assert doubt(Site(LISTED[:5]).says(*(replace(one, published=None) for one in LISTED[:5]))) == "lost-field"
    assert doubt(Site(LISTED[:5]).says(*map(undated, range(100, 104)))) == "mass-new"


def test_a_source_that_came_to_rest_does_not_count_as_rushing_any_more() -> None:
    site = Site([undated(n) for n in range(20)])
    for start in (100, 200, 300):
        site.says(*map(undated, range(start, start + 20)))
    assert site.state.rushing

    site.says(*map(undated, range(300, 320)))
    assert doubt(site.says(*map(undated, range(400, 420)))) == "mass-new"


def test_after_a_month_away_everything_unknown_is_discovered() -> None:
    site = Site()
    site.now += timedelta(days=40)

    found = site.says(*(entry(n, day=31) for n in range(60, 40, -1)), edited(entry(20)))

    assert isinstance(found, Taken)
    assert (found.diff.changes, found.diff.discovered) == ((), 20)


def test_another_version_of_the_readers_makes_no_news_but_what_is_dated_since() -> None:
    site = Site()
    site.state = replace(site.state, read_as=READING_VERSION - 1)
    today = replace(entry(40, day=1), published=Moment(site.now))

    found = site.says(today, *map(undated, range(100, 103)), *map(edited, LISTED))

    assert news(found) == ["new Entry 40"]


# --- the whole way ---


def page(numbers: Sequence[int], word: str = "Post") -> bytes:
    posts = "".join(
        f"<article><h2><a href='/{word}-{n}'>{word} {n}</a></h2><time datetime='2024-01-{n:02}'></time></article>"
        for n in numbers
    )
    return f"<html><title>Blog</title><main>{posts}</main></html>".encode()


def test_a_doubted_source_keeps_its_feeds_opens_an_incident_and_can_be_accepted(tmp_path: Path, origin: Origin) -> None:
    bench = Bench(tmp_path)
    bench.config(
        f'[network]\nallow_hosts = ["127.0.0.1"]\nper_host_pause = "0s"\n'
        f'[[source]]\nid = "blog"\nurl = "{origin.url}/blog"\n[source.select]\nentry = "article"\n'
        f'[[alert]]\nid = "hook"\nwebhook = "{origin.url}/hook"\nwhen = ["new", "edited", "incident"]\n'
    )
    origin.serve("/hook")
    origin.serve("/blog", body=page(range(15, 0, -1)))
    bench.run("poll")
    feed = (bench.public / "feeds" / "all.atom").read_bytes()
    origin.serve("/blog", body=page(range(15, 0, -1), "Offer"))

    report = bench.json("poll", code=1)["sources"][0]

    assert (report["status"], "none of them is dated later" in report["error"]) == ("quarantined", True)
    assert (bench.public / "feeds" / "all.atom").read_bytes() == feed
    told = [request.body for request in origin.requests if request.path == "/hook"]
    assert len(told) == 1
    assert b"incident.opened" in told[0]
    assert b"feedwatch accept blog" in told[0]

    said = bench.run("accept", "blog").stdout
    assert "0 changes, 15 entries discovered" in said
    assert bench.json("poll")["sources"][0]["status"] == "unchanged"
    told = [request.body for request in origin.requests if request.path == "/hook"]
    assert b"incident.closed" in told[1]
    assert len(told) == 2
    assert "nothing that it says is doubted" in bench.run("accept", "blog", code=1).stderr


def test_a_doubted_source_is_a_trouble() -> None:
    assert troubled(PollState(quarantine=Quarantine("mass-new", "x", NOW, 1)))
    assert not troubled(PollState(failures=2))


def test_what_was_told_before_a_backup_was_put_back_is_told_to_nobody_again() -> None:
    site = Site()
    site.state = replace(site.state, restored=True)

    found = site.says(entry(21, day=31), edited(entry(20)), *LISTED[1:])

    assert news(found) == []
    assert isinstance(found, Taken)
    assert found.diff.discovered == 1
    assert news(site.says(entry(22, day=31), entry(21, day=31), edited(entry(20)), *LISTED[1:])) == ["new Entry 22"]

"""The contract of every store. No test here knows which one it runs on, but for the damage tests at the end."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from make import CATEGORIES, NOW, History, commit, entry
from msgspec.structs import replace

from feedwatch import failpoints, files
from feedwatch.categories import Categories
from feedwatch.errors import Damaged, Locked, StoreError
from feedwatch.model import Change, PollState, Validators
from feedwatch.routes import Route, Webhook
from feedwatch.store import Backlog, Outline, Unpublished
from feedwatch.store.tinydb import TinyStore

HOOK = Route("hook", Webhook("http://127.0.0.1/"))

Open = Callable[..., TinyStore]


@pytest.fixture
def reopen(tmp_path: Path) -> Iterator[Open]:
    """Opens the store of this test, after closing (or, with crash=True, dropping) the one before."""
    opened: list[TinyStore] = []

    def open_again(*, crash: bool = False, categories: Categories = CATEGORIES, read_only: bool = False) -> TinyStore:
        if opened and not read_only:
            last = opened.pop()
            if crash:
                last._lock.close()
            else:
                last.close()
        store = TinyStore(tmp_path, ["blog", "news"], categories, stamp="then", limit=3, read_only=read_only)
        opened.append(store)
        return store

    yield open_again
    for store in opened:
        store._lock.close()


def _publish(store: TinyStore) -> None:
    store.published(store.unpublished())
    store.flush()


def _titles(store: TinyStore, slug: str, limit: int = 3) -> list[str]:
    return [published.known.entry.title for published in store.latest(slug, limit)]


def test_c20_what_was_committed_is_known_after_a_restart(reopen: Open) -> None:
    store, blog = reopen(), History()
    store.commit(commit(blog.reads(entry(1), entry(2))))

    store = reopen()

    assert store.known("blog").entries == blog.known.entries
    assert store.known("blog").config_digest == "c"
    assert store.known("news").config_digest is None


def test_a_change_and_its_deliveries_are_one_commit(reopen: Open) -> None:
    store, blog = reopen(), History()
    store.commit(commit(blog.reads(entry(1)), [HOOK]))
    store.commit(commit(blog.reads(entry(2), entry(1)), [HOOK]))

    store = reopen(crash=True)
    (claim,) = store.claim("hook", NOW + timedelta(days=1), 10)

    assert claim.event.kind == "new"
    assert isinstance(claim.event, Change)
    assert claim.event.entry == entry(2)
    assert claim.delivery.route_id == "hook"


def test_a_settled_delivery_is_not_claimed_again(reopen: Open) -> None:
    store, blog = reopen(), History()
    blog.reads(entry(1))
    store.commit(commit(blog.reads(entry(2), entry(1)), [HOOK]))
    (claim,) = store.claim("hook", NOW + timedelta(days=1), 10)

    store.settle([("blog", replace(claim.delivery, status="delivered", settled=NOW))])

    assert store.claim("hook", NOW + timedelta(days=1), 10) == []
    assert store.waiting() == {}
    assert reopen().claim("hook", NOW + timedelta(days=1), 10) == []


def test_a_delivery_that_waits_is_claimed_when_it_is_due(reopen: Open) -> None:
    store, blog = reopen(), History()
    blog.reads(entry(1))
    store.commit(commit(blog.reads(entry(2), entry(1)), [HOOK]))
    (claim,) = store.claim("hook", NOW + timedelta(days=1), 10)
    later = NOW + timedelta(days=2)
    store.settle([("blog", replace(claim.delivery, due=later, attempts=1))])
    _publish(store)

    store = reopen()

    assert store.waiting() == {"hook": later}
    assert store.claim("hook", later - timedelta(seconds=1), 10) == []
    assert len(store.claim("hook", later, 10)) == 1


def test_the_newest_entries_of_a_category_come_first(reopen: Open) -> None:
    store, blog = reopen(), History()
    entries = [entry(n, categories=["Design"] if n % 2 else ["Data"]) for n in range(1, 9)]
    store.commit(commit(blog.reads(*entries)))

    assert _titles(store, "data") == ["Entry 8", "Entry 6", "Entry 4"]
    assert _titles(store, "all") == ["Entry 8", "Entry 7", "Entry 6"]
    assert store.feeds() == {"all": ("all", 8), "data": ("Data", 4), "design": ("Design", 4)}
    assert store.sources() == {"blog": ("A blog", 8)}
    assert [p.known.entry.title for p in store.latest("@blog", 2)] == ["Entry 8", "Entry 7"]


def test_two_sources_share_a_category(reopen: Open) -> None:
    store, blog, news = reopen(), History(), History("news")
    store.commit(commit(blog.reads(entry(1), entry(3))))
    store.commit(commit(news.reads(entry(2)), source_id="news"))

    assert _titles(store, "data") == ["Entry 3", "Entry 2", "Entry 1"]


def test_an_entry_leaves_the_feed_of_its_old_category(reopen: Open) -> None:
    store, blog = reopen(), History()
    store.commit(commit(blog.reads(entry(1), entry(2))))
    _publish(store)

    store.commit(commit(blog.reads(entry(1), entry(2, categories=["Design"]))))

    assert _titles(store, "data") == ["Entry 1"]
    assert _titles(store, "design") == ["Entry 2"]
    assert store.unpublished() == Unpublished(frozenset({"all", "data", "design"}), frozenset({"blog"}))


def test_a_feed_is_refilled_when_many_of_its_entries_leave(reopen: Open) -> None:
    store, blog = reopen(), History()
    numbers = range(1, 29)
    store.commit(commit(blog.reads(*(entry(n) for n in numbers))))
    store.commit(commit(blog.reads(*(entry(n, categories=["Design"] if n > 6 else ["Data"]) for n in numbers))))

    assert _titles(store, "data") == ["Entry 6", "Entry 5", "Entry 4"]
    assert store.feeds()["data"] == ("Data", 6)


def test_poll_states_last_from_flush_to_flush(reopen: Open) -> None:
    store = reopen()
    kept = PollState(validators={"https://example.org/": Validators('W/"1"', "then")}, next_poll=NOW)
    store.remember("blog", kept)
    store.flush()
    store.remember("blog", replace(kept, body_digest="lost"))

    store = reopen(crash=True)

    assert store.state("blog") == kept
    assert store.due(NOW - timedelta(seconds=1)) == ["news"]
    assert store.due(NOW) == ["news", "blog"]


def test_a_source_that_is_gone_is_never_due(reopen: Open) -> None:
    store = reopen()
    store.remember("blog", PollState(gone=True))

    assert store.due(NOW) == ["news"]


def test_poll_states_never_run_ahead_of_the_feeds(reopen: Open) -> None:
    store, blog = reopen(), History()
    store.commit(commit(blog.reads(entry(1))))
    store.remember("blog", PollState(body_digest="of a body no feed shows"))
    store.flush()

    assert reopen(crash=True).state("blog").body_digest is None


def test_after_a_crash_every_feed_is_made_again(reopen: Open) -> None:
    store, blog = reopen(), History()
    store.commit(commit(blog.reads(entry(1))))

    store = reopen(crash=True)

    assert store.unpublished() == Unpublished(frozenset({"all", "data"}), frozenset({"blog"}))
    _publish(store)
    assert reopen().unpublished() == Unpublished()


def test_renamed_categories_make_every_feed_again_and_are_no_change_of_an_entry(reopen: Open) -> None:
    store, blog = reopen(), History()
    store.commit(commit(blog.reads(entry(1))))
    _publish(store)

    store = reopen(categories=Categories({"facts": "Facts"}, {"data": "facts"}))

    assert store.feeds() == {"all": ("all", 1), "facts": ("Facts", 1)}
    assert "facts" in store.unpublished().slugs


def test_a_failed_commit_is_not_half_believed(reopen: Open) -> None:
    store, blog = reopen(), History()
    store.commit(commit(blog.reads(entry(1))))

    def full(name: str) -> None:
        raise OSError(28, "No space left on device")

    failpoints.arm(1, full)
    with pytest.raises(StoreError, match="No space left"):
        store.commit(commit(blog.reads(entry(1), entry(2))))
    failpoints.arm(0, full)

    assert list(store.known("blog").entries) == ["https://example.org/1"]
    assert _titles(store, "data") == ["Entry 1"]


def test_a_second_writer_is_refused_but_may_look(reopen: Open, tmp_path: Path) -> None:
    store, blog = reopen(), History()
    store.commit(commit(blog.reads(entry(1))))

    with pytest.raises(Locked):
        TinyStore(tmp_path, ["blog"], CATEGORIES, stamp="then")

    assert list(reopen(read_only=True).known("blog").entries) == ["https://example.org/1"]


def test_f9_a_damaged_source_goes_back_one_generation_and_its_validators_are_void(reopen: Open, tmp_path: Path) -> None:
    store, blog = reopen(), History()
    store.commit(commit(blog.reads(entry(1))))
    store.commit(commit(blog.reads(entry(1), entry(2))))
    store.remember("blog", PollState({"u": Validators("1")}, body_digest="b", failures=2))
    _publish(store)
    path = tmp_path / "sources" / "blog.json"
    store.close()
    path.write_bytes(path.read_bytes()[:-10])

    store = TinyStore(tmp_path, ["blog", "news"], CATEGORIES, stamp="then")
    known, state = store.known("blog"), store.state("blog")
    warnings = store.warnings()
    store.close()

    assert list(known.entries) == ["https://example.org/1"]
    assert (state.validators, state.body_digest, state.failures) == ({}, None, 2)
    assert "blog.json" in warnings[0]
    assert (tmp_path / "sources" / "blog.json.corrupt-then").exists()
    assert files.read_document(path) is not None


@pytest.mark.parametrize("rows", ["[]", '{"entries": {"1": {"key": 5}}}', '{"state": {"1": {}}}', '{"entries": []}'])
def test_rows_of_another_shape_stop_that_source_and_no_other(reopen: Open, tmp_path: Path, rows: str) -> None:
    store, blog = reopen(), History()
    files.write_document(tmp_path / "sources" / "blog.json", rows.encode())

    with pytest.raises(Damaged, match="backup"):
        store.known("blog")
    store.commit(commit(blog.reads(entry(1)), source_id="news"))

    assert _titles(store, "all") == ["Entry 1"]


def test_a_damaged_source_holds_up_no_other(reopen: Open, tmp_path: Path) -> None:
    store, blog, news = reopen(), History(), History("news")
    for found, source_id in ((blog.reads(entry(1)), "blog"), (news.reads(entry(2)), "news")):
        store.commit(commit(found, source_id=source_id))
    store.commit(commit(news.reads(entry(3), entry(2)), [HOOK], source_id="news"))
    store.commit(commit(blog.reads(entry(4), entry(1)), [HOOK]))
    _publish(store)
    for path in (tmp_path / "sources").glob("blog.json*"):
        path.write_bytes(b"")

    store = reopen(crash=True)

    assert [claim.source_id for claim in store.claim("hook", NOW + timedelta(days=1), 10)] == ["news"]
    assert _titles(store, "all") == ["Entry 3", "Entry 2"]
    assert "blog.json" in store.warnings()[0]


def test_forgotten_poll_states_cost_a_request_and_nothing_else(reopen: Open, tmp_path: Path) -> None:
    store, blog = reopen(), History()
    store.commit(commit(blog.reads(entry(1))))
    store.commit(commit(blog.reads(entry(2), entry(1)), [HOOK]))
    _publish(store)
    store.close()
    (tmp_path / "polls.json").write_bytes(b"{")
    (tmp_path / "polls.json.bak").unlink(missing_ok=True)

    store = reopen(crash=True)

    assert store.state("blog") == PollState()
    assert list(store.known("blog").entries) == ["https://example.org/1", "https://example.org/2"]
    assert len(store.claim("hook", NOW + timedelta(days=1), 10)) == 1
    assert "polls.json" in store.warnings()[0]


def test_source_files_are_plain_json_behind_one_line(reopen: Open, tmp_path: Path) -> None:
    store, blog = reopen(), History()
    store.commit(commit(blog.reads(entry(1))))

    head, _, body = (tmp_path / "sources" / "blog.json").read_text().partition("\n")

    assert json.loads(head)["feedwatch"] == files.SCHEMA
    assert set(json.loads(body)) >= {"state", "entries"}


def test_the_backlog_is_counted_by_route_and_survives_a_restart_and_a_crash(reopen: Open) -> None:
    store, blog = reopen(), History()
    blog.reads(entry(1))
    store.commit(commit(blog.reads(entry(2), entry(3), entry(1)), [HOOK]))
    first, second = store.claim("hook", NOW + timedelta(days=1), 10)
    store.settle([("blog", replace(first.delivery, status="dead", settled=NOW))])
    expected = {"blog": {"hook": Backlog(1, 1, second.delivery.due, NOW)}}

    assert store.backlog() == expected
    _publish(store)
    store = reopen()
    assert store.backlog() == expected
    store.settle([("blog", replace(second.delivery, status="delivered", settled=NOW))])
    store = reopen(crash=True)
    assert store.backlog() == {"blog": {"hook": Backlog(0, 1, None, NOW)}}


def test_a_state_folder_of_a_version_without_the_backlog_gets_one_and_keeps_its_poll_states(
    reopen: Open, tmp_path: Path
) -> None:
    store, blog = reopen(), History()
    blog.reads(entry(1))
    store.commit(commit(blog.reads(entry(2), entry(1)), [HOOK]))
    store.remember("blog", PollState(failures=2))
    _publish(store)
    store.close()
    document = files.read_document(tmp_path / "polls.json")
    assert document is not None
    older = json.loads(document.payload)
    del older["backlog"]
    files.write_document(tmp_path / "polls.json", json.dumps(older).encode())

    store = TinyStore(tmp_path, ["blog", "news"], CATEGORIES, stamp="then", limit=3)

    assert store.backlog()["blog"]["hook"].pending == 1
    assert store.state("blog").failures == 2
    assert store.warnings() == []
    store.close()


def test_the_places_of_a_feed_lead_to_what_it_shows_and_a_commit_makes_another_version(reopen: Open) -> None:
    store, blog = reopen(), History()
    store.commit(commit(blog.reads(entry(1), entry(2))))
    (place, _) = store.places("data")
    before, version = store.shown(place), store.version(place)

    assert before == store.latest("data", 1)[0]
    assert store.places("data", "withdrawn") == []
    assert store.shown(("blog", "no such key")) is None
    assert store.shown(("nobody", "no such key")) is None
    store.commit(commit(blog.reads(entry(1), entry(2, title="Quite another title now"))))
    assert store.version(place) != version
    assert store.shown(place) != before


def test_the_outline_of_a_source_and_its_own_events_and_deliveries_are_at_hand(reopen: Open) -> None:
    store, blog = reopen(), History()
    blog.reads(entry(1))
    store.commit(commit(blog.reads(entry(2), entry(1)), [HOOK]))

    outline = store.outline("blog")

    assert (outline.title, outline.count) == ("A blog", 1)
    assert [date.day for date in store.dates("blog", 5)] == [2]
    assert [event.kind for event in store.events_of("blog")] == ["new"]
    assert [claim.delivery.route_id for claim in store.outbox_of("blog")] == ["hook"]
    assert (list(store.events_of("news")), list(store.outbox_of("news"))) == ([], [])
    assert store.outline("news") == Outline()


def test_durations_as_the_version_before_wrote_them_are_read(reopen: Open, tmp_path: Path) -> None:
    files.write_document(
        tmp_path / "polls.json",
        b'{"polls":{"blog":{"rhythm":{"gap":"P1Y2D","newest":"2023-01-01T00:00:00Z"}},"news":{"gone":true,"pace":'
        b'{"every":"P1YT1H"}}},"outbox":{},"backlog":{}}',
    )
    store = reopen()

    rhythm = store.state("blog").rhythm
    assert rhythm is not None
    assert rhythm.gap == timedelta(days=367)
    assert store.state("news").gone
    assert store.state("news").pace.every == timedelta(days=365, hours=1)
    assert store.warnings() == []

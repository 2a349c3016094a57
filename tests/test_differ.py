"""A change is what a careful person would call a change."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from make import NOW, History, entry, kinds
from msgspec.structs import replace

from feedwatch.model import Category, Entry, Moment, Text


def test_c19_first_sight_of_a_source_is_discovered_and_nobody_is_alerted() -> None:
    found = History().reads(entry(1), entry(2))

    assert (found.discovered, found.changes, len(found.rows)) == (2, (), 2)


def test_the_same_reading_again_changes_nothing() -> None:
    blog = History()
    blog.reads(entry(1), entry(2))

    found = blog.reads(entry(1), entry(2))

    assert (found.rows, found.changes, found.discovered) == ((), (), 0)


def test_an_entry_nobody_has_seen_is_new() -> None:
    blog = History()
    blog.reads(entry(1))

    found = blog.reads(entry(2), entry(1))

    assert kinds(found) == [("new", "2")]


def test_c25_white_space_entities_quotes_and_markup_are_no_edit() -> None:
    blog = History()
    html = replace(entry(1), title="It’s  here", content=Text("<p>A “b” &amp; c</p><p>d</p>", "html"))
    blog.reads(html)

    found = blog.reads(
        replace(html, title="It's here ", content=Text('<div><b>A</b> "b" &#38; c</div>\n<div>d</div>', "html"))
    )

    assert found.changes == ()


def test_an_edited_title_and_an_edited_excerpt_are_edits() -> None:
    blog = History()
    blog.reads(entry(1), entry(2), entry(3))

    found = blog.reads(entry(1, "Another title"), entry(2, summary="Something else."), entry(3))

    assert kinds(found) == [("edited", "1"), ("edited", "2")]
    assert [change.fields for change in found.changes] == [("title",), ("summary",)]


def test_c6_c7_an_edit_moves_updated_and_leaves_id_and_published_alone() -> None:
    blog = History()
    blog.reads(entry(1))
    before = blog.row("https://example.org/1")

    blog.reads(replace(entry(1, "Another title"), published=Moment(datetime(2024, 10, 9, tzinfo=UTC))))
    after = blog.row("https://example.org/1")

    assert after.atom_id == before.atom_id
    assert after.published == before.published
    assert after.entry.published == before.entry.published
    assert after.updated == NOW + timedelta(hours=1)
    assert after.revision == 2


def test_three_days_ago_is_counted_back_once_and_then_stands() -> None:
    blog = History()
    undated = replace(entry(1), published=None, age=timedelta(days=3))
    blog.reads(undated)
    first = blog.row("https://example.org/1")

    found = blog.reads(replace(undated, age=timedelta(days=4)))

    assert first.published == NOW - timedelta(days=3)
    assert first.entry.published is None
    assert (found.rows, found.changes) == ((), ())


def test_c6_updated_never_moves_back_and_never_ahead_of_the_clock() -> None:
    blog = History()
    blog.reads(replace(entry(1), updated=Moment(datetime(2030, 1, 1, tzinfo=UTC))))
    assert blog.row("https://example.org/1").updated == NOW

    blog.reads(replace(entry(1, "Edited"), updated=Moment(datetime(2001, 1, 1, tzinfo=UTC))))

    assert blog.row("https://example.org/1").updated == NOW + timedelta(hours=1)


def test_another_category_is_recategorised_and_names_both_feeds() -> None:
    blog = History()
    blog.reads(entry(1))

    (change,) = blog.reads(entry(1, categories=["Design"])).changes

    assert change.kind == "recategorised"
    assert set(change.categories) == {"data", "design"}


def test_another_spelling_of_a_category_is_no_change() -> None:
    blog = History()
    blog.reads(entry(1, categories=["Machine-Learning"]))

    assert blog.reads(entry(1, categories=["machine learning"])).changes == ()


def test_a_post_at_a_new_address_is_moved_and_not_new() -> None:
    blog = History()
    blog.reads(entry(1), entry(2))
    atom_id = blog.row("https://example.org/1").atom_id

    found = blog.reads(entry(1, link="https://example.org/moved/1"), entry(2))

    assert kinds(found) == [("moved", "1")]
    assert found.changes[0].atom_id == atom_id
    assert blog.reads(entry(1, link="https://example.org/moved/1"), entry(2)).rows == ()


def test_c15_tracking_parameters_and_https_are_no_move() -> None:
    blog = History()
    blog.reads(entry(1, link="http://example.org/1?utm_source=a"))

    assert blog.reads(entry(1, link="https://example.org/1/?utm_source=b")).changes == ()


def test_one_entry_gone_from_the_middle_of_three_readings_is_withdrawn_and_may_come_back_in_silence() -> None:
    blog = History()
    blog.reads(*(entry(n) for n in range(9, 0, -1)))

    gone = [blog.reads(*(entry(n) for n in range(9, 0, -1) if n != 5)) for _ in range(4)]
    again = blog.reads(*(entry(n) for n in range(9, 0, -1)))

    assert [kinds(one) for one in gone] == [[], [], [("withdrawn", "5")], []]
    assert [one.missing for one in gone] == [1, 1, 0, 0]
    assert again.changes == ()
    assert blog.row("https://example.org/5").withdrawn is None


def test_c22_an_entry_that_is_back_at_the_third_reading_was_never_gone() -> None:
    blog = History()
    every = [entry(n) for n in range(9, 0, -1)]
    blog.reads(*every)

    found = [blog.reads(*(e for e in every if n % 3 == 0 or e.link != "https://example.org/5")) for n in range(1, 10)]

    assert [kinds(one) for one in found] == [[]] * 9


def test_a_source_that_says_the_same_again_lacks_the_same_entry_again() -> None:
    blog = History()
    blog.reads(*(entry(n) for n in range(9, 0, -1)))
    blog.reads(*(entry(n) for n in range(9, 0, -1) if n != 5))

    found = [blog.repeats() for _ in range(3)]

    assert [kinds(one) for one in found] == [[], [("withdrawn", "5")], []]


def test_an_entry_that_scrolled_out_of_the_window_is_not_withdrawn() -> None:
    blog = History()
    blog.reads(entry(3), entry(2), entry(1), kind="feed")

    found = blog.reads(entry(4), entry(3), entry(2), kind="feed")

    assert kinds(found) == [("new", "4")]


def test_a_window_sorted_by_update_takes_nothing_back() -> None:
    blog = History()
    blog.reads(entry(9), entry(8), entry(1), kind="feed")

    assert kinds(blog.reads(entry(10), entry(9), entry(1), kind="feed")) == [("new", "10")]


def test_c21_many_missing_at_once_are_kept_and_said() -> None:
    blog = History()
    blog.reads(*(entry(n) for n in range(20, 0, -1)))

    found = blog.reads(entry(20), entry(1))

    assert found.changes == ()
    assert found.notes == ("18 of 20 entries vanished at once; they are kept",)


def test_c21_c23_an_incomplete_reading_takes_nothing_back() -> None:
    blog = History()
    blog.reads(*(entry(n) for n in range(9, 0, -1)))

    assert blog.reads(*(entry(n) for n in range(9, 0, -1) if n != 5), complete=False).changes == ()


def test_a_changed_configuration_is_not_news() -> None:
    blog = History()
    blog.reads(entry(1))

    found = blog.reads(entry(1, "Other words"), entry(2), config="another selector")

    assert (found.changes, found.discovered) == ((), 1)


def test_a_field_that_a_source_drops_is_kept_and_no_edit() -> None:
    blog = History()
    blog.reads(entry(1))

    found = blog.reads(replace(entry(1), summary=None, categories=()))

    assert (found.rows, found.changes) == ((), ())


def test_c9_an_old_date_found_late_is_put_on_top_where_subscribers_look() -> None:
    blog = History()
    blog.reads(entry(9), entry(8), entry(1))
    blog.reads(entry(9), entry(8), entry(2), entry(1))

    newest = max(blog.known.entries.values(), key=lambda row: row.order[0])

    assert newest.key.endswith("/2")


def test_c20_the_same_facts_give_the_same_change_id_on_another_machine() -> None:
    ids = []
    for _ in range(2):
        blog = History()
        blog.reads(entry(1))
        ids.append([change.id for change in blog.reads(entry(1, "Edited"), entry(2)).changes])

    assert ids[0] == ids[1]
    assert len(set(ids[0])) == 2


def test_several_labels_of_one_category_are_one() -> None:
    blog = History()
    blog.reads(replace(entry(1), categories=(Category("ML", label="Machine Learning"), Category("machine_learning"))))

    assert blog.reads(entry(1, categories=["Machine-Learning"])).changes == ()


# --- who is who ---


def moved_to(number: int, link: str, **more: object) -> Entry:
    return replace(entry(number, **more), id=link, link=link)  # type: ignore[arg-type]


def test_c13_guids_that_are_new_at_every_reading_make_no_new_entries() -> None:
    blog = History()

    found = [
        blog.reads(*(replace(entry(n), id=f"{render}-{n}") for n in (3, 2, 1)), kind="feed") for render in range(30)
    ]

    assert [one.changes for one in found] == [()] * 30
    assert len(blog.known.entries) == 3
    assert found[-1].rows == ()


def test_c14_another_host_or_path_is_a_move_and_keeps_the_id() -> None:
    blog = History()
    blog.reads(*(entry(n, link=f"https://old.example/blog/a-post-about-{n}.html") for n in (3, 2, 1)))
    before = {row.entry.title: row.atom_id for row in blog.known.entries.values()}

    found = blog.reads(*(moved_to(n, f"https://new.example/{n}/a-post-about-{n}/") for n in (3, 2, 1)))

    assert [change.kind for change in found.changes] == ["moved"] * 3
    assert {row.entry.title: row.atom_id for row in blog.known.entries.values()} == before


def test_a_retitled_post_at_a_new_address_is_known_by_the_end_of_it_and_its_day() -> None:
    blog = History()
    blog.reads(entry(2, link="https://a.example/x/how-we-test-it"), entry(1))

    found = blog.reads(replace(moved_to(2, "https://b.example/how-we-test-it"), title="How we test now"), entry(1))

    assert sorted(change.kind for change in found.changes) == ["edited", "moved"]


def test_an_undated_post_is_known_by_a_telling_title_and_weekly_notes_are_not() -> None:
    blog = History()
    undated = replace(entry(1, "A long title that tells it all"), published=None)
    blog.reads(undated, entry(2, "Weekly notes"))

    again = replace(undated, id="https://example.org/elsewhere", link="https://example.org/elsewhere")
    found = blog.reads(again, entry(9, "Weekly notes", link="https://example.org/notes-9"))

    assert [(change.kind, change.entry.title) for change in found.changes] == [
        ("moved", "A long title that tells it all"),
        ("new", "Weekly notes"),
    ]


def test_a_post_with_another_title_address_and_no_date_is_known_by_its_text() -> None:
    text = Text(" ".join(f"word{n}" for n in range(60)))
    blog = History()
    one = replace(entry(1, "One"), content=text, published=None)
    blog.reads(one, entry(2))

    found = blog.reads(replace(one, id="u:2", link="https://example.org/zz", title="Quite another"), entry(2))

    assert sorted(change.kind for change in found.changes) == ["edited", "moved"]
    assert len(blog.known.entries) == 2


def test_a_twin_is_told_apart_and_two_alike_are_not_guessed() -> None:
    blog = History()
    blog.reads(entry(1, "The same title here", day=1), entry(2, "The same title here", day=1))

    found = blog.reads(moved_to(1, "https://example.org/n", title="The same title here", day=1))

    assert [change.kind for change in found.changes] == ["new"]


def test_c11_an_entry_that_is_back_after_years_is_no_news() -> None:
    blog = History()
    blog.reads(*(entry(n) for n in range(9, 0, -1)), kind="feed")
    blog.reads(*(entry(n) for n in range(20, 11, -1)), kind="feed")
    blog.now += timedelta(days=900)

    assert blog.reads(entry(3), *(entry(n) for n in range(20, 12, -1)), kind="feed").changes == ()


def test_c29_a_clock_that_is_wrong_makes_nothing_new_and_moves_nothing_back() -> None:
    blog = History()
    blog.reads(entry(2), entry(1))
    before = {key: (row.published, row.updated) for key, row in blog.known.entries.items()}
    blog.now -= timedelta(days=400)

    found = blog.reads(entry(3), entry(2, "Another title"), entry(1))

    assert kinds(found) == [("edited", "2"), ("new", "3")]
    after = blog.known.entries
    assert all(after[key].updated >= updated for key, (_, updated) in before.items())
    assert all(after[key].published == published for key, (published, _) in before.items())


def test_the_next_post_of_a_series_is_not_the_last_one_edited() -> None:
    text = " ".join(f"word{n}" for n in range(60))
    source = History()
    source.reads(entry(3, "Release 3", summary=text), entry(2, "Release 2", summary=text))

    found = source.reads(entry(4, "Release 4", summary=text), entry(3, "Release 3", summary=text))

    assert kinds(found) == [("new", "4")]


def test_a_listing_that_shows_more_than_before_has_old_posts_and_no_news() -> None:
    blog = History()
    pinned = entry(0, "Start here", day=1)
    blog.reads(pinned, *(entry(n) for n in range(20, 10, -1)))

    found = blog.reads(pinned, *(entry(n) for n in range(21, 1, -1)))

    assert kinds(found) == [("new", "21")]
    assert found.discovered == 9


def test_guids_and_dates_that_are_made_at_every_render_are_no_news() -> None:
    blog = History()
    for day in (1, 3, 7, 20):
        posts = [entry(n, guid=f"{n}-{day}", day=day) for n in range(6)]
        assert day == 1 or kinds(blog.reads(*posts)) == []
        blog.reads(*posts)


def test_a_rebuilt_site_with_new_addresses_guids_and_dates_has_moved() -> None:
    def post(number: int, site: str, day: int) -> Entry:
        where = f"https://{site}/{day}/how-we-did-number-{number}"
        return entry(number, f"How we did number {number}", guid=f"{site}{number}", link=where, day=day)

    blog = History()
    blog.reads(*(post(n, "old.example", 1) for n in range(5)))

    assert {kind for kind, _ in kinds(blog.reads(*(post(n, "new.example", 28) for n in range(5))))} == {"moved"}


def test_without_dates_the_order_in_which_entries_came_tells_which_end_is_the_old_one() -> None:
    def undated(number: int) -> Entry:
        return replace(entry(number), published=None)

    blog = History()
    blog.reads(undated(2), undated(1))
    assert kinds(blog.reads(undated(3), undated(2), undated(1))) == [("new", "3")]
    assert kinds(blog.reads(undated(3), undated(2), undated(1), undated(9))) == []

    grows_downwards = History()
    grows_downwards.reads(undated(1), undated(2))
    assert kinds(grows_downwards.reads(undated(1), undated(2), undated(3))) == [("new", "3")]
    assert kinds(grows_downwards.reads(undated(1), undated(2), undated(3), undated(4))) == [("new", "4")]


def test_c2_new_posts_of_a_feed_whose_entries_share_one_link_are_new() -> None:
    def version(number: int) -> Entry:
        return entry(number, f"Version {number}.0", guid=f"g{number}", link="https://example.org/changelog")

    blog = History()
    blog.reads(*(version(n) for n in range(10, 0, -1)))

    assert [change.entry.title for change in blog.reads(*(version(n) for n in range(11, 1, -1))).changes] == [
        "Version 11.0"
    ]


def test_a_post_of_the_same_name_each_month_is_a_new_one() -> None:
    def thread(day: int) -> Entry:
        return entry(day, "Open thread for all of you", link=f"https://example.org/2024/{day}/open-thread-for-all")

    blog = History()
    blog.reads(thread(1))

    assert [change.kind for change in blog.reads(thread(20), thread(1)).changes] == ["new"]
    assert [change.kind for change in blog.reads(thread(30)).changes] == ["new"]


def test_what_scrolls_off_a_page_with_a_pinned_post_is_not_withdrawn() -> None:
    pinned = entry(1)
    blog = History()
    blog.reads(pinned, *(entry(n) for n in range(20, 10, -1)))

    for newest in (21, 22, 23):
        found = blog.reads(pinned, *(entry(n) for n in range(newest, newest - 10, -1)))
        assert {change.kind for change in found.changes} == {"new"}
        blog.repeats()

    assert [row.key for row in blog.known.entries.values() if row.withdrawn or row.missing] == []


def test_what_goes_from_the_middle_of_a_window_is_withdrawn_when_an_older_post_takes_its_place() -> None:
    blog = History()
    blog.reads(*(entry(n) for n in range(20, 10, -1)))
    rest = [entry(n) for n in range(20, 9, -1) if n != 15]

    assert [kinds(blog.reads(*rest)) for _ in range(3)] == [[], [], [("withdrawn", "15")]]


def test_a_listing_in_no_order_of_dates_proves_nothing() -> None:
    blog = History()
    popular = [entry(n) for n in (3, 19, 7, 28, 1, 12, 5, 22)]
    blog.reads(*popular)

    assert [kinds(blog.reads(*popular[:6], popular[7])) for _ in range(4)] == [[], [], [], []]


def test_two_servers_that_disagree_about_address_and_category_move_nothing_more_than_once() -> None:
    def here(host: str, category: str) -> Entry:
        return entry(1, guid="g1", link=f"https://{host}/1", categories=[category])

    blog = History()
    blog.reads(here("a.example", "Data"))

    found = [blog.reads(here(f"{name}.example", name)) for name in ("b", "a", "b", "a", "b")]

    assert [sorted(change.kind for change in one.changes) for one in found[:1]] == [["moved", "recategorised"]]
    assert [one.changes for one in found[2:]] == [(), (), ()]
    assert any("no move" in note for note in found[2].notes)


def test_guids_that_are_the_numbers_of_lines_name_nobody() -> None:
    def page(*numbers: int) -> list[Entry]:
        return [entry(number, guid=f"item-{line}") for line, number in enumerate(numbers)]

    blog = History()
    blog.reads(*page(8, 7, 6, 5, 4, 3, 2, 1))

    assert kinds(blog.reads(*page(9, 8, 7, 6, 5, 4, 3, 2))) == [("new", "9")]
    assert kinds(blog.reads(*page(9, 8, 7, 6, 5, 4, 3, 2))) == []
    assert kinds(blog.reads(*page(11, 10, 9, 8, 7, 6, 5, 4))) == [("new", "10"), ("new", "11")]
    assert len(blog.known.entries) == 11

"""Dates as sites write them; never one made up."""

from __future__ import annotations

import sys
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from feedwatch.readers.any_date import _stated, any_date
from feedwatch.readers.dates import parse_date

NOW = datetime(2024, 11, 1, 12, tzinfo=UTC)


@pytest.mark.parametrize(
    "text",
    [
        "Mon Oct 21 2024",
        "21 October 2024",
        "October 21, 2024",
        "Oct. 21st, 2024",
        "Monday, October 21, 2024",
        "21. Oktober 2024",
        "21 octobre 2024",
        "21 de octubre de 2024",
        "21 ottobre 2024",
        "21 de outubro de 2024",
        "2024-10-21",
        "2024/10/21",
        "21.10.2024",
        "10/21/2024",
        "2024年10月21日",
        "Oct 21",
        "Published on Oct 21, 2024 · 5 min read",
        "  posted: 21 Oct  2024 ",
        "Oct 21, 2024 (5 min read)",
        "5 min read · Oct 21, 2024",
        "Oct 21, 2024 – 5 minutes read",
        "the 21st of October, 2024",
        "21-Oct-2024",
        "2024. 10. 21.",
        "2024년 10월 21일",
        "Mo., 21. Okt. 2024",
        "lundi 21 octobre 2024",
        "mar 21 octobre 2024",
        "maandag 21 oktober 2024",
        "segunda-feira, 21 de outubro de 2024",
        "Last updated on: Monday 21 October 2024",
    ],
)
def test_a_day_is_read_as_a_day(text: str) -> None:
    assert str(parse_date(text, NOW)) == "2024-10-21"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("2024-10-21T10:00:00+02:00", "2024-10-21T08:00:00+00:00"),
        ("2024-10-21T10:00Z", "2024-10-21T10:00:00+00:00"),
        ("2024-10-21 10:00:00.123", "2024-10-21T10:00:00+00:00"),
        ("Mon, 21 Oct 2024 10:00:00 GMT", "2024-10-21T10:00:00+00:00"),
        ("Mon, 21 Oct 2024 10:00:00 CEST", "2024-10-21T08:00:00+00:00"),
        ("21 Oct 24 10:00 EST", "2024-10-21T15:00:00+00:00"),
        ("21 Oct 94 10:00 UT", "1994-10-21T10:00:00+00:00"),
        ("Mon, 21 Oct 2024 10:00:00 XYZT", "2024-10-21T10:00:00+00:00"),
        ("2024-10-21 10:00:00 UTC", "2024-10-21T10:00:00+00:00"),
        ("2024-10-21T10:00:00+02", "2024-10-21T08:00:00+00:00"),
        ("2024-10-21T23:59:60Z", "2024-10-21T23:59:59+00:00"),
        ("Mon Oct 21 10:00:00 UTC 2024", "2024-10-21T10:00:00+00:00"),
        ("Mon Oct 21 2024 10:00:00 GMT+0200 (Central European Summer Time)", "2024-10-21T08:00:00+00:00"),
        ("October 21, 2024 at 3:30 PM", "2024-10-21T15:30:00+00:00"),
        ("October 21, 2024, 12:05 a.m.", "2024-10-21T00:05:00+00:00"),
        ("21. Oktober 2024 um 14:30 Uhr", "2024-10-21T14:30:00+00:00"),
        ("Oct 21 12:30", "2024-10-21T12:30:00+00:00"),
    ],
)
def test_a_time_is_read_with_its_zone(text: str, expected: str) -> None:
    assert str(parse_date(text, NOW)) == expected


@pytest.mark.parametrize(
    "text",
    [
        "", "soon", "yesterday", "2026-02-31", "25:00", "12", "March", "v2.10", "1.2.3", "1767607200", "2026-W03",
        "October 2024", "32 Oct 2024", "0001-01-01", "Sun, 32 Oct 2024 10:00:00 GMT", "2024-10-21T25:00:00Z",
        "3 min read", "99/99/9999", "20241021", "21 Oct 24", "2023-02-29T10:00:00Z", "Feb 30", "10:30",
        "2024-10-21T10:00:75Z", "Mon, 21 Oct 2024 10:00:99 GMT", "Oct 21, 2024 15:30 PM", "2024-10-21T10:00:00+99:00",
        "Chapter 12: 21 Oct 2024 10:00", "Oct 21 – 23, 2023", "Oct 21–23, 2024", "2 days ago", "192.168.10.2024",
    ],
)  # fmt: skip
def test_c28_what_is_not_surely_a_date_is_none(text: str) -> None:
    assert parse_date(text, NOW) is None


@pytest.mark.parametrize(("language", "expected"), [("en", "2024-03-04"), ("de", "2024-04-03"), (None, "None")])
def test_only_the_language_settles_which_number_is_the_month(language: str | None, expected: str) -> None:
    assert str(parse_date("03/04/2024", NOW, language=language)) == expected


@pytest.mark.parametrize("text", ["Gen 2", "Set 10", "Out 5", "Mag 7"])
def test_a_word_that_is_a_month_only_in_italian_or_portuguese_needs_that_language(text: str) -> None:
    assert parse_date(text, NOW, language="en") is None
    assert parse_date(text, NOW, language="it-IT") is not None
    assert parse_date(f"{text}, 2024", NOW, language="en") is not None


def test_a_text_as_long_as_a_book_is_no_date() -> None:
    assert parse_date("Oct 21, 2024" + " and so on" * 100_000, NOW) is None


def test_a_day_without_a_year_is_the_latest_that_has_come() -> None:
    assert str(parse_date("Dec 5", NOW)) == "2023-12-05"
    assert str(parse_date("Nov 2", NOW)) == "2024-11-02"
    assert str(parse_date("Feb 29", NOW)) == "2024-02-29"


@given(st.text(max_size=300))
def test_any_text_is_taken(text: str) -> None:
    found = parse_date(text, NOW)

    assert found is None or found.at.tzinfo is UTC


@pytest.mark.parametrize(
    "text",
    ["12 tháng 3, 2024", "12. ožujka 2024.", "12 kovo 2024", "12 मार्च 2024", "12 Մարտի 2024", "2024. március 12."],
)
def test_months_of_other_languages_are_read_with_the_extra(text: str) -> None:
    assert str(any_date(text)) == "2024-03-12"


@pytest.mark.parametrize("text", ["Chapter 12 in 2024", "2024", "3 posts 2024", "12/03/24", "tomorrow", ""])
def test_the_extra_makes_no_date_of_what_is_none(text: str) -> None:
    assert any_date(text) is None


def test_without_the_extra_such_a_date_is_no_date(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "dateparser", None)
    _stated.cache_clear()

    assert any_date("12 tháng 3, 2024") is None
    _stated.cache_clear()


TWO = st.integers(0, 99).map("{:02}".format)
CLOCK = st.builds("{}:{}:{}".format, TWO, TWO, TWO)
OFFSET = st.builds("{}{}".format, st.sampled_from("+-"), TWO)
WRITTEN = st.one_of(
    st.builds(
        "{}{} {} {} {} {}".format,
        st.sampled_from(["", "Mon, ", "Tue, ", "Wed, ", "Thu, ", "Fri, ", "Sat, ", "Sun, "]),
        st.integers(0, 40),
        st.sampled_from(["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"]),
        st.integers(1000, 9999),
        CLOCK,
        st.one_of(
            st.sampled_from(["GMT", "UT", "UTC", "EST", "EDT", "CST", "CDT", "MST", "MDT", "PST", "PDT"]),
            st.builds("{}{}".format, OFFSET, TWO),
        ),
    ),
    st.builds(
        "{}-{}-{}T{}{}{}".format,
        st.integers(1000, 9999),
        TWO,
        TWO,
        CLOCK,
        st.sampled_from(["", ".5", ".123456789"]),
        st.one_of(st.just("Z"), st.builds("{}:{}".format, OFFSET, TWO)),
    ),
)


@given(WRITTEN)
def test_what_machines_write_is_read_at_a_look_as_it_would_be_read_with_care(text: str) -> None:
    quick, careful = parse_date(text, NOW), parse_date(f" {text}", NOW)

    assert quick == careful
    assert quick is None or (careful is not None and quick.stated == careful.stated)

"""The normal forms on which identity rests."""

from __future__ import annotations

import re
import uuid
import xml.etree.ElementTree as ET
from xml.sax.saxutils import escape

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from feedwatch.canonical import atom_id, canonical_url, clean, comparable, digest, entry_id, feed_id, slug
from feedwatch.categories import Categories
from feedwatch.model import Category


@pytest.mark.parametrize(
    "other",
    [
        "HTTP://Example.ORG:80/a/?utm_source=x&b=2&a=1",
        "https://example.org:443/a?a=1&b=2#part",
        "http://example.org/a?b=2&a=1&fbclid=z",
    ],
)
def test_spellings_of_one_address_are_one(other: str) -> None:
    assert canonical_url(other) == "https://example.org/a?a=1&b=2"


def test_a_page_number_is_no_tracking_parameter() -> None:
    assert canonical_url("https://example.org/?p=1") != canonical_url("https://example.org/?p=2")


@given(st.text())
def test_canonical_url_takes_any_text_and_is_stable(text: str) -> None:
    once = canonical_url(text)

    assert canonical_url(once) == once


SEGMENTS = st.text(alphabet="aZ09-._~%+,;=:@!$&'()*", max_size=6)


@given(st.sampled_from(["http", "https"]), st.text(alphabet="aZ0-.", max_size=6), st.lists(SEGMENTS, max_size=4))
def test_an_address_is_canonical_at_a_look_as_it_would_be_with_care(scheme: str, host: str, path: list[str]) -> None:
    url = "/".join([f"{scheme}://{host}x.example", *path])

    assert canonical_url(url) == canonical_url(f"{url}#part")


def test_c17_identity_is_guid_then_link_then_title_and_date() -> None:
    assert entry_id("tag:a,1", "https://example.org/", "t", None) == "tag:a,1"
    assert entry_id(None, "http://example.org/a/", "t", None) == "https://example.org/a"
    assert entry_id(None, None, "A “title”", "2024-10-01") == entry_id("", "", 'A  "title"', "2024-10-01")
    assert entry_id(None, None, "A", "2024-10-01") != entry_id(None, None, "A", "2024-10-02")


def test_c2_published_ids_never_change() -> None:
    """These are in people's feed readers: a different value here would show every entry to them again."""
    assert atom_id("blog", "https://example.org/a") == "urn:uuid:052b9418-7b43-5136-a673-8c9c0e266e2b"
    assert feed_id("feeds/data") == "urn:uuid:bfa2272c-b536-5359-8af0-592555772082"


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("Machine-Learning", "machine-learning"),
        (" machine  LEARNING! ", "machine-learning"),
        ("Größe & Café", "grosse-and-cafe"),
        ("C++", "c-plus-plus"),
        ("C#", "c-sharp"),
        ("../../etc/passwd", "etc-passwd"),
        ("What’s new", "whats-new"),
    ],
)
def test_slugs_merge_case_spacing_and_punctuation(name: str, expected: str) -> None:
    assert slug(name) == expected


@given(st.text())
def test_s17_every_slug_is_a_safe_file_name(name: str) -> None:
    assert re.fullmatch(r"[a-z0-9-]{1,64}", slug(name))


def test_names_in_other_scripts_keep_apart() -> None:
    assert len({slug(name) for name in ("机器学习", "基础设施", "AI 机器学习", "AI")}) == 4


def test_a_category_cannot_take_the_place_of_our_own_feeds() -> None:
    assert list(Categories().resolve([Category("All"), Category("Uncategorised")])) == [
        "all-category",
        "uncategorised-category",
    ]
    assert Categories().resolve([]) == {"uncategorised": "Uncategorised"}


def test_aliases_lead_to_the_configured_category() -> None:
    categories = Categories({"machine-learning": "Machine learning"}, {"ml": "machine-learning"})

    assert categories.resolve([Category("ML"), Category("Machine-Learning"), Category("Data")]) == {
        "machine-learning": "Machine learning",
        "data": "Data",
    }


@given(st.text(alphabet=st.characters(codec=None)))
@example("]]>")
def test_clean_text_is_text_that_xml_can_carry(text: str) -> None:
    ET.fromstring(f"<a>{escape(clean(text))}</a>")  # noqa: S314  (our own text)


def test_comparable_folds_what_eyes_do_not_see() -> None:
    assert comparable("It’s\u00a0“so”\n…") == comparable('It\'s "so" ...')


def test_digests_of_different_parts_differ() -> None:
    assert (
        len({digest("a", "b"), digest("ab"), digest("a", None, "b"), digest("a", "", "b"), digest("a", "b", None)}) == 5
    )


@pytest.mark.parametrize("name", ["", "a", "ä", "x" * 1000])
def test_ids_are_uuids_of_version_5(name: str) -> None:
    space = uuid.UUID("5f3b8f0e-6c0a-5d0e-9d43-0c6a0d6f7f11")

    assert atom_id("blog", name) == uuid.uuid5(space, digest("entry", "blog", name)).urn

"""Pages without selectors: which things on them are the posts, page by page of the corpus in fixtures/listings."""

from __future__ import annotations

import json
import random
import re
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from workbench import FIXTURES

from feedwatch import readers
from feedwatch.errors import ReadError
from feedwatch.model import Reading, Source

NOW = datetime(2026, 11, 23, tzinfo=UTC)
PAGES = sorted((FIXTURES / "listings").glob("*.html"))


def expected(page: Path) -> dict[str, Any]:
    value: dict[str, Any] = json.loads(page.with_suffix(".json").read_text("utf-8"))
    return value


def read(body: bytes, url: str, rule: tuple[str, ...] = ()) -> Reading:
    return readers.read(body, url=url, headers={}, source=Source("page", url), now=NOW, rule=rule)


def bare(title: str) -> str:
    """Soft hyphens are no part of a title."""
    return title.replace("\u00ad", "")


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_the_posts_are_found_with_their_titles_links_and_dates(page: Path) -> None:
    wanted = expected(page)
    try:
        found = read(page.read_bytes(), wanted["url"]).entries
    except ReadError:
        found = ()

    said = [(bare(e.title), e.link, e.published.stated[:10] if e.published else None) for e in found]
    assert said == [
        (bare(e["title"]), e["link"], e["published"][:10] if e["published"] else None) for e in wanted["entries"]
    ]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_the_rule_finds_the_same_again_and_survives_a_new_build(page: Path) -> None:
    wanted = expected(page)
    if not wanted["entries"]:
        pytest.skip("no posts, no rule")
    body = page.read_bytes()
    first = read(body, wanted["url"])

    assert read(body, wanted["url"], first.rule).entries == first.entries
    built = re.sub(rb'(class="[^"]*)"', rb'\1 css-1q2w3e4 Card_root__9zXy8"', body)
    rebuilt = built.replace(b"css-1q2w3e4", b"css-x8w9k2").replace(b"__9zXy8", b"__Qa3bC")
    before = read(built, wanted["url"])
    after = read(rebuilt, wanted["url"], before.rule)
    assert (after.rule, after.entries) == (before.rule, before.entries)


def test_a_page_that_lists_no_posts_says_why() -> None:
    page = next(page for page in PAGES if "shop" in page.stem)

    with pytest.raises(ReadError, match=r"no list of posts was found: .*(price|products)"):
        read(page.read_bytes(), expected(page)["url"])


def test_what_was_not_taken_is_told_with_the_reason() -> None:
    page = next(page for page in PAGES if "side-menu" in page.stem)

    explained = read(page.read_bytes(), expected(page)["url"]).explained

    assert explained[0].startswith("taken: 8 at ")
    assert any(line.startswith("not taken: 49 at ") and "beside the main thing" in line for line in explained)


def test_posts_in_widgets_are_posts_when_they_are_dated() -> None:
    def card(n: int) -> str:
        return f'<div class="widget-row"><h3><a href="/p{n}">Post number {n}</a></h3><span>2024-01-{n:02}</span></div>'

    rest = "<p>" + "What else there is to say. " * 40 + "</p>"
    page = f'<html><div class="widget">{card(3)}{card(2)}{card(1)}</div>{rest}</html>'

    reading = read(page.encode(), "https://site.example/")

    assert [entry.title for entry in reading.entries] == ["Post number 3", "Post number 2", "Post number 1"]
    assert read(page.encode(), "https://site.example/", reading.rule).entries == reading.entries


@pytest.mark.parametrize("seed", range(40))
def test_no_damage_to_a_page_is_more_than_a_read_error(seed: int) -> None:
    chance = random.Random(seed)  # noqa: S311
    page = chance.choice(PAGES)
    body = bytearray(page.read_bytes())
    for _ in range(chance.randrange(30)):
        at = chance.randrange(len(body))
        body[at : at + chance.randrange(40)] = chance.choice(
            [b"<div>", b"</div>", b"<h2>", b"<table><tr>", b"<dl><dd>"]
        )
    del body[chance.randrange(len(body)) :]

    said = ""
    try:
        read(bytes(body), expected(page)["url"])
    except ReadError as error:
        said = str(error)
    assert "reading it failed" not in said


def test_how_long_ago_a_post_was_is_read_but_is_no_date() -> None:
    def card(n: int) -> str:
        return f'<article><h2><a href="/p{n}">Post number {n}</a></h2><span class="time">{n} days ago</span></article>'

    page = f"<html><title>Blog</title><main>{card(2)}{card(3)}{card(9)}</main></html>"

    entries = read(page.encode(), "https://site.example/").entries

    assert [(entry.published, entry.age) for entry in entries] == [(None, timedelta(days=n)) for n in (2, 3, 9)]


def test_each_field_says_where_it_was_found_and_how_sure_that_is() -> None:
    def card(n: int) -> str:
        return (
            f'<article><h2><a href="/p{n}">Post number {n}</a></h2><time datetime="2024-01-{n:02}">Jan</time>'
            f'<p class="byline">by Ada</p><p>What post number {n} has to say of it.</p></article>'
        )

    page = f"<html><title>Blog</title><main>{card(3)}{card(2)}</main></html>"

    told = read(page.encode(), "https://site.example/").explained[-2]

    assert told == (
        '"Post number 3": title from <h2> (sure); link from the title\'s own link (sure); '
        "published from <time> (sure); summary from text beside the title (a guess); "
        "author from what is called an author (likely); "
        "no categories, image"
    )

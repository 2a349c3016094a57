"""`feedwatch import` and `export`: subscriptions from a feed reader, and back into one."""

from __future__ import annotations

import json
import tomllib
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from inprocess import run
from lxml import etree

from feedwatch import subscriptions
from feedwatch.errors import FeedwatchError
from feedwatch.subscriptions import Subscription, read, render

MINE = """# the ones I like
[feedwatch]
every = "2h"  # often enough

[[source]]
id    = "first"    # aligned
url   = "https://first.example/feed"

[category.design]
title = "Design"
"""
#: As readers write it: folders in folders, a feed in two of them, attributes in odd cases, bare ampersands.
LIST = b"""<?xml version="1.0" encoding="UTF-8"?>
<opml version="1.1"><head><title>Mine</title></head><body>
  <outline text="Tech" title="Tech">
    <outline text="Databases">
      <outline type="rss" text="Rows &amp; columns" xmlUrl="https://rows.example/feed?a=1&b=2" htmlUrl="https://rows.example/"/>
    </outline>
    <outline type="rss" text="Both" xmlurl="https://both.example/atom.xml"/>
  </outline>
  <outline text="Fun"><outline type="rss" text="Both" xmlUrl="https://both.example/atom.xml"/></outline>
  <outline type="rss" text="Loose" xmlUrl="feed://loose.example/rss"/>
  <outline type="rss" text="Known" xmlUrl="https://FIRST.example/feed"/>
  <outline type="rss" text="Broken" xmlUrl="gopher://old.example/"/>
  <outline text="A note without an address"/>
</body></opml>"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "config.toml").write_text(MINE)
    (tmp_path / "reader.opml").write_bytes(LIST)
    return tmp_path


def _sources(folder: Path) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = tomllib.loads((folder / "config.toml").read_text())["source"]
    return found


def test_folders_become_categories_and_the_file_keeps_its_comments(folder: Path) -> None:
    done = run(folder, "import", "reader.opml")

    assert [(s["url"], s.get("title"), s.get("categories")) for s in _sources(folder)[1:]] == [
        ("https://rows.example/feed?a=1&b=2", "Rows & columns", ["Tech", "Databases"]),
        ("https://both.example/atom.xml", "Both", ["Tech", "Fun"]),
        ("http://loose.example/rss", "Loose", None),
    ]
    text = (folder / "config.toml").read_text()
    assert [line for line in MINE.splitlines() if line and line not in text] == []
    assert "feedwatch poll" in done.err
    run(folder, "check")


def test_what_is_watched_already_or_has_no_good_address_is_told_and_skipped(folder: Path) -> None:
    done = run(folder, "import", "reader.opml")

    assert 'https://FIRST.example/feed: watched already, as "first"' in done.err
    assert "gopher://old.example/: the address must begin with http:// or https://" in done.err
    before = (folder / "config.toml").read_bytes()
    again = run(folder, "import", "reader.opml")
    assert again.out == ""
    assert "nothing to add" in again.err
    assert (folder / "config.toml").read_bytes() == before


def test_a_dry_run_writes_nothing_and_json_says_the_same(folder: Path) -> None:
    told = json.loads(run(folder, "import", "reader.opml", "--dry-run", "--json").out)

    assert [new["id"] for new in told["added"]] == ["rows-feed", "both", "loose-rss"]
    assert [skip["url"] for skip in told["skipped"]] == ["https://FIRST.example/feed", "gopher://old.example/"]
    assert told["written"] is False
    assert (folder / "config.toml").read_text() == MINE


def test_the_list_can_come_through_a_pipe_and_begin_a_configuration(tmp_path: Path) -> None:
    run(tmp_path, "import", "-", stdin=LIST)

    begun = tmp_path / ".config" / "feedwatch" / "config.toml"
    assert len(tomllib.loads(begun.read_text())["source"]) == 4
    run(tmp_path, "check")


def test_what_is_exported_is_imported_as_the_same_sources(
    folder: Path, tmp_path_factory: pytest.TempPathFactory
) -> None:
    run(folder, "import", "reader.opml")
    with (folder / "config.toml").open("a") as file:
        file.write(
            '\n[[source]]\nid = "pinned"\nurl = "https://page.example/blog"\n[source.select]\nentry = "article"\n'
        )
    elsewhere = tmp_path_factory.mktemp("elsewhere")

    exported = run(folder, "export", "--sources")
    (elsewhere / "mine.opml").write_text(exported.out)
    run(elsewhere, "--config", "config.toml", "import", "mine.opml")

    told = [[(s["url"], s.get("title"), s.get("categories")) for s in _sources(f)] for f in (folder, elsewhere)]
    assert sorted(told[0]) == sorted(told[1])
    assert "pinned" in exported.err
    again = run(elsewhere, "--config", "config.toml", "export", "--sources").out
    # That it is a page is known when it was polled.
    assert (
        again.replace('type="rss" text="https://page', 'type="link" text="https://page').replace(
            'xmlUrl="https://page', 'url="https://page'
        )
        == exported.out
    )
    assert 'type="link" text="https://page.example/blog" url="https://page.example/blog"' in exported.out


NAMES = st.text(
    st.characters(codec="utf-8", exclude_categories=("Cc", "Cs", "Zs", "Zl", "Zp", "Cn", "Co", "Cf")), min_size=1
)


@given(
    st.lists(
        st.builds(
            Subscription,
            st.integers(0, 999).map(lambda n: f"https://example.org/{n}?a=1&b=<2>"),
            NAMES | st.just(""),
            st.lists(NAMES.filter(lambda n: not {",", "/"} & set(n)), unique=True, max_size=3).map(tuple),
            st.booleans(),
        ),
        unique_by=lambda one: one.url,
        max_size=6,
    )
)
def test_whatever_is_written_is_read_back(listed: list[Subscription]) -> None:
    again = read(render("Mine", listed))

    assert sorted(again, key=lambda one: one.url) == sorted(listed, key=lambda one: one.url)


def test_categories_whose_names_opml_cannot_list_are_read_from_their_folders() -> None:
    one = Subscription("https://example.org/", "Title", ("CI/CD", "Rows, columns"))

    assert read(render("Mine", [one])) == (one,)


def test_s9_s10_entities_are_refused_and_no_file_is_looked_at(tmp_path: Path) -> None:
    secret = tmp_path / "secret"
    secret.write_text("do not tell")
    laughs = "".join(f'<!ENTITY l{n} "{f"&l{n - 1};" * 10}">' for n in range(1, 10))
    for inside in (f'<!ENTITY x SYSTEM "{secret.as_uri()}">', f'<!ENTITY l0 "ha">{laughs}<!ENTITY x "&l9;">'):
        data = f'<!DOCTYPE opml [{inside}]><opml><body><outline xmlUrl="https://a.example/" text="&x;"/></body></opml>'
        with pytest.raises(FeedwatchError) as refused:
            read(data.encode())
        assert "do not tell" not in str(refused.value)


def test_a_list_has_bounds(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(subscriptions, "MOST", 3)
    monkeypatch.setattr(subscriptions, "LARGEST", 10_000)
    with pytest.raises(FeedwatchError, match="split the list"):
        read(render("Mine", [Subscription(f"https://example.org/{n}") for n in range(4)]))
    with pytest.raises(FeedwatchError, match="split the list"):
        read(b"<opml>" + b" " * 10_000 + b"</opml>")


@pytest.mark.parametrize(
    ("data", "what"),
    [
        (b"", "is no OPML"),
        (b"not xml", "is no OPML"),
        (b"<opml><body><outline xmlUrl='https://a.example/'>", "is no OPML"),
        (b"<rss><channel/></rss>", "feedwatch add URL"),
        (b"<opml>" + b"<outline>" * 100_000, "is no OPML"),
    ],
)
def test_what_is_no_list_says_what_to_do_next(tmp_path: Path, data: bytes, what: str) -> None:
    (tmp_path / "x.opml").write_bytes(data)

    said = run(tmp_path, "import", "x.opml", code=1)

    assert what in said.err
    assert "x.opml" in said.err
    assert "Traceback" not in said.err


def test_a_missing_file_and_a_folder_are_plain_errors(tmp_path: Path) -> None:
    assert "write the path of an OPML file" in run(tmp_path, "import", "nothing.opml", code=1).err
    assert "write the path of an OPML file" in run(tmp_path, "import", ".", code=1).err


def test_five_hundred_subscriptions_are_written_in_seconds(tmp_path: Path) -> None:
    many = [Subscription(f"https://blog{n}.example/feed", f"Blog {n}", ("Many",)) for n in range(500)]
    (tmp_path / "many.opml").write_bytes(render("Many", many))

    run(tmp_path, "import", "many.opml")

    assert run(tmp_path, "export", "--sources").out.count("<outline") == 501


def test_the_exported_feeds_are_those_that_are_served(tmp_path: Path) -> None:
    (tmp_path / "page.html").write_text("<article><h2><a href='/a'>An entry</a></h2></article>")
    (tmp_path / "config.toml").write_text(
        '[[source]]\nid = "page"\nurl = "page.html"\nlink_base = "https://example.org/"\n'
        '[source.select]\nentry = "article"\n'
    )
    assert "feedwatch poll" in run(tmp_path, "export", code=1).err
    run(tmp_path, "poll")

    outlines = etree.fromstring(run(tmp_path, "export").out.encode()).iter("outline")

    assert "http://127.0.0.1:8080/feeds/all.atom" in [outline.get("xmlUrl") for outline in outlines]
    assert "page" in run(tmp_path, "export", "--sources").err

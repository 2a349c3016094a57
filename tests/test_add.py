"""`feedwatch add`: from an address to a source, without disturbing what stands in the file."""

from __future__ import annotations

import tomllib
from collections.abc import Iterable
from pathlib import Path

import pytest
from origin import Origin
from test_paging import page
from workbench import Bench

from feedwatch.config_edit import NewSource, id_for, with_sources

#: Each starts the command line several times.
pytestmark = pytest.mark.slow

MINE = """# my sources, in the order I like
[network]
allow_hosts = ["127.0.0.1"]   # the test's own

[[source]]
id    = "first"    # aligned
url   = "https://first.example/feed"

[category.machine-learning]
title = "Machine learning"
"""


def feed_of(numbers: Iterable[int]) -> bytes:
    entries = "".join(
        f"<entry><id>urn:x:{n}</id><title>Post number {n}</title><updated>2024-01-{n:02}T00:00:00Z</updated>"
        f"<link href='/post-{n}'/></entry>"
        for n in numbers
    )
    return f"<feed xmlns='http://www.w3.org/2005/Atom'><title>B</title>{entries}</feed>".encode()


@pytest.fixture
def bench(tmp_path: Path) -> Bench:
    made = Bench(tmp_path)
    made.config(MINE)
    return made


def test_a_page_is_added_with_what_was_found_shown(bench: Bench, origin: Origin) -> None:
    origin.serve("/engineering", body=page((3, 2, 1)))

    done = bench.run("add", f"{origin.url}/engineering", "--every", "2h", "--pages", "3", "--page")

    assert "Post number 3" in done.stdout
    text = (bench.folder / "config.toml").read_text()
    assert [line for line in MINE.splitlines() if line and line not in text] == []
    added = tomllib.loads(text)["source"][1]
    assert added["url"] == f"{origin.url}/engineering"
    assert (added["every"], added["pages"]) == ("2h", 3)
    assert bench.json("poll", added["id"])["sources"][0]["entries"] == 3


def test_the_feed_of_a_page_is_offered_first(bench: Bench, origin: Origin) -> None:
    link = b"<link rel='alternate' type='application/rss+xml' href='/feed.xml'>"
    origin.serve("/blog", body=link + page((3, 2, 1)))
    origin.serve("/feed.xml", body=feed_of((3, 2, 1)))

    assert f"{origin.url}/feed.xml" in bench.run("add", f"{origin.url}/blog", "--dry-run").stdout
    assert f'"{origin.url}/blog"' in bench.run("add", f"{origin.url}/blog", "--page", "--dry-run").stdout
    assert (bench.folder / "config.toml").read_text() == MINE


def test_of_several_feeds_the_one_with_what_the_page_shows_is_added(bench: Bench, origin: Origin) -> None:
    links = b"".join(
        b"<link rel='alternate' type='application/atom+xml' href='/%s'>" % name for name in (b"all.atom", b"ml.atom")
    )
    origin.serve("/ml", body=links + page((3, 2, 1)))
    origin.serve("/all.atom", body=feed_of((21, 20, 3)))
    origin.serve("/ml.atom", body=feed_of((3, 2, 1)))

    assert f"{origin.url}/ml.atom" in bench.run("add", f"{origin.url}/ml", "--dry-run").stdout


def test_a_feed_of_something_else_is_named_and_the_page_is_added(bench: Bench, origin: Origin) -> None:
    origin.serve("/ml", body=b"<link rel='alternate' type='application/atom+xml' href='/all.atom'>" + page((3, 2, 1)))
    origin.serve("/all.atom", body=feed_of((21, 20, 19)))

    done = bench.run("add", f"{origin.url}/ml", "--dry-run")

    assert f'"{origin.url}/ml"' in done.stdout
    assert "has only 0% of what the page shows" in done.stderr


def test_a_feed_that_nobody_names_is_found_where_feeds_usually_are(bench: Bench, origin: Origin) -> None:
    origin.serve("/blog/", body=page((3, 2, 1)))
    origin.serve("/blog/index.xml", body=feed_of((3, 2, 1)))

    assert f"{origin.url}/blog/index.xml" in bench.run("add", f"{origin.url}/blog/", "--dry-run").stdout


def test_a_page_that_shows_nothing_is_added_by_its_feed(bench: Bench, origin: Origin) -> None:
    link = b"<link rel='alternate' type='application/atom+xml' href='/feed'>"
    origin.serve("/app", body=b"<html><head>" + link + b"</head><body><div id='root'></div></body></html>")
    origin.serve("/feed", body=feed_of((3, 2, 1)))

    assert f"{origin.url}/feed" in bench.run("add", f"{origin.url}/app", "--dry-run").stdout


def test_selectors_correct_what_was_found(bench: Bench, origin: Origin) -> None:
    origin.serve("/news", body=page((3, 2, 1)))

    bench.run("add", f"{origin.url}/news", "--id", "news", "--select", "entry=article", "--select", "title=h2")

    added = tomllib.loads((bench.folder / "config.toml").read_text())["source"][1]
    assert added == {
        "id": "news",
        "url": f"{origin.url}/news",
        "select": {"entry": "article", "title": "h2"},
    }


def test_two_titles_say_which_of_two_lists_is_that_of_the_posts(bench: Bench, origin: Origin) -> None:
    talks = "".join(f"<li><a href='/talk-{n}'>A talk about number {n}</a></li>" for n in (3, 2, 1))
    origin.serve("/news", body=page((9, 8, 7)).replace(b"</main>", f"<ul>{talks}</ul></main>".encode()))

    bench.run("add", f"{origin.url}/news", "--id", "talks", "--post", "A talk about number 3", "--post", "number 1")

    added = tomllib.loads((bench.folder / "config.toml").read_text())["source"][1]
    assert added["examples"] == ["A talk about number 3", "number 1"]
    bench.json("poll", "talks")
    assert [e["title"] for e in bench.json("list", "--source", "talks")["entries"]] == [
        "A talk about number 3", "A talk about number 2", "A talk about number 1",
    ]  # fmt: skip
    wrong = bench.run("add", f"{origin.url}/news", "--post", "Post numbr 9", code=1)
    assert 'the nearest is "Post number 9"' in wrong.stderr


def test_what_would_spoil_the_file_is_not_written(bench: Bench, origin: Origin) -> None:
    origin.serve("/news", body=page((3, 2, 1)))
    origin.serve("/login", body=b"<html><form><input type='password'></form></html>")

    for arguments, said in (
        ((f"{origin.url}/news", "--page", "--id", "first"), "another source has this id"),
        ((f"{origin.url}/news", "--page", "--every", "often"), "is not a duration"),
        ((f"{origin.url}/nowhere",), "HTTP 404"),
        ((f"{origin.url}/login",), "login"),
    ):
        assert said in bench.run("add", *arguments, code=1).stderr.lower().replace("http 404", "HTTP 404")
    assert (bench.folder / "config.toml").read_text() == MINE

    bench.run("add", f"{origin.url}/news", "--page")
    assert "is watched already" in bench.run("add", f"{origin.url}/news", "--page", code=1).stderr


def test_a_beginner_without_any_file_gets_one(tmp_path: Path) -> None:
    (tmp_path / "page.html").write_bytes(page((3, 2, 1)))
    bench = Bench(tmp_path)

    base = "https://example.org/"
    assert "set link_base" in bench.run("preview", "page.html").stderr

    bench.run("--config", "config.toml", "add", "page.html", "--id", "mine", "--link-base", base)

    added = {"id": "mine", "url": "page.html", "link_base": base}
    assert tomllib.loads((tmp_path / "config.toml").read_text()) == {"source": [added]}
    assert bench.json("poll")["sources"][0]["entries"] == 3
    assert bench.json("list")["entries"][0]["link"].startswith(base)


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("https://engineering.example.com/archive/", "example-archive"),
        ("https://www.example.org/", "example"),
        ("https://example.org/blog/feed.xml", "example-blog"),
        ("https://example.org/%E6%96%B0/", "example-a584f4b2"),
        ("http://127.0.0.1:8080/news", "127-0-0-1-news"),
    ],
)
def test_an_id_is_made_from_the_address(url: str, expected: str) -> None:
    assert id_for(url, None, ()) == expected
    assert id_for(url, None, {expected}) == f"{expected}-2"


def test_a_source_is_written_where_the_others_are() -> None:
    text = with_sources(MINE, [NewSource("second", "https://second.example/")])

    assert text.index('id = "second"') < text.index("[category.machine-learning]")
    assert [line for line in MINE.splitlines() if line not in text.splitlines()] == []
    with pytest.raises(ValueError, match="line"):
        with_sources("[[", [NewSource("a", "https://a.example/")])


def test_the_feed_that_would_be_can_be_looked_at_as_a_page(bench: Bench, origin: Origin) -> None:
    origin.serve("/news", body=page((3, 2, 1)).replace(b"Post number 2", b"&lt;script&gt;alert(1)&lt;/script&gt;"))
    file = bench.folder / "preview.html"

    bench.run("preview", f"{origin.url}/news", "--html", str(file))

    text = file.read_text()
    assert "<script" not in text
    assert "&lt;script&gt;alert(1)" in text
    assert f'href="{origin.url}/post-3"' in text
    assert "cannot be written" in bench.run("preview", f"{origin.url}/news", "--html", "/nowhere/x.html", code=1).stderr

"""Archives of several pages: read at first sight, and otherwise only when the first page has nothing known on it."""

from __future__ import annotations

import asyncio
import errno
import itertools
import json
from collections.abc import Iterable
from pathlib import Path

import pytest
from inprocess import run
from make import NOW
from origin import Origin
from simulated import simulate
from workbench import Bench

from feedwatch import failpoints
from feedwatch.app import SourcePoller
from feedwatch.model import Source
from feedwatch.net import Net
from feedwatch.poller.fetch import Hosts
from feedwatch.readers.pager import next_page
from feedwatch.readers.tree import parse

HERE = "https://example.org/blog/"


def page(numbers: Iterable[int], following: str = "") -> bytes:
    posts = "".join(
        f"<article><h2><a href='/post-{n}'>Post number {n}</a></h2><time datetime='2024-01-{n:02}'></time></article>"
        for n in numbers
    )
    return f"<html><title>Blog</title><main>{posts}</main>{following}</html>".encode()


def on(path: str) -> str:
    return f"<nav><a rel='next' href='{path}'>Older</a></nav>"


@pytest.fixture
def archive(origin: Origin) -> Origin:
    """Three pages of three entries, the newest first."""
    origin.serve("/blog", body=page((9, 8, 7), on("/blog/page/2")))
    origin.serve("/blog/page/2", body=page((6, 5, 4), on("/blog/page/3")))
    origin.serve("/blog/page/3", body=page((3, 2, 1)))
    return origin


@pytest.fixture
def bench(tmp_path: Path) -> Bench:
    return Bench(tmp_path)


def config(origin: Origin, lines: str = "") -> str:
    return (
        f'[network]\nallow_hosts = ["127.0.0.1"]\nper_host_pause = "0s"\n'
        f'[[source]]\nid = "blog"\nurl = "{origin.url}/blog"\n{lines}\n'
        f'[[alert]]\nid = "hook"\nwebhook = "{origin.url}/hook"\n'
    )


def asked(origin: Origin) -> list[str]:
    paths = [request.path for request in origin.requests if request.path not in ("/robots.txt", "/hook")]
    origin.requests.clear()
    return paths


def test_p51_pages_are_read_at_first_sight_and_later_only_the_first(bench: Bench, archive: Origin) -> None:
    bench.config(config(archive, "pages = 2"))

    first = bench.json("poll")["sources"][0]
    assert (first["entries"], first["discovered"]) == (6, 6)
    assert asked(archive) == ["/blog", "/blog/page/2"]

    archive.serve("/blog", body=page((10, 9, 8), on("/blog/page/2")))
    second = bench.json("poll")["sources"][0]
    assert (len(second["new"]), second["withdrawn"]) == (1, [])
    assert asked(archive) == ["/blog"]


def test_p51_after_a_long_absence_reading_goes_on_until_something_is_known(bench: Bench, archive: Origin) -> None:
    bench.config(config(archive, "pages = 5"))
    bench.run("poll")
    asked(archive)
    archive.serve("/blog", body=page((15, 14, 13), on("/blog/page/2")))
    archive.serve("/blog/page/2", body=page((12, 11, 10), on("/blog/page/3")))
    archive.serve("/blog/page/3", body=page((9, 8, 7), on("/blog/page/4")))

    assert len(bench.json("poll")["sources"][0]["new"]) == 6
    assert asked(archive) == ["/blog", "/blog/page/2", "/blog/page/3"]


def test_a_page_that_fails_costs_nothing_but_itself(bench: Bench, archive: Origin) -> None:
    bench.config(config(archive, "pages = 3"))
    archive.serve("/blog/page/2", status=500)

    report = bench.json("poll")["sources"][0]

    assert (report["status"], report["entries"]) == ("ok", 3)
    assert any("page 2 could not be read (HTTP 500" in note for note in report["notes"])


def test_a_back_fill_reads_the_archive_alerts_nobody_and_goes_on_where_it_was(bench: Bench, archive: Origin) -> None:
    bench.config(config(archive))
    bench.run("poll")
    archive.serve("/blog/page/3", status=500)

    assert "run it again to go on there" in bench.run("backfill", "blog", code=1).stderr
    archive.serve("/blog/page/3", body=page((3, 2, 1)))
    asked(archive)
    assert "3 entries discovered on 1 pages" in bench.run("backfill", "blog").stdout
    assert asked(archive) == ["/blog/page/3"]

    assert len(bench.json("list")["entries"]) == 9
    after = bench.json("poll")["sources"][0]
    assert (after["new"], after["edited"], after["withdrawn"]) == ([], [], [])
    assert not [request for request in archive.requests if request.path == "/hook"]


@pytest.mark.slow
@pytest.mark.timeout(300)
def test_whatever_step_of_a_back_fill_fails_the_next_one_misses_no_page(tmp_path: Path, archive: Origin) -> None:
    def full(step: str) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    for step in itertools.count(1):
        bench = Bench(tmp_path / str(step))
        bench.folder.mkdir()
        bench.config(config(archive))
        run(bench.folder, "poll")
        failpoints.arm(step, full)
        try:
            run(bench.folder, "backfill", "blog", code=None)
        finally:
            over = failpoints.hits() < step
            failpoints.arm(0, full)
        run(bench.folder, "backfill", "blog")

        known = json.loads(run(bench.folder, "list", "--json").out)["entries"]
        assert len(known) == 9, f"after a failure at step {step}"
        if over:
            break
    assert step > 5


def test_page_url_says_where_the_pages_are_that_name_none(bench: Bench, archive: Origin) -> None:
    for number in (1, 2, 3):
        path = "/blog" if number == 1 else f"/blog/page/{number}"
        archive.serve(path, body=page(range(12 - 3 * number, 9 - 3 * number, -1)))
    bench.config(config(archive, f'page_url = "{archive.url}/blog/page/{{page}}"\npages = 3'))

    assert bench.json("poll")["sources"][0]["entries"] == 9
    bench.config(config(archive, 'page_url = "https://example.org/2"'))
    assert "write {page} there" in bench.run("check", code=78).stderr


def test_a_back_fill_says_what_it_needs(bench: Bench, origin: Origin) -> None:
    origin.serve("/blog", body=page((3, 2, 1)))
    bench.config(config(origin))

    assert "feedwatch poll blog" in bench.run("backfill", "blog", code=1).stderr
    assert "did you mean 'blog'" in bench.run("backfill", "blag", code=2).stderr
    bench.run("poll")
    assert "page_url" in bench.run("backfill", "blog").stdout


def test_p51_pages_are_two_seconds_apart_at_the_default_pause(archive: Origin) -> None:
    async def work() -> float:
        loop = asyncio.get_running_loop()
        async with Net(allow_hosts=frozenset({"127.0.0.1"}), user_agent="test") as net:
            poller = SourcePoller(net, Hosts(1, 1.0), lambda: NOW)
            began = loop.time()
            sleeping = asyncio.create_task(poller.further(Source("blog", archive.url), f"{archive.url}/blog/page/2"))
            while not archive.requests:
                await asyncio.sleep(0.5)
                if loop.time() - began > 5:
                    break
            sleeping.cancel()
            return loop.time() - began

    assert simulate(work()) >= 2


@pytest.mark.parametrize(
    ("markup", "expected"),
    [
        ("<link rel='next' href='/blog/page/2/'>", "https://example.org/blog/page/2/"),
        ("<a href='?page=2'>Older posts</a>", "https://example.org/blog/?page=2"),
        ("<a href='/blog/2'>Next page →</a>", "https://example.org/blog/2"),
        ("<a href='/blog/2'>Ältere Beiträge</a>", "https://example.org/blog/2"),
        ("<a href='/blog/2' aria-label='Next'><svg></svg></a>", "https://example.org/blog/2"),
        ("<a href='/blog/2' class='pagination-next'><svg></svg></a>", "https://example.org/blog/2"),
        ("<b>1</b> <a href='?p=2'>2</a> <a href='?p=3'>3</a>", "https://example.org/blog/?p=2"),
        ("<a href='/blog/page/2'>2</a><a href='/blog/page/3'>3</a>", "https://example.org/blog/page/2"),
        ("<a rel='next' href='https://elsewhere.example/2'>Next</a>", None),
        ("<a rel='next' href='/blog/'>Next</a>", None),
        ("<a href='/what-comes-next'>What comes next for us</a>", None),
        ("<a href='javascript:more()'>Next</a>", None),
        ("<a href='/2019'>2</a>", None),
        ("<p>nothing</p>", None),
        ("<a href='/blog/2'><b>N</b>ext</a>", "https://example.org/blog/2"),
        ("<a href='/blog/2'><span hidden>Menu</span> Next</a>", "https://example.org/blog/2"),
        ("<a href='/blog/2'><span class='sr-only'>To the</span><i>Older</i> posts</a>", "https://example.org/blog/2"),
        ("<a href='/blog/2'><svg><title>Arrow</title></svg>Next</a>", "https://example.org/blog/2"),
        ("<a href='/blog/2'> <img src='x.png' alt=''> next</a>", "https://example.org/blog/2"),
        ("<a href='/blog/2'><!-- Menu -->Older posts</a>", "https://example.org/blog/2"),
        ("<a href='/blog/2'>&gt; </a>", "https://example.org/blog/2"),
        ("<a href='/blog/2'><span hidden>Next</span>Menu</a>", None),
        ("<a href='/blog/2' title='OLDER'>Menu</a>", "https://example.org/blog/2"),
        ("<li class='menu\nnav-Next'><a href='/blog/2'>Menu</a></li>", "https://example.org/blog/2"),
    ],
)
def test_a_page_says_in_many_ways_where_it_goes_on(markup: str, expected: str | None) -> None:
    assert next_page(parse(f"<html><body>{markup}</body></html>"), HERE) == expected


def test_the_page_after_the_second_is_the_third() -> None:
    pages = "<a href='/blog/?p=1'>1</a><a href='/blog/?p=2'>2</a><a href='/blog/?p=3'>3</a>"

    assert next_page(parse(f"<html><body>{pages}</body></html>"), f"{HERE}?p=2") == f"{HERE}?p=3"


def feed(numbers: Iterable[int], following: str) -> bytes:
    entries = "".join(
        f"<entry><id>urn:x:{n}</id><title>Post {n}</title><updated>2024-01-{n:02}T00:00:00Z</updated>"
        f"<link href='https://example.org/{n}'/></entry>"
        for n in numbers
    )
    return f"<feed xmlns='http://www.w3.org/2005/Atom'><title>B</title>{following}{entries}</feed>".encode()


@pytest.mark.parametrize("relation", ["next", "prev-archive"])
def test_the_older_pages_of_a_feed_are_read_as_those_of_an_archive(bench: Bench, origin: Origin, relation: str) -> None:
    """RFC 5005 §3 and §4."""
    origin.serve("/blog", body=feed((9, 8), f"<link rel='{relation}' href='/older'/>"))
    origin.serve("/older", body=feed((7, 6), ""))
    bench.config(config(origin, "pages = 2"))

    report = bench.json("poll")["sources"][0]

    assert (report["entries"], report["discovered"]) == (4, 4)
    assert asked(origin) == ["/blog", "/older"]

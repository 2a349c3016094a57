"""The way of one entry, end to end, through the real program: page → poll → feeds → webhook."""

from __future__ import annotations

import json
from pathlib import Path

import feedparser
import pytest
from origin import Origin
from workbench import SECTIONS, Bench

CONFIG = """
[feedwatch]
base_url = "http://feeds.example.org"

[network]
allow_hosts = ["127.0.0.1"]
per_host_pause = "0s"

[[source]]
id = "blog"
title = "The blog"
url = "page.html"
link_base = "https://engineering.example.org/"
[source.select]
{select}

[[alert]]
id = "hook"
webhook = "{hook}"
secret = "whsec_MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY="
when = ["new", "edited", "moved", "recategorised", "withdrawn"]
"""


@pytest.fixture
def bench(tmp_path: Path, origin: Origin) -> Bench:
    from workbench import ROOT

    shipped = (ROOT / "config.toml").read_text(encoding="utf-8")
    select = shipped.split("[source.select]\n", 1)[1].split("\n\n", 1)[0]
    made = Bench(tmp_path)
    made.config(CONFIG.format(select=select, hook=f"{origin.url}/hook"))
    made.page("spotify-engineering.html")
    origin.serve("/hook", status=200)
    return made


def _feed(bench: Bench, name: str) -> feedparser.FeedParserDict:
    return feedparser.parse((bench.public / name).read_bytes())


def test_c19_first_poll_writes_ten_category_feeds_and_alerts_nobody(bench: Bench, origin: Origin) -> None:
    report = bench.json("poll")

    source = report["sources"][0]
    assert (source["status"], source["entries"], source["discovered"], source["new"]) == ("ok", 40, 40, [])
    counts = {slug: len(_feed(bench, f"feeds/{slug}.atom").entries) for slug in SECTIONS}
    assert counts == SECTIONS
    assert len(_feed(bench, "feeds/all.atom").entries) == 40
    assert not (bench.public / "feeds" / "uncategorised.atom").exists()
    assert len(_feed(bench, "sources/blog.atom").entries) == 40
    assert (bench.public / "feeds.opml").exists()
    assert (bench.public / "index.html").exists()
    assert origin.requests == []


def test_a_round_without_changes_does_not_read_the_index(bench: Bench) -> None:
    bench.run("poll")
    index = bench.state / "index.json"
    made_for = index.read_bytes().partition(b"\n")[0]
    index.write_bytes(made_for + b"\nnobody looks here")

    bench.run("poll")

    assert index.read_bytes() == made_for + b"\nnobody looks here"


def test_c10_second_poll_writes_nothing_at_all(bench: Bench) -> None:
    bench.run("poll")
    before = {path: path.stat().st_mtime_ns for path in bench.public.rglob("*") if path.is_file()}
    source = (bench.state / "sources" / "blog.json").stat().st_mtime_ns

    report = bench.json("poll")

    assert report["sources"][0]["status"] == "unchanged"
    assert report["feeds_written"] == []
    assert {path: path.stat().st_mtime_ns for path in bench.public.rglob("*") if path.is_file()} == before
    assert (bench.state / "sources" / "blog.json").stat().st_mtime_ns == source


def test_an_edited_page_yields_exactly_its_changes_and_their_deliveries(bench: Bench, origin: Origin) -> None:
    bench.run("poll")
    ids = {e.id: e.link for e in _feed(bench, "feeds/all.atom").entries}
    bench.page("pages/spotify-engineering-edited.html")

    report = bench.json("poll")
    source = report["sources"][0]
    # What is missing in three readings in a row is withdrawn, and a page that stays as it is is a reading too.
    again = [bench.json("poll") for _ in range(2)]
    source["withdrawn"] = [key for later in again for key in later["sources"][0]["withdrawn"]]

    counts = {kind: len(source[kind]) for kind in ("new", "edited", "moved", "recategorised", "withdrawn")}
    assert counts == {"new": 2, "edited": 2, "moved": 0, "recategorised": 1, "withdrawn": 1}
    sent = [json.loads(request.body) for request in origin.requests]
    kinds = sorted(event["type"] for event in sent)
    assert kinds == ["entry.edited"] * 2 + ["entry.new"] * 2 + ["entry.recategorised", "entry.withdrawn"]
    changed = {i for kind in ("new", "edited", "recategorised", "withdrawn") for i in source[kind]}
    assert {event["data"]["entry"]["id"] for event in sent} == changed
    assert report["deliveries"] == {"delivered": 5, "retrying": 0, "dead": 0}
    assert again[1]["deliveries"] == {"delivered": 1, "retrying": 0, "dead": 0}
    after = _feed(bench, "feeds/all.atom").entries
    assert len(after) == 41
    assert {e.id: e.link for e in after if e.id in ids}.items() <= ids.items()
    assert bench.json("poll")["sources"][0]["status"] == "unchanged"
    assert len(origin.requests) == 6


def test_deliveries_wait_for_a_receiver_that_is_down_and_keep_their_id(bench: Bench, origin: Origin) -> None:
    bench.run("poll")
    bench.page("pages/spotify-engineering-edited.html")
    origin.serve("/hook", status=503)
    config = (bench.folder / "config.toml").read_text()
    bench.config(config + '\n[outbox]\nretry_first = "1s"\n')
    first = bench.json("poll")["deliveries"]
    asked = [request.headers["webhook-id"] for request in origin.requests]
    assert first == {"delivered": 0, "retrying": 3, "dead": 0}
    assert len(asked) == 3  # a receiver that fails three times in a row counts as down
    origin.serve("/hook", status=200)

    delivered = 0
    for _ in range(20):
        delivered += bench.json("poll")["deliveries"]["delivered"]
        if delivered == 6:
            break

    taken = [request.headers["webhook-id"] for request in origin.requests[len(asked) :]]
    assert len(set(taken)) == len(taken) == 6
    assert set(asked) <= set(taken)


def test_list_status_and_preview_show_what_is_there(bench: Bench) -> None:
    bench.run("poll")

    listed = bench.json("list", "--category", "Machine Learning")["entries"]
    status = bench.json("status")["sources"][0]
    preview = bench.json("preview", "blog")

    assert len(listed) == 1
    assert (listed[0]["source"], listed[0]["revision"], listed[0]["published"]) == ("blog", 1, "2023-04-27")
    assert (status["id"], status["status"], status["entries"]) == ("blog", "ok", 40)
    assert (preview["kind"], len(preview["entries"]), preview["notes"]) == ("page", 40, [])
    assert preview["entries"][0]["title"] == "How We Generated Millions of Content Annotations"
    assert bench.run("list").stdout.count("\n") == 40


def test_one_broken_source_never_stops_the_others(bench: Bench, origin: Origin) -> None:
    config = (bench.folder / "config.toml").read_text()
    broken = {
        "missing": (404, b"not here"),
        "empty-page": (200, b"<html><body><p>Nothing</p></body></html>"),
        "neither": (200, b"just words"),
        "truncated": (200, b'<?xml version="1.0"?><rss version="2.0"><channel><item><title>A</title>'),
    }
    for name, (status, body) in broken.items():
        origin.serve(f"/{name}", status=status, body=body)
        select = '[source.select]\nentry = "article"\n' if name == "empty-page" else ""
        config += f'\n[[source]]\nid = "{name}"\nurl = "{origin.url}/{name}"\n{select}'
    bench.config(config + '\n[[source]]\nid = "dead"\nurl = "http://127.0.0.1:9/"\n')

    done = bench.run("poll", code=1)

    assert "blog: 40 entries" in done.stdout
    said = {line.split(":", 1)[0]: line for line in done.stderr.splitlines()}
    assert {name for name in said if name in {*broken, "dead"}} == {*broken, "dead"}
    assert "404" in said["missing"]
    assert "truncated" in said["truncated"] or "middle" in said["truncated"]


def test_f20_a_source_that_breaks_keeps_its_entries_and_feeds(bench: Bench) -> None:
    bench.run("poll")
    feeds = {path: path.read_bytes() for path in bench.public.rglob("*.atom")}
    (bench.folder / "page.html").write_text("<html><body>We are redesigning</body></html>")

    report = bench.json("poll", code=1)

    assert report["sources"][0]["status"] == "failed"
    assert report["sources"][0]["withdrawn"] == []
    assert {path: path.read_bytes() for path in bench.public.rglob("*.atom")} == feeds
    assert len(bench.json("list")["entries"]) == 40


def test_s1_loopback_is_refused_unless_the_configuration_allows_it(bench: Bench, origin: Origin) -> None:
    origin.serve("/feed", body=b"<rss version='2.0'><channel><item><title>A</title></item></channel></rss>")
    bench.config(f'[[source]]\nid = "local"\nurl = "{origin.url}/feed"\n')

    done = bench.run("poll", code=1)

    assert "allow_hosts" in done.stderr
    assert origin.requests == []


def test_a_feed_over_http_is_asked_for_conditionally(bench: Bench, origin: Origin) -> None:
    body = b"<rss version='2.0'><channel><title>T</title><item><title>A</title><guid>1</guid></item></channel></rss>"
    origin.serve("/feed", body=body, headers={"ETag": 'W/"odd,tag"', "Last-Modified": "yesterday"})
    bench.config(
        '[network]\nallow_hosts = ["127.0.0.1"]\nper_host_pause = "0s"\n'
        f'[[source]]\nid = "f"\nurl = "{origin.url}/feed"\n'
    )

    first, second = bench.json("poll"), bench.json("poll")

    assert first["sources"][0]["discovered"] == 1
    assert second["sources"][0]["status"] == "unchanged"
    assert origin.requests[1].headers["if-none-match"] == 'W/"odd,tag"'
    assert origin.requests[1].headers["if-modified-since"] == "yesterday"
    assert (bench.public / "feeds" / "uncategorised.atom").exists()
    (host,) = bench.json("manners")["hosts"]
    assert (host["host"], host["requests"], host["not_modified"], host["bytes"]) == ("127.0.0.1", 2, 1, len(body))
    assert host["set_by"] == "the default"
    assert "50%" in bench.run("manners").stdout


def test_s20_a_login_goes_to_the_sources_own_host_and_nowhere_else(bench: Bench, origin: Origin) -> None:
    body = b"<rss version='2.0'><channel><item><title>A</title><guid>1</guid></item></channel></rss>"
    elsewhere = origin.url.replace("127.0.0.1", "localhost")
    origin.serve("/feed", status=302, headers={"Location": f"{elsewhere}/there"})
    origin.serve("/there", body=body)
    bench.config(
        '[network]\nallow_hosts = ["127.0.0.1", "localhost"]\nper_host_pause = "0s"\n'
        f'[[source]]\nid = "f"\nurl = "{origin.url}/feed"\n'
        'user = "me"\npassword = "correct horse"\ncookies = { session = "abc", lang = "en" }\n'
    )

    bench.run("poll")

    here, there = origin.requests
    assert here.headers["authorization"] == "Basic bWU6Y29ycmVjdCBob3JzZQ=="
    assert here.headers["cookie"] == "session=abc; lang=en"
    assert not {"authorization", "cookie"} & there.headers.keys()


def test_who_asks_to_be_left_alone_means_all_its_sources(bench: Bench, origin: Origin) -> None:
    body = b"<rss version='2.0'><channel><title>T</title><item><title>A</title><guid>1</guid></item></channel></rss>"
    origin.serve("/busy", status=429, headers={"Retry-After": "7200"})
    origin.serve("/fine", body=body)
    config = '[network]\nallow_hosts = ["127.0.0.1"]\nper_host_pause = "0s"\n'
    for name in ("busy", "fine"):
        config += f'[[source]]\nid = "{name}"\nurl = "{origin.url}/{name}"\n'
    bench.config(config)
    bench.run("poll", "busy", code=1)

    held = bench.run("poll", "fine", code=1)

    assert "asked to be left alone until" in held.stderr
    assert [asked.path for asked in origin.requests] == ["/busy"]


def test_a_source_that_is_gone_is_left_alone_until_its_url_changes(bench: Bench, origin: Origin) -> None:
    origin.serve("/old", status=410)
    origin.serve(
        "/new", body=b"<rss version='2.0'><channel><item><guid>1</guid><title>A</title></item></channel></rss>"
    )
    config = '[network]\nallow_hosts = ["127.0.0.1"]\nper_host_pause = "0s"\n[[source]]\nid = "f"\nurl = "{}"\n'
    bench.config(config.format(f"{origin.url}/old"))
    bench.run("poll", code=1)

    again = bench.json("poll", code=1)["sources"][0]
    asked = len(origin.requests)
    bench.config(config.format(f"{origin.url}/new"))
    moved = bench.json("poll")["sources"][0]

    assert "410" in again["error"]
    assert asked == 1
    assert (moved["status"], moved["discovered"]) == ("ok", 1)

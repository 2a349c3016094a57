"""`feedwatch replay`: what another configuration makes of the answers that are kept."""

from __future__ import annotations

import gzip
from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from pathlib import Path

import pytest
from make import NOW, entry, reading
from origin import Answer, Origin
from workbench import Bench

from feedwatch import config as configuration
from feedwatch.config_build import Config
from feedwatch.files import lock
from feedwatch.model import Entry, Failure, Fetched, KnownSource, Reading
from feedwatch.replay.difference import Difference, Field, compare
from feedwatch.replay.play import Play, Side, after_body, until

HOOK = '[[alert]]\nid = "hook"\nwebhook = "https://hooks.example.org/x"\n'

#: Each starts the command line several times.
pytestmark = pytest.mark.slow


def config(more: str = "", source: str = "") -> Config:
    text = f'[[source]]\nid = "blog"\nurl = "https://example.org/"\n{source}\n{more}'
    return configuration.parse(text, Path("/tmp/config.toml"), {})  # noqa: S108


def played(config: Config, *results: Reading | Failure | Sequence[Entry]) -> Side:
    """One source under `config`, its bodies an hour apart read as `results`."""
    (source,) = config.sources
    play = Play(KnownSource("blog"))
    at = NOW
    for result in results:
        read = result if isinstance(result, Reading | Failure) else reading(*result)
        fetched = Fetched("https://example.org/", 200, {}, str(at).encode())
        play = after_body(config, source, until(config, source, play, at), fetched, read, at)
        at += timedelta(hours=1)
    return Side(config, {"blog": play})


def titles(entries: Iterable[Entry]) -> list[str]:
    return [entry.title for entry in entries]


def difference_of(old: Config, new: Config, *results: Reading | Failure | Sequence[Entry]) -> Difference:
    return compare(played(old, *results), played(new, *results))


def test_the_same_configuration_makes_no_difference() -> None:
    same = config(HOOK)

    assert not difference_of(same, same, [entry(1)], [entry(1), entry(2)], [entry(1), entry(2, "Retitled altogether")])


def test_entries_that_only_one_side_finds_appear_and_disappear() -> None:
    found = compare(played(config(), [entry(1), entry(2)]), played(config(), [entry(2), entry(3)]))

    (blog,) = found.sources
    assert (titles(blog.appear), titles(blog.disappear)) == (["Entry 3"], ["Entry 1"])
    (feed,) = found.feeds
    assert feed.slug == "data"
    assert ([m.entry.title for m in feed.come], [m.entry.title for m in feed.go]) == (["Entry 3"], ["Entry 1"])


def test_fields_that_differ_are_named_with_both_values() -> None:
    before = entry(1, guid="tag:1", categories=("Data", "AI"))
    after = entry(1, "Another title", guid="tag:1", link="https://example.org/new", day=9, categories=())

    (blog,) = compare(played(config(), [before]), played(config(), [after])).sources

    assert blog.differ[0].fields == (
        Field("title", "Entry 1", "Another title"),
        Field("link", "https://example.org/1", "https://example.org/new"),
        Field("published", "2024-10-01", "2024-10-09"),
        Field("categories", "Data, AI", None),
    )


def test_an_entry_that_has_another_link_on_the_other_side_is_the_same_one() -> None:
    def side(host: str) -> Side:
        first, second = (entry(n, link=f"https://{host}/{n}") for n in (1, 2))
        return played(config(HOOK), [first], [first, second])

    found = compare(side("example.org"), side("other.example"))

    (blog,) = found.sources
    assert (blog.appear, blog.disappear, found.feeds, found.more, found.fewer) == ((), (), (), (), ())
    assert [[field.name for field in differing.fields] for differing in blog.differ] == [["link"], ["link"]]


def test_an_alias_moves_entries_from_one_feed_to_another() -> None:
    alias = '[category.machine-learning]\naliases = ["ML"]\n'

    found = difference_of(config(), config(alias), [entry(1, categories=("ML",)), entry(2)])

    assert found.sources == ()
    assert [(feed.slug, len(feed.come), len(feed.go)) for feed in found.feeds] == [
        ("machine-learning", 1, 0),
        ("ml", 0, 1),
    ]


def test_the_first_body_alerts_nobody_and_a_filter_shows_in_what_follows() -> None:
    picky = HOOK + 'match = ["Kubernetes"]\n'
    bodies = ([entry(1, "Kubernetes at first")], [entry(1, "Kubernetes at first"), entry(2, "Kubernetes"), entry(3)])

    found = difference_of(config(HOOK), config(picky), *bodies)

    assert found.more == ()
    assert [(told.route_id, told.kind, told.entry.title) for told in found.fewer] == [("hook", "new", "Entry 3")]
    back = difference_of(config(picky), config(HOOK), *bodies)
    assert [told.entry.title for told in back.more] == ["Entry 3"]


def test_polls_between_two_bodies_prove_that_an_entry_was_withdrawn() -> None:
    withdrawn = HOOK + 'when = ["withdrawn"]\n'
    (source,) = config().sources
    whole = [entry(number) for number in range(1, 7)]
    shorter = [one for one in whole if one.title != "Entry 4"]
    side = played(config(withdrawn), whole, shorter)
    before = side.plays["blog"]
    assert before.alerts == ()

    soon = until(side.config, source, before, NOW + timedelta(hours=2, minutes=30))
    late = until(side.config, source, before, NOW + timedelta(hours=9))

    assert soon.alerts == ()
    assert [alert.change.kind for alert in late.alerts] == ["withdrawn"]


def test_weeks_without_a_new_body_are_not_weeks_of_absence() -> None:
    side = played(config(HOOK), [entry(1)])
    (source,) = side.config.sources
    at = NOW + timedelta(days=50)
    play = until(side.config, source, side.plays["blog"], at)
    fetched = Fetched("https://example.org/", 200, {}, b"later")

    play = after_body(side.config, source, play, fetched, reading(entry(1), entry(2)), at)

    assert [alert.change.key for alert in play.alerts] == ["https://example.org/2"]


def test_a_body_that_cannot_be_read_any_more_is_told_and_the_rest_goes_on() -> None:
    lost = Failure("empty", "no entries: the selector matched nothing")

    found = compare(played(config(), [entry(1)], [entry(1), entry(2)]), played(config(), [entry(1)], lost))

    (blog,) = found.sources
    assert [trouble.detail for trouble in blog.broken] == [lost.detail]
    assert titles(blog.disappear) == ["Entry 2"]
    assert blog.mended == ()


def test_a_body_that_is_doubted_is_told_and_believed_as_it_was_in_its_time() -> None:
    many = [entry(number) for number in range(1, 13)]
    nameless = [entry(number, "", link=f"https://example.org/{number}") for number in range(1, 13)]

    found = compare(played(config(), many, many), played(config(), many, nameless))

    (blog,) = found.sources
    assert [trouble.detail for trouble in blog.broken] == [
        "doubted: the title is missing, which nearly every entry had"
    ]


# --- with the command line and a real origin ------------------------------------------------------------

CONFIG = """
[feedwatch]
responses = {responses}
[network]
allow_hosts = ["127.0.0.1"]
per_host_pause = "0s"
[[source]]
id = "blog"
url = "{url}/posts"
headers = {{ Authorization = "Bearer canary-request" }}
select = {{ entry = "{entry}", title = "h2", link = "a@href", date = "time@datetime", category = ".tag" }}
{more}
"""
POST = (
    '<article class="{kind}"><h2><a href="/p/{n}">Post {n}{more}</a></h2>'
    '<time datetime="2024-10-0{n}">then</time><b class="tag">{tag}</b></article>'
)


def page(*posts: tuple[int, str, str], more: str = "") -> bytes:
    cards = "".join(POST.format(n=n, kind=kind, tag=tag, more=more) for n, kind, tag in posts)
    return f"<html><head><title>Blog</title></head><body>{cards}</body></html>".encode()


VERSIONS = (
    page((1, "post", "ML"), (2, "note", "Data")),
    page((3, "post", "Data"), (1, "post", "ML"), (2, "note", "Data")),
    page((4, "note", "ML"), (3, "post", "Data"), (1, "post", "ML"), (2, "note", "Data")),
)


def text(url: str, *, entry: str = "article", more: str = "", responses: int = 20) -> str:
    return CONFIG.format(url=url, entry=entry, more=more, responses=responses)


def polled(folder: Path, origin: Origin, config: str, versions: Sequence[bytes] = VERSIONS) -> Bench:
    bench = Bench(folder)
    bench.config(config)
    for number, body in enumerate(versions):
        headers = {"Set-Cookie": "sid=canary-answer", "Content-Type": "text/html", "ETag": f'"{number}"'}
        origin.serve("/posts", body=body, headers=headers)
        bench.run("poll")
    return bench


def kept(bench: Bench) -> list[Path]:
    return sorted((bench.state / "responses").rglob("*.gz"))


def files(folder: Path) -> dict[str, bytes]:
    return {str(path): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_a_changed_selector_alias_and_filter_show_entries_feeds_and_alerts(tmp_path: Path, origin: Origin) -> None:
    hook = f'[[alert]]\nid = "hook"\nwebhook = "{origin.url}/hook"\n'
    origin.serve("/hook", 204)
    bench = polled(tmp_path, origin, text(origin.url, more=hook))
    before, asked = files(bench.state), len(origin.requests)
    alias = '[category.machine-learning]\naliases = ["ML"]\n'
    new = text(origin.url, entry="article.post", more=hook + 'match = ["Post 4"]\n' + alias)
    (tmp_path / "new.toml").write_text(new, encoding="utf-8")

    told = bench.json("replay", "new.toml", "--since", "30d")

    assert (told["different"], told["responses"]) == (True, 3)
    (blog,) = told["sources"]
    assert [e["title"] for e in blog["disappear"]] == ["Post 2", "Post 4"]
    assert blog["appear"] == []
    feeds = {
        feed["feed"]: ([e["title"] for e in feed["come"]], [e["title"] for e in feed["go"]]) for feed in told["feeds"]
    }
    assert feeds == {
        "data": ([], ["Post 2"]),
        "machine-learning": (["Post 1"], []),
        "ml": ([], ["Post 1", "Post 4"]),
    }
    assert [(a["alert"], a["kind"], a["entry"]["title"]) for a in told["alerts"]["fewer"]] == [
        ("hook", "new", "Post 3"),
        ("hook", "new", "Post 4"),
    ]
    shown = bench.run("replay", "new.toml").stdout
    assert "  - Post 4  " in shown
    assert "    + Post 1  " in shown
    assert "  - hook  new  Post 3  " in shown
    assert files(bench.state) == before
    assert len(origin.requests) == asked


@pytest.mark.slow
def test_no_difference_says_so(tmp_path: Path, origin: Origin) -> None:
    bench = polled(tmp_path, origin, text(origin.url))
    (tmp_path / "new.toml").write_text(text(origin.url, more='title = "Another"'), encoding="utf-8")

    assert "no difference: the same entries, feeds and alerts" in bench.run("replay", "new.toml").stdout
    assert "nothing that concerns them differs" in bench.run("replay", "config.toml").stdout


@pytest.mark.slow
def test_only_bodies_that_were_read_are_kept(tmp_path: Path, origin: Origin) -> None:
    bench = polled(tmp_path, origin, text(origin.url), VERSIONS[:1])
    bench.run("poll")
    assert [asked.headers.get("if-none-match") for asked in origin.requests[-1:]] == ['"0"']
    origin.serve_in_turn("/posts", Answer(200, VERSIONS[0]), Answer(500, b"broken"), Answer(200, b"<html>nothing"))
    bench.run("poll")
    bench.run("poll", code=1)
    bench.run("poll", code=1)

    (one,) = kept(bench)
    assert gzip.decompress(one.read_bytes()).endswith(VERSIONS[0])


def test_no_cookie_and_no_login_is_kept(tmp_path: Path, origin: Origin) -> None:
    bench = polled(tmp_path, origin, text(origin.url))

    assert len(kept(bench)) == 3
    for path in kept(bench):
        assert b"canary" not in gzip.decompress(path.read_bytes())
    assert {asked.headers.get("authorization") for asked in origin.requests} >= {"Bearer canary-request"}


@pytest.mark.slow
def test_the_number_that_is_kept_is_configured(tmp_path: Path, origin: Origin) -> None:
    bench = polled(tmp_path, origin, text(origin.url, responses=2))
    assert len(kept(bench)) == 2

    bench.config(text(origin.url, responses=0))
    bench.run("poll")
    assert kept(bench) == []
    (tmp_path / "new.toml").write_text(text(origin.url, entry="article.post"), encoding="utf-8")
    assert "blog: no answers kept" in bench.run("replay", "new.toml").stdout


def test_a_damaged_file_is_skipped_with_a_word_and_a_leftover_one_without(tmp_path: Path, origin: Origin) -> None:
    bench = polled(tmp_path, origin, text(origin.url))
    middle = kept(bench)[1]
    middle.write_bytes(middle.read_bytes()[:-20])
    middle.with_name(f".{middle.name}.tmp").write_bytes(b"half")
    (tmp_path / "new.toml").write_text(text(origin.url, entry="article.post"), encoding="utf-8")

    done = bench.run("replay", "new.toml", "--json")

    assert done.stderr.count(middle.name) == 1
    assert "skipped, it is damaged" in done.stderr
    assert '"responses": 2' in done.stdout


def test_a_post_that_another_source_had_first_is_no_alert(tmp_path: Path, origin: Origin) -> None:
    copy = """[[source]]
id = "copy"
url = "{url}/copy"
select = {{ entry = "article", title = "h2", link = "a@href", date = "time@datetime" }}
"""
    two = text(origin.url, more=copy.format(url=origin.url))
    bench = Bench(tmp_path)
    bench.config(two)
    for path, body in (("/posts", VERSIONS[0]), ("/copy", VERSIONS[0])):
        origin.serve(path, body=body)
    bench.run("poll")
    for path in ("/posts", "/copy"):
        origin.serve(path, body=VERSIONS[1])
        bench.run("poll")
    hook = '[[alert]]\nid = "hook"\nwebhook = "https://hooks.example.org/x"\n'
    (tmp_path / "new.toml").write_text(two + hook, encoding="utf-8")

    more = bench.json("replay", "new.toml")["alerts"]["more"]

    assert [(alert["source"], alert["entry"]["title"]) for alert in more] == [("blog", "Post 3")]


def test_another_address_is_named_and_not_compared(tmp_path: Path, origin: Origin) -> None:
    bench = polled(tmp_path, origin, text(origin.url))
    new = text(origin.url).replace("/posts", "/news") + '[[source]]\nid = "fresh"\nurl = "https://example.org/"\n'
    (tmp_path / "new.toml").write_text(new, encoding="utf-8")

    told = bench.json("replay", "new.toml")

    assert (told["other_address"], told["without_responses"]) == (["blog"], ["fresh"])
    assert (told["different"], told["responses"]) == (False, 0)


def test_the_last_body_before_the_window_is_what_news_is_measured_by(tmp_path: Path, origin: Origin) -> None:
    hook = '[[alert]]\nid = "hook"\nwebhook = "http://127.0.0.1:9/"\nallow_private = true\n'
    bench = polled(tmp_path, origin, text(origin.url))
    for path, days in zip(kept(bench), (40, 35, 1), strict=True):
        at = datetime.now(NOW.tzinfo) - timedelta(days=days)
        path.rename(path.with_name(at.strftime("%Y%m%dT%H%M%S%fZ.gz")))
    (tmp_path / "new.toml").write_text(text(origin.url, more=hook), encoding="utf-8")

    told = bench.json("replay", "new.toml", "--since", "30d")

    assert told["responses"] == 2
    assert [alert["entry"]["title"] for alert in told["alerts"]["more"]] == ["Post 4"]


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        (("new.toml", "--since", "soon"), 2, 'write a duration, as in "30d"'),
        (("new.toml", "--since", "99999999999d"), 2, "write a duration"),
        (("missing.toml",), 78, "missing.toml: no such file"),
        ((), 2, "NEW_CONFIG"),
    ],
)
def test_what_cannot_be_tried_is_said(tmp_path: Path, arguments: tuple[str, ...], code: int, words: str) -> None:
    bench = Bench(tmp_path)
    bench.config(text("https://example.org"))
    (tmp_path / "new.toml").write_text(text("https://example.org"), encoding="utf-8")

    assert words in bench.run("replay", *arguments, code=code).stderr


def test_replay_works_beside_a_running_service(tmp_path: Path, origin: Origin) -> None:
    bench = polled(tmp_path, origin, text(origin.url))
    (tmp_path / "new.toml").write_text(text(origin.url, more='title = "Another"'), encoding="utf-8")

    with lock(bench.state / "lock"):
        assert "no difference" in bench.run("replay", "new.toml").stdout

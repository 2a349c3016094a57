"""Thirty days at a simulated publisher: is feedwatch a guest that publishers are glad of?

The table is printed with `python -m pytest -m slow -s tests/test_manners.py`.
"""

from __future__ import annotations

import asyncio
import shutil
from collections import Counter
from datetime import datetime, timedelta
from itertools import pairwise

import pytest
from origin import Answer
from publisher import DAY, HOUR, START, Seen, Visit, World, feed, http_date, live, packed, publishing

pytestmark = pytest.mark.slow

END = START + 30 * DAY
#: The last one is é in UTF-8, byte by byte.
ODD_TAGS = ("unquoted", '"a,b"', '"x-gzip"', '""', "\xc3\xa9")


def _build(world: World) -> None:
    """Each source has one habit, named by what is checked of it."""
    world.add("steady", lambda v: v.tagged(f'"v{v.day // 7}"', feed(1 + v.day // 7)))
    world.add("weak", lambda v: v.tagged(f'W/"v{v.day // 7}"', feed(1 + v.day // 7)))
    world.add("odd", lambda v: v.tagged(ODD_TAGS[v.day % 5], feed(1 + v.day)))
    world.add("latin", lambda v: v.tagged("\xe9\xff", feed(3)))
    world.add("dated", _dated)
    world.add("both", lambda v: v.tagged('"both"', feed(3), Last_Modified="yesterday, or so"))
    world.add("bare", lambda v: v.tagged(None, feed(3)), "")
    world.add("bare-hourly", lambda v: v.tagged(None, feed(3)))
    world.add("retagged", lambda v: Answer(200, feed(3), {"ETag": f'"{len(v.before)}"'}))
    world.add("stuck-tag", lambda v: Answer(200, feed(1 + len(v.before) % 9), {"ETag": '"same"'}))
    world.add("untagged", lambda v: Answer(200, feed(3 + v.day), {"ETag": '"1"'} if v.day < 2 else {}))
    world.add("torn", lambda v: Answer(200, feed(3)[:-20] if v.day == 5 else feed(3), {"ETag": f'"{v.day}"'}))
    world.add("fresh", lambda v: v.tagged('"f"', feed(3), Cache_Control="max-age=14400", Age="3600"))
    world.add("no-cache", lambda v: v.tagged('"n"', feed(3), Cache_Control="no-cache, max-age=14400"))
    world.add("expires", lambda v: v.tagged('"e"', feed(3), Date=http_date(v.at), Expires=http_date(v.at + 5 * HOUR)))
    world.add("for-ever", lambda v: v.tagged('"c"', feed(3), Cache_Control="max-age=999999999"))
    world.add("busy", lambda v: _busy(v, "7200"))
    world.add("busy-neighbour", lambda v: v.tagged('"b"', feed(3)), host="busy")
    world.add("busy-date", lambda v: _busy(v, http_date(v.at + 5 * HOUR)))
    world.add("busy-silent", lambda v: _busy(v, None))
    world.add("busy-garbage", lambda v: _busy(v, "-5"))
    world.add("busy-long", lambda v: _busy(v, str(20 * 86400)))
    world.add("down", lambda v: _busy(v, "10800", 503))
    world.add("gone", lambda v: Answer(410) if v.day >= 2 else v.tagged('"g"', feed(3)))
    world.add("missing", lambda v: Answer(404))
    world.add("broken", lambda v: Answer(500) if 3 <= v.day < 6 else v.tagged('"k"', feed(3)))
    world.add("moved", lambda v: Answer(301, headers={"Location": "/moved-to"}))
    world.paths[world.hosts["moved"], "/moved-to"] = lambda v: v.tagged('"to"', feed(3))
    world.add("elsewhere", lambda v: Answer(302, headers={"Location": "/elsewhere-to"}))
    world.paths[world.hosts["elsewhere"], "/elsewhere-to"] = lambda v: v.tagged('"to"', feed(3))
    world.add("mixed", lambda v: Answer(308, headers={"Location": "/mixed-home"}))
    world.paths[world.hosts["mixed"], "/mixed-home"] = lambda v: Answer(
        307, headers={"Location": f"/mixed-{v.day % 2}"}
    )
    for n in (0, 1):
        world.paths[world.hosts["mixed"], f"/mixed-{n}"] = lambda v: v.tagged('"m"', feed(3))
    world.add("circle", lambda v: Answer(301, headers={"Location": "/circle"}))
    world.add("login", lambda v: v.tagged('"l"', feed(3)) if v.day < 3 else Answer(301, headers={"Location": "/wall"}))
    world.paths[world.hosts["login"], "/wall"] = lambda v: Answer(
        200, b"<!doctype html><title>Log in</title><form><input type='password'></form>"
    )
    world.add(
        "back", lambda v: Answer(301, headers={"Location": "/back-to"}) if v.day < 10 else v.tagged('"o"', feed(3))
    )
    world.paths[world.hosts["back"], "/back-to"] = lambda v: Answer(404) if v.day >= 10 else v.tagged('"t"', feed(3))
    world.add("ttl", lambda v: v.tagged('"t"', feed(3, "<ttl>180</ttl>")))
    skip = "<skipHours>" + "".join(f"<hour>{n}</hour>" for n in range(6)) + "</skipHours>"
    world.add("nights", lambda v: v.tagged('"n"', feed(3, skip + "<skipDays><day>Sunday</day></skipDays>")))
    world.add("packed", lambda v: packed(v, f'"p{v.day // 7}"', feed(1 + v.day // 7)))
    world.add("huge", lambda v: Answer(200, b"x" * 10_500_000))
    page = b"<article><h2><a href='/a'>A</a></h2></article>"
    select = 'every = "6h"\nselect = { entry = "article" }'
    world.add("page", lambda v: v.tagged('"p"', page), select)
    world.add("forbidden", lambda v: v.tagged('"p"', page), select)
    world.add("paged", lambda v: _paged(v, 1), 'every = "6h"\npages = 5')
    for number in (2, 3):
        world.paths[world.hosts["paged"], f"/paged-{number}"] = lambda v, n=number: _paged(v, n)  # type: ignore[misc]
    world.paths[world.hosts["page"], "/robots.txt"] = lambda v: Answer(200, b"User-agent: *\nDisallow: /private")
    world.paths[world.hosts["forbidden"], "/robots.txt"] = lambda v: Answer(200, b"User-agent: *\nDisallow: /")


def _paged(v: Visit, number: int) -> Answer:
    """Three pages of three posts; on the tenth day six new ones have come."""
    newest = (9 if v.day < 10 else 15) - 3 * (number - 1)
    posts = "".join(
        f"<article><h2><a href='/post-{n}'>Post {n}</a></h2></article>" for n in range(newest, newest - 3, -1)
    )
    following = f"<a rel=next href='/paged-{number + 1}'>Older posts</a>" if number < 3 else ""
    return v.tagged(f'"{number}-{newest}"', f"<title>Blog</title><main>{posts}</main>{following}".encode())


def _dated(v: Visit) -> Answer:
    """A Last-Modified in the future and in no proper form."""
    stamp = f"Tomorrow-ish, version {v.day // 7}"
    if v.asked.headers.get("if-modified-since") == stamp:
        return Answer(304, headers={"Last-Modified": stamp})
    return Answer(200, feed(1 + v.day // 7), {"Last-Modified": stamp})


def _busy(v: Visit, retry_after: str | None, status: int = 429) -> Answer:
    """Every fifth visit is one too many."""
    if len(v.before) % 5 == 4:
        return Answer(
            status, headers={"Date": http_date(v.at), **({"Retry-After": retry_after} if retry_after else {})}
        )
    return v.tagged('"b"', feed(3))


def _gaps(seen: list[Seen]) -> list[timedelta]:
    return [later.at - earlier.at for earlier, later in pairwise(seen)]


def _after(seen: list[Seen], status: int) -> list[timedelta]:
    """The waits that followed answers of this status."""
    pairs = pairwise(seen)
    return [later.at - earlier.at for earlier, later in pairs if earlier.answer.status == status]


def _tags(seen: list[Seen]) -> list[tuple[str | None, str | None]]:
    """For each request but the first: the tag given before it, and the tag sent back."""
    pairs = pairwise(seen)
    return [(earlier.answer.headers.get("ETag"), later.asked.headers.get("if-none-match")) for earlier, later in pairs]


def _all_sent_back(seen: list[Seen]) -> bool:
    return len(seen) > 20 and all(given == sent for given, sent in _tags(seen))


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> World:
    """Thirty days have passed; on the third one the service was restarted a hundred times within an hour."""
    folder = tmp_path_factory.mktemp("manners")
    made = World()
    _build(made)
    with publishing(made):
        (folder / "config.toml").write_text(made.config())

        async def work() -> None:
            await live(made, folder, START + 3 * DAY)
            for n in range(100):
                made.now = START + 3 * DAY + n * HOUR / 100
                await live(made, folder, made.now + timedelta(seconds=1), one_round=True)
            made.now = START + 3 * DAY + HOUR
            await live(made, folder, END)

        asyncio.run(work())
    shutil.rmtree(folder)
    return made


def _scores(w: World) -> dict[str, bool]:
    """What the publisher saw, check by check. What needs other means has tests of its own, named in the docs."""
    steady, of = w.of("steady"), w.of
    everything = w.seen
    sent = [seen.asked.headers for seen in everything]
    feeds = [seen for seen in everything if seen.asked.path != "/robots.txt"]
    restarts = [s for s in everything if START + 3 * DAY <= s.at < START + 3 * DAY + HOUR]
    hourly = [gap for name in ("steady", "weak", "bare-hourly", "both") for gap in _gaps(of(name))]
    per_source = Counter((s.asked.headers["host"], s.asked.path) for s in restarts)
    moved, back = of("moved"), of("back")
    first_at_new = next(s for s in of("moved", "/moved-to"))
    adopted = [s for s in of("moved", "/moved-to") if s.at > START + 4 * DAY]
    return {
        "P1 adding a feed is one GET": all(
            Counter(s.at for s in of(n))[START] == 1 for n in ("steady", "weak", "bare", "ttl")
        )
        and not of("steady", "/robots.txt"),
        "P2 ETag sent back as it came": _all_sent_back(steady),
        "P3 weak ETag sent back with W/": _all_sent_back(of("weak")),
        "P4 odd ETags sent back verbatim": _all_sent_back(of("odd")),
        "P4 a tag that cannot be sent back is not made up": not any(
            "if-none-match" in s.asked.headers for s in of("latin")
        ),
        "P5 Last-Modified sent back verbatim": all(
            later.asked.headers.get("if-modified-since") == earlier.answer.headers["Last-Modified"]
            for earlier, later in pairwise(of("dated"))
        ),
        "P6 both, one or no validators as given": all(
            ("if-none-match" in s.asked.headers, "if-modified-since" in s.asked.headers) == (True, True)
            for s in of("both")[1:]
        )
        and not any("if-none-match" in s.asked.headers or "if-modified-since" in s.asked.headers for s in of("bare")),
        "P7 304 is enough": Counter(s.answer.status for s in steady)[200] == 5,
        "P8 a new ETag for the same body is kept": _all_sent_back(of("retagged")),
        "P9 a new body under an old ETag is read": len(of("stuck-tag")) > 600,
        "P10 validators that are no longer given are dropped": not any(
            "if-none-match" in s.asked.headers for s in of("untagged") if s.at > START + 3 * DAY + 2 * HOUR
        ),
        "P11 no validator comes back out of order": _all_sent_back(steady) and _all_sent_back(of("odd")),
        "P12 validators belong to their URL": not any("if-none-match" in s.asked.headers for s in moved)
        and "if-none-match" not in first_at_new.asked.headers,
        "P13 a torn body vouches for nothing": all(
            s.asked.headers.get("if-none-match") != '"5"' for s in of("torn") if (s.at - START).days == 5
        ),
        "P14 a restart asks conditionally, and not early": min(hourly) >= HOUR
        and all("if-none-match" in s.asked.headers for s in restarts if s.asked.path == "/steady"),
        "P15 100 restarts in an hour are one GET": max(per_source.values()) <= 2
        and per_source[steady[0].asked.headers["host"], "/steady"] <= 1,
        "P16 never more often than hourly": min(hourly) >= HOUR,
        "P17 six hours for who has no validator": min(_gaps(of("bare"))) >= 6 * HOUR
        and min(_gaps(of("bare-hourly"))) < 2 * HOUR,
        "P19 max-age less Age is waited for": min(_gaps(of("fresh"))) >= 3 * HOUR,
        "P20 no-cache asks for conditional requests only": max(_gaps(of("no-cache"))[:40]) < 2 * HOUR
        and _all_sent_back(of("no-cache")),
        "P21 Expires is relative to Date": min(_gaps(of("expires"))) >= 5 * HOUR,
        "P22 no header silences for ever": 3 <= len(of("for-ever")) <= 6,
        "P23 Retry-After in seconds": min(_after(of("busy"), 429)) >= 2 * HOUR,
        "P24 Retry-After as a date": min(_after(of("busy-date"), 429)) >= 5 * HOUR,
        "P25 429 without a word is four hours": min(_after(of("busy-silent"), 429)) >= 4 * HOUR,
        "P26 503 with Retry-After": min(_after(of("down"), 503)) >= 3 * HOUR,
        "P27 a long Retry-After is not cut": min(_after(of("busy-long"), 429)) >= 20 * DAY,
        "P28 it holds the whole host": _neighbour_waits(w),
        "P29 a Retry-After that is none is as P25": min(_after(of("busy-garbage"), 429)) >= 4 * HOUR,
        "P30 after 410 never again": sum(s.answer.status == 410 for s in of("gone")) == 1
        and of("gone")[-1].answer.status == 410,
        "P31 404 backs off to once a day": len(of("missing")) <= 36 and min(_gaps(of("missing"))[5:]) >= 24 * HOUR,
        "P32 5xx backs off": 5 <= sum(s.answer.status == 500 for s in of("broken")) <= 9,
        "P33 the first success resets": min(_after([s for s in of("broken") if s.at > START + 8 * DAY], 304))
        < 2 * HOUR,
        "P34 301 is adopted after days": START + 2 * DAY <= moved[-1].at < START + 3 * DAY and len(adopted) > 500,
        "P35 302 is never adopted": of("elsewhere")[-1].at > END - 2 * HOUR,
        "P36 only what is permanent first is adopted": of("mixed")[-1].at < START + 3 * DAY
        and of("mixed", "/mixed-home")[-1].at > END - 2 * HOUR,
        "P38 a circle backs off": len(of("circle")) <= 40,
        "P39 a login is never adopted": of("login")[-1].at > END - 26 * HOUR,
        "P40 the old address is asked when the new has nothing": back[-1].at > END - 2 * HOUR
        and back[-1].answer.status == 304,
        "P41 ttl is a floor": min(_gaps(of("ttl"))) >= 3 * HOUR,
        "P42 skipHours and skipDays in GMT": all(_allowed(s.at) for s in of("nights")[1:]),
        "P43 one honest User-Agent": len({h["user-agent"] for h in sent}) == 1
        and sent[0]["user-agent"].startswith("feedwatch/")
        and "+http" in sent[0]["user-agent"],
        "P44 Accept names feeds first": all(
            s.asked.headers["accept"].startswith("application/atom+xml, application/rss+xml") for s in feeds
        ),
        "P45 nothing that was not configured": not any({"cookie", "referer", "authorization"} & h.keys() for h in sent)
        and not any("?" in s.asked.path or "#" in s.asked.path for s in everything),
        "P46 gzip is asked for and undone": all("gzip" in h["accept-encoding"] for h in sent)
        and Counter(s.answer.status for s in of("packed"))[200] == 5,
        "P47 conditional requests work with gzip": _all_sent_back(of("packed")),
        "P49 a body over the limit backs off": len(of("huge")) <= 40,
        "P50 never Range": not any("range" in h for h in sent),
        "P51 further pages at first and after an absence only": len(of("paged")) > 100
        and [len(of("paged", f"/paged-{number}")) for number in (2, 3)] == [2, 2],
        "P52 robots.txt for pages only": len(of("page")) > 100
        and not of("forbidden")
        and len(of("page", "/robots.txt")) <= 34
        and not of("ttl", "/robots.txt"),
    }


def _neighbour_waits(w: World) -> bool:
    """No source of the host is asked before what one of them was told has passed."""
    host = f"{w.hosts['busy']}:{w.port}"
    until = START
    for seen in w.seen:
        if seen.asked.headers["host"] != host:
            continue
        if seen.at < until:
            return False
        if seen.answer.status == 429:
            until = seen.at + 2 * HOUR
    return until > START


def _allowed(at: datetime) -> bool:
    return at.hour >= 6 and at.weekday() != 6


@pytest.mark.timeout(800)
def test_thirty_days_at_a_publisher(world: World) -> None:
    scores = _scores(world)
    for check, passed in scores.items():
        print(f"{'ok  ' if passed else 'FAIL'} {check}")  # noqa: T201  (the table is what this is for)
    print(f"{sum(scores.values())} of {len(scores)}; {len(world.seen)} requests, {world.polled} polls")  # noqa: T201

    assert [check for check, passed in scores.items() if not passed] == []

"""The web pages: what they say, to whom, and that nothing which others wrote acts in them."""

from __future__ import annotations

import asyncio
import re
import time
from collections.abc import Iterator
from datetime import timedelta
from functools import cache
from pathlib import Path

import html5lib
import httpx
import pytest
import stores
from msgspec.structs import replace
from site_pages import NOW, Site, post, sources_toml
from starlette.routing import Route
from workbench import ROOT

from feedwatch import config as configuration
from feedwatch.errors import ConfigError
from feedwatch.model import About, Commit, Fetched, Followed, Incident, PollState, Rhythm, Text
from feedwatch.responses import Responses
from feedwatch.storethread import StoreThread
from feedwatch.web.assets import assets
from feedwatch.web.markup import readable
from feedwatch.web.plot import plot
from feedwatch.web.summaries import entry_id

TOKEN = "0123456789abcdef0123456789abcdef"


def row_of(site: Site, source: str, number: int) -> str:
    """The address of the page of an entry that `post` made."""
    known = site.store.known(source).entries
    row = next(row for row in known.values() if (row.entry.link or "").endswith(f"/{number}"))
    return f"/entries/{entry_id(source, row.atom_id)}"


def every_page(site: Site) -> Iterator[str]:
    """An address of each kind, and of each thing that is stored."""
    yield from ("/", "/categories", "/sources", "/deliveries", "/deliveries?status=dead", "/incidents", "/sources?q=x")
    yield from (f"/categories/{slug}" for slug in site.store.feeds())
    for source in site.config.sources[:9]:
        yield f"/sources/{source.id}"
        yield from (f"/entries/{entry_id(source.id, r.atom_id)}" for r in site.store.known(source.id).entries.values())


def words(answer: httpx.Response) -> str:
    """The text that a person sees, on one line."""
    body = re.sub(r"<(head|script)\b.*?</\1>", " ", answer.text, flags=re.S)
    tree = html5lib.parse(body, namespaceHTMLElements=False)
    return " ".join(" ".join(tree.itertext()).split())


# --- what they say -------------------------------------------------------------------------------------


def test_the_first_page_lists_each_category_with_its_newest_entries_and_addresses(tmp_path: Path) -> None:
    site = Site(tmp_path, sources_toml("blog"))
    site.reads("blog", post(1, "First one", categories=("Data", "Web")), post(2), post(3), post(4))
    site.publish()

    answer = site.get("/")

    for part in (
        'href="./categories/data"', "First one", "4 entries", "http://127.0.0.1:8080/feeds/data.atom",
        'href="./feeds/web.atom"', 'href="./feeds.opml"', 'href="./categories/web"',
    ):  # fmt: skip
        assert part in answer.text
    assert "Entry 4" not in answer.text.split('id="lately"')[0]


def test_the_first_page_tells_what_happened_lately(tmp_path: Path) -> None:
    site = Site(tmp_path, sources_toml("blog"))
    site.reads("blog", post(3), post(2))
    site.reads("blog", post(1, "Fresh", "Some words about this and that"), post(3), post(2))
    site.reads("blog", post(1, "Fresh", "Quite other words stand here since today"), post(3), post(2))
    site.incident(Incident("i", "network-down", "network", "Nothing.", site.now))

    lately = words(site.get("/")).split("What happened lately")[1]

    assert "One incident is open" in lately
    assert lately.index("Incident") < lately.index("Edited") < lately.index("New 2 h ago") < lately.index("Discovered")
    assert "and 1 more that was there already" in lately


def test_formats_are_offered_as_far_as_they_are_published(tmp_path: Path) -> None:
    site = Site(tmp_path, sources_toml("blog"))
    site.reads("blog", post(1))
    site.publish()

    assert 'href="./feeds/data.json" type="application/feed+json"' in site.get("/").text
    assert 'href="../feeds/data.json"' in site.get("/categories/data").text
    assert "feeds/data.rss" not in site.get("/").text


def test_a_category_is_read_as_a_blog_page_by_page(tmp_path: Path) -> None:
    site = Site(tmp_path, sources_toml("blog"))
    site.reads("blog", *(post(n, text=f"Words of {n}.") for n in range(1, 46)), about=About(title="A blog"))

    first, last = site.get("/categories/data"), site.get("/categories/data?page=3")

    assert re.findall(r"Words of (\d+)\.", first.text) == [str(n) for n in range(1, 21)]
    assert re.findall(r"Words of (\d+)\.", last.text) == [str(n) for n in range(41, 46)]
    assert "Page 1 of 3" in first.text
    assert 'href="?page=2" rel="next"' in first.text
    assert site.get("/categories/data?page=99").text == last.text
    assert site.get("/categories/data?page=-1;x").text == first.text


def test_a_category_says_how_many_entries_are_older_than_its_list(tmp_path: Path) -> None:
    site = Site(tmp_path, "[feedwatch]\nentries = 5\n" + sources_toml("blog"))
    site.reads("blog", *(post(n) for n in range(1, 31)))

    assert "10 entries more are older" in words(site.get("/categories/data"))


def test_the_page_of_a_renamed_category_is_still_found_under_its_former_name(tmp_path: Path) -> None:
    site = Site(tmp_path, '[category.data]\nwas = ["numbers"]\n' + sources_toml("blog"))
    site.reads("blog", post(1))

    assert "Entry 1" in site.get("/categories/numbers").text


def test_an_entry_shows_its_text_its_whole_history_and_its_edits_both_ways(tmp_path: Path) -> None:
    site = Site(tmp_path, sources_toml("blog", more=stores.ALERTS))
    site.reads("blog", post(2))
    site.reads("blog", post(1, "Title", "One two three four five", html="<p>The <b>text</b></p>"), post(2))
    site.reads("blog", post(1, "Title", "One two three seven eight", html="<p>The <b>text</b></p>"), post(2))

    answer = site.get(row_of(site, "blog", 1))

    assert "<p>The <b>text</b></p>" in answer.text
    assert re.search(r"One two three <del>four five</del>\s*<ins>seven eight</ins>", answer.text)
    before, after = re.findall(r"<h5>(?:Before|After)</h5><p dir=\"auto\">\s*(.*?)\s*</p>", answer.text, re.S)
    assert (before, after) == ("One two three <del>four five</del>", "One two three <ins>seven eight</ins>")
    told = words(answer)
    assert told.index("Edited (major), revision 2") < told.index("New 2 h ago")
    assert "team-hook pending" in told
    assert 'editors not told: it is told of edited, and this is "new" (when)' in told


def test_an_entry_says_where_each_part_of_it_comes_from(tmp_path: Path) -> None:
    toml = (
        '[[source]]\nid = "shop"\nurl = "https://shop.example.org/"\ncategories = ["Tools"]\n'
        '[source.select]\nentry = "article"\ntitle = "h3"\nlink = "a@href"\n'
    )
    site = Site(tmp_path, toml + sources_toml("blog"))
    site.reads("shop", replace(post(1, site="shop", categories=("Tools",)), published=None))
    site.reads("blog", post(1))

    shop, blog = words(site.get(row_of(site, "shop", 1))), words(site.get(row_of(site, "blog", 1)))

    assert "Entry 1 by the selector h3" in shop
    assert "by the selector a@href" in shop
    assert "Tools found beside what the configuration names; Tools: given by the configuration" in shop
    assert "its source does not say: when it was first seen" in shop
    assert "2024-10-31 the feed's own" in blog


def test_a_text_from_the_entrys_own_page_says_so(tmp_path: Path) -> None:
    site = Site(tmp_path, sources_toml("blog") + "follow = true\n")
    text = replace(post(1, html="<p>whole</p>"), canonical="https://blog.example.org/its-own")
    site.reads("blog", text)
    (known,) = site.store.known("blog").entries.values()
    followed = replace(known, followed=Followed(NOW, read_as="v1"))
    site.store.commit(Commit("blog", "c", About(), (followed,)))

    told = words(site.get(row_of(site, "blog", 1)))

    assert "12 characters of HTML from the entry's own page" in told
    assert "https://blog.example.org/its-own from the entry's own page" in told
    assert "Its entries' own pages" in words(site.get("/sources/blog"))


def test_a_post_in_two_sources_says_who_gave_what(tmp_path: Path) -> None:
    site = Site(tmp_path, sources_toml("blog", "planet"))
    shared = "https://blog.example.org/shared"
    site.reads("blog", post(1, "Shared", categories=("Data",), link=shared), about=About(title="The blog"))
    site.reads(
        "planet", post(7, "Shared", "From the planet", categories=("Web",), link=shared), about=About(title="Planet")
    )
    (known,) = site.store.known("planet").entries.values()

    told = words(site.get(f"/entries/{entry_id('planet', known.atom_id)}"))

    assert "Planet: the feed's own" in told
    assert "The blog: the feed's own" in told
    assert "The same post elsewhere The blog" in told


def test_an_entry_that_was_withdrawn_or_has_no_text_says_so(tmp_path: Path) -> None:
    site = Site(tmp_path, sources_toml("blog"))
    site.reads("blog", *(post(n) for n in range(1, 9)))
    for _ in range(3):
        site.reads("blog", *(post(n) for n in range(1, 9) if n != 2))

    gone = words(site.get(row_of(site, "blog", 2)))

    assert "Its source took it back" in gone
    assert "Its source gives no text." in gone


def test_the_table_of_sources_says_how_each_is_doing_and_what_to_do(tmp_path: Path) -> None:
    site = stores.ordinary(tmp_path)

    answer = site.get("/sources")
    told = words(answer)

    assert told.index("The releases blog") < told.index("The design blog") < told.index("The engineering blog")
    assert "HTTP 403 Forbidden" in told
    assert "give it user and password, bearer, cookies or headers" in told
    assert "run: feedwatch accept design" in told
    assert "75%" in told
    assert '<path d="M' in answer.text
    assert "25 entries in the last year" in told


@pytest.mark.parametrize(
    ("query", "shown"),
    [
        ("", {"releases", "design", "quiet", "engineering", "research"}),
        ("?status=failing", {"releases"}),
        ("?status=doubted", {"design"}),
        ("?q=RESEARCH+example", {"research"}),
        ("?q=nobody", set()),
        ("?status=bogus&q=", {"releases", "design", "quiet", "engineering", "research"}),
    ],
)
def test_sources_are_found_by_status_and_by_words(tmp_path: Path, query: str, shown: set[str]) -> None:
    text = stores.ordinary(tmp_path).get(f"/sources{query}").text

    assert set(re.findall(r'href="\./sources/([a-z]+)"', text)) == shown


@pytest.mark.parametrize(
    ("state", "said"),
    [
        (PollState(gone=True, failures=1, error="HTTP 410", last_poll=NOW), "gone for good"),
        (PollState(failures=1, error="timed out", last_poll=NOW), "failed last time"),
        (PollState(last_poll=NOW, rhythm=Rhythm(timedelta(days=1), NOW - timedelta(days=40))), "unusually quiet"),
        (PollState(), "not polled yet"),
        (PollState(last_poll=NOW, http_status=404, failures=3, error="HTTP 404"), "Perhaps it has moved"),
        (PollState(last_poll=NOW, http_status=429, failures=3, error="HTTP 429"), 'every = "6h"'),
        (PollState(last_poll=NOW, http_status=503, failures=3, error="HTTP 503"), "Its server has trouble"),
        (PollState(last_poll=NOW, failures=3, error="no route"), "open its address in a browser"),
    ],
)
def test_each_state_of_a_source_has_its_words(tmp_path: Path, state: PollState, said: str) -> None:
    site = Site(tmp_path, sources_toml("blog"))
    site.store.remember("blog", state)

    assert said in words(site.get("/sources"))
    assert said in words(site.get("/sources/blog"))


def test_the_page_of_a_source_shows_its_contract_rule_incidents_and_last_responses(tmp_path: Path) -> None:
    site = Site(tmp_path, sources_toml("blog"))
    site.reads("blog", *(post(n, author="Ada" if n % 2 else "") for n in range(1, 41)), about=About(title="A blog"))
    state = replace(site.store.state("blog"), rule=("main > article",))
    site.store.remember("blog", state)
    site.incident(Incident("a", "source-failing", "blog", "It failed.", NOW, NOW))
    site.incident(Incident("b", "host-failing", "blog.example.org", "The host failed.", NOW, NOW))
    site.incident(Incident("c", "source-failing", "other", "Another failed.", NOW))
    fetched = Fetched("https://blog.example.org/feed", 200, {"content-type": "text/xml"}, b"<rss/>")

    Responses(tmp_path, 5, str).keep(site.config.sources[0], fetched, NOW, changed=True)
    told = words(site.get("/sources/blog"))

    assert "an author 50%" in told
    assert "main > article" in told
    assert "It failed." in told
    assert "The host failed." in told
    assert "Another failed." not in told
    assert "text/xml" in told
    assert "40, of which 30 were answered by 304" in told
    assert "Page 1 of 2" in told
    assert "Entry 40" in words(site.get("/sources/blog?page=2"))


def test_deliveries_are_listed_by_alert_the_dead_ones_with_their_reason(tmp_path: Path) -> None:
    site = stores.ordinary(tmp_path)

    pending, dead = words(site.get("/deliveries")), words(site.get("/deliveries?route=team-hook&status=dead"))

    assert "team-hook webhook to hooks.example.org edited, new 4 due now 2" in pending
    assert "a-token-that-nobody-may-see" not in site.get("/deliveries").text
    assert dead.count("HTTP 500 from hooks.example.org") == 2
    assert "editors" not in dead.split("Dead letters: team-hook")[1]
    assert words(site.get("/deliveries?route=<x>")) == pending


def test_deliveries_are_paged_over_sources_without_one_twice_or_missing(tmp_path: Path) -> None:
    ids = [f"s{n}" for n in range(7)]
    site = Site(tmp_path, sources_toml(*ids, more=stores.ALERTS))
    for one in ids:
        posts = [post(n, f"{one} post {n}.", site=one) for n in range(1, 9)]
        site.reads(one, posts[-1])
        site.reads(one, *posts)

    seen: list[str] = []
    for page in (1, 2, 3):
        seen += re.findall(r"(s\d post \d)\.", site.get(f"/deliveries?page={page}").text)

    assert sorted(seen) == sorted(f"{one} post {n}" for one in ids for n in range(1, 8))


def test_incidents_are_listed_the_open_ones_first(tmp_path: Path) -> None:
    told = words(stores.ordinary(tmp_path).get("/incidents"))

    assert (
        told.index("Open") < told.index('The source "releases" fails') < told.index("Over") < told.index("Nothing can")
    )


@pytest.mark.parametrize("path", ["/", "/sources", "/sources/blog", "/deliveries", "/incidents", "/categories"])
def test_a_store_with_nothing_in_it_says_what_will_be_there(tmp_path: Path, path: str) -> None:
    answer = stores.empty(tmp_path).get(path)

    assert answer.status_code == 200
    assert re.search(r"None|Nothing|No category|not polled yet|Nobody", words(answer))


def test_a_page_shows_an_edit_as_soon_as_it_is_stored(tmp_path: Path) -> None:
    site = Site(tmp_path, sources_toml("blog"))
    site.reads("blog", post(1, "Before"))
    thread = StoreThread(site.store)
    pages = site.pages(thread)

    async def home() -> str:
        home = next(route for route in pages.routes() if route.path == "/")
        async with httpx.AsyncClient(transport=httpx.ASGITransport(home.app), base_url="http://x") as client:
            return (await client.get("/")).text

    assert "Before" in asyncio.run(home())
    site.reads("blog", post(1, "Afterwards it had another title"))
    assert "Afterwards it had another title" in asyncio.run(home())
    thread.close()


def test_what_cannot_be_read_is_said_in_a_sentence(tmp_path: Path) -> None:
    site = Site(tmp_path, sources_toml("blog", "news"))
    site.reads("blog", post(1))
    site.reads("news", post(2))
    site.store.close()
    for path in (tmp_path / "sources").glob("blog.json*"):
        path.write_bytes(b"{")
    damaged = Site(tmp_path, sources_toml("blog", "news"))

    answer = damaged.get("/sources/blog")

    assert (answer.status_code, answer.headers["content-type"]) == (503, "text/plain; charset=utf-8")
    assert damaged.get("/").status_code == 200
    assert damaged.get("/sources").status_code == 200
    assert "Entry 2" in damaged.get("/categories/data").text


# --- plots and texts -----------------------------------------------------------------------------------


def test_the_plot_has_a_bar_for_each_week_that_had_an_entry() -> None:
    found = plot([NOW, NOW, NOW - timedelta(days=8), NOW - timedelta(days=400)], 4, NOW)

    assert found.path == "M200 24v-12h3v12zM204 24v-24h3v24z"
    assert (found.count, found.unknown) == (3, 0)


def test_the_plot_does_not_pretend_to_know_what_is_not_at_hand() -> None:
    found = plot([NOW - timedelta(days=n) for n in range(14)], 900, NOW)

    assert found.unknown == 50 * 4
    assert found.words == "at least 14 entries in the last year"
    assert plot([], 0, NOW).words == "0 entries in the last year"
    assert plot([NOW + timedelta(days=90)], 1, NOW).count == 1


@pytest.mark.parametrize(
    ("markup", "shown"),
    [
        ('<p>A <img src="https://e.example/p.png" alt="A dog"> b</p>',
         '<p>A <a href="https://e.example/p.png">[picture: A dog]</a> b</p>'),
        ('<a href="https://e.example/"><img src="https://e.example/p.png"></a>',
         '<a href="https://e.example/"><em>[picture]</em></a>'),
        ('<video poster="https://e.example/p"><source src="https://e.example/v.mp4"></video>',
         '<a href="https://e.example/v.mp4">[video]</a>'),
        ('<picture><source srcset="https://e.example/a 2x"><img src="https://e.example/b"></picture>',
         '<picture><a href="https://e.example/b">[picture]</a></picture>'),
        ("<script>alert(1)</script><p onclick=x style=y>ok</p>", "<div><p>ok</p></div>"),
    ],
)  # fmt: skip
def test_others_html_loads_nothing(markup: str, shown: str) -> None:
    assert shown in readable(Text(markup, "html"), None)


def test_plain_text_is_escaped_and_keeps_its_paragraphs() -> None:
    assert (
        readable(Text("a < b\n\n<b>c</b>"), None) == '<p dir="auto">a &lt; b</p><p dir="auto">&lt;b&gt;c&lt;/b&gt;</p>'
    )


# --- who may look, and what may act --------------------------------------------------------------------


@pytest.fixture(scope="module")
def hostile(tmp_path_factory: pytest.TempPathFactory) -> Site:
    return stores.hostile(tmp_path_factory.mktemp("hostile"))


_ACTIVE = {"script", "iframe", "object", "embed", "base", "style", "template", "frame", "applet", "math"}


def test_s13_nothing_that_a_source_a_server_or_a_receiver_wrote_acts_on_any_page(hostile: Site) -> None:
    shown = 0
    for path in every_page(hostile):
        answer = hostile.get(path)
        assert answer.status_code == 200, path
        tree = html5lib.parse(answer.text, namespaceHTMLElements=False)
        scripts = [element.get("src", "") for element in tree.iter("script")]
        assert len(scripts) <= 1, path
        assert all(re.fullmatch(r"\.{1,2}/static/page\.[0-9a-f]{12}\.js", src) for src in scripts), path
        for element in tree.iter():
            if not isinstance(element.tag, str) or element.tag == "DOCUMENT_FRAGMENT":
                continue
            assert element.tag not in _ACTIVE or element.tag == "script", (path, element.tag)
            for name, value in element.attrib.items():
                address = "".join(str(value).split()).lower()
                assert not name.startswith("on"), (path, name)
                assert name not in ("style", "srcdoc", "formaction", "http-equiv"), (path, name)
                if name in ("href", "src", "action"):
                    assert not address.startswith(("javascript:", "data:", "vbscript:", "//")), (path, address)
                if name == "id":
                    assert re.fullmatch(r"[a-z]+", value), (path, value)
        shown += "alert(1)" in words(answer)
    assert shown > 20, "the payloads are shown as text, not stripped"


def test_s13_every_page_forbids_scripts_of_others_and_pages_with_others_html_all_scripts(hostile: Site) -> None:
    for path in every_page(hostile):
        answer = hostile.get(path)
        policy = {part.split()[0]: part.split()[1:] for part in answer.headers["content-security-policy"].split(";")}
        assert policy["default-src"] == ["'none'"]
        assert policy["style-src"] == ["'self'"]
        assert policy["frame-ancestors"] == ["'none'"]
        assert policy["base-uri"] == ["'none'"]
        if path.startswith("/entries/"):
            assert "script-src" not in policy
            assert "allow-scripts" not in policy["sandbox"]
        else:
            assert policy["script-src"] == ["'self'"]
        assert answer.headers["x-content-type-options"] == "nosniff"
        assert answer.headers["referrer-policy"] == "no-referrer"


def test_pages_load_nothing_from_elsewhere_and_set_no_cookie(hostile: Site) -> None:
    for path in every_page(hostile):
        answer = hostile.get(path)
        tree = html5lib.parse(answer.text, namespaceHTMLElements=False)
        loaded = [e.get("src") for e in tree.iter() if isinstance(e.tag, str) and e.get("src")]
        loaded += [e.get("href") for e in tree.iter("link") if e.get("rel") in ("stylesheet", "icon", "preload")]
        assert all(re.match(r"\.{1,2}/static/", str(one)) for one in loaded), path
        assert "set-cookie" not in answer.headers


def test_s22_errors_are_plain_text_that_repeats_nothing(hostile: Site) -> None:
    for path in (
        "/entries/<script>alert(1)</script>", "/entries/evil.<img>", "/entries/nobody.x", "/categories/nothing-here",
        "/sources/nobody", "/sources/<x>", "/categories/", "/sources/",
        "http://feeds.example//evil.example/", "/entries/", "/static/x.css",
    ):  # fmt: skip
        answer = hostile.get(path)
        assert answer.status_code == 404, path
        assert answer.headers["content-type"].startswith("text/plain"), path
        assert "<" not in answer.text
        assert "location" not in answer.headers


def test_s21_pages_answer_to_get_and_head_only(tmp_path: Path) -> None:
    site = stores.empty(tmp_path)
    thread = StoreThread(site.store)
    routes = site.pages(thread).routes()
    thread.close()

    assert all(isinstance(route, Route) and route.methods == {"GET", "HEAD"} for route in routes)
    for method in ("POST", "PUT", "DELETE", "PATCH"):
        assert site.get("/sources", method).status_code == 405
    head = site.get("/sources", "HEAD")
    assert (head.status_code, head.content) == (200, b"")


@cache
def _guarded_toml(base: str = "http://127.0.0.1:8080") -> str:
    return f'[feedwatch]\nbase_url = "{base}"\n[web]\ntoken = "{TOKEN}"\n' + sources_toml("blog")


def test_s21_with_a_token_nothing_is_shown_without_it_but_the_style(tmp_path: Path) -> None:
    site = Site(tmp_path, _guarded_toml())
    site.reads("blog", post(1, "Secret words"))
    site.publish()
    paths = [
        *every_page(site),
        "/feeds/all.atom",
        "/feeds.opml",
        "/index.html",
        "/healthz",
        "/healthz/blog",
        "/metrics",
    ]
    wrong: list[tuple[str, dict[str, str] | None, dict[str, str] | None]] = [
        ("", None, None),
        ("?token=", None, None),
        (f"?token={TOKEN[:-1]}", None, None),
        ("", {"Authorization": f"Bearer {TOKEN}x"}, None),
        ("", {"Authorization": f"Basic {TOKEN}"}, None),
        ("", {"X-Forwarded-For": "127.0.0.1", "Forwarded": "for=127.0.0.1"}, None),
        ("", None, {"feedwatch": TOKEN}),
    ]

    for path in [*paths, "/no-such-page", "/static/../sources"]:
        for query, headers, cookies in wrong:
            answer = site.get(path.partition("?")[0] + query, headers=headers, cookies=cookies)
            assert answer.status_code == 401, path
            assert "Secret words" not in answer.text
            assert answer.headers["www-authenticate"].startswith("Bearer")
            assert "set-cookie" not in answer.headers
        assert site.get(path, headers={"Authorization": f"Bearer {TOKEN}"}).status_code in (200, 404, 503)
    for asset in assets().values():
        assert site.get(f"/{asset.path}").status_code == 200


def test_the_token_in_an_address_is_enough_once_and_then_a_cookie_that_no_script_and_no_other_site_has(
    tmp_path: Path,
) -> None:
    site = Site(tmp_path, _guarded_toml())
    first = site.get(f"/?token={TOKEN}")
    cookie = first.headers["set-cookie"]
    name, _, value = cookie.partition(";")[0].partition("=")

    assert first.status_code == 200
    assert "location" not in first.headers
    assert first.headers["cache-control"] == "private, no-cache"
    assert {part.strip() for part in cookie.split(";")[1:]} == {
        "Path=/", "Max-Age=2592000", "HttpOnly", "SameSite=Strict",
    }  # fmt: skip
    assert TOKEN not in cookie
    assert TOKEN not in first.text
    assert site.get("/sources", cookies={name: value}).status_code == 200
    assert (
        "; Secure"
        in Site(tmp_path / "s", _guarded_toml("https://f.example")).get(f"/?token={TOKEN}").headers["set-cookie"]
    )


def test_a_feed_reader_gets_a_guarded_feed_by_the_token_in_its_address(tmp_path: Path) -> None:
    site = Site(tmp_path, _guarded_toml())
    site.reads("blog", post(1))
    site.publish()

    answer = site.get(f"/feeds/data.atom?token={TOKEN}")

    assert answer.status_code == 200
    assert answer.headers["content-type"].startswith("application/atom+xml")


def test_a_private_feed_has_a_token_of_its_own_and_stands_on_no_page(tmp_path: Path) -> None:
    own = "a-token-of-the-feed-0123456789"
    toml = f'[[feed]]\nid = "ours"\ntitle = "Only ours"\nsources = ["blog"]\ntoken = "{own}"\n'
    site = Site(tmp_path, _guarded_toml() + toml)
    site.reads("blog", post(1))
    (site.public / "private").mkdir(parents=True)
    (site.public / "private" / f"{own}.atom").write_text("<feed/>")
    bearer = {"Authorization": f"Bearer {TOKEN}"}

    assert site.get(f"/private/{own}.atom").status_code == 200
    for path in ("/private/", "/private/x.atom", "/private/../feeds.opml", "/private/%2e%2e/index.html"):
        assert site.get(path).status_code in (401, 404)
    for path in every_page(site):
        assert own not in site.get(path, headers=bearer).text
        assert "Only ours" not in site.get(path, headers=bearer).text
    assert site.get("/categories/ours", headers=bearer).status_code == 404


@pytest.mark.parametrize("token", ["short", "", "sixteen letters and spaces", "ümläute-ümläute-ümläute"])
def test_a_token_that_could_be_guessed_or_mangled_is_refused(token: str) -> None:
    with pytest.raises(ConfigError, match="at least 16"):
        configuration.parse(f'[web]\ntoken = "{token}"\n' + sources_toml("blog"), Path("/c.toml"), {})


def test_a_token_is_a_secret_in_logs_and_reprs() -> None:
    config = configuration.parse('[web]\ntoken = "${T}"\n' + sources_toml("blog"), Path("/c.toml"), {"T": TOKEN})

    assert config.web_token == TOKEN
    assert TOKEN in config.secrets
    assert TOKEN not in repr(config)


def test_secrets_in_an_address_are_hidden_on_the_pages(tmp_path: Path) -> None:
    toml = (
        '[[source]]\nid = "api"\nurl = "https://api.example.org/posts?key=s3cr3t-k3y-of-ours"\n'
        'bearer = "s3cr3t-bearer"\n'
        'proxy = "http://user:s3cr3t-proxy@proxy.example:3128"\nheaders = { X-Key = "s3cr3t-k3y-of-ours" }\n'
    )
    site = Site(tmp_path, toml)
    site.fails("api", "it failed")

    for path in ("/sources", "/sources/api", "/sources?q=s3cr3t"):
        assert "s3cr3t-" not in site.get(path).text
    assert "Authorization, X-Key (hidden)" in words(site.get("/sources/api"))


# --- as files, and fast --------------------------------------------------------------------------------


def test_what_pages_load_carries_its_hash_and_may_be_kept_for_ever(tmp_path: Path) -> None:
    site = stores.empty(tmp_path)
    page = site.get("/sources").text

    for asset in assets().values():
        answer = site.get(f"/{asset.path}")
        assert answer.headers["cache-control"] == "public, max-age=31536000, immutable"
        assert answer.headers["content-type"] == asset.media_type
        assert re.fullmatch(r"static/[a-z]+\.[0-9a-f]{12}\.(css|js|svg)", asset.path)
        assert asset.path in page


def test_pages_work_below_any_prefix(tmp_path: Path) -> None:
    """Behind a proxy that serves them below /feeds/: every address of ours is relative."""
    site = stores.ordinary(tmp_path)
    for path in list(every_page(site))[:30]:
        depth = path.partition("?")[0].count("/") - 1
        start = "./" if depth == 0 else "../" * depth
        for address in re.findall(r'(?:href|src|action)="([^"]*)"', site.get(path).text):
            assert address.startswith((start, "?", "#", "https://")), (path, address)


def test_the_templates_say_nothing_safe_but_what_was_cleaned() -> None:
    marked = [
        (path.name, line.strip())
        for path in (ROOT / "feedwatch" / "web" / "templates").iterdir()
        for line in path.read_text("utf-8").splitlines()
        if re.search(r"\|\s*safe|autoescape|Markup", line)
    ]

    assert [(name, re.findall(r"\{\{ ([\w.]+)\|safe", line)) for name, line in marked] == [
        ("entry.html.j2", ["found.html"])
    ]


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_every_page_takes_less_than_50_ms_at_ten_thousand_sources(tmp_path: Path) -> None:
    site = stores.large(tmp_path)
    thread = StoreThread(site.store)
    app = next(route for route in site.pages(thread).routes()).app
    assert app is not None
    slow = []

    async def work() -> None:
        from feedwatch.web import application

        pages = site.pages(thread)
        transport = httpx.ASGITransport(app=application(site.public, site.observe, pages))
        async with pages.warm(), httpx.AsyncClient(transport=transport, base_url="http://x") as client:
            await client.get("/")
            (one,) = site.store.places("category-7")[:1]
            entry = site.store.known(one[0]).entries[one[1]].atom_id
            for path in (
                "/", "/categories", "/categories/all", "/categories/category-7", "/sources", "/sources?page=150",
                "/sources?status=failing&page=3", "/sources?q=number+77", "/sources/source-00777", "/deliveries",
                "/deliveries?status=dead", "/incidents", f"/entries/{entry_id(one[0], entry)}",
            ):  # fmt: skip
                took = []
                for _ in range(5):
                    # Of this process alone: what else the machine does is not the pages' fault.
                    began = time.process_time()
                    answer = await client.get(path)
                    took.append(time.process_time() - began)
                    assert answer.status_code == 200, path
                best = sorted(took)[2]
                print(f"{path}: first {took[0] * 1000:.0f} ms, then {best * 1000:.0f} ms, {len(answer.content)} bytes")  # noqa: T201
                if best > 0.05:
                    slow.append((path, best))

    asyncio.run(work())
    thread.close()
    assert slow == []

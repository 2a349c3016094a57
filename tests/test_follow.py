"""Entries are followed to their own pages: the whole text, where it stands, and whether it still does."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from datetime import datetime, timedelta
from pathlib import Path

import pytest
from make import CATEGORIES, EDITS, NOW, History, after, entry
from msgspec.structs import replace
from origin import Origin
from reading import Inline

from feedwatch import config as configuration
from feedwatch.app import App, open_app
from feedwatch.differ.diff import Diff
from feedwatch.differ.followed import Look, due, first_due, looked, next_look
from feedwatch.errors import ReadError
from feedwatch.model import Article, KnownEntry, SourceReport, Text
from feedwatch.readers.article import read_article

HOUR, DAY = timedelta(hours=1), timedelta(days=1)
WORDS = "The cache was cold at every start, so each request went to the disk and waited there with all the others."


def page(title: str, *paragraphs: str, head: str = "") -> bytes:
    text = "".join(f"<p>{paragraph}</p>" for paragraph in paragraphs)
    return (
        f"<html lang='en'><head><title>{title} - Blog</title>{head}</head><body><nav><a href='/'>Home</a></nav>"
        f"<main><article><h1>{title}</h1>{text}</article></main><footer>About us</footer></body></html>"
    ).encode()


# --- what a page says -------------------------------------------------------------------------------------------------


def article(body: bytes, title: str = "Warm starts") -> Article:
    return read_article(body, url="https://example.org/warm", headers={}, title=title)


def test_the_text_of_a_page_is_without_its_furniture_and_its_title_once_more() -> None:
    found = article(page("Warm starts", WORDS, f"It is warm now. <a href='/more' onclick='x()'>More</a> {WORDS}"))

    assert "waited there" in found.text.value
    assert '<a href="https://example.org/more">More</a>' in found.text.value
    for gone in ("Home", "About us", "Warm starts", "onclick"):
        assert gone not in found.text.value


def test_a_page_says_where_it_stands() -> None:
    assert article(page("Warm starts", WORDS, head="<link rel='canonical' href='/blog/warm'>")).canonical == (
        "https://example.org/blog/warm"
    )
    # A template that names the front page on every page.
    assert article(page("Warm starts", WORDS, head="<link rel='canonical' href='/'>")).canonical is None
    assert article(page("Warm starts", WORDS)).canonical is None


@pytest.mark.parametrize(
    ("body", "kind"),
    [
        (page("Page not found", "There is nothing here."), "soft-404"),
        (page("Just a moment...", "Checking your browser."), "blocked"),
        (page("Ten other things", WORDS), "soft-404"),
        (b"%PDF-1.4 \xff\xfe\x00", "soft-404"),
        (b"", "unreadable"),
    ],
)
def test_another_page_is_not_taken_for_the_entrys(body: bytes, kind: str) -> None:
    with pytest.raises(ReadError) as raised:
        article(body)

    assert raised.value.kind == kind


def test_a_title_that_the_listing_cuts_short_is_still_the_pages() -> None:
    assert article(page("Warm starts and what they cost us in the end", WORDS), "Warm starts and what they…")


# --- when to look, and what a look means ------------------------------------------------------------------------------


class Followed(History):
    """A source whose entries' pages are looked at."""

    def looks(self, **pages: Look | str) -> Diff:
        """Each page as it is now; a text is that of an article."""
        pairs = [(self.row(f"https://example.org/{name[1:]}"), _look(look)) for name, look in pages.items()]
        found = looked(self.known, pairs, slugs_of=CATEGORIES.resolve, rules=EDITS, now=self.now)
        self.known = after(self.known, found)
        self.now += HOUR
        return found

    def text(self, number: int) -> str:
        content = self.row(f"https://example.org/{number}").entry.content
        return content.value if content else ""


def _look(look: Look | str) -> Look:
    return Look(Article(Text(look, "html"), None, "1/1")) if isinstance(look, str) else look


def told(found: Diff) -> list[tuple[str, str | None]]:
    return [(change.kind, change.size) for change in found.changes]


@pytest.fixture
def source() -> Followed:
    source = Followed()
    source.reads(entry(3), entry(2), entry(1))
    return source


def test_the_first_text_of_a_page_is_no_edit_and_later_listings_do_not_take_it_away(source: Followed) -> None:
    assert told(source.looks(_3=WORDS)) == []
    assert told(source.reads(entry(3), entry(2), entry(1))) == []

    assert source.text(3) == WORDS


def test_a_page_that_reads_differently_is_an_edit_with_its_size(source: Followed) -> None:
    source.looks(_3=WORDS)
    before = source.row("https://example.org/3").updated

    assert told(source.looks(_3=WORDS.replace("cold", "could"))) == [("edited", "minor")]
    assert source.row("https://example.org/3").updated == before
    assert told(source.looks(_3=f"{WORDS} Since May it is warmed up first, by the last hour's requests.")) == [
        ("edited", "major")
    ]
    assert source.row("https://example.org/3").updated > before


def test_what_another_version_reads_from_the_same_page_is_no_edit(source: Followed) -> None:
    source.looks(_3=WORDS)

    found = source.looks(_3=Look(Article(Text(f"By Ada. {WORDS} Share this page with your friends!"), None, "2/1")))

    assert told(found) == []
    assert "By Ada" in source.text(3)


def test_when_all_pages_read_much_differently_the_site_has_changed_and_not_its_posts(source: Followed) -> None:
    source.looks(_1=WORDS, _2=WORDS, _3=WORDS)
    banner = "We use cookies to make your visit better, and here are forty words about which ones and what for. " * 3

    found = source.looks(_1=banner + WORDS, _2=banner + WORDS, _3=banner + WORDS)

    assert told(found) == []
    assert any("that is no edit of theirs" in note for note in found.notes)


def test_a_text_that_lost_most_of_itself_is_seen_twice_before_it_is_believed(source: Followed) -> None:
    source.looks(_3=WORDS * 3)

    assert told(source.looks(_3="Log in to read on.")) == []
    assert source.text(3) == WORDS * 3
    assert told(source.looks(_3="Log in to read on.")) == [("edited", "major")]


def test_an_entry_that_is_missing_and_whose_page_is_gone_is_withdrawn_at_once(source: Followed) -> None:
    source.looks(_2=WORDS)
    source.reads(entry(3), entry(1))

    assert [row.key for row in due(source.known, source.now, 1)] == ["https://example.org/2"]
    assert told(source.looks(_2=Look(gone=404))) == [("withdrawn", None)]
    assert source.text(2) == WORDS


def test_a_dead_link_to_an_entry_that_is_still_listed_is_no_withdrawal(source: Followed) -> None:
    assert told(source.looks(_2=Look(gone=404))) == []
    assert told(source.looks(_2=Look(gone=404))) == []
    assert told(source.looks(_2=Look(gone=410))) == []


@pytest.mark.parametrize(("status", "times"), [(404, 2), (410, 1)])
def test_an_entry_that_scrolled_away_is_withdrawn_when_its_page_is_gone(
    source: Followed, status: int, times: int
) -> None:
    source.looks(_1=WORDS)
    source.reads(entry(4), entry(3), entry(2), kind="feed")

    assert [told(source.looks(_1=Look(gone=status))) for _ in range(times)] == [
        *[[]] * (times - 1),
        [("withdrawn", None)],
    ]


def test_ten_dead_pages_at_once_are_a_rebuilt_site_and_no_withdrawals(source: Followed) -> None:
    source.looks(_1=WORDS, _2=WORDS, _3=WORDS)
    source.reads(entry(9), entry(8), entry(7), kind="feed")

    for name in ("_1", "_2", "_3"):
        source.looks(**{name: Look(gone=404)})
    found = source.looks(_1=Look(gone=410), _2=Look(gone=410), _3=Look(gone=410))

    assert told(found) == []
    assert any("gone within a week" in note for note in found.notes)


def test_a_page_that_fails_says_nothing(source: Followed) -> None:
    source.looks(_3=WORDS)

    assert told(source.looks(_3=Look(failed=True))) == []
    assert source.text(3) == WORDS


def test_the_pace_of_looking_slows_down_and_ends_a_year_after_the_last_edit(source: Followed) -> None:
    row = source.row("https://example.org/3")
    gaps = []
    while (when := next_look(row)) is not None:
        gaps.append(when - row.followed.at if row.followed else timedelta(0))
        row = _after(source, row, when)

    assert gaps[:3] == [timedelta(0), DAY, DAY]
    assert gaps == sorted(gaps)
    assert max(gaps) == 30 * DAY
    assert len(gaps) < 30


def _after(source: Followed, row: KnownEntry, when: datetime) -> KnownEntry:
    found = looked(source.known, [(row, _look(WORDS))], slugs_of=CATEGORIES.resolve, rules=EDITS, now=when)
    return found.rows[0]


def test_new_entries_are_looked_at_before_old_ones_and_the_missing_before_all(source: Followed) -> None:
    source.looks(_1=WORDS)
    source.now += 3 * DAY
    source.reads(entry(3), entry(1))
    numbers = [row.key[-1] for row in due(source.known, source.now, 10)]

    assert numbers == ["2", "3", "1"]
    assert first_due(source.known) == NOW


def test_an_entry_at_a_new_address_is_known_by_the_one_that_its_page_gives(source: Followed) -> None:
    moved = replace(
        entry(9, title="Another title altogether", day=30, link="https://example.org/elsewhere"),
        canonical="https://example.org/2",
    )

    found = source.reads(entry(3), moved, entry(1))

    assert "new" not in [change.kind for change in found.changes]
    assert source.row("https://example.org/2").entry.link == "https://example.org/elsewhere"


# --- over HTTP --------------------------------------------------------------------------------------------------------


class Blog:
    """A blog whose listing shows titles only."""

    def __init__(self, origin: Origin, folder: Path) -> None:
        self.origin = origin
        self.folder = folder
        self.now = NOW
        self.posts = [1]
        self.config(follow=True)
        for number in range(1, 5):
            self.write(number, WORDS)
        self.lists(1)

    def config(self, *, follow: bool) -> None:
        (self.folder / "config.toml").write_text(
            '[network]\nallow_hosts = ["127.0.0.1"]\nper_host_pause = "0s"\n'
            f'[[source]]\nid = "blog"\nurl = "{self.origin.url}/feed"\nfollow = {str(follow).lower()}\n'
        )

    def write(self, number: int, *paragraphs: str, head: str = "") -> None:
        body = page(f"Post number {number}", *paragraphs, head=head)
        self.origin.serve(f"/post-{number}", body=body, headers={"ETag": f'"{hash(body)}"'})

    def lists(self, *numbers: int) -> None:
        items = "".join(
            f"<item><title>Post number {n}</title><link>{self.origin.url}/post-{n}</link><guid>g{n}</guid>"
            f"<pubDate>Fri, {n:02} Nov 2024 08:00:00 GMT</pubDate></item>"
            for n in numbers
        )
        self.origin.serve("/feed", body=f"<rss version='2.0'><channel><title>B</title>{items}</channel></rss>".encode())

    def run(self, work: Callable[[App], Coroutine[None, None, None]]) -> None:
        async def opened() -> None:
            config = configuration.load(self.folder / "config.toml", {})
            async with open_app(config, self.folder / "state", clock=lambda: self.now, reader=Inline()) as app:
                await work(app)

        asyncio.run(opened())

    async def poll(self, app: App) -> SourceReport:
        self.now += HOUR
        report = await app.pipeline.poll(app.config.sources[0])
        await app.pipeline.publish()
        return report

    def feed(self) -> str:
        return (self.folder / "state/public/feeds/all.atom").read_text("utf-8")

    def asked(self) -> list[str]:
        paths = [asked.path for asked in self.origin.requests if asked.path not in ("/robots.txt", "/feed")]
        self.origin.requests.clear()
        return paths


@pytest.fixture
def blog(origin: Origin, tmp_path: Path) -> Blog:
    return Blog(origin, tmp_path)


def test_the_page_of_an_entry_is_asked_for_once_and_fills_its_feed(blog: Blog) -> None:
    async def work(app: App) -> None:
        await blog.poll(app)
        assert blog.asked() == ["/post-1"]
        assert "waited there" in blog.feed()
        await blog.poll(app)
        assert blog.asked() == []

    blog.run(work)


def test_a_new_entry_is_told_of_with_its_whole_text(blog: Blog) -> None:
    async def work(app: App) -> None:
        await blog.poll(app)
        blog.lists(2, 1)
        (change,) = (await blog.poll(app)).changes

        assert (change.kind, change.entry.title) == ("new", "Post number 2")
        assert change.entry.content is not None
        assert "waited there" in change.entry.content.value
        assert blog.asked() == ["/post-1", "/post-2"]

    blog.run(work)


def test_an_edit_on_the_page_alone_is_found_by_a_conditional_look(blog: Blog) -> None:
    async def work(app: App) -> None:
        await blog.poll(app)
        blog.now += DAY
        assert (await blog.poll(app)).changes == ()
        assert [
            asked.headers.get("if-none-match") is None for asked in blog.origin.requests if "post" in asked.path
        ] == [
            True,
            False,
        ]
        blog.write(1, WORDS, "Since May it is warmed up first, by the requests of the hour before, and nobody waits.")
        blog.now += 2 * DAY
        (change,) = (await blog.poll(app)).changes
        assert (change.kind, change.size, change.fields) == ("edited", "major", ("content",))
        assert "Since May" in blog.feed()

    blog.run(work)


def test_a_post_that_only_got_a_new_address_is_not_new(blog: Blog) -> None:
    async def work(app: App) -> None:
        await blog.poll(app)
        blog.write(3, WORDS, head=f"<link rel='canonical' href='{blog.origin.url}/post-1'>")
        blog.lists(3)

        assert [change.kind for change in (await blog.poll(app)).changes if change.kind == "new"] == []

    blog.run(work)


def test_robots_txt_counts_for_the_pages_of_entries(blog: Blog) -> None:
    blog.origin.serve("/robots.txt", body=b"User-agent: *\nDisallow: /post-1\n")

    async def work(app: App) -> None:
        assert (await blog.poll(app)).status == "ok"
        assert blog.asked() == []

    blog.run(work)


def test_without_follow_the_texts_are_those_of_the_listing_again_and_nobody_is_told(blog: Blog) -> None:
    async def work(app: App) -> None:
        assert (await blog.poll(app)).changes == ()

    blog.run(work)
    blog.config(follow=False)
    blog.run(work)
    assert blog.asked() == ["/post-1"]

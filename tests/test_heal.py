"""A list of posts that is not where the configuration says any more is found again by the posts that are known."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from make import History, entry
from msgspec.structs import fields, replace
from origin import Origin
from publisher import Inline
from test_trust import page
from workbench import Bench

from feedwatch import config as configuration
from feedwatch.app import App, open_app
from feedwatch.config_edit import with_selectors
from feedwatch.differ.recognise import listed, recognised
from feedwatch.errors import ReadError
from feedwatch.healing import Healer
from feedwatch.model import (
    Category,
    Entry,
    Failure,
    Fetched,
    KnownSource,
    Moment,
    Person,
    PollState,
    Reading,
    Selectors,
    Source,
    SourceReport,
    Text,
)
from feedwatch.readers.page import read_page
from feedwatch.readers.propose import propose
from feedwatch.troubles import Cause, troubles

NOW = datetime(2024, 11, 20, 12, tzinfo=UTC)
URL = "https://blog.example.org/"
SOURCE = Source("blog", URL, select=Selectors(entry="article.gone"), heal=True)
_THINGS = (
    "tests",
    "caches",
    "queues",
    "dumps",
    "graphs",
    "locks",
    "builds",
    "clusters",
    "fonts",
    "tokens",
    "maps",
    "trees",
)


def post(number: int) -> Entry:
    thing = _THINGS[number % 12]
    return Entry(
        id=f"{URL}{number}-{thing}",
        title=f"How we build better {thing}, part {number}",
        link=f"{URL}{number}-{thing}",
        summary=Text(f"What we learned when our {thing} grew out of their first home, number {number}."),
        published=Moment(datetime(2024, 10, number, tzinfo=UTC), day_only=True),
        categories=(Category("Data" if number > 6 else "Design"),),
        authors=(Person(f"Ann {thing.title()}"),),
    )


KNOWN = tuple(post(number) for number in range(12, 0, -1))
SIDEBAR = "".join(f"<li><a href='{one.link}'>{one.title}</a></li>" for one in KNOWN[:4])
MENU = "<nav><ul><li><a href='/'>Home</a></li><li><a href='/about'>About us</a></li></ul></nav>"


def day(one: Entry) -> datetime:
    assert one.published is not None
    return one.published.at


def summary(one: Entry) -> str:
    assert one.summary is not None
    return one.summary.value


def around(cards: str, container: str = "main") -> str:
    return f"<html lang=en><body>{MENU}<{container}>{cards}</{container.split()[0]}><footer>Bye</footer></body></html>"


def card(one: Entry) -> str:
    return (
        f"<div class='post-card col-{day(one).day}'><a class='post-card-link' href='{one.link}?utm_source=list'>"
        f"<h3>{one.title}</h3></a><p class='meta'><time datetime='{one.published}'>a day</time> by "
        f"<span class='author'>{one.authors[0].name}</span></p><p class='excerpt'>{summary(one)}</p>"
        f"<span class='tag'>{one.categories[0].term}</span></div>"
    )


def built(one: Entry) -> str:
    """As a build tool leaves it."""
    return (
        f"<div class='PostCard_card__x7Yz1'><h2 class='PostCard_title__q9Wx2'><a href='{one.link}'>{one.title}</a></h2>"
        f"<div class='PostCard_date__zZ1x9'>{day(one):%B} {day(one).day}, 2024</div></div>"
    )


def looks(one: Entry) -> str:
    """With classes that say only how it looks."""
    return (
        f"<li class='flex p-2 text-sm'><a class='font-bold hover:underline' href='{one.link}'>{one.title}</a>"
        f"<span class='text-gray-500'>{day(one).day} October 2024</span></li>"
    )


def sections() -> str:
    return "".join(
        f"<h2>{name}</h2><ul>"
        + "".join(f"<li><a href='{one.link}'>{one.title}</a></li>" for one in KNOWN if one.categories[0].term == name)
        + "</ul>"
        for name in ("Data", "Design")
    )


def proposed(markup: str, known: Sequence[Entry] = KNOWN) -> dict[str, str]:
    select = propose(markup.encode(), url=URL, headers={}, source=SOURCE, known=known, now=NOW)
    found = {field.name: getattr(select, field.name) for field in fields(Selectors)} if select else {}
    return {name: css for name, css in found.items() if css is not None}


def read(markup: str, select: dict[str, str]) -> Reading:
    return read_page(markup, url=URL, source=replace(SOURCE, select=Selectors(**select)), now=NOW)


def test_each_field_is_found_where_it_stands_now() -> None:
    markup = around("".join(map(card, KNOWN)))
    select = proposed(markup)

    assert select == {
        "entry": "div.post-card",
        "title": "h3",
        "link": "a.post-card-link@href",
        "date": "time@datetime",
        "summary": "p.excerpt",
        "author": "span.author",
        "category": "span.tag",
    }
    again = read(markup, select).entries
    assert [(one.title, one.published, one.summary, one.authors) for one in again] == [
        (one.title, one.published, one.summary, one.authors) for one in KNOWN
    ]


def test_what_a_build_appends_to_a_class_is_no_part_of_a_selector() -> None:
    select = proposed(around("".join(map(built, KNOWN))))

    assert select["entry"] == 'div[class*="PostCard_card"]'
    assert select["date"] == 'div[class*="PostCard_date"]'
    assert not any(tail in css for tail in ("x7Yz1", "q9Wx2", "zZ1x9") for css in select.values())


def test_what_only_says_how_something_looks_is_no_part_of_a_selector() -> None:
    markup = around("".join(map(looks, KNOWN)), "ul class='grid gap-4'")
    select = proposed(markup)

    assert select["entry"] == "li:has(> span)"
    assert [one.title for one in read(markup, select).entries] == [one.title for one in KNOWN]


def test_classes_without_a_meaning_name_nothing() -> None:
    posts = "".join(f"<p class='BOlnTh css-xyzabc x1a2b3'><a href='{one.link}'>{one.title}</a></p>" for one in KNOWN)

    assert proposed(around(posts)) == {"entry": "p", "title": "a", "link": "a@href"}


def test_the_list_is_taken_and_not_what_repeats_some_of_it() -> None:
    posts = "".join(f"<article><h2><a href='{o.link}'>{o.title}</a></h2><p>{summary(o)}</p></article>" for o in KNOWN)
    select = proposed(around(f"<aside><ul>{SIDEBAR}</ul></aside><section>{posts}</section>", "div"))

    assert (select["entry"], select["title"]) == ("article", "h2")


def test_headings_between_posts_are_their_categories() -> None:
    assert proposed(around(sections()))["section"] == "h2"


def test_titles_tell_where_addresses_are_new_and_addresses_where_titles_are() -> None:
    moved = around("".join(f"<p class='item'><a href='/neu/{n}'>{one.title}</a></p>" for n, one in enumerate(KNOWN)))
    retitled = around(
        "".join(f"<p class='item'><a href='{one.link}'>Episode {n}</a></p>" for n, one in enumerate(KNOWN))
    )

    assert proposed(moved)["entry"] == proposed(retitled)["entry"] == "p.item"
    assert proposed(moved)["link"] == "a@href"


def test_posts_that_are_not_known_yet_are_found_with_the_others() -> None:
    markup = around("".join(map(card, (post(14), post(13), *KNOWN))))

    assert len(read(markup, proposed(markup)).entries) == 14


@pytest.mark.parametrize(
    "markup",
    [
        "",
        "not a page",
        "<rss version='2.0'><channel></channel></rss>",
        around("<p>We are redesigning.</p>"),
        around("".join(f"<article><h2><a href='/offer-{n}'>Offer {n}</a></h2></article>" for n in range(12))),
        around(card(KNOWN[0])),
    ],
)
def test_where_hardly_anything_is_known_nothing_is_proposed(markup: str) -> None:
    assert proposed(markup) == {}


def test_a_page_nested_without_end_is_refused() -> None:
    with pytest.raises(ReadError, match="nested too deep"):
        propose(
            b"<html>" + b"<div>" * 50_000 + KNOWN[0].title.encode(),
            url=URL,
            headers={},
            source=SOURCE,
            known=KNOWN,
            now=NOW,
        )


# --- how many are enough ---


def blog(*numbers: int) -> KnownSource:
    history = History()
    history.reads(*map(entry, numbers))
    return history.known


def test_nine_in_ten_of_the_known_entries_have_to_come_again() -> None:
    rows = listed(blog(*range(20, 0, -1)))

    assert recognised(rows, [entry(n) for n in range(18, 0, -1)]).is_enough
    few = recognised(rows, [entry(n) for n in range(17, 0, -1)] + [entry(n, day=1) for n in range(40, 50)])
    assert not few.is_enough
    assert few.lacking == ("Entry 20", "Entry 19", "Entry 18")


def test_a_shorter_list_is_enough_when_all_of_it_is_known_and_news_on_top_does_not_count() -> None:
    rows = listed(blog(*range(20, 0, -1)))
    short = [entry(n) for n in range(20, 12, -1)]

    assert recognised(rows, short).is_enough
    assert recognised(rows, [entry(n, day=n) for n in range(25, 20, -1)] + short).is_enough
    assert not recognised(rows, [*short, *(entry(n, f"Offer {n}", day=1) for n in range(40, 45))]).is_enough


def test_nobody_looking_a_few_of_many_are_not_enough() -> None:
    rows = listed(blog(*range(20, 0, -1)))

    assert not recognised(rows, [entry(n) for n in range(20, 15, -1)]).is_sure
    assert recognised(rows, [entry(n) for n in range(20, 8, -1)]).is_sure


# --- config.toml ---

CONFIG = (
    '# mine\n[[source]]\nid = "blog"\nurl = "https://blog.example.org/"\n'
    '[source.select]\nentry = "article.gone"   # the cards\nimage = "img@src"\n\n[category.data]\ntitle = "Data"\n'
)


def test_new_selectors_take_the_place_of_the_old_ones_and_comments_stay() -> None:
    text = with_selectors(CONFIG, "blog", Selectors(entry="article", title="h2"))

    assert 'entry = "article" ' in text
    assert "# the cards" in text
    assert 'title = "h2"' in text
    assert "image" not in text
    assert text.startswith("# mine\n")
    assert text.endswith('[category.data]\ntitle = "Data"\n')


def test_a_source_without_selectors_gets_some(tmp_path: Path) -> None:
    text = '[[source]]\nid = "a"\nurl = "https://a.example/"\n\n[[source]]\nid = "b"\nurl = "https://b.example/"\n'
    a, b = configuration.parse(with_selectors(text, "a", Selectors("li")), tmp_path / "config.toml", {}).sources

    assert (a.select, b.select) == (Selectors("li"), None)


# --- by itself ---


class Proposer:
    """Proposes in this process, and counts how often."""

    def __init__(self) -> None:
        self.asked = 0

    async def propose(
        self, fetched: Fetched, source: Source, known: tuple[Entry, ...], now: datetime
    ) -> Selectors | Failure | None:
        self.asked += 1
        return propose(fetched.body, url=fetched.url, headers={}, source=source, known=known, now=now)


def known_blog() -> KnownSource:
    history = History()
    history.reads(*KNOWN)
    return history.known


def healed(
    markup: str, source: Source = SOURCE, state: PollState | None = None
) -> tuple[Reading | Failure, Selectors | None, int]:
    proposer = Proposer()

    async def known() -> KnownSource:
        return known_blog()

    fetched = Fetched(URL, 200, {}, markup.encode())
    work = Healer(Inline(), proposer).read(fetched, source, state or PollState(), known, NOW)
    return (*asyncio.run(work), proposer.asked)


def test_a_source_that_wants_it_is_read_where_its_posts_stand_now() -> None:
    reading, select, _ = healed(around("".join(map(card, KNOWN))))

    assert isinstance(reading, Reading)
    assert len(reading.entries) == 12
    assert select is not None
    assert "12 of 12 known entries" in reading.notes[-1]


def test_a_source_that_does_not_want_it_stays_broken() -> None:
    reading, select, asked = healed(around("".join(map(card, KNOWN))), replace(SOURCE, heal=False))

    assert isinstance(reading, Failure)
    assert (select, asked) == (None, 0)


def test_a_few_known_posts_beside_another_list_are_not_taken_for_it() -> None:
    reading, select, _ = healed(around(f"<h2>Popular</h2><ul>{SIDEBAR}</ul><p>Our offers.</p>"))

    assert isinstance(reading, Failure)
    assert select is None


def test_a_list_that_stands_where_it_was_is_believed_however_new_its_posts_are() -> None:
    fresh = "".join(f"<article class='gone'><h2><a href='/new-{n}'>New {n}</a></h2></article>" for n in range(8))
    archive = "".join(map(card, KNOWN))
    reading, select, asked = healed(around(fresh + archive))

    assert isinstance(reading, Reading)
    assert [one.title for one in reading.entries] == [f"New {n}" for n in range(8)]
    assert (select, asked) == (None, 0)


def test_selectors_that_healed_once_are_kept_until_the_configured_ones_find_the_list_again() -> None:
    state = PollState(healed=Selectors(entry="div.post-card"))
    _, select, asked = healed(around("".join(map(card, KNOWN))), state=state)
    assert (select, asked) == (state.healed, 0)

    restored = "".join(f"<article class='gone'><h2><a href='{o.link}'>{o.title}</a></h2></article>" for o in KNOWN)
    reading, select, asked = healed(around(restored), state=state)
    assert isinstance(reading, Reading)
    assert (select, asked) == (None, 0)


def test_a_list_found_without_selectors_that_turns_out_to_be_another_is_healed_too() -> None:
    offers = "".join(
        f"<article><h2><a href='/offer-{n}'>A great offer number {n}</a></h2>"
        f"<time datetime='2024-11-{n:02}'></time></article>"
        for n in range(1, 20)
    )
    plain = replace(SOURCE, select=None)
    posts = "".join(f"<li class='dispatch'><a href='{o.link}'>{o.title}</a></li>" for o in KNOWN)
    markup = around(f"<section>{offers}</section><ul class='dispatches'>{posts}</ul>")
    reading, select, _ = healed(markup, plain, PollState(rule=("main article h2",)))

    assert select is not None
    assert isinstance(reading, Reading)
    assert {one.title for one in reading.entries} == {one.title for one in KNOWN}


def test_the_operator_is_told_what_it_is_read_with_and_how_to_keep_that() -> None:
    found = troubles([SOURCE], {"blog": PollState(healed=Selectors(entry="div.post-card", title="h3"))})

    (told,) = found.values()
    assert list(found) == [Cause("source-healed", "blog")]
    assert "entry = 'div.post-card', title = 'h3'" in told
    assert "feedwatch heal blog --apply" in told


def test_the_service_goes_on_with_what_it_found_and_alerts_of_news_only(tmp_path: Path) -> None:
    config = (
        f'[[source]]\nid = "blog"\nurl = "blog.html"\nlink_base = "{URL}"\nheal = true\n'
        '[source.select]\nentry = "article"\nsummary = ".teaser"\n'
    )
    (tmp_path / "config.toml").write_text(config)
    old = "".join(
        f"<article><h2><a href='{o.link}'>{o.title}</a></h2><p class='teaser'>{summary(o)} More on another page.</p>"
        f"<time datetime='{o.published}'></time></article>"
        for o in KNOWN
    )
    time = NOW

    async def polled(app: App, markup: str) -> tuple[SourceReport, list[str], Selectors | None]:
        nonlocal time
        time += timedelta(hours=2)
        (tmp_path / "blog.html").write_text(markup)
        report = await app.pipeline.poll(app.config.sources[0])
        await app.pipeline.publish()
        incidents = await app.store.incidents()
        state = await app.store.run(lambda store: store.state("blog"))
        return report, [one.kind for one in incidents if one.closed is None], state.healed

    async def work() -> None:
        loaded = configuration.load(tmp_path / "config.toml", {})
        async with open_app(loaded, tmp_path / "state", clock=lambda: time, reader=Inline()) as app:
            assert (await polled(app, around(old)))[0].discovered == 12
            (tmp_path / "feeds").mkdir()
            report, incidents, select = await polled(app, around("".join(map(card, KNOWN))))
            assert (report.status, report.changes, report.entries) == ("ok", (), 12)
            assert incidents == ["source-healed"]
            assert select is not None
            fresh = replace(post(13), published=Moment(time))
            report, incidents, again = await polled(app, around("".join(map(card, (fresh, *KNOWN)))))
            assert [(change.kind, change.entry.title) for change in report.changes] == [("new", fresh.title)]
            assert (incidents, again) == (["source-healed"], select)
            report, incidents, again = await polled(app, around(old))
            assert (report.status, report.changes, incidents, again) == ("ok", (), [], None)

    asyncio.run(work())
    assert (tmp_path / "config.toml").read_text() == config


# --- the command ---


@pytest.fixture
def bench(tmp_path: Path, origin: Origin) -> Bench:
    made = Bench(tmp_path)
    made.config(
        '# mine\n[network]\nallow_hosts = ["127.0.0.1"]   # the test\'s own\nper_host_pause = "0s"\n\n'
        f'[[source]]\nid = "blog"\nurl = "{origin.url}/blog"\n[source.select]\nentry = "article.post"\n\n'
        f'[category.data]\ntitle = "Data"\n'
    )
    origin.serve("/blog", body=page(range(12, 0, -1)).replace(b"<article>", b"<article class='post'>"))
    made.run("poll")
    return made


def test_selectors_that_broke_are_shown_beside_new_ones_and_replaced_when_asked_to(
    bench: Bench, origin: Origin
) -> None:
    origin.serve("/blog", body=page(range(13, 0, -1)))
    before = (bench.folder / "config.toml").read_text()

    shown = bench.run("heal", "blog").stdout
    assert "with new selectors: 12 of 12 known entries, and 1 others" in shown
    assert "  entry: article.post -> article" in shown
    assert "  title: found by itself -> h2" in shown
    assert "without selectors: 12 of 12 known entries, and 1 others" in shown
    assert (bench.folder / "config.toml").read_text() == before
    bench.run("heal", "blog", "--apply")

    text = (bench.folder / "config.toml").read_text()
    assert 'entry = "article"\n' in text
    assert "# mine" in text
    assert "# the test's own" in text
    report = bench.json("poll")["sources"][0]
    assert (report["entries"], report["new"], report["discovered"]) == (13, [], 1)


@pytest.mark.slow
def test_a_list_that_is_where_it_was_needs_no_mending(bench: Bench) -> None:
    assert "nothing to mend" in bench.run("heal", "blog", "--apply").stderr
    assert 'entry = "article.post"' in (bench.folder / "config.toml").read_text()


@pytest.mark.slow
def test_another_list_is_no_help_and_nothing_is_changed(bench: Bench, origin: Origin) -> None:
    origin.serve("/blog", body=page(range(12, 0, -1), "Offer"))
    before = (bench.folder / "config.toml").read_text()

    assert "no better" in bench.run("heal", "blog", "--apply", code=1).stderr
    assert (bench.folder / "config.toml").read_text() == before

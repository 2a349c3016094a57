"""A page that is read without BeautifulSoup gives what BeautifulSoup would have given, whatever was made of it."""

from __future__ import annotations

import re
import subprocess
import sys
from datetime import UTC, datetime

import pytest
from bs4.builder import HTMLTreeBuilder
from hypothesis import given, settings
from hypothesis import strategies as st
from workbench import FIXTURES

from feedwatch.model import Reading, Selectors, Source
from feedwatch.readers import light
from feedwatch.readers.page import read_lightly, read_page, read_with_soup
from feedwatch.readers.soup import SoupedPage

NOW = datetime(2024, 11, 20, 12, tzinfo=UTC)
URL = "https://example.org/archive/"
PAGES = [path.read_text("utf-8", "replace") for path in sorted(FIXTURES.rglob("*.html"))]
CARD = """<!doctype html><html lang="en"><head><title>Blog</title><base href="/b/"><meta name="description" content="D">
<link rel="shortcut icon" href="/i.png"></head><body class="x"><div id="list" class="cards">
<article class="card card--1" data-id="1"><h2 class="card__title"><a href="one">One <b>more</b></a></h2>
<time datetime="2024-11-02">2 Nov</time><p class="excerpt">Text<!-- no --> &amp; more</p>
<a rel="author nofollow" href="/ada">Ada</a><span class="tag">Data</span><img data-src="/a.png" src="x.gif"></article>
<article class="card" data-id="2"><h3> </h3><a href="#top">Top</a><a href="/two">Two</a><time>3 November 2024</time>
<p> </p><p>More</p><article class="card">Inside</article><svg><title>No</title></svg><noscript>N</noscript></article>
</div></body></html>"""
CARDS = Selectors("article.card", category=".tag", image="img@data-src")
#: What pages have in them that is not as it should be.
SCRAPS = [
    "<p>", "</p>", "<div>", "</div>", "</article>", "<article class=card>", "<a href=/x>", "</a>", "<a>", "<!-- x -->",
    "<!--", "-->", "<script>if (a < b) '<p>'</script>", "<style>a > b {}</style>", "<script>", "&", "&nbsp;", "&foo;",
    "&#0;", "&#x1F600;", "\x00", "\x0b", "\x0c", "\x85", "\u2028", "\ufeff", "<![CDATA[x]]>", "<?php echo 1 ?>",
    "<html lang=fr>", "<body class=y>", "</body>", "</html>", "<template><p>t</p></template>",
    "<ruby>a<rt>b</rt></ruby>",
    "<svg:p>", "<p/>", "<br>", "<table><tr><td headers='a  b'>x", "<select><option>o", "<textarea><b>", "<title>T",
    ' class="card  x"', " class=card class=other", " hidden", " rel='author'", "<time datetime='2024-10-0", "<iframe>",
    "<h2>", "</h2>", "<noscript><p>", "<frameset>", "<a rel=author>", "<P CLASS=card>", "<o:p>", " @click=x",
    "<li class='card\n'>", "</", "<!doctype html>", "<?xml version='1.0'?>", "<ARTICLE CLASS=CARD>",
    "<article class='card\tcard__x'>", "<article class='\xa0card'>", "<p class=a class=b>", "<a href='a&amp;b&copy;'>",
    "<svg viewBox='0 0 1 1'><title>S</title><a href=/s>", "</svg>", "<a href=/2 rel=next>Next</a>",
    "<a class=next href=/3><i>x</i></a>", "<a href=?p=2>2</a>", "<a href=/n>Older <span hidden>x</span></a>",
    "<form><form>", "<button>", "<input checked>", "<option selected>", "<frame>", "<noframes>", "<plaintext>", "<xmp>",
    "<math><mi>x", "<dl><dt>a<dd>b", "<tbody>", "</tr>", "<caption>", "<center>", "<nobr>", "<!x>",
    "<![if IE]>x<![endif]>", "<!--[if IE]><p>x<![endif]-->", "<head>", "<base href=/z/>",
    "<link rel='icon next' href=/q>",
    "<meta name=description content=Y>", "<meta charset=latin-1>", "&#x85;", "&amp;lt;", "&notit;", "&#128;",
    "&#xD800;", "&#1114112;", "<a xml:lang=x xmlns:a=b a:b=c xmlns=q>", "<img srcset='/a.png 1x, /b.png 2x'>",
    "<b>a<i>b</b>c</i>", "=x>", "\t", "\r\n", "<h1>", "</p><p>", "<a\nhref\n=\n/x\n>",
]  # fmt: skip


#: What cards are made of.
PIECES = [
    "<article class='card'>", "<h2 class=card__title><a href=one>", "One", "two", "</a>", "</h2>", "</article>", " ",
    "\n", "<time datetime=2024-11-02>", "3 Nov 2024", "</time>", "<p class=excerpt>", "<span class='tag x'>", "</span>",
    "<b>", "</b>", "<i>", "<html><body>", "<div class=cards id=list>", "</div>", "<section>", "<img src=/a.png>",
]  # fmt: skip


def source(select: Selectors) -> Source:
    return Source("blog", URL, select=select)


def agree(markup: str, select: Selectors) -> Reading | None:
    quick = read_lightly(markup, url=URL, source=source(select), now=NOW)
    if quick is not None:
        assert quick == read_with_soup(markup, url=URL, source=source(select), now=NOW)
    return quick


def test_a_page_of_cards_is_read_without_beautifulsoup() -> None:
    quick = agree(CARD, CARDS)

    assert quick is not None
    assert [(e.title, e.link) for e in quick.entries] == [
        ("One more", "https://example.org/b/one"), ("Top", "https://example.org/two"),
    ]  # fmt: skip
    assert read_page(CARD, url=URL, source=source(CARDS), now=NOW).way == "quick-page"


@pytest.mark.parametrize(
    "select",
    [
        Selectors("article.card", section="h2 ~ h3"),
        Selectors("article:has(h2)"),
        Selectors("article.card", title="h2, h3"),
        Selectors("h2 + time"),
        Selectors("* > article"),
        Selectors("article", date='[type="date"]'),
    ],
)
def test_what_is_not_plain_is_left_to_beautifulsoup(select: Selectors) -> None:
    assert read_lightly(CARD, url=URL, source=source(select), now=NOW) is None


#: As people write them; some have no value in HTML, and others get none by mistake.
ATTRIBUTES = [
    "abbr", "allowfullscreen", "alt", "async", "autofocus", "autoplay", "charset", "checked", "cite", "class",
    "compact", "content", "controls", "coords", "data", "data-id", "datetime", "declare", "default", "defer", "dir",
    "disabled", "download", "draggable", "enctype", "for", "form", "formnovalidate", "headers", "height", "hidden",
    "href", "hreflang", "id", "inert", "ismap", "itemid", "itemprop", "itemscope", "itemtype", "label", "lang",
    "loop", "max", "media", "method", "min", "multiple", "muted", "name", "nohref", "nomodule", "noresize",
    "noshade", "novalidate", "nowrap", "open", "pattern", "placeholder", "playsinline", "poster", "readonly", "rel",
    "required", "reversed", "role", "rows", "scope", "selected", "size", "sizes", "span", "src", "srcset", "start",
    "step", "style", "summary", "tabindex", "target", "title", "translate", "truespeed", "type", "typemustmatch",
    "value", "width",
]  # fmt: skip


@pytest.mark.parametrize("name", ATTRIBUTES)
def test_an_attribute_without_a_value_reads_the_same_either_way(name: str) -> None:
    for tag in ("input", "option", "td", "a", "span"):
        markup = CARD.replace('<span class="tag">', f"<{tag} {name} class=tag>").replace(
            "<h3> </h3>", f"<{tag} {name}>"
        )
        for select in (f"[{name}]", f"{tag}@{name}", f'{tag}[{name}=""]', f'{tag}[{name}="{name}"]'):
            agree(markup, Selectors("article.card", title=select, category=select))


def test_attributes_that_hold_words_are_those_of_beautifulsoup() -> None:
    assert light.WORDS == HTMLTreeBuilder.DEFAULT_CDATA_LIST_ATTRIBUTES


@pytest.mark.parametrize("deep", [200, 252, 253, 254, 255, 256, 300, 2100])
def test_a_page_of_any_depth_is_read_to_its_end(deep: int) -> None:
    markup = CARD.replace("<article", "<i>" * deep + "</i>" * deep + "<b>" * deep + "<article", 1)

    assert [e.title for e in read_page(markup, url=URL, source=source(CARDS), now=NOW).entries] == ["One more", "Top"]
    assert (agree(markup, CARDS) is not None) == (deep <= 250)


@pytest.mark.parametrize("odd", ["<!doctype html>", "&#12;", "&#x0C;", "\f"])
def test_what_only_beautifulsoup_takes_for_the_end_of_a_text_is_left_to_it(odd: str) -> None:
    assert light.page(CARD.replace("One <b>", f"One{odd}<b>")) is None
    assert light.page(f"<!-- a page --> <?x?>{CARD}") is not None


def test_a_page_of_cards_loads_no_parser_that_it_does_not_need() -> None:
    program = (
        "import sys; from datetime import UTC, datetime; from feedwatch import readers; "
        "from feedwatch.model import Selectors, Source; "
        f"source = Source('blog', {URL!r}, select=Selectors('article.card')); "
        f"reading = readers.read({CARD.encode()!r}, url={URL!r}, headers={{}}, source=source, now=datetime.now(UTC)); "
        "others = {'bs4', 'soupsieve', 'lxml.html', 'feedparser', 'dateparser', 'feedwatch.readers.listing'}; "
        "print(reading.way, *sorted(others & set(sys.modules)))"
    )

    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)

    assert done.stdout == "quick-page\n"


@pytest.mark.parametrize("more", ["<template>t</template>", "<ruby><rt>r</rt></ruby>", "<ruby>b<RP>(</RP></ruby>"])
def test_what_beautifulsoup_keeps_apart_is_left_to_it(more: str) -> None:
    assert light.page(CARD.replace("<article", more + "<article", 1)) is None


@pytest.mark.parametrize(
    "odd",
    ['@click="open"', ':href="/y"', "xlink:href='#i'", 'xml:lang="fr"', 'xmlns:a="urn:x" a:b="1"', "{{x}}", '[x]="y"'],
)
def test_names_that_scripts_give_attributes_are_no_hindrance(odd: str) -> None:
    assert agree(CARD.replace('<article class="card card--1"', f'<article {odd} class="card card--1"'), CARDS)
    assert agree(CARD.replace('<html lang="en"', f'<html {odd} lang="en"'), CARDS)


@pytest.mark.parametrize("odd", ["o:p", "svg:path", "x-y", "é", "a@b", "h1:", "1a"])
def test_elements_of_odd_names_are_no_hindrance(odd: str) -> None:
    assert agree(CARD.replace('<span class="tag">Data</span>', f'<{odd} class="tag">Data</{odd}>'), CARDS)


@pytest.mark.parametrize("between", ["<!-- -->", "<!---->", "<?php 1 ?>", "</<p>", "<![CDATA[x]]>", "<!x>"])
def test_what_is_no_element_sets_text_apart_as_it_does_for_beautifulsoup(between: str) -> None:
    markup = CARD.replace("3 November 2024", f"the 3rd{between}of it").replace("Blog", f"B{between}log")

    quick = agree(between + markup.replace("Top", f"T{between}op"), CARDS)

    assert quick is not None
    assert "of it" in "".join(quick.notes)


def test_entries_are_read_quickly_with_the_heading_that_they_stand_under() -> None:
    more = "<div><h2 class=kind title=Kind>Data</h2></div><p>Text</p><article class=card><h2>Third</h2></article>"

    for section, name in (("h2", "Data"), (".kind@title", "Kind")):
        quick = agree(CARD.replace("</div></body>", f"{more}</div></body>"), Selectors("article.card", section=section))
        assert quick is not None
        assert [[c.term for c in entry.categories] for entry in quick.entries] == [[], [], [name]]


def test_an_attribute_of_an_odd_name_is_left_to_beautifulsoup() -> None:
    select = Selectors("article.card", link="use@xlink:href")

    assert read_lightly(CARD, url=URL, source=source(select), now=NOW) is None


def test_what_follows_the_end_of_a_page_is_left_to_beautifulsoup() -> None:
    assert light.page(CARD + "\n<!-- cached --> ")
    assert light.page(CARD + "<p>") is None
    assert light.page(CARD + "<!-- a --> b -->") is None


def test_a_page_that_begins_twice_is_left_to_beautifulsoup() -> None:
    assert light.page(CARD.replace('<html lang="en">', '<html lang="en"</><p>')) is None


def selectors_in(markup: str) -> list[str]:
    """Plain ones that match something of the page, or nearly."""
    tags = sorted(set(re.findall(r"<([a-z][a-z0-9]*)", markup)) - {"template", "rt", "rp"})
    classes = sorted({
        name for names in re.findall(r'class="([^"]*)"', markup) for name in names.split()
        if re.fullmatch(r"[A-Za-z_][\w-]*", name, re.ASCII)
    })  # fmt: skip
    return [*tags, *(f".{name}" for name in classes), "[href]", "[datetime]", 'a[rel="author"]', "#list"]


@st.composite
def plain_ones(draw: st.DrawFn, known: list[str]) -> str:
    parts = draw(st.lists(st.sampled_from(known), min_size=1, max_size=3))
    text = parts[0]
    for part in parts[1:]:
        joint = draw(st.sampled_from([" ", ">", " > ", ""]))
        text += (joint if joint or part[0] in ".#[" else " ") + part
    return text


@st.composite
def questions(draw: st.DrawFn) -> tuple[str, Selectors]:
    """A page, perhaps with a few scraps in it and lost stretches, or of nothing else, and what is asked of it."""
    scraps = st.lists(st.sampled_from([*SCRAPS, *PIECES]), max_size=40).map("".join)
    markup = draw(st.sampled_from([CARD, CARD, *PAGES]) | scraps)
    known = selectors_in(markup)
    for _ in range(draw(st.integers(0, 4))):
        at = draw(st.integers(0, len(markup)))
        match draw(st.sampled_from(["put", "put", "put", "cut", "end"])):
            case "put":
                markup = markup[:at] + draw(st.sampled_from(SCRAPS)) + markup[at:]
            case "cut":
                markup = markup[:at] + markup[at + draw(st.integers(1, 40)) :]
            case _:
                markup = markup[: max(at, len(markup) // 2)]
    wish = st.none() | plain_ones(known)
    attribute = st.sampled_from(["", "", "@href", "@datetime", "@class", "@rel", "@data-id"])

    def some() -> str | None:
        css = draw(wish)
        return css and css + draw(attribute)

    select = Selectors(
        draw(plain_ones(known) | st.sampled_from(["article.card", "li", "article", "div", "a"])),
        title=some(), link=some(), date=some(), summary=some(), author=some(), image=some(), category=some(),
        section=some(),
    )  # fmt: skip
    return markup, select


@given(question=questions())
@settings(max_examples=120, deadline=None)
def test_damaged_pages_read_the_same_either_way(question: tuple[str, Selectors]) -> None:
    agree(*question)


@pytest.mark.slow
@given(question=questions())
@settings(max_examples=3000, deadline=None)
def test_damaged_pages_read_the_same_either_way_at_length(question: tuple[str, Selectors]) -> None:
    agree(*question)


@pytest.mark.parametrize("markup", [CARD, *PAGES[::7]])
def test_plain_selectors_find_what_soupsieve_finds(markup: str) -> None:
    page = light.page(markup)
    if page is None:
        pytest.skip("left to BeautifulSoup")
    soup = SoupedPage(markup)
    known = selectors_in(markup)[:40]

    for text in (
        *known,
        *(f"{a} {b}" for a in known[:12] for b in known),
        *(f"{a} > {b}" for a in known for b in known[:8]),
    ):
        found, wanted = ([(e.name, "".join(e.pieces()).split()) for e in p.every(text)] for p in (page, soup))
        assert found == wanted, text

"""Each dialect of XML feed, by its fixture: the concrete values that arrive."""

from __future__ import annotations

from datetime import UTC, datetime
from html import escape

import pytest
from make import NOW
from workbench import FIXTURES

from feedwatch.errors import ReadError
from feedwatch.model import About, Category, Enclosure, Entry, Moment, Origin, Person, Reading, Source, Text
from feedwatch.readers import read

URL = "https://base.example/feeds/feed.xml"
SOURCE = Source("blog", URL)


def reading_of(body: bytes, content_type: str = "application/xml") -> Reading:
    return read(body, url=URL, headers={"content-type": content_type}, source=SOURCE, now=NOW)


def fixture(name: str) -> Reading:
    return reading_of((FIXTURES / "feeds" / name).read_bytes())


def rss(entries: str) -> bytes:
    modules = 'xmlns:content="http://purl.org/rss/1.0/modules/content/" xmlns:dc="http://purl.org/dc/elements/1.1/"'
    return f'<rss version="2.0" {modules}><channel><title>T</title>{entries}</channel></rss>'.encode()


def only(body: bytes) -> Entry:
    (entry,) = reading_of(body).entries
    return entry


def at(*parts: int) -> Moment:
    return Moment(datetime(*parts, tzinfo=UTC))  # type: ignore[arg-type, misc]


# --- dialects ---------------------------------------------------------------------------------------


def test_rss_0_91_entries_are_known_by_their_links() -> None:
    found = fixture("rss-0.91.rss")

    assert found.kind == "feed"
    assert found.complete
    assert found.entries == (
        Entry(
            id="https://harbour.example/crane",
            title="The old crane is back",
            link="https://harbour.example/crane",
            summary=Text("It was repainted over the winter.", "html"),
        ),
        Entry(id="https://base.example/sums", title="1 < 2 & AT&T", link="https://base.example/sums"),
    )
    assert found.about == About(
        title="Harbour notes",
        link="https://harbour.example/",
        description="What came in with the tide",
        language="en-gb",
        icon="https://harbour.example/logo.png",
        logo="https://harbour.example/logo.png",
    )
    assert found.notes == ("2 of 2 entries have no date",)


def test_rss_0_92_category_enclosure_and_source_arrive_and_a_bare_description_is_an_entry() -> None:
    first, second = fixture("rss-0.92.rss").entries

    assert first.summary == Text("Recorded in the <i>kitchen</i>.", "html")
    assert first.categories == (Category("Home/Kitchen", "https://tape.example/shelves"),)
    assert first.enclosures == (Enclosure("https://tape.example/a.mp3", "audio/mpeg", 1229812),)
    assert first.origin == Origin("The attic", "https://attic.example/rss.xml")
    assert (second.title, second.link) == ("", None)
    assert second.summary == Text("No title, no link, only these words.", "html")


def test_rss_2_0_with_its_usual_modules_arrives_whole() -> None:
    found = fixture("rss-2.0.rss")

    assert found.entries[0] == Entry(
        id="mill-17",
        title="A wheel of oak",
        link="https://mill.example/wheel?utm_source=rss",
        summary=Text("Why oak, and which oak.", "html"),
        content=Text(
            '<p>Oak <em>lasts</em>. See <a href="https://base.example/plans">the plans</a>.</p>'
            '<img src="https://base.example/feeds/img/wheel.png">',
            "html",
        ),
        authors=(Person("Jo Carver"),),
        categories=(Category("Wood", "https://mill.example/tags"), Category("R&D")),
        enclosures=(Enclosure("https://mill.example/wheel.mp3", "audio/mpeg", 1048576),),
        published=at(2024, 10, 5, 6, 30),
        image="https://mill.example/wheel-small.jpg",
        rights="Jo Carver",
        origin=Origin("Timber news", "https://timber.example/rss"),
    )
    assert found.about == About(
        title="Mill & Weir",
        link="https://mill.example/",
        description="Engineering by the river",
        language="en",
        authors=(Person("Edda Weir", "ed@mill.example"),),
        rights="The millers",
    )


def test_an_impossible_date_is_no_date_rather_than_a_wrong_one() -> None:
    high_water = fixture("rss-2.0.rss").entries[1]

    assert high_water.published is None
    assert high_water.updated is None


def test_the_caption_of_a_picture_is_not_the_content_of_the_entry() -> None:
    high_water = fixture("rss-2.0.rss").entries[1]

    assert high_water.summary == Text("The weir held.", "html")
    assert high_water.content is None
    assert high_water.image == "https://mill.example/water.jpg"


def test_an_author_keeps_an_address_with_a_long_top_level_domain() -> None:
    assert fixture("rss-2.0.rss").entries[1].authors == (Person("Sam Sluice", "sam@mill.example"),)


def test_a_guid_that_is_an_address_is_the_link_and_an_entry_says_its_own_language() -> None:
    third = fixture("rss-2.0.rss").entries[2]

    assert (third.id, third.link, third.language) == ("https://mill.example/3", "https://mill.example/3", "cy")
    assert third.published == Moment(datetime(2024, 10, 1, tzinfo=UTC), day_only=True)


def test_rss_1_0_takes_the_day_of_publication_from_dublin_core() -> None:
    found = fixture("rss-1.0.rdf")

    assert found.entries[0] == Entry(
        id="https://moss.example/2",
        title="Two new cushions",
        link="https://moss.example/2",
        summary=Text("Found on a north wall.", "html"),
        authors=(Person("Ivy Stone"),),
        categories=(Category("Walls"),),
        published=at(2024, 9, 30, 16),
    )
    assert [entry.title for entry in found.entries] == ["Two new cushions", "The first moss"]


def test_atom_0_3_has_both_dates_and_both_texts() -> None:
    assert fixture("atom-0.3.xml").entries == (
        Entry(
            id="tag:kite.example,2024:two",
            title="Two strings at once",
            link="https://kite.example/two",
            summary=Text("Harder than one."),
            content=Text("<p>Hold <b>both</b>.</p>", "html"),
            authors=(Person("Ada Vane", "ada@kite.example", "https://kite.example/ada"),),
            published=at(2024, 10, 5, 8),
            updated=at(2024, 10, 6, 9),
        ),
    )


def test_atom_1_0_arrives_whole() -> None:
    found = fixture("atom-1.0.atom")

    assert found.entries[0] == Entry(
        id="tag:lamp.example,2024:1",
        title="La petite lampe",
        link="https://lamp.example/blog/petite",
        summary=Text("Une <b>petite</b> lampe.", "html"),
        content=Text(
            '<p>Elle <strong>brille</strong>: <img src="https://static.lamp.example/p/a.png" alt="lampe"></p>', "html"
        ),
        authors=(
            Person("Lou Mèche", "lou@lamp.example", "https://lamp.example/lou"),
            Person("Max Wick"),
        ),
        categories=(
            Category("lamps", "https://lamp.example/tags", "Lamps & lights"),
            Category("small"),
        ),
        enclosures=(Enclosure("https://lamp.example/blog/petite.ogg", "audio/ogg", 4096),),
        published=at(2024, 10, 5, 7),
        updated=at(2024, 10, 6, 10),
        image="https://lamp.example/petite.jpg",
        language="fr",
        rights="Lou only",
        origin=Origin("Lumière", "https://lumiere.example/", "tag:lumiere.example,2019:f"),
    )
    assert found.about == About(
        title="Lamp & Post",
        link="https://lamp.example/blog/",
        description="Light, mostly",
        language="en",
        icon="https://lamp.example/blog/icon.png",
        authors=(Person("The house"),),
        rights="Lamp and friends",
    )


def test_atom_text_is_text_and_is_not_repeated_as_summary() -> None:
    second = fixture("atom-1.0.atom").entries[1]

    assert second.title == "How <br> got its name & why"
    assert second.content == Text("Plain words,\non two lines.")
    assert second.summary is None
    assert (second.published, second.updated) == (None, at(2024, 10, 1, 10))
    assert second.authors == ()


def test_cdf_entries_arrive() -> None:
    assert fixture("cdf.cdf").entries == (
        Entry(
            id="https://dial.example/ring",
            title="It rang twice",
            link="https://dial.example/ring",
            summary=Text("And then it stopped."),
            published=at(2024, 9, 30, 10),
        ),
    )


# --- dirt -------------------------------------------------------------------------------------------


def test_dirty_xml_is_read_whole() -> None:
    found = fixture("dirty.rss")

    assert found.complete
    assert [(entry.title, entry.link) for entry in found.entries] == [
        ("Fish & chips — café style", "https://salt.example/fish?size=2&sauce=1"),
        ("Bread & butter", "https://salt.example/bread"),
    ]
    assert found.entries[0].summary == Text("R&amp;D at its best", "html")
    assert found.about.title == "Salt & pepper"
    assert found.about.link == "https://salt.example/?a=1&b=2"
    assert found.about.description == "Spices and &unheardof; things"


def test_xml_that_only_a_lenient_parser_reads_proves_no_absence() -> None:
    found = reading_of(rss("<item><title>A</title></item><item><title>B</item>"))

    assert not found.complete
    assert found.notes[0] == "the XML is not well-formed; read as far as possible"


def test_a_truncated_feed_is_refused_as_a_whole() -> None:
    with pytest.raises(ReadError, match=r"ends in the middle \(truncated\)") as caught:
        fixture("truncated.rss")
    assert caught.value.kind == "unreadable"


@pytest.mark.parametrize("name", ["rss-2.0.rss", "rss-1.0.rdf", "atom-1.0.atom", "cdf.cdf", "json-1.1.json"])
def test_no_prefix_of_a_feed_is_read(name: str) -> None:
    body = (FIXTURES / "feeds" / name).read_bytes().rstrip()
    for length in range(0, len(body), 97):
        with pytest.raises(ReadError):
            reading_of(body[:length])


def test_s9_s10_entities_declared_by_a_feed_are_refused() -> None:
    with pytest.raises(ReadError, match="XML entities"):
        fixture("entity-bomb.rss")


@pytest.mark.parametrize(
    "hiding", ['<!DOCTYPE rss SYSTEM "<!--" [<!ENTITY a "b">]>', "<?p <!-- ?><!DOCTYPE rss [<!ENTITY a 'b'>]>"]
)
def test_s9_an_entity_cannot_hide_behind_a_comment(hiding: str) -> None:
    with pytest.raises(ReadError):
        reading_of(hiding.encode() + rss("<item><title>&a;</title></item><!-- -->"))


def test_a_feed_that_has_a_next_page_is_not_complete() -> None:
    body = rss(
        '<atom:link xmlns:atom="http://www.w3.org/2005/Atom" rel="next" href="/2"/><item><title>A</title></item>'
    )

    assert not reading_of(body).complete


# --- details ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("written", "title"),
    [
        ("A <b>x</b>", "A x"),
        ("1 < 2 & AT&T", "1 < 2 & AT&T"),
        ("Tom &amp; Jerry&#8217;s", "Tom & Jerry’s"),
        ("The <br> tag", "The <br> tag"),
        ("if x <y and z> w", "if x <y and z> w"),
        ("a &lt;b&gt; c", "a <b> c"),
        ("  two\n lines ", "two lines"),
        ("<script>alert(1)</script>kept", "kept"),
        ("<img src=x onerror=alert(1)>kept", "kept"),
    ],
)
def test_an_rss_title_loses_its_markup_but_not_its_signs(written: str, title: str) -> None:
    assert only(rss(f"<item><title>{escape(written)}</title><link>/x</link></item>")).title == title


def test_a_summary_that_repeats_the_content_is_left_out() -> None:
    same = only(rss("<item><description>Same.</description><content:encoded>Same.</content:encoded></item>"))
    other = only(rss("<item><content:encoded>Long.</content:encoded><description>Short.</description></item>"))

    assert (same.summary, same.content) == (None, Text("Same.", "html"))
    assert (other.summary, other.content) == (Text("Short.", "html"), Text("Long.", "html"))


def test_a_second_author_does_not_get_the_address_of_the_first() -> None:
    people = "<author><name>A</name><email>a@x.example</email></author><author><name>B</name></author>"
    both = only(f'<feed xmlns="http://www.w3.org/2005/Atom"><entry><title>t</title>{people}</entry></feed>'.encode())

    assert both.authors == (Person("A", "a@x.example"), Person("B"))


@pytest.mark.parametrize(
    ("written", "person"),
    [
        ("jo@x.example (Jo)", Person("Jo", "jo@x.example")),
        ("Jo <jo@x.example>", Person("Jo", "jo@x.example")),
        ("jo@x.example", Person("jo@x.example", "jo@x.example")),
        ("Jo", Person("Jo")),
    ],
)
def test_an_rss_author_is_taken_apart(written: str, person: Person) -> None:
    assert only(rss(f"<item><title>t</title><author>{escape(written)}</author></item>")).authors == (person,)


def test_an_update_date_alone_is_not_a_publication_in_atom() -> None:
    body = b'<feed xmlns="http://www.w3.org/2005/Atom"><entry><title>t</title><updated>2024-10-01T10:00:00Z</updated></entry></feed>'

    assert only(body).published is None


def test_text_that_looks_like_an_entity_survives_in_html() -> None:
    entry = only(rss("<item><description>&lt;p&gt;a &amp;unheardof; b&lt;/p&gt;</description></item>"))

    assert entry.summary == Text("<p>a &amp;unheardof; b</p>", "html")


def test_s8_a_body_that_is_the_path_of_a_file_is_not_opened() -> None:
    with pytest.raises(ReadError, match="neither a feed nor a web page"):
        reading_of(str(FIXTURES / "feeds" / "rss-2.0.rss").encode())

"""Whatever bytes come: `read` gives the entries that feedparser alone would give, or fails as it fails.

`test_wellformed.py` makes feeds of the elements that the quick reader knows. Here whole documents of every dialect, and
those of the fixtures, are damaged as the web damages them, and go the whole way from bytes to the finished reading.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from reading import NOW as IN_TURN_NOW
from reading import SOURCE as IN_TURN
from reading import read_in_turn
from workbench import FIXTURES

from feedwatch.errors import ReadError
from feedwatch.model import Failure, Reading, Source
from feedwatch.readers import read, wellformed
from feedwatch.readers.charset import decode
from feedwatch.readers.feed import read_any_feed
from feedwatch.readers.finish import finish
from feedwatch.readers.kind import look
from feedwatch.workers import ReaderPool

NOW = datetime(2026, 1, 2, tzinfo=UTC)
SOURCE = Source("s", "https://site.example/blog/feed.xml", categories=("Given",))

_RSS_ITEM = """<item><title>Faster &amp; safer</title><link>https://site.example/p/1</link><guid>/p/1</guid>
<pubDate>Fri, 02 Jan 2026 10:00:00 GMT</pubDate><category>Data</category><description>&lt;p&gt;Short
&lt;a href="/x"&gt;link&lt;/a&gt;&lt;/p&gt;</description></item>"""
_ATOM_ENTRY = """<entry><id>tag:site.example,2026:1</id><title type="html">A &lt;b&gt;bold&lt;/b&gt; claim</title>
<link href="/p/1"/><updated>2026-01-01T09:00:00Z</updated><author><name>Ada</name></author>
<summary>Short</summary>
<content type="html">&lt;p&gt;caf&#233;&lt;/p&gt;&lt;script&gt;x&lt;/script&gt;</content></entry>"""
_SPACES = 'xmlns:content="http://purl.org/rss/1.0/modules/content/" xmlns:dc="http://purl.org/dc/elements/1.1/"'
_MEDIA = 'xmlns:media="http://search.yahoo.com/mrss/" xmlns:itunes="http://www.itunes.com/dtds/podcast-1.0.dtd"'
#: A document of each dialect, and of what publishers make of them.
DIALECTS = {
    "RSS 0.91": f'<rss version="0.91"><channel><title>T</title>{_RSS_ITEM}</channel></rss>',
    "RSS 0.92": f'<rss version="0.92"><channel><title>T</title>{_RSS_ITEM}</channel></rss>',
    "RSS 2.0": f'<rss version="2.0"><channel><title>T</title><link>/</link>{_RSS_ITEM}{_RSS_ITEM}</channel></rss>',
    "RSS without a version": f"<rss><channel><title>T</title>{_RSS_ITEM}</channel></rss>",
    "RSS with modules": f'<rss version="2.0" {_SPACES}><channel><title>T</title><item><title>One</title>'
    "<dc:creator>Ada</dc:creator><dc:date>2026-01-01</dc:date><dc:subject>Data</dc:subject>"
    "<content:encoded><![CDATA[<p>Long <img src='/a.png' srcset='/b.png 2x'></p>]]></content:encoded></item>"
    "</channel></rss>",
    "podcast": f'<rss version="2.0" {_MEDIA}><channel><title>T</title><itunes:author>Ada</itunes:author><item>'
    '<title>One</title><enclosure url="/a.mp3" type="audio/mpeg" length="12"/><itunes:duration>1:00</itunes:duration>'
    '<media:group><media:content url="/v.mp4" medium="video"/></media:group></item></channel></rss>',
    "RSS 1.0": '<rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#" xmlns="http://purl.org/rss/1.0/" '
    f'{_SPACES}><channel rdf:about="/"><title>T</title></channel><item rdf:about="/p/1"><title>One</title>'
    "<link>/p/1</link><dc:date>2026-01-01</dc:date></item></rdf:RDF>",
    "RSS 0.90": '<rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#" '
    'xmlns="http://channel.netscape.com/rdf/simple/0.9/"><item><title>One</title><link>/p/1</link></item></rdf:RDF>',
    "Atom 1.0": f'<feed xmlns="http://www.w3.org/2005/Atom" xml:lang="de"><title>T</title>{_ATOM_ENTRY}</feed>',
    "Atom with a prefix": '<a:feed xmlns:a="http://www.w3.org/2005/Atom"><a:entry><a:id>x</a:id><a:title>One</a:title>'
    "</a:entry></a:feed>",
    "Atom in XHTML": '<feed xmlns="http://www.w3.org/2005/Atom"><entry><id>x</id><title type="xhtml">'
    '<div xmlns="http://www.w3.org/1999/xhtml">A <em>b</em></div></title></entry></feed>',
    "Atom with a base": f'<feed xmlns="http://www.w3.org/2005/Atom" xml:base="https://other.example/">{_ATOM_ENTRY}</feed>',
    "Atom 0.3": '<feed version="0.3" xmlns="http://purl.org/atom/ns#"><title>T</title><entry><title>One</title>'
    '<link rel="alternate" type="text/html" href="/p/1"/><modified>2026-01-01T09:00:00Z</modified></entry></feed>',
    "RSS as a blog engine writes it": f'<rss version="2.0" {_SPACES} {_MEDIA} '
    'xmlns:atom="http://www.w3.org/2005/Atom" '
    'xmlns:sy="http://purl.org/rss/1.0/modules/syndication/" xmlns:slash="http://purl.org/rss/1.0/modules/slash/">'
    '<channel><title>T \u2013 caf\u00e9</title><atom:link href="https://site.example/feed/" rel="self" '
    'type="application/rss+xml"/><link>https://site.example</link><description>D &amp; E</description>'
    "<lastBuildDate>Fri, 02 Jan 2026 10:00:00 +0000</lastBuildDate><language>en-US</language>"
    "<sy:updatePeriod> hourly </sy:updatePeriod><generator>g</generator><item>"
    "<title>It&#8217;s &amp;#8220;new&amp;#8221;</title><link>https://site.example/p/1/?utm_source=rss&amp;b=2#more</link><comments>/c</comments>"
    "<dc:creator><![CDATA[Ada]]></dc:creator><pubDate>Thu, 01 Jan 2026 23:59:60 -0500</pubDate>"
    '<category><![CDATA[Data]]></category><category>R&amp;D</category><guid isPermaLink="false">https://site.example/?p=1</guid><description>'
    "<![CDATA[<p>Short\u00a0[&#8230;]</p>]]></description><content:encoded><![CDATA[<IMG srcset='/b.png 2x, x.js' "
    "src=/a.png><video poster='javascript:x'></video><p>&#1;&#x0b;Long</p>]]></content:encoded>"
    "<slash:comments>3</slash:comments></item></channel></rss>",
    "Atom as a site generator writes it": '<feed xmlns="http://www.w3.org/2005/Atom"><title>T</title>'
    '<subtitle>S</subtitle>'
    '<link href="/" rel="self"/><link href="https://site.example/"/><updated>2026-01-01T09:00:00Z</updated><id>/</id>'
    "<author><name>Ada</name><email>ada@site.example</email></author><entry><title>One \u6771</title>"
    '<link href="https://site.example/p/1;v=2?x#y"/><id>urn:uuid:1</id><published>2026-01-01T09:00:00.5+05:30</published>'
    "<updated>2026-01-01T09:00:00.5+05:30</updated>"
    '<content type="html">&lt;image srcset="/a 1x"&gt;&lt;p&gt;x</content>'
    '<category term="Data" scheme="/tags" label="D &amp;amp; E"/>'
    '<link rel="enclosure" href="/a.mp3" length="9"/></entry></feed>',
    "CDF": '<channel href="/"><title>T</title><item href="/p/1"><title>One</title></item></channel>',
}  # fmt: skip
FILES = sorted(path for path in (FIXTURES / "feeds").rglob("*") if path.suffix in (".xml", ".rss", ".atom", ".rdf"))
DOCUMENTS = [text.encode() for text in DIALECTS.values()] + [path.read_bytes() for path in FILES]
#: What the web puts into documents, or takes for something else.
SCRAPS = [
    b"&", b"&nbsp;", b"&eacute;", b"<br>", b"<!-- x -->", b"<![CDATA[", b"]]>", b"\x00", b"\x0b", b"\x93smart\x94",
    b"&#147;", b"\xc3\x83\xc2\xa9", b"&#195;&#169;",
    b"\xff\xfe", b"\xc3", b"\xe2\x80\xa8", b"<p>", b"</item>", b"</entry>", b"<item>", b"<entry>", b"<title/>",
    b' xml:lang="fr"', b'<?php echo 1 ?>', b"\xef\xbb\xbf", b"\n\n  ", b"&#55296;", b"&#0;", b"&#x1F600;", b"&lt;",
    b"<link>/q</link>", b"<guid isPermaLink='false'>g</guid>", b"<a:b xmlns:a='urn:x'/>", b"<source url='/s'/>",
    b"\xc2\xa0", b"\xef\xbf\xbe", b"\xed\xa0\x80", b"\xc0\xbc", b"&#xFFFF;", b"<ttl>60</ttl>",
    b"<author>ada@example.org (Ada)</author>", b"<category domain='/d'>C</category>", b"<updated>2026-01-02</updated>",
]  # fmt: skip
HEADS = [b"", b'<?xml version="1.0" encoding="utf-8"?>', b'<?xml version="1.0" encoding="iso-8859-1"?>\n', b"\n",
         b"\xef\xbb\xbf", b"<!-- " + b"long " * 2000 + b"-->", b"<!-- \x01 -->", b"<!-- \xff -->",
         b'<?xml version="1.1"?>', b'<!DOCTYPE rss SYSTEM "rss.dtd">', b'<?xml-stylesheet href="a.css"?>']  # fmt: skip


def told(body: bytes, content_type: str, *, quickly: bool) -> Reading | str:
    """The reading of `body`, or the kind of its failure; by feedparser alone, or as it comes."""
    try:
        if quickly:
            return read(body, url=SOURCE.url, headers={"content-type": content_type}, source=SOURCE, now=NOW)
        found = look(decode(body, content_type))
        if found.kind != "xml" or "<!entity" in found.prolog.lower():
            return told(body, content_type, quickly=True)
        reading = finish(read_any_feed(found, url=SOURCE.url, now=NOW), SOURCE)
    except ReadError as error:
        return error.kind
    except Exception:  # `read` makes a ReadError of whatever a parser raises
        return "unreadable"
    return reading if reading.entries else "empty"


def agree(body: bytes, content_type: str = "application/xml") -> None:
    quick = told(body, content_type, quickly=True)
    assert quick == told(body, content_type, quickly=False)
    # Entries that were made of tidy parts are what the last step of every other reading makes of them.
    assert isinstance(quick, str) or finish(quick, SOURCE).entries == quick.entries


def test_two_entries_with_one_guid_are_told_apart_by_an_address_on_one_line() -> None:
    item = "<item><title>One</title><link>https://{}site.example/1</link><guid>g</guid></item>"
    feed = f'<rss version="2.0"><channel>{item.format("&nbsp;")}{item.format("")}</channel></rss>'

    agree(feed.encode())


@pytest.mark.parametrize(
    "letters", ["\x93smart\x94", "&#147;smart&#148;", "\xef\xbb\xbf", "&#195;&#169;", "\xc3\xa9 \u2013"]
)
@pytest.mark.parametrize("name", ["RSS 2.0", "Atom 1.0"])
def test_letters_that_feedparser_mends_are_left_to_it(name: str, letters: str) -> None:
    for there in ("Faster", "bold", "Ada", "Short", "Data", "caf", "/p/1", "tag:"):
        agree(DIALECTS[name].replace(there, there + letters).encode())


def test_what_the_head_of_a_long_document_says_counts_however_late() -> None:
    items = "".join(_RSS_ITEM for _ in range(3))
    for before, after in (("x" * 9000, ""), ("", "x" * 9000), ("x" * 8100, "x" * 200), ("\u6771" * 2800, "")):
        head = f"<title>{before}</title><ttl>90</ttl><description>{after}</description>"
        text = f'<rss version="2.0"><channel>{head}{items}</channel></rss>'

        reading = told(text.encode(), "", quickly=True)

        assert isinstance(reading, Reading)
        assert (reading.way, reading.pace.every) == ("quick", timedelta(minutes=90))
        agree(text.encode())


@pytest.mark.parametrize("name", DIALECTS)
def test_each_dialect_reads_the_same_either_way(name: str) -> None:
    agree(DIALECTS[name].encode())


def test_the_common_dialects_are_read_quickly() -> None:
    quick = {name for name, text in DIALECTS.items() if wellformed.parse(text.encode(), SOURCE.url)}

    assert {"RSS 2.0", "Atom 1.0", "RSS as a blog engine writes it"} <= quick
    assert not quick & {"RSS 0.90", "RSS 1.0", "Atom 0.3", "CDF", "Atom with a base", "Atom in XHTML"}


CHARSETS = ["utf-16", "utf-16-be", "utf-8-sig", "cp1252", "iso-8859-1", "gb18030", "shift_jis"]


@st.composite
def damaged(draw: st.DrawFn) -> bytes:
    """A document with a few scraps in it, lost stretches or a lost end, in some charset."""
    body = draw(st.sampled_from(HEADS)) + draw(st.sampled_from(DOCUMENTS))
    for _ in range(draw(st.integers(0, 3))):
        at = draw(st.integers(0, len(body)))
        match draw(st.sampled_from(["put", "put", "cut", "end", "twice", "charset"])):
            case "put":
                body = body[:at] + draw(st.sampled_from(SCRAPS)) + body[at:]
            case "cut":
                body = body[:at] + body[at + draw(st.integers(1, 40)) :]
            case "charset":
                body = body.decode("utf-8", "replace").encode(draw(st.sampled_from(CHARSETS)), "xmlcharrefreplace")
            case "end":
                body = body[: max(at, len(body) // 2)]
            case _:
                body = body[:at] + body[max(0, at - draw(st.integers(1, 200))) :]
    return body


TYPES = st.sampled_from(
    ["application/xml", "text/xml; charset=utf-8", "text/xml; charset=windows-1252", "text/html", ""]
)


@given(body=damaged(), content_type=TYPES)
@settings(max_examples=150, deadline=None)
def test_damaged_documents_read_the_same_either_way(body: bytes, content_type: str) -> None:
    agree(body, content_type)


@pytest.mark.slow
@given(body=damaged(), content_type=TYPES)
@settings(max_examples=5000, deadline=None)
def test_damaged_documents_read_the_same_either_way_at_length(body: bytes, content_type: str) -> None:
    agree(body, content_type)


def test_a_worker_says_what_was_read_to_the_last_field() -> None:
    page = (FIXTURES / "spotify-engineering.html").read_bytes()
    bodies = [*DOCUMENTS, page, b'{"version": "https://jsonfeed.org/version/1", "items": [{"id": "\\ud800 1"}]}']

    answers = read_in_turn(ReaderPool(), *bodies)

    assert [a.kind if isinstance(a, Failure) else repr(a) for a in answers] == [read_here(body) for body in bodies]


def read_here(body: bytes) -> str:
    try:
        return repr(read(body, url=IN_TURN.url, headers={}, source=IN_TURN, now=IN_TURN_NOW))
    except ReadError as error:
        return error.kind


def test_a_poll_says_what_its_answer_took() -> None:
    broken = DIALECTS["RSS 2.0"].replace("T</title>", "A & B</title>")

    ways = [
        read(text.encode(), url=SOURCE.url, headers={}, source=SOURCE, now=NOW).way
        for text in (DIALECTS["RSS 2.0"], broken, (FIXTURES / "spotify-engineering.html").read_text("utf-8"))
    ]

    assert ways == ["quick", "feedparser", "page"]

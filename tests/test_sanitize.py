"""What may pass of other people's HTML, checked with a browser's parser on a hostile corpus."""

from __future__ import annotations

import json
from collections.abc import Iterator
from html import escape
from typing import Any

import html5lib
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from make import NOW
from msgspec import Struct

from feedwatch.canonical import clean
from feedwatch.model import Entry, Source, Text
from feedwatch.readers import read
from feedwatch.readers.sanitize import _cleaner, plain, sanitize, web_url

BASE = "https://blog.example/posts/"
HOSTILE = [
    "<script>alert(1)</script>",
    "<img src=x onerror=alert(1)>",
    "<svg/onload=alert(1)>",
    "<svg><script>alert(1)</script></svg>",
    '<iframe srcdoc="<script>alert(1)</script>"></iframe>',
    "<form action=javascript:alert(1)><button formaction=javascript:alert(1)>x</button></form>",
    '<a href="javascript:alert(1)">x</a>',
    '<a href="java&#9;script:alert(1)">x</a>',
    '<a href=" &#1;javascript:alert(1)">x</a>',
    '<a href="vbscript:x">x</a>',
    '<a href="data:text/html,<script>alert(1)</script>">x</a>',
    '<img src="data:image/svg+xml,<svg onload=alert(1)>">',
    '<img srcset="javascript:alert(1) 1x, data:x 2x" alt="x">',
    '<video poster="javascript:alert(1)" src="data:x"></video>',
    '<blockquote cite="javascript:alert(1)">x</blockquote>',
    '<p style="background:url(javascript:alert(1))" id="x" class="y">x</p>',
    "<style>@import 'javascript:alert(1)'</style>",
    "<math><mtext><table><mglyph><style><img src=x onerror=alert(1)></style></mglyph></table></mtext></math>",
    '<noscript><p title="</noscript><img src=x onerror=alert(1)>"></noscript>',
    "<textarea><script>alert(1)</script></textarea>",
    '<base href="javascript:alert(1)"><link rel=stylesheet href="data:x">',
    '<meta http-equiv=refresh content="0;url=data:x">',
    '<object data="data:x"><embed src="data:x"></object>',
    "<template><script>alert(1)</script></template>",
    "<x/onclick=alert(1)>x</x>",
    "<<script>script>alert(1)<</script>/script>",
    "<!--><script>alert(1)</script>-->",
    "<title><img src=x onerror=alert(1)></title>",
]
_ACTIVE_TAGS = frozenset(
    {
        "script",
        "style",
        "iframe",
        "object",
        "embed",
        "form",
        "button",
        "base",
        "link",
        "meta",
        "svg",
        "math",
        "template",
    }
)


def harm(markup: str) -> Iterator[str]:
    """What a browser could run or load in `markup`."""
    for element in html5lib.parseFragment(markup, namespaceHTMLElements=False).iter():
        if not isinstance(element.tag, str) or element.tag == "DOCUMENT_FRAGMENT":
            continue
        if element.tag.rpartition("}")[2] in _ACTIVE_TAGS:
            yield element.tag
        for name, value in element.attrib.items():
            acts = name.startswith("on") or name in {"srcdoc", "formaction", "style", "class", "id"}
            address = "".join(value.split()).lower()
            if acts or address.lstrip("\x01").startswith(("javascript:", "data:", "vbscript:")):
                yield f"{name}={value}"


def texts(value: Any, name: str = "") -> Iterator[tuple[str, str | Text]]:
    """Every string in an entry, with the name of its field."""
    if isinstance(value, Text | str):
        yield name, value
    elif isinstance(value, tuple):
        for part in value:
            yield from texts(part, name)
    elif isinstance(value, Struct):
        for field in value.__struct_fields__:
            yield from texts(getattr(value, field), f"{name}.{field}")


def harm_in(entry: Entry) -> list[tuple[str, str]]:
    found = []
    for name, value in texts(entry):
        markup = value.value if isinstance(value, Text) else value
        if isinstance(value, Text) and value.type == "text":
            markup = escape(markup)
        if markup.strip().lower().startswith(("javascript:", "data:", "vbscript:")):
            found.append((name, markup))
        found += [(name, what) for what in harm(markup)]
    return found


@pytest.mark.parametrize("markup", HOSTILE)
def test_nothing_that_acts_survives(markup: str) -> None:
    assert list(harm(sanitize(f"<p>before</p>{markup}<p>after</p>", BASE))) == []
    assert list(harm(escape(plain(markup)))) == []


@pytest.mark.parametrize("markup", HOSTILE)
def test_the_corpus_is_hostile(markup: str) -> None:
    """Else the test above would prove nothing."""
    known_harmless_to_html5lib = (
        "<img srcset",
        "<video",
        "<blockquote",
        "<noscript",
        "<textarea",
        "<<script",
        "<title",
    )
    assert list(harm(markup)) or markup.startswith(known_harmless_to_html5lib)


def addresses(payload: str) -> str:
    return f"javascript:alert(1)//{payload}"


@pytest.mark.parametrize("markup", HOSTILE)
def test_nothing_that_acts_survives_in_any_field_of_rss(markup: str) -> None:
    text, address = escape(markup), escape(addresses(markup))
    body = f"""<rss version="2.0" xmlns:content="http://purl.org/rss/1.0/modules/content/"
        xmlns:media="http://search.yahoo.com/mrss/" xmlns:dc="http://purl.org/dc/elements/1.1/"><channel>
        <title>{text}</title><link>{address}</link><item><title>kept {text}</title><link>{address}</link>
        <guid>{address}</guid><author>{text}</author><category domain="{address}">{text}</category>
        <description>{text}</description><content:encoded>more {text}</content:encoded><dc:rights>{text}</dc:rights>
        <enclosure url="{address}" type="{text}"/><media:thumbnail url="{address}"/><pubDate>{text}</pubDate>
        <source url="{address}">{text}</source><dc:language>{text}</dc:language></item></channel></rss>"""
    found = read(body.encode(), url=BASE, headers={}, source=Source("s", BASE), now=NOW)
    # An enclosure without an address is none, so nothing of it is left.
    assert [harm_in(entry) for entry in found.entries] == [[]]
    assert found.entries[0].link is None


@pytest.mark.parametrize("markup", HOSTILE)
def test_nothing_that_acts_survives_in_any_field_of_atom(markup: str) -> None:
    text, address = escape(markup), escape(addresses(markup))
    body = f"""<feed xmlns="http://www.w3.org/2005/Atom"><title>t</title><entry><id>{text}</id>
        <title type="html">kept {text}</title><link href="{address}"/><link rel="enclosure" href="{address}"/>
        <author><name>{text}</name><uri>{address}</uri></author><rights type="html">{text}</rights>
        <category term="{text}" scheme="{address}" label="{text}"/><summary type="html">{text}</summary>
        <content type="html" xml:base="{address}">more {text}</content>
        <source><id>{address}</id><title type="html">{text}</title><link href="{address}"/></source></entry></feed>"""
    found = read(body.encode(), url=BASE, headers={}, source=Source("s", BASE), now=NOW)

    assert [harm_in(entry) for entry in found.entries] == [[]]


@pytest.mark.parametrize("markup", HOSTILE)
def test_nothing_that_acts_survives_in_a_json_feed(markup: str) -> None:
    address = addresses(markup)
    item = {
        "id": address, "url": address, "external_url": address, "image": address, "content_html": "more " + markup,
        "summary": markup, "attachments": [{"url": address, "mime_type": markup}],
        "authors": [{"name": "x", "url": address}], "language": markup, "date_published": markup,
    }  # fmt: skip
    body = json.dumps({"version": "https://jsonfeed.org/version/1.1", "items": [item]}).encode()
    found = read(body, url=BASE, headers={}, source=Source("s", BASE), now=NOW)

    assert [harm_in(entry) for entry in found.entries] == [[]]


# --- what stays -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "markup",
    [
        "<h2>Head</h2><p>A <em>b</em> <code>c &lt; d</code> <mark>e</mark> <del>f</del><ins>g</ins>.</p>",
        '<ul><li>a</li></ul><ol start="3"><li>b</li></ol><dl><dt>c</dt><dd>d</dd></dl>',
        '<table><thead><tr><th scope="col">a</th></tr></thead><tbody><tr><td colspan="2">b</td></tr></tbody></table>',
        '<figure><img src="https://i.example/a.png" alt="A" width="3" height="2"><figcaption>A</figcaption></figure>',
        "<pre><code>a\n  b</code></pre><blockquote><p>q</p></blockquote>",
        '<details><summary>s</summary><abbr title="x">X</abbr></details><a href="mailto:a@b.example">m</a>',
        '<img src="https://i.example/a.png" srcset="https://i.example/a.png 1x, https://i.example/b.png 2x" alt="">',
    ],
)
def test_an_article_passes_unchanged_and_a_second_time_too(markup: str) -> None:
    assert sanitize(markup, BASE) == markup
    assert sanitize(sanitize(markup, BASE), BASE) == markup


def test_relative_addresses_become_absolute_and_without_a_base_they_go() -> None:
    markup = '<a href="../a">x</a><img src="//cdn.example/b.png" srcset="c.png 2x">'

    assert sanitize(markup, BASE) == '<a href="https://blog.example/a">x</a><img src="https://cdn.example/b.png">'
    for base in ("file:///srv/page.html", "", "http://[x", "https://a b/"):
        assert 'href="file' not in sanitize(markup, base)
    assert sanitize('<a href="a">x</a>', "file:///srv/page.html") == "<a>x</a>"


def test_links_get_no_rel_so_that_bytes_stay_the_same() -> None:
    assert sanitize('<a href="https://x.example/" rel="nofollow" target="_blank">x</a>', BASE) == (
        '<a href="https://x.example/">x</a>'
    )


@pytest.mark.parametrize(
    ("markup", "text"),
    [
        ("<p>One</p><p>Two</p>", "One Two"),
        ("a<br>b<b>c</b>d", "a bcd"),
        ("R&amp;D &lt;x&gt;&nbsp;caf&eacute;", "R&D <x> café"),
        ("x<style>p{}</style><script>y</script> z", "x z"),
        ("  plain \n words ", "plain words"),
        ("a\x00\x0bb", "ab"),
    ],
)
def test_plain_is_the_text_on_one_line(markup: str, text: str) -> None:
    assert plain(markup) == text


@pytest.mark.parametrize(
    ("url", "absolute"),
    [
        ("https://x.example/a b", "https://x.example/a%20b"),
        ("a.html", "https://blog.example/posts/a.html"),
        ("//x.example", "https://x.example"),
        ('https://x.example/"><script>', "https://x.example/%22%3E%3Cscript%3E"),
        ("java\nscript:alert(1)", None),
        ("mailto:a@b.example", None),
        ("ftp://x.example/a", None),
        ("javascript://x.example/%0aalert(1)", None),
        ("http://[x", None),
        ("http:///x", None),
        ("http://x.example:99999/", None),
        ("", None),
        (None, None),
    ],
)
def test_web_url_is_absolute_http_or_nothing(url: str | None, absolute: str | None) -> None:
    assert web_url(url, BASE) == absolute


ADDRESSES = st.one_of(
    st.text(max_size=30),
    st.builds(
        "{}://{}{}{}{}".format,
        st.sampled_from(["http", "https", "HTTP", "ftp"]),
        st.text(alphabet="aZ0-.:@[", max_size=8),
        st.sampled_from(["", "/", "//", "/a/../b", "/a;p", "/%41", "/a b", "/\u00a0"]),
        st.sampled_from(["", "?", "?a=1&b=2", "?a;b", "?x=<y>"]),
        st.sampled_from(["", "#", "#part", "#a?b"]),
    ),
)
ROOTED = st.builds(
    "/{}{}{}".format,
    st.lists(
        st.sampled_from(["a", "/", ".", "..", ":", ";", ";p", "%41", " ", "\u00e9", '"', "@", "\\"]), max_size=5
    ).map("".join),
    st.sampled_from(["", "?", "?a=1&b=2", "?a;b", "??", "?/../x"]),
    st.sampled_from(["", "#", "#part", "#a?b", "#/./x"]),
)
BASES = st.sampled_from([
    "", BASE, "http://other.example", "file:///srv/x", "http://[x", "mailto:a@b.example", "http://blog.example:0/",
    "https://blog.example:8443?q=/x", "http://127.0.0.1:54321/feed", "http://blog.example:65535#x", "https:///x",
    "http://BLOG.example/a;b/c#d", "HTTPS://blog.example/", "//blog.example/x", "http://blog.example:80",
])  # fmt: skip


@given(st.one_of(ADDRESSES, ROOTED), BASES)
@settings(max_examples=500, deadline=None)
def test_an_address_is_absolute_at_a_look_as_it_would_be_with_care(url: str, base: str) -> None:
    found = web_url(url, base)

    assert found == web_url(f"\t{url}", base)
    assert found is None or web_url(found) == found


@given(
    st.sampled_from(HOSTILE), st.sampled_from(["", "<p>", "&#1;", "\x0b", "<IMG\nSRCSET=x>", "<image srcset='/a 1x'>"])
)
def test_what_is_sanitised_is_clean_and_stays_as_it_is(markup: str, more: str) -> None:
    once = sanitize(more + markup, BASE)

    assert clean(once) == once
    assert list(harm(once)) == []


#: What texts and pictures are made of, and what would be seen in another way by one who only glances at them.
SCRAPS = st.sampled_from([
    "word", "caf\u00e9 \u6771", " ", "\n", "\r", "\r\n", "\t", "\x0c", "\u00a0", "\ufeff", "\x85", "\u2028", "\x7f",
    "&", "&amp;", "&#13;", ">", "<", '"', "'", "/", "=", "<img", "<IMG", "<image", "<video", "<source", "<p>", "<!--",
    "-->", "<a title=", ' src="https://i.example/a.png"', ' alt="a > b"', ' alt="x"', " alt='x'", ' width="3"', "/>",
    ' data-srcset="/a"',
    ' srcset="https://i.example/b.png 2x, javascript:x"', ' SRCSET="javascript:x 2x"', ' poster="javascript:x"',
    ' src\u017fet="x"', "\nsrcset=x", '"srcset="x"', "<textarea>", "<style>",
])  # fmt: skip


@given(st.lists(SCRAPS, max_size=12).map("".join))
@settings(max_examples=1000, deadline=None)
def test_what_is_seen_at_a_glance_is_what_the_whole_parser_sees(markup: str) -> None:
    whole = _cleaner(BASE, checked=True).clean(clean(markup))

    assert sanitize(markup, BASE) == clean(whole).strip()
    # A tag behind a text has it parsed in any case.
    assert "<" in markup or plain(markup) == plain(f"{markup}<b></b>")

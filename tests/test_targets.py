"""A URL is read once, by us, and what is dialled is what was read."""

from __future__ import annotations

from urllib.parse import urlsplit

import pytest
from hypothesis import given
from hypothesis import strategies as st

from feedwatch.errors import Refused
from feedwatch.targets import PORTS, Target, target


@pytest.mark.parametrize(
    ("written", "sent"),
    [
        ("http://example.org", "http://example.org/"),
        ("HTTP://Example.ORG:80/A?b=C#d", "http://example.org/A?b=C"),
        ("https://example.org:8443/a?b#c", "https://example.org:8443/a?b"),
        ("https://example.org?q=ü&r=<>\"'", "https://example.org/?q=%C3%BC&r=%3C%3E%22'"),
        ("http://example.org/café/{x}|~%zz%c3%a9", "http://example.org/caf%C3%A9/%7Bx%7D|~%zz%c3%a9"),
        ("http://example.org/a/./b/../../../c/.d/..e", "http://example.org/c/.d/..e"),
        ("http://example.org/.well-known/x", "http://example.org/.well-known/x"),
        ("https://bücher.example/", "https://xn--bcher-kva.example/"),
        ("https://straße.example:444/", "https://xn--strae-oqa.example:444/"),
        ("http://[2001:DB8::1]:8080/x", "http://[2001:db8::1]:8080/x"),
        ("http://a_b~c.example./", "http://a_b~c.example./"),
        ("http://127。0。0。1/", "http://127.0.0.1/"),
    ],
)
def test_a_url_is_sent_in_ascii_without_fragment_and_dot_segments(written: str, sent: str) -> None:
    assert target(written).url == sent


@pytest.mark.parametrize(
    "url", ["http://a..example/", "https://example.org/" + "a" * 9000, "https://example.org/?" + "ä" * 9000]
)
def test_hosts_with_nothing_between_dots_and_endless_addresses_are_refused(url: str) -> None:
    with pytest.raises(Refused):
        target(url)


def test_a_long_address_is_read_as_a_short_one_is() -> None:
    path = "/" + "a" * 1000

    assert target(f"https://example.org{path}").path == path


def test_a_target_says_what_to_dial_and_whether_it_is_an_address() -> None:
    assert target("https://Blog.Example/a?b") == Target(
        "https://blog.example/a?b", "https", "blog.example", 443, "/a?b", None
    )
    assert target("http://127.0.0.1:81/a").address == "127.0.0.1"
    mapped = target("http://[::FFFF:127.0.0.1]/")
    assert (mapped.host, mapped.port, mapped.address) == ("::ffff:7f00:1", 80, "::ffff:7f00:1")
    assert target("http://127。0。0。1/").address == "127.0.0.1"


@pytest.mark.parametrize(
    "host",
    ["0x7f.1", "0x7f000001", "2130706433", "127.1", "0177.0.0.1", "127.0.0.1.", "256.1.1.1", "1.2.3.4.5", "a.0x1",
     "[::1%25eth0]", "[v1.x]", "１２７.0.0.1", "a%2eb", "xn--\u0301a", "a..\u00fc"],
)  # fmt: skip
def test_s4_a_host_that_some_would_read_as_an_address_and_others_not_is_refused(host: str) -> None:
    with pytest.raises(Refused):
        target(f"http://{host}/")


PLAIN = st.builds(
    "{}://{}{}/{}".format,
    st.sampled_from(["http", "https"]),
    st.from_regex(r"[a-z0-9][a-z0-9.-]{0,20}", fullmatch=True),
    st.sampled_from(["", ":80", ":443", ":8080", ":65535", ":65536", ":99999"]),
    st.text(st.characters(min_codepoint=0x20, max_codepoint=0x7F), max_size=30),
)


@given(url=PLAIN)
def test_the_quick_reading_of_a_plain_url_is_that_of_any_other(url: str) -> None:
    def read(written: str) -> Target | None:
        try:
            return target(written)
        except Refused:
            return None

    quick, slow = read(url), read("HTTP" + url[4:])

    if slow is None:
        assert quick is None
        return
    assert quick is not None
    assert (quick.scheme, quick.host, quick.port) == (slow.scheme, slow.host, slow.port)
    assert quick.address == slow.address
    # The quick one leaves a default port and the sign of an empty query where they are.
    port = f":{slow.port}" if slow.port == PORTS[slow.scheme] else ""
    assert quick.url.replace(f"{port}/", "/", 1).rstrip("?") == slow.url.rstrip("?")


@given(url=st.one_of(PLAIN, st.text(max_size=40).map("http://{}".format)))
def test_what_is_sent_is_read_the_same_way_again(url: str) -> None:
    try:
        found = target(url)
    except Refused:
        return

    assert found.url.isascii()
    assert urlsplit(found.url).hostname == found.host
    again = target(found.url)
    assert (again.host, again.port, again.path, again.address) == (found.host, found.port, found.path, found.address)
    assert found.url.endswith(found.path)

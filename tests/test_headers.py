"""Header lines as they come, and as they are sent."""

from __future__ import annotations

import pytest

from feedwatch.errors import Refused
from feedwatch.headers import length_lies, received, sent

OK = b"HTTP/1.1 200 OK\r\n"


def test_the_headers_are_those_of_the_last_answer_and_of_nothing_before_or_after_it() -> None:
    lines = [
        b"HTTP/1.1 200 Connection established\r\n", b"X-Proxy: p\r\n", b"\r\n",
        b"HTTP/1.1 103 Early Hints\r\n", b"ETag: early\r\n", b"\r\n",
        OK, b"ETag: late\r\n", b"\r\n", b"ETag: trailer\r\n", b"\r\n",
    ]  # fmt: skip

    assert received(lines) == {"etag": "late"}


def test_names_are_in_lower_case_and_what_comes_twice_is_a_list() -> None:
    lines = [OK, b"VARY: a\r\n", b"vary:b \r\n", b"Link : <x>\r\n", b"Empty:\r\n", b"\r\n"]

    assert received(lines) == {"vary": "a, b", "link": "<x>", "empty": ""}


def test_m13_a_validator_that_cannot_be_sent_back_byte_for_byte_is_none() -> None:
    lines = [OK, 'ETag: "é"\r\n'.encode(), b"Last-Modified: \xe9\r\n", b"X: caf\xe9\r\n", b"\r\n"]

    assert received(lines) == {"etag": '"é"', "x": "café"}


@pytest.mark.parametrize("lines", [[], [OK], [OK, b"ETag: x\r\n"], [b"HTTP/1.1 100 Go on\r\n", b"\r\n", OK]])
def test_f15_headers_that_do_not_end_are_none(lines: list[bytes]) -> None:
    assert received(lines) is None


def test_f16_a_length_that_is_said_in_two_ways_lies() -> None:
    assert not length_lies({})
    assert not length_lies({"content-length": "5"})
    assert not length_lies({"transfer-encoding": "chunked"})
    for length in ("5, 9", "5, 5", "-5", "five", "", "٥", "+5"):
        assert length_lies({"content-length": length})
    assert length_lies({"content-length": "5", "transfer-encoding": "chunked"})


def test_headers_are_sent_as_they_are_and_empty_ones_too() -> None:
    assert sent([("If-None-Match", 'W/"a,b"'), ("X-Name", "é"), ("X-Empty", "")]) == [
        'If-None-Match: W/"a,b"',
        "X-Name: é".encode(),
        "X-Empty;",
    ]


@pytest.mark.parametrize(
    "header", [("X", "a\r\nY: b"), ("X", "a\nb"), ("X", "a\0"), ("X: y", "a"), ("X\r\nY", "a"), ("", "a"), ("ü", "a")]
)
def test_s4_no_header_is_sent_that_could_be_taken_for_two(header: tuple[str, str]) -> None:
    with pytest.raises(Refused):
        sent([header])

"""Content codings are undone exactly, within bounds, or named as what they are not."""

from __future__ import annotations

import gzip
import tracemalloc
import zlib

import brotli
import pytest
import zstandard
from hypothesis import given, settings
from hypothesis import strategies as st

from feedwatch.decoding import BadCoding, accepted, decoder

ROOM = 1_000_000


def _raw_deflate(data: bytes) -> bytes:
    packing = zlib.compressobj(wbits=-15)
    return packing.compress(data) + packing.flush()


PACKED = {
    "gzip": gzip.compress,
    "x-gzip": gzip.compress,
    "deflate": zlib.compress,
    "br": brotli.compress,
    "zstd": zstandard.compress,
}


def _undone(coding: str, packed: bytes, room: int = ROOM, step: int = 1000) -> bytes:
    undoing = decoder(coding)
    assert undoing is not None
    made = b""
    for at in range(0, len(packed), step):
        made += undoing.decode(packed[at : at + step], room - len(made))
        if len(made) > room:
            return made
    return made + undoing.finish(room - len(made))


def test_p46_only_what_can_be_bounded_is_asked_for() -> None:
    assert accepted() == "gzip, deflate, br, zstd"


@pytest.mark.parametrize("coding", PACKED)
@given(data=st.binary(max_size=3000), step=st.integers(1, 500))
@settings(max_examples=40, deadline=None)
def test_what_was_packed_comes_out_whatever_the_pieces(coding: str, data: bytes, step: int) -> None:
    assert _undone(coding, PACKED[coding](data), step=step) == data


def test_p46_deflate_without_its_wrapper_is_understood() -> None:
    assert _undone("deflate", _raw_deflate(b"hello" * 100)) == b"hello" * 100


@pytest.mark.parametrize("coding", PACKED)
def test_s12_a_bomb_is_cut_off_before_it_is_made(coding: str) -> None:
    bomb = PACKED[coding](bytes(100_000_000))
    tracemalloc.start()
    try:
        made = _undone(coding, bomb, step=len(bomb))
        _, most = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()

    assert ROOM < len(made) < ROOM * 2
    assert most < 10 * ROOM


@pytest.mark.parametrize("coding", PACKED)
def test_a_body_that_ends_in_the_middle_is_no_body(coding: str) -> None:
    packed = PACKED[coding](bytes(range(256)) * 50)

    with pytest.raises(BadCoding, match=r"middle|not the"):
        _undone(coding, packed[: len(packed) // 2])


@pytest.mark.parametrize("coding", PACKED)
def test_what_is_not_what_it_says_is_named(coding: str) -> None:
    with pytest.raises(BadCoding, match="not the"):
        _undone(coding, b"<html>not packed at all, and long enough to be seen as such</html>")


@pytest.mark.parametrize("coding", ["compress", "gzip, gzip", "dcb"])
def test_s12_a_coding_that_nobody_asked_for_is_refused(coding: str) -> None:
    with pytest.raises(BadCoding, match="nobody asked for"):
        decoder(coding)


def test_without_a_coding_there_is_nothing_to_undo() -> None:
    assert decoder("") is decoder("identity") is None

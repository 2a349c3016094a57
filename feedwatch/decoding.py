"""Undoes a body's content coding (RFC 9110 §8.4) without ever making more than there is room for. Pure.

gzip and deflate are always understood; br and zstd where packages are installed that can be bounded.
"""

from __future__ import annotations

import importlib
import io
import zlib
from importlib.util import find_spec
from typing import Any, Protocol


class BadCoding(Exception):
    """The body is not what its `Content-Encoding` says; the message ends a sentence about it."""


class Decoder(Protocol):
    def decode(self, raw: bytes, room: int) -> bytes:
        """What `raw` adds to the body, cut off once it is longer than `room` bytes. Raises BadCoding."""
        ...

    def finish(self, room: int) -> bytes:
        """The rest, when all has come. Raises BadCoding for a body that ends in the middle."""
        ...


def accepted() -> str:
    """The `Accept-Encoding` that can be kept."""
    return ", ".join(["gzip", "deflate", *(["br"] if _has_brotli() else []), *(["zstd"] if _has_zstd() else [])])


def decoder(coding: str) -> Decoder | None:
    """For one coding (lower case); None for `identity`. Raises BadCoding for one that nobody asked for."""
    match coding:
        case "" | "identity":
            return None
        case "gzip" | "x-gzip" | "deflate":
            return _Zlib(coding)
        case "br" if _has_brotli():
            return _Brotli()
        case "zstd" if _has_zstd():
            return _Zstd()
    raise BadCoding(f'has an encoding nobody asked for ("{coding}")')


def _has_brotli() -> bool:
    # Older ones make all of a bomb at once.
    return find_spec("brotli") is not None and hasattr(_module("brotli").Decompressor, "can_accept_more_data")


def _has_zstd() -> bool:
    return find_spec("zstandard") is not None


def _module(name: str) -> Any:
    return importlib.import_module(name)


class _Zlib:
    def __init__(self, coding: str) -> None:
        self._coding = coding
        self._zlib = zlib.decompressobj(15 if coding == "deflate" else 31)
        self._begun = False

    def decode(self, raw: bytes, room: int) -> bytes:
        try:
            chunk = self._zlib.decompress(raw, room + 1)
        except zlib.error:
            if self._coding != "deflate" or self._begun:
                raise BadCoding(f"is not the {self._coding} it says it is") from None
            chunk = self._without_wrapper(raw, room)
        self._begun = self._begun or bool(raw)
        return chunk

    def finish(self, room: int) -> bytes:
        if self._begun and not self._zlib.eof:
            raise BadCoding(f"ends in the middle of its {self._coding}")
        return b""

    def _without_wrapper(self, raw: bytes, room: int) -> bytes:
        """Some servers send deflate without the zlib wrapper that RFC 9110 §8.4.1.2 asks for."""
        self._zlib = zlib.decompressobj(-15)
        try:
            return self._zlib.decompress(raw, room + 1)
        except zlib.error:
            raise BadCoding("is not the deflate it says it is") from None


class _Brotli:
    def __init__(self) -> None:
        self._brotli = _module("brotli").Decompressor()
        self._begun = False

    def decode(self, raw: bytes, room: int) -> bytes:
        made: bytes = b""
        self._begun = self._begun or bool(raw)
        try:
            made = self._brotli.process(raw, output_buffer_limit=room + 1)
            while len(made) <= room and not self._brotli.can_accept_more_data():
                made += self._brotli.process(b"", output_buffer_limit=room + 1 - len(made))
        except _module("brotli").error:
            raise BadCoding("is not the br it says it is") from None
        return made

    def finish(self, room: int) -> bytes:
        if self._begun and not self._brotli.is_finished():
            raise BadCoding("ends in the middle of its br")
        return b""


class _Zstd:
    """Bounded only when read from its end: what comes is kept until then, and is itself no longer than a body."""

    def __init__(self) -> None:
        self._raw = bytearray()

    def decode(self, raw: bytes, room: int) -> bytes:
        self._raw += raw
        if len(self._raw) > room:
            raise BadCoding("is longer than a body may be before its zstd is undone")
        return b""

    def finish(self, room: int) -> bytes:
        if not self._raw:
            return b""
        zstandard = _module("zstandard")
        # RFC 9659: no window larger than 8 MB for content coding.
        unpacking = zstandard.ZstdDecompressor(max_window_size=8 * 1024 * 1024)
        try:
            whole = zstandard.frame_content_size(bytes(self._raw[:18]))
            with unpacking.stream_reader(io.BytesIO(self._raw), read_across_frames=True) as reader:
                made: bytes = reader.read(room + 1)
        except zstandard.ZstdError:
            raise BadCoding("is not the zstd it says it is") from None
        if len(made) <= room and whole >= 0 and len(made) < whole:
            raise BadCoding("ends in the middle of its zstd")
        return made

"""Bytes to text: which charset a body really has, whatever its labels say.

Does not know feeds or pages beyond the two places where they name a charset.
"""

from __future__ import annotations

import codecs
import re

from feedwatch.errors import ReadError

_BOMS = (
    (codecs.BOM_UTF32_LE, "utf-32-le"),
    (codecs.BOM_UTF32_BE, "utf-32-be"),
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF16_LE, "utf-16-le"),
    (codecs.BOM_UTF16_BE, "utf-16-be"),
)
# XML 1.0 appendix F: `<` is enough to tell the width of a document that has no byte order mark.
_WIDE = ((b"<\0\0\0", "utf-32-le"), (b"\0\0\0<", "utf-32-be"), (b"<\0", "utf-16-le"), (b"\0<", "utf-16-be"))
_LABELS = (
    re.compile(rb"""^\s*<\?xml[^>]{0,200}?\bencoding\s*=\s*["']([\w.:-]{1,40})"""),
    re.compile(rb"""<meta\b[^>]{0,400}?\bcharset\s*=\s*["']?\s*([\w.:-]{1,40})""", re.IGNORECASE),
)
#: Bytes in which a document must name its charset; HTML asks for 1024, some pages need more.
_HEAD = 4096
# Python has codecs that are no charsets (`punycode`, `unicode_escape`), some of them slow on hostile input.
# UTF-16 and UTF-32 are known by their zero bytes: a label alone would turn ASCII into Chinese.
_CHARSET = re.compile(r"utf-8|iso8859|cp\d|koi8|gb|hz|big5|shift_jis|euc_|iso2022|tis-620|ascii|mac")
_ONE_BYTE = re.compile(r"iso8859|cp(12|8|4|7)\d+|koi8|tis-620|ascii|mac")
_REPLACEMENT = "\ufffd".encode()
#: Share of characters that may be unreadable before the whole text is not believed.
_TOLERATED = 0.01


def decode(body: bytes, content_type: str) -> str:
    """The text of `body`: byte order mark, HTTP label, the document's own label, then what fits.

    A label that the bytes contradict is not believed; single broken bytes become U+FFFD.
    Raises ReadError("unreadable") when more than 1 % of the text would.
    """
    for mark, name in _BOMS:
        if body.startswith(mark):
            return _tolerant(body[len(mark) :], name)
    for start, name in _WIDE:
        if body.startswith(start):
            return _tolerant(body, name)
    label = _label(body, content_type)
    if _ONE_BYTE.match(label):
        # Every byte string is "valid" in a one-byte charset, but hardly any text of one is valid UTF-8.
        return _strict(body, "utf-8") or _strict(body, label) or _tolerant(body, label)
    text = _strict(body, label)
    return _repaired(body, label) if text is None else text


def is_utf_8_if_valid(body: bytes, content_type: str) -> bool:
    """Whether `decode` takes `body` for UTF-8, provided that it is valid UTF-8."""
    if body.startswith(codecs.BOM_UTF8):
        return _REPLACEMENT not in body  # too many of them, and `decode` does not believe the mark
    if any(body.startswith(start) for start, _ in (*_BOMS, *_WIDE)):
        return False
    label = _label(body, content_type)
    return label == "utf-8" or _ONE_BYTE.match(label) is not None


def _label(body: bytes, content_type: str) -> str:
    """The codec named by HTTP or by the document itself, else UTF-8."""
    named = re.search(r"charset\s*=\s*[\"']?\s*([\w.:-]{1,40})", content_type, re.IGNORECASE)
    labels = [named[1]] if named else []
    labels += [found[1].decode("ascii", "ignore") for rule in _LABELS if (found := rule.search(body[:_HEAD]))]
    for label in labels:
        try:
            codec = codecs.lookup(label).name
        except LookupError:
            continue
        if codec in ("ascii", "iso8859-1"):
            return "cp1252"  # as browsers do: who writes latin-1 means its superset
        if codec == "gb2312":
            return "gb18030"
        if _CHARSET.match(codec):
            return codec
    return "utf-8"


def _strict(body: bytes, codec: str) -> str | None:
    try:
        return body.decode(codec)
    except UnicodeError:
        return None


def _repaired(body: bytes, label: str) -> str:
    """`body` does not fit its multi-byte `label`: either a few bytes are broken, or it is Windows-1252."""
    text = body.decode(label, "replace")
    broken = text.count("\ufffd")
    good = sum(map(len, re.findall(r"[^\0-\x7f\ufffd]+", text)))
    if good <= broken and (western := _strict(body, "cp1252")) is not None:
        return western
    return _tolerant(body, label)


def _tolerant(body: bytes, codec: str) -> str:
    text = body.decode(codec, "replace")
    broken = text.count("\ufffd")
    if broken > _TOLERATED * len(text) + 1:
        share = 100 * broken // len(text)
        raise ReadError("unreadable", f"{share} % of it is not {codec} text, nor any other charset it could be")
    return text

"""What changed between two texts, word by word. Pure; makes no markup."""

from __future__ import annotations

import re
from bisect import bisect_left
from collections import Counter
from collections.abc import Hashable, Iterable, Iterator, Sequence
from difflib import SequenceMatcher
from itertools import groupby
from typing import Literal

from msgspec import Struct
from msgspec.structs import replace

#: A word with the white space after it, or one sign of a script that has no spaces between words.
_WORD = re.compile(r"[\u2e80-\u9fff\uf900-\ufaff]|[^\s\u2e80-\u9fff\uf900-\ufaff]+\s*|\s+")
#: difflib's cost grows with the product of both sides: beyond this a stretch is first cut at words that are unique.
_PRODUCT = 50_000
_RUN = 4

Kind = Literal["same", "gone", "added"]


class Piece(Struct, frozen=True):
    """A stretch of text that is in both versions, or in one of them."""

    kind: Kind
    text: str


def word_diff(before: str, after: str) -> tuple[Piece, ...]:
    """The pieces in reading order. All but `added` joined give `before`, all but `gone` give `after`."""
    # The last word has no white space after it, and would be another one than the same word before a further one.
    old, new = _WORD.findall(before + " "), _WORD.findall(after + " ")
    head = _common(old, new)
    tail = _common(old[head:][::-1], new[head:][::-1])
    middle_old, middle_new = old[head : len(old) - tail], new[head : len(new) - tail]
    pieces = [Piece("same", "".join(old[:head])), *_middle(middle_old, middle_new)]
    pieces.append(Piece("same", "".join(old[len(old) - tail :])))
    return tuple(piece for piece in _without_the_space(_joined(pieces)) if piece.text)


def shortened(pieces: tuple[Piece, ...], around: int) -> tuple[Piece, ...]:
    """The same, with each unchanged stretch cut to about `around` characters beside what changed."""
    return tuple(
        replace(piece, text=_cut(piece.text, around, first=at == 0, last=at == len(pieces) - 1))
        if piece.kind == "same"
        else piece
        for at, piece in enumerate(pieces)
    )


def _without_the_space(pieces: list[Piece]) -> list[Piece]:
    """`pieces` without the space that was put to the end of both texts."""
    said = list(pieces)
    ends = {max(at for at, piece in enumerate(said) if piece.kind != kind) for kind in ("gone", "added")}
    first, last = min(ends), max(ends)
    if said[first].kind == "same" and first < last:
        # The space between it and what follows belongs to what follows.
        said[first + 1] = replace(said[first + 1], text=" " + said[first + 1].text)
    return [replace(piece, text=piece.text[:-1]) if at in ends else piece for at, piece in enumerate(said)]


def _common(old: list[str], new: list[str]) -> int:
    count = 0
    for one, other in zip(old, new, strict=False):
        if one != other:
            break
        count += 1
    return count


def _middle(old: list[str], new: list[str]) -> Iterator[Piece]:
    if len(old) * len(new) <= _PRODUCT:
        for operation, i, j, k, m in SequenceMatcher(None, old, new, autojunk=False).get_opcodes():
            if operation == "equal":
                yield Piece("same", "".join(old[i:j]))
            else:
                yield Piece("gone", "".join(old[i:j]))
                yield Piece("added", "".join(new[k:m]))
        return
    anchors = _anchors(old, new) or _anchors(_runs(old), _runs(new))
    if not anchors:
        yield from (Piece("gone", "".join(old)), Piece("added", "".join(new)))
        return
    i = k = 0
    for at_old, at_new in (*anchors, (len(old), len(new))):
        yield from _middle(old[i:at_old], new[k:at_new])
        yield Piece("same", "".join(old[at_old : at_old + 1]))
        i, k = at_old + 1, at_new + 1


def _runs(words: list[str]) -> list[tuple[str, ...]]:
    """The words from each place on, as many as seldom come again where no word is unique."""
    return list(zip(*(words[at:] for at in range(_RUN)), strict=False))


def _anchors(old: Sequence[Hashable], new: Sequence[Hashable]) -> list[tuple[int, int]]:
    """Where things stand that are once in either text, as many as come in the same order in both (patience diff)."""
    once_old, once_new = _once(old), _once(new)
    pairs = [(at, once_new[word]) for word, at in once_old.items() if word in once_new]
    ends: list[int] = []
    chain: list[tuple[tuple[int, int], int]] = []
    tops: list[int] = []
    for number, pair in enumerate(pairs):
        place = bisect_left(ends, pair[1])
        chain.append((pair, tops[place - 1] if place else -1))
        ends[place : place + 1] = [pair[1]]
        tops[place : place + 1] = [number]
    found: list[tuple[int, int]] = []
    at = tops[-1] if tops else -1
    while at >= 0:
        pair, at = chain[at]
        found.append(pair)
    return found[::-1]


def _once(words: Sequence[Hashable]) -> dict[Hashable, int]:
    """What occurs once, and where, in reading order."""
    counts = Counter(words)
    return {word: at for at, word in enumerate(words) if counts[word] == 1}


def _joined(pieces: Iterable[Piece]) -> list[Piece]:
    """Without empty pieces; what was replaced word by word becomes one stretch."""
    found: list[Piece] = []
    for kind, run in groupby((piece for piece in pieces if piece.text), key=lambda piece: piece.kind == "same"):
        stretch = list(run)
        names: tuple[Kind, ...] = ("same",) if kind else ("gone", "added")
        for name in names:
            found.append(Piece(name, "".join(piece.text for piece in stretch if piece.kind == name)))
    return [piece for piece in found if piece.text]


def _cut(text: str, around: int, *, first: bool, last: bool) -> str:
    if first and len(text) > around:
        return "…" + text[-around:]
    if last and len(text) > around:
        return text[:around] + "…"
    if not first and not last and len(text) > 2 * around:
        return f"{text[:around]} … {text[-around:]}"
    return text

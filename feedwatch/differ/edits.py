"""What kind of edit two versions of an entry are apart: none, a minor one or a major one. Pure; knows no history."""

from __future__ import annotations

import re
from collections.abc import Iterable
from functools import lru_cache

from msgspec import Struct

from feedwatch.canonical import comparable, digest
from feedwatch.differ.normalise import plain
from feedwatch.differ.words import word_diff
from feedwatch.model import EditRules, EditSize, Entry

#: What sites count and reckon anew at every look, and no author edits.
_NOISE = (
    r"\b\d[\d.,]*\s?[km]?\s(?:comments?|repl(?:y|ies)|views?|likes?|shares?|claps?|reactions?|reads|kommentare?|aufrufe|"
    r"commentaires?|vues|comentarios?|просмотр\w*|комментари\w*)\b|\d+\s?(?:コメント|件のコメント|次阅读|条评论|댓글)|"
    r"\b\d{1,3}[\s-]?min(?:ute)?s?\.?\s(?:read|lesezeit|de\slectur[ae]|di\slettura|leestijd|leitura)\b|"
    r"\b(?:reading\stime|lesezeit|temps\sde\slecture|tiempo\sde\slectura):?\s(?:ca\.\s)?\d{1,3}\smin\w*|"
    r"\b(?:\d{1,3}|an?|one)\s(?:second|minute|hour|day|week|month|year)s?\sago\b|"
    r"\bvor\s(?:\d{1,3}|einem|einer)\s(?:minute|stunde|tag|woche|monat|jahr)\w*|"
    r"\bhace\s(?:\d{1,3}|un|una)\s(?:minuto|hora|día|semana|mes|año)\w*|"
    r"\bil\sy\sa\s(?:\d{1,3}|un|une)\s(?:minute|heure|jour|semaine|mois|an)\w*|\d+\s?(?:分|時間|小时|天|日|か月)前"
)
#: Words that may change before an edit can be major, unless they are a quarter of the text.
_TYPO = 3
_QUARTER = 0.25
#: Two titles that are that much alike, letter by letter, differ in a typo.
_ALIKE = 0.85
_SIGNS = r"[\W_]+"


class Wording(Struct, frozen=True):
    """What an entry says, in the form that is compared."""

    title: str
    summary: str
    content: str

    @property
    def digest(self) -> str:
        return digest("wording", self.title, self.summary, self.content)


class Edit(Struct, frozen=True):
    #: Names of the fields whose words differ.
    fields: tuple[str, ...]
    size: EditSize


def wording(entry: Entry, rules: EditRules) -> Wording:
    """The words that count: without what sites count anew at every look, and what the operator's patterns match."""
    patterns = _compiled((_NOISE, *rules.ignore))

    def kept(text: str) -> str:
        for pattern in patterns:
            text = pattern.sub("", text)
        return " ".join(text.split())

    return Wording(kept(comparable(entry.title)), kept(plain(entry.summary)), kept(plain(entry.content)))


def edit(before: Wording, after: Wording, rules: EditRules) -> Edit | None:
    """How two wordings differ, or None. White space, entities, quotes and markup are gone already.

    A field that is absent on one side is no edit: sources drop and add excerpts for all their entries at once when
    they change their layout, and that is news of the layout.
    """
    pairs = {name: (getattr(before, name), getattr(after, name)) for name in ("title", "summary", "content")}
    fields = tuple(name for name, (old, new) in pairs.items() if old and new and old != new)
    if not fields:
        return None
    big = any(
        _title_is_another(*pairs[name]) if name == "title" else _much_differs(*pairs[name], rules.major)
        for name in fields
    )
    return Edit(fields, "major" if big else "minor")


def _title_is_another(before: str, after: str) -> bool:
    """Case, signs and a slip of the pen make no other title; another number does."""
    old, new = (re.sub(_SIGNS, " ", title.casefold()).strip() for title in (before, after))
    if old == new:
        return False
    numbers = [re.findall(r"\d+", title) for title in (old, new)]
    if numbers[0] != numbers[1] or len(old.split()) != len(new.split()):
        return True
    from difflib import SequenceMatcher

    changed = sum(a != b for a, b in zip(old.split(), new.split(), strict=True))
    return changed > 1 or SequenceMatcher(None, old, new, autojunk=False).ratio() < _ALIKE


def _much_differs(before: str, after: str, share: float) -> bool:
    pieces = word_diff(before, after)
    gone, added = (sum(_size(p.text) for p in pieces if p.kind == kind) for kind in ("gone", "added"))
    changed, whole = max(gone, added), max(_size(before), _size(after), 1)
    return changed >= _QUARTER * whole or (changed > _TYPO and changed >= share * whole)


def _size(text: str) -> int:
    """Words; two signs of a script without spaces count as one."""
    wide = sum(sign >= "\u2e80" for sign in text)
    return len(text.split()) + wide // 2


@lru_cache(maxsize=256)
def _compiled(patterns: Iterable[str]) -> tuple[re.Pattern[str], ...]:
    return tuple(re.compile(pattern, re.IGNORECASE) for pattern in patterns)

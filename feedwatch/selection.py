"""Feeds by words, and merged ones: which entries each takes. Pure; alerts look for words in the same way."""

from __future__ import annotations

from collections.abc import Collection
from functools import cached_property
from typing import ClassVar

from feedwatch.canonical import comparable, digest
from feedwatch.differ.normalise import text_of
from feedwatch.discreet import Discreet
from feedwatch.model import Entry

#: Ideographs and kana begin here: their scripts put no space between words.
_NO_SPACES = "\u2e80"


class Words:
    """The words of an entry, made comparable only when somebody asks for some."""

    def __init__(self, entry: Entry) -> None:
        self._entry = entry

    def have(self, phrase: str) -> bool:
        """Whether `phrase` is there as whole words, whatever its case and accents' spelling."""
        wanted = comparable(phrase).casefold()
        at = self._text.find(wanted)
        while at >= 0:
            end = at + len(wanted)
            if not (self._run_on(at) or self._run_on(end)):
                return True
            at = self._text.find(wanted, at + 1)
        return False

    @cached_property
    def _text(self) -> str:
        entry = self._entry
        return comparable(f"{entry.title}\n{text_of(entry.summary)}\n{text_of(entry.content)}").casefold()

    def _run_on(self, at: int) -> bool:
        """Whether a word goes on over this place."""
        return 0 < at < len(self._text) and _in_word(self._text[at - 1]) and _in_word(self._text[at])


def _in_word(sign: str) -> bool:
    return sign.isalnum() and sign < _NO_SPACES


class Merged(Discreet, frozen=True):
    """One `[[feed]]`: what it takes from all sources, as an alert would."""

    hidden: ClassVar[frozenset[str]] = frozenset({"token"})

    id: str
    title: str
    #: Slugs; empty means every category.
    categories: frozenset[str] = frozenset()
    #: Source ids; empty means every source.
    sources: frozenset[str] = frozenset()
    #: Words or phrases: one of `match` must be in title or text, none of `unless`.
    match: tuple[str, ...] = ()
    unless: tuple[str, ...] = ()
    #: Part of its address, for those who were told; None is a feed for everybody.
    token: str | None = None

    @property
    def path(self) -> str:
        """Where it stands below the public folder, without extension."""
        return f"private/{self.token}/{self.id}" if self.token else f"feeds/{self.id}"

    @property
    def digest(self) -> str:
        """Changes whenever it could take another entry or be called otherwise."""
        parts = (sorted(self.categories), sorted(self.sources), self.match, self.unless)
        return digest(self.id, self.title, *(digest(*part) for part in parts), self.token)

    def takes(self, source_id: str, slugs: Collection[str], words: Words) -> bool:
        """Whether an entry of that source, in categories with these slugs, belongs in it."""
        return (
            (not self.sources or source_id in self.sources)
            and (not self.categories or not self.categories.isdisjoint(slugs))
            and (not self.match or any(map(words.have, self.match)))
            and not any(map(words.have, self.unless))
        )

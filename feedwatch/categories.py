"""Which category feed an entry belongs to: the one owner of names, aliases and slugs.

Does not know entries' text, stores or feeds.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from msgspec import Struct, field

from feedwatch.canonical import comparable, digest, slug
from feedwatch.model import Category
from feedwatch.remembered import is_short

ALL = "all"
UNCATEGORISED = "uncategorised"
_RESERVED = frozenset({ALL, UNCATEGORISED})
#: Combinations of categories of which the feeds are known.
_REMEMBERED = 4096


class Categories(Struct, frozen=True, eq=False):
    """The `[category.…]` tables: titles by slug, and the slug that each alias stands for."""

    titles: Mapping[str, str] = field(default_factory=dict)
    aliases: Mapping[str, str] = field(default_factory=dict)
    #: Names of feeds that are no category's.
    taken: frozenset[str] = frozenset()
    _resolved: dict[tuple[Category, ...], dict[str, str]] = field(default_factory=dict)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Categories) and self._tables == other._tables

    def __ne__(self, other: object) -> bool:
        return not self == other

    @property
    def _tables(self) -> tuple[object, ...]:
        return (self.titles, self.aliases, self.taken)

    def __hash__(self) -> int:
        return hash(self.digest)

    def slug_of(self, name: str) -> str:
        """The slug of the feed for a category called `name`; one that would shadow our own feeds is renamed."""
        own = slug(name)
        own = self.aliases.get(own, own)
        return f"{own}-category" if own in _RESERVED or own in self.taken else own

    def resolve(self, categories: Iterable[Category]) -> Mapping[str, str]:
        """Title by slug for each category feed, in the source's order; the catch-all feed when there is none.

        The configured title wins, else the source's own words.
        """
        # Entries have few different ones, and it is asked for each of them many times a round.
        given = tuple(categories)
        if found := self._resolved.get(given):
            return found
        found = self._found(given)
        if is_short(given):
            if len(self._resolved) >= _REMEMBERED:
                self._resolved.clear()
            self._resolved[given] = found
        return found

    def _found(self, categories: Iterable[Category]) -> dict[str, str]:
        found: dict[str, str] = {}
        for category in categories:
            if not comparable(category.title):
                continue
            name = self.slug_of(category.title)
            found.setdefault(name, self.titles.get(name) or category.title)
        return found or {UNCATEGORISED: self.titles.get(UNCATEGORISED, "Uncategorised")}

    @property
    def digest(self) -> str:
        """Changes whenever an entry could land in another feed or a feed could get another title."""
        return digest(
            *sorted(self.taken),
            *(
                part
                for table in (self.titles, self.aliases)
                for item in sorted(table.items())
                for part in (*item, None)
            ),
        )

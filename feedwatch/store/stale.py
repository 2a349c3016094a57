"""What was written since the feeds were up to date, and how certain that is."""

from __future__ import annotations

from msgspec import Struct, field


class Stale(Struct):
    """Counts and names only: knows no entry, no feed and no file."""

    #: Category feeds and sources whose feeds no longer show what the store knows.
    slugs: set[str] = field(default_factory=set)
    sources: set[str] = field(default_factory=set)
    #: Whether a source file may hold more than the index, the outbox's times and the feeds know.
    in_doubt: bool = False
    #: In commits since the start: when anything of a source was written last, and when nothing was certain.
    commits: int = 0
    written: dict[str, int] = field(default_factory=dict)
    forgotten: int = 0

    @property
    def is_behind(self) -> bool:
        """Whether feeds may not show what the store knows."""
        return bool(self.slugs or self.sources or self.in_doubt)

    def doubt(self) -> None:
        """Says that what was written may be in the files or not: what was made of it is not certain either."""
        self.in_doubt = True
        self.commits += 1
        self.forgotten = self.commits

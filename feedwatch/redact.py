"""Secrets stay out of everything that is written for people: log lines, stored errors, tracebacks."""

from __future__ import annotations

import re
from collections.abc import Iterable

#: Shorter ones would hide harmless words; a secret worth the name is longer.
_SHORTEST = 6
HIDDEN = "[secret]"


class Redactor:
    """Replaces each of `secrets` wherever it stands in a text."""

    def __init__(self, secrets: Iterable[str]) -> None:
        longest_first = sorted({s for s in secrets if len(s) >= _SHORTEST}, key=lambda s: (-len(s), s))
        self._pattern = re.compile("|".join(map(re.escape, longest_first))) if longest_first else None

    def __call__(self, text: str) -> str:
        return self._pattern.sub(HIDDEN, text) if self._pattern else text

"""Log lines: one line an event, with its priority for the journal, or as JSON for machines; never a secret."""

from __future__ import annotations

import json
import logging
from datetime import UTC, datetime

from feedwatch.redact import Redactor

#: The priorities of sd-daemon(3).
_PRIORITIES = {logging.CRITICAL: 2, logging.ERROR: 3, logging.WARNING: 4, logging.INFO: 6, logging.DEBUG: 7}


def formatter(kind: str, redact: Redactor, *, journal: bool) -> logging.Formatter:
    """`kind` is `text` or `json`; `journal` says that systemd reads along."""
    return _Json(redact) if kind == "json" else _Text(redact, journal=journal)


class _Text(logging.Formatter):
    def __init__(self, redact: Redactor, *, journal: bool) -> None:
        super().__init__("%(message)s" if journal else "%(levelname)s %(message)s")
        self._redact = redact
        self._journal = journal

    def format(self, record: logging.LogRecord) -> str:
        text = self._redact(super().format(record))
        if not self._journal:
            return text
        # Each line has its own priority there, and a line break would begin another entry.
        return f"<{_priority(record)}>" + text.replace("\n", " | ")


class _Json(logging.Formatter):
    def __init__(self, redact: Redactor) -> None:
        super().__init__("%(message)s")
        self._redact = redact

    def format(self, record: logging.LogRecord) -> str:
        event = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": self._redact(super().format(record)),
        }
        return json.dumps(event, ensure_ascii=False)


def _priority(record: logging.LogRecord) -> int:
    return next(number for level, number in _PRIORITIES.items() if record.levelno >= level or level == logging.DEBUG)

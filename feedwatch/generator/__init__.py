"""Feeds and what lists them, rendered. Each format loads when it is first rendered: most rounds change no feed."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from feedwatch.generator import atom, edits, html, incidents, jsonfeed, opml, rss

__all__ = ["atom", "edits", "html", "incidents", "jsonfeed", "opml", "rss"]


def __getattr__(name: str) -> Any:
    if name in __all__:
        return import_module(f"feedwatch.generator.{name}")
    raise AttributeError(name)

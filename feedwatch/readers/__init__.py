"""Bytes of a feed or a page as a Reading.

The readers load when the first body is read: a round of 304s, and a command that only looks, need none of them.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from feedwatch.readers.reading import read

__all__ = ["read"]


def __getattr__(name: str) -> Any:
    if name == "read":
        return import_module("feedwatch.readers.reading").read
    raise AttributeError(name)

"""Values that do not say everything of themselves: a repr ends up in logs and tracebacks."""

from __future__ import annotations

from typing import ClassVar

from msgspec import Struct


class Discreet(Struct, frozen=True):
    """A value whose repr leaves out the fields that are `hidden`: secrets, and what is long."""

    hidden: ClassVar[frozenset[str]] = frozenset()

    def __repr__(self) -> str:
        told = (f"{name}={getattr(self, name)!r}" for name in self.__struct_fields__ if name not in self.hidden)
        return f"{type(self).__name__}({', '.join(told)})"

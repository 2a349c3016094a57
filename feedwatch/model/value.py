"""What values are: frozen, and never part of a ring. Knows none of them."""

from __future__ import annotations

from datetime import UTC, datetime

from msgspec import Struct

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class Value(Struct, frozen=True, omit_defaults=True, gc=False):
    """What is at its default is not written; and no value is ever part of a ring."""

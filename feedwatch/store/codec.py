"""Values of the model to and from plain JSON objects. Knows no file and no database."""

from __future__ import annotations

from typing import Any, TypeVar

import msgspec
import orjson

T = TypeVar("T")


def to_bytes(value: object) -> bytes:
    """Compact JSON."""
    return orjson.dumps(value)


def from_bytes(data: bytes) -> Any:
    """What `to_bytes` was given. Raises ValueError for what is no JSON."""
    return orjson.loads(data)


def dump(value: object) -> dict[str, Any]:
    """`value` as JSON-ready dict; fields at their default are left out, so a new field changes no old row."""
    row: dict[str, Any] = msgspec.to_builtins(value)
    return row


def load(kind: type[T], row: object) -> T:
    """The value that `row` stands for. Raises ValueError when the row has another shape."""
    try:
        return msgspec.convert(row, kind)
    except msgspec.ValidationError as error:
        raise ValueError(f"a stored {kind.__name__} has an unknown shape: {error}") from error

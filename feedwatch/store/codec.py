"""Values of the model to and from plain JSON objects. Knows no file and no database."""

from __future__ import annotations

from typing import Any, TypeVar

import orjson
from pydantic import TypeAdapter, ValidationError

T = TypeVar("T")


def to_bytes(value: object) -> bytes:
    """Compact JSON."""
    return orjson.dumps(value)


def from_bytes(data: bytes) -> Any:
    """What `to_bytes` was given. Raises ValueError for what is no JSON."""
    return orjson.loads(data)


_adapters: dict[Any, TypeAdapter[Any]] = {}


def _adapter(kind: Any) -> TypeAdapter[Any]:
    """Building one costs milliseconds, and a store has thousands of rows."""
    if kind not in _adapters:
        _adapters[kind] = TypeAdapter(kind)
    return _adapters[kind]


def dump(kind: type[T], value: T) -> dict[str, Any]:
    """`value` as JSON-ready dict; fields at their default are left out, so a new field changes no old row."""
    row: dict[str, Any] = _adapter(kind).dump_python(value, mode="json", exclude_defaults=True)
    return row


def load(kind: type[T], row: object) -> T:
    """The value that `row` stands for. Raises ValueError when the row has another shape."""
    try:
        value: T = _adapter(kind).validate_python(row)
    except ValidationError as error:
        raise ValueError(f"a stored {kind.__name__} has an unknown shape: {error.errors()[0]['loc']}") from error
    return value

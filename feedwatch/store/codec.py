"""Values of the model to and from plain JSON objects. Knows no file and no database."""

from __future__ import annotations

from functools import cache
from typing import Any, TypeVar

from pydantic import TypeAdapter, ValidationError

T = TypeVar("T")


@cache
def _adapter(kind: type[T]) -> TypeAdapter[T]:
    return TypeAdapter(kind)


def dump(kind: type[T], value: T) -> dict[str, Any]:
    """`value` as JSON-ready dict; fields at their default are left out, so a new field changes no old row."""
    row: dict[str, Any] = _adapter(kind).dump_python(value, mode="json", exclude_defaults=True)
    return row


def load(kind: type[T], row: object) -> T:
    """The value that `row` stands for. Raises ValueError when the row has another shape."""
    try:
        return _adapter(kind).validate_python(row)
    except ValidationError as error:
        raise ValueError(f"a stored {kind.__name__} has an unknown shape: {error.errors()[0]['loc']}") from error

"""Values of the model from plain JSON, as msgspec and older versions wrote it. Knows no file and no database."""

from __future__ import annotations

import re
from typing import Any, TypeVar

import msgspec

T = TypeVar("T")


def load(kind: type[T], row: object) -> T:
    """The value that `row` stands for. Raises ValueError when the row has another shape."""
    try:
        return msgspec.convert(row, kind)
    except msgspec.ValidationError:
        row = _in_days(row)
    try:
        return msgspec.convert(row, kind)
    except msgspec.ValidationError as error:
        raise ValueError(f"a stored {kind.__name__} has an unknown shape: {error}") from error


def decode(kind: type[T], data: bytes) -> T:
    """The same for a whole document."""
    try:
        return msgspec.json.decode(data, type=kind)
    except msgspec.ValidationError:
        return load(kind, msgspec.json.decode(data))


def _in_days(value: Any) -> Any:
    """Version 0.1 wrote long durations in years of 365 days, which not everybody reads (ISO 8601 leaves it open)."""
    if isinstance(value, dict):
        return {key: _in_days(one) for key, one in value.items()}
    if isinstance(value, list):
        return [_in_days(one) for one in value]
    if isinstance(value, str) and (found := re.fullmatch(r"(-?P)(\d+)Y(?:(\d+)D)?((?:T[\dHMS.]+)?)", value)):
        return f"{found[1]}{365 * int(found[2]) + int(found[3] or 0)}D{found[4]}"
    return value

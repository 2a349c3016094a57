"""What is remembered of what strangers say, to save time: only what is short. They choose how long a text is, so that a
number of texts bounds no memory. Pure."""

from __future__ import annotations

from collections.abc import Callable, Hashable
from functools import wraps
from typing import Generic, TypeVar, TypeVarTuple, Unpack

import msgspec

#: Letters of a text, and bytes of all that several values say, that are not read anew each time.
LONGEST, _TOGETHER = 300, 1000

Key = TypeVar("Key", bound=Hashable)
Value = TypeVar("Value")
Keys = TypeVarTuple("Keys")

_written = msgspec.json.Encoder().encode


def is_short(value: object) -> bool:
    if isinstance(value, str):
        return len(value) <= LONGEST
    try:
        return len(_written(value)) <= _TOGETHER
    except UnicodeEncodeError:  # half a character: nothing that comes again and again
        return False


class _Known(dict[Key, Value], Generic[Key, Value]):
    """Answers to what is short, up to `most`: forgetting the oldest one by one would take longer."""

    def __init__(self, read: Callable[[Key], Value], most: int) -> None:
        self._read, self._most = read, most

    def __missing__(self, key: Key) -> Value:
        value = self._read(key)
        if is_short(key):
            if len(self) >= self._most:
                self.clear()
            self[key] = value
        return value


def remembered(most: int) -> Callable[[Callable[[Key], Value]], Callable[[Key], Value]]:
    """For a function of one argument that is asked over and over: what is known takes no call of Python's."""

    def made(read: Callable[[Key], Value]) -> Callable[[Key], Value]:
        return _Known(read, most).__getitem__

    return made


def remembered_together(
    most: int,
) -> Callable[[Callable[[Unpack[Keys]], Value]], Callable[[Unpack[Keys]], Value]]:
    """The same for a function of several arguments."""

    def made(read: Callable[[Unpack[Keys]], Value]) -> Callable[[Unpack[Keys]], Value]:
        known = _Known[tuple[*Keys], Value](lambda arguments: read(*arguments), most)

        @wraps(read)
        def answer(*arguments: *Keys) -> Value:
            return known[arguments]

        return answer

    return made

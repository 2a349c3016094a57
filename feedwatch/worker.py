"""What runs in a worker process: takes calls from its standard input, and gives what came of each to where its
standard output was. Ends with its input.

A message is its length in eight bytes and a pickle; both ends are feedwatch. Imports next to nothing: it is started in
the middle of a round.
"""

from __future__ import annotations

import gc
import os
import pickle
import signal
import sys
from typing import Any, BinaryIO

#: Bytes that say how long a message is.
LENGTH = 8
#: Says that a call has been understood and begins.
BEGUN = b"."


def serve() -> None:
    """Until the input ends. What is printed goes to the log."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C means the process that started this one
    gc.set_threshold(100_000, 20, 100)  # a feed is thousands of small objects, and no ring among them
    answers = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)
    calls = sys.stdin.buffer
    while size := calls.read(LENGTH):
        work, arguments = pickle.loads(calls.read(int.from_bytes(size, "big")))  # noqa: S301  (from our own process)
        answers.write(BEGUN)
        answers.flush()
        _answer(answers, *_tried(work, arguments))


def message(value: object) -> bytes:
    data = pickle.dumps(value, protocol=5)
    return len(data).to_bytes(LENGTH, "big") + data


def _tried(work: Any, arguments: Any) -> tuple[bool, object]:
    try:
        return True, work(*arguments)
    except Exception as error:  # the one who asked is told, whatever it is
        return False, error


def _answer(answers: BinaryIO, good: bool, value: object) -> None:
    try:
        data = message((good, value))
    except Exception as error:
        data = message((False, RuntimeError(f"{type(error).__name__}: {error}")))
    answers.write(data)
    answers.flush()

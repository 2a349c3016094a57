"""What only people get to see: tables, colours, and a sign of life while something takes its time.

A stream is a person's when it is a terminal. NO_COLOR takes the colours away, FORCE_COLOR makes people of everybody.
"""

from __future__ import annotations

import contextlib
import os
import sys
import threading
from collections.abc import Callable, Iterator
from typing import TextIO

#: Seconds that pass in silence: what is done before needs no sign of life.
_SILENT = 1.0


def colour() -> bool | None:
    """What the environment says of colours; None leaves it to the terminal."""
    if os.environ.get("NO_COLOR"):
        return False
    return True if os.environ.get("FORCE_COLOR") else None


def looks_on(stream: TextIO) -> bool:
    """Whether a person reads `stream`."""
    return bool(os.environ.get("FORCE_COLOR")) or stream.isatty()


@contextlib.contextmanager
def working(what: str, total: int | None = None, *, quiet: bool = False) -> Iterator[Callable[[], None]]:
    """Shows on stderr that something is under way, from the second second on, and takes the sign away at the end.

    Yields what to call after each of `total` steps. Shows nothing where no person looks on, or if `quiet`.
    """
    if quiet or not sys.stderr.isatty():
        yield lambda: None
        return
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, SpinnerColumn, TimeElapsedColumn

    columns = ["{task.description}", *((BarColumn(), MofNCompleteColumn()) if total else ()), TimeElapsedColumn()]
    bar = Progress(SpinnerColumn(), *columns, console=Console(stderr=True), transient=True)
    task = bar.add_task(what, total=total)
    timer = threading.Timer(_SILENT, bar.start)
    timer.daemon = True
    timer.start()
    try:
        yield lambda: bar.advance(task)
    finally:
        timer.cancel()
        # A bar that is just being shown must be there before it is taken away.
        timer.join()
        bar.stop()

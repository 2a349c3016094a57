"""How a process gets others without stopping for it: one is forked while it is still alone, and that forks workers.

A process that has threads cannot fork safely: another thread may hold a lock that nobody will ever let go in the child.
A fresh interpreter can be started at any time, and takes a hundred times as long.
"""

from __future__ import annotations

import contextlib
import gc
import os
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from typing import NoReturn

from feedwatch.worker import ASKED, SAID, spawn

#: Seconds for a process to start.
START = 60.0


class Spawner:
    """Forks workers. To be made before the first thread is: later it is a fresh interpreter, which starts with the
    first worker. May be used by several threads."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._requests: socket.socket | None = None
        self._closed = False
        self._wait: Callable[[], object] = _nothing
        if _is_alone():
            self._fork()

    def worker(self, module: str) -> tuple[socket.socket, int]:
        """A new worker that has `module` loaded: where it takes calls, and its process id. Raises OSError."""
        ours, theirs = socket.socketpair()
        with self._lock, theirs:
            if self._closed:
                ours.close()
                raise ConnectionAbortedError("there are no workers any more")
            try:
                return ours, self._asked(module, theirs)
            except OSError:
                self._end()  # it was killed: the workers it had are gone with it
            try:
                return ours, self._asked(module, theirs)
            except OSError:
                ours.close()
                raise

    def kill(self, pid: int) -> None:
        """Ends a worker, if it is still there. Does not wait for that."""
        requests = self._requests
        with contextlib.suppress(OSError):
            if requests is not None:
                requests.sendall(str(pid).encode().ljust(ASKED))

    def close(self) -> None:
        """Ends all workers, and waits for that. There will be no others."""
        with self._lock:
            self._closed = True
            self._end()

    def _asked(self, module: str, theirs: socket.socket) -> int:
        if self._requests is None:
            self._begin()
        assert self._requests is not None  # noqa: S101
        socket.send_fds(self._requests, [module.encode().ljust(ASKED)], [theirs.fileno()])
        said = self._requests.recv(SAID, socket.MSG_WAITALL)
        if len(said) < SAID:
            raise ConnectionResetError
        return int(said)

    def _begin(self) -> None:
        """A fresh interpreter in place of a fork."""
        self._requests, theirs = socket.socketpair()
        self._requests.settimeout(START)
        fd = theirs.fileno()
        begin = (
            "import socket, sys; sys.path[:] = sys.argv[2:]; from feedwatch.worker import spawn; "
            "spawn(socket.socket(fileno=int(sys.argv[1])))"
        )
        command = [sys.executable, "-c", begin, str(fd), *sys.path]
        with theirs:
            self._wait = subprocess.Popen(command, pass_fds=[fd]).wait  # noqa: S603

    def _fork(self) -> None:
        self._requests, theirs = socket.socketpair()
        self._requests.settimeout(START)
        for stream in (sys.stdout, sys.stderr):
            with contextlib.suppress(OSError, ValueError, AttributeError):  # there is none where it was closed before
                stream.flush()  # what is in its buffer would be written twice
        # What is here now stays: a look for rubbish in it would give each process its own copy of all memory.
        gc.freeze()
        # A signal that comes in between would run our handlers in the child.
        before = signal.pthread_sigmask(signal.SIG_BLOCK, signal.valid_signals())
        try:
            pid = os.fork()
            if pid == 0:
                _become_spawner(theirs)
        except OSError:  # no more processes: perhaps there are when one is needed
            self._requests.close()
            self._requests = None
            return
        finally:
            signal.pthread_sigmask(signal.SIG_SETMASK, before)
            theirs.close()
        self._wait = lambda: os.waitpid(pid, 0)

    def _end(self) -> None:
        if self._requests is not None:
            self._requests.close()
            self._requests = None
        with contextlib.suppress(ChildProcessError):
            self._wait()
        self._wait = _nothing


def _become_spawner(requests: socket.socket) -> NoReturn:
    try:
        spawn(requests)
    finally:
        os._exit(0)


def _is_alone() -> bool:
    """Whether this process has one thread, those that Python does not know of counted."""
    try:
        return len(list(Path("/proc/self/task").iterdir())) == 1
    except OSError:
        return False


def _nothing() -> None:
    """Nothing to wait for."""

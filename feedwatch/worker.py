"""What runs in the processes that the main one has for others to crash in: the spawner, which does nothing but fork
workers, and the workers, which take calls from a socket and give what came of each.

A message is two lengths of eight bytes each, a pickle, and bytes that stand in the pickle's place of them: a body, or a
value of the model that is packed. Both ends are feedwatch.
Imports next to nothing: whatever is here is in each of them.
"""

from __future__ import annotations

import contextlib
import gc
import importlib
import os
import pickle
import signal
import socket
import struct
import sys
from pathlib import Path
from typing import Any

from msgspec import Struct, msgpack

#: How long the two parts of a message are.
LENGTHS = struct.Struct(">QQ")
#: Says that a call has been understood and begins, where that was asked for.
BEGUN = b"."
#: Bytes of what the spawner is asked, and of what it says.
ASKED, SAID = 128, 16
_PR_SET_PDEATHSIG = 1
#: Bytes that are taken from the socket at once if they are there: nearly all calls are shorter.
_AT_ONCE = 1 << 18


def spawn(requests: socket.socket) -> None:
    """Until `requests` ends, and then all workers do. Whatever is open besides is the main process's, and is closed.

    What is asked is the name of a module, with the socket of a worker that is to have it loaded; or the id of a worker
    that is to be killed.
    """
    _alone(requests.fileno())
    workers: set[int] = set()

    def bury(*_: object) -> None:
        with contextlib.suppress(ChildProcessError):
            while pid := os.waitpid(-1, os.WNOHANG)[0]:
                workers.discard(pid)

    signal.signal(signal.SIGCHLD, bury)
    signal.pthread_sigmask(signal.SIG_SETMASK, ())
    try:
        while True:
            asked, sockets, _, _ = socket.recv_fds(requests, ASKED, 1)
            # A worker that ends is not buried while its id is dealt with: the id could be another one's.
            signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGCHLD])
            if not asked:
                return
            words = asked.decode().strip()
            if sockets:
                workers.add(_fork(requests, words, sockets[0]))
            elif int(words) in workers:
                os.kill(int(words), signal.SIGKILL)
            signal.pthread_sigmask(signal.SIG_UNBLOCK, [signal.SIGCHLD])
    finally:
        signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGCHLD])
        for pid in workers:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        for pid in workers:
            with contextlib.suppress(ChildProcessError):
                os.waitpid(pid, 0)


def _alone(kept: int) -> None:
    """Nothing of the main process acts here any more: no handler, no socket, no lock, no buffer. What is printed goes
    to the log."""
    # Ctrl-C means the main process.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.set_wakeup_fd(-1)
    for number in signal.valid_signals():
        if callable(signal.getsignal(number)):
            signal.signal(number, signal.SIG_DFL)
    nothing = os.open(os.devnull, os.O_RDONLY)
    os.dup2(nothing, 0)
    os.dup2(2, 1)
    sys.stdout = sys.stderr
    for fd in (int(path.name) for path in list(Path("/dev/fd").iterdir())):
        with contextlib.suppress(OSError):  # the one that the folder was read by
            if fd > 2 and fd != kept:
                os.close(fd)
    # A socket of the main process that is collected as rubbish would close what has its number now.
    gc.freeze()


def _fork(requests: socket.socket, module: str, calls: int) -> int:
    # What workers have in common is loaded once, and shared by them.
    with contextlib.suppress(Exception):  # whoever uses it will be told
        importlib.import_module(module)
    gc.freeze()
    spawner = os.getpid()
    pid = os.fork()
    if pid == 0:
        try:
            _end_with(spawner)
            signal.signal(signal.SIGCHLD, signal.SIG_DFL)
            signal.pthread_sigmask(signal.SIG_SETMASK, ())
            requests.close()
            _serve(socket.socket(fileno=calls))
        finally:
            os._exit(0)
    os.close(calls)
    requests.sendall(str(pid).encode().ljust(SAID))
    return pid


def _end_with(parent: int) -> None:
    """From now on this process ends when its parent does, even if it never looks (Linux)."""
    import ctypes

    with contextlib.suppress(AttributeError, OSError):
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != parent:
        os._exit(0)


def _serve(channel: socket.socket) -> None:
    """Until the calls end."""
    gc.set_threshold(100_000, 20, 100)  # a feed is thousands of small objects, and no ring among them
    calls = channel.makefile("rb", _AT_ONCE)
    while head := calls.read(LENGTHS.size):
        size, more = LENGTHS.unpack(head)
        pickled, apart = calls.read(size), calls.read(more)
        work, arguments, asked = pickle.loads(pickled, buffers=[apart])  # noqa: S301  (from our own process)
        if asked:
            channel.sendall(BEGUN)
        channel.sendall(_answer(*_tried(work, arguments)))


def message(value: object) -> bytes:
    """A `PickleBuffer` in `value`, of which there may be one, is not copied into the pickle."""
    apart: list[pickle.PickleBuffer] = []
    data = pickle.dumps(value, protocol=5, buffer_callback=apart.append)
    more: memoryview | bytes = b""
    if apart:
        (only,) = apart
        more = only.raw()
    return b"".join((LENGTHS.pack(len(data), len(more)), data, more))


def _tried(work: Any, arguments: Any) -> tuple[bool, object]:
    try:
        return True, work(*arguments)
    except Exception as error:  # the one who asked is told, whatever it is
        return False, error


class Packed:
    """A value of the model as MessagePack, which takes a third of the time that a pickle does."""

    __slots__ = ("_data", "_type")

    def __init__(self, value: Struct) -> None:
        """Raises UnicodeEncodeError, TypeError or OverflowError for what a pickle takes: half a character, a class of
        one's own, a number of more than 64 bits."""
        self._type = type(value)
        self._data = pickle.PickleBuffer(msgpack.encode(value))

    def value(self) -> Any:
        return msgpack.decode(self._data, type=self._type)


def _answer(good: bool, value: object) -> bytes:
    if isinstance(value, Struct):
        with contextlib.suppress(UnicodeEncodeError, TypeError, OverflowError):
            value = Packed(value)
    try:
        return message((good, value))
    except Exception as error:
        return message((False, RuntimeError(f"{type(error).__name__}: {error}")))

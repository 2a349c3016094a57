"""The processes that others may crash in: forked while the main one is alone, gone with it, and nothing of it in them.

The tests' own process has threads, so each of these is a program of its own.
"""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from textwrap import dedent

import pytest
from workbench import ROOT

#: Stands before each program. `called(workers, (work, *arguments), …)` is what workers make of these calls.
BEGIN = """
import asyncio, os, resource, signal, socket, sys, threading, time
from pathlib import Path
from feedwatch.spawner import Spawner
from feedwatch.workers import Died, Workers

def children(pid=os.getpid()):
    threads = Path(f"/proc/{pid}/task").iterdir()
    return [int(child) for thread in threads for child in (thread / "children").read_text().split()]

def called(workers, *calls):
    async def work():
        try:
            return [await workers.run(*call) for call in calls]
        finally:
            workers.close()
    return asyncio.run(work())
"""
THREAD = "threading.Thread(target=threading.Event().wait, daemon=True).start()\n"
#: The spawner is a fork, or a fresh interpreter.
EITHER_WAY = pytest.mark.parametrize("beginning", ["", THREAD], ids=["alone", "with threads"])


@contextlib.contextmanager
def running(program: str, beginning: str = "") -> Iterator[subprocess.Popen[str]]:
    environ = {**os.environ, "PYTHONPATH": str(ROOT)}
    environ.pop("PYTHONUNBUFFERED", None)
    process = subprocess.Popen(
        [sys.executable, "-c", BEGIN + beginning + dedent(program)],
        env=environ,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    try:
        yield process
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()


def said(program: str, beginning: str = "") -> tuple[str, str]:
    """What it wrote, and what is in its log, when it and all that it started are gone."""
    with running(program, beginning) as process:
        out, err = process.communicate(timeout=50)
    assert process.returncode == 0, err
    return out, err


def test_the_spawner_is_forked_where_there_is_one_thread_and_has_no_worker_before_the_first_call() -> None:
    out, _ = said("""
        workers = Workers(2, 5.0, "json")
        (spawner,) = children()
        print(children(spawner), called(workers, [os.getppid]) == [spawner], children())
    """)

    assert out == "[] True []\n"


def test_where_there_are_threads_nothing_is_forked_and_a_fresh_interpreter_starts_with_the_first_call() -> None:
    program = """
        workers = Workers(2, 5.0, "json")
        print(children(), called(workers, [os.getppid]) != [os.getpid()], children())
    """

    assert said(program, THREAD)[0] == "[] True []\n"


@EITHER_WAY
def test_what_the_main_process_has_open_is_closed_in_a_worker(beginning: str) -> None:
    program = """
        os.dup2(os.open(sys.executable, os.O_RDONLY), 77)
        print(os.path.exists("/proc/self/fd/77"), called(Workers(1, 5.0, "json"), [os.path.exists, "/proc/self/fd/77"]))
    """

    assert said(program, beginning)[0] == "True [False]\n"


def test_what_was_not_yet_written_is_written_once_and_what_a_worker_prints_goes_to_the_log() -> None:
    out, err = said("""
        sys.stdout.write("once")
        called(Workers(1, 5.0, "json"), [print, "from a worker"])
    """)

    assert (out, err) == ("once", "from a worker\n")


@EITHER_WAY
def test_when_the_main_process_is_killed_no_process_is_left(beginning: str) -> None:
    program = """
        hang = "import signal; print('at work', flush=True); signal.pause()"
        called(Workers(1, 1000.0, "json"), [exec, hang])
    """
    with running(program, beginning) as process:
        assert process.stderr is not None
        assert process.stderr.readline() == "at work\n"

        process.kill()

        # Each of them has the other end of the log.
        process.communicate(timeout=30)


@EITHER_WAY
def test_what_workers_took_is_in_the_account_of_the_main_process(beginning: str) -> None:
    program = """
        called(Workers(1, 60.0, "json"), [sum, range(20_000_000)])
        used = resource.getrusage(resource.RUSAGE_CHILDREN)
        print(used.ru_utime)
    """

    assert float(said(program, beginning)[0]) > 0.1


def test_a_worker_that_ends_is_buried_at_once() -> None:
    out, _ = said("""
        async def work():
            workers = Workers(1, 5.0, "json")
            (spawner,) = children()
            try:
                await workers.run(os._exit, 0)
            except Died:
                pass
            while children(spawner):
                await asyncio.sleep(0.01)
            workers.close()
        asyncio.run(work())
    """)

    assert out == ""


@EITHER_WAY
def test_a_spawner_that_was_killed_is_replaced(beginning: str) -> None:
    program = """
        async def work():
            workers = Workers(1, 20.0, "json")
            try:
                # With it ends the worker that does this.
                await workers.run(os.kill, await workers.run(os.getppid), signal.SIGKILL)
                await workers.run(time.sleep, 1000)
            except Died:
                print(await workers.run(len, "again"))
            workers.close()
        asyncio.run(work())
    """

    assert said(program, beginning)[0] == "5\n"


@pytest.mark.parametrize("call", ["len, bytes(10_000_000)", "len, 'short'", "os.getpid"])
def test_a_worker_that_takes_or_gives_nothing_is_given_up_in_time_and_replaced(call: str) -> None:
    """Whether it has done such a thing before or not, and whether the call does not pass or no answer comes."""
    out, _ = said(f"""
        import feedwatch.workers
        feedwatch.workers.START = 0.5
        async def work():
            workers = Workers(1, 0.5, "json")
            worker = await workers.run(os.getpid)
            os.kill(worker, signal.SIGSTOP)
            try:
                await workers.run({call})
            except TimeoutError:
                print("late", await workers.run(os.getpid) != worker)
            workers.close()
        asyncio.run(work())
    """)

    assert out == "late True\n"


@EITHER_WAY
def test_a_worker_that_hangs_ends_with_the_spawner(beginning: str) -> None:
    program = """
        async def work():
            workers = Workers(1, 3.0, "json")
            spawner, worker = await workers.run(os.getppid), await workers.run(os.getpid)
            hanging = asyncio.create_task(workers.run(time.sleep, 1000))
            await asyncio.sleep(0.2)
            os.kill(spawner, signal.SIGKILL)
            try:
                await hanging
            except (Died, TimeoutError):
                pass
            began = time.monotonic()
            workers.close()
            def is_there():
                try:
                    return " Z " not in Path(f"/proc/{worker}/stat").read_text()
                except OSError:
                    return False
            while is_there() and time.monotonic() < began + 10:
                await asyncio.sleep(0.01)
            print(not is_there(), time.monotonic() - began < 10)
        asyncio.run(work())
    """

    assert said(program, beginning)[0] == "True True\n"


@EITHER_WAY
def test_ctrl_c_is_for_the_main_process(beginning: str) -> None:
    program = """
        signal.signal(signal.SIGINT, lambda *_: None)
        print(called(Workers(1, 20.0, "json"), [os.killpg, 0, signal.SIGINT], [len, "abc"]))
    """

    assert said(program, beginning)[0] == "[None, 3]\n"


def test_a_signal_of_the_service_ends_a_worker_and_not_by_the_services_handler() -> None:
    out, _ = said("""
        signal.signal(signal.SIGTERM, lambda *_: print("handled", flush=True))
        try:
            called(Workers(1, 20.0, "json"), [signal.raise_signal, signal.SIGTERM])
        except Died:
            print("died")
    """)

    assert out == "died\n"


def test_a_signal_to_the_process_that_waits_gives_a_worker_no_more_time() -> None:
    out, _ = said("""
        signal.signal(signal.SIGUSR1, lambda *_: None)

        def disturb():
            while True:
                os.kill(os.getpid(), signal.SIGUSR1)
                time.sleep(0.2)

        async def work():
            workers = Workers(1, 1.0, "json")
            threading.Thread(target=disturb, daemon=True).start()
            try:
                await workers.run(time.sleep, 20)
            except TimeoutError:
                print("late")
            workers.close()
        asyncio.run(work())
    """)

    assert out == "late\n"


def test_an_error_that_cannot_be_made_again_from_what_it_says_of_itself_is_the_end_of_its_worker() -> None:
    out, _ = said("""
        async def work():
            workers = Workers(1, 5.0, "json")
            try:
                await workers.run(exec, "import tarfile; raise tarfile.AbsolutePathError(tarfile.TarInfo('/etc'))")
            except Died:
                print("died", await workers.run(len, "again"))
            workers.close()
        asyncio.run(work())
    """)

    assert out == "died 5\n"


def test_a_worker_starts_while_the_loops_own_threads_are_all_held_up() -> None:
    out, _ = said("""
        async def work():
            workers = Workers(1, 5.0, "json")
            let_go = threading.Event()
            held = [asyncio.create_task(asyncio.to_thread(let_go.wait)) for _ in range(100)]
            await asyncio.sleep(0)
            print(await asyncio.wait_for(workers.run(len, "abc"), 10))
            let_go.set()
            await asyncio.gather(*held)
            workers.close()
        asyncio.run(work())
    """)

    assert out == "3\n"


@EITHER_WAY
def test_after_the_end_nothing_is_begun_any_more(beginning: str) -> None:
    program = """
        async def work():
            spawner = Spawner()
            workers = Workers(1, 5.0, "json", spawner)
            await workers.run(len, "abc")
            workers.close()
            spawner.close()
            for begin in (workers.run, Workers(1, 5.0, "json", spawner).run):
                try:
                    await begin(len, "abc")
                except Died:
                    print("died", children())
        asyncio.run(work())
    """

    assert said(program, beginning)[0] == "died []\ndied []\n"


def test_calls_that_are_under_way_at_the_end_have_died_and_no_other_socket_is_disturbed() -> None:
    out, _ = said("""
        async def work():
            workers = Workers(1, 60.0, "json")
            await workers.run(len, "abc")
            calls = [asyncio.create_task(workers.run(time.sleep, 1000)) for _ in range(2)]
            await asyncio.sleep(0.1)
            workers.close()
            for call in calls:  # one runs, and one waits for its turn
                try:
                    await asyncio.wait_for(call, 10)
                except Died:
                    print("died")
            # The next sockets have the numbers of those that were closed.
            pairs = [socket.socketpair() for _ in range(4)]
            for reading, writing in pairs:
                reading.setblocking(False)
                writing.send(b"heard")
            print(await asyncio.gather(*(asyncio.get_running_loop().sock_recv(pair[0], 9) for pair in pairs)))
        asyncio.run(work())
    """)

    assert out == f"died\ndied\n{[b'heard'] * 4}\n"


def test_an_answer_that_lies_ready_counts_however_late_it_is_looked_at() -> None:
    """As after a sleep of the machine that the clock counts."""
    out, _ = said("""
        async def work():
            workers = Workers(1, 1.0, "json")
            await workers.run(time.sleep, 0)
            answer = asyncio.create_task(workers.run(eval, "__import__('time').sleep(0.3) or 'ready'"))
            await asyncio.sleep(0.1)
            time.sleep(2)
            print(await answer)
            workers.close()
        asyncio.run(work())
    """)

    assert out == "ready\n"


def test_a_worker_that_could_not_be_prepared_does_no_work() -> None:
    out, _ = said("""
        def prepare():
            raise RuntimeError("no guard")

        async def work():
            workers = Workers(1, 5.0, "json", None, prepare)
            try:
                print(await workers.run(len, "abc"))
            except Died as died:
                print(repr(died.__cause__))
            workers.close()
        asyncio.run(work())
    """)

    assert out == "RuntimeError('no guard')\n"


def test_where_less_memory_is_allowed_than_a_worker_may_take_it_works_with_that() -> None:
    out, _ = said("""
        resource.setrlimit(resource.RLIMIT_AS, (1_500_000_000, 1_500_000_000))
        print(called(Workers(1, 5.0, "json"), [resource.getrlimit, resource.RLIMIT_AS]))
    """)

    assert out == "[(1500000000, 1500000000)]\n"

"""What the service costs at rest, and how soon it does what is to be done: four measures, on this machine alone.

    python benchmarks/service.py [--sources 1000] [--many 10000] [--only start,rest,news,many]

start: from the start of `feedwatch poll` to its first request. rest: memory and CPU of `feedwatch run` while no source
is due. news: from a post in an answer to its webhook, in that service at rest. many: how late polls begin while they
are steadily due, with one source that never answers. Prints a table; what cannot be measured ends it with a reason.
"""

from __future__ import annotations

import argparse
import os
import shutil
import signal
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path

from msgspec.structs import replace
from rounds import origin, url_of
from talkative import Site

from feedwatch.store import polls

_STARTS = 5
_MINUTE = 60.0
#: Sources with news, and seconds between their polls: no two of them share a tick, nor the publishing that follows.
_NEWS, _APART = 20, 3.0
#: Of how many sources one has something new at each poll, as long as many are due; and how often each is due.
_SHARE, _EVERY = 100, timedelta(minutes=10)
#: Seconds in which the polls lie whose times are looked at, and how many of delay are not late.
_WINDOW, _LATE = 120.0, 60.0
_HEAD = """[network]
allow_hosts = ["127.0.0.1", "127.0.0.2"]
per_host = 100
per_host_pause = "0s"
[web]
listen = "127.0.0.1:{port}"
"""
_ALERT = '[[alert]]\nid = "news"\nwebhook = "{url}"\nallow_private = true\nwhen = ["new"]\n'


def _source(source_id: str, url: str, every: timedelta | None = None) -> str:
    often = f'every = "{every.total_seconds():.0f}s"\n' if every else ""
    return f'[[source]]\nid = "{source_id}"\nurl = "{url}"\n{often}'


class Watch:
    """feedwatch with a folder of its own."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.state = folder / "state"
        with socket.create_server(("127.0.0.1", 0)) as free:
            self._head = _HEAD.format(port=free.getsockname()[1])

    def configure(self, sources: Sequence[str], alert: str = "") -> None:
        (self.folder / "config.toml").write_text(self._head + "".join(sources) + alert)

    def begin(self, *command: str) -> subprocess.Popen[bytes]:
        start: list[str | Path] = [sys.executable, "-m", "feedwatch", "--config", self.folder / "config.toml"]
        with (self.folder / "log").open("wb") as log:
            return subprocess.Popen([*start, "--state-dir", self.state, *command], stdout=log, stderr=subprocess.STDOUT)

    def poll(self, *sources: str) -> None:
        if self.begin("poll", *sources).wait():
            sys.exit(f"the first round failed:\n{self.said()}")

    def said(self) -> str:
        return (self.folder / "log").read_text(errors="replace")[-2000:]

    @contextmanager
    def service(self) -> Iterator[int]:
        """`feedwatch run`; its process id. It must not have ended by itself."""
        process = self.begin("run")
        try:
            yield process.pid
            if process.poll() is not None:
                sys.exit(f"the service ended with {process.returncode}:\n{self.said()}")
        finally:
            process.terminate()
            process.wait()

    def due(self) -> dict[str, float]:
        """When each source is to be polled next, in seconds of the wall clock."""
        states = polls.load(self.state / "polls.json").states
        return {source_id: state.next_poll.timestamp() for source_id, state in states.items() if state.next_poll}

    def put_off(self, times: dict[str, float]) -> None:
        """Lets these sources be due then, as they would be after having been polled one after the other."""
        path = self.state / "polls.json"
        kept = polls.load(path)
        states = dict(kept.states)
        for source_id, at in times.items():
            states[source_id] = replace(states[source_id], next_poll=datetime.fromtimestamp(at, UTC))
        polls.save(path, states, kept.outbox, kept.backlog)


# --- what the system says of processes -----------------------------------------------------------------


def _family(pid: int) -> list[int]:
    found = [pid]
    for task in Path(f"/proc/{pid}/task").iterdir():
        with suppress(OSError):  # it has just ended
            for child in (task / "children").read_text().split():
                found += _family(int(child))
    return found


def _kilobytes(pid: int, file: str, field: str) -> int:
    text = Path(f"/proc/{pid}/{file}").read_text()
    return int(next(line for line in text.splitlines() if line.startswith(field)).split()[1])


def _seconds(pid: int) -> float:
    """CPU of a process, its children, and those of them that have ended."""
    ticks = 0
    for one in _family(pid):
        with suppress(OSError):
            ticks += sum(map(int, Path(f"/proc/{one}/stat").read_text().rpartition(")")[2].split()[11:15]))
    return ticks / os.sysconf("SC_CLK_TCK")


def _share_of_a_core(pid: int, seconds: float) -> float:
    before, began = _seconds(pid), time.perf_counter()
    time.sleep(seconds)
    return (_seconds(pid) - before) / (time.perf_counter() - began)


# --- the measures --------------------------------------------------------------------------------------

Rows = list[tuple[str, str, str]]


def first_request(watch: Watch, count: int) -> Rows:
    """With nothing stored; nobody answers."""
    found = []
    with socket.create_server(("127.0.0.1", 0), backlog=4096) as listening:
        port = listening.getsockname()[1]
        watch.configure([_source(f"s{n}", f"http://127.0.0.1:{port}/{n}") for n in range(count)])
        listening.settimeout(_MINUTE)
        for _ in range(_STARTS):
            began = time.perf_counter()
            process = watch.begin("poll")
            connection, _ = listening.accept()
            asked = connection.recv(1)
            found.append(time.perf_counter() - began)
            connection.close()
            if not asked:
                sys.exit(f"no request came:\n{watch.said()}")
            process.send_signal(signal.SIGKILL)
            process.wait()
            listening.setblocking(False)
            with suppress(BlockingIOError):
                while True:
                    listening.accept()[0].close()
            listening.settimeout(_MINUTE)
            shutil.rmtree(watch.state)
    middle = f"{statistics.median(found):.2f} s ({min(found):.2f} to {max(found):.2f}, of {_STARTS})"
    return [(f"first request of a poll of {count:,} sources", middle, "0.6 s")]


def at_rest(watch: Watch, count: int, *, rest: bool, news: bool) -> Rows:
    rows: Rows = []
    known = [_source(f"s{n}", url_of("feed", n)) for n in range(count)]
    with Site(share=1).serving() as site, origin(count, 0):
        watch.configure(known)
        watch.poll()
        if rest:
            with watch.service() as pid:
                rows += _rest(pid, count)
        if news:
            fresh = [_source(f"w{n}", f"{site.url}/feed/w/{n}", timedelta(minutes=1)) for n in range(_NEWS)]
            watch.configure([*known, *fresh], _ALERT.format(url=f"{site.url}/hook"))
            watch.poll(*(f"w{n}" for n in range(_NEWS)))
            rows.append(_news(watch, site, count))
    return rows


def _rest(pid: int, count: int) -> Rows:
    time.sleep(_MINUTE)
    own = _kilobytes(pid, "status", "VmRSS:") / 1024
    all_of_it = sum(_kilobytes(one, "smaps_rollup", "Pss:") for one in _family(pid)) / 1024
    share = _share_of_a_core(pid, _MINUTE)
    return [
        (f"memory at rest, {count:,} sources: resident", f"{own:.0f} MB", "70 MB"),
        ("the same in proportion, with its children", f"{all_of_it:.0f} MB", ""),
        ("CPU at rest, over a minute", f"{100 * share:.2f} % of a core", "0.2 %"),
    ]


def _news(watch: Watch, site: Site, count: int) -> tuple[str, str, str]:
    began = time.time() + 15
    watch.put_off({f"w{n}": began + n * _APART for n in range(_NEWS)})
    site.sent.clear()
    with watch.service():
        end = time.monotonic() + 15 + (_NEWS + 2) * _APART
        while len(site.told) < _NEWS and time.monotonic() < end:
            time.sleep(0.2)
    took = [1000 * (there - site.sent[link]) for link, there in site.told.items()]
    if len(took) < _NEWS:
        sys.exit(f"only {len(took)} of {_NEWS} posts were told:\n{watch.said()}")
    times = f"{statistics.median(took):.0f} ms, at worst {max(took):.0f} ms of {len(took)}"
    return (f"from a post in an answer to its webhook, {count:,} sources at rest", times, "50 ms")


def many_due(watch: Watch, count: int) -> Rows:
    """Their times are laid evenly over the interval, as they are after some rounds."""
    with Site(share=_SHARE).serving() as site, socket.create_server(("127.0.0.2", 0), backlog=64) as silent:
        known = [_source(f"m{n}", f"{site.url}/feed/m/{n}", _EVERY) for n in range(count)]
        watch.configure(known)
        watch.poll()
        site.asked.clear()
        # Due from the first moment on, and in its place before all others.
        watch.configure([_source("silent", f"http://127.0.0.2:{silent.getsockname()[1]}/"), *known])
        began = time.time() + 5
        step = _EVERY.total_seconds() / count
        watch.put_off({f"m{n}": began + n * step for n in range(count)})
        due = {f"/feed/m/{name[1:]}": at for name, at in watch.due().items() if name.startswith("m")}
        with watch.service() as pid:
            time.sleep(max(0.0, began - time.time()))
            share = _share_of_a_core(pid, _WINDOW)
            time.sleep(_LATE)
        silent.setblocking(False)
        try:
            silent.accept()[0].close()
        except BlockingIOError:
            sys.exit("the source that never answers was never asked")
    never = time.time()
    delays = [site.asked.get(path, never) - at for path, at in due.items() if at < began + _WINDOW]
    late = f"{100 * sum(delay > _LATE for delay in delays) / len(delays):.1f} %"
    times = f"{statistics.median(delays):.1f} s, at worst {max(delays):.1f} s of {len(delays):,}"
    return [
        (f"{count:,} sources, {len(delays) / _WINDOW:.0f} polls a second: later than {_LATE:.0f} s", late, "2 %"),
        ("how late they were", times, ""),
        ("CPU meanwhile", f"{100 * share:.0f} % of a core", ""),
    ]


@contextmanager
def _fresh() -> Iterator[Watch]:
    folder = Path(tempfile.mkdtemp(prefix="service-"))
    try:
        yield Watch(folder)
    finally:
        shutil.rmtree(folder)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sources", type=int, default=1000)
    parser.add_argument("--many", type=int, default=10_000)
    parser.add_argument("--only", default="start,rest,news,many")
    told = parser.parse_args()
    only = told.only.split(",")
    rows: Rows = []
    if "start" in only:
        with _fresh() as watch:
            rows += first_request(watch, told.sources)
    if "rest" in only or "news" in only:
        with _fresh() as watch:
            rows += at_rest(watch, told.sources, rest="rest" in only, news="news" in only)
    if "many" in only:
        with _fresh() as watch:
            rows += many_due(watch, told.many)
    print("| | measured | aim |\n|---|---|---|")
    for row in rows:
        print(f"| {' | '.join(row)} |")


if __name__ == "__main__":
    main()

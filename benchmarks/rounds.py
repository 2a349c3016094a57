"""What rounds cost: the floor, feedwatch, reader and urlwatch against one origin on this machine.

    python benchmarks/rounds.py [--sources 1000] [--repeat 5] [--pages] [--tools floor,feedwatch] [--draw FOLDER]

Each tool gets an environment of its own, filled from PyPI at the first run (--environments). Prints CPU seconds of the
whole process and its children, the wall, and CPU as a multiple of the floor's in the same run; medians. --draw also
measures how cost grows with the sources and with the entries stored, and writes the curves as SVG.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from urllib.request import urlopen

HERE = Path(__file__).parent
ROUNDS = ("cold", "304", "same bytes", "1 % changed")
PACKAGES = {
    "floor": ("aiohttp", "uvloop", "lxml", "selectolax"),
    "reader": ("reader[cli]", "sgmllib3k"),
    "urlwatch": ("urlwatch", "lxml", "cssselect"),
}
_SELECT = """[source.select]
entry = "article.post"
title = "h3"
link = "h3 a@href"
date = "time@datetime"
summary = ".lead"
category = ".topic"
"""
_PORT = 18_420

Command = Sequence[str | Path]


@dataclass(frozen=True, slots=True)
class Cost:
    cpu: float
    wall: float
    megabytes: float


@dataclass(frozen=True, slots=True)
class Tool:
    """`prepare(folder, urls)` makes it know the sources, `command(folder)` is one round."""

    prepare: Callable[[Path, list[str]], None]
    command: Callable[[Path], Command]


def tools(environments: Path) -> dict[str, Tool]:
    def python(name: str) -> Path:
        return environments / name / "bin" / "python"

    def feedwatch(folder: Path, urls: list[str]) -> None:
        head = '[network]\nallow_hosts = ["127.0.0.1"]\nper_host = 100\nper_host_pause = "0s"\n'
        sources = [
            f'[[source]]\nid = "s{number}"\nurl = "{url}"\nrobots = "ignore"\nrobots_reason = "our own machine"\n'
            + (_SELECT if "/page/" in url else "")
            for number, url in enumerate(urls)
        ]
        (folder / "config.toml").write_text(head + "".join(sources))

    def reader(folder: Path, urls: list[str]) -> None:
        add = "import sys, reader\nfor url in sys.argv[2:]: reader.make_reader(sys.argv[1]).add_feed(url)"
        for at in range(0, len(urls), 500):
            subprocess.run([python("reader"), "-c", add, folder / "db", *urls[at : at + 500]], check=True)

    def urlwatch(folder: Path, urls: list[str]) -> None:
        rules = "filter:\n  - xpath: {path: '//item/title', method: xml}\n"
        cards = "filter:\n  - css: article.post\n"
        jobs = [f"url: {url}\n{cards if '/page/' in url else rules if _is_rss(url) else ''}" for url in urls]
        (folder / "urls.yaml").write_text("---\n".join(jobs))
        for name in ("config.yaml", "hooks.py"):
            (folder / name).write_text("")

    # Otherwise it asks nobody again within the hour.
    update = ("update", "--no-scheduled", "--workers", "20")

    def listed(folder: Path, urls: list[str]) -> None:
        (folder / "urls").write_text("\n".join(urls))

    return {
        "floor": Tool(listed, lambda folder: [python("floor"), HERE / "floor.py", folder]),
        "feedwatch": Tool(feedwatch, lambda folder: _feedwatch(folder)),
        "reader": Tool(reader, lambda folder: [python("reader"), "-m", "reader", "--db", folder / "db", *update]),
        "urlwatch": Tool(
            urlwatch,
            lambda folder: [
                environments / "urlwatch" / "bin" / "urlwatch",
                "--urls",
                folder / "urls.yaml",
                "--config",
                folder / "config.yaml",
                "--hooks",
                folder / "hooks.py",
                "--cache",
                folder / "cache.db",
            ],
        ),
    }


def _is_rss(url: str) -> bool:
    return int(url.rpartition("/")[2]) % 5 <= 2


def _feedwatch(folder: Path, *sources: str) -> list[str | Path]:
    start: list[str | Path] = [sys.executable, "-m", "feedwatch", "--config", folder / "config.toml"]
    return [*start, "--state-dir", folder / "state", "poll", "--json", *sources]


def install(environments: Path, names: Sequence[str]) -> None:
    for name in names:
        if name in PACKAGES and not (environments / name / "installed").exists():
            subprocess.run([sys.executable, "-m", "venv", environments / name], check=True)
            pip: Command = [environments / name / "bin" / "pip", "install", "--quiet", *PACKAGES[name]]
            subprocess.run(pip, check=True)
            (environments / name / "installed").touch()


@contextmanager
def origin(feeds: int, pages: int) -> Iterator[None]:
    command: Command = [sys.executable, HERE / "origin.py", str(_PORT), str(feeds), str(pages)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            if process.stdout.readline() != "ready\n":
                sys.exit(f"the origin did not start; is port {_PORT} in use?")
            yield
        finally:
            process.terminate()


def say(what: str = "") -> int:
    """How many sources were asked for since the last time."""
    with urlopen(f"http://127.0.0.1:{_PORT}/say?{what}") as answer:
        return int(answer.read())


def measured(command: Command, log: Path) -> Cost:
    began = time.perf_counter()
    with log.open("wb") as output:
        process = subprocess.Popen(command, stdout=output, stderr=subprocess.STDOUT, stdin=subprocess.DEVNULL)
        _, status, used = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        sys.exit(f"{command[0]} ended with {process.returncode}:\n{log.read_text(errors='replace')[-2000:]}")
    return Cost(used.ru_utime + used.ru_stime, time.perf_counter() - began, used.ru_maxrss / 1024)


def rounds(tool: Tool, urls: list[str]) -> dict[str, Cost]:
    """One of each, in a fresh folder. A tool that did not ask every source would look fast, and is refused."""
    folder = Path(tempfile.mkdtemp(prefix="rounds-"))
    costs = {}
    try:
        tool.prepare(folder, urls)
        for name in ROUNDS:
            say(f"validators={int(name != 'same bytes')}")
            if name == "1 % changed":
                say("change=1")
            costs[name] = measured(tool.command(folder), folder / "log")
            if (asked := say()) < len(urls):
                sys.exit(f"{folder}: only {asked} of {len(urls)} sources were asked in the round {name!r}")
        if (folder / "state").exists():
            _check(folder / "log", len(urls))
    finally:
        shutil.rmtree(folder)
    return costs


def _check(log: Path, sources: int) -> None:
    text = log.read_text()
    reports = json.loads(text[text.index("{") :])["sources"]
    new, edited = (sum(len(report[kind]) for report in reports) for kind in ("new", "edited"))
    share = max(1, sources // 100)
    if (new, edited) != (share, share):
        sys.exit(f"feedwatch found {new} new and {edited} edited entries where there are {share} of each")


def table(names: Sequence[str], chosen: dict[str, Tool], urls: list[str], repeat: int, kinds: tuple[int, int]) -> str:
    found: dict[tuple[str, str], list[Cost]] = defaultdict(list)
    ratios: dict[tuple[str, str], list[float]] = defaultdict(list)
    for _ in range(repeat):
        run: dict[str, dict[str, Cost]] = {}
        for name in names:
            with origin(*kinds):
                run[name] = rounds(chosen[name], urls)
            for what, cost in run[name].items():
                found[name, what].append(cost)
                if "floor" in run:
                    ratios[name, what].append(cost.cpu / run["floor"][what].cpu)
    lines = ["| | " + " | ".join(ROUNDS) + " | MB |", "|---" * (len(ROUNDS) + 2) + "|"]
    for name in names:
        cells = [_cell(found[name, what], ratios[name, what]) for what in ROUNDS]
        most = max(cost.megabytes for what in ROUNDS for cost in found[name, what])
        lines.append(f"| {name} | {' | '.join(cells)} | {most:.0f} |")
    return "\n".join(lines)


def _cell(costs: Sequence[Cost], ratios: Sequence[float]) -> str:
    cpu, wall = statistics.median(c.cpu for c in costs), statistics.median(c.wall for c in costs)
    times = f" (×{statistics.median(ratios):.1f})" if ratios else ""
    return f"{cpu:.2f} s{times}, wall {wall:.1f} s"


Curve = list[tuple[float, float]]


def by_sources(names: Sequence[str], chosen: dict[str, Tool], most: int) -> dict[str, Curve]:
    """CPU seconds of a round of 304s."""
    curves: dict[str, Curve] = {name: [] for name in names}
    for count in _steps(most):
        urls = [url_of("feed", number) for number in range(count)]
        for name in names:
            with origin(count, 0):
                curves[name].append((count, rounds(chosen[name], urls)["304"].cpu))
    return curves


def by_entries() -> dict[str, Curve]:
    """CPU seconds of polling ten of three hundred sources, by the entries of the others: where the ten say what they
    said, and where each has a new entry."""
    same: Curve = []
    news: Curve = []
    others = 290
    for each in (1, 115, 230, 345):
        with tempfile.TemporaryDirectory(prefix="rounds-") as name:
            folder = Path(name)
            for number in range(10 + others):
                _write_file(folder, number, 35 if number < 10 else each)
            sources = (f'[[source]]\nid = "s{number}"\nurl = "{number}.xml"\n' for number in range(10 + others))
            (folder / "config.toml").write_text("".join(sources))
            measured(_feedwatch(folder), folder / "log")
            ten = _feedwatch(folder, *(f"s{number}" for number in range(10)))
            same.append((others * each, statistics.median(measured(ten, folder / "log").cpu for _ in range(5))))
            costs = []
            for more in range(1, 6):
                for number in range(10):
                    _write_file(folder, number, 35 + more)
                costs.append(measured(ten, folder / "log").cpu)
            news.append((others * each, statistics.median(costs)))
    return {"news": news, "no news": same}


def _write_file(folder: Path, number: int, entries: int) -> None:
    items = "".join(
        f"<item><title>Post {at} of {number}</title><link>https://{number}.example.org/{at}</link>"
        f"<pubDate>Mon, {1 + at % 28:02} Jan {2000 + at // 28} 08:00:00 GMT</pubDate>"
        f"<category>Topic {at % 8}</category>"
        f"<description>Some words of post {at} that say what it is about, and some more.</description></item>"
        for at in range(entries)
    )
    head = f"<rss version='2.0'><channel><title>Blog {number}</title><link>https://{number}.example.org/</link>"
    (folder / f"{number}.xml").write_text(f"{head}{items}</channel></rss>")


def _steps(most: int) -> list[int]:
    return sorted({max(10, most // share) for share in (10, 5, 2, 1)})


def url_of(kind: str, number: int) -> str:
    return f"http://127.0.0.1:{_PORT}/{kind}/{number}"


_WIDTH, _HEIGHT, _EDGE, _LINE = 640, 360, 60, 15
_COLOURS = ("#888", "#0a6", "#c50", "#46c")


def svg(curves: dict[str, Curve], title: str, across: str) -> str:
    right = max(x for curve in curves.values() for x, _ in curve)
    top = max(y for curve in curves.values() for _, y in curve) * 1.1

    def place(x: float, y: float) -> tuple[float, float]:
        return (
            _EDGE + x / right * (_WIDTH - 2.5 * _EDGE),
            _HEIGHT - _EDGE - y / top * (_HEIGHT - 2 * _EDGE),
        )

    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_WIDTH} {_HEIGHT}" '
        'font-family="sans-serif" font-size="13">',
        f'<rect width="{_WIDTH}" height="{_HEIGHT}" fill="#fff"/>',
        f'<text x="{_EDGE}" y="28" font-size="16">{title}</text>',
        f'<text x="{_WIDTH / 2}" y="{_HEIGHT - 14}" text-anchor="middle">{across}</text>',
    ]
    digits = 1 if top > 1 else 2
    for share in (0, 0.5, 1):
        x, y = place(share * right, share * top)
        base = _HEIGHT - _EDGE
        parts.append(f'<path d="M{_EDGE} {y:.1f}H{_WIDTH - 1.5 * _EDGE:.0f}" stroke="#ddd"/>')
        parts.append(f'<text x="{_EDGE - 6}" y="{y + 4:.1f}" text-anchor="end">{share * top:.{digits}f}</text>')
        parts.append(f'<text x="{x:.1f}" y="{base + 18}" text-anchor="middle">{share * right:,.0f}</text>')
    for curve, colour in zip(curves.values(), _COLOURS, strict=False):
        points = " ".join(f"{x:.1f},{y:.1f}" for x, y in (place(*point) for point in curve))
        parts.append(f'<polyline points="{points}" fill="none" stroke="{colour}" stroke-width="2"/>')
    below = float(_HEIGHT)
    # From the lowest curve up, each name above the one before.
    for (name, curve), colour in sorted(zip(curves.items(), _COLOURS, strict=False), key=lambda one: one[0][1][-1][1]):
        x, y = place(*curve[-1])
        below = min(y + 4, below - _LINE)
        parts.append(f'<text x="{x + 6:.1f}" y="{below:.1f}" fill="{colour}">{name}</text>')
    return "\n".join((*parts, "</svg>\n"))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sources", type=int, default=1000)
    parser.add_argument("--repeat", type=int, default=5)
    parser.add_argument("--pages", action="store_true", help="archive pages in place of feeds (reader has none)")
    parser.add_argument("--tools", default="floor,feedwatch,reader,urlwatch")
    parser.add_argument("--environments", type=Path, default=Path(tempfile.gettempdir()) / "rounds-environments")
    parser.add_argument("--draw", type=Path, help="a folder for the curves")
    told = parser.parse_args()
    names = [name for name in told.tools.split(",") if not (told.pages and name == "reader")]
    install(told.environments, names)
    chosen = tools(told.environments)
    kind = "page" if told.pages else "feed"
    urls = [url_of(kind, number) for number in range(told.sources)]
    kinds = (0, told.sources) if told.pages else (told.sources, 0)
    print(table(names, chosen, urls, told.repeat, kinds))
    if told.draw:
        told.draw.mkdir(parents=True, exist_ok=True)
        curves = by_sources(names, chosen, told.sources)
        (told.draw / "cost-by-sources.svg").write_text(svg(curves, "CPU seconds of a round of 304s", "sources"))
        title = "CPU seconds of polling ten sources"
        (told.draw / "cost-by-entries.svg").write_text(svg(by_entries(), title, "entries of others that are stored"))


if __name__ == "__main__":
    main()

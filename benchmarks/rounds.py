"""What a round of polls costs: whole processes against an origin on this machine, in CPU seconds beside a floor.

    .venv/bin/python benchmarks/rounds.py [SOURCES]

The floor does the least that has to be done: it fetches all feeds, hashes their bodies, takes ids and titles from those
that changed, and keeps them in SQLite; it sanitises nothing, publishes nothing and survives nothing. Rounds: cold (all
new), 304 (nothing changed, conditional requests), same (nothing changed, but no validators), changed (one feed in a
hundred has a new entry). The ratio is what counts: seconds depend on the machine and on what else it does.
"""

from __future__ import annotations

import asyncio
import hashlib
import os
import random
import sqlite3
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass, field
from email.utils import formatdate
from pathlib import Path
from threading import Thread

ENTRIES, LATENCY, BEGAN = 30, 0.05, 1_760_000_000
WORDS = ("cache", "queue", "shard", "index", "replica", "latency", "rollout", "planner", "schema", "trace", "pipeline")
TAGS = ["data", "infrastructure", "platform", "mobile", "research", "design", "culture", "security"]
ROUNDS = ("cold", "304", "same", "changed")


@dataclass
class Origin:
    """So many RSS feeds of some 90 KB each."""

    count: int
    validators: bool = True
    newest: dict[int, int] = field(default_factory=dict)
    port: int = 0

    def body(self, number: int) -> bytes:
        newest = self.newest.get(number, ENTRIES)
        items = "".join(self._item(number, n) for n in range(newest, newest - ENTRIES, -1))
        head = f"<title>Blog {number}</title><link>https://blog{number}.example/</link><description>Notes</description>"
        space = 'xmlns:content="http://purl.org/rss/1.0/modules/content/"'
        return f'<?xml version="1.0"?><rss version="2.0" {space}><channel>{head}{items}</channel></rss>'.encode()

    def _item(self, number: int, entry: int) -> str:
        draw = random.Random(f"{number} {entry}")  # noqa: S311  (texts that are the same at each run)
        text = "".join(f"<p>{' '.join(draw.choices(WORDS, k=60))}.</p>" for _ in range(7))
        return (
            f"<item><title>{' '.join(draw.choices(WORDS, k=6))} {entry}</title>"
            f"<link>https://blog{number}.example/{entry}</link><guid isPermaLink='false'>{number}-{entry}</guid>"
            f"<pubDate>{formatdate(BEGAN + 7200 * entry, usegmt=True)}</pubDate>"
            f"<category>{draw.choice(TAGS)}</category>"
            f"<content:encoded><![CDATA[{text}]]></content:encoded></item>"
        )

    async def answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while request := (await reader.readuntil(b"\r\n\r\n")).decode("latin-1"):
                number = int(request.split("/feed/")[1].split(" ")[0])
                body = self.body(number)
                tag = f'"{hashlib.sha256(body).hexdigest()[:16]}"'
                await asyncio.sleep(LATENCY)
                told = f"ETag: {tag}\r\n" if self.validators else ""
                if self.validators and tag in request:
                    writer.write(f"HTTP/1.1 304 Not Modified\r\n{told}\r\n".encode())
                else:
                    told += f"Content-Type: application/rss+xml\r\nContent-Length: {len(body)}\r\n"
                    writer.write(f"HTTP/1.1 200 OK\r\n{told}\r\n".encode() + body)
                await writer.drain()
        except (asyncio.IncompleteReadError, ConnectionError):
            writer.close()

    def start(self) -> None:
        """Serves in a thread of its own for as long as this process runs."""
        loop = asyncio.new_event_loop()
        server = loop.run_until_complete(asyncio.start_server(self.answer, "127.0.0.1", 0))
        self.port = server.sockets[0].getsockname()[1]
        Thread(target=loop.run_forever, daemon=True).start()


def floor(port: int, count: int, folder: str) -> None:
    """A round of the floor, in this process."""
    import aiohttp
    from lxml import etree

    database = sqlite3.connect(Path(folder) / "floor.db")
    database.execute("create table if not exists entries (feed int, guid text, title text, primary key (feed, guid))")
    database.execute("create table if not exists feeds (feed int primary key, etag text, digest text)")
    known = {feed: (etag, digest) for feed, etag, digest in database.execute("select * from feeds")}

    async def poll(session: aiohttp.ClientSession, gate: asyncio.Semaphore, feed: int) -> None:
        etag, digest = known.get(feed, (None, None))
        headers = {"If-None-Match": etag} if etag else {}
        async with gate, session.get(f"http://127.0.0.1:{port}/feed/{feed}", headers=headers) as response:
            body = await response.read()
        now = hashlib.sha256(body).hexdigest()
        if response.status == 304 or now == digest:
            return
        items = etree.fromstring(body).iter("item")
        rows = [(feed, item.findtext("guid"), item.findtext("title")) for item in items]
        database.executemany("insert or replace into entries values (?, ?, ?)", rows)
        database.execute("insert or replace into feeds values (?, ?, ?)", (feed, response.headers.get("ETag"), now))

    async def work() -> None:
        gate = asyncio.Semaphore(100)
        async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=100)) as session:
            await asyncio.gather(*(poll(session, gate, feed) for feed in range(count)))

    asyncio.run(work())
    database.commit()


def measured(*command: str) -> tuple[float, float, float]:
    """Seconds of CPU (of all its processes) and of wall time, and MB of its largest process."""
    began = time.perf_counter()
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL)  # noqa: S603  (commands of our own)
    _, status, usage = os.wait4(process.pid, 0)
    if status:
        raise SystemExit(f"{command} ended with {status}")
    return usage.ru_utime + usage.ru_stime, time.perf_counter() - began, usage.ru_maxrss / 1024


def main(count: int) -> None:
    origin = Origin(count)
    origin.start()
    with tempfile.TemporaryDirectory() as folder:
        config = Path(folder) / "config.toml"
        address = f"http://127.0.0.1:{origin.port}/feed"
        config.write_text(
            '[network]\nallow_hosts = ["127.0.0.1"]\nper_host = 100\nper_host_pause = "0s"\n'
            + "".join(f'[[source]]\nid = "s{n}"\nurl = "{address}/{n}"\n' for n in range(count))
        )
        ours = (sys.executable, "-m", "feedwatch", "poll", "--config", str(config), "--state-dir", f"{folder}/state")
        least = (sys.executable, __file__, "floor", str(origin.port), str(count), folder)
        print(f"{count} feeds     {'floor: cpu s':>14}{'feedwatch: cpu s':>18}{'ratio':>8}{'wall s':>8}{'MB':>6}")
        for name in ROUNDS:
            origin.validators = name != "same"
            if name == "changed":
                origin.newest = dict.fromkeys(range(0, count, 100), ENTRIES + 1)
            (lowest, _, _), (cpu, wall, size) = measured(*least), measured(*ours)
            print(f"{name:14}{lowest:14.2f}{cpu:18.2f}{cpu / lowest:8.1f}{wall:8.1f}{size:6.0f}")


if __name__ == "__main__":
    if sys.argv[1:2] == ["floor"]:
        floor(int(sys.argv[2]), int(sys.argv[3]), sys.argv[4])
    else:
        main(int(sys.argv[1]) if sys.argv[1:] else 300)

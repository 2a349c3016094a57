"""What a round cannot do without, and nothing else: fetch, hash, parse what changed, remember keys in SQLite.

    python benchmarks/floor.py FOLDER

FOLDER holds `urls`. Nothing is published, no text is kept. Needs aiohttp, uvloop, lxml and selectolax.
"""

from __future__ import annotations

import asyncio
import hashlib
import sqlite3
import sys
from pathlib import Path

import aiohttp
import uvloop
from lxml import etree
from selectolax.lexbor import LexborHTMLParser

_AT_ONCE = 50


def _keys(url: str, body: bytes) -> list[tuple[str, bytes]]:
    """The key of each entry and a digest of what it says."""
    if "/page/" in url:
        return [(card.css_first("a").attributes["href"] or "", _digest((card.html or "").encode()))
                for card in LexborHTMLParser(body).css("article.post")]  # fmt: skip
    found = []
    for entry in etree.fromstring(body).iter("item", "{http://www.w3.org/2005/Atom}entry"):
        texts = {child.tag: child.text or "" for child in entry}
        key = texts.get("guid") or texts.get("{http://www.w3.org/2005/Atom}id") or ""
        found.append((key, _digest("\0".join(texts.values()).encode())))
    return found


def _digest(data: bytes) -> bytes:
    return hashlib.sha256(data).digest()


async def _round(folder: Path) -> None:
    store = sqlite3.connect(folder / "floor.db")
    store.execute("PRAGMA journal_mode = wal")
    store.execute("CREATE TABLE IF NOT EXISTS source (url TEXT PRIMARY KEY, tag TEXT, body BLOB)")
    store.execute("CREATE TABLE IF NOT EXISTS entry (url TEXT, key TEXT, said BLOB, PRIMARY KEY (url, key))")
    known = {url: (tag, body) for url, tag, body in store.execute("SELECT * FROM source")}
    waiting = iter((folder / "urls").read_text().split())

    async def work(client: aiohttp.ClientSession) -> None:
        for url in waiting:
            tag, before = known.get(url, (None, None))
            async with client.get(url, headers={"If-None-Match": tag} if tag else {}) as answer:
                if answer.status != 200:
                    continue
                body = await answer.read()
            now = _digest(body)
            if now != before:
                store.executemany("REPLACE INTO entry VALUES (?, ?, ?)", [(url, *row) for row in _keys(url, body)])
                store.execute("REPLACE INTO source VALUES (?, ?, ?)", (url, answer.headers.get("ETag"), now))

    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0)) as client:
        await asyncio.gather(*(work(client) for _ in range(_AT_ONCE)))
    store.commit()
    store.close()


if __name__ == "__main__":
    uvloop.run(_round(Path(sys.argv[1])))

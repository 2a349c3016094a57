"""A site of many feeds and archive pages on this machine, for `rounds.py`. The same bytes each time.

    python benchmarks/origin.py PORT FEEDS PAGES

GET /feed/N and /page/N answer after 50 ms, with an ETag; /say?validators=0 takes the ETags away,
/say?change=1 gives one source in a hundred a new entry, and another one in a hundred an edited one; /say answers how
many sources were asked for since the last time.
"""

from __future__ import annotations

import asyncio
import hashlib
import random
import sys
from datetime import UTC, datetime, timedelta
from html import escape
from typing import ClassVar
from urllib.parse import parse_qs, urlsplit

_LATENCY = 0.05
_BEGAN = datetime(2025, 1, 1, tzinfo=UTC)
_WORDS = (  # noqa: SIM905  (a sentence is easier to read than a list)
    "a river runs below the old mill and nobody has counted its fish since the bridge was mended so we did last "
    "spring with two nets one notebook and far too much coffee the answer is on page nine été naïve über"
).split()
_TOPICS = ("databases", "kernels", "gardens", "music", "maps", "bread")


class Source:
    """One feed or page: the numbers of its entries, oldest first, and how often each was edited."""

    def __init__(self, kind: str, number: int) -> None:
        self.kind, self.number = kind, number
        count = 40 if kind == "page" else random.Random(f"size {number}").randint(20, 50)
        self.entries = dict.fromkeys(range(count), 0)
        self.render()

    def publish(self) -> None:
        self.entries[max(self.entries) + 1] = 0
        del self.entries[min(self.entries)]
        self.render()

    def edit(self) -> None:
        middle = sorted(self.entries)[len(self.entries) // 2]
        self.entries[middle] += 1
        self.render()

    def render(self) -> None:
        written = _page(self) if self.kind == "page" else _atom(self) if self.number % 5 > 2 else _rss(self)
        self.body = written.encode()
        self.tag = f'"{hashlib.sha256(self.body).hexdigest()[:16]}"'


def _entry(source: Source, number: int) -> tuple[str, str, datetime, str]:
    """Title, text (HTML), date and topic."""
    chance = random.Random(f"{source.kind} {source.number} {number}")
    again = " Corrected: the third net was a hat, and the fish were not amused." * source.entries[number]
    paragraphs = [" ".join(chance.choices(_WORDS, k=chance.randint(20, 80))) for _ in range(chance.randint(2, 9))]
    text = "".join(f'<p>{words} <a href="/to/{number}?a=1&amp;b=2">on</a></p>\n' for words in paragraphs)
    title = " ".join(chance.choices(_WORDS, k=7)).capitalize()
    return (
        f"{title} {number}",
        f"<p>{again}</p>{text}" if again else text,
        _BEGAN + timedelta(hours=number),
        chance.choice(_TOPICS),
    )


def _rss(source: Source) -> str:
    items = []
    for number in sorted(source.entries, reverse=True):
        title, text, date, topic = _entry(source, number)
        items.append(
            f"<item><title>{escape(title)}</title><link>https://s{source.number}.example/{number}</link>"
            f"<guid>https://s{source.number}.example/{number}</guid><pubDate>{date:%a, %d %b %Y %H:%M:%S} GMT</pubDate>"
            f"<category>{topic}</category><description>{escape(text[:200])}</description>"
            f"<content:encoded><![CDATA[{text}]]></content:encoded></item>"
        )
    return (
        '<?xml version="1.0" encoding="utf-8"?><rss version="2.0" '
        'xmlns:content="http://purl.org/rss/1.0/modules/content/"><channel>'
        f"<title>Source {source.number}</title><link>https://s{source.number}.example/</link>"
        f"<description>About rivers</description>{''.join(items)}</channel></rss>"
    )


def _atom(source: Source) -> str:
    entries = []
    for number in sorted(source.entries, reverse=True):
        title, text, date, topic = _entry(source, number)
        entries.append(
            f"<entry><id>tag:s{source.number}.example,2025:{number}</id><title>{escape(title)}</title>"
            f'<link href="https://s{source.number}.example/{number}"/><updated>{date.isoformat()}</updated>'
            f'<author><name>Ada</name></author><category term="{topic}"/>'
            f'<content type="html">{escape(text)}</content></entry>'
        )
    return (
        '<?xml version="1.0" encoding="utf-8"?><feed xmlns="http://www.w3.org/2005/Atom">'
        f"<id>tag:s{source.number}.example,2025:</id><title>Source {source.number}</title>"
        f"<updated>2025-01-01T00:00:00Z</updated>{''.join(entries)}</feed>"
    )


def _page(source: Source) -> str:
    cards = []
    for number in sorted(source.entries, reverse=True):
        title, text, date, topic = _entry(source, number)
        cards.append(
            f'<article class="post"><h3><a href="/{number}">{escape(title)}</a></h3><time datetime="{date:%Y-%m-%d}">'
            f'{date:%d %B %Y}</time><span class="topic">{topic}</span>'
            f'<p class="lead">{escape(text[3:300])}</p></article>'
        )
    menu = "".join(f'<li class="m{n}"><a href="/m/{n}">{word}</a></li>' for n, word in enumerate(_WORDS * 5))
    return (
        f"<!doctype html><html lang='en'><title>Archive {source.number}</title><nav><ul>{menu}</ul></nav>"
        f"<main>{''.join(cards)}</main><footer><ul>{menu}</ul></footer></html>"
    )


class Site(asyncio.Protocol):
    sources: ClassVar[dict[str, Source]] = {}
    validators = True
    changed = 0
    asked: ClassVar[set[str]] = set()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport
        self._received = b""

    def data_received(self, data: bytes) -> None:
        *heads, self._received = (self._received + data).split(b"\r\n\r\n")
        for head in heads:
            lines = head.decode("latin-1").split("\r\n")
            told = dict(line.lower().split(": ", 1) for line in lines[1:] if ": " in line)
            target = lines[0].split(" ")[1]
            if target.startswith("/say"):
                self._say(parse_qs(urlsplit(target).query))
            else:
                asyncio.get_running_loop().call_later(_LATENCY, self._answer, target, told.get("if-none-match"))

    def _say(self, said: dict[str, list[str]]) -> None:
        if "validators" in said:
            Site.validators = said["validators"] == ["1"]
        if "change" in said:
            Site.changed += 1
            order = sorted(Site.sources)
            random.Random(f"change {Site.changed}").shuffle(order)
            share = max(1, len(order) // 100)
            for name in order[:share]:
                Site.sources[name].publish()
            for name in order[share : 2 * share]:
                Site.sources[name].edit()
        self._send("200 OK", "", str(len(Site.asked)).encode())
        Site.asked.clear()

    def _answer(self, target: str, tag: str | None) -> None:
        source = Site.sources.get(target)
        if source is None:
            return self._send("404 Not Found", "", b"")
        Site.asked.add(target)
        shown = f"ETag: {source.tag}\r\n" if Site.validators else ""
        kind = "text/html" if source.kind == "page" else "application/xml"
        if Site.validators and tag == source.tag:
            return self._send("304 Not Modified", shown, None)
        return self._send("200 OK", f"{shown}Content-Type: {kind}; charset=utf-8\r\n", source.body)

    def _send(self, status: str, headers: str, body: bytes | None) -> None:
        length = "" if body is None else f"Content-Length: {len(body)}\r\n"
        self._transport.write(f"HTTP/1.1 {status}\r\n{headers}{length}\r\n".encode() + (body or b""))


async def _serve(port: int, feeds: int, pages: int) -> None:
    for kind, count in (("feed", feeds), ("page", pages)):
        Site.sources |= {f"/{kind}/{number}": Source(kind, number) for number in range(count)}
    server = await asyncio.get_running_loop().create_server(Site, "127.0.0.1", port, backlog=4096)
    print("ready", flush=True)
    await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(_serve(*map(int, sys.argv[1:4])))

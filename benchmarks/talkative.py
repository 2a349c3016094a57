"""Small feeds with news, and the receiver of webhooks, both of which note when; for `service.py`."""

from __future__ import annotations

import re
import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

_ENTRIES = 10


class Site(ThreadingHTTPServer):
    """Feeds of ten entries at `/feed/NAME/N`; of `share` of them one has an entry more at each answer after the first.
    What is posted is kept."""

    daemon_threads = True
    request_queue_size = 4096

    def __init__(self, share: int) -> None:
        super().__init__(("127.0.0.1", 0), _Answering)
        self.share = share
        self.url = f"http://127.0.0.1:{self.server_address[1]}"
        #: Answers to each address, and when it was asked last (wall clock).
        self.answers: Counter[str] = Counter()
        self.asked: dict[str, float] = {}
        #: By the link of an entry, when its feed was about to be sent, and when its webhook was there (steady clock).
        self.sent: dict[str, float] = {}
        self.told: dict[str, float] = {}

    @contextmanager
    def serving(self) -> Iterator[Site]:
        thread = threading.Thread(target=self.serve_forever, daemon=True)
        thread.start()
        try:
            yield self
        finally:
            self.shutdown()
            self.server_close()


class _Answering(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: Site

    def do_GET(self) -> None:
        site = self.server
        site.asked[self.path] = time.time()
        _, _, name, number = self.path.split("/")
        newest = _ENTRIES + (site.answers[self.path] if int(number) % site.share == 0 else 0)
        site.answers[self.path] += 1
        tag = f'"{newest}"'
        if self.headers.get("If-None-Match") == tag:
            return self._send(f"304 Not Modified\r\nETag: {tag}\r\n\r\n".encode())
        body = _feed(f"{name}{number}", newest)
        head = f"200 OK\r\nETag: {tag}\r\nContent-Type: application/xml\r\nContent-Length: {len(body)}\r\n\r\n"
        site.sent[_link(f"{name}{number}", newest)] = time.perf_counter()
        return self._send(head.encode() + body)

    def do_POST(self) -> None:
        there = time.perf_counter()
        body = self.rfile.read(int(self.headers["Content-Length"])).decode()
        for link in re.findall(r'"link":"([^"]+)"', body)[:1]:
            self.server.told.setdefault(link, there)
        self._send(b"204 No Content\r\n\r\n")

    def _send(self, answer: bytes) -> None:
        # In one piece: two of them would wait for each other (Nagle).
        self.wfile.write(b"HTTP/1.1 " + answer)

    def log_message(self, format: str, *args: object) -> None:
        pass


def _link(name: str, number: int) -> str:
    return f"https://{name}.example/{number}"


def _feed(name: str, newest: int) -> bytes:
    entries = "".join(
        f"<entry><id>{_link(name, n)}</id><title>What {name} says in post {n}</title><link href='{_link(name, n)}'/>"
        f"<updated>{datetime(2025, 1, 1, tzinfo=UTC) + timedelta(hours=n):%Y-%m-%dT%H:%M:%SZ}</updated>"
        f"<content type='html'>&lt;p&gt;{f'The fish of day {n} were counted twice. ' * 20}&lt;/p&gt;</content></entry>"
        for n in range(newest, newest - _ENTRIES, -1)
    )
    head = f"<feed xmlns='http://www.w3.org/2005/Atom'><id>urn:x:{name}</id><title>{name}</title>"
    return f"{head}<updated>2025-01-01T00:00:00Z</updated>{entries}</feed>".encode()

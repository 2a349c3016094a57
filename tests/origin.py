"""A real HTTP server on loopback that answers as told and records what it was asked."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any


@dataclass(frozen=True)
class Asked:
    method: str
    path: str
    #: Names in lower case.
    headers: Mapping[str, str]
    body: bytes


@dataclass
class Answer:
    status: int = 200
    body: bytes = b""
    headers: dict[str, str] = field(default_factory=dict)
    #: Bytes written as they are instead of an HTTP answer; the connection is closed after.
    raw: bytes | None = None
    #: Reads the request and says nothing until the server stops.
    hang: bool = False


class Origin:
    """Serves what `serve` was told. A path with an ETag or Last-Modified answers conditional requests by 304."""

    def __init__(self, port: int) -> None:
        self.port = port
        self.url = f"http://127.0.0.1:{port}"
        self.requests: list[Asked] = []
        self.answers: dict[str, list[Answer]] = {}
        self.stopping = threading.Event()

    def serve(self, path: str, status: int = 200, body: bytes = b"", headers: Mapping[str, str] | None = None) -> None:
        self.answers[path] = [Answer(status, body, dict(headers or {}))]

    def serve_raw(self, path: str, raw: bytes) -> None:
        self.answers[path] = [Answer(raw=raw)]

    def serve_in_turn(self, path: str, *answers: Answer) -> None:
        """Each answer once, the last one for ever."""
        self.answers[path] = list(answers)

    def answer(self, asked: Asked) -> Answer:
        self.requests.append(asked)
        queue = self.answers.get(asked.path) or [Answer(404, b"not here")]
        answer = queue.pop(0) if len(queue) > 1 else queue[0]
        tag, since = answer.headers.get("ETag"), answer.headers.get("Last-Modified")
        sent = (asked.headers.get("if-none-match"), asked.headers.get("if-modified-since"))
        if answer.status == 200 and (tag or since) and sent == (tag, since):
            return Answer(304, headers=answer.headers)
        return answer


def _handler(origin: Origin) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def _answer(self) -> None:
            body = self.rfile.read(int(self.headers.get("content-length") or 0))
            headers = {name.lower(): value for name, value in self.headers.items()}
            answer = origin.answer(Asked(self.command, self.path, headers, body))
            if answer.hang:
                origin.stopping.wait()
                self.close_connection = True
                return
            if answer.raw is not None:
                self.wfile.write(answer.raw)
                self.close_connection = True
                return
            self.send_response_only(answer.status)
            if "Date" not in answer.headers:
                self.send_header("Date", self.date_time_string())
            for name, value in answer.headers.items():
                self.send_header(name, value)
            if answer.status != 304:
                self.send_header("Content-Length", str(len(answer.body)))
            self.end_headers()
            self.wfile.write(answer.body if answer.status != 304 else b"")

        do_GET = do_POST = do_HEAD = _answer

        def log_message(self, format: str, *args: Any) -> None:
            pass

    return Handler


@contextmanager
def serving(host: str = "127.0.0.1") -> Iterator[Origin]:
    origin = Origin(0)
    server = ThreadingHTTPServer((host, 0), _handler(origin))
    server.daemon_threads = True
    origin.port = server.server_address[1]
    origin.url = f"http://127.0.0.1:{origin.port}"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
    thread.start()
    try:
        yield origin
    finally:
        origin.stopping.set()
        server.shutdown()
        server.server_close()
        thread.join()

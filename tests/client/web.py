"""Small real web servers: one that answers as it is told to, and one that stands before a server and loses answers."""

import http.client
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import NamedTuple

REFUSED = {"WWW-Authenticate": 'Bearer realm="x", error="invalid_token"'}


class Seen(NamedTuple):
    """A request as it arrived."""

    method: str
    path: str
    headers: Mapping[str, str]
    body: bytes

    @property
    def authorization(self) -> str | None:
        return self.headers.get("authorization")


class Answered(NamedTuple):
    """What it is answered."""

    status: int = 200
    headers: Mapping[str, str] = {}
    body: bytes = b"{}"


Answer = Callable[[Seen], Answered | None]


class Web(ThreadingHTTPServer):
    """Runs on a port of loopback, and remembers what it saw. Without an answer the connection is cut."""

    daemon_threads = True
    block_on_close = False
    request_queue_size = 256

    def __init__(self, answer: Answer) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.answer = answer
        self.seen: list[Seen] = []
        self.url = f"http://127.0.0.1:{self.server_port}"

    def count(self, path: str) -> int:
        return sum(one.path == path for one in self.seen)


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: Web

    def do_POST(self) -> None:
        if "chunked" in self.headers.get("transfer-encoding", ""):
            body = b""
            while size := int(self.rfile.readline(), 16):
                body += self.rfile.read(size)
                self.rfile.readline()
            self.rfile.readline()
        else:
            body = self.rfile.read(int(self.headers.get("content-length", 0)))
        headers = {name.lower(): value for name, value in self.headers.items()}
        seen = Seen(self.command, self.path, headers, body)
        self.server.seen.append(seen)
        answer = self.server.answer(seen)
        if answer is None:
            self.close_connection = True
            return
        self.send_response(answer.status)
        for name, value in answer.headers.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(answer.body)))
        self.end_headers()
        self.wfile.write(answer.body)

    do_GET = do_PUT = do_POST  # noqa: N815 - http.server calls them so

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - http.server names it
        pass


@contextmanager
def web(answer: Answer) -> Iterator[Web]:
    with Web(answer) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        try:
            yield server
        finally:
            server.shutdown()
            thread.join()


@contextmanager
def before(url: str) -> Iterator[Web]:
    """Stand before a server. `forward` is what it answers; tests put another answer in its place."""
    with web(lambda seen: forward(url, seen)) as server:
        yield server


def forward(url: str, seen: Seen) -> Answered:
    connection = http.client.HTTPConnection(url.removeprefix("http://"))
    try:
        connection.request(seen.method, seen.path, seen.body, dict(seen.headers))
        answer = connection.getresponse()
        kept = {
            name: value
            for name, value in answer.getheaders()
            if name.lower() not in ("content-length", "connection", "transfer-encoding")
        }
        return Answered(answer.status, kept, answer.read())
    finally:
        connection.close()

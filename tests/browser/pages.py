"""Web pages on loopback, and a real browser to open them in."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from playwright.sync_api import Browser, sync_playwright
from tests.programs import require_program

PAGE = b"<!doctype html><title>A page</title><p>A page of some origin.</p>"


class _Page(BaseHTTPRequestHandler):
    """The same page at every path."""

    def do_GET(self) -> None:
        self.send_response(200)
        self.send_header("content-type", "text/html; charset=utf-8")
        self.send_header("content-length", str(len(PAGE)))
        self.end_headers()
        self.wfile.write(PAGE)

    def log_message(self, *_: object) -> None:
        """Nothing is to be said of each request."""


@contextmanager
def page_server() -> Iterator[int]:
    """Serve the page on loopback; the port. By `127.0.0.1` and by `localhost` it is of two origins and two sites."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), _Page)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield server.server_port
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


@contextmanager
def chromium() -> Iterator[Browser]:
    """A browser with a profile of its own, which sends nothing but what its pages ask for."""
    program = require_program("chromium")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=program, args=["--no-sandbox", "--disable-background-networking"]
        )
        try:
            yield browser
        finally:
            browser.close()


@dataclass
class Api:
    """An API that lets every page call it (CORS). `seen` has method, path, Authorization and body of each request."""

    base: str
    seen: list[tuple[str, str, str, str]] = field(default_factory=list)
    away: str = ""
    slow_seconds: float = 8.0
    closing: threading.Event = field(default_factory=threading.Event)

    def status(self, path: str, token: str) -> tuple[int, dict[str, str]]:
        """What a path answers: 200 but for the ones that refuse the token, or only the first one, or redirect."""
        first = [seen[2] for seen in self.seen if seen[1] == path][:1] == [token]
        if path == "/refuse" or (path == "/refuse-once" and first):
            return 401, {"www-authenticate": 'Bearer error="invalid_token"'}
        if path == "/basic":
            return 401, {"www-authenticate": "Basic"}
        if path == "/slow":
            self.closing.wait(self.slow_seconds)
        return (307, {"location": self.away}) if path == "/away" else (200, {})


@contextmanager
def api_server() -> Iterator[Api]:
    """Serve such an API on loopback."""

    class Handler(BaseHTTPRequestHandler):
        def _answer(self) -> None:
            body = self.rfile.read(int(self.headers.get("content-length", 0))).decode()
            status, headers = (
                204,
                {
                    "access-control-allow-methods": "GET, PUT, POST",
                    "access-control-allow-headers": "authorization",
                },
            )
            if self.command != "OPTIONS":
                token = self.headers.get("authorization", "")
                api.seen.append((self.command, self.path, token, body))
                status, headers = api.status(self.path, token)
            self.send_response(status)
            headers |= {
                "access-control-allow-origin": "*",
                "access-control-expose-headers": "www-authenticate",
            }
            for name, value in headers.items():
                self.send_header(name, value)
            self.send_header("content-length", "0")
            with suppress(OSError):  # the page may have gone
                self.end_headers()

        do_GET = do_PUT = do_POST = do_OPTIONS = _answer  # noqa: N815 - as the library calls them

        def log_message(self, *_: object) -> None:
            """Nothing is to be said of each request."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    api = Api(f"http://127.0.0.1:{server.server_port}")
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield api
    finally:
        api.closing.set()
        server.shutdown()
        thread.join()
        server.server_close()

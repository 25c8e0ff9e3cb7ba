"""The floor: an ASGI application that does nothing but answer, on the server program that Tokenward uses.

`python -m benchmarks.bare_asgi PORT GET_BYTES POST_BYTES` answers every GET with a body of GET_BYTES; for
a POST it reads the body and answers POST_BYTES. If the path is /parsed it parses the form before; if it is /login it
verifies a password, as a login would that did nothing else. It prints `ready http://127.0.0.1:PORT`.
"""

import asyncio
import os
import socket
import sys
import threading
from collections.abc import Awaitable, Callable, MutableMapping
from concurrent.futures import ThreadPoolExecutor
from typing import Any
from urllib.parse import parse_qs

import uvicorn
import uvloop

from benchmarks.floors import CORES, prepare_verification

Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]

# The settings with which Tokenward runs uvicorn, as far as they cost time for each request.
UVICORN_SETTINGS: dict[str, Any] = {
    "loop": "uvloop",
    "http": "httptools",
    "ws": "none",
    "lifespan": "off",
    "access_log": False,
    "log_level": "error",
    "server_header": False,
    "proxy_headers": False,
}


class BareApplication:
    """Answers `get_bytes` to a GET; reads the body of anything else and answers `post_bytes`."""

    _pool: ThreadPoolExecutor | None = None

    def __init__(self, get_bytes: int, post_bytes: int) -> None:
        self._get, self._post = _answer(get_bytes), _answer(post_bytes)

    async def __call__(self, scope: Message, receive: Receive, send: Send) -> None:
        """The ASGI call of one request."""
        if scope["method"] == "GET":
            start, body = self._get
        else:
            start, body = self._post
            message = await receive()
            content = message["body"]
            while message["more_body"]:
                message = await receive()
                content += message["body"]
            if scope["path"] == "/parsed":
                parse_qs(content, strict_parsing=True)
            elif scope["path"] == "/login":
                await self._verify_password()
        await send(start)
        await send(body)

    async def _verify_password(self) -> None:
        if self._pool is None:
            # Made here: what is measured before the first login must not pay for it.
            self._verify = prepare_verification()
            self._pool = ThreadPoolExecutor(CORES, initializer=_take_lowest_priority)
        await asyncio.get_running_loop().run_in_executor(self._pool, self._verify)


def _take_lowest_priority() -> None:
    os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), 19)


def _answer(size: int) -> tuple[Message, Message]:
    body = b'{"a":"' + b"x" * (size - 8) + b'"}'
    headers = [(b"content-type", b"application/json"), (b"content-length", str(len(body)).encode())]
    return (
        {"type": "http.response.start", "status": 200, "headers": headers},
        {"type": "http.response.body", "body": body},
    )


class ReadyServer(uvicorn.Server):
    """Prints the ready line when it listens."""

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Listen, then say so."""
        await super().startup(sockets)
        print(f"ready http://127.0.0.1:{self.config.port}", flush=True)


if __name__ == "__main__":
    port, get_bytes, post_bytes = map(int, sys.argv[1:4])
    server = ReadyServer(
        uvicorn.Config(BareApplication(get_bytes, post_bytes), port=port, **UVICORN_SETTINGS)
    )
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(server.serve())

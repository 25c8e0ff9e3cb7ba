"""An HTTP client on one connection. It shows everything that goes wrong, and can be cut off at any moment."""

import asyncio
import contextlib
from collections.abc import Mapping
from types import TracebackType
from typing import Any, NamedTuple, Self

import msgspec
import pytest

# What a request ends with whose connection was lost before the answer was whole.
LOST = (EOFError, OSError)

_ANSWER_SECONDS = 30


class Answer(NamedTuple):
    status: int
    headers: Mapping[str, str]
    body: bytes

    def json(self) -> dict[str, Any]:
        return msgspec.json.decode(self.body, type=dict[str, Any])

    @property
    def code(self) -> str:
        """The stable code of a problem, or nothing."""
        return str(self.json().get("code", ""))


class Tokens(NamedTuple):
    access: str
    refresh: str

    @classmethod
    def of(cls, answer: Answer) -> Self:
        assert answer.status == 200, answer
        body = answer.json()
        return cls(body["access_token"], body["refresh_token"])


class Client:
    """One connection, kept alive. `async with await Client.connect(port) as client: …`."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self._writer = writer

    @classmethod
    async def connect(cls, port: int) -> Self:
        return cls(*await asyncio.open_connection("127.0.0.1", port))

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, place: TracebackType | None
    ) -> None:
        self._writer.close()
        with contextlib.suppress(OSError):
            await self._writer.wait_closed()

    def cut(self) -> None:
        """Drop the connection with whatever is on its way; the server sees a reset."""
        self._writer.transport.abort()

    def send(
        self, method: str, path: str, *, body: Mapping[str, str] | None = None, token: str | None = None
    ) -> None:
        """Send a request and do not wait for its answer."""
        head = [f"{method} {path} HTTP/1.1", "host: tokenward.test"]
        content = b""
        if token is not None:
            head.append(f"authorization: Bearer {token}")
        if body is not None:
            content = msgspec.json.encode(body)
            head.append("content-type: application/json")
        if method != "GET":
            head.append(f"content-length: {len(content)}")
        self._writer.write("\r\n".join([*head, "", ""]).encode() + content)

    async def read_answer(self) -> Answer:
        try:
            async with asyncio.timeout(_ANSWER_SECONDS):
                return await self._read_answer()
        except TimeoutError:
            # It is an OSError, and a server that hangs must not be taken for one that is gone.
            pytest.fail(f"no answer within {_ANSWER_SECONDS} seconds")

    async def _read_answer(self) -> Answer:
        head = (await self._reader.readuntil(b"\r\n\r\n")).decode("latin-1")
        first, *lines = head.rstrip("\r\n").split("\r\n")
        headers = {name.lower(): value for name, _, value in (line.partition(": ") for line in lines)}
        body = await self._reader.readexactly(int(headers["content-length"]))
        return Answer(int(first.split()[1]), headers, body)

    async def request(
        self, method: str, path: str, *, body: Mapping[str, str] | None = None, token: str | None = None
    ) -> Answer:
        self.send(method, path, body=body, token=token)
        return await self.read_answer()

    async def register(self, email: str, password: str) -> Answer:
        return await self.request(
            "POST", "/api/v1/auth/register", body={"email": email, "password": password}
        )

    async def log_in(self, email: str, password: str) -> Answer:
        return await self.request("POST", "/api/v1/auth/login", body={"email": email, "password": password})

    async def refresh(self, token: str) -> Answer:
        return await self.request("POST", "/api/v1/auth/refresh", body={"refresh_token": token})

    async def log_out(self, access: str) -> Answer:
        return await self.request("POST", "/api/v1/auth/logout", token=access)

    async def me(self, access: str) -> Answer:
        return await self.request("GET", "/api/v1/users/me", token=access)

"""Fetching with an `httpx` client of the application: its proxies, its certificates, its pool."""

import asyncio
from typing import Any, Final

import httpx

from tokenward.clock import SystemClock
from tokenward.tokens.remote_jwks.transport import FetchFailed, Request, Response

_REAL_TIME: Final = SystemClock()
_ERRORS: Final = (httpx.HTTPError, httpx.InvalidURL, httpx.StreamError)


class HTTPXTransport:
    """Fetches with an `httpx.Client`, for threads. The client stays the caller's to close.

    Redirects are not followed and the client's `auth` is not sent, whatever it is set to. Whether it checks
    certificates is not checked here; a client with `verify=False` lets anybody publish keys. httpx limits each single
    read and not the sum, so a server that drips its headers can make an attempt longer than its timeout, though nobody
    waits for it; the standard transport and the asynchronous one have no such gap.
    """

    def __init__(self, client: httpx.Client) -> None:
        self._client = client

    def fetch(self, request: Request) -> Response:
        """Make the request; see `Transport.fetch`.

        Raises:
            FetchFailed: when there was no whole answer within the limits.
        """
        ends_at = _REAL_TIME.monotonic() + request.timeout_seconds
        body = bytearray()
        try:
            with self._client.stream("GET", request.address.url, **_arguments(request)) as response:
                if response.status_code == 200:
                    for piece in response.iter_raw():
                        _add(body, piece, request.max_bytes)
                        if _REAL_TIME.monotonic() >= ends_at:
                            raise FetchFailed("timeout")
                return _response(response, body)
        except httpx.TimeoutException:
            raise FetchFailed("timeout") from None
        except _ERRORS as error:
            raise _failure(error) from None


class AsyncHTTPXTransport:
    """Fetches with an `httpx.AsyncClient`, which belongs to one event loop. Otherwise like `HTTPXTransport`."""

    def __init__(self, client: httpx.AsyncClient) -> None:
        self._client = client

    async def fetch(self, request: Request) -> Response:
        """Make the request; see `Transport.fetch`.

        Raises:
            FetchFailed: when there was no whole answer within the limits.
        """
        body = bytearray()
        try:
            async with (
                asyncio.timeout(request.timeout_seconds),
                self._client.stream("GET", request.address.url, **_arguments(request)) as response,
            ):
                if response.status_code == 200:
                    async for piece in response.aiter_raw():
                        _add(body, piece, request.max_bytes)
                return _response(response, body)
        except (TimeoutError, httpx.TimeoutException):
            raise FetchFailed("timeout") from None
        except _ERRORS as error:
            raise _failure(error) from None


def _arguments(request: Request) -> dict[str, Any]:
    return {
        "headers": dict(request.headers),
        "auth": None,
        "follow_redirects": False,
        "timeout": request.timeout_seconds,
    }


def _add(body: bytearray, piece: bytes, max_bytes: int) -> None:
    if len(body) + len(piece) > max_bytes:
        raise FetchFailed("too_large")
    body += piece


def _response(response: httpx.Response, body: bytearray) -> Response:
    headers = {name.lower(): value for name, value in response.headers.items()}
    return Response(response.status_code, headers, bytes(body))


def _failure(error: Exception) -> FetchFailed:
    return FetchFailed("connection_failed", f"{type(error).__name__}: {error}")

"""What a transport is: something that makes one request and keeps to its limits."""

from collections.abc import Mapping
from typing import ClassVar, NamedTuple, Protocol

from tokenward.errors import Error
from tokenward.protocol.errors import KEYS_UNAVAILABLE
from tokenward.tokens.remote_jwks.addresses import Address


class FetchFailed(Error):
    """An attempt to fetch keys brought none. `reason` is a slug, and after a colon what there is to know.

    `http_status` is the status of the answer where there was one.
    """

    code = KEYS_UNAVAILABLE
    status = 503
    description = "The keys could not be fetched. Try again in a few seconds."
    longest: ClassVar[int] = 200

    def __init__(self, slug: str, detail: str = "", *, http_status: int | None = None) -> None:
        # The detail may be the words of a hostile server; they go into logs, so no line breaks and no length.
        plain = ascii(detail)[1:-1][: self.longest]
        super().__init__(reason=f"{slug}: {plain}" if plain else slug)
        self.http_status = http_status


class Request(NamedTuple):
    """A GET. The address is checked; the limits are the transport's to keep.

    `headers` are all that matter to the answer; others may be added, such as `Host`. `timeout_seconds` is for the
    whole exchange, name look-up and TLS included.
    """

    address: Address
    headers: Mapping[str, str]
    max_bytes: int
    timeout_seconds: float


class Response(NamedTuple):
    """An answer. Header names are in lower case. The body is as it was sent, without any decoding.

    The body of an answer that is not 200 may be left unread, and empty here.
    """

    status: int
    headers: Mapping[str, str]
    body: bytes


class Transport(Protocol):
    """Fetches for threads."""

    def fetch(self, request: Request) -> Response:
        """Make the request and return the answer, whatever its status is.

        The certificate and host name are checked; no redirect is followed; a body of more than `max_bytes` is not
        read to its end, and decoded nowhere; after `timeout_seconds` the exchange is over, however it drips. Must
        bear calls from several threads.

        Raises:
            FetchFailed: when there was no whole answer within the limits.
        """
        ...


class AsyncTransport(Protocol):
    """Fetches for coroutines."""

    async def fetch(self, request: Request) -> Response:
        """Make the request like `Transport.fetch`, without holding up the event loop."""
        ...

"""The token at the requests that it is for (RFC 6750 section 2.1), as an `httpx.Auth`."""

from collections.abc import AsyncGenerator, Generator, Iterable
from typing import Final, NamedTuple

import httpx

from tokenward.client.challenges import refuses_token
from tokenward.client.client import TokenwardClient
from tokenward.errors import ConfigurationError
from tokenward.tokens.remote_jwks.addresses import check_address

_DEFAULT_PORTS: Final = {"https": 443, "http": 80}
# An API that refuses even a fresh token is believed for so long, and brings about no refresh.
_HOPELESS_SECONDS: Final = 60.0


class _Origin(NamedTuple):
    scheme: str
    host: str
    port: int


class _Hopeless(NamedTuple):
    token: str
    since: float


class TokenAuth(httpx.Auth):
    """Attaches the access token to requests for `origins`, and to no other: `httpx.Client(auth=TokenAuth(…))`.

    The token is refreshed before it expires, once for all who wait. A request that is answered 401 with
    `error="invalid_token"` is sent a second time with a fresh token; every other answer, and the second, is the
    caller's. What cannot be sent twice, a body that is a stream or a form with files, is not: the answer is the 401,
    and the next request gets a fresh token. With `requires_request_body` set to True, such bodies are read into memory
    first.

    A request for another origin goes out as it is, without a token; httpx takes the header off when it follows a
    redirect to another origin, but for one from http to https of the same host. Works with `httpx.Client`, and with
    `httpx.AsyncClient` under asyncio.

    Sending raises `SignInRequired`, `IssuerUnavailable` and `TokenStoreUnavailable`, as
    `TokenwardClient.access_token` does.

    Args:
        client: whose token it is.
        origins: where it belongs, such as `https://api.example.com`, without a path; by default the issuer alone.

    Raises:
        ConfigurationError: when an origin is not https, or has a path.
    """

    def __init__(self, client: TokenwardClient, *, origins: Iterable[str] | None = None) -> None:
        if isinstance(origins, str):
            raise ConfigurationError("`origins` must be a list of addresses, not one string.")
        named = [client.origin] if origins is None else list(origins)
        self._origins = frozenset(_origin(one, client.insecure_loopback_http) for one in named)
        self._client = client
        self._tokens = client.tokens
        self._hopeless: dict[_Origin, _Hopeless] = {}

    def __repr__(self) -> str:
        return f"TokenAuth({self._client!r})"

    def sync_auth_flow(self, request: httpx.Request) -> Generator[httpx.Request, httpx.Response, None]:
        """Send the request, and once more with a fresh token where the first was refused."""
        if self.requires_request_body:
            request.read()
        if not self._is_for(request):
            yield request
            return
        token = self._tokens.access_token()
        response = yield _with_token(request, token)
        again = self._to_send_again(response, token)
        if again is None:
            return
        fresh = self._tokens.access_token(refused=token)
        self._look_at_second(again, (yield _with_token(again, fresh)), fresh)

    async def async_auth_flow(self, request: httpx.Request) -> AsyncGenerator[httpx.Request, httpx.Response]:
        """Send the request, and once more with a fresh token where the first was refused."""
        if self.requires_request_body:
            await request.aread()
        if not self._is_for(request):
            yield request
            return
        token = await self._tokens.access_token_async()
        response = yield _with_token(request, token)
        again = self._to_send_again(response, token)
        if again is None:
            return
        fresh = await self._tokens.access_token_async(refused=token)
        self._look_at_second(again, (yield _with_token(again, fresh)), fresh)

    def _is_for(self, request: httpx.Request) -> bool:
        """Whether the token belongs to where this request goes: the address counts, not the `Host` header."""
        return _origin_of(request.url) in self._origins

    def _to_send_again(self, response: httpx.Response, token: str) -> httpx.Request | None:
        """The request that was refused because of this token, if it can be sent again; else None.

        After redirects that is the last request, not the first, which may have changed something already.
        """
        request = response.request
        if not _refused(response) or not self._is_for(request):
            return None
        # Taken off by httpx on a redirect, or replaced by the application: it was not our token that was refused.
        if request.headers.get("authorization") != f"Bearer {token}":
            return None
        hopeless = self._hopeless.get(_origin_of(request.url))
        if hopeless is not None and hopeless.token == token and self._is_recent(hopeless):
            return None
        if not isinstance(request.stream, httpx.ByteStream):
            # It is used up: a second request would have an empty or a half body.
            self._tokens.refuse(token)
            return None
        return request

    def _look_at_second(self, request: httpx.Request, response: httpx.Response, token: str) -> None:
        """Remember an origin that refuses a fresh token too: each request to it would bring about a refresh."""
        if _refused(response):
            self._hopeless[_origin_of(request.url)] = _Hopeless(token, self._tokens.clock.monotonic())

    def _is_recent(self, hopeless: _Hopeless) -> bool:
        return self._tokens.clock.monotonic() - hopeless.since < _HOPELESS_SECONDS


def _refused(response: httpx.Response) -> bool:
    return response.status_code == 401 and refuses_token(response.headers.get_list("www-authenticate"))


def _with_token(request: httpx.Request, token: str) -> httpx.Request:
    request.headers["Authorization"] = f"Bearer {token}"
    return request


def _origin(url: str, insecure_loopback_http: bool) -> _Origin:
    address = check_address(url, insecure_loopback_http=insecure_loopback_http)
    if address.target != "/" or "?" in url:
        raise ConfigurationError(f"The origin {url!r} must have no path: a token is for a whole origin.")
    return _Origin(address.scheme, address.host, address.port)


def _origin_of(url: httpx.URL) -> _Origin:
    port = url.port or _DEFAULT_PORTS.get(url.scheme, 0)
    return _Origin(url.scheme, url.raw_host.decode("ascii"), port)

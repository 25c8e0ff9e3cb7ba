"""The authorization server as a client sees it: its address, and requests to its first-party API.

Each request has a connection of its own: there is one in many minutes, and a pool would have to be closed by somebody
and would not survive a fork.
"""

import ssl
from collections.abc import Mapping
from typing import Any, Final, NamedTuple
from urllib.parse import urlsplit

import httpx
import msgspec

from tokenward import __version__
from tokenward.client.errors import IssuerUnavailable, SignInFailed, SignInRequired
from tokenward.client.token_set import TokenSet, read_tokens
from tokenward.clock import Clock, SystemClock
from tokenward.errors import ConfigurationError
from tokenward.protocol.errors import INVALID_GRANT, INVALID_TOKEN
from tokenward.tokens.remote_jwks.addresses import check_address

_LOGIN: Final = "/api/v1/auth/login"
_REFRESH: Final = "/api/v1/auth/refresh"
_LOGOUT: Final = "/api/v1/auth/logout"
_LOGOUT_EVERYWHERE: Final = "/api/v1/auth/logout-everywhere"

_MAX_ANSWER_BYTES: Final = 65_536
_LONGEST_DETAIL: Final = 300
_DEFAULT_PORTS: Final = {"https": 443, "http": 80}


class _Answer(NamedTuple):
    status: int
    headers: Mapping[str, str]
    members: dict[str, Any]

    @property
    def code(self) -> str:
        """The stable code of a problem document, or `error` as RFC 6749 section 5.2 has it."""
        return str(self.members.get("code") or self.members.get("error") or "")


class Issuer:
    """One authorization server. Methods wait for its answer; each makes one request and does not repeat it.

    Redirects are not followed: a password or a refresh token goes to the address that was configured and nowhere else.

    Args:
        url: the issuer, such as `https://auth.example.com`.
        insecure_loopback_http: allow `http` for a server on this machine.
        timeout_seconds: how long connecting and each wait for more bytes may take, and the body of an answer in all.
        ssl_context: for an authority of your own. It must check certificates and host names. Without one, the
            variables `SSL_CERT_FILE` and `SSL_CERT_DIR` are honoured.

    Raises:
        ConfigurationError: when the address is not https, or the context checks less than it must.
    """

    def __init__(
        self,
        url: str,
        *,
        insecure_loopback_http: bool = False,
        timeout_seconds: float = 10.0,
        ssl_context: ssl.SSLContext | None = None,
        clock: Clock | None = None,
    ) -> None:
        address = check_address(url, insecure_loopback_http=insecure_loopback_http)
        if "?" in url:
            raise ConfigurationError("The issuer must be an address without a query.")
        if ssl_context is not None and not (
            ssl_context.verify_mode == ssl.CERT_REQUIRED and ssl_context.check_hostname
        ):
            raise ConfigurationError("The TLS context must check certificates and host names.")
        if not 0 < timeout_seconds <= 300:
            raise ConfigurationError("`timeout_seconds` must be more than 0 and at most 300.")
        host = f"[{address.host}]" if ":" in address.host else address.host
        port = "" if address.port == _DEFAULT_PORTS[address.scheme] else f":{address.port}"
        self.origin = f"{address.scheme}://{host}{port}"
        self.url = self.origin + urlsplit(url).path.rstrip("/")
        self.timeout_seconds = timeout_seconds
        self._is_loopback_http = address.scheme == "http"
        self._ssl_context = ssl_context
        self._clock = SystemClock() if clock is None else clock

    def __repr__(self) -> str:
        return f"Issuer({self.url!r})"

    def log_in(self, name: str, password: str) -> TokenSet:
        """Start a session with a user name or an e-mail address, and a password.

        Raises:
            SignInFailed: the issuer refused.
            IssuerUnavailable: no usable answer, or too many attempts.
        """
        obtained_at = int(self._clock.now())
        answer = self._post(_LOGIN, body={"username": name, "password": password})
        if 400 <= answer.status < 500 and answer.status not in (404, 405, 429):
            raise SignInFailed(_detail(answer), reason=answer.code)
        return self._tokens(answer, obtained_at)

    def refresh(self, refresh_token: str) -> TokenSet:
        """Exchange a refresh token. Asking again with the same one within a minute gives the same successor.

        Raises:
            SignInRequired: the session has ended (`invalid_grant`).
            IssuerUnavailable: no usable answer; the refresh token is still good.
        """
        obtained_at = int(self._clock.now())
        answer = self._post(_REFRESH, body={"refresh_token": refresh_token})
        if answer.status == 400 and answer.code == INVALID_GRANT:
            raise SignInRequired(f"The session at {self.url} has ended. Sign in again.", reason=INVALID_GRANT)
        return self._tokens(answer, obtained_at)

    def log_out(self, refresh_token: str) -> None:
        """End the session of a refresh token. One that has ended already is no error.

        Raises:
            IssuerUnavailable: no usable answer; the session may live on.
        """
        answer = self._post(_LOGOUT, body={"refresh_token": refresh_token})
        if not (answer.status == 200 or (answer.status == 400 and answer.code == INVALID_GRANT)):
            raise self._unusable(answer)

    def log_out_everywhere(self, access_token: str) -> int:
        """End every session of the account, and return how many there were.

        Raises:
            SignInRequired: the access token was refused.
            IssuerUnavailable: no usable answer; sessions may live on.
        """
        answer = self._post(_LOGOUT_EVERYWHERE, access_token=access_token)
        if answer.status == 401 and answer.code == INVALID_TOKEN:
            raise SignInRequired(reason=INVALID_TOKEN)
        ended = answer.members.get("ended_sessions")
        if answer.status != 200 or type(ended) is not int:
            raise self._unusable(answer)
        return ended

    def _tokens(self, answer: _Answer, obtained_at: int) -> TokenSet:
        tokens = read_tokens(answer.members, obtained_at) if answer.status == 200 else None
        if tokens is None:
            raise self._unusable(answer)
        return tokens

    def _unusable(self, answer: _Answer) -> IssuerUnavailable:
        """The error for an answer that a client can do nothing with."""
        reason = f"status_{answer.status}" + (f": {_plain(answer.code)}" if answer.code else "")
        after = answer.headers.get("retry-after", "")
        seconds = int(after) if after.isascii() and after.isdigit() and len(after) < 7 else None
        if answer.status in (404, 405) or 300 <= answer.status < 400 or answer.status == 200:
            said = f"What answers at {self.url} is not a Tokenward server. Check the address of the issuer."
        elif answer.status == 429:
            said = f"There were too many attempts at {self.url}. Try again in {seconds or 60} seconds."
        else:
            said = (
                f"The authorization server {self.url} answered {answer.status}. Try again in a few seconds."
            )
        return IssuerUnavailable(said, reason=reason, retry_after_seconds=seconds)

    def _post(
        self, path: str, *, body: Mapping[str, str] | None = None, access_token: str | None = None
    ) -> _Answer:
        headers = {
            "accept": "application/json, application/problem+json",
            # A few bytes that unpack to gigabytes are not asked for.
            "accept-encoding": "identity",
            "user-agent": f"tokenward/{__version__}",
        }
        if access_token is not None:
            headers["authorization"] = f"Bearer {access_token}"
        failure: str
        try:
            # The proxy that the environment names could read what goes to this machine without TLS.
            with (
                httpx.Client(
                    verify=True if self._ssl_context is None else self._ssl_context,
                    trust_env=not self._is_loopback_http,
                    timeout=self.timeout_seconds,
                    follow_redirects=False,
                ) as client,
                client.stream("POST", self.url + path, json=body, headers=headers) as response,
            ):
                return self._read(response)
        except httpx.TransportError as error:
            failure = f"{type(error).__name__}: {error}"
        except (httpx.HTTPError, httpx.InvalidURL, OSError, ValueError, ImportError) as error:
            failure = type(error).__name__
        # Raised out here: an error of httpx holds the request, and with it the password or the refresh token.
        raise IssuerUnavailable(
            f"The authorization server {self.url} cannot be reached ({_plain(failure)}). Try again in a few seconds.",
            reason=f"no_answer: {_plain(failure)}",
        )

    def _read(self, response: httpx.Response) -> _Answer:
        """Read an answer, which ends after `timeout_seconds` however it drips, and at 64 KiB however long it is."""
        ends_at = self._clock.monotonic() + self.timeout_seconds
        body = bytearray()
        if response.headers.get("content-encoding", "identity") != "identity":
            raise httpx.DecodingError("encoded")
        for piece in response.iter_raw():
            body += piece
            if len(body) > _MAX_ANSWER_BYTES:
                raise httpx.DecodingError("too large")
            if self._clock.monotonic() > ends_at:
                raise httpx.ReadTimeout("the answer took too long")
        try:
            members = msgspec.json.decode(bytes(body), type=dict[str, Any])
        except (msgspec.DecodeError, UnicodeDecodeError):
            members = {}
        return _Answer(response.status_code, response.headers, members)


def _detail(answer: _Answer) -> str | None:
    """What the issuer says to the person, who reads it at a terminal perhaps; None for nothing that can be shown."""
    detail = answer.members.get("detail")
    if isinstance(detail, str) and detail.isprintable() and 0 < len(detail) <= _LONGEST_DETAIL:
        return detail
    return None


def _plain(text: str) -> str:
    return ascii(text)[1:-1][:200]

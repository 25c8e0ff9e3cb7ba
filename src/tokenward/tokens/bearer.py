"""The Bearer scheme: reading `Authorization`, writing `WWW-Authenticate` (RFC 6750 sections 2.1 and 3, RFC
9110 section 11).

The server and the guards both speak through this module, so that they cannot differ in what they let through.
"""

from collections.abc import Sequence
from typing import Final

from tokenward.errors import Error, InvalidRequest, InvalidToken
from tokenward.jose.jws import MAX_TOKEN_BYTES
from tokenward.protocol.errors import MISSING_TOKEN

_SCHEME: Final = b"bearer "
_TOKEN_LETTERS: Final = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~+/"
_MAX_HEADER_BYTES: Final = MAX_TOKEN_BYTES + 64

# Everything that is not printable ASCII becomes a question mark: a line break would begin a header of its
# own.
_PRINTABLE: Final = {code: chr(code) for code in range(0x20, 0x7F)}


class MissingToken(Error):
    """The request carries no bearer token: no `Authorization` header, or one of another scheme."""

    code = MISSING_TOKEN
    status = 401
    description = "This needs an access token: send it as `Authorization: Bearer` and the token."


def parse_authorization(values: Sequence[bytes]) -> str:
    """Return the token in the `Authorization` headers of a request, which are given as their raw values, all
    of them.

    The token is not looked at; `TokenVerifier` does that.

    Raises:
        MissingToken: when there is no such header, or its scheme is not Bearer.
        InvalidRequest: when there are two: they could mean two users, and the next program might read the
            other one.
        InvalidToken: when it is too long, or not one token of the letters that RFC 6750 allows.
    """
    if not values:
        raise MissingToken(reason="no_authorization_header")
    if len(values) > 1:
        raise InvalidRequest(
            "The request has more than one Authorization header; send one.",
            reason="two_authorization_headers",
        )
    value = values[0]
    if len(value) > _MAX_HEADER_BYTES:
        raise InvalidToken(reason="authorization_too_large")
    if value[:7].lower() != _SCHEME:
        # "Bearer" alone or with another separator is a broken bearer token, and anything else another scheme.
        if value[:6].lower() == b"bearer":
            raise InvalidToken(reason="authorization_malformed")
        raise MissingToken(reason="other_scheme")
    token = value[7:].lstrip(b" ")
    letters = token.rstrip(b"=")
    if not letters or letters.translate(None, _TOKEN_LETTERS):
        raise InvalidToken(reason="authorization_malformed")
    return token.decode("ascii")


def challenge(
    *,
    realm: str | None = None,
    error: str | None = None,
    error_description: str | None = None,
    scope: str | None = None,
) -> str:
    """Return the value of `WWW-Authenticate` for a refused request.

    A request without a token is told nothing but the scheme, realm and scope: give no `error`, or
    `missing_token`, which RFC 6750 section 3.1 does not let through. Whatever the arguments contain, the
    value is one line of printable ASCII whose quotes balance. The true reason of a refusal does not belong
    here.
    """
    parameters = []
    if realm is not None:
        parameters.append(("realm", _printable(realm).replace("\\", "\\\\").replace('"', '\\"')))
    if scope is not None:
        parameters.append(("scope", _unquoted(scope)))
    if error is not None and error != MISSING_TOKEN:
        parameters.append(("error", _unquoted(error)))
        if error_description is not None:
            parameters.append(("error_description", _unquoted(error_description)))
    if not parameters:
        return "Bearer"
    return "Bearer " + ", ".join(f'{name}="{value}"' for name, value in parameters)


def _printable(text: str) -> str:
    return "".join(_PRINTABLE.get(ord(letter), "?") for letter in text)


def _unquoted(text: str) -> str:
    """Return `text` without quotes and backslashes, which RFC 6750 section 3 does not allow here."""
    return _printable(text).replace("\\", "/").replace('"', "'")

"""JSON Web Tokens: claims as the payload of a compact JWS (RFC 7519 sections 3 and 7, RFC 8725 section 3.11).

A token is signed with a `typ` always, since the kind of a token is what keeps one kind from passing for
another. There is no function here that verifies: one would have to leave the claims unchecked.
`tokenward.tokens` has the one call that checks signature and claims together.
"""

from collections.abc import Mapping
from typing import Any, Final

import msgspec

from tokenward.errors import ConfigurationError, InvalidToken
from tokenward.jose import base64url
from tokenward.jose.jws import MAX_TOKEN_BYTES, encode_header, token_bytes
from tokenward.jose.keys import SigningKey
from tokenward.jose.strict_json import StrictJSONError, decode_object

_MAX_REMEMBERED_TYPES: Final = 16

_encode: Final = msgspec.json.Encoder().encode


class _Issuer(msgspec.Struct):
    iss: str


_decode_issuer: Final = msgspec.json.Decoder(_Issuer).decode


def sign(claims: Mapping[str, Any], key: SigningKey, *, typ: str) -> str:
    """Return the JWT of `claims`, signed by `key`, with `alg`, `kid` and `typ` in its header.

    Whether the claims are complete and true is not checked; whoever issues a kind of token does that.

    Raises:
        ConfigurationError: when `key` is no key that signs, or `typ` no text.
        TypeError: for a claim that JSON cannot express. (NaN becomes null.)
    """
    try:
        header = key.header_segments.get(typ)
    except AttributeError:
        # Not asked before, because to ask for the type costs as much as a third of an HMAC.
        raise ConfigurationError(
            "Sign with a key such as `generate('ES256')` or `HMACKey(secret)`, not with text."
        ) from None
    if header is None:
        header = _remember_header(key, typ)
    signing_input = header + base64url.encode(_encode(claims if type(claims) is dict else dict(claims)))
    return (signing_input + b"." + base64url.encode(key.sign(signing_input))).decode("ascii")


def _remember_header(key: SigningKey, typ: str) -> bytes:
    """Encode the header of this kind of token once for each key, with the dot that follows it."""
    if type(typ) is not str or not typ:
        raise ConfigurationError("`typ` must be the media type of the kind of token, such as `at+jwt`.")
    header = encode_header({"typ": typ}, key) + b"."
    if len(key.header_segments) < _MAX_REMEMBERED_TYPES:
        key.header_segments[typ] = header
    return header


def decode_claims(text: bytes) -> dict[str, Any]:
    """Return the claims that the payload of a token says.

    Raises:
        InvalidToken: when it is not a strict JSON object.
    """
    try:
        return decode_object(text, max_bytes=len(text))
    except StrictJSONError as error:
        raise InvalidToken(reason=f"claims_{error.reason}") from None


def unverified_claims(token: str | bytes) -> dict[str, Any]:
    """Return the claims of a token that nobody has verified; for tools that show what a token says.

    Raises:
        InvalidToken: when it has not three segments, or no strict JSON object as payload.
    """
    segments = token_bytes(token, MAX_TOKEN_BYTES).split(b".", 3)
    if len(segments) != 3:
        raise InvalidToken(reason="not_three_segments")
    return decode_claims(base64url.decode(segments[1]))


def unverified_issuer(token: bytes) -> str:
    """Return the `iss` that a token claims, for looking up who shall verify it, and for nothing else.

    The size must have been checked before. The payload is not checked to be strict JSON here: the verifier that is
    looked up reads the token anew, and demands its own issuer.

    Raises:
        InvalidToken: when the token has not three segments, or its payload no `iss` that is a string.
    """
    segments = token.split(b".", 3)
    if len(segments) != 3:
        raise InvalidToken(reason="not_three_segments")
    try:
        return _decode_issuer(base64url.decode(segments[1])).iss
    except (msgspec.DecodeError, UnicodeError, RecursionError):
        pass  # One of these holds the text. What is raised below does not lead to it, as it would here.
    raise InvalidToken(reason="claims_without_issuer", claim="iss")

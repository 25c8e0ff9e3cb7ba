"""Makes tokens of every shape, good and hostile, for the tests; and says whether one was refused as it should be."""

from collections.abc import Mapping
from functools import cache
from typing import Any, Final

import msgspec
import pytest

from tokenward.clock import FakeClock
from tokenward.errors import InvalidToken
from tokenward.jose import JWKSet, SigningKey, VerificationKey, base64url, generate
from tokenward.jose.jwk import PrivateKey
from tokenward.tokens import AccessToken, Issuers, TokenVerifier

NOW: Final = 1_800_000_000
ISSUER: Final = "https://id.example"
AUDIENCE: Final = "https://api.example"
ABSENT: Final = object()


def key(alg: str = "ES256", name: str = "") -> SigningKey:
    """Return a key; the same for the same arguments, since some take long to make."""
    return _generated(alg, name)


@cache
def _generated(alg: str, _name: str) -> SigningKey:
    return generate(alg)


def public(signing: SigningKey) -> VerificationKey:
    """Return what verifies `signing`."""
    if isinstance(signing, PrivateKey):
        return signing.public_key()
    assert isinstance(signing, VerificationKey)
    return signing


def claims(**changes: Any) -> dict[str, Any]:
    """Return the claims of a good access token with some changed, or left out with `ABSENT`."""
    good = {
        "iss": ISSUER,
        "sub": "usr_nQ4bJm0m1h8X4v7sXyM1Zw",
        "aud": AUDIENCE,
        "client_id": "first-party",
        "exp": NOW + 900,
        "iat": NOW - 1,
        "jti": "7d1mK3rUQ0yq1r8W0l2a3g",
        "scope": "openid profile",
        "sid": "Z0o1yB3T9nqkVf0b3u3GxA",
        "roles": ["admin"],
        "rsq": 7,
    }
    return {name: value for name, value in (good | changes).items() if value is not ABSENT}


def header(signing: SigningKey, /, **changes: Any) -> dict[str, Any]:
    """Return the header of a good access token with some parameters changed, or left out with `ABSENT`."""
    good = {"alg": signing.alg, "kid": signing.kid, "typ": "at+jwt"}
    return {name: value for name, value in (good | changes).items() if value is not ABSENT}


def seal(head: Mapping[str, Any] | bytes, payload: Mapping[str, Any] | bytes, signing: SigningKey) -> str:
    """Return a token with exactly this header and payload and a right signature; bytes are taken as they are."""
    segments = [
        base64url.encode(part if isinstance(part, bytes) else msgspec.json.encode(part))
        for part in (head, payload)
    ]
    return sign_segments(segments[0], segments[1], signing)


def sign_segments(head: bytes, payload: bytes, signing: SigningKey) -> str:
    """Return a token of two segments that are encoded already, with a right signature."""
    signing_input = head + b"." + payload
    return (signing_input + b"." + base64url.encode(signing.sign(signing_input))).decode("latin-1")


def token(signing: SigningKey | None = None, /, **changes: Any) -> str:
    """Return an access token with changed claims, signed rightly; good when nothing is changed."""
    signing = signing or key()
    return seal(header(signing), claims(**changes), signing)


def verifier(*keys: SigningKey, **settings: Any) -> TokenVerifier[AccessToken]:
    """Return a verifier for the good tokens of these keys, or of the usual one."""
    defaults: dict[str, Any] = {
        "issuer": ISSUER,
        "audience": AUDIENCE,
        # Mixed, so that attacks that a set of one kind alone would end get as far as they can.
        "keys": JWKSet((public(signing) for signing in keys or (key(),)), insecure_mixed_symmetry=True),
        "clock": FakeClock(NOW),
        "leeway_seconds": 0,
    }
    return TokenVerifier(**(defaults | settings))


def refused(
    text: str | bytes,
    by: TokenVerifier[Any] | Issuers[Any] | None = None,
    *,
    reason: str | None = None,
    claim: str | None = None,
) -> InvalidToken:
    """Check that a token is refused, with this reason and claim where they are given, and that the error is clean.

    Clean: one description for every cause, and no piece of the token in anything that could be logged.
    """
    with pytest.raises(InvalidToken) as caught:
        (by or verifier()).verify(text)
    error = caught.value
    assert (error.code, error.status, str(error)) == ("invalid_token", 401, InvalidToken.description)
    assert error.reason
    if reason is not None:
        assert error.reason == reason
    if claim is not None:
        assert error.claim == claim
    shown = f"{error!r} {error} {error.args} {error.__dict__}"
    raw = text.encode("latin-1", "replace") if isinstance(text, str) else text
    for segment in raw.split(b".")[:5]:
        assert len(segment) < 12 or segment.decode("latin-1") not in shown
    return error

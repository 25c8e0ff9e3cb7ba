"""`TokenVerifier.verify` behind right signatures: a good token or `InvalidToken`, and both ways to read it agree."""

import json
from typing import Final, NamedTuple

from fuzz.choices import Choices
from fuzz.forging import (
    AUDIENCE,
    ED25519,
    HMAC,
    ISSUER,
    NOW,
    OTHER_HMAC,
    header,
    header_members,
    json_text,
    members,
    object_of,
    seal,
)
from fuzz.judge import check_error, demand
from fuzz.rules import KINDS
from fuzz.seeds import SIGNED
from fuzz.strict_reader import read_strictly
from tokenward.clock import FakeClock
from tokenward.errors import InvalidToken
from tokenward.jose import JWKSet, SigningKey
from tokenward.jose.jws import MAX_TOKEN_BYTES
from tokenward.jose.jwt import decode_claims
from tokenward.tokens import AccessToken, TokenVerifier
from tokenward.tokens.access_token import read_ordinary
from tokenward.tokens.verified_token import Expected

MAX_BYTES: Final = 512
SEEDS: Final = SIGNED

_GOOD: Final = members(
    iss=ISSUER,
    sub="usr_1",
    aud=AUDIENCE,
    client_id="first-party",
    exp=NOW + 900,
    iat=NOW - 1,
    jti="j1",
    scope="openid profile",
    sid="s1",
    roles=["admin"],
    rsq=7,
    auth_time=NOW - 5,
    acr="1",
    amr=["pwd"],
)
_LATER: Final = (*_GOOD, *members(nbf=NOW - 2))
_EXPECTED: Final = (Expected(ISSUER, AUDIENCE, 0), Expected(ISSUER, AUDIENCE, 300, 1200))
# All but `scope`, which has no order, and `kid`.
_ATTRIBUTES: Final = (
    *(
        "iss",
        "sub",
        "aud",
        "client_id",
        "exp",
        "iat",
        "jti",
        "sid",
        "auth_time",
        "acr",
        "amr",
        "roles",
        "rsq",
    ),
)


class _Good(NamedTuple):
    """A token that is not refused, and all that it tells."""

    told: str


def _verifier(key: SigningKey, expected: Expected, cache_size: int) -> TokenVerifier[AccessToken]:
    return TokenVerifier(
        issuer=expected.issuer,
        audience=expected.audience,
        leeway_seconds=expected.leeway,
        max_lifetime_seconds=expected.max_lifetime_seconds,
        clock=FakeClock(NOW),
        cache_size=cache_size,
        keys=JWKSet([key if key is HMAC else ED25519.public_key()]),
    )


_VERIFIERS: Final[dict[SigningKey, list[TokenVerifier[AccessToken]]]] = {
    key: [
        _verifier(key, expected, cache_size) for cache_size, expected in zip((0, 4), _EXPECTED, strict=True)
    ]
    for key in (HMAC, ED25519)
}


def run(data: bytes) -> None:
    """Sign a changed access token, verify it, and read its claims in three ways."""
    choices = Choices(data)
    what = choices.byte()
    # The algorithms with a key pair cost thirty times as much, and what comes behind them is the same.
    key: SigningKey = ED25519 if what >= 0xF8 else HMAC
    expected = _EXPECTED[what & 1]
    head = header(choices, key, "at+jwt")
    payload = json_text(choices, _GOOD if what & 2 else _LATER)
    forged = what & 0x7C == 0x7C
    token = seal(head, payload, OTHER_HMAC if forged else key)
    verifier = _VERIFIERS[key][what & 1]
    refusal = verified = None
    try:
        verified = verifier.verify(token)
    except InvalidToken as error:
        check_error(error, token.split(b"."))
        refusal = error
    careful = _careful(payload, expected)
    is_good = _is_good(payload, expected)
    demand(
        that=isinstance(careful, _Good) == is_good, otherwise=f"good is {is_good}, but the answer {careful!r}"
    )
    _compare_with_the_fast_way(payload, expected, careful)
    if verified is not None:
        demand(that=not forged, otherwise="a token of another key was taken")
        demand(that=_Good(_told(verified)) == careful, otherwise="two readers differ")
        if what & 1:
            demand(that=verifier.verify(token) is verified, otherwise="the second time it is another token")
    elif not forged and len(token) <= MAX_TOKEN_BYTES and head == object_of(header_members(key, "at+jwt")):
        # Where the header is good, the fault is in the claims.
        demand(that=refusal is not None and refusal.reason == careful, otherwise="two readers differ")


def _is_good(payload: bytes, expected: Expected) -> bool:
    """Whether the claims are those of a good access token, by the rules of RFC 9068 section 2.2 read once more."""
    claims = read_strictly(payload)
    if claims is None or "cnf" in claims or any(name not in claims for name in AccessToken.required):
        return False
    optional = {name: value for name, value in claims.items() if name in KINDS}
    if not all(KINDS[name](value) for name, value in optional.items()):
        return False
    audiences = [claims["aud"]] if isinstance(claims["aud"], str) else claims["aud"]
    if claims["iss"] != ISSUER or AUDIENCE not in audiences:
        return False
    exp, iat, nbf = claims["exp"], claims["iat"], claims.get("nbf", 0)
    if expected.max_lifetime_seconds is not None and exp - iat > expected.max_lifetime_seconds:
        return False
    return bool(max(iat, nbf) - expected.leeway <= NOW < exp + expected.leeway)


def _careful(payload: bytes, expected: Expected) -> _Good | str:
    """Return what the careful way makes of the claims: what the token says, or why it is refused."""
    try:
        window, token = AccessToken.of_payload(decode_claims(payload), key=HMAC, expected=expected, now=NOW)
    except InvalidToken as error:
        return error.reason
    demand(
        that=window.valid_from <= NOW < window.valid_until, otherwise="a token is good that is not good now"
    )
    return _Good(_told(token))


def _compare_with_the_fast_way(payload: bytes, expected: Expected, careful: _Good | str) -> None:
    try:
        ordinary = read_ordinary(payload, HMAC.kid, expected, NOW)
    except InvalidToken as error:
        demand(that=not isinstance(careful, _Good), otherwise=f"the fast way refuses a good token: {error!r}")
        return
    if ordinary is not None:
        demand(
            that=_Good(_told(ordinary[2])) == careful, otherwise="the fast way differs from the careful one"
        )
        demand(
            that=ordinary[0] <= NOW < ordinary[1], otherwise="the fast way takes a token that is not good now"
        )
        says = json.loads(payload)
        demand(
            that=ordinary[2].claims["sub"] == says["sub"], otherwise="the claims are not those of the token"
        )


def _told(token: AccessToken) -> str:
    """Return all that a token tells, but for the key that verified it, which is another one here and there."""
    return repr([sorted(token.scope), token.claims, *(getattr(token, name) for name in _ATTRIBUTES)])

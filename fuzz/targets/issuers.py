"""`Issuers`: whatever a token says, it is verified with the keys of the issuer that it names, or refused."""

from typing import Final

from fuzz.choices import Choices
from fuzz.forging import AUDIENCE, HMAC, NOW, OTHER_HMAC, header, json_text, members, seal
from fuzz.judge import check_error, demand
from fuzz.seeds import SIGNED
from tokenward.clock import FakeClock
from tokenward.errors import InvalidToken
from tokenward.jose import HMACKey, JWKSet, SigningKey
from tokenward.jose.jwt import unverified_issuer
from tokenward.tokens import AccessToken, Issuers, KeycloakAccessToken, TokenVerifier

MAX_BYTES: Final = 512
SEEDS: Final = SIGNED

_KEYS: Final[tuple[HMACKey, HMACKey]] = (HMAC, OTHER_HMAC)
_ISSUERS: Final = ("https://one.example", "https://two.example")


def _verifier(number: int) -> TokenVerifier[AccessToken]:
    # Both have a key of the same name, as two issuers may.
    secret = JWKSet([HMACKey(_KEYS[number]._secret, kid="one")])
    profile: type[AccessToken] = (AccessToken, KeycloakAccessToken)[number]
    return TokenVerifier(
        profile,
        issuer=_ISSUERS[number],
        audience=AUDIENCE,
        keys=secret,
        clock=FakeClock(NOW),
        max_token_bytes=(8192, 300)[number],
    )


_ISSUERS_OF_ALL: Final = Issuers([_verifier(0), _verifier(1)])
_GOOD: Final = tuple(
    members(
        iss=issuer, sub="u", aud=AUDIENCE, client_id="c", exp=NOW + 900, iat=NOW - 1, jti="j", typ="Bearer"
    )
    for issuer in _ISSUERS
)


def run(data: bytes) -> None:
    """Sign the token of one issuer, with its key or the one of the other."""
    choices = Choices(data)
    what = choices.byte()
    signer: SigningKey = _KEYS[what & 1]
    head = header(choices, HMAC, "at+jwt")
    token = seal(head, json_text(choices, _GOOD[what >> 1 & 1]), signer)
    if what >= 0xE0:
        token = choices.rest()
    try:
        verified = _ISSUERS_OF_ALL.verify(token)
    except InvalidToken as error:
        check_error(error, token.split(b".", 4))
        return
    demand(that=verified.iss == _ISSUERS[what & 1], otherwise="the key of one issuer vouched for another")
    demand(
        that=verified.claims["iss"] == verified.iss == unverified_issuer(token),
        otherwise="two readers differ",
    )
    demand(
        that=len(token) <= (8192, 300)[what & 1],
        otherwise="a token was taken that is too long for its issuer",
    )

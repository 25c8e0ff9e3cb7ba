"""`TokenVerifier.verify` over bytes that are no token, or nearly one: a good token or `InvalidToken`.

Nobody can sign here: the only tokens that may pass are those that the seeds hold, byte by byte.
"""

from typing import Final

from fuzz.choices import Choices
from fuzz.forging import AUDIENCE, ED25519, ES256, HMAC, ISSUER, NOW, header_members, members, object_of, seal
from fuzz.judge import check_error, demand
from tokenward.clock import FakeClock
from tokenward.errors import InvalidToken
from tokenward.jose import JWKSet, SigningKey, unverified_claims, unverified_header
from tokenward.tokens import AccessToken, TokenVerifier

MAX_BYTES: Final = 1024


def _good(key: SigningKey) -> bytes:
    claims = members(
        iss=ISSUER, sub="u", aud=AUDIENCE, client_id="c", exp=NOW + 900, iat=NOW - 1, jti="j", scope="a b"
    )
    return seal(object_of(header_members(key, "at+jwt")), object_of(claims), key)


_KEYS: Final = (HMAC, ED25519, ES256)
_GOOD: Final = frozenset(_good(key) for key in _KEYS)
_TOKENS: Final = sorted(_GOOD)
_VERIFIER: Final = TokenVerifier(
    AccessToken,
    issuer=ISSUER,
    audience=AUDIENCE,
    clock=FakeClock(NOW),
    cache_size=16,
    keys=JWKSet([HMAC, ED25519.public_key(), ES256.public_key()], insecure_mixed_symmetry=True),
)

# What a byte of a token may become: letters of the alphabet, and others.
_LETTERS: Final = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_+/=. \n\r\t\0\xc3\xff%"
_CHOSEN_FREELY: Final = b"\xff"

SEEDS: Final = (
    *(_CHOSEN_FREELY + token for token in _TOKENS),
    *(
        _CHOSEN_FREELY + text
        for text in (b"", b".", b"..", b"...", b"a.b.c", b"e30.e30.", b"eyJhbGciOiJub25lIn0.e30.")
    ),
    *(bytes([first, end, 0, 0, letter]) for first in range(12) for end in range(3) for letter in (0, 16, 64)),
)


def run(data: bytes) -> None:
    """Verify a token, and show what it says without having verified it."""
    choices = Choices(data)
    what = choices.byte()
    token = choices.rest() if what >= 0xC0 else _changed(choices, _TOKENS[what % 3], what >> 2 & 3)
    given: bytes | str = token if what & 1 else token.decode("latin-1")
    for show in (unverified_header, unverified_claims):
        try:
            show(given)
        except InvalidToken as error:
            check_error(error, token.split(b".", 4))
    try:
        _VERIFIER.verify(given)
    except InvalidToken as error:
        check_error(error, token.split(b".", 4))
        demand(that=token not in _GOOD, otherwise="a good token was refused")
    else:
        demand(that=token in _GOOD, otherwise="a token that nobody signed was taken")


def _changed(choices: Choices, token: bytes, more_changes: int) -> bytes:
    """Return a token with a few changes near the ends of its segments, or further within."""
    for _ in range(1 + more_changes):
        dots = [at for at, letter in enumerate(token) if letter == 0x2E]
        at = max(0, choices.one_of([*dots[:3], len(token)]) - 1 - choices.byte())
        change = choices.byte() & 3
        if change == 3:
            segments = token.split(b".")
            segments.insert(choices.byte() % (len(segments) + 1), choices.one_of(segments))
            token = b".".join(segments[: 2 + choices.byte() % 3])
        else:
            letter = b"" if change == 1 else bytes([choices.one_of(_LETTERS)])
            token = token[:at] + letter + token[at + (change != 2) :]
    return token

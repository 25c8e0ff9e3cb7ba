"""Forged JSON, tokens and keys: good ones with changes that the fuzzer chooses, behind signatures that are right."""

import hashlib
import json
from collections.abc import Sequence
from functools import cache
from typing import Any, Final

from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1, derive_private_key
from cryptography.hazmat.primitives.asymmetric.ed448 import Ed448PrivateKey
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from fuzz.choices import Choices
from fuzz.judge import CANARY
from tokenward.jose import ECPrivateKey, HMACKey, OKPPrivateKey, SigningKey, base64url

NOW: Final = 1_800_000_000
ISSUER: Final = "https://id.example"
AUDIENCE: Final = "https://api.example"

Member = tuple[bytes, bytes]
"""The name and the value of a member, both as JSON text."""


def fixed_bytes(name: str, length: int = 32) -> bytes:
    """Return bytes that follow from `name` alone, so that an input means the same on every machine."""
    return hashlib.shake_256(name.encode()).digest(length)


HMAC: Final = HMACKey(fixed_bytes("one"), kid="one")
OTHER_HMAC: Final = HMACKey(fixed_bytes("two"), kid="two")
ED25519: Final = OKPPrivateKey(Ed25519PrivateKey.from_private_bytes(fixed_bytes("ed")), kid="ed")
ED448: Final = OKPPrivateKey(Ed448PrivateKey.from_private_bytes(fixed_bytes("ed448", 57)), kid="ed448")
ES256: Final = ECPrivateKey(
    derive_private_key(int.from_bytes(fixed_bytes("es", 31), "big"), SECP256R1()), kid="es"
)


def _words(text: str) -> tuple[str, ...]:
    return tuple(text.split())


_NUMBERS: Final = (
    *_words("0 -0 1 -1 0.5 -0.0 1e3 1E-2 01 1. +1 .5 1e 0x1 NaN -Infinity 1e308 1e309 1e-400 0e99999"),
    *_words("18e8 1.8e9 253402300799 253402300800 18446744073709551615"),
    *_words("9223372036854775807 9223372036854775808 -9223372036854775808 -9223372036854775809"),
    *(f"{NOW + seconds}" for seconds in (-900, -1, 0, 1, 900)),
    *(f"{NOW}.0", f"{NOW}.5", "1" * 40, "1" * 41, "0." + "1" * 39),
)
_STRINGS: Final = (
    *_words('a JWT at+jwt Bearer access id ID * null first-party \\ " /'),
    *("", " ", "a b", " a", "a  b", "openid profile", "\x7f", "\x85", "a" * 256, "a" * 257),
    *(ISSUER, AUDIENCE, ISSUER + "/", ISSUER.upper(), CANARY),
    *("\N{ZERO WIDTH SPACE}", "\N{KELVIN SIGN}", "\N{GRINNING FACE}", "\N{NO-BREAK SPACE}", "\N{BOM}"),
)
_OTHERS: Final = (
    *_words(r'"\u0000" "\ud800" "\ud83d\ude00" "\n" "\/" "\u0061" "\x" " '),
    *_words("'a' true false null True { ] [1,] /**/1"),
    *_words('{} [] [""] [1] [null] [[]] ["a"] ["a","a"] {"a":1} {"a":1,"a":2} {"a":1,} {"":0}'),
    *_words(r'{"a":1,"\u0061":2} {"a":{"b":[{"c":0}]}} {"roles":["a"]} {"jwk":{}} {"jkt":"a"}'),
    *('{"http://schemas.openid.net/event/backchannel-logout":{}}', '"\n"', "1 "),
    *(
        f'["{AUDIENCE}","\x7f"]',
        f'["{AUDIENCE}",""]',
        f'["{AUDIENCE}"]',
        f'["{AUDIENCE}","b"]',
        f'["b","{AUDIENCE}",1]',
        f'["{CANARY}"]',
        f'{{"{CANARY}":0}}',
    ),
    *("[" * depth + "]" * depth for depth in (4, 31, 32)),
    *("[" * 999, f"[{'0,' * 511}0]"),
)
VALUES: Final[tuple[bytes, ...]] = (
    *(text.encode() for text in (*_NUMBERS, *_OTHERS)),
    *(json.dumps(text, ensure_ascii=False).encode() for text in _STRINGS),
    *(b'"\xff"', b'"\xed\xa0\x80"', b'"\xc0\xaf"', b"\xef\xbb\xbf1", b"\x00", b"\xa01"),
)
"""What a member may be changed to: JSON texts, strict ones and others."""

_NAMES: Final = tuple(
    name.encode()
    for name in (
        *_words(
            "iss sub aud exp nbf iat jti client_id scope sid roles rsq cnf nonce azp auth_time acr amr at_hash"
        ),
        *_words(
            "c_hash events scp typ token_use permissions realm_access cognito:groups azpacr appidacr appid uti"
        ),
        *_words(
            "tid cid groups htm htu ath alg kid crit b64 zip enc jwk jku x5c x5u kty crv x y n e d k use key_ops"
        ),
        *_words(
            "p q dp dq qi oth pub priv keys _claims __class__ address city email plan seats path size offer"
        ),
        *("", " kid", " claims", CANARY),
    )
)


def members(**values: Any) -> tuple[Member, ...]:
    """Return members with these names and values."""
    return tuple(
        (json.dumps(name).encode(), json.dumps(value, separators=(",", ":")).encode())
        for name, value in values.items()
    )


def json_text(choices: Choices, good: Sequence[Member]) -> bytes:
    """Return an object of the members `good` with a few changes, spaced as chosen, or bytes that are chosen freely."""
    style = choices.byte()
    if style & 0x3F == 0x3F:
        return choices.rest()
    changed = list(good)
    for _ in range(choices.byte() & 7):
        _change(choices, changed)
    comma, colon = ((b",", b":"), (b", ", b": "), (b",", b" :\t"), (b"\n,", b":"))[style & 3]
    text = b"{" + comma.join([name + colon + value for name, value in changed]) + b"}"
    if style & 4:
        at = (choices.byte() << 8 | choices.byte()) % (len(text) + 1)
        text = text[:at] + choices.piece() + text[at + (choices.byte() & 15) :]
    return text


def _change(choices: Choices, changed: list[Member]) -> None:
    change = choices.byte() & 7
    at = choices.byte() % (len(changed) + 1)
    name, value = changed[at] if at < len(changed) else (b'"a"', b'"b"')
    if change == 0:
        changed[at : at + 1] = [(name, choices.one_of(VALUES))]
    elif change == 1:
        changed[at : at + 1] = [(name, choices.piece())]
    elif change == 2:
        changed[at : at + 1] = []
    elif change == 3:
        changed.append((name, choices.one_of(VALUES)))
    elif change == 4:
        changed.append((b'"' + choices.one_of(_NAMES) + b'"', choices.one_of(VALUES)))
    elif change == 5:
        changed.insert(at, (b'"\\u00%02x' % name[1] + name[2:], value))
    elif change == 6:
        changed.append((b'"' + choices.piece() + b'"', choices.one_of(VALUES)))
    else:
        changed[at : at + 1] = [(name, b'"' + choices.piece() + value.strip(b'"') + b'"')]


def seal(head: bytes, payload: bytes, key: SigningKey) -> bytes:
    """Return the token with exactly this header and payload, rightly signed."""
    signing_input = base64url.encode(head) + b"." + base64url.encode(payload)
    return signing_input + b"." + base64url.encode(key.sign(signing_input))


def object_of(good: Sequence[Member]) -> bytes:
    """Return the members as one object, without spaces."""
    return b"{" + b",".join([name + b":" + value for name, value in good]) + b"}"


@cache
def header_members(key: SigningKey, typ: str | None) -> tuple[Member, ...]:
    """Return the members of a good header for `key`."""
    return members(alg=key.alg, kid=key.kid) if typ is None else members(alg=key.alg, kid=key.kid, typ=typ)


def header(choices: Choices, key: SigningKey, typ: str | None) -> bytes:
    """Return a header for `key`: mostly the good one."""
    good = header_members(key, typ)
    return object_of(good) if choices.byte() < 0xC0 else json_text(choices, good)

"""Section C: signatures that are none, and keys that are too weak, too large or no keys."""

import hashlib
import hmac
from collections.abc import Iterator
from functools import cache
from typing import Any, Final

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, padding, rsa
from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature
from tests.attacks.inputs.algorithms import native_rsa, rsa_jwk
from tests.attacks.inputs.hostile_input import (
    HostileInput,
    Maker,
    Own,
    Secret,
    decoded,
    encoded,
    jwk,
    macked,
    own,
    resigned,
    signature_of,
)
from tests.tokens.forge import key, seal

P256_ORDER: Final = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551
P256_FIELD: Final = 2**256 - 2**224 + 2**192 + 2**96 - 1
ED25519_FIELD: Final = 2**255 - 19
ED25519_ORDER: Final = 2**252 + 27742317777372353535851937790883648493

# The primes of keys that nobody may use: one of 512 bits, and one with the fingerprint of ROCA (CVE-2017-15361).
SHORT: Final = (
    0xE44BDF3C88B1758B8EF55D2C8C20E35F7B1A493F1BD69D45FF2BBF3D863A08D1,
    0xF029FB544153B8696A6EA427DC262132BF54782A9949F603E5103C16AABD5831,
)
ROCA: Final = (
    int(
        "eee1fc39d5c120ef0608bd8ba189eee5d9dea54b62d9140cacb547781ffd10937b6e91e0ba39d06053877f738fcb5567"
        "09678f11d2f955fa83d85ba4d0a3aba71c963fad4f70dbbc6782b61aff3f798cdb4528f670283f70559326787b269847"
        "9535d6a2327f482e9d545e4a22a962b551a855ab18af1844f9c5ef979c432b81",
        16,
    ),
    int(
        "c95825b157e288ee1c007e0420c58457ed5fce38a925cfc2b1da6dc9722fe519b7f245877bbb8fc004e19cfdc2bc6a2d"
        "60adb521160f851bf10d4a19bbc4bb9d2b04f17a1a5cbc2c6910505b3986b9bff577da92a95af68a161b1ddbef1ec939"
        "bc0ee772f1ddd3d4ef5c4e8971dc853585c23c7493ab38357936d69b625e2fe9",
        16,
    ),
)

# Points of small order: the neutral element in two spellings, and one of order eight.
NEUTRAL: Final = (1).to_bytes(32, "little")
NEUTRAL_WITH_SIGN: Final = (1 | 1 << 255).to_bytes(32, "little")
ORDER_EIGHT: Final = bytes.fromhex("26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05")


def inputs(make: Maker) -> Iterator[HostileInput]:
    """Yield the inputs of section C."""
    yield from _ecdsa(make)
    yield from _ed25519(make)
    yield from _rsa(make)
    yield from _rsa_keys(make)
    yield from _hmac(make)
    yield from _points()


def _ecdsa(make: Maker) -> Iterator[HostileInput]:
    text = make.token()
    raw = signature_of(text)
    r, s = (int.from_bytes(half, "big") for half in (raw[:32], raw[32:]))
    yield HostileInput("C01", "64 zero bytes", resigned(text, bytes(64)), own())
    for value, name in (
        (0, "0"),
        (P256_ORDER, "n"),
        (P256_ORDER + 1, "n + 1"),
        (2**256 - 1, "all bits"),
    ):
        number = value.to_bytes(32, "big")
        yield HostileInput("C02", f"r = {name}", resigned(text, number + raw[32:]), own())
        yield HostileInput("C02", f"s = {name}", resigned(text, raw[:32] + number), own())
    yield HostileInput("C03", "a DER sequence", resigned(text, encode_dss_signature(r, s)), own())
    spellings: dict[str, bytes] = {
        "nothing": b"",
        "63 bytes": raw[:63],
        "65 bytes": raw + b"\0",
        "33 and 33 bytes": b"\0" + raw[:32] + b"\0" + raw[32:],
        "32 and 33 bytes": raw[:32] + b"\0" + raw[32:],
        "96 bytes": raw + raw[:32],
        "16 kB": raw * 256,
    }
    for name, signature in spellings.items():
        yield HostileInput("C04", f"ES256, {name}", resigned(text, signature), own())
    okp = make.token("EdDSA")
    for length in (0, 63, 65, 128):
        signature = (signature_of(okp) * 2)[:length]
        yield HostileInput(
            "C04", f"EdDSA, {length} bytes", resigned(okp, signature), own("EdDSA"), ("EdDSA",)
        )
    negated = raw[:32] + (P256_ORDER - s).to_bytes(32, "big")
    yield HostileInput("C05", "s negated", resigned(text, negated), own(), good=True)


def _okp(point: bytes) -> dict[str, Any]:
    return {"kty": "OKP", "crv": "Ed25519", "x": encoded(point), "kid": "okp"}


def _ed25519(make: Maker) -> Iterator[HostileInput]:
    text = make.token("EdDSA")
    raw = signature_of(text)
    larger = (int.from_bytes(raw[32:], "little") + ED25519_ORDER).to_bytes(32, "little")
    bad = {"S + L": raw[:32] + larger, "all zero": bytes(64), "R and S swapped": raw[32:] + raw[:32]}
    for name, signature in bad.items():
        yield HostileInput("C06", name, resigned(text, signature), own("EdDSA"), ("EdDSA",))
    for name, point in (
        ("the neutral element as key", NEUTRAL),
        ("the same in another spelling", NEUTRAL_WITH_SIGN),
        ("a key of order 8", ORDER_EIGHT),
        ("a key that is not canonical", (ED25519_FIELD + 1).to_bytes(32, "little")),
    ):
        yield HostileInput("C06", name, _unsigned(make, point), Own((_okp(point),)), ("EdDSA",))


def _unsigned(make: Maker, point: bytes) -> str:
    """Return a token that nobody had to sign: R = S·B is right under a neutral key for every message.

    Under one of order 8 it is for one message in eight, and so one is looked for.
    """
    for number in range(500):
        said = make.claims(jti=f"jti-{number}")
        forged = seal({"alg": "EdDSA", "kid": "okp", "typ": "at+jwt"}, said, key("EdDSA"))
        try:
            native = ed25519.Ed25519PublicKey.from_public_bytes(point)
            native.verify(NEUTRAL + bytes(32), forged.rpartition(".")[0].encode())
        except InvalidSignature:
            continue
        return resigned(forged, NEUTRAL + bytes(32))
    raise AssertionError("none of 500 messages")


def _rsa(make: Maker) -> Iterator[HostileInput]:
    text = make.token("RS256")
    raw = signature_of(text)
    n = int.from_bytes(decoded(jwk("RS256")["n"]), "big")
    grown = (int.from_bytes(raw, "big") + n).to_bytes(257, "big")
    values = {
        "a zero byte before": b"\0" + raw,
        "a zero byte after": raw + b"\0",
        "plus the modulus": grown,
        "one byte less": raw[1:],
        "nothing": b"",
        "0": bytes(256),
        "1": bytes(255) + b"\1",
    }
    for name, signature in values.items():
        yield HostileInput("C07", name, resigned(text, signature), own("RS256"), ("RS256",))
    yield from _paddings(make)


def _signed_by(p: int, q: int, e: int, padded: bytes) -> bytes:
    """Return the signature whose padding is exactly this."""
    d = pow(e, -1, (p - 1) * (q - 1))
    return pow(int.from_bytes(padded, "big"), d, p * q).to_bytes(len(padded), "big")


def _padded(text: str, length: int) -> bytes:
    info = bytes.fromhex("3031300d060960864801650304020105000420") + hashlib.sha256(text.encode()).digest()
    return b"\0\1" + b"\xff" * (length - 3 - len(info)) + b"\0" + info


def _paddings(make: Maker) -> Iterator[HostileInput]:
    numbers = native_rsa().private_numbers()
    head = {"alg": "RS256", "kid": "rsa", "typ": "at+jwt"}
    text = seal(head, make.claims(), key("RS256")).rpartition(".")[0]
    good = _padded(text, 256)
    info = good[205:]
    paddings = {
        "garbage after the hash": b"\0\1" + b"\xff" * 8 + b"\0" + info + bytes(256 - 11 - len(info)),
        "block type 2": b"\0\2" + good[2:],
        "one byte of padding changed": good[:100] + b"\xfe" + good[101:],
        "the NULL is another": good.replace(bytes.fromhex("0500"), bytes.fromhex("0501")),
        "the NULL is not there": b"\0\1"
        + b"\xff" * 204
        + b"\0"
        + bytes.fromhex("302f300b0609608648016503040201")
        + info[17:],
    }
    for name, padded in paddings.items():
        signature = _signed_by(numbers.p, numbers.q, 65537, padded[-256:].rjust(256, b"\0"))
        yield HostileInput("C08", name, f"{text}.{encoded(signature)}", Own((rsa_jwk(),)), ("RS256",))
    text = seal(head | {"alg": "PS256"}, make.claims(), key("RS256")).rpartition(".")[0]
    sha1, sha256 = hashes.SHA1(), hashes.SHA256()  # noqa: S303 - the attack is that it is SHA-1
    for name, mask, length in (
        ("no salt", sha256, 0),
        ("a salt of 20 bytes", sha256, 20),
        ("the longest salt", sha256, padding.PSS.MAX_LENGTH),
        ("a mask made with SHA-1", sha1, 32),
    ):
        signature = native_rsa().sign(text.encode(), padding.PSS(padding.MGF1(mask), length), sha256)
        yield HostileInput("C09", name, f"{text}.{encoded(signature)}", Own((rsa_jwk("PS256"),)), ("PS256",))


def _weak_jwk(n: int, e: int) -> dict[str, Any]:
    members = {
        name: encoded(value.to_bytes((value.bit_length() + 7) // 8, "big"))
        for name, value in {"n": n, "e": e}.items()
    }
    return {"kty": "RSA", "kid": "weak", "alg": "RS256"} | members


@cache
def _weak(exponent: int, bits: int) -> tuple[int, int]:
    numbers = rsa.generate_private_key(exponent, bits).private_numbers()
    return numbers.p, numbers.q


def _rsa_keys(make: Maker) -> Iterator[HostileInput]:
    text = seal({"alg": "RS256", "kid": "weak", "typ": "at+jwt"}, make.claims(), key("RS256")).rpartition(
        "."
    )[0]
    ordinary = _weak(65537, 2048)
    for name, (p, q), e in (
        ("512 bits", SHORT, 65537),
        ("1024 bits", _weak(65537, 1024), 65537),
        ("made by ROCA", ROCA, 65537),
        ("exponent 3", _weak(3, 2048), 3),
        ("exponent 1", ordinary, 1),
    ):
        signature = _signed_by(p, q, e, _padded(text, (p.bit_length() + q.bit_length() + 7) // 8))
        token = f"{text}.{encoded(signature)}"
        yield HostileInput("C10", name, token, Own((_weak_jwk(p * q, e),)), ("RS256",))
    n = ordinary[0] * ordinary[1]
    yield HostileInput("C10", "exponent 65536", None, Own((_weak_jwk(n, 65536),)), ("RS256",))
    yield HostileInput("C10", "an even modulus", None, Own((_weak_jwk(n + 1, 65537),)), ("RS256",))
    huge = _weak_jwk(2**65535 + 1, 65537)
    yield HostileInput("C11", "a modulus of 65 536 bits", None, Own((huge,)), ("RS256",))
    yield HostileInput("C11", "an exponent of 2047 bits", None, Own((_weak_jwk(n, n - 2),)), ("RS256",))


def _hmac(make: Maker) -> Iterator[HostileInput]:
    secrets = {
        "secret": b"secret",
        "changeme": b"changeme",
        "31 random bytes": hashlib.sha256(b"x").digest()[:31],
        "32 zero bytes": bytes(32),
        "one byte, 64 times": b"a" * 64,
        "a word, ten times": b"secret" * 10,
    }
    for name, secret in secrets.items():
        text = macked({"alg": "HS256", "typ": "at+jwt"}, make.claims(), secret)
        yield HostileInput("C12", name, text, Secret(secret), ("HS256",))
    text = make.token("HS256")
    mac = signature_of(text)
    for length in (0, 1, 16, 31, 33, 64):
        cut = (mac + bytes(64))[:length]
        yield HostileInput("C13", f"{length} bytes", resigned(text, cut), own("HS256"), ("HS256",))
    of_512 = hmac.digest(decoded(jwk("HS256")["k"]), text.rpartition(".")[0].encode(), "sha512")
    yield HostileInput(
        "C13", "the first half of HS512", resigned(text, of_512[:32]), own("HS256"), ("HS256",)
    )
    for letters in ("\u00e9" * 43, text.rpartition(".")[2][:-1] + "\u00e9"):
        name = "in place of the MAC" if letters[0] == "\u00e9" else "as the last letter"
        told = text.rpartition(".")[0] + "." + letters
        yield HostileInput("C15", name, told, own("HS256"), ("HS256",))


def _points() -> Iterator[HostileInput]:
    point = ec.derive_private_key(7, ec.SECP256R1()).public_key().public_numbers()
    coordinates = {
        "not on the curve": (point.x, point.y ^ 1, 32),
        "x and y swapped": (point.y, point.x, 32),
        "0, 0": (0, 0, 32),
        "x is not less than p": (P256_FIELD + 5, point.y, 32),
        "33 bytes each": (point.x, point.y, 33),
        "31 bytes of x": (point.x >> 8, point.y >> 8, 31),
    }
    for name, (x, y, length) in coordinates.items():
        members = {part: encoded(value.to_bytes(length, "big")) for part, value in {"x": x, "y": y}.items()}
        bad = {"kty": "EC", "crv": "P-256", "alg": "ES256", "kid": "bad"} | members
        yield HostileInput("C16", name, None, Own((bad,)))

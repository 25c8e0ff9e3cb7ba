"""Hostile signatures and weak keys: section C of the catalogue."""

import hashlib
import hmac

import pytest
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature
from tests.tokens.forge import key, public, refused, token, verifier

from tokenward.errors import InvalidToken
from tokenward.jose import HMACKey, InvalidKey, RSAPrivateKey, base64url, import_jwk, import_private_jwk
from tokenward.jose.algorithms import P256_ORDER


def resigned(text: str, signature: bytes) -> str:
    return text.rpartition(".")[0] + "." + base64url.encode(signature).decode()


def signature_of(text: str) -> bytes:
    return base64url.decode(text.rpartition(".")[2].encode())


def test_c01_the_signature_of_zeros_is_refused() -> None:
    refused(resigned(token(), bytes(64)), reason="signature_invalid")


@pytest.mark.parametrize("bad", [0, P256_ORDER, P256_ORDER + 1, 2**256 - 1])
def test_c02_r_and_s_outside_of_1_to_n_minus_1_are_refused(bad: int) -> None:
    signature = signature_of(token())
    number = bad.to_bytes(32, "big")
    refused(resigned(token(), number + signature[32:]), reason="signature_invalid")
    refused(resigned(token(), signature[:32] + number), reason="signature_invalid")


def test_c03_a_der_signature_is_refused() -> None:
    text = token()
    raw = signature_of(text)
    der = encode_dss_signature(int.from_bytes(raw[:32], "big"), int.from_bytes(raw[32:], "big"))
    refused(resigned(text, der), reason="signature_length")


@pytest.mark.parametrize("alg", ["ES256", "EdDSA"])
@pytest.mark.parametrize("length", [0, 1, 63, 65, 66, 96, 4000])
def test_c04_a_signature_of_another_length_is_refused(alg: str, length: int) -> None:
    signature = (signature_of(token(key(alg))) + bytes(4000))[:length]
    refused(resigned(token(key(alg)), signature), verifier(key(alg)), reason="signature_length")


def test_c04_an_es256_signature_in_33_and_33_bytes_is_refused() -> None:
    text = token()
    raw = signature_of(text)
    refused(resigned(text, b"\0" + raw[:32] + b"\0" + raw[32:]), reason="signature_length")


def test_c05_the_other_signature_of_an_ecdsa_key_is_the_same_token_to_revocation() -> None:
    text = token()
    raw = signature_of(text)
    negated = raw[:32] + (P256_ORDER - int.from_bytes(raw[32:], "big")).to_bytes(32, "big")
    assert verifier().verify(resigned(text, negated)).jti == verifier().verify(text).jti


def test_es256_signatures_with_small_and_large_numbers_are_converted_rightly() -> None:
    # Numbers that begin with a zero byte are rare, and are where conversions between the two forms go wrong.
    signing, seen = key(), set()
    for number in range(2000):
        raw = signing.sign(number.to_bytes(2, "big"))
        assert len(raw) == 64
        if raw[0] in (0, 0x7F, 0x80) or raw[32] in (0, 0x7F, 0x80):
            public(signing).verify(number.to_bytes(2, "big"), raw)
            seen.add(raw[0] == 0 or raw[32] == 0)
    assert seen == {True, False}


def test_c06_ed25519_signatures_that_are_not_canonical_are_refused() -> None:
    signing = key("EdDSA")
    text = token(signing)
    raw = signature_of(text)
    order = 2**252 + 27742317777372353535851937790883648493
    larger = (int.from_bytes(raw[32:], "little") + order).to_bytes(32, "little")
    for bad in (raw[:32] + larger, bytes(64), raw[32:] + raw[:32]):
        refused(resigned(text, bad), verifier(signing), reason="signature_invalid")


SMALL_ORDER = [
    "0100000000000000000000000000000000000000000000000000000000000000",
    "ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
    "0000000000000000000000000000000000000000000000000000000000000000",
    "0000000000000000000000000000000000000000000000000000000000000080",
    "26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05",
    "26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc85",
    "c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a",
    "c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac03fa",
]


def multiply(point: tuple[int, int], scalar: int) -> tuple[int, int]:
    """Multiply a point of edwards25519, slowly and from the textbook (RFC 8032 section 5.1.4)."""
    p = 2**255 - 19
    d = -121665 * pow(121666, -1, p) % p
    result = (0, 1)
    for _ in range(scalar):
        (x1, y1), (x2, y2) = result, point
        product = d * x1 * x2 * y1 * y2
        result = (
            (x1 * y2 + y1 * x2) * pow(1 + product, -1, p) % p,
            (y1 * y2 + x1 * x2) * pow(1 - product, -1, p) % p,
        )
    return result


@pytest.mark.parametrize("encoded", SMALL_ORDER)
def test_c06_ed25519_keys_of_small_order_are_refused(encoded: str) -> None:
    # First, that the point is what the test says: eight times it is the neutral element.
    p = 2**255 - 19
    y = int.from_bytes(bytes.fromhex(encoded), "little") & (2**255 - 1)
    d = -121665 * pow(121666, -1, p) % p
    square = (y * y - 1) * pow(d * y * y + 1, -1, p) % p
    x = pow(square, (p + 3) // 8, p)
    if (x * x - square) % p:
        x = x * pow(2, (p - 1) // 4, p) % p
    assert (x * x - square) % p == 0
    assert multiply((x, y), 8) == (0, 1)
    with pytest.raises(InvalidKey, match="small order"):
        import_jwk({"kty": "OKP", "crv": "Ed25519", "x": base64url.encode(bytes.fromhex(encoded)).decode()})


@pytest.mark.parametrize("y", [2**255 - 19, 2**255 - 18, 2**255 - 1])
def test_c06_ed25519_keys_that_are_not_canonical_are_refused(y: int) -> None:
    with pytest.raises(InvalidKey, match="canonical"):
        import_jwk({"kty": "OKP", "crv": "Ed25519", "x": base64url.encode(y.to_bytes(32, "little")).decode()})


def test_c07_rsa_signatures_of_another_length_or_value_are_refused() -> None:
    signing = key("RS256")
    text = token(signing)
    raw = signature_of(text)
    modulus = base64url.decode(signing.to_private_jwk()["n"].encode())
    grown = int.from_bytes(raw, "big") + int.from_bytes(modulus, "big")
    by = verifier(signing)
    for length_is_wrong in (b"\0" + raw, raw[1:], raw[:-1], raw + b"\0", b"", grown.to_bytes(257, "big")):
        refused(resigned(text, length_is_wrong), by, reason="signature_length")
    for value_is_wrong in (bytes(256), bytes(255) + b"\1", raw[::-1]):
        refused(resigned(text, value_is_wrong), by, reason="signature_invalid")


def test_c08_a_pkcs1_padding_with_room_for_garbage_is_refused() -> None:
    # Signed with the private key itself, so only the check of the padding stands in the way.
    signing = key("RS256")
    jwk = signing.to_private_jwk()
    n, d = (int.from_bytes(base64url.decode(jwk[name].encode()), "big") for name in ("n", "d"))
    text = token(signing)
    digest = hashlib.sha256(text.rpartition(".")[0].encode()).digest()
    info = bytes.fromhex("3031300d060960864801650304020105000420") + digest
    good = b"\0\1" + b"\xff" * (256 - 3 - len(info)) + b"\0" + info
    by = verifier(signing)
    assert by.verify(resigned(text, pow(int.from_bytes(good, "big"), d, n).to_bytes(256, "big"))).jti
    bad = [
        b"\0\1" + b"\xff" * 8 + b"\0" + info + bytes(256 - 11 - len(info)),
        b"\0\2" + good[2:],
        b"\0\1" + b"\xff" * 200 + b"\xfe" + good[203:],
        good.replace(bytes.fromhex("0500"), bytes.fromhex("0501")),
    ]
    for padded in bad:
        forged = pow(int.from_bytes(padded, "big"), d, n).to_bytes(256, "big")
        refused(resigned(text, forged), by, reason="signature_invalid")


def rsa_jwk(n: int, e: int) -> dict[str, str]:
    def text(number: int) -> str:
        return base64url.encode(number.to_bytes((number.bit_length() + 7) // 8, "big")).decode()

    return {"kty": "RSA", "n": text(n), "e": text(e)}


def test_c10_c11_weak_and_huge_rsa_keys_are_refused() -> None:
    good = int.from_bytes(base64url.decode(key("RS256").to_private_jwk()["n"].encode()), "big")
    import_jwk(rsa_jwk(good, 65537))
    for exponent in (1, 2, 3, 65536, 2**32 + 1, 2**4096 + 1):
        with pytest.raises(InvalidKey, match="exponent"):
            import_jwk(rsa_jwk(good, exponent))
    for modulus in (2**511 + 1, 2**1023 + 1, 2**2046 + 1, 2**8192 + 1):
        with pytest.raises(InvalidKey, match="modulus"):
            import_jwk(rsa_jwk(modulus, 65537))
    with pytest.raises(InvalidKey, match="even"):
        import_jwk(rsa_jwk(good + 1, 65537))
    with pytest.raises(InvalidKey, match="too long"):
        import_jwk(rsa_jwk(2**65535 + 1, 65537))


def test_c10_a_weak_private_key_object_is_refused() -> None:
    with pytest.raises(InvalidKey, match="modulus has 1024 bits"):
        RSAPrivateKey(rsa.generate_private_key(65537, 1024))  # noqa: S505 - weak on purpose


@pytest.mark.parametrize(
    "secret",
    [
        b"secret",
        b"changeme",
        b"x" * 31,
        b"\0" * 32,
        b"a" * 64,
        b"ab" * 32,
        b"secret" * 10,
        b"0123456789abcdef" * 2,
        b"correct-horse-correct-horse-correct-h",
        b"0101011101010001110101011101010110",
    ],
)
def test_c12_weak_hmac_secrets_are_refused(secret: bytes) -> None:
    with pytest.raises(InvalidKey) as caught:
        HMACKey(secret)
    assert "must" in caught.value.description


def test_c12_ordinary_random_secrets_are_accepted() -> None:
    for number in range(2000):
        HMACKey(hashlib.sha256(number.to_bytes(2, "big")).digest())
    # One that begins like DER does, and is none.
    HMACKey(b"\x30\x1e" + hashlib.sha256(b"x").digest()[:30])


@pytest.mark.parametrize("length", [0, 1, 16, 31, 33, 64])
def test_c13_a_truncated_or_padded_hmac_is_refused(length: int) -> None:
    signing = key("HS256")
    text = token(signing)
    mac = (signature_of(text) + bytes(64))[:length]
    refused(resigned(text, mac), verifier(signing), reason="signature_invalid")
    with pytest.raises(InvalidToken):
        signing.verify(text.rpartition(".")[0].encode(), mac)


def test_c14_macs_are_compared_in_constant_time(monkeypatch: pytest.MonkeyPatch) -> None:
    compared: list[tuple[bytes, bytes]] = []

    def spy(first: bytes, second: bytes) -> bool:
        compared.append((first, second))
        return hmac.compare_digest(first, second)

    monkeypatch.setattr("tokenward.jose.keys.compare_digest", spy)
    signing = key("HS256")
    refused(resigned(token(signing), bytes(32)), verifier(signing), reason="signature_invalid")
    assert len(compared) == 1


def ec_jwk(x: int, y: int, length: int = 32) -> dict[str, str]:
    def text(number: int) -> str:
        return base64url.encode(number.to_bytes(length, "big")).decode()

    return {"kty": "EC", "crv": "P-256", "x": text(x), "y": text(y)}


def test_c16_points_that_are_not_on_the_curve_are_refused() -> None:
    point = ec.generate_private_key(ec.SECP256R1()).public_key().public_numbers()
    field = 2**256 - 2**224 + 2**192 + 2**96 - 1
    import_jwk(ec_jwk(point.x, point.y))
    for x, y in (
        (point.x, point.y ^ 1),
        (point.y, point.x),
        (0, 0),
        (1, 1),
        (field, point.y),
        (2**256 - 1, 1),
    ):
        with pytest.raises(InvalidKey):
            import_jwk(ec_jwk(x, y))
    for length in (33, 48):
        with pytest.raises(InvalidKey, match="bytes"):
            import_jwk(ec_jwk(point.x, point.y, length))


def test_c16_a_private_key_with_another_public_part_is_refused() -> None:
    for alg in ("ES256", "EdDSA", "RS256"):
        first, second = key(alg).to_private_jwk(), key(alg, "second").to_private_jwk()
        mixed = first | {name: second[name] for name in ("x", "y", "n") if name in second}
        with pytest.raises(InvalidKey):
            import_private_jwk(mixed)


@pytest.mark.parametrize("d", [0, P256_ORDER, 2**256 - 1])
def test_an_ec_private_key_outside_of_the_range_is_refused(d: int) -> None:
    with pytest.raises(InvalidKey):
        import_private_jwk(key().to_private_jwk() | {"d": base64url.encode(d.to_bytes(32, "big")).decode()})

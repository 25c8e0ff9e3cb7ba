"""Hostile signatures and weak secrets: section C of the catalogue. Other weak keys are in `test_key_import`."""

import hashlib
import hmac

import pytest
from cryptography.hazmat.primitives.asymmetric.ed448 import Ed448PrivateKey
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.padding import MGF1, PSS
from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature
from cryptography.hazmat.primitives.hashes import SHA1, SHA256, SHA384, SHA512
from tests.jose import edwards_arithmetic
from tests.tokens.forge import claims, header, key, refused, seal, token, verifier

from tokenward.errors import InvalidToken
from tokenward.jose import (
    HMACKey,
    InvalidKey,
    OKPPrivateKey,
    RSAPrivateKey,
    SigningKey,
    base64url,
    generate,
    import_private_jwk,
)
from tokenward.jose.algorithms import eddsa
from tokenward.jose.algorithms.ecdsa import CURVES
from tokenward.jose.edwards import REFUSED_ED25519


def resigned(text: str, signature: bytes) -> str:
    return text.rpartition(".")[0] + "." + base64url.encode(signature).decode()


def signature_of(text: str) -> bytes:
    return base64url.decode(text.rpartition(".")[2].encode())


@pytest.mark.parametrize("crv", sorted(CURVES))
def test_c01_the_signature_of_zeros_is_refused_on_every_curve(crv: str) -> None:
    signing = key(CURVES[crv].alg)
    refused(
        resigned(token(signing), bytes(2 * CURVES[crv].size)), verifier(signing), reason="signature_invalid"
    )


@pytest.mark.parametrize("crv", sorted(CURVES))
def test_c02_r_and_s_outside_of_1_to_n_minus_1_are_refused(crv: str) -> None:
    curve = CURVES[crv]
    signing, size = key(curve.alg), curve.size
    text = token(signing)
    r, s = signature_of(text)[:size], signature_of(text)[size:]
    by = verifier(signing)
    by.verify(text)
    largest = 2 ** (8 * size) - 1
    grown = [int.from_bytes(half, "big") + curve.order for half in (r, s)]
    for bad in (0, curve.order, curve.order + 1, largest, *grown):
        if bad <= largest:
            number = bad.to_bytes(size, "big")
            refused(resigned(text, number + s), by, reason="signature_invalid")
            refused(resigned(text, r + number), by, reason="signature_invalid")
            refused(resigned(text, number + number), by, reason="signature_invalid")


@pytest.mark.parametrize("crv", sorted(CURVES))
def test_c03_a_der_signature_is_refused(crv: str) -> None:
    curve = CURVES[crv]
    signing = key(curve.alg)
    text = token(signing)
    raw = signature_of(text)
    r, s = (int.from_bytes(half, "big") for half in (raw[: curve.size], raw[curve.size :]))
    refused(resigned(text, encode_dss_signature(r, s)), verifier(signing), reason="signature_length")


LENGTHS = {
    "ES256": 64,
    "ES384": 96,
    "ES512": 132,
    "ES256K": 64,
    "EdDSA": 64,
    "Ed448": 114,
    "RS256": 256,
    "PS384": 384,
}


@pytest.mark.parametrize("alg", LENGTHS)
def test_c04_a_signature_of_another_length_is_refused(alg: str) -> None:
    signing = key(alg)
    text, by = token(signing), verifier(signing, max_token_bytes=40_000)
    raw = signature_of(text)
    right = LENGTHS[alg]
    assert len(raw) == right
    for length in (0, 1, right // 2, right - 1, right + 1, right + 2, 2 * right, 20_000):
        refused(resigned(text, (raw + bytes(20_000))[:length]), by, reason="signature_length")
        refused(
            resigned(text, (bytes(20_000) + raw)[20_000 + right - length :]), by, reason="signature_length"
        )


@pytest.mark.parametrize("crv", sorted(CURVES))
def test_c04_a_signature_with_a_zero_before_each_half_is_refused(crv: str) -> None:
    signing, size = key(CURVES[crv].alg), CURVES[crv].size
    text = token(signing)
    raw = signature_of(text)
    longer = b"\0" + raw[:size] + b"\0" + raw[size:]
    refused(resigned(text, longer), verifier(signing), reason="signature_length")


@pytest.mark.parametrize("crv", sorted(CURVES))
def test_c05_the_other_signature_of_an_ecdsa_key_is_the_same_token_to_revocation(crv: str) -> None:
    curve = CURVES[crv]
    signing = key(curve.alg)
    text = token(signing)
    raw = signature_of(text)
    other = curve.order - int.from_bytes(raw[curve.size :], "big")
    negated = raw[: curve.size] + other.to_bytes(curve.size, "big")
    by = verifier(signing)
    assert by.verify(resigned(text, negated)).jti == by.verify(text).jti


@pytest.mark.parametrize("library", ["cryptography", "libsodium"])
@pytest.mark.parametrize("alg", ["EdDSA", "Ed25519"])
def test_c06_ed25519_signatures_that_are_not_canonical_are_refused(alg: str, library: eddsa.Library) -> None:
    eddsa.prefer(library)
    try:
        signing = import_private_jwk(key(alg).to_private_jwk())
    finally:
        eddsa.prefer(None)
    text = token(signing)
    raw = signature_of(text)
    larger = (int.from_bytes(raw[32:], "little") + edwards_arithmetic.ORDER).to_bytes(32, "little")
    by = verifier(signing)
    by.verify(text)
    bad = [raw[:32] + larger, bytes(64), raw[32:] + raw[:32], bytes(32) + raw[32:], raw[:32] + bytes(32)]
    bad += [one + raw[32:] for one in REFUSED_ED25519]
    for signature in bad:
        refused(resigned(text, signature), by, reason="signature_invalid")


def test_c06_an_ed25519_signature_whose_r_is_of_small_order_is_refused() -> None:
    # The owner of a key can make one; whether it counts must not depend on the library.
    seed = bytes(range(32))
    native = Ed25519PrivateKey.from_private_bytes(seed)
    public_bytes, neutral = native.public_key().public_bytes_raw(), (1).to_bytes(32, "little")
    text = token(OKPPrivateKey(native))
    signed = text.rpartition(".")[0].encode()
    scalar = edwards_arithmetic.scalar_of(seed)
    forged = edwards_arithmetic.sign_with(neutral, 0, scalar, public_bytes, signed)
    native.public_key().verify(forged, signed)
    refused(resigned(text, forged), verifier(OKPPrivateKey(native)), reason="signature_invalid")


def test_c06_an_ed448_signature_whose_r_is_of_small_order_or_not_canonical_is_refused() -> None:
    seed = bytes(range(57))
    native = Ed448PrivateKey.from_private_bytes(seed)
    signing = OKPPrivateKey(native)
    public_bytes = native.public_key().public_bytes_raw()
    text, by = token(signing), verifier(signing)
    signed = text.rpartition(".")[0].encode()
    scalar = edwards_arithmetic.scalar_of_448(seed)
    # OpenSSL takes those of order 4, which have a y of 0, and not the others.
    for number, taken in ((0, True), (1 << 455, True), (1, False)):
        r = number.to_bytes(57, "little")
        forged = edwards_arithmetic.sign_with_448(r, 0, scalar, public_bytes, signed)
        if taken:
            native.public_key().verify(forged, signed)
        refused(resigned(text, forged), by, reason="signature_invalid")
    raw = signature_of(text)
    s = int.from_bytes(raw[57:], "little")
    prime = 2**448 - 2**224 - 1
    bad = [raw[:57] + (s + edwards_arithmetic.ORDER_448).to_bytes(57, "little"), bytes(114)]
    bad += [(y | sign << 455).to_bytes(57, "little") + raw[57:] for y in (0, 1, prime - 1) for sign in (0, 1)]
    bad += [y.to_bytes(57, "little") + raw[57:] for y in (prime, prime + 1, 2**448, 2**455 - 1)]
    for signature in bad:
        refused(resigned(text, signature), by, reason="signature_invalid")


@pytest.mark.parametrize("alg", ["RS256", "PS256", "RS512", "PS512"])
def test_c07_rsa_signatures_of_another_length_or_value_are_refused(alg: str) -> None:
    signing = key(alg)
    text = token(signing)
    raw = signature_of(text)
    size = len(raw)
    modulus = int.from_bytes(base64url.decode(signing.to_private_jwk()["n"].encode()), "big")
    number = int.from_bytes(raw, "big")
    by = verifier(signing)
    grown = (number + modulus).to_bytes(size + 1, "big")
    for length_is_wrong in (b"\0" + raw, raw[1:], raw[:-1], raw + b"\0", b"", grown):
        refused(resigned(text, length_is_wrong), by, reason="signature_length")
    for value in (0, 1, modulus - 1, modulus, modulus + 1, modulus - number, 2 ** (8 * size) - 1):
        refused(resigned(text, value.to_bytes(size, "big")), by, reason="signature_invalid")


def small_modulus(alg: str) -> tuple[SigningKey, int]:
    """Return a key whose modulus leaves room in its length for a signature with the modulus added, and the room."""
    while True:
        signing = generate(alg)
        room = 2**2048 - int.from_bytes(base64url.decode(signing.to_private_jwk()["n"].encode()), "big")
        if room > 2**2048 // 10:
            return signing, room


@pytest.mark.parametrize("alg", ["RS256", "PS256"])
def test_c07_an_rsa_signature_with_the_modulus_added_is_refused(alg: str) -> None:
    signing, room = small_modulus(alg)
    texts = (token(signing, jti=f"token {number}") for number in range(9999))
    text = next(one for one in texts if int.from_bytes(signature_of(one), "big") < room)
    grown = int.from_bytes(signature_of(text), "big") + 2**2048 - room
    by = verifier(signing)
    by.verify(text)
    refused(resigned(text, grown.to_bytes(256, "big")), by, reason="signature_invalid")


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


@pytest.mark.parametrize("alg", ["PS256", "PS384", "PS512"])
def test_c09_a_pss_signature_with_another_salt_or_another_hash_is_refused(alg: str) -> None:
    signing = key(alg)
    native = signing._native  # type: ignore[attr-defined]
    text, by = token(signing), verifier(signing)
    signed = text.rpartition(".")[0].encode()
    own = {"PS256": SHA256(), "PS384": SHA384(), "PS512": SHA512()}[alg]
    size = own.digest_size
    right = native.sign(signed, PSS(MGF1(own), size), own)
    by.verify(resigned(text, right))
    hashes = (SHA1(), SHA256(), SHA384(), SHA512())  # noqa: S303 - what an attacker may use
    others = [hashed for hashed in hashes if hashed.name != own.name]
    wrong = [(PSS(MGF1(own), salt), own) for salt in (0, 8, size - 1, size + 1, PSS.MAX_LENGTH)]
    wrong += [(PSS(MGF1(other), size), own) for other in others]
    wrong += [(PSS(MGF1(other), other.digest_size), other) for other in others]
    wrong += [(PSS(MGF1(own), size), other) for other in others]
    for padding, hashed in wrong:
        refused(resigned(text, native.sign(signed, padding, hashed)), by, reason="signature_invalid")


@pytest.mark.parametrize(("alg", "other"), [("RS256", "PS256"), ("RS384", "PS384"), ("RS512", "PS512")])
def test_a19_rsa_with_one_padding_is_not_rsa_with_the_other(alg: str, other: str) -> None:
    native = key(alg)._native  # type: ignore[attr-defined]
    pkcs1, pss = RSAPrivateKey(native, alg=alg, kid="one"), RSAPrivateKey(native, alg=other, kid="one")
    for verifying, signing in ((pkcs1, pss), (pss, pkcs1)):
        by = verifier(verifying, algorithms=[alg, other])
        by.verify(token(verifying))
        refused(seal(header(verifying), claims(), signing), by, reason="signature_invalid")
        refused(token(signing), by, reason="alg_not_of_key")


@pytest.mark.parametrize("header_alg", ["Ed25519", "EdDSA", "Ed448"])
def test_a20_an_ed448_signature_cut_to_64_bytes_and_an_ed25519_one_are_refused(header_alg: str) -> None:
    signing = key("Ed448")
    text = seal(header(signing, alg=header_alg), claims(), signing)
    by = verifier(signing, algorithms=["EdDSA", "Ed25519", "Ed448"])
    cut = resigned(text, signature_of(text)[:64])
    other = seal(header(signing, alg=header_alg), claims(), key("Ed25519"))
    for hostile in (cut, other):
        reason = "alg_not_of_key" if header_alg == "Ed25519" else "signature_length"
        refused(hostile, by, reason=reason)


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


def test_c12_a_secret_that_takes_long_to_look_at_is_refused_at_once() -> None:
    blocks = [hashlib.sha256(number.to_bytes(2, "big")).digest() for number in range(32 * 1024)]
    HMACKey(b"".join(blocks[:256]))
    # Of a megabyte the check for repetitions alone would take minutes.
    for too_long in (
        b"".join(blocks[:256]) + b"x",
        b"".join(blocks),
        b"".join(b"ssh-" + block for block in blocks),
    ):
        with pytest.raises(InvalidKey, match="at most 8192"):
            HMACKey(too_long)


@pytest.mark.parametrize(("alg", "size"), [("HS256", 32), ("HS384", 48), ("HS512", 64)])
def test_c13_a_truncated_or_padded_hmac_is_refused(alg: str, size: int) -> None:
    signing = key(alg)
    text = token(signing)
    for length in (0, 1, 16, size - 1, size + 1, 2 * size):
        mac = (signature_of(text) + bytes(64))[:length]
        refused(resigned(text, mac), verifier(signing), reason="signature_invalid")
        with pytest.raises(InvalidToken):
            signing.verify(text.rpartition(".")[0].encode(), mac)


def test_c14_macs_are_compared_in_constant_time(monkeypatch: pytest.MonkeyPatch) -> None:
    compared: list[tuple[bytes, bytes]] = []

    def spy(first: bytes, second: bytes) -> bool:
        assert type(first) is type(second) is bytes
        compared.append((first, second))
        return hmac.compare_digest(first, second)

    monkeypatch.setattr("tokenward.jose.algorithms.hmac.compare_digest", spy)
    signing = key("HS256")
    refused(resigned(token(signing), bytes(32)), verifier(signing), reason="signature_invalid")
    assert len(compared) == 1
    with pytest.raises(InvalidToken):
        signing.verify(b"input", bytes(32))
    assert len(compared) == 2


@pytest.mark.parametrize("alg", ["HS256", "ES256", "RS256", "EdDSA", "Ed448"])
def test_c15_a_signature_that_is_not_ascii_is_refused(alg: str) -> None:
    signing = key(alg)
    text = token(signing)
    for odd in ("é", "\u0660", "\ud800", "é" * 43):
        refused(text.rpartition(".")[0] + "." + odd, verifier(signing), reason="not_ascii")
        refused((text.rpartition(".")[0] + "." + odd).encode("utf-8", "surrogatepass"), verifier(signing))
    for raw in (b"\xff", b"\xc3\xa9" * 20, bytes(range(128, 192))):
        with pytest.raises(InvalidToken):
            signing.verify_encoded(b"input", raw)
        with pytest.raises(InvalidToken):
            signing.verify(b"input", raw)

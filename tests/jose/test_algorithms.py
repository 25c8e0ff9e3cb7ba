"""Every algorithm: what it signs verifies, and nothing else does."""

import hashlib
import random

import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature, encode_dss_signature
from hypothesis import given
from hypothesis import strategies as st
from tests.tokens.forge import claims, header, key, public, refused, seal, token, verifier

from tokenward.errors import InvalidToken
from tokenward.jose import JWKSet, RSAPrivateKey, algorithms, base64url, verify_compact
from tokenward.jose.algorithms import ecdsa, names_of
from tokenward.jose.keys import ECPrivateKey

ALGORITHMS = sorted(algorithms.SUPPORTED)
LENGTHS = {
    "HS256": 32,
    "HS384": 48,
    "HS512": 64,
    "RS256": 256,
    "RS384": 384,
    "RS512": 384,
    "PS256": 256,
    "PS384": 384,
    "PS512": 384,
    "ES256": 64,
    "ES384": 96,
    "ES512": 132,
    "ES256K": 64,
    "EdDSA": 64,
    "Ed25519": 64,
    "Ed448": 114,
    "ML-DSA-44": 2420,
    "ML-DSA-65": 3309,
    "ML-DSA-87": 4627,
}


def test_these_are_all_the_algorithms_there_are() -> None:
    assert set(LENGTHS) == algorithms.SUPPORTED
    assert "none" not in algorithms.SUPPORTED


@pytest.mark.parametrize("alg", ALGORITHMS)
def test_what_is_signed_verifies_and_has_the_length_of_the_rfc(alg: str) -> None:
    signature = key(alg).sign(b"input")
    assert len(signature) == LENGTHS[alg]
    public(key(alg)).verify(b"input", signature)
    key(alg).verify(b"input", signature)
    public(key(alg)).verify_encoded(b"input", base64url.encode(signature))


@pytest.mark.parametrize("alg", ALGORITHMS)
def test_a_token_signed_by_any_algorithm_verifies(alg: str) -> None:
    assert verifier(key(alg)).verify(token(key(alg))).kid == key(alg).kid


@pytest.mark.parametrize("alg", ALGORITHMS)
def test_a_flipped_bit_is_refused(alg: str) -> None:
    verifying = public(key(alg))
    signature = key(alg).sign(b"input")
    for position in range(0, len(signature), max(1, len(signature) // 30)):
        for bit in (1, 0x80):
            flipped = bytearray(signature)
            flipped[position] ^= bit
            with pytest.raises(InvalidToken):
                verifying.verify(b"input", bytes(flipped))
            with pytest.raises(InvalidToken):
                verifying.verify_encoded(b"input", base64url.encode(bytes(flipped)))
    for other in (b"inpus", b"Input", b"", b"input\0"):
        with pytest.raises(InvalidToken):
            verifying.verify(other, signature)


@pytest.mark.parametrize("alg", ALGORITHMS)
def test_a_signature_of_another_length_is_refused(alg: str) -> None:
    verifying = public(key(alg))
    signature = key(alg).sign(b"input")
    half = len(signature) // 2
    wrong = [(signature + bytes(20_000))[:length] for length in (0, 1, half, len(signature) - 1, 20_000)]
    wrong += [signature + b"\0", b"\0" + signature, signature[1:], signature + signature]
    wrong += [b"\0" + signature[:half] + b"\0" + signature[half:]]
    reason = "signature_invalid" if alg in algorithms.HMAC else "signature_length"
    for other in wrong:
        with pytest.raises(InvalidToken) as caught:
            verifying.verify(b"input", other)
        assert caught.value.reason == reason
        with pytest.raises(InvalidToken):
            verifying.verify_encoded(b"input", base64url.encode(other))


@pytest.mark.parametrize("alg", ALGORITHMS)
def test_a_signature_that_is_not_canonical_base64url_is_refused(alg: str) -> None:
    verifying = public(key(alg))
    encoded = base64url.encode(key(alg).sign(b"input"))
    verifying.verify_encoded(b"input", encoded)
    for other in (
        encoded + b"=",
        encoded + b"\n",
        b" " + encoded,
        encoded + b"A",
        encoded[:-1] + b"!",
        b"\xff",
    ):
        with pytest.raises(InvalidToken):
            verifying.verify_encoded(b"input", other)


@pytest.mark.parametrize("alg", ALGORITHMS)
def test_a_signature_of_another_key_is_refused(alg: str) -> None:
    signature = key(alg, "another").sign(b"input")
    with pytest.raises(InvalidToken):
        public(key(alg)).verify(b"input", signature)


@pytest.mark.parametrize("alg", ALGORITHMS)
def test_a_token_that_names_another_algorithm_than_its_key_has_is_refused(alg: str) -> None:
    verifying = key(alg)
    for other in ALGORITHMS:
        if other in verifying.header_algorithms:
            continue
        text = seal(header(verifying, alg=other), claims(), verifying)
        refused(text, verifier(verifying, algorithms=ALGORITHMS), reason="alg_not_of_key")


@pytest.mark.parametrize("alg", ALGORITHMS)
def test_a_key_of_one_algorithm_refuses_the_signatures_of_all_others(alg: str) -> None:
    keys = JWKSet([public(key(alg))])
    for other in ALGORITHMS:
        if other == alg:
            continue
        text = seal(header(key(alg)), claims(), key(other))
        with pytest.raises(InvalidToken):
            verify_compact(text, keys, algorithms=[alg], max_bytes=10_000)


@pytest.mark.parametrize("alg", sorted(algorithms.RSA))
def test_one_rsa_key_verifies_only_the_algorithm_that_it_was_made_for(alg: str) -> None:
    native = key("RS256")._native  # type: ignore[attr-defined]
    signature = RSAPrivateKey(native, alg=alg).sign(b"input")
    for other in algorithms.RSA:
        verifying = RSAPrivateKey(native, alg=other).public_key()
        assert (verifying.alg, set(verifying.header_algorithms)) == (other, {other})
        if other == alg:
            verifying.verify(b"input", signature)
        else:
            with pytest.raises(InvalidToken):
                verifying.verify(b"input", signature)


def test_an_algorithm_has_its_own_name_and_the_edwards_curves_share_one() -> None:
    shared = {
        "EdDSA": {"EdDSA", "Ed25519", "Ed448"},
        "Ed25519": {"EdDSA", "Ed25519"},
        "Ed448": {"EdDSA", "Ed448"},
    }
    for alg in ALGORITHMS:
        assert names_of(alg) == shared.get(alg, {alg})


@pytest.mark.parametrize(("alg", "size"), [("ML-DSA-44", 3800), ("ML-DSA-65", 5000), ("ML-DSA-87", 6700)])
def test_an_ml_dsa_token_with_ordinary_claims_is_not_too_large(alg: str, size: int) -> None:
    assert len(token(key(alg))) < size


@st.composite
def signatures(draw: st.DrawFn) -> tuple[ecdsa.Curve, int, int]:
    """Draw a curve and two numbers of its signatures, often at the places where their DER changes its length."""
    curve = draw(st.sampled_from(list(ecdsa.CURVES.values())))
    edges = st.builds(
        lambda exponent, change: min(max(1, 2**exponent + change), curve.order - 1),
        st.integers(0, curve.order.bit_length()),
        st.integers(-1, 1),
    )
    numbers = edges | st.integers(1, curve.order - 1)
    return curve, draw(numbers), draw(numbers)


@given(signatures())
def test_raw_signatures_become_the_der_that_the_library_writes_and_back(
    drawn: tuple[ecdsa.Curve, int, int],
) -> None:
    curve, r, s = drawn
    raw = r.to_bytes(curve.size, "big") + s.to_bytes(curve.size, "big")
    der = encode_dss_signature(r, s)
    assert ecdsa.der_from_raw(raw) == der
    assert decode_dss_signature(ecdsa.der_from_raw(raw)) == (r, s)
    assert ecdsa.raw_from_der(curve)(der) == raw


@pytest.mark.parametrize("curve", ecdsa.CURVES.values(), ids=ecdsa.CURVES)
def test_the_orders_of_the_curves_are_right(curve: ecdsa.Curve) -> None:
    # One less than the order gives the generator with its other y; the order itself gives no point at all.
    generator = ec.derive_private_key(1, curve.native()).public_key().public_numbers()
    last = ec.derive_private_key(curve.order - 1, curve.native()).public_key().public_numbers()
    assert (last.x, last.y == generator.y) == (generator.x, False)
    assert (curve.order.bit_length() + 7) // 8 == curve.size
    with pytest.raises(ValueError, match="key"):
        ec.derive_private_key(curve.order, curve.native())


@pytest.mark.parametrize("curve", ecdsa.CURVES.values(), ids=ecdsa.CURVES)
def test_signatures_with_short_numbers_are_converted_rightly(curve: ecdsa.Curve) -> None:
    # Numbers that begin with a zero byte are rare, and are where conversions between the two forms go wrong.
    signing = ECPrivateKey.generate(curve.alg)
    seen = set()
    for number in range(1500):
        message = number.to_bytes(2, "big")
        raw = signing.sign(message)
        first = {raw[0], raw[curve.size]}
        if first & {0, 1, 0x7F, 0x80}:
            seen.add(0 in first)
            if len(seen) < 2 or number % 100 == 0:
                signing.public_key().verify(message, raw)
    assert seen == {True, False}


def test_random_signatures_of_the_right_length_are_refused() -> None:
    chance = random.Random(7)  # noqa: S311 - the same bytes in each run
    for alg in ALGORITHMS:
        for _ in range(20):
            with pytest.raises(InvalidToken):
                public(key(alg)).verify(b"input", chance.randbytes(LENGTHS[alg]))


def test_an_hmac_is_the_one_of_the_standard_library() -> None:
    import hmac

    for alg, hashed in (("HS256", "sha256"), ("HS384", "sha384"), ("HS512", "sha512")):
        secret = base64url.decode(key(alg).to_private_jwk()["k"].encode())
        assert len(secret) == hashlib.new(hashed).digest_size
        assert key(alg).sign(b"input") == hmac.digest(secret, b"input", hashed)

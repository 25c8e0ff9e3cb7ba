"""Hostile and weak keys and key sets: sections A and C of the catalogue, as far as they come with the key."""

import json
import random
from math import prod
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import ec, ed448, ed25519, rsa
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.jose.edwards_arithmetic import PRIME, encode, find_point, multiply, point
from tests.tokens.forge import claims, header, key, public, refused, seal, verifier

from tokenward.errors import ConfigurationError
from tokenward.jose import (
    HMACKey,
    InvalidKey,
    JWKSet,
    OKPPublicKey,
    PublicKey,
    PublishedPrivateKey,
    RSAPrivateKey,
    RSAPublicKey,
    UnsupportedKey,
    algorithms,
    base64url,
    generate,
    import_jwk,
    import_private_jwk,
    import_public_key,
)
from tokenward.jose.algorithms.ecdsa import CURVES
from tokenward.jose.key_strength import _roca_logarithms

CURVE_OF = {curve.alg: name for name, curve in CURVES.items()}


def jwk(alg: str = "ES256", name: str = "", /, **changes: Any) -> dict[str, Any]:
    """Return a good public JWK with some members changed."""
    verifying = public(key(alg, name))
    assert isinstance(verifying, PublicKey)
    return verifying.to_jwk() | changes


def text(number: int, length: int | None = None) -> str:
    return base64url.encode(number.to_bytes(length or (number.bit_length() + 7) // 8, "big")).decode()


def number(encoded: str) -> int:
    return int.from_bytes(base64url.decode(encoded.encode()), "big")


def parse(*entries: Any) -> JWKSet:
    return JWKSet.parse(json.dumps({"keys": entries}).encode())


def test_a15_a_set_of_public_keys_and_secrets_is_refused() -> None:
    for alg in ("RS256", "ES256", "EdDSA"):
        for keys in ([key("HS256"), key(alg)], [key(alg), key("HS256")]):
            with pytest.raises(ConfigurationError, match="HMAC"):
                JWKSet(public(one) for one in keys)
    # A published one keeps the public keys alone, whatever the order is.
    shared = generate("HS256").to_private_jwk()
    for entries in ((shared, jwk("RS256")), (jwk("RS256"), shared)):
        parsed = parse(*entries)
        assert [known.alg for known in parsed.keys] == ["RS256"]
        assert "symmetric" in parsed.skipped[0]


@pytest.mark.parametrize("alg", ["RS256", "ES384", "EdDSA", "ML-DSA-44"])
def test_a16_two_keys_with_one_kid_are_refused(alg: str) -> None:
    for second in (jwk(alg, kid="one"), jwk("ES256", "second", kid="one"), jwk(kid="one")):
        with pytest.raises(InvalidKey, match="Two keys"):
            parse(jwk(kid="one"), second)
    with pytest.raises(ConfigurationError, match="Two keys"):
        JWKSet([import_jwk(jwk(kid="one")), import_jwk(jwk(alg, kid="one"))])


@pytest.mark.parametrize(
    "other",
    [
        {"kty": "oct", "k": "A" * 43, "kid": "one"},
        key("RS256").to_private_jwk() | {"kid": "one"},
        jwk(kid="one", x="AAAA"),
        jwk("RS256", kid="one", e="Aw"),
    ],
)
def test_a16_a_key_that_is_left_out_does_not_hide_that_its_kid_is_taken_twice(other: dict[str, Any]) -> None:
    for entries in ((other, jwk(kid="one")), (jwk(kid="one"), other)):
        with pytest.raises(InvalidKey, match="Two keys"):
            parse(*entries)


PURPOSES: list[dict[str, Any]] = [
    {"use": "enc"},
    {"use": 1},
    {"use": None},
    {"use": "SIG"},
    {"use": ["sig"]},
    {"key_ops": ["encrypt"]},
    {"key_ops": ["sign"]},
    {"key_ops": ["Verify"]},
    {"key_ops": []},
    {"use": "sig", "key_ops": ["encrypt"]},
    {"use": "enc", "key_ops": ["verify"]},
]


@pytest.mark.parametrize("purpose", PURPOSES)
@pytest.mark.parametrize("alg", ["ES256", "PS256", "Ed448", "ML-DSA-44"])
def test_a17_a_key_for_something_else_does_not_verify(alg: str, purpose: dict[str, Any]) -> None:
    with pytest.raises(UnsupportedKey):
        import_jwk(jwk(alg) | purpose)
    assert len(parse(jwk(alg) | purpose)) == 0


def test_a17_a_secret_for_something_else_neither_verifies_nor_signs() -> None:
    shared = key("HS256").to_private_jwk()
    for purpose in ({"use": "enc"}, {"key_ops": ["wrapKey"]}):
        with pytest.raises(UnsupportedKey):
            import_jwk(shared | purpose)
        with pytest.raises(UnsupportedKey):
            import_private_jwk(shared | purpose)
    with pytest.raises(UnsupportedKey):
        import_private_jwk(key().to_private_jwk() | {"key_ops": ["verify"]})
    assert import_private_jwk(key().to_private_jwk() | {"key_ops": ["sign", "verify"]}).kid == key().kid


@pytest.mark.parametrize(
    "operations", ["verify", {"verify": 1}, [1], ["verify", "verify"], None, [["verify"]]]
)
def test_a17_odd_key_operations_are_refused(operations: object) -> None:
    with pytest.raises(InvalidKey):
        import_jwk(jwk(key_ops=operations))


@pytest.mark.parametrize("alg", sorted(CURVE_OF))
@pytest.mark.parametrize("other", sorted(CURVE_OF))
def test_a18_an_ec_key_is_for_the_algorithm_of_its_curve_alone(alg: str, other: str) -> None:
    if alg == other:
        assert import_jwk(jwk(alg), alg=other).alg == alg
        return
    with pytest.raises(UnsupportedKey):
        import_jwk(jwk(alg, alg=other))
    with pytest.raises(UnsupportedKey):
        import_jwk(jwk(alg), alg=other)
    with pytest.raises(InvalidKey):
        import_jwk(jwk(alg, crv=CURVE_OF[other], alg=other))
    refused(
        seal(header(key(alg), alg=other), claims(), key(alg)),
        verifier(key(alg), algorithms=[alg, other]),
        reason="alg_not_of_key",
    )


@pytest.mark.parametrize("crv", ["X25519", "X448", "Ed449", "ed25519", None, ["Ed25519"]])
def test_a20_an_okp_key_that_is_not_for_signatures_is_refused(crv: object) -> None:
    for alg in ("EdDSA", "Ed25519", "Ed448"):
        with pytest.raises(UnsupportedKey):
            import_jwk(jwk(alg, crv=crv))


def test_a20_the_two_edwards_curves_do_not_stand_in_for_each_other() -> None:
    for own, other in (("Ed25519", "Ed448"), ("Ed448", "Ed25519")):
        for alg in ("EdDSA", own):
            with pytest.raises(InvalidKey):
                import_jwk(jwk(own, crv=other, alg=alg))
        with pytest.raises(UnsupportedKey):
            import_jwk(jwk(own, alg=other))
        with pytest.raises(UnsupportedKey):
            import_jwk(jwk(own), alg=other)
        # A header may say `EdDSA` of a key on either curve, and the name of a curve of a key on that one alone.
        by = verifier(key(own), algorithms=["EdDSA", "Ed25519", "Ed448"])
        assert by.verify(seal(header(key(own), alg="EdDSA"), claims(), key(own))).kid == key(own).kid
        refused(seal(header(key(own), alg=other), claims(), key(own)), by, reason="alg_not_of_key")


@pytest.mark.parametrize("alg", sorted(algorithms.ML_DSA))
def test_a21_an_akp_key_has_the_algorithm_and_the_length_that_it_says(alg: str) -> None:
    good = jwk(alg)
    assert import_jwk(good).alg == alg
    for other in algorithms.ML_DSA - {alg}:
        with pytest.raises(InvalidKey, match="bytes"):
            import_jwk(good | {"alg": other})
        with pytest.raises(UnsupportedKey):
            import_jwk(good, alg=other)
        refused(
            seal(header(key(alg), alg=other), claims(), key(alg)),
            verifier(key(alg), algorithms=algorithms.ML_DSA, max_token_bytes=10_000),
            reason="alg_not_of_key",
        )
    for unnamed in (jwk(alg), key(alg).to_private_jwk()):
        del unnamed["alg"]
        for read in (import_jwk, import_private_jwk):
            with pytest.raises(InvalidKey):
                read(unnamed)
        with pytest.raises(InvalidKey):
            import_jwk(unnamed, alg=alg)
    with pytest.raises(InvalidKey, match="32"):
        import_private_jwk(key(alg).to_private_jwk() | {"priv": "AAAA"})


@pytest.mark.parametrize("alg", ["RS256", "PS512", "ES256", "ES512", "Ed25519", "Ed448", "ML-DSA-44"])
def test_a22_a_private_key_in_a_published_set_is_left_out_and_worth_an_alarm(alg: str) -> None:
    leaked = generate(alg).to_private_jwk()
    for published in (
        leaked,
        leaked | {"use": "enc"},
        {n: v for n, v in leaked.items() if n != "alg" or alg[:2] == "ML"},
    ):
        with pytest.raises(PublishedPrivateKey):
            import_jwk(published)
        parsed = parse(published, jwk())
        assert [known.kid for known in parsed.keys] == [key().kid]
        assert "ALARM" in parsed.skipped[0]
        assert "private" in parsed.skipped[0]
        for name in ("d", "p", "priv"):
            assert name not in leaked or leaked[name] not in repr(parsed.skipped)


@pytest.mark.parametrize("name", ["d", "p", "q", "dp", "dq", "qi", "oth", "k", "priv"])
def test_a22_one_private_member_is_enough_whatever_it_holds(name: str) -> None:
    values: list[Any] = ["AQAB", "", None, []]
    for value in values:
        with pytest.raises(PublishedPrivateKey):
            import_jwk(jwk() | {name: value})


def test_a22_a_secret_in_a_published_set_is_left_out() -> None:
    shared = generate("HS256").to_private_jwk()
    parsed = parse(shared, jwk())
    assert [known.kid for known in parsed.keys] == [key().kid]
    assert "symmetric" in parsed.skipped[0]
    assert shared["k"] not in repr(parsed.skipped)


GOOD_MODULUS = number(jwk("RS256")["n"])


def rsa_jwk(n: int, e: int = 65537) -> dict[str, str]:
    return {"kty": "RSA", "n": text(n), "e": text(e)}


@pytest.mark.parametrize("exponent", [1, 2, 3, 65536, 2**32 + 1, 2**4096 + 1])
def test_c10_c11_a_dangerous_exponent_is_refused(exponent: int) -> None:
    with pytest.raises(InvalidKey, match="exponent"):
        import_jwk(rsa_jwk(GOOD_MODULUS, exponent))


@pytest.mark.parametrize("modulus", [1, 2**511 + 1, 2**1023 + 1, 2**2046 + 1, 2**8192 + 1])
def test_c10_c11_a_modulus_that_is_too_short_or_too_long_is_refused(modulus: int) -> None:
    with pytest.raises(InvalidKey, match="modulus"):
        import_jwk(rsa_jwk(modulus))


def test_c10_c11_an_even_and_a_huge_modulus_are_refused_and_the_limits_are_not() -> None:
    with pytest.raises(InvalidKey, match="even"):
        import_jwk(rsa_jwk(GOOD_MODULUS + 1))
    with pytest.raises(InvalidKey, match="too long"):
        import_jwk(rsa_jwk(2**65535 + 1))
    assert import_jwk(rsa_jwk(2**2047 + 1, 5)).alg == "RS256"
    assert import_jwk(rsa_jwk(2**8191 + 1, 2**32 - 1)).alg == "RS256"


def test_c10_weak_key_objects_are_refused() -> None:
    short = rsa.generate_private_key(65537, 1024)  # noqa: S505 - weak on purpose
    three = rsa.generate_private_key(3, 2048)
    for native, why in ((short, "modulus has 1024 bits"), (three, "exponent")):
        with pytest.raises(InvalidKey, match=why):
            RSAPrivateKey(native)
        with pytest.raises(InvalidKey, match=why):
            RSAPublicKey(native.public_key(), alg="PS256")


def primes_to(last: int) -> list[int]:
    return [n for n in range(2, last + 1) if all(n % divisor for divisor in range(2, int(n**0.5) + 1))]


def roca_prime(chance: random.Random) -> int:
    """Return a prime as the faulty hardware made it for a key of 2048 bits: k times M, and a power of 65537."""
    product = prod(primes_to(701))
    while True:
        factor = chance.randrange(2**1024 * 3 // 4 // product, 2**1024 // product)
        candidate = factor * product + pow(65537, chance.randrange(product), product)
        if candidate.bit_length() == 1024 and pow(2, candidate - 1, candidate) == 1:
            return candidate


def test_c10_a_key_with_the_fingerprint_of_roca_is_refused() -> None:
    chance = random.Random(5)  # noqa: S311 - the same keys in each run
    p, q = roca_prime(chance), roca_prime(chance)
    assert (p * q).bit_length() == 2048
    with pytest.raises(InvalidKey, match="ROCA"):
        import_jwk(rsa_jwk(p * q))
    d = pow(65537, -1, (p - 1) * (q - 1))
    numbers = rsa.RSAPrivateNumbers(
        p, q, d, d % (p - 1), d % (q - 1), pow(q, -1, p), rsa.RSAPublicNumbers(65537, p * q)
    )
    native = numbers.private_key()
    with pytest.raises(InvalidKey, match="ROCA"):
        RSAPrivateKey(native)
    with pytest.raises(InvalidKey, match="ROCA"):
        RSAPublicKey(native.public_key())


def test_c10_other_moduli_do_not_have_the_fingerprint() -> None:
    chance = random.Random(6)  # noqa: S311 - the same numbers in each run
    for _ in range(300):
        import_jwk(rsa_jwk(chance.getrandbits(2048) | 2**2047 | 1))
    # A power of 65537 modulo each of the primes, but of another exponent for each, was not made by that hardware.
    tables = _roca_logarithms()
    assert [prime for prime, _, _ in tables] == primes_to(167)[1:]
    product = prod(prime for prime, _, _ in tables)
    residue = sum(
        pow(65537, exponent, prime) * (product // prime) * pow(product // prime, -1, prime)
        for exponent, (prime, _, _) in enumerate(tables)
    )
    modulus = residue % product + product * (2**2048 // product - 2)
    import_jwk(rsa_jwk(modulus if modulus % 2 else modulus - product))


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


def refused_point(crv: str, encoded: bytes, why: str) -> None:
    """Check that a point is refused as a public key, from a JWK and from a key object."""
    with pytest.raises(InvalidKey, match=why):
        import_jwk({"kty": "OKP", "crv": crv, "x": base64url.encode(encoded).decode()})
    kind = ed25519.Ed25519PublicKey if crv == "Ed25519" else ed448.Ed448PublicKey
    if len(encoded) == (32 if crv == "Ed25519" else 57):
        with pytest.raises(InvalidKey, match=why):
            OKPPublicKey(kind.from_public_bytes(encoded))


@pytest.mark.parametrize("encoded", SMALL_ORDER)
def test_c06_ed25519_keys_of_small_order_are_refused(encoded: str) -> None:
    # First, that the point is what the test says: eight times it is the neutral element.
    assert multiply(point(bytes.fromhex(encoded)), 8) == (0, 1)
    refused_point("Ed25519", bytes.fromhex(encoded), "small order")


@pytest.mark.parametrize("y", [PRIME, PRIME + 1, PRIME + 3, 2**255 - 1])
@pytest.mark.parametrize("sign", [0, 1])
def test_c06_ed25519_keys_that_are_not_canonical_are_refused(y: int, sign: int) -> None:
    refused_point("Ed25519", (y | sign << 255).to_bytes(32, "little"), "canonical")


@pytest.mark.parametrize("y", [1, PRIME - 1])
def test_c06_ed25519_keys_with_the_sign_of_a_zero_are_refused(y: int) -> None:
    refused_point("Ed25519", (y | 1 << 255).to_bytes(32, "little"), "small order")


@settings(max_examples=150, deadline=None)
@given(st.integers(2, PRIME - 2) | st.integers(2, 50), st.integers(0, 1))
def test_c06_an_ed25519_key_is_a_point_of_the_curve_and_every_point_is_one(y: int, sign: int) -> None:
    encoded = (y | sign << 255).to_bytes(32, "little")
    found = find_point(encoded)
    if found is None:
        refused_point("Ed25519", encoded, "not a point")
    else:
        assert encode(found) == encoded
        import_jwk({"kty": "OKP", "crv": "Ed25519", "x": base64url.encode(encoded).decode()})


PRIME_448 = 2**448 - 2**224 - 1


@pytest.mark.parametrize("y", [0, 1, PRIME_448 - 1])
@pytest.mark.parametrize("sign", [0, 1])
def test_c06_ed448_keys_of_small_order_are_refused(y: int, sign: int) -> None:
    refused_point("Ed448", (y | sign << 455).to_bytes(57, "little"), "small order")


@pytest.mark.parametrize("y", [PRIME_448, PRIME_448 + 1, 2**448 - 1, 2**448, 2**454, 2**455 - 1])
def test_c06_ed448_keys_that_are_not_canonical_are_refused(y: int) -> None:
    refused_point("Ed448", y.to_bytes(57, "little"), "canonical")


def test_c06_an_ed448_key_is_a_point_of_the_curve() -> None:
    seen = set()
    for y in range(2, 60):
        # x² = (y² - 1) / (d y² - 1), and a root of a square is its power (p + 1) / 4 in this field.
        square = (y * y - 1) * pow(-39081 * y * y - 1, -1, PRIME_448) % PRIME_448
        there = pow(square, (PRIME_448 + 1) // 4, PRIME_448) ** 2 % PRIME_448 == square
        seen.add(there)
        encoded = y.to_bytes(57, "little")
        if there:
            import_jwk({"kty": "OKP", "crv": "Ed448", "x": base64url.encode(encoded).decode()})
        else:
            refused_point("Ed448", encoded, "not a point")
    assert seen == {True, False}


@pytest.mark.parametrize(("crv", "length"), [("Ed25519", 32), ("Ed448", 57)])
def test_c06_edwards_keys_of_another_length_are_refused(crv: str, length: int) -> None:
    good = base64url.decode(jwk(crv)["x"].encode())
    for encoded in (good[:-1], good + b"\0", b"\0" + good, b"", good[:31], good + good):
        assert len(encoded) != length
        refused_point(crv, encoded, "bytes|lacks")


@pytest.mark.parametrize("length", [0, 1, 16, 31])
def test_c12_a_secret_is_as_long_as_the_hash(length: int) -> None:
    random_bytes = bytes(range(0, 200, 3))
    for alg, needed in (("HS256", 32), ("HS384", 48), ("HS512", 64)):
        assert HMACKey(random_bytes[:needed], alg=alg).alg == alg
        for short in (length, needed - 1):
            with pytest.raises(InvalidKey, match=f"at least {needed}"):
                HMACKey(random_bytes[:short], alg=alg)
            shared = {"kty": "oct", "alg": alg, "k": base64url.encode(random_bytes[:short]).decode()}
            for read in (import_jwk, import_private_jwk):
                with pytest.raises(InvalidKey):
                    read(shared)


FIELDS = {
    "P-256": 2**256 - 2**224 + 2**192 + 2**96 - 1,
    "P-384": 2**384 - 2**128 - 2**96 + 2**32 - 1,
    "P-521": 2**521 - 1,
    "secp256k1": 2**256 - 2**32 - 977,
}


@pytest.mark.parametrize("crv", sorted(CURVES))
def test_c16_points_that_are_not_on_the_curve_are_refused(crv: str) -> None:
    curve, field = CURVES[crv], FIELDS[crv]
    generator = ec.derive_private_key(1, curve.native()).public_key().public_numbers()
    x, y = generator.x, generator.y

    def read(first: int, second: int, length: int = curve.size) -> None:
        import_jwk({"kty": "EC", "crv": crv, "x": text(first, length), "y": text(second, length)})

    read(x, y)
    read(x, field - y)
    off = [(x, y ^ 1), (y, x), (0, 0), (1, 1), (x, 0), (field, y), (x, field), (field - 1, 0)]
    for first, second in off:
        with pytest.raises(InvalidKey, match="not on the curve"):
            read(first, second)
    # The same point in numbers that are not reduced. Where a field fills its bytes, few numbers have room for that.
    if crv == "P-521":
        for first, second in ((x + field, y), (x, y + field), (x + 2 * field, y)):
            with pytest.raises(InvalidKey, match="not on the curve"):
                read(first, second)
    for length in (curve.size + 1, curve.size + 16):
        with pytest.raises(InvalidKey, match="bytes"):
            read(x, y, length)


def test_c16_a_coordinate_that_is_not_reduced_is_refused_in_a_jwk_and_in_der() -> None:
    # One of the few points of P-256 whose x leaves room for the field on top of it.
    field, b = FIELDS["P-256"], 0x5AC635D8AA3A93E7B3EBBD55769886BC651D06B0CC53B0F63BCE3C3E27D2604B
    y = pow(5**3 - 3 * 5 + b, (field + 1) // 4, field)
    good = {"kty": "EC", "crv": "P-256", "x": text(5, 32), "y": text(y, 32)}
    verifying = import_jwk(good)
    with pytest.raises(InvalidKey, match="not on the curve"):
        import_jwk(good | {"x": text(5 + field, 32)})
    native = verifying._native  # type: ignore[union-attr]
    der = native.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    assert import_public_key(der).kid == verifying.kid
    unreduced = der.replace((5).to_bytes(32, "big"), (5 + field).to_bytes(32, "big"))
    assert unreduced != der
    with pytest.raises(InvalidKey):
        import_public_key(unreduced)


@pytest.mark.parametrize("crv", sorted(CURVES))
def test_c16_a_coordinate_without_its_zeros_in_front_is_refused(crv: str) -> None:
    curve = CURVES[crv]
    points = (
        ec.derive_private_key(scalar, curve.native()).public_key().public_numbers()
        for scalar in range(1, 9999)
    )
    found = next(one for one in points if one.x < 2 ** (8 * curve.size - 8))
    short = {"kty": "EC", "crv": crv, "x": text(found.x), "y": text(found.y, curve.size)}
    assert len(base64url.decode(short["x"].encode())) < curve.size
    with pytest.raises(InvalidKey, match="bytes"):
        import_jwk(short)
    import_jwk(short | {"x": text(found.x, curve.size)})


@pytest.mark.parametrize("alg", ["ES256", "ES384", "ES512", "ES256K", "EdDSA", "Ed448", "RS256", "ML-DSA-44"])
def test_c16_a_private_key_with_another_public_part_is_refused(alg: str) -> None:
    first, second = key(alg).to_private_jwk(), key(alg, "second").to_private_jwk()
    assert import_private_jwk(first).kid == key(alg).kid
    mixed = first | {name: second[name] for name in ("x", "y", "n", "pub") if name in second}
    with pytest.raises(InvalidKey):
        import_private_jwk(mixed)


@pytest.mark.parametrize("crv", sorted(CURVES))
def test_c16_an_ec_private_key_outside_of_the_range_is_refused(crv: str) -> None:
    curve = CURVES[crv]
    good = key(curve.alg).to_private_jwk()
    for d in (0, curve.order, curve.order + 1, 2 ** (8 * curve.size) - 1):
        with pytest.raises(InvalidKey, match="range"):
            import_private_jwk(good | {"d": text(d, curve.size)})


def test_a09_a_key_in_pem_has_the_algorithm_of_its_type_or_the_one_that_is_given() -> None:
    form = key("RS256")._native.public_key().public_bytes  # type: ignore[attr-defined]
    pem = form(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    assert import_public_key(pem).alg == "RS256"
    assert import_public_key(pem, alg="PS384").header_algorithms == {"PS384"}
    for alg in ("HS256", "ES256", "EdDSA", "none"):
        with pytest.raises(UnsupportedKey):
            import_public_key(pem, alg=alg)

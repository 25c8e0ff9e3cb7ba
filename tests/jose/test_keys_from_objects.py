"""Keys made from the objects of `cryptography`, and from chance."""

import subprocess
import sys
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import dsa, ec, ed448, ed25519, mldsa, rsa, x448, x25519
from tests.tokens.forge import key

from tokenward import jose
from tokenward.errors import ConfigurationError
from tokenward.jose import (
    AKPPrivateKey,
    AKPPublicKey,
    ECPrivateKey,
    ECPublicKey,
    HMACKey,
    InvalidKey,
    OKPPrivateKey,
    OKPPublicKey,
    RSAPrivateKey,
    RSAPublicKey,
    UnsupportedKey,
    algorithms,
    base64url,
    generate,
    jwk,
    keys,
)

NATIVE: dict[str, Any] = {
    "rsa": rsa.generate_private_key(65537, 2048),
    "ec": ec.generate_private_key(ec.SECP256R1()),
    "ed25519": ed25519.Ed25519PrivateKey.generate(),
    "ed448": ed448.Ed448PrivateKey.generate(),
    "mldsa": mldsa.MLDSA44PrivateKey.generate(),
    "x25519": x25519.X25519PrivateKey.generate(),
    "x448": x448.X448PrivateKey.generate(),
    "dsa": dsa.generate_private_key(2048),
}
TYPES: dict[str, tuple[Any, Any]] = {
    "rsa": (RSAPrivateKey, RSAPublicKey),
    "ec": (ECPrivateKey, ECPublicKey),
    "ed25519": (OKPPrivateKey, OKPPublicKey),
    "ed448": (OKPPrivateKey, OKPPublicKey),
    "mldsa": (AKPPrivateKey, AKPPublicKey),
}


@pytest.mark.parametrize("made", TYPES)
def test_a_key_type_takes_its_own_objects_and_no_others(made: str) -> None:
    private, public = TYPES[made]
    private(NATIVE[made]).public_key().verify(b"input", private(NATIVE[made]).sign(b"input"))
    public(NATIVE[made].public_key()).verify(b"input", private(NATIVE[made]).sign(b"input"))
    for other, native in NATIVE.items():
        if TYPES.get(other) != TYPES[made]:
            with pytest.raises(InvalidKey):
                private(native)
            with pytest.raises(InvalidKey):
                public(native.public_key())
    nothing: list[Any] = [None, b"", "text", {}]
    for wrong in (NATIVE[made], *nothing):
        with pytest.raises(InvalidKey):
            public(wrong)
    for wrong in (NATIVE[made].public_key(), *nothing):
        with pytest.raises(InvalidKey):
            private(wrong)


@pytest.mark.parametrize("curve", [ec.SECP224R1(), ec.SECP192R1(), ec.BrainpoolP256R1()])
def test_a_curve_that_is_not_ours_is_refused(curve: ec.EllipticCurve) -> None:
    native = ec.generate_private_key(curve)
    with pytest.raises(UnsupportedKey, match="P-256"):
        ECPrivateKey(native)
    with pytest.raises(UnsupportedKey, match="P-256"):
        ECPublicKey(native.public_key())


def test_an_algorithm_must_fit_the_type_and_the_curve() -> None:
    native = NATIVE["ed25519"]
    for alg in ("ES256", "Ed448", "RS256", "HS256", "", "eddsa", None):
        with pytest.raises(UnsupportedKey):
            OKPPrivateKey(native, alg=alg)  # type: ignore[arg-type]
        with pytest.raises(UnsupportedKey):
            OKPPublicKey(native.public_key(), alg=alg)  # type: ignore[arg-type]
    with pytest.raises(UnsupportedKey):
        OKPPrivateKey(NATIVE["ed448"], alg="Ed25519")
    for alg in ("ES256", "HS256", "RSA-OAEP", None):
        with pytest.raises(UnsupportedKey):
            RSAPublicKey(NATIVE["rsa"].public_key(), alg=alg)  # type: ignore[arg-type]
        with pytest.raises(UnsupportedKey):
            RSAPrivateKey(NATIVE["rsa"], alg=alg)  # type: ignore[arg-type]
    for alg in ("RS256", "HS1", "hs256", None):
        with pytest.raises(UnsupportedKey):
            HMACKey(bytes(range(64)), alg=alg)  # type: ignore[arg-type]


@pytest.mark.parametrize("alg", sorted(algorithms.RSA))
def test_a_new_rsa_key_is_as_long_as_its_hash_asks_for(alg: str) -> None:
    n = base64url.decode(key(alg).to_private_jwk()["n"].encode())
    assert len(n) * 8 == (2048 if alg.endswith("256") else 3072)


def test_a_type_makes_keys_for_its_own_algorithms_only() -> None:
    made: list[tuple[Any, frozenset[str]]] = [
        (HMACKey, algorithms.HMAC),
        (ECPrivateKey, algorithms.ECDSA),
        (OKPPrivateKey, algorithms.EDWARDS),
        (AKPPrivateKey, algorithms.ML_DSA),
    ]
    for kind, own in made:
        for alg in own:
            assert kind.generate(alg).alg == alg
        for alg in algorithms.SUPPORTED - own:
            with pytest.raises(ConfigurationError):
                kind.generate(alg)
    with pytest.raises(UnsupportedKey):
        RSAPrivateKey.generate("ES256")


def test_two_generated_keys_are_never_the_same() -> None:
    for alg in algorithms.SUPPORTED - algorithms.RSA:
        assert generate(alg).kid != generate(alg).kid


@pytest.mark.parametrize("module", [jose, jwk, keys])
def test_the_names_that_are_imported_on_first_use_are_there_and_no_others(module: Any) -> None:
    for name in module.__all__:
        assert getattr(module, name) is not None
    for name in keys.IMPORTED_ON_FIRST_USE:
        assert getattr(module, name) is getattr(keys, name)
    with pytest.raises(AttributeError, match="Nothing"):
        module.Nothing  # noqa: B018


LEAN = """
import sys
before = set(sys.modules)  # What measures the coverage may be there already.
import tokenward.jose, tokenward.tokens
heavy = ("cryptography", "nacl", "asyncio", "http", "ssl", "socket", "dataclasses")
print(sorted(name for name in heavy if name in sys.modules and name not in before))
tokenward.jose.HMACKey(bytes(range(32)))
late = ("cryptography.x509", "cryptography.hazmat.primitives.serialization", "nacl")
tokenward.jose.generate("ES256").public_key().to_jwk()
print(sorted(name for name in late if name in sys.modules and name not in before))
"""


def test_cryptography_is_imported_with_the_first_key_and_serialization_later() -> None:
    done = subprocess.run([sys.executable, "-I", "-c", LEAN], check=True, capture_output=True, text=True)
    assert done.stdout.split("\n")[:2] == ["[]", "[]"]


WITHOUT_ML_DSA = """
import sys
sys.modules["cryptography.hazmat.primitives.asymmetric.mldsa"] = None
from tokenward.jose import UnsupportedKey, JWKSet, generate, import_jwk
published = {"kty": "AKP", "alg": "ML-DSA-44", "pub": "A" * 1750}
for make in (lambda: generate("ML-DSA-44"), lambda: import_jwk(published)):
    try:
        make()
    except UnsupportedKey as error:
        print("newer" in error.description)
print(len(JWKSet.parse(b'{"keys":[{"kty":"AKP","alg":"ML-DSA-65","pub":""}]}').skipped))
"""


def test_where_cryptography_has_no_ml_dsa_that_is_said() -> None:
    done = subprocess.run([sys.executable, "-c", WITHOUT_ML_DSA], check=True, capture_output=True, text=True)
    assert done.stdout.split() == ["True", "True", "1"]

"""Keys of all types, as JWKs and as files: always the same ones, made from their names or printed in RFC 7517."""

import datetime as dt
import json
from pathlib import Path
from typing import Any, Final

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
)
from cryptography.x509.oid import NameOID

from fuzz.forging import ED448, ED25519, ES256, HMAC, fixed_bytes
from tokenward.jose import (
    AKPPrivateKey,
    ECPrivateKey,
    PrivateKey,
    SigningKey,
    UnsupportedKey,
    import_private_jwk,
)
from tokenward.jose.algorithms import mldsa

_PRINTED: Final = Path(__file__).parents[1] / "tests" / "jose" / "vectors" / "rfc7517.json"


def _ec(curve: ec.EllipticCurve) -> PrivateKey:
    return ECPrivateKey(ec.derive_private_key(int.from_bytes(fixed_bytes(curve.name, 31), "big"), curve))


def _rsa() -> PrivateKey:
    printed: dict[str, Any] = json.loads(_PRINTED.read_bytes())["keys"]["A.2 RSA"]
    key = import_private_jwk(printed)
    if not isinstance(key, PrivateKey):
        raise TypeError
    return key


def _ml_dsa() -> list[PrivateKey]:
    try:
        return [AKPPrivateKey(mldsa.private_key("ML-DSA-44", fixed_bytes("ml-dsa")))]
    except UnsupportedKey:
        return []  # This `cryptography` has none.


PAIRS: Final[tuple[PrivateKey, ...]] = (
    ED25519,
    ED448,
    ES256,
    _ec(ec.SECP384R1()),
    _ec(ec.SECP521R1()),
    _ec(ec.SECP256K1()),
    _rsa(),
    *_ml_dsa(),
)
ALL: Final[tuple[SigningKey, ...]] = (*PAIRS, HMAC)


def jwk(key: SigningKey, *, private: bool = False) -> dict[str, str]:
    """Return the JWK of a key; a secret has no public one."""
    return key.public_key().to_jwk() if isinstance(key, PrivateKey) and not private else key.to_private_jwk()


def files() -> tuple[bytes, ...]:
    """Return keys and certificates in the forms that files have, good ones and such as are refused."""
    ed25519 = Ed25519PrivateKey.from_private_bytes(fixed_bytes("ed"))
    made = [
        ed25519.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()),
        ed25519.private_bytes(Encoding.DER, PrivateFormat.PKCS8, NoEncryption()),
        ed25519.public_key().public_bytes(Encoding.OpenSSH, PublicFormat.OpenSSH),
        *(_certificate(ed25519).public_bytes(encoding) for encoding in (Encoding.DER, Encoding.PEM)),
        b"-----BEGIN PUBLIC KEY-----\n-----END PUBLIC KEY-----",
        b"-----BEGIN FOO-----\nAAAA\n-----END FOO-----",
        *(b'{"kty":"OKP"}', b"MIIB", b"\x30\x80\x00\x00", b""),
    ]
    for pair in PAIRS:
        native: Any = pair.public_key()
        for encoding in (Encoding.DER, Encoding.PEM):
            made.append(native._native.public_bytes(encoding, PublicFormat.SubjectPublicKeyInfo))
            if pair.alg.startswith("RS"):
                made.append(native._native.public_bytes(encoding, PublicFormat.PKCS1))
    return tuple(made)


def _certificate(key: Ed25519PrivateKey) -> x509.Certificate:
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "a")])
    start = dt.datetime(2027, 1, 1, tzinfo=dt.UTC)
    builder = x509.CertificateBuilder(name, name, key.public_key(), 1, start, start + dt.timedelta(days=9))
    return builder.sign(key, None)

"""Typed keys: each is bound to one algorithm, and to signing or verifying (RFC 8725 section 3.1).

The type decides what a key can do, never a token: there is no function that takes a key and the name of an
algorithm from a header. So an RSA public key cannot become an HMAC secret, and a public key cannot sign.

One file for each key type (`kty`): `hmac`, `rsa`, `ec`, `okp` and `akp`. It owns the classes of the type and the
members of its JWK, in both directions. What makes a key too weak is in `tokenward.jose.key_strength`, the choice of
the algorithm and the purpose of a JWK in `tokenward.jose.jwk`, and the signatures in `tokenward.jose.algorithms`.

RFC 7517, RFC 7518 section 6, RFC 8037 section 2, RFC 8812 section 3.1, RFC 9964.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any, Final

from tokenward.jose.keys.hmac import HMACKey
from tokenward.jose.keys.key import MAX_KID_LENGTH, Key, PrivateKey, PublicKey, SigningKey

if TYPE_CHECKING:
    from tokenward.jose.keys.akp import AKPPrivateKey, AKPPublicKey
    from tokenward.jose.keys.ec import ECPrivateKey, ECPublicKey
    from tokenward.jose.keys.okp import OKPPrivateKey, OKPPublicKey
    from tokenward.jose.keys.rsa import RSAPrivateKey, RSAPublicKey

VerificationKey = PublicKey | HMACKey

# The other types are imported when one is first asked for: they need `cryptography`, whose import takes as long as that
# of all the rest of `tokenward.jose`, and a program uses one or two of them.
IMPORTED_ON_FIRST_USE: Final = {
    "AKPPrivateKey": "akp",
    "AKPPublicKey": "akp",
    "ECPrivateKey": "ec",
    "ECPublicKey": "ec",
    "OKPPrivateKey": "okp",
    "OKPPublicKey": "okp",
    "RSAPrivateKey": "rsa",
    "RSAPublicKey": "rsa",
}

__all__ = [
    "IMPORTED_ON_FIRST_USE",
    "MAX_KID_LENGTH",
    "AKPPrivateKey",
    "AKPPublicKey",
    "ECPrivateKey",
    "ECPublicKey",
    "HMACKey",
    "Key",
    "OKPPrivateKey",
    "OKPPublicKey",
    "PrivateKey",
    "PublicKey",
    "RSAPrivateKey",
    "RSAPublicKey",
    "SigningKey",
    "VerificationKey",
]

if not TYPE_CHECKING:

    def __getattr__(name: str) -> Any:
        if name not in IMPORTED_ON_FIRST_USE:
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
        return getattr(import_module(f"{__name__}.{IMPORTED_ON_FIRST_USE[name]}"), name)

"""Signatures and keys: bytes in, verified bytes and claims out.

It owns base64url, strict JSON, the signature algorithms, keys and key sets, compact JWS, the encoding of
JWTs, and the rules for single claims. It knows no network, no clock and no database. What a particular kind
of token must say is in `tokenward.tokens`; which key signs when is in `tokenward.server.keyring`.

RFC 7515 (compact serialization only), RFC 7517, RFC 7518 sections 3 and 6, RFC 7519, RFC 7638, RFC 8037, RFC
8725, RFC 8812 section 3, RFC 9864, RFC 9964.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any, Final

from tokenward.jose.jwk import (
    HMACKey,
    InvalidKey,
    PrivateKey,
    PublicKey,
    PublishedPrivateKey,
    SigningKey,
    UnsupportedKey,
    VerificationKey,
    generate,
    import_jwk,
    import_private_jwk,
    thumbprint,
)
from tokenward.jose.jwks import JWKSet
from tokenward.jose.jws import JWS, sign_compact, unverified_header, verify_compact
from tokenward.jose.jwt import sign, unverified_claims
from tokenward.jose.keys import IMPORTED_ON_FIRST_USE
from tokenward.jose.strict_json import StrictJSONError, decode_object

if TYPE_CHECKING:
    from tokenward.jose.keys.akp import AKPPrivateKey, AKPPublicKey
    from tokenward.jose.keys.ec import ECPrivateKey, ECPublicKey
    from tokenward.jose.keys.okp import OKPPrivateKey, OKPPublicKey
    from tokenward.jose.keys.rsa import RSAPrivateKey, RSAPublicKey
    from tokenward.jose.public_key_import import import_public_key

__all__ = [
    "JWS",
    "AKPPrivateKey",
    "AKPPublicKey",
    "ECPrivateKey",
    "ECPublicKey",
    "HMACKey",
    "InvalidKey",
    "JWKSet",
    "OKPPrivateKey",
    "OKPPublicKey",
    "PrivateKey",
    "PublicKey",
    "PublishedPrivateKey",
    "RSAPrivateKey",
    "RSAPublicKey",
    "SigningKey",
    "StrictJSONError",
    "UnsupportedKey",
    "VerificationKey",
    "decode_object",
    "generate",
    "import_jwk",
    "import_private_jwk",
    "import_public_key",
    "sign",
    "sign_compact",
    "thumbprint",
    "unverified_claims",
    "unverified_header",
    "verify_compact",
]

# These need `cryptography`, whose import takes as long as that of all the rest. It waits until one is asked for.
_IMPORTED_ON_FIRST_USE: Final = {
    **dict.fromkeys(IMPORTED_ON_FIRST_USE, "tokenward.jose.keys"),
    "import_public_key": "tokenward.jose.public_key_import",
}

if not TYPE_CHECKING:

    def __getattr__(name: str) -> Any:
        if name not in _IMPORTED_ON_FIRST_USE:
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
        return getattr(import_module(_IMPORTED_ON_FIRST_USE[name]), name)

"""Signatures and keys: bytes in, verified bytes and claims out.

It owns base64url, strict JSON, the signature algorithms, keys and key sets, compact JWS, the encoding of
JWTs, and the rules for single claims. It knows no network, no clock and no database. What a particular kind
of token must say is in `tokenward.tokens`; which key signs when is in `tokenward.server.keyring`.

RFC 7515 (compact serialization only), RFC 7517, RFC 7518 sections 3 and 6, RFC 7519, RFC 7638, RFC 8037, RFC
8725, RFC 9864.
"""

from tokenward.jose.jwk import (
    ECPrivateKey,
    ECPublicKey,
    HMACKey,
    InvalidKey,
    OKPPrivateKey,
    OKPPublicKey,
    PrivateKey,
    PublicKey,
    RSAPrivateKey,
    RSAPublicKey,
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
from tokenward.jose.strict_json import StrictJSONError, decode_object

__all__ = [
    "JWS",
    "ECPrivateKey",
    "ECPublicKey",
    "HMACKey",
    "InvalidKey",
    "JWKSet",
    "OKPPrivateKey",
    "OKPPublicKey",
    "PrivateKey",
    "PublicKey",
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
    "sign",
    "sign_compact",
    "thumbprint",
    "unverified_claims",
    "unverified_header",
    "verify_compact",
]

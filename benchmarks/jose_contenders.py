"""Who verifies and signs in the suite `jose`: each library with its key prepared, in a loop over the same tokens.

All of them check signature, issuer, audience and expiry, and that the claims of RFC 9068 are there. Tokenward also
checks `typ`, strict JSON, canonical base64url and the type of each claim; no other library does all of that.
"""

import functools
import warnings
from base64 import urlsafe_b64decode
from collections.abc import Callable, Iterable
from typing import Any

import authlib.deprecate  # type: ignore[import-untyped]
import joserfc.errors
import joserfc.jwk
import joserfc.jwt
import jwcrypto.jwk  # type: ignore[import-untyped]
import jwcrypto.jwt  # type: ignore[import-untyped]
import jwt
import msgspec
import nacl.signing
from cryptography.hazmat.primitives.asymmetric.ec import ECDSA
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.hmac import HMAC
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, PublicFormat

from benchmarks.jose_material import AUDIENCE, ISSUER, REQUIRED, Material
from tokenward.jose import HMACKey
from tokenward.tokens import TokenVerifier, encode_access_token

with warnings.catch_warnings():
    # Authlib points to its successor, which is measured too.
    warnings.simplefilter("ignore", authlib.deprecate.AuthlibDeprecationWarning)
    import authlib.jose  # type: ignore[import-untyped]

# It warns at each call that `EdDSA` has a newer name, RFC 9864.
warnings.simplefilter("ignore", joserfc.errors.SecurityWarning)

Loop = Callable[[], None]
"""Does its work once for each token of a batch."""


def loop_over(call: Callable[[Any], object], inputs: Iterable[Any]) -> Loop:
    """Return the loop that calls `call` with each input."""
    listed = list(inputs)

    def loop() -> None:
        for one in listed:
            call(one)

    return loop


def bare_verify(material: Material) -> Loop:
    """The cheapest documented call of `cryptography`; key, padding, hash and signature are prepared.

    For HS256: a keyed HMAC object is copied, updated, and its `verify` called. The signature of ES256 is in DER
    already, and nothing is decoded.
    """
    signed = [(given, _decode(signature)) for given, signature in material.signed_parts()]
    sha256 = SHA256()
    if material.alg == "HS256":
        return _bare_hmac(HMAC(material.native, sha256).copy, signed)
    verify = material.public.verify
    if material.alg == "RS256":
        padding = PKCS1v15()

        def loop_rsa() -> None:
            for given, signature in signed:
                verify(signature, given, padding, sha256)

        return loop_rsa
    if material.alg == "ES256":
        algorithm = ECDSA(sha256)
        signed = [(given, _der(signature)) for given, signature in signed]

        def loop_ec() -> None:
            for given, signature in signed:
                verify(signature, given, algorithm)

        return loop_ec

    def loop_ed() -> None:
        for given, signature in signed:
            verify(signature, given)

    return loop_ed


def _bare_hmac(copy_keyed: Callable[[], HMAC], signed: list[tuple[bytes, bytes]]) -> Loop:
    def loop() -> None:
        for given, signature in signed:
            mac = copy_keyed()
            mac.update(given)
            mac.verify(signature)

    return loop


def sodium_verify(material: Material) -> Loop:
    """`VerifyKey.verify` of PyNaCl, which is libsodium."""
    verify = nacl.signing.VerifyKey(material.public.public_bytes(Encoding.Raw, PublicFormat.Raw)).verify
    signed = [(given, _decode(signature)) for given, signature in material.signed_parts()]

    def loop() -> None:
        for given, signature in signed:
            verify(given, signature)

    return loop


def bare_sign(material: Material) -> Loop:
    """The cheapest documented call of `cryptography` over the same signing inputs; ES256 stays in DER."""
    inputs = [given for given, _ in material.signed_parts()]
    sha256 = SHA256()
    if material.alg == "HS256":
        copy_keyed = HMAC(material.native, sha256).copy

        def loop() -> None:
            for given in inputs:
                mac = copy_keyed()
                mac.update(given)
                mac.finalize()

        return loop
    sign = material.native.sign
    if material.alg == "RS256":
        padding = PKCS1v15()
        return loop_over(lambda given: sign(given, padding, sha256), inputs)
    if material.alg == "ES256":
        algorithm = ECDSA(sha256)
        return loop_over(lambda given: sign(given, algorithm), inputs)
    return loop_over(sign, inputs)


def tokenward_verifier(material: Material, *, cache_size: int = 0, **settings: Any) -> TokenVerifier[Any]:
    """A verifier with all checks on. With `cache_size=0` every token is as if never seen."""
    wanted = {"issuer": material.claims[0]["iss"], "audience": AUDIENCE, "keys": material.keys, **settings}
    return TokenVerifier(algorithms=[material.alg], cache_size=cache_size, **wanted)


def tokenward_sign(material: Material) -> Loop:
    key = material.key
    return loop_over(lambda claims: encode_access_token(claims, key), material.claims)


def pyjwt_verify(material: Material) -> Loop:
    decode = functools.partial(
        jwt.PyJWT().decode,
        key=material.public,
        algorithms=[material.alg],
        issuer=ISSUER,
        audience=AUDIENCE,
        options={"require": list(REQUIRED)},
    )
    return loop_over(decode, material.tokens)


def pyjwt_sign(material: Material) -> Loop:
    headers = {"typ": "at+jwt", "kid": material.key.kid}
    encode = functools.partial(
        jwt.PyJWT().encode, key=material.native, algorithm=material.alg, headers=headers
    )
    return loop_over(encode, material.claims)


def joserfc_verify(material: Material) -> Loop:
    key, algorithms = _joserfc_key(material), [material.alg]
    decode = joserfc.jwt.decode
    check = joserfc.jwt.JWTClaimsRegistry(**_claims_options()).validate
    return loop_over(lambda token: check(decode(token, key, algorithms=algorithms).claims), material.tokens)


def joserfc_sign(material: Material) -> Loop:
    key, algorithms = _joserfc_key(material), [material.alg]
    encode = joserfc.jwt.encode

    def sign(claims: dict[str, Any]) -> str:
        return encode({"alg": algorithms[0], "typ": "at+jwt", "kid": kid}, claims, key, algorithms=algorithms)

    kid = material.key.kid
    return loop_over(sign, material.claims)


def authlib_verify(material: Material) -> Loop:
    decode = authlib.jose.JsonWebToken([material.alg]).decode
    key = authlib.jose.JsonWebKey.import_key(_jwk(material))
    options = _claims_options()
    return loop_over(lambda token: decode(token, key, claims_options=options).validate(), material.tokens)


def jwcrypto_verify(material: Material) -> Loop:
    key = jwcrypto.jwk.JWK(**_jwk(material))
    checks: dict[str, Any] = dict.fromkeys(REQUIRED)
    checks |= {"iss": ISSUER, "aud": AUDIENCE}

    def verify(token: str) -> None:
        jwcrypto.jwt.JWT(jwt=token, key=key, algs=[material.alg], check_claims=checks, expected_type="JWS")

    return loop_over(verify, material.tokens)


def _claims_options() -> dict[str, Any]:
    options: dict[str, Any] = {name: {"essential": True} for name in REQUIRED}
    options["iss"]["value"] = ISSUER
    options["aud"]["value"] = AUDIENCE
    return options


def _jwk(material: Material) -> dict[str, str]:
    """The key that verifies, as a JWK."""
    key = material.keys.keys[0]
    return key.to_private_jwk() if isinstance(key, HMACKey) else key.to_jwk()


def _joserfc_key(material: Material) -> Any:
    """The private key, which verifies and signs."""
    if material.alg == "HS256":
        return joserfc.jwk.OctKey.import_key(material.native)
    kinds: dict[str, Any] = {
        "RS256": joserfc.jwk.RSAKey,
        "ES256": joserfc.jwk.ECKey,
        "EdDSA": joserfc.jwk.OKPKey,
    }
    pem = material.native.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    return kinds[material.alg].import_key(pem)


def _decode(text: bytes) -> bytes:
    return urlsafe_b64decode(text + b"=" * (-len(text) % 4))


def _der(signature: bytes) -> bytes:
    return encode_dss_signature(int.from_bytes(signature[:32]), int.from_bytes(signature[32:]))


class TypedClaims(msgspec.Struct):
    """The ten claims as an application would write them down."""

    iss: str
    sub: str
    aud: str
    client_id: str
    exp: int
    iat: int
    jti: str
    scope: str
    sid: str
    roles: list[str]

"""Typed keys: each is bound to one algorithm, and to signing or verifying (RFC 8725 section 3.1).

The type decides what a key can do, never a token: there is no function that takes a key and the name of an
algorithm from a header. So an RSA public key cannot become an HMAC secret, and a public key cannot sign.
"""

from abc import ABC, abstractmethod
from hmac import compare_digest
from typing import Any, Final

from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, PublicFormat

from tokenward.errors import InvalidToken
from tokenward.jose import algorithms, base64url
from tokenward.jose.key_strength import (
    InvalidKey,
    check_ed25519_point,
    check_hmac_secret,
    check_rsa_numbers,
)
from tokenward.jose.thumbprint import thumbprint

MAX_KID_LENGTH: Final = 256


class Key(ABC):
    """What all keys have: one algorithm, and an identifier.

    `alg` is the one algorithm of the key; `header_algorithms` are the values of the header parameter `alg`
    that mean it; `kid` is the RFC 7638 thumbprint unless another was given.
    """

    __slots__ = ("_verify", "alg", "header_algorithms", "kid")

    def __init__(self, alg: str, kid: str | None, verify: algorithms.Verifier) -> None:
        if kid is None:
            kid = thumbprint(self._thumbprint_members())
        elif type(kid) is not str or not 0 < len(kid) <= MAX_KID_LENGTH or not kid.isprintable():
            raise InvalidKey(f"A kid must be a printable string of 1 to {MAX_KID_LENGTH} characters.")
        self.alg = alg
        self.header_algorithms = algorithms.names_of(alg)
        self.kid = kid
        self._verify = verify

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self.alg} {self.kid!r}>"

    def verify(self, signing_input: bytes, signature: bytes) -> None:
        """Verify the raw `signature` over `signing_input`; return nothing.

        Raises:
            InvalidToken: when it is not the signature of this key over exactly these bytes.
        """
        self._verify(signing_input, signature)

    def verify_encoded(self, signing_input: bytes, encoded_signature: bytes) -> None:
        """Verify a signature that is still in base64url, as it stands in a compact JWS.

        Raises:
            InvalidToken: as `verify` does, and for text that is not canonical base64url.
        """
        self._verify(signing_input, base64url.decode(encoded_signature))

    @abstractmethod
    def _thumbprint_members(self) -> dict[str, str]:
        """The members that RFC 7638 section 3.2 takes the thumbprint of."""

    def _public_parameters(self) -> dict[str, str]:
        return {"use": "sig", "alg": self.alg, "kid": self.kid}


class PublicKey(Key):
    """A key that verifies, and that everybody may have."""

    __slots__ = ()

    def to_jwk(self) -> dict[str, str]:
        """Return the public JWK (RFC 7517), with `use`, `alg` and `kid`."""
        return {**self._thumbprint_members(), **self._public_parameters()}


class SigningKey(Key):
    """A key that signs. It keeps the header segments that `jwt.sign` encoded for it."""

    __slots__ = ("_sign", "header_segments")

    def __init__(
        self, alg: str, kid: str | None, sign: algorithms.Signer, verify: algorithms.Verifier
    ) -> None:
        super().__init__(alg, kid, verify)
        self._sign = sign
        self.header_segments: dict[str, bytes] = {}

    def sign(self, signing_input: bytes) -> bytes:
        """Return the raw signature over `signing_input`, in the form that JWS wants."""
        return self._sign(signing_input)

    def to_private_jwk(self) -> dict[str, str]:
        """Return the whole JWK with its secret members; whoever stores it must encrypt it."""
        return {**self._thumbprint_members(), **self._private_members(), **self._public_parameters()}

    @abstractmethod
    def _private_members(self) -> dict[str, str]:
        """The members of the JWK that are secret."""


class HMACKey(SigningKey):
    """A shared secret for `HS256`: whoever can verify can also sign. It has no public form.

    Args:
        secret: at least 32 random bytes.
        kid: the identifier; the RFC 7638 thumbprint of the secret when it is None.

    Raises:
        InvalidKey: for a secret that is short, repetitive, or an asymmetric key in any of its usual forms.
    """

    __slots__ = ("_secret",)

    def __init__(self, secret: bytes, *, kid: str | None = None) -> None:
        if type(secret) is not bytes:
            raise InvalidKey("The HMAC secret must be bytes.")
        check_hmac_secret(secret)
        self._secret = secret
        sign = algorithms.hs256_signer(secret)
        super().__init__(algorithms.HS256, kid, sign, algorithms.hs256_verifier(sign))

    def verify_encoded(self, signing_input: bytes, encoded_signature: bytes) -> None:
        """Verify an encoded code by encoding the right one; no other spelling can be equal to it."""
        if not compare_digest(base64url.encode(self._sign(signing_input)), encoded_signature):
            raise InvalidToken(reason="signature_invalid")

    def _thumbprint_members(self) -> dict[str, str]:
        return {"kty": "oct", "k": _text(self._secret)}

    def _private_members(self) -> dict[str, str]:
        return {}


class RSAPublicKey(PublicKey):
    """An RSA key that verifies `RS256`; 2048 to 8192 bits."""

    __slots__ = ("_native",)

    def __init__(self, native: rsa.RSAPublicKey, *, kid: str | None = None) -> None:
        check_rsa_numbers(native.public_numbers())
        self._native = native
        super().__init__(algorithms.RS256, kid, algorithms.rs256_verifier(native))

    def _thumbprint_members(self) -> dict[str, str]:
        return _rsa_members(self._native)


class RSAPrivateKey(SigningKey):
    """An RSA key that signs `RS256`; 2048 to 8192 bits."""

    __slots__ = ("_native",)

    def __init__(self, native: rsa.RSAPrivateKey, *, kid: str | None = None) -> None:
        public = native.public_key()
        check_rsa_numbers(public.public_numbers())
        self._native = native
        super().__init__(
            algorithms.RS256, kid, algorithms.rs256_signer(native), algorithms.rs256_verifier(public)
        )

    def public_key(self) -> RSAPublicKey:
        """Return the key that verifies what this one signs."""
        return RSAPublicKey(self._native.public_key(), kid=self.kid)

    def _thumbprint_members(self) -> dict[str, str]:
        return _rsa_members(self._native.public_key())

    def _private_members(self) -> dict[str, str]:
        numbers = self._native.private_numbers()
        return {
            "d": _number(numbers.d),
            "p": _number(numbers.p),
            "q": _number(numbers.q),
            "dp": _number(numbers.dmp1),
            "dq": _number(numbers.dmq1),
            "qi": _number(numbers.iqmp),
        }


class ECPublicKey(PublicKey):
    """A key on P-256 that verifies `ES256`."""

    __slots__ = ("_native",)

    def __init__(self, native: ec.EllipticCurvePublicKey, *, kid: str | None = None) -> None:
        _check_curve(native.curve)
        self._native = native
        super().__init__(algorithms.ES256, kid, algorithms.es256_verifier(native))

    def _thumbprint_members(self) -> dict[str, str]:
        return _ec_members(self._native)


class ECPrivateKey(SigningKey):
    """A key on P-256 that signs `ES256`."""

    __slots__ = ("_native",)

    def __init__(self, native: ec.EllipticCurvePrivateKey, *, kid: str | None = None) -> None:
        _check_curve(native.curve)
        self._native = native
        super().__init__(
            algorithms.ES256,
            kid,
            algorithms.es256_signer(native),
            algorithms.es256_verifier(native.public_key()),
        )

    def public_key(self) -> ECPublicKey:
        """Return the key that verifies what this one signs."""
        return ECPublicKey(self._native.public_key(), kid=self.kid)

    def _thumbprint_members(self) -> dict[str, str]:
        return _ec_members(self._native.public_key())

    def _private_members(self) -> dict[str, str]:
        return {"d": _text(self._native.private_numbers().private_value.to_bytes(32, "big"))}


class OKPPublicKey(PublicKey):
    """An Ed25519 key that verifies; `alg` is `EdDSA` or `Ed25519`, and headers may say either (RFC 9864)."""

    __slots__ = ("_native",)

    def __init__(
        self, native: ed25519.Ed25519PublicKey, *, alg: str = algorithms.EDDSA, kid: str | None = None
    ) -> None:
        _check_edwards_algorithm(alg)
        check_ed25519_point(native.public_bytes(Encoding.Raw, PublicFormat.Raw))
        self._native = native
        super().__init__(alg, kid, algorithms.ed25519_verifier(native))

    def _thumbprint_members(self) -> dict[str, str]:
        return _okp_members(self._native)


class OKPPrivateKey(SigningKey):
    """An Ed25519 key that signs; `alg`, `EdDSA` or `Ed25519`, is what its tokens say."""

    __slots__ = ("_native",)

    def __init__(
        self, native: ed25519.Ed25519PrivateKey, *, alg: str = algorithms.EDDSA, kid: str | None = None
    ) -> None:
        _check_edwards_algorithm(alg)
        self._native = native
        super().__init__(
            alg, kid, algorithms.ed25519_signer(native), algorithms.ed25519_verifier(native.public_key())
        )

    def public_key(self) -> OKPPublicKey:
        """Return the key that verifies what this one signs."""
        return OKPPublicKey(self._native.public_key(), alg=self.alg, kid=self.kid)

    def _thumbprint_members(self) -> dict[str, str]:
        return _okp_members(self._native.public_key())

    def _private_members(self) -> dict[str, str]:
        raw = self._native.private_bytes(Encoding.Raw, PrivateFormat.Raw, NoEncryption())
        return {"d": _text(raw)}


PrivateKey = RSAPrivateKey | ECPrivateKey | OKPPrivateKey
VerificationKey = PublicKey | HMACKey


def _text(data: bytes) -> str:
    return base64url.encode(data).decode("ascii")


def _number(value: int) -> str:
    return _text(value.to_bytes((value.bit_length() + 7) // 8, "big"))


def _rsa_members(native: rsa.RSAPublicKey) -> dict[str, str]:
    numbers = native.public_numbers()
    return {"kty": "RSA", "n": _number(numbers.n), "e": _number(numbers.e)}


def _ec_members(native: ec.EllipticCurvePublicKey) -> dict[str, str]:
    numbers = native.public_numbers()
    return {
        "kty": "EC",
        "crv": "P-256",
        "x": _text(numbers.x.to_bytes(32, "big")),
        "y": _text(numbers.y.to_bytes(32, "big")),
    }


def _okp_members(native: ed25519.Ed25519PublicKey) -> dict[str, str]:
    return {
        "kty": "OKP",
        "crv": "Ed25519",
        "x": _text(native.public_bytes(Encoding.Raw, PublicFormat.Raw)),
    }


def _check_curve(curve: Any) -> None:
    if not isinstance(curve, ec.SECP256R1):
        raise InvalidKey("An EC key must be on the curve P-256, the one of ES256.")


def _check_edwards_algorithm(alg: str) -> None:
    if alg not in (algorithms.EDDSA, algorithms.ED25519):
        raise InvalidKey("An Ed25519 key signs `EdDSA` or `Ed25519`.")

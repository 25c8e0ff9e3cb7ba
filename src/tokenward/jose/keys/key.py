"""What all keys have, and what public keys, keys that sign, and private keys have beside that."""

from abc import ABC, abstractmethod
from collections.abc import Callable
from typing import Final

from tokenward.jose import algorithms, base64url
from tokenward.jose.key_strength import InvalidKey
from tokenward.jose.thumbprint import thumbprint

MAX_KID_LENGTH: Final = 256


class Key(ABC):
    """What all keys have: one algorithm, and an identifier.

    `alg` is the one algorithm of the key; `header_algorithms` are the values of the header parameter `alg`
    that mean it; `kid` is the RFC 7638 thumbprint unless another was given.

    `verify_encoded` verifies a signature that is still in base64url, as it stands in a compact JWS, over the signing
    input. It raises `InvalidToken` as `verify` does, and for text that is not canonical base64url. It is a function
    made for this key, and no method, since every token goes through it.
    """

    __slots__ = ("_verify", "alg", "header_algorithms", "kid", "verify_encoded")

    verify_encoded: Callable[[bytes, bytes], None]

    def __init__(
        self, alg: str, kid: str | None, verify: algorithms.Verifier, *, names: frozenset[str] | None = None
    ) -> None:
        if kid is None:
            kid = thumbprint(self._thumbprint_members())
        elif type(kid) is not str or not 0 < len(kid) <= MAX_KID_LENGTH or not kid.isprintable():
            raise InvalidKey(f"A kid must be a printable string of 1 to {MAX_KID_LENGTH} characters.")
        self.alg = alg
        self.header_algorithms = algorithms.names_of(alg) if names is None else names
        self.kid = kid
        self._verify = verify
        self.verify_encoded = _decoding(verify)

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self.alg} {self.kid!r}>"

    def verify(self, signing_input: bytes, signature: bytes) -> None:
        """Verify the raw `signature` over `signing_input`; return nothing.

        Raises:
            InvalidToken: when it is not the signature of this key over exactly these bytes.
        """
        self._verify(signing_input, signature)

    @abstractmethod
    def _thumbprint_members(self) -> dict[str, str]:
        """The members that RFC 7638 section 3.2 takes the thumbprint of."""

    def _public_parameters(self) -> dict[str, str]:
        return {"use": "sig", "alg": self.alg, "kid": self.kid}


def _decoding(verify: algorithms.Verifier) -> algorithms.Verifier:
    """Return the function that decodes the signature before it is verified."""
    decode = base64url.decode

    def verify_encoded(signing_input: bytes, encoded: bytes) -> None:
        verify(signing_input, decode(encoded))

    return verify_encoded


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
        self,
        alg: str,
        kid: str | None,
        sign: algorithms.Signer,
        verify: algorithms.Verifier,
        *,
        names: frozenset[str] | None = None,
    ) -> None:
        super().__init__(alg, kid, verify, names=names)
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


class PrivateKey(SigningKey):
    """A key that signs, and has a public key that verifies what it signs."""

    __slots__ = ()

    @abstractmethod
    def public_key(self) -> PublicKey:
        """Return the key that verifies what this one signs."""

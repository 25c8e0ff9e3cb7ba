"""RSA keys: `kty` `RSA` (RFC 7518 section 6.3)."""

from collections.abc import Mapping
from typing import Any, Final, Self

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric import rsa as native_rsa

from tokenward.jose import algorithms
from tokenward.jose.algorithms import rsa
from tokenward.jose.key_strength import InvalidKey, UnsupportedKey, check_rsa_numbers
from tokenward.jose.keys.key import PrivateKey, PublicKey
from tokenward.jose.keys.members import number_text, read_number

_ALGORITHMS: Final = (
    algorithms.RS256,
    algorithms.RS384,
    algorithms.RS512,
    algorithms.PS256,
    algorithms.PS384,
    algorithms.PS512,
)

# A longer hash is asked for by who wants more strength, which the modulus must have too. 3072 bits match a strength of
# 128. 4096 bits sign at twice the cost of these and add 12 to that.
_BITS: Final = {algorithms.RS256: 2048, algorithms.PS256: 2048}
_BITS_FOR_LONGER_HASHES: Final = 3072


class RSAPublicKey(PublicKey):
    """An RSA key that verifies by `alg`, one of `RS256` to `PS512`, and by no other; 2048 to 8192 bits."""

    __slots__ = ("_native",)

    def __init__(
        self, native: native_rsa.RSAPublicKey, *, alg: str = algorithms.RS256, kid: str | None = None
    ) -> None:
        if not isinstance(native, native_rsa.RSAPublicKey):
            raise InvalidKey("The RSA public key must be an `RSAPublicKey` of `cryptography`.")
        _check_algorithm(alg)
        check_rsa_numbers(native.public_numbers())
        self._native = native
        super().__init__(alg, kid, rsa.verifier(alg, native))

    def _thumbprint_members(self) -> dict[str, str]:
        return _public_members(self._native)


class RSAPrivateKey(PrivateKey):
    """An RSA key that signs by `alg`, one of `RS256` to `PS512`, and by no other; 2048 to 8192 bits."""

    __slots__ = ("_native",)

    def __init__(
        self, native: native_rsa.RSAPrivateKey, *, alg: str = algorithms.RS256, kid: str | None = None
    ) -> None:
        if not isinstance(native, native_rsa.RSAPrivateKey):
            raise InvalidKey("The RSA private key must be an `RSAPrivateKey` of `cryptography`.")
        _check_algorithm(alg)
        public = native.public_key()
        check_rsa_numbers(public.public_numbers())
        self._native = native
        super().__init__(alg, kid, rsa.signer(alg, native), rsa.verifier(alg, public))

    @classmethod
    def generate(cls, alg: str = algorithms.RS256) -> Self:
        """Return a new random key: of 2048 bits for the algorithms with SHA-256, of 3072 for the others.

        Raises:
            UnsupportedKey: for an algorithm that is not RSA.
        """
        _check_algorithm(alg)
        return cls(native_rsa.generate_private_key(65537, _BITS.get(alg, _BITS_FOR_LONGER_HASHES)), alg=alg)

    def public_key(self) -> RSAPublicKey:
        """Return the key that verifies what this one signs."""
        return RSAPublicKey(self._native.public_key(), alg=self.alg, kid=self.kid)

    def _thumbprint_members(self) -> dict[str, str]:
        return _public_members(self._native.public_key())

    def _private_members(self) -> dict[str, str]:
        numbers = self._native.private_numbers()
        return {
            "d": number_text(numbers.d),
            "p": number_text(numbers.p),
            "q": number_text(numbers.q),
            "dp": number_text(numbers.dmp1),
            "dq": number_text(numbers.dmq1),
            "qi": number_text(numbers.iqmp),
        }


def algorithms_of_jwk(_jwk: Mapping[str, Any]) -> tuple[str, ...]:
    """Return what an RSA key can be for; the first is meant when nothing says which."""
    return _ALGORITHMS


def public_from_jwk(jwk: Mapping[str, Any], alg: str, kid: str | None) -> RSAPublicKey:
    """Return the public key of `jwk` for `alg`."""
    return RSAPublicKey(_numbers(jwk).public_key(), alg=alg, kid=kid)


def private_from_jwk(jwk: Mapping[str, Any], alg: str, kid: str | None) -> RSAPrivateKey:
    """Return the private key of `jwk` for `alg`; it must have all of `d p q dp dq qi`."""
    if "oth" in jwk:
        raise UnsupportedKey("RSA keys of more than two primes are not supported.")
    numbers = native_rsa.RSAPrivateNumbers(
        p=read_number(jwk, "p"),
        q=read_number(jwk, "q"),
        d=read_number(jwk, "d"),
        dmp1=read_number(jwk, "dp"),
        dmq1=read_number(jwk, "dq"),
        iqmp=read_number(jwk, "qi"),
        public_numbers=_numbers(jwk),
    )
    try:
        native = numbers.private_key()
    except (ValueError, UnsupportedAlgorithm):
        raise InvalidKey("The members of the RSA key do not belong together.") from None
    return RSAPrivateKey(native, alg=alg, kid=kid)


def _numbers(jwk: Mapping[str, Any]) -> native_rsa.RSAPublicNumbers:
    numbers = native_rsa.RSAPublicNumbers(read_number(jwk, "e"), read_number(jwk, "n"))
    # The key object checks the same again. Here it spares the library numbers that it has its own errors for.
    check_rsa_numbers(numbers)
    return numbers


def _public_members(native: native_rsa.RSAPublicKey) -> dict[str, str]:
    numbers = native.public_numbers()
    return {"kty": "RSA", "n": number_text(numbers.n), "e": number_text(numbers.e)}


def _check_algorithm(alg: str) -> None:
    if alg not in _ALGORITHMS:
        raise UnsupportedKey(f"An RSA key is for {', '.join(_ALGORITHMS)} only.")

"""JWK Sets: the keys of one issuer, and the choice of the one that a header names (RFC 7517 section 5)."""

from collections.abc import Iterable
from typing import Any, Final, Self

import msgspec

from tokenward.errors import ConfigurationError, InvalidToken
from tokenward.jose import algorithms
from tokenward.jose.jwk import InvalidKey, PublishedPrivateKey, UnsupportedKey, import_jwk
from tokenward.jose.keys import MAX_KID_LENGTH, HMACKey, PublicKey, VerificationKey
from tokenward.jose.strict_json import decode_object

MAX_JWKS_BYTES: Final = 256 * 1024
MAX_KEYS: Final = 100


class JWKSet:
    """An immutable set of keys that verify. Each `kid` names one key.

    `keys` are in the given order. `skipped` says, for a set that was parsed, which entries were left out and
    why. Whether the keys are the issuer's is not checked here: whoever fetches the set must.

    Args:
        keys: public keys, or secrets. Not both, because where a set has both, a mistake anywhere else can turn a
            public key into a secret that everybody knows.
        skipped: what `skipped` says.
        insecure_mixed_symmetry: allow both.

    Raises:
        ConfigurationError: when two keys have one `kid`, when there are public keys and secrets, or when something is
            not a key that verifies.
    """

    __slots__ = ("_by_kid", "keys", "skipped")

    def __init__(
        self,
        keys: Iterable[VerificationKey],
        *,
        skipped: Iterable[str] = (),
        insecure_mixed_symmetry: bool = False,
    ) -> None:
        self.keys: tuple[VerificationKey, ...] = tuple(keys)
        self.skipped: tuple[str, ...] = tuple(skipped)
        self._by_kid: dict[str, VerificationKey] = {}
        for key in self.keys:
            if not isinstance(key, PublicKey | HMACKey):
                raise ConfigurationError(
                    "A JWK Set holds keys that verify; give it `private_key.public_key()`."
                )
            if key.kid in self._by_kid:
                raise _two_keys(key.kid)
            self._by_kid[key.kid] = key
        secrets = sum(isinstance(key, HMACKey) for key in self.keys)
        if 0 < secrets < len(self.keys) and not insecure_mixed_symmetry:
            raise InvalidKey(
                "The JWK Set has HMAC keys beside public keys. Make two sets, and give each to its own verifier."
            )

    def __repr__(self) -> str:
        return f"<JWKSet of {len(self.keys)} keys>"

    def __len__(self) -> int:
        return len(self.keys)

    def find(self, kid: str | None, alg: str) -> VerificationKey:
        """Return the key named `kid`, which must be for `alg`; without a `kid`, the only one for `alg`.

        A `kid` is compared as it is and used for nothing else: no path, no query, no address.

        Raises:
            InvalidToken: when there is no such key, when it is for another algorithm, or when a token
                without a `kid` could mean several.
        """
        if kid is not None:
            key = self._by_kid.get(kid)
            if key is None:
                raise InvalidToken(reason="kid_unknown")
            if alg not in key.header_algorithms:
                raise InvalidToken(reason="alg_not_of_key")
            return key
        candidates = [key for key in self.keys if alg in key.header_algorithms]
        if len(candidates) != 1:
            raise InvalidToken(reason="kid_missing" if candidates else "alg_not_of_key")
        return candidates[0]

    def to_json(self) -> bytes:
        """Return the public JWK Set as it is served.

        Raises:
            ConfigurationError: when an HMAC key is among the keys: a secret must never be published.
        """
        jwks = []
        for key in self.keys:
            if not isinstance(key, PublicKey):
                raise ConfigurationError("An HMAC key is a secret and cannot be in a published JWK Set.")
            jwks.append(key.to_jwk())
        return msgspec.json.encode({"keys": jwks})

    @classmethod
    def parse(cls, data: bytes, *, rsa_algorithm: str = algorithms.RS256) -> Self:
        """Read a JWK Set that came from outside.

        One entry that cannot be used does not take the others down: it is left out and named in `skipped`.
        So are key types that we do not know, keys for encryption, symmetric keys, which have no business in a
        published set, weak keys, and keys that were published with their private part; the last is worth an alarm.

        Args:
            data: the JSON text.
            rsa_algorithm: what an RSA key is for that does not say so itself. No token is asked.

        Raises:
            StrictJSONError: when `data` is not a strict JSON object of at most 256 KiB.
            InvalidKey: when there is no list `keys`, when it is too long, or when two entries that may be for
                signatures have one `kid`, so that a token does not say which is meant.
            ConfigurationError: when `rsa_algorithm` is not one for RSA.
        """
        if not isinstance(data, bytes):
            raise InvalidKey(
                "A JWK Set is read from bytes, as they came: from `response.content`, or a file."
            )
        if rsa_algorithm not in algorithms.RSA:
            raise ConfigurationError(f"`rsa_algorithm` must be one of {', '.join(sorted(algorithms.RSA))}.")
        document = decode_object(data, max_bytes=MAX_JWKS_BYTES, max_members=20 * MAX_KEYS)
        entries = document.get("keys")
        if type(entries) is not list or len(entries) > MAX_KEYS:
            raise InvalidKey(f"A JWK Set must have a list `keys` of at most {MAX_KEYS} entries.")
        keys: list[VerificationKey] = []
        skipped: list[str] = []
        kids: set[str] = set()
        for number, entry in enumerate(entries):
            try:
                keys.append(_public_key(entry, rsa_algorithm))
            except InvalidKey as error:
                skipped.append(f"key {number}: {error.description}")
                if isinstance(error, UnsupportedKey):
                    continue  # It is for something else than our signatures, and may be named like one for these.
            kid = entry.get("kid") if type(entry) is dict else None
            if type(kid) is str:
                if kid in kids:
                    raise _two_keys(kid)
                kids.add(kid)
        return cls(keys, skipped=skipped)


def _public_key(entry: Any, rsa_algorithm: str) -> VerificationKey:
    if type(entry) is not dict:
        raise InvalidKey("It is not a JSON object.")
    kty = entry.get("kty")
    if kty == "oct":
        raise InvalidKey("It is symmetric, and a published secret is none.")
    try:
        return import_jwk(entry, alg=rsa_algorithm if kty == "RSA" and "alg" not in entry else None)
    except PublishedPrivateKey:
        raise PublishedPrivateKey(
            "ALARM: it was published with its private part, so that everybody can sign with it. Its owner must "
            "replace it at once."
        ) from None


def _two_keys(kid: str) -> InvalidKey:
    return InvalidKey(f"Two keys of the JWK Set have the kid {kid[:MAX_KID_LENGTH]!r}.")

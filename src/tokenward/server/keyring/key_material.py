"""Making a key: its id, its public part, and the private bytes that are to be wrapped."""

import asyncio
import os
from typing import NamedTuple

import msgspec

from tokenward.jose import base64url
from tokenward.jose.jwk import ECPrivateKey, OKPPrivateKey, RSAPrivateKey, generate
from tokenward.server.keyring.ring import SYMMETRIC_ALGORITHMS


class KeyMaterial(NamedTuple):
    """A fresh key. `public_jwk` is JSON text, and `None` for a symmetric key.

    `private` is a JWK in JSON for keys that sign tokens, and 32 bare bytes for a refresh key.
    """

    kid: str
    public_jwk: str | None
    private: bytes


async def new_key_material(algorithm: str, *, symmetric: bool) -> KeyMaterial:
    """A key for `algorithm`; with `symmetric` 32 random bytes that are no JWK, as refresh tokens are computed from."""
    if symmetric:
        return KeyMaterial(_symmetric_kid(), None, os.urandom(32))
    if algorithm in SYMMETRIC_ALGORITHMS:
        kid = _symmetric_kid()
        secret = base64url.encode(os.urandom(32)).decode()
        jwk = {"kty": "oct", "kid": kid, "alg": algorithm, "use": "sig", "k": secret}
        return KeyMaterial(kid, None, msgspec.json.encode(jwk))
    # RSA takes a tenth of a second and more to find its primes; the loop goes on answering meanwhile.
    key = await asyncio.to_thread(generate, algorithm)
    if not isinstance(key, RSAPrivateKey | ECPrivateKey | OKPPrivateKey):
        msg = f"{algorithm} is missing from SYMMETRIC_ALGORITHMS"
        raise TypeError(msg)
    public = msgspec.json.encode(key.public_key().to_jwk()).decode()
    return KeyMaterial(key.kid, public, msgspec.json.encode(key.to_private_jwk()))


def _symmetric_kid() -> str:
    # A symmetric key has no public part to take a thumbprint of, and one of its secret belongs nowhere.
    return "key_" + base64url.encode(os.urandom(16)).decode()

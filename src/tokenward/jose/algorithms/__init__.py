"""The signature algorithms: for each family, the functions that sign and verify with one key.

A signer turns the signing input into the raw signature of JWS. A verifier raises `InvalidToken`, or returns
nothing. What must stay the same between two calls is prepared when the function is made. Here are the names;
the families are in `hmac`, `rsa`, `ecdsa`, `eddsa` and `mldsa`. Whether a key is strong enough is checked in
`tokenward.jose.key_strength`, and who may use it in `tokenward.jose.jwk`.

RFC 7518 section 3, RFC 8037 section 3.1, RFC 8812 section 3.2, RFC 9864 section 2, RFC 9964 section 3.
"""

from collections.abc import Callable
from typing import Final

Signer = Callable[[bytes], bytes]
Verifier = Callable[[bytes, bytes], None]

HS256: Final = "HS256"
HS384: Final = "HS384"
HS512: Final = "HS512"
RS256: Final = "RS256"
RS384: Final = "RS384"
RS512: Final = "RS512"
PS256: Final = "PS256"
PS384: Final = "PS384"
PS512: Final = "PS512"
ES256: Final = "ES256"
ES384: Final = "ES384"
ES512: Final = "ES512"
ES256K: Final = "ES256K"
EDDSA: Final = "EdDSA"
ED25519: Final = "Ed25519"
ED448: Final = "Ed448"
ML_DSA_44: Final = "ML-DSA-44"
ML_DSA_65: Final = "ML-DSA-65"
ML_DSA_87: Final = "ML-DSA-87"

HMAC: Final = frozenset({HS256, HS384, HS512})
RSA: Final = frozenset({RS256, RS384, RS512, PS256, PS384, PS512})
ECDSA: Final = frozenset({ES256, ES384, ES512, ES256K})
EDWARDS: Final = frozenset({EDDSA, ED25519, ED448})
ML_DSA: Final = frozenset({ML_DSA_44, ML_DSA_65, ML_DSA_87})

SUPPORTED: Final = HMAC | RSA | ECDSA | EDWARDS | ML_DSA
"""Every algorithm there is. `none` is not one, and no name is compared in another case or after trimming."""

_ED25519_NAMES: Final = frozenset({EDDSA, ED25519})
_ED448_NAMES: Final = frozenset({EDDSA, ED448})


def names_of(alg: str) -> frozenset[str]:
    """Return the header values that a token of the algorithm `alg` may have.

    `Ed25519` and `Ed448` are fully specified, and `EdDSA` is the older name of either (RFC 9864 section 2.2). Which
    one an `EdDSA` token means, its key decides: a key knows its own names, `header_algorithms`.
    """
    if alg == ED25519:
        return _ED25519_NAMES
    if alg == ED448:
        return _ED448_NAMES
    return EDWARDS if alg == EDDSA else frozenset({alg})

"""DPoP proofs bring their own key, so what the key is called must follow from the key alone (RFC 9449 section 4.3)."""

from typing import Any

import pytest
from tests.tokens import forge

from tokenward.clock import FakeClock
from tokenward.jose import PrivateKey, thumbprint
from tokenward.tokens import DPoPProofVerifier

URL = "https://api.example/things"


def proof(key: PrivateKey, **jwk: Any) -> str:
    """Return a proof that is signed by `key` and shows it, with these members in the JWK too."""
    header = {"typ": "dpop+jwt", "alg": key.alg, "jwk": key.public_key().to_jwk() | jwk}
    return forge.seal(header, {"jti": "j1", "htm": "GET", "htu": URL, "iat": forge.NOW}, key)


def private(name: str) -> PrivateKey:
    key = forge.key("ES256", name)
    assert isinstance(key, PrivateKey)
    return key


@pytest.mark.parametrize("name", ["owner", "", "x" * 300, 1, None])
def test_b01_a_proof_cannot_call_its_key_like_the_key_of_another(name: object) -> None:
    """The thief of a bound token shows a key of his own, and gives it the thumbprint of the owner's as `kid`."""
    owner, thief = private("owner"), private("thief")
    claimed = owner.kid if name == "owner" else name
    verified = DPoPProofVerifier(clock=FakeClock(forge.NOW)).verify(
        proof(thief, kid=claimed), method="GET", url=URL
    )
    assert verified.jkt == thumbprint(thief.public_key().to_jwk()) != owner.kid

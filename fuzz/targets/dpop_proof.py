"""`DPoPProofVerifier`: the key comes with the proof, so anybody can sign; a proof of that key or `InvalidToken`."""

import json
from typing import Final

from fuzz.choices import Choices
from fuzz.forging import ED25519, ES256, NOW, json_text, members, seal
from fuzz.judge import check_error, demand
from fuzz.seeds import SIGNED
from tokenward.clock import FakeClock
from tokenward.errors import InvalidToken
from tokenward.jose import PrivateKey, thumbprint
from tokenward.tokens.dpop_proof import DPoPProofVerifier

MAX_BYTES: Final = 512
SEEDS: Final = SIGNED

_KEYS: Final[tuple[PrivateKey, ...]] = (ED25519, ES256)
_HEADERS: Final = tuple(
    members(
        typ="dpop+jwt", alg=key.alg, jwk={n: v for n, v in key.public_key().to_jwk().items() if n != "kid"}
    )
    for key in _KEYS
)
_JWKS: Final = tuple(members(**key.public_key().to_jwk()) for key in _KEYS)
_URL: Final = "https://api.example/things"
_CLAIMS: Final = members(
    jti="j", htm="GET", htu=_URL, iat=NOW, nonce="n", ath="ypeBEsobvcr6wjGzmiPcTbuaLyOO5Q8NRsmV-z9rOp8"
)
_VERIFIER: Final = DPoPProofVerifier(clock=FakeClock(NOW))


def run(data: bytes) -> None:
    """Sign a changed proof with the key that stands in its header, or with another."""
    choices = Choices(data)
    what = choices.byte()
    head = json_text(choices, _HEADERS[what & 1])
    if what & 2:
        jwk = json_text(choices, _JWKS[what & 1])
        head = b'{"typ":"dpop+jwt","alg":"%s","jwk":%s}' % (_KEYS[what & 1].alg.encode(), jwk)
    key = _KEYS[what & 1 ^ (what == 0xFF)]
    proof = seal(head, json_text(choices, _CLAIMS), key)
    try:
        verified = _VERIFIER.verify(
            proof,
            method="GET",
            url=_URL + "?a=b" if what & 4 else _URL,
            access_token="a" if what & 8 else None,
            nonce="n" if what & 16 else None,
        )
    except InvalidToken as error:
        check_error(error, proof.split(b"."))
        return
    demand(that=verified.jkt == thumbprint(json.loads(head)["jwk"]), otherwise="the proof is of another key")
    demand(that=what != 0xFF, otherwise="a proof was signed with another key than it shows")
    demand(that=abs(verified.iat - NOW) <= 65, otherwise="a proof is good that is not good now")
    demand(that=verified.htm == "GET", otherwise="a proof is good for another method")

"""Tokens and keys, exchanged with other libraries: every algorithm, both ways.

What came of it is kept in `matrix.json`, from which the conformance page is printed. `test_interop.py` compares it with
what comes of it now; `python -m tests.interop.matrix --write` writes it anew.
"""

import json
import sys
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from functools import cache
from importlib.metadata import version
from pathlib import Path
from typing import NamedTuple

import msgspec
from tests.interop.peers import JWK, Joserfc, Peer, PyJWT, Refused, node_libraries

from tokenward.jose import (
    HMACKey,
    JWKSet,
    PrivateKey,
    SigningKey,
    import_jwk,
    import_private_jwk,
    sign_compact,
    thumbprint,
    verify_compact,
)
from tokenward.jose import generate as generate_key
from tokenward.jose.algorithms import RSA, SUPPORTED

RECORD = Path(__file__).parent / "matrix.json"
PAYLOAD = '{"iss":"https://issuer.example","sub":"Zoë","n":[1,2.5,null,true]}'

# All that the issue asks for. A name that the engine does not have, and one that it has and is not here, fail a test.
ALGORITHMS = (
    *("HS256", "HS384", "HS512"),
    *("RS256", "RS384", "RS512"),
    *("PS256", "PS384", "PS512"),
    *("ES256", "ES384", "ES512", "ES256K"),
    *("EdDSA", "Ed25519", "Ed448"),
    *("ML-DSA-44", "ML-DSA-65", "ML-DSA-87"),
)

TOKEN_THERE = "our token there"
TOKEN_HERE = "their token here"
KEY_THERE = "our private key there"
KEY_HERE = "their private key here"
THUMBPRINT = "thumbprint"
CHECKS = (TOKEN_THERE, TOKEN_HERE, KEY_THERE, KEY_HERE, THUMBPRINT)


class Case(NamedTuple):
    """An algorithm; for `EdDSA` also the curve, which its name leaves open."""

    alg: str
    curve: str | None = None

    @property
    def name(self) -> str:
        return f"{self.alg} with {self.curve}" if self.curve else self.alg


CASES = tuple(
    case
    for alg in ALGORITHMS
    for case in ([Case(alg, "Ed25519"), Case(alg, "Ed448")] if alg == "EdDSA" else [Case(alg)])
)


class Record(msgspec.Struct, forbid_unknown_fields=True):
    """What passed, by case and library. A library that does not have the algorithm is not named there."""

    versions: dict[str, str]
    passed: dict[str, dict[str, list[str]]]


def exchange(case: Case, peer: Peer, ours: SigningKey) -> list[str]:
    """Exchange tokens and keys with one library, and return what passed: all that the library can do.

    Raises:
        AssertionError: when something comes out otherwise than it should.
        Refused: when the other library refuses.
        InvalidToken, InvalidKey: when we refuse.
    """
    theirs = peer.make(case.alg, case.curve)
    return [check for check in CHECKS if _CHECKS[check](case, peer, ours, theirs)]


@cache
def our_key(case: Case) -> SigningKey:
    """A key of ours. All RSA keys are one, because making one takes long; a name of its own says what it is for."""
    if case.alg in RSA:
        made = generate_key("RS256") if case.alg == "RS256" else our_key(Case("RS256"))
    else:
        made = generate_key("Ed448" if case.curve == "Ed448" else case.alg)
    return import_private_jwk({**made.to_private_jwk(), "alg": case.alg})


def public_jwk(key: SigningKey) -> JWK:
    """What we publish of a key; of a secret, itself."""
    if isinstance(key, PrivateKey):
        return dict(key.public_key().to_jwk())
    assert isinstance(key, HMACKey)
    return dict(key.to_private_jwk())


def their_public_jwk(jwk: JWK) -> JWK:
    """The public part of a key of another library, without what says that it is for signing; of a secret, itself."""
    private = {"d", "p", "q", "dp", "dq", "qi", "priv", "key_ops"}
    return {name: value for name, value in jwk.items() if name not in private}


def verify_here(alg: str, jwk: JWK, token: str) -> str:
    """The payload of a token, by the public part of a key of another library."""
    key = import_jwk(jwk, alg=alg)
    return verify_compact(token, JWKSet([key]), algorithms=[alg]).payload.decode()


def changed(token: str) -> str:
    """The token with another payload under the same signature."""
    header, _, signature = token.split(".")
    return f"{header}.e30.{signature}"


def _our_token_there(case: Case, peer: Peer, ours: SigningKey, theirs: JWK) -> bool:
    token = sign_compact({}, PAYLOAD.encode(), ours)
    assert peer.verify(case.alg, public_jwk(ours), token) == PAYLOAD
    # Otherwise a library that verifies nothing would pass.
    _check_refused(lambda: peer.verify(case.alg, public_jwk(ours), changed(token)))
    return True


def _their_token_here(case: Case, peer: Peer, ours: SigningKey, theirs: JWK) -> bool:
    token = peer.sign(case.alg, theirs, PAYLOAD)
    assert verify_here(case.alg, their_public_jwk(theirs), token) == PAYLOAD
    return True


def _our_private_key_there(case: Case, peer: Peer, ours: SigningKey, theirs: JWK) -> bool:
    token = peer.sign(case.alg, dict(ours.to_private_jwk()), PAYLOAD)
    assert verify_here(case.alg, public_jwk(ours), token) == PAYLOAD
    return True


def _their_private_key_here(case: Case, peer: Peer, ours: SigningKey, theirs: JWK) -> bool:
    token = sign_compact({}, PAYLOAD.encode(), import_private_jwk(theirs))
    assert peer.verify(case.alg, their_public_jwk(theirs), token) == PAYLOAD
    return True


def _same_thumbprint(case: Case, peer: Peer, ours: SigningKey, theirs: JWK) -> bool:
    for jwk in (public_jwk(ours), their_public_jwk(theirs)):
        found = peer.thumbprint(jwk)
        if found is None:
            return False
        assert found == thumbprint(jwk)
    return True


def _check_refused(call: Callable[[], str]) -> None:
    try:
        call()
    except Refused:
        return
    raise AssertionError("the other library verified a token with another payload")


_CHECKS: dict[str, Callable[[Case, Peer, SigningKey, JWK], bool]] = {
    TOKEN_THERE: _our_token_there,
    TOKEN_HERE: _their_token_here,
    KEY_THERE: _our_private_key_there,
    KEY_HERE: _their_private_key_here,
    THUMBPRINT: _same_thumbprint,
}


def whole_matrix(peers: list[Peer], *, cases: Iterable[Case] = CASES) -> Record:
    """Exchange everything with everybody."""
    versions = {"cryptography": version("cryptography")}
    for peer in peers:
        versions |= peer.versions()
    passed = {
        case.name: {
            peer.name: exchange(case, peer, our_key(case))
            for peer in peers
            if peer.offers(case.alg, case.curve)
        }
        for case in cases
        if case.alg in SUPPORTED
    }
    return Record(versions=versions, passed=passed)


def read_record() -> Record:
    """What is kept of the last exchange."""
    return msgspec.json.decode(RECORD.read_bytes(), type=Record)


def write_record() -> None:
    """Exchange everything, and keep what came of it."""
    with all_peers() as peers:
        record = whole_matrix(peers)
    text = json.dumps(msgspec.to_builtins(record), indent=1, ensure_ascii=False)
    RECORD.write_text(text + "\n", "utf-8")


@contextmanager
def all_peers() -> Iterator[list[Peer]]:
    """Every library."""
    with node_libraries(list(ALGORITHMS)) as node:
        yield [PyJWT(), Joserfc(), *node]


if __name__ == "__main__":
    if sys.argv[1:] != ["--write"]:
        sys.exit("usage: python -m tests.interop.matrix --write")
    write_record()

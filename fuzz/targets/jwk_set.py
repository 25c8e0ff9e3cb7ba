"""`JWKSet.parse`: any bytes give a set of public keys, `StrictJSONError` or `InvalidKey`."""

from typing import Final

from fuzz.choices import Choices
from fuzz.forging import json_text, members, object_of
from fuzz.judge import check_error, demand
from fuzz.keys import ALL, jwk
from fuzz.seeds import SIGNED
from tokenward.errors import InvalidToken
from tokenward.jose import InvalidKey, JWKSet, PublicKey, StrictJSONError
from tokenward.jose.algorithms import RSA, SUPPORTED

MAX_BYTES: Final = 1024
SEEDS: Final = (*SIGNED, b"\xff" + b'{"keys":[]}', b"\xff" + b'{"keys":[{"kty":"OKP"}],"a":1}', b"\xff[]")

_GOOD: Final = tuple(members(**jwk(key)) for key in ALL)
_ALGORITHMS: Final = (*sorted(RSA), "RS256")


def run(data: bytes) -> None:
    """Read a set of a few changed keys."""
    choices = Choices(data)
    what = choices.byte()
    rsa_algorithm = _ALGORITHMS[what % len(_ALGORITHMS)]
    if what == 0xFF:
        text = choices.rest()
    else:
        entries = [json_text(choices, choices.one_of(_GOOD)) for _ in range(what & 3)]
        if what & 4:
            entries.append(object_of(choices.one_of(_GOOD)))
        text = json_text(choices, [(b'"keys"', b"[" + b",".join(entries) + b"]")])
    try:
        keys = JWKSet.parse(text, rsa_algorithm=rsa_algorithm)
    except (StrictJSONError, InvalidKey) as error:
        check_error(error)
        return
    demand(
        that=all(isinstance(key, PublicKey) for key in keys.keys), otherwise="a published set has a secret"
    )
    demand(that=all(len(reason) < 300 for reason in keys.skipped), otherwise="a reason is long")
    written = keys.to_json()
    again = JWKSet.parse(written)
    demand(
        that=again.to_json() == written and not again.skipped,
        otherwise="what was written is read differently",
    )
    for key in keys.keys:
        demand(that=keys.find(key.kid, key.alg) is key, otherwise="a key is not found by its name")
    for alg in SUPPORTED:
        try:
            found = keys.find(None, alg)
        except InvalidToken as error:
            check_error(error)
            continue
        demand(that=alg in found.header_algorithms, otherwise="a key of another algorithm was found")

"""`import_public_key`: any bytes give a public key, or `InvalidKey`."""

from typing import Final

from fuzz.choices import Choices
from fuzz.judge import check_error, demand
from fuzz.keys import files
from tokenward.jose import InvalidKey, PublicKey, import_jwk, import_public_key, thumbprint
from tokenward.jose.algorithms import SUPPORTED

MAX_BYTES: Final = 4096
_NAMES: Final = (None, *sorted(SUPPORTED), "none")
SEEDS: Final = tuple(bytes([0, 0]) + file for file in files())


def run(data: bytes) -> None:
    """Read bytes as a key for an algorithm that is chosen."""
    choices = Choices(data)
    alg = choices.one_of(_NAMES)
    as_text = choices.byte() & 1
    file = choices.rest()
    try:
        key = import_public_key(file.decode("latin-1") if as_text else file, alg=alg)
    except InvalidKey as error:
        check_error(error, [file] if len(file) > 40 else [])
        demand(that=len(error.description) < 300, otherwise="an error is long")
        return
    demand(that=isinstance(key, PublicKey), otherwise="this is no public key")
    demand(
        that=alg is None or alg in key.header_algorithms,
        otherwise="the key is for another algorithm than asked for",
    )
    written = key.to_jwk()
    again = import_jwk(written)
    demand(
        that=again.kid == key.kid == thumbprint(written), otherwise="the key has another thumbprint as a JWK"
    )
    demand(
        that=again.header_algorithms == key.header_algorithms, otherwise="the JWK is for another algorithm"
    )

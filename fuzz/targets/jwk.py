"""`import_jwk` and `import_private_jwk`: any object gives a key that can be written and read again, or `InvalidKey`."""

from typing import Any, Final

from fuzz.choices import Choices
from fuzz.forging import ED448, ED25519, ES256, json_text, members
from fuzz.judge import check_error, demand
from fuzz.keys import ALL, PAIRS, jwk
from fuzz.seeds import KEYS
from tokenward.jose import (
    HMACKey,
    InvalidKey,
    PublicKey,
    SigningKey,
    StrictJSONError,
    VerificationKey,
    decode_object,
    import_jwk,
    import_private_jwk,
    thumbprint,
)
from tokenward.jose.algorithms import SUPPORTED

MAX_BYTES: Final = 1024
SEEDS: Final = KEYS

_PUBLIC: Final = tuple(members(**jwk(key)) for key in ALL)
_PRIVATE: Final = tuple(members(**jwk(key, private=True)) for key in (ED25519, ED448, ES256))
_COSTLY: Final = tuple(
    members(**jwk(key, private=True)) for key in PAIRS if key not in (ED25519, ED448, ES256)
)
_NAMES: Final = (None, *sorted(SUPPORTED), "none", "HS1", "")


def run(data: bytes) -> None:
    """Read a changed JWK as a public and as a private one."""
    choices = Choices(data)
    what = choices.byte()
    # To see whether the members of a long private key belong together takes the library milliseconds.
    good = choices.one_of(_COSTLY if what == 0xFF else _PRIVATE if what >= 0xC0 else _PUBLIC)
    alg = choices.one_of(_NAMES) if choices.byte() & 1 else None
    text = json_text(choices, good)
    try:
        read = decode_object(text, max_bytes=16_384)
    except StrictJSONError:
        return
    try:
        _check_public(import_jwk(read, alg=alg), read, alg)
    except InvalidKey as error:
        check_error(error, _secrets(read))
    try:
        _check_private(import_private_jwk(read), read)
    except InvalidKey as error:
        check_error(error, _secrets(read))


def _check_public(key: VerificationKey, read: dict[str, Any], alg: str | None) -> None:
    demand(
        that=alg is None or alg in key.header_algorithms,
        otherwise="the key is for another algorithm than asked for",
    )
    demand(
        that="alg" not in read or read["alg"] == key.alg,
        otherwise="the key is for another algorithm than it says",
    )
    demand(
        that=isinstance(key, HMACKey) == (read["kty"] == "oct"),
        otherwise="a key is of another kind than it says",
    )
    demand(that=key.kid == read.get("kid", thumbprint(read)), otherwise="the key has another name")
    if isinstance(key, PublicKey):
        demand(
            that="d" not in read and "priv" not in read, otherwise="a private key was taken for a public one"
        )
        written = key.to_jwk()
        again = import_jwk(written)
        demand(that=again.to_jwk() == written, otherwise="what was written is read differently")  # type: ignore[union-attr]
        demand(that=thumbprint(written) == thumbprint(read), otherwise="the key has another thumbprint")


def _check_private(key: SigningKey, read: dict[str, Any]) -> None:
    written = key.to_private_jwk()
    demand(
        that=import_private_jwk(written).to_private_jwk() == written,
        otherwise="what was written is read differently",
    )
    demand(that=thumbprint(written) == thumbprint(read), otherwise="the key has another thumbprint")
    demand(
        that=not any(secret.decode() in repr(key) for secret in _secrets(read)),
        otherwise="a key shows its secret",
    )


def _secrets(read: dict[str, Any]) -> list[bytes]:
    values = [read.get(name) for name in ("d", "p", "q", "dp", "dq", "qi", "k", "priv")]
    return [value.encode() for value in values if type(value) is str and len(value) >= 12]

"""`HMACKey`: any bytes give a key, or `InvalidKey`; what anybody may know gives none."""

import base64
from collections.abc import Callable
from typing import Final

from fuzz.choices import Choices
from fuzz.judge import check_error, demand
from fuzz.keys import files
from tokenward.jose import HMACKey, InvalidKey, import_public_key

MAX_BYTES: Final = 2048
SEEDS: Final = (
    *(b"\x00" + file for file in files()),
    *(bytes([spelling]) + file for spelling in (1, 2, 3, 4) for file in files()[:4]),
    *(b"\x00" + bytes(range(length)) for length in (0, 31, 32, 33, 64)),
    *(b"\x00" + b"a" * 32, b"\x00" + b"abcd" * 8, b'\x00{"kty":"oct","k":"c2VjcmV0"}', b"\x00\xef\xbb\xbf{}"),
)


def _utf_16(text: bytes) -> bytes:
    return text.decode("latin-1").encode("utf-16-le")


_SPELLINGS: Final[tuple[Callable[[bytes], bytes], ...]] = (
    bytes,
    base64.b64encode,
    base64.urlsafe_b64encode,
    base64.b16encode,
    _utf_16,
)


def run(data: bytes) -> None:
    """Make a secret of bytes, as they are or spelled in another way."""
    choices = Choices(data)
    spell = choices.one_of(_SPELLINGS)
    raw = choices.rest()
    secret = spell(raw)
    try:
        key = HMACKey(secret)
    except InvalidKey as error:
        check_error(error, [secret] if len(secret) > 40 else [])
        return
    demand(that=len(secret) >= 32 and len(set(secret)) >= 8, otherwise="a weak secret was taken")
    demand(that=secret not in repr(key).encode("utf-8", "replace"), otherwise="a key shows its secret")
    if spell is _utf_16 and not raw.isascii():
        return  # Nobody writes DER so.
    try:
        import_public_key(raw)
    except InvalidKey:
        return
    demand(that=False, otherwise="a public key was taken for a secret")

"""`base64url`: for every byte string one text, and every other text is refused (RFC 7515 section 2)."""

import base64
import re
from typing import Final

from fuzz.judge import check_error, demand
from tokenward.errors import InvalidToken
from tokenward.jose import base64url

MAX_BYTES: Final = 256
SEEDS: Final = (
    b"",
    b"AA",
    b"AAA",
    b"AAAA",
    b"AQ",
    b"AR",
    b"-_-_",
    b"+/+/",
    b"AA==",
    b"A",
    b"AA\n",
    b"\xff\xfe\xfd",
    b'A"',
)

_ALPHABET: Final = re.compile(rb"[A-Za-z0-9_-]*")


def run(data: bytes) -> None:
    """Take `data` for a text first, and for bytes then."""
    try:
        decoded = base64url.decode(data)
    except InvalidToken as error:
        check_error(error, [data])
        demand(that=not _is_canonical(data), otherwise="the canonical text was refused")
    else:
        demand(that=base64url.encode(decoded) == data, otherwise="one byte string has two texts")
        demand(that=_is_canonical(data), otherwise="a text that is not canonical was taken")
        demand(
            that=decoded == base64.urlsafe_b64decode(data + b"=" * (-len(data) % 4)),
            otherwise="two readers differ",
        )
    text = base64url.encode(data)
    demand(that=text == base64.urlsafe_b64encode(data).rstrip(b"="), otherwise="two writers differ")
    demand(that=base64url.decode(text) == data, otherwise="what was written is read differently")


def _is_canonical(text: bytes) -> bool:
    if not _ALPHABET.fullmatch(text) or len(text) % 4 == 1:
        return False
    padded = text + b"=" * (-len(text) % 4)
    return base64.urlsafe_b64encode(base64.urlsafe_b64decode(padded)).rstrip(b"=") == text

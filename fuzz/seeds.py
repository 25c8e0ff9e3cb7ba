"""Inputs to begin with, for the targets that read decisions out of them; see `fuzz.choices` and `fuzz.forging`."""

from itertools import product
from typing import Final

# What is chosen first (a verifier, an algorithm), a good header, the style of the JSON, the number of changes.
_STARTS: Final = [
    bytes([first, 0, style, count]) for first, style, count in product(range(16), (0, 1, 4), (0, 1, 2))
]

SIGNED: Final[tuple[bytes, ...]] = (
    b"",
    *_STARTS,
    # Each change of each member, with one of the values.
    *(
        bytes([0, 0, 0, 1, change, at, (change * 31 + at * 7) & 0xFF])
        for change, at in product(range(8), range(12))
    ),
    # A changed header.
    *(bytes([0, 0xFF, 0, 1, change, at, at, 0, 0]) for change, at in product(range(8), range(4))),
    # Bytes that are chosen freely.
    b'\x00\x00\x3f{"iss":"https://id.example"}',
    b'\x00\xff\x3f{"alg":"HS256"}',
)

KEYS: Final[tuple[bytes, ...]] = (
    # Each kind of key, as it is and for an algorithm that is chosen.
    *(bytes([what, at, 0]) for what, at in product((0, 0xC0, 0xFF), range(9))),
    *(bytes([0, at, 1, alg]) for at, alg in product(range(9), range(20))),
    # Each change of each member, with one of the values.
    *(
        bytes([what, at & 3, 0, 0, 1, change, at, (change * 31 + at * 7) & 0xFF])
        for what, change, at in product((0, 0xC0), range(8), range(8))
    ),
    b'\x00\x00\x00\x3f{"kty":"OKP"}',
)

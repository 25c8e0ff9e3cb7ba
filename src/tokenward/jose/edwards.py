"""The curves of Ed25519 and Ed448 as far as a check of an encoded point needs them (RFC 8032 sections 5.1 and 5.2).

Multiplying points is the libraries' work. What they let through, and each lets through something else, is told from
the encoding alone: another spelling of a number, and the few points of small order.
"""

from typing import Final, NamedTuple


class Edwards(NamedTuple):
    """A curve a·x² + y² = 1 + d·x²·y² over a prime field; a point is written as y and the sign of x.

    `size` is the length of an encoded point. `small_order` has the y of the points that some small number multiplies
    to the neutral element: as a public key each verifies signatures that nobody had to make.
    """

    name: str
    size: int
    prime: int
    a: int
    d: int
    small_order: frozenset[int]

    def y_of(self, encoded: bytes) -> int:
        """Return y of an encoded point, as it is written there."""
        return int.from_bytes(encoded, "little") & ((1 << (8 * self.size - 1)) - 1)

    def has_point(self, y: int) -> bool:
        """Say whether the curve has a point with this y, so that there is an x."""
        # x² = u / v is a square just when u·v is, and Euler's criterion tells that.
        u, v = 1 - y * y, self.a - self.d * y * y
        return pow(u * v, (self.prime - 1) // 2, self.prime) <= 1


_P25519: Final = 2**255 - 19
_P448: Final = 2**448 - 2**224 - 1

# The y of the points of order 8: twice such a point is (±√-1, 0), one of order 4.
_ORDER_8: Final = 0x05FC536D880238B13933C6D305ACDFD5F098EFF289F4C345B027B2C28F95E826

ED25519: Final = Edwards(
    "Ed25519",
    32,
    _P25519,
    -1,
    -121665 * pow(121666, -1, _P25519) % _P25519,
    frozenset({0, 1, _P25519 - 1, _ORDER_8, _P25519 - _ORDER_8}),
)
ED448: Final = Edwards("Ed448", 57, _P448, 1, -39081, frozenset({0, 1, _P448 - 1}))

REFUSED_ED25519: Final = frozenset(
    (y | sign << 255).to_bytes(32, "little")
    for y in (*ED25519.small_order, *range(_P25519, 2**255))
    for sign in (0, 1)
)
"""The encodings of edwards25519 that are of small order or not canonical: 48, so that one look-up tells all."""

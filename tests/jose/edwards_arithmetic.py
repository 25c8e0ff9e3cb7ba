"""Points of edwards25519, added and multiplied slowly and from the textbook (RFC 8032 section 5.1), for the tests."""

import hashlib
from typing import Final

PRIME: Final = 2**255 - 19
ORDER: Final = 2**252 + 27742317777372353535851937790883648493
ORDER_448: Final = 2**446 - 13818066809895115352007386748515426880336692474882178609894547503885
D: Final = -121665 * pow(121666, -1, PRIME) % PRIME

Point = tuple[int, int]
NEUTRAL: Final[Point] = (0, 1)


def add(first: Point, second: Point) -> Point:
    (x1, y1), (x2, y2) = first, second
    product = D * x1 * x2 * y1 * y2
    return (
        (x1 * y2 + y1 * x2) * pow(1 + product, -1, PRIME) % PRIME,
        (y1 * y2 + x1 * x2) * pow(1 - product, -1, PRIME) % PRIME,
    )


def multiply(point: Point, scalar: int) -> Point:
    result = NEUTRAL
    while scalar:
        if scalar & 1:
            result = add(result, point)
        point = add(point, point)
        scalar >>= 1
    return result


def encode(point: Point) -> bytes:
    return (point[1] | (point[0] & 1) << 255).to_bytes(32, "little")


def find_point(encoded: bytes) -> Point | None:
    """Return the point, or None when the curve has none with this y."""
    number = int.from_bytes(encoded, "little")
    sign, y = number >> 255, number & (2**255 - 1)
    square = (y * y - 1) * pow(D * y * y + 1, -1, PRIME) % PRIME
    x = pow(square, (PRIME + 3) // 8, PRIME)
    if (x * x - square) % PRIME:
        x = x * pow(2, (PRIME - 1) // 4, PRIME) % PRIME
    if (x * x - square) % PRIME:
        return None
    return (x if x & 1 == sign else -x % PRIME, y % PRIME)


def point(encoded: bytes) -> Point:
    found = find_point(encoded)
    assert found is not None
    return found


GENERATOR: Final = point(bytes.fromhex("58" + "66" * 31))


def scalar_of(seed: bytes) -> int:
    """Return the number that an Ed25519 private key multiplies the generator with."""
    number = int.from_bytes(hashlib.sha512(seed).digest()[:32], "little")
    return number & ~7 & (2**254 - 1) | 2**254


def challenge(r: bytes, public: bytes, message: bytes) -> int:
    return int.from_bytes(hashlib.sha512(r + public + message).digest(), "little") % ORDER


def sign_with(r: bytes, r_scalar: int, scalar: int, public: bytes, message: bytes) -> bytes:
    """Return the signature whose first half is `r`, which the owner of the key can choose as it likes."""
    s = (r_scalar + challenge(r, public, message) * scalar) % ORDER
    return r + s.to_bytes(32, "little")


def scalar_of_448(seed: bytes) -> int:
    """Return the number that an Ed448 private key multiplies the generator with."""
    number = int.from_bytes(hashlib.shake_256(seed).digest(57)[:56], "little")
    return number & ~3 & (2**447 - 1) | 2**447


def sign_with_448(r: bytes, r_scalar: int, scalar: int, public: bytes, message: bytes) -> bytes:
    """The same as `sign_with`, for Ed448."""
    digest = hashlib.shake_256(b"SigEd448\0\0" + r + public + message).digest(114)
    s = (r_scalar + int.from_bytes(digest, "little") * scalar) % ORDER_448
    return r + s.to_bytes(57, "little")

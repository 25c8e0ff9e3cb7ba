"""Ed25519 by `cryptography` and by libsodium: one verdict on every signature, whichever is there."""

import random
import subprocess
import sys
from collections.abc import Callable, Iterator

import pytest
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from nacl.bindings import crypto_sign_open
from nacl.exceptions import BadSignatureError
from tests.jose.edwards_arithmetic import (
    GENERATOR,
    NEUTRAL,
    ORDER,
    PRIME,
    add,
    challenge,
    encode,
    multiply,
    point,
    scalar_of,
    sign_with,
)

from tokenward.errors import ConfigurationError, InvalidToken
from tokenward.jose import OKPPrivateKey, OKPPublicKey
from tokenward.jose.algorithms import eddsa, sodium
from tokenward.jose.edwards import REFUSED_ED25519

SEED = bytes(range(32))
SCALAR = scalar_of(SEED)
PRIVATE = Ed25519PrivateKey.from_private_bytes(SEED)
PUBLIC = PRIVATE.public_key().public_bytes_raw()
ORDER_8 = point(bytes.fromhex("26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05"))
LIBRARIES: tuple[eddsa.Library, ...] = ("cryptography", "libsodium")

Verify = Callable[[bytes, bytes], None]


@pytest.fixture(autouse=True)
def no_preference_stays() -> Iterator[None]:
    yield
    eddsa.prefer(None)


def both(public: bytes = PUBLIC) -> list[Verify]:
    """Return how each library verifies with one key of ours."""
    verifiers: list[Verify] = []
    for library in LIBRARIES:
        eddsa.prefer(library)
        verifiers.append(OKPPublicKey(Ed25519PublicKey.from_public_bytes(public)).verify)
    return verifiers


def verdict(verify: Verify, message: bytes, signature: bytes) -> str:
    try:
        verify(message, signature)
    except InvalidToken as error:
        return error.reason
    return "right"


def one_verdict(message: bytes, signature: bytes, verifiers: list[Verify] | None = None) -> str:
    verdicts = {verdict(verify, message, signature) for verify in verifiers or both()}
    assert len(verdicts) == 1
    return verdicts.pop()


def test_both_sign_the_same() -> None:
    signed = []
    for library in LIBRARIES:
        eddsa.prefer(library)
        signing = OKPPrivateKey(PRIVATE)
        signed += [signing.sign(message) for message in (b"", b"input", bytes(5000))]
    assert signed[:3] == signed[3:] == [PRIVATE.sign(message) for message in (b"", b"input", bytes(5000))]
    assert one_verdict(b"input", signed[1]) == "right"


def test_c06_s_plus_l_zeros_and_short_and_long_signatures_are_refused_by_both() -> None:
    good = PRIVATE.sign(b"input")
    s = int.from_bytes(good[32:], "little")
    verifiers = both()
    for multiple in range(1, 14):
        grown = good[:32] + (s + multiple * ORDER).to_bytes(32, "little")
        assert one_verdict(b"input", grown, verifiers) == "signature_invalid"
    assert one_verdict(b"input", bytes(64), verifiers) == "signature_invalid"
    for length in (0, 1, 63, 65, 128):
        assert one_verdict(b"input", (good + bytes(64))[:length], verifiers) == "signature_length"


def test_c06_a_first_half_of_small_order_is_refused_by_both_though_one_library_takes_it() -> None:
    owned = sign_with(encode(NEUTRAL), 0, SCALAR, PUBLIC, b"input")
    PRIVATE.public_key().verify(owned, b"input")
    with pytest.raises(BadSignatureError):
        crypto_sign_open(owned + b"input", PUBLIC)
    assert one_verdict(b"input", owned) == "signature_invalid"


def test_c06_no_first_half_of_small_order_or_in_another_spelling_is_accepted() -> None:
    assert len(REFUSED_ED25519) == 48
    verifiers = both()
    for r in REFUSED_ED25519:
        for s in (0, 1, challenge(r, PUBLIC, b"input") * SCALAR % ORDER):
            signature = r + s.to_bytes(32, "little")
            assert one_verdict(b"input", signature, verifiers) == "signature_invalid"


def test_c06_each_refused_encoding_is_of_small_order_or_not_canonical_and_none_is_missing() -> None:
    small = {multiply(ORDER_8, factor) for factor in range(8)}
    assert len(small) == 8
    assert {encode(one) for one in small} < REFUSED_ED25519
    for encoded in REFUSED_ED25519:
        number = int.from_bytes(encoded, "little")
        y = number & (2**255 - 1)
        # Not canonical: y is not reduced, or it has the sign of an x that is zero.
        assert y >= PRIME or point(encoded) in small
    assert {
        (y | sign << 255).to_bytes(32, "little") for y in range(PRIME, 2**255) for sign in (0, 1)
    } < REFUSED_ED25519


def test_a_first_half_with_a_part_of_small_order_is_refused_by_both() -> None:
    # Multiplied by 8, the equation holds for these; only a library that multiplies would take them.
    verifiers = both()
    for factor in range(1, 8):
        r = encode(add(multiply(GENERATOR, 77), multiply(ORDER_8, factor)))
        signature = sign_with(r, 77, SCALAR, PUBLIC, b"input")
        assert one_verdict(b"input", signature, verifiers) == "signature_invalid"


def test_a_key_with_a_part_of_small_order_gets_one_verdict_from_both() -> None:
    public = encode(add(multiply(GENERATOR, SCALAR % ORDER), ORDER_8))
    verifiers = both(public)
    r = encode(multiply(GENERATOR, 77))
    verdicts = set()
    for number in range(40):
        message = bytes((number,))
        signature = sign_with(r, 77, SCALAR, public, message)
        verdicts.add(one_verdict(message, signature, verifiers))
    # Its owner's signatures are right for one message in eight.
    assert verdicts == {"right", "signature_invalid"}


def test_random_changes_get_one_verdict_from_both() -> None:
    chance = random.Random(3)  # noqa: S311 - the same changes in each run
    verifiers = both()
    for number in range(400):
        message = chance.randbytes(chance.randrange(200))
        changed = bytearray(PRIVATE.sign(message))
        for _ in range(chance.randrange(3)):
            changed[chance.randrange(64)] ^= 1 << chance.randrange(8)
        if number % 10 == 0:
            changed[32:] = chance.randbytes(32)
        right = bytes(changed) == PRIVATE.sign(message)
        assert one_verdict(message, bytes(changed), verifiers) == ("right" if right else "signature_invalid")


def test_the_probe_is_right_when_multiplied_by_eight_and_not_without() -> None:
    public, signature = sodium._PROBE_KEY, sodium._PROBE_SIGNATURE
    r, s = point(signature[:32]), int.from_bytes(signature[32:], "little")
    left = multiply(GENERATOR, s)
    right = add(r, multiply(point(public), challenge(signature[:32], public, b"probe")))
    assert left != right
    assert multiply(left, 8) == multiply(right, 8)
    with pytest.raises(InvalidSignature):
        Ed25519PublicKey.from_public_bytes(public).verify(signature, b"probe")
    assert sodium.judges_as_we_do()


def test_a_libsodium_that_takes_the_probe_is_not_used(monkeypatch: pytest.MonkeyPatch) -> None:
    # A signature that is simply right stands for what such a library would take.
    monkeypatch.setattr(sodium, "_PROBE_KEY", PUBLIC)
    monkeypatch.setattr(sodium, "_PROBE_SIGNATURE", PRIVATE.sign(b"probe"))
    eddsa._libsodium.cache_clear()
    try:
        with pytest.raises(ConfigurationError, match="libsodium"):
            eddsa.prefer("libsodium")
        assert OKPPrivateKey(PRIVATE).sign(b"input") == PRIVATE.sign(b"input")
    finally:
        eddsa._libsodium.cache_clear()


def test_another_library_cannot_be_preferred() -> None:
    with pytest.raises(ConfigurationError, match="cryptography"):
        eddsa.prefer("openssl")  # type: ignore[arg-type]


PROGRAM = """
import sys
if sys.argv[1] == "missing":
    sys.modules["nacl"] = None
from tokenward.jose import generate
from tokenward.jose.algorithms import eddsa
if sys.argv[1] == "unwanted":
    eddsa.prefer("cryptography")
generate("ES256")
assert "nacl.bindings" not in sys.modules
key = generate("Ed25519")
key.public_key().verify(b"input", key.sign(b"input"))
assert ("nacl.bindings" in sys.modules) == (sys.argv[1] == "there")
if sys.argv[1] == "missing":
    try:
        eddsa.prefer("libsodium")
    except Exception as error:
        print(type(error).__name__)
"""


@pytest.mark.parametrize(
    ("case", "printed"), [("there", ""), ("unwanted", ""), ("missing", "ConfigurationError")]
)
def test_libsodium_is_loaded_with_the_first_ed25519_key_where_it_is_there_and_wanted(
    case: str, printed: str
) -> None:
    done = subprocess.run([sys.executable, "-c", PROGRAM, case], check=True, capture_output=True, text=True)
    assert done.stdout.strip() == printed

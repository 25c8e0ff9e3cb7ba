"""The bytes of a refresh token: one spelling, and nothing accepted that the server did not make."""

import base64
import os
import zlib

import pytest
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.hmac import HMAC
from hypothesis import given
from hypothesis import strategies as st

from tokenward.server.keyring.ring import RefreshKey
from tokenward.server.sessions.refresh_tokens import (
    GENERATION_MAX,
    InvalidGrant,
    check_secret,
    decode,
    encode,
)

SID, SALT = os.urandom(16), os.urandom(16)


def key(number: int = 7, secret: bytes = bytes(32)) -> RefreshKey:
    return RefreshKey(number, HMAC(secret, SHA256()))


@given(
    number=st.integers(0, 2**24 - 1),
    generation=st.integers(0, GENERATION_MAX),
    sid=st.binary(min_size=16, max_size=16),
)
def test_a_token_says_what_it_was_made_of(number: int, generation: int, sid: bytes) -> None:
    token = encode(key(number), sid, SALT, generation)
    presented = decode(token)
    assert (presented.key_number, presented.sid, presented.generation) == (number, sid, generation)
    check_secret(presented, key(number), SALT)
    assert len(token) == 88
    assert token.startswith("twr_")


def test_the_secret_depends_on_everything() -> None:
    other = os.urandom(16)
    tokens = {
        encode(key(), SID, SALT, 0),
        encode(key(8), SID, SALT, 0),
        encode(key(7, bytes(31) + b"\x01"), SID, SALT, 0),
        encode(key(), other, SALT, 0),
        encode(key(), SID, other, 0),
        encode(key(), SID, SALT, 1),
    }
    assert len({decode(token).secret for token in tokens}) == 6


def test_the_successor_is_computed_the_same_again() -> None:
    assert encode(key(), SID, SALT, 5) == encode(key(), SID, SALT, 5)


@pytest.mark.parametrize("place", range(4, 88))
def test_a_typing_error_at_any_place_is_found_without_the_database(place: int) -> None:
    token = encode(key(), SID, SALT, 3)
    wrong = "B" if token[place] != "B" else "C"
    with pytest.raises(InvalidGrant) as caught:
        decode(token[:place] + wrong + token[place + 1 :])
    assert "checksum" in caught.value.reason


def test_what_has_not_the_form_of_a_token_is_refused() -> None:
    token = encode(key(), SID, SALT, 3)
    for wrong in (
        "",
        "twr_",
        token[:-1],
        token + "A",
        token + "=",
        " " + token,
        token + "\n",
        token[4:],
        "TWR_" + token[4:],
        token[:20] + "+" + token[21:],
        token[:20] + "/" + token[21:],
        token[:20] + "ä" + token[21:],
        token[:20] + "\x00" + token[21:],
        token[:20] + "\ud800" + token[21:],
        "twr_" + "A" * 84,
    ):
        with pytest.raises(InvalidGrant):
            decode(wrong)


def remade(token: str, place: int, value: int) -> str:
    """The token with a byte changed and the checksum made right again."""
    raw = bytearray(base64.urlsafe_b64decode(token[4:]))
    raw[place] = value
    raw[60:] = (zlib.crc32(bytes(raw[:60])) & 0xFFFFFF).to_bytes(3)
    return "twr_" + base64.urlsafe_b64encode(bytes(raw)).decode()


def test_another_version_and_a_generation_out_of_range_are_refused() -> None:
    token = encode(key(), SID, SALT, 3)
    with pytest.raises(InvalidGrant) as caught:
        decode(remade(token, 0, 2))
    assert "version" in caught.value.reason
    with pytest.raises(InvalidGrant) as caught:
        decode(remade(token, 20, 0x80))
    assert "generation" in caught.value.reason


@pytest.mark.parametrize("place", [1, 4, 19, 27, 28, 59])
def test_a_forgery_with_a_right_checksum_has_a_wrong_secret(place: int) -> None:
    token = encode(key(), SID, SALT, 3)
    raw = base64.urlsafe_b64decode(token[4:])
    forged = decode(remade(token, place, raw[place] ^ 1))
    with pytest.raises(InvalidGrant) as caught:
        check_secret(forged, key(forged.key_number), SALT)
    assert caught.value.reason == "refresh token: forged"


def test_neither_the_key_alone_nor_the_salt_alone_makes_a_token() -> None:
    presented = decode(encode(key(), SID, SALT, 3))
    for wrong_key, wrong_salt in ((key(), os.urandom(16)), (key(7, os.urandom(32)), SALT)):
        with pytest.raises(InvalidGrant):
            check_secret(presented, wrong_key, wrong_salt)


def test_every_refusal_looks_the_same_from_outside() -> None:
    texts = set()
    for wrong in ("", "twr_" + "A" * 84, encode(key(), SID, SALT, 3)[:-1]):
        with pytest.raises(InvalidGrant) as caught:
            decode(wrong)
        texts.add((caught.value.code, caught.value.status, caught.value.description))
    assert len(texts) == 1

import contextlib
import sys
import threading

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.tokens.forge import key, public, refused, token, verifier

from tokenward.errors import ConfigurationError, InvalidToken
from tokenward.jose import (
    JWKSet,
    base64url,
    generate,
    sign,
    sign_compact,
    unverified_claims,
    unverified_header,
    verify_compact,
)
from tokenward.jose.jws import CompactVerifier

ALGORITHMS = ["HS256", "RS256", "ES256", "EdDSA", "Ed25519"]


@pytest.mark.parametrize("alg", ALGORITHMS)
@pytest.mark.parametrize("payload", [b"", b"x", bytes(range(256))])
def test_what_is_signed_verifies(alg: str, payload: bytes) -> None:
    signing = key(alg)
    text = sign_compact({"typ": "test+jws", "x": [1]}, payload, signing)
    for form in (text, text.encode()):
        verified = verify_compact(form, JWKSet([public(signing)]), algorithms=[alg])
        assert verified.payload == payload
        assert verified.header == {"alg": alg, "kid": signing.kid, "typ": "test+jws", "x": [1]}
        assert verified.key.kid == signing.kid


def test_a_header_cannot_ask_for_what_we_refuse() -> None:
    for name, value in (("crit", ["x"]), ("b64", False), ("zip", "DEF"), ("alg", "none"), ("alg", "HS256")):
        with pytest.raises(ConfigurationError):
            sign_compact({name: value}, b"", key())


@pytest.mark.parametrize(("says", "key_says"), [("EdDSA", "Ed25519"), ("Ed25519", "EdDSA")])
def test_both_names_of_ed25519_verify_under_either_key(says: str, key_says: str) -> None:
    signing = key(key_says)
    head = base64url.encode(f'{{"alg":"{says}"}}'.encode())
    signing_input = head + b"." + base64url.encode(b"{}")
    text = signing_input + b"." + base64url.encode(signing.sign(signing_input))
    for allowed in (says, key_says):
        assert verify_compact(text, JWKSet([public(signing)]), algorithms=[allowed]).payload == b"{}"


def test_only_headers_under_a_right_signature_are_remembered() -> None:
    compact = CompactVerifier(JWKSet([public(key())]), frozenset({"ES256"}))
    good = sign_compact({"x": 0}, b"{}", key()).encode()
    with pytest.raises(InvalidToken):
        compact.verify(good[:-2] + b"AA")
    assert len(compact._proved) == 0
    header, _ = compact.verify(good)
    assert compact.verify(good)[0] is header
    for number in range(200):
        compact.verify(sign_compact({"x": number}, b"{}", key()).encode())
    assert len(compact._proved) <= 64


def test_what_nobody_verified_says_so_and_can_be_shown() -> None:
    text = sign({"sub": "a"}, key(), typ="at+jwt")
    assert unverified_header(text) == {"alg": "ES256", "kid": key().kid, "typ": "at+jwt"}
    assert unverified_claims(text) == {"sub": "a"}
    assert unverified_claims(text.rpartition(".")[0] + ".") == {"sub": "a"}
    for broken in ("", "a", "a.b", "a.b.c", text + ".x", text.replace(".", "..")):
        with pytest.raises(InvalidToken):
            unverified_claims(broken)
    with pytest.raises(InvalidToken):
        unverified_header("abc")


def test_the_header_is_encoded_once_for_each_kind_of_token_and_bounded() -> None:
    signing = key("HS256", "headers")
    for number in range(50):
        assert unverified_header(sign({}, signing, typ=f"t{number}"))["typ"] == f"t{number}"
    assert len(signing.header_segments) == 16


GOOD = {alg: sign_compact({"typ": "at+jwt"}, b'{"iss":"x"}', key(alg)).encode() for alg in ALGORITHMS}


@settings(max_examples=600, deadline=None)
@given(
    st.binary(max_size=200)
    | st.text(max_size=100)
    | st.tuples(st.binary(max_size=60), st.binary(max_size=60), st.binary(max_size=80)).map(
        lambda parts: b".".join(map(base64url.encode, parts))
    )
    | st.tuples(st.sampled_from(ALGORITHMS), st.integers(0, 400), st.binary(min_size=1, max_size=3)).map(
        lambda drawn: GOOD[drawn[0]][: drawn[1]] + drawn[2] + GOOD[drawn[0]][drawn[1] + len(drawn[2]) :]
    )
)
def test_any_bytes_in_place_of_a_token_give_our_error(text: bytes | str) -> None:
    by = verifier(*(key(alg) for alg in ALGORITHMS))
    refused(text, by)
    for read in (unverified_header, unverified_claims):
        with contextlib.suppress(InvalidToken):
            read(text)


def test_threads_share_a_key_and_a_verifier() -> None:
    signing = key("HS256")
    by = verifier(signing, cache_size=8)
    wrong: list[str] = []

    def work(name: str) -> None:
        for number in range(300):
            jti = f"{name}-{number % 20}"
            if by.verify(token(signing, jti=jti)).jti != jti:
                wrong.append(jti)

    interval = sys.getswitchinterval()
    sys.setswitchinterval(1e-5)
    try:
        threads = [threading.Thread(target=work, args=(str(number),)) for number in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    finally:
        sys.setswitchinterval(interval)
    assert wrong == []


def test_signing_with_text_or_without_a_kind_says_what_to_give() -> None:
    with pytest.raises(ConfigurationError, match="HMACKey"):
        sign({"sub": "a"}, "secret", typ="at+jwt")  # type: ignore[arg-type]
    for typ in ("", None, 1):
        with pytest.raises(ConfigurationError, match="typ"):
            sign({"sub": "a"}, generate("ES256"), typ=typ)  # type: ignore[arg-type]

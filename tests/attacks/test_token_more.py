"""Attacks that need more than one look at a token: what cannot be had without checks, and what is never a pattern."""

import contextlib
import inspect
import json
import re
import time
from typing import Any

import pytest
from tests.tokens.forge import (
    ABSENT,
    AUDIENCE,
    NOW,
    claims,
    header,
    key,
    public,
    refused,
    seal,
    token,
    verifier,
)

from tokenward import jose, tokens
from tokenward.errors import ConfigurationError, InvalidToken
from tokenward.jose import JWKSet, StrictJSONError
from tokenward.tokens import TokenVerifier


def test_f21_claims_cannot_be_had_before_they_were_checked() -> None:
    public = {name for name in dir(TokenVerifier) if not name.startswith("_")}
    assert public == {"issuer", "verify", "verify_async", "replace_keys"}
    # Whatever else reads a token says in its name that nobody has verified it, or gives bytes and no claims.
    takes_a_token = {
        name
        for package in (jose, tokens)
        for name in package.__all__
        if inspect.isfunction(getattr(package, name))
        and "token" in inspect.signature(getattr(package, name)).parameters
    }
    assert takes_a_token == {"unverified_claims", "unverified_header", "verify_compact"}
    assert jose.verify_compact.__annotations__["return"] is jose.JWS
    assert jose.JWS.__annotations__["payload"] is bytes


@pytest.mark.parametrize("change", [{"exp": NOW - 1}, {"aud": "other"}, {"iss": "other"}, {"jti": ABSENT}])
def test_f21_f22_a_refusal_carries_no_claims(change: dict[str, Any]) -> None:
    error = refused(token(**{"email": "ada@example.org"} | change))
    assert "ada@example.org" not in f"{error!r} {error.__dict__} {error.__cause__!r} {error.__context__!r}"


def test_f25_nothing_that_is_configured_is_a_pattern() -> None:
    for pattern in ("^.*$", ".*", "https://.*", "*", f"{AUDIENCE}|x"):
        refused(token(), verifier(audience=pattern), reason="audience_mismatch")
        refused(token(), verifier(issuer=pattern), reason="issuer_mismatch")
    for setting in ("audience", "issuer"):
        with pytest.raises(ConfigurationError):
            verifier(**{setting: re.compile(".*")})


@pytest.mark.parametrize("name", ["aud", "iss", "sub", "scope", "jti"])
@pytest.mark.parametrize(
    "text", ["a" * 7000 + "!", " " * 7000 + "x", "a " * 3500 + '"', "\u2028" * 1000 + "\x00"]
)
def test_f25_no_text_of_a_claim_takes_long_to_look_at(name: str, text: str) -> None:
    hostile = seal(header(key()), claims(**{name: text}), key())
    by = verifier(max_token_bytes=65536)
    # The time of this thread alone, which no other program on the machine makes longer.
    started = time.thread_time()
    with contextlib.suppress(InvalidToken):
        by.verify(hostile)
    assert time.thread_time() - started < 0.1


@pytest.mark.parametrize("names", [["ES256", "none"], ["none", "ES256"], ["ES256", "HS512 "], ["ES256", ""]])
def test_a24_an_unknown_algorithm_beside_a_known_one_is_a_configuration_error(names: list[str]) -> None:
    with pytest.raises(ConfigurationError):
        verifier(algorithms=names)


def test_b15_a_key_set_with_good_keys_and_too_much_beside_them_is_refused() -> None:
    good = public(key()).to_jwk()  # type: ignore[union-attr]
    for keys, more in (
        ([good], {"x": "a" * 300_000}),
        ([good | {"x5c": ["a" * 300_000]}], {}),
        ([good], {"x": [0] * 3000}),
        ([good], {"x": {f"n{number}": 0 for number in range(3000)}}),
    ):
        body = json.dumps({"keys": keys} | more).encode()
        with pytest.raises(StrictJSONError):
            JWKSet.parse(body)
    assert len(JWKSet.parse(json.dumps({"keys": [good], "x": "a" * 1000}).encode())) == 1


def test_d08_a_segment_after_a_right_token_is_no_part_of_it() -> None:
    text = token()
    for more in (".", ".AAAA", "." + text, ".." + text.rpartition(".")[2]):
        refused(text + more, reason="not_three_segments")
    by = verifier()
    by.verify(text)  # Now the header is known, and the shorter way is taken.
    refused(text + ".AAAA", by, reason="not_three_segments")


@pytest.mark.parametrize("name", ["exp", "iat", "nbf"])
@pytest.mark.parametrize("value", [True, False])
def test_e18_true_and_false_are_no_times(name: str, value: bool) -> None:
    refused(token(**{name: value}), reason="claim_not_a_time", claim=name)


@pytest.mark.parametrize("name", ["kid", "claims", "_claims", " claims", " kid", "scope_values", "verify"])
def test_e17_a_claim_named_like_something_of_ours_is_only_a_claim(name: str) -> None:
    verified = verifier().verify(token(**{name: "theirs"}))
    assert verified.kid == key().kid
    assert verified.claims[name] == "theirs"
    assert verified.claims["sub"] == verified.sub

import math
import os
import subprocess
import sys
from typing import Any

import pytest
from tests.tokens.forge import ABSENT, AUDIENCE, ISSUER, NOW, claims, key, public, refused, token, verifier

from tokenward.clock import FakeClock, SystemClock
from tokenward.errors import ConfigurationError
from tokenward.jose import JWKSet, unverified_claims, unverified_header
from tokenward.tokens import RevocationRecord, RevocationSet, TokenVerifier, encode_access_token
from tokenward.tokens.verifier import _Trust


@pytest.mark.parametrize("alg", ["HS256", "RS256", "ES256", "EdDSA", "Ed25519"])
def test_an_access_token_says_what_was_put_into_it(alg: str) -> None:
    signing = key(alg)
    text = encode_access_token(claims(), signing)
    for form in (text, text.encode()):
        verified = verifier(signing).verify(form)
        assert (verified.iss, verified.sub, verified.aud) == (ISSUER, claims()["sub"], (AUDIENCE,))
        assert (verified.client_id, verified.exp, verified.iat) == ("first-party", NOW + 900, NOW - 1)
        assert (verified.jti, verified.sid, verified.rsq) == (claims()["jti"], claims()["sid"], 7)
        assert (verified.scope, verified.roles) == (frozenset({"openid", "profile"}), ("admin",))
        assert verified.kid == signing.kid
        assert dict(verified.claims) == claims() | {"roles": ("admin",)}


def test_claims_that_may_be_missing_may_be_missing() -> None:
    verified = verifier().verify(token(scope=ABSENT, sid=ABSENT, roles=ABSENT, rsq=ABSENT))
    assert (verified.scope, verified.sid, verified.roles, verified.rsq) == (frozenset(), None, (), None)
    assert verifier().verify(token(scope="")).scope == frozenset()


def test_the_header_of_an_access_token_is_typed() -> None:
    assert unverified_header(encode_access_token(claims(), key())) == {
        "alg": "ES256",
        "kid": key().kid,
        "typ": "at+jwt",
    }


@pytest.mark.parametrize("name", ["iss", "sub", "aud", "exp", "iat", "jti", "client_id"])
def test_a_token_without_a_required_claim_is_not_issued(name: str) -> None:
    with pytest.raises(ConfigurationError, match=name):
        encode_access_token(claims(**{name: ABSENT}), key())


@pytest.mark.parametrize(
    "change", [{"exp": NOW + 0.5}, {"exp": "1"}, {"iat": True}, {"exp": NOW - 1}, {"iat": -1}, {"exp": None}]
)
def test_a_token_with_odd_times_is_not_issued(change: dict[str, Any]) -> None:
    with pytest.raises(ConfigurationError, match="whole seconds"):
        encode_access_token(claims(**change), key())


def test_a_verified_token_cannot_be_changed() -> None:
    verified = verifier().verify(token(act={"sub": "a", "list": [1]}))
    with pytest.raises(AttributeError):
        verified.sub = "other"  # type: ignore[misc]
    view: Any = verified.claims
    for attempt in (view, view["act"]):
        with pytest.raises(TypeError):
            attempt["sub"] = "other"
    assert view["act"]["list"] == (1,)


def test_a_verified_token_shows_no_token_and_no_claims_but_identifiers() -> None:
    text = token(email="a@example.com")
    shown = repr(verifier().verify(text))
    assert claims()["jti"] in shown
    assert "example" not in shown
    assert text.split(".")[1] not in shown


def test_a_token_seen_before_is_the_same_object() -> None:
    by = verifier()
    text = token()
    assert by.verify(text) is by.verify(text.encode())
    without_memory = verifier(cache_size=0)
    assert without_memory.verify(text) is not without_memory.verify(text)


@pytest.mark.parametrize("cache_size", [1, 2, 10])
def test_the_memory_of_verified_tokens_is_bounded(cache_size: int) -> None:
    by = verifier(key("HS256"), cache_size=cache_size)
    for number in range(50):
        by.verify(token(key("HS256"), jti=f"jti-{number}"))
    trust: _Trust = by._trust
    assert 0 < len(trust.recent) + len(trust.older) <= max(cache_size, 2)
    newest = token(key("HS256"), jti="jti-49")
    assert by.verify(newest) is by.verify(newest)


def test_f27_revocations_are_asked_also_for_a_token_seen_before() -> None:
    revocations = RevocationSet()
    by = verifier(revocations=revocations)
    text = token()
    by.verify(text)
    revocations.apply([RevocationRecord(1, "session", claims()["sid"], NOW + 9999, "logout")])
    refused(text, by, reason="revoked: session", claim="sid")
    refused(text, by, reason="revoked: session", claim="sid")


def test_b14_new_keys_forget_what_the_old_ones_proved() -> None:
    by = verifier(key(), key("RS256"))
    old, new = token(key("RS256")), token(key("EdDSA"))
    by.verify(old)
    by.replace_keys(JWKSet([public(key("EdDSA"))]))
    refused(old, by, reason="alg_not_allowed")
    assert by.verify(new).kid == key("EdDSA").kid


def test_new_keys_do_not_widen_the_allowed_algorithms() -> None:
    by = verifier(key(), algorithms=["ES256"])
    by.replace_keys(JWKSet([public(key("EdDSA")), public(key())]))
    refused(token(key("EdDSA")), by, reason="alg_not_allowed")
    assert by.verify(token(key())).kid == key().kid


def test_a_conclusion_drawn_under_old_keys_is_not_remembered_under_new_ones() -> None:
    # A thread verifies while another replaces the keys: here the clock, asked in the middle, replaces them.
    class ReplacingClock(FakeClock):
        def now(self) -> float:
            by.replace_keys(JWKSet([public(key("EdDSA"))]))
            return super().now()

    by = TokenVerifier(
        issuer=ISSUER, audience=AUDIENCE, keys=JWKSet([public(key())]), clock=ReplacingClock(NOW)
    )
    by.verify(token())
    refused(token(), by, reason="alg_not_allowed")


def test_without_keys_everything_is_refused() -> None:
    refused(token(), verifier(keys=JWKSet([])), reason="alg_not_allowed")


@pytest.mark.parametrize(
    "setting",
    [
        {"issuer": ""},
        {"issuer": None},
        {"issuer": "a\n"},
        {"max_token_bytes": 0},
        {"max_token_bytes": 2.0},
        {"cache_size": -1},
        {"revocations": {"jti"}},
        {"algorithms": []},
        {"algorithms": ["none"]},
    ],
)
def test_a_wrong_setting_fails_when_the_verifier_is_built(setting: dict[str, Any]) -> None:
    with pytest.raises(ConfigurationError):
        verifier(**setting)


def test_the_clock_of_the_system_tells_the_time() -> None:
    clock = SystemClock()
    text = encode_access_token(claims(iat=int(clock.now()), exp=int(clock.now()) + 60), key())
    assert verifier(clock=clock).verify(text).exp == unverified_claims(text)["exp"]
    assert clock.monotonic() <= clock.monotonic()


def test_time_passes_on_both_clocks_and_is_set_on_one() -> None:
    clock = FakeClock(NOW)
    clock.advance(2.5)
    assert (clock.now(), clock.monotonic()) == (NOW + 2.5, 2.5)
    clock.time = NOW - 100
    assert (clock.now(), clock.monotonic()) == (NOW - 100, 2.5)


def test_importing_the_verifier_imports_no_network_and_no_server() -> None:
    program = (
        "import sys, tokenward.tokens, tokenward.jose\n"
        "heavy = {'asyncio', 'http', 'http.client', 'socket', 'ssl', 'sqlite3', 'tokenward.server'}\n"
        "sys.exit(', '.join(sorted(heavy & sys.modules.keys())) or 0)"
    )
    # A coverage run starts itself in every Python process, and imports what it needs.
    environment = {name: value for name, value in os.environ.items() if not name.startswith("COVERAGE")}
    subprocess.run([sys.executable, "-c", program], check=True, env=environment)


def test_a_clock_that_tells_no_number_lets_nothing_through() -> None:
    clock = FakeClock(NOW)
    by, text = verifier(clock=clock), token()
    by.verify(text)
    for time in (math.nan, math.inf):
        clock.time = time
        # The first is remembered, and the second is not.
        refused(text, by, reason="expired", claim="exp")
        refused(token(jti="another"), by, reason="expired", claim="exp")
    clock.time = -math.inf
    refused(text, by, reason="not_yet_valid", claim="nbf")


@pytest.mark.parametrize("keys", [None, [public(key())], public(key()), "https://id.example/jwks"])
def test_keys_are_replaced_by_a_set_of_keys_and_nothing_else(keys: Any) -> None:
    by = verifier()
    with pytest.raises(ConfigurationError, match="JWKSet"):
        by.replace_keys(keys)
    assert by.verify(token()).kid == key().kid

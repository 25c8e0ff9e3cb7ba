import math
from typing import Any, Final

import pytest
from tests.tokens.forge import ABSENT, NOW, key, refused
from tests.tokens.sample_tokens import AUDIENCE, ISSUER, LOGOUT_EVENT, SAMPLES, profile_verifier, sealed

from tokenward.clock import FakeClock
from tokenward.tokens import LogoutToken, SecurityEventToken, TokenVerifier

LOGOUT: Final = SAMPLES["logout token"]
EVENT: Final = SAMPLES["security event"]
DISABLED: Final = "https://schemas.openid.net/secevent/risc/event-type/account-disabled"


def logout_verifier(**settings: Any) -> TokenVerifier[Any]:
    return profile_verifier("LogoutToken", **settings)


def event_verifier(**settings: Any) -> TokenVerifier[Any]:
    return profile_verifier("SecurityEventToken", **settings)


def test_a_logout_token_says_whose_sessions_have_ended() -> None:
    token: LogoutToken = logout_verifier().verify(sealed(LOGOUT))
    assert (token.iss, token.aud, token.kid) == (ISSUER, (AUDIENCE,), key().kid)
    assert (token.sub, token.sid, token.jti) == ("248289761001", "08a5019c", "bWJq")
    assert (token.exp, token.iat) == (NOW + 900, NOW - 1)


@pytest.mark.parametrize("missing", ["sub", "sid"])
def test_a_logout_token_may_name_the_subject_or_the_session_alone(missing: str) -> None:
    assert getattr(logout_verifier().verify(sealed(LOGOUT, **{missing: ABSENT})), missing) is None


def test_a_logout_token_that_names_nobody_is_refused() -> None:
    refused(sealed(LOGOUT, sub=ABSENT, sid=ABSENT), logout_verifier(), reason="claim_missing", claim="sub")


@pytest.mark.parametrize("name", ["sub", "sid", "jti"])
@pytest.mark.parametrize("value", ["", None, 1, ["a"], "a\n"])
def test_a_logout_token_that_names_somebody_in_another_shape_is_refused(name: str, value: object) -> None:
    refused(sealed(LOGOUT, **{name: value}), logout_verifier(), reason="claim_not_a_name", claim=name)


@pytest.mark.parametrize("nonce", ["n", "", None])
def test_a_logout_token_with_a_nonce_is_refused(nonce: object) -> None:
    refused(sealed(LOGOUT, nonce=nonce), logout_verifier(), reason="not_a_logout_token", claim="nonce")


@pytest.mark.parametrize(
    ("events", "reason"),
    [
        ({}, "not_a_logout_token"),
        ({DISABLED: {}}, "not_a_logout_token"),
        ({LOGOUT_EVENT: None}, "not_a_logout_token"),
        ({LOGOUT_EVENT: []}, "not_a_logout_token"),
        ({LOGOUT_EVENT: True}, "not_a_logout_token"),
        ({LOGOUT_EVENT + "/": {}}, "not_a_logout_token"),
        ({LOGOUT_EVENT.upper(): {}}, "not_a_logout_token"),
        ([LOGOUT_EVENT], "claim_not_events"),
        (LOGOUT_EVENT, "claim_not_events"),
        (None, "claim_not_events"),
    ],
)
def test_a_logout_token_that_tells_of_no_logout_is_refused(events: object, reason: str) -> None:
    refused(sealed(LOGOUT, events=events), logout_verifier(), reason=reason, claim="events")


def test_a_logout_token_may_tell_of_more_than_the_logout() -> None:
    token = logout_verifier().verify(sealed(LOGOUT, events={DISABLED: {}, LOGOUT_EVENT: {"x": 1}}))
    assert token.claims["events"][LOGOUT_EVENT] == {"x": 1}


def test_a_logout_token_expires() -> None:
    refused(sealed(LOGOUT, exp=NOW), logout_verifier(), reason="expired", claim="exp")
    refused(sealed(LOGOUT, exp=ABSENT), logout_verifier(), reason="claim_missing", claim="exp")


def test_a_security_event_says_what_happened() -> None:
    token: SecurityEventToken = event_verifier().verify(sealed(EVENT))
    assert token.aud == (AUDIENCE, "https://other.example")
    assert (token.iat, token.jti) == (NOW - 1, "4d3559ec67504aaba65d40b0363faad8")
    assert dict(token.events) == {DISABLED: {"reason": "hijacking"}}
    with pytest.raises(TypeError):
        token.events[DISABLED]["reason"] = "none"


@pytest.mark.parametrize("events", [{}, [], None, "x", {"a": None}, {"a": {}, "b": 1}, {"a": []}])
def test_a_security_event_without_events_is_refused(events: object) -> None:
    refused(sealed(EVENT, events=events), event_verifier(), reason="claim_not_events", claim="events")


def test_a_security_event_without_end_is_good_for_ever_and_not_before_its_time() -> None:
    clock = FakeClock(NOW)
    by = event_verifier(clock=clock, leeway_seconds=5)
    text = sealed(EVENT)
    for time, good in ((NOW + 10**9, True), (NOW - 6, True), (NOW - 6.5, False), (NOW, True)):
        clock.time = time
        # The second time it is remembered.
        for _ in range(2):
            if good:
                assert by.verify(text).iat == NOW - 1
            else:
                refused(text, by, reason="issued_in_the_future", claim="iat")


@pytest.mark.parametrize("name", ["exp", "nbf", "iat"])
@pytest.mark.parametrize("value", [None, "1", True, [], {}, -1, 10**13])
def test_a_time_of_another_shape_in_a_security_event_is_refused(name: str, value: object) -> None:
    refused(sealed(EVENT, **{name: value}), event_verifier(), reason="claim_not_a_time", claim=name)


def test_an_end_or_a_beginning_that_a_security_event_has_counts() -> None:
    refused(sealed(EVENT, exp=NOW), event_verifier(), reason="expired", claim="exp")
    refused(sealed(EVENT, nbf=NOW + 1), event_verifier(), reason="issued_in_the_future")
    assert event_verifier().verify(sealed(EVENT, nbf=NOW, exp=NOW + 1)).jti
    clock = FakeClock(NOW)
    by = event_verifier(clock=clock)
    text = sealed(EVENT, exp=NOW + 1)
    assert by.verify(text).jti
    clock.advance(1)
    refused(text, by, reason="expired", claim="exp")


def test_f09_where_lifetimes_are_limited_an_event_without_end_is_too_long() -> None:
    by = event_verifier(max_lifetime_seconds=60)
    refused(sealed(EVENT), by, reason="claim_missing", claim="exp")
    refused(sealed(EVENT, exp=NOW + 60), by, reason="lifetime_too_long", claim="exp")
    assert by.verify(sealed(EVENT, exp=NOW + 59)).jti


def test_a_clock_that_tells_no_number_lets_no_event_through() -> None:
    refused(
        sealed(EVENT), event_verifier(clock=FakeClock(math.nan)), reason="issued_in_the_future", claim="iat"
    )

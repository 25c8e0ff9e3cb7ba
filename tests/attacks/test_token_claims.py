"""Hostile claims under a right signature: sections F and, of E, what concerns single claims, of the catalogue."""

import math
from typing import Any

import msgspec
import pytest
from tests.tokens.forge import (
    ABSENT,
    AUDIENCE,
    ISSUER,
    NOW,
    claims,
    header,
    key,
    refused,
    seal,
    token,
    verifier,
)

from tokenward.clock import FakeClock
from tokenward.errors import ConfigurationError, InvalidToken
from tokenward.jose.claims import check_times
from tokenward.tokens import TokenVerifier


def with_raw_claim(name: str, literal: str) -> str:
    """Return a token whose claim is spelled by a JSON literal that a JSON encoder would not write."""
    rest = msgspec.json.encode(claims(**{name: ABSENT}))[1:]
    return seal(header(key()), f'{{"{name}":{literal},'.encode() + rest, key())


def test_the_token_that_the_attacks_change_is_good() -> None:
    assert verifier().verify(token()).exp == NOW + 900


def test_f01_exp_absent_is_refused() -> None:
    refused(token(exp=ABSENT), reason="claim_missing", claim="exp")


@pytest.mark.parametrize("value", ["9999999999", "", [], [NOW + 900], {}, {"a": 1}, True, False])
def test_f02_exp_of_wrong_type_is_refused(value: object) -> None:
    refused(token(exp=value), reason="claim_not_a_time", claim="exp")


def test_f03_exp_null_is_refused() -> None:
    refused(token(exp=None), reason="claim_not_a_time", claim="exp")


@pytest.mark.parametrize("literal", ["NaN", "Infinity", "-Infinity"])
def test_f04_exp_that_never_comes_is_refused(literal: str) -> None:
    refused(with_raw_claim("exp", literal), reason="claims_not_finite")


@pytest.mark.parametrize("literal", ["1e999", "-1e999"])
def test_f04_exp_that_overflows_is_refused(literal: str) -> None:
    refused(with_raw_claim("exp", literal), reason="claims_number_out_of_range")


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
def test_f04_the_rule_itself_refuses_times_that_are_not_finite(value: float) -> None:
    with pytest.raises(InvalidToken) as caught:
        check_times({"exp": value}, now=NOW, leeway=0)
    assert caught.value.reason == "claim_not_a_time"


@pytest.mark.parametrize("leeway", [0, 30])
@pytest.mark.parametrize("seen_before", [False, True], ids=["new", "seen before"])
def test_f05_a_token_expires_at_exp_plus_leeway_and_not_a_moment_later(
    leeway: int, seen_before: bool
) -> None:
    clock = FakeClock(NOW)
    by = verifier(clock=clock, leeway_seconds=leeway)
    text = token(exp=NOW + 100)
    clock.time = NOW + 100 + leeway - 0.001
    if seen_before:
        by.verify(text)
    assert by.verify(text).exp == NOW + 100
    clock.time = NOW + 100 + leeway
    refused(text, by, reason="expired", claim="exp")


@pytest.mark.parametrize("literal", ["0", "-1", "9223372036854775807", "9" * 400, "1e308", "253402300800"])
def test_f06_extreme_exp_is_refused(literal: str) -> None:
    refused(with_raw_claim("exp", literal))


@pytest.mark.parametrize("name", ["nbf", "iat"])
@pytest.mark.parametrize("value", [NOW + 6000, NOW + 1, str(NOW), True, None, [], -5])
def test_f07_a_future_or_odd_nbf_or_iat_is_refused(name: str, value: object) -> None:
    assert refused(token(**{name: value})).claim == name


@pytest.mark.parametrize("name", ["nbf", "iat"])
def test_f07_leeway_allows_a_clock_that_is_a_little_ahead(name: str) -> None:
    text = token(**{name: NOW + 30})
    assert verifier(leeway_seconds=30).verify(text).jti
    refused(text, verifier(leeway_seconds=29))


def test_f08_iat_absent_is_refused() -> None:
    refused(token(iat=ABSENT), reason="claim_missing", claim="iat")


@pytest.mark.parametrize("leeway", [math.inf, math.nan, -1, 301, 86400, 1.5, True, "30"])
def test_f10_leeway_outside_0_to_300_whole_seconds_is_a_configuration_error(leeway: Any) -> None:
    with pytest.raises(ConfigurationError):
        verifier(leeway_seconds=leeway)


def test_f11_aud_missing_is_refused() -> None:
    refused(token(aud=ABSENT), reason="claim_missing", claim="aud")


@pytest.mark.parametrize(
    "value",
    [
        AUDIENCE[:-1],
        AUDIENCE + "xyz",
        AUDIENCE.upper(),
        AUDIENCE + " ",
        " " + AUDIENCE,
        AUDIENCE + "/",
        "api.example",
        [AUDIENCE + "/"],
        [AUDIENCE + ",https://other.example"],
    ],
)
def test_f12_an_audience_that_only_resembles_ours_is_refused(value: object) -> None:
    refused(token(aud=value), reason="audience_mismatch", claim="aud")


def test_f12_an_audience_with_a_nul_is_refused() -> None:
    refused(with_raw_claim("aud", f'"{AUDIENCE}\\u0000"'), claim="aud")


@pytest.mark.parametrize(
    "value",
    [
        "",
        [],
        [""],
        [AUDIENCE, 1],
        [AUDIENCE, None],
        [AUDIENCE, ""],
        [[AUDIENCE]],
        {AUDIENCE: 1},
        None,
        1,
        True,
    ],
)
def test_f13_an_audience_of_another_shape_is_refused(value: object) -> None:
    refused(token(aud=value), reason="claim_not_an_audience", claim="aud")


def test_f13_a_list_that_has_our_audience_is_good() -> None:
    assert verifier().verify(token(aud=["https://b.example", AUDIENCE])).aud == (
        "https://b.example",
        AUDIENCE,
    )


@pytest.mark.parametrize("audience", [None, "", 1, ["a"], "a\n"])
def test_f14_a_verifier_without_audience_cannot_be_built(audience: Any) -> None:
    with pytest.raises(ConfigurationError):
        verifier(audience=audience)


@pytest.mark.parametrize("setting", ["issuer", "audience", "keys"])
def test_f14_f18_no_setting_that_protects_has_a_default(setting: str) -> None:
    settings: dict[str, Any] = {"issuer": ISSUER, "audience": AUDIENCE, "keys": None, "clock": FakeClock()}
    del settings[setting]
    with pytest.raises(TypeError):
        TokenVerifier(**settings)


@pytest.mark.parametrize(
    "value", ["https", "https://id.exampl", "id.example", "", ISSUER + "/", ISSUER + ":443"]
)
def test_f15_f17_an_issuer_that_only_resembles_ours_is_refused(value: str) -> None:
    refused(token(iss=value), reason="issuer_mismatch", claim="iss")


@pytest.mark.parametrize("value", ["HTTPS://ID.EXAMPLE", "https://a@id.example", "https://i\u0307d.example"])
def test_f17_e15_an_issuer_in_another_spelling_is_refused(value: str) -> None:
    refused(token(iss=value), reason="issuer_mismatch", claim="iss")


@pytest.mark.parametrize("value", [["https://evil.example", ISSUER], [ISSUER], {ISSUER: 1}, 1, None, True])
def test_f16_an_issuer_that_is_no_string_is_refused(value: object) -> None:
    refused(token(iss=value), reason="claim_not_a_string", claim="iss")


@pytest.mark.parametrize("name", ["sub", "jti", "client_id", "sid"])
@pytest.mark.parametrize("value", [1, [], ["a"], {}, None, True, ""])
def test_f19_identifiers_of_another_type_are_refused(name: str, value: object) -> None:
    refused(token(**{name: value}), reason="claim_not_a_name", claim=name)


@pytest.mark.parametrize("name", ["sub", "jti", "client_id"])
def test_f19_missing_identifiers_are_refused(name: str) -> None:
    refused(token(**{name: ABSENT}), reason="claim_missing", claim=name)


def test_f20_no_setting_turns_the_time_checks_off() -> None:
    by = verifier(clock=FakeClock(NOW + 3600), leeway_seconds=300, algorithms=["ES256"], cache_size=0)
    refused(token(), by, reason="expired")


@pytest.mark.parametrize("change", [{"exp": NOW - 5}, {"aud": "x"}, {"iss": "x"}, {"exp": ABSENT}])
def test_f22_f31_a_wrong_signature_hides_what_is_wrong_with_the_claims(change: dict[str, Any]) -> None:
    head, payload, _ = token(**change).split(".")
    other_signature = token(jti="other").split(".")[2]
    for _ in range(2):
        refused(f"{head}.{payload}.{other_signature}", reason="signature_invalid")
    by = verifier()
    by.verify(token())  # Now the header is known, and the shorter way is taken.
    refused(f"{head}.{payload}.{other_signature}", by, reason="signature_invalid")


@pytest.mark.parametrize("typ", ["JWT", "logout+jwt"])
def test_f31_a_wrong_signature_hides_a_wrong_typ(typ: str) -> None:
    text = seal(header(key(), typ=typ), claims(), key())
    forged = text.rpartition(".")[0] + "." + token().rpartition(".")[2]
    refused(forged, reason="signature_invalid")


@pytest.mark.parametrize(
    "value",
    [
        ["read"],
        [1, 2],
        {"admin": 1},
        1,
        None,
        True,
        "a  b",
        " a",
        "a ",
        "a\u00a0b",
        "a\tb",
        'a"b',
        "a\\b",
        "é",
    ],
)
def test_f23_a_scope_of_another_shape_is_refused(value: object) -> None:
    refused(token(scope=value), reason="claim_not_a_scope", claim="scope")


def test_f23_scope_values_are_whole() -> None:
    scope = verifier().verify(token(scope="readonly write")).scope
    assert scope == {"readonly", "write"}
    assert "read" not in scope


def test_f24_other_spellings_of_scope_mean_nothing() -> None:
    verified = verifier().verify(token(scope="a", scp="b", scopes=["c"], permissions=["d"]))
    assert verified.scope == {"a"}


@pytest.mark.parametrize("value", ["admin", [1], ["admin", None], [["admin"]], {"admin": True}, None, [""]])
def test_f24_roles_of_another_shape_are_refused(value: object) -> None:
    refused(token(roles=value), reason="claim_not_a_list_of_names", claim="roles")


def test_f26_two_tokens_are_never_taken_for_each_other() -> None:
    by = verifier()
    first, second = token(sub="usr_a"), token(sub="usr_b")
    for _ in range(2):
        assert by.verify(first).sub == "usr_a"
        assert by.verify(second).sub == "usr_b"


def test_f27_f30_a_clock_set_back_before_iat_refuses_a_token_that_was_seen_before() -> None:
    clock = FakeClock(NOW)
    by = verifier(clock=clock)
    text = token(iat=NOW - 10)
    by.verify(text)
    clock.time = NOW - 11
    refused(text, by, reason="issued_in_the_future", claim="iat")


@pytest.mark.parametrize("name", ["sub", "jti", "client_id", "sid"])
@pytest.mark.parametrize("escape", ["\\u0000", "\\r\\n", "\\u007f", "\\u0085", "\\u001b"])
def test_e13_control_characters_in_identifiers_are_refused(name: str, escape: str) -> None:
    refused(with_raw_claim(name, f'"u{escape}admin"'), reason="claim_not_a_name", claim=name)


@pytest.mark.parametrize(
    "sub", ["zoë", "a b", "a\u3000b", "a\u2028b", "\U000e0001", "auth0|5f7c8ec7c33c6c004bbafe82"]
)
def test_e13_identifiers_in_other_scripts_are_good(sub: str) -> None:
    assert verifier().verify(token(sub=sub)).sub == sub


def test_e14_names_in_another_case_mean_nothing() -> None:
    refused(token(exp=ABSENT, Exp=NOW + 900, EXP=NOW + 900), reason="claim_missing", claim="exp")


def test_e17_names_that_mean_something_to_python_are_only_names() -> None:
    verified = verifier().verify(token(__class__="x", __proto__={"a": 1}, self=1, verify="no", kid="none"))
    assert type(verified).__name__ == "AccessToken"
    assert verified.kid == key().kid
    assert verified.claims["__class__"] == "x"


@pytest.mark.parametrize("literal", [f"{NOW + 900}.0", f"{NOW + 900}.25", "1.8000009E9"])
def test_e18_finite_numbers_of_every_form_are_times(literal: str) -> None:
    assert verifier().verify(with_raw_claim("exp", literal)).exp == NOW + 900


@pytest.mark.parametrize("value", [True, -1, 1.5, "7", None, []])
def test_a_revocation_position_that_is_no_whole_number_is_refused(value: object) -> None:
    refused(token(rsq=value), reason="claim_not_a_number", claim="rsq")


def test_i19_a_token_that_is_bound_to_a_key_is_no_bearer_token() -> None:
    refused(token(cnf={"jkt": "x"}), reason="proof_of_possession_missing", claim="cnf")

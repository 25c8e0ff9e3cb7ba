"""ID tokens: `nonce`, `azp`, the half hashes, and how long ago somebody signed in (OpenID Connect Core 3.1.3.7)."""

import hashlib
from typing import Any, Final

import pytest
from tests.tokens.forge import ABSENT, NOW, key, public
from tests.tokens.sample_tokens import AUDIENCE, ISSUER, NONCE, SAMPLES, id_token_verifier, sealed

from tokenward.clock import FakeClock
from tokenward.errors import ConfigurationError, InvalidToken
from tokenward.jose import JWKSet, SigningKey, base64url
from tokenward.tokens import GoogleIDToken, IDToken, IDTokenVerifier

SAMPLE: Final = SAMPLES["ID token"]
GOOGLE: Final = SAMPLES["ID token of Google"]


def half(algorithm: str, value: str) -> str:
    """Return the left half of a hash, as Core section 3.1.3.6 says."""
    digest = hashlib.new(algorithm, value.encode()).digest()
    return base64url.encode(digest[: len(digest) // 2]).decode()


def refused_id_token(
    text: str | bytes,
    by: IDTokenVerifier[Any] | None = None,
    *,
    reason: str,
    claim: str | None = None,
    nonce: str | None = NONCE,
    **said: str,
) -> None:
    with pytest.raises(InvalidToken) as caught:
        (by or id_token_verifier()).verify(text, nonce=nonce, **said)
    assert (caught.value.reason, caught.value.claim) == (reason, claim)


def test_an_id_token_says_who_signed_in() -> None:
    token: IDToken = id_token_verifier().verify(sealed(SAMPLE), nonce=NONCE)
    assert (token.iss, token.sub, token.aud, token.azp) == (ISSUER, "248289761001", (AUDIENCE,), AUDIENCE)
    assert (token.exp, token.iat, token.auth_time) == (NOW + 900, NOW - 1, NOW - 5)
    assert (token.nonce, token.acr, token.amr) == (NONCE, "urn:mace:incommon:iap:silver", ("pwd", "otp"))
    assert (token.sid, token.alg, token.kid) == ("08a5019c-17e1-4977-8f42-65a12843ea02", "ES256", key().kid)
    assert token.claims["email"] == "ada@example.com"


async def test_an_id_token_can_be_verified_in_a_coroutine() -> None:
    token = await id_token_verifier().verify_async(sealed(SAMPLE), nonce=NONCE)
    assert token.sub == "248289761001"
    with pytest.raises(InvalidToken):
        await id_token_verifier().verify_async(sealed(SAMPLE), nonce="other")


def test_a_nonce_must_be_given_by_name_even_when_there_is_none() -> None:
    with pytest.raises(TypeError):
        id_token_verifier().verify(sealed(SAMPLE))  # type: ignore[call-arg]


@pytest.mark.parametrize("value", ["", 1, None, ["n"], {}, "a\x00"])
def test_a_nonce_of_another_shape_is_refused(value: object) -> None:
    refused_id_token(sealed(SAMPLE, nonce=value), reason="claim_not_a_name", claim="nonce")


@pytest.mark.parametrize("name", ["azp", "acr", "sid"])
@pytest.mark.parametrize("value", ["", 1, None, ["n"], {}, "a\x00"])
def test_an_odd_claim_that_may_be_missing_is_refused_and_not_taken_as_missing(
    name: str, value: object
) -> None:
    refused_id_token(sealed(SAMPLE, **{name: value}), reason="claim_not_a_name", claim=name)


@pytest.mark.parametrize(
    ("name", "value"), [("auth_time", "1"), ("auth_time", None), ("amr", "pwd"), ("amr", [1]), ("amr", None)]
)
def test_an_odd_time_or_list_is_refused_and_not_taken_as_missing(name: str, value: object) -> None:
    reason = "claim_not_a_time" if name == "auth_time" else "claim_not_a_list_of_names"
    refused_id_token(sealed(SAMPLE, **{name: value}), reason=reason, claim=name)


@pytest.mark.parametrize(
    "claim", ["events", "scope", "scp", "cid", "azpacr", "appidacr", "gty", "typ", "token_use"]
)
@pytest.mark.parametrize("value", ["Bearer", "access", "", None, [], {}])
def test_the_claims_of_another_kind_are_refused_whatever_they_say(claim: str, value: object) -> None:
    refused_id_token(sealed(SAMPLE, **{claim: value}), reason="not_an_id_token", claim=claim)


def test_the_kind_in_the_claims_may_say_that_it_is_an_id_token() -> None:
    assert id_token_verifier().verify(sealed(SAMPLE, typ="ID", token_use="id"), nonce=NONCE).sub


def test_how_long_ago_the_user_signed_in_is_checked_on_both_sides_of_the_moment() -> None:
    clock = FakeClock(NOW)
    by = id_token_verifier(max_age_seconds=60, leeway_seconds=5, clock=clock)
    text = sealed(SAMPLE, auth_time=NOW - 65)
    assert by.verify(text, nonce=NONCE).auth_time == NOW - 65
    clock.time = NOW + 0.5
    refused_id_token(text, by, reason="signed_in_too_long_ago", claim="auth_time")


def test_a_sign_in_that_must_be_recent_must_be_told() -> None:
    by = id_token_verifier(max_age_seconds=0)
    refused_id_token(sealed(SAMPLE, auth_time=ABSENT), by, reason="claim_missing", claim="auth_time")
    assert by.verify(sealed(SAMPLE, auth_time=NOW), nonce=NONCE).auth_time == NOW


@pytest.mark.parametrize("setting", [-1, 1.5, "60", True])
def test_a_max_age_that_is_no_number_of_seconds_is_a_configuration_error(setting: Any) -> None:
    with pytest.raises(ConfigurationError, match="max_age_seconds"):
        id_token_verifier(max_age_seconds=setting)


@pytest.mark.parametrize(
    ("alg", "token", "at_hash", "code", "c_hash"),
    [  # The examples of Core, appendix A.4; and what follows from the rule for the other lengths.
        (
            "RS256",
            "jHkWEdUXMU1BwAsC4vtUsZwnNvTIxEl0z9K3vx5KF0Y",
            "77QmUPtjPfzWtF2AnpK9RQ",
            "Qcb0Orv1zh30vL1MPRsbm-diHiMwcLyZvn1arpZv-Jxf_11jnpEX3Tgfvk",
            "LDktKdoQak3Pk0cnXxCltA",
        ),
        ("ES256", "a", half("sha256", "a"), "b", half("sha256", "b")),
        ("ES384", "a", half("sha384", "a"), "b", half("sha384", "b")),
        ("ES512", "a", half("sha512", "a"), "b", half("sha512", "b")),
        ("Ed25519", "a", half("sha512", "a"), "b", half("sha512", "b")),
        ("HS256", "a", half("sha256", "a"), "b", half("sha256", "b")),
    ],
)
def test_the_half_hashes_are_those_of_the_algorithm_of_the_id_token(
    alg: str, token: str, at_hash: str, code: str, c_hash: str
) -> None:
    by = of_key(key(alg))
    text = sealed(SAMPLE, key(alg), at_hash=at_hash, c_hash=c_hash)
    assert by.verify(text, nonce=NONCE, access_token=token, code=code).alg in {alg, "EdDSA"}
    refused_id_token(text, by, access_token=code, reason="hash_mismatch", claim="at_hash")
    refused_id_token(text, by, code=token, reason="hash_mismatch", claim="c_hash")


def of_key(signing: SigningKey) -> IDTokenVerifier[Any]:
    return id_token_verifier(keys=JWKSet([public(signing)]))


def test_hashes_are_not_asked_for_where_nothing_came_with_the_token() -> None:
    assert id_token_verifier().verify(sealed(SAMPLE, at_hash=1, c_hash=None), nonce=NONCE).sub


@pytest.mark.parametrize("change", [{}, {"aud": [AUDIENCE]}, {"azp": AUDIENCE}, {"azp": ABSENT}])
def test_google_names_the_client_that_asked_and_the_one_that_is_meant(change: dict[str, Any]) -> None:
    token = id_token_verifier(GoogleIDToken).verify(sealed(GOOGLE, **change), nonce=None)
    assert isinstance(token, GoogleIDToken)
    assert token.sub == "110169484474386276334"


def test_the_looser_rule_of_google_lets_no_other_audience_in() -> None:
    by = id_token_verifier(GoogleIDToken)
    refused_id_token(sealed(GOOGLE, aud="other"), by, reason="audience_mismatch", claim="aud", nonce=None)
    refused_id_token(
        sealed(GOOGLE, aud=[AUDIENCE, "x"], azp=ABSENT), by, reason="claim_missing", claim="azp", nonce=None
    )
    refused_id_token(sealed(GOOGLE, azp=1), by, reason="claim_not_a_name", claim="azp", nonce=None)
    refused_id_token(sealed(GOOGLE), reason="authorized_party_mismatch", claim="azp", nonce=None)


def test_an_id_token_is_verified_anew_each_time() -> None:
    # Its nonce belongs to one sign-in, so that a remembered verdict would be of no use.
    by = id_token_verifier()
    text = sealed(SAMPLE)
    assert by.verify(text, nonce=NONCE) is not by.verify(text, nonce=NONCE)


@pytest.mark.parametrize("setting", ["issuer", "client_id", "keys"])
def test_no_setting_that_protects_has_a_default(setting: str) -> None:
    settings: dict[str, Any] = {"issuer": ISSUER, "client_id": AUDIENCE, "keys": JWKSet([public(key())])}
    del settings[setting]
    with pytest.raises(TypeError):
        IDTokenVerifier(**settings)
    with pytest.raises(ConfigurationError):
        id_token_verifier(**{setting: ""})

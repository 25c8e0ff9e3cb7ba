"""Access tokens of providers: what each says, under the names that all access tokens have."""

from typing import Any, Final, NamedTuple

import pytest
from tests.tokens.forge import ABSENT, NOW, refused
from tests.tokens.sample_tokens import (
    AUDIENCE,
    PROFILES,
    SAMPLES,
    TENANT,
    profile_verifier,
    sealed,
)

from tokenward.tokens import AccessToken, InsecureUntypedAccessToken, RevocationRecord, RevocationSet


class Said(NamedTuple):
    """What a token of a provider must come to."""

    sub: str
    jti: str
    scope: frozenset[str]
    roles: tuple[str, ...] = ()
    sid: str | None = None
    auth_time: int | None = None


SAID: Final = {
    "untyped": Said("ada", "", frozenset({"read"})),
    "Auth0": Said(
        "auth0|65f1c0ffee1234567890abcd",
        "",
        frozenset({"openid", "profile", "email", "read:things"}),
        ("read:things",),
    ),
    "Auth0 machine": Said(f"{AUDIENCE}@clients", "", frozenset()),
    "Auth0 RFC 9068": Said("auth0|65f1c0", "pPVWZ1", frozenset({"read:things"})),
    "Keycloak": Said(
        "c0ffee00-8d6c-4f0e-8a1b-5d2f3e4c5b6a",
        "onrtac:4e7f9a0b-12a4-4d0e-9d6b-3f1f0e1c2b3a",
        frozenset({"openid", "email", "profile"}),
        ("offline_access", "reader"),
        "b1a2c3d4-0000-4000-8000-123456789abc",
        NOW - 2,
    ),
    "Cognito": Said(
        "aaaaaaaa-bbbb-cccc-dddd-eeeeeeeeeeee",
        "55555555-6666",
        frozenset({"aws.cognito.signin.user.admin", "openid"}),
        ("readers",),
        None,
        NOW - 3,
    ),
    "Entra v1": Said(
        "AAAAAAAAAAAAAAAAAAAAAIkzqFVrSaSaFHy782bbtaQ", "fqiBqXLPj0eQa82S-IYFAA", frozenset({"access_as_user"})
    ),
    "Entra v2": Said(
        "AAAAAAAAAAAAAAAAAAAAAIkzqFVrSaSaFHy782bbtaQ",
        "fqiBqXLPj0eQa82S-IYFAA",
        frozenset({"access_as_user", "Things.Read"}),
        ("Reader",),
    ),
    "Entra machine": Said(
        "AAAAAAAAAAAAAAAAAAAAAIkzqFVrSaSaFHy782bbtaQ",
        "fqiBqXLPj0eQa82S-IYFAA",
        frozenset(),
        ("Things.Read.All",),
    ),
    "Okta": Said(
        "ada@example.com",
        "AT.0mP4JKAZX1iACIT4vbEDF7LpvDVjxypPMf0D7uX39RE",
        frozenset({"openid", "things.read"}),
        ("readers",),
        None,
        NOW - 4,
    ),
}


def verify(name: str, **changes: Any) -> Any:
    return profile_verifier(SAMPLES[name].profile).verify(sealed(SAMPLES[name], **changes))


def refuse(name: str, reason: str, claim: str, **changes: Any) -> None:
    refused(
        sealed(SAMPLES[name], **changes), profile_verifier(SAMPLES[name].profile), reason=reason, claim=claim
    )


@pytest.mark.parametrize("name", SAID)
def test_a_token_of_a_provider_says_the_same_things_under_the_usual_names(name: str) -> None:
    token = verify(name)
    assert type(token) is PROFILES[SAMPLES[name].profile]
    assert isinstance(token, AccessToken)
    assert Said(token.sub, token.jti, token.scope, token.roles, token.sid, token.auth_time) == SAID[name]
    assert (token.client_id, token.exp, token.iat) == (AUDIENCE, NOW + 900, NOW - 1)


def test_every_sample_of_a_provider_is_shown() -> None:
    assert {name for name, sample in SAMPLES.items() if sample.profile.endswith("AccessToken")} == {
        *SAID,
        "RFC 9068",
    }


def test_what_an_untyped_issuer_does_not_say_is_empty() -> None:
    token = verify("untyped", iat=ABSENT, client_id=ABSENT, scope=ABSENT)
    assert (token.iat, token.client_id, token.jti, token.scope, token.roles) == (0, "", "", frozenset(), ())


@pytest.mark.parametrize("claim", ["nonce", "at_hash", "c_hash", "events"])
@pytest.mark.parametrize("name", ["untyped", "Auth0", "Entra v2", "Okta"])
def test_the_claims_of_an_id_token_are_refused_whatever_they_say(name: str, claim: str) -> None:
    values: tuple[Any, ...] = ("x", None, {})
    for value in values:
        refuse(name, "not_an_access_token", claim, **{claim: value})


@pytest.mark.parametrize(
    ("name", "claim", "values"),
    [
        (
            "Keycloak",
            "typ",
            (ABSENT, "ID", "Refresh", "Offline", "Logout", "bearer", "DPoP", None, ["Bearer"]),
        ),
        ("Cognito", "token_use", (ABSENT, "id", "refresh", "Access", None, ["access"])),
        ("Entra v1", "azpacr", (ABSENT,)),
        ("Entra v2", "azpacr", (ABSENT,)),
        ("Auth0", "azp", (ABSENT,)),
        ("Okta", "cid", (ABSENT,)),
    ],
)
def test_the_claim_that_tells_the_kind_is_asked_for(name: str, claim: str, values: tuple[Any, ...]) -> None:
    for value in values:
        changes = {claim: value} if name != "Entra v1" else {"appidacr": value}
        refuse(name, "claim_missing" if name == "Okta" else "not_an_access_token", claim, **changes)


@pytest.mark.parametrize("name", SAID)
def test_a_token_that_is_bound_to_a_key_is_no_bearer_token(name: str) -> None:
    refuse(name, "proof_of_possession_missing", "cnf", cnf={"jkt": "x"})


@pytest.mark.parametrize("name", SAID)
@pytest.mark.parametrize("value", ["", None, 1, ["a"], {}, "a\x00"])
def test_a_subject_of_another_shape_is_refused(name: str, value: object) -> None:
    refuse(name, "claim_not_a_name", "sub", sub=value)


@pytest.mark.parametrize(
    ("name", "claim", "value", "reason"),
    [
        ("untyped", "client_id", "", "claim_not_a_name"),
        ("untyped", "client_id", None, "claim_not_a_name"),
        ("Auth0", "azp", 1, "claim_not_a_name"),
        ("Keycloak", "azp", None, "claim_not_a_name"),
        ("Cognito", "client_id", [AUDIENCE], "claim_not_a_name"),
        ("Entra v1", "appid", {}, "claim_not_a_name"),
        ("Okta", "cid", "", "claim_not_a_name"),
        ("Auth0", "permissions", "admin", "claim_not_a_list_of_names"),
        ("Auth0", "permissions", None, "claim_not_a_list_of_names"),
        ("Keycloak", "realm_access", ["admin"], "claim_not_a_list_of_names"),
        ("Keycloak", "realm_access", None, "claim_not_a_list_of_names"),
        ("Cognito", "cognito:groups", "admin", "claim_not_a_list_of_names"),
        ("Entra v2", "roles", [1], "claim_not_a_list_of_names"),
        ("Okta", "groups", [""], "claim_not_a_list_of_names"),
        ("Okta", "scp", [1], "claim_not_a_list_of_names"),
        ("Okta", "scp", ["a b"], "claim_not_a_scope"),
        ("Okta", "scp", ["a\tb"], "claim_not_a_scope"),
        ("Okta", "scp", {"admin": 1}, "claim_not_a_scope"),
        ("Okta", "scp", None, "claim_not_a_scope"),
        ("Entra v2", "scp", 1, "claim_not_a_scope"),
        ("Entra v2", "uti", "", "claim_not_a_name"),
        ("untyped", "iat", None, "claim_not_a_time"),
        ("untyped", "jti", None, "claim_not_a_name"),
        ("untyped", "sid", 1, "claim_not_a_name"),
        ("untyped", "auth_time", "1", "claim_not_a_time"),
    ],
)
def test_a_claim_of_another_shape_is_refused_and_not_taken_as_missing(
    name: str, claim: str, value: object, reason: str
) -> None:
    refuse(name, reason, claim, **{claim: value})


def test_roles_of_a_realm_of_another_shape_are_refused() -> None:
    for roles in ("admin", None, [1], [""], {"admin": 1}):
        refuse("Keycloak", "claim_not_a_list_of_names", "roles", realm_access={"roles": roles})
    assert verify("Keycloak", realm_access=ABSENT).roles == ()
    assert verify("Keycloak", realm_access={}).roles == ()


def test_the_first_claim_that_names_the_client_counts() -> None:
    assert verify("untyped", client_id="a", azp="b").client_id == "a"
    assert verify("untyped", client_id=ABSENT, azp="b").client_id == "b"
    assert verify("Auth0", client_id="a", azp="b").client_id == "b"
    assert verify("Okta", client_id="a").client_id == AUDIENCE


@pytest.mark.parametrize("aud", [ABSENT, AUDIENCE, ["x"], "x", None, 1])
def test_cognito_names_the_client_and_any_audience_beside_it(aud: object) -> None:
    assert verify("Cognito", aud=aud).aud == (AUDIENCE,)


def test_cognito_may_name_the_api_in_the_audience() -> None:
    assert verify("Cognito", client_id="app", aud=AUDIENCE).aud == (AUDIENCE,)
    assert verify("Cognito", client_id="app", aud=["x", AUDIENCE]).client_id == "app"
    refuse("Cognito", "audience_mismatch", "client_id", client_id="app")
    refuse("Cognito", "audience_mismatch", "aud", client_id="app", aud="other")
    refuse("Cognito", "claim_not_an_audience", "aud", client_id="app", aud=[AUDIENCE, 1])
    refuse("Cognito", "claim_missing", "client_id", client_id=ABSENT, aud=AUDIENCE)


@pytest.mark.parametrize("tid", ["", None, 1, [TENANT]])
def test_a_tenant_of_another_shape_is_refused(tid: object) -> None:
    refuse("Entra v2", "claim_not_a_name", "tid", tid=tid)


def test_revocations_are_asked_about_tokens_of_providers() -> None:
    revocations = RevocationSet()
    by = profile_verifier("KeycloakAccessToken", revocations=revocations)
    text = sealed(SAMPLES["Keycloak"])
    assert isinstance(by.verify(text), InsecureUntypedAccessToken)
    revocations.apply([RevocationRecord(1, "session", SAID["Keycloak"].sid or "", NOW + 99999, "logout")])
    refused(text, by, reason="revoked: session", claim="sid")


@pytest.mark.parametrize("name", SAID)
def test_the_times_of_a_token_of_a_provider_are_checked(name: str) -> None:
    refuse(name, "expired", "exp", exp=NOW)
    refuse(name, "claim_missing", "exp", exp=ABSENT)
    refuse(name, "not_yet_valid", "nbf", nbf=NOW + 1)
    refuse(name, "issued_in_the_future", "iat", iat=NOW + 1)
    by = profile_verifier(SAMPLES[name].profile, max_lifetime_seconds=900)
    refused(sealed(SAMPLES[name]), by, reason="lifetime_too_long", claim="exp")
    refused(sealed(SAMPLES[name], iat=ABSENT), by, reason="claim_missing", claim="iat")
    assert by.verify(sealed(SAMPLES[name], exp=NOW + 899)).exp == NOW + 899

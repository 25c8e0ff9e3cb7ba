"""Tokens of every kind in place of another, and the rules that only one kind has: sections F, G and I."""

import contextlib
import dataclasses
import hashlib
import time
from typing import Any, Final

import pytest
from tests.tokens.forge import (
    ABSENT,
    AUDIENCE,
    ISSUER,
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
from tests.tokens.sample_tokens import AUDIENCE as API
from tests.tokens.sample_tokens import ISSUER as PROVIDER
from tests.tokens.sample_tokens import (
    METHOD,
    NONCE,
    PROFILES,
    SAMPLES,
    TENANT,
    URL,
    head,
    id_token_verifier,
    profile_verifier,
    public_jwk,
    refusal,
    sealed,
)

import tokenward.jose
import tokenward.tokens
from tokenward.clock import FakeClock
from tokenward.errors import InvalidToken
from tokenward.jose import JWKSet, SigningKey, base64url
from tokenward.tokens import (
    Custom,
    DPoPProof,
    DPoPProofVerifier,
    GoogleIDToken,
    IDTokenVerifier,
    RevocationRecord,
    RevocationSet,
    TokenVerifier,
)

# What says in its name that it takes any JWT of the issuer.
NOT_INSECURE: Final = [name for name in PROFILES if not name.startswith("Insecure")]
ACCESS: Final = [name for name in NOT_INSECURE if name.endswith("AccessToken")]


def only_itself(sample: str, *also: str) -> None:
    """Check that a sample passes for its own profile, and for no other one but those named."""
    own = SAMPLES[sample]
    nonce = own.claims.get("nonce")
    takers = {profile for profile in NOT_INSECURE if refusal(profile, sealed(own), nonce=nonce) is None}
    assert takers - {own.profile} == set(also)


# F. Claims


@pytest.mark.parametrize(
    "name", [name for name in SAMPLES if name != "DPoP proof" and "ID token" not in name]
)
def test_f08_a_token_without_iat_is_refused_where_its_lifetime_is_limited(name: str) -> None:
    by = profile_verifier(SAMPLES[name].profile, max_lifetime_seconds=10**9)
    text = sealed(SAMPLES[name], exp=NOW + 900)
    assert by.verify(text).iss == PROVIDER
    error = refused(sealed(SAMPLES[name], exp=NOW + 900, iat=ABSENT), by, reason="claim_missing")
    assert error.claim == "iat"


@pytest.mark.parametrize(
    "extra", [{}, {"nbf": NOW - 1}, {"x": {"y": [1]}}, {"aud": [AUDIENCE]}, {"exp": NOW + 599.5}]
)
def test_f09_a_token_that_lives_longer_than_allowed_is_refused(extra: dict[str, Any]) -> None:
    good = token(**({"iat": NOW, "exp": NOW + 600} | extra))
    long = token(**({"iat": NOW - 1, "exp": NOW + 600} | extra))
    by = verifier(max_lifetime_seconds=600)
    for _ in range(2):
        assert by.verify(good).iat == NOW
        if "exp" not in extra:
            refused(long, by, reason="lifetime_too_long", claim="exp")
    refused(token(exp=NOW + 10 * 365 * 86400, nbf=NOW - 1), by, reason="lifetime_too_long")
    assert verifier().verify(long).iat == NOW - 1


def test_f21_no_call_gives_claims_that_were_not_checked_unless_its_name_says_so() -> None:
    text = token(exp=NOW - 1)
    tellers = set()
    for module in (tokenward.jose, tokenward.tokens):
        for name in module.__all__:
            call = getattr(module, name)
            # Whatever it says to an argument that it does not expect is no matter here.
            with contextlib.suppress(Exception):
                if callable(call) and claims()["sub"] in repr(call(text)):
                    tellers.add(name)
    assert tellers == {"unverified_claims"}


@pytest.mark.parametrize(
    "profile", [name for name in PROFILES if name != "DPoPProof" and "IDToken" not in name]
)
def test_f21_a_refused_token_leaves_no_claims_behind(profile: str) -> None:
    sample = next(sample for sample in SAMPLES.values() if sample.profile == profile)
    error = refusal(profile, sealed(sample, exp=NOW, secret_claim="secret-in-the-claims"))
    assert error is not None
    assert "secret-in-the-claims" not in repr(vars(error))
    assert not {"claims", "token", "payload"} & set(dir(error))


@pytest.mark.parametrize(
    ("name", "source", "others"),
    [
        ("RFC 9068", "scope", ("scp", "scopes", "permissions")),
        ("untyped", "scope", ("scp", "scopes", "permissions")),
        ("Auth0", "scope", ("scp", "scopes")),
        ("Keycloak", "scope", ("scp", "scopes", "permissions")),
        ("Cognito", "scope", ("scp", "scopes", "permissions")),
        ("Entra v2", "scp", ("scope", "scopes", "permissions")),
        ("Okta", "scp", ("scope", "scopes", "permissions")),
    ],
)
def test_f24_scope_stands_in_one_claim_and_no_other_counts(
    name: str, source: str, others: tuple[str, ...]
) -> None:
    by = profile_verifier(SAMPLES[name].profile)
    for other in others:
        # The last of them goes the careful way in every profile.
        for more in ({}, {"exp": NOW + 900.5}):
            found = by.verify(sealed(SAMPLES[name], **{source: ABSENT, other: "admin"}, **more))
            assert found.scope == frozenset()
        assert by.verify(sealed(SAMPLES[name], **{source: "read", other: "admin"})).scope == {"read"}
        assert by.verify(sealed(SAMPLES[name], **{source: ABSENT, other: ["admin"]})).scope == frozenset()


@pytest.mark.parametrize(
    ("name", "source", "others"),
    [
        ("RFC 9068", "roles", ("groups", "permissions", "realm_access", "cognito:groups")),
        ("Auth0", "permissions", ("roles", "groups")),
        ("Cognito", "cognito:groups", ("roles", "groups")),
        ("Entra v2", "roles", ("groups", "permissions")),
        ("Okta", "groups", ("roles", "permissions")),
    ],
)
def test_f24_roles_stand_in_one_claim_and_no_other_counts(
    name: str, source: str, others: tuple[str, ...]
) -> None:
    by = profile_verifier(SAMPLES[name].profile)
    for other in others:
        assert by.verify(sealed(SAMPLES[name], **{source: ["read"], other: ["admin"]})).roles == ("read",)
        assert by.verify(sealed(SAMPLES[name], **{source: ABSENT, other: ["admin"]})).roles == ()


@pytest.mark.parametrize(
    "expected", [".*", "^.*$", "https://api.example", "(a+)+X$", "[a-z]+", "a|b", "a*", "%", "_"]
)
@pytest.mark.parametrize(
    "profile", ["AccessToken", "InsecureUntypedAccessToken", "Custom invite+jwt", "IDToken"]
)
def test_f25_issuer_and_audience_are_compared_letter_by_letter(profile: str, expected: str) -> None:
    sample = next(sample for sample in SAMPLES.values() if sample.profile == profile)
    sample = sample._replace(claims={**sample.claims, "azp": expected})

    def check(aud: Any, iss: str) -> InvalidToken | None:
        text = sealed(sample, aud=aud, iss=iss)
        try:
            if profile == "IDToken":
                id_token_verifier(issuer=expected, client_id=expected).verify(text, nonce=NONCE)
            else:
                profile_verifier(profile, issuer=expected, audience=expected).verify(text)
        except InvalidToken as error:
            return error
        return None

    assert check(expected, expected) is None
    assert check([expected, "other"], expected) is None
    for other in ("a", "b", "aaX", "https://apiXexample", "", expected + "a", "a" + expected):
        if other != expected:
            for aud, iss in ((other, expected), (["x", other], expected), (expected, other)):
                error = check(aud, iss)
                assert error is not None
                assert error.claim in {"aud", "iss"}


def test_f25_no_audience_makes_the_comparison_slow() -> None:
    by = verifier(audience="(a+)+X$", max_token_bytes=1024 * 1024)
    text = token(aud="a" * 100_000 + "!")
    started = time.thread_time()
    refused(text, by, reason="audience_mismatch")
    assert time.thread_time() - started < 1


@dataclasses.dataclass
class Typed:
    sub: str
    tags: list[str] = dataclasses.field(default_factory=list)


def typed(**settings: Any) -> TokenVerifier[Any]:
    by: TokenVerifier[Any] = verifier(claims=Typed, **settings)
    return by


def test_f26_typed_claims_of_two_tokens_are_never_taken_for_each_other() -> None:
    by = typed()
    texts = [token(sub=f"usr-{number}") for number in range(20)]
    for _ in range(2):
        assert [by.verify(text).sub for text in texts] == [f"usr-{number}" for number in range(20)]
    # Each verifier remembers for itself: what one has proved is not asked of another, with another policy.
    refused(texts[0], typed(audience="other"), reason="audience_mismatch")
    assert verifier().verify(texts[0]).sub == "usr-0"


def test_f26_what_one_request_changes_in_its_typed_claims_does_not_reach_the_next() -> None:
    by = typed()
    text = token(tags=["reader"])
    by.verify(text).tags.append("admin")
    assert by.verify(text).tags == ["reader"]


def test_f27_times_and_revocations_are_asked_on_every_call_also_with_typed_claims() -> None:
    clock, revocations = FakeClock(NOW), RevocationSet()
    by = typed(clock=clock, revocations=revocations)
    text = token()
    assert by.verify(text).sub == claims()["sub"]
    clock.time = NOW + 900
    refused(text, by, reason="expired", claim="exp")
    clock.time = NOW
    assert by.verify(text).sub == claims()["sub"]
    revocations.apply([RevocationRecord(9, "token", claims()["jti"], NOW + 9999, "theft")])
    refused(text, by, reason="revoked: token", claim="jti")


@pytest.mark.parametrize("change", [{}, {"nbf": NOW - 1, "iat": NOW - 50}, {"iat": NOW - 1.0}])
def test_f30_a_clock_set_back_refuses_a_token_with_typed_claims_that_was_seen_before(
    change: dict[str, Any],
) -> None:
    clock = FakeClock(NOW)
    by = typed(clock=clock)
    text = token(**change)
    assert by.verify(text).sub == claims()["sub"]
    clock.time = NOW - 2
    refused(text, by, reason="not_yet_valid" if "nbf" in change else "issued_in_the_future")


def id_token_refused(text: str, *, reason: str, claim: str, nonce: str | None = NONCE, **said: Any) -> None:
    by = said.pop("by", None) or id_token_verifier()
    with pytest.raises(InvalidToken) as caught:
        by.verify(text, nonce=nonce, **said)
    assert (caught.value.reason, caught.value.claim) == (reason, claim)


def of_key(signing: SigningKey) -> IDTokenVerifier[Any]:
    return id_token_verifier(keys=JWKSet([public(signing)]))


@pytest.mark.parametrize(("name", "argument"), [("at_hash", "access_token"), ("c_hash", "code")])
def test_f28_a_half_hash_of_an_algorithm_without_one_is_refused(name: str, argument: str) -> None:
    # No hash is agreed on for Ed448. Another library took every at_hash then.
    signing = key("Ed448")
    for value in ("77QmUPtjPfzWtF2AnpK9RQ", "", "x", ABSENT):
        text = sealed(SAMPLES["ID token"], signing, **{name: value})
        id_token_refused(
            text, by=of_key(signing), **{argument: "a"}, reason="hash_of_unknown_algorithm", claim=name
        )


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (ABSENT, "claim_missing"),
        (None, "claim_not_a_name"),
        ("", "claim_not_a_name"),
        (True, "claim_not_a_name"),
        (["ypeBEsobvcr6wjGzmiPcTQ"], "claim_not_a_name"),
        ("ypeBEsobvcr6wjGzmiPcTQ"[:-1], "hash_mismatch"),
        ("ypeBEsobvcr6wjGzmiPcTQ"[:4], "hash_mismatch"),
        ("ypeBEsobvcr6wjGzmiPcTQ==", "hash_mismatch"),
        ("ypeBEsobvcr6wjGzmiPcTR", "hash_mismatch"),
        ("ypeBEsobvcr6wjGzmiPcTQ\u00e9", "hash_mismatch"),
        ("ypeBEsobvcr6wjGzmiPcTae7_7gUzyLu_XhHWf0fo1M", "hash_mismatch"),
        ("77QmUPtjPfzWtF2AnpK9RQ", "hash_mismatch"),
    ],
)
@pytest.mark.parametrize(("name", "argument"), [("at_hash", "access_token"), ("c_hash", "code")])
def test_f28_a_half_hash_that_is_missing_wrong_or_cut_is_refused(
    name: str, argument: str, change: Any, reason: str
) -> None:
    digest = "ypeBEsobvcr6wjGzmiPcTQ"  # Of "a".
    sample = SAMPLES["ID token"]
    assert id_token_verifier().verify(sealed(sample, **{name: digest}), nonce=NONCE, **{argument: "a"}).sub
    id_token_refused(sealed(sample, **{name: change}), reason=reason, claim=name, **{argument: "a"})


def test_f28_an_empty_access_token_or_code_is_hashed_too() -> None:
    for name, argument in (("at_hash", "access_token"), ("c_hash", "code")):
        id_token_refused(sealed(SAMPLES["ID token"]), reason="hash_mismatch", claim=name, **{argument: ""})
        id_token_refused(
            sealed(SAMPLES["ID token"]), reason="hash_mismatch", claim=name, **{argument: "\ud800"}
        )


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"aud": [API, "other"], "azp": ABSENT}, "claim_missing"),
        ({"aud": ["other", API], "azp": ABSENT}, "claim_missing"),
        ({"aud": [API, API], "azp": ABSENT}, "claim_missing"),
        ({"aud": [API, "other"], "azp": "other"}, "authorized_party_mismatch"),
        ({"aud": API, "azp": "other"}, "authorized_party_mismatch"),
        ({"azp": API.upper()}, "authorized_party_mismatch"),
        ({"azp": API + "/"}, "authorized_party_mismatch"),
        ({"azp": None}, "claim_not_a_name"),
        ({"azp": [API]}, "claim_not_a_name"),
        ({"azp": ""}, "claim_not_a_name"),
    ],
)
def test_f29_an_id_token_that_another_client_asked_for_is_refused(
    change: dict[str, Any], reason: str
) -> None:
    assert id_token_verifier().verify(sealed(SAMPLES["ID token"], aud=[API, "other"]), nonce=NONCE).azp == API
    id_token_refused(sealed(SAMPLES["ID token"], **change), reason=reason, claim="azp")


# G. One kind of token in place of another


@pytest.mark.parametrize("name", [name for name in SAMPLES if "ID token" in name])
def test_g01_an_id_token_passes_for_nothing_else(name: str) -> None:
    # Google and Keycloak name a client in the ID token too, which an issuer of Auth0 does not.
    also = {"GoogleIDToken"} if SAMPLES[name].profile == "IDToken" else set()
    if name in ("ID token of Google", "ID token of Keycloak"):
        also.add("Auth0AccessToken")
    only_itself(name, *also)


@pytest.mark.parametrize("profile", [*ACCESS, "InsecureUntypedAccessToken"])
def test_g01_an_id_token_with_a_nonce_or_a_hash_passes_for_no_access_token(profile: str) -> None:
    for claim in ("nonce", "at_hash", "c_hash"):
        only_one = {name: ABSENT for name in ("nonce", "at_hash", "c_hash") if name != claim}
        for more in ({}, {"client_id": API, "jti": "j", "scope": "read"}, {"token_use": "id", "typ": "ID"}):
            text = sealed(SAMPLES["ID token"], **(only_one | more))
            assert refusal(profile, text) is not None


@pytest.mark.parametrize("profile", NOT_INSECURE)
@pytest.mark.parametrize("typ", ["JWT", "rt+jwt", ABSENT])
def test_g02_a_refresh_token_in_jwt_form_passes_for_nothing(profile: str, typ: Any) -> None:
    # As Keycloak, Cognito and the plugins of frameworks write them.
    refresh = {
        "iss": PROVIDER,
        "aud": API,
        "sub": "ada",
        "iat": NOW,
        "exp": NOW + 900,
        "jti": "j",
        "nonce": "n",
    }
    for kind in (
        {"typ": "Refresh", "azp": API, "scope": "openid"},
        {"token_use": "refresh"},
        {"type": "refresh"},
    ):
        text = seal(header(key(), typ=typ), refresh | kind, key())
        if kind == {"type": "refresh"} and profile in ("IDToken", "GoogleIDToken"):
            continue  # It is one, as far as anybody can see, with a nonce that nobody has asked for.
        assert refusal(profile, text, nonce="n") is not None


@pytest.mark.parametrize("name", ["logout token", "security event"])
def test_g03_a_logout_token_and_an_event_pass_for_nothing_else(name: str) -> None:
    only_itself(name)
    nothing_else = {profile for profile in PROFILES if refusal(profile, sealed(SAMPLES[name])) is None}
    assert nothing_else - {"InsecureUntypedLogoutToken"} == {SAMPLES[name].profile}


@pytest.mark.parametrize(
    "profile",
    [
        name
        for name in PROFILES
        if name not in ("LogoutToken", "SecurityEventToken", "InsecureUntypedLogoutToken")
    ],
)
def test_g03_a_logout_token_of_a_provider_that_says_jwt_passes_for_nothing_else(profile: str) -> None:
    for name in ("logout token", "security event"):
        for typ in ("JWT", ABSENT):
            text = sealed(SAMPLES[name]._replace(typ=typ), exp=NOW + 900)
            assert refusal(profile, text) is not None


@pytest.mark.parametrize("name", SAMPLES)
def test_g04_a_token_without_typ_is_refused_where_the_kind_has_one(name: str) -> None:
    sample = SAMPLES[name]
    kind: Any = PROFILES[sample.profile]
    error = refusal(sample.profile, sealed(sample._replace(typ=ABSENT)), nonce=sample.claims.get("nonce"))
    if None in getattr(kind, "types", ()):
        assert error is None
    else:
        assert error is not None
        assert error.reason == "typ_missing"


@pytest.mark.parametrize("name", SAMPLES)
def test_g05_what_only_resembles_the_media_type_is_refused(name: str) -> None:
    sample = SAMPLES[name]
    typ = "JWT" if sample.typ is ABSENT else sample.typ
    for odd in (
        f"{typ};x=1",
        f"{typ} ",
        f" {typ}",
        f"{typ}\x00",
        f"text/{typ}",
        f"x-{typ}",
        f"{typ}+jwt",
        "",
    ):
        error = refusal(sample.profile, sealed(sample._replace(typ=odd)), nonce=sample.claims.get("nonce"))
        assert error is not None
        assert error.reason == "typ_mismatch"
    shapes: tuple[Any, ...] = ([typ], 1, None, True, {})
    for wrong in shapes:
        error = refusal(sample.profile, sealed(sample._replace(typ=wrong)), nonce=sample.claims.get("nonce"))
        assert error is not None
        assert error.reason == "header_typ"


@pytest.mark.parametrize("name", ["client assertion", "DPoP proof"])
def test_g06_an_assertion_and_a_proof_pass_for_nothing_else(name: str) -> None:
    only_itself(name)


@pytest.mark.parametrize("name", SAMPLES)
def test_g06_nothing_else_passes_for_an_assertion_or_a_proof(name: str) -> None:
    for profile in ("ClientAssertion", "DPoPProof"):
        if SAMPLES[name].profile != profile:
            # With all that the other kind needs.
            said = SAMPLES[name].claims | {"sub": PROVIDER, "aud": API, "jti": "j", "htm": METHOD, "htu": URL}
            text = seal(head(SAMPLES[name], key()) | {"jwk": public_jwk(key())}, said, key())
            assert refusal(profile, text) is not None


@pytest.mark.parametrize("name", ["invitation", "password reset"])
def test_g07_a_link_for_one_purpose_serves_no_other(name: str) -> None:
    # The claims of both samples are the same, and so is the key.
    assert SAMPLES["invitation"].claims == SAMPLES["password reset"].claims
    takers = {profile for profile in PROFILES if refusal(profile, sealed(SAMPLES[name])) is None}
    assert takers == {SAMPLES[name].profile}


@pytest.mark.parametrize("typ", ["JWT", "at+jwt", ABSENT, "session+jwt"])
def test_g07_no_other_kind_serves_as_a_link(typ: Any) -> None:
    by = TokenVerifier(
        Custom(typ="password-reset+jwt"),
        issuer=ISSUER,
        audience=AUDIENCE,
        keys=JWKSet([public(key())]),
        clock=FakeClock(NOW),
    )
    with pytest.raises(InvalidToken):
        by.verify(seal(header(key(), typ=typ), claims(), key()))


@pytest.mark.parametrize(
    "name", [name for name, sample in SAMPLES.items() if sample.profile.endswith("AccessToken")]
)
def test_g08_a_client_with_the_name_of_a_user_is_told_from_the_user(name: str) -> None:
    sample = SAMPLES[name]
    by = profile_verifier(sample.profile)
    client_claim = next(one for one in ("client_id", "azp", "appid", "cid") if one in sample.claims)
    if name == "Cognito":
        sample = sample._replace(claims={**sample.claims, "aud": API})
    user = by.verify(sealed(sample, sub="admin"))
    client = by.verify(sealed(sample, sub="admin", **{client_claim: "admin"}))
    # Whoever keys on all three never takes one for the other, nor the same name at another issuer.
    assert (user.iss, user.sub, user.client_id) == (PROVIDER, "admin", API)
    assert (client.iss, client.sub, client.client_id) == (PROVIDER, "admin", "admin")
    other = profile_verifier(sample.profile, issuer=f"https://other.example/{TENANT}")
    elsewhere = other.verify(sealed(sample, sub="admin", iss=f"https://other.example/{TENANT}"))
    assert (elsewhere.iss, elsewhere.sub) != (user.iss, user.sub)


@pytest.mark.parametrize("name", [name for name in SAMPLES if name != "DPoP proof"])
def test_g09_a_token_for_another_resource_is_refused_in_every_kind(name: str) -> None:
    sample = SAMPLES[name]
    changes: dict[str, Any] = {"aud": ["https://other.example"], "resource": API}
    if name == "Cognito":
        changes["client_id"] = "other"
    error = refusal(sample.profile, sealed(sample, **changes), nonce=sample.claims.get("nonce"))
    assert error is not None
    assert (error.reason, error.claim) == ("audience_mismatch", "aud")


def test_g11_a_token_of_another_tenant_under_the_same_keys_is_refused() -> None:
    other = "99999999-6d5e-4b7a-9c1f-2a7d1e5b8c90"
    for name in ("Entra v1", "Entra v2", "Entra machine"):
        by = profile_verifier("EntraAccessToken")
        theirs = PROVIDER.replace(TENANT, other)
        refused(sealed(SAMPLES[name], iss=theirs, tid=other), by, reason="issuer_mismatch", claim="iss")
        # Their token with our issuer cannot be, but then the names disagree.
        refused(sealed(SAMPLES[name], tid=other), by, reason="tenant_mismatch", claim="tid")
        refused(sealed(SAMPLES[name], tid=ABSENT), by, reason="claim_missing", claim="tid")
        refused(sealed(SAMPLES[name], tid=TENANT[:-1]), by, reason="tenant_mismatch", claim="tid")
        refused(sealed(SAMPLES[name], tid=TENANT.upper()), by, reason="tenant_mismatch", claim="tid")
        for placeholder in ("common", "organizations", "{tenantid}"):
            issuer = PROVIDER.replace(TENANT, placeholder)
            shared = profile_verifier("EntraAccessToken", issuer=issuer)
            refused(sealed(SAMPLES[name]), shared, reason="issuer_mismatch")
            refused(sealed(SAMPLES[name], iss=issuer), shared, reason="tenant_mismatch")


# I. The authorization server and the client


@pytest.mark.parametrize(
    ("aud", "reason"),
    [
        ([API], "audience_not_single"),
        ([API, "https://evil.example"], "audience_not_single"),
        (["https://evil.example", API], "audience_not_single"),
        (["https://evil.example"], "audience_mismatch"),
        (f"{API}/token", "audience_mismatch"),
        (f"{API} https://evil.example", "audience_mismatch"),
        ({API: 1}, "claim_not_an_audience"),
        (None, "claim_not_an_audience"),
        ([], "claim_not_an_audience"),
        (ABSENT, "claim_missing"),
    ],
)
@pytest.mark.parametrize("name", ["client assertion", "untyped client assertion"])
def test_i09_an_assertion_is_for_one_server_and_names_it_alone(name: str, aud: Any, reason: str) -> None:
    refused(
        sealed(SAMPLES[name], aud=aud), profile_verifier(SAMPLES[name].profile), reason=reason, claim="aud"
    )


@pytest.mark.parametrize("typ", ["JWT", ABSENT, "at+jwt"])
def test_i09_an_assertion_must_say_that_it_is_one(typ: Any) -> None:
    refused(sealed(SAMPLES["client assertion"]._replace(typ=typ)), profile_verifier("ClientAssertion"))


@pytest.mark.parametrize("name", ["client assertion", "untyped client assertion"])
def test_i10_an_assertion_about_somebody_else_is_refused(name: str) -> None:
    by = profile_verifier(SAMPLES[name].profile)
    refused(sealed(SAMPLES[name], sub="other"), by, reason="subject_is_not_the_issuer", claim="sub")
    refused(sealed(SAMPLES[name], iss="other"), by, reason="issuer_mismatch", claim="iss")
    refused(sealed(SAMPLES[name], iss="other", sub="other"), by, reason="issuer_mismatch", claim="iss")


def test_i10_an_assertion_has_what_it_takes_to_accept_it_once() -> None:
    # Whoever accepts it keeps `jti` until `exp`; so both must be there.
    by = profile_verifier("ClientAssertion")
    for missing in ("jti", "exp"):
        refused(
            sealed(SAMPLES["client assertion"], **{missing: ABSENT}),
            by,
            reason="claim_missing",
            claim=missing,
        )
    for odd in ("", None, 1):
        refused(sealed(SAMPLES["client assertion"], jti=odd), by, reason="claim_not_a_name", claim="jti")
    found = by.verify(sealed(SAMPLES["client assertion"]))
    assert (found.jti, found.exp) == ("jti-1", NOW + 900)


PROOF: Final = {"jti": "-BwC3ESc6acc2lTc", "htm": METHOD, "htu": URL, "iat": NOW}


def proof(signing: SigningKey | None = None, /, *, said: dict[str, Any] | None = None, **changes: Any) -> str:
    """Return a proof whose header has these changes, and whose claims are `said` beside the usual ones."""
    signing = signing or key()
    head = {"typ": "dpop+jwt", "alg": signing.alg} | changes
    if "jwk" not in head:
        jwk = public_jwk(signing)
        head["jwk"] = {name: jwk[name] for name in ("kty", "crv", "x", "y", "n", "e") if name in jwk}
    head = {name: value for name, value in head.items() if value is not ABSENT}
    return seal(head, PROOF | (said or {}), signing)


def accept(text: str | bytes, **said: Any) -> DPoPProof:
    by = DPoPProofVerifier(clock=FakeClock(NOW), max_age_seconds=60, leeway_seconds=5)
    return by.verify(text, **({"method": METHOD, "url": URL} | said))


def refuse_proof(text: str | bytes, *, reason: str, **said: Any) -> None:
    with pytest.raises(InvalidToken) as caught:
        accept(text, **said)
    assert caught.value.reason == reason


@pytest.mark.parametrize("method", ["POST", "get", "GET ", "HEAD", ""])
def test_i19_a_proof_for_another_method_is_refused(method: str) -> None:
    refuse_proof(proof(), method=method, reason="method_mismatch")


@pytest.mark.parametrize(
    "url",
    [
        "https://api.example/other",
        "https://api.example/things/",
        "https://api.example/things/1",
        "https://api.example/Things",
        "https://api.example/%74hings",
        "https://api.example",
        "https://api.example:8443/things",
        "https://api.example:0/things",
        "http://api.example/things",
        "http://api.example:443/things",
        "https://evil.example/things",
        "https://api.example.evil.example/things",
        "https://api.example@evil.example/things",
        "https://user@api.example/things",
        "https://evil.example/?https://api.example/things",
        "https://evil.example/#https://api.example/things",
        "//api.example/things",
        "/things",
        "",
        "https://",
        "https:///things",
        "https://[/things",
        "https://api.example:x/things",
        "javascript:https://api.example/things",
    ],
)
def test_i19_a_proof_for_another_address_is_refused(url: str) -> None:
    refuse_proof(proof(), url=url, reason="address_mismatch")
    if url:
        refuse_proof(proof(said={"htu": url}), reason="address_mismatch")


def test_i19_a_proof_with_another_token_is_refused() -> None:
    def ath(text: str) -> dict[str, Any]:
        return {"ath": base64url.encode(hashlib.sha256(text.encode()).digest()).decode()}

    assert accept(proof(said=ath("a")), access_token="a").jkt == key().kid
    for text, token_sent in (("a", "b"), ("", "b"), ("a", ""), ("a", "a "), ("a", "\ud800")):
        refuse_proof(proof(said=ath(text)), access_token=token_sent, reason="ath_mismatch")
    refuse_proof(proof(), access_token="a", reason="claim_missing")
    for odd in ("a", None, 1, "", [ath("a")["ath"]], ath("a")["ath"] + "=", ath("a")["ath"][:-1]):
        with pytest.raises(InvalidToken):
            accept(proof(said={"ath": odd}), access_token="a")


@pytest.mark.parametrize(
    ("iat", "reason"),
    [
        (NOW + 6, "issued_in_the_future"),
        (NOW + 10**6, "issued_in_the_future"),
        (NOW - 65, "expired"),
        (NOW - 10**6, "expired"),
        (0, "expired"),
        (None, "claim_not_a_time"),
        (True, "claim_not_a_time"),
        (str(NOW), "claim_not_a_time"),
    ],
)
def test_i19_a_proof_that_is_old_or_of_the_future_is_refused(iat: Any, reason: str) -> None:
    refuse_proof(proof(said={"iat": iat}), reason=reason)
    # Its own times change nothing about that.
    refuse_proof(proof(said={"iat": iat, "exp": NOW + 99999, "nbf": 0}), reason=reason)


def test_i19_a_proof_with_a_secret_is_none() -> None:
    mac = key("HS256")
    secret = mac.to_private_jwk()
    for alg in ("HS256", "HS384", "HS512", "none", "NONE"):
        refuse_proof(proof(mac, alg=alg, jwk=secret), reason="alg_not_allowed")
    for alg in ("ES256", "RS256"):
        refuse_proof(proof(mac, alg=alg, jwk=secret), reason="header_jwk")


@pytest.mark.parametrize("alg", ["ES256", "RS256", "Ed25519"])
def test_i19_a_proof_that_shows_its_private_key_is_refused(alg: str) -> None:
    signing = key(alg)
    private = dict(signing.to_private_jwk())
    refuse_proof(proof(signing, jwk=private), reason="header_jwk")
    # Also when the private part is no right one: a key that might be known to others proves nothing.
    refuse_proof(proof(signing, jwk=public_jwk(signing) | {"d": "AA"}), reason="header_jwk")


def test_i19_a_proof_names_the_key_by_what_it_is_and_not_by_what_it_says() -> None:
    # Seen: the thumbprint of the owner's key as the `kid` of the thief's.
    owner, thief = key("ES256", "owner"), key("ES256", "thief")
    stolen = public_jwk(owner)["kid"]
    for jwk in (public_jwk(thief) | {"kid": stolen}, public_jwk(thief) | {"kid": stolen, "x5t#S256": stolen}):
        found = accept(proof(thief, jwk=jwk, kid=stolen))
        assert found.jkt == public_jwk(thief)["kid"] != stolen


@pytest.mark.parametrize("kid", ["any", "../../dev/null", "x' OR 1=1"])
def test_i19_a_kid_beside_the_key_of_a_proof_means_nothing(kid: str) -> None:
    assert accept(proof(kid=kid)).jkt == key().kid


@pytest.mark.parametrize(
    "jwk",
    [
        ABSENT,
        None,
        [],
        "x",
        1,
        {},
        {"kty": "EC"},
        {"kty": "none"},
        {"kty": ["EC"]},
        {"kty": "EC", "crv": "P-256", "x": "AA", "y": "AA"},
        {"kty": "EC", "crv": "P-999", "x": "AA", "y": "AA"},
        {"kty": "RSA", "n": "AQAB", "e": "AQAB"},
        {"kty": "OKP", "crv": "X25519", "x": "A" * 43},
    ],
)
def test_i19_a_proof_without_a_right_key_is_refused(jwk: Any) -> None:
    refuse_proof(proof(jwk=jwk), reason="header_jwk")


@pytest.mark.parametrize(
    "change",
    [{"alg": "RS256"}, {"alg": "ES384"}, {"alg": 1}, {"use": "enc"}, {"key_ops": ["sign"]}, {"crv": "P-384"}],
)
def test_i19_a_proof_with_a_key_for_something_else_is_refused(change: dict[str, Any]) -> None:
    refuse_proof(proof(jwk=public_jwk(key()) | change), reason="header_jwk")


def test_i19_a_proof_whose_algorithm_is_not_the_one_of_its_key_is_refused() -> None:
    rsa = key("RS256")
    bare = {name: value for name, value in public_jwk(rsa).items() if name in {"kty", "n", "e"}}
    assert accept(proof(rsa, jwk=bare)).jkt == rsa.kid
    refuse_proof(proof(rsa, jwk=public_jwk(rsa), alg="PS256"), reason="header_jwk")
    refuse_proof(proof(rsa, jwk=bare, alg="ES256"), reason="header_jwk")
    refuse_proof(proof(rsa, jwk=bare, alg="PS256"), reason="signature_invalid")


def test_i19_a_proof_with_the_key_of_another_is_refused() -> None:
    refuse_proof(proof(key("ES256", "thief"), jwk=public_jwk(key())), reason="signature_invalid")


@pytest.mark.parametrize("typ", ["at+jwt", "JWT", ABSENT, "dpop", "jwt+dpop"])
def test_i19_a_bearer_token_is_no_proof(typ: Any) -> None:
    refuse_proof(proof(typ=typ), reason="typ_missing" if typ is ABSENT else "typ_mismatch")
    refuse_proof(token(), reason="typ_mismatch")


def test_i19_a_token_that_is_bound_to_a_key_is_no_bearer_token_in_any_profile() -> None:
    for sample in SAMPLES.values():
        if sample.profile.endswith("AccessToken"):
            for cnf in ({"jkt": key().kid}, {}, None, "x"):
                by = profile_verifier(sample.profile)
                refused(sealed(sample, cnf=cnf), by, reason="proof_of_possession_missing", claim="cnf")


def test_i19_a_proof_must_repeat_the_nonce_that_the_server_gave_out() -> None:
    assert accept(proof(said={"nonce": "n"}), nonce="n").nonce == "n"
    refuse_proof(proof(), nonce="n", reason="claim_missing")
    for other in ("N", "n ", "nn", "\u00e9"):
        refuse_proof(proof(said={"nonce": other}), nonce="n", reason="nonce_mismatch")
    for odd in ("", None, 1, ["n"]):
        refuse_proof(proof(said={"nonce": odd}), nonce="n", reason="claim_not_a_name")


def test_i19_a_header_with_extensions_is_refused() -> None:
    refuse_proof(proof(crit=["x"], x=1), reason="header_crit")
    refuse_proof(proof(b64=False, crit=["b64"]), reason="header_crit")


@pytest.mark.parametrize("profile", ["IDToken", "GoogleIDToken"])
def test_i22_an_id_token_of_another_sign_in_is_refused(profile: str) -> None:
    kind: Any = GoogleIDToken if profile == "GoogleIDToken" else tokenward.tokens.IDToken
    by = id_token_verifier(kind)
    text, without = sealed(SAMPLES["ID token"]), sealed(SAMPLES["ID token"], nonce=ABSENT)
    assert by.verify(text, nonce=NONCE).nonce == NONCE
    assert by.verify(without, nonce=None).nonce is None
    for other in ("", "other", NONCE[:-1], NONCE + "x", NONCE.upper(), f" {NONCE}", "\u00e9", "\ud800"):
        id_token_refused(text, by=by, nonce=other, reason="nonce_mismatch", claim="nonce")
    for asked in (NONCE, "", "None"):
        id_token_refused(without, by=by, nonce=asked, reason="claim_missing", claim="nonce")
    # It answers a request that this client has not made.
    id_token_refused(text, by=by, nonce=None, reason="nonce_not_asked_for", claim="nonce")

"""Every kind of token verifies as itself, and as no other; and whatever comes in, a result or a refusal comes out."""

import json
from typing import Any, Final

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.tokens.forge import ABSENT, key, public, seal
from tests.tokens.sample_tokens import (
    AUDIENCE,
    INVITE,
    ISSUER,
    PROFILES,
    SAMPLES,
    Profile,
    head,
    id_token_verifier,
    profile_verifier,
    public_jwk,
    refusal,
    sealed,
    verified_as,
)

import tokenward.tokens
from tokenward.errors import ConfigurationError, InvalidToken
from tokenward.jose import JWKSet
from tokenward.tokens import (
    AccessToken,
    Custom,
    CustomToken,
    IDToken,
    IDTokenVerifier,
    RevocationSet,
    TokenVerifier,
    VerifiedToken,
)

# Which kinds pass for which other profile, and why that is known and said in the docstring of the class.
UNTYPED = "InsecureUntypedAccessToken takes any JWT without the claims of an ID token that must not be missing there"
OWN_CLASS = "the class of the provider is a narrower InsecureUntypedAccessToken"
CLIENT_NAMED = (
    "Auth0AccessToken asks for a client beside the audience, which at Auth0 only access tokens name; "
    "no token of another provider comes from an issuer of Auth0"
)
GOOGLE = "GoogleIDToken is an IDToken with a looser azp"
TYPED_TOO = "the class for kinds without typ takes the typed ones too"
SAME_RULES = "an Auth0 API with the profile RFC 9068 issues tokens of that RFC"
SELF_SIGNED = (
    "the client signs both with its own key, and nothing tells an assertion without typ from an ID token"
)

ALSO_PASSES: Final[dict[str, dict[str, str]]] = {
    "RFC 9068": {"Auth0AccessToken": CLIENT_NAMED},
    "untyped": {"Auth0AccessToken": CLIENT_NAMED},
    "Auth0": {"InsecureUntypedAccessToken": OWN_CLASS},
    "Auth0 machine": {"InsecureUntypedAccessToken": OWN_CLASS},
    "Auth0 RFC 9068": {"AccessToken": SAME_RULES},
    "Keycloak": {"InsecureUntypedAccessToken": OWN_CLASS, "Auth0AccessToken": CLIENT_NAMED},
    "Entra v1": {"InsecureUntypedAccessToken": OWN_CLASS},
    "Entra v2": {"InsecureUntypedAccessToken": OWN_CLASS, "Auth0AccessToken": CLIENT_NAMED},
    "Entra machine": {"InsecureUntypedAccessToken": OWN_CLASS, "Auth0AccessToken": CLIENT_NAMED},
    "Okta": {"InsecureUntypedAccessToken": OWN_CLASS},
    "ID token": {"GoogleIDToken": GOOGLE},
    "ID token after a refresh": {"InsecureUntypedAccessToken": UNTYPED, "GoogleIDToken": GOOGLE},
    "ID token of Keycloak": {
        "InsecureUntypedAccessToken": UNTYPED,
        "Auth0AccessToken": CLIENT_NAMED,
        "GoogleIDToken": GOOGLE,
    },
    "ID token of Cognito": {"InsecureUntypedAccessToken": UNTYPED, "GoogleIDToken": GOOGLE},
    "ID token of Entra": {"InsecureUntypedAccessToken": UNTYPED, "GoogleIDToken": GOOGLE},
    "ID token of Google": {"InsecureUntypedAccessToken": UNTYPED, "Auth0AccessToken": CLIENT_NAMED},
    "logout token": {"InsecureUntypedLogoutToken": TYPED_TOO},
    "client assertion": {"InsecureUntypedClientAssertion": TYPED_TOO},
    "untyped client assertion": {
        "InsecureUntypedAccessToken": UNTYPED,
        "IDToken": SELF_SIGNED,
        "GoogleIDToken": SELF_SIGNED,
    },
}


def test_every_profile_that_is_offered_has_a_sample() -> None:
    offered = {
        name
        for name in tokenward.tokens.__all__
        if isinstance(kind := getattr(tokenward.tokens, name), type) and issubclass(kind, VerifiedToken)
    } - {"VerifiedToken", "CustomToken"}
    assert offered <= PROFILES.keys()
    assert {sample.profile for sample in SAMPLES.values()} == PROFILES.keys()


@pytest.mark.parametrize("name", SAMPLES)
def test_a_good_token_verifies_as_what_it_is(name: str) -> None:
    sample = SAMPLES[name]
    for text in (sealed(sample), sealed(sample).encode()):
        verified = verified_as(sample.profile, text, nonce=sample.claims.get("nonce"))
        if isinstance(verified, VerifiedToken):
            assert (verified.iss, verified.kid) == (ISSUER, key().kid)
            assert AUDIENCE in verified.aud
            assert set(verified.claims) == set(sample.claims)
        else:
            assert verified.jkt == key().kid


@pytest.mark.parametrize("name", SAMPLES)
def test_a_good_token_verifies_as_nothing_else(name: str) -> None:
    sample = SAMPLES[name]
    nonce = sample.claims.get("nonce")
    takers = {profile for profile in PROFILES if refusal(profile, sealed(sample), nonce=nonce) is None}
    assert takers == {sample.profile, *ALSO_PASSES.get(name, {})}


ALL_TYPES: Final = (*{sample.typ for sample in SAMPLES.values()}, "jose", "jwt+jwt", "x", "application/x", "")


def _types(profile: Profile) -> frozenset[str | None]:
    if isinstance(profile, Custom):
        return frozenset({profile.typ})
    return profile.types if issubclass(profile, VerifiedToken) else frozenset({"dpop+jwt"})


@pytest.mark.parametrize("profile", PROFILES)
def test_no_profile_takes_a_typ_that_is_not_its_own(profile: str) -> None:
    types = _types(PROFILES[profile])
    for sample in SAMPLES.values():
        if sample.profile != profile:
            continue
        for typ in ALL_TYPES:
            short = None if typ is ABSENT else typ.lower().removeprefix("application/")
            refused = refusal(profile, sealed(sample._replace(typ=typ)), nonce=sample.claims.get("nonce"))
            if short in types:
                assert refused is None, typ
            else:
                assert refused is not None, typ
                assert refused.reason == ("typ_missing" if short is None else "typ_mismatch")


def _required(profile: Profile) -> tuple[str, ...]:
    if isinstance(profile, Custom):
        return profile.profile.required
    return profile.required if issubclass(profile, VerifiedToken) else ("jti", "htm", "htu", "iat")


@pytest.mark.parametrize("name", SAMPLES)
def test_what_a_profile_requires_must_be_there(name: str) -> None:
    sample = SAMPLES[name]
    for claim in _required(PROFILES[sample.profile]):
        nonce = sample.claims.get("nonce")
        refused = refusal(sample.profile, sealed(sample, **{claim: ABSENT}), nonce=nonce)
        assert refused is not None, claim


@pytest.mark.parametrize("name", [name for name in SAMPLES if name != "DPoP proof"])
def test_what_was_verified_cannot_be_changed(name: str) -> None:
    sample = SAMPLES[name]
    verified = verified_as(
        sample.profile, sealed(sample, extra={"list": [{"a": 1}]}), nonce=sample.claims.get("nonce")
    )
    with pytest.raises(AttributeError):
        verified.iss = "other"
    for attempt in (verified.claims, verified.claims["extra"], verified.claims["extra"]["list"][0]):
        with pytest.raises(TypeError):
            attempt["a"] = "other"
    assert "list" not in repr(verified)


@pytest.mark.parametrize(
    "profile",
    [
        VerifiedToken,
        CustomToken,
        IDToken,
        tokenward.tokens.DPoPProof,
        dict,
        "AccessToken",
        None,
        AccessToken.types,
    ],
)
def test_what_is_no_profile_of_this_verifier_is_refused_when_it_is_built(profile: Any) -> None:
    with pytest.raises(ConfigurationError):
        TokenVerifier(profile, issuer=ISSUER, audience=AUDIENCE, keys=JWKSet([public(key())]))


@pytest.mark.parametrize("profile", [VerifiedToken, AccessToken, INVITE, None])
def test_what_is_no_id_token_is_refused_when_the_verifier_of_id_tokens_is_built(profile: Any) -> None:
    with pytest.raises(ConfigurationError):
        IDTokenVerifier(profile, issuer=ISSUER, client_id=AUDIENCE, keys=JWKSet([public(key())]))


def test_revocations_are_for_access_tokens_of_any_profile_and_for_nothing_else() -> None:
    assert profile_verifier("Auth0AccessToken", revocations=RevocationSet()).verify(sealed(SAMPLES["Auth0"]))
    for profile in ("LogoutToken", "Custom invite+jwt", "ClientAssertion"):
        with pytest.raises(ConfigurationError, match="revocations"):
            profile_verifier(profile, revocations=RevocationSet())


# What follows: a result or InvalidToken, and nothing else, whatever comes in.

_names: Final = sorted(
    {name for sample in SAMPLES.values() for name in sample.claims} | {"cnf", "scp", "nbf"}
)
_scalars: Final = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.integers(min_value=2**62, max_value=2**70)
    | st.floats()
    | st.text(st.characters(), max_size=8)
    | st.sampled_from(
        [ISSUER, AUDIENCE, "ID", "Bearer", "access", "", " ", "\x00", "\x7f", "\ud800", "9" * 30]
    )
)
_values: Final = st.recursive(
    _scalars,
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from(_names) | st.text(max_size=4), inner, max_size=3)
    ),
    max_leaves=6,
)
_many: Final = settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.too_slow])


def _take_or_refuse(profile: str, text: str | bytes, *, nonce: str | None = None) -> None:
    refused = refusal(profile, text, nonce=nonce)
    assert refused is None or (refused.reason and str(refused) == InvalidToken.description)


@_many
@given(profile=st.sampled_from(sorted(PROFILES)), text=st.binary(max_size=200) | st.text(st.characters()))
def test_any_bytes_give_a_result_or_a_refusal(profile: str, text: str | bytes) -> None:
    _take_or_refuse(profile, text)
    if isinstance(text, bytes):
        _take_or_refuse(profile, text[:40] + b"." + text[40:80] + b"." + text[80:])


@_many
@given(name=st.sampled_from(sorted(SAMPLES)), payload=st.binary(max_size=60))
def test_any_signed_payload_gives_a_result_or_a_refusal(name: str, payload: bytes) -> None:
    sample = SAMPLES[name]
    _take_or_refuse(sample.profile, seal(head(sample, key()), payload, key()))


@settings(_many, max_examples=600)
@given(
    name=st.sampled_from(sorted(SAMPLES)),
    changes=st.dictionaries(st.sampled_from(_names), _values, min_size=1, max_size=4),
    nonce=st.none() | st.text(st.characters(), max_size=4),
)
def test_any_signed_claims_give_a_result_or_a_refusal(
    name: str, changes: dict[str, Any], nonce: str | None
) -> None:
    sample = SAMPLES[name]
    # The claims of the sample that are not changed carry the token past the first checks.
    payload = json.dumps(sample.claims | changes).encode()
    _take_or_refuse(sample.profile, seal(head(sample, key()), payload, key()), nonce=nonce)


@_many
@given(
    name=st.sampled_from(sorted(SAMPLES)),
    changes=st.dictionaries(
        st.sampled_from(["alg", "kid", "typ", "jwk", "crit", "cty", "x"]), _values, min_size=1
    ),
)
def test_any_header_gives_a_result_or_a_refusal(name: str, changes: dict[str, Any]) -> None:
    sample = SAMPLES[name]
    header = json.dumps(head(sample, key()) | changes).encode()
    _take_or_refuse(sample.profile, seal(header, json.dumps(sample.claims).encode(), key()))


@_many
@given(
    changes=st.dictionaries(
        st.sampled_from(["kty", "crv", "x", "y", "n", "e", "d", "k", "alg", "use", "key_ops", "kid", "pub"]),
        _values
        | st.text("AQgw-_", max_size=60)
        | st.sampled_from(["RSA", "EC", "OKP", "AKP", "oct", "P-256"]),
        min_size=1,
        max_size=4,
    ),
    alg=st.sampled_from(["ES256", "RS256", "PS256", "Ed25519", "ES384", "HS256"]),
)
def test_any_key_in_a_proof_gives_a_result_or_a_refusal(changes: dict[str, Any], alg: str) -> None:
    sample = SAMPLES["DPoP proof"]
    jwk = public_jwk(key()) | changes
    header = json.dumps(head(sample, key()) | {"jwk": jwk, "alg": alg}).encode()
    _take_or_refuse("DPoPProof", seal(header, json.dumps(sample.claims).encode(), key()))


@_many
@given(nonce=st.text(st.characters()), code=st.text(st.characters()), token=st.text(st.characters()))
def test_what_comes_with_an_id_token_gives_a_result_or_a_refusal(nonce: str, code: str, token: str) -> None:
    text = sealed(SAMPLES["ID token"])
    for said in ({"nonce": nonce}, {"nonce": "n-0S6_WzA2Mj", "code": code}, {"access_token": token}):
        with pytest.raises(InvalidToken):
            id_token_verifier().verify(text, **({"nonce": "n-0S6_WzA2Mj"} | said))

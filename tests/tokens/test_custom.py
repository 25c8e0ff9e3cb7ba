import dataclasses
from typing import Any

import pytest
from tests.tokens.forge import ABSENT, NOW, header, key, refused, seal
from tests.tokens.sample_tokens import AUDIENCE, INVITE, ISSUER, SAMPLES, profile_verifier, sealed

from tokenward.errors import ConfigurationError
from tokenward.jose import sign
from tokenward.tokens import Custom, CustomToken, TokenVerifier

SAMPLE = SAMPLES["invitation"]


def custom_verifier(profile: Custom, **settings: Any) -> TokenVerifier[CustomToken]:
    return profile_verifier("Custom invite+jwt", profile=profile, **settings)


def test_a_token_of_our_own_says_what_was_put_into_it() -> None:
    text = sign(SAMPLE.claims | {"team": ["a", "b"]}, key(), typ="invite+jwt")
    token = profile_verifier("Custom invite+jwt").verify(text)
    assert isinstance(token, CustomToken)
    assert (token.iss, token.aud, token.kid) == (ISSUER, (AUDIENCE,), key().kid)
    assert token.claims["team"] == ("a", "b")
    assert repr(token) == f"<CustomToken invite+jwt of {ISSUER!r}>"
    assert repr(INVITE) == "Custom(typ='invite+jwt')"


@pytest.mark.parametrize(
    "typ", ["invite+jwt", "INVITE+JWT", "application/invite+jwt", "Application/Invite+jwt"]
)
def test_every_spelling_of_the_media_type_is_one_kind(typ: str) -> None:
    assert Custom(typ=typ).typ == "invite+jwt"
    assert profile_verifier("Custom invite+jwt").verify(sealed(SAMPLE._replace(typ=typ)))


@pytest.mark.parametrize(
    "typ",
    [
        *("at+jwt", "AT+JWT", "application/at+jwt", "JWT", "jwt", "logout+jwt", "secevent+jwt", "dpop+jwt"),
        *("client-authentication+jwt", "application/JWT"),
    ],
)
def test_a_kind_that_has_a_profile_cannot_be_a_custom_one(typ: str) -> None:
    with pytest.raises(ConfigurationError, match="cannot have the typ"):
        Custom(typ=typ)


@pytest.mark.parametrize(
    "typ",
    [
        *("", "invite jwt", "invite+jwt;x=1", "a/b", "application/", "application/application/x", "+jwt"),
        *("invite+jwt\n", "éinvite", "\u212aey+jwt", "a" * 128, None, 1, ["invite+jwt"], b"invite+jwt"),
    ],
)
def test_what_is_no_media_type_is_refused(typ: Any) -> None:
    with pytest.raises(ConfigurationError, match="media type"):
        Custom(typ=typ)


def test_required_claims_must_be_there() -> None:
    by = custom_verifier(Custom(typ="invite+jwt", required=["sub", "team"]))
    refused(sealed(SAMPLE), by, reason="claim_missing", claim="team")
    assert by.verify(sealed(SAMPLE, team=None)).claims["team"] is None
    for name in ("iss", "aud", "exp", "sub"):
        refused(sealed(SAMPLE, team=1, **{name: ABSENT}), by, reason="claim_missing", claim=name)


def test_a_single_required_claim_given_as_a_string_is_a_configuration_error() -> None:
    with pytest.raises(ConfigurationError, match="list"):
        Custom(typ="invite+jwt", required="sub")


def test_two_custom_kinds_do_not_share_what_they_require() -> None:
    first, second = Custom(typ="a+jwt", required=["x"]), Custom(typ="b+jwt")
    assert first.profile.required == ("iss", "aud", "exp", "x")
    assert second.profile.required == ("iss", "aud", "exp")
    assert (*first.profile.types, *second.profile.types) == ("a+jwt", "b+jwt")


def test_the_times_of_a_custom_token_are_checked() -> None:
    by = custom_verifier(INVITE, max_lifetime_seconds=901)
    assert by.verify(sealed(SAMPLE)).iss == ISSUER
    refused(sealed(SAMPLE, exp=NOW), by, reason="expired", claim="exp")
    refused(sealed(SAMPLE, nbf=NOW + 1), by, reason="not_yet_valid", claim="nbf")
    refused(sealed(SAMPLE, exp=NOW + 901), by, reason="lifetime_too_long", claim="exp")


def test_a_custom_token_has_typed_claims() -> None:
    @dataclasses.dataclass
    class Invitation:
        sub: str
        team: str = "none"

    by: TokenVerifier[Any] = custom_verifier(INVITE, claims=Invitation)
    assert by.verify(sealed(SAMPLE, team="red")) == Invitation("ada@example.com", "red")
    refused(sealed(SAMPLE, team=1), by, claim="$.team")


def test_a_custom_token_without_typ_is_refused() -> None:
    by = profile_verifier("Custom invite+jwt")
    for typ in (ABSENT, "JWT"):
        refused(seal(header(key(), typ=typ), SAMPLE.claims, key()), by)


@pytest.mark.parametrize("required", [[1], [None], [["sub"]], [b"sub"]])
def test_what_is_no_name_of_a_claim_cannot_be_required(required: Any) -> None:
    with pytest.raises(ConfigurationError, match="names of claims"):
        Custom(typ="invite+jwt", required=required)

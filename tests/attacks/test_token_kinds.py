"""Another kind of token, of the same issuer and under the same key, in place of an access token: section G."""

import pytest
from tests.tokens.forge import ABSENT, AUDIENCE, NOW, claims, header, key, refused, seal, verifier


def test_g01_an_id_token_is_no_access_token() -> None:
    id_token = claims(nonce="n", at_hash="x", auth_time=NOW, azp="first-party")
    refused(seal(header(key(), typ="JWT"), id_token, key()), reason="typ_mismatch")
    refused(seal(header(key(), typ=ABSENT), id_token, key()), reason="typ_missing")
    refused(seal(header(key(), typ="JWT"), id_token | {"aud": [AUDIENCE, "first-party"]}, key()))


def test_g02_a_refresh_token_in_jwt_form_is_no_access_token() -> None:
    refresh = claims(type="refresh", token_type="refresh", token_use="refresh")
    refused(seal(header(key(), typ="JWT"), refresh, key()), reason="typ_mismatch")
    refused(seal(header(key(), typ="rt+jwt"), refresh, key()), reason="typ_mismatch")


@pytest.mark.parametrize(
    "typ",
    [
        "logout+jwt",
        "secevent+jwt",
        "token-introspection+jwt",
        "entity-statement+jwt",
        "statuslist+jwt",
        "revocation-batch+jwt",
    ],
)
def test_g03_a_token_of_another_kind_is_no_access_token(typ: str) -> None:
    refused(seal(header(key(), typ=typ), claims(), key()), reason="typ_mismatch")


def test_g03_the_kind_is_asked_also_when_the_header_was_seen_before() -> None:
    by = verifier()
    text = seal(header(key(), typ="logout+jwt"), claims(), key())
    for _ in range(3):
        refused(text, by, reason="typ_mismatch")


def test_g04_a_token_without_typ_is_refused() -> None:
    refused(seal(header(key(), typ=ABSENT), claims(), key()), reason="typ_missing")


@pytest.mark.parametrize("typ", ["at+jwt", "AT+JWT", "At+jwt", "application/at+jwt", "APPLICATION/AT+JWT"])
def test_g05_every_spelling_of_the_media_type_is_good(typ: str) -> None:
    assert verifier().verify(seal(header(key(), typ=typ), claims(), key())).jti


@pytest.mark.parametrize(
    "typ",
    [
        "at+jwt;x=1",
        "at+jwt ",
        " at+jwt",
        "at jwt",
        "at+jwt\u0000",
        "application/application/at+jwt",
        "text/at+jwt",
        "x-at+jwt",
        "\uff41t+jwt",
        "",
    ],
)
def test_g05_what_only_resembles_the_media_type_is_refused(typ: str) -> None:
    refused(seal(header(key(), typ=typ), claims(), key()), reason="typ_mismatch")


@pytest.mark.parametrize("typ", [["at+jwt"], 1, None, True, {"typ": "at+jwt"}])
def test_g05_a_typ_that_is_no_string_is_refused(typ: object) -> None:
    refused(seal(header(key(), typ=typ), claims(), key()), reason="header_typ")


@pytest.mark.parametrize("typ", ["dpop+jwt", "client-authentication+jwt", "oauth-authz-req+jwt"])
def test_g06_a_proof_an_assertion_or_a_request_object_is_no_access_token(typ: str) -> None:
    refused(seal(header(key(), typ=typ), claims(), key()), reason="typ_mismatch")


def test_g09_a_token_for_another_resource_is_refused() -> None:
    other = claims(aud="https://other.example", resource=AUDIENCE)
    refused(seal(header(key()), other, key()), reason="audience_mismatch", claim="aud")

from typing import Any, Final

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.tokens.forge import AUDIENCE, NOW, claims, header, key, public, seal, token, verifier

from tokenward.clock import FakeClock
from tokenward.errors import ConfigurationError, InvalidToken
from tokenward.jose import JWKSet, base64url
from tokenward.tokens import AccessToken, IDTokenVerifier, Issuers, KeycloakAccessToken, TokenVerifier

FIRST: Final = "https://first.example"
SECOND: Final = "https://second.example"


def of_issuer(issuer: str, alg: str, **settings: Any) -> TokenVerifier[AccessToken]:
    return verifier(key(alg, issuer), issuer=issuer, **settings)


def issued(issuer: str, alg: str, **changes: Any) -> str:
    return token(key(alg, issuer), iss=issuer, **changes)


def both() -> Issuers[AccessToken]:
    return Issuers([of_issuer(FIRST, "ES256"), of_issuer(SECOND, "HS256", audience="other")])


def refused_by(issuers: Issuers[Any], text: str | bytes, *, reason: str) -> None:
    with pytest.raises(InvalidToken) as caught:
        issuers.verify(text)
    assert caught.value.reason == reason


def test_each_token_is_verified_by_the_verifier_of_its_issuer() -> None:
    issuers = both()
    for form in (str, lambda text: text.encode()):
        assert issuers.verify(form(issued(FIRST, "ES256"))).iss == FIRST
        assert issuers.verify(form(issued(SECOND, "HS256", aud="other"))).iss == SECOND


async def test_tokens_can_be_verified_in_a_coroutine() -> None:
    assert (await both().verify_async(issued(FIRST, "ES256"))).iss == FIRST
    with pytest.raises(InvalidToken):
        await both().verify_async(issued("https://third.example", "ES256"))


def test_each_issuer_has_its_own_audience_and_algorithms() -> None:
    refused_by(both(), issued(SECOND, "HS256"), reason="audience_mismatch")
    refused_by(both(), issued(FIRST, "ES256", aud="other"), reason="audience_mismatch")


def test_b18_the_keys_of_one_issuer_do_not_vouch_for_another() -> None:
    refused_by(both(), token(key("ES256", FIRST), iss=SECOND, aud="other"), reason="alg_not_allowed")
    refused_by(both(), token(key("HS256", SECOND), iss=FIRST), reason="alg_not_allowed")
    same = Issuers([of_issuer(FIRST, "ES256"), of_issuer(SECOND, "ES256")])
    refused_by(same, token(key("ES256", FIRST), iss=SECOND), reason="kid_unknown")
    other_key = key("ES256", FIRST)
    stolen_kid = seal(header(other_key, kid=key("ES256", SECOND).kid), claims(iss=SECOND), other_key)
    refused_by(same, stolen_kid, reason="signature_invalid")


@pytest.mark.parametrize(
    "issuer",
    [
        FIRST + "/",
        FIRST.upper(),
        FIRST[:-1],
        FIRST + "\u0000",
        " " + FIRST,
        "https://first.example@evil.example",
        "",
    ],
)
def test_an_issuer_that_only_resembles_one_is_unknown(issuer: str) -> None:
    refused_by(both(), token(key("ES256", FIRST), iss=issuer), reason="issuer_unknown")


@pytest.mark.parametrize("issuer", [None, 1, True, [FIRST], [], {}, {FIRST: 1}, [FIRST, SECOND]])
def test_an_issuer_that_is_no_string_is_refused(issuer: Any) -> None:
    refused_by(both(), token(key("ES256", FIRST), iss=issuer), reason="claims_without_issuer")


@pytest.mark.parametrize(
    "payload", [b'{"iss":"\xff"}', b'{"iss":"\\ud800"}', b'{"a":' + b"[" * 5000, b"\xef\xbb\xbf{}", b"[]"]
)
def test_a_payload_that_cannot_be_read_is_refused(payload: bytes) -> None:
    refused_by(both(), seal(header(key()), payload, key()), reason="claims_without_issuer")


@pytest.mark.parametrize("members", [(FIRST, SECOND), (SECOND, FIRST), (FIRST, FIRST)])
def test_an_issuer_that_is_named_twice_chooses_a_verifier_and_is_refused_there(
    members: tuple[str, str],
) -> None:
    # Whichever the look-up takes, the verifier reads the payload anew, and strictly.
    for alg, issuer in (("ES256", FIRST), ("HS256", SECOND)):
        signing = key(alg, issuer)
        payload = f'{{"iss":"{members[0]}","iss":"{members[1]}"}}'.encode()
        with pytest.raises(InvalidToken) as caught:
            both().verify(seal(header(signing), payload, signing))
        assert caught.value.reason in {"claims_duplicate_member", "alg_not_allowed"}


def test_the_size_is_checked_before_anything_is_read_and_again_by_the_verifier() -> None:
    issuers = Issuers(
        [of_issuer(FIRST, "ES256", max_token_bytes=700), of_issuer(SECOND, "HS256", max_token_bytes=4096)]
    )
    refused_by(issuers, b"." * 5_000_000, reason="too_large")
    refused_by(issuers, issued(FIRST, "ES256", pad="x" * 400), reason="too_large")
    assert issuers.verify(issued(FIRST, "ES256")).iss == FIRST


def test_what_a_verifier_gives_comes_out_as_it_is() -> None:
    keycloak = TokenVerifier(
        KeycloakAccessToken,
        issuer=SECOND,
        audience=AUDIENCE,
        keys=JWKSet([public(key())]),
        clock=FakeClock(NOW),
    )
    issuers = Issuers([of_issuer(FIRST, "ES256"), keycloak])
    text = seal(header(key(), typ="JWT"), claims(iss=SECOND, typ="Bearer"), key())
    assert type(issuers.verify(text)) is KeycloakAccessToken
    assert type(issuers.verify(issued(FIRST, "ES256"))) is AccessToken
    # The profile belongs to the issuer too.
    refused_by(
        issuers,
        seal(header(key("ES256", FIRST), typ="JWT"), claims(iss=FIRST), key("ES256", FIRST)),
        reason="typ_mismatch",
    )


def test_wrong_lists_of_verifiers_are_configuration_errors() -> None:
    wrong: tuple[Any, ...] = (
        [],
        [of_issuer(FIRST, "ES256"), of_issuer(FIRST, "HS256")],
        [FIRST],
        [IDTokenVerifier(issuer=FIRST, client_id="c", keys=JWKSet([public(key())]))],
    )
    for verifiers in wrong:
        with pytest.raises(ConfigurationError):
            Issuers(verifiers)


@settings(max_examples=200, deadline=None)
@given(text=st.binary(max_size=60), payload=st.binary(max_size=40))
def test_any_bytes_are_refused(text: bytes, payload: bytes) -> None:
    for form in (text, b"e30." + base64url.encode(payload) + b".c", b"e30." + text + b".c"):
        with pytest.raises(InvalidToken):
            both().verify(form)

from typing import Final

import pytest
from tests.tokens.forge import ABSENT, NOW, key, refused
from tests.tokens.sample_tokens import AUDIENCE, ISSUER, SAMPLES, profile_verifier, sealed

from tokenward.tokens import ClientAssertion, InsecureUntypedClientAssertion

SAMPLE: Final = SAMPLES["client assertion"]
UNTYPED: Final = SAMPLES["untyped client assertion"]


def test_a_client_assertion_says_which_client_it_is() -> None:
    token = profile_verifier("ClientAssertion").verify(sealed(SAMPLE))
    assert type(token) is ClientAssertion
    assert (token.iss, token.sub, token.aud, token.jti) == (ISSUER, ISSUER, (AUDIENCE,), "jti-1")
    assert (token.exp, token.kid) == (NOW + 900, key().kid)


def test_a_client_assertion_needs_no_iat_but_has_no_odd_one() -> None:
    by = profile_verifier("ClientAssertion")
    assert by.verify(sealed(SAMPLE, iat=ABSENT)).jti == "jti-1"
    refused(sealed(SAMPLE, iat="1"), by, reason="claim_not_a_time", claim="iat")
    refused(sealed(SAMPLE, iat=NOW + 1), by, reason="issued_in_the_future", claim="iat")


@pytest.mark.parametrize("name", ["sub", "jti"])
@pytest.mark.parametrize("value", ["", None, 1, ["a"], {}, "a\x00"])
def test_identifiers_of_another_shape_are_refused(name: str, value: object) -> None:
    by = profile_verifier("ClientAssertion")
    refused(sealed(SAMPLE, **{name: value}), by, reason="claim_not_a_name", claim=name)


@pytest.mark.parametrize(
    "typ", [ABSENT, "JWT", "client-authentication+jwt", "application/Client-Authentication+JWT"]
)
def test_only_the_profile_with_the_long_name_takes_an_assertion_that_does_not_say_so(typ: object) -> None:
    text = sealed(SAMPLE._replace(typ=typ))
    assert (
        type(profile_verifier("InsecureUntypedClientAssertion").verify(text))
        is InsecureUntypedClientAssertion
    )
    if typ in (ABSENT, "JWT"):
        refused(text, profile_verifier("ClientAssertion"))
    else:
        assert profile_verifier("ClientAssertion").verify(text).jti == "jti-1"


@pytest.mark.parametrize("typ", ["at+jwt", "dpop+jwt", "jwt+jwt", "private_key_jwt"])
def test_the_profile_with_the_long_name_takes_no_other_kind(typ: str) -> None:
    by = profile_verifier("InsecureUntypedClientAssertion")
    refused(sealed(UNTYPED._replace(typ=typ)), by, reason="typ_mismatch")


def test_an_assertion_that_lives_too_long_is_refused() -> None:
    by = profile_verifier("ClientAssertion", max_lifetime_seconds=60)
    assert by.verify(sealed(SAMPLE, exp=NOW + 59)).jti == "jti-1"
    refused(sealed(SAMPLE), by, reason="lifetime_too_long", claim="exp")
    refused(sealed(SAMPLE, iat=ABSENT), by, reason="claim_missing", claim="iat")

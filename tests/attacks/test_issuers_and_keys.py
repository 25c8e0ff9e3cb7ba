"""B18, B19, H08 and F18 with verifiers: whose keys vouch for whose tokens, and what an unknown issuer costs."""

import pytest
from tests.tokens.forge import AUDIENCE, ISSUER, NOW, claims, header, key, public, refused, seal, token
from tests.tokens.remote_jwks.published import MemoryTransport, published

from tokenward.clock import FakeClock
from tokenward.errors import ConfigurationError
from tokenward.jose import JWKSet
from tokenward.tokens import AsyncRemoteJWKSet, Issuers, RemoteJWKSet, TokenVerifier
from tokenward.tokens.access_token import AccessToken

OTHER = "https://other.example"


def of(issuer: str, keys: JWKSet | RemoteJWKSet | AsyncRemoteJWKSet) -> TokenVerifier[AccessToken]:
    return TokenVerifier(issuer=issuer, audience=AUDIENCE, keys=keys, clock=FakeClock(NOW), leeway_seconds=0)


def test_b18_the_keys_of_one_issuer_do_not_vouch_for_another() -> None:
    ours, theirs = key("ES256", "ours"), key("ES256", "theirs")
    issuers = Issuers([of(ISSUER, JWKSet([public(ours)])), of(OTHER, JWKSet([public(theirs)]))])
    assert issuers.verify(token(ours)).iss == ISSUER
    assert issuers.verify(token(theirs, iss=OTHER)).iss == OTHER
    refused(token(theirs), issuers, reason="kid_unknown")
    named_ours = seal(header(theirs, kid=ours.kid), claims(), theirs)
    refused(named_ours, issuers, reason="signature_invalid")


def test_b18_fetched_keys_of_one_issuer_are_not_given_to_a_verifier_of_another() -> None:
    for keys in (RemoteJWKSet.discover(OTHER), AsyncRemoteJWKSet("https://keys.example", issuer=OTHER)):
        with pytest.raises(ConfigurationError, match=r"other\.example"):
            of(ISSUER, keys)
        assert of(OTHER, keys).issuer == OTHER


@pytest.mark.parametrize("issuer", ["https://evil.example", ISSUER + "/", "", None, ["https://id.example"]])
def test_b19_an_issuer_that_is_not_known_costs_no_request(issuer: object) -> None:
    transport = MemoryTransport(published("a"))
    keys = RemoteJWKSet("https://id.example/jwks", issuer=ISSUER, transport=transport, clock=FakeClock(NOW))
    refused(token(iss=issuer), Issuers([of(ISSUER, keys)]), claim="iss")
    assert transport.requests == []

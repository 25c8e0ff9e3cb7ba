import math
from typing import Any, Final

import pytest
from tests.tokens.forge import ABSENT, NOW, key, public, seal
from tests.tokens.sample_tokens import METHOD, URL, public_jwk

from tokenward.clock import FakeClock
from tokenward.errors import ConfigurationError, InvalidToken
from tokenward.jose import SigningKey
from tokenward.tokens import DPoPProof, DPoPProofVerifier

CLAIMS: Final = {"jti": "-BwC3ESc6acc2lTc", "htm": METHOD, "htu": URL, "iat": NOW}

# RFC 9449 section 4.1, figure 2; the thumbprint stands in section 6.1.
RFC_PROOF: Final = (
    "eyJ0eXAiOiJkcG9wK2p3dCIsImFsZyI6IkVTMjU2IiwiandrIjp7Imt0eSI6IkVDIiwieCI6Imw4dEZyaHgtMzR0VjNoUklDUkRZOXpDa0Rs"
    "cEJoRjQyVVFVZldWQVdCRnMiLCJ5IjoiOVZFNGpmX09rX282NHpiVFRsY3VOSmFqSG10NnY5VERWclUwQ2R2R1JEQSIsImNydiI6IlAtMjU2"
    "In19.eyJqdGkiOiItQndDM0VTYzZhY2MybFRjIiwiaHRtIjoiUE9TVCIsImh0dSI6Imh0dHBzOi8vc2VydmVyLmV4YW1wbGUuY29tL3Rva2Vu"
    "IiwiaWF0IjoxNTYyMjYyNjE2fQ.2-GxA6T8lP4vfrg8v-FdWP0A0zdrj8igiMLvqRMUvwnQg4PtFLbdLXiOSsX0x7NVY-FNyJK70nfbV37xRZ"
    "T3Lg"
)
RFC_THUMBPRINT: Final = "0ZcOCORZNYy-DWpqq30jZyJGHTN0d2HglBV3uiguA4I"


def proof(signing: SigningKey | None = None, header: dict[str, Any] | None = None, **changes: Any) -> str:
    """Return a proof with changed claims and header parameters, signed rightly."""
    signing = signing or key()
    jwk = {
        name: value
        for name, value in public_jwk(signing).items()
        if name in {"kty", "crv", "x", "y", "n", "e"}
    }
    head = {"typ": "dpop+jwt", "alg": signing.alg, "jwk": jwk} | (header or {})
    said = {name: value for name, value in (CLAIMS | changes).items() if value is not ABSENT}
    return seal({name: value for name, value in head.items() if value is not ABSENT}, said, signing)


def check(text: str | bytes, by: DPoPProofVerifier | None = None, **said: Any) -> DPoPProof:
    by = by or DPoPProofVerifier(clock=FakeClock(NOW))
    return by.verify(text, **({"method": METHOD, "url": URL} | said))


def refused_proof(
    text: str | bytes,
    by: DPoPProofVerifier | None = None,
    *,
    reason: str,
    claim: str | None = None,
    **said: Any,
) -> None:
    with pytest.raises(InvalidToken) as caught:
        check(text, by, **said)
    assert (caught.value.reason, caught.value.claim) == (reason, claim)


def test_the_proof_of_the_rfc_is_good() -> None:
    by = DPoPProofVerifier(clock=FakeClock(1562262616))
    found = by.verify(RFC_PROOF, method="POST", url="https://server.example.com/token")
    assert (found.jkt, found.jti, found.iat) == (RFC_THUMBPRINT, "-BwC3ESc6acc2lTc", 1562262616)
    assert (found.htm, found.htu, found.nonce) == ("POST", "https://server.example.com/token", None)


def test_the_hash_of_the_access_token_of_the_rfc_is_good() -> None:
    # RFC 9449 section 7.1.
    token = "Kz~8mXK1EalYznwH-LC-1fBAo.4Ljp~zsPE_NeO.gxU"
    text = proof(ath="fUHyO2r2Z3DZ53EsNrWBb0xWXoaNy59IiKCAqksmQEo")
    assert check(text, access_token=token).jkt == key().kid


@pytest.mark.parametrize("alg", ["ES256", "ES384", "Ed25519", "RS256", "PS256"])
def test_a_proof_of_every_usual_algorithm_is_good(alg: str) -> None:
    assert check(proof(key(alg))).jkt == public(key(alg)).kid


def test_other_algorithms_are_good_where_they_are_asked_for() -> None:
    by = DPoPProofVerifier(algorithms=["ES512"], clock=FakeClock(NOW))
    assert check(proof(key("ES512")), by).jkt == key("ES512").kid
    refused_proof(proof(), by, reason="alg_not_allowed")


@pytest.mark.parametrize(
    "setting",
    [
        {"algorithms": ["HS256"]},
        {"algorithms": ["ES256", "HS512"]},
        {"algorithms": []},
        {"algorithms": ["none"]},
        {"algorithms": "ES256"},
        {"max_age_seconds": -1},
        {"max_age_seconds": 301},
        {"max_age_seconds": 1.5},
        {"max_age_seconds": True},
        {"leeway_seconds": 301},
        {"leeway_seconds": None},
        {"leeway_seconds": float("inf")},
    ],
)
def test_settings_that_check_less_are_configuration_errors(setting: dict[str, Any]) -> None:
    with pytest.raises(ConfigurationError):
        DPoPProofVerifier(**setting)


@pytest.mark.parametrize(
    "url",
    [
        URL,
        "https://api.example/things?page=2",
        "https://api.example/things#part",
        "https://api.example:443/things",
        "https://api.example:/things",
        "HTTPS://API.example/things",
    ],
)
def test_one_address_in_other_spellings_is_one_address(url: str) -> None:
    assert check(proof(), url=url).htu == URL
    assert check(proof(htu=url)).htu == url


def test_an_address_without_path_is_the_one_of_the_root() -> None:
    assert check(proof(htu="https://api.example"), url="https://api.example/").jti
    assert check(proof(htu="http://localhost:8000/"), url="http://localhost:8000").jti


@pytest.mark.parametrize("name", ["jti", "htm", "htu"])
@pytest.mark.parametrize("value", [ABSENT, "", None, 1, ["x"], {}, "a\x00", "a\n"])
def test_a_claim_of_another_shape_is_refused(name: str, value: Any) -> None:
    reason = "claim_missing" if value is ABSENT else "claim_not_a_name"
    refused_proof(proof(**{name: value}), reason=reason, claim=name)


@pytest.mark.parametrize("value", [None, "1", True, [], -1, 10**13])
def test_a_time_of_another_shape_is_refused(value: object) -> None:
    refused_proof(proof(iat=value), reason="claim_not_a_time", claim="iat")
    refused_proof(proof(iat=ABSENT), reason="claim_missing", claim="iat")


def test_the_age_of_a_proof_is_checked_on_both_sides_of_the_moment() -> None:
    clock = FakeClock(NOW)
    by = DPoPProofVerifier(clock=clock, max_age_seconds=30, leeway_seconds=2)
    for time, reason in (
        (NOW - 2, None),
        (NOW - 2.5, "issued_in_the_future"),
        (NOW + 31.5, None),
        (NOW + 32, "expired"),
    ):
        clock.time = time
        if reason is None:
            assert check(proof(), by).iat == NOW
        else:
            refused_proof(proof(), by, reason=reason, claim="iat")
    clock.time = NOW
    assert check(proof(iat=NOW - 0.5), by).iat == NOW - 0.5


def test_a_nonce_that_was_not_asked_for_is_told() -> None:
    assert check(proof(nonce="n")).nonce == "n"
    assert check(proof(nonce="n"), nonce="n").nonce == "n"
    refused_proof(proof(nonce=1), reason="claim_not_a_name", claim="nonce")


def test_the_payload_must_be_a_strict_object() -> None:
    for payload in (b"", b"[]", b'{"jti":"a","jti":"b"}', b"\xff", b'{"iat":NaN}'):
        head = {"typ": "dpop+jwt", "alg": "ES256", "jwk": public_jwk(key())}
        with pytest.raises(InvalidToken) as caught:
            check(seal(head, payload, key()))
        assert caught.value.reason.startswith("claims_")


def test_a_proof_that_is_too_large_is_refused() -> None:
    refused_proof(proof(jti="a" * 9000), reason="too_large")


def test_a_clock_that_tells_no_number_lets_no_proof_through() -> None:
    by = DPoPProofVerifier(clock=FakeClock(math.nan))
    refused_proof(proof(), by, reason="issued_in_the_future", claim="iat")

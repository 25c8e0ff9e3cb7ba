import contextlib
import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.tokens.forge import key, public

from tokenward.errors import ConfigurationError, InvalidToken
from tokenward.jose import InvalidKey, JWKSet, PublicKey, StrictJSONError, algorithms
from tokenward.jose.jwks import MAX_JWKS_BYTES, MAX_KEYS

PUBLIC_ALGORITHMS = sorted(algorithms.SUPPORTED - algorithms.HMAC)


def jwk(alg: str = "ES256", name: str = "", /, **changes: Any) -> dict[str, Any]:
    """Return a public JWK with some members changed."""
    verifying = public(key(alg, name))
    assert isinstance(verifying, PublicKey)
    return verifying.to_jwk() | changes


def parse(*entries: Any, **settings: Any) -> JWKSet:
    return JWKSet.parse(json.dumps({"keys": entries}).encode(), **settings)


def test_a_set_of_public_keys_survives_being_served_and_read() -> None:
    verifying = [public(key(alg)) for alg in PUBLIC_ALGORITHMS]
    served = JWKSet(verifying).to_json()
    parsed = JWKSet.parse(served)
    assert [(type(known), known.kid, known.alg) for known in parsed.keys] == [
        (type(known), known.kid, known.alg) for known in verifying
    ]
    assert parsed.skipped == ()
    assert parsed.to_json() == served
    assert len(parsed) == len(PUBLIC_ALGORITHMS)
    assert f"{len(PUBLIC_ALGORITHMS)} keys" in repr(parsed)


def test_a_set_with_a_secret_is_never_served() -> None:
    with pytest.raises(ConfigurationError, match="secret"):
        JWKSet([public(key("HS256"))]).to_json()


def test_a_set_holds_no_private_keys() -> None:
    with pytest.raises(ConfigurationError, match="public_key"):
        JWKSet([key("ES256")])  # type: ignore[list-item]


def test_two_keys_with_one_kid_are_no_set() -> None:
    with pytest.raises(ConfigurationError, match="Two keys"):
        JWKSet([public(key()), public(key())])


@settings(max_examples=200, deadline=None)
@given(
    st.binary(max_size=80)
    | st.text('{}[]",:keystyRSAoct', max_size=40).map(lambda t: f'{{"keys":{t}}}'.encode())
)
def test_any_bytes_give_a_set_or_our_error(data: bytes) -> None:
    with contextlib.suppress(StrictJSONError, InvalidKey):
        JWKSet.parse(data)


def test_a_set_of_secrets_alone_and_one_of_public_keys_alone_are_sets() -> None:
    assert len(JWKSet([public(key("HS256")), public(key("HS512"))])) == 2
    assert len(JWKSet([])) == 0


def test_public_keys_and_secrets_are_one_set_only_when_that_is_called_insecure() -> None:
    keys = [public(key()), public(key("HS256"))]
    with pytest.raises(ConfigurationError, match="beside"):
        JWKSet(keys)
    assert len(JWKSet(keys, insecure_mixed_symmetry=True)) == 2


def test_an_rsa_key_that_names_no_algorithm_is_for_the_one_that_is_asked_for() -> None:
    unnamed = jwk("RS256")
    del unnamed["alg"]
    assert parse(unnamed).keys[0].alg == "RS256"
    for alg in algorithms.RSA:
        assert parse(unnamed, rsa_algorithm=alg).keys[0].alg == alg
        assert parse(jwk("RS256"), rsa_algorithm=alg).keys[0].alg == "RS256"
    assert [known.alg for known in parse(unnamed, jwk(), jwk("Ed448"), rsa_algorithm="PS256").keys] == [
        "PS256",
        "ES256",
        "Ed448",
    ]


@pytest.mark.parametrize("alg", ["ES256", "HS256", "rs256", "", "none", None])
def test_another_algorithm_is_none_for_rsa(alg: Any) -> None:
    with pytest.raises(ConfigurationError, match="rsa_algorithm"):
        parse(jwk(), rsa_algorithm=alg)


@pytest.mark.parametrize(
    ("entry", "why"),
    [
        ({"kty": "XYZ", "kid": "a"}, "key type"),
        (jwk(use="enc"), "use"),
        (jwk("RS256", alg="RSA-OAEP"), "only"),
        (jwk(key_ops=["encrypt"]), "key_ops"),
        (jwk(crv="P-192"), "curve"),
        ({"kty": "oct", "k": "A" * 43}, "symmetric"),
        (jwk("ML-DSA-44", pub="AAAA"), "bytes"),
        ("text", "object"),
    ],
)
def test_an_entry_that_cannot_be_used_is_left_out_with_the_reason(entry: Any, why: str) -> None:
    parsed = parse(entry, jwk("EdDSA"))
    assert [known.alg for known in parsed.keys] == ["EdDSA"]
    assert len(parsed.skipped) == 1
    assert parsed.skipped[0].startswith("key 0: ")
    assert why in parsed.skipped[0]


def test_a_kid_of_a_key_for_encryption_may_be_that_of_a_key_for_signatures() -> None:
    for entries in (
        (jwk("RS256", kid="one", use="enc"), jwk(kid="one")),
        (jwk(kid="one"), jwk("RS256", kid="one", use="enc")),
        ({"kty": "XYZ", "kid": "one"}, jwk(kid="one")),
    ):
        assert [known.kid for known in parse(*entries).keys] == ["one"]


def test_a_set_has_at_most_so_many_keys_and_bytes() -> None:
    entries = [jwk(kid=str(number)) for number in range(MAX_KEYS)]
    assert len(parse(*entries)) == MAX_KEYS
    with pytest.raises(InvalidKey, match="at most"):
        parse(*entries, jwk())
    with pytest.raises(StrictJSONError):
        JWKSet.parse(b'{"keys":[]}' + b" " * MAX_JWKS_BYTES)


def test_the_key_of_a_token_is_found_by_its_name_or_by_its_algorithm() -> None:
    keys = JWKSet([public(key()), public(key("ES384")), public(key("Ed25519")), public(key("Ed448"))])
    for known in keys.keys:
        for alg in known.header_algorithms:
            assert keys.find(known.kid, alg) is known
        for alg in algorithms.SUPPORTED - known.header_algorithms:
            with pytest.raises(InvalidToken) as caught:
                keys.find(known.kid, alg)
            assert caught.value.reason == "alg_not_of_key"
    assert keys.find(None, "ES384").alg == "ES384"
    assert keys.find(None, "Ed448").alg == "Ed448"
    for kid, alg, reason in (
        (None, "EdDSA", "kid_missing"),
        (None, "RS256", "alg_not_of_key"),
        ("other", "ES256", "kid_unknown"),
    ):
        with pytest.raises(InvalidToken) as caught:
            keys.find(kid, alg)
        assert caught.value.reason == reason


@pytest.mark.parametrize("data", [None, 5, '{"keys":[]}', {"keys": []}, [], bytearray(b'{"keys":[]}')])
def test_a_set_is_read_from_bytes_and_it_is_said_which(data: Any) -> None:
    with pytest.raises(InvalidKey, match=r"response\.content"):
        JWKSet.parse(data)

import contextlib
import json
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import ec, ed25519
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.tokens.forge import key, public

from tokenward.errors import ConfigurationError, InvalidToken
from tokenward.jose import (
    ECPrivateKey,
    ECPublicKey,
    HMACKey,
    InvalidKey,
    JWKSet,
    OKPPrivateKey,
    OKPPublicKey,
    RSAPrivateKey,
    RSAPublicKey,
    StrictJSONError,
    generate,
    import_jwk,
    import_private_jwk,
    thumbprint,
)
from tokenward.jose.jwk import PrivateKey, PublicKey

ALGORITHMS = ["HS256", "RS256", "ES256", "EdDSA", "Ed25519"]
PUBLIC_TYPES: dict[str, type] = {
    "RS256": RSAPublicKey,
    "ES256": ECPublicKey,
    "EdDSA": OKPPublicKey,
    "Ed25519": OKPPublicKey,
}
PRIVATE_TYPES = {"RS256": RSAPrivateKey, "ES256": ECPrivateKey, "EdDSA": OKPPrivateKey, "HS256": HMACKey}


@pytest.mark.parametrize("alg", ALGORITHMS)
def test_a_private_key_survives_export_and_import(alg: str) -> None:
    signing = key(alg)
    again = import_private_jwk(json.loads(json.dumps(signing.to_private_jwk())))
    assert (type(again), again.alg, again.kid) == (type(signing), alg, signing.kid)
    public(signing).verify(b"input", again.sign(b"input"))


@pytest.mark.parametrize("alg", sorted(PUBLIC_TYPES))
def test_a_public_key_survives_export_and_import(alg: str) -> None:
    signing = key(alg)
    assert isinstance(signing, PrivateKey)
    verifying = signing.public_key()
    again = import_jwk(json.loads(json.dumps(verifying.to_jwk())))
    assert again.__class__ is PUBLIC_TYPES[alg]
    assert (again.alg, again.kid) == (alg, signing.kid)
    again.verify(b"input", signing.sign(b"input"))
    signing.verify(b"input", signing.sign(b"input"))
    with pytest.raises(InvalidToken):
        again.verify(b"other", signing.sign(b"input"))


@pytest.mark.parametrize("alg", sorted(PUBLIC_TYPES))
def test_a_public_jwk_has_nothing_private_and_says_what_it_is_for(alg: str) -> None:
    verifying = public(key(alg))
    assert isinstance(verifying, PublicKey)
    jwk = verifying.to_jwk()
    assert not {"d", "p", "q", "dp", "dq", "qi", "k"} & jwk.keys()
    assert (jwk["use"], jwk["alg"], jwk["kid"]) == ("sig", alg, thumbprint(jwk))


@pytest.mark.parametrize("alg", ALGORITHMS)
def test_no_key_shows_itself(alg: str) -> None:
    signing = key(alg)
    shown = f"{signing!r} {signing} {public(signing)!r}"
    assert signing.kid in shown
    for name, value in signing.to_private_jwk().items():
        assert name in ("kty", "crv", "alg", "kid", "use", "e") or value not in shown


def test_a_given_kid_is_kept_and_an_odd_one_refused() -> None:
    native = ec.generate_private_key(ec.SECP256R1())
    named = ECPrivateKey(native, kid="2026-11")
    assert named.kid == named.public_key().kid == "2026-11"
    for odd in ("", "k" * 257, "a\n", 7):
        with pytest.raises(InvalidKey):
            ECPrivateKey(native, kid=odd)  # type: ignore[arg-type]


def test_ed25519_and_eddsa_are_one_algorithm_with_two_names() -> None:
    jwk = public(key("Ed25519")).to_jwk()  # type: ignore[union-attr]
    assert import_jwk(jwk).alg == "Ed25519"
    assert import_jwk(jwk, alg="EdDSA").header_algorithms == {"EdDSA", "Ed25519"}
    del jwk["alg"]
    assert import_jwk(jwk).alg == "EdDSA"
    assert import_jwk(jwk, alg="Ed25519").alg == "Ed25519"


def test_a_key_object_of_another_curve_or_algorithm_is_refused() -> None:
    with pytest.raises(InvalidKey, match="P-256"):
        ECPrivateKey(ec.generate_private_key(ec.SECP384R1()))
    with pytest.raises(InvalidKey, match="Ed25519"):
        OKPPrivateKey(ed25519.Ed25519PrivateKey.generate(), alg="ES256")


def test_an_unknown_algorithm_cannot_be_generated() -> None:
    for alg in ("none", "HS512", "es256", ""):
        with pytest.raises(ConfigurationError, match="these exist"):
            generate(alg)


@pytest.mark.parametrize("alg", ["RS256", "ES256", "EdDSA", "HS256"])
def test_every_member_that_makes_a_private_key_is_needed(alg: str) -> None:
    jwk = key(alg).to_private_jwk()
    assert isinstance(import_private_jwk(jwk), PRIVATE_TYPES[alg])
    for name in jwk.keys() - {"kid", "alg", "use"}:
        with pytest.raises(InvalidKey):
            import_private_jwk({other: value for other, value in jwk.items() if other != name})
        for odd in (7, None, "", "A", "=", "é", "AA==", "A" * 3000):
            with pytest.raises(InvalidKey):
                import_private_jwk(jwk | {name: odd})


def test_a_number_with_a_zero_byte_in_front_is_refused() -> None:
    with pytest.raises(InvalidKey, match="zero byte"):
        import_jwk(public(key("RS256")).to_jwk() | {"e": "AAEAAQ"})  # type: ignore[union-attr]


def test_an_rsa_key_of_many_primes_is_refused() -> None:
    with pytest.raises(InvalidKey, match="primes"):
        import_private_jwk(key("RS256").to_private_jwk() | {"oth": []})


@pytest.mark.parametrize(
    "jwk", [{}, {"kty": "oct"}, {"kty": ["RSA"]}, {"kty": "EC", "crv": "P-256", "x": 1, "y": ""}]
)
def test_a_thumbprint_needs_all_members_that_make_the_key(jwk: dict[str, Any]) -> None:
    with pytest.raises(InvalidKey):
        thumbprint(jwk)


@settings(max_examples=300, deadline=None)
@given(
    st.sampled_from(["RS256", "ES256", "EdDSA", "HS256"]),
    st.dictionaries(
        st.sampled_from(
            ["kty", "crv", "x", "y", "n", "e", "d", "k", "p", "kid", "alg", "use", "key_ops", "oth"]
        ),
        st.none()
        | st.integers()
        | st.text(max_size=50)
        | st.lists(st.text(max_size=5), max_size=2)
        | st.just({}),
        min_size=1,
        max_size=4,
    ),
)
def test_any_jwk_gives_a_key_or_our_error(alg: str, changes: dict[str, Any]) -> None:
    private = key(alg).to_private_jwk()
    verifying = public(key(alg))
    jwks = [private | changes, changes]
    if isinstance(verifying, PublicKey):
        jwks.append(verifying.to_jwk() | changes)
    for jwk in jwks:
        for read in (import_jwk, import_private_jwk):
            try:
                read(jwk)
            except InvalidKey:
                continue


def test_a_set_of_public_keys_survives_being_served_and_read() -> None:
    verifying = [public(key(alg)) for alg in ("ES256", "RS256", "EdDSA")]
    served = JWKSet(verifying).to_json()
    parsed = JWKSet.parse(served)
    assert [(type(known), known.kid, known.alg) for known in parsed.keys] == [
        (type(known), known.kid, known.alg) for known in verifying
    ]
    assert parsed.skipped == ()
    assert parsed.to_json() == served
    assert len(parsed) == 3
    assert "3 keys" in repr(parsed)


def test_a_set_with_a_secret_is_never_served() -> None:
    with pytest.raises(ConfigurationError, match="secret"):
        JWKSet([public(key()), public(key("HS256"))]).to_json()


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

import hashlib
import json
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.tokens.forge import key, public

from tokenward.errors import ConfigurationError, InvalidToken
from tokenward.jose import (
    AKPPrivateKey,
    AKPPublicKey,
    ECPrivateKey,
    ECPublicKey,
    HMACKey,
    InvalidKey,
    OKPPrivateKey,
    OKPPublicKey,
    RSAPrivateKey,
    RSAPublicKey,
    SigningKey,
    UnsupportedKey,
    algorithms,
    base64url,
    generate,
    import_jwk,
    import_private_jwk,
    thumbprint,
)
from tokenward.jose.jwk import PrivateKey, PublicKey

ALGORITHMS = sorted(algorithms.SUPPORTED)
PUBLIC_TYPES: dict[str, type[PublicKey]] = {
    **dict.fromkeys(algorithms.RSA, RSAPublicKey),
    **dict.fromkeys(algorithms.ECDSA, ECPublicKey),
    **dict.fromkeys(algorithms.EDWARDS, OKPPublicKey),
    **dict.fromkeys(algorithms.ML_DSA, AKPPublicKey),
}
PRIVATE_TYPES: dict[str, type[SigningKey]] = {
    "RS256": RSAPrivateKey,
    "PS512": RSAPrivateKey,
    "ES256": ECPrivateKey,
    "ES512": ECPrivateKey,
    "EdDSA": OKPPrivateKey,
    "Ed448": OKPPrivateKey,
    "ML-DSA-44": AKPPrivateKey,
    "HS256": HMACKey,
    "HS512": HMACKey,
}


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
    assert not {"d", "p", "q", "dp", "dq", "qi", "k", "priv"} & jwk.keys()
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


def test_ed448_and_eddsa_are_one_algorithm_for_an_ed448_key() -> None:
    jwk = public(key("Ed448")).to_jwk()  # type: ignore[union-attr]
    assert import_jwk(jwk).alg == "Ed448"
    assert import_jwk(jwk, alg="EdDSA").header_algorithms == {"EdDSA", "Ed448"}
    del jwk["alg"]
    assert import_jwk(jwk).alg == "EdDSA"
    assert import_jwk(jwk).header_algorithms == {"EdDSA", "Ed448"}


@pytest.mark.parametrize(
    ("alg", "meant"),
    [("PS384", "RS256"), ("HS512", "HS256"), ("ES384", "ES384"), ("ES256K", "ES256K"), ("Ed448", "EdDSA")],
)
def test_a_jwk_without_alg_is_for_what_its_type_and_curve_usually_are(alg: str, meant: str) -> None:
    jwk = key(alg).to_private_jwk()
    del jwk["alg"]
    assert import_private_jwk(jwk).alg == meant
    if isinstance(public(key(alg)), PublicKey):
        jwk = {name: jwk[name] for name in ("kty", "crv", "x", "y", "n", "e") if name in jwk}
    assert import_jwk(jwk).alg == meant
    assert import_jwk(jwk, alg=alg).alg == alg


@pytest.mark.parametrize("alg", ALGORITHMS)
def test_the_jwk_and_the_caller_must_name_one_algorithm_that_the_key_can_have(alg: str) -> None:
    jwk = key(alg).to_private_jwk()
    if isinstance(public(key(alg)), PublicKey):
        jwk = public(key(alg)).to_jwk()  # type: ignore[union-attr]
    assert import_jwk(jwk, alg=alg).alg == alg
    families = (algorithms.RSA, algorithms.HMAC)
    for other in (*ALGORITHMS, "none", "", "RSA-OAEP"):
        if other in key(alg).header_algorithms:
            continue
        with pytest.raises(UnsupportedKey):
            import_jwk(jwk, alg=other)
        with pytest.raises(UnsupportedKey):
            import_jwk(jwk | {"alg": other}, alg=alg)
        if not any({alg, other} <= family for family in families):
            with pytest.raises(InvalidKey):
                import_jwk(jwk | {"alg": other})


@pytest.mark.parametrize("alg", ["ES256", "HS256", "ML-DSA-44"])
@pytest.mark.parametrize("named", [None, 1, ["ES256"], {}, True])
def test_an_alg_that_is_no_string_is_refused(alg: str, named: object) -> None:
    with pytest.raises(InvalidKey):
        import_private_jwk(key(alg).to_private_jwk() | {"alg": named})


def test_an_ec_key_on_a_curve_that_is_not_ours_is_unsupported() -> None:
    for crv in ("P-192", "secp256r1", "P-256K", "brainpoolP256r1", "p-256", None, ["P-256"], 1):
        with pytest.raises(UnsupportedKey, match="curve"):
            import_jwk(public(key()).to_jwk() | {"crv": crv})  # type: ignore[union-attr]


def test_a_kid_that_is_no_string_is_refused() -> None:
    for kid in (None, 7, ["a"]):
        with pytest.raises(InvalidKey, match="kid"):
            import_jwk(public(key()).to_jwk() | {"kid": kid})  # type: ignore[union-attr]


def test_the_thumbprint_of_an_akp_key_has_its_algorithm_in_it() -> None:
    jwk = public(key("ML-DSA-44")).to_jwk()  # type: ignore[union-attr]
    text = f'{{"alg":"ML-DSA-44","kty":"AKP","pub":"{jwk["pub"]}"}}'
    assert thumbprint(jwk) == base64url.encode(hashlib.sha256(text.encode()).digest()).decode()
    assert thumbprint(jwk | {"alg": "ML-DSA-65"}) != thumbprint(jwk)


def test_an_unknown_algorithm_cannot_be_generated() -> None:
    for alg in ("none", "HS1", "es256", "RSA1_5", ""):
        with pytest.raises(ConfigurationError, match="these exist"):
            generate(alg)


@pytest.mark.parametrize("alg", sorted(PRIVATE_TYPES))
def test_every_member_that_makes_a_private_key_is_needed(alg: str) -> None:
    jwk = key(alg).to_private_jwk()
    assert isinstance(import_private_jwk(jwk), PRIVATE_TYPES[alg])
    for name in jwk.keys() - {"kid", "use"} - ({"alg"} if jwk["kty"] != "AKP" else set()):
        with pytest.raises(InvalidKey):
            import_private_jwk({other: value for other, value in jwk.items() if other != name})
        for odd in (7, None, "", "A", "=", "é", "AA==", "A" * 9000):
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
    st.sampled_from(["RS256", "PS384", "ES256", "ES512", "EdDSA", "Ed448", "ML-DSA-65", "HS256", "HS384"]),
    st.dictionaries(
        st.sampled_from(
            [
                "kty",
                "crv",
                "x",
                "y",
                "n",
                "e",
                "d",
                "k",
                "p",
                "pub",
                "priv",
                "kid",
                "alg",
                "use",
                "key_ops",
                "oth",
            ]
        ),
        st.none()
        | st.integers()
        | st.text(max_size=50)
        | st.sampled_from(["RSA", "EC", "OKP", "AKP", "oct", "P-384", "Ed448", "secp256k1", *ALGORITHMS])
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


@pytest.mark.parametrize("jwk", [None, 5, "{}", b"{}", [], [("kty", "EC")]])
def test_what_is_no_mapping_is_no_jwk(jwk: Any) -> None:
    for read in (import_jwk, import_private_jwk):
        with pytest.raises(InvalidKey, match="decode_object"):
            read(jwk)

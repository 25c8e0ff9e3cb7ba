"""The algorithm, the key and where it comes from: sections A and B of the catalogue, as far as a token can ask."""

import base64
import hashlib
import hmac
import json
from typing import Any

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from tests.tokens.forge import ABSENT, claims, header, key, public, refused, seal, token, verifier

from tokenward.errors import ConfigurationError
from tokenward.jose import (
    HMACKey,
    InvalidKey,
    JWKSet,
    SigningKey,
    StrictJSONError,
    UnsupportedKey,
    generate,
    import_jwk,
    sign_compact,
)
from tokenward.jose.jws import allowed_algorithms


class KeyedWith(HMACKey):
    """Signs with any bytes at all, as an attacker can, without the checks that our own keys have."""

    def __init__(self, secret: bytes, **header: Any) -> None:
        super().__init__(hashlib.sha256(b"a good secret").digest())
        self._sign = lambda signing_input: hmac.digest(secret, signing_input, "sha256")


def test_a01_alg_none_is_refused() -> None:
    head, payload, _ = seal(header(key(), alg="none"), claims(), key()).split(".")
    refused(f"{head}.{payload}.", reason="alg_not_allowed")
    refused(f"{head}.{payload}.AAAA", reason="alg_not_allowed")


@pytest.mark.parametrize("alg", ["None", "NONE", "nOnE", "none ", " none", "", "\u217fone", "XYZ"])
def test_a02_a05_no_spelling_of_none_and_no_unknown_alg_is_accepted(alg: str) -> None:
    head, payload, signature = seal(header(key(), alg=alg), claims(), key()).split(".")
    for third in ("", signature):
        refused(f"{head}.{payload}.{third}", reason="alg_not_allowed")


def test_a03_duplicate_alg_is_refused() -> None:
    for first, second in (("none", "ES256"), ("ES256", "none"), ("ES256", "ES256")):
        head = f'{{"alg":"{first}","alg":"{second}","kid":"{key().kid}","typ":"at+jwt"}}'.encode()
        refused(seal(head, claims(), key()), reason="header_duplicate_member")


@pytest.mark.parametrize("alg", [ABSENT, None, ["ES256"], {"a": 1}, 256, True])
def test_a04_alg_missing_or_of_another_type_is_refused(alg: object) -> None:
    refused(seal(header(key(), alg=alg), claims(), key()), reason="alg_not_allowed")


def public_forms(
    private: rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey | ed25519.Ed25519PrivateKey,
) -> list[bytes]:
    """Return the ways in which the public half of a key is usually written."""
    half = private.public_key()
    forms = [
        half.public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo),
        half.public_bytes(serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo),
        half.public_bytes(serialization.Encoding.OpenSSH, serialization.PublicFormat.OpenSSH),
    ]
    if isinstance(half, rsa.RSAPublicKey):
        forms.append(half.public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.PKCS1))
        forms.append(half.public_bytes(serialization.Encoding.DER, serialization.PublicFormat.PKCS1))
    return forms


NATIVE_RSA = rsa.generate_private_key(65537, 2048)
NATIVE_EC = ec.generate_private_key(ec.SECP256R1())
NATIVE_OKP = ed25519.Ed25519PrivateKey.generate()
FORMS = [
    *public_forms(NATIVE_RSA),
    *public_forms(NATIVE_EC),
    *public_forms(NATIVE_OKP),
    NATIVE_RSA.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    ),
    NATIVE_EC.private_bytes(
        serialization.Encoding.DER, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    ),
    NATIVE_EC.private_bytes(
        serialization.Encoding.DER,
        serialization.PrivateFormat.PKCS8,
        serialization.BestAvailableEncryption(b"x" * 8),
    ),
    NATIVE_OKP.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.OpenSSH, serialization.NoEncryption()
    ),
    json.dumps(public(key("RS256")).to_jwk()).encode(),  # type: ignore[union-attr]
    JWKSet([public(key("RS256"))]).to_json(),
]


def test_a06_an_hmac_under_the_public_key_is_refused() -> None:
    for alg in ("RS256", "ES256", "EdDSA"):
        signing = key(alg)
        for form in FORMS:
            text = seal(header(signing, alg="HS256"), claims(), KeyedWith(form))
            refused(text, verifier(signing), reason="alg_not_allowed")
            refused(text, verifier(signing, key("HS256")), reason="alg_not_of_key")


@pytest.mark.parametrize("form", FORMS, ids=range(len(FORMS)))
def test_a07_asymmetric_material_does_not_become_an_hmac_secret(form: bytes) -> None:
    spellings = [
        form,
        base64.b64encode(form),
        base64.encodebytes(form),
        base64.urlsafe_b64encode(form).rstrip(b"="),
        form.hex().encode(),
    ]
    for spelling in spellings:
        with pytest.raises(InvalidKey, match="asymmetric"):
            HMACKey(spelling)


@pytest.mark.parametrize("before", [b"", b" \n", b"\r\n\t", b"\xef\xbb\xbf", b"\0"])
@pytest.mark.parametrize("after", [b"", b"\0", b"\r\n", b" trailing"])
def test_a08_white_space_and_marks_do_not_hide_a_key(before: bytes, after: bytes) -> None:
    for form in (FORMS[0], FORMS[2]):
        with pytest.raises(InvalidKey, match="asymmetric"):
            HMACKey(before + form + after)
        with pytest.raises(InvalidKey, match="asymmetric"):
            HMACKey((before + form + after).decode("latin-1").encode("utf-16"))


def test_a07_a_der_key_with_something_after_it_is_still_a_key() -> None:
    with pytest.raises(InvalidKey, match="asymmetric"):
        HMACKey(FORMS[1] + b"\0\0 trailing")


def test_a09_a_jwk_without_alg_has_the_algorithm_of_its_type() -> None:
    jwk = public(key("RS256")).to_jwk()  # type: ignore[union-attr]
    del jwk["alg"]
    imported = import_jwk(jwk)
    assert imported.alg == "RS256"
    by = verifier(keys=JWKSet([imported]))
    text = seal(header(key("RS256"), alg="HS256"), claims(), KeyedWith(b"x"))
    refused(text, by, reason="alg_not_allowed")
    with pytest.raises(UnsupportedKey):
        import_jwk(jwk, alg="HS256")


def test_a10_a11_an_hmac_under_the_empty_key_is_refused() -> None:
    refused(seal(header(key("RS256"), alg="HS256"), claims(), KeyedWith(b"")), verifier(key("RS256")))
    refused(seal(header(key("HS256"), kid="other"), claims(), KeyedWith(b"")), verifier(key("HS256")))
    with pytest.raises(InvalidKey):
        HMACKey(b"")
    for nothing in (None, "", "a" * 40):
        with pytest.raises(InvalidKey):
            HMACKey(nothing)  # type: ignore[arg-type]


def test_a12_a14_the_algorithm_of_the_header_must_be_the_one_of_the_key() -> None:
    es, hs = key("ES256"), key("HS256")
    by = verifier(es, hs)
    refused(seal(header(es, kid=hs.kid), claims(), es), by, reason="alg_not_of_key")
    refused(seal(header(hs, kid=es.kid), claims(), hs), by, reason="alg_not_of_key")


def test_a12_a_key_whose_algorithm_is_not_allowed_does_not_verify() -> None:
    by = verifier(key("ES256"), key("RS256"), algorithms=["RS256"])
    assert by.verify(token(key("RS256"))).kid == key("RS256").kid
    refused(token(key("ES256")), by, reason="alg_not_allowed")


def test_a23_a_public_key_cannot_sign() -> None:
    assert not hasattr(public(key()), "sign")
    with pytest.raises(AttributeError):
        sign_compact({}, b"", public(key()))  # type: ignore[arg-type]


@pytest.mark.parametrize("names", [[], ["none"], ["HS1"], ["es256"], "ES256", [None]])
def test_a24_no_algorithms_or_unknown_ones_are_a_configuration_error(names: Any) -> None:
    with pytest.raises(ConfigurationError):
        allowed_algorithms(names)


@pytest.mark.parametrize("alg", ["es256", "ES256 ", "\uff25S256", "ES256\u0000", "Es256"])
def test_a25_algorithm_names_are_exact(alg: str) -> None:
    refused(seal(header(key(), alg=alg), claims(), key()), reason="alg_not_allowed")


def test_b01_b02_b03_a_token_cannot_bring_or_name_its_own_key() -> None:
    attacker = generate("ES256")
    own = public(attacker).to_jwk()  # type: ignore[union-attr]
    brought: list[dict[str, Any]] = [
        {"jwk": own},
        {"jku": "https://evil.example/jwks.json"},
        {"x5u": "https://evil.example/cert"},
        {"x5c": ["MIIB"]},
        {"x5t": "AAAA"},
    ]
    for parameters in brought:
        refused(seal(header(attacker, **parameters), claims(), attacker), reason="kid_unknown")
        refused(
            seal(header(attacker, kid=key().kid, **parameters), claims(), attacker),
            reason="signature_invalid",
        )
        refused(
            seal(header(attacker, kid=ABSENT, **parameters), claims(), attacker), reason="signature_invalid"
        )


@pytest.mark.parametrize(
    "kid", ["../../../../dev/null", "x' UNION SELECT 'AAAA'--", "k;id", "__proto__", "*"]
)
def test_b07_b08_a_kid_is_only_compared(kid: str) -> None:
    text = seal(header(key("HS256"), kid=kid), claims(), KeyedWith(b""))
    error = refused(text, verifier(key("HS256")), reason="kid_unknown")
    assert kid not in repr(error)


@pytest.mark.parametrize("kid", [1, ["a"], {}, None, True, "", "k" * 257])
def test_b09_a_kid_of_another_type_or_size_is_refused(kid: object) -> None:
    refused(seal(header(key(), kid=kid), claims(), key()), reason="header_kid")


def test_b16_one_strange_key_does_not_take_the_others_down() -> None:
    good = public(key()).to_jwk()  # type: ignore[union-attr]
    strange: list[Any] = [
        {"kty": "AKP", "alg": "ML-DSA-44", "pub": "AAAA"},
        {"kty": ["RSA"]},
        {},
        None,
        [],
        good | {"kid": "other", "x": "AAAA"},
        good | {"kid": 7},
        good | {"kid": "third", "alg": ["ES256"]},
    ]
    parsed = JWKSet.parse(json.dumps({"keys": [*strange, good]}).encode())
    assert [known.kid for known in parsed.keys] == [good["kid"]]
    assert len(parsed.skipped) == len(strange)


def test_b17_a_token_without_kid_is_good_only_when_one_key_can_be_meant() -> None:
    text = seal(header(key(), kid=ABSENT), claims(), key())
    assert verifier(key(), key("RS256")).verify(text).kid == key().kid
    refused(text, verifier(key(), key("ES256", "second")), reason="kid_missing")


def test_b18_b20_a_signature_of_another_key_under_a_known_kid_is_refused() -> None:
    other: SigningKey = key("ES256", "another issuer")
    refused(seal(header(other, kid=key().kid), claims(), other), reason="signature_invalid")


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"[]",
        b"{}",
        b'{"keys":{}}',
        b'{"keys":null}',
        b'{"keys":[],"keys":[]}',
        b"<html>",
        b'{"keys":[' + b"[" * 100_000,
        b'{"keys":[' + b",".join([b"{}"] * 101) + b"]}",
        b'{"keys":"' + b"a" * 300_000 + b'"}',
    ],
)
def test_b15_a_hostile_key_set_is_refused_whole(body: bytes) -> None:
    with pytest.raises((InvalidKey, StrictJSONError)):
        JWKSet.parse(body)


def test_a20_eddsa_does_not_bring_ed448_in_where_only_ed25519_is_allowed() -> None:
    signing = key("Ed448")
    text = seal(header(signing, alg="EdDSA"), claims(), signing)
    refused(text, verifier(signing, algorithms=["Ed25519"]), reason="alg_not_allowed")
    assert verifier(signing, algorithms=["EdDSA"]).verify(text).kid == signing.kid
    assert verifier(signing, algorithms=["Ed448"]).verify(text).kid == signing.kid

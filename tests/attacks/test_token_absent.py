"""Attacks on features that Tokenward does not have: encryption, JSON serialization, compression (`jose/__init__.py`).

Nothing here can be defended or taken away: each test shows that what comes in is refused like any other text that is no
token, and that there is no call that would take it.
"""

import inspect
import json
import zlib
from typing import Any

import pytest
from tests.tokens.forge import claims, header, key, public, refused, seal, token, verifier

from tokenward import jose, tokens
from tokenward.errors import InvalidToken
from tokenward.jose import InvalidKey, UnsupportedKey, algorithms, base64url, import_jwk, verify_compact


def text(data: bytes) -> str:
    return base64url.encode(data).decode("ascii")


def encrypted(head: dict[str, Any], *parts: bytes) -> str:
    """Return an encrypted token in compact form: header, encrypted key, nonce, ciphertext, tag."""
    return ".".join([text(json.dumps(head).encode()), *(text(part) for part in parts)])


def in_json(**members: Any) -> str:
    head, payload, signature = token().split(".")
    return json.dumps({"protected": head, "payload": payload, "signature": signature} | members)


def refused_everywhere(hostile: str) -> None:
    """Check that no call that takes a token takes this."""
    refused(hostile)
    refused(hostile, verifier(key("RS256")))
    with pytest.raises(InvalidToken):
        jose.unverified_claims(hostile)
    with pytest.raises(InvalidToken):
        verify_compact(hostile, jose.JWKSet([public(key())]), algorithms=["ES256"])


def test_nothing_decrypts_and_nothing_reads_json_serialization() -> None:
    for package in (jose, tokens):
        public_names = [name for name in dir(package) if not name.startswith("_")]
        assert [name for name in public_names if "crypt" in name.lower() or "jwe" in name.lower()] == []
    assert {name for name in algorithms.SUPPORTED if not name.startswith(tuple("HRPEM"))} == set()
    assert not {"RSA1_5", "RSA-OAEP", "ECDH-ES", "dir", "A256KW", "PBES2-HS256+A128KW"} & algorithms.SUPPORTED
    for call in (verify_compact, tokens.TokenVerifier.verify):
        assert inspect.signature(call).parameters["token"].annotation == str | bytes


def test_a13_alg_of_an_unprotected_header_is_not_looked_at() -> None:
    refused_everywhere(in_json(header={"alg": "HS256"}))
    head, payload, signature = seal({"kid": key().kid, "typ": "at+jwt"}, claims(), key()).split(".")
    refused(f"{head}.{payload}.{signature}", reason="alg_not_allowed")


def test_c17_a_key_for_agreement_is_no_key_of_ours() -> None:
    for crv, length in (("X25519", 32), ("X448", 56)):
        for point in (bytes(length), b"\1" + bytes(length - 1)):
            with pytest.raises(UnsupportedKey):
                import_jwk({"kty": "OKP", "crv": crv, "x": text(point)})
    epk = {"kty": "OKP", "crv": "X25519", "x": text(bytes(32))}
    refused_everywhere(
        encrypted({"alg": "ECDH-ES", "enc": "A256GCM", "epk": epk}, b"", bytes(12), b"x", bytes(16))
    )


@pytest.mark.parametrize("length", [0, 4, 12, 16])
def test_c19_an_encrypted_token_is_refused_whatever_its_tag(length: int) -> None:
    head = {"alg": "dir", "enc": "A256GCM"}
    refused_everywhere(encrypted(head, b"", bytes(12), b"ciphertext", bytes(length)))


@pytest.mark.parametrize("encrypted_key", [b"", bytes(255), bytes(256), b"\0\2" + bytes(254)])
def test_c20_rsa1_5_gives_one_answer_whatever_the_padding(encrypted_key: bytes) -> None:
    head = {"alg": "RSA1_5", "enc": "A128CBC-HS256"}
    hostile = encrypted(head, encrypted_key, bytes(16), bytes(32), bytes(16))
    assert refused(hostile, verifier(key("RS256"))).reason == "not_three_segments"
    refused_everywhere(hostile)


@pytest.mark.parametrize("ciphertext", [b"", bytes(15), bytes(16), bytes(32)])
def test_c21_cbc_gives_one_answer_whatever_the_padding(ciphertext: bytes) -> None:
    head = {"alg": "dir", "enc": "A128CBC-HS256"}
    hostile = encrypted(head, b"", bytes(16), ciphertext, bytes(16))
    assert refused(hostile).reason == "not_three_segments"
    refused_everywhere(hostile)


def test_d12_an_unsigned_token_inside_an_encrypted_one_is_refused() -> None:
    inner = text(b'{"alg":"none"}') + "." + text(json.dumps(claims()).encode()) + "."
    head = {"alg": "RSA-OAEP-256", "enc": "A256GCM", "cty": "JWT"}
    refused_everywhere(encrypted(head, bytes(256), bytes(12), inner.encode(), bytes(16)))
    refused(inner, reason="alg_not_allowed")
    # The same without the envelope, signed rightly.
    refused(seal(header(key(), cty="JWT"), inner.encode(), key()), reason="claims_malformed")


def test_d16_crit_of_an_unprotected_header_is_not_looked_at() -> None:
    refused_everywhere(in_json(header={"crit": ["x"], "x": 1}))
    head = text(json.dumps(header(key(), crit=["x"])).encode())
    refused_everywhere(in_json(protected=head, header={"x": 1}))


def test_d21_a_compressed_payload_is_never_inflated() -> None:
    deflate = zlib.compressobj(9, zlib.DEFLATED, -15)
    bomb = deflate.compress(b" " * 3_000_000) + deflate.flush()
    assert len(bomb) < 5000
    refused_everywhere(
        encrypted({"alg": "dir", "enc": "A256GCM", "zip": "DEF"}, b"", bytes(12), bomb, bytes(16))
    )
    refused(seal(header(key(), zip="DEF"), bomb, key()), reason="header_zip")
    refused(seal(header(key()), bomb, key()), reason="claims_malformed")


@pytest.mark.parametrize("alg", ["PBES2-HS256+A128KW", "PBES2-HS512+A256KW"])
def test_d23_no_password_is_hashed_for_a_token(alg: str) -> None:
    parameters = {"alg": alg, "enc": "A256GCM", "p2c": 2147483647, "p2s": text(bytes(16))}
    refused_everywhere(encrypted(parameters, bytes(40), bytes(12), b"x", bytes(16)))
    refused(seal(header(key(), alg=alg, p2c=2147483647), claims(), key()), reason="alg_not_allowed")
    with pytest.raises(InvalidKey):
        import_jwk({"kty": "oct", "k": text(bytes(range(32))), "alg": alg})


def test_d24_several_signatures_are_refused_however_many_are_right() -> None:
    head, payload, signature = token().split(".")
    good = {"protected": head, "signature": signature}
    bad = good | {"signature": text(bytes(64))}
    for signatures in ([], [good], [good, bad], [bad, good], [good, good]):
        refused_everywhere(json.dumps({"payload": payload, "signatures": signatures}))


def test_d25_a_missing_signature_is_no_signature() -> None:
    head, payload, _ = token().split(".")
    refused_everywhere(json.dumps({"protected": head, "payload": payload}))
    refused_everywhere(json.dumps({"protected": head, "payload": payload, "signature": None}))
    refused(f"{head}.{payload}", reason="not_three_segments")
    refused(f"{head}.{payload}.", reason="signature_length")


def test_d26_one_name_in_both_headers_is_refused() -> None:
    refused_everywhere(in_json(header={"kid": key().kid}))
    refused_everywhere(in_json(header={"kid": "another"}))


@pytest.mark.parametrize("empty", [0, 1, 2, 3])
def test_d28_an_encrypted_token_with_an_empty_part_is_refused(empty: int) -> None:
    parts = [bytes(256), bytes(12), b"ciphertext", bytes(16)]
    parts[empty] = b""
    refused_everywhere(encrypted({"alg": "RSA-OAEP", "enc": "A256GCM"}, *parts))
    refused_everywhere("....")

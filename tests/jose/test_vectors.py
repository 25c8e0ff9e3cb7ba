"""The examples of the RFCs, transcribed as data in `vectors.json`."""

import json
from pathlib import Path
from typing import Any

import pytest

from tokenward.errors import InvalidToken
from tokenward.jose import (
    JWKSet,
    base64url,
    import_jwk,
    import_private_jwk,
    thumbprint,
    unverified_header,
    verify_compact,
)

VECTORS: dict[str, dict[str, Any]] = json.loads((Path(__file__).parent / "vectors.json").read_text("utf-8"))
SIGNED = {name: vector for name, vector in VECTORS.items() if "token" in vector}


@pytest.mark.parametrize("name", SIGNED)
def test_the_signed_examples_verify_and_say_what_the_rfc_says(name: str) -> None:
    vector = VECTORS[name]
    keys = JWKSet([import_jwk(vector["jwk"])])
    verified = verify_compact(vector["token"], keys, algorithms=[vector["alg"]])
    assert verified.payload.decode() == vector["payload"]
    assert verified.header["alg"] == vector["alg"]
    assert verified.header == unverified_header(vector["token"])


@pytest.mark.parametrize("name", SIGNED)
def test_the_signed_examples_do_not_verify_with_one_letter_changed(name: str) -> None:
    vector = VECTORS[name]
    keys = JWKSet([import_jwk(vector["jwk"])])
    text = vector["token"]
    for position in range(0, len(text), 7):
        if text[position] == ".":
            continue
        changed = text[:position] + ("A" if text[position] != "A" else "B") + text[position + 1 :]
        with pytest.raises(InvalidToken):
            verify_compact(changed, keys, algorithms=[vector["alg"]])


@pytest.mark.parametrize("name", [name for name, vector in VECTORS.items() if "thumbprint" in vector])
def test_the_thumbprints_are_those_of_the_rfc(name: str) -> None:
    vector = VECTORS[name]
    assert thumbprint(vector["jwk"]) == vector["thumbprint"]
    unnamed = {member: value for member, value in vector["jwk"].items() if member != "kid"}
    assert import_jwk(unnamed).kid == vector["thumbprint"]


def test_ed25519_signs_as_the_rfc_does() -> None:
    vector = VECTORS["RFC 8037 A.4, Ed25519"]
    signing = import_private_jwk(vector["jwk"] | vector["private"])
    signing_input, _, signature = vector["token"].encode().rpartition(b".")
    assert signing.sign(signing_input) == base64url.decode(signature)


def test_hs256_signs_as_the_rfc_does() -> None:
    vector = VECTORS["RFC 7515 A.1, HS256"]
    signing_input, _, signature = vector["token"].encode().rpartition(b".")
    assert import_private_jwk(vector["jwk"]).sign(signing_input) == base64url.decode(signature)


def test_the_private_key_of_the_ec_example_belongs_to_its_public_key() -> None:
    vector = VECTORS["RFC 7515 A.3, ES256"]
    signing = import_private_jwk(vector["jwk"] | vector["private"])
    import_jwk(vector["jwk"]).verify(b"something else", signing.sign(b"something else"))

"""The command that tries a file of test vectors, with a small file of the same form."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from tests.jose.wycheproof import main

from tokenward.jose import SigningKey, generate, sign_compact

Write = Callable[..., str]


@pytest.fixture
def write(tmp_path: Path) -> Write:
    """Writes a file of groups, and returns its path."""

    def write(*groups: dict[str, Any], **others: Any) -> str:
        path = tmp_path / "vectors.json"
        document = {"schema": "anything", "notes": {}, "testGroups": groups, **others}
        path.write_text(json.dumps(document), "utf-8")
        return str(path)

    return write


def case(number: int, jws: str | dict[str, Any], result: str, **others: Any) -> dict[str, Any]:
    return {"tcId": number, "comment": "made here", "jws": jws, "result": result, "flags": [], **others}


def public(key: SigningKey) -> dict[str, Any]:
    jwk = key.to_private_jwk()
    return {
        name: value for name, value in jwk.items() if name not in ("d", "p", "q", "dp", "dq", "qi", "priv")
    }


def token(key: SigningKey) -> str:
    return sign_compact({}, b"foo", key)


def changed(jws: str) -> str:
    return jws[:-6] + ("A" if jws[-6] != "A" else "B") + jws[-5:]


def test_a_file_that_says_what_we_say_ends_with_status_0(
    write: Write, capsys: pytest.CaptureFixture[str]
) -> None:
    secret, ec, rsa = generate("HS512"), generate("ES384"), generate("PS256")
    in_json = dict(zip(("protected", "payload", "signature"), token(ec).split("."), strict=True))
    path = write(
        {
            "comment": "a secret",
            "private": secret.to_private_jwk(),
            "tests": [case(1, token(secret), "valid"), case(2, changed(token(secret)), "invalid")],
        },
        {
            "comment": "a key pair",
            "private": ec.to_private_jwk(),
            "public": public(ec),
            "tests": [
                case(3, token(ec), "valid"),
                case(4, token(ec), "acceptable"),
                case(5, in_json, "invalid"),
                case(6, json.dumps(in_json), "invalid"),
                case(7, "", "invalid"),
            ],
        },
        {
            "comment": "a set",
            "public": {"keys": [public(ec), public(rsa), {"kty": "of the future"}]},
            "tests": [case(8, token(rsa), "valid"), case(9, token(secret), "invalid")],
        },
        numberOfTests=9,
    )
    assert main([path]) == 0
    assert (
        capsys.readouterr().out
        == "vectors.json: 9 tests (1 acceptable, 5 invalid, 3 valid); we differ in 0\n"
    )


def test_each_difference_is_named_and_ends_with_status_1(
    write: Write, capsys: pytest.CaptureFixture[str]
) -> None:
    key = generate("Ed25519")
    tests = [case(1, changed(token(key)), "valid", flags=["Wrong"]), case(2, token(key), "invalid")]
    assert main([write({"comment": "a group", "public": public(key), "tests": tests})]) == 1
    assert capsys.readouterr().out.splitlines() == [
        "vectors.json 1 a group: made here [Wrong]: it should be valid, and we refuse it (signature_invalid)",
        "vectors.json 2 a group: made here: it should be invalid, and we verify it",
        "vectors.json: 2 tests (1 invalid, 1 valid); we differ in 2",
    ]


@pytest.mark.parametrize("what", ["mixed symmetry", "duplicate kid", "wrong use", "wrong key_ops", "short"])
def test_a_key_that_must_not_be_used_refuses_all_its_tokens(write: Write, what: str) -> None:
    secret, ec = generate("HS256"), generate("ES256")
    keys = {
        "mixed symmetry": [secret.to_private_jwk(), public(ec)],
        "duplicate kid": [public(generate("ES256")) | {"kid": ec.kid}, public(ec)],
        "wrong use": [public(ec) | {"use": "enc"}],
        "wrong key_ops": [public(ec) | {"key_ops": ["encrypt"]}],
        "short": [secret.to_private_jwk() | {"k": "AAECAwQFBgc"}],
    }[what]
    signer = secret if what == "short" else ec
    assert main([write({"public": {"keys": keys}, "tests": [case(1, token(signer), "invalid")]})]) == 0
    assert main([write({"public": {"keys": keys}, "tests": [case(1, token(signer), "valid")]})]) == 1


@pytest.mark.parametrize(("alg", "status"), [("PS512", 0), ("RS256", 1)])
def test_an_rsa_key_without_an_algorithm_is_for_the_one_that_is_chosen(
    write: Write, alg: str, status: int
) -> None:
    key = generate("PS512")
    jwk = {name: value for name, value in public(key).items() if name != "alg"}
    path = write({"public": jwk, "tests": [case(1, token(key), "valid")]})
    assert main([path, "--rsa-algorithm", alg]) == status


def test_what_is_no_file_of_vectors_ends_with_status_2(
    write: Write, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    key = generate("ES256")
    group = {"public": public(key), "tests": [case(1, token(key), "valid")]}
    assert main([write(group, numberOfTests=2)]) == 2
    assert "2 tests are announced, and 1 are there" in capsys.readouterr().err
    assert main([write({"tests": [case(1, token(key), "valid")]})]) == 2
    assert main([write({**group, "tests": [case(1, token(key), "perhaps")]})]) == 2
    assert main([str(tmp_path / "missing.json")]) == 2

"""Tries a file of test vectors in the form of Wycheproof, and says where our verdict is another one.

    python -m tests.jose.wycheproof FILE... [--rsa-algorithm RS256]

It reads `json_web_signature_test.json`, `json_web_key_test.json`, and files of the same form: groups with a key or a
JWK Set (`public`, or `private` where there is no other), each with tests that say `valid`, `invalid` or `acceptable`.
Exit status: 0 when we agree with everything, 1 when not, 2 when a file is not of this form.

A key is imported from itself alone, never by what a token says, and is allowed for the one algorithm that it is for.
A set is refused whole where the engine refuses it. One line is printed for each test on which we differ.
"""

import argparse
import json
import sys
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, Literal, NamedTuple

import msgspec

from tokenward.errors import ConfigurationError, InvalidToken
from tokenward.jose import JWKSet, UnsupportedKey, VerificationKey, import_jwk, verify_compact

_PRIVATE_MEMBERS = frozenset({"d", "p", "q", "dp", "dq", "qi", "priv"})

JWK = dict[str, Any]


class Test(msgspec.Struct, rename={"number": "tcId"}):
    """One token, and what should come of it. `jws` is an object where it is in JSON serialization."""

    number: int
    jws: str | dict[str, Any]
    result: Literal["valid", "invalid", "acceptable"]
    comment: str = ""
    flags: list[str] = []


class Group(msgspec.Struct):
    """Tests with the same keys."""

    tests: list[Test]
    private: JWK | None = None
    public: JWK | None = None
    comment: str = ""


class VectorFile(msgspec.Struct, rename={"groups": "testGroups", "expected_tests": "numberOfTests"}):
    """What we read of a file; whatever else it says does not matter."""

    groups: list[Group]
    expected_tests: int | None = None


class Outcome(NamedTuple):
    """What we said of one test. `reason` is empty for a token that we verified."""

    group: Group
    test: Test
    reason: str

    @property
    def agrees(self) -> bool:
        """Whether our verdict is the one that is asked for; what is only acceptable may be either."""
        return self.test.result == "acceptable" or (self.reason == "") == (self.test.result == "valid")

    def __str__(self) -> str:
        ours = f"we refuse it ({self.reason})" if self.reason else "we verify it"
        flags = f" [{', '.join(self.test.flags)}]" if self.test.flags else ""
        where = f"{self.test.number} {self.group.comment}: {self.test.comment}{flags}"
        return f"{where}: it should be {self.test.result}, and {ours}"


def outcomes(path: Path, *, rsa_algorithm: str = "RS256") -> Iterator[Outcome]:
    """Try every test of a file.

    Raises:
        msgspec.MsgspecError: when the file is not of this form.
    """
    document = msgspec.json.decode(path.read_bytes(), type=VectorFile)
    found = sum(len(group.tests) for group in document.groups)
    if document.expected_tests not in (None, found):
        raise msgspec.ValidationError(f"{document.expected_tests} tests are announced, and {found} are there")
    for group in document.groups:
        try:
            keys = _keys(group, rsa_algorithm)
        except ConfigurationError as error:
            yield from (Outcome(group, test, f"the keys: {error.description}") for test in group.tests)
            continue
        yield from (Outcome(group, test, _refusal(test, keys)) for test in group.tests)


def _keys(group: Group, rsa_algorithm: str) -> JWKSet:
    source = group.private if group.public is None else group.public
    if source is None:
        raise msgspec.ValidationError(f"the group {group.comment!r} has no key")
    if "keys" not in source:
        return JWKSet([_key(source, rsa_algorithm)])
    keys: list[VerificationKey] = []
    for entry in source["keys"]:
        try:
            keys.append(_key(entry, rsa_algorithm))
        except UnsupportedKey:
            continue  # As in a published set: a key that is for something else does not take the others down.
    return JWKSet(keys)


def _key(jwk: JWK, rsa_algorithm: str) -> VerificationKey:
    public = {name: value for name, value in jwk.items() if name not in _PRIVATE_MEMBERS}
    return import_jwk(public, alg=rsa_algorithm if jwk.get("kty") == "RSA" and "alg" not in jwk else None)


def _refusal(test: Test, keys: JWKSet) -> str:
    token = test.jws if isinstance(test.jws, str) else json.dumps(test.jws)
    allowed = {name for key in keys.keys for name in key.header_algorithms}
    if not allowed:
        return "no key that can be used"
    try:
        verify_compact(token, keys, algorithms=allowed, max_bytes=1024 * 1024)
    except InvalidToken as error:
        return error.reason
    return ""


def main(arguments: Sequence[str]) -> int:
    """Try the files and print what came of them; return the exit status."""
    parser = argparse.ArgumentParser(prog="python -m tests.jose.wycheproof", description=__doc__)
    parser.add_argument("files", nargs="+", type=Path, metavar="FILE")
    parser.add_argument("--rsa-algorithm", default="RS256", help="what an RSA key without `alg` is for")
    chosen = parser.parse_args(arguments)
    differences = 0
    for path in chosen.files:
        try:
            tried = list(outcomes(path, rsa_algorithm=chosen.rsa_algorithm))
        except (OSError, msgspec.MsgspecError) as error:
            sys.stderr.write(f"{path}: {error}\n")
            return 2
        others = [outcome for outcome in tried if not outcome.agrees]
        for outcome in others:
            sys.stdout.write(f"{path.name} {outcome}\n")
        asked = Counter(outcome.test.result for outcome in tried)
        counted = ", ".join(f"{number} {result}" for result, number in sorted(asked.items()))
        sys.stdout.write(f"{path.name}: {len(tried)} tests ({counted}); we differ in {len(others)}\n")
        differences += len(others)
    return 1 if differences else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

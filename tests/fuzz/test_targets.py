"""The fuzzer's targets: over their seeds and what was found once, and a bounded run of the fuzzer itself.

`fuzz/README.md` tells of the long run.
"""

import base64
import json
import os
import random
import re
import subprocess
import sys
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from types import ModuleType
from typing import Any

import msgspec
import pytest
from fuzz.forging import AUDIENCE, ED25519, ISSUER, NOW
from fuzz.judge import CANARY, FoundError, check_error
from fuzz.keys import files
from fuzz.targets import NAMES

from tokenward.errors import InvalidToken
from tokenward.jose.strict_json import StrictJSONError

ROOT = Path(__file__).parents[2]
# For each of the twelve targets.
RUNS = 2000

# A good header, and claims that follow as they are.
FREE_CLAIMS = b"\x00\x00\x3f"
# What reads files, and how bytes are given to it as they are.
KEY_TARGETS = (("public_key", b"\x00\x00"), ("secret", b"\x00"))


def target(name: str) -> ModuleType:
    return import_module(f"fuzz.targets.{name}")


def claims(**more: Any) -> bytes:
    """Return the claims of a good access token, as short as JSON can be, and these."""
    good = {
        "iss": ISSUER,
        "aud": AUDIENCE,
        "sub": "u",
        "client_id": "c",
        "exp": NOW + 9,
        "iat": NOW,
        "jti": "j",
    }
    return msgspec.json.encode(good | more)


def test_each_target_has_its_module() -> None:
    assert {path.stem for path in (ROOT / "fuzz" / "targets").glob("*.py")} - {"__init__"} == set(NAMES)


@pytest.mark.parametrize("name", NAMES)
def test_every_seed_and_many_inputs_near_one_give_an_answer_that_is_allowed(name: str) -> None:
    chance = random.Random(name)  # noqa: S311 - the same chance each time
    run, seeds = target(name).run, target(name).SEEDS
    for seed in seeds:
        run(seed)
    for _ in range(200):
        changed = bytearray(chance.choice(seeds) + bytes(8))
        for _ in range(chance.randrange(1, 9)):
            changed[chance.randrange(len(changed))] = chance.randrange(256)
        run(bytes(changed))


# A private key of Ed448 with the length of one of Ed25519: the library has an error of its own kind for it.
MISFIT = bytes.fromhex("302e020100300506032b657104220420") + bytes(range(32))
CERTIFICATE = next(file for file in files() if file.startswith(b"\x30") and b"\xa0\x03\x02\x01\x02" in file)
VERSION_59 = CERTIFICATE.replace(b"\xa0\x03\x02\x01\x02", b"\xa0\x03\x02\x01\x3a")
NEGATIVE_SERIAL = CERTIFICATE.replace(b"\x02\x01\x01\x30", b"\x02\x01\xff\x30")


@pytest.mark.parametrize(
    ("name", "data"),
    [
        # The fast way took the first two, and the careful way did not.
        ("access_token", FREE_CLAIMS + claims(rsq=10**39)),
        ("access_token", FREE_CLAIMS + claims(rsq=2**63)),
        ("access_token", FREE_CLAIMS + claims(rsq=2**63 - 1)),
        # Hard to hit by chance, and nearly missed.
        ("access_token", FREE_CLAIMS + claims(aud=[AUDIENCE, "\x7f"])),
        ("access_token", FREE_CLAIMS + claims(aud=[AUDIENCE, ""])),
        ("access_token", FREE_CLAIMS + claims(iat=True)),
        ("access_token", FREE_CLAIMS + claims(auth_time=253402300800)),
        # Errors and a warning of the library came through.
        *((name, start + MISFIT) for name, start in KEY_TARGETS),
        *((name, start + VERSION_59) for name, start in KEY_TARGETS),
        *((name, start + NEGATIVE_SERIAL) for name, start in KEY_TARGETS),
    ],
)
def test_what_was_found_once_gives_an_answer_that_is_allowed(name: str, data: bytes) -> None:
    target(name).run(data)


@pytest.mark.parametrize(
    ("name", "part", "broken"),
    [
        ("strict_json", "decode_object", lambda data, max_bytes: json.loads(data[:max_bytes])),
        ("access_token", "decode_claims", json.loads),
        ("access_token", "read_ordinary", lambda *_, **__: 1 / 0),
        ("raw_token", "unverified_claims", json.loads),
        ("dpop_proof", "thumbprint", lambda jwk: jwk.get("kid")),
        ("jwk", "import_jwk", lambda _jwk, alg=None: ED25519.public_key()),
        ("jwk_set", "JWKSet", json),
        ("public_key", "import_public_key", lambda data, alg: json.loads(data)),
        ("secret", "HMACKey", lambda secret: secret),
        ("bearer", "parse_authorization", lambda values: values[0][7:].decode()),
    ],
)
def test_a_target_finds_what_is_broken(
    monkeypatch: pytest.MonkeyPatch, name: str, part: str, broken: object
) -> None:
    monkeypatch.setattr(target(name), part, broken)

    def run_all() -> None:
        for seed in target(name).SEEDS:
            target(name).run(seed)

    with pytest.raises((FoundError, ArithmeticError, ValueError, AttributeError, TypeError)):
        run_all()


def test_the_base64_target_finds_a_lax_reader(monkeypatch: pytest.MonkeyPatch) -> None:
    module = target("base64_url")

    class Lax:
        encode = staticmethod(module.base64url.encode)

        @staticmethod
        def decode(text: bytes) -> bytes:
            return base64.urlsafe_b64decode(text + b"==")

    monkeypatch.setattr(module, "base64url", Lax)
    with pytest.raises(FoundError):
        module.run(b"AR")


def refusal(error: Exception, *, while_handling: Exception | None = None) -> Any:
    try:
        if while_handling is None:
            raise error
        try:
            raise while_handling
        except type(while_handling):
            raise error  # noqa: B904 - what is judged
    except type(error) as raised:
        return raised


@pytest.mark.parametrize(
    "error",
    [
        refusal(InvalidToken(reason="no slug")),
        refusal(InvalidToken(reason="abcdefghijklmnop")),
        refusal(InvalidToken(reason="claim_missing", claim=CANARY)),
        refusal(InvalidToken("Another description.", reason="claim_missing")),
        refusal(InvalidToken(reason="claim_missing"), while_handling=ValueError("abcdefghijklmnop")),
        refusal(StrictJSONError("abcdefghijklmnop")),
    ],
    ids=repr,
)
def test_the_judge_finds_an_error_that_tells_too_much(error: Any) -> None:
    with pytest.raises(FoundError):
        check_error(error, [b"0abcdefghijklmnop1"])


def test_the_judge_lets_our_errors_pass() -> None:
    check_error(
        refusal(InvalidToken(reason="claim_missing", claim="iss")), [b"claim_miss", b"0123456789abcdef"]
    )


def require_atheris() -> None:
    """Skip where there is no atheris; fail there under TOKENWARD_REQUIRE_ALL=1."""
    if find_spec("atheris") is None:
        message = "atheris is not installed; `make setup` does it on Python 3.11 to 3.13, Linux and x86-64"
        if os.environ.get("TOKENWARD_REQUIRE_ALL") == "1":
            pytest.fail(message)
        pytest.skip(message)


def fuzz(*arguments: str) -> subprocess.CompletedProcess[str]:
    """Run the fuzzer in a process of its own: its instruments and those of the coverage do not mix."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith("COVERAGE_")}
    return subprocess.run(
        [sys.executable, "-m", "fuzz", *arguments],
        cwd=ROOT,
        env=environment,
        capture_output=True,
        text=True,
        errors="replace",
        timeout=240,
        check=False,
    )


@pytest.mark.parametrize("name", NAMES)
def test_the_fuzzer_finds_nothing_in_a_bounded_run(name: str, tmp_path: Path) -> None:
    require_atheris()
    ended = fuzz(name, f"--into={tmp_path}", f"-runs={RUNS}", "-seed=1")
    assert ended.returncode == 0, ended.stderr[-4000:]
    done = re.search(r"stat::number_of_executed_units: ([0-9]+)", ended.stderr)
    assert done is not None
    assert int(done[1]) >= RUNS
    # Without instruments it would be a blind man with a stick.
    covered = re.findall(r" cov: ([0-9]+) ", ended.stderr)
    assert int(covered[-1]) > 9
    assert not any((tmp_path / name / "found").iterdir())


def test_the_fuzzer_says_which_targets_there_are() -> None:
    ended = fuzz("nothing")
    assert ended.returncode == 2
    assert "usage" in ended.stderr

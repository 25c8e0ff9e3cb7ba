"""Section F: claims that are missing, of another type, or only resemble what is demanded."""

import hashlib
import json
from collections.abc import Iterator
from typing import Any

from tests.attacks.inputs.hostile_input import (
    ACCESS_TOKEN,
    NONCE,
    HostileInput,
    Maker,
    encoded,
    own,
)
from tests.tokens.forge import ABSENT, AUDIENCE, ISSUER, header, key, seal


def inputs(make: Maker) -> Iterator[HostileInput]:
    """Yield the inputs of section F."""
    yield from _expiry(make)
    yield from _other_times(make)
    yield from _audiences(make)
    yield from _issuers(make)
    yield from _names(make)
    yield from _id_tokens(make)


def _told(entry: str, text: str, name: str = "") -> HostileInput:
    return HostileInput(entry, name, text, own())


def _expiry(make: Maker) -> Iterator[HostileInput]:
    yield _told("F01", make.token(exp=ABSENT), "no exp")
    values: list[Any] = [str(make.now + 3600), "", [], [make.now + 3600], {}, {"a": 1}, True, False]
    names = ("digits", "empty string", "empty list", "a list", "empty object", "an object", "true", "false")
    for name, value in zip(names, values, strict=True):
        yield _told("F02", make.token(exp=value), name)
    yield _told("F03", make.token(exp=None), "null")
    for literal in ("NaN", "Infinity", "1e999"):
        yield _told("F04", make.with_raw_claim("exp", literal), literal)
    yield _told("F05", make.token(exp=make.now), "exp is now")
    yield _told("F05", make.token(exp=make.now - 1), "exp was a second ago")
    for name, literal in (
        ("0", "0"),
        ("-1", "-1"),
        ("2**63", "9223372036854775808"),
        ("10**400", "1" + "0" * 400),
        ("1e308", "1e308"),
        ("the year 10000", "253402300800"),
    ):
        yield _told("F06", make.with_raw_claim("exp", literal), name)
    yield _told("F20", make.token(exp=make.now - 86400), "expired a day ago, all claims given")
    expired = make.token(exp=make.now - 86400)
    other = make.token(jti="other").rpartition(".")[2]
    yield _told(
        "F22", expired.rpartition(".")[0] + "." + other, "expired, and the signature of another token"
    )


def _other_times(make: Maker) -> Iterator[HostileInput]:
    for claim in ("nbf", "iat"):
        values: dict[str, Any] = {
            "in the future": make.now + 6000,
            "digits": str(make.now - 60),
            "true": True,
            "null": None,
            "a list": [],
            "negative": -5,
        }
        for name, value in values.items():
            yield _told("F07", make.token(**{claim: value}), f"{claim}: {name}")
        yield _told("F07", make.with_raw_claim(claim, "NaN"), f"{claim}: NaN")
    yield _told("F08", make.token(iat=ABSENT), "no iat")


def _audiences(make: Maker) -> Iterator[HostileInput]:
    yield _told("F11", make.token(aud=ABSENT), "no aud")
    for value in (
        AUDIENCE[:-1],
        AUDIENCE + "xyz",
        AUDIENCE.upper(),
        AUDIENCE + " ",
        AUDIENCE + "/",
        "api.example",
    ):
        yield _told("F12", make.token(aud=value), repr(value))
    yield _told("F12", make.with_raw_claim("aud", f'"{AUDIENCE}\\u0000"'), "with a NUL")
    yield _told("F12", make.token(aud=[AUDIENCE + ",https://other.example"]), "joined by a comma")
    shapes: dict[str, Any] = {
        "empty string": "",
        "empty list": [],
        "a list of an empty string": [""],
        "ours and a number": [AUDIENCE, 1],
        "ours and null": [AUDIENCE, None],
        "ours and an empty string": [AUDIENCE, ""],
        "a list in a list": [[AUDIENCE]],
        "an object": {AUDIENCE: 1},
        "null": None,
        "true": True,
        "a number": 1,
    }
    for name, value in shapes.items():
        yield _told("F13", make.token(aud=value), name)
    several = make.token(aud=["https://b.example", AUDIENCE])
    yield HostileInput("F13", "a list that has ours", several, own(), good=True)
    yield _told("F25", make.token(aud="a" * 60 + "!"), "what a pattern would choke on")


def _issuers(make: Maker) -> Iterator[HostileInput]:
    for value in ("https", ISSUER[:-1], "id.example", ""):
        yield _told("F15", make.token(iss=value), repr(value))
    shapes: dict[str, Any] = {
        "theirs and ours": ["https://evil.example", ISSUER],
        "ours in a list": [ISSUER],
        "an object": {ISSUER: 1},
        "a number": 1,
        "null": None,
        "true": True,
    }
    for name, shape in shapes.items():
        yield _told("F16", make.token(iss=shape), name)
    for value in (ISSUER + "/", ISSUER.upper(), ISSUER + ":443", "https://a@id.example", "http://id.example"):
        yield _told("F17", make.token(iss=value), repr(value))
    yield _told("F18", make.token(iss="https://other-tenant.example"), "of another tenant, same keys")


def _names(make: Maker) -> Iterator[HostileInput]:
    for claim in ("sub", "jti", "client_id"):
        yield _told("F19", make.token(**{claim: ABSENT}), f"no {claim}")
        values: list[Any] = [1, ["a"], {}, None, True, ""]
        for value in values:
            yield _told("F19", make.token(**{claim: value}), f"{claim}: {json.dumps(value)}")
    scopes: dict[str, Any] = {
        "a list": ["read"],
        "a list of numbers": [1, 2],
        "an object": {"admin": 1},
        "null": None,
        "true": True,
        "two spaces": "a  b",
        "a tab": "a\tb",
        "a no-break space": "a\u00a0b",
        "a quote": 'a"b',
    }
    for name, value in scopes.items():
        yield _told("F23", make.token(scope=value), name)


def _id_tokens(make: Maker) -> Iterator[HostileInput]:
    def id_token(name: str, entry: str, **changes: Any) -> HostileInput:
        said: dict[str, Any] = {"nonce": NONCE, "scope": ABSENT, "client_id": ABSENT}
        text = seal(header(key(), typ="JWT"), make.claims(**(said | changes)), key())
        return HostileInput(entry, name, text, own(), is_id_token=True)

    yield id_token("no at_hash", "F28")
    yield id_token("at_hash of another token", "F28", at_hash="AAAAAAAAAAAAAAAAAAAAAA")
    yield id_token("at_hash is a number", "F28", at_hash=1)
    yield id_token("at_hash is null", "F28", at_hash=None)
    hashed = {"at_hash": half_hash(ACCESS_TOKEN)}
    yield id_token("two audiences, no azp", "F29", aud=[AUDIENCE, "https://b.example"], **hashed)
    yield id_token("azp is another", "F29", azp="https://b.example", **hashed)
    both = {"aud": [AUDIENCE, "https://b.example"], "azp": "https://b.example"}
    yield id_token("two audiences, azp is the other", "F29", **both, **hashed)
    good = id_token("two audiences, azp is ours", "F29", **both | {"azp": AUDIENCE}, **hashed)
    yield good._replace(good=True)


def half_hash(text: str) -> str:
    """Return what `at_hash` is for a token in ES256."""
    return encoded(hashlib.sha256(text.encode()).digest()[:16])

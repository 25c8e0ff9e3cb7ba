"""Section B: where the key comes from, as far as a token or a key set can try to say. Fetching is tested elsewhere."""

import json
from collections.abc import Iterator
from functools import cache
from typing import Any

from tests.attacks.inputs.hostile_input import (
    HostileInput,
    Maker,
    Published,
    jwk,
    macked,
    own,
    published,
)
from tests.tokens.forge import ABSENT, header, key, seal

_MANY = 1000


def inputs(make: Maker) -> Iterator[HostileInput]:
    """Yield the inputs of section B."""
    yield from _brought(make)
    yield from _names_of_keys(make)
    yield from _key_sets(make)


def _brought(make: Maker) -> Iterator[HostileInput]:
    attacker = key("ES256", "attacker")
    brought: list[tuple[str, str, dict[str, Any]]] = [
        ("B01", "jwk", {"jwk": jwk("ES256", "attacker")}),
        ("B02", "jku", {"jku": "https://evil.example/jwks.json"}),
        ("B03", "x5u", {"x5u": "https://evil.example/chain.pem"}),
        ("B03", "x5c", {"x5c": ["MIIBWTCB"]}),
        ("B03", "x5t", {"x5t": "AAAAAAAAAAAAAAAAAAAAAAAAAAA"}),
    ]
    for entry, name, parameters in brought:
        for kid, told in (
            (attacker.kid, "its own kid"),
            (key().kid, "the kid of a known key"),
            (ABSENT, "no kid"),
        ):
            head = header(attacker, kid=kid, **parameters)
            yield HostileInput(entry, f"{name}, {told}", seal(head, make.claims(), attacker), own())


def _names_of_keys(make: Maker) -> Iterator[HostileInput]:
    for entry, kid in (
        ("B07", "../../../../dev/null"),
        ("B07", "/dev/null\0.pem"),
        ("B08", "x' UNION SELECT 'AAAA'--"),
        ("B08", "k;id"),
        ("B08", "*"),
    ):
        text = macked(header(key("HS256"), kid=kid), make.claims(), b"")
        yield HostileInput(entry, f"kid {kid!r}", text, own("HS256"), ("HS256",))
    kids: list[Any] = [1, ["a"], {}, None, True, "", "k" * 1_000_000, "\0", "__proto__"]
    for value in kids:
        name = "a megabyte" if value == kids[6] else json.dumps(value)
        yield HostileInput("B09", f"kid {name}", make.headed(kid=value), own())
    three = published(jwk(), jwk("ES256", "second"), jwk("ES256", "third"))
    yield HostileInput("B17", "three keys could be meant", make.headed(kid=ABSENT), three)
    other = key("ES256", "another issuer")
    stolen = seal(header(other, kid=key().kid), make.claims(), other)
    yield HostileInput("B18", "under the kid of ours", stolen, own())
    stolen = seal(header(other), make.claims(), other)
    yield HostileInput("B18", "under its own kid", stolen, own())


@cache
def _body(name: str) -> bytes:
    good = json.dumps(jwk()).encode()
    if name == "a thousand keys":
        keys: list[dict[str, Any]] = [jwk() | {"kid": f"k{number}"} for number in range(_MANY)]
        return json.dumps({"keys": [*keys, jwk()]}).encode()
    return {
        "no JSON": b"<html>",
        "an array": b"[" + good + b"]",
        "no keys": b"{}",
        "keys are no list": b'{"keys":{}}',
        "keys are null": b'{"keys":null}',
        "keys named twice": b'{"keys":[],"keys":[' + good + b"]}",
        "a member of a key named twice": b'{"keys":['
        + good[:-1]
        + b',"kid":"'
        + key().kid.encode()
        + b'"}]}',
        "100 000 levels deep": b'{"keys":[' + good + b"," + b"[" * 100_000 + b"]" * 100_000 + b"]}",
        "another 300 kB of text": b'{"x":"' + b"a" * 300_000 + b'","keys":[' + good + b"]}",
        "a number of a million digits": b'{"x":' + b"9" * 1_000_000 + b',"keys":[' + good + b"]}",
        "in UTF-16": ('{"keys":[' + good.decode() + "]}").encode("utf-16"),
        "with a byte order mark": b'\xef\xbb\xbf{"keys":[' + good + b"]}",
    }[name]


_BODIES = (
    "no JSON",
    "an array",
    "no keys",
    "keys are no list",
    "keys are null",
    "keys named twice",
    "a member of a key named twice",
    "100 000 levels deep",
    "another 300 kB of text",
    "a number of a million digits",
    "in UTF-16",
    "with a byte order mark",
    "a thousand keys",
)


def _key_sets(make: Maker) -> Iterator[HostileInput]:
    for name in _BODIES:
        yield HostileInput("B15", name, make.token(), Published(_body(name)))
    strange: dict[str, Any] = {
        "an unknown type": {"kty": "XYZ", "kid": "x"},
        "a type that is no string": {"kty": ["RSA"]},
        "an empty object": {},
        "null": None,
        "an array": [],
        "a point that is none": jwk() | {"kid": "other", "x": "AAAA"},
        "an unknown curve": jwk() | {"kid": "other", "crv": "P-999"},
        "a kid that is a number": jwk("ES256", "second") | {"kid": 7},
        "an algorithm that is a list": jwk("ES256", "second") | {"alg": ["ES256"]},
        "a key for encryption": jwk("RS256") | {"use": "enc", "alg": "RSA-OAEP"},
    }
    for name, entry in strange.items():
        yield HostileInput("B16", name, make.token(), published(entry, jwk()), good=True)

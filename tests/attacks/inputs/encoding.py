"""Section D: base64url, the segments of a token, and header parameters that change how it is read."""

import json
from collections.abc import Iterator
from typing import Any

from tests.attacks.inputs.hostile_input import HostileInput, Maker, encoded, own
from tests.tokens.forge import header, key, seal, sign_segments

_ALPHABET = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"


def inputs(make: Maker) -> Iterator[HostileInput]:
    """Yield the inputs of section D."""
    yield from _spellings(make)
    yield from _junk(make)
    yield from _shapes(make)
    yield from _parameters(make)
    yield from _sizes(make)
    yield from _authorization(make)


def _spellings(make: Maker) -> Iterator[HostileInput]:
    for alg in ("ES256", "HS256"):
        text = make.token(alg)
        padded = text + "=" * (-len(text.rpartition(".")[2]) % 4)
        yield HostileInput("D01", f"{alg}, padding", padded, own(alg), (alg,))
        yield HostileInput("D01", f"{alg}, a sign too many", padded + "=", own(alg), (alg,))
        yield HostileInput("D01", f"{alg}, %3D", text + "%3D", own(alg), (alg,))
        letter = _ALPHABET.index(text[-1])
        yield HostileInput("D03", alg, text[:-1] + _ALPHABET[letter ^ 1], own(alg), (alg,))
    text = _with_both_letters(make)
    signed, _, signature = text.rpartition(".")
    for ours, theirs in (("-", "+"), ("_", "/")):
        yield HostileInput(
            "D02", f"{theirs} for {ours}", f"{signed}.{signature.replace(ours, theirs)}", own()
        )
    head, payload = (_of_odd_length(part) for part in (header(key()), make.claims()))
    for name, parts in (
        ("header", (_respelled(head), payload)),
        ("payload", (head, _respelled(payload))),
    ):
        yield HostileInput("D04", f"{name}, signed rightly", sign_segments(*parts, key()), own())
    padded_head = head + b"=" * (-len(head) % 4)
    yield HostileInput(
        "D04", "padded header, signed rightly", sign_segments(padded_head, payload, key()), own()
    )
    head_text, payload_text, signature = make.token().split(".")
    yield HostileInput("D07", "signature", f"{head_text}.{payload_text}.{signature[:85]}", own())
    yield HostileInput("D07", "payload", f"{head_text}.A.{signature}", own())
    yield HostileInput("D07", "header", f"{head_text[:5]}.{payload_text}.{signature}", own())


def _with_both_letters(make: Maker) -> str:
    for number in range(200):
        text = make.token(jti=f"jti-{number}")
        if {"-", "_"} <= set(text.rpartition(".")[2]):
            return text
    raise AssertionError("no signature with both letters in 200 tokens")


def _of_odd_length(part: Any) -> bytes:
    """Return a segment whose last letter has bits that belong to no byte."""
    text = json.dumps(part).encode()
    return encoded(text + b" " * ((2 - len(text)) % 3)).encode()


def _respelled(segment: bytes) -> bytes:
    return segment[:-1] + _ALPHABET[_ALPHABET.index(chr(segment[-1])) ^ 1].encode()


def _junk(make: Maker) -> Iterator[HostileInput]:
    text = make.token()
    for name, junk in (("a space", " "), ("a line break", "\n"), ("a tab", "\t"), ("NUL", "\0")):
        yield HostileInput("D05", f"{name} before", junk + text, own())
        yield HostileInput("D05", f"{name} after", text + junk, own())
        for position, part in enumerate(("header", "payload", "signature")):
            segments = text.split(".")
            segments[position] = segments[position][:8] + junk + segments[position][8:]
            yield HostileInput("D05", f"{name} in the {part}", ".".join(segments), own())
    for junk in ("!", "?", "#", "\u00e9"):
        for position, part in enumerate(("header", "payload", "signature")):
            segments = text.split(".")
            segments[position] = segments[position][:8] + junk + segments[position][8:]
            yield HostileInput("D06", f"{junk} in the {part}", ".".join(segments), own())
    head, payload = (segment.encode() for segment in text.split(".")[:2])
    for name, letters in (("!", b"!!!!"), ("a line break", b"\n"), ("a space", b" ")):
        entry = "D06" if name == "!" else "D05"
        signed = sign_segments(head, payload[:8] + letters + payload[8:], key())
        yield HostileInput(entry, f"{name} in the payload, signed rightly", signed, own())


def _shapes(make: Maker) -> Iterator[HostileInput]:
    text = make.token()
    head, payload, signature = text.split(".")
    for shape in ("", ".", "..", "...", "a", "a.b", "a.b.c.d", "a.b.c.d.e"):
        yield HostileInput("D08", f"{shape!r}", shape, own())
    for name, wrong in (
        ("one more dot", text + "."),
        ("a fourth segment", text + ".AAAA"),
        ("two segments", f"{head}.{payload}"),
        ("a dot before", "." + text),
    ):
        yield HostileInput("D08", name, wrong, own())
    yield HostileInput("D09", "10 MB of dots", "." * 10_000_000, own())
    flattened = {"protected": head, "payload": payload, "signature": signature}
    yield HostileInput("D10", "flattened", json.dumps(flattened), own())
    yield HostileInput("D10", "a token as a name", json.dumps({f"{head}.{payload}.": ""} | flattened), own())
    # The dots of a member that nobody reads make the text look like a token to who counts them.
    yield HostileInput("D10", "with two dots", json.dumps(flattened | {"x": ".."}), own())
    jwe = "eyJhbGciOiJSU0EtT0FFUCIsImVuYyI6IkEyNTZHQ00ifQ.AAAA.AAAA.AAAA.AAAA"
    yield HostileInput("D11", "five segments", jwe, own("RS256"), ("RS256",))
    yield HostileInput("D11", "enc in the header of a JWS", make.headed(enc="A256GCM"), own())
    nested = seal(header(key(), cty="JWT"), make.token().encode(), key())
    yield HostileInput("D13", "one in another", nested, own())
    for _ in range(12):
        nested = seal(header(key(), cty="JWT"), nested.encode(), key())
    yield HostileInput("D13", "fourteen in each other", nested, own())


def _parameters(make: Maker) -> Iterator[HostileInput]:
    yield HostileInput("D14", "x, which is there", make.headed(crit=["x"], x=1), own())
    yield HostileInput("D14", "exp, which is there", make.headed(crit=["exp"], exp=1), own())
    malformed: dict[str, Any] = {
        "an empty list": [],
        "a string": "exp",
        "null": None,
        "a number in a list": [1],
        "a list in a list": [["x"]],
        "alg": ["alg"],
        "a name twice": ["b64", "b64"],
        "a name that is absent": ["absent"],
        "an object": {},
        "true": True,
        "ten thousand names": [f"n{number}" for number in range(10_000)],
    }
    for name, crit in malformed.items():
        yield HostileInput("D15", name, make.headed(crit=crit), own())
    yield HostileInput("D17", "the payload as it stands", _unencoded(make, crit=["b64"]), own())
    yield HostileInput("D17", "the payload encoded", make.headed(b64=False, crit=["b64"]), own())
    yield HostileInput("D18", "the payload encoded", make.headed(b64=False), own())
    yield HostileInput("D18", "the payload as it stands", _unencoded(make), own())
    for value in ("false", 0, None, [False]):
        yield HostileInput("D19", json.dumps(value), make.headed(b64=value, crit=["b64"]), own())
    yield HostileInput("D22", "zip: DEF", make.headed(zip="DEF"), own())


def _unencoded(make: Maker, **parameters: Any) -> str:
    head = encoded(json.dumps(header(key(), b64=False, **parameters)).encode()).encode()
    # A payload without a dot, as RFC 7797 section 5.2 wants it.
    said = make.claims(iss="https://id", aud="api")
    return sign_segments(head, json.dumps(said).replace(".", "").encode(), key())


def _sizes(make: Maker) -> Iterator[HostileInput]:
    head = encoded(json.dumps(header(key(), b64=False, crit=["b64"])).encode())
    signature = make.token().rpartition(".")[2]
    amplifier = f"{head}.{'A' * 5_000_000}.{signature}"
    yield HostileInput("D20", "5 MB that nobody needs", amplifier, own())
    yield HostileInput("D27", "a token of 5 MB", make.token(x="a" * 3_750_000), own())
    yield HostileInput("D27", "a header of 200 kB", make.headed(x5c=["a" * 150_000]), own())
    yield HostileInput("D27", "a token of 100 kB", make.token(x="a" * 75_000), own())
    yield HostileInput("D27", "a signature of 200 kB", make.token() + "A" * 200_000, own())


def _authorization(make: Maker) -> Iterator[HostileInput]:
    text = make.token().encode()
    values: dict[str, tuple[tuple[bytes, ...], bool]] = {
        "lower case": ((b"bearer " + text,), True),
        "upper case": ((b"BEARER " + text,), True),
        "two spaces": ((b"Bearer  " + text,), True),
        "a tab": ((b"Bearer\t" + text,), False),
        "no token": ((b"Bearer ",), False),
        "no space": ((b"Bearer" + text,), False),
        "two tokens": ((b"Bearer " + text + b"," + text,), False),
        "a token and a parameter": ((b"Bearer " + text + b", x=y",), False),
        "in quotes": ((b'Bearer "' + text + b'"',), False),
        "two headers": ((b"Bearer " + text, b"Bearer " + text), False),
        "another scheme": ((b"Basic " + text,), False),
    }
    for name, (headers, good) in values.items():
        yield HostileInput("D29", name, text.decode(), own(), good=good, authorization=headers)

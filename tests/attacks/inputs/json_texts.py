"""Section E: JSON that two programs read differently, and JSON that costs too much to read."""

import json
from collections.abc import Iterator

from tests.attacks.inputs.hostile_input import HostileInput, Maker, own
from tests.tokens.forge import ABSENT, header, key, seal


def inputs(make: Maker) -> Iterator[HostileInput]:
    """Yield the inputs of section E."""
    yield from _payloads(make)
    yield from _texts(make)
    yield from _numbers(make)
    yield from _names(make)


def _payloads(make: Maker) -> Iterator[HostileInput]:
    """Payloads, and headers where the same can stand there, that end in a hostile way."""
    ends = [
        ("E01", "sub twice", ',"sub":"usr_other"}'),
        ("E01", "an unknown name twice", ',"x":1,"x":1}'),
        ("E02", "spelled with an escape", ',"s\\u0075b":"usr_other"}'),
        ("E03", "in an object", ',"x":{"jkt":"a","jkt":"b"}}'),
        ("E03", "in an object in arrays", ',"x":[[[{"a":1,"a":1}]]]}'),
        ("E06", "as a value", ',"x":"\\ud800"}'),
        ("E06", "as a name", ',"\\udc00":1}'),
        ("E06", "deep inside", ',"x":[{"y":"\\ud800"}]}'),
        ("E07", "NaN", ',"x":NaN}'),
        ("E07", "Infinity", ',"x":Infinity}'),
        ("E07", "-Infinity", ',"x":-Infinity}'),
        ("E08", "1e999", ',"x":1e999}'),
        ("E08", "-1e999", ',"x":-1e999}'),
        ("E08", "1e-400", ',"x":1e-400}'),
        ("E09", "4000 digits", ',"x":' + "9" * 4000 + "}"),
        ("E09", "5000 digits", ',"x":' + "9" * 5000 + "}"),
        ("E09", "a million digits", ',"x":' + "9" * 1_000_000 + "}"),
        ("E09", "2**64", ',"x":18446744073709551616}'),
        ("E10", "40 levels", ',"x":' + "[" * 40 + "]" * 40 + "}"),
        ("E10", "100 000 levels", ',"x":' + "[" * 100_000 + "]" * 100_000 + "}"),
        ("E10", "100 000 levels that do not end", ',"x":' + "[" * 100_000),
        ("E11", "two objects", "}{}"),
        ("E11", "a letter after it", "}x"),
        ("E11", "a comment", "}//"),
        ("E11", "single quotes", ",'x':1}"),
        ("E11", "a comma before the end", ",}"),
        ("E11", "no end", ""),
        ("E11", "a control character in a string", ',"x":"\x01"}'),
    ]
    good = json.dumps(make.claims())[:-1]
    for entry, name, end in ends:
        yield HostileInput(entry, name, make.saying((good + end).encode()), own())
    head = json.dumps(header(key()))[:-1]
    for entry, name, end in (
        ("E03", "in the header", ',"kid":"' + key().kid + '"}'),
        ("E10", "100 000 levels in the header", ',"x5c":' + "[" * 100_000 + "]" * 100_000 + "}"),
    ):
        yield HostileInput(entry, name, seal((head + end).encode(), make.claims(), key()), own())


def _texts(make: Maker) -> Iterator[HostileInput]:
    text = json.dumps(make.claims())
    good = text[:-1].encode()
    for entry, name, payload in (
        ("E04", "a byte order mark", b"\xef\xbb\xbf" + text.encode()),
        ("E04", "UTF-16", text.encode("utf-16")),
        ("E04", "UTF-16, no mark", text.encode("utf-16-le")),
        ("E04", "UTF-32", text.encode("utf-32")),
        ("E05", "0xFF", good + b',"x":"\xff"}'),
        ("E05", "overlong", good + b',"x":"\xc0\x80"}'),
        ("E05", "half a surrogate pair", good + b',"x":"\xed\xa0\x80"}'),
        ("E05", "above U+10FFFF", good + b',"x":"\xf4\x90\x80\x80"}'),
        ("E12", "an array", b"[]"),
        ("E12", "a string", b'"x"'),
        ("E12", "null", b"null"),
        ("E12", "a number", b"1"),
        ("E12", "nothing", b""),
        ("E12", "the claims in an array", b"[" + text.encode() + b"]"),
    ):
        yield HostileInput(entry, name, make.saying(payload), own())
    for name, head in (
        ("an array as header", b"[]"),
        ("null as header", b"null"),
        ("a number as header", b"1"),
    ):
        yield HostileInput("E12", name, seal(head, make.claims(), key()), own())


def _numbers(make: Maker) -> Iterator[HostileInput]:
    good = {
        "a whole number as a float": f"{make.now + 3600}.0",
        "a fraction": f"{make.now + 3600}.25",
        "an exponent": f"{make.now + 3600}00E-2",
    }
    for name, literal in good.items():
        yield HostileInput("E18", f"exp: {name}", make.with_raw_claim("exp", literal), own(), good=True)
    for name, literal in (("true", "true"), ("-0", "-0"), ("a string", f'"{make.now + 3600}"')):
        yield HostileInput("E18", f"exp: {name}", make.with_raw_claim("exp", literal), own())


def _names(make: Maker) -> Iterator[HostileInput]:
    for name, escape in (("NUL", "\\u0000"), ("CRLF", "\\r\\n"), ("DEL", "\\u007f"), ("ESC", "\\u001b")):
        yield HostileInput("E13", f"{name} in sub", make.with_raw_claim("sub", f'"u{escape}admin"'), own())
        yield HostileInput(
            "E13", f"{name} in client_id", make.with_raw_claim("client_id", f'"u{escape}admin"'), own()
        )
    folded = make.token(exp=ABSENT, Exp=make.now + 3600, EXP=make.now + 3600)
    yield HostileInput("E14", "Exp for exp", folded, own())
    folded = make.token(aud=ABSENT, Aud="https://api.example")
    yield HostileInput("E14", "Aud for aud", folded, own())
    yield HostileInput("E14", "ALG beside alg", make.headed(alg=ABSENT, ALG="ES256"), own())
    for claim, value in (
        ("iss", "https://i\u0307d.example"),
        ("iss", "https://\u0456d.example"),
        ("aud", "https://\u0430pi.example"),
        ("aud", "https://ap\u0131.example"),
    ):
        yield HostileInput("E15", f"{claim}: {value!a}", make.token(**{claim: value}), own())
    many = {f"m{number}": 0 for number in range(100_000)}
    yield HostileInput("E16", "100 000 claims", make.token(**many), own())
    yield HostileInput("E16", "a name of 100 kB", make.token(**{"n" * 100_000: 0}), own())
    named = {"__class__": "x", "__proto__": {"a": 1}, "self": 1, "cls": 1, "verify": "no", "options": {}}
    yield HostileInput("E17", "claims of these names", make.token(**named), own(), good=True)

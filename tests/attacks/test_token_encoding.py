"""Hostile encodings, headers and JSON: sections D and E of the catalogue, for compact tokens."""

import json
import tracemalloc
from typing import Any

import pytest
from tests.tokens.forge import (
    ABSENT,
    claims,
    header,
    key,
    public,
    refused,
    seal,
    sign_segments,
    token,
    verifier,
)

from tokenward.errors import InvalidToken
from tokenward.jose import JWKSet, base64url, verify_compact

ALPHABET = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"


def segments(alg: str = "ES256") -> list[str]:
    return token(key(alg)).split(".")


@pytest.mark.parametrize("alg", ["ES256", "HS256", "EdDSA", "RS256"])
@pytest.mark.parametrize("padding", ["=", "==", "%3D"])
def test_d01_padding_is_refused(alg: str, padding: str) -> None:
    refused(token(key(alg)) + padding, verifier(key(alg)))


def test_d02_the_standard_alphabet_is_refused() -> None:
    for number in range(50):
        text = token(jti=f"jti-{number}")
        signature = text.rpartition(".")[2]
        if "-" in signature and "_" in signature:
            for ours, theirs in (("-", "+"), ("_", "/")):
                refused(text.rpartition(".")[0] + "." + signature.replace(ours, theirs))
            return
    pytest.fail("no signature with both letters in 50 tokens")


@pytest.mark.parametrize("alg", ["ES256", "HS256", "EdDSA", "RS256"])
def test_d03_other_spellings_of_the_last_letter_are_refused(alg: str) -> None:
    text = token(key(alg))
    spelled = ALPHABET.index(text[-1])
    same_bytes = [ALPHABET[spelled ^ bits] for bits in (1, 2, 3)]
    by = verifier(key(alg))
    assert by.verify(text).jti
    for letter in same_bytes:
        refused(text[:-1] + letter, by)


def test_d04_other_spellings_under_a_right_signature_are_refused() -> None:
    head, payload = (segment.encode() for segment in segments()[:2])
    tries = 0
    for position, segment in enumerate((head, payload)):
        if len(segment) % 4 == 0:
            padded = json.dumps(header(key()) if position == 0 else claims()).encode() + b" "
            while len(padded) % 3 == 0:
                padded += b" "
            segment = base64url.encode(padded)
        letter = ALPHABET[ALPHABET.index(chr(segment[-1])) ^ 1].encode()
        respelled = segment[:-1] + letter
        parts = [head, payload]
        parts[position] = respelled
        refused(sign_segments(parts[0], parts[1], key()), reason="base64url_not_canonical")
        parts[position] = segment + b"="
        refused(sign_segments(parts[0], parts[1], key()))
        tries += 1
    assert tries == 2


@pytest.mark.parametrize(
    "junk", [" ", "\n", "\t", "\r\n", "\0", "!", "?", "#", "é", '"', "\\", "\\n", "\\u0041", "'"]
)
def test_d05_d06_white_space_and_other_letters_are_refused_everywhere(junk: str) -> None:
    text = token()
    refused(junk + text)
    refused(text + junk)
    for position, segment in enumerate(segments()):
        parts = segments()
        parts[position] = segment[:8] + junk + segment[8:]
        refused(".".join(parts))
        parts[position] = segment + junk
        refused(".".join(parts))


@pytest.mark.parametrize("junk", [b" ", b"\n", b'"', b"\\n", b"\\u0041", b"\\/", b"=", b"\x00", b"\xff"])
def test_d05_d06_other_letters_under_a_right_signature_are_refused(junk: bytes) -> None:
    head, payload = (segment.encode() for segment in segments()[:2])
    refused(sign_segments(head[:8] + junk + head[8:], payload, key()).encode("latin-1"))
    refused(sign_segments(head, payload[:8] + junk + payload[8:], key()).encode("latin-1"))


@pytest.mark.parametrize("position", [0, 1])
def test_d06_letters_spelled_as_json_escapes_are_refused(position: int) -> None:
    # Four escapes make the text longer by a multiple of four, so that no other rule stands in the way.
    parts = [segment.encode() for segment in segments()[:2]]
    start = parts[position][:4]
    parts[position] = b"".join(b"\\u%04x" % letter for letter in start) + parts[position][4:]
    refused(sign_segments(parts[0], parts[1], key()), reason="base64url_malformed")


@pytest.mark.parametrize("length", [1, 5, 9, 85])
def test_d07_an_impossible_length_is_refused(length: int) -> None:
    head, payload, signature = segments()
    refused(f"{head}.{payload}.{signature[:length]}", reason="base64url_not_canonical")


@pytest.mark.parametrize("text", ["", ".", "..", "...", "a", "a.b", "a.b.c.d", "a.b.c.d.e", "...."])
def test_d08_another_number_of_segments_is_refused(text: str) -> None:
    refused(text)


def test_d08_one_segment_more_or_less_is_refused() -> None:
    text = token()
    for wrong in (text + ".", "." + text, text + ".AAAA", text.rpartition(".")[0], text.partition(".")[2]):
        refused(wrong)


def test_d09_ten_megabytes_of_dots_cost_nothing() -> None:
    bomb = "." * 10_000_000
    by = verifier()
    tracemalloc.start()
    refused(bomb[:8192], by)
    with pytest.raises(InvalidToken) as caught:
        by.verify(bomb.encode())
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert caught.value.reason == "too_large"
    assert peak < 12_000_000  # The one copy that this test itself makes.


def test_d10_json_serialization_is_refused() -> None:
    head, payload, signature = segments()
    refused(json.dumps({"protected": head, "payload": payload, "signature": signature}))
    refused(
        json.dumps({f"{head}.{payload}.": "", "protected": head, "payload": payload, "signature": signature})
    )


def test_d11_a_jwe_is_refused() -> None:
    refused("eyJhbGciOiJSU0EtT0FFUCIsImVuYyI6IkEyNTZHQ00ifQ.AAAA.AAAA.AAAA.AAAA", reason="not_three_segments")
    refused(seal(header(key(), enc="A256GCM"), claims(), key()), reason="header_enc")


def test_d13_a_token_in_a_token_is_refused() -> None:
    refused(seal(header(key(), cty="JWT"), token().encode(), key()), reason="claims_malformed")


@pytest.mark.parametrize(
    "crit",
    [
        ["x"],
        [],
        "exp",
        None,
        [1],
        ["b64", "b64"],
        ["alg"],
        ["absent"],
        ["exp"],
        {},
        True,
        ["n" + str(i) for i in range(500)],
    ],
)
def test_d14_d15_every_crit_is_refused(crit: object) -> None:
    refused(seal(header(key(), crit=crit, x=1), claims(), key()))


def test_d14_crit_is_refused_for_being_there() -> None:
    refused(seal(header(key(), crit=["x"], x=1), claims(), key()), reason="header_crit")


@pytest.mark.parametrize("b64", [False, True, "false", 0, None])
def test_d17_d18_d19_b64_is_refused(b64: object) -> None:
    refused(seal(header(key(), b64=b64, crit=["b64"]), claims(), key()), reason="header_crit")
    refused(seal(header(key(), b64=b64), claims(), key()), reason="header_b64")


def test_d20_the_payload_is_not_decoded_before_the_signature_is_right() -> None:
    head = segments()[0]
    refused(f"{head}.!!!!.{segments()[2]}", reason="signature_invalid")


@pytest.mark.parametrize("value", ["DEF", None, 0])
def test_d22_zip_is_refused(value: object) -> None:
    refused(seal(header(key(), zip=value), claims(), key()), reason="header_zip")


def test_d27_what_is_too_large_is_refused_before_it_is_read() -> None:
    refused("a" * 8193, reason="too_large")
    refused(token(x="a" * 8192), reason="too_large")
    refused(seal(header(key(), x="a" * 4096), claims(x=ABSENT), key()), reason="header_too_large")
    head, payload, signature = segments()
    refused(f"{head}.{payload}.{signature * 50}", reason="signature_length")
    with pytest.raises(InvalidToken) as caught:
        verify_compact("a" * 300, JWKSet([public(key())]), algorithms=["ES256"], max_bytes=256)
    assert caught.value.reason == "too_large"


@pytest.mark.parametrize("nothing", [None, 1, [], {}, b"", "", bytearray(b"a.b.c")])
def test_what_is_no_token_at_all_is_refused(nothing: Any) -> None:
    with pytest.raises(InvalidToken):
        verifier().verify(nothing)


GOOD = json.dumps(claims())[:-1]


@pytest.mark.parametrize(
    ("end", "reason"),
    [
        (',"sub":"usr_other"}', "claims_duplicate_member"),
        (',"s\\u0075b":"usr_other"}', "claims_duplicate_member"),
        (',"cnf":{"jkt":"a","jkt":"b"}}', "claims_duplicate_member"),
        (',"x":[[[{"a":1,"a":1}]]]}', "claims_duplicate_member"),
        (',"x":"\\ud800"}', "claims_malformed"),
        (',"\\udc00":1}', "claims_malformed"),
        (',"x":[{"y":"\\ud800"}]}', "claims_malformed"),
        (',"x":NaN}', "claims_not_finite"),
        (',"x":-Infinity}', "claims_not_finite"),
        (',"x":1e999}', "claims_number_out_of_range"),
        (',"x":-1e999}', "claims_number_out_of_range"),
        (',"x":1e-400}', "claims_number_out_of_range"),
        (',"x":' + "9" * 5000 + "}", "claims_number_out_of_range"),
        (',"x":18446744073709551616}', "claims_number_out_of_range"),
        (',"x":[-9223372036854775809]}', "claims_number_out_of_range"),
        (',"x":0.' + "1" * 5000 + "}", "claims_number_out_of_range"),
        (',"x":' + "[" * 40 + "]" * 40 + "}", "claims_too_deep"),
        (',"x":' + "[" * 2000 + "]" * 2000 + "}", None),
        (',"x":' + "[" * 5000 + "}", None),
        ("}{}", "claims_malformed"),
        ("}x", "claims_malformed"),
        ("}//", "claims_malformed"),
        ("", "claims_malformed"),
        (",}", "claims_malformed"),
        (",'x':1}", "claims_malformed"),
        (',"x":01}', "claims_malformed"),
        (',"x":"\x01"}', "claims_malformed"),
        ("".join(f',"m{number}":0' for number in range(600)) + "}", "claims_too_many_members"),
        (',"x":[' + "0," * 600 + "0]}", "claims_too_many_members"),
    ],
)
def test_e01_to_e16_hostile_json_is_refused(end: str, reason: str | None) -> None:
    by = verifier(max_token_bytes=65536)
    refused(seal(header(key()), (GOOD + end).encode(), key()), by, reason=reason)
    # The header is read by the same rules.
    head = json.dumps(header(key(), sub="usr_x"))[:-1] + end
    if len(head) < 3000:
        refused(seal(head.encode(), claims(), key()), by)


@pytest.mark.parametrize(
    "payload",
    [
        b"\xef\xbb\xbf" + GOOD.encode() + b"}",
        (GOOD + "}").encode("utf-16"),
        (GOOD + "}").encode("utf-32"),
        GOOD.encode() + b',"x":"\xff"}',
        GOOD.encode() + b',"x":"\xc0\x80"}',
        GOOD.encode() + b',"x":"\xed\xa0\x80"}',
        GOOD.encode() + b',"x":"\xf4\x90\x80\x80"}',
        GOOD.encode() + b',"\xff":1}',
    ],
)
def test_e04_e05_everything_but_plain_utf_8_is_refused(payload: bytes) -> None:
    refused(seal(header(key()), payload, key()), reason="claims_malformed")


@pytest.mark.parametrize(
    "payload", [b"[]", b'"x"', b"null", b"1", b"", b"true", b"[" + (GOOD + "}").encode() + b"]"]
)
def test_e12_what_is_no_object_is_refused(payload: bytes) -> None:
    refused(seal(header(key()), payload, key()))
    refused(seal(payload, claims(), key()))


@pytest.mark.parametrize("style", [{"indent": 2}, {"separators": (" , ", " : ")}, {"ensure_ascii": False}])
def test_every_honest_style_of_json_is_read(style: dict[str, Any]) -> None:
    text = json.dumps(
        claims(name="Zoë \U0001f600", deep={"a": {"b": {"c": {"d": {"e": [1.5, None]}}}}}), **style
    )
    verified = verifier().verify(seal(header(key()), text.encode(), key()))
    assert verified.claims["name"] == "Zoë \U0001f600"
    assert verified.claims["deep"]["a"]["b"]["c"]["d"]["e"] == (1.5, None)

"""What holds for every token, key and JSON text, and on which side of each limit it ends.

What bytes of any kind do is fuzzed in `fuzz`; single attacks are in `tests/attacks`.
"""

import itertools
import json
from typing import Any

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.tokens import forge

from tokenward.errors import InvalidToken
from tokenward.jose import (
    HMACKey,
    InvalidKey,
    JWKSet,
    PrivateKey,
    SigningKey,
    StrictJSONError,
    base64url,
    decode_object,
    import_jwk,
    import_private_jwk,
    sign,
    sign_compact,
    thumbprint,
    verify_compact,
)
from tokenward.jose.algorithms import ML_DSA, SUPPORTED
from tokenward.jose.jws import MAX_HEADER_BYTES
from tokenward.jose.keys import MAX_KID_LENGTH
from tokenward.jose.strict_json import MAX_DEPTH, MAX_MEMBERS

ALGORITHMS = sorted(SUPPORTED)
# A signature of each kind; that of RSA takes a millisecond to make, and of the others some are slower still.
KINDS = ["HS256", "RS256", "PS256", "ES256", "ES512", "Ed25519", "Ed448", "EdDSA"]
FEW = settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
MANY = settings(max_examples=100, deadline=None)

TEXT = st.text(st.characters(codec="utf-8"), max_size=12)
SCALARS = (
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**63 - 1)
    | st.floats(allow_nan=False, allow_infinity=False)
    | TEXT
)
VALUES = st.recursive(
    SCALARS,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(TEXT, inner, max_size=4),
    max_leaves=20,
)
OBJECTS = st.dictionaries(TEXT, VALUES, max_size=6)
KIDS = st.text(st.characters(codec="utf-8"), min_size=1, max_size=40).filter(str.isprintable)


def key_for(alg: str) -> SigningKey:
    """Return a key for `alg`, the same at every call."""
    if alg in ML_DSA:
        pytest.importorskip("cryptography.hazmat.primitives.asymmetric.mldsa", exc_type=ImportError)
    return forge.key(alg)


def same(left: Any, right: Any) -> bool:
    """Whether two values are one, also in the types of their numbers and the order of their members."""
    return repr(left) == repr(right)


def is_accepted(token: str | bytes, key: SigningKey) -> bool:
    try:
        forge.verifier(key).verify(token)
    except InvalidToken:
        return False
    return True


@pytest.mark.parametrize("alg", ALGORITHMS)
@FEW
@given(claims=OBJECTS, typ=st.sampled_from(["at+jwt", "JWT", "a"]))
def test_what_is_signed_verifies_with_the_same_claims(alg: str, claims: dict[str, Any], typ: str) -> None:
    key = key_for(alg)
    token = sign(claims, key, typ=typ)
    # The signatures of ML-DSA fill most of the 8 KiB that are usual.
    jws = verify_compact(token, JWKSet([forge.public(key)]), algorithms=[alg], max_bytes=100_000)
    assert same(decode_object(jws.payload, max_bytes=100_000), claims)
    assert jws.header == {"alg": key.alg, "kid": key.kid, "typ": typ}


@pytest.mark.parametrize("alg", KINDS)
@FEW
@given(payload=st.binary(max_size=200))
def test_every_payload_comes_back_as_it_was_signed(alg: str, payload: bytes) -> None:
    key = key_for(alg)
    token = sign_compact({}, payload, key)
    assert verify_compact(token, JWKSet([forge.public(key)]), algorithms=[alg]).payload == payload


@pytest.mark.parametrize("alg", ALGORITHMS)
def test_every_private_key_is_the_same_after_it_was_written_and_read(alg: str) -> None:
    written = key_for(alg).to_private_jwk()
    again = import_private_jwk(json.loads(json.dumps(written)))
    assert again.to_private_jwk() == written
    key_for(alg).verify(b"text", again.sign(b"text"))


@pytest.mark.parametrize("alg", ALGORITHMS)
@FEW
@given(kid=KIDS)
def test_every_public_key_is_the_same_after_it_was_written_and_read(alg: str, kid: str) -> None:
    key = key_for(alg)
    if not isinstance(key, PrivateKey):
        assert import_jwk(key.to_private_jwk() | {"kid": kid}).kid == kid
        return
    jwk = key.public_key().to_jwk() | {"kid": kid}
    public = import_jwk(json.loads(json.dumps(jwk)))
    assert not isinstance(public, HMACKey)
    assert (public.to_jwk(), public.kid, public.alg) == (jwk, kid, key.alg)
    assert thumbprint(jwk) == key.kid
    public.verify(b"text", key.sign(b"text"))


@MANY
@given(st.binary(max_size=80))
def test_bytes_have_one_spelling_in_base64url(data: bytes) -> None:
    text = base64url.encode(data)
    assert base64url.decode(text) == data
    for other in (text + b"=", text + b"A", text + b"\n", b" " + text, text.swapcase(), text[:-1]):
        if other != text:
            try:
                assert base64url.decode(other) != data
            except InvalidToken:
                continue


@MANY
@given(st.text("ABab01-_+/= \n\x00é", max_size=12).map(str.encode) | st.binary(max_size=12))
def test_a_text_in_base64url_is_taken_only_when_it_is_the_one_that_is_written(text: bytes) -> None:
    try:
        data = base64url.decode(text)
    except InvalidToken:
        return
    assert base64url.encode(data) == text


def measure(value: Any) -> tuple[int, int]:
    """Return how deep a value is, and how many members and elements it has."""
    if not isinstance(value, dict | list):
        return 0, 0
    inner = [measure(item) for item in (value.values() if isinstance(value, dict) else value)]
    return 1 + max((depth for depth, _ in inner), default=0), len(value) + sum(count for _, count in inner)


@MANY
@given(
    OBJECTS,
    st.integers(1, 9),
    st.integers(0, 24) | st.just(MAX_MEMBERS),
    st.sampled_from([None, (", ", ": "), (",", ":")]),
    st.booleans(),
)
def test_an_object_is_read_when_it_is_within_the_limits_and_only_then(
    value: dict[str, Any],
    max_depth: int,
    max_members: int,
    separators: tuple[str, str] | None,
    ascii_only: bool,
) -> None:
    text = json.dumps(value, separators=separators, ensure_ascii=ascii_only).encode()
    depth, members = measure(value)
    limits = {"max_bytes": len(text), "max_depth": max_depth, "max_members": max_members}
    if depth <= max_depth and members <= max_members:
        assert same(decode_object(text, **limits), value)
    else:
        with pytest.raises(StrictJSONError, match="JSON"):
            decode_object(text, **limits)
    with pytest.raises(StrictJSONError):
        decode_object(text, **(limits | {"max_bytes": len(text) - 1}))


@MANY
@given(OBJECTS, st.data())
def test_what_is_not_strict_is_refused_wherever_it_stands(value: dict[str, Any], data: st.DataObject) -> None:
    marker = "\N{SNOWMAN}"
    broken = data.draw(
        st.sampled_from(
            [
                '{"a":1,"a":2}',
                '{"a":1,"\\u0061":2}',
                "NaN",
                "Infinity",
                "1e999",
                str(2**63),
                '"\\ud800"',
                "01",
                "[1,]",
            ]
        )
    )
    inner: Any = marker
    for wrap in data.draw(st.lists(st.booleans(), max_size=6)):
        inner = [inner] if wrap else {"a": inner}
    text = json.dumps({**value, marker: inner}, ensure_ascii=False).replace(f'"{marker}"}}', f"{broken}}}")
    text = text.replace(f'"{marker}"]', f"{broken}]")
    with pytest.raises(StrictJSONError):
        decode_object(text.encode(), max_bytes=100_000)


def test_every_change_of_one_byte_of_a_token_is_refused() -> None:
    key = forge.key("HS256")
    verifier, token = forge.verifier(key, cache_size=4), forge.token(key).encode()
    verifier.verify(token)
    accepted = []
    for at, byte in itertools.product(range(len(token)), range(256)):
        changed = token[:at] + bytes([byte]) + token[at + 1 :]
        try:
            verifier.verify(changed)
        except InvalidToken:
            continue
        accepted.append(changed)
    assert set(accepted) == {token}


@pytest.mark.parametrize("alg", KINDS)
@FEW
@given(data=st.data())
def test_a_changed_byte_is_refused_under_every_kind_of_signature(alg: str, data: st.DataObject) -> None:
    key = key_for(alg)
    token = forge.token(key).encode()
    assert is_accepted(token, key)
    # From the end, where the signature is, half of the time.
    at = data.draw(st.integers(0, len(token) - 1) | st.integers(-90, -1))
    byte = data.draw(st.sampled_from(b"Aa0_-.=+/ \n\x00\xff") | st.integers(0, 255))
    changed = bytearray(token)
    changed[at] = byte
    assert is_accepted(bytes(changed), key) == (changed == token)


@pytest.mark.parametrize("alg", KINDS)
@FEW
@given(data=st.data())
def test_a_token_with_less_or_more_is_refused(alg: str, data: st.DataObject) -> None:
    key = key_for(alg)
    token = forge.token(key)
    start, end = data.draw(st.integers(0, len(token))), data.draw(st.integers(0, len(token)))
    assert is_accepted(token[start:end], key) == (token[start:end] == token)
    more = data.draw(
        st.sampled_from(["A", "AAAA", ".", "=", " ", "\n", "\0", token, "." + token]) | TEXT.filter(bool)
    )
    assert not is_accepted(token + more, key)
    assert not is_accepted(more + token, key)


def test_every_truncation_of_a_token_is_refused() -> None:
    key = forge.key("HS256")
    token = forge.token(key)
    for length in range(len(token)):
        assert not is_accepted(token[:length], key)
        assert not is_accepted(token[length + 1 :], key)


@pytest.mark.parametrize("alg", KINDS)
def test_the_segments_of_tokens_cannot_be_put_together_in_another_way(alg: str) -> None:
    key = key_for(alg)
    good = {tuple(token.split(".")) for token in (forge.token(key), forge.token(key, sub="usr_other"))}
    parts = sorted({*itertools.chain(*good), ""})
    for three in itertools.product(parts, repeat=3):
        assert is_accepted(".".join(three), key) == (three in good)


@pytest.mark.parametrize(("depth", "good"), [(MAX_DEPTH, True), (MAX_DEPTH + 1, False)])
@pytest.mark.parametrize(("left", "right"), [("[", "]"), ('{"a":', "}")])
def test_claims_are_as_deep_as_allowed_and_no_deeper(depth: int, good: bool, left: str, right: str) -> None:
    assert (MAX_DEPTH, MAX_MEMBERS) == (32, 512)
    text = '{"a":' + left * (depth - 2) + '{"b":1}' + right * (depth - 2) + "}"
    assert is_object(text) == good
    payload = msgspec.json.encode(forge.claims())[:-1] + b"," + text.encode()[1:]
    key = forge.key("HS256")
    assert is_accepted(forge.seal(forge.header(key), payload, key), key) == good


@pytest.mark.parametrize(("count", "good"), [(MAX_MEMBERS, True), (MAX_MEMBERS + 1, False)])
@pytest.mark.parametrize("spaces", [(",", ":"), (", ", ": "), (" ,", ":")])
def test_an_object_has_as_many_members_as_allowed_and_no_more(
    count: int, good: bool, spaces: tuple[str, str]
) -> None:
    for value in ({str(number): 0 for number in range(count)}, {"a": [0] * (count - 1)}):
        assert is_object(json.dumps(value, separators=spaces)) == good
    # Spread over many arrays: each has the one member that it is, too.
    spread = {str(number): [0] for number in range(count // 2)} | ({"a": 0} if count % 2 else {})
    assert is_object(json.dumps(spread, separators=spaces)) == good


@pytest.mark.parametrize(
    ("literal", "good"),
    [
        (f"{2**63 - 1}", True),
        (f"{2**63}", False),
        (f"-{2**63}", True),
        (f"-{2**63 + 1}", False),
        ("0." + "1" * 38, True),
        ("0." + "1" * 39, False),
        ("-0." + "1" * 37, True),
        ("-0." + "1" * 38, False),
        ("1" * 40, False),
        ("1" * 5000, False),
        ("1e308", True),
        ("1e309", False),
        ("5e-324", True),
        ("1e-324", False),
        ("0e-99999", True),
        ("0e99999", True),
        ("1e" + "0" * 38, True),
        ("1e" + "0" * 39, False),
    ],
)
@pytest.mark.parametrize("around", ["%s", "[%s]", '{"b": %s}', "[0,[{},%s ]]"])
def test_a_number_is_as_long_and_as_large_as_allowed_and_no_more(
    literal: str, good: bool, around: str
) -> None:
    assert is_object('{"a":' + around % literal + "}") == good


def is_object(text: str) -> bool:
    try:
        value = decode_object(text.encode(), max_bytes=100_000)
    except StrictJSONError:
        return False
    assert same(value, json.loads(text))
    return True


def token_of_size(size: int) -> str:
    """Return a good token of exactly so many bytes, which an unknown parameter and an unknown claim make it."""
    key = forge.key("HS256")
    for letters in range(4):
        head = forge.header(key, x="a" * letters)
        missing = size - len(forge.seal(head, forge.claims(pad=""), key))
        for more in range(missing * 3 // 4 - 3, missing * 3 // 4 + 4):
            token = forge.seal(head, forge.claims(pad="a" * more), key)
            if len(token) == size:
                return token
    raise AssertionError("There is no token of this size.")


@pytest.mark.parametrize(("limit", "settings_"), [(8192, {}), (1000, {"max_token_bytes": 1000})])
def test_a_token_is_as_long_as_allowed_and_no_longer(limit: int, settings_: dict[str, int]) -> None:
    verifier = forge.verifier(forge.key("HS256"), **settings_)
    assert verifier.max_token_bytes == limit
    verifier.verify(token_of_size(limit))
    verifier.verify(token_of_size(limit).encode())
    for size in (limit + 1, limit + 2, limit + 5000):
        forge.refused(token_of_size(size), verifier, reason="too_large")


def test_a_header_is_as_long_as_allowed_and_no_longer() -> None:
    assert MAX_HEADER_BYTES == 4096
    key = forge.key("HS256")
    lengths: dict[int, bool] = {}
    for letters in range(2900, 3100):
        token = forge.seal(forge.header(key, x="a" * letters), forge.claims(), key)
        lengths[token.index(".")] = is_accepted(token, key)
    # No text in base64url has a length of 4097.
    assert {4095, 4096, 4098, 4099} <= lengths.keys()
    assert {length for length, accepted in lengths.items() if accepted} == {n for n in lengths if n <= 4096}


@pytest.mark.parametrize("letter", ["k", "\N{SNOWMAN}", "\N{GRINNING FACE}"])
def test_the_name_of_a_key_is_as_long_as_allowed_and_no_longer(letter: str) -> None:
    assert MAX_KID_LENGTH == 256
    secret = bytes(range(32))
    longest = HMACKey(secret, kid=letter * 256)
    forge.verifier(longest).verify(forge.token(longest))
    too_long = forge.seal(forge.header(longest, kid=letter * 257), forge.claims(), longest)
    forge.refused(too_long, forge.verifier(longest), reason="header_kid")
    with pytest.raises(InvalidKey, match="256"):
        HMACKey(secret, kid=letter * 257)
    with pytest.raises(InvalidKey, match="256"):
        HMACKey(secret, kid="")

"""The ordinary way through an access token, and the careful one, which must agree on every text there is.

`read_ordinary` concludes from the length of a payload that no member is named twice. Here stand the reasons why it may:
every JSON text that the decoder takes is at least as long as what the encoder makes of it, checked for every code point
and for all short spellings of each type; and the two ways give the same verdict on texts that were made to be odd.
"""

import itertools
import json
from collections.abc import Iterable, Iterator
from typing import Any, Final, NamedTuple

import msgspec
import pytest
from hypothesis import HealthCheck, event, given, settings
from hypothesis import strategies as st
from tests.tokens.forge import AUDIENCE, ISSUER, NOW, claims, header, key, public, refused, seal, verifier

from tokenward.clock import FakeClock
from tokenward.errors import InvalidToken
from tokenward.jose import JWKSet, SigningKey
from tokenward.jose.strict_json import MAX_MEMBERS, StrictJSONError, decode_object
from tokenward.tokens import AccessToken, TokenVerifier
from tokenward.tokens import verifier as verifier_module
from tokenward.tokens.access_token import read_ordinary
from tokenward.tokens.verified_token import Expected

MAC: Final = key("HS256")
_decode: Final = msgspec.json.Decoder(AccessToken).decode
_encode: Final = msgspec.json.Encoder().encode


class Verdict(NamedTuple):
    """What became of a payload: the attributes of the token, or the reason and the claim of the refusal."""

    attributes: dict[str, Any] | None
    refusal: tuple[str, str | None] | None


def verdict(payload: bytes, by: TokenVerifier[AccessToken]) -> Verdict:
    """Return what `by` makes of a payload that is signed rightly."""
    try:
        token = by.verify(seal(header(MAC), payload, MAC))
    except InvalidToken as error:
        return Verdict(None, (error.reason, error.claim))
    attributes = {name: getattr(token, name) for name in token.__struct_fields__ if name[0] != "_"}
    # `repr` tells 1 from 1.0 and from True.
    attributes |= {"aud": token.aud, "scope": token.scope, "claims": repr(token.claims)}
    return Verdict({name: (type(value), value) for name, value in attributes.items()}, None)


def _plain(**more: Any) -> TokenVerifier[AccessToken]:
    return verifier(MAC, cache_size=0, max_token_bytes=65536, **more)


def both_verdicts(payload: bytes, **more: Any) -> tuple[Verdict, Verdict]:
    """Return the verdict as the verifier gives it, and the one where every token goes the careful way."""
    ordinary = verdict(payload, _plain(**more))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(verifier_module, "read_ordinary", lambda *_, **__: None)
        careful = verdict(payload, _plain(**more))
    return ordinary, careful


def check_agreement(payload: bytes, **more: Any) -> Verdict:
    """Check that both ways agree, and that neither takes what the door for JSON refuses."""
    ordinary, careful = both_verdicts(payload, **more)
    assert ordinary == careful
    try:
        decode_object(payload, max_bytes=len(payload))
    except StrictJSONError:
        assert ordinary.attributes is None
    return ordinary


def dumped(**changes: Any) -> bytes:
    return json.dumps(claims(**changes), separators=(",", ":"), ensure_ascii=False).encode()


def went_the_ordinary_way(payload: bytes) -> bool:
    """Say whether the ordinary way has an opinion, and does not leave the payload to the careful one."""
    try:
        found = read_ordinary(payload, "k", Expected(ISSUER, AUDIENCE, 0), NOW)
    except InvalidToken:
        return True
    return found is not None


def test_an_ordinary_token_goes_the_ordinary_way() -> None:
    # Were it not so, the tests below would compare the careful way with itself.
    assert went_the_ordinary_way(dumped())
    assert went_the_ordinary_way(dumped(roles=["é", "a\tb", "\x7f", "\u2028"], sub="Ада"))
    assert went_the_ordinary_way(dumped(tenant="t", act={"sub": "a"}))
    odd: tuple[dict[str, Any], ...] = (
        {"sid": None},
        {"exp": NOW + 0.5},
        {"sub": "\x00"},
        {"cnf": {"jkt": "x"}},
        {"aud": []},
    )
    for change in odd:
        assert not went_the_ordinary_way(dumped(**change))


# The argument from the length.


def _shortest(character: str) -> int:
    """Return how many bytes a character takes at least in a JSON string (RFC 8259 section 7)."""
    if character in '"\\\b\f\n\r\t':
        return 2
    return len(f"\\u{ord(character):04x}") if character < " " else len(character.encode())


def test_the_encoder_writes_every_code_point_as_shortly_as_json_can() -> None:
    for code in itertools.chain(range(0xD800), range(0xE000, 0x110000)):
        character = chr(code)
        assert len(_encode(character)) == 2 + _shortest(character), hex(code)


def _in_a_token(member: bytes) -> bytes:
    return b'{"iss":"i","aud":"a","sub":"s","client_id":"c","exp":1,"iat":0,"jti":"j",' + member + b"}"


def _taken(members: Iterable[bytes]) -> Iterator[tuple[bytes, AccessToken]]:
    for member in members:
        payload = _in_a_token(member)
        try:
            yield payload, _decode(payload)
        except (msgspec.DecodeError, UnicodeError):
            continue


@pytest.mark.parametrize("name", ["rsq", "nbf", "x", " claims"])
def test_no_number_that_the_decoder_takes_is_shorter_than_the_encoder_writes_it(name: str) -> None:
    spelled = (
        bytes(letters) for size in range(1, 5) for letters in itertools.product(b"0159+-.eE ", repeat=size)
    )
    taken = 0
    for payload, token in _taken(f'"{name}":'.encode() + number for number in spelled):
        assert len(_encode(token)) <= len(payload), payload
        taken += 1
    assert taken > 100 or name == " claims"


def test_nothing_in_json_fills_the_place_of_the_claims() -> None:
    # It could be anything, a number that the encoder writes longer than it was among it.
    assert list(_taken(b'" claims":' + value.encode() for value in _ODD)) == []


def test_no_string_that_the_decoder_takes_is_shorter_than_the_encoder_writes_it() -> None:
    letters = [
        bytes([code])
        for code in (*range(0x20), *b'"\\/bfnrtuvxa0 ', 0x7F, 0x80, 0xBF, 0xC3, 0xE2, 0xED, 0xFF)
    ]
    spelled = (b"".join(some) for size in (1, 2, 3) for some in itertools.product(letters, repeat=size))
    taken = 0
    for payload, token in _taken(b'"roles":["' + text + b'"]' for text in spelled):
        assert len(_encode(token)) <= len(payload), payload
        taken += 1
    assert taken > 1000


def test_no_escape_that_the_decoder_takes_is_shorter_than_the_encoder_writes_it() -> None:
    escapes = (rf"\u{code:04{case}}".encode() for code in range(0x10000) for case in "xX")
    for payload, token in _taken(b'"roles":["' + escape + b'"]' for escape in escapes):
        assert len(_encode(token)) <= len(payload), payload
    for payload, token in _taken(b'"' + rf"\u{code:04x}sq".encode() + b'":7' for code in range(0x100)):
        assert len(_encode(token)) < len(payload), payload


@pytest.mark.parametrize(
    "member",
    [
        b'" kid":"other"',
        b'" kid":"\\b"',
        b'" kid":1',
        b'" kid":null',
        b'" claims":1',
        b'" claims":1e3',
        b'" claims":{"a":1,"a":2}',
        b'" claims":null',
        b'"_claims":1,"_aud":"x","kid":"y"',
        b'"roles":[]',
        b'"amr":[]',
        b'"scope":""',
        b'"sid":null',
    ],
)
def test_names_of_our_own_mean_nothing_in_a_token(member: bytes) -> None:
    given_claims = dumped(scope="", sid="s")[:-1].replace(b',"scope":"","sid":"s"', b"")
    given_claims = given_claims.replace(b',"roles":["admin"]', b"")
    found = check_agreement(given_claims + b"," + member + b"}")
    if found.attributes is not None:
        assert found.attributes["kid"] == (str, MAC.kid)


# Both ways on odd texts.

_KNOWN: Final = (
    "iss",
    "sub",
    "aud",
    "client_id",
    "exp",
    "iat",
    "jti",
    "scope",
    "sid",
    "auth_time",
    "acr",
    "amr",
)
_NAMES: Final = (
    *_KNOWN,
    "roles",
    "rsq",
    "nbf",
    "cnf",
    " kid",
    " claims",
    "kid",
    "x",
    "",
    "é",
    "Sub",
    "exp ",
    "su",
)
_ODD_STRINGS: Final = (
    *[
        "",
        " ",
        "a",
        r"\u0000",
        r"\u0001",
        r"\b",
        r"\f\n\r\t",
        r"\/",
        "\x01",
        "\n",
        "\x7f",
        r"\u007f",
        "\x80",
        r"\u0080",
    ],
    *[
        "\xa0",
        "\u2028",
        "\ufeff",
        "e\u0301",
        "é",
        r"\u00e9",
        r"\v",
        r"\ud83d\ude00",
        "😀",
        r"\ud800",
        r"\udc00\ud800",
    ],
    *["openid  profile", "openid profile ", r"a\tb", r"a\"b", r"\\", ISSUER, AUDIENCE, "9" * 30],
)
_ODD_WORDS: Final = (
    "null true false 0 -0 -1 1 1.0 -0.0 1e3 1E400 -1e999 1e-400 0.1 01 1.8e9 NaN Infinity a 'a'"
)
_ODD: Final = (
    *_ODD_WORDS.split(),
    *(f"{NOW + 900}{more}" for more in ("", ".0", ".5", "e0", "00000")),
    *(str(number) for number in (2**63 - 1, 2**63, 2**64, -(2**63) - 1, 10**40, 10**400, 253402300800)),
    *(f'"{text}"' for text in _ODD_STRINGS),
    *(f'["{text}"]' for text in _ODD_STRINGS),
    *(f'["{text}","{AUDIENCE}"]' for text in _ODD_STRINGS),
    *[
        f'["{AUDIENCE}",1]',
        f'[["{AUDIENCE}"]]',
        f'{{"{AUDIENCE}":1}}',
        "[]",
        "[[]]",
        '["a","a"]',
        '["a",]',
        "[1]",
    ],
    *[
        "[null]",
        '[{"a":1}]',
        "{}",
        '{"a":1}',
        '{"a":1,"a":2}',
        r'{"a":{"b":1,"\u0062":2}}',
        '{"jkt":"x"}',
        "",
        " ",
    ],
    *[
        "[" * 40 + "]" * 40,
        "[[[[[[1]]]]]]",
        f"[{','.join(['1'] * (MAX_MEMBERS + 1))}]",
        "[" + ",".join(['"a"'] * 250) + "]",
    ],
)
_spaces: Final = st.sampled_from(("", "", "", "", "", " ", "\n", "\t", "\r\n", "  ", "\x0b", "\xa0", "/**/"))


def _spelled(text: str, draw: st.DrawFn) -> str:
    """Return a JSON string, with some letters escaped that need it not."""
    if draw(st.integers(0, 3)):
        return json.dumps(text, ensure_ascii=False)
    escaped = [
        rf"\u{ord(letter):04x}" if draw(st.booleans()) and ord(letter) < 0x10000 else letter
        for letter in text
    ]
    return '"' + "".join(escaped) + '"'


@st.composite
def payload_texts(draw: st.DrawFn) -> bytes:
    """Return the text of a payload that began as a good one."""
    members = [(name, json.dumps(value, separators=(",", ":"))) for name, value in claims().items()]
    for _ in range(draw(st.integers(0, 4))):
        at = draw(st.integers(0, len(members) - 1)) if members else 0
        odd = draw(st.sampled_from(_ODD) | st.text(max_size=4).map(json.dumps) | st.integers().map(str))
        match draw(st.sampled_from(("replace", "add", "add", "repeat", "drop", "swap", "respell"))):
            case "replace" if members:
                members[at] = (members[at][0], odd)
            case "add":
                members.insert(at, (draw(st.sampled_from(_NAMES)), odd))
            case "repeat" if members:
                members.append(members[at])
            case "drop" if members:
                del members[at]
            case "swap" if members:
                members.insert(0, members.pop(at))
            case "respell" if members:
                members[at] = (members[at][0], _respelled(members[at][1], draw))
            case _:
                pass
    spaced = draw(st.integers(0, 4)) == 0

    def space() -> str:
        return draw(_spaces) if spaced else ""

    text = ",".join(
        f"{space()}{_spelled(name, draw)}{space()}:{space()}{value}{space()}" for name, value in members
    )
    payload = f"{space()}{{{text}}}{space()}".encode("utf-8", "surrogatepass")
    if draw(st.integers(0, 9)) == 0:
        at = draw(st.integers(0, len(payload)))
        payload = payload[:at] + draw(st.binary(max_size=3)) + payload[at + draw(st.integers(0, 2)) :]
    return payload


def _respelled(value: str, draw: st.DrawFn) -> str:
    try:
        known = json.loads(value)
    except ValueError:
        return value
    return (
        _spelled(known, draw) if isinstance(known, str) else json.dumps(known, indent=draw(st.integers(0, 2)))
    )


@settings(max_examples=400, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(payload=payload_texts(), max_lifetime=st.sampled_from([None, None, 900, 901]))
def test_both_ways_give_the_same_verdict(payload: bytes, max_lifetime: int | None) -> None:
    found = check_agreement(payload, max_lifetime_seconds=max_lifetime)
    event("refused" if found.refusal else "ordinary" if went_the_ordinary_way(payload) else "careful")


@settings(max_examples=400, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(payload=payload_texts())
def test_a_text_that_is_as_long_as_what_the_encoder_makes_of_it_says_each_member_once(payload: bytes) -> None:
    try:
        token = _decode(payload)
    except (msgspec.DecodeError, UnicodeError):
        return
    written = _encode(token)
    assert len(written) <= len(payload)
    if len(written) == len(payload):
        assert decode_object(payload, max_bytes=len(payload)) == msgspec.json.decode(written)


@pytest.mark.parametrize("name", [*_KNOWN, "roles", "rsq", "nbf", "cnf", " kid", "x"])
def test_both_ways_agree_on_every_odd_value_of_every_claim(name: str) -> None:
    for value in _ODD:
        members = {known: json.dumps(good) for known, good in claims().items()} | {name: value}
        text = ",".join(f"{json.dumps(known)}:{spelled}" for known, spelled in members.items())
        check_agreement(b"{" + text.encode() + b"}")


@pytest.mark.parametrize("rsq", [2**63, 2**64 - 1, 2**64, 10**30])
def test_a_number_that_the_strict_parser_refuses_is_refused_also_in_an_ordinary_token(rsq: int) -> None:
    # Seen: the decoder of the library reads integers of any size, and the encoder writes them as long as they were.
    payload = dumped().replace(b'"rsq":7', b'"rsq":%d' % rsq)
    assert check_agreement(payload).refusal == ("claims_number_out_of_range", None)


@pytest.mark.parametrize("name", ["roles", "amr"])
def test_more_members_than_the_strict_parser_takes_are_refused_also_in_an_ordinary_token(name: str) -> None:
    many = check_agreement(dumped(**{name: ["r"] * (MAX_MEMBERS + 1)}))
    assert many.refusal == ("claims_too_many_members", None)
    for count in (159, 160, 161, 400):
        assert check_agreement(dumped(**{name: ["r"] * count})).attributes


def test_three_lists_that_are_too_many_members_together_are_refused_also_in_an_ordinary_token() -> None:
    # Each list is short enough for the ordinary way.
    for count in range(150, 201):
        check_agreement(dumped(roles=["r"] * count, amr=["a"] * count, aud=["a"] * (count - 1) + [AUDIENCE]))


@pytest.mark.parametrize(
    "duplicate", [b'"rsq":9,', b'"sub":"x",', b'"sid":null,', b'"roles":[],', b'"x":1,"x":1,']
)
def test_a_member_named_twice_is_refused_wherever_it_stands(duplicate: bytes) -> None:
    payload = dumped()
    at = [number for number in range(1, len(payload)) if payload[number - 1 : number + 1] in {b'{"', b',"'}]
    for place in at:
        assert check_agreement(payload[:place] + duplicate + payload[place:]).attributes is None


# What an access token says.


def test_an_issuer_and_an_audience_with_letters_outside_ascii_are_compared_as_they_are() -> None:
    by = TokenVerifier(
        issuer="https://ид.example/é",
        audience="größe\u2028"[:-1],
        keys=JWKSet([public(MAC)]),
        clock=FakeClock(NOW),
    )
    good = claims(iss="https://ид.example/é", aud="größe")
    assert by.verify(seal(header(MAC), good, MAC)).iss == "https://ид.example/é"
    refused(
        seal(header(MAC), good | {"iss": "https://ид.example/e\u0301"}, MAC), by, reason="issuer_mismatch"
    )


@pytest.mark.parametrize("signing", [MAC, key()])
@pytest.mark.parametrize(
    ("change", "name", "expected"),
    [
        ({"auth_time": NOW - 5}, "auth_time", NOW - 5),
        ({"auth_time": NOW - 5.5}, "auth_time", NOW - 6 + 0),
        ({"acr": "1"}, "acr", "1"),
        ({"amr": ["pwd", "otp"]}, "amr", ("pwd", "otp")),
        ({"exp": NOW + 900.75}, "exp", NOW + 900),
        ({"roles": ["a", "b"]}, "roles", ("a", "b")),
    ],
)
def test_what_a_token_says_beside_what_it_must(
    signing: SigningKey, change: dict[str, Any], name: str, expected: Any
) -> None:
    token = verifier(signing).verify(seal(header(signing), claims(**change), signing))
    assert getattr(token, name) == expected
    assert token.claims[name] == (tuple(change[name]) if isinstance(change[name], list) else change[name])


@pytest.mark.parametrize(
    "change",
    [
        {"auth_time": "1"},
        {"auth_time": None},
        {"auth_time": -1},
        {"acr": ""},
        {"acr": None},
        {"acr": "a\x00"},
        {"amr": "pwd"},
        {"amr": ["pwd", ""]},
        {"amr": [1]},
        {"amr": None},
        {"sid": ""},
        {"cnf": None},
        {"cnf": {}},
    ],
)
def test_an_odd_claim_that_may_be_missing_is_refused_and_not_taken_as_missing(change: dict[str, Any]) -> None:
    refused(seal(header(MAC), claims(**change), MAC), verifier(MAC), claim=next(iter(change)))

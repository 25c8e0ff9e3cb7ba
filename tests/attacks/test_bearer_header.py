"""Hostile `Authorization` headers, and what the challenge gives away: section H, token level."""

import pytest
from tests.tokens.forge import token

from tokenward.errors import InvalidRequest, InvalidToken
from tokenward.tokens import MissingToken, challenge, parse_authorization


@pytest.mark.parametrize(
    "values",
    [
        [b"Bearer a.b.c", b"Bearer d.e.f"],
        [b"Bearer a.b.c", b"Bearer a.b.c"],
        [b"Bearer a.b.c", b"Basic eDp5"],
        [b"", b"Bearer a.b.c"],
    ],
)
def test_h01_two_authorization_headers_are_refused(values: list[bytes]) -> None:
    with pytest.raises(InvalidRequest) as caught:
        parse_authorization(values)
    assert caught.value.status == 400


@pytest.mark.parametrize(
    "value", [b"Bearer a.b.c, Bearer d.e.f", b"Bearer a.b.c,d.e.f", b"Bearer a.b.c d.e.f"]
)
def test_h01_two_tokens_in_one_header_are_refused(value: bytes) -> None:
    with pytest.raises(InvalidToken):
        parse_authorization([value])


@pytest.mark.parametrize("text", ['a"b', "a\\b", 'a\r\nSet-Cookie: x=1", error="', "é\u2028\x00\x7f", '\\"'])
@pytest.mark.parametrize("part", ["realm", "error", "error_description", "scope"])
def test_h05_no_text_breaks_out_of_the_challenge(part: str, text: str) -> None:
    value = challenge(**({"error": "invalid_token"} | {part: text}))
    assert value.isascii()
    assert value.isprintable()
    # Taken apart as RFC 9110 says, exactly the parameters come out that were put in.
    rest, names = value.removeprefix("Bearer "), []
    while rest:
        name, _, rest = rest.partition('="')
        names.append(name)
        end = 0
        while rest[end] != '"':
            end += 2 if rest[end] == "\\" else 1
        rest = rest[end + 1 :]
        assert rest == "" or rest.startswith(", ")
        rest = rest.removeprefix(", ")
    assert sorted(names) == sorted({"error", part})


@pytest.mark.parametrize("part", ["error", "error_description", "scope"])
def test_h05_the_parameters_of_rfc_6750_keep_to_its_letters(part: str) -> None:
    value = challenge(**({"error": "invalid_token"} | {part: 'a"b\\c'}))
    assert "a'b/c" in value


def test_h06_a_missing_token_gets_a_challenge_without_error_code() -> None:
    with pytest.raises(MissingToken) as caught:
        parse_authorization([])
    assert caught.value.status == 401
    assert challenge() == "Bearer"
    code, description = caught.value.code, caught.value.description
    assert challenge(realm="api", error=code, error_description=description) == 'Bearer realm="api"'


@pytest.mark.parametrize("value", [b"Basic eDp5", b"", b"DPoP a.b.c", b"Bear a.b.c", b"Token a.b.c"])
def test_h06_another_scheme_is_a_missing_token(value: bytes) -> None:
    with pytest.raises(MissingToken):
        parse_authorization([value])


def test_h11_an_authorization_header_of_one_megabyte_is_refused() -> None:
    with pytest.raises(InvalidToken) as caught:
        parse_authorization([b"Bearer " + b"a" * 1_000_000])
    assert caught.value.status == 401
    assert caught.value.reason == "authorization_too_large"


@pytest.mark.parametrize(
    "value",
    [b"Bearer \xff\xfe", b"Bearer a.b.\xe9", b"Bearer a.\x00.c", b"Bearer a.b.c\r\nX: 1", b"Bearer \x80"],
)
def test_h11_bytes_that_no_token_has_are_refused(value: bytes) -> None:
    with pytest.raises(InvalidToken) as caught:
        parse_authorization([value])
    assert caught.value.status == 401


@pytest.mark.parametrize(
    "value", [b"Bearer", b"Bearer ", b"BEARER\tx", b"Bearer\x0bx", b"Bearer =", b"Bearer a=b"]
)
def test_d29_broken_bearer_credentials_are_refused(value: bytes) -> None:
    with pytest.raises(InvalidToken) as caught:
        parse_authorization([value])
    assert caught.value.reason == "authorization_malformed"


@pytest.mark.parametrize("prefix", [b"Bearer ", b"bearer ", b"BEARER ", b"Bearer   "])
def test_d29_the_scheme_in_any_case_is_good(prefix: bytes) -> None:
    text = token()
    assert parse_authorization([prefix + text.encode()]) == text


def test_h10_no_error_of_the_header_repeats_it() -> None:
    for value in (b"Bearer secret!secret", b"Basic c2VjcmV0c2VjcmV0", b"Bearer\tsecretsecret"):
        with pytest.raises((InvalidToken, MissingToken)) as caught:
            parse_authorization([value])
        assert "secret" not in f"{caught.value!r} {caught.value} {caught.value.args}".lower()
        assert "c2Vj" not in repr(caught.value)

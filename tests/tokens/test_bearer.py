from hypothesis import given, settings
from hypothesis import strategies as st
from tests.tokens.forge import token

from tokenward.errors import InvalidRequest, InvalidToken
from tokenward.tokens import MissingToken, challenge, parse_authorization


def test_a_token_is_read_as_it_was_sent() -> None:
    text = token()
    assert parse_authorization([b"Bearer " + text.encode()]) == text
    assert parse_authorization([b"Bearer abc.-_~+/=="]) == "abc.-_~+/=="


@settings(max_examples=300, deadline=None)
@given(
    st.lists(st.binary(max_size=30) | st.binary(max_size=30).map(lambda tail: b"Bearer " + tail), max_size=3)
)
def test_any_headers_give_a_token_or_our_error(values: list[bytes]) -> None:
    try:
        text = parse_authorization(values)
    except (MissingToken, InvalidRequest, InvalidToken):
        return
    assert len(values) == 1
    assert values[0].endswith(text.encode("ascii"))


@settings(max_examples=200, deadline=None)
@given(st.text(max_size=20), st.text(max_size=20), st.text(max_size=20), st.text(max_size=20))
def test_any_text_gives_one_line_of_ascii(realm: str, error: str, description: str, scope: str) -> None:
    value = challenge(realm=realm, error=error, error_description=description, scope=scope)
    assert value.isascii()
    assert value.isprintable()
    assert value.startswith("Bearer realm=")


def test_a_challenge_says_what_is_missing() -> None:
    assert challenge(realm="api", scope="read write") == 'Bearer realm="api", scope="read write"'
    assert (
        challenge(error="invalid_token", error_description="Sign in again.")
        == 'Bearer error="invalid_token", error_description="Sign in again."'
    )
    assert challenge(realm='a "b" \\') == 'Bearer realm="a \\"b\\" \\\\"'


def test_a_description_without_an_error_is_not_sent() -> None:
    assert challenge(error_description="Something leaked.") == "Bearer"

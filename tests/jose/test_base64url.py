import base64

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tokenward.errors import InvalidToken
from tokenward.jose import base64url


@settings(deadline=None)
@given(st.binary(max_size=200))
def test_what_is_encoded_decodes_to_itself_and_as_others_encode_it(data: bytes) -> None:
    text = base64url.encode(data)
    assert text == base64.urlsafe_b64encode(data).rstrip(b"=")
    assert base64url.decode(text) == data


@settings(max_examples=500, deadline=None)
@given(
    st.binary(max_size=24)
    | st.text('AQgwEB-_+/="\\u041 \n', max_size=24).map(str.encode)
    | st.binary(max_size=12).map(base64.urlsafe_b64encode)
    | st.binary(max_size=12).map(base64.b64encode)
)
def test_whatever_decodes_is_the_only_spelling_of_its_bytes(text: bytes) -> None:
    try:
        data = base64url.decode(text)
    except InvalidToken:
        return
    assert base64url.encode(data) == text


def test_every_last_letter_is_accepted_or_refused_by_the_bits_that_it_carries() -> None:
    alphabet = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
    for number, letter in enumerate(alphabet):
        for text, unused in ((b"A", 4), (b"AA", 2)):
            if number % 2**unused == 0:
                assert base64url.encode(base64url.decode(text + bytes([letter]))) == text + bytes([letter])
            else:
                with pytest.raises(InvalidToken) as caught:
                    base64url.decode(text + bytes([letter]))
                assert caught.value.reason == "base64url_not_canonical"


def test_the_empty_text_is_the_empty_byte_string() -> None:
    assert base64url.encode(b"") == b""
    assert base64url.decode(b"") == b""

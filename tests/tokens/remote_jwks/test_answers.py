"""What of an answer is believed: how long it lives, its entity tag, its status and its encoding."""

import pytest
from tests.tokens.remote_jwks.published import URL, answer

from tokenward.tokens.remote_jwks import FetchFailed, Response
from tokenward.tokens.remote_jwks.addresses import check_address
from tokenward.tokens.remote_jwks.answers import check_answer, find_entity_tag, life_seconds, make_request
from tokenward.tokens.remote_jwks.options import Settings

SETTINGS = Settings(fresh_seconds=300, longest_fresh_seconds=3600)
REQUEST = make_request(check_address(URL, insecure_loopback_http=False), SETTINGS)


@pytest.mark.parametrize(
    ("control", "age", "seconds"),
    [
        (None, None, 300),
        ("max-age=1000", None, 1000),
        ("public, max-age=1000, must-revalidate", None, 1000),
        ("Max-Age=1000", None, 1000),
        ("public,max-age=1000", None, 1000),
        ('max-age="1000"', None, 1000),
        ("max-age=15", None, 300),
        ("max-age=0", None, 300),
        ("max-age=9999999999", None, 3600),
        ("max-age=99999999999999999999", None, 300),
        ("max-age=-1", None, 300),
        ("max-age=1e9", None, 300),
        ("max-age=abc", None, 300),
        ("max-age", None, 300),
        ("s-maxage=1000", None, 300),
        ("no-store", None, 300),
        ("no-store, max-age=1000", None, 300),
        ("max-age=1000, no-cache", None, 300),
        ("max-age=1000", "400", 600),
        ("max-age=1000", "900", 300),
        ("max-age=1000", "5000", 300),
        ("max-age=1000", "-5", 1000),
        ("max-age=1000", "soon", 1000),
        ("max-age=1000, max-age=2000", None, 1000),
    ],
)
def test_life_is_max_age_less_age_within_the_bounds(
    control: str | None, age: str | None, seconds: float
) -> None:
    headers = {"cache-control": control, "age": age}
    assert life_seconds({name: value for name, value in headers.items() if value}, SETTINGS) == seconds


@pytest.mark.parametrize("etag", ['"abc"', 'W/"abc"', '""', '"a,b;c"'])
def test_an_entity_tag_is_kept_for_the_next_request(etag: str) -> None:
    assert find_entity_tag({"etag": etag}) == etag


@pytest.mark.parametrize(
    "etag", ["", "abc", '"a"b"', '"a b"', '"a\r\nx: y"', '"é"', 'w/"abc"', '"' + "a" * 257 + '"']
)
def test_what_is_no_entity_tag_is_never_sent_back(etag: str) -> None:
    assert find_entity_tag({"etag": etag}) is None


@pytest.mark.parametrize("status", [201, 204, 206, 300, 304, 305, 400, 401, 404, 429, 500, 503])
def test_a_status_that_brings_no_keys_is_the_reason(status: int) -> None:
    with pytest.raises(FetchFailed) as caught:
        check_answer(REQUEST, answer(b"{}", status))
    assert caught.value.reason == f"status_{status}"
    assert caught.value.http_status == status


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_a_redirect_is_refused_and_named(status: int) -> None:
    with pytest.raises(FetchFailed) as caught:
        check_answer(REQUEST, answer(status=status, location="https://evil.example/\r\n" + "x" * 1000))
    assert caught.value.reason.startswith(f"redirect_refused: {status} to https://evil.example/\\r\\nxxx")
    assert len(caught.value.reason) < 250


@pytest.mark.parametrize("encoding", ["gzip", "GZIP", "br", "deflate", "identity, gzip", "x"])
def test_an_encoded_body_is_refused(encoding: str) -> None:
    with pytest.raises(FetchFailed, match="could not be fetched") as caught:
        check_answer(REQUEST, answer(b"{}", content_encoding=encoding))
    assert caught.value.reason.startswith("content_encoding_refused: ")


def test_a_plain_body_is_taken_up_to_the_limit_whatever_the_transport_let_through() -> None:
    for encoding in ("", "identity", " Identity "):
        assert check_answer(REQUEST, answer(b"{}", content_encoding=encoding)).body == b"{}"
    assert check_answer(REQUEST, Response(200, {}, b" " * REQUEST.max_bytes))
    with pytest.raises(FetchFailed) as caught:
        check_answer(REQUEST, Response(200, {}, b" " * (REQUEST.max_bytes + 1)))
    assert caught.value.reason == "too_large"


def test_not_modified_is_taken_only_where_it_was_asked_for() -> None:
    asked = make_request(REQUEST.address, SETTINGS, etag='"a"')
    assert check_answer(asked, answer(status=304)).status == 304
    with pytest.raises(FetchFailed):
        check_answer(REQUEST, answer(status=304))


def test_identity_is_the_only_encoding_that_is_asked_for() -> None:
    assert REQUEST.headers["accept-encoding"] == "identity"

import re
from collections.abc import Callable
from typing import Any

import pytest
from tests.tokens.forge import claims, header, key, seal, token, verifier

import tokenward.client
import tokenward.jose
import tokenward.tokens
from tokenward import errors
from tokenward.jose import unverified_claims, unverified_header
from tokenward.protocol import errors as protocol_errors
from tokenward.protocol.errors import ERROR_CODES
from tokenward.tokens import Issuers


def all_errors(base: type[errors.Error] = errors.Error) -> list[type[errors.Error]]:
    return [base, *(found for sub in base.__subclasses__() for found in all_errors(sub))]


@pytest.mark.parametrize("error", all_errors(), ids=lambda error: error.__name__)
def test_every_error_has_a_code_of_the_closed_list_and_its_status(error: type[errors.Error]) -> None:
    assert ERROR_CODES[error.code].status == error.status
    assert error.description.endswith(".")


def test_the_list_and_the_constants_are_the_same() -> None:
    constants = {
        value for name, value in vars(protocol_errors).items() if name.isupper() and isinstance(value, str)
    }
    assert constants == ERROR_CODES.keys()


@pytest.mark.parametrize("code", sorted(ERROR_CODES))
def test_every_code_is_documented(code: str) -> None:
    entry = ERROR_CODES[code]
    assert entry.code == code
    assert re.fullmatch("[a-z]+(_[a-z]+)*", code)
    assert 400 <= entry.status < 600
    assert entry.meaning.endswith(".")
    assert entry.what_to_do.endswith(".")


def test_an_error_shows_its_reason_to_the_log_and_its_description_to_everybody() -> None:
    error = errors.InvalidToken(reason="expired", claim="exp")
    assert str(error) == errors.InvalidToken.description
    assert repr(error) == "InvalidToken(reason='expired', claim='exp')"
    other = errors.InvalidRequest("Send one.", reason="two")
    assert str(other) == other.description == "Send one."
    assert "two" in repr(other)


@pytest.mark.parametrize("package", [tokenward.client, tokenward.jose, tokenward.tokens])
def test_every_name_that_a_package_offers_is_there(package: object) -> None:
    for name in package.__all__:  # type: ignore[attr-defined]
        assert getattr(package, name) is not None


CANARY = b"Canary7d1mK3rUQ0yq1"
MALFORMED = [
    b'{"alg":"ES256","x":"' + CANARY + b'\xff"}',
    b'{"alg":"ES256","x":"' + CANARY + b'\\ud800"}',
    b'{"alg":"ES256","x":' + CANARY + b"}",
    b'{"iss":"' + CANARY + b'\xff"}',
    b'{"iss":"' + CANARY + b'\\ud800"}',
]
HOSTILE: list[str | bytes] = [
    CANARY.decode() + "\u00e9.a.b",
    CANARY + b"\xff.a.b",
    token(sub=CANARY.decode())[:-3] + "\u00e9",
    *(seal(text, claims(), key()) for text in MALFORMED),
    *(seal(header(key()), text, key()) for text in MALFORMED),
]


def everything_behind(error: BaseException | None) -> str:
    """Return all that an error and those that it leads to hold; a collector of errors may keep it."""
    told = ""
    while error is not None:
        held = [getattr(error, name, None) for name in ("object", "doc", "args", "__dict__")]
        told += f"{error!r} {error} {held}"
        error = error.__cause__ or error.__context__
    return told


def refusal(read: Callable[[Any], object], text: str | bytes) -> errors.InvalidToken | None:
    try:
        read(text)
    except errors.InvalidToken as error:
        return error
    return None  # Some of these are wrong in a part that is not read everywhere.


@pytest.mark.parametrize("text", HOSTILE, ids=range(len(HOSTILE)))
@pytest.mark.parametrize(
    "read",
    [verifier().verify, Issuers([verifier()]).verify, unverified_header, unverified_claims],
    ids=range(4),
)
def test_no_refusal_leads_to_an_error_that_holds_the_token(
    read: Callable[[Any], object], text: str | bytes
) -> None:
    assert CANARY.decode() not in everything_behind(refusal(read, text))

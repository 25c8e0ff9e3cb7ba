import re

import pytest

import tokenward.jose
import tokenward.tokens
from tokenward import errors
from tokenward.protocol import errors as protocol_errors
from tokenward.protocol.errors import ERROR_CODES


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


@pytest.mark.parametrize("package", [tokenward.jose, tokenward.tokens])
def test_every_name_that_a_package_offers_is_there(package: object) -> None:
    for name in package.__all__:  # type: ignore[attr-defined]
        assert getattr(package, name) is not None

"""Tokenward treats every input as it should, and the page about all libraries is what they do."""

import contextlib
import time

import pytest
from tests.attacks.inputs.catalogue import ENTRIES, NO_INPUT
from tests.attacks.inputs.every_input import every_input
from tests.attacks.inputs.hostile_input import HostileInput, Maker, Secret, macked, own, published
from tests.comparison.libraries import LIBRARIES, Library
from tests.comparison.page import PAGE, page, versions, wanted
from tests.comparison.verdicts import ACCEPTED, CRASHED, REFUSED, TOO_SLOW, Verdict, verdict_of

TOKENWARD = LIBRARIES[0]
NOW = int(time.time())
INPUTS = every_input(NOW)
ENTRIES_WITH_INPUT = sorted({one.id for one in INPUTS})


def library_names(library: Library) -> str:
    return library.name


@pytest.mark.parametrize("entry", ENTRIES_WITH_INPUT)
def test_tokenward_refuses_what_is_hostile_and_accepts_what_is_honest(entry: str) -> None:
    found = {one.name: TOKENWARD.verdict(one, NOW) for one in INPUTS if one.id == entry}
    assert found == {one.name: Verdict(wanted(one)) for one in INPUTS if one.id == entry}


def test_every_entry_has_an_input_or_a_reason_why_not() -> None:
    assert sorted({*ENTRIES_WITH_INPUT, *NO_INPUT}) == sorted(ENTRIES)
    assert {*ENTRIES_WITH_INPUT} & {*NO_INPUT} == set()


def test_no_two_inputs_have_one_name() -> None:
    assert len({(one.id, one.name) for one in INPUTS}) == len(INPUTS)


# A library that refused these would refuse the hostile ones for a wrong reason.
@pytest.mark.parametrize("library", LIBRARIES, ids=library_names)
@pytest.mark.parametrize("alg", ["ES256", "ES384", "RS256", "PS256", "HS256", "EdDSA"])
def test_the_honest_token_is_accepted_by_every_library(library: Library, alg: str) -> None:
    token = Maker(NOW).token(alg)
    honest = HostileInput("", alg, token, own(alg), (alg,), good=True)
    assert library.verdict(honest, NOW) == Verdict(ACCEPTED)
    if alg != "HS256":
        honest = honest._replace(keys=published(*own(alg).jwks))
        assert library.verdict(honest, NOW) == Verdict(ACCEPTED)


@pytest.mark.parametrize("library", LIBRARIES, ids=library_names)
def test_a_good_secret_is_accepted_by_every_library(library: Library) -> None:
    secret = bytes(range(32))
    token = macked({"alg": "HS256", "typ": "at+jwt"}, Maker(NOW).claims(), secret)
    assert library.verdict(HostileInput("", "", token, Secret(secret), ("HS256",)), NOW) == Verdict(ACCEPTED)


@pytest.mark.parametrize("library", LIBRARIES, ids=library_names)
def test_what_every_library_checks_is_refused_by_every_library(library: Library) -> None:
    make = Maker(NOW)
    for token in (make.token(exp=NOW - 60), make.token(iss="x"), make.token(aud="x"), make.token()[:-8]):
        assert library.verdict(HostileInput("", "", token, own()), NOW) == Verdict(REFUSED)


def test_the_page_says_what_the_libraries_do() -> None:
    committed = PAGE.read_text(encoding="utf-8")
    anew = "Write it anew with: .venv/bin/python -m tests.comparison"
    if f"Made with {versions()}." not in committed:
        pytest.fail(f"docs/reference/attacks.md was made with other versions than {versions()}. {anew}")
    assert committed == page(), anew


def test_a_call_that_takes_too_long_is_ended(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tests.comparison.verdicts.LIMIT_SECONDS", 0.05)

    def stubborn() -> None:
        while True:
            with contextlib.suppress(Exception):
                time.sleep(1)

    assert verdict_of(stubborn, ()) == Verdict(TOO_SLOW)


def test_an_undocumented_exception_is_a_crash() -> None:
    assert verdict_of(lambda: dict[str, int]()["x"], (ValueError,)) == Verdict(CRASHED, "KeyError")
    assert verdict_of(lambda: int("x"), (ValueError,)) == Verdict(REFUSED)

"""Every entry of the attack catalogue is the name of a test, or has a reason why not."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

from tests.attacks.inputs.catalogue import ENTRIES

FOLDER = Path(__file__).parent
SIZES = {"A": 25, "B": 21, "C": 22, "D": 29, "E": 18, "F": 31, "G": 11}
# Of requests to a server and of OAuth; each is said in the test itself.
SERVER_SIZES = {"H": 11, "I": 25}
SERVER_ENTRIES = [
    f"{letter}{number:02d}" for letter, size in SERVER_SIZES.items() for number in range(1, size + 1)
]

NO_TEST = {
    "C18": "no input: nothing here is ECDSA in Python; a test of the house allows two libraries, and neither is one",
    "C22": "no input: `cryptography` chooses the random number of a signature",
    "G10": "belongs to the guards",
    **dict.fromkeys(
        ("I01", "I05", "I06", "I07", "I08", "I16"),
        "belongs to the authorization endpoint: there are no codes yet",
    ),
    **dict.fromkeys(("I13", "I20"), "belongs to the token endpoint: no client authenticates yet"),
    "I15": "belongs to signing in elsewhere (federation): there is no redirect that comes back",
    "I17": "belongs to signing in elsewhere (federation): accounts are known by `sub` only",
    "I21": "belongs to the device flow",
}


def entries_of(name: str) -> Iterator[str]:
    """Yield the entries that the name of a test begins with: `test_a02_a05_…` is for two, `test_e01_to_e16_…` for all
    between."""
    rest = name.removeprefix("test_")
    while found := re.match(r"([a-z])(\d\d)_(?:to_\1(\d\d)_)?", rest):
        letter, first, last = found.groups()
        for number in range(int(first), int(last or first) + 1):
            yield f"{letter.upper()}{number:02d}"
        rest = rest[found.end() :]


def names_of_tests() -> list[str]:
    return [
        node.name
        for path in FOLDER.glob("test_*.py")
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and node.name.startswith("test_")
    ]


def test_the_catalogue_has_the_entries_that_it_should() -> None:
    assert list(ENTRIES) == [
        f"{letter}{number:02d}" for letter, size in SIZES.items() for number in range(1, size + 1)
    ]
    assert len(ENTRIES) == 157


def test_names_are_read_as_they_are_meant() -> None:
    assert list(entries_of("test_f02_exp_of_wrong_type_is_refused")) == ["F02"]
    assert list(entries_of("test_a02_a05_no_spelling")) == ["A02", "A05"]
    assert list(entries_of("test_f01_to_f03_g04_x")) == ["F01", "F02", "F03", "G04"]
    assert list(entries_of("test_the_token_of_a02_is_good")) == []


def test_every_entry_has_a_test() -> None:
    tested = {entry for name in names_of_tests() for entry in entries_of(name)}
    demanded = [*ENTRIES, *SERVER_ENTRIES]
    assert len(demanded) == 193
    assert [entry for entry in demanded if entry not in tested and entry not in NO_TEST] == []


def test_no_reason_is_left_over() -> None:
    tested = {entry for name in names_of_tests() for entry in entries_of(name)}
    assert tested & {*NO_TEST} == set()

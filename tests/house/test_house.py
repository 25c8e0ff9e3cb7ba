"""The rules of the house that no linter knows. Floors are `lint-imports`', in `make check`."""

import ast
import importlib
import pkgutil
import re
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest

import tokenward
from tokenward.errors import Error
from tokenward.protocol.errors import ERROR_CODES

ROOT = Path(__file__).parents[2]
SOURCE = ROOT / "src" / "tokenward"
MODULES = sorted(SOURCE.rglob("*.py"))
LONGEST_FILE = 400
# Names that say nothing, so that everything ends up there.
FORBIDDEN_NAMES = {"utils", "util", "helpers", "helper", "common", "base", "misc", "manager", "core"}


def name_of(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


def calls(path: Path) -> Iterator[tuple[str, int]]:
    """Every dotted call in a file, such as `time.time`, with its line."""
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Call):
            yield ast.unparse(node.func), node.lineno


def imports(path: Path) -> Iterator[str]:
    """The full name of every module and member that a file imports."""
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def subclasses(kind: type[Error]) -> Iterator[type[Error]]:
    for direct in kind.__subclasses__():
        yield direct
        yield from subclasses(direct)


@pytest.fixture(scope="module")
def error_types() -> set[type[Error]]:
    """Every error of ours, once every module is imported."""
    for module in pkgutil.walk_packages(tokenward.__path__, "tokenward."):
        importlib.import_module(module.name)
    return {error for error in subclasses(Error) if error.__module__.startswith("tokenward.")}


def test_there_is_something_to_look_at() -> None:
    assert len(MODULES) > 50


def test_every_package_says_what_it_owns() -> None:
    doors = [path for path in MODULES if path.name == "__init__.py"]
    assert [name_of(path) for path in doors if not ast.get_docstring(ast.parse(path.read_text()))] == []


def test_every_folder_with_modules_is_a_package() -> None:
    folders = {path.parent for path in MODULES}
    assert [name_of(folder) for folder in folders if not (folder / "__init__.py").exists()] == []


def test_no_file_is_longer_than_four_hundred_lines() -> None:
    lengths = {name_of(path): len(path.read_text().splitlines()) for path in MODULES}
    assert {name: length for name, length in lengths.items() if length > LONGEST_FILE} == {}


def test_no_module_has_a_name_that_says_nothing() -> None:
    names = {part for path in MODULES for part in path.relative_to(SOURCE).with_suffix("").parts}
    assert names & FORBIDDEN_NAMES == set()


def test_only_the_clock_reads_the_time() -> None:
    reads = re.compile(r"\b(datetime|date)\.(now|utcnow|today)$")
    others = [path for path in MODULES if path != SOURCE / "clock.py"]
    assert [name_of(path) for path in others for name in imports(path) if name.split(".")[0] == "time"] == []
    assert [
        f"{name_of(path)}:{line} {call}"
        for path in others
        for call, line in calls(path)
        if reads.search(call)
    ] == []


def test_chance_comes_from_the_system_only() -> None:
    found = {
        name_of(path): name for path in MODULES for name in imports(path) if name.split(".")[0] == "random"
    }
    assert found == {}


def test_nothing_is_left_to_be_done_in_the_source() -> None:
    mark = re.compile(r"\b(TODO|FIXME|XXX|HACK)\b|pragma: no cover")
    assert [name_of(path) for path in MODULES if mark.search(path.read_text())] == []


def test_the_base_dependencies_are_cryptography_and_msgspec() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    names = {re.split(r"[<>=!~ ;\[]", line)[0] for line in project["dependencies"]}
    assert names == {"cryptography", "msgspec"}


@pytest.mark.parametrize("name", ["server", "dev"])
def test_a_lock_pins_every_package_by_hash_and_names_no_address(name: str) -> None:
    text = (ROOT / "requirements" / f"{name}.txt").read_text()
    entries = [entry for entry in re.split(r"\n(?=[a-zA-Z0-9])", text) if not entry.startswith("#")]
    assert len(entries) > 5
    assert [
        entry for entry in entries if not re.match(r"[a-z0-9-]+==[^ \\]+ .*--hash=sha256:", entry, re.DOTALL)
    ] == []
    assert re.findall(r"://|--(?:extra-)?index-url|--find-links|--trusted-host", text) == []


def test_the_lock_of_the_server_has_what_its_extra_asks_for() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    wanted = project["dependencies"] + project["optional-dependencies"]["server"]
    names = {re.split(r"[<>=!~ ;\[]", line)[0] for line in wanted}
    lines = (ROOT / "requirements" / "server.in").read_text().splitlines()
    assert {re.split(r"[<>=!~ ;\[]", line)[0] for line in lines if line and not line.startswith("#")} == names


def test_every_error_has_a_code_of_the_closed_list_with_its_status(error_types: set[type[Error]]) -> None:
    assert len(error_types) > 20
    wrong = {
        error.__qualname__: (error.code, error.status)
        for error in error_types | {Error}
        if error.code not in ERROR_CODES or ERROR_CODES[error.code].status != error.status
    }
    assert wrong == {}


def test_every_error_says_something(error_types: set[type[Error]]) -> None:
    assert [error.__qualname__ for error in error_types if not error.description.endswith(".")] == []

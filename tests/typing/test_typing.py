"""Right uses have the types that they should, and mistakes do not type-check: with mypy and with pyright.

`right_uses.py` and `mistakes.py` are checked as they are. In the second, comments say which error each line must have;
the last tests show that a lost error, a wrong type and an error too many would really fail.
"""

import json
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import NamedTuple, Protocol

import pytest
from tests.interop.node_packages import installed_packages
from tests.programs import require_program

HERE = Path(__file__).parent
ROOT = HERE.parents[1]
FILES = ("right_uses.py", "mistakes.py")
LONGEST_SECONDS = 240


class Found(NamedTuple):
    """What a checker says: the file and the line, and the name of the rule."""

    file: str
    line: int
    rule: str


class Checker(Protocol):
    """Runs a type checker over the files of a folder."""

    def __call__(self, folder: Path) -> list[Found]: ...


def mypy(folder: Path) -> list[Found]:
    """What mypy says, with the settings of the project."""
    done = subprocess.run(
        [
            *(sys.executable, "-m", "mypy", "--config-file", str(ROOT / "pyproject.toml")),
            *("--no-error-summary", "--no-pretty", "--hide-error-context"),
            *(str(folder / name) for name in FILES),
        ],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
        timeout=LONGEST_SECONDS,
    )
    assert done.returncode in (0, 1), done.stdout + done.stderr
    errors = re.findall(r"^(.+?):(\d+): error: .*?(?:  \[([a-z-]+)\])?$", done.stdout, re.MULTILINE)
    assert bool(errors) == bool(done.returncode), done.stdout
    return [Found(Path(file).name, int(line), rule) for file, line, rule in errors]


def pyright(folder: Path) -> list[Found]:
    """What pyright says, in its strict mode."""
    node, packages = require_program("node"), installed_packages()
    done = subprocess.run(
        [
            *(node, str(packages / "pyright" / "index.js"), "--outputjson"),
            *("--project", str(folder), "--pythonpath", sys.executable),
        ],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
        timeout=LONGEST_SECONDS,
    )
    assert done.returncode in (0, 1), done.stdout + done.stderr
    report = json.loads(done.stdout)
    assert report["summary"]["filesAnalyzed"] >= len(FILES)
    return [
        Found(Path(one["file"]).name, one["range"]["start"]["line"] + 1, one.get("rule", ""))
        for one in report["generalDiagnostics"]
        if one["severity"] == "error" and Path(one["file"]).name in FILES
    ]


CHECKERS = pytest.mark.parametrize("checker", [mypy, pyright])


@CHECKERS
def test_right_uses_and_mistakes_come_out_as_written(checker: Checker) -> None:
    assert checker(HERE) == []


@CHECKERS
def test_every_mistake_is_an_error_of_its_own(checker: Checker, tmp_path: Path) -> None:
    mark = re.compile(r"  # (?:type|pyright): ignore\[[^]]*\]")
    text = (HERE / "mistakes.py").read_text("utf-8")
    marked = {number for number, line in enumerate(text.splitlines(), 1) if mark.search(line)}
    assert len(marked) > 40
    found = checker(_copy(tmp_path, mistakes=mark.sub("", text)))
    assert {one.line for one in found if one.file == "mistakes.py"} == marked
    assert {one.file for one in found} == {"mistakes.py"}


@CHECKERS
def test_an_error_that_is_lost_is_reported(checker: Checker, tmp_path: Path) -> None:
    text = (HERE / "mistakes.py").read_text("utf-8")
    # With bytes it is no mistake any more.
    changed = text.replace('HMACKey("text")', 'HMACKey(b"text")')
    assert changed != text
    line = changed[: changed.index('HMACKey(b"text")')].count("\n") + 1
    (found,) = checker(_copy(tmp_path, mistakes=changed))
    assert found[:2] == ("mistakes.py", line)
    assert found.rule in ("unused-ignore", "reportUnnecessaryTypeIgnoreComment")


@CHECKERS
def test_a_type_that_is_another_one_is_reported(checker: Checker, tmp_path: Path) -> None:
    text = (HERE / "right_uses.py").read_text("utf-8")
    changed = text.replace("assert_type(verifier, TokenVerifier[AccessToken])", "assert_type(verifier, str)")
    assert changed != text
    line = changed[: changed.index("assert_type(verifier, str)")].count("\n") + 1
    (found,) = checker(_copy(tmp_path, right_uses=changed))
    assert found == ("right_uses.py", line, found.rule)
    assert found.rule in ("assert-type", "reportAssertTypeFailure")


def _copy(folder: Path, **changed: str) -> Path:
    """A copy of the files to check, some of them changed, with the settings of pyright."""
    for name in (*FILES, "pyrightconfig.json"):
        shutil.copy(HERE / name, folder / name)
    for stem, text in changed.items():
        (folder / f"{stem}.py").write_text(text, "utf-8")
    return folder

"""The page about mounting: its applications are started as they are printed, and its lines run against them."""

import ast
import json
from pathlib import Path

import pytest
from tests.docs.pages import Server, blocks, new_folder, run_blocks
from tests.examples.test_fastapi_app import under_uvicorn

PAGE = "docs/how-to/mount-in-fastapi.md"
PASSWORD = "my kettle sings in E flat"


def start_and_run(folder: Path, number: int) -> str:
    """Start the page's application of that number, run the page's lines of that number; what they printed."""
    new_folder(folder)
    program, lines = blocks(PAGE, "python")[number], blocks(PAGE, "sh")[number]

    def filled_in(base: str) -> None:
        (folder / "main.py").write_text(program.replace("http://127.0.0.1:8000", base))

    with under_uvicorn(folder, "main:app", prepare=filled_in, ADAS_PASSWORD=PASSWORD) as base:
        (printed,) = run_blocks(
            Server(folder, "", ""),
            [f"ADAS_PASSWORD='{PASSWORD}'\n" + lines.replace("http://127.0.0.1:8000", base)],
        )
    return printed


def test_the_first_application_signs_in_and_refuses_after_the_logout(tmp_path: Path) -> None:
    registered, hello, receipt, _, status = start_and_run(tmp_path / "checkout", 0).splitlines()
    sub = json.loads(registered)["user"]["id"]
    assert json.loads(hello) == f"Hello {sub}"
    assert json.loads(receipt)["ended_sessions"] == 1
    assert status == "401"


def test_the_second_one_has_claims_of_its_own(tmp_path: Path) -> None:
    plan, welcome, wrong, no_admin = start_and_run(tmp_path / "checkout", 1).splitlines()
    assert json.loads(plan) == {"tenant": "engines", "plan": "free"}
    assert json.loads(welcome) == "Hello stranger"
    assert (wrong, no_admin) == ("401", "403")


@pytest.mark.parametrize("number", [0, 1])
def test_everything_that_is_imported_is_used(number: int) -> None:
    tree = ast.parse(blocks(PAGE, "python")[number])
    imported = {
        alias.name
        for node in ast.walk(tree)
        if isinstance(node, ast.Import | ast.ImportFrom)
        for alias in node.names
    }
    used = {node.id for node in ast.walk(tree) if isinstance(node, ast.Name)}
    assert imported - used == set()

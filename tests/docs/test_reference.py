"""The reference is in step with the code, and the code with what a server answers."""

import json
import re
import subprocess
import sys
from pathlib import Path

import msgspec
import pytest
from docs.generate import ANSWERS, FOLDER, out_of_step, pages
from tests.docs.pages import ROOT, Server, blocks, development_server, run_blocks

from tokenward.tokens.remote_jwks import Options

_PAGES = pages()


@pytest.mark.parametrize("name", sorted(_PAGES))
def test_a_page_is_in_step_with_the_code(name: str) -> None:
    assert (FOLDER / name).read_text() == _PAGES[name], "run: .venv/bin/python docs/generate.py"


def test_no_attribute_has_a_type_that_a_reader_cannot_know() -> None:
    # Such as `_Time`, the name of a type of ours that is on no page.
    told = set(re.findall(r"`\w+: ([^`]+)`", _PAGES["python.md"]))
    assert {kind for kind in told if re.search(r"\b_\w|\b(?:Name|OnChange)\b", kind)} == set()
    assert {"str", "int", "tuple[str, ...]"} <= told


def test_the_options_of_remote_keys_are_told_one_by_one() -> None:
    for name in Options.__annotations__:
        assert f"- `{name}`: " in _PAGES["python.md"]


def test_no_page_stays_that_nothing_generates() -> None:
    assert out_of_step(_PAGES) == []


def test_a_page_that_differs_is_named() -> None:
    assert out_of_step(_PAGES | {"errors.md": "another text", "new.md": ""}) == ["errors.md", "new.md"]


def test_the_generator_compares_from_the_command_line() -> None:
    done = subprocess.run(
        [sys.executable, "docs/generate.py", "--check"], cwd=ROOT, capture_output=True, text=True, check=False
    )

    assert (done.returncode, done.stderr) == (0, "")


def test_every_answer_of_a_server_is_as_documented(tmp_path: Path) -> None:
    with development_server(tmp_path / "checkout") as server:
        answers = _ask_everything(server)

    assert answers.keys() == ANSWERS.keys()
    for route, (status, members) in answers.items():
        assert status == ANSWERS[route].status, route
        assert members == set(ANSWERS[route].members), route


def _ask_everything(server: Server) -> dict[str, tuple[int, set[str]]]:
    """Ask every route in the order of the page; status and members of each answer."""
    (sign_in, *_) = blocks("README.md", "sh")
    bodies = {
        "POST /api/v1/auth/register": '{"username": "ada", "password": "seven green boats at noon"}',
        "POST /api/v1/auth/login": '{"username": "ada", "password": "seven green boats at noon"}',
        "POST /api/v1/auth/refresh": '{"refresh_token": "\'"$REFRESH"\'"}',
        "PATCH /api/v1/users/me": '{"name": "Somebody"}',
    }
    lines = {
        route: _curl(route, f"-H \"$JSON\" -d '{bodies[route]}'" if route in bodies else "")
        for route in ANSWERS
    }
    # A logout ends what the lines after it need, so each begins with a sign-in of its own.
    outputs = run_blocks(server, [sign_in + line for line in lines.values()])
    found = {}
    for route, output in zip(lines, outputs, strict=True):
        body, _, status = output.rpartition("\n")
        # The metrics are text.
        members = {} if route == "GET /metrics" else msgspec.json.decode(body, type=dict[str, object])
        found[route] = (int(status), set(members))
    return found


def _curl(route: str, arguments: str) -> str:
    method, path = route.split()
    return f"curl -sw '\\n%{{http_code}}' -X {method} $BASE{path} -H \"authorization: Bearer $ACCESS\" {arguments}\n"


def test_an_unknown_argument_of_the_generator_is_refused() -> None:
    done = subprocess.run(
        [sys.executable, "docs/generate.py", "--write"], cwd=ROOT, capture_output=True, text=True, check=False
    )

    assert done.returncode == 2
    assert "--check" in done.stderr


def test_the_documented_errors_are_those_a_client_gets(tmp_path: Path) -> None:
    with development_server(tmp_path / "checkout") as server:
        (problem,) = run_blocks(server, [f"curl -s {server.base}/nothing\n"])

    assert json.loads(problem).keys() == {"type", "title", "status", "code", "detail", "request_id"}

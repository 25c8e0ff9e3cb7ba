"""The page about calling an API: its lines run as printed, and print what it says."""

import json
from pathlib import Path

import pytest
from tests.docs.pages import ROOT, blocks, development_server, run_blocks, run_python

import tokenward.client
from tokenward.errors import Error

_PAGE = "docs/how-to/call-an-api-from-python.md"


@pytest.fixture(autouse=True)
def _home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A home of one's own, and no keyring of whoever runs the tests."""
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    monkeypatch.setenv("PYTHON_KEYRING_BACKEND", "keyring.backends.null.Keyring")


def test_the_lines_and_the_program_of_the_page_do_what_it_says(tmp_path: Path) -> None:
    with development_server(tmp_path / "checkout") as server:
        terminal, script = run_blocks(server, blocks(_PAGE, "sh"))
        said, me, *token = terminal.splitlines()
        # The program finds whom the command signed in, and with the password signs in anew.
        program = "\n".join(blocks(_PAGE, "python"))
        printed = [run_python(server, program)]
        run_blocks(server, [blocks(_PAGE, "sh")[0], ".venv/bin/tokenward logout $SERVER --everywhere\n"])
        printed.append(run_python(server, program))

    assert said.startswith("Signed in to http://127.0.0.1:")
    assert json.loads(me)["email"] == "dev@example.com"
    assert json.loads("".join(token)).keys() == {"access_token", "token_type", "expires_in"}
    assert script == ""
    assert printed == [f"dev@example.com\n{{'Dev'}}\nfiles in {server.folder}/tokens\n"] * 2


def test_the_script_says_that_somebody_must_sign_in(tmp_path: Path) -> None:
    setup = blocks(_PAGE, "sh")[0].split("\n\n")[0]
    with development_server(tmp_path / "checkout") as server:
        assert run_blocks(server, [setup, blocks(_PAGE, "sh")[1]])[1] == "Sign in first."


def test_the_page_names_every_error_and_every_store() -> None:
    text = (ROOT / _PAGE).read_text()
    public = {name: getattr(tokenward.client, name) for name in tokenward.client.__all__}
    names = [
        name
        for name, thing in public.items()
        if isinstance(thing, type) and (issubclass(thing, Error) or name.endswith("nStore"))
    ]
    assert len(names) == 8
    for name in names:
        assert name == "TokenStore" or f"`{name}" in text, name

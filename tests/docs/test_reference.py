"""The reference is in step with the code, and the code with what a server answers."""

import json
import re
import subprocess
import sys
from pathlib import Path

import msgspec
import pytest
from docs.generate import FOLDER, out_of_step, pages
from tests.docs.pages import ROOT, Server, blocks, development_server, run_blocks
from tests.openapi.description import operations, resolved
from tests.server.building import tamper

from tokenward.tokens.remote_jwks import Options

_PAGES = pages()

# The account is changed by whoever has an access token of it and knows the password.
_CHANGED_PASSWORD = '{"current_password": "\'"$PASSWORD"\'", "new_password": "\'"$PASSWORD"\'"}'
_ADMIN = '-H "authorization: Bearer $ACCESS" -H "$JSON"'
_DECODED = (
    "import base64, json, sys; part, name = sys.argv[1:]; "
    "text = sys.stdin.read().split('.')[int(part)]; print(json.loads(base64.urlsafe_b64decode(text + '==='))[name])"
)
_IDS = f"""
N=$((${{N:-0}} + 1))
claim() {{ echo $ACCESS | python3 -c "{_DECODED}" $1 $2; }}
KID=$(claim 0 kid)
SID=$(claim 1 sid)
SUB=$(curl -s $BASE/api/v1/admin/accounts {_ADMIN} \\
  -d "{{\\"username\\": \\"person$N\\", \\"password\\": \\"seven green boats at noon\\"}}" | member id)
"""
# The account that the server made is the last administrator, who cannot be erased.
_AS_ANOTHER = """
ACCESS=$(curl -s $BASE/api/v1/auth/login -H "$JSON" \\
  -d "{\\"username\\": \\"person$N\\", \\"password\\": \\"seven green boats at noon\\"}" | member access_token)
"""


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
        # Verifiers have known the stand-by key for long, so that it may be handed over to.
        database = server.folder / "tokenward-data" / "tokenward.db"
        tamper(database, "UPDATE keys SET created_at = 1, signs_from = 1 WHERE state = 'pending'")
        answers = _ask_everything(server)

    for one in operations():
        status, members = answers[one.name]
        described = one.operation["responses"][str(status)]["content"]
        assert 200 <= status < 300, one.name
        if "application/json" in described:
            schema = resolved(described["application/json"]["schema"])
            assert set(schema["required"]) <= members <= set(schema["properties"]), one.name


def _ask_everything(server: Server) -> dict[str, tuple[int, set[str]]]:
    """Ask every route in the order of the page; status and members of each answer."""
    (sign_in, *_) = blocks("README.md", "sh")
    bodies = {
        "POST /api/v1/auth/register": '{"username": "ada", "password": "seven green boats at noon"}',
        "POST /api/v1/auth/login": '{"username": "ada", "password": "seven green boats at noon"}',
        "POST /api/v1/auth/refresh": '{"refresh_token": "\'"$REFRESH"\'"}',
        "PATCH /api/v1/users/me": '{"name": "Somebody"}',
        "DELETE /api/v1/users/me": '{"current_password": "seven green boats at noon"}',
        "POST /api/v1/users/me/password": _CHANGED_PASSWORD,
        "POST /api/v1/admin/accounts": '{"username": "grace", "password": "seven green boats at noon"}',
        "PUT /api/v1/admin/accounts/{sub}/roles": '{"roles": ["reader"]}',
        "PUT /api/v1/admin/accounts/{sub}/external-id": '{"external_id": "customer 17"}',
        "PUT /api/v1/admin/accounts/{sub}/password": '{"password": "seven grey boats at noon"}',
        "POST /api/v1/admin/keys/{kid}/revoke": '{"reason": "stolen"}',
        "POST /api/v1/admin/revocations": '{"scope": "audience", "value": "nobody"}',
    }
    lines = {
        one.name: (_AS_ANOTHER if one.id == "eraseMe" else "")
        + _curl(one.name, f"-H \"$JSON\" -d '{bodies[one.name]}'" if one.name in bodies else "")
        for one in operations()
    }
    # A logout ends what the lines after it need, so each begins with a sign-in of its own, and with an account of its
    # own to do things to.
    outputs = run_blocks(server, [sign_in + _IDS + line for line in lines.values()])
    found = {}
    for route, output in zip(lines, outputs, strict=True):
        body, _, status = output.rpartition("\n")
        # The metrics and the page are text.
        members = msgspec.json.decode(body, type=dict[str, object]) if body.startswith("{") else {}
        found[route] = (int(status), set(members))
    return found


def _curl(route: str, arguments: str) -> str:
    method, path = route.split()
    path = path.replace("{sub}", "$SUB").replace("{sid}", "$SID").replace("{kid}", "$KID")
    path = path.replace("{file}", "page.css")
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

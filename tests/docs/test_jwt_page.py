"""The page about JWT, run line by line against a real server."""

import json
from pathlib import Path

from tests.docs.pages import blocks, development_server, run_blocks


def test_every_line_of_the_page_does_what_the_page_says(tmp_path: Path) -> None:
    printed = blocks("docs/start/jwt.md", "sh")

    with development_server(tmp_path / "checkout") as server:
        outputs = iter(run_blocks(server, printed))

    assert [next(outputs), next(outputs)] == ["", ""]  # Variables and helpers print nothing.
    login = json.loads(next(outputs))
    assert (login["token_type"], login["expires_in"], login["scope"]) == ("Bearer", 900, "account")
    assert login["refresh_token"].startswith("twr_")
    header, claims = map(json.loads, next(outputs).splitlines())
    assert (header["alg"], header["typ"]) == ("ES256", "at+jwt")
    assert claims["sub"] == login["user"]["id"]
    assert claims["exp"] - claims["iat"] == 900
    assert next(outputs).startswith("access token: valid\n")
    assert json.loads(next(outputs)) == login["user"]
    for code, answer in zip(("missing_token", "invalid_token"), _answers(next(outputs)), strict=True):
        _check_refused(answer, 401, code)
        assert "www-authenticate: Bearer" in answer
    _check_refused(next(outputs), 400, "invalid_request")
    assert {key["alg"] for key in json.loads(next(outputs))["keys"]} == {"ES256"}
    assert next(outputs).startswith("-rw------- ")
    refreshed = json.loads(next(outputs))
    assert refreshed["refresh_token"] != login["refresh_token"]
    assert next(outputs) == "same"
    receipt, rest = next(outputs).split("\n", 1)
    assert json.loads(receipt)["ended_sessions"] == 1
    use, refresh = _answers(rest)
    _check_refused(use, 401, "invalid_token")
    _check_refused(refresh, 400, "invalid_grant")
    assert list(outputs) == []


def test_the_page_explains_every_claim_and_every_member_of_the_answer(tmp_path: Path) -> None:
    printed = blocks("docs/start/jwt.md", "sh")
    page = Path(__file__).parents[2].joinpath("docs/start/jwt.md").read_text()

    with development_server(tmp_path / "checkout") as server:
        _, _, login, decoded = run_blocks(server, printed[:4])

    rows = "".join(line.split("|")[1] for line in page.splitlines() if line.startswith("| `"))
    for name in (*json.loads(login), *json.loads(decoded.splitlines()[1])):
        assert f"`{name}`" in rows, name


def _answers(output: str) -> list[str]:
    return ["HTTP/1.1 " + answer for answer in output.split("HTTP/1.1 ")[1:]]


def _check_refused(answer: str, status: int, code: str) -> None:
    assert answer.startswith(f"HTTP/1.1 {status} ")
    assert json.loads(answer.strip().splitlines()[-1])["code"] == code

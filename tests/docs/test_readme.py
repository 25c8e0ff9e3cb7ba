"""The README: short, and true line by line."""

import json
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.docs.pages import (
    ROOT,
    Server,
    blocks,
    development_server,
    new_folder,
    run_blocks,
    run_python,
    serving,
)

_README = "README.md"
_TOKENS = {"access_token", "token_type", "expires_in", "refresh_token", "scope"}


@pytest.fixture(params=["ES256", "RS256", "HS256"])
def algorithm(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def server(tmp_path: Path, algorithm: str) -> Iterator[Server]:
    # ES256 is what nobody has to ask for.
    setting = {} if algorithm == "ES256" else {"TOKENWARD_ACCESS_TOKEN_ALGORITHM": algorithm}
    with development_server(tmp_path / "checkout", **setting) as started:
        yield started


def _quick_start() -> list[str]:
    return [block for block in blocks(_README, "sh") if "tokenward serve" not in block]


def test_it_has_fewer_than_120_lines() -> None:
    assert len((ROOT / _README).read_text().splitlines()) < 120


def test_it_names_the_setting_of_each_algorithm() -> None:
    started = "".join(blocks(_README, "console"))

    assert re.findall(r"TOKENWARD_ACCESS_TOKEN_ALGORITHM=(\w+) make serve", started) == ["RS256", "HS256"]


def test_make_serve_starts_what_the_tests_here_start() -> None:
    assert "$(BIN)/tokenward serve --dev $(ARGS)" in (ROOT / "Makefile").read_text()


def test_the_quick_start_works_as_printed(server: Server, algorithm: str) -> None:
    show = ['echo "$ACCESS" | cut -d. -f1 | tr -- -_ +/ | base64 -d 2>/dev/null || true\n']

    login, use, register, header = run_blocks(server, [*_quick_start(), *show])

    assert login == ""
    me, refreshed, receipt, refused = use.split("\n", 3)
    assert json.loads(me)["email"] == "dev@example.com"
    assert json.loads(refreshed).keys() == _TOKENS
    assert json.loads(receipt) == {"ended_sessions": 1, "revoked_from": 1}
    assert refused.startswith("HTTP/1.1 401 Unauthorized")
    assert json.loads(refused.splitlines()[-1])["code"] == "invalid_token"
    assert json.loads(register)["user"]["name"] == "Ada"
    assert f'"alg":"{algorithm}"' in header


@pytest.mark.parametrize("algorithm", ["ES256", "RS256"])
def test_the_guard_lets_a_token_through_and_refuses_the_rest(server: Server, tmp_path: Path) -> None:
    (token,) = run_blocks(server, [_quick_start()[0] + "echo $ACCESS\n"])
    calls = (
        f"for values in ([b'Bearer {token}'], [], [b'Bearer {token}x'], [b'Basic eDp5'], [b'Bearer a'] * 2):\n"
        "    print(*hello(values), sep=' | ')\n"
    )
    _, program = blocks(_README, "python")

    good, none, changed, basic, two = run_python(server, program + calls).splitlines()

    assert good.startswith("200 | {} | Hello usr_")
    assert none.startswith("401 | {'WWW-Authenticate': 'Bearer'} | ")
    assert changed.startswith("401 | {'WWW-Authenticate': 'Bearer error=\"invalid_token\"'} | ")
    assert basic == none
    assert two.startswith("400 | {'WWW-Authenticate': 'Bearer error=\"invalid_request\"'} | ")


def test_the_application_is_the_one_that_its_page_runs() -> None:
    mounted, _ = blocks(_README, "python")

    assert mounted == blocks("docs/how-to/mount-in-fastapi.md", "python")[0]


def test_the_lines_for_running_it_for_real_start_a_server(tmp_path: Path) -> None:
    (block,) = [block for block in blocks(_README, "sh") if "tokenward serve" in block]
    prepare, _, serve = block.rstrip().rpartition("\n")
    assert serve.startswith(".venv/bin/tokenward serve ")
    arguments = serve.split()[2:]
    checkout = Server(new_folder(tmp_path / "checkout"), "", "")
    run_blocks(checkout, [prepare + "\n"])

    with serving(arguments, checkout.folder, TOKENWARD_PORT="0") as lines:
        assert len(lines) == 1  # No account, no password: that is for --dev.
        (issuer,) = run_blocks(
            checkout, [f"curl -s {lines[0].split()[1]}/.well-known/openid-configuration\n"]
        )

    assert json.loads(issuer)["issuer"] == "https://auth.example.com"
    assert oct((checkout.folder / "master.key").stat().st_mode) == "0o100600"


@pytest.mark.parametrize("page", [_README, *(str(p.relative_to(ROOT)) for p in ROOT.glob("docs/*/*.md"))])
def test_every_link_to_a_file_or_heading_leads_somewhere(page: str) -> None:
    text = (ROOT / page).read_text()
    for target in re.findall(r"\]\((?!https?:)([^)]+)\)", text):
        file, _, heading = target.partition("#")
        path = (ROOT / page).parent / file if file else ROOT / page
        assert path.exists(), target
        if heading:
            titles = re.findall(r"^#+ (.*)$", path.read_text(), flags=re.MULTILINE)
            assert heading in [re.sub(r"[^\w -]", "", title.lower()).replace(" ", "-") for title in titles], (
                target
            )

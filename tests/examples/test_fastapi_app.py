"""The example runs as its page says, under a server of its own, and has the types that it seems to have."""

import contextlib
import json
import re
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import httpx
import pytest
from tests.docs.pages import ROOT, Server, blocks, environment, new_folder, run_blocks
from tests.docs.test_transport_pages import free_port
from tests.interop.node_packages import installed_packages
from tests.programs import require_program

EXAMPLE = "examples/fastapi_app"
PASSWORD = "seven green boats at noon"
_SECONDS = 60


@contextlib.contextmanager
def under_uvicorn(
    folder: Path,
    application: str = "app:app",
    *,
    prepare: Callable[[str], None] = lambda _: None,
    **variables: str,
) -> Iterator[str]:
    """Serve what is in the folder with uvicorn until it answers; its address. It must end in order.

    `prepare` is given the address before the start.
    """
    port = free_port()
    base = f"http://127.0.0.1:{port}"
    prepare(base)
    log_path = folder / "uvicorn.log"
    with log_path.open("wb") as log:
        process = subprocess.Popen(
            [sys.executable, "-m", "uvicorn", application, "--port", str(port)],
            cwd=folder,
            env=environment(NOTES_ISSUER=f"{base}/auth", **variables),
            stdout=log,
            stderr=subprocess.STDOUT,
        )
    try:
        with httpx.Client(transport=httpx.HTTPTransport(retries=9), trust_env=False) as client:
            assert client.get(f"{base}/auth/healthz", timeout=_SECONDS).status_code == 200, (
                log_path.read_text()
            )
        yield base
    finally:
        process.send_signal(signal.SIGTERM)
        status = process.wait(_SECONDS)
    assert status in (0, -signal.SIGTERM), log_path.read_text()
    assert "Application shutdown complete." in log_path.read_text()


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    folder = new_folder(tmp_path / "checkout")
    shutil.copy(ROOT / EXAMPLE / "app.py", folder)
    return folder


def test_the_page_of_the_example_does_what_it_says(folder: Path) -> None:
    assert "uvicorn app:app" in "".join(blocks(f"{EXAMPLE}/README.md", "console"))
    with under_uvicorn(folder, NOTES_ADMIN_PASSWORD=PASSWORD) as base:
        before, after = run_blocks(Server(folder, "", ""), _filled_in(base))

    note, notes = before.splitlines()
    assert json.loads(note) == {"text": "hello"}
    assert json.loads(notes) == {"tenant": "engines", "plan": "free", "notes": ["hello"]}
    changed, notes, receipt, refused, status = after.splitlines()
    assert json.loads(changed)["plan"] == "pro"
    assert json.loads(notes) == {"tenant": "engines", "plan": "pro", "notes": ["hello"]}
    assert json.loads(receipt) == {"ended_sessions": 1, "revoked_from": 1}
    assert json.loads(refused).keys() == {"detail"}
    assert status == "401"


def _filled_in(base: str) -> list[str]:
    return [block.replace("http://127.0.0.1:8000", base) for block in blocks(f"{EXAMPLE}/README.md", "sh")]


def test_what_is_there_is_there_after_a_restart(folder: Path) -> None:
    assert [_add_ada(folder), _add_ada(folder)] == [201, 409]


def _add_ada(folder: Path) -> int:
    """Start, let the administrator add a customer, stop; the status of the answer."""
    with under_uvicorn(folder, NOTES_ADMIN_PASSWORD=PASSWORD) as base:
        form = {"username": "admin@example.com", "password": PASSWORD}
        answer = httpx.post(f"{base}/auth/api/v1/auth/login", data=form, timeout=_SECONDS)
        assert answer.status_code == 200
        return httpx.post(
            f"{base}/customers",
            json={"email": "ada@example.com", "password": "my kettle sings in E flat", "tenant": "engines"},
            headers={"authorization": f"Bearer {answer.json()['access_token']}"},
            timeout=_SECONDS,
        ).status_code


def test_a_second_process_on_the_same_database_does_not_start(folder: Path) -> None:
    with under_uvicorn(folder) as _:
        done = subprocess.run(
            [sys.executable, "-m", "uvicorn", "app:app", "--port", str(free_port())],
            cwd=folder,
            env=environment(),
            capture_output=True,
            text=True,
            timeout=_SECONDS,
            check=False,
        )
    assert done.returncode == 3
    assert "is served by another process" in done.stderr
    assert "start the application with one worker" in done.stderr


TYPES = """

class Struct(msgspec.Struct):
    tenant: str


class Dictionary(TypedDict):
    tenant: str


def wrong(account: Account) -> int:
    return 1


def take(auth: Mounted[Struct]) -> None:
    print(auth)


async def later(account: Account) -> Struct:
    return Struct(account.sub)


def typed(user: User, admin: Admin, settings: Settings) -> None:
    assert_type(user, Principal[Claims])
    assert_type(admin.claims.plan, str)
    assert_type(create_app(settings), Mounted[Mapping[str, Any]])
    assert_type(create_app(settings, claims=lambda _: {"tenant": "a"}), Mounted[Mapping[str, Any]])
    assert_type(create_app(settings, claims=later, claims_type=Struct), Mounted[Struct])
    assert_type(create_app(settings, claims=claims, claims_type=Claims), Mounted[Claims])
    assert_type(create_app(settings, claims_type=Dictionary), Mounted[Dictionary])
    assert_type(create_app(settings, claims=lambda _: Struct("a"), claims_type=Struct), Mounted[Struct])
"""
MISTAKES = [
    "    admin.claims.plam.upper()\n",
    "    take(create_app(settings, claims=wrong, claims_type=Struct))\n",
    "    create_app(settings, claims=later(Account))\n",
    "    auth.requires(roles=7)\n",
]


def test_the_example_has_the_types_that_it_seems_to_have(tmp_path: Path) -> None:
    """What a user of a typed editor sees: every line right, and each mistake an error in its own line."""
    text = (ROOT / EXAMPLE / "app.py").read_text()
    text = text.replace("import os\n", "import os\nfrom collections.abc import Mapping\nimport msgspec\n", 1)
    text = text.replace("import Annotated\n", "import Annotated, Any, TypedDict, assert_type\n")
    text = text.replace("import Account, ", "import Account, Mounted, ") + TYPES
    typed = tmp_path / "typed.py"
    typed.write_text(text)
    assert _mypy(typed) == set()
    assert _pyright(typed) == set()
    typed.write_text(text + "".join(MISTAKES))
    first = text.count("\n") + 1
    assert _mypy(typed) == _pyright(typed) == set(range(first, first + len(MISTAKES)))


def _mypy(path: Path) -> set[int]:
    """The lines in which mypy finds errors."""
    done = subprocess.run(
        [
            *(sys.executable, "-m", "mypy", "--config-file", str(ROOT / "pyproject.toml")),
            *("--no-error-summary", "--no-pretty", str(path)),
        ],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
        timeout=240,
    )
    assert done.returncode in (0, 1), done.stdout + done.stderr
    return {int(line) for line in re.findall(r"^\S+:(\d+): error", done.stdout, re.MULTILINE)}


def _pyright(path: Path) -> set[int]:
    """The lines in which pyright finds errors, in its strict mode."""
    node, packages = require_program("node"), installed_packages()
    config = path.with_name("pyrightconfig.json")
    config.write_text(
        json.dumps(
            {
                "include": [path.name],
                "extraPaths": [str(ROOT / "src")],
                "typeCheckingMode": "strict",
                "reportUnusedFunction": "none",
            }
        )
    )
    done = subprocess.run(
        [
            *(node, str(packages / "pyright" / "index.js"), "--outputjson"),
            *("--project", str(path.parent), "--pythonpath", sys.executable),
        ],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
        timeout=240,
    )
    report = json.loads(done.stdout)
    assert report["summary"]["filesAnalyzed"] == 1
    return {
        one["range"]["start"]["line"] + 1
        for one in report["generalDiagnostics"]
        if one["severity"] == "error"
    }

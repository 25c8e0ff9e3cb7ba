"""A mounted server starts and ends with its application, and touches nothing else of the process."""

import asyncio
import logging
import re
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from starlette.requests import HTTPConnection
from tests.docs.pages import environment
from tests.server.building import EMAIL, PASSWORD, until
from tests.server.mounting.applications import application, mounted, run_application

from tokenward.errors import ConfigurationError
from tokenward.server import Settings, create_app
from tokenward.server.mounting.mounted import NotStarted
from tokenward.server.storage.errors import StorageInUse
from tokenward.server.upkeep import Upkeep


async def test_whoever_forgot_to_start_it_is_told_how(tmp_path: Path) -> None:
    auth = mounted(tmp_path)
    scope = {"type": "http", "method": "GET", "path": "/healthz", "headers": []}

    async def nothing(*_: Any) -> Any:
        raise AssertionError

    with pytest.raises(NotStarted, match=r"FastAPI\(lifespan=auth\.lifespan\)"):
        await auth(scope, nothing, nothing)
    with pytest.raises(NotStarted):
        await auth.verify("token")
    with pytest.raises(NotStarted):
        await auth.find_account(sub="usr_x")
    for ask in (auth.authenticate, auth.authenticate_or_none, auth.signed_in, auth.signed_in_or_none):
        with pytest.raises(NotStarted):
            await ask(HTTPConnection(scope))
    assert not (tmp_path / "tokenward.db").exists()


async def test_it_starts_again_with_what_was_there(tmp_path: Path) -> None:
    auth = mounted(tmp_path)
    async with auth.lifespan():
        account = await auth.create_account(email=EMAIL, password=PASSWORD)
        with pytest.raises(ConfigurationError, match="started already"):
            async with auth.lifespan():
                raise AssertionError
        assert await auth.find_account(sub=account.sub) == account
    with pytest.raises(NotStarted):
        await auth.find_account(sub=account.sub)
    async with auth.lifespan(application(auth)):
        assert await auth.find_account(sub=account.sub) == account


async def test_two_on_one_database_are_one_too_many(tmp_path: Path) -> None:
    async with mounted(tmp_path).lifespan():
        with pytest.raises(StorageInUse, match="start the application with one worker"):
            async with mounted(tmp_path).lifespan():
                raise AssertionError


async def test_an_end_by_an_error_closes_everything_too(tmp_path: Path) -> None:
    auth = mounted(tmp_path)
    with pytest.raises(ZeroDivisionError):
        async with auth.lifespan():
            raise ZeroDivisionError
    async with auth.lifespan():
        pass
    assert [task for task in asyncio.all_tasks() if task.get_name() == "tokenward-upkeep"] == []


async def test_nothing_else_of_the_process_is_touched(tmp_path: Path) -> None:
    def look() -> tuple[Any, ...]:
        handlers = [signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)]
        loggers = (list(logging.root.handlers), logging.root.level)
        return handlers, loggers, asyncio.get_running_loop().get_exception_handler(), sys.excepthook

    before = look()
    async with mounted(tmp_path).lifespan():
        assert look() == before
    assert look() == before


async def speak(auth: Any) -> list[dict[str, Any]]:
    """The lifespan protocol, as a server speaks it."""
    coming, sent = [{"type": "lifespan.startup"}, {"type": "lifespan.shutdown"}], []

    async def receive() -> dict[str, Any]:
        return coming.pop(0)

    async def send(message: dict[str, Any]) -> None:
        sent.append(message)

    try:
        await auth({"type": "lifespan", "asgi": {"version": "3.0"}}, receive, send)
    except ConfigurationError:
        sent.append({"type": "raised"})
    return sent


async def test_without_an_application_it_starts_and_ends_by_itself(tmp_path: Path) -> None:
    assert [message["type"] for message in await speak(mounted(tmp_path))] == [
        "lifespan.startup.complete",
        "lifespan.shutdown.complete",
    ]


async def test_a_start_that_fails_says_why(tmp_path: Path) -> None:
    failed, raised = await speak(mounted(tmp_path, master_key="AAAA"))
    assert failed["type"] == "lifespan.startup.failed"
    assert "the master key has 3 bytes and must have 32" in failed["message"]
    assert raised == {"type": "raised"}


async def test_an_upkeep_that_ends_is_told_and_makes_it_not_ready(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    async def fail(_: Upkeep) -> None:
        await asyncio.sleep(0)
        raise ZeroDivisionError("a secret")

    monkeypatch.setattr(Upkeep, "run", fail)
    async with run_application(tmp_path) as it:
        await until(lambda: "upkeep_ended" in caplog.text)
        answer = await it.get("/auth/readyz")
        assert (answer.status_code, answer.json()["code"]) == (503, "shutting_down")
        # What needs no upkeep goes on.
        await it.tokens()
    (record,) = [record for record in caplog.records if "upkeep_ended" in record.getMessage()]
    assert (record.name, record.levelname) == ("tokenward", "ERROR")
    assert "ZeroDivisionError" in record.getMessage()
    assert "a secret" not in record.getMessage()


async def test_the_log_is_the_applications(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    async with run_application(tmp_path) as it:
        tokens = await it.tokens()
        caplog.set_level(logging.WARNING, "tokenward")
        tokens = (await it.refresh(tokens["refresh_token"])).json()
        assert caplog.text == ""
        caplog.set_level(logging.INFO, "tokenward")
        tokens = (await it.refresh(tokens["refresh_token"])).json()
    assert "session.refreshed" in caplog.text
    assert tokens["refresh_token"] not in caplog.text


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"issuer": ""}, "issuer must be set: the address under which clients reach the mount"),
        (
            {"issuer": "http://example.com/auth"},
            r"issuer \(in Settings\(issuer=\.\.\.\)\) must begin with https",
        ),
        ({"access_token_seconds": 5}, r"access_token_seconds \(in Settings\(access_token_seconds=\.\.\.\)\)"),
        ({"refresh_idle_seconds": 100 * 86400}, "refresh_idle_seconds .* not be longer than"),
    ],
)
def test_settings_that_a_program_builds_are_checked(wrong: dict[str, Any], said: str) -> None:
    with pytest.raises(ConfigurationError, match=said):
        create_app(Settings(**{"issuer": "https://example.com/auth", **wrong}))


@pytest.mark.parametrize("wrong", [{"roles": "admin"}, {"scope": "account"}])
async def test_demands_are_lists(tmp_path: Path, wrong: dict[str, Any]) -> None:
    # Each letter of a text would be a role that nobody has, or one that everybody has.
    auth = mounted(tmp_path)
    with pytest.raises(ConfigurationError, match="as lists"):
        auth.requires(**wrong)
    with pytest.raises(ConfigurationError, match="as lists"):
        await auth.authenticate(HTTPConnection({"type": "http", "headers": []}), **wrong)


async def test_settings_are_completed_and_otherwise_left_alone(tmp_path: Path) -> None:
    auth = create_app(Settings(issuer="http://127.0.0.1:8000/auth", dev=True, data=tmp_path))
    assert auth._settings.audience == "http://127.0.0.1:8000/auth"
    # `serve --dev` opens registration; a program says so itself.
    assert auth._settings.registration == "closed"


def test_a_command_does_not_wait_for_what_only_applications_use() -> None:
    program = (
        "import sys, tokenward.server as server\n"
        "assert not {'fastapi', 'uvicorn', 'tokenward.server.services'} & set(sys.modules)\n"
        "server.create_app, server.Principal, server.Account, server.Mounted, server.load_settings\n"
        "assert not {'fastapi', 'starlette', 'uvicorn', 'uvloop'} & set(sys.modules)\n"
        "auth = server.create_app(server.Settings(issuer='https://example.com/auth'))\n"
        "assert 'fastapi' not in sys.modules\n"
        "auth.signed_in\n"
        "assert 'fastapi' in sys.modules\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", program],
        env=environment(),
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr


def test_what_is_not_there_is_said_as_python_says_it() -> None:
    import tokenward.server

    with pytest.raises(
        AttributeError, match=re.escape("module 'tokenward.server' has no attribute 'creat_app'")
    ):
        _ = tokenward.server.creat_app

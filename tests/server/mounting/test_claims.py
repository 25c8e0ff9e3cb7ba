"""Claims that the application adds: at every issue, as they are at that moment, and never in the place of ours."""

import asyncio
import logging
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from types import SimpleNamespace
from typing import Any, TypedDict

import msgspec
import pytest
from tests.server.building import EMAIL, OTHER_PASSWORD, PASSWORD, dump
from tests.server.mounting.applications import Application, Claims, run_application

from tokenward.errors import ConfigurationError, InvalidToken
from tokenward.jose.jwt import unverified_claims
from tokenward.server import Account, create_app
from tokenward.server.accounts import application_claims
from tokenward.server.accounts.application_claims import RESERVED


@dataclass
class DataClaims:
    tenant: str
    plan: str = "free"


class DictClaims(TypedDict):
    tenant: str
    plan: str


class Object:
    """A function that is an object."""

    def __init__(self) -> None:
        self.answers: list[Any] = []
        self.asked: list[Account] = []

    async def __call__(self, account: Account) -> Any:
        self.asked.append(account)
        answer = self.answers[-1]
        if isinstance(answer, BaseException):
            raise answer
        return answer


async def added(it: Application) -> Mapping[str, Any]:
    """The claims that are not ours, of a fresh token."""
    tokens = await it.tokens()
    claims = unverified_claims(tokens["access_token"])
    return {name: value for name, value in claims.items() if name not in RESERVED}


def plain(_: Account) -> Claims:
    return Claims("acme")


async def coroutine(_: Account) -> Claims:
    await asyncio.sleep(0)
    return Claims("acme")


def future(account: Account) -> Any:
    return coroutine(account)


@pytest.mark.parametrize(
    ("function", "kind"),
    [
        (plain, Claims),
        (coroutine, Claims),
        (future, Claims),
        (lambda _: DataClaims("acme"), DataClaims),
        (lambda _: {"tenant": "acme", "plan": "free"}, DictClaims),
        (lambda _: {"tenant": "acme", "plan": "free"}, None),
        (lambda _: {"tenant": "acme", "plan": "free"}, Claims),
    ],
)
async def test_a_function_of_any_kind_adds_claims_of_any_kind(
    tmp_path: Path, function: Any, kind: type[Any] | None
) -> None:
    async with run_application(tmp_path, function, claims_type=kind) as it:
        assert await added(it) == {"tenant": "acme", "plan": "free"}
        token = (await it.log_in()).json()["access_token"]
        claims = (await it.auth.verify(token)).claims
        if kind is None:
            assert claims["tenant"] == "acme"
        else:
            assert type(claims) is (dict if kind is DictClaims else kind)
            assert (await it.get("/guarded", token)).status_code == 200


async def test_the_function_is_given_the_account_of_that_moment_at_every_issue(tmp_path: Path) -> None:
    ask = Object()
    ask.answers = [{}]
    async with run_application(tmp_path, ask) as it:
        account = await it.account(name="Anna", roles=["reader"], external_id="row 7")
        tokens = (await it.log_in()).json()
        assert ask.asked == [account]
        assert (account.email, account.roles, account.external_id) == (EMAIL, ("reader",), "row 7")
        await it.services.accounts.set_roles(account.sub, ["writer"], actor="")
        tokens = (await it.refresh(tokens["refresh_token"])).json()
        assert ask.asked[1:] == [msgspec.structs.replace(account, roles=("writer",))]
        changed = await it.http.post(
            "/auth/api/v1/users/me/password",
            json={"current_password": PASSWORD, "new_password": OTHER_PASSWORD},
            headers={"authorization": f"Bearer {tokens['access_token']}"},
        )
        assert changed.status_code == 200, changed.text
        # Once before anything was changed, once for the tokens.
        assert len(ask.asked) == 4
        assert (await it.get("/guarded", changed.json()["access_token"])).status_code == 200


async def test_a_new_plan_is_in_the_next_token(tmp_path: Path) -> None:
    plans = ["free"]
    async with run_application(tmp_path, lambda _: Claims("acme", plans[-1]), claims_type=Claims) as it:
        tokens = await it.tokens()
        plans.append("pro")
        old = await it.get("/guarded", tokens["access_token"])
        tokens = (await it.refresh(tokens["refresh_token"])).json()
        new = await it.get("/guarded", tokens["access_token"])
    assert old.json()["claims"] == {"tenant": "acme", "plan": "free"}
    assert new.json()["claims"] == {"tenant": "acme", "plan": "pro"}


@pytest.mark.parametrize("name", sorted(RESERVED))
async def test_a_claim_of_ours_cannot_be_set(tmp_path: Path, name: str, caplog: Any) -> None:
    async with run_application(tmp_path, lambda _: {"tenant": "acme", name: "x"}) as it:
        await it.account()
        before = dump(tmp_path / "tokenward.db")["sessions"]
        answer = await it.log_in()
        assert (answer.status_code, answer.json()["code"]) == (500, "server_error")
        assert dump(tmp_path / "tokenward.db")["sessions"] == before == []
    assert f"not the application's to set: {name}" in caplog.text


class WithAllOfOurs(msgspec.Struct):
    """What a type may name beside its own, since it reads the whole token."""

    sub: str
    roles: tuple[str, ...]
    iat: int
    tenant: str


async def test_the_type_may_read_claims_of_ours_as_well(tmp_path: Path) -> None:
    async with run_application(tmp_path, lambda _: {"tenant": "a"}, claims_type=WithAllOfOurs) as it:
        tokens = await it.tokens(roles=["reader"])
        principal = await it.auth.verify(tokens["access_token"])
        assert (principal.claims.sub, principal.claims.roles) == (principal.sub, ("reader",))


SELF: list[Any] = []
SELF.append(SELF)


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        (None, "a NoneType is no object"),
        ("text", "a str is no object"),
        ([], "a list is no object"),
        (object(), "a object is no JSON"),
        (SimpleNamespace(tenant="acme"), "a SimpleNamespace is no JSON"),
        ({"tenant": SELF}, "a dict is no JSON"),
        ({"tenant": "x" * 4096}, "more than 4096"),
        ({"tenant": 2**63}, "is no object (claims_"),
        ({"tenant": "\ud800"}, "a dict is no JSON"),
        ({"other": "acme"}, "not as claims_type says: claim_missing $.tenant"),
        ({"tenant": 1}, "not as claims_type says: claim_shape"),
        (ValueError("a secret"), "claims: ValueError in __call__:"),
        (TimeoutError("a secret"), "claims: TimeoutError in __call__:"),
    ],
)
async def test_a_function_that_fails_leaves_nothing_behind_and_loses_nothing(
    tmp_path: Path, answer: Any, said: str, caplog: pytest.LogCaptureFixture
) -> None:
    ask = Object()
    ask.answers = [{"tenant": "acme"}]
    async with run_application(tmp_path, ask, claims_type=Claims, login_burst=1000) as it:
        tokens = await it.tokens()
        ask.answers.append(answer)
        before = dump(tmp_path / "tokenward.db")["sessions"]
        caplog.set_level(logging.INFO, "tokenward")

        login, refresh = await it.log_in(), await it.refresh(tokens["refresh_token"])
        # Longer than a retry may take: the token was never exchanged, so it is no copy.
        it.clock.advance(500)
        later = await it.refresh(tokens["refresh_token"])

        for refused in (login, refresh, later):
            assert (refused.status_code, refused.json()["code"]) == (500, "server_error")
        assert dump(tmp_path / "tokenward.db")["sessions"] == before
        told = [record for record in caplog.records if said in record.getMessage()]
        assert len(told) == 3
        assert {record.levelname for record in told} == {"ERROR"}
        assert "a secret" not in caplog.text
        ask.answers.append({"tenant": "acme"})
        assert (await it.refresh(tokens["refresh_token"])).status_code == 200


async def test_a_change_of_password_that_has_no_claims_to_issue_changes_nothing(tmp_path: Path) -> None:
    ask = Object()
    ask.answers = [{}]
    async with run_application(tmp_path, ask) as it:
        tokens = await it.tokens()
        ask.answers.append(ValueError())
        answer = await it.http.post(
            "/auth/api/v1/users/me/password",
            json={"current_password": PASSWORD, "new_password": OTHER_PASSWORD},
            headers={"authorization": f"Bearer {tokens['access_token']}"},
        )
        assert answer.status_code == 500
        ask.answers.append({})
        assert (await it.get("/guarded", tokens["access_token"])).status_code == 200
        assert (await it.log_in()).status_code == 200


@pytest.mark.parametrize("kind", ["coroutine", "thread"])
async def test_a_function_that_takes_the_next_of_nothing_fails_at_once(
    tmp_path: Path, kind: str, caplog: pytest.LogCaptureFixture
) -> None:
    def in_thread(_: Account) -> Any:
        return next(iter(()))

    async def on_loop(account: Account) -> Any:
        return in_thread(account)

    async with run_application(tmp_path, in_thread if kind == "thread" else on_loop) as it:
        await it.account()
        assert (await it.log_in()).json()["code"] == "server_error"
    assert "claims: RuntimeError in " in caplog.text
    assert "took longer than" not in caplog.text


async def test_a_function_that_waits_for_a_cancelled_task_is_answered_as_one_that_fails(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    async def wait(_: Account) -> Any:
        task = asyncio.create_task(asyncio.sleep(60))
        task.cancel()
        await task

    async with run_application(tmp_path, wait) as it:
        await it.account()
        assert (await it.log_in()).json()["code"] == "server_error"
    assert "claims: CancelledError" in caplog.text


async def test_a_request_that_is_cancelled_while_the_function_runs_ends(tmp_path: Path) -> None:
    entered = asyncio.Event()

    async def wait(_: Account) -> Any:
        entered.set()
        await asyncio.Event().wait()

    async with run_application(tmp_path, wait) as it:
        await it.account()
        login = asyncio.create_task(it.log_in())
        await entered.wait()
        login.cancel()
        with pytest.raises(asyncio.CancelledError):
            await login


async def test_a_function_that_never_ends_is_given_up(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    async def wait(_: Account) -> Any:
        await asyncio.Event().wait()

    monkeypatch.setattr(application_claims, "LONGEST_SECONDS", 0.05)
    async with run_application(tmp_path, wait) as it:
        await it.account()
        assert (await it.log_in()).status_code == 500
    assert "took longer than" in caplog.text


@pytest.mark.parametrize("kind", ["coroutine", "thread"])
async def test_a_slow_function_holds_up_nobody_else(tmp_path: Path, kind: str) -> None:
    import threading

    entered, go_on = asyncio.Event(), threading.Event()
    loop = asyncio.get_running_loop()

    def in_thread(account: Account) -> dict[str, str]:
        if account.username == "slow":
            loop.call_soon_threadsafe(entered.set)
            assert go_on.wait(10)
        return {}

    async def on_loop(account: Account) -> dict[str, str]:
        if account.username == "slow":
            entered.set()
            await asyncio.to_thread(go_on.wait, 10)
        return {}

    async with run_application(tmp_path, in_thread if kind == "thread" else on_loop) as it:
        await it.account(username="slow")
        await it.account("other@example.com", username="quick")
        slow = asyncio.create_task(it.log_in())
        await entered.wait()
        assert not slow.done()
        tokens = (await it.log_in("other@example.com")).json()
        assert (await it.refresh(tokens["refresh_token"])).status_code == 200
        assert (await it.get("/guarded", tokens["access_token"])).status_code == 200
        await it.auth.link_account((await it.auth.verify(tokens["access_token"])).sub, "row 7")
        go_on.set()
        assert (await slow).status_code == 200


async def test_a_role_taken_away_while_the_function_runs_is_not_in_a_good_token(tmp_path: Path) -> None:
    """The function saw the old role. The record of the change must refuse what it answered."""
    took = []

    async def rights(account: Account) -> dict[str, Any]:
        if "editor" in account.roles:
            # Just after the account was read, and before anything is issued.
            took.append(await it.services.accounts.set_roles(account.sub, [], actor=""))
        return {"may_edit": "editor" in account.roles}

    async with run_application(tmp_path, rights) as it:
        account = await it.account(roles=["editor"])
        tokens = (await it.log_in()).json()
        assert unverified_claims(tokens["access_token"])["may_edit"] is True
        with pytest.raises(InvalidToken):
            await it.auth.verify(tokens["access_token"])
        fresh = (await it.refresh(tokens["refresh_token"])).json()["access_token"]
        assert (await it.auth.verify(fresh)).claims["may_edit"] is False

        await it.services.accounts.set_roles(account.sub, ["editor"], actor="")
        stale = (await it.refresh((await it.log_in()).json()["refresh_token"])).json()["access_token"]
        assert unverified_claims(stale)["may_edit"] is False
    assert len(took) == 2


async def test_a_token_of_before_the_claims_were_there_is_refused_until_it_is_refreshed(
    tmp_path: Path,
) -> None:
    async with run_application(tmp_path) as it:
        tokens = await it.tokens()
        clock = it.clock
    async with run_application(tmp_path, plain, claims_type=Claims, clock=clock) as it:
        assert (await it.get("/guarded", tokens["access_token"])).status_code == 401
        fresh = (await it.refresh(tokens["refresh_token"])).json()
        assert (await it.get("/guarded", fresh["access_token"])).status_code == 200


async def test_a_wrong_password_or_token_does_not_ask_the_function(tmp_path: Path) -> None:
    ask = Object()
    ask.answers = [{}]
    async with run_application(tmp_path, ask) as it:
        await it.account()
        form = {"username": EMAIL, "password": OTHER_PASSWORD}
        assert (await it.http.post("/auth/api/v1/auth/login", json=form)).status_code == 401
        assert (await it.refresh("A" * 90)).status_code == 400
    assert ask.asked == []


@pytest.mark.parametrize(
    "wrong",
    [{"claims": "no function"}, {"claims_type": int}, {"claims_type": Object}, {"claims_type": object()}],
)
def test_what_can_be_no_function_or_type_is_refused_at_once(tmp_path: Path, wrong: dict[str, Any]) -> None:
    from tests.server.building import settings

    with pytest.raises(ConfigurationError):
        create_app(settings(tmp_path), **wrong)

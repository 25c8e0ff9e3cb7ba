"""Changing the password, refreshing, signing in and erasing at the same moment: who wins, and what the losers get."""

import asyncio
from typing import Any

import pytest
from tests.server.building import OTHER_PASSWORD, PASSWORD, Answer, Server, beside, dump, sid_of, signed_in

from tokenward.server.accounts import AccountNotFound
from tokenward.server.services import Services
from tokenward.server.sessions.session_id import sid_text
from tokenward.server.sessions.sessions import Ended
from tokenward.server.storage.records import AccountRecord

ME = "/api/v1/users/me"


@pytest.fixture
async def tokens(server: Server) -> dict[str, Any]:
    return await signed_in(server)


async def change(server: Server, token: str, new: str = OTHER_PASSWORD, *, end_others: bool = True) -> Answer:
    body = {"current_password": PASSWORD, "new_password": new, "end_other_sessions": end_others}
    return await server.client.post(f"{ME}/password", json=body, token=token)


async def works(server: Server, tokens: dict[str, Any]) -> tuple[bool, bool]:
    """Whether the access token and the refresh token are accepted."""
    me = await server.client.me(tokens["access_token"])
    return me.status == 200, (await server.client.refresh(tokens["refresh_token"])).status == 200


async def test_refreshes_of_the_session_that_changes_the_password_never_end_it(
    server: Server, tokens: dict[str, Any]
) -> None:
    changed, *refreshed = await asyncio.gather(
        change(server, tokens["access_token"]),
        *(server.client.refresh(tokens["refresh_token"]) for _ in range(8)),
    )
    assert changed.status == 200, changed
    assert {answer.status for answer in refreshed} == {200}
    assert await works(server, changed.json) == (True, True)
    assert await server.events("session.reuse_detected") == []


async def test_a_refresh_just_before_the_change_is_written_is_no_obstacle(
    server: Server, tokens: dict[str, Any]
) -> None:
    refresh_token, units = tokens["refresh_token"], list[str]()
    applied = server.services.storage.apply

    async def refresh_first(unit: Any) -> Any:
        nonlocal refresh_token
        if unit.name == "change_password":
            units.append(unit.name)
            if len(units) < 3:
                refresh_token = (await server.client.refresh(refresh_token)).json["refresh_token"]
        return await applied(unit)

    server.services.storage.apply = refresh_first  # type: ignore[method-assign]
    answer = await change(server, tokens["access_token"])
    assert answer.status == 200
    assert len(units) == 3
    assert await works(server, answer.json) == (True, True)
    assert len(await server.events("account.password_changed")) == 1


@pytest.mark.parametrize("end_others", [True, False])
async def test_refreshes_of_other_sessions_end_or_go_on_as_it_was_asked(
    server: Server, tokens: dict[str, Any], end_others: bool
) -> None:
    others = [(await server.client.log_in()).json for _ in range(12)]
    outcomes = await asyncio.gather(
        *(server.client.refresh(other["refresh_token"]) for other in others[:6]),
        change(server, tokens["access_token"], end_others=end_others),
        *(server.client.refresh(other["refresh_token"]) for other in others[6:]),
    )
    changed = outcomes[6]
    assert changed.status == 200
    for other, answer in zip(others, (*outcomes[:6], *outcomes[7:]), strict=True):
        latest = answer.json if answer.status == 200 else other
        if end_others:
            assert await works(server, latest) == (False, False)
        else:
            assert answer.status == 200
            assert (await server.client.refresh(latest["refresh_token"])).status == 200
    assert await works(server, changed.json) == (True, True)
    assert await server.events("session.reuse_detected") == []


async def test_no_login_with_the_old_password_outlives_the_change(
    server: Server, tokens: dict[str, Any]
) -> None:
    outcomes = await asyncio.gather(
        *(server.client.log_in() for _ in range(4)),
        change(server, tokens["access_token"]),
        *(server.client.log_in() for _ in range(4)),
    )
    changed = outcomes[4]
    assert changed.status == 200
    for answer in (*outcomes[:4], *outcomes[5:]):
        if answer.status == 200:
            assert await works(server, answer.json) == (False, False)
        else:
            assert answer.code == "invalid_credentials"
    assert await works(server, changed.json) == (True, True)


async def test_a_login_whose_password_was_checked_before_the_change_gets_nothing(
    server: Server, tokens: dict[str, Any]
) -> None:
    checked = server.services.accounts.verify_password
    changes: list[Answer] = []

    async def check_then_change(record: AccountRecord | None, password: str) -> AccountRecord:
        account = await checked(record, password)
        if not changes:
            server.services.accounts.verify_password = checked  # type: ignore[method-assign]
            changes.append(await change(server, tokens["access_token"]))
        return account

    server.services.accounts.verify_password = check_then_change  # type: ignore[method-assign]
    answer = await server.client.log_in()
    assert [one.status for one in changes] == [200]
    assert (answer.status, answer.code) == (401, "invalid_credentials")
    assert await works(server, changes[0].json) == (True, True)


@pytest.mark.parametrize("same_session", [True, False])
async def test_of_two_changes_at_once_one_is_made(
    server: Server, tokens: dict[str, Any], same_session: bool
) -> None:
    second = tokens if same_session else (await server.client.log_in()).json
    third = "four plums under a bridge"
    answers = await asyncio.gather(
        change(server, tokens["access_token"]), change(server, second["access_token"], third)
    )
    assert sorted(answer.status for answer in answers) == [200, 401]
    (winner,) = (place for place, answer in enumerate(answers) if answer.status == 200)
    assert answers[1 - winner].code in ("invalid_credentials", "invalid_token")
    assert (await server.client.log_in((OTHER_PASSWORD, third)[winner])).status == 200
    assert (await server.client.log_in((OTHER_PASSWORD, third)[1 - winner])).status == 401
    assert await works(server, answers[winner].json) == (True, True)
    assert len(await server.events("account.password_changed")) == 1


async def test_an_account_is_erased_once_by_many_at_once(server: Server, tokens: dict[str, Any]) -> None:
    sub = tokens["user"]["id"]

    async def erase(services: Services) -> Ended | None:
        try:
            return await services.erasure.erase(sub, actor=sub)
        except AccountNotFound:
            return None

    async with beside(server) as command:
        outcomes = await asyncio.gather(*(erase(one) for one in (server.services, command) * 4))
    assert [outcome for outcome in outcomes if outcome is not None] == [
        Ended(1, (await server.records())[-1].n)
    ]
    assert len(await server.events("account.erased")) == 1
    assert len(await server.records()) == 1


async def test_nothing_survives_an_erasure_that_meets_refreshes_logins_and_changes(
    server: Server, tokens: dict[str, Any]
) -> None:
    client, access = server.client, tokens["access_token"]
    async with asyncio.TaskGroup() as group:
        erasing = group.create_task(server.services.erasure.erase(tokens["user"]["id"], actor="test"))
        outcomes = await asyncio.gather(
            *(client.refresh(tokens["refresh_token"]) for _ in range(4)),
            *(client.log_in() for _ in range(4)),
            change(server, access),
            client.request("PATCH", ME, json={"username": "anna_k"}, token=access),
            *(client.request("PATCH", ME, json={"name": f"A {number}"}, token=access) for number in range(3)),
            *(client.refresh(tokens["refresh_token"]) for _ in range(4)),
            *(client.log_in() for _ in range(4)),
        )
    assert all(answer.status < 500 for answer in outcomes)
    assert erasing.result().n == (await server.records())[-1].n
    for answer in outcomes:
        if "refresh_token" in answer.json:
            assert await works(server, answer.json) == (False, False)
    rows = dump(server.path)
    assert (rows["accounts"], rows["sessions"], rows["known_origins"]) == ([], [], [])


async def test_an_erasure_with_a_password_that_is_being_changed_leaves_the_account(
    server: Server, tokens: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whoever changes the password because somebody else knows it must not lose the account to that one."""
    accounts, changed = server.services.accounts, list[Answer]()
    verify = accounts.verify_password

    async def change_first(*arguments: Any) -> None:
        monkeypatch.undo()
        await verify(*arguments)
        changed.append(await change(server, tokens["access_token"]))

    monkeypatch.setattr(accounts, "verify_password", change_first)
    body = {"current_password": PASSWORD}
    answer = await server.client.request("DELETE", ME, json=body, token=tokens["access_token"])
    assert (answer.status, answer.code) == (401, "invalid_token")
    assert await works(server, changed[0].json) == (True, True)


async def test_a_refresh_that_was_under_way_gets_no_token_that_outlives_the_erasure(
    server: Server, tokens: dict[str, Any]
) -> None:
    applied = server.services.storage.apply

    async def erase_first(unit: Any) -> Any:
        if unit.name == "rotate":
            server.services.storage.apply = applied  # type: ignore[method-assign]
            await server.services.erasure.erase(tokens["user"]["id"], actor="test")
        return await applied(unit)

    server.services.storage.apply = erase_first  # type: ignore[method-assign]
    answer = await server.client.refresh(tokens["refresh_token"])
    assert (answer.status, answer.code) == (400, "invalid_grant")


async def test_the_others_end_once_when_two_devices_end_each_other(
    server: Server, tokens: dict[str, Any]
) -> None:
    second = (await server.client.log_in()).json
    answers = await asyncio.gather(
        *(
            server.client.request("DELETE", f"{ME}/sessions", token=one["access_token"])
            for one in (tokens, second)
        )
    )
    assert all(answer.status in (200, 401) for answer in answers)
    ended = [event.sid for event in await server.events("session.ended")]
    assert len(ended) == len(set(ended)) == sum(answer.json.get("ended_sessions", 0) for answer in answers)
    assert set(ended) <= {sid_text(sid_of(tokens)), sid_text(sid_of(second))}

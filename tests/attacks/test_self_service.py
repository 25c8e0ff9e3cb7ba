"""I25, I18 and their kin at self-service: what a copied token, an old password or a stranger gets from it."""

import asyncio
from pathlib import Path
from typing import Any

import pytest
from tests.server.building import (
    OTHER_PASSWORD,
    PASSWORD,
    Answer,
    Client,
    Server,
    dump,
    run_server,
    sid_of,
    signed_in,
)

from tokenward.server.sessions.session_id import sid_text
from tokenward.server.storage.records import AccountRecord

ME = "/api/v1/users/me"


async def change(client: Client, token: str, current: str = PASSWORD, **more: Any) -> Answer:
    body = {"current_password": current, "new_password": OTHER_PASSWORD, **more}
    return await client.post(f"{ME}/password", json=body, token=token)


async def refused(server: Server, *kept: dict[str, Any]) -> None:
    """Neither token opens anything, although neither has expired."""
    for tokens in kept:
        for method, path in (("GET", ME), ("DELETE", ME), ("GET", f"{ME}/export"), ("GET", f"{ME}/sessions")):
            answer = await server.client.request(method, path, token=tokens["access_token"])
            assert (answer.status, answer.code) == (401, "invalid_token"), (method, path)
        answer = await server.client.refresh(tokens["refresh_token"])
        assert (answer.status, answer.code) == (400, "invalid_grant")


async def test_i25_tokens_kept_from_before_a_change_of_the_password_are_refused(tmp_path: Path) -> None:
    async with run_server(tmp_path) as server:
        thief = await signed_in(server)
        owner = (await server.client.log_in()).json
        answer = await change(server.client, owner["access_token"])
        assert answer.status == 200
        await refused(server, thief)
        assert (await server.client.me(owner["access_token"])).code == "invalid_token"
        assert (await server.client.me(answer.json["access_token"])).status == 200
    # Nor do they come back with a restart.
    async with run_server(tmp_path, clock=server.clock) as server:
        await refused(server, thief)
        assert (await server.client.me(answer.json["access_token"])).status == 200


async def test_i25_an_access_token_of_a_session_that_is_kept_is_refused_all_the_same(tmp_path: Path) -> None:
    async with run_server(tmp_path) as server:
        copied = await signed_in(server)
        owner = (await server.client.log_in()).json
        await change(server.client, owner["access_token"], end_other_sessions=False)
        assert (await server.client.me(copied["access_token"])).code == "invalid_token"
        assert (await server.client.me(owner["access_token"])).code == "invalid_token"


async def test_i25_who_signs_in_with_the_old_password_while_it_is_changed_has_nothing_that_lasts(
    tmp_path: Path,
) -> None:
    async with run_server(tmp_path) as server:
        owner = await signed_in(server)
        outcomes = await asyncio.gather(
            change(server.client, owner["access_token"]),
            *(server.client.log_in() for _ in range(6)),
        )
        assert outcomes[0].status == 200
        for answer in outcomes[1:]:
            if answer.status == 200:
                await refused(server, answer.json)


async def test_i25_tokens_of_an_ended_session_and_of_an_erased_account_are_refused(tmp_path: Path) -> None:
    async with run_server(tmp_path) as server:
        first = await signed_in(server)
        second = (await server.client.log_in()).json
        third = (await server.client.log_in()).json
        path = f"{ME}/sessions/{sid_text(sid_of(first))}"
        assert (await server.client.request("DELETE", path, token=third["access_token"])).status == 200
        await refused(server, first)
        assert (
            await server.client.request("DELETE", f"{ME}/sessions", token=third["access_token"])
        ).status == 200
        await refused(server, second)
        erased = await server.client.request(
            "DELETE", ME, json={"current_password": PASSWORD}, token=third["access_token"]
        )
        assert erased.status == 200
        await refused(server, third)
    async with run_server(tmp_path, clock=server.clock) as server:
        await refused(server, first, second, third)


@pytest.mark.parametrize(
    "request_line", ["GET ", "DELETE ", "GET /export", "GET /sessions", "DELETE /sessions"]
)
async def test_i18_a_disabled_account_reads_and_ends_nothing_of_its_own(
    tmp_path: Path, request_line: str
) -> None:
    async with run_server(tmp_path) as server:
        tokens = await signed_in(server)
        await server.services.accounts.set_disabled(tokens["user"]["id"], disabled=True, actor="command-line")
        before = dump(server.path)
        method, path = request_line.split(" ")
        answer = await server.client.request(method, ME + path, token=tokens["access_token"])
        assert (answer.status, answer.code) == (401, "invalid_token")
        assert (await change(server.client, tokens["access_token"])).code == "invalid_token"
        assert dump(server.path) == before


async def test_i18_an_account_that_is_disabled_while_its_password_is_checked_changes_nothing(
    tmp_path: Path,
) -> None:
    async with run_server(tmp_path) as server:
        tokens = await signed_in(server)
        checked = server.services.accounts.verify_password

        async def check_then_disable(record: AccountRecord | None, password: str) -> AccountRecord:
            account = await checked(record, password)
            await server.services.accounts.set_disabled(account.sub, disabled=True, actor="command-line")
            return account

        server.services.accounts.verify_password = check_then_disable  # type: ignore[method-assign]
        answer = await change(server.client, tokens["access_token"])
        assert answer.status == 401
        assert await server.events("account.password_changed") == []
        assert (await server.services.accounts.get(tokens["user"]["id"])).disabled_at is not None


async def test_the_session_of_another_account_cannot_be_ended_or_told_from_none(tmp_path: Path) -> None:
    async with run_server(tmp_path) as server:
        victim = await server.start(await server.account("ben@example.com"))
        tokens = await signed_in(server)
        before = dump(server.path)
        answers = [
            await server.client.request("DELETE", f"{ME}/sessions/{sid}", token=tokens["access_token"])
            for sid in (sid_text(victim.session.sid), "AAAAAAAAAAAAAAAAAAAAAA")
        ]
        assert dump(server.path) == before
        assert [(answer.status, answer.code) for answer in answers] == [(404, "not_found")] * 2
        assert answers[0].json["detail"] == answers[1].json["detail"]
        assert (await server.state(victim.session.sid)).session.ended_at is None
        listed = await server.client.get(f"{ME}/sessions", token=tokens["access_token"])
        assert sid_text(victim.session.sid) not in listed.body.decode()


async def test_a_copied_access_token_guesses_no_faster_here_than_at_the_login(tmp_path: Path) -> None:
    async with run_server(tmp_path) as server:
        tokens = await signed_in(server)
        thief = Client(server.door, address="203.0.113.66")
        answers = [await change(thief, tokens["access_token"], f"guess {number}") for number in range(8)]
        answers += [await thief.log_in(f"guess {number}") for number in range(8, 16)]
        assert [answer.status for answer in answers].count(401) == server.services.settings.login_burst
        assert {answer.code for answer in answers} == {"invalid_credentials", "rate_limited"}
        # Guesses at once do not slip through either.
        at_once = await asyncio.gather(
            *(
                change(Client(server.door, address="203.0.112.1"), tokens["access_token"], "x")
                for _ in range(30)
            )
        )
        assert [answer.status for answer in at_once].count(401) == server.services.settings.login_burst


async def test_a_copied_access_token_gets_no_refresh_token_without_the_password(tmp_path: Path) -> None:
    async with run_server(tmp_path) as server:
        tokens = await signed_in(server)
        await server.client.log_in()
        for method, path in (("GET", ""), ("GET", "/sessions"), ("GET", "/export"), ("DELETE", "/sessions")):
            answer = await server.client.request(method, ME + path, token=tokens["access_token"])
            assert answer.status == 200
            assert "twr_" not in answer.body.decode()
        assert "twr_" not in (await change(server.client, tokens["access_token"], "wrong")).body.decode()

"""`POST /api/v1/users/me/password`."""

from typing import Any

import pytest
from tests.server.building import (
    ELSEWHERE,
    EMAIL,
    OTHER_PASSWORD,
    PASSWORD,
    Answer,
    Client,
    Server,
    dump,
    sid_of,
    signed_in,
)

from tokenward.jose.jwt import unverified_claims
from tokenward.server.sessions.session_id import sid_text
from tokenward.server.storage.records import AccountRecord

PATH = "/api/v1/users/me/password"


@pytest.fixture
async def tokens(server: Server) -> dict[str, Any]:
    return await signed_in(server)


async def change(
    client: Client, token: str, current: str = PASSWORD, new: str = OTHER_PASSWORD, **more: Any
) -> Answer:
    body = {"current_password": current, "new_password": new, **more}
    return await client.post(PATH, json=body, token=token)


async def test_the_password_is_another_and_the_session_goes_on_with_fresh_tokens(
    server: Server, tokens: dict[str, Any]
) -> None:
    client = server.client
    server.clock.advance(5)
    answer = await change(client, tokens["access_token"])
    (record,) = await server.records()
    assert answer.status == 200
    tokens_and_receipt = {"token_type", "expires_in", "scope", "ended_sessions", "revoked_from"}
    assert answer.json.keys() == {"access_token", "refresh_token"} | tokens_and_receipt
    assert (answer.json["ended_sessions"], answer.json["revoked_from"]) == (0, record.n)
    assert (record.scope, record.value, record.reason) == (
        "subject",
        tokens["user"]["id"],
        "password_changed",
    )
    claims = unverified_claims(answer.json["access_token"])
    assert (claims["sid"], claims["rsq"]) == (sid_text(sid_of(tokens)), record.n)
    assert (await client.me(answer.json["access_token"])).status == 200
    assert (await client.me(tokens["access_token"])).code == "invalid_token"
    refreshed = await client.refresh(answer.json["refresh_token"])
    assert refreshed.status == 200
    assert (await client.me(refreshed.json["access_token"])).status == 200
    assert (await client.log_in(PASSWORD)).code == "invalid_credentials"
    assert (await client.log_in(OTHER_PASSWORD)).status == 200
    (event,) = await server.events("account.password_changed")
    assert (event.actor, event.subject) == (tokens["user"]["id"],) * 2
    assert (event.sid, event.detail) == (claims["sid"], '{"other_sessions":"ended"}')


async def test_the_other_sessions_end(server: Server, tokens: dict[str, Any]) -> None:
    others = [(await server.client.log_in()).json for _ in range(3)]
    answer = await change(server.client, tokens["access_token"])
    assert answer.json["ended_sessions"] == 3
    for other in others:
        assert (await server.client.me(other["access_token"])).code == "invalid_token"
        assert (await server.client.refresh(other["refresh_token"])).code == "invalid_grant"
        assert (await server.state(sid_of(other))).session.ended_at is not None


async def test_the_other_sessions_go_on_when_that_is_asked_for(
    server: Server, tokens: dict[str, Any]
) -> None:
    other = (await server.client.log_in()).json
    gone = (await server.client.log_in()).json
    await server.client.post("/api/v1/auth/logout", token=gone["access_token"])
    answer = await change(server.client, tokens["access_token"], end_other_sessions=False)
    assert (answer.status, answer.json["ended_sessions"]) == (200, 0)
    # A copy of their access tokens may be a reason for the change, so those are refused all the same.
    assert (await server.client.me(other["access_token"])).code == "invalid_token"
    refreshed = await server.client.refresh(other["refresh_token"])
    assert (await server.client.me(refreshed.json["access_token"])).status == 200
    assert (await server.client.refresh(gone["refresh_token"])).code == "invalid_grant"


@pytest.mark.parametrize("seconds", [0, 5, 61])
async def test_a_copy_of_the_old_refresh_token_is_no_retry_and_is_found_out(
    server: Server, tokens: dict[str, Any], seconds: int
) -> None:
    """A thief who copied it before must not get the successor, in the first minute after the change either."""
    answer = await change(server.client, tokens["access_token"])
    server.clock.advance(seconds)
    assert (await server.client.refresh(tokens["refresh_token"])).code == "invalid_grant"
    assert len(await server.events("session.reuse_detected")) == 1
    assert (await server.client.refresh(answer.json["refresh_token"])).code == "invalid_grant"


async def test_the_session_outlives_its_first_idle_end_after_a_change(
    server: Server, tokens: dict[str, Any]
) -> None:
    idle = server.services.settings.refresh_idle_seconds
    server.clock.advance(800)
    answer = await change(server.client, tokens["access_token"])
    server.clock.advance(idle - 1)
    assert (await server.client.refresh(answer.json["refresh_token"])).status == 200


@pytest.mark.parametrize("current", ["wrong", "", OTHER_PASSWORD, "x" * 1000])
async def test_a_wrong_current_password_changes_nothing_and_is_written_down(
    server: Server, tokens: dict[str, Any], current: str
) -> None:
    before = dump(server.path)
    answer = await change(server.client, tokens["access_token"], current)
    assert (answer.status, answer.code) == (401, "invalid_credentials")
    after = dump(server.path)
    assert {table for table in before if before[table] != after[table]} <= {
        "audit",
        "buckets",
        "sqlite_sequence",
    }
    (event,) = await server.events("account.password_check_failed")
    assert (event.subject, event.sid) == (tokens["user"]["id"], sid_text(sid_of(tokens)))
    assert (await server.client.me(tokens["access_token"])).status == 200


@pytest.mark.parametrize(
    ("body", "status", "code"),
    [
        ({"new_password": "short"}, 400, "weak_password"),
        ({"new_password": "anna.kern@example.com"}, 400, "weak_password"),
        ({"new_password": None}, 400, "invalid_request"),
        ({"end_other_sessions": 1}, 400, "invalid_request"),
        ({"end_other_sessions": "false"}, 400, "invalid_request"),
        ({"password": "x"}, 400, "unknown_member"),
    ],
)
async def test_a_change_that_cannot_be_changes_nothing(
    server: Server, tokens: dict[str, Any], body: dict[str, object], status: int, code: str
) -> None:
    before = dump(server.path)
    whole = {"current_password": PASSWORD, "new_password": OTHER_PASSWORD} | body
    answer = await server.client.post(PATH, json=whole, token=tokens["access_token"])
    assert (answer.status, answer.code) == (status, code)
    assert dump(server.path) == before


async def test_guessing_the_current_password_is_throttled_like_a_login(
    server: Server, tokens: dict[str, Any]
) -> None:
    burst = server.services.settings.login_burst
    for _ in range(burst):
        assert (await change(server.client, tokens["access_token"], "wrong")).code == "invalid_credentials"
    # Not even the right one is looked at, here as at the login.
    answer = await change(server.client, tokens["access_token"])
    assert (answer.status, answer.code) == (429, "rate_limited")
    assert int(answer.header("retry-after") or "") >= 1
    assert (await server.client.log_in()).code == "rate_limited"
    # Somebody with a copied token in another network does not keep the owner from changing the password.
    server.clock.advance(server.services.settings.login_refill_seconds)
    assert (await change(server.client, tokens["access_token"])).status == 200


async def test_the_log_of_changes_cannot_be_filled(server: Server, tokens: dict[str, Any]) -> None:
    token, changed = tokens["access_token"], 0
    current, new = PASSWORD, OTHER_PASSWORD
    for _ in range(32):
        answer = await change(server.client, token, current, new)
        if answer.status == 429:
            break
        token, changed = answer.json["access_token"], changed + 1
        current, new = new, current
    assert changed == len(await server.events("account.password_changed")) == 30
    assert (await server.client.me(token)).status == 200
    server.clock.advance(60)
    assert (await change(server.client, token, current, new)).status == 200


async def test_a_change_of_the_profile_is_throttled_and_does_not_use_up_that_of_the_password(
    server: Server, tokens: dict[str, Any]
) -> None:
    async def rename(number: int) -> Answer:
        body = {"name": f"Anna {number}"}
        return await server.client.request(
            "PATCH", "/api/v1/users/me", json=body, token=tokens["access_token"]
        )

    assert {(await rename(number)).status for number in range(30)} == {200}
    before = dump(server.path)
    refused = await rename(30)
    assert (refused.status, refused.code) == (429, "rate_limited")
    assert dump(server.path) == before
    assert (await change(server.client, tokens["access_token"])).status == 200
    server.clock.advance(60)
    fresh = (await server.client.log_in(OTHER_PASSWORD)).json
    tokens["access_token"] = fresh["access_token"]
    assert (await rename(31)).status == 200
    assert (await rename(32)).status == 429


async def test_a_session_that_ended_while_the_password_was_checked_gets_nothing(
    server: Server, tokens: dict[str, Any]
) -> None:
    other = (await server.client.log_in()).json
    sid = sid_text(sid_of(tokens))
    checked = server.services.accounts.verify_password

    async def end_and_check(record: AccountRecord | None, password: str) -> AccountRecord:
        await server.client.request("DELETE", f"/api/v1/users/me/sessions/{sid}", token=other["access_token"])
        return await checked(record, password)

    server.services.accounts.verify_password = end_and_check  # type: ignore[method-assign]
    answer = await change(server.client, tokens["access_token"])
    assert (answer.status, answer.code) == (401, "invalid_token")
    server.services.accounts.verify_password = checked  # type: ignore[method-assign]
    assert (await server.client.log_in(PASSWORD)).status == 200


async def test_an_account_with_a_user_name_alone_changes_its_password(server: Server) -> None:
    await server.services.accounts.create(username="ada", password=PASSWORD, actor="")
    tokens = (await server.client.log_in(PASSWORD, "ada")).json
    assert (await change(server.client, tokens["access_token"])).status == 200
    assert (await server.client.log_in(OTHER_PASSWORD, "ADA")).status == 200


async def test_the_network_of_the_change_is_sealed_in_the_audit_row(
    server: Server, tokens: dict[str, Any]
) -> None:
    away = Client(server.door, address="203.0.113.5", agent=ELSEWHERE.agent)
    await change(away, tokens["access_token"])
    (event,) = await server.events("account.password_changed")
    account = await server.services.accounts.find_by_login(EMAIL)
    assert account is not None
    assert event.personal_wrapped is not None
    assert b"203.0.113" not in event.personal_wrapped
    opened = server.services.audit.personal(event, account.personal_key_wrapped)
    assert opened == {"network": ELSEWHERE.network, "agent": ELSEWHERE.agent}

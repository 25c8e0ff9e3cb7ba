"""What administrators revoke, and what they read of who did what."""

from typing import Any

import pytest
from tests.server.building import AUDIENCE, EMAIL, PASSWORD, Server, dump, sid_of, signed_in
from tests.server.endpoints.admins import ADMIN_EMAIL, Admin, sign_in_admin, token_of

from tokenward.jose.jwt import unverified_claims
from tokenward.server.sessions.session_id import sid_text


@pytest.fixture
async def admin(server: Server) -> Admin:
    return await sign_in_admin(server)


async def revoke(admin: Admin, scope: str, value: str = "") -> Any:
    body = {"scope": scope, "value": value} if value else {"scope": scope}
    return await admin.ask("POST", "revocations", json=body)


async def test_one_token_is_revoked_and_its_session_goes_on(server: Server, admin: Admin) -> None:
    tokens = await signed_in(server)
    jti = str(unverified_claims(tokens["access_token"])["jti"])
    answer = await revoke(admin, "token", jti)
    assert answer.json == {"scope": "token", "value": jti, "revoked_from": (await server.records())[-1].n}
    assert (await server.client.me(tokens["access_token"])).status == 401
    assert (await server.client.refresh(tokens["refresh_token"])).status == 200


@pytest.mark.parametrize("scope", ["session", "subject"])
async def test_a_session_or_all_of_an_account_is_revoked(server: Server, admin: Admin, scope: str) -> None:
    tokens = await signed_in(server)
    value = sid_text(sid_of(tokens)) if scope == "session" else tokens["user"]["id"]
    assert (await revoke(admin, scope, value)).status == 200
    assert (await server.client.me(tokens["access_token"])).status == 401
    assert (await server.client.refresh(tokens["refresh_token"])).code == "invalid_grant"
    assert (await admin.get("revocations")).status == 200


@pytest.mark.parametrize(("scope", "value"), [("client", "first-party"), ("all", "")])
async def test_a_client_or_everything_is_revoked_and_everybody_signs_in_again(
    server: Server, admin: Admin, scope: str, value: str
) -> None:
    tokens = await signed_in(server)
    assert (await revoke(admin, scope, value)).status == 200
    assert (await server.client.me(tokens["access_token"])).status == 401
    assert (await server.client.refresh(tokens["refresh_token"])).code == "invalid_grant"
    # Who revoked it as well.
    assert (await admin.get("revocations")).status == 401
    assert (await server.client.me(await token_of(server))).status == 200


async def test_an_audience_is_revoked_and_sessions_go_on(server: Server, admin: Admin) -> None:
    tokens = await signed_in(server)
    assert (await revoke(admin, "audience", AUDIENCE)).status == 200
    assert (await server.client.me(tokens["access_token"])).status == 401
    again = (await server.client.refresh(tokens["refresh_token"])).json
    assert (await server.client.me(again["access_token"])).status == 200


@pytest.mark.parametrize(
    ("body", "status", "code"),
    [
        ({"scope": "token", "value": "a.b.c"}, 400, "invalid_request"),
        ({"scope": "token"}, 400, "invalid_request"),
        ({"scope": "session", "value": "x"}, 400, "invalid_request"),
        ({"scope": "session", "value": "A" * 22}, 404, "not_found"),
        ({"scope": "subject", "value": EMAIL}, 400, "invalid_request"),
        ({"scope": "subject", "value": "usr_" + "A" * 22}, 404, "not_found"),
        ({"scope": "client", "value": "nobody"}, 404, "not_found"),
        ({"scope": "client", "value": "two words"}, 400, "invalid_request"),
        ({"scope": "audience", "value": "a\n"}, 400, "invalid_request"),
        ({"scope": "all", "value": "x"}, 400, "invalid_request"),
        ({"scope": "key", "value": "x"}, 400, "invalid_request"),
        ({"scope": "grant", "value": "x y"}, 400, "invalid_request"),
        ({"scope": "all", "reason": "Anna left us"}, 400, "invalid_request"),
        ({"scope": "all", "audience": "x"}, 400, "unknown_member"),
        ({}, 400, "invalid_request"),
    ],
)
async def test_a_revocation_that_makes_no_sense_changes_nothing(
    server: Server, admin: Admin, body: object, status: int, code: str
) -> None:
    before = dump(server.path)
    answer = await admin.ask("POST", "revocations", json=body)
    assert (answer.status, answer.code) == (status, code)
    assert dump(server.path) == before


async def test_a_token_that_is_pasted_in_place_of_its_jti_is_kept_nowhere(
    server: Server, admin: Admin
) -> None:
    tokens = await signed_in(server)
    for scope in ("token", "session", "subject"):
        answer = await revoke(admin, scope, tokens["access_token"])
        assert (answer.status, answer.code) == (400, "invalid_request")
        assert tokens["access_token"] not in answer.body.decode()
    assert tokens["access_token"] not in server.log_text
    assert await server.records() == []


async def test_what_is_in_force_is_listed_until_it_can_match_nothing(server: Server, admin: Admin) -> None:
    for number in range(5):
        await revoke(admin, "token", f"{number}" * 22)
    items = await admin.items("revocations")
    assert [item["value"][0] for item in items] == ["4", "3", "2", "1", "0"]
    assert items[0].keys() == {"n", "scope", "value", "drop_after", "reason", "revoked_at"}
    assert (items[0]["reason"], items[0]["revoked_at"]) == ("administrator", int(server.clock.now()))
    pages = await admin.pages("revocations", 2)
    assert [len(page) for page in pages] == [2, 2, 1]
    assert [item for page in pages for item in page] == items
    server.clock.advance(items[0]["drop_after"] - int(server.clock.now()) + 1)
    admin.token = await token_of(server, ADMIN_EMAIL)
    assert await admin.items("revocations") == []


async def test_the_audit_trail_tells_who_did_what_the_newest_first(server: Server, admin: Admin) -> None:
    server.clock.advance(10)
    answer = await admin.ask("POST", "accounts", json={"email": EMAIL, "password": PASSWORD})
    (event, *_) = await admin.items("audit")
    assert event == {
        "id": event["id"],
        "at": int(server.clock.now()),
        "event": "account.created",
        "actor": admin.account.sub,
        "subject": answer.json["id"],
        "session": "",
        "request_id": answer.header("x-request-id"),
        "detail": {"roles": []},
        "personal": {"email": EMAIL},
    }
    assert isinstance(event["id"], str)


async def test_the_audit_trail_is_narrowed_by_each_filter_and_by_all_together(
    server: Server, admin: Admin
) -> None:
    start = int(server.clock.now())
    account = admin.account
    for number in range(3):
        server.clock.advance(10)
        account = await server.account(f"person{number}@example.com")
        await admin.ask("POST", f"accounts/{account.sub}/disable")
        await admin.ask("POST", f"accounts/{account.sub}/enable")

    async def events(query: str) -> list[tuple[str, int]]:
        return [(item["event"], item["at"] - start) for item in await admin.items("audit", query)]

    sub = admin.account.sub
    assert await events("event=account.disabled") == [("account.disabled", at) for at in (30, 20, 10)]
    assert await events(f"subject={account.sub}") == [
        ("account.enabled", 30),
        ("account.disabled", 30),
        ("account.created", 30),
    ]
    assert len(await events(f"actor={sub}")) == 8  # Its own account and sign-in are among them.
    both = f"actor={sub}&event=account.enabled"
    assert await events(both) == [("account.enabled", at) for at in (30, 20, 10)]
    assert await events(f"{both}&since={start + 20}") == [("account.enabled", 30), ("account.enabled", 20)]
    assert await events(f"{both}&until={start + 20}") == [("account.enabled", 10)]
    assert await events(f"{both}&since={start + 11}&until={start + 30}") == [("account.enabled", 20)]
    assert await events(f"{both}&subject={account.sub}") == [("account.enabled", 30)]
    assert await events("event=no.such_thing") == []
    everything = await admin.items("audit", f"since={start}")
    for limit in (1, 4):
        pages = await admin.pages("audit", limit, f"since={start}")
        assert [item for page in pages for item in page] == everything


@pytest.mark.parametrize(
    "query",
    [
        *("since=yesterday", "since=-1", "until=1e9", "until=", "since=" + "9" * 30, "since=1&since=2"),
        *("event=", "event=a%00", "actor=a%20b", "subject=" + "a" * 65, "event=%C3%A4", "type=x"),
    ],
)
async def test_a_filter_that_makes_no_sense_is_refused(admin: Admin, query: str) -> None:
    answer = await admin.get("audit", query)
    assert (answer.status, answer.code) == (400, "invalid_request")

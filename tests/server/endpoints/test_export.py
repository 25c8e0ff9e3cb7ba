"""`GET /api/v1/users/me/export`: all that is kept about a person."""

from typing import Any

import pytest
from tests.server.building import EMAIL, Client, Server, dump, sid_of, signed_in

from tokenward.server.audit import COMMAND_LINE
from tokenward.server.sessions.session_id import sid_text

EXPORT = "/api/v1/users/me/export"


@pytest.fixture
async def tokens(server: Server) -> dict[str, Any]:
    return await signed_in(server)


async def export(client: Client, token: str, limit: int = 200) -> list[dict[str, Any]]:
    """All pages."""
    items: list[dict[str, Any]] = []
    query = f"limit={limit}"
    while True:
        answer = await client.get(EXPORT, token=token, query=query.encode())
        assert answer.status == 200, answer
        assert len(answer.json["items"]) <= limit
        items += answer.json["items"]
        if answer.json["next_cursor"] is None:
            return items
        query = f"limit={limit}&cursor={answer.json['next_cursor']}"


async def test_a_person_gets_the_account_every_session_and_every_event_with_personal_data_opened(
    server: Server, tokens: dict[str, Any]
) -> None:
    client = server.client
    ended = (await client.log_in()).json
    await client.post("/api/v1/auth/logout", token=ended["access_token"])
    await client.log_in("wrong")
    await client.request("PATCH", "/api/v1/users/me", json={"name": "Anna"}, token=tokens["access_token"])
    items = await export(client, tokens["access_token"])
    kinds = [item["kind"] for item in items]
    assert kinds == ["account", *["session"] * 2, *["event"] * 6]
    me = (await client.me(tokens["access_token"])).json
    known = [int(server.clock.now())]
    more = {"external_id": None, "has_password": True, "known_networks": known}
    assert items[0] == {"kind": "account", **me, **more}
    sessions = {item["id"]: item for item in items[1:3]}
    assert sessions.keys() == {sid_text(sid_of(tokens)), sid_text(sid_of(ended))}
    assert sessions[sid_text(sid_of(ended))]["ended_at"] == int(server.clock.now())
    own = sessions[sid_text(sid_of(tokens))]
    assert (own["ended_at"], own["amr"], own["network"]) == (None, ["pwd"], "192.0.2.0/24")
    events = items[3:]
    assert [event["event"] for event in events] == [
        "account.created",
        "session.started",
        "session.started",
        "session.ended",
        "login.failed",
        "account.profile_changed",
    ]
    assert events[0]["personal"] == {"email": EMAIL}
    assert events[4]["personal"] == {"network": "192.0.2.0/24", "agent": client.agent}
    assert events[4]["detail"] == {"reason": "wrong password"}
    assert events[5]["personal"] == {"email": EMAIL, "name": "Anna"}
    assert {event["actor"] for event in events} == {tokens["user"]["id"], "anonymous"}


@pytest.mark.parametrize("limit", [1, 2, 3, 4, 5, 7])
async def test_pages_of_any_size_hold_the_same(server: Server, tokens: dict[str, Any], limit: int) -> None:
    for _ in range(3):
        await server.client.log_in()
        await server.client.log_in("wrong")
    whole = await export(server.client, tokens["access_token"])
    assert len(whole) == 1 + 4 + 8
    assert await export(server.client, tokens["access_token"], limit) == whole


async def test_an_account_with_nothing_but_a_session_is_one_page(
    server: Server, tokens: dict[str, Any]
) -> None:
    answer = await server.client.get(EXPORT, token=tokens["access_token"])
    assert [item["kind"] for item in answer.json["items"]] == ["account", "session", "event", "event"]
    assert answer.json["next_cursor"] is None


async def test_no_secret_and_nothing_of_others_is_in_it(server: Server, tokens: dict[str, Any]) -> None:
    ben = await server.account("ben@example.com")
    await server.start(ben)
    admin = await server.account("root@example.com")
    await server.services.accounts.set_roles(tokens["user"]["id"], ["reader"], actor=admin.sub)
    await server.services.accounts.set_roles(tokens["user"]["id"], [], actor=COMMAND_LINE)
    fresh = (await server.client.log_in()).json
    answer = await server.client.get(EXPORT, token=fresh["access_token"])
    account = await server.services.accounts.get(tokens["user"]["id"])
    assert account.password_hash is not None
    text = answer.body.decode()
    for foreign in ("ben@", "root@", ben.sub, admin.sub, "argon2", account.password_hash):
        assert foreign not in text
    session = (await server.state(sid_of(fresh))).session
    assert session.salt.hex() not in text
    actors = [item["actor"] for item in answer.json["items"] if item.get("event") == "account.roles_changed"]
    assert actors == ["another account", COMMAND_LINE]


async def test_reading_it_writes_nothing(server: Server, tokens: dict[str, Any]) -> None:
    before = dump(server.path)
    await export(server.client, tokens["access_token"])
    assert dump(server.path) == before


@pytest.mark.parametrize(
    "query",
    [
        b"limit=0",
        b"limit=201",
        b"cursor=x",
        b"cursor=e.",
        b"cursor=e.-1",
        b"cursor=e.9999999999999999999",
        b"cursor=s.*",
    ],
)
async def test_a_page_that_cannot_be_is_refused(server: Server, tokens: dict[str, Any], query: bytes) -> None:
    answer = await server.client.get(EXPORT, token=tokens["access_token"], query=query)
    assert (answer.status, answer.code) == (400, "invalid_request")


async def test_nobody_gets_it_without_a_token(client: Client) -> None:
    answer = await client.get(EXPORT)
    assert (answer.status, answer.code) == (401, "missing_token")

"""`/api/v1/users/me/sessions`."""

from typing import Any

import pytest
from tests.server.building import EMAIL, PASSWORD, Client, Server, dump, sid_of, signed_in

from tokenward.server.sessions.session_id import sid_text

SESSIONS = "/api/v1/users/me/sessions"
FIREFOX = "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0"


@pytest.fixture
async def tokens(server: Server) -> dict[str, Any]:
    return await signed_in(server)


async def listed(client: Client, token: str, query: bytes = b"") -> list[dict[str, Any]]:
    answer = await client.get(SESSIONS, token=token, query=query)
    assert answer.status == 200, answer
    assert answer.json.keys() == {"items", "next_cursor"}
    items: list[dict[str, Any]] = answer.json["items"]
    return items


async def elsewhere(server: Server) -> dict[str, Any]:
    """The same account, signed in on a laptop in another network."""
    laptop = Client(server.door, address="198.51.100.9", agent=FIREFOX)
    answer = await laptop.log_in()
    assert answer.status == 200
    return answer.json


async def test_each_session_is_shown_with_its_device_network_and_last_use(
    server: Server, tokens: dict[str, Any]
) -> None:
    at_first = int(server.clock.now())
    server.clock.advance(60)
    laptop = await elsewhere(server)
    server.clock.advance(60)
    refreshed = (await server.client.refresh(tokens["refresh_token"])).json
    items = {item["id"]: item for item in await listed(server.client, refreshed["access_token"])}
    own, other = items[sid_text(sid_of(tokens))], items[sid_text(sid_of(laptop))]
    assert len(items) == 2
    assert own == {
        "id": sid_text(sid_of(tokens)),
        "client_id": "first-party",
        "device": "Firefox on Linux",
        "agent": "Firefox on Linux",
        "network": "192.0.2.0/24",
        "created_at": at_first,
        "last_used_at": at_first + 120,
        "expires_at": at_first + 120 + server.services.settings.refresh_idle_seconds,
        "current": True,
    }
    assert (other["current"], other["device"], other["agent"]) == (False, "Firefox on Linux", FIREFOX)
    assert (other["network"], other["last_used_at"]) == ("198.51.100.0/24", at_first + 60)


async def test_sessions_come_in_pages_and_each_once(server: Server, tokens: dict[str, Any]) -> None:
    for _ in range(4):
        await server.client.log_in()
    token, seen, sizes = tokens["access_token"], list[str](), []
    cursor: str | None = ""
    while cursor is not None:
        query = "limit=2" + (f"&cursor={cursor}" if cursor else "")
        page = (await server.client.get(SESSIONS, token=token, query=query.encode())).json
        sizes.append(len(page["items"]))
        seen += [item["id"] for item in page["items"]]
        cursor = page["next_cursor"]
    assert sizes == [2, 2, 1]
    assert len(seen) == len(set(seen)) == 5
    assert set(seen) == {item["id"] for item in await listed(server.client, token)}


@pytest.mark.parametrize(
    "query",
    [
        b"limit=0",
        b"limit=201",
        b"limit=-1",
        b"limit=+1",
        b"limit=1_0",
        b"limit=",
        "limit=१".encode(),
        b"limit=1&limit=2",
        b"limit",
        b"cursor=*",
        b"cursor=%FF",
        b"offset=1",
        b"&".join([b"a=1"] * 30),
    ],
)
async def test_a_page_that_cannot_be_is_refused(server: Server, tokens: dict[str, Any], query: bytes) -> None:
    answer = await server.client.get(SESSIONS, token=tokens["access_token"], query=query)
    assert (answer.status, answer.code) == (400, "invalid_request")


async def test_ended_and_expired_sessions_and_those_of_others_are_not_listed(
    server: Server, tokens: dict[str, Any]
) -> None:
    ended = await elsewhere(server)
    await server.client.post("/api/v1/auth/logout", token=ended["access_token"])
    await server.start(await server.account("ben@example.com"))
    server.clock.advance(server.services.settings.refresh_idle_seconds)
    fresh = (await server.client.log_in()).json
    items = await listed(server.client, fresh["access_token"])
    assert [item["id"] for item in items] == [sid_text(sid_of(fresh))]


async def test_a_session_is_ended_and_its_tokens_are_refused_at_once(
    server: Server, tokens: dict[str, Any]
) -> None:
    laptop = await elsewhere(server)
    path = f"{SESSIONS}/{sid_text(sid_of(laptop))}"
    answer = await server.client.request("DELETE", path, token=tokens["access_token"])
    (record,) = await server.records()
    assert (answer.status, answer.json) == (200, {"ended_sessions": 1, "revoked_from": record.n})
    assert (record.scope, record.value) == ("session", sid_text(sid_of(laptop)))
    assert (await server.client.me(laptop["access_token"])).code == "invalid_token"
    assert (await server.client.refresh(laptop["refresh_token"])).code == "invalid_grant"
    assert (await server.client.me(tokens["access_token"])).status == 200
    (event,) = await server.events("session.ended")
    assert (event.actor, event.sid, event.detail) == (event.subject, record.value, '{"reason":"ended"}')
    again = await server.client.request("DELETE", path, token=tokens["access_token"])
    assert (again.status, again.code) == (404, "not_found")


async def test_the_current_session_can_be_ended_too(server: Server, tokens: dict[str, Any]) -> None:
    path = f"{SESSIONS}/{sid_text(sid_of(tokens))}"
    assert (await server.client.request("DELETE", path, token=tokens["access_token"])).status == 200
    assert (await server.client.me(tokens["access_token"])).code == "invalid_token"


@pytest.mark.parametrize(
    "sid", ["x", "*", "AAAAAAAAAAAAAAAAAAAAAA", "A" * 400, "ä", "AAAAAAAAAAAAAAAAAAAAAB"]
)
async def test_what_is_no_session_is_not_found(server: Server, tokens: dict[str, Any], sid: str) -> None:
    before = dump(server.path)
    answer = await server.client.request("DELETE", f"{SESSIONS}/{sid}", token=tokens["access_token"])
    assert (answer.status, answer.code) == (404, "not_found")
    assert dump(server.path) == before


async def test_all_other_sessions_are_ended_and_the_current_one_goes_on_as_it_is(
    server: Server, tokens: dict[str, Any]
) -> None:
    others = [await elsewhere(server) for _ in range(3)]
    stranger = await server.start(await server.account("ben@example.com"))
    answer = await server.client.request("DELETE", SESSIONS, token=tokens["access_token"])
    records = await server.records()
    assert answer.json == {"ended_sessions": 3, "revoked_from": records[-1].n}
    assert {record.value for record in records} == {sid_text(sid_of(other)) for other in others}
    for other in others:
        assert (await server.client.me(other["access_token"])).code == "invalid_token"
        assert (await server.client.refresh(other["refresh_token"])).code == "invalid_grant"
    assert (await server.client.me(tokens["access_token"])).status == 200
    assert (await server.client.refresh(tokens["refresh_token"])).status == 200
    assert (await server.refresh(stranger.refresh_token)).session.ended_at is None
    again = await server.client.request("DELETE", SESSIONS, token=tokens["access_token"])
    assert again.json == {"ended_sessions": 0, "revoked_from": records[-1].n}


async def test_more_other_sessions_than_a_page_holds_are_all_ended(
    server: Server, tokens: dict[str, Any]
) -> None:
    account = await server.services.accounts.find_by_login(EMAIL)
    assert account is not None
    for _ in range(130):
        await server.start(account)
    answer = await server.client.request("DELETE", SESSIONS, token=tokens["access_token"])
    assert answer.json["ended_sessions"] == 130
    assert len(await listed(server.client, tokens["access_token"])) == 1


async def test_the_metrics_know_the_route_and_not_the_session(server: Server, tokens: dict[str, Any]) -> None:
    sid = sid_text(sid_of(tokens))
    await server.client.request("DELETE", f"{SESSIONS}/{sid}", token=tokens["access_token"])
    _, text = server.metrics.exposition()
    assert b"/users/me/sessions/{sid}" in text
    assert sid.encode() not in text


@pytest.mark.parametrize(
    ("method", "path"), [("GET", SESSIONS), ("DELETE", SESSIONS), ("DELETE", SESSIONS + "/" + "A" * 22)]
)
async def test_nothing_is_told_or_ended_without_a_token(client: Client, method: str, path: str) -> None:
    answer = await client.request(method, path)
    assert (answer.status, answer.code) == (401, "missing_token")


async def test_a_session_of_a_password_that_is_wrong_is_none(server: Server, tokens: dict[str, Any]) -> None:
    await server.client.log_in(PASSWORD + "x")
    assert len(await listed(server.client, tokens["access_token"])) == 1

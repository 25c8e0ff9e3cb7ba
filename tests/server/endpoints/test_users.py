"""`/api/v1/users/me`."""

import asyncio
from typing import Any

import pytest
from tests.server.building import PASSWORD, Answer, Client, Server, dump, signed_in, tamper

ME = "/api/v1/users/me"


@pytest.fixture
async def tokens(server: Server) -> dict[str, Any]:
    return await signed_in(server)


async def change(client: Client, tokens: dict[str, Any], body: object) -> Any:
    return await client.request("PATCH", ME, json=body, token=tokens["access_token"])


async def test_me_is_the_account_of_the_token_and_nothing_secret(
    client: Client, tokens: dict[str, Any]
) -> None:
    answer = await client.me(tokens["access_token"])
    assert (answer.status, answer.json) == (200, tokens["user"])
    assert answer.header("cache-control") == "no-store"
    assert "argon2" not in answer.body.decode()


async def test_name_and_username_can_be_changed_each_alone_or_both(
    server: Server, tokens: dict[str, Any]
) -> None:
    client = server.client
    server.clock.advance(10)
    answer = await change(client, tokens, {"name": "Änna"})
    assert (answer.status, answer.json["name"], answer.json["username"]) == (200, "Änna", None)
    assert answer.json["updated_at"] == int(server.clock.now())
    answer = await change(client, tokens, {"username": "Anna_K"})
    assert (answer.json["name"], answer.json["username"]) == ("Änna", "Anna_K")
    answer = await change(client, tokens, {"username": "anna_k", "name": ""})
    assert (answer.json["name"], answer.json["username"]) == ("", "anna_k")
    assert (await client.me(tokens["access_token"])).json == answer.json
    assert (await client.log_in(PASSWORD, "ANNA_K")).status == 200


async def test_a_change_of_nothing_changes_nothing(server: Server, tokens: dict[str, Any]) -> None:
    before = dump(server.path)
    for body in ({}, {"name": ""}):
        answer = await change(server.client, tokens, body)
        assert (answer.status, answer.json) == (200, tokens["user"])
    assert dump(server.path) == before


@pytest.mark.parametrize(
    ("body", "code"),
    [
        ({"name": None}, "invalid_request"),
        ({"name": 1}, "invalid_request"),
        ({"name": ["a"]}, "invalid_request"),
        ({"username": None}, "invalid_request"),
        ({"username": "a"}, "invalid_request"),
        ({"username": "a@example.com"}, "invalid_request"),
        ({"name": "x" * 201}, "invalid_request"),
        ({"name": "two\nlines"}, "invalid_request"),
        ({"email": "b@example.com"}, "unknown_member"),
        ({"roles": ["admin"]}, "unknown_member"),
        ({"password": "another long password"}, "unknown_member"),
        ({"id": "usr_x"}, "unknown_member"),
        ({"name": "Anna", "cutoff": 9}, "unknown_member"),
        ([], "invalid_json"),
    ],
)
async def test_a_change_of_what_cannot_be_changed_changes_nothing(
    server: Server, tokens: dict[str, Any], body: object, code: str
) -> None:
    before = dump(server.path)
    answer = await change(server.client, tokens, body)
    assert (answer.status, answer.code) == (400, code)
    assert dump(server.path) == before


async def test_a_taken_user_name_is_told(server: Server, tokens: dict[str, Any]) -> None:
    await server.account("berta@example.com", username="berta")
    answer = await change(server.client, tokens, {"username": "BERTA", "name": "Berta"})
    assert (answer.status, answer.code) == (409, "account_exists")
    assert (await server.client.me(tokens["access_token"])).json == tokens["user"]


async def test_a_change_needs_a_body_in_json(client: Client, tokens: dict[str, Any]) -> None:
    for headers in ([], [(b"content-type", b"application/x-www-form-urlencoded")]):
        answer = await client.request(
            "PATCH", ME, token=tokens["access_token"], headers=headers, body=b"name=a"
        )
        assert (answer.status, answer.code) == (415, "unsupported_media_type")


async def test_a_change_without_a_token_is_not_even_read(client: Client) -> None:
    answer = await client.request("PATCH", ME, body=b"{", headers=[(b"content-type", b"application/json")])
    assert (answer.status, answer.code) == (401, "missing_token")


async def test_the_row_has_the_last_word_on_a_disabled_or_deleted_account(
    server: Server, tokens: dict[str, Any]
) -> None:
    tamper(server.path, "UPDATE accounts SET disabled_at = 1")
    assert (await server.client.me(tokens["access_token"])).code == "invalid_token"
    tamper(server.path, "DELETE FROM sessions")
    tamper(server.path, "DELETE FROM accounts")
    answer = await server.client.me(tokens["access_token"])
    assert (answer.status, answer.code) == (401, "invalid_token")
    assert [line["reason"] for line in server.log_lines("refused")] == ["account disabled", "account gone"]
    # Nor can it be logged out everywhere: there is nobody.
    answer = await server.client.post("/api/v1/auth/logout-everywhere", token=tokens["access_token"])
    assert answer.status in (401, 404)


async def test_a_change_is_refused_when_everything_was_revoked_while_its_body_arrived(server: Server) -> None:
    tokens = await signed_in(server)
    account = await server.services.accounts.get(tokens["user"]["id"])

    class Meanwhile(Client):
        async def _call(self, scope: dict[str, Any], parts: list[bytes], hangs_up: bool) -> Answer:
            async def receive() -> dict[str, Any]:
                await server.services.sessions.end_all(account, actor="test", reason="test")
                return {"type": "http.request", "body": parts[0], "more_body": False}

            sent: list[Any] = []

            async def send(message: Any) -> None:
                sent.append(message)

            await self.door(scope, receive, send)
            return Answer(sent[0]["status"], tuple(sent[0]["headers"]), sent[1]["body"])

    answer = await Meanwhile(server.door).request(
        "PATCH", "/api/v1/users/me", json={"name": "Late"}, token=tokens["access_token"]
    )
    assert (answer.status, answer.code) == (401, "invalid_token")
    assert (await server.services.accounts.get(account.sub)).name == account.name


async def test_two_changes_at_once_do_not_undo_each_other(server: Server) -> None:
    token = (await signed_in(server))["access_token"]
    for number in range(10):
        await asyncio.gather(
            server.client.request("PATCH", "/api/v1/users/me", json={"name": f"N{number}"}, token=token),
            server.client.request(
                "PATCH", "/api/v1/users/me", json={"username": f"user{number}"}, token=token
            ),
        )
        user = (await server.client.me(token)).json
        assert (user["name"], user["username"]) == (f"N{number}", f"user{number}")

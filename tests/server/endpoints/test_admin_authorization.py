"""Who gets in at the routes of administrators: every route of the table is asked in every way."""

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest
from tests.server.building import EMAIL, PASSWORD, Answer, Client, Server, dump, run_server, tamper
from tests.server.endpoints.admins import (
    ADMIN_EMAIL,
    BODIES,
    Route,
    admin_routes,
    route_names,
    sign_in_admin,
    token_of,
)

from tokenward.server.storage.units import Outcome, Unit

# A stand-by key may sign once every verifier must have seen it.
_AFTER_PUBLICATION = 7200


def test_every_route_of_administrators_is_asked_here() -> None:
    assert route_names() == list(BODIES)
    assert len(BODIES) == 20


async def _refused(server: Server, route: Route, token: str | None) -> Answer:
    """The answer to a request that must change nothing."""
    before = dump(server.path)
    answer = await route.ask(server, token)
    assert dump(server.path) == before, route
    return answer


async def test_without_a_token_there_is_no_way_in(server: Server) -> None:
    for route in await admin_routes(server):
        answer = await _refused(server, route, None)
        assert (answer.status, answer.code) == (401, "missing_token"), route
        answer = await _refused(server, route, "no.token.atall")
        assert (answer.status, answer.code) == (401, "invalid_token"), route


async def test_without_the_role_there_is_no_way_in(server: Server) -> None:
    await server.account(EMAIL, roles=("reader", "administrator", "admin2"))
    token = await token_of(server)
    for route in await admin_routes(server):
        answer = await _refused(server, route, token)
        assert (answer.status, answer.code) == (403, "insufficient_role"), route
    assert len(server.log_lines("refused")) == len(BODIES)


async def test_a_disabled_administrator_is_out_at_once(server: Server) -> None:
    admin = await sign_in_admin(server)
    every = await admin_routes(server)
    await server.services.accounts.set_disabled(admin.account.sub, disabled=True, actor="test")
    for route in every:
        answer = await _refused(server, route, admin.token)
        assert (answer.status, answer.code) == (401, "invalid_token"), route


async def test_an_administrator_whose_role_was_removed_a_moment_ago_is_out(server: Server) -> None:
    admin = await sign_in_admin(server)
    every = await admin_routes(server)
    await server.services.accounts.set_roles(admin.account.sub, (), actor="test")
    for route in every:
        answer = await _refused(server, route, admin.token)
        assert (answer.status, answer.code) == (401, "invalid_token"), route
    # Also with a fresh token, which says what the row says.
    token = await token_of(server, ADMIN_EMAIL)
    for route in every:
        answer = await _refused(server, route, token)
        assert (answer.status, answer.code) == (403, "insufficient_role"), route


async def test_the_row_has_the_last_word_whatever_the_token_says(server: Server) -> None:
    admin = await sign_in_admin(server)
    every = await admin_routes(server)
    # As a restore or a hand in the database does it, without a record that refuses the token.
    tamper(server.path, "UPDATE accounts SET roles = '[]' WHERE sub = ?", admin.account.sub)
    for route in every:
        answer = await _refused(server, route, admin.token)
        assert (answer.status, answer.code) == (403, "insufficient_role"), route


async def test_a_token_of_before_the_role_was_given_does_not_get_it(server: Server) -> None:
    account = await server.account()
    token = await token_of(server)
    tamper(server.path, """UPDATE accounts SET roles = '["admin"]' WHERE sub = ?""", account.sub)
    for route in await admin_routes(server):
        answer = await _refused(server, route, token)
        assert (answer.status, answer.code) == (403, "insufficient_role"), route


@pytest.mark.parametrize("name", route_names())
async def test_each_route_writes_its_audit_rows_with_the_administrator_as_actor(
    tmp_path: Path, name: str
) -> None:
    async with run_server(tmp_path) as server:
        await server.pass_time(_AFTER_PUBLICATION)
        admin = await sign_in_admin(server)
        (route,) = [route for route in await admin_routes(server) if route.name == name]
        before = await server.events()
        answer = await route.ask(server, admin.token)
        assert answer.status in (200, 201), answer
        written = (await server.events())[len(before) :]
        assert tuple(event.event for event in written) == route.events
        assert {event.actor for event in written} <= {admin.account.sub}
        assert {event.request_id for event in written} <= {answer.header("x-request-id")}
        if route.method == "GET":
            assert route.events == ()
        else:
            assert route.events


class _Meanwhile(Client):
    """A client whose body arrives late: something else happens before it does."""

    def __init__(self, server: Server, happens: Callable[[], Awaitable[object]]) -> None:
        super().__init__(server.door)
        self._happens = happens

    async def _call(self, scope: dict[str, Any], parts: list[bytes], hangs_up: bool) -> Answer:
        async def receive() -> dict[str, Any]:
            await self._happens()
            return {"type": "http.request", "body": parts[0], "more_body": False}

        sent: list[Any] = []

        async def send(message: Any) -> None:
            sent.append(message)

        await self.door(scope, receive, send)
        return Answer(sent[0]["status"], tuple(sent[0]["headers"]), sent[1]["body"])


@pytest.mark.parametrize("name", [name for name, (body, _) in BODIES.items() if body is not None])
async def test_a_role_that_is_taken_away_while_the_body_arrives_is_gone(server: Server, name: str) -> None:
    admin = await sign_in_admin(server)
    (route,) = [route for route in await admin_routes(server) if route.name == name]

    async def take_role() -> None:
        await server.services.accounts.set_roles(admin.account.sub, (), actor="test")

    before = len(await server.events())
    answer = await _Meanwhile(server, take_role).request(
        route.method, route.path, json=route.body, token=admin.token
    )
    assert (answer.status, answer.code) == (401, "invalid_token")
    assert [event.event for event in (await server.events())[before:]] == ["account.roles_changed"]


async def test_a_role_that_is_taken_away_while_a_password_is_hashed_is_gone(
    server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    admin = await sign_in_admin(server)
    # Another one stays, so that this is not refused for want of any.
    await server.account("other@example.com", roles=("admin",))
    hasher = server.services.accounts._hasher
    slow = hasher.hash

    async def hash_meanwhile(password: str) -> str:
        await server.services.accounts.set_roles(admin.account.sub, (), actor="test")
        return await slow(password)

    monkeypatch.setattr(hasher, "hash", hash_meanwhile)
    before = len(await server.events())
    answer = await admin.ask(
        "POST", "accounts", json={"email": "mole@example.com", "password": PASSWORD, "roles": ["admin"]}
    )
    assert (answer.status, answer.code) == (403, "insufficient_role")
    assert await server.services.accounts.find_by_login("mole@example.com") is None
    assert [event.event for event in (await server.events())[before:]] == ["account.roles_changed"]


async def test_the_last_administrator_can_be_neither_disabled_nor_deleted_nor_stripped(
    server: Server,
) -> None:
    admin = await sign_in_admin(server)
    # Who is disabled, or was never one, does not count.
    other = await server.account("off@example.com", roles=("admin",))
    await server.services.accounts.set_disabled(other.sub, disabled=True, actor="test")
    await server.account()
    before = dump(server.path)
    sub = admin.account.sub
    for method, path, body in (
        ("POST", f"accounts/{sub}/disable", None),
        ("DELETE", f"accounts/{sub}", None),
        ("PUT", f"accounts/{sub}/roles", {"roles": ["reader"]}),
        ("PUT", f"accounts/{sub}/roles", {"roles": []}),
    ):
        answer = await admin.ask(method, path, json=body)
        assert (answer.status, answer.code) == (409, "last_admin"), path
    assert dump(server.path) == before
    # Roles beside it may change, and one of two may go.
    answer = await admin.ask("PUT", f"accounts/{sub}/roles", json={"roles": ["reader", "admin"]})
    assert answer.status == 200
    admin.token = await token_of(server, ADMIN_EMAIL)
    assert (await admin.ask("POST", f"accounts/{other.sub}/enable")).status == 200
    assert (await admin.ask("DELETE", f"accounts/{sub}")).status == 200


async def test_the_last_administrator_cannot_erase_himself_either(server: Server) -> None:
    admin, body = await sign_in_admin(server), {"current_password": PASSWORD}
    before = dump(server.path)
    answer = await server.client.request("DELETE", "/api/v1/users/me", json=body, token=admin.token)
    assert (answer.status, answer.code) == (409, "last_admin")
    assert dump(server.path) == before
    await sign_in_admin(server, "other@example.com")
    assert (
        await server.client.request("DELETE", "/api/v1/users/me", json=body, token=admin.token)
    ).status == 200


@pytest.mark.parametrize(
    ("method", "path", "body"),
    [
        ("POST", "accounts/{}/disable", None),
        ("DELETE", "accounts/{}", None),
        ("PUT", "accounts/{}/roles", {"roles": []}),
    ],
)
@pytest.mark.parametrize("whom", ["each other", "themselves"])
async def test_of_administrators_who_remove_each_other_at_once_one_stays(
    server: Server, method: str, path: str, body: object, whom: str
) -> None:
    admins = [await sign_in_admin(server, f"root{number}@example.com") for number in range(4)]
    targets = admins[1:] + admins[:1] if whom == "each other" else admins
    answers = await asyncio.gather(
        *(
            admin.ask(method, path.format(target.account.sub), json=body)
            for admin, target in zip(admins, targets, strict=True)
        )
    )
    left = [
        account
        for account in (await server.services.accounts.page()).items
        if "admin" in account.roles and account.disabled_at is None
    ]
    assert len(left) == sum(answer.status != 200 for answer in answers)
    assert left
    refused = {answer.code for answer in answers if answer.status != 200}
    assert refused <= {"last_admin", "insufficient_role", "invalid_token"}


_REVOCATIONS: dict[str, dict[str, str]] = {
    "token": {"value": "A" * 22},
    "session": {"value": "{sid}"},
    "subject": {"value": "{sub}"},
    "client": {"value": "first-party"},
    "audience": {"value": "https://api.example.com"},
    "all": {},
}


def _changes(routes: list[Route]) -> list[Route]:
    """Those that change something, and a revocation of every scope."""
    (revoke,) = [route for route in routes if route.name == "POST /api/v1/admin/revocations"]
    (session,) = [route for route in routes if "{sid}" in route.name]
    (account,) = [route for route in routes if route.name == "GET /api/v1/admin/accounts/{sub}"]
    ids = {"{sid}": session.path.rpartition("/")[2], "{sub}": account.path.rpartition("/")[2]}
    every_scope = [
        revoke._replace(
            body={"scope": scope, **{name: ids.get(value, value) for name, value in more.items()}}
        )
        for scope, more in _REVOCATIONS.items()
    ]
    return [route for route in routes if route.method != "GET" and route is not revoke] + every_scope


@pytest.mark.parametrize("number", range(17))
async def test_a_role_that_is_taken_away_after_the_look_at_it_changes_nothing(
    server: Server, number: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whatever comes between the check of the role and the unit, the unit itself has the last word."""
    await server.pass_time(_AFTER_PUBLICATION)
    admin = await sign_in_admin(server)
    # Another one stays, so that this is not refused for want of any.
    await server.account("other@example.com", roles=("admin",))
    routes = _changes(await admin_routes(server))
    assert len(routes) == 17
    route, storage = routes[number], server.services.storage
    apply = storage.apply
    after: list[dict[str, list[tuple[Any, ...]]]] = []

    async def apply_meanwhile(unit: Unit) -> Outcome:
        if not after:
            tamper(server.path, "UPDATE accounts SET roles = '[]' WHERE sub = ?", admin.account.sub)
            after.append(dump(server.path))
        return await apply(unit)

    monkeypatch.setattr(storage, "apply", apply_meanwhile)
    answer = await route.ask(server, admin.token)
    assert (answer.status, answer.code) == (403, "insufficient_role"), route
    assert [dump(server.path)] == after

"""Accounts, as administrators find, make and change them."""

import pytest
from tests.server.building import EMAIL, OTHER_PASSWORD, PASSWORD, Server, dump
from tests.server.endpoints.admins import ADMIN_EMAIL, Admin, sign_in_admin, token_of

from tokenward.server.endpoints.cursors import encode_cursor

MEMBERS = {
    "id",
    "email",
    "username",
    "name",
    "roles",
    "created_at",
    "updated_at",
    "disabled_at",
    "external_id",
}


@pytest.fixture
async def admin(server: Server) -> Admin:
    return await sign_in_admin(server)


async def test_an_account_is_created_with_roles_and_can_sign_in(server: Server, admin: Admin) -> None:
    body = {"email": EMAIL, "username": "anna", "password": PASSWORD, "name": "Anna", "roles": ["reader"]}
    answer = await admin.ask("POST", "accounts", json=body)
    assert answer.status == 201
    assert answer.json.keys() == MEMBERS
    assert (answer.json["roles"], answer.json["disabled_at"]) == (["reader"], None)
    assert "argon2" not in answer.body.decode()
    assert (await server.client.log_in(PASSWORD, "ANNA")).status == 200
    assert (await admin.get(f"accounts/{answer.json['id']}")).json == answer.json
    (event,) = [
        event for event in await server.events("account.created") if event.subject == answer.json["id"]
    ]
    assert event.actor == admin.account.sub


@pytest.mark.parametrize(
    ("body", "status", "code"),
    [
        ({"email": EMAIL, "password": "short"}, 400, "weak_password"),
        ({"password": PASSWORD}, 400, "invalid_request"),
        ({"email": "nobody", "password": PASSWORD}, 400, "invalid_request"),
        ({"email": EMAIL}, 400, "invalid_request"),
        ({"email": EMAIL, "password": PASSWORD, "roles": ["Admin"]}, 400, "invalid_request"),
        ({"email": EMAIL, "password": PASSWORD, "roles": "admin"}, 400, "invalid_request"),
        ({"email": EMAIL, "password": PASSWORD, "id": "usr_x"}, 400, "unknown_member"),
        ({"email": ADMIN_EMAIL.upper(), "password": PASSWORD}, 409, "account_exists"),
        ([], 400, "invalid_json"),
    ],
)
async def test_an_account_that_cannot_be_is_refused(
    server: Server, admin: Admin, body: object, status: int, code: str
) -> None:
    before = dump(server.path)
    answer = await admin.ask("POST", "accounts", json=body)
    assert (answer.status, answer.code) == (status, code)
    assert dump(server.path) == before


async def test_pages_hold_every_account_once(server: Server, admin: Admin) -> None:
    made = {(await server.account(f"person{number}@example.com")).sub for number in range(6)}
    pages = await admin.pages("accounts", 3)
    assert [len(page) for page in pages] == [3, 3, 1]
    found = [item["id"] for page in pages for item in page]
    assert sorted(found) == sorted(made | {admin.account.sub})
    assert all(item.keys() == MEMBERS for page in pages for item in page)


async def test_a_search_finds_by_how_email_or_user_name_begins_and_each_account_once(
    server: Server, admin: Admin
) -> None:
    await server.account("Anna.Kern@example.com", username="anna_k")
    await server.account("berta@example.com", username="Anna2")
    await server.account("annegret@example.com")
    await server.account("hanna@example.com", username="hanna")

    async def found(search: str) -> list[str]:
        return [item["email"] for item in await admin.items("accounts", f"search={search}")]

    both = ["Anna.Kern@example.com", "berta@example.com"]
    assert await found("anna") == both
    assert await found("ANNA") == both
    assert await found("ann") == [*both, "annegret@example.com"]
    assert await found("anna_") == ["Anna.Kern@example.com"]
    assert await found("berta%40example.com") == ["berta@example.com"]
    assert await found("%25") == []
    assert await found("zora") == []
    pages = await admin.pages("accounts", 1, "search=ann")
    assert [item["email"] for page in pages for item in page] == [*both, "annegret@example.com"]


async def test_a_search_goes_on_behind_the_longest_login_there_can_be(server: Server, admin: Admin) -> None:
    logins = [246 * "\U0001f600" + last + "@x.test" for last in "\U0001f601\U0001f602"]
    assert {len(login) for login in logins} == {254}
    for login in logins:
        await server.account(login)
    pages = await admin.pages("accounts", 1, "search=%F0%9F%98%80")
    assert [item["email"] for page in pages for item in page] == logins


@pytest.mark.parametrize(
    "query",
    [
        *("limit=0", "limit=201", "limit=-1", "limit=ten", "limit=+5", "limit=", "limit=%D9%A1"),
        *("cursor=", "cursor=%00", "cursor=a.b", "cursor=W10", "cursor=" + "A" * 2000),
        *("limit=5&limit=5", "page=2", "search=", "search=%00", "search=a&search=b", "search=" + "a" * 300),
        *("search=%ff", "&", "limit"),
        "search=a&cursor=" + encode_cursor("af", 7),
    ],
)
async def test_a_query_that_makes_no_sense_is_refused(admin: Admin, query: str) -> None:
    answer = await admin.get("accounts", query)
    assert (answer.status, answer.code) == (400, "invalid_request")


_KINDS = {"accounts": "a", "sessions": "s", "keys": "k", "revocations": "r", "audit": "e"}


@pytest.mark.parametrize("path", list(_KINDS))
async def test_every_list_bounds_its_pages_and_refuses_a_foreign_cursor(admin: Admin, path: str) -> None:
    for query in ("limit=201", "limit=0", "cursor=%21", "cursor=AAAA", "unknown=1"):
        answer = await admin.get(path, query)
        assert (answer.status, answer.code) == (400, "invalid_request"), query
    places: tuple[object, ...] = (2**63, -1, [2**63, 2**63], [-1, 1], [1], {}, "x" * 1000, 1.5)
    for place in places:
        answer = await admin.get(path, f"cursor={encode_cursor(_KINDS[path], place)}")
        assert answer.status in (200, 400), place
    assert (await admin.get(path, "limit=200")).status == 200


@pytest.mark.parametrize(
    "sub", ["usr_x", "usr_" + "A" * 22, "%00", "\ud800", "rotate", "usr_" + "A" * 21 + "\n"]
)
async def test_an_account_that_is_not_there_is_told_by_every_route(
    server: Server, admin: Admin, sub: str
) -> None:
    before = dump(server.path)
    for method, path, body in (
        ("GET", "accounts/{}", None),
        ("DELETE", "accounts/{}", None),
        ("POST", "accounts/{}/disable", None),
        ("POST", "accounts/{}/enable", None),
        ("PUT", "accounts/{}/roles", {"roles": []}),
        ("PUT", "accounts/{}/password", {"password": PASSWORD}),
        ("GET", "accounts/{}/sessions", None),
        ("DELETE", "accounts/{}/sessions", None),
    ):
        answer = await admin.ask(method, path.format(sub), json=body)
        assert (answer.status, answer.code) == (404, "not_found"), path
    assert dump(server.path) == before


async def test_a_disabled_account_is_out_at_once_and_comes_back_without_its_sessions(
    server: Server, admin: Admin
) -> None:
    account = await server.account()
    signed_in = (await server.client.log_in()).json
    answer = await admin.ask("POST", f"accounts/{account.sub}/disable")
    assert answer.status == 200
    assert answer.json["account"]["disabled_at"] == int(server.clock.now())
    assert answer.json["revoked_from"] == (await server.records())[-1].n
    assert (await server.client.me(signed_in["access_token"])).status == 401
    assert (await server.client.log_in()).status == 401
    answer = await admin.ask("POST", f"accounts/{account.sub}/enable")
    assert (answer.json["account"]["disabled_at"], answer.json["revoked_from"]) == (None, None)
    assert (await server.client.refresh(signed_in["refresh_token"])).status == 400
    assert (await server.client.log_in()).status == 200


async def test_roles_are_replaced_and_tokens_with_the_old_ones_are_refused(
    server: Server, admin: Admin
) -> None:
    account = await server.account(roles=("reader",))
    signed_in = (await server.client.log_in()).json
    answer = await admin.ask("PUT", f"accounts/{account.sub}/roles", json={"roles": ["writer", "writer"]})
    assert answer.json["account"]["roles"] == ["writer"]
    assert (await server.client.me(signed_in["access_token"])).status == 401
    again = (await server.client.refresh(signed_in["refresh_token"])).json
    assert (await server.client.me(again["access_token"])).json["roles"] == ["writer"]
    for body in ({"roles": ["Not A Role"]}, {"roles": None}, {}, {"roles": [1]}):
        answer = await admin.ask("PUT", f"accounts/{account.sub}/roles", json=body)
        assert (answer.status, answer.code) == (400, "invalid_request")


async def test_an_administrator_who_is_made_here_can_administer(server: Server, admin: Admin) -> None:
    account = await server.account()
    assert (await admin.ask("PUT", f"accounts/{account.sub}/roles", json={"roles": ["admin"]})).status == 200
    other = Admin(server, account, await token_of(server))
    assert (await other.get("accounts")).status == 200


async def test_a_new_password_ends_the_sessions_and_must_follow_the_rules(
    server: Server, admin: Admin
) -> None:
    account = await server.account()
    signed_in = (await server.client.log_in()).json
    answer = await admin.ask("PUT", f"accounts/{account.sub}/password", json={"password": "tiny"})
    assert (answer.status, answer.code) == (400, "weak_password")
    assert (await server.client.me(signed_in["access_token"])).status == 200
    answer = await admin.ask("PUT", f"accounts/{account.sub}/password", json={"password": OTHER_PASSWORD})
    assert answer.status == 200
    assert OTHER_PASSWORD not in answer.body.decode()
    assert (await server.client.me(signed_in["access_token"])).status == 401
    assert (await server.client.log_in()).status == 401
    assert (await server.client.log_in(OTHER_PASSWORD)).status == 200


async def test_a_deleted_account_is_gone_and_its_events_tell_of_nobody(server: Server, admin: Admin) -> None:
    account = await server.account()
    token = await token_of(server)
    answer = await admin.ask("DELETE", f"accounts/{account.sub}")
    assert answer.status == 200
    assert answer.json.keys() == {"ended_sessions", "revoked_from"}
    assert answer.json["ended_sessions"] == 1
    assert (await server.client.me(token)).status == 401
    assert (await admin.get(f"accounts/{account.sub}")).status == 404
    assert (await admin.ask("DELETE", f"accounts/{account.sub}")).status == 404
    events = await admin.items("audit", f"subject={account.sub}")
    assert [event["event"] for event in events] == ["account.erased", "session.started", "account.created"]
    assert {event["personal"] for event in events} == {None}


async def test_a_method_that_a_route_does_not_take_is_told(admin: Admin) -> None:
    answer = await admin.ask("PATCH", f"accounts/{admin.account.sub}")
    assert (answer.status, answer.code) == (405, "method_not_allowed")
    assert answer.header("allow") == "GET, DELETE"
    for path in ("", "accounts/", f"accounts/{admin.account.sub}/", "accounts//disable", "nothing"):
        answer = await admin.get(path)
        assert (answer.status, answer.code) == (404, "not_found")

"""Sessions and the key ring, as administrators see and end them."""

import pytest
from tests.server.building import Server, dump, sid_of, signed_in, tamper
from tests.server.endpoints.admins import ADMIN_EMAIL, Admin, sign_in_admin, token_of

from tokenward.server.sessions.session_id import sid_text

_AFTER_PUBLICATION = 7200


@pytest.fixture
async def admin(server: Server) -> Admin:
    return await sign_in_admin(server)


async def test_sessions_are_listed_for_one_account_and_for_all(server: Server, admin: Admin) -> None:
    tokens = await signed_in(server)
    sub, sid = tokens["user"]["id"], sid_text(sid_of(tokens))
    (item,) = await admin.items(f"accounts/{sub}/sessions")
    assert (item["id"], item["account"]) == (sid, sub)
    assert "salt" not in item
    pages = await admin.pages("sessions", 1)
    assert {one["account"] for page in pages for one in page} == {sub, admin.account.sub}
    assert [len(page) for page in pages] == [1, 1]


async def test_an_ended_session_is_refused_at_once_and_leaves_the_list(server: Server, admin: Admin) -> None:
    tokens = await signed_in(server)
    sid = sid_text(sid_of(tokens))
    answer = await admin.ask("DELETE", f"sessions/{sid}")
    assert (answer.status, answer.json["ended_sessions"]) == (200, 1)
    assert (await server.client.me(tokens["access_token"])).status == 401
    assert await admin.items(f"accounts/{tokens['user']['id']}/sessions") == []
    before = dump(server.path)
    for gone in (sid, "A" * 22, "x", "%00", "\ud800"):
        answer = await admin.ask("DELETE", f"sessions/{gone}")
        assert (answer.status, answer.code) == (404, "not_found")
    assert dump(server.path) == before


async def test_an_account_is_signed_out_everywhere_and_may_sign_in_again(
    server: Server, admin: Admin
) -> None:
    tokens = await signed_in(server)
    await server.client.log_in()
    answer = await admin.ask("DELETE", f"accounts/{tokens['user']['id']}/sessions")
    assert answer.json["ended_sessions"] == 2
    assert (await server.client.me(tokens["access_token"])).status == 401
    assert (await server.client.log_in()).status == 200


async def test_sessions_that_a_revoked_client_had_are_not_listed_as_living(
    server: Server, admin: Admin
) -> None:
    tokens = await signed_in(server)
    await admin.ask("POST", "revocations", json={"scope": "client", "value": "first-party"})
    admin.token = await token_of(server, ADMIN_EMAIL)
    assert await admin.items(f"accounts/{tokens['user']['id']}/sessions") == []
    assert [item["account"] for item in await admin.items("sessions")] == [admin.account.sub]


async def test_keys_are_listed_without_anything_of_the_key(server: Server, admin: Admin) -> None:
    items = await admin.items("keys")
    assert {(item["use"], item["state"]) for item in items} == {
        ("access", "active"),
        ("access", "pending"),
        ("refresh", "active"),
    }
    assert {name for item in items for name in item} & {"private_wrapped", "public_jwk"} == set()
    pages = await admin.pages("keys", 1)
    assert [item for page in pages for item in page] == items
    assert len(pages) == 3


async def test_rotation_waits_until_verifiers_know_the_stand_by(server: Server, admin: Admin) -> None:
    before = dump(server.path)
    answer = await admin.ask("POST", "keys/rotate")
    assert (answer.status, answer.code) == (400, "invalid_request")
    assert dump(server.path) == before
    standby = server.key("pending").kid
    await server.pass_time(_AFTER_PUBLICATION)
    admin.token = await token_of(server, ADMIN_EMAIL)
    answer = await admin.ask("POST", "keys/rotate")
    assert (answer.status, len(answer.json["done"])) == (200, 2)
    assert server.key("active").kid == standby
    # Nobody loses anything by it.
    assert (await admin.get("keys")).status == 200


async def test_the_impact_of_a_key_is_told_before_it_happens_and_changes_nothing(
    server: Server, admin: Admin
) -> None:
    await signed_in(server)
    expired = await server.start(await server.account("gone@example.com"))
    tamper(server.path, "UPDATE sessions SET idle_expires_at = 1 WHERE sid = ?", expired.session.sid)
    before = dump(server.path)
    active, standby = server.key("active"), server.key("pending")
    answer = await admin.get(f"keys/{active.kid}/impact")
    assert answer.status == 200
    assert answer.json["key"]["kid"] == active.kid
    assert (answer.json["ended_sessions"], answer.json["next_kid"]) == (0, standby.kid)
    assert "refused" in answer.json["consequences"]
    answer = await admin.get(f"keys/{standby.kid}/impact")
    assert (answer.json["ended_sessions"], answer.json["next_kid"]) == (0, None)
    answer = await admin.get(f"keys/{server.key('active', 'refresh').kid}/impact")
    assert (answer.json["ended_sessions"], answer.json["next_kid"]) == (2, None)
    assert dump(server.path) == before


async def test_what_the_impact_foretold_comes_true(server: Server, admin: Admin) -> None:
    tokens = await signed_in(server)
    active = server.key("active").kid
    foretold = (await admin.get(f"keys/{active}/impact")).json
    answer = await admin.ask("POST", f"keys/{active}/revoke", json={"reason": "stolen"})
    assert (answer.status, answer.json["kid"]) == (200, active)
    assert server.key("active").kid == foretold["next_kid"]
    assert (await server.client.me(tokens["access_token"])).status == 401
    assert (await server.client.refresh(tokens["refresh_token"])).status == 200
    # The administrator's own token was signed by it, too.
    assert (await admin.get("keys")).status == 401
    admin.token = await token_of(server, ADMIN_EMAIL)
    assert [item["state"] for item in await admin.items("keys") if item["kid"] == active] == ["revoked"]
    for method, path in (("GET", "impact"), ("POST", "revoke")):
        answer = await admin.ask(method, f"keys/{active}/{path}", json={} if method == "POST" else None)
        assert (answer.status, answer.code) == (404, "not_found")


async def test_revoking_the_refresh_key_ends_the_sessions_that_were_counted(
    server: Server, admin: Admin
) -> None:
    tokens = await signed_in(server)
    kid = server.key("active", "refresh").kid
    assert (await admin.ask("POST", f"keys/{kid}/revoke", json={})).status == 200
    assert (await server.client.me(tokens["access_token"])).status == 401
    assert (await server.client.refresh(tokens["refresh_token"])).code == "invalid_grant"


@pytest.mark.parametrize(
    "body", [{"reason": "two words"}, {"reason": ""}, {"reason": 1}, {"reason": "a" * 65}]
)
async def test_a_reason_is_one_word(server: Server, admin: Admin, body: object) -> None:
    before = dump(server.path)
    answer = await admin.ask("POST", f"keys/{server.key('active').kid}/revoke", json=body)
    assert (answer.status, answer.code) == (400, "invalid_request")
    assert dump(server.path) == before


@pytest.mark.parametrize("kid", ["nothing", "%00", "\ud800", "A" * 43])
async def test_a_key_that_is_not_there_is_told(admin: Admin, kid: str) -> None:
    for method, path, body in (("GET", "impact", None), ("POST", "revoke", {})):
        answer = await admin.ask(method, f"keys/{kid}/{path}", json=body)
        assert (answer.status, answer.code) == (404, "not_found")

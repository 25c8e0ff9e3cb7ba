"""`/api/v1/auth/…` through the door: what is answered, and what stands in the database after it."""

from pathlib import Path

import pytest
from tests.server.building import (
    EMAIL,
    OTHER_PASSWORD,
    PASSWORD,
    Client,
    Server,
    beside,
    dump,
    run_server,
    sid_of,
    signed_in,
    tamper,
)

from tokenward.jose import jwt
from tokenward.jose.jwt import unverified_claims

AUTH = "/api/v1/auth"
REGISTRATION = {"email": EMAIL, "password": PASSWORD}


async def test_the_main_job_from_registration_to_a_refused_token(client: Client) -> None:
    registered = await client.post(f"{AUTH}/register", json=REGISTRATION | {"name": "Anna"})
    assert registered.status == 201
    tokens = (await client.log_in()).json
    me = await client.me(tokens["access_token"])
    assert (me.status, me.json) == (200, registered.json["user"])
    renewed = (await client.refresh(tokens["refresh_token"])).json
    assert (await client.me(renewed["access_token"])).status == 200
    assert (await client.post(f"{AUTH}/logout", token=renewed["access_token"])).status == 200
    for token in (tokens["access_token"], renewed["access_token"]):
        assert (await client.me(token)).code == "invalid_token"
    assert (await client.refresh(renewed["refresh_token"])).code == "invalid_grant"


# Registration.


async def test_registration_answers_the_user_and_no_tokens(client: Client) -> None:
    answer = await client.post(f"{AUTH}/register", json=REGISTRATION | {"username": "anna", "name": "Änna ✓"})
    assert answer.status == 201
    assert set(answer.json) == {"user"}
    user = answer.json["user"]
    assert set(user) == {"id", "email", "username", "name", "roles", "created_at", "updated_at"}
    assert (user["email"], user["username"], user["name"], user["roles"]) == (EMAIL, "anna", "Änna ✓", [])
    assert user["id"].startswith("usr_")


async def test_a_duplicate_is_told_in_whatever_case(client: Client) -> None:
    await client.post(f"{AUTH}/register", json=REGISTRATION | {"username": "Anna"})
    for again in (
        REGISTRATION,
        REGISTRATION | {"email": EMAIL.swapcase()},
        {"username": "aNNA", "password": PASSWORD},
    ):
        answer = await client.post(f"{AUTH}/register", json=again)
        assert (answer.status, answer.code) == (409, "account_exists")


async def test_closed_registration_says_whom_to_ask(tmp_path: Path) -> None:
    async with run_server(tmp_path, registration="closed") as server:
        answer = await server.client.post(f"{AUTH}/register", json=REGISTRATION)
        assert (answer.status, answer.code) == (403, "registration_closed")
        assert dump(server.path)["accounts"] == []


@pytest.mark.parametrize(
    ("password", "told"),
    [("short", "15"), ("a" * 257, "256"), ("123456789012345", ""), ("anna.kern@example.com", ""), ("", "15")],
)
async def test_a_weak_or_over_long_password_is_refused_with_the_rule_and_without_an_account(
    server: Server, password: str, told: str
) -> None:
    answer = await server.client.post(f"{AUTH}/register", json=REGISTRATION | {"password": password})
    assert (answer.status, answer.code) == (400, "weak_password")
    assert told in answer.json["detail"]
    assert not password or password not in answer.json["detail"]
    assert dump(server.path)["accounts"] == []


async def test_nobody_gives_themselves_a_role(server: Server) -> None:
    answer = await server.client.post(f"{AUTH}/register", json=REGISTRATION | {"roles": ["admin"]})
    assert (answer.status, answer.code) == (400, "unknown_member")
    assert dump(server.path)["accounts"] == []


@pytest.mark.parametrize(
    "login", [{}, {"email": "no address"}, {"username": "a@b"}, {"email": None}, {"username": "x\x00y"}]
)
async def test_an_account_needs_a_login_that_can_be_one(client: Client, login: dict[str, str]) -> None:
    answer = await client.post(f"{AUTH}/register", json=login | {"password": PASSWORD})
    assert (answer.status, answer.code) == (400, "invalid_request")


async def test_registering_too_often_is_told_when_to_come_back(tmp_path: Path) -> None:
    async with run_server(tmp_path, register_burst=1, register_refill_seconds=120) as server:
        await server.client.post(f"{AUTH}/register", json=REGISTRATION)
        answer = await server.client.post(f"{AUTH}/register", json=REGISTRATION | {"email": "b@example.com"})
        assert (answer.status, answer.code) == (429, "rate_limited")
        assert answer.header("retry-after") == "120"


# Login.


async def test_login_answers_tokens_and_the_user(server: Server) -> None:
    account = await server.account(username="anna")
    for login in ({"email": EMAIL}, {"username": "ANNA"}, {"username": EMAIL}, {"email": EMAIL.upper()}):
        answer = await server.client.post(f"{AUTH}/login", json=login | {"password": PASSWORD})
        assert answer.status == 200
        body = answer.json
        assert set(body) == {"access_token", "token_type", "expires_in", "refresh_token", "scope", "user"}
        assert (body["token_type"], body["expires_in"], body["scope"]) == ("Bearer", 900, "account")
        assert body["user"]["id"] == account.sub
        assert body["refresh_token"].startswith("twr_")
        assert answer.header("cache-control") == "no-store"


async def test_a_form_signs_in_too_with_the_fields_that_api_documentation_pages_send(server: Server) -> None:
    await server.account()
    plain = {"username": EMAIL, "password": PASSWORD}
    swagger = plain | {"grant_type": "password", "scope": "", "client_id": "", "client_secret": ""}
    for form in (plain, swagger):
        answer = await server.client.post(f"{AUTH}/login", form=form)
        assert answer.status == 200
        assert (await server.client.me(answer.json["access_token"])).status == 200


@pytest.mark.parametrize(
    "body",
    [
        b"username=a&username=b&password=c",
        b"username=a&password=%ff",
        b"username=\xff&password=b",
        b"username",
        b"username=a&&password=b",
        b"&".join(b"f%d=1" % place for place in range(21)),
        b"",
        b"username=a",
    ],
)
async def test_a_form_that_is_not_well_formed_is_refused(client: Client, body: bytes) -> None:
    headers = [(b"content-type", b"application/x-www-form-urlencoded")]
    answer = await client.post(f"{AUTH}/login", body=body, headers=headers)
    assert (answer.status, answer.code) == (400, "invalid_request")


async def test_a_form_with_an_unknown_field_is_refused(client: Client) -> None:
    form = {"username": EMAIL, "password": PASSWORD, "remember": "1"}
    assert (await client.post(f"{AUTH}/login", form=form)).code == "unknown_member"


@pytest.mark.parametrize(
    "login", [{}, {"email": EMAIL, "username": "anna"}, {"email": EMAIL, "username": EMAIL}]
)
async def test_a_login_names_exactly_one_account(server: Server, login: dict[str, str]) -> None:
    await server.account()
    answer = await server.client.post(f"{AUTH}/login", json=login | {"password": PASSWORD})
    assert (answer.status, answer.code) == (400, "invalid_request")
    assert "either email or username" in answer.json["detail"]


async def test_a_throttled_login_is_told_when_to_come_back(server: Server) -> None:
    await server.account()
    for _ in range(10):
        await server.client.log_in("wrong")
    answer = await server.client.log_in()
    assert (answer.status, answer.code, answer.header("retry-after")) == (429, "rate_limited", "60")
    assert "session.started" not in {row.event for row in await server.events()}


async def test_an_account_that_a_command_disabled_is_refused_on_the_next_request(server: Server) -> None:
    tokens = await signed_in(server)
    async with beside(server) as command:
        account = await command.accounts.find_by_login(EMAIL)
        assert account is not None
        await command.accounts.set_disabled(account.sub, disabled=True, actor="command-line")
    assert (await server.client.me(tokens["access_token"])).code == "invalid_token"
    assert (await server.client.refresh(tokens["refresh_token"])).code == "invalid_grant"
    assert (await server.client.log_in()).code == "invalid_credentials"


# Refresh.


async def test_refresh_takes_a_form_too(server: Server) -> None:
    tokens = await signed_in(server)
    form = {"grant_type": "refresh_token", "refresh_token": tokens["refresh_token"], "client_id": ""}
    answer = await server.client.post(f"{AUTH}/refresh", form=form)
    assert answer.status == 200
    assert set(answer.json) == {"access_token", "token_type", "expires_in", "refresh_token", "scope"}
    assert answer.header("cache-control") == "no-store"


async def test_a_refresh_is_a_metric_and_a_log_line_and_never_a_row(server: Server) -> None:
    tokens = await signed_in(server)
    rows = len(await server.events())
    for _ in range(2):
        answer = await server.client.refresh(tokens["refresh_token"])
        assert answer.status == 200
    assert len(await server.events()) == rows
    sub = tokens["user"]["id"]
    for event in ("session.refreshed", "session.refresh_retried"):
        (line,) = server.log_lines(event)
        assert line["sub"] == sub
        assert f'tokenward_events_total{{event="{event}"}} 1.0' in server.metrics.exposition()[1].decode()


async def test_every_bad_refresh_token_gets_one_answer(server: Server) -> None:
    tokens = await signed_in(server)
    good = tokens["refresh_token"]
    answers = [
        await server.client.refresh(token)
        for token in (
            "",
            "twr_",
            good[:-1],
            good + "A",
            good[:50] + "AAAA" + good[54:],
            "\ud800x",
            "x" * 5000,
        )
        if token.isascii()
    ]
    answers.append(await server.client.refresh(tokens["access_token"]))
    assert {(answer.status, answer.code, answer.json["detail"]) for answer in answers} == {
        (400, "invalid_grant", answers[0].json["detail"])
    }
    assert (await server.client.refresh(good)).status == 200


# Logout.


async def test_a_logout_says_from_which_record_on_the_token_is_refused(server: Server) -> None:
    tokens = await signed_in(server)
    answer = await server.client.post(f"{AUTH}/logout", token=tokens["access_token"])
    (record,) = await server.records()
    assert (answer.status, answer.json) == (200, {"ended_sessions": 1, "revoked_from": record.n})
    again = await server.client.post(f"{AUTH}/logout", token=tokens["access_token"])
    assert (again.status, again.code) == (401, "invalid_token")


async def test_a_client_whose_access_token_has_expired_logs_out_with_its_refresh_token(
    server: Server,
) -> None:
    tokens = await signed_in(server)
    server.clock.advance(2000)
    assert (await server.client.post(f"{AUTH}/logout", token=tokens["access_token"])).code == "invalid_token"
    body = {"refresh_token": tokens["refresh_token"]}
    assert (await server.client.post(f"{AUTH}/logout", json=body)).status == 200
    again = await server.client.post(f"{AUTH}/logout", json=body)
    assert (again.status, again.code) == (400, "invalid_grant")
    assert (await server.state(sid_of(tokens))).session.ended_at == int(server.clock.now())


async def test_a_logout_with_neither_token_says_how_to_send_one(client: Client) -> None:
    answer = await client.post(f"{AUTH}/logout")
    assert (answer.status, answer.code) == (401, "missing_token")
    assert (await client.post(f"{AUTH}/logout", json={})).code == "invalid_request"


async def test_a_logout_of_a_session_that_is_gone_already_says_so(server: Server) -> None:
    """Its record may have been dropped, or its row swept, while the token still lives by its own dates."""
    tokens = await signed_in(server)
    claims = unverified_claims(tokens["access_token"])
    del claims["sid"]
    without = jwt.sign(claims, server.services.ring.signing_key("ES256"), typ="at+jwt")
    answer = await server.client.post(f"{AUTH}/logout", token=without)
    assert (answer.status, answer.code) == (400, "invalid_grant")
    tamper(server.path, "UPDATE sessions SET ended_at = 1")
    answer = await server.client.post(f"{AUTH}/logout", token=tokens["access_token"])
    assert (answer.status, answer.code) == (400, "invalid_grant")
    assert "ended already" in answer.json["detail"]
    assert await server.records() == []


async def test_logging_out_everywhere_ends_every_session_and_a_new_sign_in_survives(server: Server) -> None:
    first = await signed_in(server)
    second = (await server.client.log_in()).json
    answer = await server.client.post(f"{AUTH}/logout-everywhere", token=second["access_token"])
    assert answer.json["ended_sessions"] == 2
    for tokens in (first, second):
        assert (await server.client.me(tokens["access_token"])).code == "invalid_token"
        assert (await server.client.refresh(tokens["refresh_token"])).code == "invalid_grant"
    fresh = (await server.client.log_in()).json
    assert unverified_claims(fresh["access_token"])["rsq"] >= answer.json["revoked_from"]
    assert (await server.client.me(fresh["access_token"])).status == 200


async def test_a_new_password_signs_every_session_out(server: Server) -> None:
    tokens = await signed_in(server)
    await server.services.accounts.set_password(tokens["user"]["id"], OTHER_PASSWORD, actor="test")
    assert (await server.client.me(tokens["access_token"])).code == "invalid_token"
    assert (await server.client.refresh(tokens["refresh_token"])).code == "invalid_grant"
    assert (await server.client.log_in()).code == "invalid_credentials"
    assert (await server.client.log_in(OTHER_PASSWORD)).status == 200


async def test_the_agent_and_network_of_a_session_are_kept_in_its_row(server: Server) -> None:
    tokens = await signed_in(server)
    session = (await server.state(sid_of(tokens))).session
    assert (session.network, session.agent) == ("192.0.2.0/24", "Firefox on Linux")
    client = Client(server.door, address="2001:db8::99", agent="x" * 900)
    await client.refresh(tokens["refresh_token"])
    session = (await server.state(sid_of(tokens))).session
    assert (session.network, session.agent) == ("2001:db8::/56", "x" * 200)


async def test_a_database_that_lost_commits_is_an_alarm_in_log_and_metrics(server: Server) -> None:
    tokens = await signed_in(server)
    newer = (await server.client.refresh(tokens["refresh_token"])).json
    tamper(server.path, "UPDATE sessions SET generation = 0")
    assert (await server.client.refresh(newer["refresh_token"])).code == "invalid_grant"
    (line,) = server.log_lines("storage.rolled_back")
    assert line["level"] == "error"
    assert (
        'tokenward_events_total{event="storage.rolled_back"} 1.0' in server.metrics.exposition()[1].decode()
    )


async def test_a_stolen_token_is_a_warning_in_the_log(server: Server) -> None:
    tokens = await signed_in(server)
    newer = (await server.client.refresh(tokens["refresh_token"])).json
    await server.client.refresh(newer["refresh_token"])
    assert (await server.client.refresh(tokens["refresh_token"])).code == "invalid_grant"
    (line,) = server.log_lines("session.reuse_detected")
    assert line["level"] == "warning"

"""What an application does with accounts by itself, and the id by which the two keep each other's rows."""

from pathlib import Path
from typing import Any

import pytest
from tests.server.building import (
    EMAIL,
    PASSWORD,
    Server,
    dump,
    make_database,
    opened,
    raw_bytes,
    run_server,
)
from tests.server.endpoints.admins import Admin, sign_in_admin
from tests.server.mounting.applications import Application

from tokenward.errors import ConfigurationError, Error, InvalidRequest
from tokenward.server.accounts.accounts import AccountExists, AccountNotFound, ExternalIdTaken
from tokenward.server.accounts.linking import link_account
from tokenward.server.audit import Audit
from tokenward.server.services import load_master_key
from tokenward.server.storage.migrate import known_migrations, migrate, plan

ID = "customer/0017 Ü"


async def test_an_application_makes_finds_links_and_deletes_accounts(application: Application) -> None:
    auth = application.auth
    account = await application.account(external_id=ID, name="Anna", roles=["reader"])
    assert await auth.find_account(external_id=ID) == await auth.find_account(sub=account.sub) == account
    assert await auth.find_account(external_id=ID.lower()) is None
    assert await auth.find_account(sub="usr_nobody") is None

    assert (await auth.link_account(account.sub, "other")).external_id == "other"
    assert await auth.find_account(external_id=ID) is None
    assert (await auth.link_account(account.sub, None)).external_id is None

    await auth.delete_account(account.sub)
    assert await auth.find_account(sub=account.sub) is None
    for act in (auth.link_account(account.sub, ID), auth.sign_out_everywhere(account.sub)):
        with pytest.raises(AccountNotFound):
            await act
    with pytest.raises(AccountNotFound):
        await auth.delete_account(account.sub)


async def test_signing_out_ends_sessions_and_tokens_at_once(application: Application) -> None:
    tokens = await application.tokens()
    assert (await application.get("/guarded", tokens["access_token"])).status_code == 200
    sub = (await application.auth.verify(tokens["access_token"])).sub
    assert await application.auth.sign_out_everywhere(sub) == 1
    assert (await application.get("/guarded", tokens["access_token"])).status_code == 401
    assert (await application.refresh(tokens["refresh_token"])).status_code == 400


async def test_everything_is_told_to_the_audit_log_as_the_applications_doing(
    application: Application,
) -> None:
    account = await application.account(external_id=ID)
    await application.auth.link_account(account.sub, "other")
    await application.auth.link_account(account.sub, "other")
    await application.auth.link_account(account.sub, None)
    await application.auth.sign_out_everywhere(account.sub)
    storage = application.services.storage
    record = await storage.accounts.find(account.sub)
    assert record is not None
    events = await storage.audit.page(0, 100)
    told = [event for event in events if event.subject == account.sub]
    assert [(event.event, event.actor) for event in told] == [
        ("account.created", "application"),
        ("account.linked", "application"),
        ("account.unlinked", "application"),
        ("account.logged_out_everywhere", "application"),
    ]
    audit = Audit(storage.audit, load_master_key(application.services.settings))
    personal = [audit.personal(event, record.personal_key_wrapped) for event in told[:3]]
    assert [one and one.get("external_id") for one in personal] == [ID, "other", None]
    assert not any("other" in event.detail or ID in event.detail for event in told)


@pytest.mark.parametrize("external_id", ["", "x" * 256, "a\nb", "\x00", "\ud800", "\u202e"])
async def test_an_external_id_that_can_be_none_is_refused(application: Application, external_id: str) -> None:
    account = await application.account()
    for act in (
        application.account("two@example.com", external_id=external_id),
        application.auth.link_account(account.sub, external_id),
        application.auth.find_account(external_id=external_id),
    ):
        with pytest.raises(InvalidRequest):
            await act


async def test_two_accounts_cannot_have_one_external_id(application: Application) -> None:
    await application.account(external_id=ID)
    other = await application.account("two@example.com")
    with pytest.raises(ExternalIdTaken):
        await application.account("three@example.com", external_id=ID)
    with pytest.raises(ExternalIdTaken):
        await application.auth.link_account(other.sub, ID)
    with pytest.raises(AccountExists):
        await application.account(EMAIL.upper(), external_id="free")
    assert (await application.auth.find_account(external_id="free")) is None


async def test_a_race_for_one_external_id_has_one_winner(application: Application) -> None:
    import asyncio

    made = await asyncio.gather(
        *(application.account(f"u{number}@example.com", external_id=ID) for number in range(5)),
        return_exceptions=True,
    )
    assert sum(not isinstance(one, Exception) for one in made) == 1
    assert sum(isinstance(one, ExternalIdTaken) for one in made) == 4


@pytest.mark.parametrize("given", [{}, {"sub": "a", "external_id": "b"}])
async def test_one_way_to_find_is_given(application: Application, given: dict[str, str]) -> None:
    with pytest.raises(ConfigurationError):
        await application.auth.find_account(**given)


# The same by the admin API


@pytest.fixture
async def admin(server: Server) -> Admin:
    return await sign_in_admin(server)


async def test_an_administrator_links_an_account(server: Server, admin: Admin) -> None:
    body = {"email": EMAIL, "password": PASSWORD, "external_id": ID}
    made = (await admin.ask("POST", "accounts", json=body)).json
    assert made["external_id"] == ID
    path = f"accounts/{made['id']}/external-id"
    linked = await admin.ask("PUT", path, json={"external_id": "other"})
    assert (linked.status, linked.json["account"]["external_id"]) == (200, "other")
    ended = await admin.ask("PUT", path, json={"external_id": None})
    assert ended.json["account"]["external_id"] is None
    assert [event.actor for event in await server.events("account.linked", "account.unlinked")] == [
        admin.account.sub
    ] * 2
    # The id is the application's to tell: the person's own page does not have it.
    token = (await server.client.log_in()).json["access_token"]
    assert "external_id" not in (await server.client.me(token)).json


@pytest.mark.parametrize(
    ("body", "status", "code"),
    [
        ({"external_id": ID}, 409, "external_id_taken"),
        ({"external_id": ""}, 400, "invalid_request"),
        ({"external_id": 7}, 400, "invalid_request"),
        ({}, 400, "invalid_request"),
    ],
)
async def test_a_link_that_cannot_be_is_refused(
    server: Server, admin: Admin, body: Any, status: int, code: str
) -> None:
    await server.account("taken@example.com", external_id=ID)
    before = dump(server.path)
    answer = await admin.ask("PUT", f"accounts/{admin.account.sub}/external-id", json=body)
    assert (answer.status, answer.code) == (status, code)
    new = {"email": EMAIL, "password": PASSWORD, **body}
    if body:
        answer = await admin.ask("POST", "accounts", json=new)
        assert (answer.status, answer.code) == (status, code)
    nobody = await admin.ask("PUT", "accounts/usr_" + "A" * 22 + "/external-id", json={"external_id": "x"})
    assert nobody.status == 404
    assert dump(server.path) == before


async def test_the_export_has_it_and_erasing_takes_it_away(tmp_path: Path) -> None:
    secret = "row-of-one-person-4711"
    async with run_server(tmp_path) as server:
        account = await server.account(external_id=secret)
        await link_account(server.services.accounts, account.sub, secret + "-b", actor="")
        token = (await server.client.log_in()).json["access_token"]
        exported = (await server.client.get("/api/v1/users/me/export", token=token)).json["items"]
        assert exported[0]["external_id"] == secret + "-b"
        assert secret.encode() in raw_bytes(tmp_path)
        await server.services.erasure.erase(account.sub, actor="")
    assert secret.encode() not in raw_bytes(tmp_path)


def test_a_database_of_before_gets_the_column_and_keeps_its_accounts(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    known = known_migrations()
    with monkeypatch.context() as before:
        before.setattr(
            "tokenward.server.storage.migrate.known_migrations",
            lambda: [one for one in known if one.number < 4],
        )
        path = make_database(tmp_path)
    with opened(path) as connection:
        connection.execute(
            "INSERT INTO accounts (sub, email, email_folded, name, roles, cutoff, personal_key_wrapped, "
            "created_at, updated_at) VALUES ('usr_old', 'a@b', 'a@b', '', '[]', 0, x'00', 0, 0)"
        )
    assert plan(path)[0].number == 4
    migrate(path)
    with opened(path) as connection:
        assert connection.execute("SELECT sub, external_id FROM accounts").fetchall() == [("usr_old", None)]


async def test_errors_of_the_application_are_errors_of_ours(application: Application) -> None:
    with pytest.raises(Error) as caught:
        await application.auth.create_account(email=EMAIL, password="short")
    assert (caught.value.code, caught.value.status) == ("weak_password", 400)

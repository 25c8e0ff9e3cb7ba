"""The audit trail: what is in a row, and that the person in it is gone with the account's key."""

import json
from pathlib import Path

import pytest
from tests.server.building import (
    ADDRESS,
    AGENT,
    ELSEWHERE,
    EMAIL,
    OTHER_PASSWORD,
    PASSWORD,
    Server,
    dump,
    raw_bytes,
    run_server,
    tamper,
)

from tokenward.server.accounts import InvalidCredentials
from tokenward.server.audit import Audit
from tokenward.server.keyring.wrapping import MasterKey, WrongMasterKey
from tokenward.server.login import Caller

NAME = "Anna Kern from the bakery"
AGENT_WITH_NAME = "AnnasOwnBrowser/1.0"


async def test_personal_data_of_a_row_opens_with_the_key_of_its_account_only(server: Server) -> None:
    anna, berta = await server.account(), await server.account("berta@example.com")
    await server.start(anna)
    (row,) = await server.events("session.started")
    audit = server.services.audit
    assert audit.personal(row, anna.personal_key_wrapped) == {"network": "192.0.2.0/24", "agent": AGENT}
    # The key of another account does not even unwrap for this subject.
    with pytest.raises(WrongMasterKey):
        audit.personal(row, berta.personal_key_wrapped)
    moved = row._replace(subject=berta.sub)
    assert audit.personal(moved, berta.personal_key_wrapped) is None


async def test_personal_data_is_gone_when_the_key_of_the_account_is(server: Server) -> None:
    account = await server.account()
    (row,) = await server.events("account.created")
    assert server.services.audit.personal(row, account.personal_key_wrapped) is not None
    assert server.services.audit.personal(row, None) is None
    # Erasing means another key in the row, or none: the old rows stay and say nothing of anybody.
    fresh = server.services.audit.new_personal_key(account.sub)
    assert server.services.audit.personal(row, fresh) is None
    assert (row.event, row.subject) == ("account.created", account.sub)


async def test_a_row_without_personal_data_has_none(server: Server) -> None:
    account = await server.account()
    (row, *_) = await server.events("key.created")
    assert row.personal_wrapped is None
    assert server.services.audit.personal(row, account.personal_key_wrapped) is None


async def test_a_changed_byte_of_sealed_data_opens_nothing(server: Server) -> None:
    account = await server.account()
    (row,) = await server.events("account.created")
    assert row.personal_wrapped is not None
    changed = row._replace(personal_wrapped=row.personal_wrapped[:-1] + bytes([row.personal_wrapped[-1] ^ 1]))
    assert server.services.audit.personal(changed, account.personal_key_wrapped) is None


async def test_two_rows_of_the_same_data_cannot_be_told_to_be_the_same(server: Server) -> None:
    account = await server.account()
    for _ in range(2):
        await server.start(account)
    first, second = await server.events("session.started")
    assert first.personal_wrapped != second.personal_wrapped


def test_without_a_key_nothing_personal_is_written() -> None:
    class Store:
        def add(self, record: object) -> object:
            return record

    audit = Audit(Store(), MasterKey(bytes(range(32))))  # type: ignore[arg-type]
    row = audit.event(
        "login.failed", actor="anonymous", at=1, personal={"network": ADDRESS}, personal_key=None
    )
    assert ADDRESS not in repr(row)
    assert row.personal_wrapped is None  # type: ignore[attr-defined]


async def test_nothing_personal_lies_in_the_audit_trail_in_clear(tmp_path: Path) -> None:
    """Not in the rows, and not in the files, where deleted rows and the write-ahead log are too."""
    async with run_server(tmp_path) as server:
        account = await server.account(name=NAME)
        caller = Caller("203.0.113.99", AGENT_WITH_NAME, "request-1")
        await server.services.login.log_in(EMAIL, PASSWORD, caller=caller)
        with pytest.raises(InvalidCredentials):
            await server.services.login.log_in(EMAIL, "wrong horse of Anna", caller=caller)
        accounts = server.services.accounts
        await accounts.update_profile(account.sub, name="Anna Kern-Ott", actor=account.sub)
        await accounts.set_password(account.sub, OTHER_PASSWORD, actor="command-line")
        await accounts.set_roles(account.sub, ["admin"], actor="command-line")
        await accounts.set_disabled(account.sub, disabled=True, actor="command-line")
        again = await server.account("anna2@example.com")
        started = await server.start(again)
        await server.refresh(started.refresh_token)
        await server.refresh(started.refresh_token, ELSEWHERE)
        rows = repr(dump(server.path)["audit"])
        for personal in (
            EMAIL,
            EMAIL.lower(),
            "anna2",
            NAME,
            "Kern",
            "203.0.113",
            AGENT_WITH_NAME,
            ELSEWHERE.agent,
        ):
            assert personal not in rows, personal
        events = {row.event for row in await server.events()}
        assert events >= {
            "account.created", "session.started", "login.failed", "account.profile_changed",
            "account.password_changed", "account.roles_changed", "account.disabled",
            "session.refresh_retried_elsewhere",
        }  # fmt: skip
        for row in await server.events("account.created", "session.started", "login.failed"):
            assert row.personal_wrapped is not None
        # Once account and session rows are gone too, nothing anywhere says who it was.
        for table in ("sessions", "accounts"):
            tamper(server.path, f"DELETE FROM {table}")  # noqa: S608
        tamper(server.path, "VACUUM")
        tamper(server.path, "PRAGMA wal_checkpoint(TRUNCATE)")
        lying_about = raw_bytes(tmp_path)
        for personal in (
            EMAIL,
            EMAIL.lower(),
            NAME,
            "203.0.113",
            AGENT_WITH_NAME,
            PASSWORD,
            "wrong horse",
        ):
            assert personal.encode() not in lying_about, personal


async def test_a_row_says_who_did_what_to_whom_and_under_which_request(server: Server) -> None:
    account = await server.account()
    answer = await server.client.log_in()
    (row,) = await server.events("session.started")
    assert (row.actor, row.subject, row.at) == (account.sub, account.sub, int(server.clock.now()))
    assert row.request_id == answer.header("x-request-id")
    assert json.loads(row.detail) == {"client_id": "first-party", "amr": ["pwd"]}

"""`DELETE /api/v1/users/me`: who was erased is nowhere any more, but in copies that were made before."""

import os
import sqlite3
from collections.abc import Iterable
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from tests.server.building import (
    EMAIL,
    OTHER_PASSWORD,
    PASSWORD,
    Client,
    Server,
    dump,
    opened,
    raw_bytes,
    run_server,
    sid_of,
    signed_in,
)

from tokenward.server.audit import Audit
from tokenward.server.storage.sqlite import SQLiteStorage

ME = "/api/v1/users/me"
NAME = "Anna Maria Kern-Löwenstein"
USERNAME = "anna_k_1987"
AGENT = "Firefox on the old Thinkpad of Anna"
ADDRESS = "198.51.100.77"
NETWORK = "198.51.100.0/24"

PERSONAL = [
    *(text.encode() for text in (EMAIL, EMAIL.lower(), NAME, USERNAME, AGENT, NETWORK, ADDRESS)),
    NAME.casefold().encode(),
]


async def live(server: Server) -> dict[str, Any]:
    """Anna signs up, in, elsewhere, wrongly, and changes what can be changed: all of that is kept somewhere."""
    client = server.client = Client(server.door, address=ADDRESS, agent=AGENT)
    await signed_in(server)
    tokens: dict[str, Any] = (await client.log_in()).json
    await client.request("PATCH", ME, json={"name": NAME, "username": USERNAME}, token=tokens["access_token"])
    for _ in range(3):
        await client.log_in()
        await client.log_in("wrong")
    refreshed = await client.refresh(tokens["refresh_token"])
    return tokens | refreshed.json


async def erase(server: Server, token: str) -> dict[str, Any]:
    answer = await server.client.request("DELETE", ME, json={"current_password": PASSWORD}, token=token)
    assert answer.status == 200, answer
    return answer.json


def found(data: bytes, needles: Iterable[bytes] = PERSONAL) -> list[bytes]:
    return [needle for needle in needles if needle in data]


def back_up(server: Server, to: Path) -> None:
    """A backup made while the server runs, as the backup command makes one."""
    with closing(sqlite3.connect(server.path)) as source, closing(sqlite3.connect(to)) as target:
        source.backup(target)


def find_personal_key(path: Path, sub: str) -> bytes | None:
    with opened(path) as connection:
        row = connection.execute("SELECT personal_key_wrapped FROM accounts WHERE sub = ?", (sub,)).fetchone()
    return None if row is None else bytes(row[0])


async def test_the_tokens_of_an_erased_account_are_refused_at_once_and_its_names_are_free(
    server: Server,
) -> None:
    tokens = await live(server)
    client = server.client
    receipt = await erase(server, tokens["access_token"])
    records = await server.records()
    assert receipt == {"ended_sessions": 5, "revoked_from": records[-1].n}
    assert (records[-1].scope, records[-1].value) == ("subject", tokens["user"]["id"])
    assert (await client.me(tokens["access_token"])).code == "invalid_token"
    assert (await client.refresh(tokens["refresh_token"])).code == "invalid_grant"
    assert (await client.log_in()).code == "invalid_credentials"
    again = await client.request("DELETE", ME, token=tokens["access_token"])
    assert (again.status, again.code) == (401, "invalid_token")
    body = {"email": EMAIL.lower(), "username": USERNAME, "password": PASSWORD}
    answer = await client.post("/api/v1/auth/register", json=body)
    assert answer.status == 201
    assert answer.json["user"]["id"] != tokens["user"]["id"]


@pytest.mark.parametrize("password", ["wrong", "", OTHER_PASSWORD, "x" * 1000])
async def test_a_wrong_password_erases_nothing_and_is_written_down(server: Server, password: str) -> None:
    tokens, before = await live(server), dump(server.path)
    body = {"current_password": password}
    answer = await server.client.request("DELETE", ME, json=body, token=tokens["access_token"])
    assert (answer.status, answer.code) == (401, "invalid_credentials")
    after = dump(server.path)
    assert {table for table in before if before[table] != after[table]} <= {
        "audit",
        "buckets",
        "sqlite_sequence",
    }
    (event,) = await server.events("account.password_check_failed")
    assert event.subject == tokens["user"]["id"]


@pytest.mark.parametrize(
    ("how", "status", "code"),
    [
        ({}, 415, "unsupported_media_type"),
        ({"json": {}}, 400, "invalid_request"),
        ({"json": {"current_password": None}}, 400, "invalid_request"),
        ({"json": {"password": PASSWORD}}, 400, "unknown_member"),
        ({"form": {"current_password": PASSWORD}}, 415, "unsupported_media_type"),
    ],
)
async def test_an_access_token_alone_erases_nothing(
    server: Server, how: dict[str, Any], status: int, code: str
) -> None:
    tokens, before = await live(server), dump(server.path)
    answer = await server.client.request("DELETE", ME, token=tokens["access_token"], **how)
    assert (answer.status, answer.code) == (status, code)
    assert dump(server.path) == before


async def test_guessing_the_password_here_is_throttled_like_a_login(server: Server) -> None:
    tokens = await signed_in(server)
    for _ in range(server.services.settings.login_burst):
        body = {"current_password": "wrong"}
        answer = await server.client.request("DELETE", ME, json=body, token=tokens["access_token"])
        assert answer.code == "invalid_credentials"
    body = {"current_password": PASSWORD}
    answer = await server.client.request("DELETE", ME, json=body, token=tokens["access_token"])
    assert (answer.status, answer.code) == (429, "rate_limited")
    assert (await server.client.log_in()).code == "rate_limited"
    assert (await server.client.me(tokens["access_token"])).status == 200


async def test_no_file_of_the_database_holds_anything_of_the_person_any_more(
    server: Server, tmp_path: Path
) -> None:
    for number in range(30):
        other = await server.account(f"user{number}@example.org", name=f"User {number}")
        await server.start(other)
    tokens = await live(server)
    account = await server.services.accounts.get(tokens["user"]["id"])
    assert account.password_hash is not None
    secret = [account.personal_key_wrapped, account.password_hash.encode(), sid_of(tokens)]
    assert found(raw_bytes(tmp_path), [EMAIL.encode(), NAME.encode(), AGENT.encode(), *secret])

    await erase(server, tokens["access_token"])

    assert found(raw_bytes(tmp_path)) == []
    # The key of the personal data in its audit rows above all.
    assert found(raw_bytes(tmp_path), secret) == []
    text = repr(dump(server.path)).encode()
    assert found(text) == []
    assert dump(server.path)["known_origins"] == []
    # The others are untouched.
    assert b"user7@example.org" in raw_bytes(tmp_path)


async def test_networks_that_signed_in_by_a_former_user_name_are_forgotten_with_it(server: Server) -> None:
    tokens = await live(server)
    body = {"username": USERNAME, "password": PASSWORD}
    assert (await server.client.post("/api/v1/auth/login", json=body)).status == 200
    assert len(dump(server.path)["known_origins"]) == 2
    # Whoever takes the name next must neither find them in an export nor be guessed at from there more cheaply.
    await server.client.request("PATCH", ME, json={"username": "anna_now"}, token=tokens["access_token"])
    assert len(dump(server.path)["known_origins"]) == 1
    # Another change forgets nothing.
    await server.client.request("PATCH", ME, json={"name": "Anna"}, token=tokens["access_token"])
    assert len(dump(server.path)["known_origins"]) == 1
    await erase(server, tokens["access_token"])
    assert dump(server.path)["known_origins"] == []


async def test_what_is_left_is_a_random_id_in_the_audit_log_and_in_a_revocation(server: Server) -> None:
    tokens = await live(server)
    sub = tokens["user"]["id"]
    await erase(server, tokens["access_token"])
    holding = {table for table, rows in dump(server.path).items() if sub in repr(rows)}
    assert holding == {"audit", "revocations"}
    events = await server.events()
    assert events[-1].event == "account.erased"
    assert (events[-1].actor, events[-1].subject, events[-1].personal_wrapped) == (sub, sub, None)
    assert any(event.personal_wrapped for event in events)


async def test_a_server_that_is_stopped_leaves_nothing_either(tmp_path: Path) -> None:
    async with run_server(tmp_path) as server:
        tokens = await live(server)
        await erase(server, tokens["access_token"])
    assert found(raw_bytes(tmp_path)) == []


async def test_a_log_that_could_not_be_emptied_is_emptied_later(server: Server, tmp_path: Path) -> None:
    tokens = await live(server)
    with opened(server.path) as reader:
        # Somebody reads the database for a long time, such as a backup does.
        reader.execute("BEGIN")
        reader.execute("SELECT count(*) FROM audit").fetchall()
        await erase(server, tokens["access_token"])
        assert found(raw_bytes(tmp_path))
        reader.execute("COMMIT")
    await server.services.storage.maintain()
    assert found(raw_bytes(tmp_path)) == []


async def test_what_a_killed_server_left_in_the_log_is_gone_after_the_next_start(
    server: Server, tmp_path: Path
) -> None:
    tokens = await live(server)
    storage = server.services.storage
    assert isinstance(storage, SQLiteStorage)
    storage.scrub = _killed  # type: ignore[method-assign]
    await erase(server, tokens["access_token"])
    assert found(raw_bytes(tmp_path))
    # What lies on the disk at this moment, as a crash leaves it.
    after = tmp_path / "after"
    after.mkdir()
    for name in ("tokenward.db", "tokenward.db-wal"):
        (after / name).write_bytes((tmp_path / name).read_bytes())
    async with run_server(after) as next_one:
        await next_one.services.storage.maintain()
        assert found(raw_bytes(after)) == []


async def _killed() -> None:
    pass


async def test_a_backup_of_before_holds_what_it_held_and_its_key_is_nowhere_else(
    server: Server, tmp_path: Path
) -> None:
    """What is promised of copies: `docs/explain/erasure.md`."""
    tokens = await live(server)
    sub = tokens["user"]["id"]
    before, after = tmp_path / "before.db", tmp_path / "after.db"
    back_up(server, before)
    key = find_personal_key(before, sub)
    assert key is not None

    await erase(server, tokens["access_token"])
    back_up(server, after)

    # A backup made afterwards knows nothing, and opens nothing.
    assert found(after.read_bytes()) == []
    assert find_personal_key(after, sub) is None
    sealed = [event for event in await server.events() if event.personal_wrapped is not None]
    assert sealed
    assert key not in raw_bytes(tmp_path)
    # The account's row in the backup of before is in the clear, as in any copy: nothing done here reaches it.
    assert EMAIL.encode() in before.read_bytes()
    # The personal data in its audit rows is sealed: it opens with its own key and the master key together, not with
    # the backup alone. Without the master key of that time nobody can read it.
    assert found(b"".join(event.personal_wrapped or b"" for event in sealed)) == []
    with_both = server.services.audit.personal(sealed[0], key)
    assert with_both is not None
    other_master_key = Audit(server.services.storage.audit, _OtherMasterKey())
    assert other_master_key.personal(sealed[0], key) is None


class _OtherMasterKey:
    """Opens everything, with a key that is not the one."""

    def wrap(self, secret: bytes, *, purpose: str, key_id: str) -> bytes:
        return secret

    def unwrap(self, wrapped: bytes, *, purpose: str, key_id: str) -> bytes:
        return os.urandom(32)


async def test_an_erased_account_costs_its_neighbours_nothing(server: Server) -> None:
    ben = await server.account("ben@example.com", username="ben")
    session = await server.start(ben)
    tokens = await live(server)
    await erase(server, tokens["access_token"])
    assert (await server.refresh(session.refresh_token)).session.sub == ben.sub
    assert (await server.client.log_in(PASSWORD, "ben")).status == 200

import asyncio
import json
import re

import pytest
from tests.server.accounts.building import OTHER_PASSWORD, PASSWORD, Built, cheap_hasher

from tokenward.errors import InvalidRequest
from tokenward.server.accounts import (
    AccountExists,
    AccountNotFound,
    InvalidCredentials,
    Overloaded,
    PasswordHasher,
    WeakPassword,
)
from tokenward.server.storage.records import AccountRecord, SessionRecord
from tokenward.server.storage.units import Unit


async def create(built: Built, email: str = "alice@wonder.example") -> AccountRecord:
    return await built.accounts.create(email=email, name="Alice Liddell", password=PASSWORD, actor="")


async def revocations(built: Built) -> list[tuple[str, str, str]]:
    return [
        (record.scope, record.value, record.reason)
        for record in await built.storage.revocations.after(0, 100)
    ]


async def test_an_account_is_created_whole_and_found_again_in_other_case(built: Built) -> None:
    created = await built.accounts.create(
        email="Alice@Wonder.Example",
        username="Alice.L",
        name="Alice",
        password=PASSWORD,
        roles=["editor"],
        actor="",
    )
    assert re.fullmatch(r"usr_[A-Za-z0-9_-]{22}", created.sub)
    assert (created.email, created.username, created.roles) == (
        "Alice@Wonder.Example",
        "Alice.L",
        ("editor",),
    )
    assert (created.cutoff, created.disabled_at) == (0, None)
    assert created.created_at == created.updated_at == int(built.clock.now())
    for login in ("alice@wonder.example", "ALICE@WONDER.EXAMPLE", "alice.l", "ALICE.L"):
        assert await built.accounts.find_by_login(login) == created
    assert await built.accounts.get(created.sub) == created
    assert PASSWORD not in (created.password_hash or "")


async def test_each_account_gets_a_random_sub_and_a_key_of_its_own(built: Built) -> None:
    records = [await create(built, f"a{number}@b.example") for number in range(5)]
    assert len({record.sub for record in records}) == 5
    assert len({record.personal_key_wrapped for record in records}) == 5


async def test_creation_writes_one_audit_row_whose_personal_part_is_sealed(built: Built) -> None:
    created = await built.accounts.create(
        email="alice@wonder.example", password=PASSWORD, actor="command-line", request_id="req-1"
    )
    (row,) = await built.events()
    assert (row.event, row.actor, row.subject, row.request_id) == (
        "account.created",
        "command-line",
        created.sub,
        "req-1",
    )
    assert "alice" not in row.detail
    assert b"alice" not in (row.personal_wrapped or b"")
    assert built.audit.personal(row, created.personal_key_wrapped) == {"email": "alice@wonder.example"}


async def test_who_registers_is_the_actor_of_the_creation(built: Built) -> None:
    created = await create(built)
    assert (await built.events())[0].actor == created.sub


@pytest.mark.parametrize(
    ("email", "username"),
    [
        ("ALICE@wonder.EXAMPLE", None),
        ("ａlice@wonder.example", None),
        ("other@b.example", "ALICE-2"),
        (None, "alice-2"),
    ],
)
async def test_a_duplicate_in_other_case_is_refused_and_leaves_nothing(
    built: Built, email: str | None, username: str | None
) -> None:
    await built.accounts.create(email="alice@wonder.example", username="Alice-2", password=PASSWORD, actor="")
    with pytest.raises(AccountExists) as caught:
        await built.accounts.create(email=email, username=username, password=OTHER_PASSWORD, actor="")
    assert (caught.value.code, caught.value.status) == ("account_exists", 409)
    assert len((await built.accounts.page()).items) == 1
    assert len(await built.events()) == 1


async def test_of_many_creations_at_once_one_succeeds(built: Built) -> None:
    results = await asyncio.gather(
        *(create(built, "Same@b.example") for _ in range(8)), return_exceptions=True
    )
    assert sum(isinstance(result, AccountRecord) for result in results) == 1
    assert sum(isinstance(result, AccountExists) for result in results) == 7
    assert len(await built.events()) == 1


async def test_bad_input_is_refused_and_leaves_nothing(built: Built) -> None:
    with pytest.raises(InvalidRequest, match="`email` or `username`"):
        await built.accounts.create(password=PASSWORD, actor="")
    with pytest.raises(InvalidRequest, match="`email`"):
        await create(built, "no address")
    with pytest.raises(InvalidRequest, match="`username`"):
        await built.accounts.create(username="a@b.example", password=PASSWORD, actor="")
    with pytest.raises(InvalidRequest, match="`roles`"):
        await built.accounts.create(username="alice", password=PASSWORD, roles=["No Role"], actor="")
    with pytest.raises(WeakPassword):
        await built.accounts.create(username="alice", password="short", actor="")
    with pytest.raises(WeakPassword, match="user name"):
        await built.accounts.create(username="alice-in-wonderland", password="alice-in-wonderland", actor="")
    assert (await built.accounts.page()).items == ()
    assert await built.events() == []


async def test_a_full_pool_creates_nothing(built: Built) -> None:
    hasher = cheap_hasher()
    hasher.close()
    with pytest.raises(Overloaded):
        await built.with_hasher(hasher).create(username="alice", password=PASSWORD, actor="")
    assert (await built.accounts.page()).items == ()


async def test_an_unknown_sub_is_not_found(built: Built) -> None:
    missing = "usr_nobody"
    for attempt in (
        built.accounts.get(missing),
        built.accounts.set_password(missing, PASSWORD, actor="command-line"),
        built.accounts.set_disabled(missing, disabled=True, actor="command-line"),
        built.accounts.set_disabled(missing, disabled=False, actor="command-line"),
        built.accounts.set_roles(missing, ["admin"], actor="command-line"),
        built.accounts.update_profile(missing, name="x", actor="command-line"),
    ):
        with pytest.raises(AccountNotFound) as caught:
            await attempt
        assert (caught.value.code, caught.value.status) == ("not_found", 404)
    assert await built.events() == []


@pytest.mark.parametrize("login", ["nobody@b.example", "", "\ud800", "a\x00b", "x" * 100000])
async def test_a_login_that_nobody_has_finds_nobody(built: Built, login: str) -> None:
    assert await built.accounts.find_by_login(login) is None


async def test_the_right_password_returns_the_account_as_it_was_before(built: Built) -> None:
    await create(built)
    found = await built.accounts.find_by_login("alice@wonder.example")
    assert await built.accounts.verify_password(found, PASSWORD) == found
    # The same characters, composed by another keyboard.
    assert await built.accounts.verify_password(found, PASSWORD.replace("my", "ｍｙ")) == found


@pytest.mark.parametrize(
    "password", ["", "wrong", PASSWORD + "x", PASSWORD.upper(), "\ud800", "\x00", "x" * 257]
)
async def test_a_wrong_password_is_refused_whatever_it_looks_like(built: Built, password: str) -> None:
    record = await create(built)
    with pytest.raises(InvalidCredentials) as caught:
        await built.accounts.verify_password(record, password)
    assert caught.value.reason


async def test_an_account_without_a_password_lets_nobody_in(built: Built) -> None:
    record = await create(built)
    with pytest.raises(InvalidCredentials):
        await built.accounts.verify_password(record._replace(password_hash=None), "")


async def test_a_login_replaces_a_hash_of_other_parameters_and_says_so(built: Built) -> None:
    record = await create(built)
    better = cheap_hasher(time_cost=3)
    try:
        await built.with_hasher(better).verify_password(record, PASSWORD)
        after = await built.accounts.get(record.sub)
        assert after.password_hash is not None
        assert ",t=3," in after.password_hash
        assert (after.cutoff, after.updated_at) == (record.cutoff, record.updated_at)
        assert [row.event for row in await built.events()] == ["account.created", "account.password_rehashed"]
        assert await built.with_hasher(better).verify_password(after, PASSWORD)
        assert len(await built.events()) == 2
    finally:
        better.close()


async def test_a_rehash_never_brings_back_a_password_that_was_changed_meanwhile(built: Built) -> None:
    record = await create(built)
    await built.accounts.set_password(record.sub, OTHER_PASSWORD, actor=record.sub)
    changed = await built.accounts.get(record.sub)
    better = cheap_hasher(time_cost=3)
    try:
        # The record was read before the change, as by a login that was under way.
        await built.with_hasher(better).verify_password(record, PASSWORD)
    finally:
        better.close()
    assert (await built.accounts.get(record.sub)).password_hash == changed.password_hash


class OneVerification(PasswordHasher):
    """Has room to verify, and none to hash."""

    async def hash(self, password: str) -> str:
        raise Overloaded(1)


async def test_no_room_for_a_better_hash_is_no_reason_to_refuse_a_login(built: Built) -> None:
    record = await create(built)
    busy = OneVerification(memory_kib=8, time_cost=3, processes=1)
    try:
        assert await built.with_hasher(busy).verify_password(record, PASSWORD) == record
    finally:
        busy.close()
    assert await built.accounts.get(record.sub) == record


async def test_a_new_password_cuts_off_all_that_was_before_in_one_unit(built: Built) -> None:
    record = await create(built)
    built.clock.advance(10)
    n = await built.accounts.set_password(
        record.sub, OTHER_PASSWORD, actor="command-line", request_id="req-2"
    )
    after = await built.accounts.get(record.sub)
    assert (after.cutoff, after.updated_at) == (record.cutoff + 1, record.updated_at + 10)
    assert await revocations(built) == [("subject", record.sub, "password_changed")]
    assert (await built.storage.position()).n == n
    row = (await built.events())[-1]
    assert (row.event, row.actor, row.request_id) == ("account.password_changed", "command-line", "req-2")
    assert await built.accounts.verify_password(after, OTHER_PASSWORD)
    with pytest.raises(InvalidCredentials):
        await built.accounts.verify_password(after, PASSWORD)


async def test_a_weak_new_password_changes_nothing(built: Built) -> None:
    record = await create(built)
    with pytest.raises(WeakPassword):
        await built.accounts.set_password(record.sub, "alice@wonder.example1", actor=record.sub)
    assert await built.accounts.get(record.sub) == record
    assert await revocations(built) == []


async def test_disabling_cuts_off_and_enabling_brings_nothing_back(built: Built) -> None:
    record = await create(built)
    n = await built.accounts.set_disabled(record.sub, disabled=True, actor="command-line")
    disabled = await built.accounts.get(record.sub)
    assert (disabled.disabled_at, disabled.cutoff) == (int(built.clock.now()), record.cutoff + 1)
    assert (await built.storage.position()).n == n
    assert await built.accounts.set_disabled(record.sub, disabled=False, actor="command-line") is None
    enabled = await built.accounts.get(record.sub)
    assert (enabled.disabled_at, enabled.cutoff) == (None, record.cutoff + 1)
    assert await revocations(built) == [("subject", record.sub, "account_disabled")]
    assert [row.event for row in await built.events()] == [
        "account.created",
        "account.disabled",
        "account.enabled",
    ]
    assert await built.accounts.verify_password(enabled, PASSWORD)


async def test_a_role_change_revokes_access_tokens_and_leaves_sessions_alone(built: Built) -> None:
    record = await create(built)
    n = await built.accounts.set_roles(record.sub, ["admin", "editor"], actor="command-line")
    after = await built.accounts.get(record.sub)
    assert (after.roles, after.cutoff) == (("admin", "editor"), record.cutoff)
    assert await revocations(built) == [("subject", record.sub, "roles_changed")]
    assert (await built.storage.position()).n == n
    row = (await built.events())[-1]
    assert row.event == "account.roles_changed"
    assert json.loads(row.detail) == {"before": [], "after": ["admin", "editor"]}


async def test_a_profile_is_changed_member_by_member(built: Built) -> None:
    record = await create(built)
    built.clock.advance(5)
    renamed = await built.accounts.update_profile(record.sub, name="Alice", actor=record.sub)
    assert (renamed.name, renamed.username) == ("Alice", None)
    named = await built.accounts.update_profile(record.sub, username="Alice-L", actor=record.sub)
    assert (named.name, named.username, named.username_folded) == ("Alice", "Alice-L", "alice-l")
    assert await built.accounts.get(record.sub) == named
    assert await built.accounts.find_by_login("ALICE-L") == named
    assert json.loads((await built.events())[-1].detail) == {"members": ["username"]}


async def test_a_profile_that_stays_the_same_writes_nothing(built: Built) -> None:
    record = await create(built)
    assert await built.accounts.update_profile(record.sub, name=record.name, actor=record.sub) == record
    assert len(await built.events()) == 1


async def test_a_user_name_that_is_taken_changes_nothing(built: Built) -> None:
    await built.accounts.create(username="alice", password=PASSWORD, actor="")
    record = await create(built)
    with pytest.raises(AccountExists):
        await built.accounts.update_profile(record.sub, name="New", username="ALICE", actor=record.sub)
    with pytest.raises(InvalidRequest, match="`name`"):
        await built.accounts.update_profile(record.sub, name="a\nb", actor=record.sub)
    assert await built.accounts.get(record.sub) == record


async def test_pages_hold_every_account_once(built: Built) -> None:
    subs = sorted([(await create(built, f"a{number}@b.example")).sub for number in range(5)])
    seen: list[str] = []
    cursor: str | None = None
    while True:
        page = await built.accounts.page(cursor, 2)
        seen += [record.sub for record in page.items]
        cursor = page.next_cursor
        if cursor is None:
            break
    assert seen == subs
    assert (await built.accounts.page(None, 5)).next_cursor is None
    for wrong in (0, 201, -1):
        with pytest.raises(InvalidRequest, match="`limit`"):
            await built.accounts.page(None, wrong)


async def test_an_account_that_goes_away_meanwhile_is_not_found(built: Built) -> None:
    # Between reading the account and the unit another process may have erased it; here it never was.
    stray = (await create(built))._replace(sub="usr_stray")
    unit = Unit("stray", (built.storage.accounts.set_roles(stray.sub, "[]", 0),))
    assert (await built.storage.apply(unit)).applied is False
    with pytest.raises(AccountNotFound):
        await built.accounts._apply_to(stray.sub, unit.name, *unit.changes)


async def start_session(built: Built, record: AccountRecord) -> bytes:
    session = SessionRecord(
        sid=record.sub.encode()[-16:],
        sub=record.sub,
        client_id="first-party",
        scope="account",
        audience="https://api.example",
        salt=b"t" * 16,
        key_number=1,
        generation=0,
        rotated_at_ms=0,
        created_at=0,
        last_seen_at=0,
        idle_expires_at=2**40,
        absolute_expires_at=2**40,
        ended_at=None,
        amr='["pwd"]',
        auth_time=0,
        account_cutoff=record.cutoff,
        client_cutoff=0,
        network="",
        agent="",
    )
    assert (await built.storage.apply(Unit("start", (built.storage.sessions.insert(session),)))).applied
    return session.sid


async def test_sessions_end_with_the_password_and_with_the_account_and_not_with_a_role(built: Built) -> None:
    for number, ends in enumerate((False, True, True)):
        record = await create(built, f"a{number}@b.example")
        sid = await start_session(built, record)
        match number:
            case 0:
                await built.accounts.set_roles(record.sub, ["editor"], actor="command-line")
            case 1:
                await built.accounts.set_password(record.sub, OTHER_PASSWORD, actor="command-line")
            case _:
                await built.accounts.set_disabled(record.sub, disabled=True, actor="command-line")
        state = await built.storage.sessions.find(sid)
        assert state is not None
        assert (state.session.ended_at is not None) is ends
        assert (state.account_cutoff != state.session.account_cutoff) is ends

import asyncio

import pytest
from tests.conformance.engines import Database
from tests.conformance.samples import (
    NOW,
    account,
    add_session,
    applied,
    apply,
    audit_count,
    event,
    key,
    rotation,
    session,
    state_of,
)

from tokenward.errors import Error, StorageUnavailable
from tokenward.server.storage.interface import Storage
from tokenward.server.storage.units import Change, Unit


async def test_a_unit_returns_rows_and_counts_in_the_order_of_its_changes(storage: Storage) -> None:
    record = account()
    head = (await storage.position()).n
    outcome = await applied(
        storage,
        storage.accounts.insert(record),
        storage.revocations.add("subject", record.sub, NOW, "test", NOW),
        storage.accounts.raise_cutoff(record.sub),
        storage.sessions.end_all_of_account(record.sub, NOW),
    )
    assert outcome.rows == ((), ((head + 1,),), ((1,),), ())
    assert outcome.counts == (1, 1, 1, 0)
    assert outcome.refused_by is None


async def test_a_unit_without_changes_is_applied(storage: Storage) -> None:
    outcome = await apply(storage)
    assert (outcome.applied, outcome.rows, outcome.counts) == (True, (), ())


@pytest.mark.parametrize("place", [0, 1, 2])
async def test_a_refused_unit_leaves_nothing_wherever_the_refusal_stands(
    storage: Storage, place: int
) -> None:
    record = account()
    changes = [storage.accounts.insert(record), storage.audit.add(event("account.created"))]
    changes.insert(place, storage.sessions.end(bytes(16), NOW))
    outcome = await apply(storage, *changes)
    assert (outcome.applied, outcome.refused_by, outcome.rows) == (False, "sessions.end", ())
    assert await storage.accounts.find(record.sub) is None
    assert await audit_count(storage) == 0


async def test_a_change_that_meets_more_rows_than_it_expects_is_undone(storage: Storage) -> None:
    record = await add_session(storage)
    await applied(storage, storage.sessions.insert(session(record.sub)))
    all_of_account = storage.sessions.end_all_of_account(record.sub, NOW)._replace(expects=1)
    assert (await apply(storage, all_of_account)).refused_by == "sessions.end_all_of_account"
    assert (await state_of(storage, record)).session.ended_at is None


async def test_a_change_that_expects_no_row_is_undone_when_it_meets_one(storage: Storage) -> None:
    record = await add_session(storage)
    assert not (await apply(storage, rotation(storage, record)._replace(expects=0))).applied
    assert (await state_of(storage, record)).session == record


async def test_a_later_change_sees_the_earlier_ones_of_its_unit(storage: Storage) -> None:
    owner = account()
    await applied(storage, storage.accounts.insert(owner), storage.accounts.raise_cutoff(owner.sub))
    unit = (storage.accounts.raise_cutoff(owner.sub), storage.sessions.insert(session(owner.sub)))
    assert (await apply(storage, *unit)).refused_by == "sessions.insert"


async def test_a_read_that_begins_after_the_answer_sees_the_unit_on_every_handle(
    storage: Storage, other: Storage
) -> None:
    for number in range(20):
        await applied(storage, storage.audit.add(event(f"event {number}")))
        assert await audit_count(other) == number + 1


@pytest.mark.parametrize(
    "fault",
    [
        Change("accounts.unheard_of", {}),
        Change("accounts.raise_cutoff", {}),
        Change("accounts.raise_cutoff", {"sub": "\ud800"}),
        Change("sessions.end", {"sid": b"x", "ended_at": 2**64}),
    ],
    ids=["unknown statement", "missing parameter", "half a surrogate pair", "too large an integer"],
)
async def test_a_fault_fails_its_own_unit_alone(storage: Storage, fault: Change) -> None:
    record = account()
    good = [Unit("good", (storage.audit.add(event("good")),)) for _ in range(4)]
    bad = Unit("bad", (storage.accounts.insert(record), fault))
    results = await asyncio.gather(
        *(storage.apply(unit) for unit in (*good[:2], bad, *good[2:])), return_exceptions=True
    )
    error = results.pop(2)
    assert isinstance(error, Error)
    assert error.code == "server_error"
    assert all(not isinstance(result, BaseException) and result.applied for result in results)
    assert await audit_count(storage) == 4
    assert await storage.accounts.find(record.sub) is None


async def test_an_error_tells_no_value(storage: Storage) -> None:
    secret = "correct horse \ud800"
    with pytest.raises(Error) as caught:
        await apply(storage, storage.accounts.set_password("usr_x", secret, NOW))
    assert "correct horse" not in repr(caught.value)
    assert "correct horse" not in str(caught.value)


async def test_what_no_column_can_hold_is_not_found(storage: Storage) -> None:
    await applied(storage, storage.accounts.insert(account()))
    assert await storage.accounts.find_by_login("anna\ud800") is None


async def test_a_caller_that_is_cancelled_disturbs_nobody(storage: Storage) -> None:
    tasks = [
        asyncio.create_task(storage.apply(Unit("audit", (storage.audit.add(event(f"event {number}")),))))
        for number in range(20)
    ]
    await asyncio.sleep(0)
    for task in tasks[::2]:
        task.cancel()
    results = await asyncio.gather(*tasks, return_exceptions=True)
    assert sum(isinstance(result, asyncio.CancelledError) for result in results) == 10
    assert sum(not isinstance(result, BaseException) for result in results) == 10
    assert await audit_count(storage) >= 10


async def test_closing_finishes_what_is_queued(database: Database) -> None:
    storage = await database.open()
    tasks = [
        asyncio.create_task(storage.apply(Unit("audit", (storage.audit.add(event("queued")),))))
        for _ in range(600)
    ]
    await asyncio.sleep(0)
    await storage.close()
    assert all(outcome.applied for outcome in await asyncio.gather(*tasks))
    again = await database.open()
    assert await audit_count(again) == 600
    await again.close()


async def test_a_closed_storage_is_unavailable(database: Database) -> None:
    storage = await database.open()
    await storage.close()
    await storage.close()
    with pytest.raises(StorageUnavailable):
        await apply(storage, storage.audit.add(event("late")))
    with pytest.raises(StorageUnavailable):
        await storage.accounts.find("usr_x")
    with pytest.raises(StorageUnavailable):
        await storage.keys.all()
    with pytest.raises(StorageUnavailable):
        await storage.position()


async def test_everything_is_there_when_the_database_is_opened_again(database: Database) -> None:
    storage = await database.open()
    record = await add_session(storage)
    await applied(storage, rotation(storage, record), storage.keys.insert(key()))
    await applied(storage, storage.revocations.add("all", "", NOW, "test", NOW))
    before = (await storage.position(), await state_of(storage, record), await storage.keys.all())
    await storage.close()
    again = await database.open()
    assert (await again.position(), await state_of(again, record), await again.keys.all()) == before
    await again.close()

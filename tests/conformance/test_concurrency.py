import asyncio
import json
import random
import sys
from asyncio.subprocess import PIPE, Process
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

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

from tokenward.server.storage.interface import Storage
from tokenward.server.storage.units import Outcome


@asynccontextmanager
async def other_process(engine: str, database: Database, task: str, count: int) -> AsyncIterator[Process]:
    """A process that has opened the database and waits to be started."""
    arguments = ("-m", "tests.conformance.other_process", engine, database.location, task, str(count))
    process = await asyncio.create_subprocess_exec(sys.executable, *arguments, stdin=PIPE, stdout=PIPE)
    try:
        assert process.stdout is not None
        assert await process.stdout.readline() == b"ready\n"
        yield process
    finally:
        if process.returncode is None:
            process.kill()
        await process.wait()


async def result_of(process: Process) -> Any:
    output, _ = await process.communicate(b"go\n")
    assert process.returncode == 0
    return json.loads(output)


def count_applied(outcomes: list[Outcome]) -> int:
    return sum(outcome.applied for outcome in outcomes)


async def test_of_64_rotations_of_one_generation_one_is_applied(storage: Storage) -> None:
    record = await add_session(storage)
    outcomes = await asyncio.gather(*(apply(storage, rotation(storage, record)) for _ in range(64)))
    assert count_applied(outcomes) == 1
    assert (await state_of(storage, record)).session.generation == 2


async def test_of_64_rotations_through_two_handles_one_is_applied(storage: Storage, other: Storage) -> None:
    for _ in range(10):
        record = await add_session(storage, f"name {random.random()}")  # noqa: S311
        handles = [storage, other] * 32
        outcomes = await asyncio.gather(*(apply(handle, rotation(handle, record)) for handle in handles))
        assert count_applied(outcomes) == 1
        assert (await state_of(other, record)).session.generation == 2


async def test_a_session_that_ends_in_the_middle_of_a_race_stays_ended(storage: Storage) -> None:
    for place in range(0, 33, 3):
        record = await add_session(storage, f"name{place}")
        changes = [rotation(storage, record, generation=1 + number % 2) for number in range(32)]
        changes.insert(place, storage.sessions.end(record.sid, NOW))
        outcomes = await asyncio.gather(*(apply(storage, change) for change in changes))
        end = outcomes.pop(place)
        state = (await state_of(storage, record)).session
        assert end.applied
        assert state.ended_at == NOW
        assert state.generation == 1 + count_applied(outcomes)
        assert not (await apply(storage, rotation(storage, record, generation=state.generation))).applied


async def test_of_32_that_find_a_stolen_token_one_ends_the_session_and_writes_the_record(
    storage: Storage, other: Storage
) -> None:
    record = await add_session(storage)
    head = (await storage.position()).n
    outcomes = await asyncio.gather(
        *(
            apply(
                handle,
                handle.sessions.end(record.sid, NOW),
                handle.revocations.add("session", "sid", NOW, "reuse", NOW),
                handle.audit.add(event("session.reuse_detected")),
            )
            for handle in (storage, other) * 16
        )
    )
    assert count_applied(outcomes) == 1
    assert len(await storage.revocations.after(head, 10)) == 1
    assert await audit_count(storage) == 1


async def test_a_sign_in_that_overlaps_logout_everywhere_does_not_outlive_it(
    storage: Storage, other: Storage
) -> None:
    """Whoever read the old cut-off before checking a password gets nothing once the cut-off was raised."""
    owner = account()
    await applied(storage, storage.accounts.insert(owner))
    thieves = [session(owner.sub) for _ in range(40)]
    signing_in = [apply(other, other.sessions.insert(thief)) for thief in thieves]
    logout = apply(
        storage,
        storage.accounts.raise_cutoff(owner.sub),
        storage.revocations.add("subject", owner.sub, NOW, "logout", NOW),
    )
    *outcomes, done = await asyncio.gather(*signing_in[:20], *signing_in[20:], logout)
    assert done.applied
    number = done.integer(1)
    for thief, outcome in zip(thieves, outcomes, strict=True):
        assert not (await apply(storage, rotation(storage, thief))).applied
        if outcome.applied:
            assert outcome.integer(0) < number, "a token with this rsq would escape the record"
    assert not (await apply(storage, storage.sessions.insert(session(owner.sub)))).applied
    await applied(storage, storage.sessions.insert(session(owner.sub)._replace(account_cutoff=1)))


async def test_a_rotation_never_returns_a_head_that_hides_a_cutoff_from_its_token(
    storage: Storage, other: Storage
) -> None:
    """A token's `rsq` is the returned head: one issued beside a cut-off must be older than its record."""
    for place in range(20):
        record = await add_session(storage, f"name{place}")
        refresh, logout = await asyncio.gather(
            apply(storage, rotation(storage, record)),
            apply(
                other,
                other.accounts.raise_cutoff(record.sub),
                other.revocations.add("subject", record.sub, NOW, "logout", NOW),
            ),
        )
        assert logout.applied
        if refresh.applied:
            assert refresh.integer(0) < logout.integer(1)


async def test_one_of_two_that_rotate_the_signing_key_wins(storage: Storage, other: Storage) -> None:
    await applied(
        storage,
        storage.keys.insert(key(1, state="active")),
        *(storage.keys.insert(key(number)) for number in range(2, 12)),
    )
    outcomes = await asyncio.gather(
        *(
            apply(
                handle,
                handle.keys.move("kid-1", "active", "retiring", NOW, erase_private=True),
                handle.keys.move(f"kid-{number}", "pending", "active", NOW, erase_private=False),
            )
            for number, handle in enumerate([storage, other] * 5, start=2)
        )
    )
    assert count_applied(outcomes) == 1
    states = [record.state for record in await storage.keys.all()]
    assert (states.count("active"), states.count("retiring"), states.count("pending")) == (1, 1, 9)


async def test_of_two_that_take_one_email_one_gets_it(storage: Storage, other: Storage) -> None:
    outcomes = await asyncio.gather(
        *(apply(handle, handle.accounts.insert(account())) for handle in (storage, other) * 8)
    )
    assert count_applied(outcomes) == 1
    assert len(await storage.accounts.page(None, 100)) == 1


async def test_who_follows_the_log_never_meets_a_gap(storage: Storage, other: Storage) -> None:
    """Sixteen writers on two handles, some of whose units are refused; the follower reads all the while."""
    start = (await storage.position()).n
    writing = True
    seen: list[int] = []

    async def write(handle: Storage, chance: random.Random) -> list[int]:
        numbers = []
        for _ in range(12):
            add = handle.revocations.add("session", "x", NOW, "test", NOW)
            if chance.random() < 0.3:
                assert not (await apply(handle, add, handle.sessions.end(bytes(16), NOW))).applied
            else:
                numbers.append((await applied(handle, add)).integer(0))
        return numbers

    async def follow() -> None:
        while True:
            last_round = not writing
            records = await storage.revocations.after(seen[-1] if seen else start, 1000)
            seen.extend(record.n for record in records)
            if last_round:
                return
            await asyncio.sleep(0)

    following = asyncio.create_task(follow())
    writers = [
        write(handle, random.Random(number))  # noqa: S311
        for number, handle in enumerate([storage, other] * 8)
    ]
    given = await asyncio.gather(*writers)
    writing = False
    await following
    assert all(numbers == sorted(numbers) for numbers in given)
    assert seen == sorted(number for numbers in given for number in numbers)
    assert seen == list(range(start + 1, start + 1 + len(seen)))


async def test_processes_that_write_in_short_units_share_one_database(
    engine: str, database: Database, storage: Storage
) -> None:
    start = (await storage.position()).n
    async with (
        other_process(engine, database, "revoke", 40) as first,
        other_process(engine, database, "revoke", 40) as second,
    ):
        reading = asyncio.gather(result_of(first), result_of(second))
        ours = []
        for place in range(40):
            add = storage.revocations.add("token", f"ours {place}", NOW, "test", NOW)
            outcome = await applied(storage, add, storage.audit.add(event("our.revoked")))
            ours.append(outcome.integer(0))
            await asyncio.sleep(0)
        theirs = await reading
    given = [ours, *theirs]
    assert all(numbers == sorted(numbers) for numbers in given)
    assert sorted(number for numbers in given for number in numbers) == list(range(start + 1, start + 121))
    assert [record.n for record in await storage.revocations.after(start, 200)] == list(
        range(start + 1, start + 121)
    )
    assert (await storage.position()).n == start + 120
    assert await audit_count(storage) == 120


async def test_processes_that_take_from_one_bucket_get_no_more_than_it_holds(
    engine: str, database: Database, storage: Storage
) -> None:
    async with (
        other_process(engine, database, "take", 60) as first,
        other_process(engine, database, "take", 60) as second,
    ):
        granted = await asyncio.gather(result_of(first), result_of(second))
    assert sum(granted) == 50
    assert not (await apply(storage, storage.rate_limits.take(b"shared", NOW * 1000, 50, 3_600_000))).applied

import pytest
from tests.conformance.samples import (
    ABSOLUTE,
    IDLE,
    NOW,
    account,
    add_session,
    applied,
    apply,
    rotation,
    session,
    state_of,
)

from tokenward.server.storage.interface import Storage
from tokenward.server.storage.records import SessionState


async def test_a_session_comes_back_with_its_account_its_client_and_the_head(storage: Storage) -> None:
    owner = account()
    record = session(owner.sub)
    await applied(storage, storage.revocations.add("all", "", NOW, "test", NOW))
    await applied(storage, storage.accounts.insert(owner))
    outcome = await applied(storage, storage.sessions.insert(record))
    head = (await storage.position()).n
    assert outcome.rows == (((head,),),)
    assert await storage.sessions.find(record.sid) == SessionState(
        session=record,
        account_cutoff=0,
        account_disabled_at=None,
        roles=owner.roles,
        client_cutoff=0,
        client_disabled_at=None,
        n=head,
        ring_revision=(await storage.position()).ring_revision,
    )


async def test_an_unknown_session_is_not_found(storage: Storage) -> None:
    assert await storage.sessions.find(bytes(16)) is None


async def test_a_session_is_refused_for_an_unknown_account_or_client(storage: Storage) -> None:
    owner = account()
    await applied(storage, storage.accounts.insert(owner))
    for record in (session("usr_x"), session(owner.sub)._replace(client_id="unknown")):
        assert (await apply(storage, storage.sessions.insert(record))).refused_by == "sessions.insert"


async def test_a_session_is_refused_for_a_disabled_account(storage: Storage) -> None:
    owner = account()._replace(disabled_at=NOW)
    await applied(storage, storage.accounts.insert(owner))
    assert not (await apply(storage, storage.sessions.insert(session(owner.sub)))).applied


@pytest.mark.parametrize("held", [{"account_cutoff": 0}, {"account_cutoff": 2}, {"client_cutoff": 1}])
async def test_a_session_is_refused_when_it_holds_another_cutoff(
    storage: Storage, held: dict[str, int]
) -> None:
    owner = account()
    await applied(storage, storage.accounts.insert(owner), storage.accounts.raise_cutoff(owner.sub))
    record = session(owner.sub)._replace(account_cutoff=1)._replace(**held)  # type: ignore[arg-type]
    assert not (await apply(storage, storage.sessions.insert(record))).applied


async def test_a_sid_that_exists_refuses_the_unit(storage: Storage) -> None:
    record = await add_session(storage)
    again = record._replace(scope="more")
    assert (await apply(storage, storage.sessions.insert(again))).refused_by == "sessions.insert"
    assert (await state_of(storage, record)).session == record


async def test_a_rotation_sets_what_it_says_and_returns_the_head(storage: Storage) -> None:
    record = await add_session(storage)
    numbered = await applied(storage, storage.revocations.add("all", "", NOW, "test", NOW))
    outcome = await applied(storage, rotation(storage, record))
    assert outcome.rows == numbered.rows
    assert (await state_of(storage, record)).session == record._replace(
        generation=2,
        key_number=8,
        rotated_at_ms=(NOW + 60) * 1000 + 5,
        last_seen_at=NOW + 60,
        idle_expires_at=NOW + 60 + IDLE,
        network="2001:db8::/56",
        agent="Safari on iPhone",
    )


async def test_a_rotation_is_refused_for_another_generation(storage: Storage) -> None:
    record = await add_session(storage)
    for generation in (0, 2):
        assert not (await apply(storage, rotation(storage, record, generation=generation))).applied
    assert (await state_of(storage, record)).session == record


async def test_a_rotation_is_refused_after_the_end(storage: Storage) -> None:
    record = await add_session(storage)
    await applied(storage, storage.sessions.end(record.sid, NOW))
    assert not (await apply(storage, rotation(storage, record))).applied


async def test_a_rotation_is_refused_from_the_second_of_idle_expiry(storage: Storage) -> None:
    record = await add_session(storage)
    assert not (await apply(storage, rotation(storage, record, now=NOW + IDLE))).applied
    await applied(storage, rotation(storage, record, now=NOW + IDLE - 1))


async def test_a_rotation_is_refused_from_the_second_of_absolute_expiry(storage: Storage) -> None:
    owner = account()
    record = session(owner.sub)._replace(idle_expires_at=NOW + 2 * ABSOLUTE)
    await applied(storage, storage.accounts.insert(owner), storage.sessions.insert(record))
    assert not (await apply(storage, rotation(storage, record, now=NOW + ABSOLUTE))).applied
    await applied(storage, rotation(storage, record, now=NOW + ABSOLUTE - 1))


async def test_a_rotation_is_refused_while_the_account_is_disabled(storage: Storage) -> None:
    record = await add_session(storage)
    await applied(storage, storage.accounts.set_disabled(record.sub, NOW))
    assert not (await apply(storage, rotation(storage, record))).applied
    await applied(storage, storage.accounts.set_disabled(record.sub, None))
    await applied(storage, rotation(storage, record))


async def test_a_rotation_is_refused_after_the_accounts_cutoff_was_raised(storage: Storage) -> None:
    record = await add_session(storage)
    await applied(storage, storage.accounts.raise_cutoff(record.sub))
    for cutoff in (0, 1):
        assert not (await apply(storage, rotation(storage, record, account_cutoff=cutoff))).applied


async def test_a_rotation_is_refused_for_cutoffs_that_the_session_does_not_hold(storage: Storage) -> None:
    record = await add_session(storage)
    assert not (await apply(storage, rotation(storage, record, account_cutoff=1))).applied
    assert not (await apply(storage, rotation(storage, record, client_cutoff=1))).applied


async def test_a_session_ends_once(storage: Storage) -> None:
    record = await add_session(storage)
    await applied(storage, storage.sessions.end(record.sid, NOW + 3))
    assert (await apply(storage, storage.sessions.end(record.sid, NOW + 4))).refused_by == "sessions.end"
    assert (await state_of(storage, record)).session.ended_at == NOW + 3


async def test_an_end_can_be_refused_when_the_session_was_rotated_meanwhile(storage: Storage) -> None:
    record = await add_session(storage)
    stale = storage.sessions.end(record.sid, NOW, rotated_at_ms=record.rotated_at_ms - 1)
    assert (await apply(storage, stale)).refused_by == "sessions.end"
    await applied(storage, storage.sessions.end(record.sid, NOW, rotated_at_ms=record.rotated_at_ms))
    assert (await state_of(storage, record)).session.ended_at == NOW


async def test_ending_all_of_an_account_leaves_other_accounts_alone(storage: Storage) -> None:
    first = await add_session(storage)
    second = session(first.sub)
    stranger = await add_session(storage, "ben")
    await applied(storage, storage.sessions.insert(second), storage.sessions.end(first.sid, NOW + 1))
    outcome = await applied(storage, storage.sessions.end_all_of_account(first.sub, NOW + 2))
    assert outcome.counts == (1,)
    ends = [(await state_of(storage, record)).session.ended_at for record in (first, second, stranger)]
    assert ends == [NOW + 1, NOW + 2, None]
    assert (await applied(storage, storage.sessions.end_all_of_account(first.sub, NOW))).counts == (0,)


async def test_one_session_lives_on_across_logout_everywhere(storage: Storage) -> None:
    kept = await add_session(storage)
    lost = session(kept.sub)
    await applied(storage, storage.sessions.insert(lost))
    outcome = await applied(
        storage,
        storage.accounts.raise_cutoff(kept.sub),
        storage.revocations.add("subject", kept.sub, NOW, "logout", NOW),
        storage.sessions.adopt_cutoff(kept.sid, 1),
    )
    assert outcome.rows[2] == outcome.rows[1], "the head must hold the record of this very unit"
    # The token of before is two behind after the rotation that follows, and hence no retry of it.
    assert not (await apply(storage, rotation(storage, kept, account_cutoff=1))).applied
    await applied(storage, rotation(storage, kept, account_cutoff=1, generation=kept.generation + 1))
    assert (await state_of(storage, kept)).session.generation == kept.generation + 2
    assert not (await apply(storage, rotation(storage, lost, account_cutoff=1))).applied


async def test_a_cutoff_is_not_adopted_by_a_session_that_was_cut_off_earlier(storage: Storage) -> None:
    thief = await add_session(storage)
    await applied(storage, storage.accounts.raise_cutoff(thief.sub))
    unit = (storage.accounts.raise_cutoff(thief.sub), storage.sessions.adopt_cutoff(thief.sid, 2))
    assert (await apply(storage, *unit)).refused_by == "sessions.adopt_cutoff"
    owner = await storage.accounts.find(thief.sub)
    assert owner is not None
    assert owner.cutoff == 1


async def test_a_cutoff_is_adopted_only_if_it_is_the_current_one_and_the_session_lives(
    storage: Storage,
) -> None:
    record = await add_session(storage)
    assert not (await apply(storage, storage.sessions.adopt_cutoff(record.sid, 1))).applied
    await applied(storage, storage.accounts.raise_cutoff(record.sub), storage.sessions.end(record.sid, NOW))
    assert not (await apply(storage, storage.sessions.adopt_cutoff(record.sid, 1))).applied


async def test_pages_of_an_accounts_sessions_leave_out_ended_and_expired_ones(storage: Storage) -> None:
    first = await add_session(storage)
    await add_session(storage, "ben")
    records = sorted([first, *(session(first.sub) for _ in range(5))])
    # A session expires at the second that it names.
    records[1] = records[1]._replace(idle_expires_at=NOW + 5)
    records[4] = records[4]._replace(absolute_expires_at=NOW + 6)
    await applied(storage, storage.sessions.delete_all_of_account(first.sub))
    await applied(storage, *(storage.sessions.insert(record) for record in records))
    await applied(storage, storage.sessions.end(records[3].sid, NOW))
    page = await storage.sessions.page_of_account(first.sub, None, 2, living_at=NOW + 5)
    rest = await storage.sessions.page_of_account(first.sub, page[-1].sid, 10, living_at=NOW + 5)
    assert page == [records[0], records[2]]
    assert rest == records[4:]
    assert (
        await storage.sessions.page_of_account(first.sub, page[-1].sid, 10, living_at=NOW + 6) == records[5:]
    )
    kept = await storage.sessions.page_of_account(first.sub, None, 10, living_at=None)
    assert kept == [*records[:3], records[3]._replace(ended_at=NOW), *records[4:]]


async def test_pages_of_all_sessions_hold_those_of_every_account_that_live(storage: Storage) -> None:
    records = sorted([await add_session(storage, name) for name in ("anna", "ben", "cleo", "dora")])
    await applied(storage, storage.sessions.end(records[2].sid, NOW))
    page = await storage.sessions.page(None, 1, living_at=NOW)
    assert page == records[:1]
    assert await storage.sessions.page(page[0].sid, 10, living_at=NOW) == [records[1], records[3]]
    assert await storage.sessions.page(None, 10, living_at=NOW + IDLE) == []


async def test_all_sessions_of_an_account_but_one_are_ended(storage: Storage) -> None:
    kept = await add_session(storage)
    stranger = await add_session(storage, "ben")
    others = [session(kept.sub) for _ in range(3)]
    await applied(storage, *(storage.sessions.insert(record) for record in others))
    await applied(storage, storage.sessions.end(others[0].sid, NOW))
    outcome = await applied(storage, storage.sessions.end_others_of_account(kept.sub, kept.sid, NOW + 1))
    assert outcome.counts == (2,)
    ends = [(await state_of(storage, record)).session.ended_at for record in (kept, stranger, *others)]
    assert ends == [None, None, NOW, NOW + 1, NOW + 1]
    # Due for the sweep like any ended session.
    await applied(storage, storage.sessions.sweep(NOW + 2, 100))
    assert await storage.sessions.find(others[1].sid) is None


async def test_all_sessions_but_one_adopt_a_cutoff_under_the_conditions_of_a_single_one(
    storage: Storage,
) -> None:
    kept = await add_session(storage)
    living, cut_off, ended = (session(kept.sub) for _ in range(3))
    await applied(storage, storage.sessions.insert(cut_off), storage.accounts.raise_cutoff(kept.sub))
    for record in (living, ended):
        await applied(storage, storage.sessions.insert(record._replace(account_cutoff=1)))
    await applied(storage, storage.sessions.end(ended.sid, NOW))
    # Not the account's current one.
    early = await applied(storage, storage.sessions.adopt_cutoff_of_others(kept.sub, kept.sid, 2))
    assert early.counts == (0,)
    outcome = await applied(
        storage,
        storage.accounts.raise_cutoff(kept.sub),
        storage.sessions.adopt_cutoff_of_others(kept.sub, kept.sid, 2),
    )
    assert outcome.counts[1] == 1
    held = [(await state_of(storage, one)).session.account_cutoff for one in (kept, living, cut_off, ended)]
    assert held == [0, 2, 0, 1]


async def test_the_sweep_deletes_what_ended_or_expired_and_nothing_else(storage: Storage) -> None:
    owner = account()
    alive, ended, idle, old = (session(owner.sub) for _ in range(4))
    idle = idle._replace(idle_expires_at=NOW + 5)
    old = old._replace(idle_expires_at=NOW + ABSOLUTE, absolute_expires_at=NOW + 7)
    await applied(storage, storage.accounts.insert(owner))
    await applied(storage, *(storage.sessions.insert(record) for record in (alive, ended, idle, old)))
    await applied(storage, storage.sessions.end(ended.sid, NOW + 6))
    for before, left in ((NOW + 5, 4), (NOW + 6, 3), (NOW + 7, 2), (NOW + 8, 1), (NOW + IDLE, 1)):
        await applied(storage, storage.sessions.sweep(before, 100))
        found = [await storage.sessions.find(record.sid) for record in (alive, ended, idle, old)]
        assert sum(state is not None for state in found) == left, before - NOW
    assert (await state_of(storage, alive)).session == alive


async def test_a_session_that_was_refreshed_outlives_its_first_date_and_is_swept_at_its_last(
    storage: Storage,
) -> None:
    record = await add_session(storage)
    last = NOW + IDLE - 1
    await applied(storage, rotation(storage, record, now=last))
    await applied(storage, storage.sessions.sweep(last + IDLE, 100))
    assert await storage.sessions.find(record.sid) is not None
    await applied(storage, storage.sessions.sweep(last + IDLE + 1, 100))
    assert await storage.sessions.find(record.sid) is None


async def test_a_sweep_is_bounded_and_says_when_it_is_done(storage: Storage) -> None:
    owner = account()
    records = [session(owner.sub) for _ in range(10)]
    await applied(storage, storage.accounts.insert(owner))
    await applied(storage, *(storage.sessions.insert(record) for record in records))
    # Five of ten were refreshed: living rows at the front of the queue must not hide dead ones behind them.
    await applied(storage, *(rotation(storage, record, now=NOW + IDLE - 1) for record in records[:5]))
    counts: list[int] = []
    while not counts or counts[-1] == 3:
        counts += (await applied(storage, storage.sessions.sweep(NOW + IDLE + 1, 3))).counts
    assert counts == [3, 3, 3, 1]
    left = await storage.sessions.page_of_account(owner.sub, None, 100, living_at=None)
    assert {record.sid for record in left} == {record.sid for record in records[:5]}

import pytest
from tests.conformance.samples import NOW, applied, apply, event, key

from tokenward.errors import Error
from tokenward.server.storage.interface import Storage
from tokenward.tokens.revocation_set import RevocationRecord

SCOPES = ("token", "session", "key", "subject", "client", "grant", "audience", "all")


async def test_revocations_are_numbered_without_a_gap_and_move_the_head(storage: Storage) -> None:
    start = (await storage.position()).n
    outcome = await applied(
        storage, *(storage.revocations.add(scope, "value", NOW + 5, "logout", NOW) for scope in SCOPES)
    )
    numbers = [rows[0][0] for rows in outcome.rows]
    assert numbers == list(range(start + 1, start + 9))
    assert (await storage.position()).n == start + 8
    assert await storage.revocations.after(start, 100) == [
        RevocationRecord(start + 1 + place, scope, "value", NOW + 5, "logout")
        for place, scope in enumerate(SCOPES)
    ]


async def test_revocations_are_read_from_a_number_on_in_order_and_bounded(storage: Storage) -> None:
    start = (await storage.position()).n
    for value in "abcde":
        await applied(storage, storage.revocations.add("session", value, NOW, "logout", NOW))
    assert [record.value for record in await storage.revocations.after(start + 1, 3)] == ["b", "c", "d"]
    assert await storage.revocations.after(start + 5, 3) == []


async def test_a_number_is_not_used_by_a_unit_that_was_refused(storage: Storage) -> None:
    start = (await storage.position()).n
    refused = await apply(
        storage,
        storage.revocations.add("session", "a", NOW, "logout", NOW),
        storage.sessions.end(bytes(16), NOW),
    )
    assert not refused.applied
    outcome = await applied(storage, storage.revocations.add("session", "b", NOW, "logout", NOW))
    assert outcome.rows == (((start + 1,),),)


async def test_the_sweep_drops_what_nothing_can_match_but_never_a_key(storage: Storage) -> None:
    start = (await storage.position()).n
    for scope, drop_after in (("key", NOW), ("session", NOW), ("session", NOW + 1), ("all", NOW)):
        await applied(storage, storage.revocations.add(scope, "x", drop_after, "test", NOW))
    assert (await applied(storage, storage.revocations.sweep(NOW, 10))).counts == (0,)
    assert (await applied(storage, storage.revocations.sweep(NOW + 1, 1))).counts == (1,)
    assert (await applied(storage, storage.revocations.sweep(NOW + 1, 10))).counts == (1,)
    left = [record.n for record in await storage.revocations.after(start, 10)]
    assert left == [start + 1, start + 3]


async def test_a_number_is_never_given_twice_after_a_sweep(storage: Storage) -> None:
    first = await applied(storage, storage.revocations.add("session", "x", NOW, "test", NOW))
    await applied(storage, storage.revocations.sweep(NOW + 1, 10))
    second = await applied(storage, storage.revocations.add("session", "x", NOW, "test", NOW))
    assert second.integer(0) == first.integer(0) + 1


async def test_an_unknown_scope_is_a_fault(storage: Storage) -> None:
    with pytest.raises(Error):
        await apply(storage, storage.revocations.add("user", "x", NOW, "test", NOW))


async def test_the_position_is_the_same_object_until_the_log_or_the_ring_moves(
    storage: Storage, other: Storage
) -> None:
    before = await storage.position()
    assert await storage.position() is before
    await applied(other, other.audit.add(event("nothing.moved")))
    await applied(storage, storage.audit.add(event("nothing.moved")))
    assert await storage.position() is before
    await applied(other, other.revocations.add("session", "x", NOW, "test", NOW))
    after = await storage.position()
    assert after == before._replace(n=before.n + 1)
    await applied(other, other.keys.insert(key()))
    assert (await storage.position()).ring_revision > after.ring_revision


async def test_events_come_back_in_order_with_ids(storage: Storage) -> None:
    sealed = event("b")._replace(personal_wrapped=b"\x00sealed")
    outcome = await applied(storage, storage.audit.add(event("a")), storage.audit.add(sealed))
    first, second = outcome.integer(0), outcome.integer(1)
    assert first < second
    assert await storage.audit.page(0, 10) == [event("a")._replace(id=first), sealed._replace(id=second)]
    assert await storage.audit.page(first, 10) == [sealed._replace(id=second)]
    assert await storage.audit.page(0, 1) == [event("a")._replace(id=first)]


async def test_the_newest_event_tells_its_time(storage: Storage) -> None:
    assert await storage.audit.newest_at() is None
    await applied(storage, storage.audit.add(event("a", NOW + 9)), storage.audit.add(event("b", NOW + 3)))
    assert await storage.audit.newest_at() == NOW + 3


async def test_detail_that_is_no_json_is_a_fault(storage: Storage) -> None:
    with pytest.raises(Error):
        await apply(storage, storage.audit.add(event("a")._replace(detail="{")))


async def test_the_audit_sweep_takes_the_oldest_and_never_gives_an_id_again(storage: Storage) -> None:
    times = (NOW + 2, NOW, NOW + 1)
    outcome = await applied(storage, *(storage.audit.add(event("a", at)) for at in times))
    assert (await applied(storage, storage.audit.sweep(NOW + 2, 1))).counts == (1,)
    assert [record.at for record in await storage.audit.page(0, 10)] == [NOW + 2, NOW + 1]
    assert (await applied(storage, storage.audit.sweep(NOW + 3, 10))).counts == (2,)
    assert (await applied(storage, storage.audit.add(event("a")))).integer(0) > outcome.integer(2)


async def test_events_about_one_account_are_read_in_order_and_bounded(storage: Storage) -> None:
    rows = [event(f"{number}.happened")._replace(subject=f"usr_{number % 2}") for number in range(8)]
    await applied(storage, *(storage.audit.add(row) for row in rows))
    page = await storage.audit.page_of_subject("usr_1", 0, 2)
    assert [row.event for row in page] == ["1.happened", "3.happened"]
    assert page[-1].id is not None
    rest = await storage.audit.page_of_subject("usr_1", page[-1].id, 10)
    assert [row.event for row in rest] == ["5.happened", "7.happened"]
    assert await storage.audit.page_of_subject("usr_x", 0, 10) == []

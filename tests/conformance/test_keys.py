import pytest
from tests.conformance.samples import NOW, applied, apply, key

from tokenward.errors import Error
from tokenward.server.storage.interface import Storage


async def test_keys_come_back_as_they_were_stored_by_number(storage: Storage) -> None:
    symmetric = key(1, use="refresh", alg="HS256", state="active")._replace(public_jwk=None)
    await applied(storage, storage.keys.insert(key(2)), storage.keys.insert(symmetric))
    assert await storage.keys.all() == [symmetric, key(2)]


@pytest.mark.parametrize("taken", [{"number": 1}, {"kid": "kid-1"}])
async def test_a_taken_kid_or_number_refuses_the_insert(storage: Storage, taken: dict[str, str]) -> None:
    await applied(storage, storage.keys.insert(key(1)))
    record = key(2)._replace(**taken)  # type: ignore[arg-type]
    assert (await apply(storage, storage.keys.insert(record))).refused_by == "keys.insert"


@pytest.mark.parametrize(
    ("state", "noted"),
    [
        ("active", {"activated_at": NOW + 9}),
        ("retiring", {"retiring_at": NOW + 9}),
        ("verify-only", {"retiring_at": NOW + 9}),
        ("retired", {"retired_at": NOW + 9}),
        ("revoked", {"retired_at": NOW + 9}),
    ],
)
async def test_a_move_notes_when_the_state_was_entered(
    storage: Storage, state: str, noted: dict[str, int]
) -> None:
    await applied(storage, storage.keys.insert(key()))
    await applied(storage, storage.keys.move("kid-1", "pending", state, NOW + 9, erase_private=False))
    assert await storage.keys.all() == [key()._replace(state=state)._replace(**noted)]  # type: ignore[arg-type]


async def test_a_move_from_another_state_is_refused(storage: Storage) -> None:
    await applied(storage, storage.keys.insert(key()))
    refused = await apply(storage, storage.keys.move("kid-1", "active", "retiring", NOW, erase_private=True))
    assert refused.refused_by == "keys.move"
    assert await storage.keys.all() == [key()]


async def test_a_private_key_that_was_erased_stays_erased(storage: Storage) -> None:
    await applied(storage, storage.keys.insert(key()), storage.keys.rewrap("kid-1", b"\x02wrapped"))
    assert [record.private_wrapped for record in await storage.keys.all()] == [b"\x02wrapped"]
    await applied(storage, storage.keys.move("kid-1", "pending", "retired", NOW, erase_private=True))
    assert [record.private_wrapped for record in await storage.keys.all()] == [None]
    assert (await apply(storage, storage.keys.rewrap("kid-1", b"\x03wrapped"))).refused_by == "keys.rewrap"


async def test_a_second_active_key_of_one_use_and_algorithm_is_refused(storage: Storage) -> None:
    await applied(storage, storage.keys.insert(key(1, state="active")), storage.keys.insert(key(2)))
    move = storage.keys.move("kid-2", "pending", "active", NOW, erase_private=False)
    assert (await apply(storage, move)).refused_by == "keys.move"
    assert (await apply(storage, storage.keys.insert(key(3, state="active")))).refused_by == "keys.insert"
    await applied(storage, storage.keys.insert(key(4, state="active", alg="RS256")))
    await applied(storage, storage.keys.insert(key(5, state="active", use="id")))
    retire = storage.keys.move("kid-1", "active", "retiring", NOW, erase_private=True)
    await applied(storage, retire, move)


async def test_unknown_states_and_uses_are_a_fault(storage: Storage) -> None:
    for record in (key(state="published"), key(use="sig")):
        with pytest.raises(Error):
            await apply(storage, storage.keys.insert(record))


async def test_each_change_of_a_key_moves_the_revision_of_the_ring(storage: Storage, other: Storage) -> None:
    revisions = [(await other.position()).ring_revision]
    for change in (
        storage.keys.insert(key()),
        storage.keys.rewrap("kid-1", b"\x02wrapped"),
        storage.keys.move("kid-1", "pending", "active", NOW, erase_private=False),
    ):
        await applied(storage, change)
        revisions.append((await other.position()).ring_revision)
    assert revisions == sorted(set(revisions))
    assert await storage.position() == await other.position()

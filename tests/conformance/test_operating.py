"""What restores and a change of the master key need of an engine."""

import pytest
from tests.conformance.samples import NOW, account, add_session, applied, apply, rotation

from tokenward.server.storage.interface import Storage

EPOCH = 1 << 40


async def test_a_new_epoch_numbers_above_everything_of_before(storage: Storage) -> None:
    before = await applied(storage, storage.revocations.add("session", "x", NOW, "test", NOW))
    outcome = await applied(
        storage,
        storage.revocations.begin_epoch(3),
        storage.revocations.add("all", "", NOW, "test", NOW),
        storage.revocations.add("session", "x", NOW, "test", NOW),
    )
    assert (outcome.integer(1), outcome.integer(2)) == (3 * EPOCH + 1, 3 * EPOCH + 2)
    position = await storage.position()
    assert (position.epoch, position.n) == (3, 3 * EPOCH + 2)
    assert [record.n for record in await storage.revocations.after(0, 10)] == [
        before.integer(0), 3 * EPOCH + 1, 3 * EPOCH + 2,
    ]  # fmt: skip


@pytest.mark.parametrize("epoch", [0, 1, 2])
async def test_an_epoch_never_comes_again(storage: Storage, epoch: int) -> None:
    await applied(storage, storage.revocations.begin_epoch(2))
    refused = await apply(
        storage, storage.revocations.add("all", "", NOW, "test", NOW), storage.revocations.begin_epoch(epoch)
    )
    assert refused.refused_by == "revocations.begin_epoch"
    assert (await storage.position()).n == 2 * EPOCH


async def test_raising_all_cut_offs_ends_every_session(storage: Storage) -> None:
    record = await add_session(storage)
    await applied(storage, storage.clients.raise_all_cutoffs())
    assert not (await apply(storage, rotation(storage, record))).applied
    client = await storage.clients.find("first-party")
    assert client is not None
    assert client.cutoff == 1


async def test_a_personal_key_is_sealed_anew_only_if_it_is_the_one_that_was_read(storage: Storage) -> None:
    record = account()
    await applied(storage, storage.accounts.insert(record), storage.accounts.insert(account("ben")))
    old = record.personal_key_wrapped
    assert (await applied(storage, storage.accounts.reseal(record.sub, old, b"new"))).counts == (1,)
    assert (await applied(storage, storage.accounts.reseal(record.sub, old, b"late"))).counts == (0,)
    assert await storage.accounts.find(record.sub) == record._replace(personal_key_wrapped=b"new")

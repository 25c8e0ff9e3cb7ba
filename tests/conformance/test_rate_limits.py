import asyncio

from tests.conformance.samples import NOW, applied, apply

from tokenward.server.storage.interface import Storage
from tokenward.server.storage.records import BucketRecord
from tokenward.server.storage.units import Change

BUCKET = b"bucket"
MS = NOW * 1000
CAPACITY = 3
REFILL = 60_000


def take(storage: Storage, now_ms: int = MS, *, capacity: int = CAPACITY) -> Change:
    return storage.rate_limits.take(BUCKET, now_ms, capacity, REFILL)


async def fill(storage: Storage, now_ms: int = MS) -> None:
    for _ in range(CAPACITY):
        await applied(storage, take(storage, now_ms))


async def test_a_bucket_takes_its_capacity_and_no_more(storage: Storage) -> None:
    levels = [(await applied(storage, take(storage))).integer(0) for _ in range(CAPACITY)]
    assert levels == [1, 2, 3]
    refused = await apply(storage, take(storage))
    assert (refused.applied, refused.refused_by) == (False, "rate_limits.take")


async def test_a_bucket_of_no_capacity_takes_nothing(storage: Storage) -> None:
    assert not (await apply(storage, take(storage, capacity=0))).applied


async def test_a_full_bucket_drains_one_at_a_time(storage: Storage) -> None:
    await fill(storage)
    assert not (await apply(storage, take(storage, MS + REFILL - 1))).applied
    await applied(storage, take(storage, MS + REFILL))
    assert not (await apply(storage, take(storage, MS + REFILL))).applied


async def test_a_bucket_does_not_save_up_beyond_empty(storage: Storage) -> None:
    await fill(storage)
    later = MS + 100 * REFILL
    await fill(storage, later)
    assert not (await apply(storage, take(storage, later))).applied


async def test_the_wait_is_the_time_after_which_one_fits(storage: Storage) -> None:
    assert await storage.rate_limits.find_level(BUCKET) is None
    await fill(storage)
    level = await storage.rate_limits.find_level(BUCKET)
    assert level is not None
    assert level.wait_ms(now_ms=MS + 1000, capacity=CAPACITY) == REFILL - 1000
    assert level.wait_ms(now_ms=MS + REFILL, capacity=CAPACITY) == 0
    await applied(storage, take(storage, MS + REFILL))


async def test_a_refused_take_changes_nothing(storage: Storage) -> None:
    await fill(storage)
    before = await storage.rate_limits.find_level(BUCKET)
    await apply(storage, take(storage, MS + 5))
    assert await storage.rate_limits.find_level(BUCKET) == before


async def test_many_takes_at_once_get_as_many_as_there_is_room_for(storage: Storage, other: Storage) -> None:
    outcomes = await asyncio.gather(*(apply(handle, take(handle)) for handle in (storage, other) * 20))
    assert sum(outcome.applied for outcome in outcomes) == CAPACITY


async def test_takes_whose_clocks_were_read_in_another_order_do_not_empty_the_bucket(
    storage: Storage,
) -> None:
    await fill(storage)
    assert not (await apply(storage, take(storage, MS - 1))).applied
    small = storage.rate_limits.take(b"small", MS, 1, 1)
    await applied(storage, small)
    assert not (await apply(storage, storage.rate_limits.take(b"small", MS - 900, 1, 1))).applied


async def test_a_clock_set_back_does_not_lock_anybody_out(storage: Storage) -> None:
    await fill(storage)
    earlier = MS - 365 * 86_400_000
    assert (await applied(storage, take(storage, earlier))).integer(0) == 1


async def test_a_cleared_bucket_is_empty(storage: Storage) -> None:
    await fill(storage)
    await applied(storage, storage.rate_limits.clear(BUCKET), storage.rate_limits.clear(b"gone"))
    assert (await applied(storage, take(storage))).integer(0) == 1


async def test_the_sweep_takes_empty_buckets_only(storage: Storage) -> None:
    for number in range(3):
        await applied(storage, storage.rate_limits.take(bytes([number]), MS + number, 10, REFILL))
    assert (await applied(storage, storage.rate_limits.sweep(MS + REFILL - 1, 10))).counts == (0,)
    assert (await applied(storage, storage.rate_limits.sweep(MS + REFILL + 1, 1))).counts == (1,)
    assert (await applied(storage, storage.rate_limits.sweep(MS + REFILL + 1, 10))).counts == (1,)
    assert await storage.rate_limits.find_level(bytes([2])) is not None


async def is_known(storage: Storage, login_hash: bytes, origin_hash: bytes) -> bool:
    known, levels = await storage.rate_limits.find_throttle(login_hash, origin_hash, (b"x", b"y", b"z"))
    assert levels == {}
    return known


async def test_one_look_tells_the_origin_and_the_buckets_that_are_not_empty(storage: Storage) -> None:
    store = storage.rate_limits
    buckets = (b"first", b"second", b"third")
    assert await store.find_throttle(b"anna", b"home", buckets) == (False, {})
    await applied(storage, store.take(b"third", MS, 10, 7), store.take(b"strange", MS, 10, 7))
    third = BucketRecord(empty_at_ms=MS + 7, refill_ms=7)
    assert await store.find_throttle(b"anna", b"home", buckets) == (False, {b"third": third})
    await applied(storage, store.remember_origin(b"anna", b"home", NOW), store.take(b"first", MS, 10, REFILL))
    first = BucketRecord(empty_at_ms=MS + REFILL, refill_ms=REFILL)
    await applied(storage, store.take(b"second", MS, 10, 9))
    second = BucketRecord(empty_at_ms=MS + 9, refill_ms=9)
    found = (True, {b"first": first, b"second": second, b"third": third})
    assert await store.find_throttle(b"anna", b"home", buckets) == found
    assert second == await store.find_level(b"second")


async def test_an_origin_is_known_to_the_login_that_it_signed_in_to(storage: Storage) -> None:
    remember = storage.rate_limits.remember_origin
    assert not await is_known(storage, b"anna", b"home")
    await applied(storage, remember(b"anna", b"home", NOW))
    assert await is_known(storage, b"anna", b"home")
    assert not await is_known(storage, b"ben", b"home")
    assert not await is_known(storage, b"anna", b"work")


async def test_an_origin_that_comes_again_is_kept_longer(storage: Storage) -> None:
    remember = storage.rate_limits.remember_origin
    await applied(storage, remember(b"anna", b"home", NOW), remember(b"anna", b"work", NOW))
    await applied(storage, remember(b"anna", b"home", NOW + 5))
    assert (await applied(storage, storage.rate_limits.sweep_origins(NOW + 5, 10))).counts == (1,)
    assert await is_known(storage, b"anna", b"home")
    assert (await applied(storage, storage.rate_limits.sweep_origins(NOW + 6, 10))).counts == (1,)


async def test_all_origins_of_a_login_are_forgotten_and_those_of_no_other(storage: Storage) -> None:
    remember = storage.rate_limits.remember_origin
    for login_hash, origin_hash in ((b"anna", b"home"), (b"anna", b"work"), (b"ben", b"home")):
        await applied(storage, remember(login_hash, origin_hash, NOW))
    await applied(storage, remember(b"anna", b"work", NOW + 5))
    assert sorted(await storage.rate_limits.origins(b"anna", 10)) == [NOW, NOW + 5]
    assert len(await storage.rate_limits.origins(b"anna", 1)) == 1
    assert (await applied(storage, storage.rate_limits.forget_origins(b"anna"))).counts == (2,)
    assert await storage.rate_limits.origins(b"anna", 10) == []
    assert not await is_known(storage, b"anna", b"work")
    assert await is_known(storage, b"ben", b"home")

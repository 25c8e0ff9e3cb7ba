import asyncio
import itertools
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.server.accounts.building import open_storage
from tests.server.building import opened, until

from tokenward.clock import FakeClock
from tokenward.errors import StorageUnavailable
from tokenward.server.accounts.profile import fold_login
from tokenward.server.rate_limit import (
    ORIGIN_KEPT_DAYS,
    Limit,
    LoginThrottle,
    RateLimited,
    RegistrationThrottle,
    Taken,
    _fold,
    network_prefix,
)
from tokenward.server.storage.interface import RateLimitStore, Storage
from tokenward.server.storage.records import BucketRecord
from tokenward.server.storage.units import Unit

HOME, CAFE = "192.0.2.7", "198.51.100.7"


@pytest.fixture
async def storage(tmp_path: Path) -> AsyncIterator[Storage]:
    async with open_storage(tmp_path) as opened:
        yield opened


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


@pytest.fixture
def throttle(storage: Storage, clock: FakeClock) -> LoginThrottle:
    return LoginThrottle(
        storage, clock, from_network=Limit(3, 60), from_unknown=Limit(6, 30), network=Limit(20, 2)
    )


@dataclass
class Door:
    """Attempts to sign in, from the place that each takes to what becomes of it."""

    storage: Storage
    throttle: LoginThrottle

    async def sign_in(self, login: str, address: str) -> None:
        taken = await self.throttle.take(login, address)
        assert (await self.storage.apply(Unit("sign_in", self.throttle.succeeded(taken)))).applied
        self.throttle.release(taken)

    async def fail(self, login: str, address: str, times: int = 1) -> None:
        for _ in range(times):
            await self.decide(await self.throttle.take(login, address))

    async def decide(self, taken: Taken) -> None:
        """A wrong password."""
        assert (await self.storage.apply(Unit("failed", self.throttle.failed(taken)))).applied
        self.throttle.release(taken)

    async def refused(self, login: str, address: str) -> int:
        with pytest.raises(RateLimited) as caught:
            await self.throttle.take(login, address)
        assert (caught.value.code, caught.value.status) == ("rate_limited", 429)
        assert str(caught.value.retry_after_seconds) in caught.value.description
        assert login not in repr(caught.value)
        return caught.value.retry_after_seconds

    async def at_once(self, login: str, address: str, times: int) -> list[Taken]:
        """The places that so many attempts get when none of them is decided; the others are refused."""
        attempts = (self.throttle.take(login, address) for _ in range(times))
        results = await asyncio.gather(*attempts, return_exceptions=True)
        taken = [result for result in results if isinstance(result, Taken)]
        assert sum(isinstance(result, RateLimited) for result in results) == times - len(taken)
        return taken


class SlowRateLimits(RateLimitStore):
    """Buckets in a database that is asked over a network: others run while an answer is on its way."""

    def __init__(self, storage: Storage) -> None:
        super().__init__(storage.rate_limits._reader)
        self.answers = asyncio.Event()
        self.answers.set()
        self.asked = 0

    async def find_throttle(
        self, login_hash: bytes, origin_hash: bytes, buckets: tuple[bytes, bytes, bytes]
    ) -> tuple[bool, dict[bytes, BucketRecord]]:
        found = await super().find_throttle(login_hash, origin_hash, buckets)
        answers = self.answers
        self.asked += 1
        await asyncio.sleep(0)
        await answers.wait()
        return found


@pytest.fixture
def door(storage: Storage, throttle: LoginThrottle) -> Door:
    return Door(storage, throttle)


@pytest.fixture
def slow(storage: Storage, monkeypatch: pytest.MonkeyPatch) -> SlowRateLimits:
    store = SlowRateLimits(storage)
    monkeypatch.setattr(storage, "rate_limits", store)
    return store


async def test_after_a_burst_of_failures_a_guess_is_refused_until_the_bucket_drains(
    door: Door, clock: FakeClock
) -> None:
    await door.fail("alice", HOME, 3)
    wait = await door.refused("alice", HOME)
    assert wait == 60
    clock.advance(wait - 1)
    assert await door.refused("alice", HOME) == 1
    clock.advance(1)
    await door.fail("alice", HOME)
    assert await door.refused("alice", HOME) == 60


async def test_case_and_width_and_neighbouring_addresses_share_a_bucket(door: Door) -> None:
    await door.fail("alice", "192.0.2.7")
    await door.fail("ALICE", "192.0.2.200")
    await door.fail("ａｌｉｃｅ", "::ffff:192.0.2.99")
    await door.refused("Alice", "192.0.2.1")


async def test_of_many_guesses_at_once_as_many_as_the_burst_get_a_place(door: Door) -> None:
    taken = await door.at_once("alice", HOME, 30)
    assert len(taken) == 3
    assert await door.refused("alice", HOME) == 1
    for one in taken:
        await door.decide(one)
    assert await door.refused("alice", HOME) == 60


async def test_no_guess_slips_through_while_the_database_answers(door: Door, slow: SlowRateLimits) -> None:
    await door.fail("alice", HOME)
    assert len(await door.at_once("alice", HOME, 30)) == 2


async def test_a_failure_noted_while_another_guess_looks_is_not_overlooked(
    door: Door, slow: SlowRateLimits
) -> None:
    early = await door.at_once("alice", HOME, 2)
    slow.answers.clear()
    looking = [asyncio.create_task(door.throttle.take("alice", HOME)) for _ in range(2)]
    await until(lambda: slow.asked == 4)
    # Both have read the buckets as they were, and now these change under them.
    for taken in early:
        await door.decide(taken)
    slow.answers.set()
    results = await asyncio.gather(*looking, return_exceptions=True)
    assert [type(result) for result in results] == [Taken, RateLimited]


async def test_guesses_that_begin_and_fail_while_another_looks_are_not_overlooked(
    door: Door, slow: SlowRateLimits
) -> None:
    slow.answers.clear()
    looking = asyncio.create_task(door.throttle.take("alice", HOME))
    await until(lambda: slow.asked == 1)
    held_up, slow.answers = slow.answers, asyncio.Event()
    slow.answers.set()
    await door.fail("alice", HOME, 3)
    held_up.set()
    with pytest.raises(RateLimited):
        await looking


async def test_an_attempt_under_way_takes_a_place_beside_the_failures_of_before(door: Door) -> None:
    await door.fail("alice", HOME)
    assert len(await door.at_once("alice", HOME, 30)) == 2


async def test_a_right_password_costs_nothing(door: Door) -> None:
    for _ in range(50):
        await door.sign_in("alice", HOME)
    await door.fail("alice", HOME, 2)
    await door.sign_in("alice", HOME)
    await door.fail("alice", HOME, 3)
    await door.refused("alice", HOME)


async def test_guesses_from_many_networks_meet_in_one_bucket(door: Door, clock: FakeClock) -> None:
    for number in range(6):
        await door.fail("alice", f"203.0.{number}.1")
    assert await door.refused("alice", "203.0.113.1") == 30
    await door.fail("bob", "203.0.113.1")
    clock.advance(30)
    await door.fail("alice", "203.0.113.1")


async def test_guesses_at_once_from_many_networks_meet_in_one_bucket(door: Door) -> None:
    for number in range(6):
        await door.throttle.take("alice", f"203.0.{number}.1")
    await door.refused("alice", "203.0.113.1")


async def test_strangers_cannot_lock_out_an_owner_who_signed_in_from_there(door: Door) -> None:
    await door.sign_in("alice", HOME)
    for number in range(3):
        await door.fail("alice", f"203.0.{number}.1")
    for number in range(3, 6):
        await door.throttle.take("alice", f"203.0.{number}.1")
    await door.refused("alice", CAFE)
    await door.sign_in("alice", HOME)


async def test_an_owner_who_mistypes_at_home_takes_no_place_from_strangers(door: Door) -> None:
    await door.sign_in("alice", HOME)
    await door.fail("alice", HOME, 3)
    for number in range(6):
        await door.fail("alice", f"203.0.{number}.1")


async def test_an_origin_that_is_known_for_one_login_is_a_stranger_to_another(door: Door) -> None:
    await door.sign_in("alice", HOME)
    for number in range(6):
        await door.fail("bob", f"203.0.{number}.1")
    await door.refused("bob", HOME)


async def test_one_password_tried_on_many_logins_fills_the_bucket_of_the_network(door: Door) -> None:
    for number in range(20):
        await door.fail(f"user{number}", HOME)
    assert await door.refused("user99", HOME) == 2
    await door.fail("user99", CAFE)


async def test_one_password_tried_on_many_logins_at_once_fills_the_bucket_of_the_network(door: Door) -> None:
    attempts = (door.throttle.take(f"user{number}", HOME) for number in range(50))
    results = await asyncio.gather(*attempts, return_exceptions=True)
    assert sum(isinstance(result, Taken) for result in results) == 20


async def test_a_refused_attempt_is_charged_to_no_bucket(door: Door, clock: FakeClock) -> None:
    await door.fail("alice", HOME, 3)
    for _ in range(50):
        await door.refused("alice", HOME)
    await door.fail("bob", HOME)
    clock.advance(60)
    await door.fail("alice", HOME)


async def test_attempts_that_will_be_refused_take_no_place_from_others_meanwhile(
    door: Door, slow: SlowRateLimits
) -> None:
    """A flood at one login from one network must not shut out the strangers of all other networks."""
    await door.fail("alice", HOME, 3)
    flood = [asyncio.create_task(door.throttle.take("alice", HOME)) for _ in range(30)]
    await asyncio.sleep(0)
    await door.fail("alice", CAFE)
    results = await asyncio.gather(*flood, return_exceptions=True)
    assert all(isinstance(result, RateLimited) for result in results)


async def test_an_attempt_that_was_not_decided_costs_nothing(door: Door) -> None:
    for _ in range(30):
        door.throttle.release(await door.throttle.take("alice", HOME))
    await door.fail("alice", HOME, 3)


async def test_taking_a_place_writes_nothing(tmp_path: Path, door: Door) -> None:
    await door.throttle.take("alice", HOME)
    with opened(tmp_path / "tokenward.db") as connection:
        assert connection.execute("SELECT count(*) FROM buckets").fetchall() == [(0,)]


async def test_nothing_is_kept_in_memory_of_attempts_that_are_over(door: Door, slow: SlowRateLimits) -> None:
    await door.sign_in("alice", HOME)
    await door.fail("alice", HOME)
    door.throttle.release(await door.throttle.take("alice", CAFE))
    for taken in await door.at_once("alice", CAFE, 30):
        assert door.throttle._places
        await door.decide(taken)
    await door.refused("alice", CAFE)
    assert door.throttle._places == {}


async def test_an_attempt_that_ends_while_it_looks_keeps_no_place(
    door: Door, slow: SlowRateLimits, monkeypatch: pytest.MonkeyPatch
) -> None:
    slow.answers.clear()
    task = asyncio.create_task(door.throttle.take("alice", HOME))
    await asyncio.sleep(0)
    assert door.throttle._places
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert door.throttle._places == {}

    async def unreadable(*_: object) -> None:
        raise StorageUnavailable(reason="test")

    monkeypatch.setattr(slow, "find_throttle", unreadable)
    with pytest.raises(StorageUnavailable):
        await door.throttle.take("alice", HOME)
    assert door.throttle._places == {}


async def test_a_failure_is_charged_where_there_is_room_though_another_node_filled_a_bucket(
    storage: Storage, door: Door, clock: FakeClock
) -> None:
    other_node = Door(storage, LoginThrottle(storage, clock, from_network=Limit(3, 60)))
    taken = await door.throttle.take("alice", HOME)
    await other_node.fail("alice", HOME, 3)
    await door.decide(taken)
    for number in range(16):
        await door.fail(f"user{number}", HOME)
    await door.refused("user99", HOME)


async def test_a_failure_is_noted_before_a_restart_and_an_attempt_under_way_is_not(
    tmp_path: Path, clock: FakeClock
) -> None:
    async with open_storage(tmp_path) as storage:
        door = Door(storage, LoginThrottle(storage, clock, from_network=Limit(3, 60)))
        await door.fail("alice", HOME, 2)
        await door.throttle.take("alice", HOME)
        await door.refused("alice", HOME)
    async with open_storage(tmp_path) as storage:
        door = Door(storage, LoginThrottle(storage, clock, from_network=Limit(3, 60)))
        await door.fail("alice", HOME)
        await door.refused("alice", HOME)


async def test_unknown_and_strange_logins_are_charged_like_any(door: Door) -> None:
    for login in ("nobody@b.example", "\ud800", "a\x00b", "", "x" * 100000):
        await door.fail(login, HOME, 3)
        with pytest.raises(RateLimited):
            await door.throttle.take(login, HOME)


async def test_a_clock_set_back_locks_nobody_out_for_long(door: Door, clock: FakeClock) -> None:
    await door.fail("alice", HOME, 3)
    clock.time -= 86400
    await door.fail("alice", HOME, 3)
    assert await door.refused("alice", HOME) == 60


async def test_attempts_under_way_make_no_bucket_that_another_node_fills_look_like_one_of_a_clock_set_back(
    storage: Storage, clock: FakeClock
) -> None:
    one, other = (Door(storage, LoginThrottle(storage, clock, from_network=Limit(10, 60))) for _ in range(2))
    assert len(await one.at_once("alice", HOME, 9)) == 9
    await other.fail("alice", HOME, 9)
    await one.refused("alice", HOME)


async def test_sweeping_removes_what_is_empty_and_forgets_old_origins(door: Door, clock: FakeClock) -> None:
    await door.sign_in("alice", HOME)
    await door.fail("alice", HOME, 3)
    await door.throttle.sweep(100)
    await door.refused("alice", HOME)
    clock.advance((ORIGIN_KEPT_DAYS + 1) * 86400)
    await door.throttle.sweep(100)
    for number in range(6):
        await door.fail("alice", f"203.0.{number}.1")
    await door.refused("alice", HOME)


async def test_the_default_limits_are_those_of_the_design(storage: Storage, clock: FakeClock) -> None:
    door = Door(storage, LoginThrottle(storage, clock))
    await door.fail("alice", HOME, 10)
    assert await door.refused("alice", HOME) == 60
    for number in range(90):
        await door.fail("alice", f"203.0.{number}.1")
    assert await door.refused("alice", CAFE) == 30
    for number in range(290):
        await door.fail(f"user{number}", HOME)
    assert await door.refused("user999", HOME) == 2


async def test_registrations_are_throttled_by_network(storage: Storage, clock: FakeClock) -> None:
    throttle = RegistrationThrottle(storage, clock, limit=Limit(2, 120))
    await throttle.take("2001:db8:0:1::1")
    await throttle.take("2001:db8:0:2::2")
    with pytest.raises(RateLimited) as caught:
        await throttle.take("2001:db8:0:ff::3")
    assert caught.value.retry_after_seconds == 120
    await throttle.take("2001:db8:0:100::1")
    clock.advance(120)
    await throttle.take("2001:db8:0:1::1")


@pytest.mark.parametrize(
    ("address", "prefix"),
    [
        ("192.0.2.7", "192.0.2.0/24"),
        ("::ffff:192.0.2.7", "192.0.2.0/24"),
        ("2001:db8:1:2345::1", "2001:db8:1:2300::/56"),
        ("fe80::1%eth0", "fe80::/56"),
        ("::1", "::/56"),
        ("", ""),
        ("unix:", "unix:"),
    ],
)
def test_the_network_of_an_address_is_what_one_household_has(address: str, prefix: str) -> None:
    assert network_prefix(address) == prefix


@given(st.text())
def test_logins_are_folded_as_accounts_fold_them(login: str) -> None:
    assert _fold(login) == fold_login(login)


def test_no_two_buckets_share_a_name() -> None:
    from tokenward.server.rate_limit import _hash

    parts = [("a",), ("a", ""), ("", "a"), ("a", "b"), ("ab",), ("b", "a"), (b"a", b"b", b"")]
    names = [_hash(kind, *rest) for kind, rest in itertools.product(("login", "network"), parts)]
    assert len(set(names)) == len(names)


def test_a_name_too_long_to_be_a_login_is_not_folded() -> None:
    # Normalising a run of combining marks takes time that grows with the square of its length.
    marks = "a" + "\u0301\u0316" * 16_000
    assert _fold(marks) == marks
    assert _fold(marks[:200]) != marks[:200]


# Devices that have signed in before.


async def test_a_device_is_charged_to_its_own_bucket_and_to_no_other(
    door: Door, storage: Storage, clock: FakeClock
) -> None:
    device = bytes(16)
    for _ in range(3):
        await door.decide(await door.throttle.take("alice", HOME, device=device))
    with pytest.raises(RateLimited) as caught:
        await door.throttle.take("alice", CAFE, device=device)
    assert caught.value.retry_after_seconds == 60
    # The network, the login and another device of it are as they were.
    await door.fail("alice", HOME, 3)
    await door.decide(await door.throttle.take("alice", HOME, device=bytes(15) + b"1"))
    await door.decide(await door.throttle.take("bob", HOME, device=device))
    clock.advance(60)
    await door.decide(await door.throttle.take("ALICE", HOME, device=device))


async def test_strangers_do_not_fill_the_bucket_of_a_device(door: Door) -> None:
    await door.fail("alice", HOME, 3)
    await door.refused("alice", HOME)
    taken = await door.throttle.take("alice", HOME, device=bytes(16))
    assert (await door.storage.apply(Unit("sign_in", door.throttle.succeeded(taken)))).applied
    door.throttle.release(taken)
    # Its success forgives nothing to others.
    await door.refused("alice", HOME)


async def test_many_attempts_of_a_device_at_once_do_not_slip_through(door: Door) -> None:
    attempts = (door.throttle.take("alice", HOME, device=bytes(16)) for _ in range(20))
    results = await asyncio.gather(*attempts, return_exceptions=True)
    assert sum(isinstance(result, Taken) for result in results) == 3


async def test_neither_a_full_network_nor_all_the_world_keeps_a_device_out(
    storage: Storage, clock: FakeClock
) -> None:
    throttle = LoginThrottle(
        storage, clock, from_network=Limit(3, 60), from_unknown=Limit(2, 60), network=Limit(4, 60)
    )
    door = Door(storage, throttle)
    # Strangers elsewhere, and others in its own network who try other names.
    await door.fail("alice", CAFE, 2)
    await door.fail("bob", HOME, 2)
    await door.fail("carl", HOME, 2)
    await door.refused("dora", HOME)
    await door.refused("alice", HOME)
    for _ in range(3):
        await door.decide(await throttle.take("alice", HOME, device=bytes(16)))
    # Nor did these three cost the network anything.
    clock.advance(60)
    await door.fail("dora", HOME)


async def test_many_marks_of_one_login_give_no_more_guesses_than_all_the_world_has(door: Door) -> None:
    # Whoever once knew the password, or once had the name, may have collected as many marks as he liked.
    marks = [number.to_bytes(16) for number in range(20)]
    guesses = 0
    for device in marks:
        try:
            await door.decide(await door.throttle.take("alice", HOME, device=device))
        except RateLimited:
            break
        guesses += 1
    # Six with a mark, and then those that anybody has from there without one.
    assert guesses == 6 + 3
    await door.refused("alice", HOME)
    # Marks of another login are as good as before.
    await door.decide(await door.throttle.take("bob", CAFE, device=marks[0]))


async def test_a_device_whose_login_was_guessed_at_with_marks_is_treated_as_one_without(door: Door) -> None:
    await door.sign_in("alice", HOME)
    for number in range(6):
        await door.decide(await door.throttle.take("alice", CAFE, device=number.to_bytes(16)))
    # From a network that signed in before, strangers still do not lock the owner out.
    for _ in range(3):
        await door.decide(await door.throttle.take("alice", HOME, device=b"owner".ljust(16)))
    await door.refused("alice", HOME)


async def test_many_marks_at_once_do_not_slip_through(door: Door) -> None:
    attempts = (door.throttle.take("alice", HOME, device=number.to_bytes(16)) for number in range(40))
    results = await asyncio.gather(*attempts, return_exceptions=True)
    assert sum(isinstance(result, Taken) for result in results) == 6 + 3

import asyncio
import itertools
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.server.accounts.building import open_storage

from tokenward.clock import FakeClock
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
from tokenward.server.storage.interface import Storage
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


async def sign_in(storage: Storage, throttle: LoginThrottle, login: str, address: str) -> None:
    taken = await throttle.take(login, address)
    assert (await storage.apply(Unit("sign_in", throttle.succeeded(taken)))).applied


async def fail(throttle: LoginThrottle, login: str, address: str, times: int) -> None:
    for _ in range(times):
        await throttle.take(login, address)


async def refused(throttle: LoginThrottle, login: str, address: str) -> int:
    with pytest.raises(RateLimited) as caught:
        await throttle.take(login, address)
    assert (caught.value.code, caught.value.status) == ("rate_limited", 429)
    assert str(caught.value.retry_after_seconds) in caught.value.description
    assert login not in repr(caught.value)
    return caught.value.retry_after_seconds


async def test_after_a_burst_of_failures_a_guess_is_refused_until_the_bucket_drains(
    throttle: LoginThrottle, clock: FakeClock
) -> None:
    await fail(throttle, "alice", HOME, 3)
    wait = await refused(throttle, "alice", HOME)
    assert wait == 60
    clock.advance(wait - 1)
    assert await refused(throttle, "alice", HOME) == 1
    clock.advance(1)
    await throttle.take("alice", HOME)
    assert await refused(throttle, "alice", HOME) == 60


async def test_case_and_width_and_neighbouring_addresses_share_a_bucket(throttle: LoginThrottle) -> None:
    await throttle.take("alice", "192.0.2.7")
    await throttle.take("ALICE", "192.0.2.200")
    await throttle.take("ａｌｉｃｅ", "::ffff:192.0.2.99")
    await refused(throttle, "Alice", "192.0.2.1")


async def test_parallel_guesses_are_charged_before_any_is_decided(throttle: LoginThrottle) -> None:
    results = await asyncio.gather(*(throttle.take("alice", HOME) for _ in range(30)), return_exceptions=True)
    assert sum(isinstance(result, Taken) for result in results) == 3
    assert sum(isinstance(result, RateLimited) for result in results) == 27


async def test_a_right_password_costs_nothing(storage: Storage, throttle: LoginThrottle) -> None:
    for _ in range(50):
        await sign_in(storage, throttle, "alice", HOME)
    await fail(throttle, "alice", HOME, 2)
    await sign_in(storage, throttle, "alice", HOME)
    await fail(throttle, "alice", HOME, 3)
    await refused(throttle, "alice", HOME)


async def test_guesses_from_many_networks_meet_in_one_bucket(
    throttle: LoginThrottle, clock: FakeClock
) -> None:
    for number in range(6):
        await throttle.take("alice", f"203.0.{number}.1")
    assert await refused(throttle, "alice", "203.0.113.1") == 30
    await throttle.take("bob", "203.0.113.1")
    clock.advance(30)
    await throttle.take("alice", "203.0.113.1")


async def test_strangers_cannot_lock_out_an_owner_who_signed_in_from_there(
    storage: Storage, throttle: LoginThrottle
) -> None:
    await sign_in(storage, throttle, "alice", HOME)
    for number in range(6):
        await throttle.take("alice", f"203.0.{number}.1")
    await refused(throttle, "alice", CAFE)
    await sign_in(storage, throttle, "alice", HOME)


async def test_an_origin_that_is_known_for_one_login_is_a_stranger_to_another(
    storage: Storage, throttle: LoginThrottle
) -> None:
    await sign_in(storage, throttle, "alice", HOME)
    for number in range(6):
        await throttle.take("bob", f"203.0.{number}.1")
    await refused(throttle, "bob", HOME)


async def test_one_password_tried_on_many_logins_fills_the_bucket_of_the_network(
    throttle: LoginThrottle,
) -> None:
    for number in range(20):
        await throttle.take(f"user{number}", HOME)
    assert await refused(throttle, "user99", HOME) == 2
    await throttle.take("user99", CAFE)


async def test_a_refused_attempt_is_charged_to_no_bucket(throttle: LoginThrottle, clock: FakeClock) -> None:
    await fail(throttle, "alice", HOME, 3)
    for _ in range(50):
        await refused(throttle, "alice", HOME)
    await throttle.take("bob", HOME)
    clock.advance(60)
    await throttle.take("alice", HOME)


async def test_an_attempt_that_was_not_decided_is_given_back(throttle: LoginThrottle) -> None:
    for _ in range(30):
        await throttle.give_back(await throttle.take("alice", HOME))
    await fail(throttle, "alice", HOME, 3)


async def test_the_count_survives_a_restart(tmp_path: Path, clock: FakeClock) -> None:
    for folder_is_new in (True, False):
        async with open_storage(tmp_path) as storage:
            throttle = LoginThrottle(storage, clock, from_network=Limit(3, 60))
            if folder_is_new:
                await fail(throttle, "alice", HOME, 3)
            await refused(throttle, "alice", HOME)


async def test_unknown_and_strange_logins_are_charged_like_any(throttle: LoginThrottle) -> None:
    for login in ("nobody@b.example", "\ud800", "a\x00b", "", "x" * 100000):
        await fail(throttle, login, HOME, 3)
        with pytest.raises(RateLimited):
            await throttle.take(login, HOME)


async def test_a_clock_set_back_locks_nobody_out_for_long(throttle: LoginThrottle, clock: FakeClock) -> None:
    await fail(throttle, "alice", HOME, 3)
    clock.time -= 86400
    await throttle.take("alice", HOME)


async def test_sweeping_removes_what_is_empty_and_forgets_old_origins(
    storage: Storage, throttle: LoginThrottle, clock: FakeClock
) -> None:
    await sign_in(storage, throttle, "alice", HOME)
    await fail(throttle, "alice", HOME, 3)
    await throttle.sweep(100)
    await refused(throttle, "alice", HOME)
    clock.advance((ORIGIN_KEPT_DAYS + 1) * 86400)
    await throttle.sweep(100)
    for number in range(6):
        await throttle.take("alice", f"203.0.{number}.1")
    await refused(throttle, "alice", HOME)


async def test_the_default_limits_are_those_of_the_design(storage: Storage, clock: FakeClock) -> None:
    throttle = LoginThrottle(storage, clock)
    await fail(throttle, "alice", HOME, 10)
    assert await refused(throttle, "alice", HOME) == 60
    for number in range(90):
        await throttle.take("alice", f"203.0.{number}.1")
    assert await refused(throttle, "alice", CAFE) == 30
    for number in range(290):
        await throttle.take(f"user{number}", HOME)
    assert await refused(throttle, "user999", HOME) == 2


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

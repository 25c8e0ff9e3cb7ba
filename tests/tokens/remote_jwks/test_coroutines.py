"""The keys of an issuer for programs of coroutines; the time is set, the event loops are real."""

import asyncio
import threading
import time
from collections.abc import Callable
from typing import Any

import pytest
from tests.tokens.remote_jwks.published import (
    ISSUER,
    LONG_SECONDS,
    OPENID_URL,
    SERVER_ERROR,
    URL,
    AsyncMemoryTransport,
    metadata,
    published,
)

from tokenward.clock import FakeClock
from tokenward.jose.jwks import JWKSet
from tokenward.tokens.key_source import AsyncKeySource, KeysUnavailable
from tokenward.tokens.remote_jwks import AsyncRemoteJWKSet, Request, Response

LIFE, COOLDOWN, STALE = 300.0, 30.0, 86_400.0


class Example:
    """A remote set over a transport in memory and a clock that stands."""

    def __init__(self, body: Any = None, **options: Any) -> None:
        self.clock = FakeClock()
        self.transport = AsyncMemoryTransport(published("a") if body is None else body)
        defaults: dict[str, Any] = {
            "clock": self.clock,
            "transport": self.transport,
            "timeout_seconds": LONG_SECONDS,
        }
        self.source = AsyncRemoteJWKSet(URL, **(defaults | options))

    @property
    def fetches(self) -> int:
        return len(self.transport.requests)

    async def settle(self) -> None:
        """Wait for the attempt that runs beside."""
        await until(lambda: not self.source.status().is_fetching)


async def until(condition: Callable[[], bool]) -> None:
    ends_at = time.monotonic() + LONG_SECONDS
    while not condition():
        assert time.monotonic() < ends_at
        await asyncio.sleep(0.001)


def kids(keys: JWKSet | None) -> set[str]:
    assert keys is not None
    return {key.kid for key in keys.keys}


async def fresh(body: Any = None, **options: Any) -> tuple[Example, JWKSet]:
    example = Example(body, **options)
    return example, await example.source.refresh()


async def test_it_is_an_asynchronous_key_source() -> None:
    source: AsyncKeySource = Example().source
    assert source.current() is None
    assert kids(await source.refresh()) == {"a"}
    assert kids(source.current()) == {"a"}


async def test_keys_are_found_through_the_metadata_of_the_issuer() -> None:
    transport = AsyncMemoryTransport(published("a"))
    transport.put(OPENID_URL, metadata())
    source = AsyncRemoteJWKSet.discover(ISSUER, transport=transport)
    assert kids(await source.refresh()) == {"a"}
    assert transport.urls == [OPENID_URL, URL]


async def test_a_renewal_runs_as_a_task_beside_the_caller() -> None:
    example, keys = await fresh()
    example.transport.put(URL, published("b"))
    example.clock.advance(0.8 * LIFE)
    assert example.source.current() is keys
    assert example.source.current() is keys
    await example.settle()
    assert kids(example.source.current()) == {"b"}
    assert example.fetches == 2


async def test_one_attempt_is_joined_by_all_who_wait() -> None:
    example = Example()
    found = await asyncio.gather(*(example.source.refresh() for _ in range(500)))
    assert len(set(map(id, found))) == 1
    assert example.fetches == 1


async def test_who_is_cancelled_leaves_the_attempt_to_the_others() -> None:
    example = Example()
    example.transport.gate.clear()
    first, second = (asyncio.create_task(example.source.refresh()) for _ in range(2))
    await until(lambda: example.fetches == 1)
    first.cancel()
    with pytest.raises(asyncio.CancelledError):
        await first
    example.transport.gate.set()
    assert kids(await second) == {"a"}
    assert example.fetches == 1


async def test_the_cooldown_counts_failed_attempts_and_stale_keys_stay() -> None:
    example, keys = await fresh()
    example.transport.put(URL, SERVER_ERROR)
    example.clock.advance(LIFE)
    for _ in range(100):
        assert await example.source.refresh(keys) is keys
        assert example.source.current() is keys
    assert example.fetches == 2
    example.clock.advance(LIFE + STALE)
    with pytest.raises(KeysUnavailable) as caught:
        await example.source.refresh()
    assert caught.value.reason == "status_500"


async def test_an_attempt_has_one_timeout_whatever_the_transport_does() -> None:
    example = Example(timeout_seconds=0.1)
    example.transport.gate.clear()
    with pytest.raises(KeysUnavailable) as caught:
        await example.source.refresh()
    assert caught.value.reason == "timeout"


async def test_a_transport_that_breaks_its_contract_wakes_who_waits(caplog: pytest.LogCaptureFixture) -> None:
    with pytest.raises(KeysUnavailable) as caught:
        await Example(ZeroDivisionError("oh")).source.refresh()
    assert caught.value.reason == "transport_broke: ZeroDivisionError"
    assert "ZeroDivisionError: oh" in caplog.text


async def test_closing_ends_the_attempt_under_way_and_makes_no_other() -> None:
    example = Example()
    example.transport.gate.clear()
    async with example.source as source:
        waiter = asyncio.create_task(source.refresh())
        await until(lambda: example.fetches == 1)
    with pytest.raises(KeysUnavailable) as caught:
        await waiter
    assert caught.value.reason == "closed"
    assert not source.status().is_fetching
    assert source.current() is None
    with pytest.raises(KeysUnavailable):
        await source.refresh()
    assert example.fetches == 1


async def test_closing_what_never_fetched_is_nothing() -> None:
    await Example().source.aclose()


def test_one_set_serves_several_event_loops_one_after_the_other() -> None:
    example = Example()
    keys = asyncio.run(example.source.refresh())
    example.clock.advance(COOLDOWN)
    assert asyncio.run(example.source.refresh(keys)) is keys
    assert example.fetches == 2


def test_an_attempt_that_is_cancelled_with_its_loop_is_as_if_it_had_not_been() -> None:
    example = Example()
    example.transport.gate.clear()

    async def leave() -> None:
        waiter = asyncio.create_task(example.source.refresh())
        await until(lambda: example.fetches == 1)
        waiter.cancel()

    asyncio.run(leave())
    example.transport.gate.set()
    assert kids(asyncio.run(example.source.refresh())) == {"a"}


@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
def test_an_attempt_that_died_with_its_loop_is_made_again() -> None:
    example = Example()
    example.transport.gate.clear()
    loop = asyncio.new_event_loop()

    async def leave() -> None:
        waiter = loop.create_task(example.source.refresh())
        await until(lambda: example.fetches == 1)
        waiter.cancel()

    loop.run_until_complete(leave())
    loop.close()
    assert example.source.status().is_fetching
    example.transport.gate.set()
    assert kids(asyncio.run(example.source.refresh())) == {"a"}


async def test_a_thread_beside_the_loop_makes_the_loop_renew() -> None:
    example, keys = await fresh()
    example.transport.put(URL, published("b"))
    example.clock.advance(0.8 * LIFE)
    found: list[JWKSet | None] = []
    thread = threading.Thread(target=lambda: found.append(example.source.current()))
    thread.start()
    thread.join(LONG_SECONDS)
    assert found == [keys]
    await until(lambda: kids(example.source.current()) == {"b"})


def test_without_a_loop_keys_are_served_and_nothing_is_begun_and_they_are_not_trusted_for_ever() -> None:
    example = Example()
    keys = asyncio.run(example.source.refresh())
    example.clock.advance(LIFE)
    for _ in range(29):
        assert example.source.current() is keys
        example.clock.advance(1)
    example.clock.advance(1)
    assert example.source.current() is None
    assert example.fetches == 1
    assert not example.source.status().is_fetching


def test_loops_in_two_threads_share_one_attempt() -> None:
    example = Example()
    example.transport.gate.clear()
    found: list[JWKSet] = []
    threads = [
        threading.Thread(target=lambda: found.append(asyncio.run(example.source.refresh()))) for _ in range(2)
    ]
    threads[0].start()
    assert example.transport.arrived.acquire(timeout=LONG_SECONDS)
    threads[1].start()
    example.transport.gate.set()
    for thread in threads:
        thread.join(LONG_SECONDS)
    assert len(found) == 2
    assert found[0] is found[1]
    assert example.fetches == 1


async def test_the_loop_goes_on_while_keys_are_read() -> None:
    """The read waits for the loop; if it ran on the loop, both would stand."""
    example = Example()
    ticked = threading.Event()
    read = example.source._read

    def slow(fetched: Any) -> Any:
        assert ticked.wait(LONG_SECONDS / 6)
        return read(fetched)

    example.source._read = slow  # type: ignore[method-assign]
    waiter = asyncio.create_task(example.source.refresh())
    await until(lambda: example.fetches == 1)
    for _ in range(20):
        await asyncio.sleep(0.001)
    ticked.set()
    assert kids(await waiter) == {"a"}


async def test_the_callback_is_called_by_the_task() -> None:
    told: list[tuple[JWKSet | None, JWKSet]] = []
    example, keys = await fresh(on_change=lambda old, new: told.append((old, new)))
    await example.settle()
    assert told == [(None, keys)]


async def test_requests_are_the_ones_that_threads_make() -> None:
    def tagged(request: Request) -> Response:
        return Response(304 if "if-none-match" in request.headers else 200, {"etag": '"1"'}, published("a"))

    example, keys = await fresh(tagged)
    example.clock.advance(LIFE)
    assert await example.source.refresh(keys) is keys
    assert example.source.status().last_error is None

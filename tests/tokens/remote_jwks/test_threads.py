"""The keys of an issuer for programs of threads; the time is set, the threads are real."""

import logging
import threading
import time
from collections.abc import Callable
from typing import Any

import pytest
from tests.tokens.remote_jwks.published import (
    ISSUER,
    LONG_SECONDS,
    NOT_FOUND,
    SERVER_ERROR,
    URL,
    MemoryTransport,
    answer,
    jwk,
    published,
)

from tokenward.clock import FakeClock
from tokenward.jose.jwks import JWKSet
from tokenward.tokens.key_source import KeySource, KeysUnavailable
from tokenward.tokens.remote_jwks import FetchFailed, RemoteJWKSet, Request, Response, remote_keys

LIFE, COOLDOWN = 300.0, 30.0


class Example:
    """A remote set over a transport in memory and a clock that stands."""

    def __init__(self, body: Any = None, **options: Any) -> None:
        self.clock = FakeClock()
        self.transport = MemoryTransport(published("a") if body is None else body)
        # The timeout is how long callers wait in real time; a busy machine must not come near it.
        defaults: dict[str, Any] = {
            "clock": self.clock,
            "transport": self.transport,
            "timeout_seconds": LONG_SECONDS,
        }
        self.source = RemoteJWKSet(URL, **(defaults | options))

    @property
    def fetches(self) -> int:
        return len(self.transport.requests)

    def settle(self) -> None:
        """Wait for the attempt that runs beside."""
        until(lambda: not self.source.status().is_fetching)

    def fail(self) -> None:
        self.transport.put(URL, SERVER_ERROR)


def until(condition: Callable[[], bool]) -> None:
    ends_at = time.monotonic() + LONG_SECONDS
    while not condition():
        assert time.monotonic() < ends_at
        time.sleep(0.001)


def kids(keys: JWKSet | None) -> set[str]:
    assert keys is not None
    return {key.kid for key in keys.keys}


def fresh(body: Any = None, **options: Any) -> tuple[Example, JWKSet]:
    """Return an example whose keys were fetched a moment ago."""
    example = Example(body, **options)
    return example, example.source.refresh()


def test_it_is_a_key_source() -> None:
    source: KeySource = Example().source
    assert source.current() is None


def test_nothing_is_fetched_before_somebody_waits_for_keys() -> None:
    example = Example()
    assert example.source.current() is None
    assert example.source.status().attempts == 0
    assert kids(example.source.refresh()) == {"a"}
    assert example.fetches == 1


def test_fresh_keys_come_from_memory_as_the_same_object() -> None:
    example, keys = fresh()
    example.clock.advance(0.8 * LIFE - 0.001)
    assert example.source.current() is keys
    assert example.source.refresh() is keys
    assert example.fetches == 1


def test_a_renewal_begins_beside_the_caller_at_four_fifths_of_the_life() -> None:
    example, keys = fresh()
    example.transport.gate.clear()
    example.clock.advance(0.8 * LIFE)
    example.transport.put(URL, published("b"))
    assert example.source.current() is keys
    assert example.source.current() is keys
    example.transport.gate.set()
    example.settle()
    assert kids(example.source.current()) == {"b"}
    assert example.fetches == 2


def test_equal_keys_keep_their_object_also_when_they_are_written_differently() -> None:
    example, keys = fresh(published("a", "b"))
    for body in (
        published("a", "b"),
        published("b", "a"),
        published("a", "b", extra=1),
        published("a", "b", also=[{"kty": "XYZ"}]),
    ):
        example.transport.put(URL, body)
        example.clock.advance(COOLDOWN)
        assert example.source.refresh(keys) is keys
    assert example.fetches == 5
    assert example.source.status().skipped != ()


@pytest.mark.parametrize("names", [("a", "b"), ("b",), ("A",)])
def test_other_keys_are_another_object(names: tuple[str, ...]) -> None:
    example, keys = fresh()
    example.transport.put(URL, published(*names))
    example.clock.advance(COOLDOWN)
    assert kids(example.source.refresh(keys)) == set(names)
    assert kids(example.source.current()) == set(names)


def test_the_same_kid_with_another_key_is_another_object() -> None:
    example, keys = fresh()
    example.transport.put(URL, published(also=[jwk("other") | {"kid": "a"}]))
    example.clock.advance(COOLDOWN)
    assert example.source.refresh(keys) is not keys


def test_no_attempt_is_made_for_an_unknown_key_within_the_cooldown() -> None:
    example, keys = fresh()
    example.clock.advance(COOLDOWN - 0.001)
    assert example.source.refresh(keys) is keys
    assert example.fetches == 1
    example.clock.advance(0.002)
    assert example.source.refresh(keys) is keys
    assert example.fetches == 2


def test_who_has_seen_older_keys_gets_the_newer_without_an_attempt() -> None:
    example, old = fresh()
    example.transport.put(URL, published("b"))
    example.clock.advance(COOLDOWN)
    new = example.source.refresh(old)
    assert example.source.refresh(old) is new
    assert example.fetches == 2


def test_not_modified_renews_the_life() -> None:
    def revalidate(request: Request) -> Response:
        if request.headers.get("if-none-match") == '"1"':
            return answer(status=304, etag='"1"')
        return answer(published("a"), etag='"1"')

    example, keys = fresh(revalidate)
    for _ in range(3):
        example.clock.advance(0.9 * LIFE)
        assert example.source.current() is keys
        example.settle()
    assert [request.headers.get("if-none-match") for request in example.transport.requests] == [
        None,
        '"1"',
        '"1"',
        '"1"',
    ]
    assert example.source.status().last_error is None


def test_the_life_follows_max_age() -> None:
    example, keys = fresh(answer(published("a"), cache_control="max-age=1000"))
    example.clock.advance(799)
    assert example.source.current() is keys
    assert example.fetches == 1
    example.clock.advance(2)
    example.source.current()
    example.settle()
    assert example.fetches == 2


def test_stale_keys_are_served_while_the_issuer_fails_and_not_beyond_the_cap() -> None:
    example, keys = fresh(stale_seconds=2000)
    example.fail()
    for _ in range(int((LIFE + 2000) / 40)):
        example.clock.advance(40)
        assert example.source.current() is keys
        example.settle()
    example.clock.advance(20)
    assert example.source.current() is None
    with pytest.raises(KeysUnavailable) as caught:
        example.source.refresh(keys)
    assert caught.value.reason == "status_500"


def test_after_a_sleep_stale_keys_are_served_only_when_an_attempt_failed() -> None:
    example, keys = fresh()
    example.fail()
    example.clock.advance(3600)
    assert example.source.current() is None
    assert example.fetches == 1
    assert example.source.refresh() is keys
    assert example.source.current() is keys
    assert example.fetches == 2


def test_keys_come_back_when_the_issuer_does() -> None:
    example, keys = fresh()
    example.fail()
    example.clock.advance(LIFE)
    assert example.source.current() is keys
    example.settle()
    example.transport.put(URL, published("b"))
    example.clock.advance(COOLDOWN)
    assert example.source.current() is keys
    example.settle()
    assert kids(example.source.current()) == {"b"}


def test_without_any_keys_callers_fail_at_once_within_the_cooldown_with_the_reason() -> None:
    example = Example(SERVER_ERROR)
    for _ in range(100):
        with pytest.raises(KeysUnavailable) as caught:
            example.source.refresh()
        assert caught.value.reason == "status_500"
        assert caught.value.status == 503
    assert example.fetches == 1
    example.clock.advance(COOLDOWN)
    example.transport.put(URL, published("a"))
    assert kids(example.source.refresh()) == {"a"}


@pytest.mark.parametrize(
    ("outcome", "reason"),
    [
        (NOT_FOUND, "status_404"),
        (FetchFailed("timeout"), "timeout"),
        (answer(b"<html>"), "jwk_set_refused: malformed"),
        (answer(b"{}"), "jwk_set_refused: "),
        (answer(b'{"keys":{}}'), "jwk_set_refused: "),
        (answer(b'{"keys":null}'), "jwk_set_refused: "),
        (answer(b"[]"), "jwk_set_refused: not_an_object"),
        (answer(b""), "jwk_set_refused: malformed"),
        (answer(b'{"keys":[],"keys":[]}'), "jwk_set_refused: duplicate_member"),
        (answer(b"\xff\xfe"), "jwk_set_refused: malformed"),
        (answer(b"[" * 100_000), "jwk_set_refused: malformed"),
        (answer(published(also=[{}] * 101)), "jwk_set_refused: "),
        (answer(b" " * 300_000), "too_large"),
        (answer(published("a"), content_encoding="gzip"), "content_encoding_refused: gzip"),
        (
            answer(status=302, location="https://evil.example"),
            "redirect_refused: 302 to https://evil.example",
        ),
        (answer(published(also=[jwk("x"), jwk("y") | {"kid": "x"}])), "jwk_set_refused: Two keys"),
    ],
)
def test_a_bad_answer_has_a_reason_and_leaves_the_old_keys(outcome: Any, reason: str) -> None:
    example, keys = fresh()
    example.transport.put(URL, outcome)
    example.clock.advance(LIFE + 1)
    assert example.source.current() is keys
    example.settle()
    assert example.source.current() is keys
    status = example.source.status()
    assert status.last_error is not None
    assert status.last_error.startswith(reason)
    assert status.failures == 1
    assert status.is_usable


def test_the_number_of_keys_can_be_limited_further() -> None:
    example = Example(published("a", "b", also=[{"kty": "XYZ"}]), max_keys=2)
    with pytest.raises(KeysUnavailable) as caught:
        example.source.refresh()
    assert caught.value.reason == "jwk_set_refused: too_many_keys"


def test_an_issuer_who_withdraws_all_keys_means_it() -> None:
    example, keys = fresh()
    example.transport.put(URL, b'{"keys":[]}')
    example.clock.advance(COOLDOWN)
    assert len(example.source.refresh(keys)) == 0
    assert example.source.current() is not keys
    assert example.source.status().problems == ("the issuer publishes no key that can be used",)


def test_one_attempt_is_joined_by_all_who_wait() -> None:
    example = Example()
    example.transport.gate.clear()
    found: list[JWKSet] = []
    threads = [threading.Thread(target=lambda: found.append(example.source.refresh())) for _ in range(50)]
    for thread in threads:
        thread.start()
    assert example.transport.arrived.acquire(timeout=LONG_SECONDS)
    example.transport.gate.set()
    for thread in threads:
        thread.join(LONG_SECONDS)
    assert len(found) == 50
    assert len(set(map(id, found))) == 1
    assert example.fetches == 1


def test_a_waiter_gives_up_after_the_timeout_and_nobody_waits_for_what_is_overdue(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(remote_keys, "_PATIENCE_SECONDS", 0)
    example = Example(timeout_seconds=0.1)
    example.transport.gate.clear()
    with pytest.raises(KeysUnavailable) as caught:
        example.source.refresh()
    assert caught.value.reason == "no_attempt_could_be_made"
    example.clock.advance(0.1)
    monkeypatch.setattr(remote_keys, "_PATIENCE_SECONDS", 10 * LONG_SECONDS)
    with pytest.raises(KeysUnavailable):
        example.source.refresh()
    example.transport.gate.set()
    example.settle()
    assert kids(example.source.current()) == {"a"}


def test_a_lost_attempt_is_replaced_and_its_late_answer_is_not_taken() -> None:
    example = Example(timeout_seconds=5)
    late = threading.Event()
    example.transport.put(URL, lambda _: answer(published("late")) if late.wait(LONG_SECONDS) else NOT_FOUND)
    waiter = threading.Thread(target=lambda: example.source.refresh(), daemon=True)
    waiter.start()
    assert example.transport.arrived.acquire(timeout=LONG_SECONDS)
    lost = example.source._attempt
    assert lost is not None
    example.clock.advance(5 + COOLDOWN)
    example.transport.put(URL, published("new"))
    assert kids(example.source.refresh()) == {"new"}
    late.set()
    lost.outcome.result(LONG_SECONDS)
    waiter.join(LONG_SECONDS)
    assert kids(example.source.current()) == {"new"}


def test_a_change_is_told_with_the_old_and_the_new_keys_and_nothing_else_is() -> None:
    told: list[tuple[JWKSet | None, JWKSet]] = []
    example, first = fresh(on_change=lambda old, new: told.append((old, new)))
    until(lambda: len(told) == 1)
    for body in (published("a"), published("b"), SERVER_ERROR, published("b")):
        example.transport.put(URL, body)
        example.clock.advance(COOLDOWN)
        example.source.refresh(example.source.current())
    until(lambda: len(told) == 2)
    assert told == [(None, first), (first, example.source.current())]


def test_a_callback_that_raises_does_not_break_the_fetch(caplog: pytest.LogCaptureFixture) -> None:
    def on_change(old: JWKSet | None, new: JWKSet) -> None:
        raise LookupError("a mistake of the application")

    example, keys = fresh(on_change=on_change)
    assert example.source.current() is keys
    until(lambda: "on_change failed" in caplog.text)
    assert "a mistake of the application" in caplog.text


def test_a_transport_that_breaks_its_contract_wakes_who_waits(caplog: pytest.LogCaptureFixture) -> None:
    example = Example(ZeroDivisionError("oh"))
    with pytest.raises(KeysUnavailable) as caught:
        example.source.refresh()
    assert caught.value.reason == "transport_broke: ZeroDivisionError"
    assert "ZeroDivisionError: oh" in caplog.text


@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")
def test_an_attempt_whose_thread_is_ended_is_as_if_it_had_not_been() -> None:
    def end(_: Request) -> Response:
        raise SystemExit

    example = Example(end)
    with pytest.raises(KeysUnavailable):
        example.source.refresh()
    for thread in threading.enumerate():
        if thread.name == "tokenward-remote-jwks":
            thread.join(LONG_SECONDS)
    example.transport.put(URL, published("a"))
    assert kids(example.source.refresh()) == {"a"}


def test_without_a_thread_to_be_had_the_attempt_fails(monkeypatch: pytest.MonkeyPatch) -> None:
    def start(_: threading.Thread) -> None:
        raise RuntimeError("can't start new thread")

    example, keys = fresh()
    example.clock.advance(LIFE)
    with monkeypatch.context() as patched:
        patched.setattr(threading.Thread, "start", start)
        assert example.source.current() is keys
    assert example.source.status().last_error == "no_thread"


def test_the_status_says_how_the_set_is_doing() -> None:
    example = Example(published("a", also=[{"kty": "XYZ"}]), issuer=ISSUER)
    before = example.source.status()
    assert (before.issuer, before.address, before.key_count) == (ISSUER, URL, 0)
    assert (before.last_attempt_at, before.last_success_at, before.last_error) == (None, None, None)
    assert not before.is_usable
    example.source.refresh()
    first = int(example.clock.now())
    example.fail()
    example.clock.advance(LIFE)
    example.source.current()
    example.settle()
    status = example.source.status()
    assert (status.key_count, status.attempts, status.failures) == (1, 2, 1)
    assert (status.last_attempt_at, status.last_success_at) == (first + LIFE, first)
    assert status.last_error == "status_500"
    assert len(status.skipped) == 1
    assert (status.is_fetching, status.is_usable) == (False, True)


def test_the_log_tells_of_failures_changes_and_what_was_left_out(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, "tokenward.remote_jwks")
    secret = jwk("s") | {"d": "AAAA"}
    example, _ = fresh(published("a", also=[secret]))
    until(lambda: "left out" in caplog.text)
    assert "there are new keys: 'a'" in caplog.text
    assert "key 1 is published with its secret part" in caplog.text
    assert "AAAA" not in caplog.text
    example.fail()
    example.clock.advance(LIFE)
    example.source.current()
    example.settle()
    until(lambda: "could not be fetched: status_500" in caplog.text)


def test_a_closed_set_makes_no_attempts_and_serves_what_it_may() -> None:
    example = Example()
    with example.source as source:
        keys = source.refresh()
    example.clock.advance(LIFE)
    assert source.current() is keys
    assert source.refresh(keys) is keys
    example.clock.advance(LIFE)
    assert source.current() is None
    with pytest.raises(KeysUnavailable) as caught:
        source.refresh()
    assert caught.value.reason == "closed"
    assert example.fetches == 1


def test_it_is_shown_by_its_address() -> None:
    assert repr(Example().source) == f"<RemoteJWKSet {URL}>"
    assert repr(RemoteJWKSet.discover(ISSUER)) == f"<RemoteJWKSet {ISSUER}>"

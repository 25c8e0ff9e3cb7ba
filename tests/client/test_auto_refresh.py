"""One refresh for all: threads, coroutines, processes; and what is done when it fails. Against real servers."""

import asyncio
import contextlib
import json
import logging
import os
import subprocess
import sys
import threading
from collections.abc import AsyncIterator, Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import httpx
import pytest
from tests.client.conftest import ME, REFRESH, Place
from tests.client.web import Answered, Seen, before, forward
from tests.flows.servers import PASSWORD

from tokenward.client import (
    FileTokenStore,
    IssuerUnavailable,
    MemoryTokenStore,
    PasswordSignIn,
    SignInRequired,
    TokenAuth,
    TokenKey,
    TokenSet,
    TokenStoreUnavailable,
    TokenwardClient,
)
from tokenward.clock import FakeClock

CALLS = 50
# The access tokens of the server live 900 seconds.
ALMOST_EXPIRED = 890
EXPIRED = 901


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


def at_once(client: TokenwardClient, calls: int = CALLS) -> list[httpx.Response]:
    """Calls from as many threads at the same moment."""
    ready = threading.Barrier(calls)
    with httpx.Client(auth=TokenAuth(client), base_url=client.origin, timeout=60) as api:

        def call(_: int) -> httpx.Response:
            ready.wait()
            return api.get(ME)

        with ThreadPoolExecutor(calls) as pool:
            return list(pool.map(call, range(calls)))


async def at_once_async(client: TokenwardClient, calls: int = CALLS) -> list[httpx.Response]:
    async with httpx.AsyncClient(auth=TokenAuth(client), base_url=client.origin, timeout=60) as api:
        return await asyncio.gather(*(api.get(ME) for _ in range(calls)))


def one_refresh_since(place: Place, was: tuple[int, int]) -> bool:
    return place.counts() == (was[0] + 1, was[1])


def test_many_threads_with_an_expired_token_make_one_refresh(place: Place, clock: FakeClock) -> None:
    client = place.signed_in(clock=clock)
    was = place.counts()
    clock.advance(EXPIRED)
    answers = at_once(client)
    assert {answer.status_code for answer in answers} == {200}
    assert len({answer.request.headers["authorization"] for answer in answers}) == 1
    assert one_refresh_since(place, was)


async def test_many_coroutines_with_an_expired_token_make_one_refresh(place: Place, clock: FakeClock) -> None:
    client = place.signed_in(clock=clock)
    was = place.counts()
    clock.advance(EXPIRED)
    assert {answer.status_code for answer in await at_once_async(client)} == {200}
    assert one_refresh_since(place, was)


async def test_threads_and_coroutines_together_make_one_refresh(place: Place, clock: FakeClock) -> None:
    store = Watched()
    client = place.signed_in(store, clock=clock)
    was, locks = place.counts(), store.locks
    clock.advance(EXPIRED)
    threads, coroutines = await asyncio.gather(
        asyncio.to_thread(at_once, client, 25), at_once_async(client, 25)
    )
    assert {answer.status_code for answer in threads + coroutines} == {200}
    assert one_refresh_since(place, was)
    # All wait for one; they do not ask the store one after the other.
    assert store.locks == locks + 1


def test_clients_that_share_a_store_in_one_process_make_one_refresh(place: Place, clock: FakeClock) -> None:
    store = MemoryTokenStore()
    first = place.signed_in(store, clock=clock)
    others = [place.client(store, clock=clock) for _ in range(8)]
    was = place.counts()
    clock.advance(EXPIRED)
    with ThreadPoolExecutor(9) as pool:
        tokens = set(pool.map(TokenwardClient.access_token, [first, *others]))
    assert len(tokens) == 1
    assert one_refresh_since(place, was)


def test_many_calls_whose_token_is_refused_make_one_refresh(place: Place) -> None:
    client = place.signed_in()
    was = place.counts()
    place.revoke(client.access_token())
    assert {answer.status_code for answer in at_once(client)} == {200}
    assert one_refresh_since(place, was)


async def test_many_coroutines_whose_token_is_refused_make_one_refresh(place: Place) -> None:
    client = place.signed_in()
    was = place.counts()
    place.revoke(client.access_token())
    assert {answer.status_code for answer in await at_once_async(client)} == {200}
    assert one_refresh_since(place, was)


PROCESS = """
import sys
from pathlib import Path
from tokenward.client import FileTokenStore, TokenwardClient
url, folder = sys.argv[1:]
client = TokenwardClient(url, store=FileTokenStore(Path(folder)), insecure_loopback_http=True)
print("ready", flush=True)
sys.stdin.readline()
print(client.access_token())
"""


def in_processes(url: str, folder: Path, count: int) -> list[str]:
    """The tokens that as many processes get at the same moment."""
    processes = [
        subprocess.Popen(
            [sys.executable, "-c", PROCESS, url, str(folder)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        for _ in range(count)
    ]
    for process in processes:
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
    for process in processes:
        assert process.stdin is not None
        process.stdin.write("\n")
        process.stdin.flush()
    tokens = [process.communicate(timeout=60)[0].strip() for process in processes]
    assert {process.returncode for process in processes} == {0}
    return tokens


def make_old(folder: Path, seconds: int) -> None:
    """Have the access token in the store be so much older."""
    (path,) = folder.glob("*.json")
    content = json.loads(path.read_text())
    content["tokens"]["obtained_at"] -= seconds
    path.write_text(json.dumps(content))


def test_processes_that_share_a_file_make_one_refresh(place: Place, tmp_path: Path) -> None:
    folder = tmp_path / "tokens"
    client = place.signed_in(FileTokenStore(folder))
    old = client.access_token()
    make_old(folder, EXPIRED)
    was = place.counts()
    tokens = set(in_processes(place.url, folder, 4))
    assert len(tokens) == 1
    assert tokens != {old}
    assert one_refresh_since(place, was)


def test_a_process_takes_what_another_one_has_refreshed(
    place: Place, tmp_path: Path, clock: FakeClock
) -> None:
    store = FileTokenStore(tmp_path / "tokens")
    first, second = place.signed_in(store, clock=clock), place.client(store, clock=clock)
    assert second.access_token() == first.access_token()
    clock.advance(ALMOST_EXPIRED)
    was = place.counts()
    assert second.access_token() == first.access_token()
    assert one_refresh_since(place, was)


def lose(url: str, times: int) -> Callable[[Seen], Answered | None]:
    """Have the server answer, and lose the answers of so many refreshes."""
    left = [times]

    def answer(seen: Seen) -> Answered | None:
        answered = forward(url, seen)
        if seen.path == REFRESH and left[0]:
            left[0] -= 1
            return None
        return answered

    return answer


def test_a_lost_answer_is_asked_for_again_with_the_same_token(place: Place, clock: FakeClock) -> None:
    with before(place.url) as between:
        client = place.signed_in(url=between.url, clock=clock)
        was = place.counts()
        between.answer = lose(place.url, 2)
        clock.advance(EXPIRED)
        assert httpx.get(place.url + ME, headers=bearer(client.access_token())).status_code == 200
        assert len({one.body for one in between.seen if one.path == REFRESH}) == 1
        assert place.counts() == (was[0] + 1, was[1] + 2)
        # The session is sound: the successor refreshes, too.
        clock.advance(EXPIRED)
        client.access_token()
        assert place.counts() == (was[0] + 2, was[1] + 2)


def bearer(token: str) -> dict[str, str]:
    return {"authorization": f"Bearer {token}"}


def test_the_old_token_goes_on_while_it_is_valid_and_the_issuer_is_not_hammered(
    place: Place, clock: FakeClock, caplog: pytest.LogCaptureFixture
) -> None:
    with before(place.url) as between:
        client = place.signed_in(url=between.url, clock=clock)
        old = client.access_token()
        between.answer = lambda seen: Answered(503, {"Retry-After": "5"})
        clock.advance(ALMOST_EXPIRED)
        assert [client.access_token() for _ in range(20)] == [old] * 20
        # `Retry-After` is longer than an attempt waits, so there was one request.
        assert between.count(REFRESH) == 1
        assert [record.getMessage() for record in caplog.records if record.name == "tokenward.client"] == [
            f"{between.url}: no fresh token (status_503)"
        ]
        clock.advance(EXPIRED - ALMOST_EXPIRED)
        with pytest.raises(IssuerUnavailable) as caught:
            client.access_token()
        assert caught.value.reason == "status_503"
        between.answer = lambda seen: forward(place.url, seen)
        clock.advance(6)
        assert client.access_token() != old


async def test_an_issuer_that_hangs_does_not_hold_up_who_has_a_valid_token(
    place: Place, clock: FakeClock
) -> None:
    with before(place.url) as between:
        client = place.signed_in(url=between.url, clock=clock)
        old = client.access_token()
        go_on = threading.Event()
        between.answer = lambda seen: forward(place.url, seen) if go_on.wait(60) else None
        clock.advance(ALMOST_EXPIRED)
        both = asyncio.gather(client.access_token_async(), asyncio.to_thread(client.access_token))
        assert set(await asyncio.wait_for(both, 8)) == {old}
        go_on.set()
        clock.advance(EXPIRED - ALMOST_EXPIRED)
        assert await client.access_token_async() != old
        assert between.count(REFRESH) == 1


def test_the_pause_after_a_failure_doubles(place: Place, clock: FakeClock) -> None:
    with before(place.url) as between:
        client = place.signed_in(url=between.url, clock=clock)
        between.answer = lambda seen: Answered(404)
        clock.advance(EXPIRED)
        tried = []
        for second in range(16):
            with pytest.raises(IssuerUnavailable):
                client.access_token()
            tried.append((second, between.count(REFRESH)))
            clock.advance(1)
        assert [count for _, count in tried] == [1, 2, 2, 3, 3, 3, 3, 4, 4, 4, 4, 4, 4, 4, 4, 5]


def test_a_short_fault_of_the_issuer_is_gone_through(place: Place, clock: FakeClock) -> None:
    with before(place.url) as between:
        client = place.signed_in(url=between.url, clock=clock)
        faults = [Answered(503, {"Retry-After": "0"}), Answered(502)]
        between.answer = lambda seen: faults.pop() if faults else forward(place.url, seen)
        clock.advance(EXPIRED)
        client.access_token()
        assert between.count(REFRESH) == 3


def test_a_session_that_has_ended_asks_for_a_sign_in_and_forgets_the_tokens(
    place: Place, tmp_path: Path
) -> None:
    store = FileTokenStore(tmp_path / "tokens")
    client = place.signed_in(store)
    token = client.access_token()
    place.end_session(token)
    with httpx.Client(auth=TokenAuth(client)) as api, pytest.raises(SignInRequired) as caught:
        api.get(place.url + ME)
    assert caught.value.reason == "invalid_grant"
    assert "Sign in again." in str(caught.value)
    assert list((tmp_path / "tokens").glob("*.json")) == []
    with pytest.raises(SignInRequired) as caught:
        client.access_token()
    assert caught.value.reason == "no_tokens"


class Watched(MemoryTokenStore):
    """A store that can fail, and says what happened in which order."""

    def __init__(self) -> None:
        super().__init__()
        self.events: list[str] = []
        self.fails = False
        self.locks = 0

    @contextlib.contextmanager
    def locked(self, key: TokenKey, timeout_seconds: float) -> Iterator[None]:
        self.locks += 1
        with super().locked(key, timeout_seconds):
            yield

    def save(self, key: TokenKey, tokens: TokenSet) -> None:
        if self.fails:
            raise TokenStoreUnavailable(reason="disk_full")
        super().save(key, tokens)
        self.events.append(f"saved {tokens.refresh_token}")


def test_a_new_refresh_token_is_kept_before_anything_new_is_used(place: Place, clock: FakeClock) -> None:
    store = Watched()
    with before(place.url) as between:

        def answer(seen: Seen) -> Answered:
            if seen.path == REFRESH:
                store.events.append(f"used {json.loads(seen.body)['refresh_token']}")
            return forward(place.url, seen)

        between.answer = answer
        client = place.signed_in(store, url=between.url, clock=clock)
        for _ in range(3):
            clock.advance(EXPIRED)
            client.access_token()
    whats, tokens = zip(*(event.split() for event in store.events), strict=True)
    assert whats == ("saved", "used") * 3 + ("saved",)
    assert tokens[0::2][:3] == tokens[1::2]


def test_what_the_store_did_not_take_is_not_used_and_not_lost(place: Place, clock: FakeClock) -> None:
    store = Watched()
    client = place.signed_in(store, clock=clock)
    old = client.access_token()
    was = place.counts()
    store.fails = True
    clock.advance(ALMOST_EXPIRED)
    assert client.access_token() == old
    clock.advance(EXPIRED - ALMOST_EXPIRED)
    for _ in range(3):
        with pytest.raises(TokenStoreUnavailable):
            client.access_token()
        clock.advance(60)
    store.fails = False
    assert httpx.get(place.url + ME, headers=bearer(client.access_token())).status_code == 200
    # The server was asked once; what it gave was kept as soon as the store took it.
    assert one_refresh_since(place, was)


def test_tokens_that_the_store_did_not_take_give_way_to_a_new_sign_in(place: Place, clock: FakeClock) -> None:
    store = Watched()
    client, other = place.signed_in(store, clock=clock), place.client(store, clock=clock)
    clock.advance(EXPIRED)
    store.fails = True
    with pytest.raises(TokenStoreUnavailable):
        client.access_token()
    store.fails = False
    other.sign_in(PasswordSignIn("ada", PASSWORD))
    clock.advance(5)
    assert client.access_token() == other.access_token()


CRASH = """
import os, sys
from pathlib import Path
from tokenward.client import FileTokenStore, TokenwardClient
class Crashing(FileTokenStore):
    def save(self, key, tokens):
        os._exit(9)
url, folder = sys.argv[1:]
TokenwardClient(url, store=Crashing(Path(folder)), insecure_loopback_http=True).access_token()
"""


def test_after_a_crash_between_refreshing_and_keeping_the_session_goes_on(
    place: Place, tmp_path: Path
) -> None:
    folder = tmp_path / "tokens"
    place.signed_in(FileTokenStore(folder))
    make_old(folder, EXPIRED)
    was = place.counts()
    done = subprocess.run([sys.executable, "-c", CRASH, place.url, str(folder)], check=False, timeout=60)
    assert done.returncode == 9
    client = place.client(FileTokenStore(folder))
    assert httpx.get(place.url + ME, headers=bearer(client.access_token())).status_code == 200
    assert place.counts() == (was[0] + 1, was[1] + 1)


def test_the_clock_of_the_machine_may_be_wrong_and_may_be_set(place: Place) -> None:
    clock = FakeClock(86_400.0)
    client = place.signed_in(clock=clock)
    first = client.access_token()
    # Set forward: an early refresh. Set back: the monotonic clock counts on.
    clock.time += EXPIRED
    second = client.access_token()
    clock.time -= 3600
    assert client.access_token() == second
    clock.advance(ALMOST_EXPIRED)
    third = client.access_token()
    assert len({first, second, third}) == 3


def test_a_stored_token_from_the_future_is_not_trusted(place: Place, tmp_path: Path) -> None:
    folder = tmp_path / "tokens"
    old = place.signed_in(FileTokenStore(folder)).access_token()
    make_old(folder, -3600)
    assert place.client(FileTokenStore(folder)).access_token() != old


async def test_a_caller_who_is_cancelled_leaves_the_refresh_to_the_others(
    place: Place, clock: FakeClock
) -> None:
    with before(place.url) as between:
        client = place.signed_in(url=between.url, clock=clock)
        came, go_on = threading.Event(), threading.Event()

        def answer(seen: Seen) -> Answered:
            came.set()
            go_on.wait(30)
            return forward(place.url, seen)

        between.answer = answer
        was = place.counts()
        clock.advance(EXPIRED)
        tasks = [asyncio.create_task(client.access_token_async()) for _ in range(3)]
        assert await asyncio.to_thread(came.wait, 30)
        tasks[0].cancel()
        await asyncio.sleep(0.05)
        go_on.set()
        found = await asyncio.gather(*tasks, return_exceptions=True)
        assert isinstance(found[0], asyncio.CancelledError)
        assert found[1] == found[2] == client.access_token()
        assert one_refresh_since(place, was)


async def test_the_event_loop_goes_on_during_a_refresh(place: Place, clock: FakeClock) -> None:
    with before(place.url) as between:
        client = place.signed_in(url=between.url, clock=clock)
        ticks = 0

        def answer(seen: Seen) -> Answered:
            threading.Event().wait(0.5)
            return forward(place.url, seen)

        between.answer = answer
        clock.advance(EXPIRED)
        task = asyncio.create_task(client.access_token_async())
        while not task.done():
            await asyncio.sleep(0.01)
            ticks += 1
        assert ticks > 10
        assert task.result() == client.access_token()


FORK = """
import os, sys, threading
from tests.client.web import before, forward
from tokenward.client import MemoryTokenStore, PasswordSignIn, TokenwardClient
from tokenward.clock import FakeClock
url, password = sys.argv[1:]
with before(url) as between:
    clock = FakeClock()
    client = TokenwardClient(between.url, store=MemoryTokenStore(), insecure_loopback_http=True, clock=clock)
    client.sign_in(PasswordSignIn("ada", password))
    came, go_on = threading.Event(), threading.Event()
    def answer(seen):
        came.set()
        go_on.wait(30)
        return forward(url, seen)
    between.answer = answer
    clock.advance(901)
    thread = threading.Thread(target=client.access_token)
    thread.start()
    assert came.wait(30)
    child = os.fork()
    if child == 0:
        # The thread that refreshes is not here; what it would have brought must not be waited for.
        os._exit(0 if client.tokens._attempt is None and client.tokens._lock.acquire(timeout=5) else 1)
    status = os.waitpid(child, 0)[1]
    go_on.set()
    thread.join()
sys.exit(os.waitstatus_to_exitcode(status))
"""


def test_a_child_that_was_forked_during_a_refresh_does_not_wait_for_it(place: Place) -> None:
    root = Path(__file__).parents[2]
    done = subprocess.run(
        [sys.executable, "-c", FORK, place.url, PASSWORD],
        check=False,
        timeout=60,
        cwd=root,
        env={**os.environ, "PYTHONPATH": os.pathsep.join([str(root), os.environ.get("PYTHONPATH", "")])},
    )
    assert done.returncode == 0


END = """
import asyncio, sys
from pathlib import Path
from tokenward.client import FileTokenStore, TokenwardClient
url, folder = sys.argv[1:]
client = TokenwardClient(url, store=FileTokenStore(Path(folder)), insecure_loopback_http=True)
async def main():
    task = asyncio.create_task(client.access_token_async())
    await asyncio.sleep(0.3)
    task.cancel()
asyncio.run(main())
"""


def test_a_program_that_ends_waits_until_the_new_refresh_token_is_kept(place: Place, tmp_path: Path) -> None:
    folder = tmp_path / "tokens"
    with before(place.url) as between:
        place.signed_in(FileTokenStore(folder), url=between.url)
        make_old(folder, EXPIRED)
        (path,) = folder.glob("*.json")
        old = path.read_text()

        def answer(seen: Seen) -> Answered:
            answered = forward(place.url, seen)
            threading.Event().wait(1.5)
            return answered

        between.answer = answer
        done = subprocess.run([sys.executable, "-c", END, between.url, str(folder)], check=False, timeout=60)
        assert done.returncode == 0
        assert between.count(REFRESH) == 1
        assert path.read_text() != old


class Broken(MemoryTokenStore):
    def load(self, key: TokenKey) -> TokenSet | None:
        raise ZeroDivisionError


def test_a_store_that_breaks_its_contract_leaves_nobody_waiting(
    place: Place, caplog: pytest.LogCaptureFixture
) -> None:
    with pytest.raises(IssuerUnavailable) as caught:
        place.client(Broken()).access_token()
    assert caught.value.reason == "refresh_abandoned"
    assert "broke its contract" in caplog.text


@pytest.fixture
def everything_logged(caplog: pytest.LogCaptureFixture) -> Iterator[pytest.LogCaptureFixture]:
    with caplog.at_level(logging.DEBUG):
        yield caplog


@contextlib.asynccontextmanager
async def async_api(client: TokenwardClient) -> AsyncIterator[httpx.AsyncClient]:
    async with httpx.AsyncClient(auth=TokenAuth(client)) as api:
        yield api


async def test_no_token_and_no_password_in_logs_representations_and_errors(
    place: Place, clock: FakeClock, everything_logged: pytest.LogCaptureFixture
) -> None:
    store = MemoryTokenStore()
    with before(place.url) as between:
        client = place.signed_in(store, url=between.url, clock=clock)
        secrets = [PASSWORD, client.access_token()]
        (key,) = store._tokens
        secrets.append(store._tokens[key].refresh_token)
        async with async_api(client) as api:
            await api.get(between.url + ME)
        told = repr([client, TokenAuth(client), store._tokens[key], client.tokens, store])
        between.answer = lambda seen: None
        clock.advance(EXPIRED)
        with pytest.raises(IssuerUnavailable) as caught:
            await client.access_token_async()
        error: BaseException | None = caught.value
        while error is not None:
            # An error of httpx would hold the request, and the request its body.
            assert not isinstance(error, httpx.HTTPError)
            told += f"{error!r} {error} {error.__dict__}"
            error = error.__cause__ or error.__context__
    assert len(everything_logged.records) > 10
    for secret in secrets:
        assert secret not in told
        assert secret not in everything_logged.text

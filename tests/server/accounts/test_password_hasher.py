import asyncio
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import argon2
import pytest
from tests.server.accounts.building import cheap_hasher

from tokenward.errors import ConfigurationError
from tokenward.server.accounts.password_hasher import InvalidCredentials, Overloaded, PasswordHasher


def hashing_process(hasher: PasswordHasher) -> "subprocess.Popen[bytes]":
    (process,) = hasher._processes
    assert process._process is not None
    return process._process


class Gate:
    """Stops the only process of a hasher until it is opened."""

    def __init__(self, hasher: PasswordHasher) -> None:
        self._hasher = hasher

    async def close(self) -> None:
        await self._hasher.hash("so that there is a process")
        hashing_process(self._hasher).send_signal(signal.SIGSTOP)

    def open(self) -> None:
        for process in self._hasher._processes:
            if process._process is not None:
                process._process.send_signal(signal.SIGCONT)


async def test_a_hash_is_argon2id_with_the_default_parameters_and_verifies() -> None:
    hasher = PasswordHasher(processes=1)
    try:
        encoded = await hasher.hash("my kettle sings")
        assert encoded.startswith("$argon2id$v=19$m=19456,t=2,p=1$")
        assert (await hasher.verify("my kettle sings", encoded)).needs_rehash is False
        assert argon2.PasswordHasher().verify(encoded, "my kettle sings")
    finally:
        hasher.close()


async def test_two_hashes_of_one_password_differ() -> None:
    hasher = cheap_hasher()
    try:
        assert await hasher.hash("same") != await hasher.hash("same")
    finally:
        hasher.close()


async def test_a_wrong_password_an_unknown_account_and_a_broken_hash_get_one_answer() -> None:
    hasher = cheap_hasher()
    try:
        encoded = await hasher.hash("right")
        answers = []
        for password, stored in (("wrong", encoded), ("right", None), ("right", "not a hash"), ("", None)):
            with pytest.raises(InvalidCredentials) as caught:
                await hasher.verify(password, stored)
            answers.append((caught.value.code, caught.value.status, caught.value.description))
        assert set(answers) == {answers[0]}
        assert answers[0][:2] == ("invalid_credentials", 401)
    finally:
        hasher.close()


async def test_a_machine_out_of_memory_is_no_wrong_password() -> None:
    hasher = PasswordHasher(memory_kib=2**31 - 1, processes=1)  # Two tebibytes, which no machine here has.
    try:
        with pytest.raises(Overloaded):
            await hasher.verify("right", None)
        hasher.check_room()
    finally:
        hasher.close()


def test_the_dummy_hash_costs_what_a_real_one_costs_and_nobody_knows_its_password() -> None:
    hasher = PasswordHasher(memory_kib=8, time_cost=1, processes=1)
    other = PasswordHasher(memory_kib=8, time_cost=1, processes=1)
    try:
        parameters = argon2.extract_parameters(hasher._dummy_hash)
        assert (parameters.memory_cost, parameters.time_cost, parameters.parallelism) == (8, 1, 1)
        assert (parameters.salt_len, parameters.hash_len) == (16, 32)
        assert not argon2.PasswordHasher(1, 8, 1).check_needs_rehash(hasher._dummy_hash)
        assert hasher._dummy_hash != other._dummy_hash
    finally:
        hasher.close()
        other.close()


async def test_a_hash_with_other_parameters_verifies_and_asks_for_a_better_one() -> None:
    old, new = cheap_hasher(time_cost=1), cheap_hasher(time_cost=2)
    try:
        encoded = await old.hash("right")
        assert (await old.verify("right", encoded)).needs_rehash is False
        assert (await new.verify("right", encoded)).needs_rehash is True
    finally:
        old.close()
        new.close()


async def test_a_full_queue_refuses_at_once_and_says_when_to_come_back() -> None:
    hasher = cheap_hasher(processes=1, waiting_for_each=2)
    gate = Gate(hasher)
    await gate.close()
    try:
        waiting = [asyncio.create_task(hasher.hash("x")) for _ in range(3)]
        await asyncio.sleep(0)
        with pytest.raises(Overloaded) as caught:
            await hasher.hash("one too many")
        assert (caught.value.code, caught.value.status) == ("overloaded", 503)
        assert caught.value.retry_after_seconds >= 1
        with pytest.raises(Overloaded):
            hasher.check_room()
        gate.open()
        assert len(await asyncio.gather(*waiting)) == 3
        hasher.check_room()
        await hasher.hash("room again")
    finally:
        gate.open()
        hasher.close()


async def test_a_cancelled_caller_leaves_its_place_and_breaks_nothing() -> None:
    hasher = cheap_hasher(processes=1, waiting_for_each=1)
    gate = Gate(hasher)
    await gate.close()
    try:
        gone = [asyncio.create_task(hasher.hash("x")) for _ in range(2)]
        await asyncio.sleep(0)
        with pytest.raises(Overloaded):
            hasher.check_room()
        for task in gone:
            task.cancel()
        await asyncio.gather(*gone, return_exceptions=True)
        hasher.check_room()
        gate.open()
        encoded = await hasher.hash("still here")
        assert await hasher.verify("still here", encoded)
        assert hasher.unfinished == 0
    finally:
        gate.open()
        hasher.close()


async def test_a_caller_cancelled_while_its_hash_is_computed_breaks_nothing() -> None:
    hasher = cheap_hasher(processes=1)
    gate = Gate(hasher)
    await gate.close()
    try:
        task = asyncio.create_task(hasher.hash("x"))
        await asyncio.sleep(0)
        assert hasher.unfinished == 1
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert hasher.unfinished == 1
        gate.open()
        assert await hasher.hash("next")
        assert hasher.unfinished == 0
    finally:
        gate.open()
        hasher.close()


async def test_close_answers_whoever_waits_and_whose_hash_is_computed() -> None:
    hasher = cheap_hasher(processes=1)
    gate = Gate(hasher)
    await gate.close()
    waiting = [asyncio.create_task(hasher.hash("x")) for _ in range(3)]
    await asyncio.sleep(0)
    gate.open()
    hasher.close()
    for outcome in await asyncio.gather(*waiting, return_exceptions=True):
        assert isinstance(outcome, Overloaded)
    with pytest.raises(Overloaded):
        await hasher.hash("too late")


async def test_there_are_no_more_processes_than_asked_for() -> None:
    hasher = cheap_hasher(processes=2, waiting_for_each=100)
    try:
        await asyncio.gather(*(hasher.hash("x") for _ in range(50)))
        assert len(hasher._processes) == 2
    finally:
        hasher.close()


async def test_many_at_once_each_get_their_own_answer() -> None:
    hasher = cheap_hasher(processes=2, waiting_for_each=100)
    try:
        hashes = await asyncio.gather(*(hasher.hash(f"password {number}") for number in range(40)))
        for number, encoded in enumerate(hashes):
            assert argon2.PasswordHasher().verify(encoded, f"password {number}")
    finally:
        hasher.close()


async def test_hashing_gives_way_to_everything_else() -> None:
    hasher = cheap_hasher(processes=1)
    before = os.getpriority(os.PRIO_PROCESS, 0)
    try:
        await hasher.hash("x")
        pid = hashing_process(hasher).pid
        assert os.getpriority(os.PRIO_PROCESS, pid) == 19
        if sys.platform == "linux":
            assert os.sched_getscheduler(pid) == os.SCHED_IDLE
        assert os.getpriority(os.PRIO_PROCESS, 0) == before
    finally:
        hasher.close()


async def test_a_hashing_process_that_was_killed_is_started_again() -> None:
    hasher = cheap_hasher(processes=1)
    try:
        encoded = await hasher.hash("x")
        first = hashing_process(hasher)
        first.kill()
        first.wait()
        assert (await hasher.verify("x", encoded)).needs_rehash is False
        assert hashing_process(hasher).pid != first.pid
    finally:
        hasher.close()


async def test_a_hashing_process_that_cannot_be_kept_alive_is_told_as_overload(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    program = tmp_path / "ends_at_once.py"
    program.write_text("")
    monkeypatch.setattr("tokenward.server.accounts.password_hasher._PROGRAM", program)
    hasher = cheap_hasher(processes=1)
    try:
        with pytest.raises(Overloaded):
            await hasher.hash("x")
    finally:
        hasher.close()


async def test_a_process_that_cannot_be_started_is_overload_and_its_place_is_not_lost(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    hasher = cheap_hasher(processes=1)
    try:
        with monkeypatch.context() as changed:
            changed.setattr(sys, "executable", str(tmp_path / "nothing-here"))
            outcomes = await asyncio.gather(*(hasher.hash("x") for _ in range(5)), return_exceptions=True)
            assert all(isinstance(outcome, Overloaded) for outcome in outcomes)
            await asyncio.sleep(0)
            assert hasher.unfinished == 0
        assert await hasher.hash("works again")
    finally:
        hasher.close()


async def test_the_hashing_process_does_not_carry_the_master_key(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TOKENWARD_MASTER_KEY", "only-for-the-server")
    hasher = cheap_hasher(processes=1)
    try:
        await hasher.hash("x")
        file = Path(f"/proc/{hashing_process(hasher).pid}/environ")
        environment = await asyncio.to_thread(file.read_bytes)
        assert b"only-for-the-server" not in environment
    finally:
        hasher.close()


async def test_closing_ends_the_processes() -> None:
    hasher = cheap_hasher(processes=2)
    await asyncio.gather(*(hasher.hash("x") for _ in range(20)))
    processes = [one._process for one in hasher._processes]
    hasher.close()
    assert processes
    assert all(process is not None and process.returncode == 0 for process in processes)


@pytest.mark.parametrize(
    "wrong", [{"memory_kib": 7}, {"time_cost": 0}, {"processes": -1}, {"waiting_for_each": -1}]
)
def test_impossible_parameters_are_refused_when_the_hasher_is_built(wrong: dict[str, Any]) -> None:
    with pytest.raises(ConfigurationError):
        PasswordHasher(**wrong)


def test_no_thread_no_process_and_no_argon2_before_the_first_password() -> None:
    script = (
        "import sys, threading\n"
        "from tokenward.server.accounts import PasswordHasher\n"
        "hasher = PasswordHasher()\n"
        "assert threading.active_count() == 1 and 'argon2' not in sys.modules and not hasher._processes\n"
        "hasher.close()\n"
    )
    subprocess.run([sys.executable, "-c", script], check=True)

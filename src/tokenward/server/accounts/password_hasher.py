"""Hashing passwords with Argon2id, in processes of their own that give way to everything else.

A hash costs some 25 ms of a core on purpose. Done in the request's way it would stop the server for all others, so it
is done in a small pool: one process for each core, at the lowest priority, behind a queue of bounded length. Threads
would not do: one that has lost its core to a process of higher priority may hold the interpreter lock meanwhile, and
the whole server waits for it.
"""

import asyncio
import base64
import contextlib
import json
import math
import os
import subprocess
import sys
import threading
from collections.abc import Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import Any, NamedTuple

from tokenward.errors import ConfigurationError, Error
from tokenward.protocol.errors import INVALID_CREDENTIALS, OVERLOADED

# OWASP's first choice for Argon2id with one lane. More lanes would not slow an attacker, who has cores
# enough.
DEFAULT_MEMORY_KIB = 19456
DEFAULT_TIME_COST = 2
DEFAULT_WAITING_A_THREAD = 32

_LANES = 1
_SALT_BYTES = 16
_HASH_BYTES = 32
_PROGRAM = Path(__file__).with_name("hashing_process.py")
# About what one hash takes with the default parameters; only for telling a client when to come back.
_SECONDS_A_HASH = 0.03

Answer = dict[str, Any]


class InvalidCredentials(Error):
    """Login and password do not fit. One answer, whatever was wrong; `reason` is for the audit only."""

    code = INVALID_CREDENTIALS
    status = 401
    description = (
        "The name or the password is wrong. Check both, or ask the operator whether the account exists."
    )


class Overloaded(Error):
    """So many passwords wait to be hashed that this one would come too late; nothing was done for it."""

    code = OVERLOADED
    status = 503

    def __init__(self, retry_after_seconds: int, *, reason: str = "") -> None:
        super().__init__(
            f"The server is checking too many passwords at once. Try again in {retry_after_seconds} seconds.",
            reason=reason,
        )
        self.retry_after_seconds = retry_after_seconds


class Verified(NamedTuple):
    """The password is right; `needs_rehash`: its hash was made with other parameters than today's."""

    needs_rehash: bool


class PasswordHasher:
    """Makes and verifies Argon2id hashes in a pool of low-priority processes.

    `threads` 0 means one for each core this process may use; `waiting` is how many passwords may wait for
    each of them. It must be closed, or its threads keep the process from ending.
    """

    def __init__(
        self,
        *,
        memory_kib: int = DEFAULT_MEMORY_KIB,
        time_cost: int = DEFAULT_TIME_COST,
        threads: int = 0,
        waiting_a_thread: int = DEFAULT_WAITING_A_THREAD,
    ) -> None:
        if memory_kib < 8 * _LANES or time_cost < 1 or threads < 0 or waiting_a_thread < 0:
            msg = "Argon2id needs at least 8 KiB and a time cost of 1; threads and queue cannot be negative"
            raise ConfigurationError(msg)
        self._memory_kib = memory_kib
        self._time_cost = time_cost
        self._thread_count = threads or _cores()
        self._room = self._thread_count * (1 + waiting_a_thread)
        self._unfinished = 0
        self._closed = False
        self._lock = threading.Lock()
        # A thread for each process: it hands over a password and sleeps until the answer comes.
        self._pool = ThreadPoolExecutor(self._thread_count, thread_name_prefix="password-hasher")
        self._own = threading.local()
        self._processes: list[_HashingProcess] = []
        self._dummy_hash = self._make_dummy_hash()

    def check_room(self) -> None:
        """Refuse at once when the queue is full: to be asked before anything is spent on a login.

        Raises:
            Overloaded: no more passwords are taken now.
        """
        if self._closed or self._unfinished >= self._room:
            raise self._overloaded()

    async def hash(self, password: str) -> str:
        """The encoded Argon2id hash of `password`, with a fresh salt.

        Does not ask the rules for passwords and does not normalise: `PasswordRules.check_password` returns
        what is to be given here.

        Raises:
            Overloaded: the queue is full; nothing was done.
        """
        return str((await self._run(self._request(password)))["hash"])

    async def verify(self, password: str, password_hash: str | None) -> Verified:
        """Verify a (normalised) password against its stored hash.

        `None` stands for an account that does not exist or has no password: the same work is done on a hash
        that nothing matches, so that the time of the answer does not tell who has an account.

        Raises:
            InvalidCredentials: the password is wrong, or there is none.
            Overloaded: the queue is full; nothing was done.
        """
        stored = self._dummy_hash if password_hash is None else password_hash
        answer = await self._run(self._request(password, stored))
        if "failed" in answer:
            # What is stored is no Argon2 hash. That must not answer faster than a wrong password.
            answer = await self._run(self._request(password, self._dummy_hash))
            if "failed" in answer:
                # Even the dummy cannot be computed: the machine is out of memory, which is no wrong password.
                raise Overloaded(1, reason=f"Argon2 failed: {answer['failed']}")
        if not answer.get("verified"):
            raise InvalidCredentials(
                reason="wrong password" if password_hash is not None else "no password to match"
            )
        return Verified(needs_rehash=answer["needs_rehash"])

    def close(self) -> None:
        """End the processes, each after the hash it is at. Whoever waits in the queue gets `Overloaded`."""
        self._closed = True
        self._pool.shutdown(wait=True)
        for process in self._processes:
            process.close()

    def _request(self, password: str, password_hash: str | None = None) -> Answer:
        parameters = {
            "time_cost": self._time_cost,
            "memory_cost": self._memory_kib,
            "parallelism": _LANES,
            "hash_len": _HASH_BYTES,
            "salt_len": _SALT_BYTES,
        }
        request: Answer = {"password": password, "parameters": parameters}
        return request if password_hash is None else request | {"hash": password_hash}

    async def _run(self, request: Answer) -> Answer:
        with self._lock:
            if self._closed or self._unfinished >= self._room:
                raise self._overloaded()
            self._unfinished += 1
            job = self._pool.submit(self._ask, request)
        job.add_done_callback(self._count_finished)
        # When the caller is cancelled so is the job, and if its turn has not come its hash is never computed.
        return await asyncio.wrap_future(job)

    def _ask(self, request: Answer) -> Answer:
        """In a thread of the pool: have the thread's own process answer."""
        if self._closed:
            raise self._overloaded()
        process: _HashingProcess | None = getattr(self._own, "process", None)
        if process is None:
            process = self._own.process = _HashingProcess()
            self._processes.append(process)
        answer = process.ask(request)
        if answer is None:
            raise Overloaded(1, reason="the hashing process ended twice")
        return answer

    def _count_finished(self, job: Future[Answer]) -> None:
        with self._lock:
            self._unfinished -= 1

    def _overloaded(self) -> Overloaded:
        if self._closed:
            return Overloaded(1, reason="the password hasher is closed")
        seconds = self._room * _SECONDS_A_HASH * self._cost_ratio() / self._thread_count
        return Overloaded(max(1, math.ceil(seconds)), reason=f"{self._unfinished} passwords are waiting")

    def _cost_ratio(self) -> float:
        return (self._memory_kib * self._time_cost) / (DEFAULT_MEMORY_KIB * DEFAULT_TIME_COST)

    def _make_dummy_hash(self) -> str:
        """A well-formed hash of today's parameters with a random digest, so that no password fits it."""
        salt, digest = (_encode(os.urandom(size)) for size in (_SALT_BYTES, _HASH_BYTES))
        return f"$argon2id$v=19$m={self._memory_kib},t={self._time_cost},p={_LANES}${salt}${digest}"


class _HashingProcess:
    """One process of `hashing_process`, started by its first request. For one thread at a time."""

    def __init__(self) -> None:
        self._process: subprocess.Popen[bytes] | None = None

    def ask(self, request: Mapping[str, Any]) -> Answer | None:
        """The answer; `None` when the process ended, was started again, and ended again."""
        line = json.dumps(request).encode() + b"\n"
        for _ in range(2):
            process = self._process or self._start()
            if process.stdin is not None and process.stdout is not None:
                with contextlib.suppress(OSError):
                    process.stdin.write(line)
                    process.stdin.flush()
                if answered := process.stdout.readline():
                    answer: Answer = json.loads(answered)
                    return answer
            # Killed, perhaps because the machine ran out of memory.
            self.close()
        return None

    def close(self) -> None:
        """End the process and wait for it."""
        process, self._process = self._process, None
        if process is not None:
            with contextlib.suppress(OSError):
                process.communicate()

    def _start(self) -> "subprocess.Popen[bytes]":
        # The process needs no setting, and must not carry the master key.
        environment = {name: value for name, value in os.environ.items() if not name.startswith("TOKENWARD_")}
        self._process = subprocess.Popen(  # noqa: S603 - our own program, and nothing from outside in the call
            # -P keeps the modules that lie beside the program from shadowing the library's.
            [sys.executable, "-P", _PROGRAM],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            env=environment,
        )
        return self._process


def _cores() -> int:
    if hasattr(os, "sched_getaffinity"):
        return max(1, len(os.sched_getaffinity(0)))
    return os.cpu_count() or 1


def _encode(data: bytes) -> str:
    return base64.b64encode(data).rstrip(b"=").decode("ascii")

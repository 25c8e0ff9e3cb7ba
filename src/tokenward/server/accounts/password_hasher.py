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
from collections import deque
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

from tokenward.clock import Clock, SystemClock
from tokenward.errors import ConfigurationError, Error
from tokenward.protocol.errors import INVALID_CREDENTIALS, OVERLOADED
from tokenward.server.accounts.foreign_hashes import UnusableHash, is_foreign, read_foreign
from tokenward.server.observation.histogram import Histogram

# OWASP's first choice for Argon2id with one lane. More lanes would not slow an attacker, who has cores
# enough.
DEFAULT_MEMORY_KIB = 19456
DEFAULT_TIME_COST = 2
DEFAULT_WAITING_FOR_EACH = 32

_LANES = 1
_SALT_BYTES = 16
_HASH_BYTES = 32
_MOST_TRIES = 2
_PROGRAM = Path(__file__).with_name("hashing_process.py")
# About what one hash takes with the default parameters; only for telling a client when to come back.
_SECONDS_A_HASH = 0.03
_SECONDS = (0.001, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0)

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


class HasherMeasures:
    """How long passwords waited for a process and how long they were hashed, in seconds; `refused`: had no room."""

    __slots__ = ("hashed", "refused", "waited")

    def __init__(self) -> None:
        self.waited = Histogram(_SECONDS)
        self.hashed = Histogram(_SECONDS)
        self.refused = 0


class _Job:
    """A request, and who waits for its answer. Times are those of the monotonic clock, in seconds."""

    __slots__ = ("asked_at", "done", "line", "started_at")

    def __init__(self, line: bytes, done: asyncio.Future[Answer], asked_at: float) -> None:
        self.line = line
        self.done = done
        self.asked_at = asked_at
        self.started_at = asked_at

    def answer(self, answer: Answer) -> None:
        if not self.done.done():  # The caller may have been cancelled.
            self.done.set_result(answer)

    def refuse(self, error: Overloaded) -> None:
        if not self.done.done():
            self.done.set_exception(error)


class PasswordHasher:
    """Makes and verifies Argon2id hashes in a pool of low-priority processes.

    `processes` is the number of processes, 0 one for each core this process may use; `waiting_for_each` is how many
    passwords may wait for each of them. Belongs to one event loop. Must be closed, or its processes stay.
    `room` is how many passwords it takes at once, waiting ones included, and `measures` how long they took.
    """

    def __init__(
        self,
        *,
        memory_kib: int = DEFAULT_MEMORY_KIB,
        time_cost: int = DEFAULT_TIME_COST,
        processes: int = 0,
        waiting_for_each: int = DEFAULT_WAITING_FOR_EACH,
        clock: Clock | None = None,
    ) -> None:
        if memory_kib < 8 * _LANES or time_cost < 1 or processes < 0 or waiting_for_each < 0:
            msg = "Argon2id needs at least 8 KiB and a time cost of 1; processes and queue cannot be negative"
            raise ConfigurationError(msg)
        self._memory_kib = memory_kib
        self._time_cost = time_cost
        self._process_count = processes or _cores()
        self.room = self._process_count * (1 + waiting_for_each)
        self.measures = HasherMeasures()
        self._monotonic = (clock or SystemClock()).monotonic
        self._closed = False
        self._waiting: deque[_Job] = deque()
        self._idle: list[_HashingProcess] = []
        self._processes: list[_HashingProcess] = []
        self._dummy_hash = self._make_dummy_hash()

    def check_room(self) -> None:
        """Refuse at once when the queue is full: to be asked before anything is spent on a login.

        Raises:
            Overloaded: no more passwords are taken now.
        """
        if not self.has_room:
            self.measures.refused += 1
            raise self._overloaded()

    @property
    def has_room(self) -> bool:
        """Whether one more password is taken now."""
        return not self._closed and self.unfinished < self.room

    @property
    def unfinished(self) -> int:
        """How many passwords are being hashed or wait for it. A caller that was cancelled no longer waits."""
        computing = len(self._processes) - len(self._idle)
        return computing + sum(not job.done.done() for job in self._waiting)

    async def hash(self, password: str) -> str:
        """The encoded Argon2id hash of `password`, with a fresh salt.

        Does not ask the rules for passwords and does not normalise: `PasswordRules.check_password` returns
        what is to be given here.

        Raises:
            Overloaded: the queue is full; nothing was done.
        """
        return str((await self._ask(self._request(password)))["hash"])

    async def verify(self, password: str, password_hash: str | None, *, typed: str | None = None) -> Verified:
        """Verify a (normalised) password against its stored hash.

        `None` stands for an account that does not exist or has no password: the same work is done on a hash
        that nothing matches, so that the time of the answer does not tell who has an account.

        A hash that was imported from another system is tried with what was `typed` first, since most systems do not
        normalise, and costs its own work on top of that of an account that does not exist.

        Raises:
            InvalidCredentials: the password is wrong, or there is none.
            Overloaded: the queue is full; nothing was done.
        """
        stored = self._dummy_hash if password_hash is None else password_hash
        if is_foreign(stored):
            answer = await self._ask(self._foreign_request(password, stored, typed))
        else:
            answer = await self._ask(self._request(password, stored))
        if "undecodable" in answer:
            # What is stored is no Argon2 hash. That must not answer faster than a wrong password.
            answer = await self._ask(self._request(password, self._dummy_hash))
        if "failed" in answer:
            # The machine is out of memory perhaps, which is no wrong password.
            raise Overloaded(1, reason=f"the hash could not be computed: {answer['failed']}")
        if not answer.get("verified"):
            raise InvalidCredentials(
                reason="wrong password" if password_hash is not None else "no password to match"
            )
        return Verified(needs_rehash=answer["needs_rehash"])

    def close(self) -> None:
        """End the processes, each after the hash it is at. Whoever waits gets `Overloaded`. In the loop's thread."""
        self._closed = True
        for job in self._waiting:
            job.refuse(self._overloaded())
        self._waiting.clear()
        for process in self._processes:
            process.close(self._overloaded())
        self._processes.clear()
        self._idle.clear()

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

    def _foreign_request(self, password: str, stored: str, typed: str | None) -> Answer:
        request = self._request(password, self._dummy_hash)
        try:
            foreign = read_foreign(stored)
        except UnusableHash:
            # Nothing that an import stored. It must not answer faster than a wrong password, and matches none.
            return request
        forms = dict.fromkeys((password if typed is None else typed, password))
        return request | {"foreign": foreign.work, "passwords": list(forms)}

    async def _ask(self, request: Answer) -> Answer:
        self.check_room()
        line = json.dumps(request).encode() + b"\n"
        job = _Job(line, asyncio.get_running_loop().create_future(), self._monotonic())
        self._waiting.append(job)
        if not self._idle and len(self._processes) < self._process_count:
            process = _HashingProcess(self._next)
            self._processes.append(process)
            self._idle.append(process)
        if self._idle:
            self._next(self._idle.pop())
        answer = await job.done
        self._note(job.started_at - job.asked_at, self._monotonic() - job.started_at)
        return answer

    def _note(self, waited: float, hashed: float) -> None:
        self.measures.waited.observe(waited)
        self.measures.hashed.observe(hashed)

    def _next(self, process: "_HashingProcess") -> None:
        """Give a process that has nothing to do the next password of somebody who still waits."""
        while self._waiting:
            job = self._waiting.popleft()
            # The caller may have been cancelled meanwhile; then its hash is never computed.
            if not job.done.done():
                job.started_at = self._monotonic()
                process.start(job)
                return
        self._idle.append(process)

    def _overloaded(self) -> Overloaded:
        if self._closed:
            return Overloaded(1, reason="the password hasher is closed")
        seconds = self.room * _SECONDS_A_HASH * self._cost_ratio() / self._process_count
        return Overloaded(max(1, math.ceil(seconds)), reason=f"{self.unfinished} passwords are waiting")

    def _cost_ratio(self) -> float:
        return (self._memory_kib * self._time_cost) / (DEFAULT_MEMORY_KIB * DEFAULT_TIME_COST)

    def _make_dummy_hash(self) -> str:
        """A well-formed hash of today's parameters with a random digest, so that no password fits it."""
        salt, digest = (_encode(os.urandom(size)) for size in (_SALT_BYTES, _HASH_BYTES))
        return f"$argon2id$v=19$m={self._memory_kib},t={self._time_cost},p={_LANES}${salt}${digest}"


class _HashingProcess:
    """One process of `hashing_process`, started by its first request. Does one job at a time.

    No thread waits for it: the loop is told when its answer can be read.
    """

    def __init__(self, when_idle: Callable[["_HashingProcess"], None]) -> None:
        self._when_idle = when_idle
        self._process: subprocess.Popen[bytes] | None = None
        self._job: _Job | None = None
        self._read = b""
        self._tries = 0

    def start(self, job: _Job) -> None:
        """Have the process do `job`; it calls `when_idle` when that is done."""
        self._job, self._tries = job, 0
        self._send()

    def close(self, reason: Overloaded) -> None:
        """End the process after the hash it is at, and wait for it; who waits for that hash gets `reason`."""
        if self._job is not None:
            self._job.refuse(reason)
            self._job = None
        self._end()

    def _send(self) -> None:
        self._tries += 1
        try:
            process = self._process or self._start()
        except OSError as error:
            # No more files or processes, for the moment perhaps. The place must not be lost with this one job.
            self._give_up(f"the hashing process cannot be started: {error.strerror}")
            return
        if self._job is not None and process.stdin is not None:
            # A request is shorter than a pipe's buffer, and the last one was read to its end: this does not wait.
            with contextlib.suppress(OSError):
                os.write(process.stdin.fileno(), self._job.line)

    def _on_readable(self, descriptor: int) -> None:
        read = os.read(descriptor, 65536)
        self._read += read
        if read and not self._read.endswith(b"\n"):
            return
        answered, self._read = self._read, b""
        if not answered.endswith(b"\n"):
            self._on_end()
        elif self._job is not None:
            try:
                answer: Answer = json.loads(answered)
            except ValueError:
                self._on_end()
                return
            job, self._job = self._job, None
            job.answer(answer)
            self._when_idle(self)

    def _on_end(self) -> None:
        # Killed, perhaps because the machine ran out of memory. Once more is worth a try, twice is not.
        self._end()
        if self._job is None:
            return
        if self._tries < _MOST_TRIES:
            self._send()
            return
        self._give_up("the hashing process ended twice")

    def _give_up(self, reason: str) -> None:
        job, self._job = self._job, None
        if job is not None:
            job.refuse(Overloaded(1, reason=reason))
        # Not at once: who waits next would meet the same, one inside the other.
        asyncio.get_running_loop().call_soon(self._when_idle, self)

    def _start(self) -> "subprocess.Popen[bytes]":
        # The process needs no setting, and must not carry the master key.
        environment = {name: value for name, value in os.environ.items() if not name.startswith("TOKENWARD_")}
        process = self._process = subprocess.Popen(  # noqa: S603 - our own program, and nothing from outside in it
            # -P keeps the modules that lie beside the program from shadowing the library's.
            [sys.executable, "-P", _PROGRAM],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            env=environment,
        )
        if process.stdout is not None:
            self._loop = asyncio.get_running_loop()
            self._loop.add_reader(process.stdout.fileno(), self._on_readable, process.stdout.fileno())
        return process

    def _end(self) -> None:
        process, self._process = self._process, None
        if process is None:
            return
        if process.stdout is not None and not self._loop.is_closed():
            self._loop.remove_reader(process.stdout.fileno())
        with contextlib.suppress(OSError):
            process.communicate()


def _cores() -> int:
    if hasattr(os, "sched_getaffinity"):
        return max(1, len(os.sched_getaffinity(0)))
    return os.cpu_count() or 1


def _encode(data: bytes) -> str:
    return base64.b64encode(data).rstrip(b"=").decode("ascii")

"""A million refreshes over ten thousand sessions, at the storage: nothing may grow, and how fast it is.

`python -m benchmarks.refresh_million` prints the figures as JSON, and fails where a table or the file grew.
"""

import argparse
import asyncio
import json
import random
import resource
import secrets
import sqlite3
import tempfile
import time
from itertools import islice
from pathlib import Path

from tokenward.server.storage.interface import Storage
from tokenward.server.storage.migrate import migrate
from tokenward.server.storage.records import AccountRecord, SessionRecord
from tokenward.server.storage.sqlite import open_sqlite
from tokenward.server.storage.units import Unit

TASKS = 64
FILE_MAY_GROW = 1.2
_START = 1_800_000_000
_DAY = 86_400
_TABLES = ("accounts", "clients", "sessions", "keys", "revocations", "audit", "buckets", "known_origins")


async def run(
    refreshes: int = 1_000_000, sessions: int = 10_000, path: Path | None = None
) -> dict[str, float]:
    """Make a database at `path` (or in a folder that is deleted again), refresh, and return the figures.

    Raises:
        AssertionError: a refresh was not applied, a row count changed, or the file grew beyond 1.2 times.
    """
    if path is None:
        with tempfile.TemporaryDirectory(dir=Path.cwd()) as folder:
            return await run(refreshes, sessions, Path(folder) / "refresh.db")
    migrate(path)
    storage = await open_sqlite(path, exclusive=True)
    try:
        sids = await _fill(storage, sessions)
        rows_before, bytes_before = _measure(path)
        cpu = _cpu_seconds()
        wall = time.perf_counter()
        await _refresh(storage, sids, refreshes)
        wall = time.perf_counter() - wall
        cpu = _cpu_seconds() - cpu
        rows_after, bytes_after = _measure(path)
    finally:
        await storage.close()
    assert rows_after == rows_before, f"rows before {rows_before}, after {rows_after}"
    assert bytes_after <= bytes_before * FILE_MAY_GROW, f"bytes before {bytes_before}, after {bytes_after}"
    return {
        "refreshes": refreshes,
        "sessions": sessions,
        "seconds": round(wall, 2),
        "rotations_per_second": round(refreshes / wall),
        "rotations_per_cpu_second": round(refreshes / cpu),
        "file_growth": round(bytes_after / bytes_before, 4),
        "file_bytes": bytes_after,
        "peak_memory_mb": round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024, 1),
    }


async def _fill(storage: Storage, sessions: int) -> list[bytes]:
    sids = [secrets.token_bytes(16) for _ in range(sessions)]
    left = iter(sids)
    while some := list(islice(left, 500)):
        changes = []
        for sid in some:
            account = _account()
            changes += [storage.accounts.insert(account), storage.sessions.insert(_session(sid, account.sub))]
        assert (await storage.apply(Unit("fill", tuple(changes)))).applied
    return sids


async def _refresh(storage: Storage, sids: list[bytes], refreshes: int) -> None:
    """`TASKS` tasks, each with sessions of its own, so that every rotation must be applied."""
    each, rest = divmod(refreshes, TASKS)
    async with asyncio.TaskGroup() as group:
        for number in range(TASKS):
            count = each + (number < rest)
            group.create_task(_refresh_some(storage, sids[number::TASKS], count, random.Random(number)))  # noqa: S311


async def _refresh_some(storage: Storage, sids: list[bytes], count: int, chance: random.Random) -> None:
    generations = dict.fromkeys(sids, 1)
    for number in range(count):
        sid = chance.choice(sids)
        now = _START + number % _DAY
        change = storage.sessions.rotate(
            sid=sid,
            generation=generations[sid],
            key_number=1,
            rotated_at_ms=now * 1000,
            last_seen_at=now,
            idle_expires_at=now + 14 * _DAY,
            network="192.0.2.0/24",
            agent=chance.choice(("Firefox on Linux", "Safari on iPhone")),
            account_cutoff=0,
            client_cutoff=0,
            now=now,
        )
        assert (await storage.apply(Unit("refresh", (change,)))).applied
        generations[sid] += 1


def _measure(path: Path) -> tuple[dict[str, int], int]:
    """Row counts, and the size of the file with everything in it that the write-ahead log held."""
    connection = sqlite3.connect(path)
    try:
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()
        counts = {
            table: connection.execute(f"SELECT count(*) FROM {table}").fetchone()[0]  # noqa: S608
            for table in _TABLES
        }
    finally:
        connection.close()
    return counts, path.stat().st_size


def _cpu_seconds() -> float:
    usage = resource.getrusage(resource.RUSAGE_SELF)
    return usage.ru_utime + usage.ru_stime


def _account() -> AccountRecord:
    sub = "usr_" + secrets.token_urlsafe(16)
    email = f"{sub}@example.com"
    password_hash = "$argon2id$v=19$m=19456,t=2,p=1$" + "x" * 66
    return AccountRecord(
        sub=sub,
        email=email,
        email_folded=email.casefold(),
        username=None,
        username_folded=None,
        name="A name",
        password_hash=password_hash,
        roles=(),
        cutoff=0,
        disabled_at=None,
        personal_key_wrapped=bytes(60),
        created_at=_START,
        updated_at=_START,
    )


def _session(sid: bytes, sub: str) -> SessionRecord:
    return SessionRecord(
        sid=sid,
        sub=sub,
        client_id="first-party",
        scope="openid profile",
        audience="https://api.example.com",
        salt=secrets.token_bytes(16),
        key_number=1,
        generation=1,
        rotated_at_ms=_START * 1000,
        created_at=_START,
        last_seen_at=_START,
        idle_expires_at=_START + 14 * _DAY,
        absolute_expires_at=_START + 90 * _DAY,
        ended_at=None,
        amr='["pwd"]',
        auth_time=_START,
        account_cutoff=0,
        client_cutoff=0,
        network="192.0.2.0/24",
        agent="Firefox on Linux",
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--refreshes", type=int, default=1_000_000)
    parser.add_argument("--sessions", type=int, default=10_000)
    parser.add_argument(
        "--path", type=Path, default=None, help="a new file; default: one that is deleted again"
    )
    options = parser.parse_args()
    print(json.dumps(asyncio.run(run(options.refreshes, options.sessions, options.path)), indent=2))


if __name__ == "__main__":
    main()

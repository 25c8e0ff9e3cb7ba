"""What the tests of this folder share: a migrated file, and another program that has it open."""

import asyncio
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

from tokenward.server.storage.records import AuditRecord
from tokenward.server.storage.sqlite_connection import connect
from tokenward.server.storage.sqlite_writer import SQLiteWriter
from tokenward.server.storage.units import Change, Outcome, Unit


def event(name: str = "event") -> Change:
    """An audit row: the simplest change that always succeeds."""
    record = AuditRecord(0, name, "system", "", "", "", "{}", None)._asdict()
    del record["id"]
    return Change("audit.add", record, 1)


def unit(*changes: Change) -> Unit:
    return Unit("test", changes)


def count_events(path: Path) -> int:
    with closing(sqlite3.connect(path)) as connection:
        return int(connection.execute("SELECT count(*) FROM audit").fetchone()[0])


@contextmanager
def write_lock(path: Path) -> Iterator[sqlite3.Connection]:
    """Hold the database as another writer in the middle of its transaction does."""
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        connection.execute("BEGIN IMMEDIATE")
        yield connection
        connection.execute("ROLLBACK")


def writer_on(path: Path, *pragmas: str) -> SQLiteWriter:
    """A writer whose connection has settings that provoke what is tested."""
    connection = connect(path, check_same_thread=False)
    for pragma in pragmas:
        connection.execute(f"PRAGMA {pragma}").fetchall()
    return SQLiteWriter(connection, asyncio.get_running_loop())


async def wait_in_writer(writer: SQLiteWriter) -> asyncio.Future[Outcome]:
    """Submit a unit, and return when the writer has taken it from the queue and waits for the database."""
    first = writer.submit(unit(event("first")))
    while not writer._queue.empty():  # noqa: ASYNC110
        await asyncio.sleep(0.005)
    await asyncio.sleep(0.02)
    return first


async def group_behind(path: Path, writer: SQLiteWriter, units: list[Unit]) -> list[Outcome | BaseException]:
    """Submit the units so that they form one group: while they queue, the writer waits for the database."""
    with write_lock(path):
        first = await wait_in_writer(writer)
        futures = [writer.submit(one) for one in units]
    await first
    return await asyncio.gather(*futures, return_exceptions=True)


def start_python(code: str, *arguments: str) -> subprocess.Popen[str]:
    command = [sys.executable, "-W", "error", "-c", code, *arguments]
    return subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)

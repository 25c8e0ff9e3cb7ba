"""The one thread that writes: it commits the units of all who wait together.

A commit costs an `fdatasync`, so one commit for each unit would be limited by the disk. Here the units that
came while the last group was written form the next one: under load groups grow by themselves, and a lone
unit waits for nothing.
"""

import asyncio
import contextlib
import sqlite3
import threading
from collections.abc import Callable, Iterable, Sequence
from queue import Empty, SimpleQueue
from typing import NamedTuple

from tokenward.clock import Clock, SystemClock
from tokenward.errors import Error, StorageUnavailable
from tokenward.server.storage.measures import StorageMeasures
from tokenward.server.storage.queries import STATEMENTS
from tokenward.server.storage.sqlite_connection import unavailable
from tokenward.server.storage.units import Change, Outcome, Row, Unit

_LARGEST_GROUP = 512

# A key that is taken or missing refuses the unit: that is how two who do the same at once are told apart.
_REFUSALS = frozenset(
    {
        sqlite3.SQLITE_CONSTRAINT_UNIQUE,
        sqlite3.SQLITE_CONSTRAINT_PRIMARYKEY,
        sqlite3.SQLITE_CONSTRAINT_ROWID,
        sqlite3.SQLITE_CONSTRAINT_FOREIGNKEY,
    }
)
# These are faults of one statement or its values. All others (full, input/output, busy, corrupt, …) are the
# database's, and take the whole group with them.
_FAULTS = frozenset(
    {
        sqlite3.SQLITE_CONSTRAINT,
        sqlite3.SQLITE_ERROR,
        sqlite3.SQLITE_TOOBIG,
        sqlite3.SQLITE_MISMATCH,
        sqlite3.SQLITE_MISUSE,
        sqlite3.SQLITE_RANGE,
    }
)


class _Job(NamedTuple):
    unit: Unit
    done: asyncio.Future[Outcome]


class _RefusedError(Exception):
    """A change of the unit met another number of rows, or a key that is taken."""

    def __init__(self, statement: str) -> None:
        self.statement = statement


class SQLiteWriter:
    """Applies units on a connection of its own, in a thread of its own.

    `groups` counts the commits, `measures` tells more of them.
    """

    def __init__(
        self,
        connection: sqlite3.Connection,
        loop: asyncio.AbstractEventLoop,
        clock: Clock | None = None,
    ) -> None:
        self._connection = connection
        self._execute = connection.cursor().execute
        self._loop = loop
        self._queue: SimpleQueue[list[_Job] | None] = SimpleQueue()
        self._submitted: list[_Job] = []
        self.groups = 0
        self.measures = StorageMeasures()
        self._monotonic = (clock or SystemClock()).monotonic
        self._closing = False
        self._closed = loop.create_future()
        self._thread = threading.Thread(target=self._run, name="tokenward-writer", daemon=True)
        self._thread.start()

    def submit(self, unit: Unit) -> asyncio.Future[Outcome]:
        """Queue a unit; call in the loop's thread.

        Raises:
            StorageUnavailable: the writer has been closed.
        """
        if self._closing:
            raise StorageUnavailable(reason="the storage is closed")
        done: asyncio.Future[Outcome] = self._loop.create_future()
        self._submitted.append(_Job(unit, done))
        self.measures.submitted += 1
        if len(self._submitted) == 1:
            self._loop.call_soon(self._hand_over)
        return done

    def _hand_over(self) -> None:
        """Give the thread what this turn of the loop submitted, all at once.

        Waking it for each unit would make both threads wait for each other's interpreter lock all the time.
        """
        if self._submitted:
            self._queue.put(self._submitted)
            self._submitted = []

    async def close(self) -> None:
        """Let the thread finish what is queued and close its connection; call in the loop's thread."""
        if not self._closing:
            self._closing = True
            self._hand_over()
            self._queue.put(None)
        await asyncio.shield(self._closed)

    def _run(self) -> None:
        group: list[_Job] = []
        try:
            more = True
            while more:
                group, more = self._next_group()
                if group:
                    self._call_soon(self._deliver, group, self._apply_group(group))
                    group = []
        finally:
            # Also when a fault of this program ends the thread: nobody may wait for ever.
            self._connection.close()
            self._call_soon(self._mark_closed, group)

    def _next_group(self) -> tuple[list[_Job], bool]:
        """All that waits, at least one; and whether more may come."""
        group: list[_Job] = []
        jobs = self._queue.get()
        with contextlib.suppress(Empty):
            while jobs is not None:
                group += jobs
                if len(group) >= _LARGEST_GROUP:
                    return group, True
                jobs = self._queue.get_nowait()
            return group, False
        return group, True

    def _apply_group(self, group: list[_Job]) -> list[Outcome | Error]:
        """One transaction. When it fails, even refusals are void: they may rest on units that are lost."""
        measures, started = self.measures, self._monotonic()
        try:
            self._execute("BEGIN IMMEDIATE")
            results = [self._apply_unit(job.unit) for job in group]
            self._execute("COMMIT")
        except sqlite3.Error as error:
            self._roll_back()
            measures.failures += 1
            return [unavailable(error) for _ in group]
        self.groups += 1
        measures.commit_seconds.observe(self._monotonic() - started)
        measures.commit_units.observe(len(group))
        return results

    def _apply_unit(self, unit: Unit) -> Outcome | Error:
        changes = unit.changes
        try:
            if (
                len(changes) == 1
                and STATEMENTS[changes[0].statement].single
                and changes[0].expects in (None, 1)
            ):
                # No savepoint: the statement changes one row or none, so a refusal has nothing to undo, and
                # SQLite itself undoes a statement that fails. This is the way of every refresh.
                rows, count = self._apply_change(changes[0])
                return Outcome(True, (rows,), None, (count,))
            return self._apply_changes(changes)
        except _RefusedError as refused:
            return Outcome(False, refused_by=refused.statement)
        except sqlite3.Error as error:
            code = getattr(error, "sqlite_errorcode", None)
            if code is not None and code & 0xFF not in _FAULTS:
                raise
            return Error(reason=f"unit {unit.name}: {type(error).__name__}: {error}")
        except (KeyError, OverflowError, TypeError, ValueError) as error:
            # The text of these errors may hold the value itself, which may be a secret.
            return Error(reason=f"unit {unit.name}: {type(error).__name__} in a statement's name or values")

    def _apply_changes(self, changes: Iterable[Change]) -> Outcome:
        all_rows: list[tuple[Row, ...]] = []
        counts: list[int] = []
        self._execute("SAVEPOINT unit")
        whole = False
        try:
            for change in changes:
                rows, count = self._apply_change(change)
                all_rows.append(rows)
                counts.append(count)
            whole = True
        finally:
            # SQLite may have rolled back the whole transaction by itself (disk full): then there is no
            # savepoint any more, and the group fails.
            if self._connection.in_transaction:
                if not whole:
                    self._execute("ROLLBACK TO unit")
                self._execute("RELEASE unit")
        return Outcome(True, tuple(all_rows), None, tuple(counts))

    def _apply_change(self, change: Change) -> tuple[tuple[Row, ...], int]:
        statement = STATEMENTS[change.statement]
        try:
            cursor = self._execute(statement.sql, change.parameters)
            rows: tuple[Row, ...] = tuple(cursor.fetchall()) if statement.returning else ()
        except sqlite3.IntegrityError as error:
            if error.sqlite_errorcode in _REFUSALS:
                raise _RefusedError(change.statement) from error
            raise
        count = len(rows) if statement.returning else cursor.rowcount
        if change.expects is not None and count != change.expects:
            raise _RefusedError(change.statement)
        return rows, count

    def _roll_back(self) -> None:
        # SQLite has often rolled back by itself; when this fails as well, the next BEGIN tells.
        with contextlib.suppress(sqlite3.Error):
            if self._connection.in_transaction:
                self._execute("ROLLBACK")

    def _call_soon(self, callback: Callable[..., None], *arguments: object) -> None:
        # The loop may have been closed while the group was written; then nobody waits.
        with contextlib.suppress(RuntimeError):
            self._loop.call_soon_threadsafe(callback, *arguments)

    def _mark_closed(self, unfinished: list[_Job]) -> None:
        # In the loop's thread, as `submit` is: nothing can be queued between the draining and the mark.
        self._closing = True
        with contextlib.suppress(Empty):
            while (jobs := self._queue.get_nowait()) is not None:
                unfinished += jobs
        unfinished += self._submitted
        self._deliver(unfinished, [StorageUnavailable(reason="the writer has stopped") for _ in unfinished])
        self._closed.set_result(None)

    def _deliver(self, group: Sequence[_Job], results: Sequence[Outcome | Error]) -> None:
        self.measures.finished += len(group)
        for job, result in zip(group, results, strict=True):
            if job.done.done():
                continue  # The caller was cancelled.
            if isinstance(result, Error):
                job.done.set_exception(result)
            else:
                job.done.set_result(result)

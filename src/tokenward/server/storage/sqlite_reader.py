"""Reads on the connection of the event loop's thread."""

import sqlite3
from typing import Any

from tokenward.errors import StorageUnavailable
from tokenward.server.storage.queries import STATEMENTS
from tokenward.server.storage.records import Position
from tokenward.server.storage.sqlite_connection import unavailable
from tokenward.server.storage.units import Parameters, Row

_SQL = {name: statement.sql for name, statement in STATEMENTS.items()}
_POSITION = "SELECT head.epoch, head.n, head.term, key_ring.revision FROM head, key_ring"


class SQLiteReader:
    """A `Reader` whose reads complete without suspending: one takes microseconds and needs no thread.

    Every read fetches all its rows, so that no statement stays open: an open one would hold its snapshot, and
    the write-ahead log could not be started again.
    """

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection
        self._cursor = connection.cursor()
        self._data_version = -1
        self._position: Position | None = None
        self.held: dict[str, Any] = {}

    async def one(self, statement: str, parameters: Parameters) -> Row | None:
        """See `Reader.one`."""
        try:
            rows: list[Row] = self._cursor.execute(_SQL[statement], parameters).fetchall()
        except sqlite3.Error as error:
            raise unavailable(error) from error
        except UnicodeEncodeError:
            # Half a surrogate pair, which JSON can carry and no column can hold: nothing matches it.
            return None
        return rows[0] if rows else None

    async def many(self, statement: str, parameters: Parameters) -> list[Row]:
        """See `Reader.many`."""
        try:
            return self._cursor.execute(_SQL[statement], parameters).fetchall()
        except sqlite3.Error as error:
            raise unavailable(error) from error

    def position(self) -> Position:
        """See `Storage.position`.

        `data_version` moves on this connection when any other one commits: our writer's, or another
        process's. Most commits are refreshes, which move neither the log nor the ring.
        """
        try:
            ((data_version,),) = self._cursor.execute("PRAGMA data_version").fetchall()
            if data_version == self._data_version and self._position is not None:
                return self._position
            self.held.clear()
            # The version was read first: a commit between the two reads is found again by the next call.
            rows = self._cursor.execute(_POSITION).fetchall()
        except sqlite3.Error as error:
            raise unavailable(error) from error
        if not rows:
            raise StorageUnavailable(reason="the head row is gone")
        if self._position is None or rows[0] != self._position:
            self._position = Position._make(rows[0])
        self._data_version = data_version
        return self._position

    def close(self) -> None:
        """Close the connection. A read afterwards raises StorageUnavailable."""
        self._connection.close()

"""The engines that the suite runs on: a second one adds an entry and runs every test, without exception."""

from collections.abc import Callable
from pathlib import Path
from typing import Protocol

from tokenward.server.storage.interface import Storage
from tokenward.server.storage.migrate import migrate
from tokenward.server.storage.sqlite import open_sqlite


class Database(Protocol):
    """A migrated, empty database that can be opened many times."""

    @property
    def location(self) -> str:
        """What another process needs to open it."""
        ...

    async def open(self) -> Storage:
        """A handle of its own, as a command has beside the server."""
        ...


class SQLiteDatabase:
    def __init__(self, location: str) -> None:
        self.location = location

    async def open(self) -> Storage:
        return await open_sqlite(Path(self.location), exclusive=False)


def _make_sqlite(folder: Path) -> Database:
    path = folder / "conformance.db"
    migrate(path)
    return SQLiteDatabase(str(path))


MAKE: dict[str, Callable[[Path], Database]] = {"sqlite": _make_sqlite}
"""Makes a new database; the folder is the test's own."""

REOPEN: dict[str, Callable[[str], Database]] = {"sqlite": SQLiteDatabase}
"""Finds one again by its location, in another process."""

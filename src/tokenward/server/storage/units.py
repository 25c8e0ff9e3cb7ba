"""A write is one unit: a named list of changes, applied whole or not at all.

There are no interactive transactions, so nothing slow can happen inside one, and an engine is free to commit
the units of many callers together.
"""

from collections.abc import Mapping
from typing import NamedTuple, TypeAlias

Value: TypeAlias = str | int | bytes | None
"""What a column may hold: SQLite and PostgreSQL share these."""

Row: TypeAlias = tuple[Value, ...]
Parameters: TypeAlias = Mapping[str, Value]


class Change(NamedTuple):
    """One statement of a unit.

    `statement` is a name in `storage.queries`. `expects` is the number of rows it must change (or, where the
    statement has `RETURNING`, return); `None` accepts any number. Stores build changes; nobody else needs to.
    """

    statement: str
    parameters: Parameters
    expects: int | None = None


class Unit(NamedTuple):
    """Changes that happen together, in this order. `name` is for logs and metrics only."""

    name: str
    changes: tuple[Change, ...]


class Outcome(NamedTuple):
    """What became of a unit.

    `applied` is False when a change met another number of rows than it expects, or a unique or foreign key:
    then nothing of the unit happened and `refused_by` names the statement. `rows` holds, for each change in
    order, the rows that it returned (empty where a statement returns none), and is empty for a refused unit.
    `counts` holds, for each change in order, how many rows it changed.
    """

    applied: bool
    rows: tuple[tuple[Row, ...], ...] = ()
    refused_by: str | None = None
    counts: tuple[int, ...] = ()

    def integer(self, change: int) -> int:
        """The one integer that the change at this place returned, such as the number of a record."""
        value = self.rows[change][0][0]
        if not isinstance(value, int):
            msg = f"change {change} returned no integer"
            raise TypeError(msg)
        return value

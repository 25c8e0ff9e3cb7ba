"""One SQL statement, as the tables of statements in this package hold it."""

from typing import NamedTuple


class Statement(NamedTuple):
    """SQL with `:name` placeholders.

    `returning` tells that rows come back from a change, or from a question that is asked in a unit. `single` promises
    that the statement changes at most one row and fires no trigger, so that when it met no row it did nothing; an
    engine may then run a unit of this one statement without a savepoint.
    """

    sql: str
    returning: bool = False
    single: bool = False

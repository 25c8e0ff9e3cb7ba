"""What a store needs of an engine to read; writing goes through `Storage.apply`."""

from typing import Protocol

from tokenward.server.storage.units import Parameters, Row


class Reader(Protocol):
    """Runs the named reading statements of `storage.queries`, each in a snapshot of its own."""

    async def one(self, statement: str, parameters: Parameters) -> Row | None:
        """The only row, or `None`. Sees every commit that was answered before the call.

        Raises:
            StorageUnavailable: the database cannot be read.
        """
        ...

    async def many(self, statement: str, parameters: Parameters) -> list[Row]:
        """All rows, in the order the statement says. The statement bounds how many.

        Raises:
            StorageUnavailable: the database cannot be read.
        """
        ...

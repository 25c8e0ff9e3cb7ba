"""What a store needs of an engine to read; writing goes through `Storage.apply`."""

from typing import Any, Protocol

from tokenward.server.storage.units import Parameters, Row


class Reader(Protocol):
    """Runs the named reading statements of `storage.queries`, each in a snapshot of its own."""

    @property
    def held(self) -> dict[str, Any]:
        """What stores keep of what they read until anything is committed, by whomever.

        `Storage.position` empties it when it finds that something was. Without a call of that just before, what is in
        it may be out of date. An engine that cannot tell gives a new dictionary each time.
        """
        ...

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

"""OAuth clients. Every database has `first-party`, which sign-ins at the server's own API belong to."""

from tokenward.server.storage.reading import Reader
from tokenward.server.storage.records import ClientRecord
from tokenward.server.storage.units import Change


class ClientStore:
    """Reads clients and builds the changes to them."""

    def __init__(self, reader: Reader) -> None:
        self._reader = reader

    async def find(self, client_id: str) -> ClientRecord | None:
        """The client with this id, disabled or not."""
        row = await self._reader.one("clients.find", {"client_id": client_id})
        return None if row is None else ClientRecord._make(row)

    def raise_cutoff(self, client_id: str) -> Change:
        """Add one to the cut-off: all sessions of the client that hold the old one are dead. Expects one row."""
        return Change("clients.raise_cutoff", {"client_id": client_id}, 1)

    def raise_all_cutoffs(self) -> Change:
        """Add one to the cut-off of every client: every session there is now is dead. Accepts any number."""
        return Change("clients.raise_all_cutoffs", {})

"""OAuth clients. Every database has `first-party`, which sign-ins at the server's own API belong to."""

from tokenward.server.storage.reading import Reader
from tokenward.server.storage.records import ClientRecord


class ClientStore:
    """Reads clients."""

    def __init__(self, reader: Reader) -> None:
        self._reader = reader

    async def find(self, client_id: str) -> ClientRecord | None:
        """The client with this id, disabled or not."""
        row = await self._reader.one("clients.find", {"client_id": client_id})
        return None if row is None else ClientRecord._make(row)

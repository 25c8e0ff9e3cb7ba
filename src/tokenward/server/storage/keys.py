"""The rows of the key ring. What a state means is `server.keyring`'s."""

from tokenward.server.storage.reading import Reader
from tokenward.server.storage.records import KeyRecord
from tokenward.server.storage.units import Change, Parameters


class KeyStore:
    """Reads keys and builds the changes to them. Every change moves `Position.ring_revision`.

    There is at most one active key for each use and algorithm: a unit that would make a second one is
    refused, so of two nodes that rotate at once one loses.
    """

    def __init__(self, reader: Reader) -> None:
        self._reader = reader

    async def all(self) -> list[KeyRecord]:
        """All keys of all states, by number."""
        return [KeyRecord._make(row) for row in await self._reader.many("keys.all", {})]

    def insert(self, record: KeyRecord) -> Change:
        """Add a key. Expects one row; a `kid` or number that exists already refuses the unit."""
        return Change("keys.insert", record._asdict(), 1)

    def move(self, kid: str, from_state: str, to_state: str, at: int, *, erase_private: bool) -> Change:
        """Compare-and-swap the state, and note the time of entering the new one.

        `active` notes `activated_at`, `retiring` and `verify-only` `retiring_at`, `retired` and `revoked`
        `retired_at`. `erase_private` destroys the wrapped private key. Expects one row: of two that move a
        key at once one is refused. Which moves make sense is not checked here.
        """
        parameters: Parameters = {
            "kid": kid,
            "from_state": from_state,
            "to_state": to_state,
            "at": at,
            "erase_private": int(erase_private),
        }
        return Change("keys.move", parameters, 1)

    def rewrap(self, kid: str, private_wrapped: bytes) -> Change:
        """Replace the wrapped private key by the same one under another master key.

        Expects one row: refused where the private key has been erased, which must stay so.
        """
        return Change("keys.rewrap", {"kid": kid, "private_wrapped": private_wrapped}, 1)

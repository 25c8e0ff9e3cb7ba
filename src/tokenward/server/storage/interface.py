"""The door of the storage: what every engine offers, and the stores that services are given.

A service is given only its own stores and `apply`. The stores are the same for every engine: they read
through the engine's `Reader` and build changes, which mean nothing until a unit that holds them is applied.
Each method of a store that returns a `Change` says what the change does when it runs, not when the method
is called.
"""

from typing import Protocol

from tokenward.server.storage.accounts import AccountStore
from tokenward.server.storage.audit import AuditStore
from tokenward.server.storage.clients import ClientStore
from tokenward.server.storage.keys import KeyStore
from tokenward.server.storage.measures import StorageMeasures, StorageSizes
from tokenward.server.storage.rate_limits import RateLimitStore
from tokenward.server.storage.records import Position
from tokenward.server.storage.revocations import RevocationStore
from tokenward.server.storage.sessions import SessionStore
from tokenward.server.storage.units import Change, Outcome, Unit

__all__ = [
    "AccountStore",
    "AuditStore",
    "Change",
    "ClientStore",
    "KeyStore",
    "Outcome",
    "Position",
    "RateLimitStore",
    "RevocationStore",
    "SessionStore",
    "Storage",
    "StorageMeasures",
    "StorageSizes",
    "Unit",
]


class Storage(Protocol):
    """One database, open. Belongs to the event loop that opened it."""

    @property
    def accounts(self) -> AccountStore:
        """Accounts."""
        ...

    @property
    def sessions(self) -> SessionStore:
        """Sessions (refresh-token families)."""
        ...

    @property
    def keys(self) -> KeyStore:
        """The key ring."""
        ...

    @property
    def clients(self) -> ClientStore:
        """OAuth clients."""
        ...

    @property
    def revocations(self) -> RevocationStore:
        """The numbered log of revocations."""
        ...

    @property
    def audit(self) -> AuditStore:
        """The audit log."""
        ...

    @property
    def rate_limits(self) -> RateLimitStore:
        """Leaky buckets, and the origins that signed in before."""
        ...

    @property
    def measures(self) -> StorageMeasures:
        """How the commits went since this was opened."""
        ...

    def sizes(self) -> StorageSizes:
        """How large it is, and how much room is left.

        Raises:
            OSError: it cannot be seen now.
        """
        ...

    async def apply(self, unit: Unit) -> Outcome:
        """Apply a unit whole or not at all, and return once its commit is durable.

        Durable means that `fdatasync` returned. Units are serializable: each sees all that was applied
        before it, and commits follow the order of applying. Units of other callers may share the commit,
        never the fate: a unit that is refused takes nothing else with it. Reads begun after the return see
        the unit.

        A caller that is cancelled while it waits does not know whether the unit was applied; it usually is.

        Raises:
            StorageUnavailable: the database cannot be written (busy, full, broken, closed). The unit was not
                applied; only if the process also dies before its next commit may it yet be found applied.
            Error: a change is wrong in itself (unknown statement, missing parameter, a value that a column
                cannot hold). Nothing of the unit was applied.
        """
        ...

    async def position(self) -> Position:
        """Where the log and the key ring stand, also when another process moved them.

        Cheap enough to be asked before every authenticated answer. Returns the same object as before when
        neither moved, so that a caller compares with `is`.

        Raises:
            StorageUnavailable: the database cannot be read.
        """
        ...

    async def maintain(self) -> None:
        """Do beside all else what would hold up a commit if it were left to pile up; asked for about once a second.

        Promises nothing, and does nothing where nothing was written.

        Raises:
            StorageUnavailable: it could not be done now; nothing else is harmed.
        """
        ...

    async def scrub(self) -> None:
        """Overwrite on the disk what was deleted or replaced before, as far as the engine can.

        Does not raise and does not wait long: what cannot be done now, `maintain` does later. Copies of the files
        that somebody made are not reached.
        """
        ...

    async def close(self) -> None:
        """Finish the units that are queued, then close and let go of the lock. May be called again.

        What is asked of the storage afterwards raises StorageUnavailable.
        """
        ...

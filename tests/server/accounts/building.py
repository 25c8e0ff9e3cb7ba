"""Accounts on a real SQLite file with a real master key, and Argon2id with parameters that cost nothing."""

import contextlib
import os
from collections.abc import AsyncIterator
from pathlib import Path
from typing import NamedTuple

from tokenward.clock import FakeClock
from tokenward.server.accounts import Accounts, PasswordHasher, PasswordRules
from tokenward.server.audit import Audit
from tokenward.server.keyring.wrapping import MasterKey
from tokenward.server.revocation.log import RevocationLog
from tokenward.server.storage.interface import Storage
from tokenward.server.storage.migrate import migrate
from tokenward.server.storage.records import AuditRecord
from tokenward.server.storage.sqlite import open_sqlite

PASSWORD = "my kettle sings in E flat"
OTHER_PASSWORD = "seven herons on a wet roof"


class Built(NamedTuple):
    accounts: Accounts
    storage: Storage
    hasher: PasswordHasher
    audit: Audit
    log: RevocationLog
    clock: FakeClock

    def with_hasher(self, hasher: PasswordHasher) -> Accounts:
        return Accounts(self.storage, hasher, PasswordRules(), self.audit, self.log, self.clock)

    async def events(self) -> list[AuditRecord]:
        return await self.storage.audit.page(0, 100)


def cheap_hasher(*, time_cost: int = 1, processes: int = 1, waiting_for_each: int = 32) -> PasswordHasher:
    return PasswordHasher(
        memory_kib=8, time_cost=time_cost, processes=processes, waiting_for_each=waiting_for_each
    )


@contextlib.asynccontextmanager
async def open_storage(folder: Path) -> AsyncIterator[Storage]:
    path = folder / "tokenward.db"
    migrate(path)
    storage = await open_sqlite(path, exclusive=True)
    try:
        yield storage
    finally:
        await storage.close()


@contextlib.asynccontextmanager
async def build_accounts(folder: Path) -> AsyncIterator[Built]:
    hasher, clock = cheap_hasher(), FakeClock()
    try:
        async with open_storage(folder) as storage:
            audit = Audit(storage.audit, MasterKey(os.urandom(32)))
            log = RevocationLog(storage, clock)
            accounts = Accounts(storage, hasher, PasswordRules(), audit, log, clock)
            yield Built(accounts, storage, hasher, audit, log, clock)
    finally:
        hasher.close()

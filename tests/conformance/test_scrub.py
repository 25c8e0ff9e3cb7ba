"""Scrubbing promises nothing that could be seen from here; it must be harmless on every engine."""

import asyncio

from tests.conformance.samples import account, applied

from tokenward.server.storage.interface import Storage


async def test_scrubbing_loses_nothing_and_disturbs_nobody(storage: Storage, other: Storage) -> None:
    records = [account(f"user{number}") for number in range(40)]

    async def write(number: int) -> None:
        await applied((storage, other)[number % 2], storage.accounts.insert(records[number]))
        await storage.scrub()

    await asyncio.gather(*(write(number) for number in range(len(records))))
    assert await storage.accounts.page(None, 100) == sorted(records)
    assert await other.accounts.page(None, 100) == sorted(records)


async def test_scrubbing_a_closed_storage_does_not_raise(storage: Storage) -> None:
    await storage.close()
    await storage.scrub()

"""A process beside the test: `python -m tests.conformance.other_process ENGINE LOCATION TASK COUNT`.

It waits for a line on its input, so that all start together, and prints what it did as JSON.
"""

import asyncio
import json
import sys

from tests.conformance.engines import REOPEN
from tests.conformance.samples import NOW, applied, apply, event

from tokenward.server.storage.interface import Storage


async def _revoke(storage: Storage, count: int) -> list[int]:
    """Write `count` units one after the other; the numbers that their records got."""
    numbers = []
    for place in range(count):
        add = storage.revocations.add("session", f"other {place}", NOW, "test", NOW)
        outcome = await applied(storage, add, storage.audit.add(event("other.revoked")))
        numbers.append(outcome.integer(0))
    return numbers


async def _take(storage: Storage, count: int) -> int:
    """Take `count` times from one bucket of 50; how many were granted."""
    takes = [storage.rate_limits.take(b"shared", NOW * 1000, 50, 3_600_000) for _ in range(count)]
    outcomes = await asyncio.gather(*(apply(storage, change) for change in takes))
    return sum(outcome.applied for outcome in outcomes)


async def _main(engine: str, location: str, task: str, count: int) -> None:
    storage = await REOPEN[engine](location).open()
    try:
        print("ready", flush=True)  # noqa: T201
        sys.stdin.readline()
        result = await {"revoke": _revoke, "take": _take}[task](storage, count)
        print(json.dumps(result), flush=True)  # noqa: T201
    finally:
        await storage.close()


if __name__ == "__main__":
    asyncio.run(_main(sys.argv[1], sys.argv[2], sys.argv[3], int(sys.argv[4])))

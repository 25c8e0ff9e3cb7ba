import json
import subprocess
import sys
from pathlib import Path

from tests.server.storage.sqlite_files import event, unit

from tokenward.server.storage.sqlite import SQLiteStorage

REVOKE = """
import asyncio, json, sys
from pathlib import Path
from tokenward.server.storage.sqlite import open_sqlite
from tokenward.server.storage.units import Unit
async def main():
    storage = await open_sqlite(Path(sys.argv[1]), exclusive=False)
    change = storage.revocations.add("session", "from the command line", 0, "test", 0)
    outcome = await storage.apply(Unit("revoke", (change,)))
    await storage.close()
    print(json.dumps(outcome.integer(0)))
asyncio.run(main())
"""


async def test_the_position_moves_when_another_process_revokes(storage: SQLiteStorage, path: Path) -> None:
    before = await storage.position()
    output = subprocess.run([sys.executable, "-c", REVOKE, path], check=True, capture_output=True).stdout  # noqa: ASYNC221
    after = await storage.position()
    assert after.n == json.loads(output) == before.n + 1
    assert [record.value for record in await storage.revocations.after(before.n, 5)] == [
        "from the command line"
    ]
    assert await storage.position() is after


async def test_the_position_stays_the_same_object_through_commits_that_do_not_move_it(
    storage: SQLiteStorage,
) -> None:
    before = await storage.position()
    for _ in range(10):
        await storage.apply(unit(event()))
        assert await storage.position() is before

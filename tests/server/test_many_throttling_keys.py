"""A million buckets, and a hundred thousand known origins: what asks for one of them does not notice the others."""

import re
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.server.building import (
    EMAIL,
    PASSWORD,
    Answer,
    Server,
    make_database,
    opened,
    run_server,
    signed_in,
)

from tokenward.server.rate_limit import ORIGIN_KEPT_DAYS, network_prefix
from tokenward.server.storage.queries import STATEMENTS
from tokenward.server.storage.sqlite import SQLiteStorage
from tokenward.server.upkeep import Upkeep

MANY = 1_000_000
# Only who signs in is remembered as one, which costs a hash each time.
ORIGINS = 100_000
_DAY = 86_400
_STEP = 10


_FILL = """
    WITH RECURSIVE numbers(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM numbers WHERE i < :count)
    INSERT INTO {}
"""


def fill(path: Path, count: int, empty_at_ms: int, seen_at: int) -> None:
    """Buckets and origins as so many strangers leave them."""
    buckets = _FILL.format("buckets SELECT randomblob(32), :at + i, 60000 FROM numbers")
    origins = _FILL.format("known_origins SELECT randomblob(32), randomblob(32), :at FROM numbers")
    with opened(path) as connection:
        # This is not the server's way to write, and only has to be quick.
        connection.execute("PRAGMA synchronous = OFF")
        connection.execute("PRAGMA cache_size = -400000")
        connection.execute("BEGIN")
        connection.execute(buckets, {"count": count, "at": empty_at_ms})
        connection.execute(origins, {"count": min(count, ORIGINS), "at": seen_at})
        connection.execute("COMMIT")
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()


@contextmanager
def counting(server: Server) -> Iterator[Callable[[], int]]:
    """How many steps of its machine the database has taken since the last question, reading and writing."""
    storage = server.services.storage
    assert isinstance(storage, SQLiteStorage)
    steps = 0

    def step() -> int:
        nonlocal steps
        steps += _STEP
        return 0

    def taken() -> int:
        nonlocal steps
        before, steps = steps, 0
        return before

    connections = (storage._reader._connection, storage._writer._connection)
    for connection in connections:
        connection.set_progress_handler(step, _STEP)
    yield taken
    for connection in connections:
        connection.set_progress_handler(None, 0)


async def steps_of_requests(server: Server, tokens: dict[str, str]) -> dict[str, int]:
    """What each of them costs the database; all of them are answered as always."""
    client = server.client
    found: dict[str, int] = {}
    with counting(server) as taken:
        requests: tuple[tuple[str, Callable[[], Awaitable[Answer]], int], ...] = (
            ("login", client.log_in, 200),
            ("wrong password", lambda: client.log_in("wrong"), 401),
            ("unknown name", lambda: client.log_in(PASSWORD, "nobody@example.com"), 401),
            ("users/me", lambda: client.me(tokens["access_token"]), 200),
            ("refresh", lambda: client.refresh(tokens["refresh_token"]), 200),
        )
        for name, ask, status in requests:
            taken()
            assert (await ask()).status == status, name
            found[name] = taken()
    return found


async def test_a_million_keys_slow_nothing_down_and_are_swept_in_slices(tmp_path: Path) -> None:
    async with run_server(tmp_path) as server:
        tokens = await signed_in(server)
        few = await steps_of_requests(server, tokens)
        now = int(server.clock.now())
        before = counts(server.path)
        fill(server.path, MANY, now * 1000 - MANY, now - ORIGIN_KEPT_DAYS * _DAY - 10)
        full = server.path.stat().st_size

        # The owner of an account is not charged for strangers, and nobody waits for their rows.
        many = await steps_of_requests(server, tokens)
        assert many.keys() == few.keys()
        for name, steps in many.items():
            assert steps <= 2 * few[name] + 200, (name, steps, few[name])

        # One sweep of the upkeep touches so many rows and no more.
        upkeep = Upkeep(server.services, server.log, server.metrics)
        with counting(server) as taken:
            await upkeep.sweep()
            slice_steps = taken()
        assert counts(server.path) == (before[0] + MANY - 500, before[1] + ORIGINS - 500)
        assert slice_steps < 500 * 100
        assert upkeep.may_sweep(), "there is more, so that it goes on at once"

        slices, throttle = 0, server.services.login_throttle
        while await throttle.sweep(20_000):
            slices += 1
        assert slices == MANY // 20_000
        assert counts(server.path) == before
        await server.services.storage.maintain()

        # What was freed is used again: those who come next need no more room.
        fill(server.path, MANY // 5, now * 1000 + 10**9, now)
        assert server.path.stat().st_size <= 1.01 * full
        assert (await server.client.log_in()).status == 200


def counts(path: Path) -> tuple[int, int]:
    with opened(path) as connection:
        (found,) = connection.execute(
            "SELECT (SELECT count(*) FROM buckets), (SELECT count(*) FROM known_origins)"
        ).fetchall()
    return int(found[0]), int(found[1])


async def test_a_million_names_and_networks_leave_nothing_in_memory(tmp_path: Path) -> None:
    async with run_server(tmp_path) as server:
        await server.account()
        throttle = server.services.login_throttle
        for number in range(20_000):
            address = f"2001:db8:{number >> 8:x}:{number & 0xFF:x}00::1"
            throttle.release(await throttle.take(f"stranger{number}@example.com", address))
        assert throttle._places == {}
        information = network_prefix.cache_info()
        assert information.currsize <= (information.maxsize or 0) == 4096
        # Nor in the database, before one of them failed.
        assert counts(server.path) == (0, 0)
        assert (await server.client.log_in(PASSWORD, EMAIL)).status == 200


# Read at the start and by people, of tables that a stranger cannot make grow; or the first row of an index and no more.
_MAY_SCAN = {"keys.all", "clients.raise_all_cutoffs", "accounts.check_any_admin", "audit.newest_at"}


def test_no_statement_reads_a_whole_table(tmp_path: Path) -> None:
    scanning = set()
    with opened(make_database(tmp_path)) as connection:
        for name, statement in STATEMENTS.items():
            parameters = dict.fromkeys(re.findall(r":([a-z_0-9]+)", statement.sql), 1)
            plan = [row[3] for row in connection.execute(f"EXPLAIN QUERY PLAN {statement.sql}", parameters)]
            # These have one row, or are none.
            if any(re.match(r"SCAN (?!head|key_ring|CONSTANT|\d)", line) for line in plan):
                scanning.add(name)
    assert scanning == _MAY_SCAN

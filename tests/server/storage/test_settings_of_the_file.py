import sqlite3
from contextlib import closing
from pathlib import Path

import pytest
from tests.server.storage.sqlite_files import event, unit, writer_on

from tokenward.errors import ConfigurationError
from tokenward.server.storage.queries import STATEMENTS
from tokenward.server.storage.records import AccountRecord, KeyRecord, SessionRecord
from tokenward.server.storage.sqlite import SQLiteStorage
from tokenward.server.storage.sqlite_connection import connect

# What is read whole on purpose: a handful of rows.
SMALL_TABLES = {"head", "key_ring", "keys"}
# What changes every row on purpose, and very seldom.
WHOLE = {"clients.raise_all_cutoffs": "clients"}
# What takes one row from the end of a table by its primary key, which SQLite calls a scan.
LAST_ROW = {"audit.newest_at"}


@pytest.mark.parametrize(
    ("pragma", "value"),
    [
        ("journal_mode", "wal"),
        ("synchronous", 2),  # FULL: NORMAL would answer before `fdatasync`, and a power cut revive a session.
        ("foreign_keys", 1),
        ("busy_timeout", 5000),
        ("wal_autocheckpoint", 16000),
        ("journal_size_limit", 64 * 1024 * 1024),
    ],
)
def test_every_connection_has_the_settings_that_promises_rest_on(
    path: Path, pragma: str, value: str | int
) -> None:
    with closing(connect(path)) as connection:
        assert connection.execute(f"PRAGMA {pragma}").fetchall() == [(value,)]


def test_connecting_does_not_make_a_file(tmp_path: Path) -> None:
    with pytest.raises(sqlite3.OperationalError):
        connect(tmp_path / "absent.db")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("name", sorted(STATEMENTS))
def test_no_statement_reads_a_growing_table_whole(path: Path, name: str) -> None:
    statement = STATEMENTS[name].sql
    with closing(connect(path)) as connection:
        names = {word.strip("(),;") for word in statement.split() if ":" in word}
        parameters = {word[word.index(":") + 1 :]: 1 for word in names}
        plan = connection.execute(f"EXPLAIN QUERY PLAN {statement}", parameters).fetchall()
    scans = [step for *_, step in plan if step.startswith("SCAN") and "USING INDEX" not in step]
    allowed = SMALL_TABLES | {"CONSTANT"} | ({"audit"} if name in LAST_ROW else set())
    allowed |= {WHOLE[name]} if name in WHOLE else set()
    assert all(step.split()[1] in allowed for step in scans), plan
    assert not any("TEMP B-TREE" in step for *_, step in plan), plan


@pytest.mark.parametrize("name", sorted(STATEMENTS))
def test_a_statement_says_truly_whether_it_returns_rows(name: str) -> None:
    sql = STATEMENTS[name].sql
    # A check asks in a unit, and changes nothing.
    asks = name.partition(".")[2].startswith("check_")
    assert STATEMENTS[name].returning == ("RETURNING" in sql or asks)


@pytest.mark.parametrize(
    ("table", "record", "hidden"),
    [
        ("accounts", AccountRecord, []),
        ("sessions", SessionRecord, ["sweep_at"]),
        ("keys", KeyRecord, []),
    ],
)
def test_records_have_the_columns_of_their_table_in_order(
    path: Path, table: str, record: type[AccountRecord | SessionRecord | KeyRecord], hidden: list[str]
) -> None:
    with closing(connect(path)) as connection:
        columns = [row[1] for row in connection.execute(f"PRAGMA table_info({table})")]
    assert columns == [*record._fields, *hidden]


async def test_the_write_ahead_log_is_emptied_although_the_server_reads(
    storage: SQLiteStorage, path: Path
) -> None:
    for number in range(50):
        await storage.apply(unit(event(f"event {number}")))
        await storage.position()
        await storage.audit.page(0, 3)
    with closing(sqlite3.connect(path)) as connection:
        ((busy, _, _),) = connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()
    assert busy == 0, "a read has left its snapshot open"
    assert path.with_name(path.name + "-wal").stat().st_size == 0


async def test_a_log_that_a_reader_held_is_cut_back_afterwards(path: Path) -> None:
    limit = 64 * 4096
    writer = writer_on(path, "wal_autocheckpoint = 20", f"journal_size_limit = {limit}")
    log = path.with_name(path.name + "-wal")
    big = [event("x" * 3000) for _ in range(100)]
    with closing(sqlite3.connect(path, isolation_level=None)) as reader:
        reader.execute("BEGIN")
        reader.execute("SELECT count(*) FROM audit").fetchall()
        for _ in range(4):
            await writer.submit(unit(*big))
        assert log.stat().st_size > limit
        reader.execute("ROLLBACK")
    for _ in range(4):
        await writer.submit(unit(event()))
    assert log.stat().st_size <= limit
    await writer.close()


async def test_a_closed_database_is_one_file(storage: SQLiteStorage, path: Path) -> None:
    await storage.apply(unit(event()))
    await storage.close()
    assert sorted(entry.name for entry in path.parent.iterdir()) == [path.name, path.name + ".lock"]


def test_what_is_no_database_is_not_connected_to(tmp_path: Path) -> None:
    path = tmp_path / "photograph.db"
    path.write_bytes(b"A photograph, say. " * 500)
    with pytest.raises(sqlite3.DatabaseError):
        connect(path)


def test_an_sqlite_library_that_is_too_old_is_told(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sqlite3, "sqlite_version_info", (3, 36, 0))
    with pytest.raises(ConfigurationError, match=r"3\.37\.0 or newer"):
        connect(path)

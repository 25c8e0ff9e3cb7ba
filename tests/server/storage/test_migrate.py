import sqlite3
from contextlib import closing
from pathlib import Path

import pytest
from tests.server.storage.sqlite_files import start_python, write_lock

from tokenward.clock import FakeClock
from tokenward.errors import ConfigurationError, StorageUnavailable
from tokenward.server.storage import migrate as migrate_module
from tokenward.server.storage.errors import MigrationChanged, NotMigrated, NotOurDatabase, StorageTooNew
from tokenward.server.storage.migrate import Migration, check_migrated, known_migrations, migrate, plan
from tokenward.server.storage.sqlite import open_sqlite
from tokenward.server.storage.sqlite_connection import APPLICATION_ID


def execute(path: Path, sql: str) -> list[tuple[object, ...]]:
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        return connection.execute(sql).fetchall()


def tables(path: Path) -> set[object]:
    return {name for (name,) in execute(path, "SELECT name FROM sqlite_schema WHERE type = 'table'")}


def test_the_migrations_are_numbered_from_one_without_a_gap() -> None:
    assert [migration.number for migration in known_migrations()] == list(
        range(1, len(known_migrations()) + 1)
    )


def test_a_new_database_gets_all_migrations_and_the_note_of_each(tmp_path: Path) -> None:
    path = tmp_path / "new.db"
    known = known_migrations()
    assert plan(path) == known
    assert not path.exists()
    assert migrate(path, clock=FakeClock(1_800_000_123.5)) == known
    assert plan(path) == []
    assert execute(path, "SELECT number, name, applied_at, sha256 FROM schema_migrations") == [
        (migration.number, migration.name, 1_800_000_123, migration.sha256) for migration in known
    ]
    assert execute(path, "PRAGMA application_id") == [(APPLICATION_ID,)]
    assert execute(path, "PRAGMA journal_mode") == [("wal",)]


def test_migrating_twice_does_nothing_the_second_time(path: Path) -> None:
    before = path.read_bytes()
    assert migrate(path) == []
    assert path.read_bytes() == before


def test_processes_that_migrate_at_once_apply_each_migration_once(tmp_path: Path) -> None:
    path = tmp_path / "new.db"
    code = """
import sys
from pathlib import Path
from tokenward.server.storage.errors import StorageInUse
from tokenward.server.storage.migrate import migrate
sys.stdin.readline()
try:
    print(len(migrate(Path(sys.argv[1]))))
except StorageInUse:
    print(0)
"""
    processes = [start_python(code, str(path)) for _ in range(4)]
    for process in processes:
        assert process.stdin is not None
        process.stdin.write("\n")
        process.stdin.flush()
    applied = [int(process.communicate()[0]) for process in processes]
    assert all(process.returncode == 0 for process in processes)
    assert sum(applied) == len(known_migrations())
    check_migrated(path)


async def test_a_database_that_is_not_there_or_not_migrated_is_told(tmp_path: Path) -> None:
    path = tmp_path / "new.db"
    with pytest.raises(NotMigrated, match="tokenward migrate"):
        await open_sqlite(path, exclusive=True)
    assert not path.exists()
    path.touch()
    with pytest.raises(NotMigrated, match="0001_"):
        await open_sqlite(path, exclusive=True)


async def test_a_database_of_a_newer_program_is_refused(path: Path) -> None:
    execute(path, "INSERT INTO schema_migrations VALUES (9000, 'later', 0, 'x')")
    for refused in (plan, migrate, check_migrated):
        with pytest.raises(StorageTooNew, match="9000_later"):
            refused(path)
    with pytest.raises(StorageTooNew):
        await open_sqlite(path, exclusive=True)


def test_an_applied_migration_whose_text_changed_is_refused(path: Path) -> None:
    execute(path, "UPDATE schema_migrations SET sha256 = 'x' WHERE number = 1")
    for refused in (plan, migrate, check_migrated):
        with pytest.raises(MigrationChanged, match="0001_"):
            refused(path)


def _other_program(path: Path) -> None:
    execute(path, "CREATE TABLE notes (id INTEGER)")
    execute(path, "PRAGMA application_id = 99")


def _no_application_id(path: Path) -> None:
    execute(path, "CREATE TABLE notes (id INTEGER)")


def _our_id_without_our_table(path: Path) -> None:
    execute(path, f"PRAGMA application_id = {APPLICATION_ID}")
    execute(path, "CREATE TABLE notes (id INTEGER)")


def _no_database_at_all(path: Path) -> None:
    path.write_bytes(b"A photograph, say. " * 500)


@pytest.mark.parametrize(
    "make", [_other_program, _no_application_id, _our_id_without_our_table, _no_database_at_all]
)
def test_a_file_that_is_not_ours_is_refused_and_left_alone(tmp_path: Path, make: object) -> None:
    assert callable(make)
    path = tmp_path / "theirs.db"
    make(path)
    before = path.read_bytes()
    for refused in (plan, migrate, check_migrated):
        with pytest.raises(NotOurDatabase, match="is not a Tokenward database"):
            refused(path)
    assert path.read_bytes() == before


def test_a_migration_that_fails_leaves_nothing_half_done(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    known = known_migrations()
    broken = [
        Migration(len(known) + 1, "fine", "CREATE TABLE fine (id INTEGER) STRICT;\n"),
        Migration(len(known) + 2, "broken", "CREATE TABLE half (id INTEGER) STRICT;\nCREATE TABLE half (;\n"),
    ]
    monkeypatch.setattr(migrate_module, "known_migrations", lambda: known + broken)
    before = tables(path)
    with pytest.raises(StorageUnavailable):
        migrate(path)
    assert tables(path) == before
    assert plan(path) == broken


def test_a_later_migration_is_applied_to_a_database_with_rows(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    known = known_migrations()
    text = "-- A comment; with a semicolon.\nALTER TABLE clients ADD COLUMN name TEXT;\n\n-- The end.\n"
    later = Migration(len(known) + 1, "names", text)
    monkeypatch.setattr(migrate_module, "known_migrations", lambda: [*known, later])
    assert plan(path) == [later]
    assert migrate(path) == [later]
    assert execute(path, "SELECT client_id, name FROM clients") == [("first-party", None)]


def test_a_busy_database_is_unavailable_not_broken(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "new.db"
    execute(path, "PRAGMA journal_mode = WAL")
    monkeypatch.setattr("tokenward.server.storage.sqlite_connection.BUSY_TIMEOUT_MS", 50)
    with write_lock(path), pytest.raises(StorageUnavailable) as caught:
        migrate(path)
    assert "SQLITE_BUSY" in caught.value.reason
    assert migrate(path) == known_migrations()


def test_a_folder_that_cannot_be_made_is_told(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(ConfigurationError, match="Cannot make"):
        migrate(tmp_path / "file" / "tokenward.db")


def test_a_file_whose_maker_was_killed_in_the_middle_is_taken_back_and_migrated(tmp_path: Path) -> None:
    made, left = tmp_path / "made.db", tmp_path / "left.db"
    with closing(sqlite3.connect(made, isolation_level=None)) as connection:
        connection.execute("PRAGMA journal_mode = DELETE")
        connection.execute("PRAGMA cache_size = 1")
        connection.execute("BEGIN IMMEDIATE")
        connection.execute("CREATE TABLE half_done (a)")
        connection.execute(
            "INSERT INTO half_done WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n LIMIT 200) "
            "SELECT randomblob(4096) FROM n"
        )
        # What a SIGKILL leaves at this moment: pages of the file, and the journal that takes them back.
        left.write_bytes(made.read_bytes())
        left.with_name("left.db-journal").write_bytes(made.with_name("made.db-journal").read_bytes())
        connection.execute("ROLLBACK")
    assert plan(left) == known_migrations()
    assert migrate(left) == known_migrations()
    with closing(sqlite3.connect(left)) as connection:
        assert connection.execute(
            "SELECT count(*) FROM sqlite_schema WHERE name = 'half_done'"
        ).fetchone() == (0,)
    check_migrated(left)

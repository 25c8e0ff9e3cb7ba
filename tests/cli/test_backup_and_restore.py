"""`tokenward backup` and `tokenward restore`: what they refuse, and that a refusal changes nothing."""

import os
import stat
from pathlib import Path

from tests.cli.running import create, misused, printed_json, refused
from tests.flows.servers import Installation
from tests.server.building import OTHER_MASTER_KEY, opened, tamper


def files(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir() if path.suffix != ".lock"}


def test_a_backup_is_one_file_for_its_owner_and_overwrites_nothing(
    made: Installation, tmp_path: Path
) -> None:
    create(made)
    file = tmp_path / "copies" / "today.db"
    assert "No such file" in refused(made.run("backup", str(file)))
    file.parent.mkdir()
    said = printed_json(made.command("backup", str(file), "--json"))
    assert said == {"file": str(file), "bytes": file.stat().st_size}
    assert list(file.parent.iterdir()) == [file]
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    before = file.read_bytes()
    assert "exists, and a backup overwrites nothing" in refused(made.run("backup", str(file)))
    assert file.read_bytes() == before
    assert made.master_key.encode() not in before


def test_a_backup_needs_a_database(place: Installation, tmp_path: Path) -> None:
    assert "There is no database" in refused(place.run("backup", str(tmp_path / "copy.db")))
    assert not place.data.exists()
    assert "FILE" in misused(place.run("backup"))


def test_a_restore_into_an_empty_folder_makes_a_database(made: Installation, tmp_path: Path) -> None:
    sub = create(made)
    made.command("backup", str(tmp_path / "copy.db"))
    made.settings["DATA"] = str(tmp_path / "elsewhere" / "data")
    said = made.command("restore", str(tmp_path / "copy.db"))
    assert "epoch 1; everybody signs in again" in said
    assert [item["sub"] for item in printed_json(made.command("accounts", "list", "--json"))["items"]] == [
        sub
    ]
    (row,) = [line for line in made.command("audit").splitlines() if "storage.restored" in line]
    assert "actor=command-line" in row
    assert stat.S_IMODE((tmp_path / "elsewhere" / "data").stat().st_mode) == 0o700


def test_a_backup_of_before_an_upgrade_is_brought_up_to_this_program(
    made: Installation, tmp_path: Path
) -> None:
    sub = create(made)
    backup = tmp_path / "copy.db"
    made.command("backup", str(backup))
    # As the program before the migration 0004 left it.
    tamper(backup, "DROP INDEX accounts_by_external_id")
    tamper(backup, "ALTER TABLE accounts DROP COLUMN external_id")
    tamper(backup, "DELETE FROM schema_migrations WHERE number = 4")
    made.settings["DATA"] = str(tmp_path / "elsewhere")
    assert "everybody signs in again" in made.command("restore", str(backup))
    assert "is up to date" in made.command("migrate", "--plan")
    (item,) = printed_json(made.command("accounts", "list", "--json"))["items"]
    assert (item["sub"], item["external_id"]) == (sub, None)
    assert {path.name for path in (tmp_path / "elsewhere").iterdir()} == {
        "tokenward.db",
        "tokenward.db.lock",
    }


def test_a_database_that_is_there_is_replaced_only_with_force_and_kept(
    made: Installation, tmp_path: Path
) -> None:
    create(made)
    made.command("backup", str(tmp_path / "copy.db"))
    create(made, "later@example.com")
    before = files(made.data)
    assert "--force" in refused(made.run("restore", str(tmp_path / "copy.db")))
    assert files(made.data) == before

    said = printed_json(made.command("restore", str(tmp_path / "copy.db"), "--force", "--json"))
    assert len(printed_json(made.command("accounts", "list", "--json"))["items"]) == 1
    with opened(Path(said["kept"])) as kept:
        assert kept.execute("SELECT count(*) FROM accounts").fetchone() == (2,)


def test_the_log_of_a_database_that_somebody_removed_is_not_read_into_the_restored_one(
    made: Installation, tmp_path: Path
) -> None:
    create(made)
    made.command("backup", str(tmp_path / "copy.db"))
    create(made, "later@example.com")
    log = made.database.with_name(made.database.name + "-wal")
    with opened(made.database) as crashed:
        # The log is what a server leaves that was killed; it holds pages of the database of before.
        crashed.execute("PRAGMA wal_autocheckpoint = 0")
        crashed.execute("UPDATE accounts SET name = 'Ghost'")
        left = log.read_bytes()
    made.database.unlink()
    log.write_bytes(left)

    made.command("restore", str(tmp_path / "copy.db"))
    (account,) = printed_json(made.command("accounts", "list", "--json"))["items"]
    assert account["email"] == "anna@example.com"
    (kept,) = made.data.glob("*.before-*")
    assert kept.read_bytes() == left


def test_what_cannot_be_restored_is_told_and_changes_nothing(made: Installation, tmp_path: Path) -> None:
    create(made)
    good, newer, other, torn = (tmp_path / f"{name}.db" for name in ("good", "newer", "other", "torn"))
    for file in (good, newer, torn):
        made.command("backup", str(file))
    tamper(newer, "INSERT INTO schema_migrations VALUES (9999, 'from_the_future', 0, '')")
    with opened(other) as connection:
        connection.execute("CREATE TABLE theirs (a)")
    with torn.open("r+b") as pages:
        pages.seek(3 * 4096)
        pages.write(os.urandom(5 * 4096))
    empty = tmp_path / "empty.db"
    empty.touch()
    before = files(made.data)
    for path, told in (
        (tmp_path / "absent.db", "There is no file"),
        (empty, "is empty, so it is no backup"),
        (newer, "newer Tokenward"),
        (other, "not a Tokenward database"),
        (torn, "damaged"),
        (made.database, "the database itself"),
    ):
        assert told in refused(made.run("restore", str(path), "--force")), path
    made.settings["MASTER_KEY"] = OTHER_MASTER_KEY
    made.settings["DATA"] = str(tmp_path / "fresh")
    # A backup of a server that never started holds no keys of the ring; its account is enough to tell.
    assert "give the master key" in refused(made.run("restore", str(good)))
    assert files(made.data) == before


def test_a_backup_of_another_master_key_is_refused(place: Installation, tmp_path: Path) -> None:
    place.start().stop()
    place.command("backup", str(tmp_path / "copy.db"))
    place.settings["MASTER_KEY"] = OTHER_MASTER_KEY
    place.settings["DATA"] = str(tmp_path / "fresh")
    line = refused(place.run("restore", str(tmp_path / "copy.db")))
    assert "give the master key that the database was made with" in line
    assert not (tmp_path / "fresh" / "tokenward.db").exists()
    assert [path.name for path in (tmp_path / "fresh").iterdir()] == ["tokenward.db.lock"]
